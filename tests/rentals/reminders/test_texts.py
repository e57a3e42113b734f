"""What a reader reads: kind, true, private, in both parts alike, and safe with any name (I10, I12)."""

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import SMTP
from html import unescape

import pytest
from django.core.mail import EmailMultiAlternatives

from config.models import Clinic, Closure
from devices.models import DeviceModel
from patients.models import Contact, Payer
from rentals.booking import change
from rentals.booking.extension import extend
from rentals.ledger import pay
from rentals.models import Holding, Message, Paper, PatientLink, Rental
from rentals.models.holdings import Part
from rentals.models.states import State
from rentals.reminders.texts import attach_papers, words_of, write_mail
from tests import make
from tests.rentals.reminders.mails import (
    calendars_of,
    html_of,
    mail_about,
    mail_of,
    paragraphs_of,
    reminder_of,
    site,
    text_of,
)
from tests.rentals.reminders.moments import before_due, before_start, days_overdue, overdue
from tests.shared import shared

pytestmark = pytest.mark.django_db
NEXT_WEEK = make.NOW.date() + timedelta(days=7)
PAGES = re.compile(r"http://localhost:8000/p/[\w-]{43}/")


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.DEFAULT_FROM_EMAIL = "Callus <desk@clinic.example>"


@shared
def place() -> Clinic:
    return site()


@shared
def hired(place: Clinic) -> Rental:
    return overdue(place)


@shared
def finished(place: Clinic) -> Rental:
    return make.rental(State.CLOSED, place)


def test_collecting_is_told_with_day_hours_and_whom_to_phone(place):
    rental = make.rental(clinic=place, starts_on=NEXT_WEEK)
    mail = mail_about(rental, "collect_tomorrow", at=before_start(rental))
    assert mail["Subject"] == "A reminder about your booking"
    assert mail["From"] == "Harbour Sports Medicine <desk@clinic.example>"
    assert mail["Reply-To"] == "desk@harbour.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert PAGES.sub("(link)", text_of(mail)) == (
        "Dear Ada,\n\n"
        f"Your device is booked for you to collect tomorrow, Monday 9 March 2026 (rental {rental.reference}). "
        "We are open from 8:30 am to 5:30 pm that day.\n\n"
        "Please come to Harbour Sports Medicine. If the agreement is not signed or the bond not paid yet, we do both "
        "with you at the desk.\n\n"
        "If that day no longer suits you, please phone us on 02 5550 1000 so that we can find another one.\n\n"
        "Days, dates and papers of your hire: (link)\n\n"
        "Kind regards,\nHarbour Sports Medicine\n\n"
        "Harbour Sports Medicine\n1 Quay St\nSydney NSW 2000\nPhone: 02 5550 1000\n\n"
        "This message is about the hire. To change who is told, and how, please phone us on 02 5550 1000.\n"
    )
    assert ">tomorrow, Monday 9 March 2026</strong>" in html_of(mail)
    assert "1 Quay St<br>Sydney NSW 2000" in html_of(mail)


def test_hours_are_not_promised_on_a_day_closed_since_the_booking(place):
    rental = make.rental(clinic=place, starts_on=NEXT_WEEK)
    Closure.objects.create(clinic=place, first_day=NEXT_WEEK, last_day=NEXT_WEEK, reason="Flood")
    text = text_of(mail_about(rental, "collect_tomorrow", at=before_start(rental)))
    assert "We are open" not in text
    assert "We are closed that day after all; please phone us on 02 5550 1000" in text


@pytest.mark.parametrize(
    ("days", "words"),
    [(7, "in 7 days, on"), (3, "in 3 days, on"), (2, "in 2 days, on"), (1, "tomorrow,")],
)
def test_being_due_soon_is_told_with_the_real_days_and_what_to_bring(hired, days, words):
    mail = mail_about(hired, "due_soon", at=before_due(hired, days))
    assert mail["Subject"] == "A reminder that your hire is due back soon"
    assert paragraphs_of(mail)[1:4] == [
        f"The device you hire from us (rental {hired.reference}) is due back {words} Monday 30 March 2026.",
        "Please return the main unit, transducer and charger to Harbour Sports Medicine. "
        "We are open from 8:30 am to 5:30 pm that day.",
        "If you need it for longer, please phone us on 02 5550 1000, and we will see whether we can extend your hire.",
    ]


def test_being_due_today_is_told_with_the_hours_of_today(place):
    rental = overdue(place, days=5)
    mail = mail_about(rental, "due_today", at=before_due(rental, 0))
    assert mail["Subject"] == "A reminder that your hire is due back today"
    assert paragraphs_of(mail)[1].endswith("is due back today, Saturday 7 March 2026.")
    assert paragraphs_of(mail)[2].endswith("We are open from 8:30 am to 12:30 pm today.")


@pytest.mark.parametrize(("days", "closed"), [(0, "We are closed today"), (3, "We are closed that day")])
def test_a_due_day_closed_since_is_told_with_the_next_open_day(place, hired, days, closed):
    last = hired.due_on + timedelta(days=1)
    Closure.objects.create(clinic=place, first_day=hired.due_on, last_day=last, reason="Flood")
    mail = mail_about(hired, "due_today" if days == 0 else "due_soon", at=before_due(hired, days))
    assert paragraphs_of(mail)[2].endswith(
        f"{closed}; the next day we are open is Wednesday 1 April 2026, from 8:30 am to 5:30 pm."
    )


def test_a_clinic_closed_for_long_asks_to_be_phoned_about_another_day(place, hired):
    last_closed = hired.due_on + timedelta(days=90)
    Closure.objects.create(clinic=place, first_day=hired.due_on, last_day=last_closed, reason="Renovation")
    text = text_of(mail_about(hired, "due_soon", at=before_due(hired, 3)))
    assert "We are closed that day; please phone us on 02 5550 1000 so that we can find another one." in text


def test_the_parts_to_return_are_those_handed_out_but_for_what_stays_with_the_patient(hired):
    Holding.objects.filter(rental=hired).update(parts_out=list(reversed(Part.values)))
    text = text_of(mail_about(hired, "due_soon", at=before_due(hired, 3)))
    assert "Please return the main unit, transducer, charger, card and case to" in text


def test_without_a_note_of_the_parts_all_are_asked_for(hired):
    Holding.objects.filter(rental=hired).update(parts_out=[])
    text = text_of(mail_about(hired, "due_soon", at=before_due(hired, 3)))
    assert "Please return the device with all its parts to Harbour Sports Medicine." in text


def test_after_a_swap_the_parts_that_came_with_the_first_unit_are_still_to_return(place, hired):
    moment = {"at": make.NOW + timedelta(days=2), "now": make.NOW + timedelta(days=2), "actor": make.manager()}
    change.swap(hired, counter_out=2, device=make.device(place), counter_in=0, **moment)
    text = text_of(mail_about(hired, "due_soon", at=before_due(hired, 3)))
    assert "Please return the main unit, transducer and charger to" in text


@pytest.mark.parametrize(
    ("days", "ago", "fee", "next_step"),
    [
        (1, "1 day ago", False, ""),
        (3, "3 days ago", True, "Other patients are waiting"),
        (7, "7 days ago", True, "Other patients are waiting"),
        (14, "14 days ago", True, "our next step is to look at the part of your agreement"),
        (40, "40 days ago", True, "our next step is to look at the part of your agreement"),
    ],
)
def test_an_overdue_device_is_told_with_the_real_days_and_more_firmly_as_they_pass(hired, days, ago, fee, next_step):
    mail = mail_about(hired, "overdue", at=days_overdue(hired, days))
    text = text_of(mail)
    assert mail["Subject"] == "A reminder about your return"
    assert f"was due back on Monday 30 March 2026, {ago}." in text
    assert ("a late fee of $10.00 a day" in text) is fee
    assert next_step in text
    assert ("next step" in text) is (days >= 14)
    assert "or phone us on 02 5550 1000 if you need it for longer" in text


@pytest.mark.parametrize(("email", "words"), [("desk@harbour.example", "reply to this e-mail"), ("", "let us know")])
def test_a_clinic_without_a_phone_says_how_else_to_reach_it(hired, email, words):
    Clinic.objects.update(phone="", email=email)
    assert f"please {words}, and we will see" in text_of(mail_about(hired, "due_soon", at=before_due(hired, 3)))


def test_a_refund_and_a_receipt_tell_the_amount_the_way_and_the_day(finished):
    at = make.NOW + timedelta(days=14)
    pay(finished, kind="refund", amount=180, method="transfer", at=at, actor=make.manager())
    assert "We have refunded $180.00 of your bond, by bank transfer" in text_of(mail_about(finished, "bond_refunded"))
    received = "We have received $300.00 for the bond, by card, on Monday 2 March 2026"
    assert received in text_of(mail_about(finished, "receipt"))


def test_a_refund_is_the_one_that_the_reminder_is_about(hired):
    bond = hired.ledger.get(kind="bond_payment")
    pay(hired, kind="hire", amount=60, method="cash", at=make.NOW, actor=make.manager())
    reminder = reminder_of(hired, "receipt")
    reminder.occasion = f"entry-{bond.pk}"
    assert "$300.00 for the bond" in words_of([reminder], make.NOW)[0]


@pytest.mark.parametrize(("kind", "amount"), [("receipt", "$300.00"), ("bond_refunded", "$180.00")])
def test_the_receipt_of_what_was_paid_is_attached_and_made_once(finished, kind, amount):
    pay(finished, kind="refund", amount=180, method="transfer", at=make.NOW + timedelta(days=14), actor=make.manager())
    reminder = reminder_of(finished, kind)
    entry = finished.ledger.get(kind="bond_payment" if kind == "receipt" else "refund")
    reminder.occasion = f"entry-{entry.pk}"
    for _ in range(2):
        mail = EmailMultiAlternatives()
        attach_papers(mail, [reminder, reminder_of(finished, "returned_thanks")])
        [(name, content, kind_of_file)] = mail.attachments
        assert (name, kind_of_file) == (f"receipt-R-{entry.pk:07d}.pdf", "application/pdf")
        assert content.startswith(b"%PDF")
    assert amount in Paper.objects.get().facts["amount"]


def test_what_the_device_has_left_is_told_and_unknown_stays_unknown(place, hired):
    assert "has about 343 treatments left" in text_of(mail_about(hired, "treatments_low"))
    DeviceModel.objects.update(nominal_treatments=None)
    unknown = make.rental(State.ACTIVE, place, device=make.device(place, nominal=None), accept_unknown_capacity=True)
    assert "has only a few treatments left" in text_of(mail_about(unknown, "treatments_low"))


def test_several_reminders_share_one_letter(place):
    rental = overdue(place, days=7)
    other = make.rental(State.RESERVED, place, patient=rental.patient, starts_on=rental.due_on + timedelta(days=2))
    mail = mail_of([(rental, "overdue"), (other, "collect_tomorrow")], at=days_overdue(rental, 1))
    assert mail["Subject"] == "Messages about your hire"
    for body in (text_of(mail), html_of(mail)):
        assert [body.count(words) for words in ("Dear Ada", "to collect", "1 day ago", "Kind regards")] == [1] * 4
        assert len(set(PAGES.findall(body))) == 2


def test_each_mail_to_a_patient_has_a_link_of_its_own_that_is_not_kept(hired):
    mail = mail_about(hired, "due_soon", at=before_due(hired, 3))
    [link], [same] = PAGES.findall(text_of(mail)), PAGES.findall(html_of(mail))
    assert link == same
    assert PatientLink.objects.get().purpose == "portal"
    [again] = PAGES.findall(text_of(mail_about(hired, "due_soon", at=before_due(hired, 3))))
    assert again != link


def test_a_contact_person_and_a_payer_are_greeted_by_name_and_told_whose_hire_it_is(finished):
    Contact.objects.create(
        patient=finished.patient, name="Grace Example", email="grace@example.com", created_at=make.NOW
    )
    payer = Payer.objects.create(
        patient=finished.patient, name="Care Fund", email="pay@fund.example", reference="CLAIM 7", created_at=make.NOW
    )
    Rental.objects.filter(pk=finished.pk).update(payer=payer)
    finished.refresh_from_db()
    contact = mail_about(finished, "returned_thanks", recipient="contact")
    assert contact["To"] == "grace@example.com"
    assert paragraphs_of(contact)[:2] == [
        "Dear Grace Example,",
        "We write to you as the contact person of Ada. “You” below means Ada.",
    ]
    paid = mail_about(finished, "receipt", recipient="payer")
    assert paid["To"] == "pay@fund.example"
    assert paragraphs_of(paid)[:2] == [
        "Dear Care Fund,",
        f"We write to you because you pay for the hire of {finished.patient.name}. Your reference: CLAIM 7.",
    ]
    assert not PAGES.search(text_of(paid))


def test_the_site_says_who_writes_in_its_legal_name_and_from_its_own_address(hired):
    Clinic.objects.update(legal_name="Harbour Bone Pty Ltd", abn="51 824 753 556", sender_email="mail@harbour.example")
    mail = mail_about(hired, "due_soon", at=before_due(hired, 3))
    assert mail["From"] == "Harbour Sports Medicine <mail@harbour.example>"
    assert paragraphs_of(mail)[-2] == (
        "Harbour Bone Pty Ltd\n1 Quay St\nSydney NSW 2000\nPhone: 02 5550 1000\nABN: 51 824 753 556"
    )


def test_only_advice_alone_can_be_unsubscribed_with_one_click(hired):
    advice = mail_about(hired, "first_days")
    address = advice["List-Unsubscribe"].strip().strip("<>")
    assert advice["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"http://localhost:8000/unsubscribe/[\w:-]+/", address)
    assert address in text_of(advice) and address in html_of(advice)
    both = mail_about(hired, "first_days", "due_soon")
    assert both["List-Unsubscribe"] is None
    assert "/unsubscribe/" in text_of(both)
    hire = mail_about(hired, "due_soon")
    assert hire["List-Unsubscribe"] is None
    assert "/unsubscribe/" not in text_of(hire)
    assert paragraphs_of(hire)[-1].startswith("This message is about the hire.")


def test_what_is_kept_of_a_mail_holds_no_key(hired):
    message = Message.objects.create(patient=hired.patient, created_at=make.NOW, next_attempt_at=make.NOW)
    mail = write_mail(message, [reminder_of(hired, "first_days", message)], make.NOW)
    for body in (str(mail.body), str(mail.alternatives[0][0])):
        assert f"http://localhost:8000/p/key-of-{hired.reference}/" in body
        assert "http://localhost:8000/unsubscribe/key/" in body
    assert not PatientLink.objects.exists()


def test_a_changed_day_replaces_the_old_one_in_the_calendar(hired):
    [first] = calendars_of(mail_about(hired, "due_soon"))
    moment = {"at": make.NOW, "actor": make.manager()}
    extend(hired, due_on=hired.due_on + timedelta(days=7), **moment)
    [second] = calendars_of(mail_about(hired, "due_soon"))
    [uids, days, numbers] = [
        [re.search(pattern, text)[1] for text in (first, second)]
        for pattern in (r"UID:(\S+)", r"DTSTART;VALUE=DATE:(\d+)", r"SEQUENCE:(\d+)")
    ]
    assert uids[0] == uids[1]
    assert days == ["20260330", "20260406"]
    assert int(numbers[1]) > int(numbers[0])


HOSTILE = [
    "<script>alert(1)</script>",
    "Ada\r\nBcc: eve@example.com",
    "Ada\n\nClick http://evil.example",
    "{{ clinic_name }}{% debug %}",
    "{{ body }}",
    'O\'Brien & "Sons" <ada@example.com>',
    "Jos\u00e9 \u5f20\u4f1f \U0001f9b4",
    "=?utf-8?q?Eve?=",
    ".",
    "\\1 \\g<0> $& $1 #{x} %s %(a)s {0} {a}",
    "\u202elive\u202c \u0639\u0645\u0631",
    "&lt;b&gt; &amp;",
    "--",
    "http://localhost:8000/unsubscribe/key/",
]
LONG = "x" * 500
SIGNS = "\"'#$%&<>{}[]()\\/|;:,.!?`~^*_+=-@ \r\n\t\u200b\u202e\u2066\u00e9\u00df\u0416\u6f22\u5b57\u0639\U0001f9b4"


def hostile_names() -> list[str]:
    """Two hundred: those made up, one of 500 characters, and each pair of signs that mean something somewhere."""
    pairs = [
        f"A{one}{SIGNS[(place * 7 + number) % len(SIGNS)]}b" for number in range(5) for place, one in enumerate(SIGNS)
    ]
    return [*HOSTILE, LONG, *pairs][:200]


def together(names: list[str]) -> list[str]:
    """The same in fewer letters: those of two signs, five in one name."""
    alone, pairs = names[: len(HOSTILE) + 1], names[len(HOSTILE) + 1 :]
    return [*alone, *("".join(pairs[first : first + 5]) for first in range(0, len(pairs), 5))]


def test_two_hundred_hostile_names_and_addresses_print_as_themselves_and_forge_nothing(hired):
    names = hostile_names()
    assert len(names) == 200
    message = Message.objects.create(patient=hired.patient, created_at=make.NOW, next_attempt_at=make.NOW)
    for name in together(names):
        check_hostile(hired, message, name)


def check_hostile(rental, message, name):
    reminder = reminder_of(rental, "due_soon", message)
    clinic = reminder.rental.clinic
    message.patient = reminder.rental.patient
    message.patient.clinic = clinic
    message.patient.given_name = clinic.name = clinic.address = clinic.legal_name = name
    line = " ".join(name.split())
    mail = message_from_bytes(write_mail(message, [reminder], make.NOW).message().as_bytes(), policy=SMTP)
    assert mail["Bcc"] is None
    assert [address.addr_spec for address in mail["To"].addresses] == [rental.patient.email]
    [sender] = mail["From"].addresses
    assert sender.addr_spec == "desk@clinic.example"
    assert paragraphs_of(mail)[0] == f"Dear {line},"
    html = html_of(mail)
    assert "<script>" not in html
    assert f"Dear {line}," in unescape(re.sub(r"<[^>]*>", "", html))
    assert "Please return the main unit" in html


def test_a_message_keeps_its_message_id_and_no_two_share_one(hired):
    mails = [mail_about(hired, "due_soon")["Message-ID"] for _ in range(2)]
    first, second = Message.objects.order_by("pk")
    assert first.message_id == Message.objects.get(pk=first.pk).message_id != second.message_id
    assert re.fullmatch(rf"<{first.pk}\.[0-9a-f]{{32}}@clinic\.example>", first.message_id)
    assert mails == [first.message_id, second.message_id]
    assert first.patient == second.patient == hired.patient
