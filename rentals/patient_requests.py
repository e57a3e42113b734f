"""What patients ask for and say on their pages.

A wish or a report becomes a task for staff, who decide; a return slot, days treated and preferences are kept as the
patient's word. Nobody of staff did it, so no access is recorded: the history of the rows says that it came from the
patient's page. Refusals are worded for patients.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import near_day
from config.models import Clinic, OpeningHours, User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access, Patient
from rentals.arranged import CHOSEN_BY
from rentals.booking.availability import check_span
from rentals.booking.book import refuse_closed_day
from rentals.booking.desk_days import open_days_with_room, take_places
from rentals.booking.healing import hold_as_named, last_day_promised
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import move, require, wrong_state
from rentals.models import MessageTemplate, PatientDay, Rental, StaffTask
from rentals.models.states import State
from rentals.reconciliation.days import day_statuses
from rentals.reminders.texts.defaults import OUR_LANGUAGES
from rentals.staff_tasks import ask_staff

BY_THE_PAGE = "by the patient, on the patient’s page"
AS_TOLD = "as the patient told us"
MOST_OPEN = {StaffTask.Kind.EXTENSION: 1, StaffTask.Kind.HEALED: 1, StaffTask.Kind.PROBLEM: 5}
RETURN_SOON = timedelta(days=7)  # how far ahead a late return may still be announced


class Problem(TextChoices):
    """What may be wrong, as a patient would say it."""

    FAULT = "fault", gettext_lazy("The device does not work as it should")
    POWER = "power", gettext_lazy("It does not charge or switch on")
    PART = "part", gettext_lazy("A part is broken or missing")
    GEL = "gel", gettext_lazy("I am running out of gel")
    UNWELL = "unwell", gettext_lazy("My skin is irritated, or I do not feel well")
    LOST = "lost", gettext_lazy("The device is lost or stolen")
    OTHER = "other", gettext_lazy("Something else")


def ask_for_extension(rental: Rental, *, due_on: date, words: str, key: str, at: datetime) -> StaffTask:
    """Have staff asked to let the patient keep the device until the local day `due_on`; nothing is extended yet.

    `key` names the form, so that it counts once. Raises `invalid`, `clinic_closed`, `not_now`, `already_asked`.
    """
    if due_on <= max(rental.due_on, rental.clinic.day_of(at)):
        raise invalid("due_on", _("Please choose a day after the one on which it is due back, and after today."))
    check_span(rental.starts_on, due_on)
    refuse_closed_day(rental.clinic, "due_on", due_on, at)
    asked = {"due_on": due_on.isoformat()}
    return ask(rental, StaffTask.Kind.EXTENSION, words=words, asked=asked, key=key, at=at)


def report_problem(rental: Rental, *, problem: Problem, words: str, key: str, at: datetime) -> StaffTask:
    """Tell staff what is wrong, a clinician where the patient is unwell. The device's condition is for them to judge.

    `key` names the form, so that it counts once. Raises `invalid`, `not_now`, `already_asked`.
    """
    if not words.strip():
        raise invalid("words", _("Please write in a few words what is wrong."))
    role = StaffTask.For.CLINICIAN if problem == Problem.UNWELL else StaffTask.For.RECEPTION
    asked = {"problem": problem.value}
    return ask(rental, StaffTask.Kind.PROBLEM, words=words, asked=asked, for_role=role, key=key, at=at)


def say_healed(rental: Rental, *, words: str, key: str, at: datetime) -> StaffTask:
    """Have a clinician look at what the patient says, and confirm it or not; until then nothing changes.

    `key` names the form, so that it counts once. Raises `not_now`, `already_asked`.
    """
    if rental.healed_on:
        raise Refusal("already_asked", _("Your clinician has written this down already; the device may come back."))
    return ask(rental, StaffTask.Kind.HEALED, words=words, for_role=StaffTask.For.CLINICIAN, key=key, at=at)


def ask(rental: Rental, kind: StaffTask.Kind, *, words: str, key: str, at: datetime, **about: Any) -> StaffTask:
    """One task of staff for one form of a patient, and no more open ones than somebody can mean."""
    subject = f"{rental.reference} {key}"
    with of_hire(rental) as locked:
        tasks = StaffTask.objects.filter(rental=locked, kind=kind)
        if not tasks.filter(subject=subject).exists() and tasks.open().count() >= MOST_OPEN[kind]:
            raise Refusal(
                "already_asked", _("We have this from you already, and will answer. Please phone us to add to it.")
            )
        return ask_staff(kind, subject, rental=locked, words=words.strip(), at=at, **about)


@contextmanager
def of_hire(rental: Rental, *states: State, actor: User | None = None) -> Iterator[Rental]:
    """The transaction of one wish: the rental locked, as it is now. Unless in one of `states` (active) raises
    `not_now`, to an `actor` of staff `wrong_state`; where it was recorded for another patient since it was read, it is
    that one's, and raises `not_now` or `busy`."""
    with deciding():
        locked = lock_rental(rental)[0]
        if locked.patient_id != rental.patient_id:
            raise recorded_for_another(rental, actor)
        if locked.state not in (states or (State.ACTIVE,)):
            if actor:
                raise wrong_state(locked)
            raise Refusal("not_now", _("This is not possible for your hire as it stands now. Please phone us."))
        yield locked


def recorded_for_another(rental: Rental, actor: User | None) -> Refusal:
    if actor:
        return Refusal(
            "busy",
            _("Rental %(reference)s was recorded for another patient just now; look at it again.")
            % {"reference": rental.reference},
        )
    return Refusal("not_now", _("This hire was changed a moment ago, so nothing was written down. Please phone us."))


def return_days(rental: Rental, at: datetime) -> list[date]:
    """The local days on which the patient may bring the device: open, with room, until it is due; if that is near or
    past, within a week from now. After healing was confirmed, none on which somebody else was promised the device."""
    today = rental.clinic.day_of(at)
    last = last_day_promised(rental, today) or max(rental.due_on, today + RETURN_SOON)
    return [day for day in open_days_with_room(rental.clinic, "due_on", today, rental) if day <= last]


def choose_return_slot(rental: Rental, *, day: date, clock: time, at: datetime, actor: User | None = None) -> Rental:
    """Write down when the patient means to bring the device: `clock` by the clinic's clock, while it is open; told to
    `actor` by phone, say, or to nobody, on the patient's own page.

    The day takes one of the clinic's places for returns; after healing was confirmed the device is blocked until then.
    Raises `invalid`, `clinic_closed`, `desk_full`, `not_now` (to staff `wrong_state`), `device_unavailable` where
    somebody else was promised it.
    """
    if actor:
        require(rental, CHOSEN_BY)
    refuse_closed_day(rental.clinic, "day", day, at)
    comes_at = moment_of_slot(rental.clinic, day, clock, at)
    with deciding():
        take_places(rental.clinic, {"due_on": day}, at, rental)
        with of_hire(rental, actor=actor) as locked:
            refuse_after_promised(locked, day, at)
            if day not in return_days(locked, at):
                raise invalid("day", _("Please choose one of the days in the list."))
            if locked.return_expected_at != comes_at:
                reason = AS_TOLD if actor else BY_THE_PAGE
                move(locked, CHOSEN_BY, at=at, now=at, actor=actor, reason=reason, return_expected_at=comes_at)
                hold_as_named(locked, locked.clinic.day_of(at))
            if actor:
                record_access(actor, [locked.patient_id], Access.Action.CHANGED, at)
    return locked


def refuse_after_promised(rental: Rental, day: date, at: datetime) -> None:
    """Raise `device_unavailable` where the device would come back on `day` too late for who was promised it."""
    last = last_day_promised(rental, rental.clinic.day_of(at))
    if last and day > last:
        raise Refusal(
            "device_unavailable",
            _(
                "Somebody else needs this device soon after, so please choose %(last)s or earlier. Where that "
                "cannot be, another device is to be found for the other patient: please phone the clinic."
            )
            % {"last": near_day(last)},
            field="day",
        )


def moment_of_slot(clinic: Clinic, day: date, clock: time, at: datetime) -> datetime:
    hours = clinic.hours_on(day)
    if hours is None or not hours.opens <= clock < hours.closes:
        raise invalid("clock", hours_in_words(hours))
    comes_at = clinic.moment(day, clock)
    if comes_at <= at:
        raise invalid("clock", _("That time has passed; please choose a later one."))
    return comes_at


def hours_in_words(hours: OpeningHours | None) -> str:
    if hours is None:
        return _("On that day we are open not at all; please choose a time between.")
    span = {"opens": f"{hours.opens:%H:%M}", "closes": f"{hours.closes:%H:%M}"}
    return _("On that day we are open from %(opens)s to %(closes)s; please choose a time between.") % span


def mark_day(rental: Rental, *, day: date, treated: bool, at: datetime) -> PatientDay:
    """Keep the patient's word that they treated on the local `day`, or did not; beside the device's record (I6).

    Raises `invalid` for a day that is not of the hire or has not come, `not_now`.
    """
    with of_hire(rental, State.ACTIVE, State.RETURNED) as locked:
        if day not in {one.date for one in day_statuses(locked, at)}:
            raise invalid("day", _("Please choose a day on which you had the device, today or before."))
        first = {"treated": treated, "said_at": at}
        said = PatientDay.objects.get_or_create(rental=locked, day=day, defaults=first)[0]
        if said.treated != treated:
            said.treated, said.said_at = treated, at
            said.save(update_fields=["treated", "said_at"])
    return said


def set_preferences(patient: Patient, *, email_reminders: bool, wants_advice: bool, language: str) -> Patient:
    """What the patient wants to be told, and in which language of the clinic's mails. Raises `invalid`, `not_now`."""
    if language not in languages_of(patient.clinic):
        raise invalid("language", _("Please choose one of the languages in the list."))
    with deciding():
        wishes = {"email_reminders": email_reminders, "wants_advice": wants_advice, "language": language}
        if not Patient.objects.filter(pk=patient.pk, state=Patient.State.ACTIVE).update(**wishes):
            raise Refusal("not_now", _("This cannot be changed here. Please phone us."))
        patient.refresh_from_db()
    return patient


def languages_of(clinic: Clinic) -> list[str]:
    """The codes of the languages in which there are words for the clinic's mails: ours, and what it wrote itself."""
    written = MessageTemplate.objects.filter(clinic=clinic).values_list("language", flat=True)
    return sorted({*OUR_LANGUAGES, *written})
