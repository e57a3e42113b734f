"""Gel, and the imaging to come."""

from collections.abc import MutableMapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from rentals.care import MILLILITRES_A_BOTTLE, Gel
from rentals.desk.forms.fields import DayField
from rentals.desk.forms.rental import BaseRentalForm

MOST_MILLILITRES = 5000


class MillilitresField(forms.IntegerField):
    """How much gel was given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            min_value=1,
            max_value=MOST_MILLILITRES,
            initial=MILLILITRES_A_BOTTLE,
            label=gettext_lazy("Gel given (ml)"),
            **kwargs,
        )
        self.widget.attrs.update(inputmode="numeric", autocomplete="off")


def gel_of(given: MutableMapping[str, Any]) -> Gel:
    """What the two fields about gel say, taken out of the entries; a bottle where nothing is written."""
    millilitres = given.pop("gel_millilitres", None) or MILLILITRES_A_BOTTLE
    return Gel(millilitres, given.pop("gel_expires_on", None))


class GelForm(BaseRentalForm):
    gel_millilitres = MillilitresField()
    gel_expires_on = DayField(
        required=False, label=gettext_lazy("Gel good until"), help_text=gettext_lazy("Where the bottle says so.")
    )

    def clean(self) -> dict[str, Any]:
        return {"gel": gel_of(super().clean() or {})}


class ImagingForm(BaseRentalForm):
    on = DayField(
        required=False,
        label=gettext_lazy("Planned for"),
        help_text=gettext_lazy("The patient is told before. Empty: none is planned any more."),
    )

    def proposed(self) -> dict[str, Any]:
        return {"on": self.rental.imaging_due_on}
