"""Papers are in English for now, whoever asks for them: the same facts, the same digest."""

from decimal import Decimal

import pytest
from django.utils import translation

from rentals import agreement, ledger
from rentals.models.states import State
from rentals.papers import receipt_paper, statement_paper
from rentals.papers.money import statement_facts, with_parties
from rentals.return_receipt import return_receipt
from tests import make
from tests.rentals.papers.reading import says

pytestmark = pytest.mark.django_db


def in_both(make_paper):
    """What `make_paper` makes for somebody who reads German, and then, of the same, for somebody who reads English."""
    with translation.override("de"):
        german = make_paper()
    return german, make_paper()


def test_an_agreement_that_somebody_made_who_reads_german_is_the_english_one():
    rental = make.rental()
    german, english = in_both(lambda: agreement.current_agreement(rental, at=make.NOW))
    assert german == english
    assert german.digest == english.digest
    assert german.facts["title"] == "Rental agreement"
    assert says(german, "Planned collection Monday 2 March 2026")


def test_what_was_signed_in_german_holds_in_english():
    rental = make.rental()
    with translation.override("de"):
        paper = agreement.current_agreement(rental, at=make.NOW)
        how = {"name": "Ada Example", "method": "typed", "paper": paper, "actor": make.reception()}
        agreement.sign(rental, accepted_terms_version=rental.terms.version, at=make.NOW, **how)
    assert agreement.is_signed(rental)
    signed = agreement.last_signature(rental).signed_paper
    assert ["How", "Name typed"] in signed.facts["signature"]["audit"]


def test_papers_about_the_money_and_the_return_are_in_english():
    returned = make.rental(State.RETURNED)
    ledger.pay(returned, kind="hire", amount=Decimal("120.00"), method="cash", at=make.NOW, actor=make.reception())
    payment = returned.ledger.get(method="cash")
    for make_paper, title in (
        (lambda: statement_paper(returned, at=make.NOW), "Statement"),
        (lambda: receipt_paper(payment, at=make.NOW), "Receipt"),
        (lambda: return_receipt(returned, at=make.NOW), "Return receipt"),
    ):
        german, english = in_both(make_paper)
        assert german == english
        assert german.facts["title"] == title
    with translation.override("de"):
        assert receipt_paper(payment, at=make.NOW).facts["pairs"][2] == ["For", "Hire paid in cash"]


def test_the_page_shows_the_statement_in_the_language_of_who_reads_it():
    rental = with_parties(make.rental(State.RETURNED))
    with translation.override("de"):
        assert statement_facts(rental)["title"] == "Kontoauszug"
    assert statement_facts(rental)["title"] == "Statement"
