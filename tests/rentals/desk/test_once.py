"""A form that is sent twice counts once."""

import pytest

from rentals.models import Rental, StoredAnswer
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def paying(rental: Rental) -> tuple[Desk, str, dict]:
    """The payment page, opened, with what its form would send."""
    desk = Desk(make.reception(rental.clinic))
    address = f"/rentals/{rental.reference}/pay/"
    desk.see(address)
    return desk, address, {**desk.proposed(), "kind": "hire", "amount": "20.00"}


def test_a_double_click_pays_once_and_leads_to_the_same_page():
    rental = make.rental(State.ACTIVE)
    desk, address, entries = paying(rental)
    before = rental.ledger.count()
    assert [desk.send(address, **entries), desk.send(address, **entries)] == [302, 302]
    assert desk.led_to == f"/rentals/{rental.reference}/"
    assert rental.ledger.count() == before + 1


def test_the_same_form_with_other_entries_is_refused_and_says_that_the_first_ones_were_recorded():
    rental = make.rental(State.ACTIVE)
    desk, address, entries = paying(rental)
    desk.send(address, **entries)
    before = rental.ledger.count()
    assert desk.send(address, **{**entries, "amount": "30.00"}) == 409
    assert "sent before with other entries" in desk.problems()["__all__"][0]
    assert rental.ledger.count() == before


def test_a_form_opened_anew_counts_again():
    rental = make.rental(State.ACTIVE)
    desk, address, entries = paying(rental)
    before = rental.ledger.count()
    desk.send(address, **entries)
    desk.fill_in(address, kind="hire", amount="20.00")
    assert rental.ledger.count() == before + 2


def test_a_refused_form_can_be_corrected_and_sent_again():
    rental = make.rental(State.RESERVED)
    desk, address, entries = paying(rental)
    assert desk.send(address, **{**entries, "kind": "bond", "amount": "9999.00"}) == 409
    assert not StoredAnswer.objects.exists()
    assert desk.send(address, **{**entries, "kind": "bond", "amount": "300.00"}) == 302


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_pay_once():
    rental = make.rental(State.ACTIVE)
    desk, address, entries = paying(rental)
    user = desk.answer.wsgi_request.user
    before = rental.ledger.count()
    assert at_once(2, lambda: Desk(user).send(address, **entries)) == [302, 302]
    assert rental.ledger.count() == before + 1
