"""A device's clock at the desk: its read-outs, what was made of them, and a person's word on one."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import ReadOut
from rentals.models import ClockRuling, Treatment
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

EVENING = datetime(2025, 6, 2, 8, 0, tzinfo=UTC)  # six in Sydney, in winter
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@shared
def device():
    device = make.device(at=EVENING - 60 * DAY)
    import_logs(
        Log(device, EVENING - HOUR, counter=0),
        Log(device, EVENING + 9 * DAY, counter=9, fast_by=timedelta(seconds=40)).daily(range(1, 10), EVENING),
        Log(device, EVENING + 19 * DAY, counter=10, fast_by=-1.5 * HOUR).session(10, EVENING + 15 * DAY),
    )
    return device


@shared
def desk(device):
    return Desk(make.clinician(device.clinic))


def last_read_out(device) -> ReadOut:
    return ReadOut.objects.filter(device=device).latest("read_out_at")


def test_each_read_out_says_how_far_off_the_clock_was_and_what_was_done(device, desk):
    assert desk.see(f"/devices/{device.pk}/clock/") == 200
    seen = [(one.off, one.ways) for one in desk.answer.context["seen"]]
    assert seen == [
        ("1 h 30 min behind", [("as far off as at the read-out", 1)]),
        ("right", [("between two read-outs, drift spread evenly", 9)]),
        ("right", []),
    ]
    assert "2025-06-21 16:30:00" in desk.page
    assert f'href="/devices/{device.pk}/clock/"' in (desk.see(f"/devices/{device.pk}/") and desk.page)


def test_ten_read_outs_cost_no_more_queries_than_one(device, desk):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            desk.see(f"/devices/{device.pk}/clock/")
        return len(captured)

    queries()
    before = queries()
    import_logs(*(Log(device, EVENING + day * DAY, counter=10) for day in range(20, 27)))
    assert queries() == before


def test_the_clock_is_overruled_by_a_pair_of_times_and_worked_out_again(device, desk):
    read_out = last_read_out(device)
    address = f"/read-outs/{read_out.pk}/clock/"
    shown = {"shown": "2025-06-20T16:30:00", "true_at": "2025-06-20T17:30:00", "note": "Its owner knows."}
    assert desk.fill_in(address, **shown) == 302
    assert desk.led_to == f"/devices/{device.pk}/clock/"
    treatment = Treatment.objects.get(read_out=read_out)
    assert (treatment.method, treatment.offset_seconds) == ("ruled", -9 * 3600)
    desk.see(desk.led_to)
    assert "Overruled by" in desk.page
    assert "Its owner knows." in desk.page
    assert desk.fill_in(address, again="on", note="It was not so.") == 302
    treatment.refresh_from_db()
    assert treatment.method == "constant"
    assert [ruling.offset_seconds for ruling in ClockRuling.objects.all()] == [-9 * 3600, None]


def test_it_proposes_what_the_read_out_saw(device, desk):
    desk.see(f"/read-outs/{last_read_out(device).pk}/clock/")
    assert 'value="2025-06-21T16:30:00"' in desk.page
    assert 'value="2025-06-21T18:00:00"' in desk.page


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ({"shown": "", "note": "x"}, "shown"),
        ({"shown": "yesterday", "note": "x"}, "shown"),
        ({"shown": "0001-01-01T00:00:00", "note": "x"}, "shown"),
        ({"true_at": "", "note": "x"}, "true_at"),
        ({"true_at": "9999-01-01T00:00", "note": "x"}, "true_at"),
        ({"note": ""}, "note"),
        ({"true_at": "2027-01-01T00:00", "shown": "2025-05-01T00:00", "note": "x"}, "__all__"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(device, desk, entries, field):
    status = desk.fill_in(f"/read-outs/{last_read_out(device).pk}/clock/", **entries)
    assert (status in (400, 422), list(desk.problems())) == (True, [field])
    assert not ClockRuling.objects.exists()


def test_reception_looks_and_does_not_overrule(device):
    desk = Desk(make.reception(device.clinic))
    desk.see(f"/devices/{device.pk}/clock/")
    assert "Overrule" not in desk.page
    assert desk.see(f"/read-outs/{last_read_out(device).pk}/clock/") == 403
