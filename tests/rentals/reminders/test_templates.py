"""A site's own words: what they may not say, which version counts, and that nobody overwrites somebody else's."""

from functools import partial

import pytest

from config.refusals import Refusal
from rentals.models import MessageTemplate, Reminder
from rentals.models.states import State
from rentals.reminders.texts.checking import check_words
from rentals.reminders.texts.defaults import default_words
from rentals.reminders.texts.filling import fill_html, fill_text, placeholders_in
from rentals.reminders.texts.placeholders import KINDS, PLACEHOLDERS, placeholders_of
from rentals.reminders.texts.templates import reset_words, versions_of, words_for, write_words
from tests import make
from tests.rentals.reminders.mails import html_of, mail_about, text_of
from tests.threads import all_at_once

OWN = {
    "subject": "Bringing it back to {{ clinic_name }}",
    "text": "Hello {{ given_name }}. It is due back {{ due_when }}.",
    "html": "<p>Hello {{ given_name }}. It is due back <strong>{{ due_when }}</strong>.</p>",
}


def problems(kind="due_soon", **changes):
    checked = check_words(kind, **{**OWN, **changes})
    return [(problem.field, problem.message) for problem in checked.problems]


def write(clinic, kind="due_soon", language="en", *, seen=0, actor=None, **changes):
    words = {**OWN, **changes}
    return write_words(clinic, kind, language, **words, seen=seen, at=make.NOW, actor=actor or make.manager())


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_default_words_keep_every_rule_for_own_words(kind):
    words = default_words(kind)
    checked = check_words(kind, subject=words.subject, text=words.text, html=words.html)
    assert (checked.problems, checked.taken_out) == ((), ())
    assert placeholders_in(words.text) == placeholders_in(words.html)


def test_every_placeholder_of_the_list_has_a_kind_whose_default_words_show_it_or_says_why_not():
    shown = {name for kind in KINDS for name in placeholders_in(default_words(kind).text)}
    assert set(PLACEHOLDERS) - shown == {"given_name", "clinic_phone", "clinic_address", "starts_on"}


def test_right_words_have_no_problem():
    assert problems() == []


@pytest.mark.parametrize("field", ["subject", "text", "html"])
def test_an_unknown_placeholder_is_refused_with_what_was_meant(field):
    refused = problems(**{field: OWN[field] + " {{ due_one }}"})
    assert any(where == field and "{{ due_one }}" in said for where, said in refused)
    assert any("did you mean" in said for where, said in problems(text="{{ due_no }}") if where == "text")


@pytest.mark.parametrize(
    "broken", ["{{ due_on", "due_on }}", "{{ due_on|upper }}", "{{ a.b }}", "{% if x %}", "{# x #}"]
)
def test_what_only_looks_like_a_placeholder_is_refused(broken):
    assert [where for where, said in problems(text=f"Hello {broken} there") if "no placeholder" in said] == ["text"]


@pytest.mark.parametrize(
    "promise",
    [
        "It heals your bone.",
        "You will be HEALED soon.",
        "Your bone is healing well.",
        "It cures fractures.",
        "You will recover.",
        "A quick recovery!",
        "It makes bones grow faster.",
        "This speeds up the union.",
        "A proven method.",
        "You will get better.",
        "Soon back to running.",
        "It mends you.",
        "he\u00adals",
        "h\u200beals it",
        "\uff48\uff45\uff41\uff4c\uff53",
        "h-e-a-l-s",
    ],
)
def test_a_promise_of_healing_is_refused_wherever_it_stands(promise):
    fields = [
        where
        for changes in ({"subject": promise}, {"text": promise}, {"html": f"<p>{promise}</p>"})
        for where, said in problems(**changes)
        if "promise of healing" in said
    ]
    assert fields == ["subject", "text", "html"]


def test_a_promise_hidden_in_markup_is_found():
    for html in ("<p>It he<b>al</b>s you</p>", "<p>It he&#97;ls you</p>", "<p>It he<!-- x -->als you</p>"):
        assert any("promise of healing" in said for _, said in problems(html=html))


@pytest.mark.parametrize(
    "innocent", ["Look after your health.", "A healthy habit.", "Is anything unclear?", "Secure the strap.", "Incurred"]
)
def test_words_that_only_look_alike_are_allowed(innocent):
    assert problems(text=innocent, html=f"<p>{innocent}</p>") == []


def test_only_how_to_return_may_say_that_healing_was_confirmed_and_not_even_it_may_promise():
    confirmed = {"text": "Your clinician has confirmed that it has healed.", "html": "<p>It has healed.</p>"}
    assert problems("how_to_return", **confirmed) == []
    assert problems("due_soon", **confirmed) != []
    assert problems("how_to_return", text="It healed faster.") != []
    assert problems("how_to_return", text="It heals.") != []


@pytest.mark.parametrize("name", sorted(set(PLACEHOLDERS) - {"clinic_name", "starts_on", "due_on"}))
def test_nothing_of_patient_device_or_amounts_may_be_named_in_a_subject(name):
    kind = PLACEHOLDERS[name].kinds[0]
    refused = check_words(kind, **{**OWN, "subject": f"About {{{{ {name} }}}}"}).problems
    assert any(problem.field == "subject" and "may not stand in a subject" in problem.message for problem in refused)


@pytest.mark.parametrize(
    "subject",
    [
        "Your fracture",
        "Your femoral neck",
        "Stress fatigue",
        "12 treatments left",
        "Your Exogen",
        "$300 back",
        "Your MRI",
    ],
)
def test_a_detail_of_the_patient_written_out_in_a_subject_is_refused(subject):
    assert [where for where, _ in problems(subject=subject)] == ["subject"]


def test_line_breaks_in_a_subject_and_empty_parts_are_refused():
    for forged in ("Back\r\nBcc: eve@example.com", "Back\nsoon", "Back\u2028soon", "Back\x0bsoon"):
        assert any("line breaks" in said for where, said in problems(subject=forged) if where == "subject")
    for field in ("subject", "text", "html"):
        assert [where for where, _ in problems(**{field: " \n"})] == [field]
    assert [where for where, _ in problems(html="<p> </p><br>")] == ["html"]


@pytest.mark.parametrize(
    ("kind", "name"), [("offer", "offer_link"), ("agreement_to_sign", "pages_link"), ("letter", "body")]
)
def test_what_the_reader_needs_to_act_may_not_be_missing(kind, name):
    assert name in placeholders_of(kind)
    refused = check_words(kind, subject="Please", text="Hello", html="<p>Hello</p>").problems
    named = [problem.field for problem in refused if f"“{{{{ {name} }}}}” is missing" in problem.message]
    assert named == ["text", "html"]


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        '<img src="https://evil.example/pixel.gif">',
        '<iframe src="https://evil.example"></iframe>',
        "<style>p { color: red }</style>",
        '<form action="https://evil.example"><input></form>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="http://plain.example">x</a>',
        '<a href="{{ given_name }}">x</a>',
        '<a href="https://evil.example/?{{ reference }}">x</a>',
        '<p title="{{ given_name }}">x</p>',
        "<table><tr><td>x</td></tr></table>",
    ],
)
def test_html_that_a_letter_has_no_use_for_is_refused_and_would_be_cleaned_anyway(html):
    checked = check_words("due_soon", **{**OWN, "html": OWN["html"] + html})
    assert {problem.field for problem in checked.problems} == {"html"}
    for left in ("<script", "alert", "<img", "<iframe", "<style", "<form", "javascript:", 'title="'):
        assert left not in checked.html


def test_what_pasted_text_brings_along_is_taken_out_and_named():
    html = '<span style="color: red"><p class="MsoNormal" onclick="x()">Due {{ due_when }}</p></span><!-- x -->'
    checked = check_words("due_soon", **{**OWN, "html": html})
    assert checked.problems == ()
    assert checked.html == "<p>Due {{ due_when }}</p>"
    assert checked.taken_out == ("<span>", "a comment", "“class”", "“onclick”", "“style”")


def test_a_link_to_a_placeholder_and_a_button_stay():
    html = '<p><a class="button" href="{{ pages_link }}">Open</a> <a href="https://example.com/a?b=1">More</a></p>'
    checked = check_words("due_soon", **{**OWN, "html": html})
    assert (checked.problems, checked.html.replace("&amp;", "&")) == ((), html)


def test_values_are_put_in_once_escaped_in_html_and_never_read_as_words():
    value = '{{ due_on }} <b> & \\1 $0 "x"'.__str__
    assert fill_text("Hello {{ given_name }}!", lambda name: value()) == f"Hello {value()}!"
    assert fill_html("{{given_name}}", lambda name: value()) == ("{{ due_on }} &lt;b&gt; &amp; \\1 $0 &quot;x&quot;")


@pytest.mark.django_db
def test_own_words_are_sent_from_then_on_and_default_words_after_a_reset():
    clinic, boss = make.clinic(), make.manager()
    rental = make.rental(State.ACTIVE, clinic)
    write(clinic, actor=boss)
    mail = mail_about(rental, "due_soon")
    assert mail["Subject"] == f"Bringing it back to {clinic}"
    assert "Hello Ada. It is due back in 28 days, on Monday 30 March 2026." in text_of(mail)
    assert "Hello Ada. It is due back <strong>in 28 days" in html_of(mail)
    reset_words(clinic, "due_soon", "en", seen=1, at=make.NOW, actor=boss)
    assert "Hello Ada" not in text_of(mail_about(rental, "due_soon"))
    versions = [(row.version, bool(row.text), row.created_by) for row in versions_of(clinic, "due_soon", "en")]
    assert versions == [(2, False, boss), (1, True, boss)]


@pytest.mark.django_db
def test_words_of_another_site_or_language_do_not_count_and_english_stands_in():
    clinic, other = make.clinic(), make.clinic()
    write(other, text="Elsewhere {{ due_when }}")
    write(clinic, text="Here {{ due_when }}")
    write(clinic, language="zh-hans", text="\u5728\u8fd9\u91cc {{ due_on }}")
    found = {language: words_for(clinic, ["due_soon"], language)["due_soon"] for language in ("en", "zh-hans", "fr")}
    assert [words.text[:4] for words in found.values()] == ["Here", "\u5728\u8fd9\u91cc ", "Here"]
    assert words_for(clinic, ["overdue"], "zh-hans")["overdue"] == default_words("overdue")


@pytest.mark.django_db
def test_a_patient_reads_the_words_and_the_days_in_the_language_that_is_set():
    clinic = make.clinic()
    rental = make.rental(State.ACTIVE, clinic)
    write(clinic, language="de", text="R\u00fcckgabe: {{ due_on }}", html="<p>R\u00fcckgabe: {{ due_on }}</p>")
    type(rental.patient).objects.update(language="de")
    rental.refresh_from_db()
    assert "R\u00fcckgabe: Montag, 30. M\u00e4rz 2026" in text_of(mail_about(rental, "due_soon"))


@pytest.mark.django_db
def test_wrong_words_are_not_kept():
    clinic = make.clinic()
    with pytest.raises(Refusal) as refused:
        write(clinic, text="It heals {{ due_when }}")
    assert (refused.value.field, refused.value.status) == ("text", 400)
    assert not MessageTemplate.objects.exists()


@pytest.mark.django_db
def test_who_was_slower_is_told_and_overwrites_nothing():
    clinic = make.clinic()
    write(clinic)
    with pytest.raises(Refusal, match="saved version 1 meanwhile"):
        write(clinic, text="Other {{ due_when }}")
    write(clinic, seen=1, text="Third {{ due_when }}")
    assert [row.version for row in versions_of(clinic, "due_soon", "en")] == [2, 1]
    with pytest.raises(Refusal, match="default words already"):
        reset_words(clinic, "overdue", "en", seen=0, at=make.NOW, actor=make.manager())


@pytest.mark.django_db(transaction=True)
def test_of_two_versions_saved_at_once_one_counts():
    clinic, boss = make.clinic(), make.manager()

    def save(number):
        try:
            write(clinic, actor=boss, text=f"Number {number}, {{{{ due_when }}}}")
        except Refusal as refusal:
            return refusal.code
        return "saved"

    assert sorted(all_at_once([partial(save, number) for number in range(6)])) == sorted(
        ["saved", *["changed_meanwhile"] * 5]
    )
    assert MessageTemplate.objects.count() == 1


def test_each_kind_of_reminder_has_words_and_a_placeholder_list():
    assert set(KINDS) == {"letter", *Reminder.Kind.values}
    assert all(placeholders_of(kind) for kind in KINDS)
