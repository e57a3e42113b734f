"""What is done to a rental on paper and with money: signing, paying, changing."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

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
        ("bond", gettext_lazy("Bond, from the patient")),
        ("hire", gettext_lazy("Hire, from the patient")),
        ("fee", gettext_lazy("Fee, from the patient")),
        ("refund", gettext_lazy("Refund, to the patient")),
    )

    kind = forms.ChoiceField(choices=KINDS, label=pgettext_lazy("what a payment is for", "For"))
    amount = AmountField(label=gettext_lazy("Amount (AUD)"))
    method = forms.ChoiceField(
        choices=LedgerEntry.Method.choices, initial=LedgerEntry.Method.EFTPOS, label=gettext_lazy("Method")
    )

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
        help_text=gettext_lazy("The list goes by it, then by age."),
        label=gettext_lazy("Priority"),
    )

    def proposed(self) -> dict[str, Any]:
        return {"priority": self.rental.priority}


class ExtendForm(BaseRentalForm):
    due_on = DayField(label=gettext_lazy("New due day"))
    planned_treatments = TreatmentsField(
        required=False,
        label=gettext_lazy("Treatments planned in all"),
        help_text=gettext_lazy("Leave it if the course stays as it is."),
    )

    def proposed(self) -> dict[str, Any]:
        due_on = self.rental.due_on + timedelta(weeks=2)
        return {
            "due_on": self.rental.clinic.next_open_day(due_on) or due_on,
            "planned_treatments": self.rental.planned_treatments,
        }


class HealedForm(BaseRentalForm):
    on = DayField(label=gettext_lazy("Seen on"))
    imaging = forms.CharField(
        max_length=120,
        help_text=gettext_lazy("Plain film, MRI, bone scan or CT, and where it was taken."),
        label=gettext_lazy("Imaging"),
    )


class ReasonForm(BaseRentalForm):
    reason = NoteField(help_text=gettext_lazy("It stays in the rental’s history."), label=gettext_lazy("Reason"))


class ReversalForm(BaseRentalForm):
    reason = forms.CharField(
        max_length=240, help_text=gettext_lazy("It stays in the ledger."), label=gettext_lazy("Reason")
    )


class BaseDeviceForm(BaseRentalForm):
    """With a device of the rental's clinic; whether it fits, the verb judges."""

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["device"].queryset = Device.objects.filter(clinic=self.rental.clinic)  # type: ignore[attr-defined]


class SwapForm(BaseDeviceForm):
    counter_out = CounterField(label=gettext_lazy("Counter of the device that comes back"))
    device = forms.ModelChoiceField(queryset=Device.objects.none(), label=gettext_lazy("Device that goes out"))
    counter_in = CounterField(label=gettext_lazy("Counter of the device that goes out"))
    at = MomentField()

    def offer(self, devices: Iterable[Any]) -> None:
        """Offer `devices` (as `fitting_devices` gives them), each with what it has free."""
        choices: list[tuple[Any, str]] = [("", _("Choose a device"))]
        for device in devices:
            left = left_in_words(device.free_treatments)
            choices.append((device.pk, f"{device.serial} · {device.model} · {left}"))
        self.fields["device"].widget.choices = choices


def left_in_words(free: int | None) -> str:
    """What a device has free, as a list of devices says it."""
    if free is None:
        return _("capacity unknown")
    return ngettext("%(number)s free treatment", "%(number)s free treatments", free) % {"number": free}


class ReserveForm(BaseDeviceForm):
    starts_on = DayField(
        required=False,
        label=gettext_lazy("Collected on"),
        help_text=gettext_lazy("The due day moves with it; the course keeps its length."),
    )
    device = forms.ModelChoiceField(queryset=Device.objects.none(), required=False, label=gettext_lazy("Device"))
