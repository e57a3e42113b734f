"""A patient who has withdrawn or died is told nothing more from that moment on (I8); a mistake is taken back."""

from datetime import timedelta

import pytest

from patients.models import Access, Patient
from rentals.links import make_portal_link
from rentals.models import Move, PatientLink, PortalSession, StaffTask
from rentals.silence import silence, unsilence
from rentals.staff_tasks import ask_staff
from tests import make
from tests.refusals import refused_as
from tests.rentals.never import broken

pytestmark = pytest.mark.django_db

Kind = StaffTask.Kind
WITHDRAWN, DECEASED = Patient.State.WITHDRAWN, Patient.State.DECEASED


def say(patient, state=WITHDRAWN, reason="Her daughter phoned", **details):
    return silence(patient, state=state, reason=reason, at=make.NOW, actor=make.reception(), **details)


def asked(rental, kind):
    return ask_staff(kind, f"{rental.reference} {kind}", rental=rental, words="Phone", at=make.NOW)


@pytest.mark.parametrize("state", [WITHDRAWN, DECEASED])
def test_it_is_written_down_with_who_and_why(state, active):
    say(active.patient, state)
    assert Patient.objects.get().state == state
    written = active.moves.last()
    assert (written.verb, written.reason) == ("silence", f"{state.label.lower()}: Her daughter phoned")
    assert (written.old_state, written.new_state, written.at) == ("active", "active", make.NOW)
    last = Access.objects.latest("pk")
    assert (last.patient_id, last.action, last.user) == (active.patient_id, "changed", written.actor)
    assert broken() == []


def test_calls_to_make_are_closed_and_what_concerns_the_device_stays(active):
    for kind in Kind:
        asked(active, kind)
    others = asked(make.rental("active", active.clinic), Kind.PHONE)
    say(active.patient, DECEASED)
    left = StaffTask.objects.open().filter(patient=active.patient)
    assert {task.kind for task in left} == {Kind.PROBLEM, Kind.DEEMED_KEPT}
    closed = StaffTask.objects.exclude(done_at=None)
    assert {(task.done_at, task.done_by, bool(task.note)) for task in closed} == {(make.NOW, None, True)}
    others.refresh_from_db()
    assert others.done_at is None


def test_links_and_open_pages_show_nothing_any_more(active):
    rental, other = active, make.rental("active")
    for one in (rental, other):
        make_portal_link(one, at=make.NOW)
        ends = {"created_at": make.NOW, "last_seen_at": make.NOW, "expires_at": make.NOW + timedelta(hours=1)}
        PortalSession.objects.create(link=one.links.get(), key_hash=one.reference, **ends)
    say(rental.patient)
    revoked = PatientLink.objects.values_list("rental", "revoked_at").order_by("rental")
    assert list(revoked) == [(rental.pk, make.NOW), (other.pk, None)]
    ended = PortalSession.objects.values_list("link__rental", "ended_at").order_by("link__rental")
    assert list(ended) == [(rental.pk, make.NOW), (other.pk, None)]


def test_it_stands_in_each_open_rental_or_else_in_the_latest():
    first = make.rental("closed")
    second = make.rental("active", first.clinic, patient=first.patient, at=make.NOW + timedelta(days=30))
    say(first.patient)
    assert list(Move.objects.filter(verb="silence").values_list("rental", flat=True)) == [second.pk]
    closed = make.rental("closed")
    say(closed.patient)
    assert closed.moves.last().verb == "silence"


def test_it_asks_for_a_reason_and_for_what_happened(active):
    patient = active.patient
    assert refused_as("invalid", say, patient, reason=" ").field == "reason"
    assert refused_as("invalid", say, patient, Patient.State.ACTIVE).field == "state"
    say(patient)
    refused_as("wrong_state", say, patient)
    say(patient, DECEASED)  # the one may follow the other


def test_a_mistake_is_taken_back(active):
    back = {"at": make.NOW, "actor": make.manager()}
    refused_as("wrong_state", unsilence, active.patient, reason="A namesake", **back)
    say(active.patient, DECEASED)
    assert refused_as("invalid", unsilence, active.patient, reason="", **back).field == "reason"
    unsilence(active.patient, reason="A namesake", **back)
    assert Patient.objects.get().state == Patient.State.ACTIVE
    assert (active.moves.last().verb, active.moves.last().reason) == ("unsilence", "A namesake")


def test_a_patient_without_a_rental_is_silenced_too():
    patient = make.patient(make.clinic())
    assert say(patient).state == WITHDRAWN
