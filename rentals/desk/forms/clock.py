"""What a person says about a device's clock: what the true time was when it showed a time."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.limits import FIRST_DAY, LAST_DAY
from rentals.desk.forms.fields import NoteField, within_reach

BOTH = gettext_lazy("Write both times, or let Callus work it out again.")


def to_the_second() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")


class DeviceTimeField(forms.Field):
    """What a device shows. It has no zone, so no zone is asked whether there was such a time."""

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            shown = datetime.fromisoformat(value)
        except ValueError:
            raise forms.ValidationError(_("Write a date and a time.")) from None
        if shown.tzinfo or not FIRST_DAY.year < shown.year <= LAST_DAY.year:
            years = {"first": FIRST_DAY.year + 1, "last": LAST_DAY.year}
            raise forms.ValidationError(_("Write a year from %(first)s to %(last)s.") % years)
        return shown


class ClockForm(forms.Form):
    """Two times that belong together, or that Callus is to work it out again."""

    shown = DeviceTimeField(required=False, label=gettext_lazy("The device showed"), widget=to_the_second())
    true_at = forms.DateTimeField(
        required=False, label=gettext_lazy("The true time then"), widget=to_the_second(), validators=[within_reach]
    )
    again = forms.BooleanField(
        required=False,
        label=gettext_lazy("Let Callus work it out again"),
        help_text=gettext_lazy("From what the read-outs of the device show, whatever the times above say."),
    )
    note = NoteField(label=gettext_lazy("How you know"), help_text=gettext_lazy("It stays with the read-out."))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not given.get("again"):
            for name in ("shown", "true_at"):
                if not given.get(name) and name not in self.errors:
                    self.add_error(name, BOTH)
        return given


def offset_between(shown: datetime, true_at: datetime) -> int:
    """The seconds to add to the device's times to get UTC."""
    return round((true_at.astimezone(UTC).replace(tzinfo=None) - shown).total_seconds())
