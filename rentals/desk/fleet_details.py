"""What the rows behind a figure of the fleet say of themselves, in the reader's language; files keep the English."""

import re

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rentals.desk.code_words import code_words

TREATMENTS = re.compile(r"(\d+) treatments")
LATE = re.compile(r"(\d+) days late")
DONE = re.compile(r"(\d+) of (\d+) days done")
BEFORE = re.compile(r"was (\w+)")
REVERSED = re.compile(r"(\w+), reversed")


def detail_words(detail: str) -> str:
    """`20 treatments`, `Hire, reversed`, `Counter down`."""
    if found := TREATMENTS.fullmatch(detail):
        return ngettext("%(number)s treatment", "%(number)s treatments", int(found[1])) % {"number": found[1]}
    if found := LATE.fullmatch(detail):
        return ngettext("%(number)s day late", "%(number)s days late", int(found[1])) % {"number": found[1]}
    if found := DONE.fullmatch(detail):
        return _("%(done)s of %(judged)s days done") % {"done": found[1], "judged": found[2]}
    if found := BEFORE.fullmatch(detail):
        return _("Was: %(condition)s") % {"condition": code_words(found[1])}
    if found := REVERSED.fullmatch(detail):
        return _("%(entry)s, reversed") % {"entry": code_words(found[1])}
    return _("With a patient") if detail == "with a patient" else code_words(detail)
