"""The demo clinic: believable, made by the verbs, whole or not at all.

It is made once for this module, as of a Monday morning in Sydney the day after daylight saving time began there.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from config.models import Clinic, User
from devices.models import Device, DeviceModel
from patients.models import Patient
from rentals.booking.availability import Need, find_devices
from rentals.booking.capacity import overdue_at, with_capacity
from rentals.demo import make_demo_clinic, making
from rentals.demo.mornings import mornings
from rentals.demo.sites import PERTH, SYDNEY, Site
from rentals.desk.forms.booking import usual_course
from rentals.ledger import balance
from rentals.models import Discrepancy, Holding, LedgerEntry, Message, Move, Reminder, Rental, Treatment, UsageImport
from rentals.models.states import State
from rentals.reconciliation.days import counted, days_of
from tests import make
from tests.rentals import never

AT = datetime(2026, 10, 4, 22, 30, tzinfo=UTC)
MONDAY = date(2026, 10, 5)


@pytest.fixture(scope="module")
def _demo(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with (
        django_db_blocker.unblock(),
        override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]),
        transaction.atomic(),
    ):
        make_demo_clinic(AT)
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("_demo")
class TestDemo:
    def test_it_has_two_sites_in_two_time_zones_that_can_be_reached(self):
        assert list(Clinic.objects.values_list("time_zone", flat=True)) == ["Australia/Perth", "Australia/Sydney"]
        assert not Clinic.objects.filter(phone="").exists()
        assert [clinic.opening_hours.count() for clinic in Clinic.objects.all()] == [6, 6]

    def test_reception_sees_one_site_and_the_others_see_both(self):
        sites = {user.role: user.visible_clinics().count() for user in User.objects.all()}
        assert sites == {"reception": 1, "clinician": 2, "manager": 2, "auditor": 2}

    def test_devices_are_in_every_condition(self):
        conditions = Counter(Device.objects.values_list("condition", flat=True))
        assert conditions == {
            "ready": 16,
            "quarantine": 3,
            "repair": 1,
            "recalled": 1,
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
            "reserved": 12,
            "active": 9,
            "returned": 2,
            "lost": 1,
            "kept": 1,
            "closed": 53,
            "cancelled": 6,
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
        assert Counter(first) == {"book": 83, "enquire": 7}
        assert Move.objects.latest("at").at < Clinic.objects.get(time_zone="Australia/Sydney").start_of(MONDAY)
        assert {"extend", "swap", "reserve", "confirm_healed", "at_risk"} <= set(
            Move.objects.values_list("verb", flat=True)
        )

    def test_there_is_something_to_do_today(self):
        reserved, active = Rental.objects.filter(state="reserved"), Rental.objects.filter(state="active")
        assert reserved.filter(starts_on=MONDAY).count() == 2
        assert reserved.filter(starts_on=date(2026, 10, 6)).count() == 1
        assert active.filter(due_on=MONDAY).count() == 1
        overdue = active.filter(overdue_at(AT, prefix="")).values_list("due_on", flat=True)
        assert sorted((MONDAY - due_on).days for due_on in overdue) == [2, 3, 10]  # on Sunday nothing was due
        assert Holding.objects.filter(live=True, device=None).count() == 2

    @pytest.mark.parametrize("days_later", range(6))
    @pytest.mark.parametrize("site", [SYDNEY, PERTH])
    def test_each_site_has_two_units_for_whoever_books_the_usual_course(self, site: str, days_later: int):
        at = AT + timedelta(days=days_later)
        clinic = Clinic.objects.get(name=site)
        course = usual_course(Patient(clinic=clinic), clinic.day_of(at))
        need = Need(clinic, course["starts_on"], course["due_on"], course["planned_treatments"])
        fitting, _ = find_devices(need, at)
        assert len(fitting) == 2

    def test_few_closed_rentals_have_money_open(self):
        closed = Rental.objects.filter(state="closed").select_related("clinic")
        open_at = Counter(rental.clinic.name for rental in closed if balance(rental))
        assert open_at == {SYDNEY: 2, PERTH: 2}

    def test_some_have_signed_and_paid_and_some_have_not(self):
        coming = Rental.objects.filter(state="reserved", starts_on__lte=date(2026, 10, 6))
        entries = LedgerEntry.objects.filter(kind="bond_payment")
        standing = {(r.signatures.exists(), entries.filter(rental=r).exists()) for r in coming}
        assert standing == {(True, True), (True, False), (False, False)}

    def test_two_and_a_half_thousand_treatments_came_in_as_files_and_four_of_five_days_were_done(self):
        assert 2400 < Treatment.objects.count() < 2600
        assert set(UsageImport.objects.values_list("status", flat=True)) == {"done"}
        assert sum(UsageImport.objects.values_list("accepted", flat=True)) == Treatment.objects.count() + 2  # pauses
        rentals = list(Rental.objects.filter(handed_over_at__isnull=False).select_related("clinic"))
        days = [counted(days) for days in days_of(rentals, AT).values()]
        done = sum(rental.done for rental in days)
        assert 0.75 < done / sum(rental.done + rental.short + rental.none for rental in days) < 0.85

    def test_one_discrepancy_of_each_kind_waits_and_some_were_looked_into(self):
        found = Discrepancy.objects.values_list("state", "kind").order_by("kind")
        later = {"silent_device"}  # not looked for yet
        assert [kind for state, kind in found if state == "open"] == sorted(set(Discrepancy.Kind.values) - later)
        resolved = Discrepancy.objects.filter(closed_by__role="clinician").exclude(note="")
        assert sorted(discrepancy.kind for discrepancy in resolved) == [
            "clock_in_doubt",
            "log_missing",
            "over_prescribed",
        ]

    def test_reminders_were_sent_and_some_are_due(self):
        shown = Counter(reminder.state_shown for reminder in Reminder.objects.select_related("message"))
        assert set(shown) == {"sent", "void", "queued", "unknown"}
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
    assert next(mornings(site, AT)) == site.at(date(2026, 8, 6), 11, 15)
    settings.EMAIL_URL = "smtp://mail.example"
    assert list(mornings(site, AT)) == []
