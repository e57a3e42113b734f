"""Booking a device for a patient (I1, I2, I3)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from config.days import named_day
from config.models import Clinic, User
from config.refusals import Refusal, invalid
from config.roles import may
from config.words import grouped, in_sentence
from devices.models import Device
from patients.access import record_access
from patients.models import Access, Injury, Patient, Screening
from rentals.booking.alternatives import alternatives_for
from rentals.booking.availability import (
    MOST_TREATMENTS,
    Need,
    check_span,
    clash_with,
    judged_devices,
    search,
    why_not,
)
from rentals.booking.capacity import most_free
from rentals.booking.desk_days import take_places
from rentals.deciding import deciding, lock_devices
from rentals.lifecycle import DAYS_BACK, record
from rentals.models import Holding, Rental
from rentals.models.holdings import Delivery
from rentals.models.states import State

if TYPE_CHECKING:
    from rentals.booking.availability import JudgedDevice

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # without what is misread over a telephone


@dataclass(frozen=True, kw_only=True)
class Booking:
    """What reception asks for. Days are local days of the clinic; `device` None takes the best that fits."""

    patient: Patient
    clinic: Clinic
    starts_on: date
    due_on: date
    planned_treatments: int
    prescribed_per_day: int
    indication: Mapping[str, str]
    screening: Mapping[str, Mapping[str, str]]
    device: Device | None = None
    delivery: str = Delivery.DESK
    pinned: bool = False
    accept_unknown_capacity: bool = False
    override: Mapping[str, str] = field(default_factory=dict)
    external_reference: str = ""

    @property
    def need(self) -> Need:
        return Need(
            self.clinic,
            self.starts_on,
            self.due_on,
            self.planned_treatments,
            self.patient,
            courier=self.delivery == Delivery.COURIER,
            accepts_unknown=self.accept_unknown_capacity,
            accepts_too_few=bool(self.reason_for("capacity")),
        )

    def reason_for(self, override: str) -> str:
        """The reason given for an override; a blank one is none."""
        return self.override.get(override, "").strip()


def book(booking: Booking, *, at: datetime, actor: User) -> Rental:
    """Reserve a device from the first moment and return the rental, `reserved`.

    Raises `screening_required`, `clinic_closed`, `desk_full`, `device_unavailable`, `capacity_exceeded`,
    `reuse_not_permitted`, `invalid`.
    """
    check_booking(booking, at=at, actor=actor)
    with deciding():
        take_places(booking.clinic, {"starts_on": booking.starts_on, "due_on": booking.due_on}, at)
        device = take_device(replace(booking.need, asked_by=actor), booking.device, at)
        rental = make_rental(booking, at=at, actor=actor)
        Holding.objects.create(
            rental=rental, device=device, blocked=booking.need.blocked_on(device), delivery=booking.delivery
        )
        record(rental, "book", old="", at=at, now=at, actor=actor)
        record_access(actor, [booking.patient.pk], Access.Action.CHANGED, at)
    return rental


def check_booking(booking: Booking, *, at: datetime, actor: User) -> None:
    """What must be right whether or not a device is there: days, plan, screening, overrides."""
    if booking.patient.clinic_id != booking.clinic.pk:
        raise invalid("patient", _("This patient belongs to another clinic; register the patient here first."))
    check_days(booking.clinic, booking.starts_on, booking.due_on, at=at, actor=actor)
    check_plan(booking.clinic, booking.planned_treatments, booking.prescribed_per_day)
    check_screening(booking)
    check_overrides(booking, actor)


def check_days(clinic: Clinic, starts_on: date, due_on: date, *, at: datetime, actor: User) -> None:
    """Refuse days out of order, too far back or closed; opening hours refuse bookings, never a hand-over."""
    check_span(starts_on, due_on)
    check_day(clinic, starts_on, at=at, actor=actor)
    refuse_closed_day(clinic, "starts_on", starts_on, at)
    refuse_closed_day(clinic, "due_on", due_on, at)


def check_plan(clinic: Clinic, treatments: int, per_day: int = 1, name: str = "planned_treatments") -> None:
    """A course has at least one treatment, at least one a day of treatment, and not more than anybody has had."""
    if treatments < 1:
        raise invalid(name, _("Plan at least one treatment."))
    if treatments > MOST_TREATMENTS:
        raise too_many(clinic, name, treatments)
    if per_day < 1:
        raise invalid("prescribed_per_day", _("Prescribe at least one treatment a day."))


def too_many(clinic: Clinic, name: str, treatments: int) -> Refusal:
    """The 400 that says what a device can give."""
    most = most_free(clinic)
    if most is None:
        words = _("No device gives %(treatments)s treatments; nobody knows what those here have left. Plan fewer.")
    else:
        words = _("No device gives %(treatments)s treatments; the most that one here has free is %(most)s. Plan fewer.")
    return invalid(name, words % {"treatments": grouped(treatments), "most": most})


def check_day(clinic: Clinic, starts_on: date, *, at: datetime, actor: User) -> None:
    """What was written on paper first may start up to three days back, for a manager any day back."""
    days_back = (clinic.day_of(at) - starts_on).days
    if days_back > DAYS_BACK and not may(actor, "rentals.backdate"):
        raise Refusal(
            "too_far_back",
            _("A start may lie at most %(days_back)s days back; choose a later day or ask a manager to enter this.")
            % {"days_back": DAYS_BACK},
            status=400,
            field="starts_on",
        )


def refuse_closed_day(clinic: Clinic, name: str, day: date, at: datetime) -> None:
    """Raise `clinic_closed`, with the next open day, when nobody will be there on `day`."""
    if day < clinic.day_of(at) or clinic.is_open(day):
        return
    next_day = clinic.next_open_day(day)
    raise Refusal(
        "clinic_closed",
        words_of_closed_day(clinic, day, next_day),
        field=name,
        conflict={"day": day.isoformat()},
        alternatives=[{name: next_day.isoformat()}] if next_day else [],
    )


def words_of_closed_day(clinic: Clinic, day: date, next_day: date | None) -> str:
    about = {"clinic": clinic, "day": named_day(day), "why": clinic.why_closed(day)}
    if next_day is None:
        return _("%(clinic)s does not open on %(day)s (%(why)s); no open day follows within 60 days.") % about
    words = _("%(clinic)s does not open on %(day)s (%(why)s); the next open day is %(next_day)s.")
    return words % {**about, "next_day": named_day(next_day)}


def check_screening(booking: Booking) -> None:
    """Every warning of the label is answered, a yes with a note; a pathological fracture needs a clinician."""
    for warning, sentence in unanswered(booking.screening).items():
        raise Refusal("screening_required", sentence, field=f"screening.{warning}")
    if booking.indication["kind"] == Injury.Kind.PATHOLOGICAL and not booking.reason_for("pathological"):
        raise Refusal(
            "screening_required",
            _("A pathological fracture blocks the booking until a clinician overrides it with a reason."),
            field="override.pathological",
        )


def unanswered(screening: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The warnings of the label that still want an answer, or the note of a yes, each with what is to be done."""
    missing = {}
    for warning in Screening.Warning:
        given = screening.get(warning, {})
        answer, note = given.get("answer"), given.get("note", "").strip()
        if answer != "no" and not (answer == "yes" and note):
            words = _("Screening: %(warning)s needs an answer, and a yes needs a clinician's note.")
            missing[warning.value] = words % {"warning": in_sentence(warning.label)}
    return missing


def check_overrides(booking: Booking, actor: User) -> None:
    """Capacity is a manager's to override, a pathological fracture a clinician's."""
    for name in ("capacity", "pathological"):
        if booking.reason_for(name) and not may(actor, f"rentals.override_{name}"):
            who = User.Role.MANAGER if name == "capacity" else User.Role.CLINICIAN
            raise Refusal(
                "permission_denied",
                _("Only a %(who)s may give this override.") % {"who": in_sentence(who.label)},
                status=403,
                field=f"override.{name}",
            )


def take_device(need: Need, wanted: Device | None, at: datetime) -> Device:
    """Lock the `wanted` device, or the best that fits, and judge it again under the lock."""
    tried: set[int] = set()
    while True:
        candidate = wanted.pk if wanted else best_device(need, at, tried)
        before = transaction.savepoint()
        lock_devices([candidate])
        judged = judged_devices(need, at).filter(pk=candidate).first()
        reason = why_not(judged, need) if judged else "not_ready"
        if judged and not reason:
            return judged
        # Let its lock go before asking for another: id order stays kept, and nobody waits for what is not had.
        transaction.savepoint_rollback(before)
        if wanted:
            raise refusal_for_device(need, wanted, judged, reason, at)
        tried.add(candidate)


def best_device(need: Need, at: datetime, tried: set[int]) -> int:
    """The id of the best device that fits and was not `tried`."""
    found = search(need, at)
    if untried := [device for device in found.fitting if device not in tried]:
        return untried[0]
    code = "device_unavailable"
    if {"too_few_treatments", "unknown_capacity"} & set(found.why_not):
        code = "capacity_exceeded"
    elif set(found.why_not) == {"reuse_not_permitted"}:
        code = "reuse_not_permitted"
    raise Refusal(
        code,
        _("No device fits these dates and treatments; see what would fit, or choose other dates."),
        conflict={"why_not": found.why_not},
        alternatives=alternatives_for(with_enough(need), at),
    )


def with_enough(need: Need) -> Need:
    """`need` without a manager's override of the capacity, for what is offered by itself."""
    return replace(need, accepts_too_few=False)


def refusal_for_device(need: Need, device: Device, judged: "JudgedDevice | None", reason: str, at: datetime) -> Refusal:
    """The 409 that says why `device` cannot be had, who is in the way and what would fit."""
    alternatives = alternatives_for(with_enough(need), at)
    if judged is None:
        return Refusal("device_unavailable", _("This device belongs to another clinic."), alternatives=alternatives)
    if reason in {"too_few_treatments", "unknown_capacity"}:
        free = judged.free_treatments
        text = (
            _(
                "Device %(serial)s has %(free)s free treatments, %(planned)s are planned; choose another "
                "device or plan fewer."
            )
            if free is not None
            else _("Nobody knows what device %(serial)s has left; accept unknown capacity or choose another.")
        )
        return Refusal(
            "capacity_exceeded",
            text % {"serial": device.serial, "free": free, "planned": need.treatments},
            field="device",
            conflict={"free_treatments": free},
            alternatives=alternatives,
        )
    if reason == "reuse_not_permitted":
        text = _("Device %(serial)s had another patient and its model is not signed off for reuse; choose another.")
        return Refusal(
            "reuse_not_permitted", text % {"serial": device.serial}, field="device", alternatives=alternatives
        )
    return Refusal(
        "device_unavailable",
        _("Device %(serial)s cannot be had on these days; choose another device or other days.")
        % {"serial": device.serial},
        field="device",
        conflict=clash_with(judged, need.blocked_on(judged)) or {"condition": judged.condition},
        alternatives=alternatives,
    )


def make_rental(booking: Booking, *, at: datetime, actor: User, state: State = State.RESERVED) -> Rental:
    """Write the rental, beginning in `state`, with its injury and screening."""
    patient = booking.patient
    injury = Injury.objects.create(patient=patient, recorded_at=at, recorded_by=actor, **booking.indication)
    screening = Screening.objects.create(patient=patient, answers=booking.screening, recorded_at=at, recorded_by=actor)
    return Rental.objects.create(
        reference=new_reference(),
        external_reference=booking.external_reference,
        clinic=booking.clinic,
        patient=patient,
        injury=injury,
        screening=screening,
        terms=booking.clinic.current_terms,
        state=state,
        starts_on=booking.starts_on,
        due_on=booking.due_on,
        planned_treatments=booking.planned_treatments,
        prescribed_per_day=booking.prescribed_per_day,
        pinned=booking.pinned,
        accepts_unknown_capacity=booking.accept_unknown_capacity,
        capacity_override=booking.reason_for("capacity"),
        pathological_override=booking.reason_for("pathological"),
        created_at=at,
        created_by=actor,
    )


def new_reference() -> str:
    """Eight random characters: nothing of a patient, not to be guessed one from another."""
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(8))
