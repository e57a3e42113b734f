"""What nobody can mean: refused at every door, before any rule is asked."""

from datetime import date

FIRST_DAY, LAST_DAY = date(1850, 1, 1), date(2199, 12, 31)  # beyond them days cannot be reckoned with in every zone
LARGEST_NUMBER = 2**31 - 1  # that a column of whole numbers holds
LARGEST_FORM = 500 * 1024 * 1024  # bytes, files included
