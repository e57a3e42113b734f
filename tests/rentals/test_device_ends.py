"""A device lost, found or retired while no rental speaks of it: with a reason, and nobody left with it on paper."""

from datetime import date

import pytest

from devices.models import ConditionChange
from rentals.fleet_changes import found_again, report_device_lost, retire
from rentals.models import Holding
from rentals.recall import start_recall
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db


def ended(verb, device, reason="Looked for everywhere"):
    return verb(device, reason=reason, at=make.NOW, actor=make.manager())


@pytest.mark.parametrize(("verb", "after"), [(report_device_lost, "lost"), (retire, "retired")])
def test_its_reservations_go_to_another_device_or_are_at_risk(verb, after):
    site = make.clinic()
    device, spare = make.device(site), make.device(site)
    first, second = (make.book(site, device=device, starts_on=day) for day in (date(2026, 3, 9), date(2026, 5, 4)))
    make.book(site, device=spare, starts_on=date(2026, 5, 4), pinned=True)
    change = ended(verb, device)
    device.refresh_from_db()
    assert (device.condition, change.before, change.after) == (after, "ready", after)
    assert [Holding.objects.get(rental=one).device for one in (first, second)] == [spare, None]
    assert second.moves.latest("pk").reason.startswith(f"device {device.serial} is {after}")


def test_the_change_says_who_when_and_why():
    device, boss = make.device(), make.manager()
    report_device_lost(device, reason="  Left on a train ", at=make.NOW, actor=boss)
    (change,) = ConditionChange.objects.all()
    assert (change.device, change.reason, change.at, change.by) == (device, "Left on a train", make.NOW, boss)


def test_what_is_found_again_goes_to_quarantine():
    device = make.device(condition="lost")
    assert ended(found_again, device, "Behind the shelf").after == "quarantine"
    device.refresh_from_db()
    assert device.condition == "quarantine"


def test_what_was_recalled_while_it_was_lost_stays_recalled():
    device = make.device(condition="lost")
    start_recall(model=device.model, serials=[device.serial], reason="Heat", at=make.NOW, actor=make.manager())
    assert ended(found_again, device).after == "recalled"


@pytest.mark.parametrize("verb", [report_device_lost, retire])
def test_what_a_patient_has_is_ended_with_its_rental(verb):
    rental = make.rental("active")
    refusal = refused_as("device_unavailable", ended, verb, rental.holdings.get().device)
    assert refusal.conflict["reference"] == rental.reference
    assert not ConditionChange.objects.exists()


def test_nothing_is_retired_while_a_rental_waits_for_its_inspection():
    rental = make.rental("returned")
    device = rental.holdings.get().device
    assert refused_as("wrong_state", ended, retire, device).conflict == {"reference": rental.reference}
    device.refresh_from_db()
    assert device.condition == "quarantine"
    assert ended(report_device_lost, device).before == "quarantine"  # a fact is a fact


@pytest.mark.parametrize(
    ("verb", "condition"),
    [
        (report_device_lost, "lost"),
        (report_device_lost, "sold"),
        (report_device_lost, "retired"),
        (retire, "recalled"),
        (retire, "lost"),
        (retire, "sold"),
        (found_again, "ready"),
        (found_again, "retired"),
    ],
)
def test_a_condition_from_which_it_cannot_be_is_named(verb, condition):
    device = make.device(condition=condition)
    assert refused_as("device_not_ready", ended, verb, device).conflict == {"condition": condition}


@pytest.mark.parametrize("verb", [report_device_lost, retire, found_again])
def test_a_reason_is_asked_for(verb):
    assert refused_as("invalid", ended, verb, make.device(), " ").field == "reason"
