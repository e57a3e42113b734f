"""What the page of a site's own words says beside them."""

import pytest

from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db


def test_what_is_wrong_with_text_and_html_alike_is_said_once_beside_them():
    site = make.clinic("A here")
    desk = Desk(make.manager(site))
    same = {"text": "{{ nobody }}", "html": "<p>{{ nobody }}</p>"}
    desk.send("/messages/words/preview/?kind=due_soon", subject="Bringing it back", **same)
    assert len(desk.answer.context["problems"]) == 1


def test_the_page_says_on_which_day_the_letter_would_be_read():
    rental = make.rental(State.ACTIVE, make.clinic("A here"))
    desk = Desk(make.manager(rental.clinic))
    desk.see("/messages/words/edit/?kind=due_soon")
    assert "would read it now" in desk.page
    desk.see("/messages/words/edit/?kind=overdue")
    assert "would read it on Thu 2 Apr 2026, 9:00 am" in desk.page
