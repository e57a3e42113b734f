"""Where one click makes two invoices, with GST and without, or a note and an invoice, the desk says so."""

from datetime import timedelta
from decimal import Decimal

import pytest

from config.models import Clinic
from rentals import ledger
from rentals.models import Paper, Rental
from rentals.models.states import State
from rentals.papers import invoice_paper
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
BEFORE = make.NOW - timedelta(days=14)


@shared
def invoiced() -> Rental:
    """Returned today, the hire invoiced without GST an hour ago; the clinic charges GST by now."""
    rental = make.rental(State.RETURNED, at=BEFORE, ended=make.NOW - timedelta(hours=2))
    Clinic.objects.filter(pk=rental.clinic_id).update(abn="51 824 753 556")
    invoice_paper(rental, at=make.NOW - timedelta(hours=1), actor=make.manager())
    Clinic.objects.filter(pk=rental.clinic_id).update(charges_gst=True)
    return Rental.objects.get(pk=rental.pk)


def click(rental):
    desk = Desk(make.reception(rental.clinic))
    assert desk.send(f"/rentals/{rental.reference}/invoice/") == 302
    return desk


def test_who_makes_two_is_told_of_both_and_led_to_them(invoiced):
    ledger.charge_fees(invoiced, [{"kind": "cable", "amount": Decimal("20.00")}], at=make.NOW, actor=make.manager())
    ledger.reverse(invoiced.ledger.get(kind="hire"), reason="Recalled", at=make.NOW, actor=make.manager())
    desk = click(invoiced)
    assert desk.led_to == f"/rentals/{invoiced.reference}/#papers"
    desk.see(desk.led_to)
    credit, tax = Paper.objects.filter(kind="invoice").order_by("version")[1:]
    assert f"2 papers were made: credit note {credit.number}, tax invoice {tax.number}." in desk.page
    assert all(f"/papers/{paper.pk}/" in desk.page for paper in (credit, tax))


def test_who_makes_one_is_led_to_it(invoiced):
    ledger.charge_fees(invoiced, [{"kind": "cable", "amount": Decimal("20.00")}], at=make.NOW, actor=make.manager())
    desk = click(invoiced)
    assert desk.led_to == f"/papers/{Paper.objects.get(kind='invoice', version=2).pk}/"
