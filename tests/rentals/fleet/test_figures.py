"""Each figure of the fleet equals a plain SQL statement, for several clinics together and for each of them."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from devices.models import DeviceModel
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.figures import Figures, fleet_figures
from rentals.fleet.rows import MADE_OF, rows_for
from rentals.fleet.scope import Row
from rentals.fleet.use import BANDS, discrepancies_by_kind
from rentals.models.states import State
from tests import make
from tests.rentals.fleet.statements import STATEMENTS, counted, stated
from tests.rentals.fleet.world import AT, World

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("fleet")]

PERIODS = {
    "the last four weeks": (date(2026, 7, 8), date(2026, 8, 4)),
    "one day": (date(2026, 7, 29), date(2026, 7, 29)),
    "a week of reversals": (date(2026, 7, 25), date(2026, 7, 31)),
    "weeks in the past": (date(2026, 6, 10), date(2026, 7, 9)),
    "over the end of daylight saving time": (date(2026, 4, 2), date(2026, 4, 7)),
    "weeks yet to end": (date(2026, 7, 30), date(2026, 9, 30)),
    "all the years": (date(1850, 1, 1), date(2199, 12, 31)),
    "days yet to come": (date(2026, 8, 5), date(2026, 8, 31)),
}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    """One world for all the tests of this file, in one transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        with override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("usage")):
            world = World()
        yield world
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def found(world: World, django_db_blocker: Any) -> dict[str, Figures]:
    """The figures of all clinics in each of the periods."""
    with django_db_blocker.unblock():
        return {name: fleet_figures(world.clinics, *days, AT) for name, days in PERIODS.items()}


def asked(figures: Figures) -> dict[str, Any]:
    """The parameters with which the statements ask for the same as `figures`."""
    parts = figures.by_clinic or (figures,)
    return {"clinics": [part.clinic.pk for part in parts], "first": figures.first, "last": figures.last, "at": AT}


@pytest.mark.parametrize("name", STATEMENTS)
def test_figure_equals_its_statement(found, name):
    for when, figures in found.items():
        for part in (figures, *figures.by_clinic):
            value, truth = getattr(part, name), stated(name, **asked(part))
            assert value == (float(truth) if isinstance(value, float) and truth is not None else truth), (
                when,
                part.title,
            )


@pytest.mark.parametrize(
    "name", [name for name in STATEMENTS if name != "cards_to_order"]
)  # units come first; test_ahead.py has cards
def test_world_gives_every_figure_something_to_count(found, name):
    assert getattr(found["the last four weeks"], name)


@pytest.mark.parametrize("name", ["by_condition", "by_availability"])
def test_devices_are_counted_by_what_they_are(found, name):
    for figures in found.values():
        for part in (figures, *figures.by_clinic):
            assert {kind: number for kind, number in getattr(part, name).items() if number} == counted(
                name, **asked(part)
            )
    assert all(getattr(figures, name).values())


def reckoned(name: str, rows: list[Row], figures: Figures) -> Any:
    """The figure, from its rows alone."""
    number: Any
    whole: Any
    number, whole = (sum((part[place] or 0 for part in rows), 0) for place in (5, 6))
    days = sorted(float(row.number) for row in rows)
    if name.endswith("_percent"):
        return pytest.approx(100 * float(number) / float(whole), abs=0.0501) if whole else None
    if name == "cost_per_treatment":
        return pytest.approx(number / whole, abs=Decimal("0.005")) if whole else None
    if name == "turnaround_median":
        return pytest.approx(median(days), abs=0.0501) if days else None
    if name == "turnaround_ninetieth":
        tenths = quantiles(days if len(days) > 1 else days * 2, n=10, method="inclusive") if days else None
        return pytest.approx(tenths[8], abs=0.0501) if tenths else None
    if name in MADE_OF:  # what looks ahead is reckoned from what was asked for
        return getattr(figures, name) if number == figures.treatments_booked else "something else"
    return number


@pytest.mark.parametrize("name", [*STATEMENTS, *BANDS])
def test_rows_of_a_figure_add_up_to_it(found, name):
    for when in ("the last four weeks", "one day", "a week of reversals"):
        figures = found[when]
        for part in (figures, *figures.by_clinic):
            rows = rows_for(name, part.scope)
            assert getattr(part, name) == reckoned(name, rows, part), (when, part.title)
            assert {row.clinic for row in rows} <= set(part.scope.ids)


def test_figures_of_a_model_are_those_of_its_devices_and_models_together_make_all(world, found):
    figures = found["the last four weeks"]
    several = {}
    for model in DeviceModel.objects.filter(devices__isnull=False).distinct():
        several[model.pk] = fleet_figures([world.sydney], figures.first, figures.last, AT, model)
        assert several[model.pk].devices <= model.devices.filter(clinic=world.sydney).count()
    [sydney] = [part for part in figures.by_clinic if part.clinic == world.sydney]
    for name in ("devices", "out", "free", "treatments_delivered", "overdue", "spent", "lost", "adherence_from_90"):
        assert sum(getattr(one, name) for one in several.values()) == getattr(sydney, name), name


def test_discrepancies_by_kind_add_up_to_all(found):
    for figures in found.values():
        kinds = discrepancies_by_kind(figures.scope)
        assert sum(opened for _, opened, _ in kinds) == figures.discrepancies_opened
        assert sum(closed for _, _, closed in kinds) == figures.discrepancies_closed


def test_the_docs_say_what_each_figure_means():
    said = Path("docs/fleet.md").read_text()
    rows = [f"| {one.label} (`{one.name}`) | {one.unit} | {one.meaning} |" for one in DEFINITIONS]
    assert [row for row in rows if row not in said] == []


@pytest.mark.parametrize("when", ["the last four weeks", "weeks in the past"])
def test_rentals_are_counted_by_how_much_of_them_was_done(found, when):
    for part in (found[when], found[when].by_clinic[1]):
        bands = {name: getattr(part, name) for name in BANDS}
        assert {name: number for name, number in bands.items() if number} == counted("adherence_bands", **asked(part))
    assert sum(getattr(found[when], name) > 0 for name in BANDS) > 1


def test_each_figure_with_a_meaning_has_a_statement():
    assert {definition.name for definition in DEFINITIONS} == STATEMENTS.keys() | BANDS.keys()


def test_clinic_without_anything_has_nothing_and_no_percentages(found):
    darwin = found["the last four weeks"].by_clinic[-1]
    values = {definition.name: getattr(darwin, definition.name) for definition in DEFINITIONS}
    nothing = {definition.name for definition in DEFINITIONS if definition.unit in ("%", "weeks", "days", "day")}
    nothing |= {"cost_per_treatment", "units_to_buy", "cards_to_order"}
    assert values == {name: None if name in nothing else 0 for name in values}


def test_figures_of_one_clinic_are_its_own(world, found):
    figures = found["the last four weeks"]
    [sydney] = [part for part in figures.by_clinic if part.clinic == world.sydney]
    alone = fleet_figures([world.sydney], figures.first, figures.last, AT)
    assert alone.by_clinic == (sydney,)
    assert (alone.clinic, alone.income, figures.clinic) == (world.sydney, sydney.income, None)


def test_no_clinics_at_all_have_no_figures():
    figures = fleet_figures([], date(2026, 7, 8), date(2026, 8, 4), AT)
    assert (figures.devices, figures.income, figures.runway_weeks, figures.by_clinic) == (0, 0, None, ())


def test_three_clinics_with_three_rentals_cost_the_queries_of_one():
    numbers = []
    clinics = []
    for _ in range(3):
        clinics.append(make.clinic())
        for _ in range(len(clinics)):
            make.rental(State.ACTIVE, clinics[-1])
        with CaptureQueriesContext(connection) as queries:
            figures = fleet_figures(clinics, date(2026, 2, 20), date(2026, 3, 10), make.NOW + timedelta(days=8))
        numbers.append(len(queries))
    assert figures.out == 6
    assert numbers[0] == numbers[1] == numbers[2] <= 12
