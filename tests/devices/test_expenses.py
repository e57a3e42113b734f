"""Money spent on a device: written down by managers, corrected by its opposite, never changed."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from devices.expenses import reverse_expense, spend
from devices.models import Device, Expense
from tests import make
from tests.refusals import refused_as
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 2)


@pytest.fixture
def device() -> Device:
    return make.device()


def bought(device: Device, **changes: Any) -> Expense:
    details = {"kind": "purchase", "amount": Decimal("4000.00"), "spent_on": TODAY, "note": "Invoice 17"}
    return spend(device, **{**details, **changes}, at=make.NOW, actor=make.manager())


def test_an_expense_is_kept_with_who_and_when(device):
    boss = make.manager()
    expense = spend(device, kind="repair", amount=Decimal("85.50"), spent_on=TODAY, at=make.NOW, actor=boss)
    kept = Expense.objects.get()
    assert kept == expense
    assert (kept.kind, kept.amount, kept.spent_on, kept.by, kept.at) == (
        "repair", Decimal("85.50"), TODAY, boss, make.NOW,
    )  # fmt: skip


def test_nothing_and_days_yet_to_come_are_refused_beside_their_field(device):
    assert refused_as("invalid", bought, device, amount=Decimal(0)).field == "amount"
    assert refused_as("invalid", bought, device, amount=Decimal(-1)).field == "amount"
    assert refused_as("invalid", bought, device, spent_on=TODAY + timedelta(days=1)).field == "spent_on"
    assert not Expense.objects.exists()


def test_a_wrong_one_is_corrected_once_by_its_opposite(device):
    wrong, boss = bought(device), make.manager()
    later = make.NOW + timedelta(days=3)
    opposite = reverse_expense(wrong, reason="Another device", at=later, actor=boss)
    assert (opposite.amount, opposite.kind, opposite.spent_on) == (-wrong.amount, "purchase", date(2026, 3, 5))
    refused_as("already_reversed", reverse_expense, wrong, reason="Again", at=later, actor=boss)
    refused_as("invalid", reverse_expense, opposite, reason="Back", at=later, actor=boss)
    assert sum(expense.amount for expense in device.expenses.all()) == 0


@pytest.mark.parametrize("change", ["UPDATE devices_expense SET amount = 1", "DELETE FROM devices_expense"])
def test_the_database_lets_nobody_change_or_drop_one(device, change):
    bought(device)
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_manager_records_and_reverses_at_the_desk(device):
    desk, address = Desk(make.manager(device.clinic)), f"/devices/{device.pk}/expenses/"
    assert desk.see(f"/devices/{device.pk}/") == 200
    assert f'href="{address}"' in desk.page
    assert desk.see(address) == 200
    assert "Nothing yet" in desk.page
    assert desk.send(f"{address}add/", kind="card", amount="450", spent_on="2026-03-02", note="<b>") == 302
    assert desk.see(desk.led_to) == 200
    assert "$450.00" in desk.page
    assert "&lt;b&gt;" in desk.page
    reversal = f"{address}{Expense.objects.get().pk}/reverse/"
    assert desk.fill_in(reversal, reason="Typed twice") == 302
    assert desk.send(reversal, reason="Again") == 409
    assert desk.see(address) == 200
    assert "−$450.00" in desk.page
    assert f'href="{reversal}"' not in desk.page


def test_what_cannot_be_is_said_beside_its_field(device):
    desk, address = Desk(make.manager(device.clinic)), f"/devices/{device.pk}/expenses/add/"
    assert desk.send(address, kind="gift", amount="-1", spent_on="soon") == 422
    assert sorted(desk.problems()) == ["amount", "kind", "spent_on"]
    assert desk.send(address, kind="card", amount="0", spent_on="2026-03-02") == 400
    assert list(desk.problems()) == ["amount"]
    assert desk.send(address, kind="card", amount="1", spent_on="2199-12-30") == 400
    assert list(desk.problems()) == ["spent_on"]


def test_an_auditor_reads_and_reception_does_not(device):
    address = f"/devices/{device.pk}/expenses/"
    bought(device)
    auditor, reception = Desk(make.auditor(device.clinic)), Desk(make.reception(device.clinic))
    assert (auditor.see(address), reception.see(address)) == (200, 403)
    assert "Record an expense" not in auditor.page
    assert reception.see(f"/devices/{device.pk}/") == 200
    assert address not in reception.page
    assert (auditor.send(f"{address}add/"), reception.send(f"{address}add/")) == (403, 403)


def test_three_expenses_cost_the_queries_of_one(device):
    desk, numbers = Desk(make.manager(device.clinic)), []
    for number in range(3):
        reverse_expense(bought(device, note=str(number)), reason="x", at=make.NOW, actor=make.manager())
        with CaptureQueriesContext(connection) as queries:
            desk.see(f"/devices/{device.pk}/expenses/")
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] == numbers[2]
