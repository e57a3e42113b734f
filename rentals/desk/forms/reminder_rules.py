"""When a site wants each kind of reminder told: one form for all of them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rentals.models import Reminder, ReminderRule
from rentals.reminders.rules import DEFAULTS, Kind, Rule
from rentals.reminders.set_rules import AFTER, BEFORE, LARGEST_THRESHOLD, version_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ABOUT: "Mapping[str, StrOrPromise]" = {
    Kind.AGREEMENT_TO_SIGN: gettext_lazy("To whoever has booked and not signed."),
    Kind.COLLECT_TOMORROW: gettext_lazy("Before the first day of the hire."),
    Kind.FIRST_DAYS: gettext_lazy("After the hand-over. Advice: patients may do without it."),
    Kind.DAYS_MISSED: gettext_lazy(
        "When the device has told of days without a treatment, once a week at most. Advice."
    ),
    Kind.TREATMENTS_LOW: gettext_lazy(
        "When the device has fewer treatments left than the course needs, or than this number."
    ),
    Kind.GEL_LOW: gettext_lazy("When the gel given is enough for fewer treatments than this number, or has expired."),
    Kind.IMAGING_DUE: gettext_lazy("Before the day planned for follow-up imaging. Advice."),
    Kind.DUE_SOON: gettext_lazy("Before the due day."),
    Kind.DUE_TODAY: gettext_lazy("On the due day."),
    Kind.OVERDUE: gettext_lazy("After the due day. The last two are tasks for staff as well."),
    Kind.OFFER: gettext_lazy(
        "When a device is offered to somebody on the waiting list. Switched off, staff have to phone."
    ),
    Kind.HOW_TO_RETURN: gettext_lazy("When healing is confirmed."),
    Kind.RETURNED_THANKS: gettext_lazy("When the device is back. Advice."),
    Kind.BOND_REFUNDED: gettext_lazy("When the bond is paid back."),
    Kind.RECEIPT: gettext_lazy("For each payment; to the payer where the rental has one."),
}
THRESHOLDS: "Mapping[str, StrOrPromise]" = {
    Kind.DAYS_MISSED: gettext_lazy("Unused days in a row"),
    Kind.TREATMENTS_LOW: gettext_lazy("Treatments left"),
    Kind.GEL_LOW: gettext_lazy("Treatments left"),
}


class DaysField(forms.CharField):
    """Numbers of days, as in "7, 3, 1"; `sign` -1 where they lie before what is told."""

    def __init__(self, *, sign: int, **kwargs: Any) -> None:
        super().__init__(max_length=60, required=False, **kwargs)
        self.sign = sign
        self.widget.attrs.update(inputmode="numeric", autocomplete="off")

    def clean(self, value: Any) -> tuple[int, ...]:
        words = super().clean(value).replace(",", " ").split()
        if not all(word.isdecimal() and len(word) <= 4 for word in words):
            raise forms.ValidationError(_("Write whole numbers of days with commas between them, as in 7, 3, 1."))
        return tuple(sorted(self.sign * int(word) for word in words))


class ReminderRulesForm(forms.Form):
    """A switch and what can be chosen for each kind; `rules` are what counts now."""

    read = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *data: Any, rules: Mapping[str, Rule]) -> None:
        super().__init__(*data)
        self.fields["read"].initial = version_of(rules)
        for kind, rule in rules.items():
            for name, field in fields_of(kind, rule).items():
                self.fields[f"{kind}_{name}"] = field

    def kinds(self) -> "Iterator[tuple[str, StrOrPromise, StrOrPromise, list[forms.BoundField]]]":
        """Each kind with its words, what it is about, and its fields."""
        for kind, label in Reminder.Kind.choices:
            fields = [self[name] for name in self.fields if name.rpartition("_")[0] == kind]
            yield kind, label, ABOUT[kind], fields

    def rules(self) -> dict[str, Rule]:
        """What was chosen, by kind; what cannot be chosen is as by default."""
        return {kind: self.rule_of(kind) for kind in Reminder.Kind.values}

    def rule_of(self, kind: str) -> Rule:
        given, default = self.cleaned_data, DEFAULTS[kind]
        return Rule(
            days=given.get(f"{kind}_days", default.days),
            enabled=given[f"{kind}_enabled"],
            counted_in=given.get(f"{kind}_counted", default.counted_in),
            at=given.get(f"{kind}_at"),
            threshold=given.get(f"{kind}_threshold"),
        )


def fields_of(kind: str, rule: Rule) -> dict[str, forms.Field]:
    """The fields of one kind, filled with its rule."""
    fields: dict[str, forms.Field] = {
        "enabled": forms.BooleanField(required=False, initial=rule.enabled, label=_("Told by this site"))
    }
    if kind in BEFORE or kind in AFTER:
        sign = -1 if kind in BEFORE else 1
        shown = ", ".join(str(abs(days)) for days in sorted(rule.days, key=abs, reverse=sign < 0))
        fields["days"] = DaysField(sign=sign, initial=shown, label=_("Days before") if sign < 0 else _("Days after"))
        fields["counted"] = forms.ChoiceField(
            choices=ReminderRule.Days.choices, initial=rule.counted_in, label=_("Counted in")
        )
    if kind in THRESHOLDS:
        fields["threshold"] = forms.IntegerField(
            min_value=1, max_value=LARGEST_THRESHOLD, initial=rule.threshold, label=THRESHOLDS[kind]
        )
    if kind != Kind.OFFER:
        clock = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
        fields["at"] = forms.TimeField(required=False, initial=rule.at, label=_("Not before"), widget=clock)
    return fields
