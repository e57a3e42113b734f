"""What a patient reads: kind, true, private, and safe with any name (I10, I12)."""

import re
from datetime import timedelta

import pytest

from config.models import Clinic, Closure
from devices.models import DeviceModel
from patients.models import Injury, Patient
from rentals.booking import change
from rentals.models import Holding, Message, Rental
from rentals.models.holdings import Part
from rentals.models.states import State
from rentals.reminders import outbox, plan
from tests import make
from tests.rentals.reminders.moments import before_due, before_start, days_overdue, overdue

pytestmark = pytest.mark.django_db
NEXT_WEEK = make.NOW.date() + timedelta(days=7)


def mail_about(sink, rental, at):
    [message] = plan.plan_reminders(at).messages
    assert outbox.send(message, at) == "sent"
    return sink.mails[-1]


def bodies(mail):
    return [mail.get_body((kind,)).get_content() for kind in ("plain", "html")]


@pytest.fixture
def place():
    clinic = make.clinic("Harbour Sports Medicine")
    Clinic.objects.update(phone="02 5550 1000", email="desk@harbour.example", address="1 Quay St\nSydney NSW 2000")
    clinic.refresh_from_db()
    return clinic


def test_collecting_is_told_with_day_hours_and_whom_to_phone(sink, place):
    rental = make.rental(clinic=place, starts_on=NEXT_WEEK)
    mail = mail_about(sink, rental, before_start(rental))
    assert mail["Subject"] == "A reminder about your booking"
    assert mail["From"] == "Harbour Sports Medicine <desk@clinic.example>"
    assert mail["Reply-To"] == "desk@harbour.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == (
        "Dear Ada,\n\n"
        f"Your device is booked for you to collect tomorrow, Monday 9 March 2026 (rental {rental.reference}). "
        "We are open from 8:30 a.m. to 5:30 p.m. that day.\n\n"
        "Please come to Harbour Sports Medicine. If that day no longer suits you, please phone us on 02 5550 1000 "
        "so that we can find another one.\n\n"
        "Kind regards,\nHarbour Sports Medicine\nPhone: 02 5550 1000\n1 Quay St\nSydney NSW 2000\n"
    )
    html = mail.get_body(("html",)).get_content()
    assert "<strong>tomorrow, Monday 9 March 2026</strong>" in html
    assert "1 Quay St<br>Sydney NSW 2000" in html


def test_hours_are_left_out_on_a_day_closed_since_the_booking(sink, place):
    rental = make.rental(clinic=place, starts_on=NEXT_WEEK)
    Closure.objects.create(clinic=place, first_day=NEXT_WEEK, last_day=NEXT_WEEK, reason="Flood")
    assert all("We are open" not in body for body in bodies(mail_about(sink, rental, before_start(rental))))


def test_being_due_soon_is_told_with_day_hours_parts_and_how_to_extend(sink, place):
    rental = overdue(place)
    mail = mail_about(sink, rental, before_due(rental, 3))
    assert mail["Subject"] == "A reminder that your hire is due back soon"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == (
        "Dear Ada,\n\n"
        f"The device you hire from us (rental {rental.reference}) is due back in 3 days, on Monday 30 March 2026.\n\n"
        "Please return the main unit, transducer and charger to Harbour Sports Medicine. "
        "We are open from 8:30 a.m. to 5:30 p.m. that day.\n\n"
        "If you need it for longer, please phone us on 02 5550 1000, and we will see whether we can extend your hire."
        "\n\n"
        "Kind regards,\nHarbour Sports Medicine\nPhone: 02 5550 1000\n1 Quay St\nSydney NSW 2000\n"
    )
    html = mail.get_body(("html",)).get_content()
    assert "is due back <strong>in 3 days, on Monday 30 March 2026</strong>." in html
    assert words_of(html) == words_of(mail.get_body(("plain",)).get_content())


def words_of(body):
    """The words of a body without its markup and title."""
    return re.sub(r"<head>.*</head>|<[^>]*>", " ", body, flags=re.DOTALL).replace(" .", ".").replace(" ,", ",").split()


@pytest.mark.parametrize(("days", "words"), [(3, "in 3 days, on"), (2, "in 2 days, on"), (1, "tomorrow, on")])
def test_being_due_soon_is_told_with_the_real_days(sink, place, days, words):
    rental = overdue(place)
    for body in bodies(mail_about(sink, rental, before_due(rental, days))):
        assert f"{words} Monday 30 March 2026" in body


def test_being_due_today_is_told_with_day_hours_parts_and_how_to_extend(sink, place):
    rental = overdue(place, days=5)
    mail = mail_about(sink, rental, before_due(rental, 0))
    assert mail["Subject"] == "A reminder that your hire is due back today"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").split("\n\n")[1:4] == [
        f"The device you hire from us (rental {rental.reference}) is due back today, Saturday 7 March 2026.",
        "Please return the main unit, transducer and charger to Harbour Sports Medicine. "
        "We are open from 8:30 a.m. to 12:30 p.m. that day.",
        "If you need it for longer, please phone us on 02 5550 1000, and we will see whether we can extend your hire.",
    ]
    html = mail.get_body(("html",)).get_content()
    assert "is due back <strong>today, Saturday 7 March 2026</strong>." in html
    assert words_of(html) == words_of(mail.get_body(("plain",)).get_content())


@pytest.mark.parametrize("days", [3, 0])
def test_a_due_day_closed_since_is_told_with_the_next_open_day(sink, place, days):
    rental = overdue(place)
    closed = rental.due_on + timedelta(days=1)
    Closure.objects.create(clinic=place, first_day=rental.due_on, last_day=closed, reason="Flood")
    plain, html = bodies(mail_about(sink, rental, before_due(rental, days)))
    assert plain.replace("\r\n", "\n").split("\n\n")[2] == (
        "Please return the main unit, transducer and charger to Harbour Sports Medicine. "
        "We are closed that day; the next day we are open is Wednesday 1 April 2026, from 8:30 a.m. to 5:30 p.m."
    )
    assert (
        "the next day we are open is <strong>Wednesday 1 April 2026</strong>, from 8:30 a.m. to 5:30 p.m.</p>" in html
    )
    assert words_of(html) == words_of(plain)


def test_a_clinic_closed_for_long_asks_to_be_phoned_about_another_day(sink, place):
    rental = overdue(place)
    last_closed = rental.due_on + timedelta(days=90)
    Closure.objects.create(clinic=place, first_day=rental.due_on, last_day=last_closed, reason="Renovation")
    for body in bodies(mail_about(sink, rental, before_due(rental, 3))):
        assert "We are closed that day; please phone us so that we can find another one." in body


def test_the_parts_to_return_are_those_handed_out_but_for_what_stays_with_the_patient(sink, place):
    rental = overdue(place)
    Holding.objects.update(parts_out=list(reversed(Part.values)))
    for body in bodies(mail_about(sink, rental, before_due(rental, 3))):
        assert "Please return the main unit, transducer, charger, card and case to" in body


def test_without_a_note_of_the_parts_all_are_asked_for(sink, place):
    rental = overdue(place)
    Holding.objects.update(parts_out=[])
    for body in bodies(mail_about(sink, rental, before_due(rental, 3))):
        assert "Please return it with all its parts to Harbour Sports Medicine." in body


def test_after_a_swap_the_parts_that_came_with_the_first_unit_are_still_to_return(sink, place):
    rental = overdue(place)
    moment = {"at": make.NOW + timedelta(days=2), "now": make.NOW + timedelta(days=2), "actor": make.manager()}
    change.swap(rental, counter_out=2, device=make.device(place), counter_in=0, **moment)
    for body in bodies(mail_about(sink, rental, before_due(rental, 3))):
        assert "Please return the main unit, transducer and charger to" in body


@pytest.mark.parametrize(("days", "words"), [(1, "1 day ago"), (4, "4 days ago"), (40, "40 days ago")])
def test_an_overdue_device_is_told_with_the_real_days(sink, place, days, words):
    rental = overdue(place)
    mail = mail_about(sink, rental, days_overdue(rental, days))
    assert mail["Subject"] == "A reminder about your return"
    for body in bodies(mail):
        assert "Monday 30 March 2026" in body
        assert words in body
        assert "phone us on 02 5550 1000" in body


@pytest.mark.parametrize(("days", "words"), [(-3, "please let us know, and"), (1, "or let us know if")])
def test_a_clinic_without_a_phone_asks_to_be_told(sink, days, words):
    rental = overdue()
    assert [words in body for body in bodies(mail_about(sink, rental, days_overdue(rental, days)))] == [True, True]


def test_several_reminders_share_one_letter(sink, place):
    rental = overdue(place, days=7)
    make.rental(State.RESERVED, place, patient=rental.patient, starts_on=rental.due_on + timedelta(days=2))
    mail = mail_about(sink, rental, days_overdue(rental, 1))
    assert mail["Subject"] == "Reminders about your hire"
    for body in bodies(mail):
        assert [body.count(words) for words in ("Dear Ada", "to collect", "1 day ago", "Kind regards")] == [1] * 4


@pytest.mark.parametrize("days", [-3, 0, 1])
def test_nothing_of_the_injury_the_device_or_its_treatments_is_told(sink, place, days):
    rental = overdue(place, treatments=14)
    Injury.objects.update(kind="non_union", site="femoral_neck", note="Canary note")
    serial = rental.holdings.get().device.serial
    secrets = [serial, DeviceModel.objects.get().name, "union", "femoral", "canary", "fracture", "bone", "28", "exogen"]
    secrets += [rental.patient.family_name, rental.patient.phone, "1990"]
    mail = mail_about(sink, rental, days_overdue(rental, days))
    for text in (mail["Subject"], mail["From"], mail["Message-ID"], *bodies(mail)):
        words = text.replace(rental.reference, "").replace(str(mail["Message-ID"]), "").lower()
        assert [secret for secret in secrets if secret.lower() in words] == []


@pytest.mark.parametrize("days", [-3, 0, 1])
def test_nothing_promises_healing(sink, place, days):
    rental = overdue(place, days=7)
    make.rental(State.RESERVED, place, patient=rental.patient, starts_on=rental.due_on + timedelta(days=days + 1))
    for body in bodies(mail_about(sink, rental, days_overdue(rental, days))):
        assert not re.search(r"heal|cure|recover|better|faster|knit", body, re.IGNORECASE)


HOSTILE = [
    "<script>alert(1)</script>",
    "Ada\r\nBcc: eve@example.com",
    "Ada\n\nClick http://evil.example",
    "{{ clinic.email }}{% debug %}",
    'O\'Brien & "Sons" <ada@example.com>',
    "José 张伟 عمر 🦴",
    "=?utf-8?q?Eve?=",
    ".",
    "x" * 120,
]


@pytest.mark.parametrize("days", [-3, 1])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_print_as_themselves_and_forge_nothing(sink, place, name, days):
    rental = overdue(place)
    Patient.objects.update(given_name=name)
    Clinic.objects.update(name=name)
    mail = mail_about(sink, rental, days_overdue(rental, days))
    line = " ".join(name.split())
    assert mail["Bcc"] is None
    assert mail["To"] == rental.patient.email
    assert mail["From"].addresses[0].addr_spec == "desk@clinic.example"
    assert len(mail["From"].addresses) == 1
    assert sink.recipients == [rental.patient.email]
    plain, html = bodies(mail)
    assert plain.splitlines()[0] == f"Dear {line},"
    assert "<script>" not in html
    assert "&lt;script&gt;" in html or "<" not in name or "&lt;ada@" in html


def test_a_message_keeps_its_message_id_and_no_two_share_one(settings):
    settings.DEFAULT_FROM_EMAIL = "Callus <desk@clinic.example>"
    rental = overdue(days=7)
    overdue(rental.clinic, days=7)
    plan.plan_reminders(days_overdue(rental, 1))
    first, second = Message.objects.all()
    assert first.message_id == Message.objects.get(pk=first.pk).message_id != second.message_id
    assert re.fullmatch(rf"<{first.pk}\.[0-9a-f]{{32}}@clinic\.example>", first.message_id)
    assert Rental.objects.count() == 2
