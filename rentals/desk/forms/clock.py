"""What a person says about a device's clock: what the true time was when it showed a time."""

from datetime import UTC, datetime
from typing import Any

from django import forms

from config.limits import FIRST_DAY, LAST_DAY
from rentals.desk.forms.fields import NoteField, within_reach

BOTH = "Write both times, or let Callus work it out again."


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
            raise forms.ValidationError("Write a date and a time.") from None
        if shown.tzinfo or not FIRST_DAY.year < shown.year <= LAST_DAY.year:
            raise forms.ValidationError(f"Write a year from {FIRST_DAY.year + 1} to {LAST_DAY.year}.")
        return shown


class ClockForm(forms.Form):
    """Two times that belong together, or that Callus is to work it out again."""

    shown = DeviceTimeField(required=False, label="The device showed", widget=to_the_second())
    true_at = forms.DateTimeField(
        required=False, label="The true time then", widget=to_the_second(), validators=[within_reach]
    )
    again = forms.BooleanField(
        required=False,
        label="Let Callus work it out again",
        help_text="From what the read-outs of the device show, whatever the times above say.",
    )
    note = NoteField(label="How you know", help_text="It stays with the read-out.")

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
