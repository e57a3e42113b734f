"""A clinic's existing models, devices, patients and past rentals, brought in as they were recorded.

History is not judged by today's rules: what they would refuse (a counter that went down, treatments past
the nominal number) is kept and flagged. Only what the database can never hold, two rentals having one
device at one moment (I1), is left out and named.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from config.clinic_setup import open_clinic
from config.models import Clinic, User
from config.refusals import Refusal
from devices.models import Allowance, Device, DeviceModel, Reading
from patients.models import Patient
from rentals.booking.availability import blocked_days
from rentals.booking.book import new_reference
from rentals.deciding import deciding, lock_devices
from rentals.history_document import History, PastDevice, PastRental, read_history
from rentals.models import Holding, Move, Rental
from rentals.models.states import State
from rentals.reconciliation import allowances, readings
from rentals.reconciliation.reconcile import reconcile

SIGN_OFF = "Reuse was signed off before the clinic began to keep its records here."


@dataclass
class Loaded:
    """How many were new of each, and the rentals that were left out, each with its reason."""

    models: int = 0
    devices: int = 0
    patients: int = 0
    rentals: int = 0
    left_out: list[str] = field(default_factory=list)


def load_fleet(document: Mapping[str, Any], *, at: datetime, actor: User | None = None) -> Loaded:
    """Bring in `document` (see `tests/data/clinic-a/fleet.json` for its form) in one transaction.

    What is there already stays as it is, so a second run changes nothing. Raises `not_a_fleet` (400)
    with one sentence for a document that cannot be right; then nothing is written.
    """
    history = read_history(document)
    loaded = Loaded()
    with deciding():
        clinic = open_clinic(history.clinic, time_zone=history.time_zone, at=at)
        models = load_models(history, at, loaded)
        devices = load_devices(history, clinic, models, at, loaded)
        patients = load_patients(history, clinic, at, loaded)
        lock_devices(device.pk for device in devices.values())
        load_rentals(history.rentals, clinic, devices, patients, at, actor, loaded)
        ids = [device.pk for device in devices.values()]
        allowances.recount_holdings(ids)
        reconcile(ids, at)
    return loaded


def load_models(history: History, at: datetime, loaded: Loaded) -> dict[str, DeviceModel]:
    """The models by part number, all of them taken as signed off for reuse."""
    numbers = [model.part_number for model in history.models]
    sign_off = {"reuse_signed_off_by": "the clinic", "reuse_signed_off_at": at, "reuse_text": SIGN_OFF}
    DeviceModel.objects.filter(part_number__in=numbers, reuse_signed_off_at=None).update(**sign_off)
    known = set(DeviceModel.objects.filter(part_number__in=numbers).values_list("part_number", flat=True))
    new = [
        DeviceModel(
            part_number=model.part_number,
            name=model.name,
            nominal_treatments=model.nominal_treatments,
            **sign_off,
        )
        for model in history.models
        if model.part_number not in known
    ]
    loaded.models = len(DeviceModel.objects.bulk_create(new))
    return {model.part_number: model for model in DeviceModel.objects.filter(part_number__in=numbers)}


def load_devices(
    history: History, clinic: Clinic, models: Mapping[str, DeviceModel], at: datetime, loaded: Loaded
) -> dict[str, Device]:
    """The clinic's devices by serial, each new one with the reading its records begin with."""
    began = beginnings(history, clinic, at)
    known = {device.serial for device in Device.objects.filter(clinic=clinic)}
    new = [past for past in history.devices if past.serial not in known]
    refuse_devices_of_others(new)
    made = Device.objects.bulk_create(
        Device(serial=past.serial, model=models[past.part_number], clinic=clinic, created_at=began[past.serial])
        for past in new
    )
    allowances = Allowance.objects.bulk_create(
        Allowance(
            device=device,
            number=1,
            began_at=began[device.serial],
            nominal_treatments=device.model.nominal_treatments,
        )
        for device in made
    )
    Reading.objects.bulk_create(
        Reading(
            device=device,
            allowance=allowance,
            counter=past.counter_at_start,
            read_at=began[device.serial],
            source=Reading.Source.FIRST,
            recorded_at=at,
        )
        for past, device, allowance in zip(new, made, allowances, strict=True)
    )
    loaded.devices = len(made)
    named = [past.serial for past in history.devices]
    return {device.serial: device for device in Device.objects.filter(clinic=clinic, serial__in=named)}


def refuse_devices_of_others(new: Iterable[PastDevice]) -> None:
    """Raise `duplicate_device` for a unit that another clinic has brought in already."""
    wanted = {(past.serial, past.part_number) for past in new}
    same_serial = Device.objects.filter(serial__in=[serial for serial, _ in wanted]).select_related("model", "clinic")
    for device in same_serial:
        if (device.serial, device.model.part_number) in wanted:
            raise Refusal(
                "duplicate_device",
                f"Device {device.serial} ({device.model.part_number}) belongs to {device.clinic} already; "
                "leave it out of the file, or load the file for that clinic.",
            )


def beginnings(history: History, clinic: Clinic, at: datetime) -> dict[str, datetime]:
    """When the records of each device begin: on the morning of its first hand-over, or now."""
    first: dict[str, datetime] = {past.serial: at for past in history.devices}
    for rental in history.rentals:
        morning = clinic.start_of(clinic.day_of(rental.handed_over_at))
        first[rental.serial] = min(first[rental.serial], morning)
    return first


def load_patients(history: History, clinic: Clinic, at: datetime, loaded: Loaded) -> dict[str, Patient]:
    """The clinic's patients by their key in the document."""
    keys = [past.key for past in history.patients]
    known = set(Patient.objects.filter(clinic=clinic).values_list("external_key", flat=True))
    new = [
        Patient(
            clinic=clinic,
            external_key=past.key,
            given_name=past.given_name,
            family_name=past.family_name,
            date_of_birth=past.date_of_birth,
            created_at=at,
        )
        for past in history.patients
        if past.key not in known
    ]
    loaded.patients = len(Patient.objects.bulk_create(new))
    return {patient.external_key: patient for patient in Patient.objects.filter(clinic=clinic, external_key__in=keys)}


def load_rentals(
    past: Iterable[PastRental],
    clinic: Clinic,
    devices: Mapping[str, Device],
    patients: Mapping[str, Patient],
    at: datetime,
    actor: User | None,
    loaded: Loaded,
) -> None:
    """The rentals that are not there yet, walked through their states, with holdings, moves and readings."""
    known = set(Rental.objects.filter(clinic=clinic).values_list("external_reference", flat=True))
    new = without_overlaps([rental for rental in past if rental.key not in known], devices, loaded)
    terms = clinic.current_terms
    made = Rental.objects.bulk_create(
        Rental(
            reference=new_reference(),
            external_reference=rental.key,
            clinic=clinic,
            patient=patients[rental.patient],
            terms=terms,
            state=State.RESERVED,
            starts_on=rental.starts_on,
            due_on=rental.due_on,
            planned_treatments=rental.planned_treatments,
            prescribed_per_day=rental.prescribed_per_day,
            accepts_unknown_capacity=True,
            created_at=at,
            created_by=actor,
            recorded_from_history=True,
        )
        for rental in new
    )
    keep_readings(new, devices, at, actor)
    pairs = list(zip(new, made, strict=True))
    Holding.objects.bulk_create(holding(rental, row, devices[rental.serial]) for rental, row in pairs)
    walk_states(pairs)
    Move.objects.bulk_create(chain.from_iterable(moves(rental, row, at, actor) for rental, row in pairs))
    loaded.rentals = len(made)


def without_overlaps(past: Iterable[PastRental], devices: Mapping[str, Device], loaded: Loaded) -> list[PastRental]:
    """The rentals that nobody else's time with the device contradicts (I1); the others are named in `left_out`."""
    taken: defaultdict[int, list[DateTimeTZRange]] = defaultdict(list)
    ids = [device.pk for device in devices.values()]
    for device_id, out in Holding.objects.filter(device__in=ids, out__isnull=False).values_list("device", "out"):
        taken[device_id].append(out)
    held = set(Holding.objects.filter(device__in=ids, live=True).values_list("device", flat=True))
    fitting = []
    for rental in sorted(past, key=lambda rental: rental.handed_over_at):
        device = devices[rental.serial]
        if any(overlap(rental.out, out) for out in taken[device.pk]):
            why = "was with another rental for part of that time"
        elif not rental.returned_at and (device.condition != Device.Condition.READY or device.pk in held):
            why = "is not there to be out now, or is booked for somebody else"
        else:
            taken[device.pk].append(rental.out)
            fitting.append(rental)
            continue
        loaded.left_out.append(f"Rental {rental.key}: device {rental.serial} {why}.")
    return fitting


def overlap(one: DateTimeTZRange, other: DateTimeTZRange) -> bool:
    """Whether two spans share a moment; one without an end goes on."""
    return (other.upper is None or one.lower < other.upper) and (one.upper is None or other.lower < one.upper)


def keep_readings(past: Iterable[PastRental], devices: Mapping[str, Device], at: datetime, actor: User | None) -> None:
    """The counters read at hand-over and return, flagged where they cannot be (I5)."""
    readings.keep(
        (
            (devices[rental.serial].pk, counter, moment, source)
            for rental in past
            for counter, moment, source in (
                (rental.counter_out, rental.handed_over_at, Reading.Source.HAND_OVER),
                (rental.counter_back, rental.returned_at, Reading.Source.RETURN),
            )
            if counter is not None and moment is not None
        ),
        at=at,
        actor=actor,
    )


def holding(past: PastRental, rental: Rental, device: Device) -> Holding:
    """The holding of a past rental; the used treatments at its ends are worked out afterwards."""
    return Holding(
        rental=rental,
        device=device,
        live=past.returned_at is None,
        blocked=blocked_days(device, rental.clinic, past.starts_on, past.due_on),
        out=past.out,
        counter_out=past.counter_out,
        counter_back=past.counter_back,
        used_out=past.counter_out,
        used_back=past.counter_back,
    )


def walk_states(pairs: Iterable[tuple[PastRental, Rental]]) -> None:
    """Each rental through the states it went through, one update a state (I4)."""
    for past, rental in pairs:
        rental.state, rental.handed_over_at = State.ACTIVE, past.handed_over_at
    made = [rental for _, rental in pairs]
    Rental.objects.bulk_update(made, ["state", "handed_over_at"])
    ended = [(past, rental) for past, rental in pairs if past.returned_at]
    for past, rental in ended:
        rental.state, rental.returned_at = State.RETURNED, past.returned_at
    Rental.objects.bulk_update([rental for _, rental in ended], ["state", "returned_at"])
    for past, rental in ended:
        rental.state, rental.ended_at = State.CLOSED, past.returned_at
    Rental.objects.bulk_update([rental for _, rental in ended], ["state", "ended_at"])


def moves(past: PastRental, rental: Rental, at: datetime, actor: User | None) -> list[Move]:
    """The history of a past rental; when it was booked nobody knows, so its hand-over stands for that."""
    steps = [
        ("book", "", State.RESERVED, past.handed_over_at),
        ("hand_over", State.RESERVED, State.ACTIVE, past.handed_over_at),
    ]
    if past.returned_at:
        steps += [
            ("take_back", State.ACTIVE, State.RETURNED, past.returned_at),
            ("inspect", State.RETURNED, State.CLOSED, past.returned_at),
        ]
    return [
        Move(rental=rental, verb=verb, old_state=old, new_state=new, at=moment, recorded_at=at, actor=actor)
        for verb, old, new, moment in steps
    ]
