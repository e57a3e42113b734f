"""Hand-over, return and inspection, as checklists."""

from decimal import Decimal
from typing import Any

from django import forms

from rentals.custody import CHECKS
from rentals.deciding import live_holding
from rentals.desk.forms.care import MillilitresField, gel_of
from rentals.desk.forms.fields import AmountField, CounterField, DayField, MomentField, NoteField
from rentals.desk.forms.rental import BaseRentalForm
from rentals.models.holdings import Delivery, Part

PARTS = [
    (Part.MAIN_UNIT, "Main unit"),
    (Part.TRANSDUCER, "Transducer"),
    (Part.CHARGER, "Charger"),
    (Part.CARD, "Treatment card"),
    (Part.CASE, "Carry case"),
    (Part.STRAP, "Strap (stays with the patient)"),
    (Part.CAP, "Cap (stays with the patient)"),
    (Part.GEL, "Gel (stays with the patient)"),
]
STAYS_WITH_PATIENT = {Part.STRAP, Part.CAP, Part.GEL}
FEE_LINES = 3


class PartsField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=PARTS, **kwargs)


class HandOverForm(BaseRentalForm):
    counter = CounterField(label="Counter on the screen", help_text="Switch the device on and read it off.")
    parts = PartsField(label="Parts given to the patient")
    delivery = forms.ChoiceField(choices=Delivery.choices, initial=Delivery.DESK)
    tracking = forms.CharField(required=False, max_length=80, label="Tracking number", help_text="For a courier.")
    gel_millilitres = MillilitresField(required=False, help_text="Where gel is among the parts.")
    gel_expires_on = DayField(required=False, label="Gel good until", help_text="Where the bottle says so.")
    at = MomentField()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        gel = gel_of(given)
        return {**given, "gel": gel}


class ReturnForm(BaseRentalForm):
    counter = CounterField(label="Counter on the screen", help_text="Switch the device on and read it off.")
    parts = PartsField(required=False, label="Parts that came back")
    notes = NoteField(required=False, label="Condition, damage, anything missing")
    at = MomentField()

    def proposed(self) -> dict[str, Any]:
        """What went out is expected back; what is missing is unticked."""
        holding = live_holding(self.rental)
        given = holding.parts_out if holding else []
        return {"parts": [part for part in given if part not in STAYS_WITH_PATIENT]}


class ChecklistField(forms.MultipleChoiceField):
    """What was looked at, as a device's inspection keeps it: each check with yes or no."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=list(CHECKS.items()), required=False, label="Looked at and found right", **kwargs)

    def clean(self, value: Any) -> dict[str, bool]:
        ticked = super().clean(value)
        return {check: check in ticked for check in CHECKS}


class InspectionForm(forms.Form):
    """The inspection of one device."""

    checks = ChecklistField()
    passed = forms.TypedChoiceField(
        choices=[("yes", "Ready for the next patient"), ("no", "Goes to repair")],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
        label="Verdict",
    )


class SettleForm(BaseRentalForm):
    """The fees that are charged before the bond is settled: a few lines of what for and how much."""

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        for line in range(1, FEE_LINES + 1):
            self.fields[f"fee_{line}"] = forms.CharField(required=False, max_length=240, label=f"Fee {line}: for")
            self.fields[f"amount_{line}"] = AmountField(required=False, label=f"Amount {line} (AUD)")

    def fee_lines(self) -> list[tuple[Any, Any]]:
        """What for and how much, as bound fields."""
        return [(self[f"fee_{line}"], self[f"amount_{line}"]) for line in range(1, FEE_LINES + 1)]

    def clean(self) -> dict[str, Any]:
        """The form's entries, with the lines as `fees`."""
        given = super().clean() or {}
        fees: list[dict[str, str | Decimal]] = []
        for line in range(1, FEE_LINES + 1):
            what, amount = given.pop(f"fee_{line}", ""), given.pop(f"amount_{line}", None)
            if bool(what) != bool(amount):
                missing = f"amount_{line}" if what else f"fee_{line}"
                self.add_error(missing, "A fee needs both: what it is for, and an amount above zero.")
            elif what and amount:
                fees.append({"kind": what, "amount": amount})
        return {**given, "fees": fees}


class InspectAndSettleForm(SettleForm, InspectionForm):
    """For a device that came back: the inspection, the fees, then the bond."""

    field_order = ("checks", "passed")
