"""The receipt for a return: what came back in which condition, signed where the patient is there."""

from datetime import timedelta

import pytest

from rentals import custody, return_receipt
from tests import make
from tests.refusals import refused_as
from tests.rentals.papers.reading import says

pytestmark = pytest.mark.django_db
BACK = make.NOW + timedelta(days=14)


@pytest.fixture
def rental():
    rental = make.rental("active")
    words = {"parts": ["main_unit", "transducer"], "notes": "Scratch on the\r\nscreen #1"}
    return custody.take_back(rental, counter=14, **words, at=BACK, now=BACK, actor=make.reception())


def sign(rental, paper=None, **how):
    paper = paper or return_receipt.return_receipt(rental, at=BACK)
    details = {"name": "Ada Example", "method": "typed", "at": BACK, "actor": make.reception(), **how}
    return return_receipt.sign_return(rental, paper=paper, **details)


def test_it_says_which_device_which_parts_and_in_which_condition(rental):
    paper = return_receipt.return_receipt(rental, at=BACK)
    serial = rental.holdings.get().device.serial
    assert says(
        paper, serial, "Transducer yes yes", "Charger yes –", "Scratch on the screen #1", "16 March 2026, 12:00"
    )


def test_it_is_signed_once_and_blocks_nothing(rental):
    assert not return_receipt.is_return_signed(rental)
    sign(sign(rental))
    signature = rental.signatures.get(purpose="return")
    assert says(signature.signed_paper, "How this was signed", signature.paper.sha256)
    assert rental.moves.filter(verb="sign_return").count() == 1
    assert make.inspect(rental, at=BACK).state == "closed"


def test_it_may_be_signed_after_the_settlement(rental):
    rental = make.inspect(rental, at=BACK)
    assert return_receipt.is_return_signed(sign(rental))


@pytest.mark.parametrize("state", ["reserved", "active", "lost", "kept", "cancelled"])
def test_without_a_return_there_is_nothing_to_sign(state):
    refused_as("wrong_state", return_receipt.return_receipt, make.rental(state), at=BACK)


def test_a_device_that_was_lost_has_no_return_receipt_after_the_settlement(lost):
    settled = make.inspect(lost, at=BACK)
    refused_as("wrong_state", return_receipt.return_receipt, settled, at=BACK)


def test_another_paper_is_not_signed_as_this_return(rental, returned):
    other = return_receipt.return_receipt(returned, at=BACK)
    refused_as("receipt_changed", sign, rental, other)
