"""Who should get another device before the present one runs out."""

from datetime import timedelta

import pytest

from patients.models import Access
from rentals.desk.swaps import swap_proposals
from rentals.reconciliation.readings import take_reading
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@shared
def site():
    return make.clinic()


def running_out(site, *, nominal: int = 25, days: int = 28):
    """A rental of two weeks ago, treated once a day, whose device had `nominal` treatments at its start."""
    device = make.device(site, nominal=nominal, at=make.NOW - 60 * DAY)
    planned = {"planned_treatments": 20, "days": days}
    rental = make.rental("active", site, device=device, at=make.NOW - 14 * DAY, **planned)
    take_reading(device, 14, read_at=make.NOW, at=make.NOW, actor=None)
    return rental


def test_a_device_that_will_probably_not_last_is_proposed_with_what_could_take_its_place(site):
    rental = running_out(site)
    fresh, larger = make.device(site, nominal=50), make.device(site, nominal=343)
    [proposal] = swap_proposals(site, make.NOW)
    assert (proposal.rental, proposal.instead) == (rental, fresh)
    assert proposal.forecast.lasts_rental in ("hardly", "no")
    assert larger != fresh


def test_no_device_is_proposed_to_two(site):
    first, second = running_out(site, nominal=22), running_out(site)
    small, large = make.device(site, nominal=50), make.device(site, nominal=343)
    found = swap_proposals(site, make.NOW)
    assert [(one.rental, one.instead) for one in found] == [(first, small), (second, large)]


def test_it_is_proposed_also_where_nothing_fits(site):
    rental = running_out(site)
    assert [(one.rental, one.instead) for one in swap_proposals(site, make.NOW)] == [(rental, None)]


@pytest.mark.parametrize("reason", ["lasts", "far", "elsewhere", "overdue"])
def test_nobody_is_troubled_where_there_is_no_need(site, reason):
    if reason == "lasts":
        running_out(site, nominal=60)
    elif reason == "far":
        running_out(site, nominal=60, days=70)
    elif reason == "elsewhere":
        running_out(make.clinic())
    else:
        running_out(site, days=10)
    assert swap_proposals(site, make.NOW) == []


def test_the_desk_shows_them_and_leads_to_the_swap_filled_in(site):
    rental = running_out(site)
    fresh = make.device(site, nominal=50)
    user = make.reception(site)
    desk = Desk(user)
    assert desk.see("/") == 200
    address = f"/rentals/{rental.reference}/swap/?device={fresh.pk}"
    for words in (f'href="{address}"', "Runs out between", rental.patient.name, f"{fresh.serial} could take its place"):
        assert words in desk.page
    assert Access.objects.filter(user=user, patient=rental.patient_id, action="listed").exists()
    assert desk.see(address) == 200
    assert f'<option value="{fresh.pk}" selected>' in desk.page


@pytest.mark.parametrize("number", [1, 3])
def test_the_number_of_queries_is_fixed(site, number, django_assert_num_queries):
    for _ in range(number):
        running_out(site)
        make.device(site, nominal=50)
    with django_assert_num_queries(9):
        assert len(swap_proposals(site, make.NOW)) == number
