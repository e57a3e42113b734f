"""Another device than the one noted went out: put right by a manager, with history (I1, I3, I4, I5, I6)."""

from datetime import date, timedelta

import pytest
from django.conf import LazySettings
from django.db.backends.postgresql.psycopg_any import DateRange

from devices.models import Device, Transfer
from patients.models import Access
from rentals.booking import change
from rentals.correction import correct_device, mixed_up_with
from rentals.custody import inspect_unit
from rentals.models import Discrepancy, Holding, Rental, Treatment
from rentals.models.states import State
from rentals.recall import start_recall
from rentals.reconciliation.readings import take_reading
from tests import make
from tests.refusals import refused_as
from tests.rentals.never import broken
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATER = make.NOW + 20 * DAY
BACK = make.NOW + 14 * DAY  # when `make.rental` takes a device back


def put_right(rental, device, *, counter_out=0, at=LATER, actor=None, reason="The shelf was mixed up"):
    actor = actor or make.manager()
    rental = correct_device(rental, device=device, counter_out=counter_out, reason=reason, at=at, actor=actor)
    assert broken() == []
    return rental


def holding_of(rental):
    return Holding.objects.filter(rental=rental).latest("pk")


def device_of(rental):
    return holding_of(rental).device


def condition(device):
    return Device.objects.get(pk=device.pk).condition


def readings(device):
    """Counter, flag and whether it is trusted, of each reading taken at the desk's hand-overs and returns."""
    taken = device.readings.filter(source__in=["hand_over", "return"]).order_by("read_at", "pk")
    return list(taken.values_list("counter", "flag", "trusted"))


class TestOutNow:
    @pytest.fixture
    def rental(self):
        return make.rental(State.ACTIVE, counter=5)

    @pytest.fixture
    def device(self, rental):
        """The one that the patient has in truth."""
        return make.device(rental.clinic, counter=40)

    def test_the_holding_and_the_counters_go_over_to_the_device_that_went_out(self, rental, device):
        noted = device_of(rental)
        put_right(rental, device, counter_out=42)
        holding = holding_of(rental)
        assert (holding.device, holding.out.lower, holding.live) == (device, make.NOW, True)
        assert (holding.counter_out, holding.used_out, holding.used_back) == (42, 42, None)
        assert readings(noted) == [(5, "wrong_device", False)]
        assert readings(device) == [(42, "", True)]
        assert (condition(noted), condition(device)) == ("ready", "ready")
        assert (make.capacity_of(noted).free_treatments, make.capacity_of(device).free_treatments) == (338, 273)

    def test_what_was_noted_stays_in_the_history_with_who_and_why(self, rental, device):
        noted, actor = device_of(rental), make.manager()
        put_right(rental, device, actor=actor)
        move = rental.moves.last()
        assert (move.verb, move.old_state, move.new_state) == ("correct_device", "active", "active")
        assert (move.at, move.actor) == (LATER, actor)
        assert move.reason == f"Not {noted.serial} but {device.serial} went out: The shelf was mixed up"
        versions = holding_of(rental).events.order_by("pgh_id").values_list("device", "counter_out")
        assert list(versions)[-2:] == [(noted.pk, 5), (device.pk, 0)]
        assert Access.objects.filter(user=actor, patient=rental.patient, action="changed", at=LATER).exists()

    def test_what_its_patient_did_counts_for_the_rental(self, rental, device, settings: LazySettings, tmp_path):
        settings.MEDIA_ROOT = tmp_path
        import_logs(Log(device, LATER, counter=44).daily(range(41, 45), make.NOW + DAY), at=LATER)
        assert not Treatment.objects.filter(rental=rental).exists()
        outside = Discrepancy.objects.get(kind="usage_outside_rental")
        put_right(rental, device, counter_out=40, at=LATER + DAY)
        assert Treatment.objects.filter(rental=rental, device=device).count() == 4
        outside.refresh_from_db()
        assert (outside.state, outside.note) == ("closed", "Later data explains it.")

    def test_only_the_device_since_the_last_swap_is_in_question(self, rental, device):
        first, second = device_of(rental), make.device(rental.clinic)
        swapped_at = make.NOW + 3 * DAY
        details = {"counter_out": 8, "counter_in": 0, "at": swapped_at, "now": swapped_at, "actor": make.manager()}
        change.swap(rental, device=second, **details)
        put_right(rental, device, counter_out=40)
        before, after = rental.holdings.order_by("pk")
        assert (before.device, before.used_out, before.used_back) == (first, 5, 8)
        assert (after.device, after.out.lower, after.used_out) == (device, swapped_at, 40)

    def test_a_correction_that_was_wrong_is_corrected_again(self, rental, device):
        noted = device_of(rental)
        put_right(rental, device, counter_out=40)
        put_right(rental, noted, counter_out=5, at=LATER + DAY)
        assert (device_of(rental), holding_of(rental).used_out) == (noted, 5)
        assert readings(device) == [(40, "wrong_device", False)]
        assert [trusted for _, _, trusted in readings(noted)] == [True]

    def test_what_seemed_impossible_beside_the_wrong_counter_is_trusted_again(self):
        """The one on the shelf is read: so it comes out."""
        noted = make.device(counter=3)
        rental = make.rental(State.ACTIVE, device=noted, counter=30)
        seen = take_reading(noted, 3, read_at=LATER, at=LATER, actor=make.manager())
        assert (seen.flag, seen.trusted) == ("counter_down", False)
        doubt = Discrepancy.objects.get(kind="counter_down", device=noted)
        put_right(rental, make.device(noted.clinic), counter_out=30, at=LATER + DAY)
        seen.refresh_from_db()
        doubt.refresh_from_db()
        assert (seen.trusted, doubt.state) == (True, "closed")

    def test_a_doubt_about_a_counter_that_was_read_off_the_other_device_is_settled(self):
        noted = make.device(counter=100)
        device, actor = make.device(noted.clinic, counter=7), make.manager()
        rental = make.rental(State.ACTIVE, device=noted, counter=7)
        doubt = Discrepancy.objects.get(kind="counter_down", device=noted)
        put_right(rental, device, counter_out=7, actor=actor)
        doubt.refresh_from_db()
        assert (doubt.state, doubt.closed_by, doubt.note) == ("closed", actor, f"It was read off device {device}.")
        assert readings(noted) == [(7, "counter_down", False)]
        assert readings(device) == [(7, "", True)]

    def test_reservations_in_the_way_go_elsewhere_or_are_at_risk(self, rental, device):
        noted = device_of(rental)
        first = make.book(rental.clinic, device=device, starts_on=date(2026, 3, 23), days=3)
        second = make.book(rental.clinic, device=device, starts_on=date(2026, 3, 30), days=3)
        Rental.objects.filter(pk=second.pk).update(pinned=True)
        put_right(rental, device, counter_out=40)
        assert (device_of(first), device_of(second)) == (noted, None)
        assert first.moves.last().reason.startswith(f"rental {rental.reference} has another device than noted")
        assert second.moves.last().verb == "at_risk"

    def test_the_one_that_was_never_out_is_offered_at_once_to_who_waits(
        self, rental, device, queue, django_capture_on_commit_callbacks
    ):
        make.waiting(rental.clinic)
        with django_capture_on_commit_callbacks(execute=True):
            put_right(rental, device)
        assert any(b"offer_what_is_free" in poke for poke in queue.lrange("celery", 0, -1))

    def test_too_few_treatments_do_not_undo_what_has_happened(self, rental):
        tired = make.device(rental.clinic, nominal=10)
        put_right(rental, tired)
        assert make.capacity_of(tired).free_treatments == -18


class TestBackAlready:
    def test_the_device_that_came_back_waits_for_its_inspection_and_the_other_is_ready(self):
        rental = make.rental(State.RETURNED, counter=5)
        noted, device = device_of(rental), make.device(rental.clinic, counter=5)
        put_right(rental, device, counter_out=5)
        holding = holding_of(rental)
        assert (holding.device, holding.used_out, holding.used_back, holding.counter_back) == (device, 5, 19, 19)
        assert (condition(noted), condition(device)) == ("ready", "quarantine")
        assert readings(noted) == [(5, "wrong_device", False), (19, "wrong_device", False)]
        assert readings(device) == [(5, "", True), (19, "", True)]
        make.inspect(rental, at=LATER)
        assert (condition(device), broken()) == ("ready", [])

    def test_a_device_recalled_since_has_its_last_holder(self, returned):
        device = make.device(returned.clinic)
        start_recall(model=device.model, serials=[], reason="Heat", at=LATER, actor=make.manager())
        put_right(returned, device)
        assert (device_of(returned), condition(device)) == (device, "recalled")


class TestMixedUp:
    """Two rentals got each other's device."""

    @pytest.mark.parametrize("reuse", [True, False])
    def test_both_are_put_right(self, reuse):
        one = make.rental(State.ACTIVE, device=make.device(counter=10, reuse=reuse), counter=50)
        device = make.device(one.clinic, counter=50, reuse=reuse)
        other = make.rental(State.ACTIVE, device=device, counter=10, at=make.NOW + DAY)
        noted = device_of(one)
        assert mixed_up_with(one, device) == other
        put_right(one, device, counter_out=50)
        assert (device_of(one), device_of(other)) == (device, noted)
        assert (holding_of(one).used_out, holding_of(other).used_out) == (50, 10)
        assert holding_of(other).out.lower == make.NOW + DAY
        assert {condition(device), condition(noted)} == {"ready"}
        assert other.moves.last().reason == (
            f"Not {device} but {noted} went out, mixed up with rental {one.reference}: The shelf was mixed up"
        )
        assert Access.objects.filter(at=LATER, action="changed", patient=other.patient).exists()

    @pytest.mark.parametrize(("one_state", "other_state"), [("active", "returned"), ("returned", "active")])
    def test_what_is_back_waits_for_its_inspection_and_what_is_out_is_ready(self, one_state, other_state):
        one = make.rental(one_state)
        other = make.rental(other_state, one.clinic)
        noted, device = device_of(one), device_of(other)
        put_right(one, device)
        expected = {"active": ("ready", [0]), "returned": ("quarantine", [0, 14])}
        for now_with, state in ((device, one_state), (noted, other_state)):
            trusted = [counter for counter, _, is_trusted in readings(now_with) if is_trusted]
            assert (condition(now_with), trusted) == expected[state]

    def test_what_another_had_before_both_speaks_against_it(self):
        """The other rental began while the noted device was with a third patient."""
        noted = make.device()
        third = make.rental(State.CLOSED, device=noted)
        one = make.rental(State.ACTIVE, device=noted, at=BACK + DAY)
        other = make.rental(State.ACTIVE, noted.clinic, at=make.NOW + DAY)
        refusal = refused_as("device_unavailable", put_right, one, device_of(other))
        assert refusal.conflict["reference"] == third.reference
        assert device_of(one) == noted


class TestRefusals:
    @pytest.fixture
    def rental(self):
        return make.rental(State.ACTIVE)

    def test_it_names_another_device_of_the_same_site_and_a_reason(self, rental):
        assert refused_as("invalid", put_right, rental, device_of(rental)).field == "device"
        assert refused_as("invalid", put_right, rental, make.device(rental.clinic), reason=" ").field == "reason"
        refused_as("device_unavailable", put_right, rental, make.device())

    @pytest.mark.parametrize("held", ["quarantine", "repair", "recalled", "lost", "sold", "retired"])
    def test_a_device_that_cannot_have_gone_out_ready_is_refused_with_what_to_do_first(self, rental, held):
        refusal = refused_as("device_not_ready", put_right, rental, make.device(rental.clinic, condition=held))
        assert refusal.conflict == {"condition": held}

    def test_once_inspected_it_may_be_noted(self, rental):
        device = make.device(rental.clinic, condition="quarantine")
        inspect_unit(device, passed=True, checks={}, at=LATER, actor=make.manager())
        put_right(rental, device)

    @pytest.mark.parametrize("since", [0, 15])
    def test_it_was_not_with_somebody_else_then_or_since(self, since, returned):
        """Not even after this one came back: then it would have gone out without an inspection."""
        begin = make.NOW + since * DAY
        other = make.rental(State.CLOSED, returned.clinic, at=begin, ended=begin + DAY)
        refusal = refused_as("device_unavailable", put_right, returned, device_of(other))
        assert refusal.conflict["reference"] == other.reference

    def test_it_was_at_this_site_by_then(self, rental):
        device = make.device(rental.clinic)
        away = DateRange(date(2026, 3, 1), date(2026, 3, 4))
        Transfer.objects.create(
            device=device,
            from_clinic=make.clinic(),
            to_clinic=rental.clinic,
            away=away,
            at=make.NOW,
            by=make.manager(),
        )
        assert "only since 4 March 2026" in refused_as("device_unavailable", put_right, rental, device).message

    def test_a_unit_for_one_patient_that_another_had_is_refused(self, rental):
        single = make.device(rental.clinic, reuse=False)
        make.rental(State.CLOSED, device=single, at=make.NOW - 40 * DAY)
        refused_as("reuse_not_permitted", put_right, rental, single)
        mine = make.device(rental.clinic, reuse=False)
        make.rental(State.CLOSED, device=mine, at=make.NOW - 40 * DAY, patient=rental.patient)
        put_right(rental, mine)
