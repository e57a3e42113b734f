"""Money spent on a device, and what was written down wrongly."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from devices.models import Expense
from rentals.desk.forms.fields import AmountField, DayField


class ExpenseForm(forms.Form):
    kind = forms.ChoiceField(choices=Expense.Kind.choices, label=_("What for"))
    amount = AmountField(label=_("Amount (AUD, with GST)"))
    spent_on = DayField(label=pgettext_lazy("the day of an expense", "On"))
    note = forms.CharField(max_length=200, required=False, label=_("Note"), help_text=_("The invoice, say."))


class ReverseExpenseForm(forms.Form):
    reason = forms.CharField(max_length=200, label=_("Why it was wrong"))
