"""The papers of a rental: made by typst from its data, kept byte by byte."""
