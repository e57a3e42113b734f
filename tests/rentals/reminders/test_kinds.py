"""What a reader reads of each kind: true, private, in both parts alike, and without a promise (I10, I12)."""

import re
from datetime import datetime, timedelta

import pytest

from patients.models import Injury
from rentals.models import Holding, Reminder, Rental
from rentals.models.states import State
from rentals.reminders.texts import words_of
from tests import make
from tests.rentals.reminders.mails import (
    calendars_of,
    html_of,
    mail_about,
    reminder_of,
    site,
    text_of,
    words_in,
)
from tests.rentals.reminders.moments import before_due, days_overdue
from tests.shared import shared

pytestmark = pytest.mark.django_db
Kind = Reminder.Kind


@shared
def told() -> dict[str, tuple[Rental, datetime]]:
    """For each kind a rental of which it is told, and a moment at which it is."""
    clinic = site()
    before, after = make.NOW - timedelta(days=1), make.NOW + timedelta(days=20)
    hired = make.rental(State.ACTIVE, clinic)
    Rental.objects.filter(pk=hired.pk).update(imaging_due_on=clinic.day_of(make.NOW + timedelta(days=22)))
    moments = {
        Kind.DUE_SOON: before_due(hired, 3),
        Kind.DUE_TODAY: before_due(hired, 0),
        Kind.OVERDUE: days_overdue(hired, 14),
    }
    booked, closed = make.rental(clinic=clinic), make.rental(State.CLOSED, clinic)
    others = {
        Kind.AGREEMENT_TO_SIGN: (booked, before),
        Kind.COLLECT_TOMORROW: (booked, before),
        Kind.RETURNED_THANKS: (make.rental(State.RETURNED, clinic), after),
        Kind.BOND_REFUNDED: (closed, after),
        Kind.RECEIPT: (closed, after),
        Kind.OFFER: (make.offered(clinic), make.NOW),
    }
    return {kind: others.get(kind, (hired, moments.get(kind, after))) for kind in Kind}


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.DEFAULT_FROM_EMAIL = "Callus <desk@clinic.example>"


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_says_the_same_in_text_and_html_with_every_placeholder_filled(told, kind):
    rental, at = told[kind]
    mail = mail_about(rental, kind, at=at)
    for body in (mail["Subject"], text_of(mail), html_of(mail)):
        assert "{{" not in body and "}}" not in body
        assert "None" not in body
    assert words_in(html_of(mail)) == words_in(text_of(mail))
    assert not re.search(r"[ \t]$|\n\n\n|  ", text_of(mail).removesuffix("\n"), re.MULTILINE)
    assert rental.reference in text_of(mail)


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_keeps_its_facts_out_of_the_subject_and_promises_no_healing(told, kind):
    rental, at = told[kind]
    Injury.objects.update(kind="non_union", site="femoral_neck", note="Canary note")
    patient, serial = rental.patient, Holding.objects.get(rental=rental).device.serial
    mail = mail_about(rental, kind, at=at)
    facts = [patient.given_name, patient.family_name, patient.email, patient.phone, serial, rental.reference]
    injury = ["bone", "fracture", "union", "femoral", "canary", "imaging", "treatment", "exogen", "$"]
    subject = mail["Subject"].lower()
    assert [fact for fact in (*facts, *injury) if fact.lower() in subject] == []
    assert not re.search(r"\d", subject)
    for fact in ["union", "femoral", "canary", "fracture", serial, patient.family_name, patient.phone, "1990"]:
        assert fact.lower() not in text_of(mail).lower().replace(rental.reference.lower(), "")
    assert not re.search(r"\b(heal|cure|recover|mend|knit|faster)", text_of(mail), re.IGNORECASE)


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_can_be_said_on_the_phone_without_greeting_or_link(told, kind):
    rental, at = told[kind]
    [said] = words_of([reminder_of(rental, kind)], at)
    assert len(said) > 80
    assert rental.reference in said
    for unsaid in ("http", "Dear", "{{", "regards", "e-mail", "date of birth"):
        assert unsaid not in said


@pytest.mark.parametrize(
    ("kind", "what"),
    [("collect_tomorrow", "Collect from"), ("due_soon", "Return to"), ("imaging_due", "Follow-up appointment")],
)
def test_a_mail_about_a_day_brings_it_for_the_calendar_without_patient_or_injury(told, kind, what):
    rental, at = told[kind]
    first, second = ("".join(calendars_of(mail_about(rental, kind, at=at))) for _ in range(2))
    assert f"SUMMARY:{what}" in first
    assert "METHOD:PUBLISH" in first
    uid = re.search(r"UID:(\S+)", first)[1]
    assert uid in second and rental.reference in uid
    assert "DTSTART;VALUE=DATE:2026" in first
    for secret in (rental.patient.given_name, rental.patient.family_name, "imaging", "metatarsal", "key-of", "http"):
        assert secret not in first
    assert not calendars_of(mail_about(rental, "overdue", at=at))
