"""Everything that happened to one device, for its page: the words of desk/life.py's picture."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from config.words import aud, in_sentence
from devices.models import Device
from rentals.desk.life import handed_over
from rentals.desk.story import Happening, latest_first
from rentals.templatetags.desk import spoken


def device_story(device: Device) -> list[Happening]:
    """All that is known of `device` (one of `with_its_life`), the latest first, without asking the database again;
    readings apart, which have a list of their own."""
    parts = (hires, inspections, allowances, transfers, recalls, changes, expenses)
    return latest_first((happening for part in parts for happening in part(device)), device.clinic)


def hires(device: Device) -> Iterator[Happening]:
    for holding in handed_over(device):
        reference = holding.rental.reference
        link = reverse("rental", args=[reference])
        out = _("Out with rental %(reference)s") % {"reference": reference}
        yield Happening(holding.out.lower, "arrow-up-right", out, link=link)
        if holding.out.upper:
            ended = _("Ended with rental %(reference)s") % {"reference": reference}
            yield Happening(holding.out.upper, "arrow-down-left", ended, link=link)


def inspections(device: Device) -> Iterator[Happening]:
    for one in device.inspections.all():
        what = _("Inspected: ready") if one.passed else _("Inspected: to repair")
        yield Happening(one.at, "clipboard-check", what, by=one.by.username, alarm=not one.passed)


def allowances(device: Device) -> Iterator[Happening]:
    for one in device.allowances.all():
        if one.nominal_treatments is None:
            words = _("Allowance of an unknown number of treatments: %(cause)s")
        else:
            words = _("Allowance of %(treatments)s treatments: %(cause)s")
        what = words % {"treatments": one.nominal_treatments, "cause": in_sentence(spoken(one.cause))}
        yield Happening(one.began_at, "battery-full", what, more=_("To confirm") if one.provisional else "")


def transfers(device: Device) -> Iterator[Happening]:
    for one in device.transfers.all():
        what = _("Sent from %(from_site)s to %(to_site)s") % {"from_site": one.from_clinic, "to_site": one.to_clinic}
        yield Happening(one.at, "truck", what, by=one.by.username)


def recalls(device: Device) -> Iterator[Happening]:
    for one in device.recalls.all():
        link = reverse("recall", args=[one.pk])
        yield Happening(one.at, "octagon-alert", capfirst(_("Recalled")), one.reason, one.by.username, link, alarm=True)


def changes(device: Device) -> Iterator[Happening]:
    for one in device.condition_changes.all():
        yield Happening(one.at, "flag", spoken(one.after), one.reason, one.by.username)


def expenses(device: Device) -> Iterator[Happening]:
    for one in device.expenses.all():
        what = f"{one.get_kind_display()}, {aud(one.amount)}"
        yield Happening(one.at, "banknote", what, one.note, one.by.username)
