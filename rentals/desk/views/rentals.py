"""Rentals at the desk: the list, and one with everything about it."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import CharFilter, ChoiceFilter, FilterSet

from patients.models import Access, Patient
from rentals import ledger
from rentals.calendar import LEGEND, is_adherent, said_on, weeks_of
from rentals.desk import outlook
from rentals.desk.actions import possible, steps
from rentals.desk.page import BasePage
from rentals.desk.papers import papers_shown
from rentals.desk.story import ahead_of, story_of
from rentals.desk.tables import RentalTable
from rentals.desk.told import not_told, stopped_addresses, told
from rentals.desk.waiting import has_to_be_phoned, mail_about_offer
from rentals.links import open_links
from rentals.models import Rental, UsageImport
from rentals.models.states import State
from rentals.overview import found_by, in_full, with_open_money, with_overview
from rentals.reconciliation.days import counted, day_statuses
from rentals.reconciliation.forecast import forecasts_of

if TYPE_CHECKING:
    from rentals.overview import RentalInView


class RentalFilter(FilterSet):
    TROUBLE = [
        ("overdue", pgettext_lazy("a list", "Overdue")),
        ("at_risk", _("At risk")),
        ("money", _("Finished, money open")),
    ]

    search = CharFilter(method="with_words", label=_("Reference or serial"))
    state = ChoiceFilter(choices=State.choices, label=_("State"), empty_label=_("Any state"))
    trouble = ChoiceFilter(choices=TROUBLE, method="in_trouble", empty_label=_("All"), label=_("Trouble"))

    class Meta:
        model = Rental
        fields: list[str] = []

    def with_words(self, rentals: Any, name: str, words: str) -> Any:
        return found_by(rentals, words.strip())

    def in_trouble(self, rentals: Any, name: str, which: str) -> Any:
        return with_open_money(rentals) if which == "money" else rentals.filter(**{which: True})


class Rentals(BasePage):
    """The rentals of the chosen site, newest first; each patient shown is recorded."""

    action = "rentals.read"
    template = "rentals/desk/rentals.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        rentals = with_overview(Rental.objects.filter(clinic=self.site), self.now).select_related("patient")
        narrowed = RentalFilter(request.GET, rentals)
        right = narrowed.is_valid()
        table = RentalTable(narrowed.qs if right else Rental.objects.none()).for_request(request)
        self.record([row.record.patient_id for row in table.paginated_rows], Access.Action.LISTED)
        return self.show(table=table, filter=narrowed, status=200 if right else 422)


class OneRental(BasePage):
    """Everything about one rental; recorded as a read of its patient."""

    action = "rentals.read"
    template = "rentals/desk/rental.html"

    def get(self, request: HttpRequest, reference: str) -> HttpResponse:
        rentals = Rental.objects.visible_to(self.actor).select_related("patient")
        seen = get_object_or_404(rentals, reference=reference)
        self.record([seen.patient_id])
        rental = in_full(seen, self.now)
        with timezone.override(rental.clinic.zone):
            return self.show(**self.everything(rental, seen.patient))

    def everything(self, rental: "RentalInView", patient: Patient) -> dict[str, Any]:
        """For the template: all that is known of the rental."""
        days, said = day_statuses(rental, self.now), said_on(rental)
        messages, untold, papers = (
            told(patient, self.actor, rental),
            not_told(rental.reminders.all()),
            papers_shown(rental),
        )
        return {
            "rental": rental,
            "patient": patient,
            "today": rental.clinic.day_of(self.now),
            "steps": steps(rental),
            "actions": possible(rental, self.actor),
            "to_phone": has_to_be_phoned(patient, mail_about_offer(rental.reminders.all())),
            "weeks": weeks_of(days, said),
            "said": said,
            "days": days,
            "legend": LEGEND,
            "adherence": counted(days),
            "adherent": is_adherent(counted(days), rental.clinic),
            "late_imports": late_imports_of(rental),
            "outlook": outlook_of(rental, self.now),
            "told": messages,
            "not_told": untold,
            "story": story_of(rental, messages, papers.made),
            "ahead": ahead_of(rental, untold, self.now),
            "stopped": stopped_addresses(patient),
            "has_links": open_links(rental, self.now).exists(),
            "papers": papers,
            "reversed": {entry.reverses_id for entry in rental.ledger.all()},
            "balance": ledger.balance(rental),
            "bond_due": ledger.bond_due(rental),
            "bond_held": ledger.bond_held(rental),
        }


def late_imports_of(rental: "RentalInView") -> Iterable[UsageImport]:
    """The imports that brought treatments of a rental after it had ended."""
    has_ended = rental.returned_at or rental.ended_at
    return rental.late_imports.order_by("created_at", "pk") if has_ended else ()


def outlook_of(rental: "RentalInView", at: datetime) -> str:
    """When the device that the patient has runs out, in words; "" where there is nothing to say."""
    if rental.state != State.ACTIVE or rental.device_id is None:
        return ""
    found = forecasts_of([rental.device_id], at).get(rental.device_id)
    return outlook.in_words(found, rental.clinic.day_of(at)) if found else ""
