"""The papers of a rental at the desk: signing them, looking at the money, taking them along as files."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from config.addresses import client_address
from config.refusals import Refusal
from rentals import agreement, custody, ledger, payers, return_receipt, terms
from rentals.buy_out import buy_out
from rentals.desk.forms import papers as forms
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.views.verbs import BaseVerbPage
from rentals.lifecycle import require
from rentals.models import LedgerEntry, Paper, Rental
from rentals.papers import invoice_paper, receipt_paper, statement_paper
from rentals.papers.keeping import papers_of, patients_of
from rentals.papers.money import PAYMENTS, statement_facts, with_parties
from rentals.terms import PLACEHOLDERS, terms_in_words

MOST_VERSIONS = 20


class BaseSignPage(BaseVerbPage):
    """A paper to read, and the form under it. What is signed is the very paper that was shown."""

    action = "rentals.sign"
    template = "rentals/desk/sign.html"
    current: Callable[..., Paper]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.led_back() or super().get(request)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.led_back() or super().post(request)

    def led_back(self) -> HttpResponse | None:
        """None where there is a paper to show; else the way back to the rental, with the reason."""
        try:
            require(self.rental, self.verb)
            self.paper = type(self).current(self.rental, at=self.now, actor=self.actor)
        except Refusal as refusal:
            messages.error(self.request, refusal.message)
            return self.go(self.address)
        return None

    def form_arguments(self) -> dict[str, Any]:
        return {"rental": self.rental, "now": self.now, "paper": self.paper.pk}

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """What the form says, with the paper that it names."""
        shown = get_object_or_404(Paper.objects.filter(rental=self.rental).defer("content"), pk=given["paper"])
        return {**given, "paper": shown, "address": client_address(self.request)}

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        """After a change the page shows the new paper, so that is what the form names."""
        if form.is_bound:
            form.data = {**form.data.dict(), "paper": self.paper.pk}
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        return {**super().context(), "paper": self.paper, "facts": self.paper.facts}


class Sign(BaseSignPage):
    """The agreement, before the hand-over."""

    verb = "sign"
    title, button, done = (
        gettext_lazy("Sign the agreement"),
        pgettext_lazy("on a button", "Signed"),
        gettext_lazy("The agreement is signed."),
    )
    form_class = forms.SignForm
    current = staticmethod(agreement.current_agreement)

    def do(self, given: dict[str, Any]) -> object:
        return agreement.sign(self.rental, **self.shown(given), **self.who_and_when())


class SignChange(Sign):
    """The agreement anew, when it was changed while the device is out."""

    verb = "sign_change"
    title, done = gettext_lazy("Sign the change"), gettext_lazy("The change is signed.")


class SignReturn(BaseSignPage):
    """The receipt for the return: condition and parts. It blocks nothing."""

    verb = "sign_return"
    title, button, done = (
        gettext_lazy("Sign the return"),
        pgettext_lazy("on a button", "Signed"),
        gettext_lazy("The return is signed."),
    )
    form_class = forms.SignReturnForm
    current = staticmethod(return_receipt.return_receipt)

    def do(self, given: dict[str, Any]) -> object:
        return return_receipt.sign_return(self.rental, **self.shown(given), **self.who_and_when())


class ReportKept(BaseVerbPage):
    """The patient keeps the device: what it costs by the terms, and what is charged."""

    action, verb = "rentals.write_off", "report_kept"
    title, button, done = (
        gettext_lazy("The patient keeps the device"),
        gettext_lazy("Record"),
        gettext_lazy("Recorded as kept. Next: settle the rental."),
    )
    template = "rentals/desk/kept.html"
    form_class = forms.KeptForm

    def form_arguments(self) -> dict[str, Any]:
        return {"rental": self.rental, "now": self.now}

    def do(self, given: dict[str, Any]) -> object:
        return custody.report_kept(self.rental, **given, **self.who_and_when())

    def context(self) -> dict[str, Any]:
        return {**super().context(), "figures": buy_out(self.rental, self.now)}


class BaseRentalPage(BasePage):
    """A page about one rental that the user may see."""

    rental: Rental

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        rentals = Rental.objects.visible_to(request.user).select_related("clinic", "patient", "terms", "payer")  # type: ignore[arg-type]
        self.rental = get_object_or_404(rentals, reference=kwargs["reference"])
        return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return reverse("rental", args=[self.rental.reference])


class Statement(BaseRentalPage):
    """Charges, payments, the bond and what is open."""

    action = "rentals.read"
    template = "rentals/desk/statement.html"

    def get(self, request: HttpRequest, reference: str) -> HttpResponse:
        self.record([self.rental.patient_id])
        return self.show(
            rental=self.rental,
            facts=statement_facts(with_parties(self.rental)),
            payments=self.rental.ledger.filter(kind__in=PAYMENTS, reversal=None).order_by("pk"),
            balance=ledger.balance(self.rental),
            back=self.address,
        )


class BaseMakingPage(BaseRentalPage):
    """A button that makes a paper about the money and leads to it, or back with the reason why there is none."""

    action = "rentals.invoice"
    make: Callable[..., Paper]

    def post(self, request: HttpRequest, reference: str) -> HttpResponse:
        try:
            return self.go(address_of(type(self).make(self.rental, at=self.now, actor=self.actor)))
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self.go(reverse("statement", args=[reference]))


class StatementFile(BaseMakingPage):
    """The same as a paper."""

    make = staticmethod(statement_paper)


class Invoice(BaseMakingPage):
    """The invoice for what was charged and not invoiced before. Where that takes several papers, with GST and without
    or with a note to who was invoiced before, the way leads to all of them."""

    make = staticmethod(invoice_paper)

    def post(self, request: HttpRequest, reference: str) -> HttpResponse:
        answer = super().post(request, reference)
        made = papers_of(self.rental, Paper.Kind.INVOICE).filter(made_at=self.now, made_by=self.actor)
        if len(made) < 2:
            return answer
        names = ", ".join(f"{paper.facts['title'].lower()} {paper.number}" for paper in reversed(made))
        said = _("%(number)s papers were made: %(papers)s. Open each of them under Papers.")
        messages.success(request, said % {"number": len(made), "papers": names})
        return self.go(f"{self.address}#papers")


class Receipt(BasePage):
    """The receipt for one payment."""

    action = "rentals.pay"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        entries = LedgerEntry.objects.filter(rental__in=Rental.objects.visible_to(self.actor))
        entry = get_object_or_404(entries.select_related("rental"), pk=pk)
        try:
            return self.go(address_of(receipt_paper(entry, at=self.now, actor=self.actor)))
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self.go(reverse("statement", args=[entry.rental.reference]))


class PaperFile(BasePage):
    """A paper as the file that was made; recorded as a read of its patient, and of the rental's."""

    action = "rentals.read"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        papers = Paper.objects.filter(rental__in=Rental.objects.visible_to(self.actor)).select_related("rental")
        paper = get_object_or_404(papers, pk=pk)
        self.record(patients_of(paper))
        return as_file(paper)


def as_file(paper: Paper) -> HttpResponse:
    """The PDF to take along, under a name that says nothing of the patient."""
    name = f"{paper.kind}-{paper.rental.reference}-{paper.version}.pdf"
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        bytes(paper.content), content_type="application/pdf", headers={"Content-Disposition": disposition}
    )


def address_of(paper: Paper) -> str:
    return reverse("paper", args=[paper.pk])


class Payer(BaseRentalPage, BaseFormPage):
    """Who pays, where that is not the patient."""

    action = "patients.contact"
    template = "rentals/desk/payer.html"
    form_class = forms.PayerForm

    def form_arguments(self) -> dict[str, Any]:
        return {"rental": self.rental}

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        self.record([self.rental.patient_id])
        return super().show_form(form, status)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        payers.set_payer(self.rental, **given, at=self.now, actor=self.actor)
        return self.go(reverse("statement", args=[self.rental.reference]), _("Recorded who pays."))

    def context(self) -> dict[str, Any]:
        return {"rental": self.rental, "back": self.address}


class SiteTerms(BaseFormPage):
    """The terms of the chosen site, and the next version of them."""

    action = "terms.write"
    template = "rentals/desk/terms.html"
    form_class = forms.TermsForm

    def form_arguments(self) -> dict[str, Any]:
        return {"terms": self.site.current_terms}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        written = terms.write_terms(self.site, **given, at=self.now, actor=self.actor)
        said = _("Version %(version)s holds for what is booked from now on. Rentals booked before keep theirs.")
        said %= {"version": written.version}
        return self.go(reverse("terms"), said)

    def context(self) -> dict[str, Any]:
        present = self.site.current_terms
        return {
            "terms": present,
            "words": terms_in_words(present),
            "versions": self.site.terms.select_related("created_by").order_by("-version")[:MOST_VERSIONS],
            "placeholders": [(name, fill(present)) for name, fill in PLACEHOLDERS.items()],
        }
