"""Rentals at the desk: the list, one with everything about it, and a message that was sent."""

from typing import Any

import django_tables2 as tables
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_filters import CharFilter, ChoiceFilter, FilterSet
from django_tables2 import RequestConfig

from config.refusals import Refusal
from patients.models import Access
from rentals import ledger
from rentals.desk.actions import possible, steps
from rentals.desk.page import BasePage
from rentals.models import Message, Rental
from rentals.models.states import State
from rentals.overview import found_by, in_full, with_overview
from rentals.reconciliation.days import counted, day_statuses
from rentals.reminders.decide import told_by_phone
from rentals.templatetags.desk import day

ROWS_A_PAGE = 50
ONE_LINE = {"td": {"class": "nowrap"}}


class RentalTable(tables.Table):
    reference = tables.TemplateColumn(
        '<a href="{% url "rental" record.reference %}" class="mono">{{ record.reference }}</a>'
    )
    patient = tables.Column(accessor="patient__name", order_by=("patient__folded_name",))
    state = tables.TemplateColumn('{% include "rentals/desk/state.html" with rental=record %}')
    device_serial = tables.Column(verbose_name="Device", default="–")
    starts_on = tables.Column(verbose_name="From", attrs=ONE_LINE)
    due_on = tables.Column(verbose_name="Due", attrs=ONE_LINE)

    class Meta:
        attrs = {"class": "table"}
        empty_text = "No rental fits. Clear the filters, or book one from the patient’s page."

    def render_starts_on(self, value: Any) -> str:
        return day(value)

    def render_due_on(self, value: Any) -> str:
        return day(value)


class RentalFilter(FilterSet):
    LATE = [("overdue", "Overdue"), ("at_risk", "At risk")]

    search = CharFilter(method="with_words", label="Reference or serial")
    state = ChoiceFilter(choices=State.choices, empty_label="Any state")
    trouble = ChoiceFilter(choices=LATE, method="in_trouble", empty_label="All", label="Trouble")

    class Meta:
        model = Rental
        fields: list[str] = []

    def with_words(self, rentals: Any, name: str, words: str) -> Any:
        return found_by(rentals, words.strip())

    def in_trouble(self, rentals: Any, name: str, which: str) -> Any:
        return rentals.filter(**{which: True})


class Rentals(BasePage):
    """The rentals of the chosen site, newest first; each patient shown is recorded."""

    action = "rentals.read"
    template = "rentals/desk/rentals.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        rentals = with_overview(Rental.objects.filter(clinic=self.site), self.now).select_related("patient")
        narrowed = RentalFilter(request.GET, rentals)
        table = RentalTable(narrowed.qs)
        RequestConfig(request, paginate={"per_page": ROWS_A_PAGE}).configure(table)
        self.record([row.record.patient_id for row in table.paginated_rows], Access.Action.LISTED)
        return self.show(table=table, filter=narrowed)


class OneRental(BasePage):
    """Everything about one rental; recorded as a read of its patient."""

    action = "rentals.read"
    template = "rentals/desk/rental.html"

    def get(self, request: HttpRequest, reference: str) -> HttpResponse:
        rentals = Rental.objects.visible_to(self.actor).select_related("patient")
        seen = get_object_or_404(rentals, reference=reference)
        self.record([seen.patient_id])
        rental = in_full(seen, self.now)
        days = day_statuses(rental, self.now)
        return self.show(
            rental=rental,
            patient=seen.patient,
            steps=steps(rental),
            actions=possible(rental, self.actor),
            days=days,
            adherence=counted(days),
            reversed={entry.reverses_id for entry in rental.ledger.all()},
            balance=ledger.balance(rental),
            bond_due=ledger.bond_due(rental),
            bond_held=ledger.bond_held(rental),
        )


class OneMessage(BasePage):
    """What a patient was told, word for word; recorded as a read."""

    action = "rentals.read"
    template = "rentals/desk/message.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = message_seen(self, pk)
        self.record([message.patient_id])
        return self.show(message=message)


class Told(BasePage):
    """Somebody phoned the patient instead of a message that did not arrive."""

    action = "rentals.tell"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = message_seen(self, pk)
        try:
            told_by_phone(message, at=self.now, actor=self.actor)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self.go(reverse("message", args=[pk]))
        return self.go(reverse("today"), "Recorded: the patient was told by phone.")


def message_seen(page: BasePage, pk: int) -> Message:
    """The message, if the user may see it; else 404."""
    seen = Message.objects.visible_to(page.actor).select_related("patient__clinic", "decided_by")
    return get_object_or_404(seen.prefetch_related("reminders__rental"), pk=pk)
