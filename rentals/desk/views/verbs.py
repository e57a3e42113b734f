"""What is done to a rental: one page a verb, each with its form."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.refusals import Refusal
from config.words import aud
from devices.models import Device, Reading
from rentals import custody, ledger
from rentals.booking import change
from rentals.booking.availability import search
from rentals.booking.extension import extend
from rentals.booking.healing import confirm_healed
from rentals.booking.waiting import days_from, later_start, need_of, reserve
from rentals.desk.forms import rental as forms
from rentals.desk.forms.fields import DayField
from rentals.desk.offers import entries_of, offers_for, only_looks
from rentals.desk.page import BaseFormPage
from rentals.lifecycle import require
from rentals.models import LedgerEntry, Rental
from rentals.patient_requests import choose_return_slot
from rentals.portal.forms import SlotForm
from rentals.templatetags.devices import doubt

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class BaseVerbPage(BaseFormPage):
    """One verb of one rental. In a state that does not allow it the page leads back and says why."""

    verb: ClassVar[str]
    title: "ClassVar[StrOrPromise]"
    button: "ClassVar[StrOrPromise]"
    done: "ClassVar[StrOrPromise]"
    template = "rentals/desk/verb.html"
    do: Callable[..., object]
    rental: Rental

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        rentals = Rental.objects.visible_to(request.user).select_related("clinic", "patient", "terms", "injury")  # type: ignore[arg-type]
        self.rental = get_object_or_404(rentals, reference=kwargs["reference"])
        with timezone.override(self.rental.clinic.zone):  # in which the form's moments are written
            return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            require(self.rental, self.verb)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self.go(self.address)
        return super().get(request)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        require(self.rental, self.verb)
        self.do(given)
        self.warn_of_doubt()
        return self.go(self.address, self.said(given))

    def said(self, given: dict[str, Any]) -> str:
        """What stands on top of the rental's page when it is done."""
        return str(self.done)

    def open_money(self) -> str:
        """What is still to be paid, by whom; nothing when all is even."""
        balance = ledger.balance(self.rental)
        if balance < 0:
            due = _("%(amount)s is due to the patient: pay it out, then record the refund.")
            return due % {"amount": aud(-balance)}
        return _("The patient still owes %(amount)s.") % {"amount": aud(balance)} if balance else ""

    def warn_of_doubt(self) -> None:
        """Say at once when what the screen is said to show cannot be; it is kept, and not trusted (I5)."""
        doubted = Reading.objects.filter(recorded_at=self.now, trusted=False)
        for reading in doubted.filter(device__in=self.rental.holdings.values("device")):
            messages.warning(
                self.request,
                _(
                    "Counter %(counter)s is kept, but not trusted: it is %(doubt)s. Look at the screen again and "
                    "record "
                    "what it shows on the device’s page."
                )
                % {"counter": reading.counter, "doubt": doubt(reading.flag)},
            )

    @property
    def address(self) -> str:
        return reverse("rental", args=[self.rental.reference])

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        self.record([self.rental.patient_id])
        return super().show_form(form, status)

    def form_arguments(self) -> dict[str, Any]:
        return {"rental": self.rental}

    def context(self) -> dict[str, Any]:
        return {
            "rental": self.rental,
            "device": self.device,
            "back": self.address,
        }

    @property
    def device(self) -> Device | None:
        """The device that the rental holds, with its counters."""
        return Device.objects.with_counters().filter(holdings__rental=self.rental, holdings__live=True).first()

    def who_and_when(self) -> dict[str, Any]:
        return {"at": self.now, "actor": self.actor}

    def moment(self, given: dict[str, Any]) -> dict[str, Any]:
        """For verbs that may be recorded later than they happened."""
        return {"at": given.pop("at") or self.now, "now": self.now, "actor": self.actor}


class Pay(BaseVerbPage):
    """A payment by the patient, or a refund to them."""

    action, verb = "rentals.pay", "pay"
    title, button, done = (
        gettext_lazy("Record a payment"),
        gettext_lazy("Record"),
        gettext_lazy("The payment is recorded."),
    )
    form_class = forms.PaymentForm

    def do(self, given: dict[str, Any]) -> object:
        return ledger.pay(self.rental, **given, **self.who_and_when())


class Reverse(BaseVerbPage):
    """A wrong entry of the ledger, corrected by its opposite."""

    action, verb = "rentals.reverse", "pay"
    title, button, done = (
        gettext_lazy("Reverse an entry"),
        gettext_lazy("Reverse"),
        gettext_lazy("The entry is reversed. Record the right one, if there is one."),
    )
    template = "rentals/desk/reverse.html"
    form_class = forms.ReversalForm

    @property
    def entry(self) -> LedgerEntry:
        return get_object_or_404(self.rental.ledger, pk=self.kwargs["pk"])

    def do(self, given: dict[str, Any]) -> object:
        return ledger.reverse(self.entry, **given, **self.who_and_when())

    def context(self) -> dict[str, Any]:
        return {**super().context(), "entry": self.entry}


class Extend(BaseVerbPage):
    """Another due day, and another plan if the course changes."""

    action, verb = "rentals.extend", "extend"
    title, button, done = (
        gettext_lazy("Change the due day"),
        gettext_lazy("Change"),
        gettext_lazy("The due day is changed."),
    )
    form_class = forms.ExtendForm

    def make_form(self, *data: Any) -> Any:
        """Opened with the day that the patient wishes, where the way here names one."""
        form = super().make_form(*data)
        with suppress(ValidationError):
            wished = DayField(required=False).clean(self.request.GET.get("due_on"))
            form.initial["due_on"] = wished or form.initial["due_on"]
        return form

    def do(self, given: dict[str, Any]) -> None:
        self.moved = extend(self.rental, **given, **self.who_and_when()).moved

    def said(self, given: dict[str, Any]) -> str:
        """With the reservations that were moved to make room: their patients come for another device now."""
        references = ", ".join(sorted(rental.reference for rental in self.moved))
        if not references:
            return str(self.done)
        moved = _("To make room, another device was given to %(references)s.") % {"references": references}
        return f"{self.done} {moved}"


class ConfirmHealed(BaseVerbPage):
    """A clinician saw on imaging that treatment may end."""

    action, verb = "rentals.confirm_healed", "confirm_healed"
    template = "rentals/desk/healed.html"
    title, button, done = (
        gettext_lazy("Confirm healing"),
        gettext_lazy("Confirm"),
        gettext_lazy("Recorded. The device can come back."),
    )
    form_class = forms.HealedForm

    def do(self, given: dict[str, Any]) -> object:
        return confirm_healed(self.rental, **given, **self.who_and_when())


class ReturnDay(BaseVerbPage):
    """When the patient brings the device back, as told by phone: what the patient's own page asks for as well."""

    action, verb = "rentals.take_back", "choose_return"
    title, button = gettext_lazy("When the patient brings it back"), gettext_lazy("Write it down")
    done = gettext_lazy("The day of the return is written down.")
    form_class = SlotForm

    def form_arguments(self) -> dict[str, Any]:
        return {**super().form_arguments(), "at": self.now}

    def do(self, given: dict[str, Any]) -> object:
        return choose_return_slot(self.rental, **given, **self.who_and_when())


class Cancel(BaseVerbPage):
    """The booking is given up; a bond that was paid becomes due to the patient."""

    action, verb = "rentals.cancel", "cancel"
    title, button, done = (
        gettext_lazy("Cancel the booking"),
        gettext_lazy("Cancel the booking"),
        gettext_lazy("The booking is cancelled."),
    )
    form_class = forms.ReasonForm

    def do(self, given: dict[str, Any]) -> object:
        return change.cancel(self.rental, **given, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        return f"{self.done} {self.open_money()}".rstrip()


class ReportLost(BaseVerbPage):
    """The device is gone."""

    action, verb = "rentals.write_off", "report_lost"
    title, button, done = (
        gettext_lazy("Report the device lost"),
        gettext_lazy("Report lost"),
        gettext_lazy("Reported lost. Next: settle the rental."),
    )
    form_class = forms.ReasonForm

    def do(self, given: dict[str, Any]) -> object:
        return custody.report_lost(self.rental, **given, **self.who_and_when())


class Reserve(BaseVerbPage):
    """A device for a rental that waits: the days that it would be reserved for, and what fits them."""

    action, verb = "rentals.book", "reserve"
    title, button, done = (
        gettext_lazy("Find a device"),
        gettext_lazy("Reserve"),
        gettext_lazy("Reserved. Next: the agreement, the bond and the hand-over."),
    )
    template = "rentals/desk/reserve.html"
    form_class = forms.ReserveForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.get(request) if only_looks(request) else super().post(request)

    def make_form(self, *data: Any) -> Any:
        form = super().make_form(*data)
        with suppress(Refusal):  # on a clinic that never opens: said where the devices would be
            form.initial["starts_on"] = days_from(self.rental, self.now)[0]
        form.initial.update(entries_of(self.request))
        return form

    def context(self) -> dict[str, Any]:
        entries = entries_of(self.request)
        course = self.form_class({"starts_on": entries.get("starts_on")}, rental=self.rental)
        offers = self.offers(course, entries.get("device", "")) if course.is_valid() else {}
        return {**super().context(), "course": course, "takes": course.fields, **offers}

    def offers(self, course: Any, wanted: str) -> dict[str, Any]:
        """For the templates: what fits the day in `course`, or why it cannot be had."""
        try:
            need = need_of(self.rental, self.now, course.cleaned_data["starts_on"])
        except Refusal as refusal:
            return {"course_refusal": refusal}
        found = offers_for(search(need, self.now), need, wanted, self.now)
        later = [] if found["offers"] else later_start(self.rental, need, self.now)
        return {**found, "instead": {"alternatives": later}}

    def do(self, given: dict[str, Any]) -> object:
        return reserve(self.rental, **given, **self.who_and_when())
