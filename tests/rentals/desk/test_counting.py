"""The counter at the desk: a new card, a restart ruled on, a reading found right, and how it all is shown."""

from datetime import timedelta

import pytest

from devices.models import Allowance
from rentals.models import Discrepancy
from rentals.reconciliation.readings import take_reading
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db


@shared
def device():
    return make.device(nominal=50, counter=0)


@shared
def desk(device):
    return Desk(make.clinician(device.clinic))


def test_a_new_card_is_recorded_and_stands_on_the_page_with_its_note(device, desk):
    entries = {"cause": "card", "counter": "0", "nominal": "60", "note": "Full; changed at the counter."}
    assert desk.fill_in(f"/devices/{device.pk}/renew/", **entries) == 302
    assert desk.see(desk.led_to) == 200
    for words in ("60 treatments", "Card, since", "Full; changed at the counter."):
        assert words in desk.page
    assert make.capacity_of(device).remaining_treatments == 60


def test_what_the_log_speaks_against_is_said_at_the_time(device, desk):
    take_reading(device, 5, read_at=make.NOW, at=make.NOW, actor=None)
    day = f"{make.NOW - timedelta(hours=1):%Y-%m-%dT%H:%M}"
    entries = {"cause": "card", "counter": "40", "at": day, "note": "So."}
    assert desk.fill_in(f"/devices/{device.pk}/renew/", **entries) == 400
    assert "the device was at number 5" in desk.problems()["at"][0]


def test_a_restart_is_ruled_on_from_the_page_of_the_device(device, desk):
    restart = Allowance.objects.create(
        device=device, number=2, cause="reset", provisional=True, nominal_treatments=50, began_at=make.NOW
    )
    address = f"/devices/{device.pk}/restarts/{restart.pk}/"
    desk.see(f"/devices/{device.pk}/")
    assert f'href="{address}"' in desk.page
    assert "Say what it was" in desk.page
    assert desk.fill_in(address, cause="reset", note="The battery was flat.") == 302
    restart.refresh_from_db()
    assert not restart.provisional
    assert desk.see(f"/devices/{make.device(device.clinic).pk}/restarts/{restart.pk}/") == 404


def test_a_reading_in_doubt_is_trusted_from_the_page_of_the_device(device, desk):
    take_reading(device, 2, read_at=make.NOW - timedelta(hours=2), at=make.NOW, actor=None)
    jumped = take_reading(device, 40, read_at=make.NOW - timedelta(hours=1), at=make.NOW, actor=None)
    address = f"/devices/{device.pk}/readings/{jumped.pk}/trust/"
    desk.see(f"/devices/{device.pk}/")
    assert desk.page.count(f'href="{address}"') == 2  # at the reading, and at the discrepancy
    assert desk.fill_in(address, note="Looked twice.") == 302
    assert Discrepancy.objects.get().closed_as == "corrected"
    assert desk.fill_in(address, note="Again.") == 409


def test_the_page_says_when_it_runs_out_in_words_and_as_a_picture_with_words(device, desk):
    make.rental("active", device=device, at=make.NOW - timedelta(days=3), days=28, planned_treatments=20)
    desk.see(f"/devices/{device.pk}/")
    words = desk.answer.context["picture"].words
    assert words.startswith("Runs out between ")
    assert words.endswith("after the rental ends on 27 March.")
    assert f'<desc id="outlook-words">{words}</desc>' in desk.page
    assert "<title " in desk.page.partition('class="outlook"')[2]
    assert 'role="img" aria-labelledby="outlook-title outlook-words"' in desk.page


def test_one_on_the_shelf_has_no_outlook(device, desk):
    desk.see(f"/devices/{device.pk}/")
    assert "When it runs out" not in desk.page


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_makes_the_same_number_of_queries(device, desk, number, django_assert_num_queries):
    make.rental("active", device=device, at=make.NOW - timedelta(days=3), planned_treatments=20)
    for each in range(number):
        take_reading(device, each + 1, read_at=make.NOW - timedelta(hours=9 - each), at=make.NOW, actor=None)
        Allowance.objects.create(
            device=device, number=each + 2, cause="reset", began_at=make.NOW, nominal_treatments=50
        )
        Discrepancy.objects.create(
            kind="counter_down", subject=str(each), device=device, clinic=device.clinic, opened_at=make.NOW,
            state="closed", closed_at=make.NOW, closed_as="corrected", note="So.",
        )  # fmt: skip
    with django_assert_num_queries(36):
        assert desk.see(f"/devices/{device.pk}/") == 200
