"""The terms of a site: written version by version, with figures that stand in the text by name."""

from decimal import Decimal
from functools import partial

import pytest

from rentals.terms import terms_in_words, write_terms
from tests import make
from tests.refusals import refused_as
from tests.threads import at_once

pytestmark = pytest.mark.django_db
FIGURES = {
    "weekly_hire": Decimal("70.00"),
    "part_weeks_as_full": True,
    "minimum_weeks": 1,
    "bond": Decimal("400.00"),
    "late_fee_per_day": Decimal("5.00"),
    "replacement_price": Decimal("3000.00"),
    "hire_credit_percent": 25,
    "deemed_kept_after_days": 21,
}


def write(clinic, text="Bring it back.", **figures):
    return write_terms(clinic, text=text, **{**FIGURES, **figures}, at=make.NOW)


def test_a_new_version_holds_for_what_is_booked_from_then_on():
    clinic = make.clinic()
    before = make.rental("reserved", clinic)
    assert write(clinic).version == 2
    before.refresh_from_db()
    assert (before.terms.version, make.rental("reserved", clinic).terms.version) == (1, 2)


def test_placeholders_are_filled_with_the_figures_of_their_own_version():
    text = "{clinic}: {weekly_hire} for {minimum_weeks}, {bond}, {late_fee_per_day}, {replacement_price} less " \
        "{hire_credit_percent} after {deemed_kept_after}."  # fmt: skip
    clinic = make.clinic("Harbour")
    assert terms_in_words(write(clinic, text)) == (
        "Harbour: $70.00 for 1 week, $400.00, $5.00, $3,000.00 less 25 % after 21 days."
    )


@pytest.mark.parametrize(
    "text",
    ["", "  ", "x" * 20_001, "{patient}", "{bond", "bond}", "{}", "{bond.__class__}", "{{bond}}", "{bond!r}"],
)
def test_a_text_that_cannot_be_printed_as_it_is_meant_is_refused(text):
    assert refused_as("invalid", write, make.clinic(), text).field == "text"


def test_days_that_are_not_given_are_not_named():
    assert refused_as("invalid", write, make.clinic(), "{deemed_kept_after}", deemed_kept_after_days=None)


@pytest.mark.parametrize(
    "text",
    [
        "The device will heal your bone.",
        "It helps the fracture to recover.",
        "Your fracture heals 38 % faster with it.",
        "Faster healing is guaranteed.",
        "We promise that you\nwill be cured.",
        "Most fractures heal within six weeks.",
        "Your bone mends in 40 days.",
        "It is proven to accelerate bone repair.",
        "Treatment cures non-unions.",
        "We promise nothing about the bond. Exogen accelerates healing.",
    ],
)
def test_a_promise_of_healing_is_refused(text):
    """I12."""
    assert refused_as("promises_healing", write, make.clinic(), text).field == "text"


@pytest.mark.parametrize(
    "text",
    [
        "Bring it back once your clinician has confirmed healing.",
        "How well an injury responds differs from person to person.",
        "Nothing here promises that it heals, or that it heals faster.",
        "We may recover the cost of repair from the bond.",
    ],
)
def test_what_is_no_promise_is_taken(text):
    assert write(make.clinic(), text).text == text


@pytest.mark.parametrize(
    ("figures", "field"),
    [({"bond": Decimal(-1)}, "bond"), ({"hire_credit_percent": 101}, "hire_credit_percent")],
)
def test_figures_out_of_range_are_refused(figures, field):
    assert refused_as("invalid", write, make.clinic(), **figures).field == field


def test_two_managers_at_once_write_two_versions(transactional_db):
    clinic = make.clinic()
    at_once(4, partial(write, clinic))
    assert sorted(clinic.terms.values_list("version", flat=True)) == [1, 2, 3, 4, 5]
