"""A rental recorded for the wrong patient: given to the right one, with history (I3, I4, I8, I10)."""

from datetime import timedelta

import pytest

from patients.models import Access
from rentals.correction import correct_patient_of
from rentals.ledger import balance
from rentals.models import PatientLink, Reminder, Rental, StaffTask
from rentals.models.states import State
from rentals.portal.home import asked_by
from rentals.staff_tasks import ask_staff
from tests import make
from tests.refusals import refused_as
from tests.rentals.never import broken

pytestmark = pytest.mark.django_db

Kind = StaffTask.Kind
DAY = timedelta(days=1)
LATER = make.NOW + 20 * DAY


def put_right(rental, patient, *, at=LATER, actor=None, reason="A namesake was chosen"):
    return correct_patient_of(rental, patient=patient, reason=reason, at=at, actor=actor or make.manager())


@pytest.mark.parametrize("state", [State.ENQUIRY, State.RESERVED, State.ACTIVE, State.RETURNED])
def test_the_rental_goes_over_with_all_that_belongs_to_it(state):
    rental, actor = make.rental(state), make.manager()
    wrong, right = rental.patient, make.patient(rental.clinic)
    before = Rental.objects.values("injury", "screening", "state").get(pk=rental.pk)
    money, holdings = balance(rental), list(rental.holdings.values())
    PatientLink.objects.create(rental=rental, key_hash="x", created_at=make.NOW, expires_at=LATER)
    put_right(rental, right, actor=actor)
    rental = Rental.objects.get(pk=rental.pk)
    assert (rental.patient, rental.state) == (right, before["state"])
    assert (rental.injury_id, rental.injury.patient) == (before["injury"], right)
    assert (rental.screening.patient, rental.screening.answers) == (right, make.screening())
    assert (rental.screening.recorded_at, rental.screening.pk == before["screening"]) == (make.NOW, False)
    assert wrong.screenings.get().pk == before["screening"]
    assert (balance(rental), list(rental.holdings.values())) == (money, holdings)
    assert PatientLink.objects.get().revoked_at == LATER
    move = rental.moves.last()
    assert (move.verb, move.actor, move.old_state, move.new_state) == ("correct_patient", actor, state, state)
    assert move.reason == f"Not patient {wrong.pk} but patient {right.pk}: A namesake was chosen"
    versions = rental.events.order_by("pgh_id")  # type: ignore[attr-defined]  # pghistory adds it
    assert list(versions.values_list("patient", flat=True))[-2:] == [wrong.pk, right.pk]
    changed = Access.objects.filter(user=actor, at=LATER, action="changed")
    assert {access.patient for access in changed} == {wrong, right}
    assert broken() == []


def test_it_names_another_patient_of_the_same_clinic_and_a_reason():
    rental = make.rental()
    right = make.patient(rental.clinic)
    for patient, reason, field in [
        (rental.patient, "x", "patient"),
        (make.patient(make.clinic()), "x", "patient"),
        (right, " ", "reason"),
    ]:
        assert refused_as("invalid", put_right, rental, patient, reason=reason).field == field
    assert Rental.objects.get(pk=rental.pk).patient == rental.patient


@pytest.mark.parametrize("state", [State.RESERVED, State.ACTIVE])
def test_a_unit_for_one_patient_is_not_given_to_a_second_one(state):
    single = make.device(reuse=False)
    person = make.patient(single.clinic)
    before = make.rental(State.CLOSED, device=single, patient=person)
    rental = make.rental(state, device=single, patient=person, at=make.NOW + 30 * DAY)
    later = make.NOW + 40 * DAY
    refusal = refused_as("reuse_not_permitted", put_right, rental, make.patient(single.clinic), at=later)
    assert refusal.conflict == {"reference": before.reference}
    alone = make.rental(state, device=make.device(single.clinic, reuse=False))
    put_right(alone, make.patient(single.clinic))
    assert broken() == []


def test_only_this_verb_changes_whose_rental_it_is():
    rental = make.rental()
    right = make.patient(rental.clinic)
    put_right(rental, right)
    with pytest.raises(Exception, match="rentals_rental"):
        Rental.objects.update(patient=make.patient(rental.clinic))


def test_what_the_wrong_patient_asked_for_is_closed_and_what_the_device_wants_goes_over(active):
    wrong, right = active.patient, make.patient(active.clinic)
    tasks = {kind: ask_staff(kind, f"{kind} once", rental=active, words="What to do", at=make.NOW) for kind in Kind}
    put_right(active, right)
    for kind, task in tasks.items():
        task.refresh_from_db()
        goes_over = kind in {Kind.CHASE, Kind.DEEMED_KEPT, Kind.GEL}
        stays_open = goes_over or kind in {Kind.PROBLEM, Kind.ADDRESS}  # looked into all the same
        assert (task.patient, task.done_at is None) == (right if goes_over else wrong, stays_open), kind
    assert tasks[Kind.HEALED].note == "The rental was recorded for the wrong patient."
    assert tasks[Kind.HEALED].done_by is None


def test_a_call_that_a_reminder_became_is_left_to_be_put_right(active):
    columns = {"kind": "due_today", "occasion": "x", "due_at": make.NOW, "channel": Reminder.Channel.PHONE}
    call = Reminder.objects.create(rental=active, **columns)
    task = ask_staff(Kind.PHONE, "call", rental=active, words="Tell them", at=make.NOW, reminder=call)
    put_right(active, make.patient(active.clinic))
    task.refresh_from_db()
    assert task.done_at is None


def test_the_right_patients_page_says_nothing_of_what_the_other_asked_for(active):
    ask_staff(Kind.PROBLEM, "once", rental=active, words="A rash", at=make.NOW)
    assert asked_by(active).count() == 1
    put_right(active, make.patient(active.clinic))
    assert asked_by(Rental.objects.get(pk=active.pk)).count() == 0
