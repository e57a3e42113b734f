"""The list of devices at the desk."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db


@shared
def site():
    return make.clinic()


@shared
def desk(site):
    return Desk(make.reception(site))


def rows(desk: Desk, address: str = "/devices/", **query: str) -> list[dict[str, str]]:
    """The cells of the table of devices, by column."""
    assert desk.see(address, **query) == 200
    table = desk.answer.context["table"]
    return [{column.name: str(cell) for column, cell in row.items()} for row in table.paginated_rows]


def serials(desk: Desk, **query: str) -> list[str]:
    desk.see("/devices/", **query)
    return [row.record.serial for row in desk.answer.context["table"].paginated_rows]


class TestList:
    def test_it_shows_what_each_device_has_left_and_where_it_stands(self, site, desk):
        device = make.device(site, serial="0012", counter=40)
        make.rental(State.ACTIVE, device=device, counter=40, planned_treatments=30)
        (row,) = rows(desk)
        assert f'href="/devices/{device.pk}/"' in row.pop("serial")
        assert row == {
            "model": "Exogen 250",
            "condition": '<span class="tag good">Ready</span>',
            "availability": '<span class="tag calm">Out</span>',
            "used": "40",
            "remaining": "303",
            "promised": "30",
            "free": "273",
            "last_reading": "Mon 2 Mar 2026",
        }

    def test_unknown_is_a_word_and_past_nominal_a_negative_number_with_its_words(self, site, desk):
        make.device(site, serial="1", nominal=None, counter=None)
        make.device(site, serial="2", nominal=100, counter=103)
        shown = [(row["used"], row["remaining"], row["free"], row["last_reading"]) for row in rows(desk)]
        assert shown == [
            ("0", "unknown", "unknown", "never read"),
            ("103", "−3 (past nominal)", "−3 (too few)", "Sat 31 Jan 2026"),
        ]

    def test_it_is_sorted_by_any_column_with_the_unknown_last(self, site, desk):
        worn = make.device(site, serial="A1", counter=300)
        fresh = make.device(site, serial="A2", counter=0)
        unknown = make.device(site, serial="B1", nominal=None, condition="repair")
        assert serials(desk) == serials(desk, sort="remaining") == [worn.serial, fresh.serial, unknown.serial]
        assert serials(desk, sort="-remaining") == [fresh.serial, worn.serial, unknown.serial]
        assert serials(desk, sort="-serial") == [unknown.serial, fresh.serial, worn.serial]
        assert serials(desk, sort="-condition") == [unknown.serial, worn.serial, fresh.serial]
        assert 'aria-sort="descending"' in desk.page
        assert serials(desk, sort="nonsense") == serials(desk, sort="") == serials(desk)

    def test_it_is_narrowed_down_by_condition_availability_and_serial(self, site, desk):
        make.device(site, serial="A1")
        make.device(site, serial="A2", condition="repair")
        make.rental(State.RESERVED, device=make.device(site, serial="B1"))
        assert serials(desk, condition="repair") == serials(desk, availability="unavailable") == ["A2"]
        assert serials(desk, availability="reserved") == serials(desk, search="b") == ["B1"]
        assert serials(desk, condition="ready", search="a") == ["A1"]
        assert serials(desk, search="C") == []
        assert "No device fits." in desk.page

    @pytest.mark.parametrize("query", [{"condition": "broken"}, {"availability": "gone"}, {"search": "9" * 41}])
    def test_a_filter_that_means_nothing_is_said_and_finds_nothing(self, site, desk, query):
        make.device(site)
        assert desk.see("/devices/", **query) == 422
        assert list(desk.answer.context["filter"].form.errors) == list(query)
        assert len(desk.answer.context["table"].rows) == 0

    def test_it_holds_only_the_chosen_site(self, site):
        there = make.clinic("Z there")
        make.device(site, serial="A1")
        make.device(there, serial="B1")
        desk = Desk(make.manager())
        assert serials(desk) == ["A1"]
        desk.send("/site/", site=there.pk)
        assert serials(desk) == ["B1"]

    def test_pages_turn_over_and_a_page_that_is_not_there_is_the_nearest_one(self, site, desk, monkeypatch):
        monkeypatch.setattr("rentals.desk.tables.ROWS_A_PAGE", 2)
        model = make.device_model()
        for number in range(5):
            make.device(site, model=model, serial=f"S{number}")
        pages = [serials(desk, page=page) for page in ("1", "2", "3", "99", "x", "-1")]
        assert pages == [["S0", "S1"], ["S2", "S3"], ["S4"], ["S4"], ["S0", "S1"], ["S4"]]
        assert serials(desk, per_page="0") == ["S0", "S1"]

    def test_three_devices_cost_no_more_queries_than_one(self, site, desk):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert desk.see("/devices/") == 200
            return len(captured)

        make.rental(State.ACTIVE, site)
        one = queries()
        make.rental(State.ACTIVE, site)
        make.rental(State.RESERVED, site)
        assert queries() == one
