"""What a page shows of the devices that fit: each with its reason, or why none does; suggestions are taken over."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest

from rentals import ledger
from rentals.booking.availability import Need, fitting_devices, sentence_for

WHY_NOT = {
    "not_ready": "not ready",
    "overdue": "overdue from a patient",
    "blocked": "booked on these days",
    "reuse_not_permitted": "not for a second patient",
    "unknown_capacity": "with nobody knowing what is left",
    "too_few_treatments": "with too few treatments left",
}


def only_looks(request: HttpRequest) -> bool:
    """Whether a form was sent to see what fits (`show`, or `take` with a suggestion), and not yet to be acted on."""
    return not {"show", "take"}.isdisjoint(request.POST)


def entries_of(request: HttpRequest) -> dict[str, Any]:
    """What was typed, but for what a suggestion that was taken over says."""
    return {**request.POST.dict(), **dict(parse_qsl(request.POST.get("take", "")))}


def offers_for(need: Need, wanted: str, at: datetime) -> dict[str, Any]:
    """For the template `offers.html`: the devices that fit, those that lack the least first, or why none does.

    Chosen is the one `wanted` (its id as a form sends it), or where it does not fit, the first.
    """
    fitting, reasons = fitting_devices(need, at)
    fitting.sort(key=lambda device: lacking(device, need))
    ids = [str(device.pk) for device in fitting]
    return {
        "need": need,
        "chosen": wanted if wanted in ids else "".join(ids[:1]),
        "offers": [(device, reason_for(device, need)) for device in fitting],
        "why_not": reasons,
        "why_none": in_words(reasons),
        "price": price(need),
    }


def lacking(device: Any, need: Need) -> int:
    """How many treatments `device` has too few, which a manager accepted; 0 where nobody knows what it has."""
    return 0 if device.free_treatments is None else max(need.treatments - device.free_treatments, 0)


def reason_for(device: Any, need: Need) -> str:
    if device.free_treatments is None:
        return "Nobody knows what it has left."
    if few := lacking(device, need):
        return f"It has {few} treatments too few for this course of {need.treatments}, which a manager accepted."
    return sentence_for(device, need)


def in_words(why_not: dict[str, int]) -> str:
    """Why the devices do not fit: `2 not ready, 1 booked on these days`."""
    return ", ".join(f"{number} {WHY_NOT[why]}" for why, number in why_not.items()) or "there is no other device"


def price(need: Need) -> dict[str, Any]:
    """What the patient pays in AUD: the bond now, the hire for these days at the return."""
    terms = need.clinic.current_terms
    out, back = need.clinic.start_of(need.starts_on), need.clinic.start_of(need.due_on)
    return {"terms": terms, "hire": ledger.hire_charge(need.clinic, terms, out, back)}
