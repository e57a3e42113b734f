"""A clinic's own spreadsheet of devices, patients or current rentals: read, understood, and taken as a whole."""
