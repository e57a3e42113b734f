"""Where what a count found is put right: the page for each finding, by how its device stands now."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import User
from config.roles import may
from devices.models import Device
from rentals.desk.device_action import Standing, standings
from rentals.desk.next_steps import NextStep
from rentals.models import StockFinding

Kind = StockFinding.Kind
Condition = Device.Condition


def with_steps(findings: Iterable[StockFinding], user: User, at: datetime) -> list[tuple[StockFinding, list[NextStep]]]:
    """Each finding with the pages that `user` may go to about it; none for what is found or settled."""
    rows = list(findings)
    known = standings([row.device for row in rows if row.device], at)
    return [(row, [step for step in steps_of(row, known) if may(user, step.action)]) for row in rows]


def steps_of(finding: StockFinding, known: dict[int, Standing]) -> list[NextStep]:
    if finding.kind == Kind.FOUND or finding.settled_at:
        return []
    device = finding.device
    if device is None:
        added = f"{reverse('add-device')}?{urlencode({'serial': finding.code})}"
        return [NextStep(_("Add the device"), added, "devices.add")]
    return steps_of_missing(device) if finding.kind == Kind.MISSING else steps_of_odd(finding, device, known[device.pk])


def steps_of_missing(device: Device) -> list[NextStep]:
    steps = [page(_("Its last sign of life"), "device", device, "devices.read")]
    if device.condition in (Condition.LOST, Condition.SOLD, Condition.RETIRED):
        return steps
    return [*steps, page(_("Report lost"), "device-lost", device, "devices.end")]


def steps_of_odd(finding: StockFinding, device: Device, standing: Standing) -> list[NextStep]:
    """For one that should not have been there, as far as nobody has put it right since."""
    if rental := standing.out_with:
        return [NextStep(_("Take back"), reverse("return", args=[rental.reference]), "rentals.take_back")]
    if device.condition == Condition.LOST:
        return [page(_("Found again"), "found-again", device, "devices.end")]
    if device.clinic_id != finding.stock_take.clinic_id and not standing.arriving:
        return [page(_("Send it"), "send-device", device, "devices.send")]
    return [page(_("The device"), "device", device, "devices.read")]


def page(words: str, name: str, device: Any, action: str) -> NextStep:
    return NextStep(words, reverse(name, args=[device.pk]), action)
