"""The plan repairs itself: what is in the way is moved, what has nowhere to go is at risk (I1, I2, I11)."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from devices.readings import record_reading
from patients.models import Access
from rentals import custody
from rentals.booking import extension
from rentals.booking.replan import mend, place_at_risk, replan, what_is_wrong
from rentals.models import Holding, Move, Rental
from rentals.recall import start_recall
from rentals.transfer import send
from tests import make
from tests.refusals import refused_as
from tests.rentals.never import broken
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LATER = date(2026, 4, 13)


@shared
def clinic():
    return make.clinic()


@shared
def manager():
    return make.manager()


def device_of(rental):
    return Holding.objects.get(rental=rental, live=True).device


def two_in_a_row(clinic, **wishes):
    """A rental that is out, and a reservation on its device for later."""
    device = make.device(clinic)
    active = make.rental("active", device=device)
    return active, make.book(clinic, device=device, starts_on=LATER, **wishes)


@shared
def row():
    return two_in_a_row(make.clinic())


def extend(rental, due_on=date(2026, 4, 27), **details):
    return extension.extend(rental, due_on=due_on, at=make.NOW, actor=make.manager(), **details).rental


class TestAnExtension:
    def test_moves_the_reservation_that_is_in_the_way_and_writes_down_why(self, row):
        active, later = row
        spare = make.device(active.clinic)
        before = device_of(later)
        changes = Access.objects.filter(patient=later.patient, action="changed")
        earlier = changes.count()
        assert extend(active).due_on == date(2026, 4, 27)
        assert (device_of(active), device_of(later)) == (before, spare)
        moved = Move.objects.get(rental=later, verb="replan")
        assert moved.reason == f"rental {active.reference} was extended: from {before.serial} to {spare.serial}"
        assert changes.count() == earlier + 1
        assert not broken()

    def test_is_refused_where_another_would_be_left_without(self, row):
        active, later = row
        make.device(active.clinic, nominal=27)
        assert refused_as("device_unavailable", extend, active).conflict["reference"] == later.reference
        assert device_of(later) == device_of(active)
        assert Rental.objects.get(pk=active.pk).due_on == date(2026, 3, 30)

    def test_is_refused_where_the_other_is_pinned(self, clinic):
        active, later = two_in_a_row(clinic, pinned=True)
        make.device(clinic)
        assert refused_as("device_unavailable", extend, active).conflict["reference"] == later.reference

    def test_takes_treatments_that_were_promised_to_one_who_can_go_elsewhere(self, clinic):
        device, spare = make.device(clinic, nominal=60), make.device(clinic)
        active = make.rental("active", device=device)
        later = make.book(clinic, device=device, starts_on=LATER)
        extend(active, date(2026, 3, 30), planned_treatments=60)
        assert device_of(later) == spare

    def test_is_refused_where_the_device_itself_has_too_few(self, clinic):
        active = make.rental("active", device=make.device(clinic, nominal=60))
        make.device(clinic)
        refused_as("capacity_exceeded", extend, active, planned_treatments=61)
        assert Rental.objects.get(pk=active.pk).planned_treatments == 28

    def test_of_a_reservation_lets_it_go_where_the_longer_course_fits(self, clinic):
        device = make.device(clinic)
        first = make.book(clinic, device=device)
        second = make.book(clinic, device=device, starts_on=LATER, pinned=True)
        spare = make.device(clinic)
        extend(first)
        assert (device_of(first), device_of(second)) == (spare, device)

    def test_is_refused_past_the_service_of_the_device_unless_another_fits(self, clinic):
        device = make.device(clinic)
        active = make.rental("active", device=device)
        Device.objects.filter(pk=device.pk).update(service_due_on=date(2026, 4, 2))
        make.device(clinic)
        assert refused_as("device_unavailable", extend, active).conflict["usable_until"] == "2026-04-01"
        reserved = make.book(clinic, device=make.device(clinic))
        Device.objects.filter(pk=device_of(reserved).pk).update(service_due_on=date(2026, 4, 2))
        assert device_of(extend(reserved)).service_due_on is None

    def test_names_the_last_day_that_would_fit(self, clinic):
        active, _ = two_in_a_row(clinic, pinned=True)
        refusal = refused_as("device_unavailable", extend, active)
        assert refusal.alternatives[0] == {"due_on": "2026-04-11"}  # a Saturday, and a day to turn it around
        assert extend(active, date(2026, 4, 11)).due_on == date(2026, 4, 11)

    def test_is_not_refused_for_what_was_wrong_before(self, row):
        active, _ = row
        make.device(active.clinic)
        other = make.device(active.clinic, nominal=60)
        pinned = make.book(active.clinic, device=other, pinned=True)
        record_reading(other, 50, read_at=make.NOW, now=make.NOW, actor=make.manager())
        extend(active)
        assert device_of(pinned) is None


class TestAChain:
    def test_one_who_can_go_nowhere_directly_gets_the_place_of_one_who_can(self, clinic, manager):
        """The long course fits only the large device, where a short one stands that fits the small one."""
        large, small, broken_one = make.device(clinic), make.device(clinic, nominal=40), make.device(clinic)
        short = make.book(clinic, device=large)
        long = make.book(clinic, device=broken_one, planned_treatments=200)
        Device.objects.filter(pk=broken_one.pk).update(condition="quarantine")
        custody.inspect_unit(broken_one, passed=False, checks={}, at=make.NOW, actor=manager)
        assert (device_of(short), device_of(long)) == (small, large)


class TestADeviceThatIsTakenAway:
    def test_by_a_failed_inspection_sends_its_reservations_elsewhere(self, row, manager):
        active, later = row
        spare = make.device(active.clinic)
        returned = make.take_back(active, at=make.NOW + 9 * DAY)
        make.inspect(returned, passed=False, at=make.NOW + 9 * DAY)
        assert device_of(later) == spare

    @pytest.mark.parametrize("verb", [custody.report_lost, custody.report_kept])
    def test_by_a_loss_sends_its_reservations_elsewhere(self, row, manager, verb):
        active, later = row
        spare = make.device(active.clinic)
        verb(active, reason="Left on a train", at=make.NOW + DAY, actor=manager)
        assert device_of(later) == spare

    def test_by_a_recall_leaves_at_risk_what_has_no_place_and_says_so(self, clinic, manager):
        first, second = make.device(clinic), make.device(clinic)
        on_first, on_second = (
            make.book(clinic, device=first),
            make.book(clinic, device=second, starts_on=date(2026, 3, 9)),
        )
        spare = make.device(clinic, model=make.device_model())
        found = [
            start_recall(model=device.model, serials=[device.serial], reason="Heat", at=make.NOW, actor=manager)
            for device in (second, first)
        ]
        assert (device_of(on_first), device_of(on_second)) == (spare, None), "the sooner one has more need of it"
        assert [repaired.at_risk for one in found for repaired in one.repaired] == [[], [on_second]]
        gone = Move.objects.get(rental=on_second, verb="at_risk")
        assert gone.reason == f"recall {found[1].recall.pk}: from {spare.serial} to no device"

    def test_leaves_a_pinned_reservation_at_risk_for_staff_to_decide(self, clinic, manager):
        device = make.device(clinic)
        pinned = make.book(clinic, device=device, pinned=True)
        make.device(clinic)
        start_recall(model=device.model, serials=[device.serial], reason="Heat", at=make.NOW, actor=manager)
        assert device_of(pinned) is None
        replan(clinic, cause="asked", at=make.NOW)
        assert device_of(pinned) is None

    def test_keeps_the_soonest_when_there_is_room_for_one(self, clinic, manager):
        device, spare = make.device(clinic), make.device(clinic, nominal=30)
        soon = make.book(clinic, device=device)
        late = make.book(clinic, device=device, starts_on=LATER)
        start_recall(model=device.model, serials=[device.serial], reason="Heat", at=make.NOW, actor=manager)
        assert (device_of(soon), device_of(late)) == (spare, None)

    def test_sends_one_that_was_not_collected_yet_to_a_device_that_arrived_meanwhile(self, clinic, manager):
        """What is over is over: neither the way of the device here nor the days nobody came are in the way."""
        device, arriving = make.device(clinic), make.device(make.clinic())
        booked = make.book(clinic, device=device)
        send(arriving, to=clinic, arrives_on=clinic.day_of(make.NOW), at=make.NOW, actor=manager)
        start_recall(model=device.model, serials=[device.serial], reason="Heat", at=make.NOW + 2 * DAY, actor=manager)
        assert device_of(booked) == arriving


class TestAnOverdueNight:
    """I11."""

    def test_blocks_the_device_until_the_presumption_has_passed(self, clinic):
        active = make.rental("active", clinic)
        at = make.NOW + 40 * DAY
        assert what_is_wrong(clinic, at)
        mend(at)
        today = clinic.day_of(at)
        assert Holding.objects.get(rental=active).blocked.upper == today + 9 * DAY  # seven days, one to turn it around
        assert not what_is_wrong(clinic, at)

    def test_moves_the_reservation_that_is_endangered_in_the_same_transaction(self, row):
        active, later = row
        spare = make.device(active.clinic)
        mend(make.NOW + 32 * DAY)  # two days overdue, ten before the next
        assert device_of(later) == device_of(active)
        mend(make.NOW + 35 * DAY)
        assert device_of(later) == spare
        assert "presumed to stay away" in Move.objects.get(rental=later, verb="replan").reason

    def test_marks_at_risk_what_has_nowhere_to_go_and_places_it_when_the_device_comes_back(self, row):
        active, later = row
        mend(make.NOW + 35 * DAY)
        assert device_of(later) is None
        returned = make.take_back(active, at=make.NOW + 36 * DAY)
        make.inspect(returned, at=make.NOW + 36 * DAY)
        place_at_risk([active.clinic], make.NOW + 36 * DAY)
        assert device_of(later) == active.holdings.get().device
        assert not what_is_wrong(active.clinic, make.NOW + 36 * DAY)

    def test_is_the_clinics_own_night(self):
        perth = make.clinic(time_zone="Australia/Perth")
        make.rental("active", perth, at=make.NOW)
        midnight = perth.start_of(date(2026, 3, 31))
        assert not what_is_wrong(perth, midnight - timedelta(seconds=1))
        assert what_is_wrong(perth, midnight)


class TestAReadingThatChangesWhatIsLeft:
    def test_sends_away_what_the_device_has_no_more_treatments_for(self, clinic, manager):
        device, spare = make.device(clinic, nominal=60), make.device(clinic)
        booked = make.book(clinic, device=device)
        record_reading(device, 40, read_at=make.NOW, now=make.NOW, actor=manager)
        mend(make.NOW)
        assert device_of(booked) == spare

    def test_leaves_at_risk_who_is_pinned_to_it(self, clinic, manager):
        device = make.device(clinic, nominal=60)
        booked = make.book(clinic, device=device, pinned=True)
        record_reading(device, 50, read_at=make.NOW, now=make.NOW, actor=manager)
        mend(make.NOW)
        assert device_of(booked) is None
        assert not what_is_wrong(clinic, make.NOW)

    def test_is_nothing_to_repair_for_one_that_nobody_came_to_collect(self, clinic, manager):
        device = make.device(clinic, nominal=60)
        make.book(clinic, device=device)
        at = make.NOW + 60 * DAY
        record_reading(device, 50, read_at=at, now=at, actor=manager)
        assert not what_is_wrong(clinic, at)

    def test_leaves_alone_whom_a_manager_promised_it_all_the_same(self, clinic, manager):
        device = make.device(clinic, nominal=60)
        make.device(clinic)
        booked = make.book(clinic, device=device, planned_treatments=70, override={"capacity": "Card is ordered"})
        assert not what_is_wrong(clinic, make.NOW)
        replan(clinic, cause="asked", at=make.NOW)
        assert device_of(booked) == device

    def test_counts_on_the_pace_of_a_patient_who_treats_twice_a_day(self, clinic, manager):
        """28 were planned until the 30th, 28 are done on the 16th: at this pace it will be 28 more."""
        fast, other, home = make.device(clinic, nominal=90), make.device(clinic, nominal=91), make.device(clinic)
        make.rental("active", device=fast)
        booked = make.book(clinic, device=home, starts_on=LATER, planned_treatments=60)
        at = make.NOW + 14 * DAY
        record_reading(fast, 28, read_at=at, now=at, actor=manager)
        start_recall(model=home.model, serials=[home.serial], reason="Heat", at=at, actor=manager)
        assert device_of(booked) == other  # 62 are free on the first one now, and 34 at the pace


class TestWhatStays:
    def test_a_plan_with_nothing_wrong_is_left_as_it_is(self, clinic):
        for number in range(3):
            make.book(clinic, device=make.device(clinic, nominal=343 - number))
        make.device(clinic, nominal=30)  # would strand less, and is no reason to move anybody
        before = list(Holding.objects.order_by("pk").values_list("device", "blocked"))
        assert replan(clinic, cause="asked", at=make.NOW).moved == []
        assert list(Holding.objects.order_by("pk").values_list("device", "blocked")) == before

    def test_a_reservation_whose_device_only_waits_for_its_inspection(self, row):
        active, later = row
        make.device(active.clinic)
        make.take_back(active, at=make.NOW + 41 * DAY)
        replan(active.clinic, cause="asked", at=make.NOW + 41 * DAY)
        assert device_of(later) == active.holdings.get().device

    def test_what_nobody_came_to_collect(self, clinic):
        missed = make.book(clinic, device=make.device(clinic))
        at = make.NOW + 60 * DAY
        replan(clinic, cause="asked", at=at)
        assert device_of(missed)


def test_the_number_of_queries_does_not_grow_with_the_site(clinic):
    counts = []
    for _ in range(2):
        for _ in range(2):
            make.book(clinic, device=make.device(clinic, reuse=False))
            make.rental("active", device=make.device(clinic, reuse=False))
        with CaptureQueriesContext(connection) as captured:
            replan(clinic, cause="asked", at=make.NOW)
        counts.append(len(captured))
    assert counts[0] == counts[1]
