"""What patients are asked for."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import exact_clock, near_day
from config.models import Clinic
from config.refusals import Refusal
from rentals.arranged import arranged_return
from rentals.models import Rental
from rentals.patient_requests import Problem, return_days
from rentals.portal.page import PlainForm
from rentals.signatures import LONGEST_NAME, LONGEST_RELATION, strokes_from

STEP = timedelta(minutes=30)  # between two times to choose from
LONGEST_WORDS = 2000
YES, NO = "yes", "no"


class OnceForm(PlainForm):
    """A form that counts once, however often it is sent: it carries a key of its own."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=40, validators=[RegexValidator(r"^\w+$")])


class ExtensionForm(OnceForm):
    due_on = forms.DateField(
        label=gettext_lazy("Until which day would you like to keep it?"),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    words = forms.CharField(
        label=gettext_lazy("Anything that we should know (you may leave this empty)"),
        required=False,
        max_length=LONGEST_WORDS,
        widget=forms.Textarea({"rows": 3}),
    )


class ProblemForm(OnceForm):
    problem = forms.TypedChoiceField(
        label=gettext_lazy("What is wrong?"), choices=Problem.choices, coerce=Problem, widget=forms.RadioSelect
    )
    words = forms.CharField(
        label=gettext_lazy("Please tell us more in a few words"),
        max_length=LONGEST_WORDS,
        widget=forms.Textarea({"rows": 4}),
    )


class HealedForm(OnceForm):
    words = forms.CharField(
        label=gettext_lazy("Who told you so, and when? (you may leave this empty)"),
        required=False,
        max_length=LONGEST_WORDS,
        widget=forms.Textarea({"rows": 3}),
    )


class SlotForm(PlainForm):
    """When the device comes back: a day on which it may, at a time at which the clinic is open on any of them. Chosen
    is what the patient has chosen so far; nothing until then, so that one tap books nothing."""

    day = forms.TypedChoiceField(
        label=gettext_lazy("Which day?"),
        coerce=date.fromisoformat,
        error_messages={
            "required": gettext_lazy("Please choose the day on which you come."),
            "invalid_choice": gettext_lazy("This day cannot be chosen now. Please choose another one, or phone us."),
        },
    )
    clock = forms.TypedChoiceField(
        label=gettext_lazy("About what time?"),
        coerce=time.fromisoformat,
        error_messages={"required": gettext_lazy("Please choose about what time you come.")},
    )

    def __init__(self, *data: Any, rental: Rental, at: datetime) -> None:
        super().__init__(*data)
        clinic, days, arranged = rental.clinic, return_days(rental, at), arranged_return(rental)
        said = arranged.astimezone(clinic.zone) if arranged else None
        clocks = sorted({*clocks_of(clinic, days), *([said.time()] if said else [])})
        self.offer("day", {day.isoformat(): near_day(day) for day in days}, said and said.date())
        self.offer("clock", {clock.isoformat(): exact_clock(clock) for clock in clocks}, said and said.time())
        self.fields["clock"].help_text = _("We are open %(hours)s.") % {"hours": hours_in_words(clinic)}

    def offer(self, name: str, choices: dict[str, str], chosen: date | time | None) -> None:
        """Let the field choose among `choices`: what is `chosen`, if that is among them, or else nothing yet."""
        initial = chosen.isoformat() if chosen else ""
        nothing = {} if initial in choices else {"": _("Please choose")}
        self.fields[name].choices = list({**nothing, **choices}.items())  # type: ignore[attr-defined]
        self.fields[name].initial = initial


def hours_in_words(clinic: Clinic) -> str:
    """`Monday to Friday 8:30 am to 5:30 pm, Saturday 9:00 am to 12:00 pm`."""
    weekdays = enumerate(clinic.opening_hours.all())
    said = []
    for (opens, closes, _shift), alike in groupby(
        weekdays, lambda one: (one[1].opens, one[1].closes, one[1].weekday - one[0])
    ):
        names = [str(WEEKDAYS[one.weekday]) for _number, one in alike]
        days = names[0] if len(names) == 1 else _("%(first)s to %(last)s") % {"first": names[0], "last": names[-1]}
        hours = {"days": days, "opens": exact_clock(opens), "closes": exact_clock(closes)}
        said.append(_("%(days)s %(opens)s to %(closes)s") % hours)
    return ", ".join(said)


def clocks_of(clinic: Clinic, days: Sequence[date]) -> list[time]:
    """Each half hour at which the clinic is open on one of `days`."""
    found = set()
    for hours in filter(None, (clinic.hours_on(day) for day in days)):
        clock, closes = datetime.combine(date.min, hours.opens), datetime.combine(date.min, hours.closes)
        while clock < closes:
            found.add(clock.time())
            clock += STEP
    return sorted(found)


class DayForm(PlainForm):
    """The patient's word of one of `days`."""

    day = forms.TypedChoiceField(label=gettext_lazy("Which day?"), coerce=date.fromisoformat)
    treated = forms.TypedChoiceField(
        label=gettext_lazy("Did you treat on that day?"),
        choices=[(YES, gettext_lazy("Yes, as often as prescribed")), (NO, gettext_lazy("No, or not all of it"))],
        coerce=lambda word: word == YES,
        widget=forms.RadioSelect,
    )

    def __init__(self, *data: Any, days: Sequence[date], **options: Any) -> None:
        super().__init__(*data, **options)
        self.fields["day"].choices = [(day.isoformat(), near_day(day)) for day in days]  # type: ignore[attr-defined]


class PreferencesForm(PlainForm):
    email_reminders = forms.BooleanField(label=gettext_lazy("Remind me by e-mail about this hire"), required=False)
    wants_advice = forms.BooleanField(
        label=gettext_lazy("Also send me advice that is not strictly about the hire"), required=False
    )
    language = forms.ChoiceField(label=gettext_lazy("Language of our e-mails"))

    def __init__(self, *data: Any, languages: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(*data, **options)
        self.fields["language"].choices = languages  # type: ignore[attr-defined]


class SignForm(PlainForm):
    """A name typed under the agreement, and a signature drawn into `strokes` where the page's script runs."""

    name = forms.CharField(
        label=gettext_lazy("Your full name, as your signature"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    agrees = forms.BooleanField(label=gettext_lazy("I have read the agreement and agree to it"))
    strokes = forms.Field(required=False, widget=forms.HiddenInput)  # whatever was sent: `clean` judges it

    def clean(self) -> dict[str, Any]:
        """With the drawing as lists of points, None where nothing was drawn. What is wrong with it is said above the
        form, for its own field is hidden."""
        given = super().clean() or {}
        try:
            return {**given, "strokes": strokes_from(given["strokes"] or "")}
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message) from refusal


class GuardianSignForm(SignForm):
    """For a minor: a parent or guardian signs."""

    relation = forms.CharField(
        label=gettext_lazy("Who you are to the patient: mother, father or guardian, say"), max_length=LONGEST_RELATION
    )
    field_order = ("name", "relation", "agrees")
