"""Clinics, staff, devices, patients and rentals for tests, made through the domain verbs.

Everything that is not given is made with believable defaults, so that a test names only what it is
about. `NOW` is a Monday noon in Sydney, four weeks before daylight saving time ends there.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import count
from typing import Any

from PIL import Image

from config.clinic_setup import add_user, open_clinic
from config.models import Clinic, User
from devices.models import Device, DeviceModel
from devices.register import add_device
from patients.models import Patient, Screening
from patients.register import register_patient
from rentals import checklists, custody
from rentals.agreement import sign
from rentals.booking import book as booking_verbs
from rentals.booking import change, offers
from rentals.booking.capacity import with_capacity
from rentals.booking.waiting import enquire
from rentals.ledger import bond_due, pay
from rentals.lifecycle import record
from rentals.models import Checklist, Holding, Photo, Rental
from rentals.models.states import State
from rentals.photos import small_photo

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ALL_PARTS = ("main_unit", "transducer", "charger")

_numbers = count(1)


def clinic(
    name: str = "",
    *,
    time_zone: str = "Australia/Sydney",
    holiday_region: str = "",
    at: datetime = NOW,
    **terms: Any,
) -> Clinic:
    """A clinic open Monday to Saturday, also on public holidays unless given a `holiday_region`.

    `terms` are the amounts of its first terms.
    """
    return open_clinic(
        name or f"Clinic {next(_numbers)}", time_zone=time_zone, holiday_region=holiday_region, at=at, **terms
    )


_make_clinic = clinic  # for functions that take a `clinic` of their own


def user(role: str, *clinics: Clinic) -> User:
    """A member of staff; without `clinics` one who sees every clinic."""
    return add_user(f"{role}-{next(_numbers)}", role=role, clinics=list(clinics))[0]


def reception(*clinics: Clinic) -> User:
    return user(User.Role.RECEPTION, *clinics)


def clinician(*clinics: Clinic) -> User:
    return user(User.Role.CLINICIAN, *clinics)


def manager(*clinics: Clinic) -> User:
    return user(User.Role.MANAGER, *clinics)


def auditor(*clinics: Clinic) -> User:
    return user(User.Role.AUDITOR, *clinics)


def device_model(
    *, nominal: int | None = 343, reuse: bool = True, part_number: str = "", at: datetime = NOW, **columns: Any
) -> DeviceModel:
    """A device model of `nominal` treatments (None: unknown), signed off for reuse unless told otherwise."""
    sign_off: dict[str, Any] = {
        "reuse_signed_off_by": "Dr Example",
        "reuse_signed_off_at": at,
        "reuse_text": "Cleaned and inspected between patients.",
    }
    return DeviceModel.objects.create(
        name=columns.pop("name", "Exogen 250"),
        part_number=part_number or f"71034{next(_numbers):04d}",
        nominal_treatments=nominal,
        **(sign_off if reuse else {}),
        **columns,
    )


def device(
    clinic: Clinic | None = None,
    *,
    model: DeviceModel | None = None,
    nominal: int | None = 343,
    reuse: bool = True,
    counter: int | None = 0,
    condition: str = Device.Condition.READY,
    serial: str = "",
    at: datetime = NOW - timedelta(days=30),
) -> Device:
    """One device of `clinic`, its screen showing `counter` a month before `NOW`."""
    return add_device(
        serial=serial or f"1121{next(_numbers):06d}",
        model=model or device_model(nominal=nominal, reuse=reuse),
        clinic=clinic or _make_clinic(),
        condition=condition,
        counter=counter,
        at=at,
        actor=None,
    )


def patient(clinic: Clinic, *, actor: User | None = None, at: datetime = NOW, **columns: Any) -> Patient:
    """A person nobody has registered before."""
    number = next(_numbers)
    details: dict[str, Any] = {
        "given_name": "Ada",
        "family_name": f"Example {number}",
        "date_of_birth": date(1990, 5, 17),
        "email": f"ada{number}@patients.example",
        "phone": f"+61 2 5550 {number:04d}",
    }
    return register_patient(clinic=clinic, at=at, actor=actor or manager(), **{**details, **columns})


_make_patient = patient


def screening(**answers: dict[str, str]) -> dict[str, dict[str, str]]:
    """No to every warning, but for `answers`."""
    return {warning: {"answer": "no", "note": ""} for warning in Screening.Warning.values} | answers


def indication(kind: str = "stress_fatigue", site: str = "metatarsal", note: str = "") -> dict[str, str]:
    return {"kind": kind, "site": site, "note": note}


def booking(
    clinic: Clinic, *, patient: Patient | None = None, at: datetime = NOW, days: int = 28, **wishes: Any
) -> booking_verbs.Booking:
    """A booking of `days` days from today, one treatment a day, for `patient` or somebody new."""
    starts_on = wishes.pop("starts_on", clinic.day_of(at))
    defaults: dict[str, Any] = {
        "due_on": starts_on + timedelta(days=days),
        "planned_treatments": 28,
        "prescribed_per_day": 1,
        "indication": indication(),
        "screening": screening(),
    }
    return booking_verbs.Booking(
        clinic=clinic,
        patient=patient or _make_patient(clinic, at=at),
        starts_on=starts_on,
        **{**defaults, **wishes},
    )


def book(clinic: Clinic, *, actor: User | None = None, at: datetime = NOW, **wishes: Any) -> Rental:
    """A reserved rental; `wishes` as for `booking`. Whoever books it without being named registers the patient, too."""
    if actor is None:
        actor = manager()
        wishes.setdefault("patient", _make_patient(clinic, at=at, actor=actor))
    return booking_verbs.book(booking(clinic, at=at, **wishes), at=at, actor=actor)


def prepare(rental: Rental, *, actor: User | None = None, at: datetime = NOW) -> Rental:
    """Have the agreement signed and the bond paid, so that the device may be handed over."""
    actor = actor or manager()
    rental = sign(rental, name="Ada Example", accepted_terms_version=rental.terms.version, at=at, actor=actor)
    due = bond_due(rental)
    return pay(rental, kind="bond", amount=due, method="card", at=at, actor=actor) if due else rental


def hand_over(rental: Rental, *, counter: int = 0, actor: User | None = None, at: datetime = NOW) -> Rental:
    """Sign, take the bond and hand the device over, its screen showing `counter`."""
    actor = actor or manager()
    prepare(rental, actor=actor, at=at)
    return custody.hand_over(rental, counter=counter, parts=ALL_PARTS, at=at, now=at, actor=actor)


def take_back(rental: Rental, *, counter: int = 0, actor: User | None = None, at: datetime) -> Rental:
    return custody.take_back(rental, counter=counter, parts=ALL_PARTS, at=at, now=at, actor=actor or manager())


def inspect(rental: Rental, *, passed: bool = True, fee: str = "", actor: User | None = None, at: datetime) -> Rental:
    """Inspect the returned device and settle; `fee` is an amount in AUD for a missing part."""
    fees = [{"kind": "missing_part", "amount": Decimal(fee)}] if fee else []
    return custody.inspect(rental, passed=passed, checks={"cleaned": True}, fees=fees, at=at, actor=actor or manager())


def rental(
    state: str = State.RESERVED,
    clinic: Clinic | None = None,
    *,
    at: datetime = NOW,
    ended: datetime | None = None,
    actor: User | None = None,
    counter: int = 0,
    treatments: int = 14,
    **wishes: Any,
) -> Rental:
    """A rental brought to `state` by the verbs.

    Booked and handed over at `at`, its device's screen showing `counter`; ended at `ended` (a fortnight
    later unless given) after `treatments` more. Without `device` in `wishes`, a new one serves it.
    """
    clinic = clinic or (wishes["device"].clinic if "device" in wishes else _make_clinic())
    if actor is None:
        actor = manager()
        wishes.setdefault("patient", _make_patient(clinic, at=at, actor=actor))
    if "device" not in wishes:
        wishes["device"] = device(clinic, counter=counter)
    ended = ended or at + timedelta(days=14)
    if state == State.ENQUIRY:
        return passed_on(waiting(clinic, actor=actor, at=at, **wishes), actor=actor, at=at)
    made = book(clinic, actor=actor, at=at, **wishes)
    if state == State.CANCELLED:
        return change.cancel(made, reason="Treated elsewhere", at=at, actor=actor)
    if state == State.RESERVED:
        return made
    made = hand_over(made, counter=counter, actor=actor, at=at)
    if state == State.LOST:
        return custody.report_lost(made, reason="Left on a train", at=ended, actor=actor)
    if state == State.KEPT:
        return custody.report_kept(made, reason="Bought it", at=ended, actor=actor)
    if state in {State.RETURNED, State.CLOSED}:
        made = take_back(made, counter=counter + treatments, actor=actor, at=ended)
    return inspect(made, actor=actor, at=ended) if state == State.CLOSED else made


def waiting(clinic: Clinic, *, actor: User | None = None, at: datetime = NOW, **wishes: Any) -> Rental:
    """A rental on the waiting list; `wishes` as for `booking`."""
    return enquire(booking(clinic, at=at, **wishes), at=at, actor=actor or manager())


def offered(clinic: Clinic | None = None, *, at: datetime = NOW, **wishes: Any) -> Rental:
    """A waiting rental to which a new device of the clinic is offered."""
    clinic = clinic or _make_clinic()
    rental = waiting(clinic, at=at, **wishes)
    device(clinic)
    return offer_to(rental, at=at)


def offer_to(rental: Rental, *, at: datetime = NOW) -> Rental:
    """The waiting rental, offered the best device that fits it, whoever else waits."""
    offer = offers.offer(rental, rental.clinic, at)
    assert offer, "no device fits it"
    return offer


def passed_on(rental: Rental, *, at: datetime = NOW, actor: User | None = None) -> Rental:
    """The waiting rental, back on the waiting list after an offer was declined."""
    return offers.decline_offer(offer_to(rental, at=at), at=at, actor=actor or manager())


def photo(about: Rental | Device, kind: str = "take_back", *, actor: User | None = None, at: datetime = NOW) -> Photo:
    """A small photo in the checklist of `about`, begun where none is."""
    actor, shot = actor or manager(), BytesIO()
    Image.new("RGB", (64, 48), (next(_numbers) % 256, 90, 120)).save(shot, "PNG")
    shot.seek(0)
    how = {"answers": {}, "shown": {}, "at": at, "actor": actor}
    kept = checklists.keep(Checklist.Kind(kind), about, photos=[small_photo(shot)], **how)
    return kept.checklist.photos.latest("pk")


def capacity_of(device: Device) -> Any:
    """`device` as the database has it now, with counter, used, remaining, promised and free treatments."""
    return with_capacity(Device.objects.all()).get(pk=device.pk)


def put_at_risk(*devices: Device) -> None:
    """Take `devices` from their reservations, as the planner does where it finds no other."""
    holdings = Holding.objects.filter(device__in=devices, live=True, out__isnull=True)
    endangered = list(holdings.select_related("rental").order_by("pk"))
    holdings.update(device=None)
    for holding in endangered:
        record(holding.rental, "at_risk", old=holding.rental.state, at=NOW, now=NOW, actor=None, reason="recall")
