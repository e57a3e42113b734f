"""Fields that several forms have: days, moments, counters, amounts. Whether something may be, the verb decides."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.limits import FIRST_DAY, LARGEST_NUMBER, LAST_DAY
from devices.readings import LARGEST_COUNTER


def within_reach(day: date) -> None:
    """Refuse the years that nobody can mean."""
    if not FIRST_DAY.year < day.year <= LAST_DAY.year:
        years = {"first": FIRST_DAY.year + 1, "last": LAST_DAY.year}
        raise forms.ValidationError(_("Write a year from %(first)s to %(last)s.") % years)


class DayField(forms.DateField):
    """A local day of the clinic."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    default_validators = [within_reach]


class MomentField(forms.DateTimeField):
    """When it happened, by the clinic's clock (the page sets the time zone); empty for now."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    default_validators = [within_reach]

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", gettext_lazy("When it happened"))
        kwargs.setdefault(
            "help_text", gettext_lazy("Leave it empty for now. Fill it in for what was written on paper first.")
        )
        super().__init__(required=False, **kwargs)


class CounterField(forms.IntegerField):
    """What the screen of the device shows: treatments."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=LARGEST_COUNTER, **kwargs)
        self.widget.attrs.update(inputmode="numeric", autocomplete="off")


class TreatmentsField(forms.IntegerField):
    """A number of treatments to plan."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_NUMBER, **kwargs)


class AmountField(forms.DecimalField):
    """AUD."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=7, decimal_places=2, min_value=0, **kwargs)
        self.widget.attrs.update(inputmode="decimal", autocomplete="off")


class NoteField(forms.CharField):
    """A few free lines."""

    widget = forms.Textarea(attrs={"rows": 2})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2000, **kwargs)
