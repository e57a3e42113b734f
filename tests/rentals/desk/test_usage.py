"""Usage data at the desk: a file is sent, its page tells what becomes of it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.models import Access
from rentals.models import Treatment, UsageImport, UsageRoute
from rentals.reconciliation.imports import run_import
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared
from tests.usage import HEADER, Log, csv

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@shared
def site():
    return make.clinic()


@shared
def desk(site):
    return Desk(make.reception(site))


def upload(content: bytes, name: str = "march.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def daily(device) -> bytes:
    """A file of four treatments of `device`."""
    return csv(Log(device, make.NOW - DAY, counter=4).daily(range(1, 5), make.NOW - 9 * DAY))


def sent(desk: Desk, content: bytes) -> UsageImport:
    """Open the page, send `content` by its form and follow to the import's own page."""
    desk.see("/usage/")
    assert desk.send("/usage/send/", **{**desk.proposed(), "file": upload(content)}) == 302
    queued = UsageImport.objects.latest("pk")
    assert desk.led_to == f"/usage/{queued.pk}/"
    assert desk.see(desk.led_to) == 200
    return queued


def part(desk: Desk, queued: UsageImport) -> str:
    """What htmx gets when it asks for the part of the page that changes."""
    answer = desk.client.get(f"/usage/{queued.pk}/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def taken(desk: Desk, content: bytes) -> UsageImport:
    """An import of `content`, read by the worker, and its page as it is then."""
    queued = sent(desk, content)
    run_import(queued.pk, at=make.NOW)
    queued.refresh_from_db()
    desk.see(f"/usage/{queued.pk}/")
    return queued


class TestSending:
    def test_a_file_is_kept_for_the_worker_and_its_page_says_that_it_waits(self, site, desk):
        content = daily(make.device(site))
        queued = sent(desk, content)
        assert (queued.status, queued.name, queued.created_at) == ("queued", "march.csv", make.NOW)
        assert queued.uploaded_by.username == desk.answer.wsgi_request.user.username
        assert queued.file.read() == content
        assert "It waits to be read, sent 0 seconds ago." in desk.page
        assert f'hx-get="/usage/{queued.pk}/" hx-trigger="every 1s"' in desk.page
        assert f'<a href="/usage/{queued.pk}/">Refresh</a>' in desk.page

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"\x89PNG\r\n", "This text is not UTF-8"),
            (b"PK\x03\x04", "This is a workbook or an archive, not a text file"),
            (b"a,b,c\n", "The first line names “a”, which is no column of usage data"),
        ],
    )
    def test_what_is_no_usage_data_comes_back_with_what_to_send(self, site, desk, content, said):
        assert desk.send("/usage/send/", file=upload(content)) == 400
        assert desk.problems()["file"][0].startswith(said)
        assert "send a CSV file" in desk.problems()["file"][0]
        assert not UsageImport.objects.exists()

    @pytest.mark.parametrize("entries", [{}, {"file": upload(b"", "empty.csv")}, {"file": "a text"}])
    def test_without_a_file_the_form_comes_back(self, site, desk, entries):
        assert desk.send("/usage/send/", **entries) == 422
        assert list(desk.problems()) == ["file"]
        assert not UsageImport.objects.exists()

    def test_sent_twice_it_is_one_import(self, site, desk):
        content = daily(make.device(site))
        desk.see("/usage/")
        form = desk.proposed()
        answers = [desk.send("/usage/send/", **form, file=upload(content)) for _ in range(2)]
        assert answers == [302, 302]
        assert desk.led_to == f"/usage/{UsageImport.objects.get().pk}/"

    def test_an_auditor_sees_what_was_sent_and_sends_nothing(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        auditor = Desk(make.auditor(site))
        assert auditor.see("/usage/") == 200
        assert f"/usage/{queued.pk}/" in auditor.page
        assert "/usage/send/" not in auditor.page
        assert auditor.send("/usage/send/", file=upload(daily(make.device(site)))) == 403
        assert UsageImport.objects.get() == queued

    def test_the_page_names_every_column_that_the_importer_reads(self, site, desk):
        desk.see("/usage/")
        assert ",".join(desk.answer.context["columns"]) == HEADER


class TestProgress:
    def test_the_part_that_changes_comes_alone_and_asks_again_until_the_end(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        waiting = part(desk, queued)
        assert "<html" not in waiting
        assert 'hx-trigger="every 1s"' in waiting
        assert "hx-swap-oob" not in waiting
        run_import(queued.pk, at=make.NOW)
        done = part(desk, queued)
        assert "hx-trigger" not in done
        assert '<p hx-swap-oob="innerHTML:#said">The file is read: 4 new, 0 known already, 0 not taken.</p>' in done

    def test_without_javascript_the_page_comes_anew_by_itself_until_the_end(self, site, desk):
        anew = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        queued = sent(desk, daily(make.device(site)))
        assert anew in desk.page
        run_import(queued.pk, at=make.NOW)
        desk.see(f"/usage/{queued.pk}/")
        assert anew not in desk.page

    def test_its_progress_stands_there_as_a_bar_and_in_words(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        assert "<progress" not in desk.page
        UsageImport.objects.update(status="running", attempts=1, progress=41)
        assert '<progress class="w-100" max="100" value="41" aria-labelledby="how-far">' in part(desk, queued)
        assert "41 % done: reading the file." in part(desk, queued)
        UsageImport.objects.update(progress=60)
        assert "60 % done: comparing its treatments with what is known." in part(desk, queued)
        UsageImport.objects.update(cancelled_by=queued.uploaded_by)
        assert "It is being cancelled; nothing of it is taken." in part(desk, queued)

    def test_one_that_is_being_read_says_so_and_whether_it_was_interrupted(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        UsageImport.objects.update(status="running", attempts=1)
        desk.see(f"/usage/{queued.pk}/")
        assert "It is being read, sent 0 seconds ago." in desk.page
        assert "attempt" not in desk.page
        UsageImport.objects.update(attempts=2)
        desk.see(f"/usage/{queued.pk}/")
        assert "This is attempt 2" in desk.page

    @pytest.mark.parametrize(("seconds", "rests"), [(60, False), (61, True)])
    def test_one_that_nobody_takes_for_a_minute_is_told_kindly(self, site, desk, seconds, rests):
        queued = sent(desk, daily(make.device(site)))
        with time_machine.travel(make.NOW + timedelta(seconds=seconds), tick=False):
            desk.see(f"/usage/{queued.pk}/")
            assert ("seems to rest" in desk.page) == rests
            assert (f"sent {seconds} seconds ago" in desk.page) != rests
            UsageImport.objects.update(status="running", attempts=1)
            desk.see(f"/usage/{queued.pk}/")
        assert f"It is being read, sent {seconds} seconds ago." in desk.page


class TestCancelling:
    def test_one_that_waits_is_cancelled_by_its_button_and_read_again_by_another(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        assert "Cancel it, and take nothing" in desk.page
        assert desk.send(f"/usage/{queued.pk}/cancel/") == 302
        desk.see(desk.led_to)
        assert "cancelled it; nothing was taken." in desk.page
        assert "Correct it" not in desk.page
        assert "Cancel it" not in desk.page
        assert desk.send(f"/usage/{queued.pk}/again/") == 302
        desk.see(desk.led_to)
        assert "It waits to be read" in desk.page
        run_import(queued.pk, at=make.NOW)
        assert Treatment.objects.count() == 4

    def test_one_put_back_after_days_has_not_waited_for_days(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        desk.send(f"/usage/{queued.pk}/cancel/")
        with time_machine.travel(make.NOW + 3 * DAY, tick=False):
            desk.send(f"/usage/{queued.pk}/again/")
            desk.see(f"/usage/{queued.pk}/")
            assert "seems to rest" not in desk.page

    def test_one_that_is_read_is_past_cancelling_and_its_page_says_so(self, site, desk):
        done = taken(desk, daily(make.device(site)))
        assert "/cancel/" not in desk.page
        assert desk.send(f"/usage/{done.pk}/cancel/") == 409
        assert "This file is not being read any more" in desk.page
        assert desk.send(f"/usage/{done.pk}/again/") == 409
        assert "Only a file that failed can be read again" in desk.page

    def test_the_button_goes_when_the_end_has_come(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        assert 'id="stop"' not in part(desk, queued)
        run_import(queued.pk, at=make.NOW)
        assert '<div id="stop" hx-swap-oob="true"></div>' in part(desk, queued)

    def test_nobody_else_may_touch_it(self, site, desk):
        queued = sent(desk, daily(make.device(site)))
        auditor, elsewhere = Desk(make.auditor(site)), Desk(make.reception(make.clinic()))
        auditor.see(f"/usage/{queued.pk}/")
        assert "Cancel it" not in auditor.page
        for verb in ("cancel", "again"):
            assert auditor.send(f"/usage/{queued.pk}/{verb}/") == 403
            assert elsewhere.send(f"/usage/{queued.pk}/{verb}/") == 404
        queued.refresh_from_db()
        assert queued.status == "queued"


class TestSources:
    def test_what_is_not_set_up_says_who_can_open_it(self, site, desk, settings):
        settings.USAGE_INBOX = settings.USAGE_GATEWAY_URL = ""
        desk.see("/usage/")
        assert desk.page.count("Not set up") == 2
        assert "Whoever runs Callus opens it by setting USAGE_INBOX." in desk.page
        assert "Fetch now" not in desk.page
        assert desk.send("/usage/routes/folder/") == 400
        assert "The watched folder is not set up" in desk.page

    def test_a_failing_one_says_why_since_when_and_when_it_is_tried_again(self, site, desk, settings):
        settings.USAGE_GATEWAY_URL = "http://127.0.0.1:9"
        words = {"failures": 2, "failure": "The gateway is in trouble (HTTP 500)."}
        UsageRoute.objects.create(
            name="gateway", succeeded_at=make.NOW - DAY, next_try_at=make.NOW + timedelta(minutes=4), **words
        )
        desk.see("/usage/")
        assert "The gateway is in trouble (HTTP 500)." in desk.page
        said = "Last went well Sun 1 Mar 2026, 12:00 pm · failed 2 times since · tried again Mon 2 Mar 2026, 12:04 pm"
        assert said in desk.page

    def test_asked_now_it_is_not_left_alone_any_longer(self, site, desk, settings):
        settings.USAGE_GATEWAY_URL = "http://127.0.0.1:9"
        UsageRoute.objects.create(name="gateway", cursor="c", failures=2, next_try_at=make.NOW + DAY)
        assert desk.send("/usage/routes/gateway/") == 302
        source = UsageRoute.objects.get()
        assert (source.next_try_at, source.cursor) == (None, "c")
        assert desk.send("/usage/routes/gateway/", again="on") == 302
        assert UsageRoute.objects.get().cursor == ""
        UsageRoute.objects.update(lease_until=make.NOW + DAY)
        assert desk.send("/usage/routes/gateway/", again="on") == 409
        assert "is being read just now" in desk.page
        assert "Being read" in desk.page

    def test_one_that_there_is_not_is_not_found_and_an_auditor_asks_none(self, site, desk):
        assert desk.send("/usage/routes/pigeon/") == 404
        assert Desk(make.auditor(site)).send("/usage/routes/gateway/") == 403


class TestResult:
    def test_it_counts_what_was_new_known_already_and_not_taken(self, site, desk):
        device = make.device(site)
        content = daily(device)
        first = taken(desk, content)
        assert (first.status, Treatment.objects.count()) == ("done", 4)
        more = csv(Log(device, make.NOW, counter=5).daily(range(1, 6), make.NOW - 9 * DAY))
        second = taken(desk, more.replace(b"5,2026-02-25", b"x,2026-02-25"))
        assert (second.accepted, second.duplicate, len(second.rejected)) == (0, 4, 1)
        shown = re.findall(r"<b>(\d+)</b>([\w ]+)<", desk.page)
        assert shown == [("0", "new"), ("4", "known already"), ("1", "not taken")]
        (row,) = desk.answer.context["table"].rows
        assert (row.get_cell("line"), row.get_cell("reason")) == (6, second.rejected[0]["reason"])
        assert str(second.rejected[0]["reason"]) in desk.page

    def test_it_names_the_rentals_that_had_ended_and_the_reader_is_recorded(self, site, desk):
        done = taken(desk, daily(make.device(site)))
        here, elsewhere = make.rental("active", site), make.rental("active")
        done.late_for.set([here, elsewhere])
        desk.see(f"/usage/{done.pk}/")
        assert "arrived after the end of" in desk.page
        assert f'href="/rentals/{here.reference}/"' in desk.page
        assert elsewhere.reference not in desk.page
        assert Access.objects.filter(patient=here.patient, user=done.uploaded_by).exists()

    def test_a_file_that_could_not_be_taken_says_why_and_what_to_do(self, site, desk, monkeypatch):
        monkeypatch.setattr("rentals.reconciliation.imports.MOST_REJECTED", 0)
        content = daily(make.device(site)).replace(b"1200", b"long")
        failed = taken(desk, content)
        assert failed.status == "failed"
        assert "records are wrong, so nothing was taken." in failed.failure
        assert "so nothing was taken. The first is on line 2" in desk.page
        assert "The first lines that are wrong" in desk.page
        assert "The file could not be taken." in part(desk, failed)

    def test_three_lines_cost_no_more_queries_than_one(self, site, desk):
        good = daily(make.device(site)).decode().splitlines()

        def queries(bad: int) -> int:
            lines = [line.replace("1200", "long") if 0 < at <= bad else line for at, line in enumerate(good)]
            done = taken(desk, "\n".join(lines).encode())
            assert len(done.rejected) == bad
            with CaptureQueriesContext(connection) as captured:
                desk.see(f"/usage/{done.pk}/")
            return len(captured)

        assert queries(1) == queries(3)


class TestSentLately:
    def test_it_lists_what_colleagues_sent_with_the_result(self, site, desk):
        taken(Desk(make.reception(site)), daily(make.device(site)))
        sent(Desk(make.manager(make.clinic())), daily(make.device(site)))
        assert desk.see("/usage/") == 200
        (row,) = desk.answer.context["table"].paginated_rows
        counted = [row.get_cell(name) for name in ("accepted", "duplicate", "rejected_lines")]
        assert row.get_cell("route") == "upload"
        assert (counted, row.get_cell("created_at")) == ([4, 0, 0], "Mon 2 Mar 2026, 12:00 pm")
        assert "Done" in row.get_cell("status")

    def test_it_says_by_which_route_each_came(self, site, desk):
        sent(desk, daily(make.device(site)))
        for route in ("folder", "gateway"):
            UsageImport.objects.create(route=route, created_at=make.NOW)
        all_sites = Desk(make.manager())
        all_sites.see("/usage/")
        shown = [row.get_cell("route") for row in all_sites.answer.context["table"].paginated_rows]
        assert shown == ["HTTP gateway", "watched folder", "upload"]
        all_sites.see(f"/usage/{UsageImport.objects.latest('pk').pk}/")
        assert "Came by the HTTP gateway Mon 2 Mar 2026, 12:00 pm" in all_sites.page

    def test_one_of_another_site_is_not_there(self, site, desk):
        theirs = sent(Desk(make.reception(make.clinic())), daily(make.device(site)))
        assert desk.see(f"/usage/{theirs.pk}/") == 404

    def test_three_files_cost_no_more_queries_than_one(self, site, desk):
        content = daily(make.device(site))

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert desk.see("/usage/") == 200
            return len(captured)

        taken(desk, content)
        one = queries()
        sent(Desk(make.reception(site)), content)
        sent(Desk(make.reception(site)), content)
        assert queries() == one
        assert len(desk.answer.context["table"].rows) == 3
