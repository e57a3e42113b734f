"""What is spent on a device: bought, given a card, repaired, serviced. Managers write it down."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device, Expense


def spend(
    device: Device, *, kind: str, amount: Decimal, spent_on: date, note: str = "", at: datetime, actor: User
) -> Expense:
    """Write down `amount` (AUD, taxes included) spent on `device` on the local day `spent_on` of its clinic.

    Raises `invalid` for an amount that is not above zero and for a day yet to come.
    """
    if amount <= 0:
        raise invalid("amount", _("Write what was paid, more than zero; what was wrong is reversed instead."))
    if spent_on > device.clinic.day_of(at):
        raise invalid("spent_on", _("This day is yet to come; write down what was spent once it was."))
    return Expense.objects.create(
        device=device, kind=kind, amount=amount, spent_on=spent_on, note=note, at=at, by=actor
    )


def reverse_expense(expense: Expense, *, reason: str, at: datetime, actor: User) -> Expense:
    """Correct a wrong expense by its opposite, on the clinic's day of `at`; expenses are never changed (as in I9).

    Raises `already_reversed`, and `invalid` for the reversal of a reversal.
    """
    if expense.reverses_id:
        raise invalid("expense", _("A reversal is not reversed; record the right expense instead."))
    with transaction.atomic():
        Device.objects.select_for_update(no_key=True).get(pk=expense.device_id)  # the second of two waits here
        if Expense.objects.filter(reverses=expense).exists():
            raise Refusal("already_reversed", _("This expense was reversed already; look at the list again."))
        return Expense.objects.create(
            device=expense.device,
            kind=expense.kind,
            amount=-expense.amount,
            spent_on=expense.device.clinic.day_of(at),
            note=reason,
            reverses=expense,
            at=at,
            by=actor,
        )
