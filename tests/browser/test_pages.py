"""Every page of the desk in light and dark, at a desk's size and a phone's: nothing to complain of, nobody else asked,
nothing that a screen reader or the keyboard would stumble over, nothing wider than the screen."""

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser

from config.models import Clinic
from config.site_settings import add_closure
from devices.expenses import spend
from devices.models import Allowance, Device, ReadOut, Recall
from patients.contacts import name_contact
from patients.models import Patient
from rentals import stock_take
from rentals.care import Gel, give_gel, plan_imaging
from rentals.desk.urls import urlpatterns
from rentals.feeds import make_feed
from rentals.models import (
    CalendarFeed,
    ClockRuling,
    Discrepancy,
    Holding,
    Rental,
    Sheet,
    StaffTask,
    StockFinding,
    StockTake,
    UsageImport,
)
from rentals.models.states import State
from rentals.recall import start_recall
from rentals.reminders import outbox, plan
from rentals.sheets.taking import upload
from rentals.staff_tasks import ask_staff, do_task
from tests import make
from tests.browser.desk import Watch, open_every_day, sign_in, with_password
from tests.browser.faults import faults_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
BY_POST_ONLY = {
    "take-sheet",
    "close-links",
    "lift-suppression",
    "resend",
    "resend-report",
    "invoice",
    "receipt",
    "statement-file",
    "choose-site",
    "start-stock-take",
    "scan",
    "undo-scan",
    "offers",
    "booking-offers",
    "booking-patients",
    "decide",
    "preview-words",
    "resolve",
    "spend",
    "take-on",
    "take-reading",
    "usage-send",
    "usage-cancel",
    "usage-again",
    "usage-fetch",
}
NO_PAGES = {
    "sheet-problems",
    "sheet-template",
    "device-by-label",
    "export-stock-take",
    "fleet-export",
    "paper",
    "words-letter",
    "photo",
    "photo-thumbnail",
}


def busy_site() -> Clinic:
    """A site with a rental in every state, a message, an import and a discrepancy."""
    now = timezone.now()
    site = open_every_day(name="A busy site", at=now - 200 * DAY)
    open_every_day(name="Another site", at=now - 200 * DAY)
    Clinic.objects.update(reminders_from=time.min, reminders_until=time.max)  # whatever the hour of the test
    recalled_units(site)
    crowd(site, now)
    make.offered(site, at=now)
    for state in State:
        ended = {"ended": now - DAY} if state not in (State.RESERVED, State.ENQUIRY, State.CANCELLED) else {}
        make.rental(state, site, at=now if not ended else now - 20 * DAY, **ended)
    make.rental(State.ACTIVE, site, at=now - 40 * DAY)
    make.waiting(site, at=now)
    make.device(site, condition="quarantine")
    plan.plan_reminders(now)
    outbox.send_due(now)
    failed = {"status": "failed", "failure": "Not a usage file.", "rejected": [{"line": 2, "reason": "no serial"}]}
    UsageImport.objects.create(created_at=now, name="log.csv", finished_at=now, **failed)
    later = site.day_of(now) + 28 * DAY  # when what was booked just now is due
    add_closure(site, first_day=later, last_day=later, reason="Stocktake")
    make_feed(site, name="Front desk screen", at=now, actor=make.manager())
    words = {"why": "The counter went down.", "action": "Read the screen again."}
    counted(site, now)
    held = Rental.objects.filter(state=State.ACTIVE).latest("pk").holdings.get()
    tasks_of(held.rental, now)
    about = {"clinic": site, "device": held.device, "rental": held.rental}
    Discrepancy.objects.create(kind="counter_down", subject="1", opened_at=now, **about, **words)
    spend(held.device, kind="purchase", amount=Decimal(4000), spent_on=site.day_of(now), at=now, actor=make.manager())
    clock = (now - DAY).replace(tzinfo=None)
    read_out = ReadOut.objects.create(device=held.device, read_out_at=now - DAY, device_clock=clock, counter=3)
    word = {"note": "It was set to the time of Greenwich.", "at": now, "by": make.manager()}
    ClockRuling.objects.create(read_out=read_out, offset_seconds=0, **word)
    restart = {"number": 2, "cause": "reset", "provisional": True, "nominal_treatments": 343}
    Allowance.objects.create(device=held.device, began_at=now, **restart)
    return site


def counted(site: Clinic, now: datetime) -> None:
    """A count that has ended, with something missing and something unexpected, and one under way."""
    boss = make.manager()
    for ends in (True, False):
        count = stock_take.start(site, at=now, actor=boss)
        for code in (site.devices.filter(condition="ready").latest("pk").serial, "0408017799"):
            stock_take.scan(count, code, at=now, actor=boss)
        if ends:
            stock_take.end(count, missing_accepted=True, at=now, actor=boss)


def tasks_of(rental: Rental, now: datetime) -> None:
    """A task of every kind, one done, for somebody with a contact person, gel and imaging to come."""
    boss, patient = make.manager(), rental.patient
    who = {"name": "Grace Example", "relation": "Mother", "email": "grace@carers.example", "phone": "0491 570 006"}
    name_contact(patient, **who, at=now, actor=boss)
    give_gel(rental, Gel(expires_on=rental.clinic.day_of(now) + 90 * DAY), at=now, actor=boss)
    plan_imaging(rental, on=rental.clinic.day_of(now) + 9 * DAY, at=now, actor=boss)
    asked = {"extension": {"due_on": "2027-04-27"}, "problem": {"problem": "fault"}}
    for kind in StaffTask.Kind:
        ask_staff(kind, "one", rental=rental, words="Tell them that it is due.", at=now, asked=asked.get(kind))
    call = ask_staff(StaffTask.Kind.PHONE, "two", rental=rental, words="Told already.", at=now)
    do_task(call, note="She comes on Friday.", at=now, actor=boss)


def recalled_units(site: Clinic) -> None:
    """A recall with everything that its page can show."""
    now, model = timezone.now(), make.device_model()
    hired, waited_for = (make.device(site, model=model) for _ in range(2))
    for state, days in ((State.CLOSED, 60), (State.ACTIVE, 5)):
        make.rental(state, site, device=hired, at=now - days * DAY)
    make.book(site, device=waited_for, at=now, pinned=True)
    serials = [hired.serial, waited_for.serial, "0408017701"]
    start_recall(model=model, serials=serials, reason="Output may be low.", at=now, actor=make.manager())


def crowd(site: Clinic, now: datetime) -> None:
    """Bars of every kind for the timeline: somebody late, an offer, a pinned one, a way by courier, no device."""
    today, boss = site.day_of(now), make.manager()
    gone, worn = make.device(site, at=now - 60 * DAY), make.device(site, nominal=150, counter=120, at=now - 60 * DAY)
    make.book(site, device=gone, at=now, actor=boss)
    make.put_at_risk(gone)
    late = make.rental(State.ACTIVE, site, at=now - 20 * DAY, days=14)
    Holding.objects.filter(rental=late).update(blocked=DateRange(today - 20 * DAY, today + 9 * DAY))
    make.book(site, device=worn, at=now, days=14, pinned=True)
    make.book(site, device=worn, at=now, starts_on=today + 30 * DAY, days=14, delivery="courier", planned_treatments=2)
    offer = make.book(site, device=make.device(site, nominal=None, at=now), at=now, accept_unknown_capacity=True)
    Rental.objects.filter(pk=offer.pk).update(offer_expires_at=now + DAY)
    Device.objects.filter(pk=worn.pk).update(service_due_on=today + 50 * DAY)


def sheet_with_everything(site: Clinic) -> Sheet:
    """A spreadsheet with a problem, a remark, somebody who is here and somebody who may be."""
    now, boss = timezone.now(), make.manager()
    who = make.patient(site, actor=boss, at=now)
    lines = [f"Ada,{who.family_name},17/5/1990,,", f"Bob,Example,3/4/1990,{who.email},", "Cy,Example,soon,,"]
    content = "\n".join(["Given name,Family name,DOB,Email,Colour", *lines]).encode()
    return upload(site, kind="patients", name="ours.csv", content=content, at=now, actor=boss)


def addresses(site: Clinic) -> dict[str, str]:
    """An address for each page that opens by itself; a verb's with a rental whose state allows it."""
    rental = {state: Rental.objects.filter(clinic=site, state=state).latest("pk") for state in State}
    states = {
        "reserve": State.ENQUIRY,
        "prioritise": State.ENQUIRY,
        "sign": State.RESERVED,
        "hand-over": State.RESERVED,
        "change-device": State.RESERVED,
        "pin": State.RESERVED,
        "cancel": State.RESERVED,
        "inspect": State.RETURNED,
        "sign-return": State.RETURNED,
    }
    offer = Rental.objects.offered().filter(clinic=site)[0]
    passed_on = Rental.objects.filter(clinic=site, state=State.ENQUIRY, passed_at__isnull=False)[0]
    of_offers = {"accept-offer": offer, "decline-offer": offer, "offer-again": passed_on}
    held = rental[State.ACTIVE].holdings.get()
    things = {
        "do-task": StaffTask.objects.open().filter(clinic=site)[0],
        "patient": Patient.objects.filter(clinic=site).latest("pk"),
        "device": held.device,
        "send-device": held.device,
        "device-lost": held.device,
        "found-again": held.device,
        "retire-device": held.device,
        "stock-take": StockTake.objects.get(clinic=site, ended_at=None),
        "end-stock-take": StockTake.objects.get(clinic=site, ended_at=None),
        "settle-finding": StockFinding.objects.filter(kind="missing")[0],
        "renew": held.device,
        "device-dates": held.device,
        "device-clock": held.device,
        "expenses": held.device,
        "rule-clock": held.device.read_outs.get(),
        "inspect-unit": site.devices.filter(condition="quarantine").latest("pk"),
        "message": held.rental.patient.messages.latest("pk"),
        "usage-import": UsageImport.objects.get(),
        "resolve": Discrepancy.objects.latest("pk"),
        "revoke-feed": CalendarFeed.objects.get(),
        "remove-closure": site.closures.get(),
        "recall": Recall.objects.get(),
        **dict.fromkeys(("change-work", "staff-link", "switch-staff-off", "switch-staff-on"), make.reception(site)),
        **dict.fromkeys(("sheet", "sheet-columns", "drop-sheet"), sheet_with_everything(site)),
        **dict.fromkeys(("device-model", "change-device-model", "sign-reuse", "withdraw-reuse"), held.device.model),
    }
    found = {}
    for pattern in urlpatterns:
        name = str(pattern.name)
        if name in BY_POST_ONLY - {"resolve"} | NO_PAGES:
            continue
        if name == "reverse":
            found[name] = reverse(name, args=[held.rental.reference, held.rental.ledger.first().pk])
        elif name == "reverse-expense":
            found[name] = reverse(name, args=[held.device.pk, held.device.expenses.latest("pk").pk])
        elif name == "rule-on-restart":
            found[name] = reverse(name, args=[held.device.pk, held.device.allowances.latest("number").pk])
        elif name == "trust-reading":
            found[name] = reverse(name, args=[held.device.pk, held.device.readings.latest("pk").pk])
        elif name == "fleet-rows":
            found[name] = reverse(name, args=["devices"])
        elif "<slug:reference>" in str(pattern.pattern):
            one = of_offers.get(name) or rental[states.get(name, State.ACTIVE)]
            found[name] = reverse(name, args=[one.reference])
        elif "<int:pk>" in str(pattern.pattern):
            thing = things.get(name) or things["patient"]
            found[name] = reverse(name, args=[thing.pk])
        else:
            found[name] = reverse(name)
    return found


@pytest.mark.parametrize("half", [0, 1])
def test_each_page_opens_without_a_complaint_in_light_and_dark_on_desk_and_phone(
    half: int, browser: Browser, live_server, settings, tmp_path
):
    settings.DEMO = True
    settings.EMAIL_FILE_PATH = tmp_path
    site = busy_site()
    page = browser.new_context(reduced_motion="reduce").new_page()
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.manager()).username)
    seen: dict[str, dict[str, list[str]]] = {}
    for name, address in list(addresses(site).items())[half::2]:
        answer = page.goto(live_server.url + address)
        assert answer and answer.status == 200, (name, answer)
        assert page.url == live_server.url + address
        if faults := faults_of(page):
            seen[name] = faults
    assert seen == {}
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_what_a_recall_would_do_is_shown_as_well_as_the_rest(browser: Browser, live_server):
    now = timezone.now()
    site = open_every_day(at=now - 60 * DAY)
    unit = make.rental(State.ACTIVE, site, at=now - 10 * DAY).holdings.get().device
    page = browser.new_context(reduced_motion="reduce").new_page()
    sign_in(page, live_server.url, with_password(make.manager()).username)
    page.goto(f"{live_server.url}/devices/recalls/start/")
    page.get_by_label("Model and part number").select_option(value=str(unit.model_id))
    page.get_by_label("Serials, one a line").fill(f"{unit.serial}\n0408017701")
    page.get_by_label("Reason").fill("Output may be low.")
    page.get_by_role("button", name="See what it would do").click()
    page.get_by_role("heading", name="What this recall would do").wait_for()
    assert faults_of(page) == {}
    page.get_by_role("button", name="Start the recall").click()
    page.get_by_role("heading", name="Who has one now").wait_for()
    assert Recall.objects.get().serials == ["0408017701", unit.serial]


def test_the_sign_in_and_what_is_not_there_are_as_good_as_the_rest(browser: Browser, live_server, settings):
    settings.DEMO = True
    open_every_day()
    page = browser.new_context(reduced_motion="reduce").new_page()
    for address in ("/sign-in/", "/nowhere/"):
        page.goto(live_server.url + address)
        assert faults_of(page) == {}
