"""Who may open what: every address of the desk, read from the URLs themselves, so that none can be forgotten."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import URLPattern, reverse

from config.models import User
from config.roles import MATRIX
from config.site_settings import add_closure
from devices.expenses import spend
from devices.models import Allowance, Device, ReadOut
from patients.models import Access, Contact, Patient, SuppressedAddress
from rentals import stock_take
from rentals.agreement import current_agreement
from rentals.desk.actions import ACTIONS
from rentals.desk.forms.custody import HandOverForm
from rentals.desk.forms.devices import AddDeviceForm
from rentals.desk.forms.feeds import FeedForm
from rentals.desk.forms.papers import SignForm
from rentals.desk.forms.patients import ContactForm, PatientForm
from rentals.desk.forms.rental import HealedForm, ReversalForm
from rentals.desk.page import BasePage
from rentals.desk.urls import urlpatterns
from rentals.feeds import make_feed
from rentals.models import (
    CalendarFeed,
    Discrepancy,
    Holding,
    LedgerEntry,
    Message,
    MonthlyReport,
    Rental,
    Signature,
    StaffTask,
    UsageImport,
)
from rentals.models.states import State
from rentals.recall import start_recall
from rentals.sheets.taking import upload
from rentals.staff_tasks import ask_staff
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

NAMES = [str(pattern.name) for pattern in urlpatterns]
# A source of usage data is no site's own; what has a number or a reference is.
OF_ALL_SITES = re.compile("settings/models/")
OF_ONE_THING = [
    str(pattern.name)
    for pattern in urlpatterns
    if re.search("<(int:|slug:reference)", str(pattern.pattern)) and not OF_ALL_SITES.match(str(pattern.pattern))
]

OURS = ("config", "devices", "patients", "rentals")


def page_of(pattern: URLPattern) -> Any:
    callback: Any = pattern.callback
    return callback.view_class


PAGES = {str(pattern.name): page_of(pattern) for pattern in urlpatterns}


class Things:
    """One of each thing that a page can be about, at one clinic."""

    def __init__(self) -> None:
        self.clinic = make.clinic()
        self.rental = make.rental(State.ACTIVE, self.clinic)
        self.patient = self.rental.patient
        self.device = self.rental.holdings.get().device
        restart = {"number": 2, "cause": "reset", "provisional": True, "nominal_treatments": 343}
        self.restart = Allowance.objects.create(device=self.device, began_at=make.NOW, **restart)
        self.read_out = ReadOut.objects.create(device=self.device, read_out_at=make.NOW)
        self.message = Message.objects.create(patient=self.patient, created_at=make.NOW, next_attempt_at=make.NOW)
        words = {"words": "Phone", "at": make.NOW}
        self.task = ask_staff(StaffTask.Kind.PHONE, "call", rental=self.rental, **words)
        self.suppressed = SuppressedAddress.objects.create(address=self.patient.email, why="bounced", since=make.NOW)
        self.usage_import = UsageImport.objects.create(created_at=make.NOW, uploaded_by=make.reception(self.clinic))
        self.discrepancy = Discrepancy.objects.create(
            kind="log_missing", subject="1", clinic=self.clinic, device=self.device, opened_at=make.NOW
        )
        self.paper = current_agreement(self.rental, at=make.NOW)
        self.feed, _ = make_feed(self.clinic, name="Screen", at=make.NOW, actor=make.manager())
        days = {"first_day": self.clinic.day_of(make.NOW), "last_day": self.clinic.day_of(make.NOW)}
        self.closure = add_closure(self.clinic, **days, reason="Stocktake")
        spent = {"kind": "purchase", "amount": Decimal(4000), "spent_on": days["first_day"]}
        self.colleague = make.reception(self.clinic)
        file = {"kind": "devices", "name": "ours.csv", "content": b"Serial,Model\n1,2\n"}
        self.sheet = upload(self.clinic, **file, at=make.NOW, actor=make.manager())
        self.expense = spend(self.device, **spent, at=make.NOW, actor=make.manager())
        moment = {"at": make.NOW, "actor": make.manager()}
        self.ended = stock_take.start(self.clinic, **moment)
        stock_take.scan(self.ended, "0000000000", **moment)
        stock_take.end(self.ended, missing_accepted=True, **moment)
        self.stock_take = stock_take.start(self.clinic, **moment)
        self.scan = stock_take.scan(self.stock_take, self.device.serial, **moment).scan
        told = {"user": make.manager(self.clinic), "state": "failed", "not_before": make.NOW, "created_at": make.NOW}
        self.report = MonthlyReport.objects.create(month=date(2026, 2, 1), **told)
        notice = {"model": self.device.model, "serials": [self.device.serial], "reason": "Heat"}
        self.photo = make.photo(self.rental)
        self.recall = start_recall(**notice, at=make.NOW, actor=make.manager()).recall

    def address(self, name: str) -> str:
        """The address of the page called `name`, about the thing it is about."""
        pattern = next(pattern for pattern in urlpatterns if pattern.name == name)
        route = str(pattern.pattern)
        if name == "reverse":
            return reverse(name, args=[self.rental.reference, self.rental.ledger.first().pk])
        if name == "rule-on-restart":
            return reverse(name, args=[self.device.pk, self.restart.pk])
        if name == "trust-reading":
            return reverse(name, args=[self.device.pk, self.device.readings.first().pk])
        if name == "reverse-expense":
            return reverse(name, args=[self.device.pk, self.expense.pk])
        if "<slug:reference>" in route:
            return reverse(name, args=[self.rental.reference])
        if route.startswith("photos/"):
            return reverse(name, args=[self.photo.key])
        if "<slug:figure>" in route:
            return reverse(name, args=["income"])
        if "<slug:route>" in route:
            return reverse(name, args=["folder"])
        if "<int:pk>" not in route:
            return reverse(name)
        things = {
            "patients": self.patient,
            "devices": self.device,
            "read-outs": self.read_out,
            "d": self.device,
            "devices/stock-takes": self.stock_take,
            "devices/stock-takes/scans": self.scan,
            "devices/stock-takes/findings": self.ended.findings.first(),
            "messages": self.message,
            "suppressed": self.suppressed,
            "tasks": self.task,
            "usage": self.usage_import,
            "discrepancies": self.discrepancy,
            "feeds": self.feed,
            "settings/closures": self.closure,
            "settings/models": self.device.model,
            "settings/staff": self.colleague,
            "settings/spreadsheet": self.sheet,
            "devices/recalls": self.recall,
            "receipts": self.rental.ledger.first(),
            "papers": self.paper,
            "fleet/reports": self.report,
        }
        return reverse(name, args=[things[route.partition("/<")[0]].pk])


@shared
def things() -> Things:
    return Things()


def test_a_stranger_is_asked_to_sign_in_first(things):
    for name in NAMES:
        address = things.address(name)
        for answer in (Client().get(address), Client().post(address)):
            assert (answer.status_code, answer.headers["Location"]) == (302, f"/sign-in/?next={address}")


FILES = {
    "sheet-problems",
    "sheet-template",
    "export-stock-take",
    "fleet-export",
    "paper",
    "photo",
    "photo-thumbnail",
    "words-letter",
}


@pytest.mark.parametrize("role", User.Role.values)
def test_each_page_opens_only_for_a_role_that_may_and_says_where_it_is_a_demo(things, settings, role):
    """And nothing that an auditor opens or sends changes anything."""
    settings.DEMO = True
    desk, before = Desk(make.user(role, things.clinic)), everything()
    entries = {"reason": "x", "note": "x", "name": "Ada", "counter": "1", "due_on": "2026-05-01"}
    given = {"site": things.clinic.pk} | (entries if role == User.Role.AUDITOR else {})
    for name in NAMES:
        address = things.address(name)
        opened = desk.see(address)
        assert ("This is a demo" in desk.page) or opened not in (200, 403) or name in FILES, name
        for status in (opened, desk.send(address, **given)):
            assert (status == 403) == (role not in MATRIX[PAGES[name].action]), (name, status)
            assert status not in (404, 500), name
    assert role != User.Role.AUDITOR or everything() == before


def test_what_belongs_to_another_site_is_not_there(things):
    desk = Desk(make.manager(make.clinic()))
    for name in OF_ONE_THING:
        address = things.address(name)
        assert desk.see(address) == 404 or desk.led_to == "/", name  # what takes only forms leads home
        assert desk.send(address) in (404, 405), name


def everything() -> dict[str, list[Any]]:
    """Every row of every table of ours but the log of who looked, and what the sessions keep."""
    models = [model for model in apps.get_models() if model._meta.app_label in OURS and model is not Access]
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in models}


def test_a_page_about_whose_readers_nobody_decided_is_refused_when_the_code_is_loaded():
    with pytest.raises(ImproperlyConfigured, match="names no action"):
        type("Leaky", (BasePage,), {"template": "x.html"})


def test_a_page_is_not_kept_by_the_browser():
    desk = Desk(make.reception())
    make.clinic()
    assert desk.see("/") == 200
    assert "no-store" in desk.answer.headers["Cache-Control"]


def test_the_menu_shows_only_where_the_role_may_go():
    make.clinic()
    desk = Desk(make.reception())
    desk.see("/")
    assert 'href="/devices/"' in desk.page
    assert 'href="/fleet/"' not in desk.page
    manager = Desk(make.manager())
    manager.see("/")
    assert 'href="/fleet/"' in manager.page


def test_the_site_is_switched_among_those_one_works_for():
    here, there, elsewhere = make.clinic("A here"), make.clinic("B there"), make.clinic("C elsewhere")
    desk = Desk(make.reception(here, there))
    desk.see("/")
    assert "Today at A here" in desk.page
    assert desk.send("/site/", site=there.pk) == 302
    desk.see("/")
    assert "Today at B there" in desk.page
    assert desk.send("/site/", site=elsewhere.pk) == 404
    desk.see("/")
    assert "Today at B there" in desk.page


def test_a_part_of_a_page_asked_for_after_the_session_ended_brings_the_whole_sign_in():
    answer = Client().get("/sign-in/", headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"


def test_signing_in_leads_to_where_one_wanted_to_go_and_nowhere_else():
    user = make.reception(make.clinic())
    user.set_password("a long enough one")
    user.save(update_fields=["password"])
    entries = {"username": user.username, "password": "a long enough one"}
    answer = Client().post("/sign-in/", {**entries, "next": "/rentals/"})
    assert answer.headers["Location"] == "/rentals/"
    answer = Client().post("/sign-in/", {**entries, "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/"
    wrong = Client().post("/sign-in/", {**entries, "password": "another one"})
    assert wrong.status_code == 200
    assert "correct username and password" in wrong.content.decode()


def test_a_demo_says_so_also_where_there_is_no_page(things, settings):
    manager, reception = Desk(make.manager(things.clinic)), Desk(make.reception(things.clinic))
    settings.DEMO = True
    assert [reception.see("/fleet/"), manager.see("/nowhere/")] == [403, 404]
    for page in (reception.page, manager.page, Client().get("/sign-in/").content.decode()):
        assert "This is a demo" in page
    settings.DEMO = False
    manager.see("/")
    assert "This is a demo" not in manager.page


def test_what_takes_only_forms_leads_home_when_its_address_is_opened(things):
    desk = Desk(make.manager(things.clinic))
    for name in ("choose-site", "decide", "offers"):
        assert (desk.see(things.address(name)), desk.led_to) == (302, "/")
    assert Client().get("/sign-out/").status_code == 405
    assert Client().post("/sign-out/").headers["Location"] == "/sign-in/"


def test_each_button_of_a_rental_asks_for_the_action_that_its_page_asks_for():
    assert [(one.verb, one.action) for one in ACTIONS] == [
        (PAGES[one.address].verb, PAGES[one.address].action) for one in ACTIONS
    ]


@pytest.mark.parametrize(
    ("form", "name", "model", "column"),
    [
        (PatientForm, "given_name", Patient, "given_name"),
        (PatientForm, "family_name", Patient, "family_name"),
        (PatientForm, "email", Patient, "email"),
        (PatientForm, "phone", Patient, "phone"),
        (ContactForm, "name", Contact, "name"),
        (ContactForm, "relation", Contact, "relation"),
        (ContactForm, "email", Contact, "email"),
        (ContactForm, "phone", Contact, "phone"),
        (HandOverForm, "tracking", Holding, "tracking"),
        (SignForm, "name", Signature, "name"),
        (HealedForm, "imaging", Rental, "healed_imaging"),
        (ReversalForm, "reason", LedgerEntry, "note"),
        (AddDeviceForm, "serial", Device, "serial"),
        (FeedForm, "name", CalendarFeed, "name"),
    ],
)
def test_a_field_takes_no_more_than_its_column_holds(form, name, model, column):
    assert form.base_fields[name].max_length <= model._meta.get_field(column).max_length


def test_the_menu_shows_under_which_way_a_page_lies(things):
    desk = Desk(make.reception(things.clinic))
    desk.see(f"/rentals/{things.rental.reference}/")
    assert 'href="/rentals/" aria-current="true"' in desk.page
    desk.see("/")
    assert 'href="/" aria-current="page"' in desk.page
    assert desk.page.count("aria-current") == 1


def test_what_is_said_on_the_next_page_is_kept_on_the_server():
    desk = Desk(make.reception(make.clinic()))
    desk.fill_in("/patients/new/", given_name="Ada", family_name="Lovelace", date_of_birth="1990-12-10")
    assert set(desk.client.cookies) == {"sessionid", "csrftoken"}
    desk.see(desk.led_to)
    assert "Ada Lovelace is registered" in desk.page
