"""One patient's page: every hire with its days and money, the papers, and who looked."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rentals import ledger
from rentals.desk.patient_page import about
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@shared
def site():
    return make.clinic(at=make.NOW - 100 * DAY)


def test_each_hire_says_how_many_of_its_days_were_done(site):
    device = make.device(site, at=make.NOW - 60 * DAY)
    rental = make.rental(State.ACTIVE, device=device, at=make.NOW - 10 * DAY)
    import_logs(Log(device, make.NOW).daily(range(1, 9), make.NOW - 9 * DAY))
    (hire,) = about(rental.patient, make.NOW)["hires"]
    assert (hire.adherence.done, hire.adherence.none, hire.adherent) == (8, 2, True)
    desk = Desk(make.reception(site))
    assert desk.see(f"/patients/{rental.patient_id}/") == 200
    assert "80.0 % of 10 known days done" in desk.page


def test_money_of_all_hires_is_added_up_with_what_was_taken_back(site):
    rental = make.rental(State.ACTIVE, site, at=make.NOW)
    by = {"at": make.NOW, "actor": make.manager()}
    fee = ledger.post(rental, "fee", Decimal(25), **by)
    ledger.post(rental, "fee", Decimal(10), **by)
    ledger.reverse(fee, reason="Not missing after all", **by)
    found = about(rental.patient, make.NOW)
    assert (found["owed"], found["held"]) == (Decimal(10), rental.terms.bond)


def test_only_who_watches_over_records_sees_who_looked(site):
    patient = make.rental(State.CLOSED, site).patient
    user = make.reception(site)
    reception, manager = Desk(user), Desk(make.manager(site))
    assert (reception.see(f"/patients/{patient.pk}/"), manager.see(f"/patients/{patient.pk}/")) == (200, 200)
    assert "Who looked at this record" not in reception.page
    assert (user, "read") in {(look.user, look.action) for look in manager.answer.context["looks"]}


@pytest.mark.parametrize("number", [1, 3])
def test_it_makes_the_same_number_of_queries_for_more_hires(number, site, django_assert_num_queries):
    patient = make.patient(site)
    for time in range(number):
        at = make.NOW - (84 - 28 * time) * DAY
        make.rental(State.CLOSED, site, patient=patient, at=at, ended=at + 14 * DAY)
    desk = Desk(make.manager(site))
    with django_assert_num_queries(24):
        assert desk.see(f"/patients/{patient.pk}/") == 200
    assert len(desk.answer.context["hires"]) == number
