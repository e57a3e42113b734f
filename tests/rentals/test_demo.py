"""The demo clinic: believable, made by the verbs, whole or not at all.

It is made once for this module, as of a Monday morning in Sydney, a week after Labour Day and the beginning of
daylight saving time there.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import transaction
from django.db.models import Q
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from config.management.commands.run import _set_up_first_clinic
from config.models import Clinic, User
from config.models.clinics import validate_abn
from devices.models import Device, DeviceModel, Transfer
from patients.models import Patient
from rentals.booking.availability import Need, fitting_devices
from rentals.booking.capacity import overdue_at, with_capacity
from rentals.booking.offers import sweep_offers
from rentals.booking.replan import mend
from rentals.checklists import open_checklists
from rentals.demo import make_demo_clinic, making
from rentals.demo.mornings import mornings
from rentals.demo.sites import PERTH, SYDNEY, Site, open_site
from rentals.demo.stories import AROUND_TODAY, Story
from rentals.desk.forms.booking import usual_course
from rentals.desk.timeline import timeline_of
from rentals.ledger import balance
from rentals.models import (
    Discrepancy,
    GelSupply,
    Holding,
    LedgerEntry,
    Message,
    Move,
    PatientDay,
    Priority,
    Reminder,
    Rental,
    StaffTask,
    Treatment,
    UsageImport,
)
from rentals.models.states import State
from rentals.reconciliation.days import counted, days_of
from tests import make
from tests.rentals import never

pytestmark = pytest.mark.xdist_group("demo")  # one worker makes the clinic
AT = datetime(2026, 10, 11, 22, 30, tzinfo=UTC)
MONDAY = date(2026, 10, 12)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a checkout that has not run yet."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first_start(django_db_setup: None, django_db_blocker: DjangoDbBlocker, state: Path) -> Iterator[tuple[str, bool]]:
    """What the first start of `make run` at `AT` says of the clinic that it made, and whether this is the demo."""
    with django_db_blocker.unblock(), transaction.atomic():
        with (
            pytest.MonkeyPatch.context() as environment,
            override_settings(STATE_DIR=state),
            time_machine.travel(AT, tick=False),
        ):
            environment.setenv("DEMO", "1")
            said = _set_up_first_clinic()
        yield said
        transaction.set_rollback(True)


@pytest.mark.usefixtures("first_start")
class TestDemo:
    def test_staff_find_tasks_of_several_kinds_and_what_the_patients_said(self):
        open_kinds = set(StaffTask.objects.open().values_list("kind", flat=True))
        assert {"extension", "problem", "healed", "phone"} <= open_kinds
        coming = Rental.objects.filter(return_expected_at__range=(AT, AT + timedelta(days=4)), due_on__gt=MONDAY)
        healed = coming.get(healed_on__lt=MONDAY, state=State.ACTIVE)
        assert StaffTask.objects.filter(rental=healed, kind="healed", done_by=None).exclude(done_at=None).exists()
        assert GelSupply.objects.exists()
        assert Rental.objects.filter(imaging_due_on__gt=MONDAY, patient__contact__receives="beside").exists()
        assert PatientDay.objects.filter(treated=True).exists()

    def test_an_inspection_was_interrupted_and_waits_for_somebody_to_go_on(self):
        begun = [one for site in Clinic.objects.all() for one in open_checklists(site)]
        assert [(one.kind, one.rental.state, one.photos.count()) for one in begun] == [("inspection", "returned", 1)]

    def test_its_logins_are_said_and_kept_for_its_owner_only(self, first_start: tuple[str, bool], state: Path):
        logins, is_demo = first_start
        assert is_demo
        assert [line.split()[1] for line in logins.splitlines()] == ["reception", "clinician", "manager", "auditor"]
        for _, username, password, _ in map(str.split, logins.splitlines()):
            assert User.objects.get(username=username).check_password(password)
        [kept] = state.iterdir()
        assert (kept.read_text(), kept.stat().st_mode & 0o777) == (logins, 0o600)

    def test_the_next_start_says_them_again(self, first_start: tuple[str, bool], state: Path, settings):
        settings.STATE_DIR = state
        assert _set_up_first_clinic() == first_start

    def test_it_has_two_sites_in_two_time_zones_that_can_be_reached(self):
        assert list(Clinic.objects.values_list("time_zone", flat=True)) == ["Australia/Perth", "Australia/Sydney"]
        assert not Clinic.objects.filter(Q(phone="") | Q(legal_name="")).exists()
        for abn in Clinic.objects.values_list("abn", flat=True):
            validate_abn(abn)
        assert [clinic.opening_hours.count() for clinic in Clinic.objects.all()] == [6, 6]

    def test_reception_sees_one_site_and_the_others_see_both(self):
        sites = {user.role: user.visible_clinics().count() for user in User.objects.all()}
        assert sites == {"reception": 1, "clinician": 2, "manager": 2, "auditor": 2}

    def test_devices_are_in_every_condition(self):
        conditions = Counter(Device.objects.values_list("condition", flat=True))
        assert conditions == {
            "ready": 23,
            "quarantine": 3,
            "repair": 1,
            "recalled": 2,
            "lost": 1,
            "sold": 1,
            "retired": 1,
        }
        assert set(conditions) == set(Device.Condition.values)
        assert list(DeviceModel.objects.values_list("nominal_treatments", flat=True)) == [343, 150, None]

    def test_one_unit_is_past_its_nominal_number(self):
        devices = with_capacity(Device.objects.all())
        past = devices.filter(remaining_treatments__lt=0).exclude(condition="retired")
        assert [device.serial for device in past] == ["1208002290"]

    def test_rentals_are_in_every_state(self):
        states = Counter(Rental.objects.values_list("state", flat=True))
        assert states == {
            "enquiry": 6,
            "reserved": 15,
            "active": 9,
            "returned": 2,
            "lost": 1,
            "kept": 1,
            "closed": 62,
            "cancelled": 7,
        }
        assert set(states) == set(State)

    def test_patients_are_nobody_who_can_be_reached(self):
        patients = Patient.objects.all()
        assert patients.count() == 60
        set_aside = re.compile(r"\(0[28]\) 5550 \d{4}|0491 57\d \d{3}")
        assert [patient.phone for patient in patients if not set_aside.fullmatch(patient.phone)] == []
        addresses = [patient.email for patient in patients if patient.email]
        assert [address for address in addresses if not address.endswith(("@example.com", ".example"))] == []
        assert len(addresses) == len(set(addresses)) == 59
        assert patients.filter(email_reminders=False).count() == 1
        assert max(patient.date_of_birth for patient in patients) < date(MONDAY.year - 18, 1, 1)

    def test_nothing_is_as_it_must_never_be(self):
        assert never.broken() == []

    def test_everything_came_by_a_verb_and_before_today(self):
        first = Move.objects.order_by("rental_id", "pk").distinct("rental_id").values_list("verb", flat=True)
        assert Counter(first) == {"book": 95, "enquire": 8}
        assert Move.objects.latest("at").at < Clinic.objects.get(time_zone="Australia/Sydney").start_of(MONDAY)
        verbs = set(Move.objects.values_list("verb", flat=True))
        assert {"extend", "swap", "confirm_healed", "pin", "prioritise", "replan", "at_risk"} <= verbs
        assert {"offer", "offer_declined", "offer_accepted"} <= verbs

    def test_there_is_something_to_do_today(self):
        booked = Rental.objects.filter(state="reserved", offer_expires_at=None)
        active = Rental.objects.filter(state="active")
        assert booked.filter(starts_on=MONDAY).count() == 2
        assert booked.filter(starts_on=MONDAY + timedelta(days=1)).count() == 1
        assert active.filter(due_on=MONDAY).count() == 1
        overdue = active.filter(overdue_at(AT, prefix="")).values_list("due_on", flat=True)
        assert sorted((MONDAY - due_on).days for due_on in overdue) == [3, 3, 10]

    def test_the_sweeps_of_the_running_system_find_nothing_to_do(self):
        before = Move.objects.count()
        mend(AT)
        assert sweep_offers(AT) == []
        assert Move.objects.count() == before

    @pytest.mark.parametrize("days_later", range(6))
    def test_each_site_has_two_units_for_whoever_books_the_usual_course(self, days_later: int):
        at = AT + timedelta(days=days_later)
        with transaction.atomic():
            mend(at)
            sweep_offers(at)
            for clinic in Clinic.objects.all():
                course = usual_course(clinic, clinic.day_of(at))
                need = Need(clinic, course["starts_on"], course["due_on"], course["planned_treatments"])
                assert len(fitting_devices(need, at)[0]) >= 2, clinic
            transaction.set_rollback(True)

    def test_the_planner_has_moved_reservations_and_said_why(self):
        moved = Rental.objects.filter(moves__verb="replan").values_list("moves__reason", "holdings__device__serial")
        said = sorted((re.sub("rental [A-Z0-9]{8}|recall [0-9]+", "this", why), serial) for why, serial in moved)
        assert said == [
            ("an overdue device is presumed to stay away: from 0109400456 to 0408400017", "0408400017"),
            ("this was extended: from 0821400192 to 0708001526", "0708001526"),
            ("this: from 0720400835 to 1108002251", "1108002251"),
        ]

    def test_one_is_at_risk_who_is_pinned_to_a_broken_unit_and_one_who_needs_more_than_any_other_has(self):
        without = Rental.objects.filter(holdings__live=True, holdings__device=None)
        pinned, long = without.order_by("planned_treatments")
        assert (pinned.pinned, long.pinned) == (True, False)
        why = [rental.moves.get(verb="at_risk").reason.split(": ")[0] for rental in (pinned, long)]
        assert why[0] == "device 1009400532 failed its inspection"
        assert re.fullmatch("recall [0-9]+", why[1])

    def test_those_who_wait_need_more_than_is_free_and_one_has_an_offer(self):
        waiting = Rental.objects.waiting()
        urgent, soon, routine = Priority
        assert list(waiting.values_list("priority", flat=True)) == [soon] * 3 + [routine] * 3
        assert set(waiting.values_list("clinic__name", flat=True)) == {SYDNEY, PERTH}
        assert min(rental.planned_treatments for rental in waiting) > 180
        assert waiting.exclude(passed_at=None).count() == 1
        offered = Rental.objects.offered().get(offer_expires_at__gt=AT)
        assert offered.priority == urgent
        assert Reminder.objects.get(rental=offered, kind="offer").message.state == "sent"

    def test_units_are_pinned_on_their_way_by_courier_and_near_their_service(self):
        live = Holding.objects.filter(live=True)
        assert live.filter(rental__state="reserved", rental__pinned=True, device__isnull=False).count() == 1
        assert [holding.rental.starts_on for holding in live.filter(out=None, delivery="courier")] == [
            date(2026, 10, 19)
        ]
        sent = Transfer.objects.get(away__contains=MONDAY)
        assert (sent.from_clinic.name, sent.to_clinic.name) == (SYDNEY, PERTH)
        due = Device.objects.exclude(service_due_on=None).values_list("service_due_on", flat=True)
        assert sorted((day - MONDAY).days for day in due if day) == [16, 44]

    def test_the_timeline_of_each_site_shows_what_it_can_show(self):
        shown = set()
        for clinic in Clinic.objects.all():
            timeline = timeline_of(clinic, MONDAY, AT)
            rows = [*timeline.at_risk, *(row for _, rows in timeline.models for row in rows)]
            shown |= {cell.part.kind for row in rows for lane in row.lanes for cell in lane if cell.part}
        assert {"out", "reserved", "offered", "risk", "late", "presumed", "turnaround", "way"} <= shown
        assert {"transfer", "idle"} <= shown

    def test_few_closed_rentals_have_money_open(self):
        closed = Rental.objects.filter(state="closed").select_related("clinic")
        open_at = Counter(rental.clinic.name for rental in closed if balance(rental))
        assert open_at == {SYDNEY: 2, PERTH: 2}

    def test_some_have_signed_and_paid_and_some_have_not(self):
        coming = Rental.objects.filter(state="reserved", starts_on__lte=MONDAY + timedelta(days=1))
        entries = LedgerEntry.objects.filter(kind="bond_payment")
        standing = {(r.signatures.exists(), entries.filter(rental=r).exists()) for r in coming}
        assert standing == {(True, True), (True, False), (False, False)}

    def test_three_thousand_treatments_came_in_as_files_and_four_of_five_days_were_done(self):
        assert 2700 < Treatment.objects.count() < 3100
        assert set(UsageImport.objects.values_list("status", flat=True)) == {"done"}
        assert sum(UsageImport.objects.values_list("accepted", flat=True)) == Treatment.objects.count() + 2  # pauses
        rentals = list(Rental.objects.filter(handed_over_at__isnull=False).select_related("clinic"))
        days = [counted(days) for days in days_of(rentals, AT).values()]
        done = sum(rental.done for rental in days)
        assert 0.75 < done / sum(rental.done + rental.short + rental.none for rental in days) < 0.85

    def test_one_discrepancy_of_each_kind_waits_and_some_were_looked_into(self):
        found = Discrepancy.objects.values_list("state", "kind").order_by("kind")
        assert [kind for state, kind in found if state == "open"] == sorted(Discrepancy.Kind.values)
        assert Discrepancy.objects.get(owner__role="clinician").state == "open"
        resolved = Discrepancy.objects.filter(closed_by__role="clinician").exclude(note="")
        assert sorted(discrepancy.kind for discrepancy in resolved) == [
            "clock_in_doubt",
            "log_missing",
            "over_prescribed",
        ]

    def test_reminders_were_sent_and_some_are_due(self):
        shown = Counter(reminder.state_shown for reminder in Reminder.objects.select_related("message"))
        assert set(shown) == {"sent", "void", "planned", "queued", "unknown"}
        assert set(Message.objects.values_list("state", flat=True)) == {"sent", "void", "queued", "unknown"}
        assert shown["unknown"] == 1
        assert set(Reminder.objects.values_list("kind", flat=True)) == set(Reminder.Kind.values)


@pytest.mark.django_db
def test_a_demo_that_is_stopped_half_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    def stop(_: object) -> None:
        assert Clinic.objects.count() == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "play", stop)
    with pytest.raises(KeyboardInterrupt):
        make_demo_clinic(AT)
    assert (Clinic.objects.count(), User.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_no_reminder_of_the_past_goes_to_a_mail_server_that_is_named(settings):
    clinic, nobody = make.clinic(), make.manager()
    site = Site(clinic, None, nobody, clinic.day_of(AT), None)
    assert next(mornings(site, AT)) == site.at(date(2026, 9, 7), 11, 15)
    settings.EMAIL_URL = "smtp://mail.example"
    assert list(mornings(site, AT)) == []


def every_day_for_three_years(clinic: Clinic) -> Iterator[Site]:
    return (Site(clinic, None, None, MONDAY + timedelta(days=days), deque()) for days in range(3 * 365))


def around_today(name: str) -> Iterator[tuple[Story, Story]]:
    """Whoever has or gets a unit of the site, and whoever has booked it for later."""
    told = [story for story in AROUND_TODAY if story.site == name and story.unit and story.cancelled is None]
    for first in told:
        yield from ((first, then) for then in told if first.unit == then.unit and max(first.start, 0) < then.start)


@pytest.mark.django_db
@pytest.mark.parametrize("name", [SYDNEY, PERTH])
def test_on_whatever_day_it_is_made_closed_days_push_no_due_day_into_the_next_rental(name: str):
    clinic = open_site(name, AT)
    pairs = [(first, then) for first, then in around_today(name) if 0 <= first.start + first.days < then.start]
    assert len(pairs) >= 2
    for site in every_day_for_three_years(clinic):
        for first, then in pairs:
            travel = clinic.courier_days * (first.by_courier + then.by_courier)
            blocked_until = site.day(first.start + first.days) + timedelta(days=travel + clinic.turnaround_days)
            assert blocked_until < site.day(then.start), (site.today, first.unit)


@pytest.mark.django_db
def test_on_whatever_day_it_is_made_an_overdue_unit_is_missed_by_whoever_comes_next():
    clinic = open_site(SYDNEY, AT)
    [(late, then)] = [(first, then) for first, then in around_today(SYDNEY) if first.late > 0]
    for site in every_day_for_three_years(clinic):
        last_night = site.today - timedelta(days=1)
        assert site.day(late.start + late.days) < last_night
        presumed = last_night + timedelta(days=clinic.overdue_presumption_days + clinic.turnaround_days)
        assert site.day(then.start) <= presumed, site.today


@pytest.mark.django_db
def test_on_whatever_day_it_is_made_the_offer_of_yesterday_is_open_all_day():
    clinic = open_site(SYDNEY, AT)
    for site in every_day_for_three_years(clinic):
        offered_at = site.at(site.day(-1), 11, 31)
        assert clinic.after_open_hours(offered_at, clinic.offer_open_hours) > site.at(site.today, 23, 59), site.today
