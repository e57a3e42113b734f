"""What a page shows of the devices that fit: each with its reason, or why none does; suggestions are taken over."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rentals import ledger
from rentals.booking.availability import MOST_SHOWN, Found, Need, load_devices
from rentals.booking.sentences import with_sentences

WHY_NOT = {
    "not_ready": gettext_lazy("%(number)s not ready"),
    "overdue": gettext_lazy("%(number)s overdue from a patient"),
    "blocked": gettext_lazy("%(number)s booked on these days"),
    "in_transfer": gettext_lazy("%(number)s on the way from another site"),
    "shelf_or_service": gettext_lazy("%(number)s past their shelf life or due for service by then"),
    "reuse_not_permitted": gettext_lazy("%(number)s not for a second patient"),
    "unknown_capacity": gettext_lazy("%(number)s with nobody knowing what is left"),
    "too_few_treatments": gettext_lazy("%(number)s with too few treatments left"),
}


def only_looks(request: HttpRequest) -> bool:
    """Whether a form was sent to see what fits (`show`, or `take` with a suggestion) or to `find` a patient only."""
    return not {"show", "take", "find"}.isdisjoint(request.POST)


def entries_of(request: HttpRequest) -> dict[str, Any]:
    """What was typed, but for what a suggestion that was taken over says."""
    return {**request.POST.dict(), **dict(parse_qsl(request.POST.get("take", "")))}


def offers_for(found: Found, need: Need, wanted: str, at: datetime) -> dict[str, Any]:
    """For the template `offers.html`: what was `found` for `need`, each with its reason, or why none fits.

    Chosen is the one `wanted` (its id as a form sends it), or where it does not fit, the first.
    """
    fitting = load_devices(list(found.fitting)[: MOST_SHOWN + 1], need, at)
    ids = [str(device.pk) for device in fitting]
    return {
        "need": need,
        "chosen": wanted if wanted in ids else "".join(ids[:1]),
        "offers": with_sentences(fitting, need, at)[:MOST_SHOWN],
        "more": max(len(found.fitting) - MOST_SHOWN, 0),
        "first_unknown": next((device for device in fitting if device.free_treatments is None), None),
        "unknown": load_devices(found.unknown[:MOST_SHOWN], need, at),
        "why_not": found.why_not,
        "why_none": in_words(found.why_not),
        "price": price(need),
    }


def in_words(why_not: dict[str, int]) -> str:
    """Why the devices do not fit: `2 not ready, 1 booked on these days`."""
    reasons = (str(WHY_NOT[why]) % {"number": number} for why, number in why_not.items())
    return ", ".join(reasons) or _("there is no other device")


def price(need: Need) -> dict[str, Any]:
    """What the patient pays in AUD: the bond now, the hire for these days at the return."""
    terms = need.clinic.current_terms
    out, back = need.clinic.start_of(need.starts_on), need.clinic.start_of(need.due_on)
    return {"terms": terms, "hire": ledger.hire_charge(need.clinic, terms, out, back)}
