"""The words of a site's messages: which are its own, what they say, how they will look, and what they said before."""

from dataclasses import asdict
from typing import Any

from csp.decorators import csp_update
from django import forms
from django.conf import global_settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from rentals.desk.forms.message_templates import WordsForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.models import Rental
from rentals.reminders.texts.checking import check_words
from rentals.reminders.texts.defaults import LANGUAGE, Words, default_words
from rentals.reminders.texts.placeholders import KINDS, REQUIRED, allowed_in_subject, placeholders_of
from rentals.reminders.texts.preview import preview, rental_to_show
from rentals.reminders.texts.templates import (
    as_words,
    latest_versions,
    reset_words,
    versions_of,
    words_for,
    write_words,
)

DRAFT = "words-draft"  # in the session: the words that are being written, nothing of a patient
LANGUAGES = dict(global_settings.LANGUAGES)
# The letter shows as in a mail program: its own styles, no script, nothing fetched, framed by our page only.
LETTER_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"


class BaseWords(BasePage):
    """What pages about one kind in one language have in common: `kind` and `language` of the address."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.kind = request.GET.get("kind", "letter")
        self.language = request.GET.get("language", LANGUAGE)
        if self.kind not in KINDS or self.language not in LANGUAGES:
            raise Http404("There is no such kind of message or no such language.")
        return super().dispatch(request, *args, **kwargs)

    @property
    def query(self) -> str:
        return urlencode({"kind": self.kind, "language": self.language})

    @property
    def back(self) -> str:
        return f"{reverse('edit-words')}?{self.query}"

    def latest_version(self) -> int:
        latest = versions_of(self.site, self.kind, self.language).first()
        return latest.version if latest else 0

    def named(self) -> dict[str, Any]:
        """What the words are for."""
        return {"kind_label": KINDS[self.kind], "language_label": LANGUAGES[self.language], "query": self.query}

    def shown_on(self, reference: str, words: Words) -> dict[str, Any]:
        """The letter in `words` on a real rental, its patient recorded as read (I10)."""
        rental = rental_to_show(self.site, self.kind, reference.strip(), at=self.now)
        if rental is None:
            return {"rental": None, "letter": None}
        self.record([rental.patient_id])
        return {"rental": rental, "letter": preview(rental, self.kind, words, at=self.now)}


class MessageWords(BasePage):
    """All kinds of message of the chosen site, and whether they say it in the site's own words."""

    action = "messages.write"
    template = "rentals/desk/message_words.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        own = list(latest_versions(self.site))
        words = words_for(self.site, KINDS, LANGUAGE)
        kinds = [
            (kind, label, words[kind].subject, [row for row in own if row.kind == kind])
            for kind, label in KINDS.items()
        ]
        return self.show(kinds=kinds, languages=sorted(LANGUAGES.items(), key=lambda one: one[1]))


@method_decorator(csp_update({"frame-src": ["'self'"]}), name="dispatch")
class EditWords(BaseWords, BaseFormPage):
    """The words of one kind, with a preview beside them that follows what is written, and their earlier versions."""

    action = "messages.write"
    template = "rentals/desk/message_words_edit.html"
    form_class = WordsForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "preview" in request.POST:
            form = self.make_form(request.POST)
            return self.show_form(form, status=200 if form.is_valid() else 422)
        return super().post(request)

    def form_arguments(self) -> dict[str, Any]:
        initial = {**asdict(self.words()), "seen": self.latest_version()}
        return {"kind": self.kind, "initial": initial}

    def words(self) -> Words:
        """The words to begin with: those that count, or an earlier version that was asked for."""
        asked = self.request.GET.get("version", "")
        if asked.isdecimal():
            row = get_object_or_404(versions_of(self.site, self.kind, self.language), version=int(asked))
            return as_words(row) if row.text else default_words(self.kind, self.language)
        return words_for(self.site, [self.kind], self.language)[self.kind]

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        words = {name: given[name] for name in ("subject", "text", "html")}
        moment = {"seen": given["seen"], "at": self.now, "actor": self.actor}
        row = write_words(self.site, self.kind, self.language, **words, **moment)
        self.request.session.pop(DRAFT, None)
        taken_out = ", ".join(check_words(self.kind, **words).taken_out)
        said = _("Saved as version %(version)s.") % {"version": row.version}
        told = _("Taken out of the HTML, for it says nothing: %(parts)s.") % {"parts": taken_out}
        return self.go(self.back, f"{said} {told}" if taken_out else said)

    def context(self) -> dict[str, Any]:
        in_subject, needed = allowed_in_subject(self.kind), REQUIRED.get(self.kind, ())
        placeholders = [
            {"name": name, "meaning": meaning, "subject": name in in_subject, "needed": name in needed}
            for name, meaning in placeholders_of(self.kind).items()
        ]
        form = self.make_form(self.request.POST) if self.request.method == "POST" else None
        return {
            **self.named(),
            **self.preview_of(form),
            "placeholders": placeholders,
            "versions": list(versions_of(self.site, self.kind, self.language)),
            "back": reverse("message-words"),
        }

    def preview_of(self, form: WordsForm | None) -> dict[str, Any]:
        """The letter in the words of the page; in those that were sent, where nothing is wrong with them."""
        if form is None:
            self.request.session.pop(DRAFT, None)
            return self.shown_on("", self.words())
        return draft_shown(self, form)


class PreviewWords(BaseWords):
    """The preview alone, for a page whose words have just changed; nothing is saved."""

    action = "messages.write"
    template = "rentals/desk/message_words_preview.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        form = WordsForm(request.POST, kind=self.kind)
        return self.show(form=form, **self.named(), **draft_shown(self, form))


def draft_shown(page: BaseWords, form: WordsForm) -> dict[str, Any]:
    """The letter in the words of `form`, kept in the session for the frame that shows it; or what is wrong."""
    if not form.is_valid():
        said = (error for errors in form.errors.values() for error in errors)
        return {"problems": list(dict.fromkeys(said))}  # once, what is wrong with both text and HTML
    words = Words(form.checked.subject, form.checked.text, form.checked.html, page.language)
    reference = form.cleaned_data["reference"]
    page.request.session[DRAFT] = {"kind": page.kind, "reference": reference, "words": asdict(words)}
    return page.shown_on(reference, words)


class WordsLetter(BaseWords):
    """The HTML of the letter alone, as a mail program shows it, for the frame of the preview."""

    action = "messages.write"
    template = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        draft = request.session.get(DRAFT)
        words, reference = words_for(self.site, [self.kind], self.language)[self.kind], ""
        if draft and draft["kind"] == self.kind and draft["words"]["language"] == self.language:
            words, reference = Words(**draft["words"]), draft["reference"]
        rental: Rental | None = rental_to_show(self.site, self.kind, reference.strip(), at=self.now)
        none_yet = format_html("<p>{}</p>", _("No rental to show it on yet."))
        html = preview(rental, self.kind, words, at=self.now).html if rental else none_yet
        headers = {"Content-Security-Policy": LETTER_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return HttpResponse(html, headers=headers)


class ResetWords(BaseWords, BaseFormPage):
    """Back to the default words, after a second look."""

    action = "messages.write"
    template = "rentals/desk/message_words_reset.html"
    form_class = forms.Form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        seen = self.latest_version()
        reset_words(self.site, self.kind, self.language, seen=seen, at=self.now, actor=self.actor)
        return self.go(self.back, _("These are the default words again."))

    def context(self) -> dict[str, Any]:
        return {**self.named(), "words": default_words(self.kind, self.language), "back": self.back}
