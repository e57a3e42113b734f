"""The fleet's figures at the desk: the same as `fleet_figures` finds, on a page and as files."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from config.models import Clinic
from patients.models import Access
from rentals.fleet.definitions import DEFINITIONS, Definition
from rentals.fleet.figures import fleet_figures
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
FEBRUARY = {"from": "2026-02-01", "to": "2026-02-28"}


@shared
def site():
    """A clinic with one device out, one ready, and one of which nobody knows what it has left."""
    site = make.clinic("A here")
    make.rental(State.CLOSED, site, at=make.NOW - 28 * DAY, ended=make.NOW - 7 * DAY)
    make.rental(State.ACTIVE, site, at=make.NOW - 7 * DAY)
    make.device(site, nominal=None)
    return site


@shared
def desk(site):
    return Desk(make.manager(site))


def test_each_figure_of_the_last_four_weeks_stands_there_with_what_it_means(site, desk):
    assert desk.see("/fleet/") == 200
    figures = fleet_figures([site], date(2026, 2, 3), date(2026, 3, 2), make.NOW)
    assert desk.answer.context["figures"] == figures
    shown = [(definition.name, value) for definition, value in cards(desk)]
    assert shown == [(definition.name, getattr(figures, definition.name)) for definition in DEFINITIONS]
    assert [definition.name for definition in DEFINITIONS if str(definition.meaning) not in unescape(desk.page)] == []
    assert desk.answer.context["form"]["from"].value() == "2026-02-03"
    assert desk.answer.context["form"]["to"].value() == "2026-03-02"


def test_numbers_are_written_for_people(site, desk):
    desk.see("/fleet/")
    figures = desk.answer.context["figures"]
    assert (figures.remaining, figures.income, figures.treatments_delivered) == (672, 180, 0)
    written = {definition.name: render(desk, definition.name) for definition, _ in cards(desk)}
    assert (written["remaining"], written["income"], written["bonds_held"]) == ("672", "$180.00", "$300.00")
    assert written["utilisation_percent"] == f"{figures.utilisation_percent} %"
    assert (written["adherence_percent"], written["runway_weeks"]) == ("not known", "92.0 weeks")


def cards(desk: Desk) -> list[tuple[Definition, Any]]:
    return [card for _, group in desk.answer.context["groups"] for card in group]


def render(desk: Desk, name: str) -> str:
    """What the card of the figure shows, without its markup."""
    definition = next(definition for definition in DEFINITIONS if definition.name == name)
    before, _ = desk.page.split(f"</a></b>{definition.label}<small>")
    shown = before.rpartition("<b><a ")[2].partition(">")[2].partition('<span class="visually-hidden">')[0]
    return shown.replace('<span class="quiet">', "").replace("</span>", "").strip()


def test_several_sites_are_shown_together_and_one_by_one(site):
    there = make.clinic("B there", time_zone="Australia/Perth")
    make.device(there)
    desk = Desk(make.auditor())
    assert desk.see("/fleet/", **FEBRUARY) == 200
    together = fleet_figures([site, there], date(2026, 2, 1), date(2026, 2, 28), make.NOW)
    assert desk.answer.context["parts"] == [*together.by_clinic, together]
    name, numbers = desk.answer.context["lines"][0]
    assert (name.name, numbers) == ("devices", [3, 1, 4])
    assert desk.see("/fleet/", clinic=there.pk) == 200
    assert desk.answer.context["figures"].devices == 1
    assert desk.answer.context["parts"] == []


def test_only_ones_own_sites_can_be_asked_for(site, desk):
    there = make.clinic()
    assert desk.see("/fleet/", clinic=there.pk) == 422
    assert list(desk.problems()) == ["clinic"]
    assert desk.see("/fleet/") == 200
    assert [part.clinic for part in desk.answer.context["figures"].by_clinic] == [site]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-03-01", "to": "2026-02-01"}, "to"),
        ({"from": "2026-04-01"}, "from"),
        ({"from": "soon"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "0001-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"clinic": "x"}, "clinic"),
    ],
)
@pytest.mark.parametrize("address", ["/fleet/", "/fleet/export/?format=csv"])
def test_days_that_cannot_be_asked_for_are_said_beside_their_field(site, desk, address, query, field):
    address, _, more = address.partition("?")
    assert desk.see(address, **query, **dict([more.split("=")] if more else [])) == 422
    assert list(desk.problems()) == [field]
    assert desk.answer.context["form"][field].value() == query[field]


def test_the_files_hold_the_same_figures_of_the_same_days(site, desk):
    assert desk.see("/fleet/", **FEBRUARY) == 200
    figures = desk.answer.context["figures"]
    assert 'href="/fleet/export/?format=csv&amp;from=2026-02-01&amp;to=2026-02-28&amp;clinic=&amp;model="' in desk.page

    answer = desk.client.get("/fleet/export/", {**FEBRUARY, "format": "csv"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="fleet-a-here-2026-02-01-to-2026-02-28.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    written = {definition.name: getattr(figures, definition.name) for definition in DEFINITIONS}
    assert {name: row[name] for name in written} == {
        name: "" if value is None else str(value) for name, value in written.items()
    }

    answer = desk.client.get("/fleet/export/", {**FEBRUARY, "format": "xlsx"})
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert [cell.value for cell in sheet[2]][3:5] == [figures.devices, figures.out]

    answer = desk.client.get("/fleet/export/", {**FEBRUARY, "format": "pdf"})
    assert (answer.headers["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")


@pytest.mark.parametrize("query", [{}, {"format": "exe"}])
def test_a_format_that_is_not_there_can_be_chosen_anew(site, desk, query):
    assert desk.see("/fleet/export/", **query) == 422
    assert list(desk.problems()) == ["format"]
    assert '<select name="format"' in desk.page


def test_reading_figures_is_no_access_to_a_patients_record(site):
    user = make.auditor(site)
    Desk(user).see("/fleet/")
    assert not Access.objects.filter(user=user).exists()


@pytest.mark.parametrize("role", ["reception", "clinician"])
def test_only_managers_and_auditors_read_them(site, role):
    desk = Desk(make.user(role, site))
    assert desk.see("/fleet/") == 403
    assert desk.see("/fleet/export/", format="csv") == 403


def test_three_of_everything_cost_no_more_queries_than_one(site):
    desk = Desk(make.manager())

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert desk.see("/fleet/") == 200
        return len(captured)

    one = queries()
    for _ in range(2):
        make.rental(State.ACTIVE, make.clinic())
        make.rental(State.ACTIVE, site)
    assert queries() == one


def test_each_figure_leads_to_its_rows_and_back(site, desk):
    desk.see("/fleet/", **FEBRUARY)
    assert 'href="/fleet/rows/income/?from=2026-02-01&amp;to=2026-02-28&amp;clinic=&amp;model="' in desk.page
    for definition in DEFINITIONS:
        assert desk.see(f"/fleet/rows/{definition.name}/", **FEBRUARY) == 200, definition.name
        assert str(definition.label) in unescape(desk.page)
    assert desk.see("/fleet/rows/income/", **FEBRUARY) == 200
    [line] = desk.answer.context["lines"]
    closed = Rental.objects.get(state=State.CLOSED)
    assert (line.reference, line.detail, line.number) == (closed.reference, "hire", Decimal("180.00"))
    assert line.device == closed.holdings.get().device
    assert f'href="/rentals/{closed.reference}/"' in desk.page
    assert closed.patient.family_name not in desk.page
    assert 'href="/fleet/?from=2026-02-01&amp;to=2026-02-28&amp;clinic=&amp;model="' in desk.page
    assert desk.see("/fleet/rows/income/", **{**FEBRUARY, "clinic": "x"}) == 422
    assert desk.see("/fleet/rows/happiness/") == 404


def test_rows_are_a_file_too_in_which_nothing_runs(site, desk):
    Clinic.objects.filter(pk=site.pk).update(name="=1+1")
    answer = desk.client.get("/fleet/rows/income/", {**FEBRUARY, "format": "csv"})
    assert answer.headers["Content-Disposition"] == ('attachment; filename="fleet-income-2026-02-01-to-2026-02-28.csv"')
    [row] = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (row["site"], row["AUD"], row["detail"]) == ("'=1+1", "180.00", "hire")


def test_many_rows_come_page_by_page_and_are_added_up_over_all(site, desk):
    for _ in range(52):
        make.device(site, model=site.devices.first().model)
    assert desk.see("/fleet/rows/devices/", page=2) == 200
    assert len(desk.answer.context["lines"]) == 5
    assert desk.answer.context["total"] == (55, None)
    assert "Page 2 of 2" in desk.page


def test_a_model_is_asked_for_on_its_own(site, desk):
    model = site.devices.filter(model__nominal_treatments=None).get().model
    assert desk.see("/fleet/", model=model.pk) == 200
    figures = desk.answer.context["figures"]
    assert (figures.devices, figures.unknown_capacity, figures.income) == (1, 1, 0)
    assert model.part_number in figures.title
    assert desk.see("/fleet/rows/devices/", model=model.pk) == 200
    assert desk.answer.context["total"] == (1, None)


def test_usual_periods_are_a_click_away(site, desk):
    desk.see("/fleet/")
    words = {words: (asked, chosen) for words, asked, chosen in desk.answer.context["periods"]}
    assert words["Last 28 days"] == ("from=2026-02-03&to=2026-03-02&clinic=&model=", True)
    assert words["Last month"] == ("from=2026-02-01&to=2026-02-28&clinic=&model=", False)
    assert words["Last quarter"][0].startswith("from=2025-10-01&to=2025-12-31")
    assert words["Last year"][0].startswith("from=2025-01-01&to=2025-12-31")


@pytest.mark.parametrize("figure", ["income", "out", "adherence_percent", "bonds_held"])
def test_three_rows_cost_no_more_queries_than_one(site, desk, figure):
    numbers = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert desk.see(f"/fleet/rows/{figure}/", **{"from": "2026-01-01"}) == 200
        numbers.append(len(captured))
        for _ in range(2):
            make.rental(State.CLOSED, site, at=make.NOW - 28 * DAY, ended=make.NOW - 7 * DAY)
            make.rental(State.ACTIVE, site, at=make.NOW - 7 * DAY)
    assert numbers[0] == numbers[1]
