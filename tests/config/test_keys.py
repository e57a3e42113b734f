"""A key that stands in an address is in no log and in no history."""

import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver
from gunicorn.config import Config

from config import gunicorn
from config.keys import KEYED, without_keys
from config.logs import DiscreetFormatter
from config.middleware import HistoryMiddleware

KEY = "3q2-7wAAu_Zo5mD0p9xkRr1TtVvWyYbB6cCdDeEfFgG"


def routes(patterns, before=""):
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield before + str(pattern.pattern)
        else:
            yield from routes(pattern.url_patterns, before + str(pattern.pattern))


def test_each_address_that_holds_a_key_is_one_that_is_written_down_without_it():
    keyed = [route for route in routes(get_resolver().url_patterns) if "key>" in route]
    assert "calendar/<str:key>.ics" in keyed
    assert {route.partition("/")[0] for route in keyed} <= set(KEYED)


@pytest.mark.parametrize(
    ("written", "left"),
    [
        (f"GET /calendar/{KEY}.ics 200 3ms", "GET /calendar/(key) 200 3ms"),
        (f"Not Found: //Calendar//{KEY}.ics", "Not Found: //Calendar/(key)"),
        (f"GET /offers/{KEY}/?x=1 HTTP/1.1", "GET /offers/(key)?x=1 HTTP/1.1"),
        (f"{{'path': 'calendar/{KEY}.ics'}}", "{'path': 'calendar/(key)'}"),
        (f"GET /p/{KEY}/ HTTP/1.1", "GET /p/(key) HTTP/1.1"),
        ("GET http://localhost/help/me HTTP/1.1", "GET http://localhost/help/me HTTP/1.1"),
        ("GET /patients/3/offers/ 200 3ms", "GET /patients/3/offers/ 200 3ms"),
        ('File "/lib/icalendar/cal/calendar.py"', 'File "/lib/icalendar/cal/calendar.py"'),
    ],
)
def test_of_an_address_with_a_key_only_its_beginning_is_written_down(written, left):
    assert without_keys(written) == left


@pytest.mark.django_db
def test_our_own_log_holds_no_key(caplog):
    client = Client(raise_request_exception=False)
    client.get(f"/calendar/{KEY}.ics")
    client.post(f"/calendar/{KEY}.ics")
    logging.getLogger("django.request").error("%s", "failed", exc_info=ValueError(f"at /offers/{KEY}/"))
    lines = [DiscreetFormatter("%(message)s").format(record) for record in caplog.records]
    assert [KEY in record.getMessage() for record in caplog.records] == [True, True, False]
    assert lines[:2] == ["Not Found: /calendar/(key)", "Method Not Allowed (POST): /calendar/(key)"]
    assert "ValueError: at /offers/(key)" in lines[2]
    assert KEY not in str(lines)


def test_the_servers_log_holds_no_key_neither_of_a_request_nor_of_a_fault(capsys):
    written = Config()
    for name in ("accesslog", "access_log_format", "logger_class"):
        written.set(name, getattr(gunicorn, name))
    log = written.logger_class(written)
    answer = SimpleNamespace(status="200 OK", headers=[], sent=1)
    environment = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"/calendar/{KEY}.ics",
        "PATH_INFO": f"/calendar/{KEY}.ics",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    try:
        log.access(answer, [], environment, timedelta(milliseconds=3))
        log.error("Error handling request %s %s", "GET", f"/offers/{KEY}/")
        written_down = capsys.readouterr()
    finally:
        for handler in (*log.access_log.handlers, *log.error_log.handlers):
            handler.close()
        log.access_log.handlers, log.error_log.handlers = [], []
    assert written_down.out == "GET /calendar/(key) 200 3ms\n"
    assert written_down.err.endswith("[ERROR] Error handling request GET /offers/(key)\n")


def test_the_history_of_a_change_holds_no_key():
    middleware = HistoryMiddleware(lambda request: None)
    assert middleware.get_context(RequestFactory().post(f"/offers/{KEY}/"))["url"] == "/offers/(key)"
    assert middleware.get_context(RequestFactory().post("/rentals/ABC/sign/"))["url"] == "/rentals/ABC/sign/"
