"""Offers from the waiting list: in their order, to whom they fit, until they run out (I1, I2, I4).

`make.NOW` is a Monday noon: nine open hours later it is Tuesday noon.
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.models import Clinic, Closure, Terms
from devices.models import Device
from patients.models import Patient
from rentals import agreement, custody, ledger
from rentals.booking import change, extension, offers, replan, waiting
from rentals.booking.offers import accept_offer, decline_offer, offer_again, offer_next, see_to_offers, sweep_offers
from rentals.models import Holding, Priority, Reminder, Rental
from rentals.recall import start_recall
from tests import make
from tests.refusals import refused_as
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = date(2026, 3, 2)
TUESDAY_NOON = make.NOW + DAY


@shared
def clinic():
    return make.clinic()


def now(rental):
    return Rental.objects.get(pk=rental.pk)


def by(actor=None):
    return {"at": make.NOW, "actor": actor or make.manager()}


def verbs_of(rental):
    return [move.verb for move in rental.moves.all()]


class TestInTurn:
    def test_the_list_goes_by_priority_then_age(self, clinic):
        first, second, third = (make.waiting(clinic, at=make.NOW + hours * HOUR) for hours in (0, 1, 2))
        waiting.prioritise(third, priority=Priority.URGENT, **by())
        waiting.prioritise(second, priority=Priority.SOON, **by())
        same_age = make.waiting(clinic)
        assert list(Rental.objects.waiting()) == [third, second, first, same_age]

    def test_the_first_whose_need_fits_is_offered_a_device_and_nobody_else_is_told(self, clinic):
        """The first in line wants more treatments than any device has left."""
        long, short, later = make.waiting(clinic, planned_treatments=100), make.waiting(clinic), make.waiting(clinic)
        device = make.device(clinic, nominal=30)
        assert offer_next(clinic, make.NOW) == [short]
        offered = now(short)
        assert (offered.state, offered.offer_expires_at) == ("reserved", TUESDAY_NOON)
        assert short.holdings.get(live=True).device == device
        assert make.capacity_of(device).free_treatments == 2
        assert [now(rental).state for rental in (long, later)] == ["enquiry", "enquiry"]
        reminder = Reminder.objects.get()
        assert (reminder.rental, reminder.kind, reminder.due_at) == (short, "offer", make.NOW)
        written = short.moves.last()
        assert (written.verb, written.old_state, written.new_state, written.actor) == (
            "offer",
            "enquiry",
            "reserved",
            None,
        )

    def test_what_is_free_is_offered_until_it_is_used_up(self, clinic):
        rentals = [make.waiting(clinic) for _ in range(3)]
        for _ in range(2):
            make.device(clinic)
        assert offer_next(clinic, make.NOW) == rentals[:2]
        assert offer_next(clinic, make.NOW) == []

    def test_each_site_has_a_list_of_its_own(self, clinic):
        make.waiting(make.clinic())
        make.device(clinic)
        assert sweep_offers(make.NOW) == []

    @pytest.mark.parametrize("state", [Patient.State.WITHDRAWN, Patient.State.DECEASED])
    def test_nothing_is_offered_to_whoever_is_treated_no_more(self, clinic, state):
        rental = make.waiting(clinic)
        Patient.objects.filter(pk=rental.patient_id).update(state=state)
        make.device(clinic)
        assert offer_next(clinic, make.NOW) == []

    def test_a_sweep_asks_one_question_where_nobody_waits(self, clinic):
        make.rental("active", clinic)
        with CaptureQueriesContext(connection) as asked:
            assert sweep_offers(make.NOW) == []
        assert len(asked) == 1

    def test_who_waits_in_vain_costs_two_questions_each(self, clinic):
        def questions():
            with CaptureQueriesContext(connection) as asked:
                offer_next(Clinic.objects.get(pk=clinic.pk), make.NOW)
            return len(asked)

        make.rental("reserved", clinic)
        make.waiting(clinic)
        one = questions()
        for _ in range(4):
            make.waiting(clinic)
        assert questions() <= one + 2 * 4

    def test_nobody_is_offered_a_day_that_the_desk_has_no_room_for(self, clinic):
        """One pick-up a day, and Tuesday's is taken: the course begins on Wednesday."""
        Clinic.objects.update(pick_ups_per_day=1)
        rental = make.waiting(clinic)
        make.book(clinic, device=make.device(clinic), starts_on=MONDAY + DAY)
        make.device(clinic)
        offer_next(Clinic.objects.get(pk=clinic.pk), make.NOW)
        assert now(rental).starts_on == MONDAY + 2 * DAY


class TestTheTimeToAnswer:
    @pytest.mark.parametrize(
        ("made", "expires"),
        [
            ("2026-03-02T12:00", "2026-03-03T12:00"),
            ("2026-03-02T08:00", "2026-03-02T17:30"),
            ("2026-03-02T17:45", "2026-03-03T17:30"),
            ("2026-03-02T23:00", "2026-03-03T17:30"),
            ("2026-03-03T02:00", "2026-03-03T17:30"),
            # Friday evening: four hours on Saturday, then Monday.
            ("2026-03-06T17:30", "2026-03-09T13:30"),
            # Before Easter, in the week in which the clocks go back.
            ("2026-04-02T12:00", "2026-04-07T12:00"),
        ],
    )
    def test_an_offer_is_open_for_nine_open_hours_over_nights_weekends_and_holidays(self, made, expires):
        clinic = make.clinic(holiday_region="AU-NSW")
        at = datetime.fromisoformat(made).replace(tzinfo=clinic.zone).astimezone(UTC)
        rental = make.waiting(clinic, at=at - 40 * DAY, starts_on=date(2026, 6, 1))
        make.device(clinic)
        [offered] = offer_next(clinic, at)
        assert offered == rental
        assert offered.offer_expires_at == datetime.fromisoformat(expires).replace(tzinfo=clinic.zone)

    def test_the_hours_count_from_when_the_mail_may_leave(self, clinic):
        """Open until half past five, but nothing is mailed after three in the afternoon or before ten."""
        Clinic.objects.update(reminders_from="10:00", reminders_until="15:00")
        make.waiting(clinic)
        make.device(clinic)
        [offered] = offer_next(Clinic.objects.get(pk=clinic.pk), make.NOW + 4 * HOUR)
        assert Reminder.objects.get().due_at == make.NOW + 22 * HOUR
        assert offered.offer_expires_at == datetime(2026, 3, 4, 10, 0, tzinfo=clinic.zone)

    def test_the_course_is_counted_from_the_day_until_which_it_may_be_accepted(self, clinic):
        make.device(clinic)
        today, to_come = make.waiting(clinic), make.waiting(clinic, starts_on=MONDAY + 7 * DAY)
        make.device(clinic)
        offer_next(clinic, make.NOW)
        assert (now(today).starts_on, now(today).due_on) == (MONDAY + DAY, MONDAY + 29 * DAY)
        assert now(to_come).starts_on == MONDAY + 7 * DAY

    def test_a_clinic_that_stays_closed_offers_nothing_and_the_others_are_served(self, clinic):
        make.waiting(clinic)
        make.device(clinic)
        Closure.objects.create(clinic=clinic, first_day=MONDAY, last_day=date(2027, 3, 2), reason="Moving")
        other = make.clinic()
        rental = make.waiting(other)
        make.device(other)
        assert sweep_offers(make.NOW) == [rental]


class TestAnswers:
    def test_an_accepted_offer_is_booked_under_the_terms_of_that_moment(self, clinic):
        rental = make.offered(clinic)
        Terms.objects.create(clinic=clinic, version=2, created_at=make.NOW, text="New")
        actor = make.reception()
        accepted = accept_offer(rental, at=make.NOW + HOUR, actor=actor)
        assert (accepted.state, accepted.offer_expires_at, accepted.terms.version) == ("reserved", None, 2)
        assert rental.moves.last().actor == actor
        assert rental.patient.accesses.filter(user=actor, action="changed").count() == 1
        assert make.hand_over(accepted).state == "active"

    def test_the_patient_answers_without_being_a_user(self, clinic):
        rental = accept_offer(make.offered(clinic), at=make.NOW, actor=None)
        assert (rental.moves.last().actor, rental.moves.last().reason) == (None, "by the patient, through the link")

    @pytest.mark.parametrize(
        ("verb", "end"),
        [
            ("offer_declined", lambda rental: decline_offer(rental, **by())),
            ("offer_expired", lambda rental: offers.expire_offers(rental.clinic, TUESDAY_NOON)),
        ],
    )
    def test_an_offer_that_is_not_taken_lets_go_and_waits_as_before(self, clinic, verb, end):
        """Its due day had moved to an open one; what was asked for has not."""
        rental = make.waiting(clinic, days=25)
        before = (rental.starts_on, rental.due_on)
        device = make.device(clinic)
        Closure.objects.create(clinic=clinic, first_day=date(2026, 3, 28), last_day=date(2026, 4, 3), reason="Works")
        offered = make.offer_to(now(rental))
        assert offered.due_on == date(2026, 4, 4)
        end(offered)
        rental = now(rental)
        assert (rental.state, rental.offer_expires_at) == ("enquiry", None)
        assert (rental.starts_on, rental.due_on) == before
        assert rental.passed_at in (make.NOW, TUESDAY_NOON)
        assert verbs_of(rental) == ["enquire", "offer", verb]
        assert not Holding.objects.filter(live=True).exists()
        assert make.capacity_of(device).free_treatments == 343

    def test_it_passes_on_to_the_next_and_not_back_until_staff_say_so(self, clinic):
        first, second = make.waiting(clinic), make.waiting(clinic)
        make.device(clinic)
        assert see_to_offers(clinic, make.NOW) == [first]
        assert see_to_offers(clinic, TUESDAY_NOON - HOUR) == []
        assert see_to_offers(clinic, TUESDAY_NOON) == [second]
        assert see_to_offers(clinic, TUESDAY_NOON + DAY) == []
        offer_again(now(first), at=TUESDAY_NOON + DAY, actor=make.reception())
        assert see_to_offers(clinic, TUESDAY_NOON + DAY) == [first]
        assert verbs_of(first) == ["enquire", "offer", "offer_expired", "offer_again", "offer"]

    def test_who_declined_since_the_walk_through_the_list_began_is_passed_over(self, clinic):
        rental = make.waiting(clinic)
        make.device(clinic)
        seen = offers.to_offer().get()
        make.passed_on(rental)
        assert offers.offer(seen, clinic, make.NOW) is None
        assert not Holding.objects.filter(live=True).exists()

    def test_an_offer_is_not_declined_twice_nor_accepted_after_it(self, clinic):
        rental = make.offered(clinic)
        decline_offer(rental, **by())
        for answer in (accept_offer, decline_offer):
            refusal = refused_as("offer_expired", answer, rental, **by())
            assert (refusal.status, refusal.conflict) == (409, {"reference": rental.reference})
            assert "offered again" in refusal.message

    @pytest.mark.parametrize("swept", [False, True])
    def test_an_answer_that_comes_too_late_says_what_to_do(self, clinic, swept):
        rental = make.offered(clinic)
        if swept:
            sweep_offers(TUESDAY_NOON)
        refused_as("offer_expired", accept_offer, now(rental), at=TUESDAY_NOON, actor=None)
        assert "offer_accepted" not in verbs_of(rental)

    def test_only_an_offer_is_answered(self, clinic):
        booked = make.rental("reserved", clinic)
        refused_as("wrong_state", accept_offer, booked, **by())
        refused_as("wrong_state", decline_offer, booked, **by())
        refused_as("wrong_state", accept_offer, make.waiting(clinic), **by())
        refused_as("wrong_state", offer_again, make.waiting(clinic), **by())

    def test_what_a_booking_goes_on_with_waits_for_the_answer(self, clinic):
        rental = make.offered(clinic)
        signed = {"name": "Ada", "accepted_terms_version": 1, **by()}
        out = {"counter": 0, "parts": [], "at": make.NOW, "now": make.NOW, "actor": make.manager()}
        refused_as("offer_open", agreement.sign, rental, **signed)
        refused_as("offer_open", ledger.pay, rental, kind="bond", amount=300, method="card", **by())
        refused_as("offer_open", custody.hand_over, rental, **out)
        refused_as("offer_open", extension.extend, rental, due_on=rental.due_on + DAY, **by())
        assert "accept" in refused_as("wrong_state", waiting.reserve, rental, **by()).message

    def test_an_offer_can_be_cancelled(self, clinic):
        rental = make.offered(clinic)
        cancelled = change.cancel(rental, reason="Treated elsewhere", **by())
        assert (cancelled.state, cancelled.offer_expires_at) == ("cancelled", None)
        assert not rental.holdings.filter(live=True).exists()

    def test_an_offer_whose_device_was_taken_away_is_withdrawn_and_made_again(self, clinic):
        rental = make.offered(clinic)
        device = rental.holdings.get().device
        start_recall(model=device.model, serials=[device.serial], reason="Heat", **by())
        refused_as("device_not_ready", accept_offer, rental, **by())
        assert sweep_offers(make.NOW) == []
        assert (now(rental).state, now(rental).passed_at) == ("enquiry", None)
        make.device(clinic)
        assert sweep_offers(make.NOW) == [rental]
        assert verbs_of(rental)[-3:] == ["at_risk", "offer_withdrawn", "offer"]

    def test_the_planner_moves_an_offer_as_it_moves_a_booking(self, clinic):
        rental = make.offered(clinic)
        old, other = rental.holdings.get().device, make.device(clinic)
        Device.objects.filter(pk=old.pk).update(condition="repair")
        replan.replan(clinic, cause="test", at=make.NOW)
        assert rental.holdings.get(live=True).device == other
        assert accept_offer(rental, **by()).state == "reserved"


class TestBookOrWait:
    @pytest.mark.parametrize("fleet", [[], [{"nominal": 27}], [{"nominal": None}]])
    def test_where_no_device_can_be_had_the_patient_waits(self, clinic, fleet):
        for columns in fleet:
            make.device(clinic, **columns)
        assert waiting.book_or_wait(make.booking(clinic), **by()).state == "enquiry"

    def test_where_one_can_be_had_it_is_booked(self, clinic):
        make.device(clinic)
        assert waiting.book_or_wait(make.booking(clinic), **by()).state == "reserved"

    def test_what_a_device_would_not_help_is_refused(self, clinic):
        refused_as("screening_required", waiting.book_or_wait, make.booking(clinic, screening={}), **by())
        assert not Rental.objects.exists()


def test_a_priority_is_recorded_with_what_it_was():
    rental, actor = make.waiting(make.clinic()), make.clinician()
    waiting.prioritise(rental, priority=Priority.URGENT, at=make.NOW, actor=actor)
    written = rental.moves.last()
    assert (written.verb, written.reason, written.actor) == ("prioritise", "from routine to urgent", actor)
    assert rental.patient.accesses.filter(user=actor, action="changed").count() == 1
    refused_as("wrong_state", waiting.prioritise, make.rental("reserved"), priority=Priority.SOON, **by())
