"""Mails to whoever reads German: in German from the subject to the last line, by the rules of all words (I10, I12)."""

import re
from datetime import datetime, timedelta

import pytest

from patients.models import Patient
from rentals.models import Reminder, Rental
from rentals.models.states import State
from rentals.patient_requests import languages_of, set_preferences
from rentals.reminders.texts.checking import check_words
from rentals.reminders.texts.defaults import default_words
from rentals.reminders.texts.filling import placeholders_in
from rentals.reminders.texts.placeholders import KINDS
from rentals.reminders.texts.templates import words_for, write_words
from tests import make
from tests.rentals.reminders.mails import calendars_of, html_of, mail_about, site, text_of, words_in
from tests.rentals.reminders.moments import before_due, days_overdue
from tests.shared import shared

pytestmark = pytest.mark.django_db
Kind = Reminder.Kind
ENGLISH = re.compile(
    r"\b(?:the|your|you|we|our|please|day|days|today|tomorrow|open|closed|from|about|treatments?|hire|rental|bond|by)\b",
    re.IGNORECASE,
)
OWN = {"subject": "{{ clinic_name }}", "text": "Ours. {{ due_when }}", "html": "<p>Ours. {{ due_when }}</p>"}


@shared
def told() -> dict[str, tuple[Rental, datetime]]:
    """For each kind a rental of which it is told, and a moment at which it is; their patients read German."""
    clinic = site()
    before, after = make.NOW - timedelta(days=1), make.NOW + timedelta(days=20)
    hired = make.rental(State.ACTIVE, clinic)
    Rental.objects.filter(pk=hired.pk).update(imaging_due_on=clinic.day_of(make.NOW + timedelta(days=22)))
    booked, closed = make.rental(clinic=clinic), make.rental(State.CLOSED, clinic)
    others = {
        Kind.AGREEMENT_TO_SIGN: (booked, before),
        Kind.COLLECT_TOMORROW: (booked, before),
        Kind.DUE_SOON: (hired, before_due(hired, 3)),
        Kind.DUE_TODAY: (hired, before_due(hired, 0)),
        Kind.OVERDUE: (hired, days_overdue(hired, 14)),
        Kind.RETURNED_THANKS: (make.rental(State.RETURNED, clinic), after),
        Kind.BOND_REFUNDED: (closed, after),
        Kind.RECEIPT: (closed, after),
        Kind.OFFER: (make.offered(clinic), make.NOW),
    }
    Patient.objects.update(language="de")
    return {kind: others.get(kind, (hired, after)) for kind in Kind}


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.DEFAULT_FROM_EMAIL = "Callus <desk@clinic.example>"


@pytest.mark.parametrize("kind", list(KINDS))
def test_there_are_german_words_of_each_kind_that_keep_every_rule(kind):
    words, english = default_words(kind, "de"), default_words(kind)
    assert words.language == "de"
    assert words.subject != english.subject
    checked = check_words(kind, subject=words.subject, text=words.text, html=words.html)
    assert (checked.problems, checked.taken_out) == ((), ())
    assert placeholders_in(words.html) == placeholders_in(words.text) == placeholders_in(english.text)


@pytest.mark.parametrize("kind", Kind.values)
def test_a_patient_who_reads_german_is_told_each_kind_in_german(told, kind):
    rental, at = told[kind]
    mail = mail_about(rental, kind, at=at)
    assert mail["Subject"].strip() == default_words(kind, "de").subject
    text, html = text_of(mail), html_of(mail)
    assert text.startswith("Guten Tag Ada,\n\n")
    assert rental.reference in text
    assert '<html lang="de"' in html
    assert "{{" not in text + html
    assert "None" not in text + html
    assert words_in(html.replace("&nbsp;", " ")) == words_in(text)
    said = re.sub(r"\S*(?:http|@)\S*|Harbour Sports Medicine|1 Quay St|Kontaktperson", "", text)
    assert ENGLISH.findall(said + "".join(calendars_named(mail))) == []


def calendars_named(mail):
    """What the calendar files of a mail say to people."""
    return [
        line.partition(":")[2].replace("Harbour Sports Medicine", "")
        for file in calendars_of(mail)
        for line in file.splitlines()
        if line.startswith(("SUMMARY", "DESCRIPTION"))
    ]


def test_days_hours_and_amounts_are_written_as_in_german(told):
    rental, at = told[Kind.DUE_SOON]
    due = text_of(mail_about(rental, Kind.DUE_SOON, at=at))
    assert "ist bald zurückzugeben: in 3 Tagen, am Montag, 30. März 2026." in due
    assert "Bitte bringen Sie das Grundgerät, den Schallkopf und das Ladegerät zu Harbour" in due
    assert "rufen Sie uns bitte unter 02 5550 1000 an; wir sehen dann" in due
    rental, at = told[Kind.OVERDUE]
    late = text_of(mail_about(rental, Kind.OVERDUE, at=at))
    assert "war vor 14 Tagen zurückzugeben" in late
    assert re.search(r"10,00\s\$ Säumnisgebühr am Tag", late)


def write(clinic, language):
    words = {name: value.replace("Ours", f"Ours in {language}") for name, value in OWN.items()}
    write_words(clinic, Kind.DUE_SOON, language, **words, seen=0, at=make.NOW, actor=make.manager())


def test_the_language_of_the_reader_goes_before_own_words_in_english():
    clinic = make.clinic()
    write(clinic, "en")
    german, chinese = (words_for(clinic, [Kind.DUE_SOON], one)[Kind.DUE_SOON] for one in ("de", "zh-hans"))
    assert german == default_words(Kind.DUE_SOON, "de")
    assert chinese.text.startswith("Ours in en.")
    write(clinic, "de")
    assert words_for(clinic, [Kind.DUE_SOON], "de")[Kind.DUE_SOON].text.startswith("Ours in de.")


@pytest.mark.parametrize(
    ("field", "words", "found"),
    [
        ("text", "Ihr Bruch heilt damit.", "heilt"),
        ("text", "So werden Sie schneller gesund.", "schneller"),
        ("subject", "Ihre Heilung", "Heilung"),
        ("subject", "Ihr Knochen", "Knochen"),
    ],
)
def test_german_words_of_a_site_promise_nothing_and_keep_the_injury_out_of_the_subject(field, words, found):
    own = {**OWN, field: f"{words} {{{{ due_on }}}}"}
    said = [problem.message for problem in check_words(Kind.DUE_SOON, **own).problems if problem.field == field]
    assert len(said) == 1
    assert said[0].startswith(f"“{found}”")


def test_patients_may_choose_german_at_a_site_that_wrote_nothing_of_its_own():
    patient = make.patient(make.clinic())
    assert languages_of(patient.clinic) == ["de", "en"]
    set_preferences(patient, email_reminders=True, wants_advice=True, language="de")
    assert Patient.objects.get(pk=patient.pk).language == "de"
