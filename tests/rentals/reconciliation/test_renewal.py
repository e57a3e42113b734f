"""A new card, a replaced unit, a counter set back: what a person says stands, and everything follows (I2, I5)."""

from datetime import UTC, datetime, timedelta

import pytest

from config.refusals import Refusal
from devices.models import Allowance, Reading
from rentals.models import Discrepancy, Treatment
from rentals.reconciliation.readings import take_reading
from rentals.reconciliation.reconcile import reconcile
from rentals.reconciliation.renewal import Ruling, begin_allowance, rule_on_restart
from tests import make
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
CARD = Ruling("card", "The old card was full.")


def after(days: float) -> datetime:
    return MORNING + timedelta(days=days)


@shared
def manager():
    return make.manager()


@shared
def device():
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def rental(device):
    return make.rental("active", device=device, at=after(-0.5), days=60, planned_treatments=50, counter=0)


def week(device, first: int, day: float) -> Log:
    """A treatment a day for a week, numbered from `first` on, read out at its end."""
    return Log(device, after(day + 6.5), counter=first + 6).daily(range(first, first + 7), after(day))


def left(device) -> tuple[int, int | None]:
    now = make.capacity_of(device)
    return now.used_treatments, now.remaining_treatments


def delivered(rental) -> int:
    holding = rental.holdings.get()
    return (holding.used_back or make.capacity_of(holding.device).used_treatments) - holding.used_out


def test_a_new_card_renews_what_the_device_may_deliver(device, manager):
    import_logs(week(device, 1, 0), at=after(7))
    begun = begin_allowance(device, CARD, counter=0, at=after(7), now=after(8), actor=manager)
    assert (begun.cause, begun.provisional, begun.nominal_treatments, begun.carried_over) == ("card", False, 50, 0)
    assert left(device) == (0, 50)
    assert device.readings.get(read_at=after(7)).trusted
    import_logs(week(device, 1, 8), at=after(15))
    assert left(device) == (7, 43)
    assert Treatment.objects.filter(allowance=begun).count() == 7
    assert not Discrepancy.objects.filter(state="open").exclude(kind="usage_outside_rental").exists()


def test_a_unit_of_another_capacity_brings_its_own(device, manager):
    begun = begin_allowance(
        device,
        Ruling("replaced_unit", "Exchanged by the maker.", 150),
        counter=3,
        at=after(1),
        now=after(1),
        actor=manager,
    )
    assert (begun.nominal_treatments, begun.counter_at_start, left(device)) == (150, 3, (0, 150))


def test_the_note_is_kept_with_who_wrote_it(device, manager):
    begin_allowance(device, CARD, counter=0, at=after(1), now=after(1), actor=manager)
    kept = Discrepancy.objects.get()
    assert (kept.state, kept.closed_as, kept.note, kept.closed_by) == ("closed", "corrected", CARD.note, manager)
    reconcile([device.pk], after(2))
    assert Discrepancy.objects.get().note == CARD.note


def test_what_the_log_had_opened_there_is_confirmed_and_not_opened_twice(rental, device, manager):
    import_logs(week(device, 1, 0), week(device, 1, 8), at=after(15))
    provisional = Allowance.objects.get(provisional=True)
    assert left(device) == (14, 36)
    begun = begin_allowance(device, CARD, counter=0, at=after(7), now=after(15), actor=manager)
    assert (begun.pk, begun.began_at) == (provisional.pk, after(7))
    assert left(device) == (7, 43)
    closed = Discrepancy.objects.get(kind="counter_down")
    assert (closed.state, closed.closed_as, closed.note, closed.closed_by) == (
        "closed",
        "corrected",
        CARD.note,
        manager,
    )
    import_logs(week(device, 1, 0), week(device, 8, 16), at=after(23))
    assert Allowance.objects.filter(device=device).count() == 2
    assert left(device) == (14, 36)


def test_a_restart_is_ruled_on_and_ruled_on_again(rental, device, manager):
    import_logs(week(device, 1, 0), week(device, 1, 8), at=after(15))
    restart = Allowance.objects.get(provisional=True)
    rule_on_restart(restart, Ruling("reset", "The battery was flat."), at=after(15), actor=manager)
    restart.refresh_from_db()
    assert (restart.cause, restart.provisional, restart.carried_over) == ("reset", False, 7)
    assert left(device) == (14, 36)
    rule_on_restart(restart, CARD, at=after(16), actor=manager)
    assert left(device) == (7, 43)
    assert Discrepancy.objects.get(kind="counter_down").note == CARD.note


def test_a_confirmed_reset_still_counts_on_when_late_data_arrives(rental, device, manager):
    import_logs(week(device, 1, 0), week(device, 1, 10), at=after(17))
    restart = Allowance.objects.get(provisional=True)
    rule_on_restart(restart, Ruling("reset", "The battery was flat."), at=after(17), actor=manager)
    import_logs(Log(device, after(9.4)).session(8, after(8)).session(9, after(9)), at=after(18))
    assert left(device) == (16, 34)


def test_a_rental_counts_what_it_used_of_both_cards(rental, device, manager):
    import_logs(week(device, 1, 0), at=after(7))
    begin_allowance(device, CARD, counter=0, at=after(7), now=after(7), actor=manager)
    import_logs(week(device, 1, 8), at=after(15))
    assert delivered(rental) == 14
    assert make.capacity_of(device).promised_treatments == 50 - 14
    make.take_back(rental, counter=8, at=after(15))
    assert delivered(rental) == 15


def test_a_reset_seen_only_at_the_screen_counts_on(rental, device, manager):
    import_logs(week(device, 1, 0), at=after(7))
    begin_allowance(device, Ruling("reset", "Seen."), counter=0, at=after(7), now=after(7), actor=manager)
    assert left(device) == (7, 43)
    assert delivered(rental) == 7


def test_a_reading_that_went_down_is_trusted_once_the_new_card_is_known(device, manager):
    import_logs(week(device, 1, 0), at=after(7))
    low = take_reading(device, 2, read_at=after(9), at=after(9), actor=manager)
    assert not low.trusted
    begin_allowance(device, CARD, counter=0, at=after(7), now=after(9), actor=manager)
    low.refresh_from_db()
    assert (low.trusted, low.allowance.cause, left(device)) == (True, "card", (2, 48))
    assert Discrepancy.objects.get(kind="counter_down").closed_as == "corrected"
    assert not Reading.objects.filter(device=device, trusted=False).exists()


@pytest.mark.parametrize(("counter", "days"), [(0, 2.5), (90, 2.5), (0, -70)])
def test_a_beginning_that_the_log_speaks_against_is_refused(device, manager, counter, days):
    import_logs(week(device, 1, 0), at=after(7))
    with pytest.raises(Refusal) as refused:
        begin_allowance(device, CARD, counter=counter, at=after(days), now=after(8), actor=manager)
    assert (refused.value.code, refused.value.field) == ("invalid", "at")
    assert Allowance.objects.filter(device=device).count() == 1


@pytest.mark.parametrize(
    ("ruling", "field"),
    [(Ruling("card", " "), "note"), (Ruling("magic", "So."), "cause"), (Ruling("reset", "So.", 5), "nominal")],
)
def test_a_ruling_says_what_it_was_and_how_that_is_known(device, manager, ruling, field):
    with pytest.raises(Refusal) as refused:
        begin_allowance(device, ruling, counter=0, at=after(1), now=after(1), actor=manager)
    assert refused.value.field == field


def test_reception_records_up_to_three_days_back(device):
    with pytest.raises(Refusal, match="ask a manager"):
        begin_allowance(device, CARD, counter=0, at=after(1), now=after(5), actor=make.reception())


def test_the_first_allowance_of_a_device_is_nothing_to_rule_on(device, manager):
    with pytest.raises(Refusal) as refused:
        rule_on_restart(device.allowances.get(), CARD, at=after(1), actor=manager)
    assert refused.value.code == "wrong_state"
