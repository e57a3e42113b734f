"""What was spent on one device: read by those who read the fleet's figures, written down by managers."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from config.words import aud
from devices.expenses import reverse_expense, spend
from devices.models import Expense
from rentals.desk.forms.expenses import ExpenseForm, ReverseExpenseForm
from rentals.desk.page import BaseFormPage
from rentals.desk.views.devices import BaseDevicePage


class BaseExpensesPage(BaseDevicePage):
    template = "rentals/desk/expenses.html"

    @property
    def address(self) -> str:
        return reverse("expenses", args=[self.device.pk])

    def new_form(self, sent: Any = None) -> ExpenseForm:
        return ExpenseForm(sent, initial={"spent_on": self.device.clinic.day_of(self.now)})

    def everything(self) -> dict[str, Any]:
        expenses = self.device.expenses.select_related("by", "reverses", "reversed_by").order_by("-spent_on", "-pk")
        listed = list(expenses)
        return {"device": self.device, "expenses": listed, "total": sum(expense.amount for expense in listed)}


class Expenses(BaseExpensesPage):
    """All that was spent on the device."""

    action = "reports.read"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(form=self.new_form(), **self.everything())


class Spend(BaseExpensesPage, BaseFormPage):
    """One expense more."""

    action = "devices.spend"

    def make_form(self, *data: Any) -> ExpenseForm:
        return self.new_form(*data[:1])

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        expense = spend(self.device, **given, at=self.now, actor=self.actor)
        told = {"kind": expense.get_kind_display(), "amount": aud(expense.amount)}
        return self.go(self.address, _("%(kind)s of %(amount)s is recorded.") % told)

    def context(self) -> dict[str, Any]:
        return self.everything()


class ReverseExpense(BaseExpensesPage, BaseFormPage):
    """A wrong expense, corrected by its opposite."""

    action = "devices.spend"
    template = "rentals/desk/expenses_reverse.html"
    form_class = ReverseExpenseForm

    @property
    def expense(self) -> Expense:
        return get_object_or_404(self.device.expenses.select_related("device__clinic"), pk=self.kwargs["expense"])

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        reverse_expense(self.expense, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("The expense is reversed. Record the right one, if there is one."))

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "expense": self.expense, "back": self.address}
