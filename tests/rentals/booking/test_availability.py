"""Which devices fit, in which order, and what is said of each and of what would fit instead (I1, I2, I3)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext

from config.models import Closure
from devices.models import Device, Transfer
from patients.models import Patient
from rentals.booking import availability
from rentals.booking.alternatives import alternatives_for, next_start, other_sites, planned_swap
from rentals.booking.availability import (
    fitting_devices,
    is_past_use,
    judged_devices,
    load_devices,
    search,
    usable_until,
    why_not,
)
from rentals.booking.sentences import with_sentences
from tests import make
from tests.rentals.never import FREE, rows
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


@shared
def clinic():
    return make.clinic()


def need_at(clinic, **wishes):
    """Four weeks from Monday 2 March, 28 treatments, for somebody new."""
    return replace(make.booking(clinic, patient=Patient(clinic=clinic), **wishes).need, patient=None)


def changed(device, **columns):
    Device.objects.filter(pk=device.pk).update(**columns)
    return device


def under_way(device, until):
    """`device` arrives on the day `until` from a site that had it before."""
    return Transfer.objects.create(
        device=device,
        from_clinic=make.clinic(),
        to_clinic=device.clinic,
        away=DateRange(MONDAY, until + DAY),
        at=make.NOW,
        by=make.manager(),
    )


def verdict(device, need):
    """What is said against `device`, alone and among all others."""
    found = search(need, make.NOW)
    alone = why_not(judged_devices(need, make.NOW).get(pk=device.pk), need)
    assert (alone == "") == (device.pk in found.fitting)
    assert bool(alone) == bool(found.why_not.get(alone))
    return alone


class TestWhenItIsBackInTime:
    @pytest.mark.parametrize(("days", "starts"), [(None, 1), (0, 0), (3, 3)])
    def test_a_model_has_its_own_turnaround_or_its_clinics(self, clinic, days, starts):
        """Due on Monday 30 March; the clinic takes one day for any model that says nothing."""
        device = make.device(clinic, model=make.device_model(turnaround_days=days))
        make.book(clinic, device=device)
        first_free = date(2026, 3, 31) + starts * DAY
        assert verdict(device, need_at(clinic, starts_on=first_free - DAY)) == "blocked"
        assert verdict(device, need_at(clinic, starts_on=first_free)) == ""

    def test_its_own_turnaround_must_fit_before_the_next_patient(self, clinic):
        device = make.device(clinic, model=make.device_model(turnaround_days=3))
        make.book(clinic, device=device, starts_on=date(2026, 4, 1))
        assert verdict(device, need_at(clinic, due_on=date(2026, 3, 29))) == "blocked"
        assert verdict(device, need_at(clinic, due_on=date(2026, 3, 28))) == ""

    @pytest.mark.parametrize(("starts_on", "reason"), [(date(2026, 4, 2), "blocked"), (date(2026, 4, 3), "")])
    def test_the_way_by_courier_counts_on_both_sides(self, clinic, starts_on, reason):
        """Free again on Wednesday 1 April, and two days on its way to the patient."""
        device = make.rental("reserved", clinic).holdings.get().device
        assert verdict(device, need_at(clinic, starts_on=starts_on, delivery="courier")) == reason
        make.book(clinic, device=device, starts_on=date(2026, 5, 8), delivery="courier")
        assert verdict(device, need_at(clinic, starts_on=date(2026, 4, 13), due_on=date(2026, 5, 5))) == "blocked"
        assert verdict(device, need_at(clinic, starts_on=date(2026, 4, 13), due_on=date(2026, 5, 4))) == ""

    @pytest.mark.parametrize(("starts_on", "reason"), [(MONDAY + 2 * DAY, "not_ready"), (MONDAY + 3 * DAY, "")])
    def test_what_waits_for_its_inspection_is_back_after_its_turnaround(self, clinic, starts_on, reason):
        device = make.device(clinic, model=make.device_model(turnaround_days=2), condition="quarantine")
        assert verdict(device, need_at(clinic, starts_on=starts_on)) == reason

    @pytest.mark.parametrize(("starts_on", "reason"), [(MONDAY + 3 * DAY, "in_transfer"), (MONDAY + 4 * DAY, "")])
    def test_what_comes_from_another_site_is_there_the_day_after_it_arrives(self, clinic, starts_on, reason):
        device = make.device(clinic)
        under_way(device, MONDAY + 3 * DAY)
        assert verdict(device, need_at(clinic, starts_on=starts_on)) == reason

    @pytest.mark.parametrize(
        ("shelf_until", "service_due_on", "reason"),
        [
            (date(2026, 3, 30), None, ""),
            (date(2026, 3, 29), None, "shelf_or_service"),
            (None, date(2026, 3, 31), ""),
            (None, date(2026, 3, 30), "shelf_or_service"),
            (date(2026, 3, 30), date(2026, 3, 30), "shelf_or_service"),
            (date(2026, 3, 29), date(2026, 5, 1), "shelf_or_service"),
        ],
    )
    def test_it_is_with_nobody_after_its_shelf_life_or_on_its_day_of_service(
        self, clinic, shelf_until, service_due_on, reason
    ):
        device = changed(make.device(clinic), shelf_until=shelf_until, service_due_on=service_due_on)
        assert verdict(device, need_at(clinic)) == reason
        device.refresh_from_db()
        past = Device.objects.filter(is_past_use(date(2026, 3, 30)), pk=device.pk).exists()
        last_day = usable_until(device)
        assert last_day
        assert past == bool(reason) == (last_day < date(2026, 3, 30))


class TestOrder:
    def test_what_strands_least_then_the_smaller_then_the_longest_idle(self, clinic):
        small, large = make.device_model(nominal=100), make.device_model(nominal=343)
        large_used = make.device(clinic, model=large, counter=243)
        late, early = make.device(clinic, model=small), make.device(clinic, model=small)
        more = make.device(clinic, model=small, counter=0, nominal=101)
        for days, device in enumerate((early, late)):
            make.rental("closed", device=device, treatments=0, at=make.NOW - (60 - days) * DAY)
        unused = make.device(clinic, model=small)
        changed(more, model=make.device_model(nominal=150))
        more.allowances.update(nominal_treatments=101)
        found = search(need_at(clinic), make.NOW)
        assert list(found.fitting) == [device.pk for device in (unused, early, late, large_used, more)]
        assert set(found.fitting.values()) == {100, 101}

    def test_what_nobody_knows_stands_apart_or_when_accepted_last(self, clinic):
        unknown, known = make.device(clinic, nominal=None), make.device(clinic)
        need = need_at(clinic)
        found = search(need, make.NOW)
        assert (list(found.fitting), found.unknown) == ([known.pk], [unknown.pk])
        assert found.why_not == {"unknown_capacity": 1}
        accepted = search(replace(need, accepts_unknown=True), make.NOW)
        assert accepted.fitting == {known.pk: 343, unknown.pk: None}
        assert (accepted.unknown, accepted.why_not) == ([], {})

    def test_where_too_few_are_accepted_those_that_lack_least_come_after_those_that_lack_nothing(self, clinic):
        tiny, enough, close = (make.device(clinic, nominal=nominal) for nominal in (5, 40, 20))
        found = search(replace(need_at(clinic), accepts_too_few=True), make.NOW)
        assert list(found.fitting) == [enough.pk, close.pk, tiny.pk]

    def test_what_is_free_is_reckoned_as_the_invariants_do(self, clinic):
        for counter in (0, 20):
            make.rental("active", clinic, counter=counter, planned_treatments=30)
        later = need_at(clinic, starts_on=date(2026, 6, 1))
        assert search(later, make.NOW).fitting == dict(rows(FREE))

    def test_many_are_ordered_and_a_hundred_looked_at(self, clinic, monkeypatch):
        """Here but five."""
        assert availability.MOST_SHOWN == 100
        monkeypatch.setattr(availability, "MOST_SHOWN", 5)
        model = make.device_model()
        devices = [make.device(clinic, model=model, counter=None) for _ in range(6)]
        need = need_at(clinic)
        assert list(search(need, make.NOW).fitting) == [device.pk for device in devices]
        assert fitting_devices(need, make.NOW)[0] == devices[:5]


class TestSentences:
    def sentences(self, clinic, **wishes):
        need = replace(need_at(clinic), **wishes)
        devices = load_devices(list(search(need, make.NOW).fitting), need, make.NOW)
        return [sentence for _, sentence in with_sentences(devices, need, make.NOW)]

    def test_each_says_what_it_keeps_and_why_it_comes_before_the_next(self, clinic):
        model = make.device_model(nominal=100)
        for counter in (40, 0, 0):
            make.device(clinic, model=model, counter=counter)
        make.device(clinic, nominal=200, counter=100)
        make.device(clinic, nominal=None)
        assert self.sentences(clinic, accepts_unknown=True) == [
            "It has 60 free treatments and would keep 32 after this course of 28; the next best would keep 72.",
            "It has 100 free treatments and would keep 72 after this course of 28; "
            "the next best would keep as many, but was in use more lately.",
            "It has 100 free treatments and would keep 72 after this course of 28; "
            "the next best would keep as many, but is a larger one, for long courses.",
            "It has 100 free treatments and would keep 72 after this course of 28; "
            "of the next best nobody knows what it has left.",
            "Nobody knows what it has left: ask the manufacturer, or accept that it may stop before the end.",
        ]

    def test_one_that_is_not_there_yet_says_when_it_will_be(self, clinic):
        make.rental("active", device=make.device(clinic, nominal=60), due_on=date(2026, 3, 13))
        make.device(clinic, condition="quarantine", nominal=61)
        changes = {"starts_on": date(2026, 3, 16), "due_on": date(2026, 4, 13)}
        assert self.sentences(clinic, **changes) == [
            "It has 32 free treatments and would keep 4 after this course of 28; the next best would keep 33. "
            "Back by 13 March, one turnaround day.",
            "It has 61 free treatments and would keep 33 after this course of 28; no other fits. "
            "In quarantine, ready by 3 March, one turnaround day.",
        ]

    def test_too_few_that_a_manager_accepted_are_counted(self, clinic):
        make.device(clinic, nominal=30)
        make.device(clinic, nominal=20)
        assert self.sentences(clinic, accepts_too_few=True) == [
            "It has 30 free treatments and would keep 2 after this course of 28; the next best has too few.",
            "It has 8 treatments too few for this course of 28, which a manager accepted.",
        ]


class TestNextStart:
    def start(self, need):
        return [(offer["starts_on"], offer["due_on"], offer["device"]["id"]) for offer in next_start(need, make.NOW)]

    def test_it_waits_for_the_turnaround_of_the_device_that_comes_back(self, clinic):
        """Free from Thursday 2 April; Good Friday and the Saturday after it are open here, Sunday is not."""
        device = make.device(clinic, model=make.device_model(turnaround_days=2))
        make.book(clinic, device=device)
        assert self.start(need_at(clinic)) == [("2026-04-02", "2026-04-30", device.pk)]

    def test_it_waits_for_what_arrives_or_is_inspected(self, clinic):
        inspected = make.device(clinic, model=make.device_model(turnaround_days=9), condition="quarantine")
        assert self.start(need_at(clinic)) == [("2026-03-12", "2026-04-09", inspected.pk)]
        arriving = make.device(clinic)
        under_way(arriving, MONDAY + 3 * DAY)
        assert self.start(need_at(clinic)) == [("2026-03-06", "2026-04-03", arriving.pk)]

    def test_it_passes_over_a_gap_that_is_too_short_and_a_device_that_has_too_few(self, clinic):
        """The gap would do from Monday 16 March to Monday 13 April, but for the day of turnaround."""
        device = make.device(clinic)
        make.book(clinic, device=device, due_on=date(2026, 3, 13))
        make.book(clinic, device=device, starts_on=date(2026, 4, 14), due_on=date(2026, 4, 24))
        make.device(clinic, nominal=20)
        assert self.start(need_at(clinic)) == [("2026-04-27", "2026-05-25", device.pk)]

    def test_a_device_whose_use_ends_before_gives_way_to_one_that_is_free_later(self, clinic):
        ending = changed(make.device(clinic), service_due_on=date(2026, 4, 13))
        lasting = make.device(clinic)
        make.book(clinic, device=ending, due_on=date(2026, 3, 13))
        make.book(clinic, device=lasting)
        assert self.start(need_at(clinic)) == [("2026-04-01", "2026-04-29", lasting.pk)]

    def test_by_courier_it_leaves_days_for_the_way(self, clinic):
        make.rental("reserved", clinic)
        assert self.start(need_at(clinic, delivery="courier"))[0][0] == "2026-04-03"

    @pytest.mark.parametrize("state", ["overdue", "another patient's", "in repair", "too few", "past its use"])
    def test_what_will_never_fit_is_not_waited_for(self, clinic, state):
        if state == "overdue":
            make.rental("active", clinic, at=make.NOW - 40 * DAY)
        elif state == "another patient's":
            make.rental("reserved", device=make.device(clinic, reuse=False))
        elif state == "in repair":
            make.device(clinic, condition="repair")
        elif state == "too few":
            make.rental("reserved", device=make.device(clinic, nominal=50))
        else:
            changed(make.rental("reserved", clinic).holdings.get().device, shelf_until=date(2026, 4, 10))
        assert self.start(need_at(clinic)) == []


class TestOtherSites:
    def test_those_that_the_asker_may_see_and_where_a_device_fits(self, clinic):
        near, far, hidden, empty = (make.clinic(name) for name in ("Near", "Far", "Hidden", "Empty"))
        devices = {site: make.device(site) for site in (near, far, hidden)}
        make.device(far)
        make.device(empty, nominal=10)
        need = replace(need_at(clinic), asked_by=make.reception(clinic, near, far, empty))
        offers = other_sites(need, make.NOW)
        assert [offer["clinic"] for offer in offers] == [
            {"id": far.pk, "name": "Far"},
            {"id": near.pk, "name": "Near"},
        ]
        assert offers[0]["device"] == {"id": devices[far].pk, "serial": devices[far].serial}

    def test_not_where_the_doors_are_closed_on_these_days(self, clinic):
        site = make.clinic()
        make.device(site)
        Closure.objects.create(clinic=site, first_day=date(2026, 3, 30), last_day=date(2026, 3, 30), reason="Moving")
        assert other_sites(replace(need_at(clinic), asked_by=make.manager()), make.NOW) == []

    def test_nobody_asks_nobody_is_told(self, clinic):
        make.device()
        assert other_sites(need_at(clinic), make.NOW) == []


class TestPlannedSwap:
    def swap(self, need):
        return planned_swap(need, make.NOW)

    def test_the_first_for_as_long_as_it_is_free_then_one_that_does_the_rest(self, clinic):
        """The first is booked from Wednesday 18 March on; with its turnaround it can be had until Monday 16 March."""
        first, second = make.device(clinic), make.device(clinic)
        make.book(clinic, device=first, starts_on=date(2026, 3, 18))
        make.book(clinic, device=second, due_on=date(2026, 3, 6))
        need = need_at(clinic)
        assert search(need, make.NOW).fitting == {}
        (offer,) = self.swap(need)
        assert offer == {
            "device": {"id": first.pk, "serial": first.serial},
            "starts_on": "2026-03-02",
            "due_on": "2026-03-16",
            "treatments": 14,
            "then": {
                "device": {"id": second.pk, "serial": second.serial},
                "starts_on": "2026-03-16",
                "due_on": "2026-03-30",
                "treatments": 14,
            },
        }
        for period in (offer, offer["then"]):
            days = {name: date.fromisoformat(period[name]) for name in ("starts_on", "due_on")}
            device = Device.objects.get(pk=period["device"]["id"])
            make.book(clinic, device=device, planned_treatments=period["treatments"], **days)

    def test_the_first_for_as_long_as_its_treatments_last(self, clinic):
        """At 56 treatments in 28 days, 36 last until Friday 20 March; the other has enough for the rest."""
        lasting, rest = make.device(clinic, nominal=36), make.device(clinic, nominal=25)
        (offer,) = self.swap(need_at(clinic, planned_treatments=56))
        assert (offer["device"]["id"], offer["due_on"], offer["treatments"]) == (lasting.pk, "2026-03-20", 36)
        assert (offer["then"]["device"]["id"], offer["then"]["treatments"]) == (rest.pk, 20)

    def test_it_is_exchanged_on_an_open_day(self, clinic):
        """It could be had until Sunday 15 March; the Saturday before it the clinic is open."""
        first, second = make.device(clinic), make.device(clinic)
        make.book(clinic, device=first, starts_on=date(2026, 3, 17))
        make.book(clinic, device=second, due_on=date(2026, 3, 6))
        assert self.swap(need_at(clinic))[0]["due_on"] == "2026-03-14"

    @pytest.mark.parametrize(("treatments", "divided"), [(0, None), (1, None), (2, (1, 1)), (28, (26, 2))])
    def test_each_has_something_to_give(self, clinic, treatments, divided):
        """The first can be had until Saturday 28 March, the second then until Tuesday 31 March."""
        first, second = make.device(clinic), make.device(clinic)
        make.book(clinic, device=first, starts_on=date(2026, 3, 31))
        make.book(clinic, device=second, due_on=date(2026, 3, 6))
        offers = self.swap(replace(need_at(clinic, due_on=date(2026, 3, 31)), treatments=treatments))
        assert [(offer["treatments"], offer["then"]["treatments"]) for offer in offers] == (
            [divided] if divided else []
        )

    def test_not_on_a_day_on_which_the_desk_takes_no_more_returns(self, clinic):
        """The first device could be had until Monday 16 March; somebody else brings theirs back then."""
        first, second = make.device(clinic), make.device(clinic)
        make.book(clinic, device=first, starts_on=date(2026, 3, 18))
        make.book(clinic, device=second, due_on=date(2026, 3, 6))
        make.rental("reserved", device=make.device(clinic, nominal=28), due_on=date(2026, 3, 16))
        need = need_at(clinic)
        assert self.swap(need)[0]["due_on"] == "2026-03-16"
        clinic.returns_per_day = 1
        clinic.save()
        assert self.swap(need) == []

    def test_one_device_does_not_follow_itself(self, clinic):
        make.device(clinic, nominal=20)
        assert self.swap(need_at(clinic)) == []
        make.device(clinic, nominal=9)
        assert self.swap(need_at(clinic))[0]["due_on"] == "2026-03-21"

    @pytest.mark.parametrize(("day", "offered"), [(10, False), (11, True)])
    def test_less_than_a_week_is_no_period(self, clinic, day, offered):
        """With a day of turnaround the first can be had until Sunday 8 or Monday 9 March."""
        first, second = make.device(clinic), make.device(clinic)
        make.book(clinic, device=first, starts_on=date(2026, 3, day))
        make.book(clinic, device=second, due_on=date(2026, 3, 6))
        assert bool(self.swap(need_at(clinic))) == offered


def test_what_would_fit_is_another_device_or_else_all_that_can_be_done(clinic):
    """The one device for the first fortnight, one of half the treatments, and another site."""
    other_site = make.clinic("Elsewhere")
    make.device(other_site)
    held, small = make.device(clinic), make.device(clinic, nominal=14)
    make.book(clinic, device=held, starts_on=date(2026, 3, 18))
    need = replace(need_at(clinic), asked_by=make.manager())
    kinds = [next(iter(offer)) for offer in alternatives_for(need, make.NOW)]
    assert kinds == ["starts_on", "clinic", "device"]
    assert alternatives_for(replace(need, treatments=14), make.NOW) == [
        {"device": {"id": small.pk, "serial": small.serial}, "free_treatments": 14}
    ]


@pytest.mark.parametrize(("question", "most"), [(search, 2), (fitting_devices, 3), (alternatives_for, 30)])
def test_three_fleets_cost_as_many_queries_as_one(clinic, question, most):
    site = make.clinic()
    need = replace(need_at(clinic), treatments=400 if question == alternatives_for else 28, asked_by=make.manager())

    def fleet():
        make.rental("active", clinic)
        make.device(clinic, nominal=None)
        late = make.device(clinic)
        make.book(clinic, device=late, starts_on=date(2026, 3, 18))
        make.device(site)

    def asked():
        with CaptureQueriesContext(connection) as queries:
            question(need, make.NOW)
        return len(queries)

    fleet()
    one = asked()
    fleet()
    fleet()
    assert asked() == one <= most
