"""A patient's pages in German: words, numbers and days; and the choice of the language on a page that names no
origin."""

from datetime import timedelta

import pytest
import time_machine

from tests import make
from tests.rentals.portal.visitor import Visitor

pytestmark = pytest.mark.django_db
GERMAN = {"accept-language": "de"}


def test_a_patient_whose_browser_asks_for_german_reads_home_in_german(clinic):
    rental = make.rental("active", clinic)
    visitor = Visitor(rental, **GERMAN)
    visitor.see("/my/")
    for said in (
        '<html lang="de">',
        "<h1>Ihr Gerät</h1>",
        "Behandeln Sie einmal am Tag",
        "<dd>Montag, 30. März 2026</dd>",
        "343 auf diesem Gerät, Stand 2. März",
        "<dt>Nächste Öffnungszeit</dt><dd>Montag, 2. März, 08:30 Uhr bis 17:30 Uhr</dd>",
    ):
        assert said in visitor.page


def test_german_writes_what_a_late_day_costs_with_a_comma(clinic):
    rental = make.rental("active", clinic)
    with time_machine.travel(make.NOW + timedelta(days=60), tick=False):
        visitor = Visitor(rental, at=make.NOW + timedelta(days=60), **GERMAN)
        visitor.see("/my/")
    assert "Jeder Tag Verspätung kostet 10,00\u00a0$." in visitor.page


def test_the_language_is_chosen_on_a_page_whose_forms_come_without_an_origin(active):
    visitor = Visitor(active)
    visitor.see("/my/care/")
    assert "How to use the device" in visitor.page
    choice = {"language": "de", "next": "/my/care/"}
    answer = visitor.client.post("/language/", choice, headers={"origin": "null"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/my/care/")
    visitor.see("/my/care/")
    assert "So wenden Sie das Gerät an" in visitor.page
