"""Pick-ups and returns that a clinic takes on one day: counted, refused with the next day, raced for."""

import threading
from datetime import date, timedelta
from functools import partial

import pytest

from config.models import Clinic, Closure
from config.refusals import Refusal
from rentals.booking import book as booking_verbs
from rentals.booking import change, desk_days, extension, waiting
from rentals.booking.alternatives import next_start
from rentals.models import Rental
from tests import make
from tests.refusals import refused_as
from tests.threads import all_at_once

DAY = timedelta(days=1)
MONDAY, FRIDAY = date(2026, 3, 2), date(2026, 3, 6)
DUE = date(2026, 4, 10)  # a Friday


def clinic_taking(*, pick_ups: int | None = None, returns: int | None = None, devices: int = 4) -> Clinic:
    clinic = make.clinic()
    limit(clinic, pick_ups=pick_ups, returns=returns)
    for _ in range(devices):
        make.device(clinic)
    return clinic


def limit(clinic: Clinic, *, pick_ups: int | None = None, returns: int | None = None) -> None:
    clinic.pick_ups_per_day, clinic.returns_per_day = pick_ups, returns
    clinic.full_clean()
    clinic.save()


def again(rental: Rental) -> Rental:
    """As another request sees it."""
    return Rental.objects.get(pk=rental.pk)


@pytest.mark.django_db
class TestFullDays:
    def test_a_start_on_a_full_day_is_refused_with_how_many_there_are_and_the_next_day_with_room(self):
        clinic = clinic_taking(pick_ups=2)
        for starts_on in (FRIDAY, FRIDAY, FRIDAY + DAY):
            make.book(clinic, starts_on=starts_on)
        refusal = refused_as("desk_full", make.book, clinic, starts_on=FRIDAY)
        assert (refusal.status, refusal.field) == (409, "starts_on")
        assert refusal.conflict == {"day": "2026-03-06", "booked": 2}
        assert refusal.alternatives == [{"starts_on": "2026-03-07"}]
        assert "has 2 pick-ups on Friday 6 March 2026 already and takes 2 a day" in refusal.message
        assert refusal.message.endswith("the next day with room is Saturday 7 March 2026.")
        assert make.book(clinic, starts_on=FRIDAY + DAY).starts_on == FRIDAY + DAY

    def test_a_due_day_is_full_by_returns_and_the_next_day_with_room_is_an_open_one(self):
        """Saturday is full, Sunday has no hours, and Monday is a closure."""
        clinic = clinic_taking(returns=1)
        Closure.objects.create(clinic=clinic, first_day=DUE + 3 * DAY, last_day=DUE + 3 * DAY, reason="Works")
        for due_on in (DUE, DUE + DAY):
            make.book(clinic, due_on=due_on)
        refusal = refused_as("desk_full", make.book, clinic, due_on=DUE)
        assert (refusal.field, refusal.alternatives) == ("due_on", [{"due_on": "2026-04-14"}])
        assert "has 1 return on Friday 10 April 2026 already" in refusal.message

    def test_where_no_day_has_room_none_is_named(self):
        clinic = clinic_taking(pick_ups=1)
        make.book(clinic, starts_on=FRIDAY)
        Closure.objects.create(clinic=clinic, first_day=FRIDAY + DAY, last_day=FRIDAY + 70 * DAY, reason="Works")
        refusal = refused_as(
            "desk_full", make.book, Clinic.objects.get(pk=clinic.pk), starts_on=FRIDAY, due_on=date(2026, 5, 30)
        )
        assert refusal.alternatives == []

    def test_only_what_takes_a_place_counts(self):
        clinic, other = clinic_taking(pick_ups=1, returns=1), clinic_taking()
        days = {"starts_on": FRIDAY, "due_on": DUE}
        make.book(other, **days)
        waiting.enquire(make.booking(clinic, **days), at=make.NOW, actor=make.manager())
        change.cancel(make.book(clinic, **days), reason="Ill", at=make.NOW, actor=make.manager())
        returned = make.rental("closed", clinic, due_on=DUE, ended=make.NOW + DAY)
        assert (returned.starts_on, returned.due_on) == (MONDAY, DUE)
        assert make.book(clinic, **days).state == "reserved"

    def test_who_has_fetched_a_device_today_counts_today_and_who_comes_late_does_not(self):
        clinic = clinic_taking(pick_ups=1)
        late = make.book(clinic, starts_on=FRIDAY)
        moment = make.NOW + 7 * DAY
        make.hand_over(late, at=moment)
        make.hand_over(make.book(clinic, at=moment), at=moment)
        assert refused_as("desk_full", make.book, clinic, at=moment).conflict == {"day": "2026-03-09", "booked": 1}

    def test_the_day_is_the_clinics_own(self):
        """Handed over at 08:00 on Monday in Sydney, which is Sunday in Greenwich."""
        clinic, moment = clinic_taking(pick_ups=1), make.NOW - timedelta(hours=4)
        make.hand_over(make.book(clinic, at=moment), at=moment)
        refused_as("desk_full", make.book, clinic)

    def test_neither_a_day_that_has_passed_nor_a_day_without_a_limit_is_ever_full(self):
        clinic = clinic_taking(pick_ups=1)
        for _ in range(2):
            make.book(clinic, starts_on=MONDAY - DAY, due_on=DUE)
        limit(clinic)
        for _ in range(2):
            make.book(clinic, starts_on=FRIDAY, due_on=DUE)

    def test_a_hand_over_and_a_return_are_never_refused(self):
        clinic = clinic_taking()
        rentals = [make.book(clinic, starts_on=MONDAY, due_on=DUE), make.book(clinic, starts_on=FRIDAY, due_on=DUE)]
        limit(clinic, pick_ups=1, returns=1)
        for rental in rentals:
            active = make.hand_over(again(rental))
            assert (active.starts_on, make.take_back(active, at=make.NOW + DAY).state) == (MONDAY, "returned")


@pytest.mark.django_db
class TestExtensions:
    def test_an_extension_to_a_full_day_is_refused_with_the_next_day_with_room(self):
        clinic = clinic_taking(returns=1)
        make.book(clinic, due_on=DUE)
        rental = make.rental("active", clinic)
        refusal = refused_as("desk_full", extension.extend, rental, due_on=DUE, at=make.NOW, actor=make.manager())
        assert (refusal.field, refusal.alternatives) == ("due_on", [{"due_on": "2026-04-11"}])
        assert again(rental).due_on == rental.due_on

    def test_a_place_lost_before_the_planner_made_room_is_refused(self):
        """The first try found a device in the way; the day fills before the second one, which moves it."""
        clinic = clinic_taking(returns=1)
        rental = make.rental("active", clinic)
        make.book(clinic, due_on=DUE)
        in_the_way, wish = Refusal("device_unavailable", "Booked"), extension.Extension(DUE, 28)
        who = {"at": make.NOW, "actor": make.manager()}
        refused_as("desk_full", extension.extend_and_repair, rental, wish, in_the_way, **who)

    def test_a_rental_keeps_its_own_place_also_where_fewer_are_taken_now(self):
        clinic = clinic_taking()
        rentals = [make.book(clinic, due_on=DUE) for _ in range(2)]
        limit(clinic, returns=1)
        extended = extension.extend(
            again(rentals[0]), due_on=DUE, planned_treatments=30, at=make.NOW, actor=make.manager()
        ).rental
        assert (extended.due_on, extended.planned_treatments) == (DUE, 30)


@pytest.mark.django_db
class TestWaiting:
    def waiting(self, clinic: Clinic) -> Rental:
        booking = make.booking(clinic, starts_on=FRIDAY, due_on=DUE)
        return waiting.enquire(booking, at=make.NOW, actor=make.manager())

    def reserve(self, rental: Rental, **wishes: date) -> Rental:
        return waiting.reserve(again(rental), at=make.NOW, actor=make.manager(), **wishes)

    def test_it_is_written_down_for_full_days_and_reserved_for_the_next_with_room(self):
        """From Friday to Saturday; five weeks later Saturday is full, and Sunday closed."""
        clinic = clinic_taking(pick_ups=1, returns=1)
        make.book(clinic, starts_on=FRIDAY, due_on=DUE)
        make.book(clinic, starts_on=MONDAY, due_on=DUE + DAY)
        reserved = self.reserve(self.waiting(clinic))
        assert (reserved.starts_on, reserved.due_on) == (FRIDAY + DAY, DUE + 3 * DAY)

    def test_a_full_start_that_is_asked_for_is_refused(self):
        clinic = clinic_taking(pick_ups=1)
        make.book(clinic, starts_on=MONDAY + DAY)
        rental = self.waiting(clinic)
        refusal = refused_as("desk_full", self.reserve, rental, starts_on=MONDAY + DAY)
        assert (refusal.field, refusal.alternatives) == ("starts_on", [{"starts_on": "2026-03-04"}])
        assert again(rental).state == "enquiry"
        refused_as("desk_full", waiting.need_of, rental, make.NOW, MONDAY + DAY)  # what the page asks before the verb

    def test_whoever_looked_before_it_was_reserved_for_the_last_place_is_told_so(self):
        clinic = clinic_taking(pick_ups=1, returns=1)
        rental = self.waiting(clinic)
        seen = again(rental)
        self.reserve(rental)
        who = {"at": make.NOW, "actor": make.manager()}
        refused_as("wrong_state", waiting.reserve, seen, starts_on=FRIDAY, **who)


@pytest.mark.django_db
def test_the_start_that_is_offered_instead_has_room_at_both_ends():
    """The one device is free from Wednesday 1 April, which is full, and 28 days from the 2nd on are full too."""
    clinic = clinic_taking(devices=1)
    make.book(clinic)
    for days in ({"starts_on": date(2026, 4, 1)}, {"due_on": date(2026, 4, 30)}):
        make.book(clinic, device=make.device(clinic, nominal=20), planned_treatments=20, **days)
    limit(clinic, pick_ups=1, returns=1)
    [offered] = next_start(make.booking(clinic).need, make.NOW)
    assert (offered["starts_on"], offered["due_on"]) == ("2026-04-02", "2026-05-01")


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Each of the two has a device of its own, so that only the place is scarce."""

    def outcomes(self, *actions: partial) -> list[str]:
        def outcome(action: partial) -> str:
            try:
                action()
            except Refusal as refusal:
                return refusal.code
            return "won"

        return sorted(all_at_once([partial(outcome, action) for action in actions]))

    @pytest.mark.parametrize(("locked", "outcomes"), [(True, ["desk_full", "won"]), (False, ["won", "won"])])
    def test_the_last_place_of_a_day_goes_to_one_of_two(self, monkeypatch, locked, outcomes):
        clinic, actor = clinic_taking(pick_ups=1), make.manager()
        bookings = [make.booking(clinic, starts_on=FRIDAY, device=make.device(clinic)) for _ in range(2)]
        both_have_looked, make_rental = threading.Barrier(2), booking_verbs.make_rental

        def make_rental_later(*arguments, **details):
            """Wait for the other clerk; where the lock keeps the other out, go on alone."""
            try:
                both_have_looked.wait(timeout=1)
            except threading.BrokenBarrierError:
                assert locked
            return make_rental(*arguments, **details)

        monkeypatch.setattr(booking_verbs, "make_rental", make_rental_later)
        if not locked:
            monkeypatch.setattr(desk_days, "lock_days", lambda clinic, days: None)
        made = [partial(booking_verbs.book, booking, at=make.NOW, actor=actor) for booking in bookings]
        assert self.outcomes(*made) == outcomes
        assert Rental.objects.filter(starts_on=FRIDAY).count() == outcomes.count("won")

    def test_a_booking_an_extension_and_a_waiting_rental_never_wait_crosswise(self):
        """All three want the last return of a day, two of them the last pick-up of another."""
        for _ in range(3):
            clinic, actor = clinic_taking(pick_ups=1, returns=1), make.manager()
            days = {"starts_on": FRIDAY, "due_on": DUE}
            active = make.rental("active", clinic, due_on=DUE - DAY)
            waits = waiting.enquire(make.booking(clinic, **days), at=make.NOW, actor=actor)
            made = partial(booking_verbs.book, make.booking(clinic, **days), at=make.NOW, actor=actor)
            given = partial(waiting.reserve, waits, starts_on=FRIDAY, at=make.NOW, actor=actor)
            extended = partial(extension.extend, active, due_on=DUE, at=make.NOW, actor=actor)
            outcomes = self.outcomes(made, given, extended)
            assert set(outcomes) == {"won", "desk_full"}
            assert Rental.objects.filter(clinic=clinic, due_on=DUE, state__in=["reserved", "active"]).count() == 1
            assert Rental.objects.filter(clinic=clinic, starts_on=FRIDAY, state="reserved").count() <= 1
