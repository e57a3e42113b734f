"""A form that is sent twice counts once."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from rentals.booking.waiting import enquire
from rentals.models import Rental, StoredAnswer, UsageImport
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def opened(rental: Rental, verb: str, **entries) -> tuple[Desk, str, dict]:
    """The page of a verb, opened, with what its form would send."""
    desk = Desk(make.reception(rental.clinic))
    address = f"/rentals/{rental.reference}/{verb}/"
    desk.see(address)
    return desk, address, {**desk.proposed(), **entries}


def paying(rental: Rental) -> tuple[Desk, str, dict]:
    return opened(rental, "pay", kind="hire", amount="20.00")


def test_a_double_click_pays_once_and_leads_to_the_same_page(active):
    desk, address, entries = paying(active)
    before = active.ledger.count()
    assert [desk.send(address, **entries), desk.send(address, **entries)] == [302, 302]
    assert desk.led_to == f"/rentals/{active.reference}/"
    assert active.ledger.count() == before + 1


def test_the_same_form_with_other_entries_is_refused_and_says_that_the_first_ones_were_recorded(active):
    desk, address, entries = paying(active)
    desk.send(address, **entries)
    before = active.ledger.count()
    assert desk.send(address, **{**entries, "amount": "30.00"}) == 409
    assert "sent before with other entries" in desk.problems()["__all__"][0]
    assert active.ledger.count() == before


def test_a_form_opened_anew_counts_again(active):
    desk, address, entries = paying(active)
    before = active.ledger.count()
    desk.send(address, **entries)
    desk.fill_in(address, kind="hire", amount="20.00")
    assert active.ledger.count() == before + 2


def test_a_refused_form_can_be_corrected_and_sent_again(reserved):
    desk, address, entries = paying(reserved)
    assert desk.send(address, **{**entries, "kind": "bond", "amount": "9999.00"}) == 409
    assert not StoredAnswer.objects.exists()
    assert desk.send(address, **{**entries, "kind": "bond", "amount": "300.00"}) == 302


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_pay_once():
    rental = make.rental(State.ACTIVE)
    desk, address, entries = paying(rental)
    user = desk.answer.wsgi_request.user
    before = rental.ledger.count()
    assert at_once(2, lambda: Desk(user).send(address, **entries)) == [302, 302]
    assert rental.ledger.count() == before + 1


def test_a_swap_sent_twice_swaps_once_though_its_device_fits_no_more():
    rental = make.rental(State.ACTIVE, at=make.NOW - timedelta(days=3))
    spare = make.device(rental.clinic)
    desk, address, entries = opened(rental, "swap", counter_out=2, device=spare.pk, counter_in=0)
    assert [desk.send(address, **entries), desk.send(address, **entries)] == [302, 302]
    assert [holding.device for holding in rental.holdings.filter(live=True)] == [spare]
    assert rental.holdings.count() == 2


def test_a_device_found_twice_is_reserved_once():
    site = make.clinic()
    device = make.device(site)
    rental = enquire(make.booking(site), at=make.NOW, actor=make.manager())
    desk, address, entries = opened(rental, "reserve", device=device.pk)
    assert [desk.send(address, **entries), desk.send(address, **entries)] == [302, 302]
    assert rental.holdings.count() == 1


def test_a_corrected_file_is_not_taken_for_the_one_sent_before():
    desk = Desk(make.reception(make.clinic()))
    desk.see("/usage/")
    once = desk.proposed()["once"]

    def send(counter: int) -> int:
        content = f"serial,part_number,read_out_at,counter\n0222400163,71034400,2026-03-01T10:00:00+11:00,{counter}\n"
        return desk.send("/usage/send/", once=once, file=SimpleUploadedFile("log.csv", content.encode()))

    assert [send(40), send(40)] == [302, 302]
    assert send(41) == 409
    assert UsageImport.objects.count() == 1


def test_a_key_that_is_none_of_ours_is_passed_over(active):
    desk, address, entries = paying(active)
    assert desk.send(address, **{**entries, "once": "\0"}) == 302
