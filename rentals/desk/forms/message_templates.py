"""A site's own words for one kind of message in one language."""

from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _

from rentals.reminders.texts.checking import LONGEST_SUBJECT, LONGEST_WORDS, check_words


class WordsForm(forms.Form):
    """Subject, text and HTML; `seen` is the version they were written on, `reference` the rental of the preview."""

    subject = forms.CharField(
        max_length=LONGEST_SUBJECT,
        required=False,
        strip=False,
        help_text=_("One line that anybody may see: nothing of the patient, the injury, the treatments or amounts."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        label=_("Subject"),
    )
    text = forms.CharField(
        max_length=LONGEST_WORDS,
        required=False,
        label=_("Plain text"),
        help_text=_(
            "For mail programs that show no HTML. An empty line begins a paragraph; one with a link is left out "
            "when the words are said on the phone."
        ),
        widget=forms.Textarea(attrs={"rows": 12}),
    )
    html = forms.CharField(
        max_length=LONGEST_WORDS,
        required=False,
        label="HTML",
        help_text=escape(
            _("Paragraphs <p>, lists <ul> <ol> <li>, <strong>, <em>, <h2>, <h3>, <br>, <hr>, links <a href>.")
        ),
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
    )
    reference = forms.CharField(
        max_length=12,
        required=False,
        label=_("Show it on rental"),
        help_text=_("Its reference; empty for the newest one that fits."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono"}),
    )
    seen = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        words = {name: given.get(name, "") for name in ("subject", "text", "html")}
        self.checked = check_words(self.kind, **words)
        for problem in self.checked.problems:
            if problem.field not in self.errors or problem.message not in self.errors[problem.field]:
                self.add_error(problem.field, problem.message)
        return {**given, **words, "seen": given.get("seen") or 0}
