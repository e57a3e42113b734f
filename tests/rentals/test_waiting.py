"""Waiting rentals: written down without a device, and given one later (I1, I2, I4)."""

from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest

from config.models import Closure, Terms
from config.refusals import Refusal
from patients.models import Screening
from rentals.booking import book as booking_verbs
from rentals.booking import change
from rentals.booking.waiting import enquire, later_start, need_of, reserve
from rentals.models import Holding, Rental
from tests import make
from tests.refusals import refused_as
from tests.shared import shared
from tests.threads import all_at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


@shared
def clinic():
    return make.clinic()


def waiting(clinic, *, actor=None, at=make.NOW, **wishes):
    return enquire(make.booking(clinic, at=at, **wishes), at=at, actor=actor or make.manager())


def give(rental, *, at=make.NOW, **wishes):
    return reserve(rental, at=at, actor=make.manager(), **wishes)


class TestEnquire:
    def test_an_enquiry_keeps_everything_that_a_booking_does_and_holds_nothing(self, clinic):
        device = make.device(clinic)
        actor = make.reception()
        rental = waiting(clinic, actor=actor, device=device, external_reference="A-1", prescribed_per_day=2)
        kept = Rental.objects.get(pk=rental.pk)
        assert (kept.state, kept.starts_on, kept.due_on) == ("enquiry", MONDAY, date(2026, 3, 30))
        assert (kept.planned_treatments, kept.prescribed_per_day, kept.external_reference) == (28, 2, "A-1")
        assert (kept.injury.kind, kept.screening.answers) == ("stress_fatigue", make.screening())
        assert not Holding.objects.exists()
        assert make.capacity_of(device).free_treatments == 343
        assert make.book(clinic, device=device).state == "reserved"

    def test_an_enquiry_is_a_recorded_change_of_the_patients_record(self, clinic):
        """I4, I10."""
        actor = make.reception()
        rental = waiting(clinic, actor=actor)
        moves = [(move.verb, move.old_state, move.new_state, move.actor) for move in rental.moves.all()]
        assert moves == [("enquire", "", "enquiry", actor)]
        assert rental.patient.accesses.filter(user=actor, action="changed").count() == 1

    @pytest.mark.parametrize(
        ("code", "wishes"),
        [
            ("invalid", {"planned_treatments": 0}),
            ("invalid", {"prescribed_per_day": 0}),
            ("invalid", {"due_on": MONDAY}),
            ("clinic_closed", {"due_on": date(2026, 3, 29)}),
            ("too_far_back", {"starts_on": MONDAY - 4 * DAY}),
            ("screening_required", {"screening": {}}),
            ("screening_required", {"indication": make.indication("pathological")}),
            ("permission_denied", {"override": {"capacity": "The patient may wait no longer"}}),
        ],
    )
    def test_what_a_booking_is_refused_for_an_enquiry_is_too(self, clinic, code, wishes):
        refused_as(code, waiting, clinic, actor=make.reception(), **wishes)
        assert not Rental.objects.exists()
        assert not Screening.objects.exists()

    def test_a_patient_waits_at_the_clinic_that_registered_the_patient(self, clinic):
        assert refused_as("invalid", waiting, clinic, patient=make.patient(make.clinic())).field == "patient"

    def test_an_enquiry_can_be_given_up(self, clinic):
        assert change.cancel(waiting(clinic), reason="Ill", at=make.NOW, actor=make.manager()).state == "cancelled"


class TestReserve:
    def test_a_waiting_rental_gets_the_device_that_strands_the_least(self, clinic):
        rental = waiting(clinic)
        make.device(clinic, nominal=343)
        exact = make.device(clinic, nominal=28)
        actor = make.reception()
        reserved = reserve(rental, at=make.NOW, actor=actor)
        assert (reserved.state, reserved.starts_on, reserved.due_on) == ("reserved", MONDAY, date(2026, 3, 30))
        holding = rental.holdings.get()
        assert (holding.device, holding.live) == (exact, True)
        assert (holding.blocked.lower, holding.blocked.upper) == (MONDAY, date(2026, 4, 1))
        assert make.capacity_of(exact).free_treatments == 0
        moves = [(move.verb, move.old_state, move.new_state) for move in rental.moves.all()]
        assert moves == [("enquire", "", "enquiry"), ("reserve", "enquiry", "reserved")]
        assert rental.moves.last().actor == actor
        assert rental.patient.accesses.filter(user=actor, action="changed").count() == 1

    def test_a_named_device_is_taken_even_if_another_fits_better(self, clinic):
        make.device(clinic, nominal=28)
        wanted = make.device(clinic)
        assert give(waiting(clinic), device=wanted).holdings.get().device == wanted

    def test_a_rental_that_got_its_device_is_handed_over_as_any_other(self, clinic):
        device = make.device(clinic)
        assert make.hand_over(give(waiting(clinic))).state == "active"
        assert device.holdings.get().out.upper is None

    def test_a_clash_says_who_has_the_device_and_what_would_fit(self, clinic):
        first = make.rental("reserved", clinic)
        other = make.device(clinic)
        rental = waiting(clinic)
        refusal = refused_as("device_unavailable", give, rental, device=first.holdings.get().device)
        assert refusal.conflict["reference"] == first.reference
        assert [offer["device"]["id"] for offer in refusal.alternatives] == [other.pk]
        assert Rental.objects.get(pk=rental.pk).state == "enquiry"

    def test_where_nothing_fits_the_next_start_is_offered(self, clinic):
        make.rental("reserved", clinic)
        refusal = refused_as("device_unavailable", give, waiting(clinic))
        assert refusal.conflict == {"why_not": {"blocked": 1}}
        assert [offer["starts_on"] for offer in refusal.alternatives] == ["2026-04-01"]

    def test_a_device_with_too_few_treatments_is_refused_or_taken_as_a_manager_said(self, clinic):
        """I2."""
        device = make.device(clinic, nominal=27)
        assert refused_as("capacity_exceeded", give, waiting(clinic)).conflict == {"why_not": {"too_few_treatments": 1}}
        rental = waiting(clinic, override={"capacity": "The course will be shortened"})
        assert give(rental).holdings.get().device == device

    def test_unknown_capacity_is_refused_or_taken_as_was_accepted(self, clinic):
        """I2."""
        device = make.device(clinic, nominal=None)
        refused_as("capacity_exceeded", give, waiting(clinic), device=device)
        assert give(waiting(clinic, accept_unknown_capacity=True)).holdings.get().device == device

    def test_a_unit_of_one_patient_goes_to_nobody_else(self, clinic):
        """I3."""
        used = make.rental("closed", device=make.device(clinic, reuse=False)).holdings.get().device
        refused_as("reuse_not_permitted", give, waiting(clinic), at=make.NOW + 60 * DAY, device=used)

    def test_a_device_of_another_clinic_is_not_to_be_had(self, clinic):
        assert "another clinic" in refused_as("device_unavailable", give, waiting(clinic), device=make.device()).message

    def test_it_comes_under_the_present_terms(self, clinic):
        make.device(clinic)
        rental = waiting(clinic)
        Terms.objects.create(clinic=clinic, version=2, created_at=make.NOW, text="New")
        assert give(rental).terms.version == 2


class TestDays:
    def test_a_start_to_come_stays(self, clinic):
        make.device(clinic)
        rental = waiting(clinic, starts_on=MONDAY + 7 * DAY)
        assert give(rental).starts_on == MONDAY + 7 * DAY

    def test_a_start_that_has_passed_moves_to_today_with_the_course_as_long_as_it_was(self, clinic):
        make.device(clinic)
        rental = give(waiting(clinic), at=make.NOW + 10 * DAY)
        assert (rental.starts_on, rental.due_on) == (MONDAY + 10 * DAY, MONDAY + 38 * DAY)

    def test_days_move_to_open_ones(self, clinic):
        """10 days on it is Thursday 12 March; closed till Saturday, and Sunday is closed anyway."""
        make.device(clinic)
        rental = waiting(clinic)
        for first, last in ((date(2026, 3, 12), date(2026, 3, 14)), (date(2026, 4, 13), date(2026, 4, 13))):
            Closure.objects.create(clinic=clinic, first_day=first, last_day=last, reason="Stocktake")
        moved = give(Rental.objects.get(pk=rental.pk), at=make.NOW + 10 * DAY)
        assert (moved.starts_on, moved.due_on) == (date(2026, 3, 16), date(2026, 4, 14))
        assert moved.holdings.get().blocked.upper == date(2026, 4, 16)

    def test_without_open_days_it_is_refused(self, clinic):
        make.device(clinic)
        rental = waiting(clinic)
        clinic.opening_hours.all().delete()
        refused_as("clinic_closed", give, Rental.objects.get(pk=rental.pk))

    @pytest.mark.parametrize(
        ("starts_on", "due_on"),
        [
            (MONDAY, date(2026, 3, 30)),
            (date(2026, 3, 6), date(2026, 4, 3)),
            (date(2026, 3, 7), date(2026, 4, 4)),
        ],
    )
    def test_another_start_moves_the_due_day_with_it(self, clinic, starts_on, due_on):
        device = make.device(clinic)
        rental = give(waiting(clinic, starts_on=date(2026, 3, 16)), starts_on=starts_on)
        assert (rental.starts_on, rental.due_on) == (starts_on, due_on)
        assert (rental.holdings.get().device, rental.holdings.get().blocked.lower) == (device, starts_on)

    def test_another_start_keeps_at_least_the_length_of_the_course(self, clinic):
        """28 days from 9 March are 6 April, which is closed; the day after is not."""
        make.device(clinic)
        rental = waiting(clinic)
        Closure.objects.create(
            clinic=clinic, first_day=date(2026, 4, 6), last_day=date(2026, 4, 6), reason="Easter Monday"
        )
        moved = give(Rental.objects.get(pk=rental.pk), starts_on=date(2026, 3, 9))
        assert (moved.starts_on, moved.due_on) == (date(2026, 3, 9), date(2026, 4, 7))

    @pytest.mark.parametrize(("code", "starts_on"), [("invalid", MONDAY - DAY), ("clinic_closed", date(2026, 3, 8))])
    def test_a_start_that_has_passed_or_is_closed_is_refused_at_its_field(self, clinic, code, starts_on):
        make.device(clinic)
        rental = waiting(clinic)
        assert refused_as(code, give, rental, starts_on=starts_on).field == "starts_on"
        assert Rental.objects.get(pk=rental.pk).state == "enquiry"

    def test_a_closed_start_names_the_next_open_day(self, clinic):
        refusal = refused_as("clinic_closed", give, waiting(clinic), starts_on=date(2026, 3, 8))
        assert refusal.alternatives == [{"starts_on": "2026-03-09"}]

    def test_the_day_of_the_clinic_counts_and_not_the_one_of_greenwich(self, clinic):
        """At 14:00 UTC on Monday it is Tuesday in Sydney."""
        make.device(clinic)
        night = make.NOW + timedelta(hours=13)
        rental = waiting(clinic, at=night)
        assert refused_as("invalid", give, rental, at=night, starts_on=MONDAY).field == "starts_on"
        assert give(rental, at=night, starts_on=MONDAY + DAY).starts_on == MONDAY + DAY

    def test_the_start_that_is_offered_instead_is_as_long_as_the_one_that_is_reserved(self, clinic):
        """Its own due day is closed meanwhile, so that the days refused are longer than the course."""
        make.rental("reserved", clinic)
        rental = waiting(clinic)
        Closure.objects.create(clinic=clinic, first_day=date(2026, 3, 30), last_day=date(2026, 3, 31), reason="Works")
        rental = Rental.objects.get(pk=rental.pk)
        [other] = later_start(rental, need_of(rental, make.NOW), make.NOW)
        given = give(rental, starts_on=date.fromisoformat(other["starts_on"]))
        assert (given.starts_on, given.due_on) == (date(2026, 4, 1), date(2026, 4, 29))
        assert other["due_on"] == given.due_on.isoformat()


def race(*actions):
    """How often each outcome came: "won", or the code of a refusal. Any other exception is the test's failure."""

    def outcome(action):
        try:
            action()
        except Refusal as refusal:
            return refusal.code
        return "won"

    return Counter(all_at_once([partial(outcome, action) for action in actions]))


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """T1 in small."""

    @pytest.fixture
    def clinic(self):
        return make.clinic()

    def test_the_last_device_goes_to_one_of_those_who_wait(self, clinic):
        """I1."""
        device = make.device(clinic)
        rentals = [waiting(clinic) for _ in range(6)]
        assert race(*(partial(give, rental) for rental in rentals)) == {"won": 1, "device_unavailable": 5}
        assert device.holdings.count() == 1

    def test_one_rental_gets_one_device(self, clinic):
        for _ in range(6):
            make.device(clinic)
        rental = waiting(clinic)
        outcomes = race(*(partial(give, Rental.objects.get(pk=rental.pk)) for _ in range(6)))
        assert outcomes["won"] == 1
        assert set(outcomes) <= {"won", "wrong_state", "busy"}
        assert Holding.objects.count() == 1

    def test_a_booking_and_one_who_waits_want_the_last_device(self, clinic):
        """I1."""
        device = make.device(clinic)
        booking, rental = make.booking(clinic), waiting(clinic)
        book = partial(booking_verbs.book, booking, at=make.NOW, actor=make.manager())
        assert race(book, partial(give, rental)) == {"won": 1, "device_unavailable": 1}
        assert device.holdings.count() == 1
