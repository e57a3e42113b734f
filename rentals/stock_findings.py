"""What a count comes to when it ends: each device or code with the sentence why. Nothing here is written."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max

from config.models import Clinic
from devices.models import ConditionChange, Device, Inspection, Reading, Transfer
from rentals.models import Holding, StockFinding, StockScan, StockTake

Kind = StockFinding.Kind
Condition = Device.Condition


def findings_of(stock_take: StockTake, missing: list[Device], expected: set[int], at: datetime) -> list[StockFinding]:
    """The findings of a count: `missing` was not scanned, `expected` are the ids of what the books have here."""
    scans = list(stock_take.scans.select_related("device__clinic", "device__model"))
    odd = [scan.device for scan in scans if scan.device and scan.device_id not in expected]
    since, out = left_since(odd), out_with(odd)
    found = [finding_of_scan(scan, stock_take.clinic, expected, since, out) for scan in scans]
    return found + [finding_of_missing(device, stock_take, sign) for device, sign in with_last_signs(missing)]


def finding_of_missing(device: Device, stock_take: StockTake, sign: tuple[datetime, str] | None) -> StockFinding:
    why = f"In the books as here, {device.condition}. {heard(sign, stock_take.clinic)}"
    return StockFinding(stock_take=stock_take, device=device, code=device.serial, kind=Kind.MISSING, why=why)


def finding_of_scan(
    scan: StockScan, clinic: Clinic, expected: set[int], since: dict[int, datetime], out: dict[int, str]
) -> StockFinding:
    device = scan.device
    about: dict[str, Any] = {"stock_take_id": scan.stock_take_id, "device": device}
    if device is None:
        why = "No device of the sites of whoever scanned it has this code. Add the device, or put the code right."
        return StockFinding(**about, code=scan.code, kind=Kind.UNEXPECTED, why=why)
    about["code"] = device.serial
    if device.pk in expected:
        return StockFinding(**about, kind=Kind.FOUND)
    if device.pk in since and since[device.pk] > scan.at:
        return StockFinding(**about, kind=Kind.FOUND, why="It left after it was scanned, while the count went on.")
    return StockFinding(**about, kind=Kind.UNEXPECTED, why=why_unexpected(device, clinic, out))


def why_unexpected(device: Device, clinic: Clinic, out: dict[int, str]) -> str:
    """What the books say of a device that was scanned and should not be here, and what to do."""
    if reference := out.get(device.pk):
        return f"In the books it is out with rental {reference}. Take it back there, or correct a wrong hand-over."
    if device.condition == Condition.LOST:
        return "In the books it is lost. Record that it was found again; it goes to quarantine."
    if device.condition == Condition.SOLD:
        return "In the books it is sold. Ask its owner; it is no part of the fleet."
    if device.condition == Condition.RETIRED:
        return "In the books it is retired. Put it where retired devices go."
    if device.clinic_id != clinic.pk:
        return f"It belongs to {device.clinic}. Send it there, or record that it was sent here."
    return "It is on its way here in the books and has come before its day. Nothing is left to do."


def out_with(devices: Iterable[Device]) -> dict[int, str]:
    """The references of the rentals that have the devices now, by device."""
    out = Holding.objects.filter(device__in=list(devices), live=True, out__isnull=False)
    return dict(out.values_list("device", "rental__reference"))


def left_since(devices: Iterable[Device]) -> dict[int, datetime]:
    """When each device was last handed over, sent off or taken out of the fleet."""
    some = [device.pk for device in devices]
    out = Holding.objects.filter(device__in=some, live=True, out__isnull=False).values_list("device", "out__startswith")
    sent = Transfer.objects.filter(device__in=some).values_list("device").annotate(last=Max("at")).order_by()
    ended = ConditionChange.objects.filter(device__in=some).values_list("device").annotate(last=Max("at")).order_by()
    latest: dict[int, datetime] = {}
    for pk, moment in [*out, *sent, *ended]:
        latest[pk] = max(latest.get(pk, moment), moment)
    return latest


def with_last_signs(devices: list[Device]) -> list[tuple[Device, tuple[datetime, str] | None]]:
    """Each device with the last that was heard of it: the moment, and what it was."""
    some = [device.pk for device in devices]
    read = Reading.objects.filter(device__in=some).values_list("device").annotate(last=Max("read_at")).order_by()
    looked = Inspection.objects.filter(device__in=some).values_list("device").annotate(last=Max("at")).order_by()
    signs = [(pk, moment, "its counter was read") for pk, moment in read]
    signs += [(pk, moment, "it was inspected") for pk, moment in looked]
    latest = {pk: (moment, what) for pk, moment, what in sorted([*signs, *returns(some)])}
    return [(device, latest.get(device.pk)) for device in devices]


def returns(some: list[int]) -> list[tuple[int, datetime, str]]:
    """When each device came back last, and from which rental."""
    ended = Holding.objects.filter(device__in=some, live=False, out__upper_inf=False)
    back = ended.order_by("device", "-out").distinct("device")
    rows = back.values_list("device", "out__endswith", "rental__reference")
    return [(pk, moment, f"it came back from rental {reference}") for pk, moment, reference in rows]


def heard(sign: tuple[datetime, str] | None, clinic: Clinic) -> str:
    if sign is None:
        return "Nothing was ever heard of it."
    return f"Last heard of on {clinic.day_of(sign[0]):%-d %B %Y}: {sign[1]}."
