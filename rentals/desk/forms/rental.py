"""What is done to a rental on paper and with money: signing, paying, changing."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms

from devices.models import Device
from rentals import ledger
from rentals.desk.forms.fields import AmountField, CounterField, DayField, MomentField, NoteField, TreatmentsField
from rentals.models import LedgerEntry, Priority, Rental


class BaseRentalForm(forms.Form):
    """A form about one rental, its entries proposed from what is known of it."""

    def __init__(self, data: Any = None, files: Any = None, *, rental: Rental) -> None:
        self.rental = rental
        super().__init__(data, files, initial=self.proposed())

    def proposed(self) -> dict[str, Any]:
        return {}


class PaymentForm(BaseRentalForm):
    KINDS = (
        ("bond", "Bond, from the patient"),
        ("hire", "Hire, from the patient"),
        ("fee", "Fee, from the patient"),
        ("refund", "Refund, to the patient"),
    )

    kind = forms.ChoiceField(choices=KINDS, label="For")
    amount = AmountField(label="Amount (AUD)")
    method = forms.ChoiceField(choices=LedgerEntry.Method.choices, initial=LedgerEntry.Method.EFTPOS)

    def proposed(self) -> dict[str, Any]:
        """What is open now: the bond first, then what one side owes the other."""
        due, balance = ledger.bond_due(self.rental), ledger.balance(self.rental)
        if due:
            return {"kind": "bond", "amount": due}
        if balance < 0:
            return {"kind": "refund", "amount": -balance}
        return {"kind": "hire", "amount": balance or None}


class PriorityForm(BaseRentalForm):
    priority = forms.TypedChoiceField(
        choices=Priority.choices,
        coerce=lambda value: Priority(int(value)),
        help_text="The list goes by it, then by age.",
    )

    def proposed(self) -> dict[str, Any]:
        return {"priority": self.rental.priority}


class ExtendForm(BaseRentalForm):
    due_on = DayField(label="New due day")
    planned_treatments = TreatmentsField(
        required=False, label="Treatments planned in all", help_text="Leave it if the course stays as it is."
    )

    def proposed(self) -> dict[str, Any]:
        due_on = self.rental.due_on + timedelta(weeks=2)
        return {
            "due_on": self.rental.clinic.next_open_day(due_on) or due_on,
            "planned_treatments": self.rental.planned_treatments,
        }


class HealedForm(BaseRentalForm):
    on = DayField(label="Seen on")
    imaging = forms.CharField(max_length=120, help_text="Plain film, MRI, bone scan or CT, and where it was taken.")


class ReasonForm(BaseRentalForm):
    reason = NoteField(help_text="It stays in the rental’s history.")


class ReversalForm(BaseRentalForm):
    reason = forms.CharField(max_length=240, help_text="It stays in the ledger.")


class BaseDeviceForm(BaseRentalForm):
    """With a device of the rental's clinic; whether it fits, the verb judges."""

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["device"].queryset = Device.objects.filter(clinic=self.rental.clinic)  # type: ignore[attr-defined]


class SwapForm(BaseDeviceForm):
    counter_out = CounterField(label="Counter of the device that comes back")
    device = forms.ModelChoiceField(queryset=Device.objects.none(), label="Device that goes out")
    counter_in = CounterField(label="Counter of the device that goes out")
    at = MomentField()

    def offer(self, devices: Iterable[Any]) -> None:
        """Offer `devices` (as `fitting_devices` gives them), each with what it has free."""
        choices: list[tuple[Any, str]] = [("", "Choose a device")]
        for device in devices:
            free = device.free_treatments
            left = "capacity unknown" if free is None else f"{free} free treatments"
            choices.append((device.pk, f"{device.serial} · {device.model} · {left}"))
        self.fields["device"].widget.choices = choices


class ReserveForm(BaseDeviceForm):
    starts_on = DayField(
        required=False, label="Collected on", help_text="The due day moves with it; the course keeps its length."
    )
    device = forms.ModelChoiceField(queryset=Device.objects.none(), required=False)
