"""A refusal is said in the language of whoever asked."""

import pytest
from django.conf import settings

from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    desk = Desk(make.manager())
    desk.client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    return desk


def test_a_verb_in_the_wrong_state_is_refused_in_german(desk):
    rental = make.rental(State.ACTIVE)
    assert desk.see(f"/rentals/{rental.reference}/cancel/") == 302
    desk.see(desk.led_to)
    assert f"Die Miete {rental.reference} ist im Stand „laufend“" in desk.page
    assert "nehmen Sie zuerst das Gerät zurück" in desk.page


def test_a_field_that_cannot_be_is_refused_in_german_with_the_amount_as_in_german(desk):
    rental = make.rental()
    assert desk.fill_in(f"/rentals/{rental.reference}/pay/", amount="300.01") == 409
    [said] = desk.problems()["amount"]
    assert said.replace("\xa0", " ") == "Von der Kaution sind noch 300,00 $ zu zahlen; nehmen Sie nicht mehr als das."
