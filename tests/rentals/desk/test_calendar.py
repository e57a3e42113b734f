"""The days of a rental as a calendar: readable without colour and by ear, with the clinic's rule on adherence."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rentals.calendar import LEGEND, is_adherent, weeks_of
from rentals.models import PatientDay
from rentals.reconciliation.days import Day, counted
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 2, 2, 20, 0, tzinfo=UTC)
ONE = timedelta(days=1)


@shared
def device():
    return make.device(counter=0, at=MORNING - 60 * ONE)


@shared
def rental(device):
    """Handed over on 2 February; done on the 3rd to the 8th but for a short, an empty and two paused days."""
    rental = make.rental("active", device=device, at=MORNING - ONE / 2, days=28, planned_treatments=28)
    log = Log(device, MORNING + 8.1 * ONE, counter=5).daily([1, 2], MORNING).session(3, MORNING + 2 * ONE, 300)
    log.session(4, MORNING + 7 * ONE).session(5, MORNING + 7.1 * ONE).pause("2026-02-07", "2026-02-08")
    import_logs(log, at=MORNING + 9 * ONE)
    return rental


def test_a_week_a_row_from_monday_on():
    first = MORNING.date() + 3 * ONE
    weeks = weeks_of([Day(first + number * ONE, "done", 1) for number in range(10)], {})
    assert [week.monday.day for week in weeks] == [2, 9]
    assert [cell and cell.date.day for cell in weeks[0].cells] == [None, None, None, 5, 6, 7, 8]
    assert [cell and cell.date.day for cell in weeks[1].cells] == [9, 10, 11, 12, 13, 14, None]


def test_the_word_of_the_patient_stands_beside_the_record(rental):
    for day, treated in ((6, True), (7, False)):
        PatientDay.objects.create(rental=rental, day=date(2026, 2, day), treated=treated, said_at=make.NOW)
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/rentals/{rental.reference}/")
    assert "6 February: no treatment; in the patient’s words: treated<" in desk.page
    assert "7 February: paused; in the patient’s words: not treated<" in desk.page
    assert desk.page.count("in the patient’s words treated") == 1


def test_each_status_has_a_sign_and_words_of_its_own():
    assert len({sign for _, sign, _ in LEGEND}) == len({meaning for *_, meaning in LEGEND}) == 5


@pytest.mark.parametrize(("done", "none", "adherent"), [(4, 1, True), (7996, 2004, False), (0, 0, None), (0, 1, False)])
def test_a_rental_is_adherent_from_the_share_that_the_clinic_has_set(done, none, adherent):
    day = MORNING.date()
    days = [Day(day, "done", 3)] * done + [Day(day, "none", 0)] * none + [Day(day, "paused", 0), Day(day, "unknown", 0)]
    clinic = make.clinic()
    assert is_adherent(counted(days), clinic) == adherent
    clinic.adherent_from_percent = 100
    assert is_adherent(counted(days), clinic) in (False, None)


def test_the_page_says_each_day_by_sign_and_by_ear(rental):
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/rentals/{rental.reference}/")
    said = (
        "3 February: done, 1 treatment<", "5 February: less than prescribed, 1 treatment<",
        "6 February: no treatment<", "7 February: paused<", "10 February: done, 2 treatments<",
        "1 March: nothing is known<", '<td class="day none"><span aria-hidden="true"><i>6</i>✕</span>',
        "<caption", "below 80 %", "not counted: 2 paused,",
    )  # fmt: skip
    assert [words for words in said if words not in desk.page] == []


def test_more_than_prescribed_is_one_day_done(rental, device):
    log = Log(device, MORNING + 9.1 * ONE, counter=9)
    for number in range(6, 10):
        log.session(number, MORNING + 8 * ONE + number * ONE / 24)
    import_logs(log, at=make.NOW)
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/rentals/{rental.reference}/")
    assert desk.answer.context["adherence"].percent <= 100


def test_the_page_of_an_active_rental_says_when_its_device_runs_out(rental):
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/rentals/{rental.reference}/")
    assert "Runs out " in desk.page


def test_data_that_came_after_the_end_is_told(rental, device):
    make.take_back(rental, counter=6, at=MORNING + 10 * ONE)
    late = import_logs(Log(device, MORNING + 9.5 * ONE, counter=6).session(6, MORNING + 9 * ONE), at=MORNING + 12 * ONE)
    late.late_for.add(rental)
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/rentals/{rental.reference}/")
    assert "Late data: the file usage of Sun 15 Feb 2026" in desk.page
