"""The pages in another language: chosen by the reader, complete, with the numbers and days of that language."""

from datetime import date, time

import pytest
from babel.messages import Catalog
from django.conf import settings
from django.test import Client
from django.utils import translation

from config import translations
from config.days import clock_words, exact_clock, long_day, named_day, short_day

OTHERS = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
DAY = date(2026, 3, 2)


def test_days_and_times_are_written_as_each_language_writes_them():
    assert [words(DAY) for words in (long_day, named_day, short_day)] == [
        "2 March 2026",
        "Monday 2 March 2026",
        "Mon 2 Mar 2026",
    ]
    assert [clock_words(time(12)), clock_words(time(17, 30)), exact_clock(time(0, 5))] == [
        "noon",
        "5:30 pm",
        "12:05 am",
    ]
    with translation.override("de"):
        assert [words(DAY) for words in (long_day, named_day)] == ["2. März 2026", "Montag, 2. März 2026"]
        assert [clock_words(time(12)), clock_words(time(17, 30))] == ["12:00 Uhr", "17:30 Uhr"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_has_its_translation_with_the_same_placeholders(language):
    assert translations.faults(language) == []


def test_a_translation_that_lost_a_placeholder_or_was_never_made_is_named():
    kept = Catalog(locale="de")
    kept.add("%(number)s devices", "Geräte")
    kept.add("Today", "")
    kept.add(("%(count)s day", "%(count)s days"), ("%(count)s Tag", "%(count)s Tage"))
    found = {translations.first(message.id): list(translations.faults_of(message)) for message in kept if message.id}
    assert found == {"%(number)s devices": ["other placeholders"], "Today": ["not translated"], "%(count)s day": []}


def test_sentences_are_found_in_python_and_in_templates():
    said = {translations.first(message.id) for message in translations.said() if message.id}
    assert {"noon", "Sign in"} <= said


@pytest.mark.django_db
class TestChoosing:
    def test_the_reader_chooses_and_the_choice_is_kept(self):
        client = Client()
        assert '<html lang="en-au">' in client.get("/sign-in/").content.decode()
        answer = client.post("/language/", {"language": "de", "next": "/sign-in/"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")
        page = client.get("/sign-in/").content.decode()
        assert '<html lang="de">' in page
        assert "Anmelden" in page

    def test_a_browser_that_asks_for_german_gets_it(self):
        assert '<html lang="de">' in Client().get("/sign-in/", headers={"accept-language": "de-CH"}).content.decode()

    @pytest.mark.parametrize("where", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
    def test_the_choice_leads_nowhere_else(self, where):
        answer = Client().post("/language/", {"language": "de", "next": where})
        assert answer.headers["Location"] == "/"

    def test_a_language_that_there_is_not_changes_nothing(self):
        client = Client()
        client.post("/language/", {"language": "tlh", "next": "/sign-in/"})
        assert '<html lang="en-au">' in client.get("/sign-in/").content.decode()
