"""Days and times of day in words, in the language that is being spoken. The formats are those of the language, too."""

from datetime import date, time

from django.utils.dateformat import format as date_format
from django.utils.dateformat import time_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def long_day(day: date) -> str:
    """`2 March 2026`."""
    return date_format(day, pgettext("a day as 2 March 2026", "j F Y"))


def named_day(day: date) -> str:
    """`Monday 2 March 2026`."""
    return date_format(day, pgettext("a day as Monday 2 March 2026", "l j F Y"))


def short_day(day: date) -> str:
    """`Mon 2 Mar 2026`."""
    return date_format(day, pgettext("a day as Mon 2 Mar 2026", "D j M Y"))


def brief_day(day: date) -> str:
    """`2 Mar 2026`."""
    return date_format(day, pgettext("a day as 2 Mar 2026", "j M Y"))


def near_day(day: date) -> str:
    """`Monday 2 March`, of a day so near that nobody needs its year."""
    return date_format(day, pgettext("a day as Monday 2 March", "l j F"))


def day_of_year(day: date) -> str:
    """`2 March`."""
    return date_format(day, pgettext("a day as 2 March", "j F"))


def short_day_of_year(day: date) -> str:
    """`2 Mar`."""
    return date_format(day, pgettext("a day as 2 Mar", "j M"))


def month_words(day: date) -> str:
    """`Mar 2026`."""
    return date_format(day, pgettext("a month as Mar 2026", "M Y"))


def clock_words(clock: time) -> str:
    """`5:30 pm`, `noon`: without points, which would double the one at a sentence's end."""
    if clock == time(12):
        return _("noon")
    return exact_clock(clock)


def exact_clock(clock: time) -> str:
    """`5:30 pm`, `12:00 pm`."""
    words = time_format(clock, pgettext("a time of day as 5:30 PM", "g:i A"))
    return words.replace("AM", "am").replace("PM", "pm")
