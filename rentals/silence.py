"""A patient who has withdrawn or died: nothing is sent any more, from that moment on (I8)."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from config.words import in_sentence
from patients.access import record_access
from patients.models import Access, Patient
from rentals.deciding import deciding
from rentals.lifecycle import record
from rentals.models import PatientLink, PortalSession, Rental, StaffTask
from rentals.models.states import State

# What leads to words to the patient. A problem with a device, and what becomes of it, staff look into all the same.
WORDS_TO_THE_PATIENT = frozenset(StaffTask.Kind) - {StaffTask.Kind.PROBLEM, StaffTask.Kind.DEEMED_KEPT}
OVER = (State.CLOSED, State.CANCELLED)


def silence(patient: Patient, *, state: Patient.State, reason: str, at: datetime, actor: User) -> Patient:
    """Write down that `patient` has withdrawn or died, in the history of their rentals too.

    What waits to be sent is void when it is claimed; calls to make are closed, and links and open pages of the
    patient show nothing any more. Raises `invalid`, `wrong_state` where that is written down already.
    """
    require_reason(reason)
    if state == Patient.State.ACTIVE:
        raise invalid("state", _("Say whether the patient has withdrawn or died."))
    with deciding():
        rentals = open_or_latest(patient)
        change_state(patient, state)
        tasks = StaffTask.objects.filter(patient=patient, kind__in=WORDS_TO_THE_PATIENT, done_at=None)
        tasks.update(done_at=at, note="The patient is not to be told anything any more.")
        PatientLink.objects.filter(rental__patient=patient, revoked_at=None).update(revoked_at=at)
        PortalSession.objects.filter(link__rental__patient=patient, ended_at=None).update(ended_at=at)
        write_down(rentals, f"{state.value}: {reason.strip()}", "silence", at=at, actor=actor)
        record_access(actor, [patient.pk], Access.Action.CHANGED, at)
    return patient


def unsilence(patient: Patient, *, reason: str, at: datetime, actor: User) -> Patient:
    """Take back what was written down by mistake: the patient is told again what falls due from now on.

    Links and tasks that were closed stay so; a new mail brings a new link. Raises `invalid`, `wrong_state`.
    """
    require_reason(reason)
    with deciding():
        rentals = open_or_latest(patient)
        change_state(patient, Patient.State.ACTIVE)
        write_down(rentals, reason.strip(), "unsilence", at=at, actor=actor)
        record_access(actor, [patient.pk], Access.Action.CHANGED, at)
    return patient


def require_reason(reason: str) -> None:
    if not reason.strip():
        raise invalid("reason", _("Write how you know, and from whom; it stays in the history."))


def open_or_latest(patient: Patient) -> list[Rental]:
    """The rentals in whose history it is written: all that are not over, or else the latest; locked, in id order."""
    rentals = Rental.objects.select_for_update(no_key=True).filter(patient=patient)
    return list(rentals.exclude(state__in=OVER).order_by("pk")) or list(rentals.order_by("-pk")[:1])


def change_state(patient: Patient, state: Patient.State) -> None:
    if not Patient.objects.filter(pk=patient.pk).exclude(state=state).update(state=state):
        raise Refusal(
            "wrong_state",
            _("The patient is recorded as %(state)s already; nothing is left to do.")
            % {"state": in_sentence(state.label)},
        )
    patient.state = state


def write_down(rentals: Iterable[Rental], reason: str, verb: str, *, at: datetime, actor: User) -> None:
    for rental in rentals:
        record(rental, verb, old=rental.state, at=at, now=at, actor=actor, reason=reason)
