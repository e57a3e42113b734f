"""Money spent on a device, and what was written down wrongly."""

from django import forms

from devices.models import Expense
from rentals.desk.forms.fields import AmountField, DayField


class ExpenseForm(forms.Form):
    kind = forms.ChoiceField(choices=Expense.Kind.choices, label="What for")
    amount = AmountField(label="Amount (AUD, with GST)")
    spent_on = DayField(label="On")
    note = forms.CharField(max_length=200, required=False, label="Note", help_text="The invoice, say.")


class ReverseExpenseForm(forms.Form):
    reason = forms.CharField(max_length=200, label="Why it was wrong")
