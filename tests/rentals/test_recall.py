"""A recall reaches every named unit, whoever has it now and everyone who had it."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.refusals import Refusal
from devices.models import Device, Recall
from devices.readings import record_reading
from devices.register import add_device
from patients.models import Access, Patient
from rentals.booking import change
from rentals.models import Holding, Move
from rentals.recall import Contact, contact_of, look_at, preview_recall, recalls_seen_by, start_recall, with_numbers
from rentals.transfer import send
from tests import make
from tests.refusals import refused_as
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@shared
def clinic():
    return make.clinic()


@shared
def model():
    return make.device_model()


def recall(model, *serials, actor=None, at=make.NOW):
    return start_recall(
        model=model, serials=serials, reason="Housing may overheat", at=at, actor=actor or make.manager()
    )


def look(found, at=make.NOW, actor=None):
    """The recall looked at again."""
    return look_at(found.recall, at=at, actor=actor or make.manager())


def rentals_of(holdings):
    return [holding.rental for holding in holdings]


def condition(device):
    return Device.objects.get(pk=device.pk).condition


def test_it_names_who_has_a_unit_now_and_everyone_before(clinic, model):
    device = make.device(clinic, model=model)
    before = make.rental("closed", device=device, at=make.NOW - 90 * DAY)
    now = make.rental("active", device=device)
    found = recall(model, device.serial, "9999999999")
    assert [holding.rental for holding in found.holders_before] == [before]
    assert [holding.rental for holding in found.holders_now] == [now]
    assert (found.devices, found.unknown_serials) == ([device], ["9999999999"])
    assert condition(device) == "recalled"


def test_a_reserved_unit_is_taken_from_its_reservation(clinic, model):
    device = make.device(clinic, model=model)
    rental = make.rental("reserved", device=device)
    found = recall(model, device.serial)
    assert rental.holdings.get().device is None
    assert (rental.moves.last().verb, rental.moves.last().new_state) == ("at_risk", "reserved")
    assert found.holders_now == found.holders_before == []


def test_a_recalled_unit_is_booked_by_nobody(clinic, model):
    device = make.device(clinic, model=model)
    recall(model, device.serial)
    with pytest.raises(Refusal) as refusal:
        make.book(clinic, starts_on=date(2026, 6, 1))
    assert refusal.value.conflict == {"why_not": {"not_ready": 1}}


def test_only_the_named_units_of_that_part_number_are_touched(clinic, model):
    named, unnamed, namesake = (
        make.device(clinic, model=model, serial="1121000001"),
        make.device(clinic, model=model, serial="1121000002"),
        make.device(clinic, serial="1121000001"),
    )
    recall(model, "1121000001")
    assert [condition(device) for device in (named, unnamed, namesake)] == ["recalled", "ready", "ready"]


def test_a_notice_without_serials_means_every_unit_of_the_part_number(clinic, model):
    devices = [make.device(clinic, model=model) for _ in range(2)]
    other = make.device(clinic)
    assert {device.pk for device in recall(model).devices} == {device.pk for device in devices}
    assert [condition(device) for device in (*devices, other)] == ["recalled", "recalled", "ready"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("quarantine", "recalled"), ("repair", "recalled"), ("lost", "lost"), ("sold", "sold"), ("retired", "retired")],
)
def test_a_unit_that_left_the_fleet_keeps_its_condition_but_is_listed(clinic, model, before, after):
    device = make.device(clinic, model=model, condition=before)
    assert recall(model, device.serial).devices == [device]
    assert condition(device) == after


def test_a_manager_of_one_clinic_recalls_there_only(clinic, model):
    here, elsewhere = make.device(clinic, model=model), make.device(model=model)
    found = recall(model, here.serial, elsewhere.serial, actor=make.manager(clinic))
    assert (found.devices, found.unknown_serials) == ([here], [elsewhere.serial])
    assert condition(elsewhere) == "ready"


def test_each_holder_shown_is_a_recorded_read(clinic, model):
    """I10."""
    device, actor = make.device(clinic, model=model), make.manager()
    patients = {
        make.rental(state, device=device, at=at).patient_id
        for state, at in (("closed", make.NOW - 90 * DAY), ("active", make.NOW))
    }
    recall(model, device.serial, actor=actor)
    shown = Access.objects.filter(user=actor, action="listed").values_list("patient_id", flat=True)
    assert set(shown) == patients


def test_without_a_reason_nothing_is_recalled(clinic, model):
    device = make.device(clinic, model=model)
    refused_as(
        "invalid", start_recall, model=model, serials=[device.serial], reason=" ", at=make.NOW, actor=make.manager()
    )
    assert condition(device) == "ready"


class TestWhoHasAUnit:
    def test_is_asked_anew_each_time(self, clinic, model):
        device = make.device(clinic, model=model)
        rental = make.rental("active", device=device)
        found = recall(model, device.serial)
        make.take_back(rental, counter=9, at=make.NOW + 2 * DAY)
        later = look(found, at=make.NOW + 3 * DAY)
        assert (later.holders_now, rentals_of(later.holders_before)) == ([], [rental])
        assert (found.devices[0].out_with, later.devices[0].out_with) == (rental.reference, None)

    def test_is_the_one_who_bought_it_and_not_the_one_who_lost_it(self, clinic, model):
        kept, lost = (make.rental(state, device=make.device(clinic, model=model)) for state in ("kept", "lost"))
        found = recall(model, at=make.NOW + 20 * DAY)
        assert (rentals_of(found.holders_now), rentals_of(found.holders_before)) == ([kept], [lost])

    def test_is_after_a_swap_the_one_with_the_other_unit(self, clinic, model):
        first, second = (make.device(clinic, model=model) for _ in range(2))
        rental = make.rental("active", device=first)
        when = {"at": make.NOW + DAY, "now": make.NOW + DAY}
        change.swap(rental, counter_out=1, device=second, counter_in=0, **when, actor=make.manager())
        found = recall(model, at=make.NOW + DAY)
        assert [holding.device for holding in found.holders_now] == [second]
        assert [holding.device for holding in found.holders_before] == [first]


class TestHowManyTreatments:
    """On the unit that is recalled: what the patient had of it, not what was planned."""

    def had(self, device, at=make.NOW + 5 * DAY):
        (holding,) = recall(device.model, device.serial, at=at).holders_now
        return holding.treatments

    def test_a_patient_had_is_what_the_counter_says(self, clinic):
        device = make.device(clinic, counter=50)
        make.rental("closed", device=device, at=make.NOW - 30 * DAY, counter=50, treatments=12)
        make.rental("active", device=device, counter=62)
        record_reading(device, 66, read_at=make.NOW + 4 * DAY, now=make.NOW + 4 * DAY, actor=make.manager())
        found = recall(device.model, device.serial, at=make.NOW + 5 * DAY)
        assert [one.treatments for one in (*found.holders_before, *found.holders_now)] == [12, 4]

    def test_nobody_knows_before_somebody_looks(self, clinic):
        device = make.device(clinic)
        make.rental("active", device=device)
        assert self.had(device) is None

    def test_the_log_says_where_nobody_read_the_counter(self, clinic):
        device = make.device(clinic)
        make.rental("active", device=device)
        import_logs(Log(device, make.NOW + 4 * DAY).daily([1, 2, 3], make.NOW + 6 * DAY / 24))
        assert self.had(device) == 3


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, (True, True, "active")),
        ({"email_reminders": False}, (True, True, "active")),
        ({"email": "", "phone": ""}, (False, False, "active")),
        ({"email": "ask her husband", "phone": " "}, (False, False, "active")),
        ({"state": "withdrawn"}, (True, True, "withdrawn")),
        ({"state": "deceased"}, (True, True, "deceased")),
    ],
)
def test_contact_says_how_a_patient_can_be_told_whatever_reminders_are_wanted(clinic, columns, expected):
    patient = make.patient(clinic)
    Patient.objects.filter(pk=patient.pk).update(**columns)
    patient.refresh_from_db()
    assert contact_of(patient) == Contact(*expected)


class TestReservations:
    def test_that_moved_or_have_nowhere_to_go_are_named_with_their_way(self, clinic, model):
        device = make.device(clinic, model=model)
        soon = make.book(clinic, device=device)
        pinned = make.book(clinic, device=device, starts_on=date(2026, 5, 4), pinned=True)
        spare = make.device(clinic)
        found = recall(model, device.serial)
        assert found.moved == [{"reference": soon.reference, "from_device": device.serial, "to_device": spare.serial}]
        assert [(rental, rental.pinned) for rental in found.at_risk] == [(pinned, True)]
        assert [(rental, rental.became) for rental in found.reservations] == [
            (pinned, f"from {device.serial} to no device"),
            (soon, f"from {device.serial} to {spare.serial}"),
        ]

    def test_are_shown_as_they_are_now(self, clinic, model):
        device = make.device(clinic, model=model)
        rental = make.book(clinic, device=device)
        found = recall(model, device.serial)
        assert [one.at_risk for one in found.reservations] == [True]
        spare = make.device(clinic)
        change.change_device(rental, device=spare, at=make.NOW, actor=make.manager())
        (later,) = look(found).reservations
        assert (later.at_risk, later.device_id, later.became) == (False, spare.pk, f"from {device.serial} to no device")

    def test_of_another_recall_at_the_same_moment_are_not_its_own(self, clinic, model):
        devices = [make.device(clinic, model=model) for _ in range(2)]
        rentals = [make.book(clinic, device=device, pinned=True) for device in devices]
        actor = make.manager()
        found = [recall(model, device.serial, actor=actor) for device in devices]
        assert [look(one).reservations for one in found] == [[rental] for rental in rentals]


class TestAPreview:
    def test_names_what_the_recall_then_meets_and_changes_nothing(self, clinic, model):
        device, idle = (make.device(clinic, model=model) for _ in range(2))
        make.rental("closed", device=device, at=make.NOW - 60 * DAY)
        make.rental("active", device=device)
        reserved = make.book(clinic, device=idle)
        serials, actor = [device.serial, idle.serial, "unheard"], make.manager()
        before = list(Device.objects.order_by("pk").values()), list(Holding.objects.order_by("pk").values())
        seen = preview_recall(model=model, serials=serials, at=make.NOW, actor=actor)
        assert before == (list(Device.objects.order_by("pk").values()), list(Holding.objects.order_by("pk").values()))
        assert (Recall.objects.count(), Move.objects.filter(verb="at_risk").count()) == (0, 0)
        found = recall(model, *serials)
        for name in ("devices", "holders_now", "holders_before", "unknown_serials", "reservations"):
            assert getattr(seen, name) == getattr(found, name) != [], name
        shown = {one.rental.patient_id for one in (*seen.holders_now, *seen.holders_before)} | {reserved.patient_id}
        assert set(Access.objects.filter(user=actor).values_list("patient", flat=True)) == shown


def test_a_serial_that_stands_on_a_unit_of_another_model_is_named_with_it(clinic, model):
    namesake = make.device(clinic, serial="0408017701")
    make.device(serial="0408017702")  # of a site that this manager does not see
    found = recall(model, "0408017701", "0408017702", actor=make.manager(clinic))
    assert (found.unknown_serials, found.other_models) == (["0408017701", "0408017702"], [namesake])
    assert condition(namesake) == "ready"


def test_the_same_notice_again_does_no_harm(clinic, model):
    device = make.device(clinic, model=model)
    rental = make.rental("active", device=device)
    waiting = make.book(clinic, device=device, starts_on=date(2026, 5, 4))
    first = recall(model, device.serial)
    lines = waiting.moves.count()
    second = recall(model, device.serial)
    assert rentals_of(second.holders_now) == rentals_of(first.holders_now) == [rental]
    assert (second.at_risk, second.moved, waiting.moves.count()) == ([], [], lines)
    assert (look(first).reservations, second.reservations) == ([waiting], [])


def test_a_unit_that_comes_in_later_stands_in_the_recall_that_names_it(clinic, model):
    found = recall(model, "0999000001")
    late = add_device(serial="0999000001", model=model, clinic=clinic, at=make.NOW, actor=None)
    assert (look(found).devices, list(late.recalls.all())) == ([late], [found.recall])


@shared
def model_of_two_sites():
    return make.device_model()


@shared
def sites():
    return make.clinic(), make.clinic()


@shared
def rentals(sites, model_of_two_sites):
    here, there = sites
    device = make.device(here, model=model_of_two_sites)
    before = make.rental("closed", device=device, at=make.NOW - 60 * DAY)
    send(device, to=there, arrives_on=date(2026, 2, 10), at=make.NOW - 30 * DAY, actor=make.manager())
    return before, make.rental("active", there, device=Device.objects.get(pk=device.pk))


class TestAcrossSites:
    """One unit: a patient here had it, then it was sent there, where a patient has it now."""

    @pytest.fixture
    def model(self, model_of_two_sites):
        return model_of_two_sites

    def test_each_sees_the_patients_of_their_own_site_and_how_many_more_there_are(self, sites, rentals, model):
        before, now = rentals
        found = recall(model)
        here, there = (look(found, actor=make.reception(site)) for site in sites)
        assert (rentals_of(here.holders_before), here.holders_now, here.devices) == ([before], [], [])
        assert (rentals_of(there.holders_now), there.holders_before) == ([now], [])
        assert (there.holders_elsewhere, len(there.devices)) == (1, 1)
        both = look(found)
        assert (rentals_of(both.holders_now), rentals_of(both.holders_before)) == ([now], [before])
        assert both.holders_elsewhere == 0

    def test_only_the_patients_shown_are_recorded(self, sites, rentals, model):
        """I10."""
        found, readers = recall(model), [make.reception(site) for site in sites]
        for reader in readers:
            look(found, actor=reader)
        seen = [list(Access.objects.filter(user=reader).values_list("patient", flat=True)) for reader in readers]
        assert seen == [[rental.patient_id] for rental in rentals]

    def test_a_manager_starts_it_without_seeing_patients_of_another_site(self, sites, rentals, model):
        found = recall(model, actor=make.manager(sites[1]))
        assert (rentals_of(found.holders_now), found.holders_before) == ([rentals[1]], [])

    def test_reservations_are_shown_to_their_own_site_only(self, sites):
        model = make.device_model()
        booked = [make.book(site, device=make.device(site, model=model), pinned=True) for site in sites]
        here = preview_recall(model=model, serials=[], at=make.NOW, actor=make.manager(sites[0]))
        assert here.reservations == booked[:1]
        found = recall(model)
        seen = [look(found, actor=make.reception(site)).reservations for site in sites]
        assert seen == [[rental] for rental in booked]

    def test_a_recall_is_seen_by_those_whose_units_or_patients_it_is_about(self, sites, rentals, model):
        here, there = sites
        elsewhere = make.clinic()
        found = recall(model, actor=make.manager())
        colleague = recall(make.device_model(), "unheard", actor=make.manager(elsewhere))
        assert list(recalls_seen_by(make.manager())) == [colleague.recall, found.recall]
        assert [list(recalls_seen_by(make.reception(site))) for site in (here, there, elsewhere)] == [
            [found.recall],
            [found.recall],
            [colleague.recall],
        ]

    def test_units_that_its_starter_does_not_see_are_still_in_issue_and_that_is_told(self, sites):
        model = make.device_model()
        here, there = sites
        make.device(here, model=model)
        forgotten = make.device(there, model=model)
        found = recall(model, actor=make.manager(here))
        reader = make.reception(there)
        assert list(recalls_seen_by(reader)) == [found.recall]
        assert look(found, actor=reader).still_in_issue == [forgotten]
        (in_issue,) = with_numbers(recalls_seen_by(reader), reader).values_list("in_issue", flat=True)
        assert in_issue == 1
        recall(model, actor=make.manager(there))
        assert look(found, actor=reader).still_in_issue == []


def test_the_numbers_of_a_recall_are_those_of_the_sites_one_sees(clinic, model):
    out, reserved = make.device(clinic, model=model), make.device(clinic, model=model)
    make.rental("closed", device=out, at=make.NOW - 60 * DAY)
    make.rental("active", device=out)
    make.book(clinic, device=reserved, pinned=True)
    make.rental("active", device=make.device(model=model))
    recall(model)
    recall(make.device_model(), "unheard")

    def numbers(user):
        recalls = with_numbers(recalls_seen_by(user), user).filter(model=model)
        return list(recalls.values_list("units", "out", "at_risk", "in_issue"))

    assert numbers(make.manager()) == [(3, 2, 1, 0)]
    assert numbers(make.manager(clinic)) == [(2, 1, 1, 0)]


def test_three_of_everything_cost_no_more_queries_than_one_and_one_insert(clinic):
    def queries(number):
        model, reader = make.device_model(), make.reception(clinic)
        for _ in range(number):
            device = make.device(clinic, model=model)
            make.rental("closed", device=device, at=make.NOW - 60 * DAY)
            make.rental("active", device=device)
            make.book(clinic, device=make.device(clinic, model=model), pinned=True)
        found = recall(model)
        with CaptureQueriesContext(connection) as captured:
            seen = look(found, actor=reader)
        sizes = len(seen.devices), len(seen.holders_now), len(seen.holders_before), len(seen.reservations)
        assert sizes == (2 * number, number, number, number)
        assert sum('INSERT INTO "patients_access"' in query["sql"] for query in captured) == 1
        return len(captured)

    assert queries(3) == queries(1)
