"""What a device has left, what of it is promised, and what is free (I2)."""

from datetime import date, timedelta

import pytest

from devices.models import Device
from devices.readings import record_reading
from rentals.booking import change, extension
from rentals.booking.availability import fitting_devices, judged_devices
from rentals.booking.capacity import with_availability, with_capacity
from tests import make
from tests.refusals import refused_as
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MANAGER = {"override": {"capacity": "Card arrives next week"}}


@shared
def clinic():
    return make.clinic()


def figures(device):
    """Used, remaining, promised and free treatments of `device`."""
    now = make.capacity_of(device)
    return (now.used_treatments, now.remaining_treatments, now.promised_treatments, now.free_treatments)


def read(device, counter, at):
    return record_reading(device, counter, read_at=at, now=at, actor=None)


class TestFigures:
    def test_a_new_device_has_all_of_it_free(self, clinic):
        assert figures(make.device(clinic, nominal=343, counter=0)) == (0, 343, 0, 343)

    def test_a_device_nobody_read_has_its_nominal_number(self, clinic):
        assert figures(make.device(clinic, nominal=343, counter=None)) == (0, 343, 0, 343)

    def test_unknown_stays_unknown_but_what_is_promised_is_known(self, clinic):
        rental = make.rental(
            "reserved", device=make.device(clinic, nominal=None, counter=5), accept_unknown_capacity=True
        )
        assert figures(rental.holdings.get().device) == (5, None, 28, None)

    def test_past_nominal_the_rest_is_negative(self, clinic):
        assert figures(make.device(clinic, nominal=343, counter=350)) == (350, -7, 0, -7)

    def test_a_booking_is_promised_its_whole_course(self, clinic):
        device = make.device(clinic, counter=43)
        make.book(clinic, device=device, planned_treatments=100)
        assert figures(device) == (43, 300, 100, 200)

    def test_the_promise_shrinks_as_readings_come_in_and_stops_at_zero(self, clinic):
        device = make.device(clinic, counter=43)
        make.rental("active", device=device, counter=43, planned_treatments=20)
        for counter, expected in ((43, (43, 300, 20, 280)), (53, (53, 290, 10, 280)), (70, (70, 273, 0, 273))):
            read(device, counter, make.NOW + counter * DAY)
            assert figures(device) == expected

    def test_a_reading_in_doubt_changes_nothing(self, clinic):
        device = make.device(clinic, counter=43)
        make.rental("active", device=device, counter=43, planned_treatments=20)
        assert read(device, 40, make.NOW + DAY).flag == "counter_down"
        assert figures(device) == (43, 300, 20, 280)

    @pytest.mark.parametrize("state", ["cancelled", "returned", "closed", "lost", "kept", "enquiry"])
    def test_a_rental_that_is_over_or_holds_nothing_is_promised_nothing(self, clinic, state):
        device = make.device(clinic)
        make.rental(state, device=device, treatments=14)
        assert make.capacity_of(device).promised_treatments == 0

    def test_promises_of_several_live_rentals_add_up(self, clinic):
        device = make.device(clinic, nominal=100)
        active = make.rental("active", device=device, planned_treatments=40)
        make.book(clinic, device=device, starts_on=date(2026, 6, 1), planned_treatments=30)
        make.book(clinic, device=device, starts_on=date(2026, 8, 3), planned_treatments=30)
        assert figures(device) == (0, 100, 100, 0)
        read(device, 15, make.NOW + 15 * DAY)
        assert figures(device) == (15, 85, 85, 0)
        make.take_back(active, counter=15, at=make.NOW + 15 * DAY + timedelta(hours=1))
        assert figures(device) == (15, 85, 60, 25)

    def test_after_a_swap_the_rental_still_needs_what_both_devices_did_not_deliver(self, clinic):
        rental = make.rental("active", clinic, planned_treatments=100)
        second = make.device(clinic, counter=7)
        moment = make.NOW + 40 * DAY
        change.swap(rental, counter_out=40, device=second, counter_in=7, at=moment, now=moment, actor=make.manager())
        assert figures(second) == (7, 336, 60, 276)
        read(second, 17, moment + 10 * DAY)
        assert figures(second) == (17, 326, 50, 276)


class TestBookingWithinCapacity:
    def test_the_last_treatment_may_be_promised_but_none_more(self, clinic):
        device = make.device(clinic, nominal=100, counter=40)
        refusal = refused_as("capacity_exceeded", make.book, clinic, device=device, planned_treatments=61)
        assert (refusal.field, refusal.conflict) == ("device", {"free_treatments": 60})
        assert "60 free treatments, 61 are planned" in refusal.message
        make.book(clinic, device=device, planned_treatments=60)
        assert make.capacity_of(device).free_treatments == 0

    def test_what_other_rentals_were_promised_is_not_free(self, clinic):
        device = make.device(clinic, nominal=100)
        make.book(clinic, device=device, planned_treatments=60)
        wishes = {"device": device, "starts_on": date(2026, 6, 1)}
        refused_as("capacity_exceeded", make.book, clinic, planned_treatments=41, **wishes)
        make.book(clinic, planned_treatments=40, **wishes)

    def test_a_refusal_names_devices_that_would_do(self, clinic):
        device, larger = make.device(clinic, nominal=20), make.device(clinic, nominal=50)
        refusal = refused_as("capacity_exceeded", make.book, clinic, device=device)
        assert refusal.alternatives == [{"device": {"id": larger.pk, "serial": larger.serial}, "free_treatments": 50}]

    def test_unknown_capacity_is_accepted_explicitly_or_not_at_all(self, clinic):
        device = make.device(clinic, nominal=None)
        assert refused_as("capacity_exceeded", make.book, clinic, device=device).conflict == {"free_treatments": None}
        rental = make.book(clinic, device=device, accept_unknown_capacity=True)
        assert rental.accepts_unknown_capacity

    def test_unknown_capacity_once_accepted_needs_no_named_device(self, clinic):
        device = make.device(clinic, nominal=None)
        refused_as("capacity_exceeded", make.book, clinic)
        assert make.book(clinic, accept_unknown_capacity=True).holdings.get().device == device

    def test_a_known_capacity_is_preferred_to_an_unknown_one(self, clinic):
        make.device(clinic, nominal=None)
        known = make.device(clinic)
        assert make.book(clinic, accept_unknown_capacity=True).holdings.get().device == known

    @pytest.mark.parametrize(("role", "allowed"), [("reception", False), ("clinician", False), ("manager", True)])
    def test_only_a_manager_may_promise_more_than_is_left_and_says_why(self, clinic, role, allowed):
        wishes = {"device": make.device(clinic, nominal=10), "actor": make.user(role), **MANAGER}
        if allowed:
            assert make.book(clinic, **wishes).capacity_override == "Card arrives next week"
        else:
            assert refused_as("permission_denied", make.book, clinic, **wishes).field == "override.capacity"

    def test_an_override_does_not_stretch_to_a_longer_plan(self, clinic):
        device = make.device(clinic, nominal=20)
        rental = make.book(clinic, actor=make.manager(), device=device, **MANAGER)
        due_on, more = rental.due_on + 7 * DAY, rental.planned_treatments + 1
        refused_as(
            "capacity_exceeded",
            extension.extend,
            rental,
            due_on=due_on,
            planned_treatments=more,
            at=make.NOW,
            actor=make.manager(),
        )

    def test_an_override_without_a_reason_is_none(self, clinic):
        device = make.device(clinic, nominal=10)
        refused_as("capacity_exceeded", make.book, clinic, device=device, override={"capacity": " "})


class TestMoreTreatmentsLater:
    @pytest.mark.parametrize(("planned", "allowed"), [(60, True), (61, False)])
    def test_an_extension_stays_within_what_is_free(self, clinic, planned, allowed):
        device = make.device(clinic, nominal=100)
        make.book(clinic, device=device, starts_on=date(2026, 8, 3), planned_treatments=40)
        rental = make.rental("active", device=device, planned_treatments=28)
        details = {"due_on": date(2026, 4, 27), "planned_treatments": planned, "at": make.NOW, "actor": make.manager()}
        if allowed:
            assert extension.extend(rental, **details).rental.planned_treatments == 60
            assert make.capacity_of(device).free_treatments == 0
        else:
            refusal = refused_as("capacity_exceeded", extension.extend, rental, **details)
            assert refusal.conflict == {"free_treatments": 32}
            assert make.capacity_of(device).promised_treatments == 68

    def test_treatments_already_given_beyond_the_plan_are_not_asked_for_again(self, clinic):
        """Twelve of the fourteen asked for were given already; two are free, so they fit."""
        device = make.device(clinic, nominal=42)
        rental = make.rental("active", device=device, planned_treatments=28)
        read(device, 40, make.NOW + 20 * DAY)
        details = {"due_on": date(2026, 4, 13), "at": make.NOW + 20 * DAY, "actor": make.manager()}
        assert extension.extend(rental, planned_treatments=42, **details).rental.planned_treatments == 42
        refused_as("capacity_exceeded", extension.extend, rental, planned_treatments=43, **details)


class TestAvailability:
    def availability(self, devices, at):
        return with_availability(devices, at).values_list("availability", flat=True).get()

    @pytest.mark.parametrize(
        ("state", "days", "availability"),
        [
            ("enquiry", 0, "available"),
            ("cancelled", 0, "available"),
            ("reserved", 0, "reserved"),
            ("active", 0, "out"),
            ("active", 28, "out"),
            ("active", 29, "overdue"),
            ("returned", 20, "unavailable"),
            ("closed", 20, "available"),
            ("lost", 20, "unavailable"),
            ("kept", 20, "unavailable"),
        ],
    )
    def test_where_a_device_is(self, clinic, state, days, availability):
        make.rental(state, clinic)
        assert self.availability(Device.objects.all(), make.NOW + days * DAY) == availability

    def test_overdue_begins_at_the_clinics_own_midnight(self):
        """The due day ends at 13:00 UTC in Sydney, three hours later in Perth."""
        for zone, hour in (("Australia/Sydney", 13), ("Australia/Perth", 16)):
            rental = make.rental("active", make.clinic(time_zone=zone))
            midnight = make.NOW.replace(day=30, hour=hour, minute=0)
            devices = Device.objects.filter(holdings__rental=rental)
            assert self.availability(devices, midnight - timedelta(seconds=1)) == "out"
            assert self.availability(devices, midnight) == "overdue"


@pytest.mark.parametrize("number", [1, 3])
class TestQueries:
    """One device or three, the same number of queries."""

    @pytest.fixture
    def clinic_with_devices(self, clinic, number):
        for _ in range(number):
            make.rental("active", clinic)
            make.rental("reserved", clinic)
            make.device(clinic)
        return clinic

    def test_capacity(self, clinic_with_devices, number, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert len(with_capacity(Device.objects.all())) == 3 * number

    def test_availability(self, clinic_with_devices, number, django_assert_num_queries):
        with django_assert_num_queries(2):
            assert len(with_availability(Device.objects.all(), make.NOW)) == 3 * number

    def test_judging_and_finding_devices(self, clinic_with_devices, number, django_assert_num_queries):
        need = make.booking(clinic_with_devices).need
        with django_assert_num_queries(1):
            assert len(judged_devices(need, make.NOW)) == 3 * number
        with django_assert_num_queries(3):
            fitting, reasons = fitting_devices(need, make.NOW)
        assert (len(fitting), reasons) == (number, {"blocked": 2 * number})
