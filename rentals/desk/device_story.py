"""Everything that happened to one device, for its page: the words of desk/life.py's picture."""

from collections.abc import Iterator

from django.urls import reverse

from devices.models import Device
from rentals.desk.story import Happening, latest_first
from rentals.templatetags.desk import aud, spoken


def device_story(device: Device) -> list[Happening]:
    """All that is known of `device` (with its clinic), the latest first; readings apart, which have a list of their
    own. Seven queries, whatever there is."""
    parts = (hires, inspections, allowances, transfers, recalls, changes, expenses)
    return latest_first((happening for part in parts for happening in part(device)), device.clinic)


def hires(device: Device) -> Iterator[Happening]:
    for holding in device.holdings.exclude(out=None).select_related("rental"):
        reference = holding.rental.reference
        link = reverse("rental", args=[reference])
        yield Happening(holding.out.lower, "arrow-up-right", f"Out with rental {reference}", link=link)
        if holding.out.upper:
            yield Happening(holding.out.upper, "arrow-down-left", f"Ended with rental {reference}", link=link)


def inspections(device: Device) -> Iterator[Happening]:
    for one in device.inspections.select_related("by"):
        what = "Inspected: ready" if one.passed else "Inspected: to repair"
        yield Happening(one.at, "clipboard-check", what, by=one.by.username, alarm=not one.passed)


def allowances(device: Device) -> Iterator[Happening]:
    for one in device.allowances.all():
        treatments = "an unknown number of" if one.nominal_treatments is None else one.nominal_treatments
        what = f"Allowance of {treatments} treatments: {spoken(one.cause).lower()}"
        yield Happening(one.began_at, "battery-full", what, more="To confirm" if one.provisional else "")


def transfers(device: Device) -> Iterator[Happening]:
    for one in device.transfers.select_related("from_clinic", "to_clinic", "by"):
        yield Happening(one.at, "truck", f"Sent from {one.from_clinic} to {one.to_clinic}", by=one.by.username)


def recalls(device: Device) -> Iterator[Happening]:
    for one in device.recalls.select_related("by"):
        link = reverse("recall", args=[one.pk])
        yield Happening(one.at, "octagon-alert", "Recalled", one.reason, one.by.username, link, alarm=True)


def changes(device: Device) -> Iterator[Happening]:
    for one in device.condition_changes.select_related("by"):
        yield Happening(one.at, "flag", spoken(one.after), one.reason, one.by.username)


def expenses(device: Device) -> Iterator[Happening]:
    for one in device.expenses.select_related("by"):
        what = f"{one.get_kind_display()}, {aud(one.amount)}"
        yield Happening(one.at, "banknote", what, one.note, one.by.username)
