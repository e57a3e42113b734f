"""Device models at the desk: added, changed, signed off for reuse, and what a withdrawal does to bookings (I3)."""

from datetime import timedelta

import pytest

from config.row_history import version_of
from devices.models import DeviceModel
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

MODELS = "/settings/models/"
DAY = timedelta(days=1)


@shared
def site():
    return make.clinic("Harbour")


@shared
def desk(site):
    return Desk(make.manager(site))


def test_a_model_is_added_signed_off_and_listed_with_its_units(desk, site):
    facts = {"name": "Exogen 343", "part_number": "71034300", "gtin": "9506000134352", "nominal_treatments": 343}
    assert desk.fill_in(MODELS + "add/", **facts) == 302
    model = DeviceModel.objects.get()
    assert desk.led_to == f"{MODELS}{model.pk}/"
    assert desk.fill_in(f"{desk.led_to}sign/", by="Dr Lovelace", text="Cleaned each time.") == 302
    make.device(site, model=model)
    desk.see(MODELS)
    for words in ("Exogen 343", "09506000134352", "signed off", "by Dr Lovelace, Mon 2 Mar 2026, 12:00 pm"):
        assert words in desk.page
    desk.see(f"{MODELS}{model.pk}/")
    assert "<dt>Harbour</dt><dd>1</dd>" in desk.page


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(desk):
    entries = {"name": "Exogen", "part_number": "1", "gtin": "9506000134353"}
    assert desk.fill_in(MODELS + "add/", **entries) == 400
    assert "not a GTIN" in desk.problems()["gtin"][0]
    assert 'value="9506000134353"' in desk.page
    assert not DeviceModel.objects.exists()


def test_the_page_of_a_model_says_who_changed_what_and_which_units_count_otherwise(desk, site):
    model = make.device(site).model
    address = f"{MODELS}{model.pk}/"
    assert desk.fill_in(f"{address}change/", nominal_treatments=400) == 302
    desk.see(address)
    assert "<del>343</del>" in desk.page
    assert "<ins>400</ins>" in desk.page
    assert desk.answer.wsgi_request.user.username in desk.page
    assert "1 unit counts by another number of treatments" in desk.page


def test_a_form_opened_before_somebody_else_changed_the_model_says_who_it_was(desk, site):
    model = make.device_model()
    other, address = Desk(make.manager()), f"{MODELS}{model.pk}/change/"
    desk.see(address)
    mine = {**desk.proposed(), "maker": "Mine"}
    assert other.fill_in(address, maker="Theirs") == 302
    assert desk.send(address, **mine) == 409
    assert f"{other.answer.wsgi_request.user.username} has changed this since" in desk.page
    model.refresh_from_db()
    assert model.maker == "Theirs"
    assert version_of(model)


def test_a_withdrawn_sign_off_moves_what_was_booked_on_units_that_had_somebody_else(desk, site):
    used, model = make.device(site), None
    model = used.model
    make.rental("closed", device=used, at=make.NOW - 30 * DAY, ended=make.NOW - 10 * DAY)
    booked = make.book(site, device=used)
    fresh = make.device(site, model=model)
    address = f"{MODELS}{model.pk}/withdraw/"
    desk.see(address)
    assert "1 reservation on units that had somebody else is moved" in desk.page
    assert desk.send(address, **desk.proposed()) == 302
    assert booked.holdings.get().device == fresh
    desk.see(desk.led_to)
    assert "Moved to other devices: 1; without a device from now on: 0" in desk.page
    assert "one patient only" in desk.page


def test_who_may_only_read_is_offered_no_change(site):
    make.device_model()
    desk = Desk(make.auditor(site))
    desk.see(MODELS)
    assert "Add a model" not in desk.page
    assert desk.see(MODELS + "add/") == 403
