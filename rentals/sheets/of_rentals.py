"""Rentals that run now, in a spreadsheet: brought in as they were recorded, like a clinic's history."""

from collections.abc import Hashable, Iterable
from datetime import datetime, time
from typing import Any

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from config.words import grouped
from devices.models import Device
from patients.access import record_access
from patients.models import Access, Patient
from rentals.booking.availability import MOST_TREATMENTS
from rentals.deciding import lock_devices
from rentals.history import Loaded, load_rentals
from rentals.history_document import PastRental
from rentals.models import Holding, Rental
from rentals.reconciliation import allowances
from rentals.reconciliation.reconcile import reconcile
from rentals.sheets import of_patients
from rentals.sheets.entries import DOUBTFUL, KNOWN, NEW, Checked, Entry
from rentals.sheets.of_devices import is_short, models_by_what_names_them

NOON = time(12)


def check(checked: Checked) -> None:
    """Find the patient and the device of each rental, and what stands against it."""
    of_patients.check(checked)
    find_devices(checked)
    for entry in checked.sound():
        check_days(entry, checked)
    checked.refuse_repeated(
        "serial", lambda entry: entry.given["device"].pk, _("is out already by line %(line)s; delete one of the two")
    )
    judge(checked)


def find_devices(checked: Checked) -> None:
    """The unit of each line, by its serial, and by its model where two have the same."""
    serials = {entry.given["serial"] for entry in checked.sound()}
    wanted = serials | {f"0{serial}" for serial in serials if is_short(serial)}
    here: dict[str, list[Any]] = {}
    units = Device.objects.filter(clinic=checked.clinic, serial__in=wanted).select_related("model").with_counters()
    for device in units:
        here.setdefault(device.serial, []).append(device)
    models = models_by_what_names_them()
    for entry in checked.sound():
        serial, written = entry.given["serial"], entry.given.get("part_number", "").lower()
        found = here.get(serial) or here.get(f"0{serial}") or []
        if written and (model := models.get(written)):
            found = [device for device in found if device.model_id == model.pk]
        if len(found) != 1:
            words = _("is there of two models; name the model") if found else _("is no unit of this site; add it first")
            checked.refuse(entry, "serial", words)
            continue
        [entry.given["device"]] = found
        if found[0].serial != serial:
            checked.remarks.append(
                _("Line %(line)s: serial %(serial)s was taken for %(known)s.")
                % {"line": entry.line, "serial": serial, "known": found[0].serial}
            )


def check_days(entry: Entry, checked: Checked) -> None:
    """What a rental needs, with what is not given worked out: treatments from the days, the counter from the last
    reading."""
    given = entry.given
    days = (given["due_on"] - given["out_since"]).days
    given.setdefault("prescribed_per_day", 1)
    given.setdefault("planned_treatments", days * given["prescribed_per_day"])
    if given["out_since"] > checked.today:
        checked.refuse(entry, "out_since", _("has not come yet; only what is out now is brought in"))
    elif days < 1:
        checked.refuse(entry, "due_on", _("is not after the day of the hand-over; correct one of them"))
    elif given["planned_treatments"] > MOST_TREATMENTS:
        checked.refuse(
            entry,
            "due_on",
            _("makes more than %(most_treatments)s treatments; correct it")
            % {"most_treatments": grouped(MOST_TREATMENTS)},
        )
    elif given.setdefault("counter_out", given["device"].counter) is None:
        checked.refuse(entry, "counter_out", _("is empty, and no reading of the device is here; fill it in"))


def judge(checked: Checked) -> None:
    """Whether each device can be out with this patient (I1, I3); the same rental again is known."""
    sound = checked.sound()
    devices = [entry.given["device"].pk for entry in sound]
    holdings = Holding.objects.filter(device__in=devices).select_related("rental")
    of_device: dict[int | None, list[Holding]] = {}
    for holding in holdings.order_by("pk"):
        of_device.setdefault(holding.device_id, []).append(holding)
    references = {reference_of(entry) for entry in sound}
    here = Rental.objects.filter(clinic=checked.clinic, external_reference__in=references)
    known = set(here.values_list("external_reference", flat=True))
    for entry in sound:
        held = of_device.get(entry.given["device"].pk, [])
        patient = entry.found.pk if entry.state == KNOWN and entry.found else None
        if any(one.live and one.out and one.rental.patient_id == patient for one in held):
            entry.why = _("is out with this patient already")
        elif words := against(entry, held, patient, checked):
            checked.refuse(entry, "serial", words)
        elif reference_of(entry) in known:
            checked.refuse(entry, "external_reference", _("is the reference of another rental; correct it"))
        elif entry.state == KNOWN:
            same_as: Entry | None = entry.given.get("same_as")
            entry.state, entry.why = (DOUBTFUL, same_as.why) if same_as and same_as.state == DOUBTFUL else (NEW, "")


def against(entry: Entry, held: list[Holding], patient: int | None, checked: Checked) -> str:
    """Why the device cannot have been handed to this patient then, or ""."""
    device: Device = entry.given["device"]
    if live := next((one for one in held if one.live), None):
        words = (
            _("is out for rental %(reference)s; end or move that first")
            if live.out
            else _("is reserved for rental %(reference)s; end or move that first")
        )
        return words % {"reference": live.rental.reference}
    if device.condition != Device.Condition.READY:
        return _("is in the condition %(condition)s, not ready; put that right on its page first") % {
            "condition": device.condition
        }
    since = checked.clinic.start_of(entry.given["out_since"])
    if any(one.out and one.out.upper and one.out.upper > since for one in held):
        return _("was with somebody else since that day; correct the day")
    others = any(one.out and one.rental.patient_id != patient for one in held)
    if others and not device.model.reuse_permitted:
        return _("had another patient, and reuse of its model is not signed off")
    return ""


def reference_of(entry: Entry) -> str:
    """The clinic's own reference; without one the device and its day, by which the same line is known again."""
    own = entry.given.get("external_reference")
    return own or f"{entry.given['device'].serial} from {entry.given['out_since']:%Y-%m-%d}"


def take(entries: Iterable[Entry], checked: Checked, at: datetime, actor: User) -> int:
    """Register who is not here yet, and write the rentals down as handed over; their counters are judged and their
    treatments counted."""
    new = list(entries)
    lock_devices(entry.given["device"].pk for entry in new)
    people: dict[Hashable, Patient] = {entry.given["person"]: entry.found for entry in new if entry.found}
    people |= of_patients.register((entry for entry in new if not entry.found), checked, at, actor)
    patients = {str(entry.line): people[entry.given["person"]] for entry in new}
    devices = {str(entry.given["device"].pk): entry.given["device"] for entry in new}
    loaded = Loaded()
    load_rentals([past(entry, checked, at) for entry in new], checked.clinic, devices, patients, at, actor, loaded)
    if loaded.left_out or loaded.rentals != len(new):
        raise Refusal("busy", _("Somebody changed one of the devices just now. Look at the file again."))
    ids = [entry.given["device"].pk for entry in new]
    allowances.recount_holdings(ids)
    reconcile(ids, at)
    record_access(actor, [patient.pk for patient in patients.values()], Access.Action.CHANGED, at)
    return len(new)


def past(entry: Entry, checked: Checked, at: datetime) -> PastRental:
    """The rental as a clinic's history has it: handed over at noon of its day, or now if that is to come."""
    given, clinic = entry.given, checked.clinic
    return PastRental(
        key=reference_of(entry),
        serial=str(given["device"].pk),
        patient=str(entry.line),
        starts_on=given["out_since"],
        due_on=given["due_on"],
        handed_over_at=min(clinic.moment(given["out_since"], NOON), at),
        returned_at=None,
        prescribed_per_day=given["prescribed_per_day"],
        planned_treatments=given["planned_treatments"],
        counter_out=given["counter_out"],
        counter_back=None,
    )
