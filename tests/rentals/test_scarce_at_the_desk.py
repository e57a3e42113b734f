"""What the desk meets when reality differs from the plan: screens that show more, paper that came late (I1, I2, I3)."""

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command

from devices.models import Device, Reading
from devices.register import add_device
from patients.register import search_patients
from rentals import custody
from rentals.booking import change, extension, healing
from rentals.recall import start_recall
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MANAGER = {"override": {"capacity": "A new card arrives next week"}}


class TestTheScreenShowsMore:
    def test_a_hand_over_is_refused_when_too_little_is_left(self):
        rental = make.rental("reserved", device=make.device(nominal=150, counter=31), planned_treatments=100)
        refusal = refused_as("capacity_exceeded", make.hand_over, rental, counter=51)
        assert refusal.conflict == {"remaining_treatments": 99}
        assert not Reading.objects.filter(counter=51).exists()

    def test_exactly_enough_is_enough(self):
        rental = make.rental("reserved", device=make.device(nominal=150, counter=31), planned_treatments=100)
        assert make.hand_over(rental, counter=50).state == "active"

    def test_what_a_manager_has_overridden_goes_out(self):
        clinic = make.clinic()
        rental = make.book(clinic, device=make.device(clinic, nominal=20), **MANAGER)
        assert make.hand_over(rental, counter=0).state == "active"

    def test_a_replacement_has_enough_for_the_rest(self):
        rental = make.rental("active", planned_treatments=28)
        spare = make.device(rental.clinic, nominal=60, counter=0)
        at = make.NOW + 10 * DAY
        swap = {"device": spare, "counter_out": 10, "at": at, "now": at, "actor": make.manager()}
        refused_as("capacity_exceeded", change.swap, rental, counter_in=43, **swap)
        assert change.swap(rental, counter_in=42, **swap).state == "active"


class TestAPaperThatCameLate:
    def test_a_hand_over_before_the_device_came_back_names_that_rental(self):
        at = make.NOW + 14 * DAY
        first = make.rental("closed", ended=at)
        device = first.holdings.get().device
        second = make.prepare(make.book(first.clinic, device=device, at=at + DAY), at=at + DAY)
        early = {"counter": 14, "parts": [], "at": at - DAY, "now": at + DAY, "actor": make.manager()}
        refusal = refused_as("device_unavailable", custody.hand_over, second, **early)
        assert (refusal.field, refusal.conflict) == (
            "at",
            {"reference": first.reference, "out_until": at.isoformat()},
        )

    def test_healing_is_not_seen_before_the_hand_over(self, active):
        at, out = make.NOW + 20 * DAY, active.clinic.day_of(make.NOW)
        seen = {"imaging": "CT", "at": at, "actor": make.clinician()}
        assert refused_as("invalid", healing.confirm_healed, active, on=out - DAY, **seen).field == "on"
        assert healing.confirm_healed(active, on=out, **seen).healed_on == out


class TestInspectingAUnit:
    def swapped_out(self):
        rental = make.rental("active")
        old, spare = rental.holdings.get().device, make.device(rental.clinic)
        at = make.NOW + DAY
        change.swap(rental, counter_out=1, device=spare, counter_in=0, at=at, now=at, actor=make.manager())
        old.refresh_from_db()
        return old

    @pytest.mark.parametrize(("passed", "condition"), [(True, "ready"), (False, "repair")])
    def test_a_swapped_out_device_is_judged_by_itself(self, passed, condition):
        device = self.swapped_out()
        assert device.condition == "quarantine"
        custody.inspect_unit(device, passed=passed, checks={}, at=make.NOW + 2 * DAY, actor=make.manager())
        assert Device.objects.get(pk=device.pk).condition == condition

    def test_a_repaired_device_comes_back(self):
        device = make.device(condition="repair")
        custody.inspect_unit(device, passed=True, checks={}, at=make.NOW, actor=make.manager())
        assert Device.objects.get(pk=device.pk).condition == "ready"

    @pytest.mark.parametrize("condition", ["ready", "recalled", "lost", "sold", "retired"])
    def test_there_is_nothing_to_inspect_elsewhere(self, condition):
        device = make.device(condition=condition)
        details = {"passed": True, "checks": {}, "at": make.NOW, "actor": make.manager()}
        refused_as("nothing_to_inspect", custody.inspect_unit, device, **details)
        assert Device.objects.get(pk=device.pk).condition == condition

    def test_a_returned_rental_keeps_its_inspection(self, returned):
        details = {"passed": True, "checks": {}, "at": make.NOW + 20 * DAY, "actor": make.manager()}
        refusal = refused_as("wrong_state", custody.inspect_unit, returned.holdings.get().device, **details)
        assert refusal.conflict == {"reference": returned.reference}

    def test_the_command_inspects_for_somebody_who_works_here(self, capsys):
        device, manager = self.swapped_out(), make.manager()
        unit = [device.model.part_number, device.serial, "passed"]
        with pytest.raises(CommandError, match="Nobody here is called nobody"):
            call_command("inspect_device", *unit, "--by", "nobody")
        call_command("inspect_device", *unit, "--by", manager.username)
        assert capsys.readouterr().out == f"Device {device.serial} is ready now.\n"
        with pytest.raises(CommandError, match="only a device in quarantine or repair"):
            call_command("inspect_device", *unit, "--by", manager.username)


class TestAnOverrideWithoutADevice:
    def test_it_takes_the_one_that_comes_closest(self):
        clinic = make.clinic()
        _, most, _ = (make.device(clinic, nominal=nominal) for nominal in (10, 20, 15))
        assert make.book(clinic, **MANAGER).holdings.get().device == most

    def test_it_takes_one_that_has_enough_first(self):
        clinic = make.clinic()
        _, enough = make.device(clinic, nominal=20), make.device(clinic, nominal=28)
        assert make.book(clinic, **MANAGER).holdings.get().device == enough


def test_a_fleet_that_may_not_be_reused_says_so():
    clinic = make.clinic()
    make.rental("closed", device=make.device(clinic, reuse=False), treatments=0)
    refused_as("reuse_not_permitted", make.book, clinic, at=make.NOW + 30 * DAY)


def test_a_recalled_serial_that_is_added_later_is_recalled():
    known = make.device()
    start_recall(model=known.model, serials=["0999000001"], reason="Output", at=make.NOW, actor=make.manager())
    new = {"model": known.model, "clinic": known.clinic, "at": make.NOW, "actor": None}
    assert add_device(serial="0999000001", **new).condition == "recalled"
    assert add_device(serial="0999000002", **new).condition == "ready"


def test_an_extension_that_clashes_is_offered_what_fits_the_rest():
    rental = make.rental("active", due_on=date(2026, 3, 30))
    device = rental.holdings.get().device
    make.book(rental.clinic, device=device, starts_on=date(2026, 4, 6))
    spare = make.device(rental.clinic, nominal=18)
    at = make.NOW + 10 * DAY
    device.readings.create(allowance=device.allowances.get(), counter=10, read_at=at, source="desk", recorded_at=at)
    refusal = refused_as(
        "device_unavailable", extension.extend, rental, due_on=date(2026, 4, 10), at=at, actor=make.manager()
    )
    last_day, other = refusal.alternatives
    assert last_day == {"due_on": "2026-04-04"}  # a Saturday, and a day to turn it around
    assert other["device"]["serial"] == spare.serial


@pytest.mark.parametrize("number", ["0400111222", "0400 111 222", "+61 400 111 222", "111222", "(04) 0011 1222"])
def test_a_telephone_number_is_found_however_it_is_written(number):
    clinic = make.clinic()
    wanted = make.patient(clinic, phone="0400 111 222")
    make.patient(clinic, phone="0400 111 223")
    assert list(search_patients(make.reception(), make.NOW, phone=number)) == [wanted]


def test_three_digits_are_too_few_to_search_for():
    assert refused_as("invalid", search_patients, make.reception(), make.NOW, phone="0-12").field == "phone"
