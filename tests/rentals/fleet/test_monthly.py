"""The report of a month by mail: written down once, sent once, and honest about what nobody can know (I8)."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError
from pypdf import PdfReader

from config.models import User
from rentals import tasks
from rentals.fleet import monthly
from rentals.fleet.monthly import plan_reports, send_again, send_due, send_report, sweep_reports
from rentals.models import MonthlyReport
from rentals.models.states import State
from tests import make
from tests.refusals import refused_as
from tests.rentals.desk.desk import Desk
from tests.rentals.reminders.conftest import sink  # noqa: F401
from tests.threads import at_once

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Sunday 1 March 2026 is closed; Monday's mail hours begin at eight, when Sydney is eleven hours ahead.
MONDAY = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


def boss(*clinics, email="boss@clinic.example", joined=MONDAY - 200 * DAY) -> User:
    user = make.manager(*(clinics or [make.clinic()]))
    User.objects.filter(pk=user.pk).update(email=email, date_joined=joined)
    user.refresh_from_db()
    return user


def planned(**changes) -> MonthlyReport:
    user = boss(**changes)
    assert plan_reports(MONDAY) == 1
    return MonthlyReport.objects.get(user=user)


def test_it_falls_due_on_the_first_open_day_of_a_month_once():
    user = boss()
    assert plan_reports(MONDAY - DAY) == plan_reports(MONDAY - MINUTE) == 0
    assert plan_reports(MONDAY) == 1
    report = MonthlyReport.objects.get()
    assert (report.user, report.month, report.state, report.not_before) == (user, date(2026, 2, 1), "pending", MONDAY)
    for later in (0 * DAY, MINUTE, 20 * DAY):
        plan_reports(MONDAY + later)
    assert MonthlyReport.objects.count() == 1
    assert plan_reports(MONDAY + 31 * DAY) == 1, "the first of April is a Wednesday"


def test_a_scheduler_that_was_away_for_weeks_writes_it_when_it_is_back():
    boss()
    assert plan_reports(MONDAY + 25 * DAY) == 1
    assert MonthlyReport.objects.get().month == date(2026, 2, 1)


def test_where_no_day_is_open_it_comes_on_the_third():
    clinic = make.clinic()
    clinic.opening_hours.all().delete()
    boss(clinic)
    assert plan_reports(MONDAY) == 0
    assert plan_reports(MONDAY + DAY) == 1


@pytest.mark.parametrize(
    "columns", [{"email": ""}, {"role": "auditor"}, {"is_active": False}, {"date_joined": MONDAY - HOUR}]
)
def test_who_is_no_manager_or_cannot_be_written_to_or_joined_since_gets_none(columns):
    user = boss()
    User.objects.filter(pk=user.pk).update(**columns)
    assert plan_reports(MONDAY) == 0


def test_three_managers_who_were_told_cost_the_queries_of_one():
    clinic, numbers = make.clinic(), []
    for _ in range(3):
        boss(clinic)
        plan_reports(MONDAY)
        with CaptureQueriesContext(connection) as queries:
            assert plan_reports(MONDAY + 10 * DAY) == 0
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] == numbers[2]


def test_the_mail_has_the_main_figures_one_chart_in_its_text_and_the_pdf(sink):  # noqa: F811
    clinic = make.clinic("Bondi")
    rental = make.rental(State.CLOSED, clinic, at=MONDAY - 25 * DAY, ended=MONDAY - 11 * DAY)
    make.rental(State.CLOSED, make.clinic("Elsewhere"), at=MONDAY - 25 * DAY, ended=MONDAY - 11 * DAY)
    report = boss(clinic) and (plan_reports(MONDAY) and MonthlyReport.objects.get())
    assert send_due(MONDAY) == {"sent": 1}
    [mail] = sink.mails
    assert sink.recipients == ["boss@clinic.example"]
    assert (mail["Subject"], mail["Message-ID"]) == ("Fleet report for February 2026", report.message_id)
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Income (AUD): 120.00" in text
    assert "/fleet/?from=2026-02-01&to=2026-02-28" in text
    assert 'src="cid:chart@callus"' in html
    picture, pdf = mail.iter_attachments()
    assert (picture["Content-ID"], picture.get_content()[1:4]) == ("<chart@callus>", b"PNG")
    assert pdf.get_filename() == "fleet-bondi-2026-02-01-to-2026-02-28.pdf"
    words = "".join(page.extract_text() for page in PdfReader(BytesIO(pdf.get_content())).pages)
    assert "Period: 1 February 2026 to 28 February 2026" in words
    for said in (text, html, words):
        assert rental.patient.family_name not in said
        assert "Elsewhere" not in said
    report.refresh_from_db()
    assert (report.state, report.sent_at, report.attempts, report.claimed_at) == ("sent", MONDAY, 1, None)
    assert send_report(report.pk, MONDAY + HOUR) is None
    assert len(sink.mails) == 1


@pytest.mark.parametrize(
    ("mode", "state", "wait"),
    [("451 at DATA", "pending", MINUTE), ("421 at connect", "pending", MINUTE), ("550 at RCPT", "failed", None)],
)
def test_a_mail_server_that_says_no_has_it_tried_again_or_fail(sink, mode, state, wait):  # noqa: F811
    report, sink.mode = planned(), mode
    assert send_report(report.pk, MONDAY) == state
    report.refresh_from_db()
    assert (report.state, report.attempts, bool(report.why)) == (state, 1, True)
    if wait:
        assert report.not_before == MONDAY + wait
        assert send_report(report.pk, MONDAY + wait / 2) is None
        sink.mode = "accept"
        assert send_report(report.pk, MONDAY + wait) == "sent"
        assert sink.message_ids == {report.message_id: 1}


def test_it_is_not_tried_for_ever(sink):  # noqa: F811
    report, sink.mode = planned(), "451 at DATA"
    MonthlyReport.objects.filter(pk=report.pk).update(attempts=monthly.ATTEMPTS_A_ROUND - 1)
    assert send_report(report.pk, MONDAY) == "failed"


def test_whose_answer_was_lost_or_whose_sender_died_is_unknown_and_never_sent_by_itself(sink):  # noqa: F811
    report, sink.mode = planned(), "accepted, then dropped"
    assert send_report(report.pk, MONDAY) == "unknown"
    dead = planned(email="other@clinic.example")
    assert monthly.claim(dead.pk, MONDAY)
    assert monthly.claim(dead.pk, MONDAY) is None
    assert sweep_reports(MONDAY + 4 * MINUTE) == 0
    assert sweep_reports(MONDAY + 6 * MINUTE) == 1
    sink.mode = "accept"
    assert send_due(MONDAY + DAY) == {}
    assert set(MonthlyReport.objects.values_list("state", flat=True)) == {"unknown"}


def test_what_could_not_be_written_is_tried_again(sink, settings: LazySettings):  # noqa: F811
    report, templates = planned(), settings.TEMPLATES
    settings.TEMPLATES = []
    assert send_report(report.pk, MONDAY) == "pending"
    settings.TEMPLATES = templates
    assert sink.mails == []
    assert send_report(report.pk, MONDAY + MINUTE) == "sent"


def test_an_address_that_no_mail_can_have_fails_at_once(sink):  # noqa: F811
    report = planned(email="a\nb@clinic.example")
    assert send_report(report.pk, MONDAY) == "failed"
    assert sink.mails == []


def test_who_is_no_manager_by_then_gets_none(sink):  # noqa: F811
    report = planned()
    User.objects.filter(pk=report.user_id).update(role="reception")
    assert send_report(report.pk, MONDAY) == "void"
    assert sink.mails == []


def test_a_person_has_a_failed_or_unknown_one_sent_again_under_its_message_id(sink):  # noqa: F811
    report, sink.mode = planned(), "550 at RCPT"
    refused_as("wrong_state", send_again, report, MONDAY)
    send_report(report.pk, MONDAY)
    send_again(report, MONDAY + HOUR)
    sink.mode = "accept"
    assert send_due(MONDAY + HOUR) == {"sent": 1}
    assert sink.message_ids == {report.message_id: 1}
    refused_as("wrong_state", send_again, report, MONDAY + DAY)


def test_a_manager_sees_them_on_the_page_and_sends_a_failed_one_again():
    clinic = make.clinic()
    report = boss(clinic) and plan_reports(MONDAY) and MonthlyReport.objects.get()
    MonthlyReport.objects.filter(pk=report.pk).update(state="failed", why="the mail server refused it (550)")
    desk, address = Desk(make.manager(clinic)), f"/fleet/reports/{report.pk}/resend/"
    assert desk.see("/fleet/") == 200
    assert "February 2026" in desk.page
    assert "the mail server refused it (550)" in desk.page
    assert address in desk.page
    auditor, stranger = Desk(make.auditor(clinic)), Desk(make.manager(make.clinic()))
    assert auditor.see("/fleet/") == 200
    assert "February 2026" in auditor.page
    assert address not in auditor.page
    assert (auditor.send(address), stranger.send(address)) == (403, 404)
    assert desk.send(address) == 302
    report.refresh_from_db()
    assert report.state == "pending"
    desk.send(address)
    desk.see("/fleet/")
    assert "This report was sent, or is on its way" in desk.page


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_and_two_senders_make_one_mail(sink):  # noqa: F811
    boss()
    sink.delay = 0.05
    at_once(4, lambda: plan_reports(MONDAY))
    report = MonthlyReport.objects.get()
    at_once(4, lambda: send_report(report.pk, MONDAY))
    assert sink.message_ids == {report.message_id: 1}


def test_a_dead_queue_loses_none(sink, monkeypatch):  # noqa: F811
    planned()

    def dead(*_, **__):
        raise OperationalError

    monkeypatch.setattr(tasks.send_report, "apply_async", dead)
    tasks.see_to_reports(MONDAY)
    assert send_due(MONDAY) == {"sent": 1}
