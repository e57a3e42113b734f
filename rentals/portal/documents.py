"""The papers of a hire: the agreement to read and sign, and what was signed, paid and charged, as PDF."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from config.addresses import client_address
from rentals.agreement import current_agreement, needs_signature, sign_by_link
from rentals.models import Paper, Rental, Signature
from rentals.papers.keeping import papers_of_patient
from rentals.papers.money import statement_paper
from rentals.papers.parties import is_minor
from rentals.portal.forms import GuardianSignForm, SignForm
from rentals.portal.page import BaseAskingPage, BasePatientPage, for_patients, show, unreferred

LONGEST_NUMBER = 20  # digits; Python refuses to read thousands of them


class Documents(BasePatientPage):
    """What there is to download, and what is still to be signed."""

    template = "documents"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(
            papers=papers_to_read(self.rental),
            has_money=self.rental.ledger.exists(),
            to_sign=needs_signature(self.rental),
        )


def papers_to_read(rental: Rental) -> Any:
    """The rental's papers, newest first. What waits for a signature is read where it is signed, and the statement as it
    stands now."""
    papers = papers_of_patient(rental).exclude(kind=Paper.Kind.STATEMENT)
    to_sign = [Paper.Kind.AGREEMENT, Paper.Kind.RETURN]
    return papers.exclude(kind__in=to_sign, facts__signature=None).order_by("-made_at", "-pk")


class Download(BasePatientPage):
    """One paper of this rental, byte by byte; any other is not there."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        paper = papers_of_patient(self.rental).filter(pk=pk).first()
        if paper is None:
            return show(request, "closed", status=404)
        return as_file(paper)


class Statement(BasePatientPage):
    """What was charged and paid, as the ledger stands now."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return as_file(statement_paper(self.rental, at=self.now))


def as_file(paper: Paper) -> HttpResponse:
    response = HttpResponse(bytes(paper.content), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{paper.kind}-{paper.rental.reference}-{paper.version}.pdf"'
    return unreferred(response)


class Sign(BaseAskingPage):
    """The agreement as it stands, and a name under it, typed or drawn: the patient's, or a guardian's for a minor."""

    template = "sign"
    leads_to = "my-documents"

    def get(self, request: HttpRequest) -> HttpResponse:
        return super().get(request) if needs_signature(self.rental) else self.show(paper=None)

    def make_form(self, *data: Any) -> Any:
        self.minor = is_minor(self.rental.patient, self.today)
        return GuardianSignForm(*data) if self.minor else SignForm(*data)

    def act(self, entries: Mapping[str, Any]) -> None:
        sign_by_link(
            self.rental,
            paper=self.shown_paper(),
            name=entries["name"],
            method=Signature.Method.DRAWN if entries["strokes"] else Signature.Method.TYPED,
            strokes=entries["strokes"],
            signer=Signature.Signer.GUARDIAN if self.minor else Signature.Signer.PATIENT,
            relation=entries.get("relation", ""),
            address=client_address(self.request),
            at=self.now,
        )

    def shown_paper(self) -> Paper:
        """The one that the page showed, which may not be what holds now."""
        pk = self.request.POST.get("paper", "")
        is_number = pk.isdecimal() and len(pk) <= LONGEST_NUMBER
        shown = Paper.objects.filter(rental=self.rental, pk=pk).first() if is_number else None
        return shown or current_agreement(self.rental, at=self.now)

    def show_form(self, form: forms.BaseForm, status: int = 200) -> HttpResponse:
        paper = current_agreement(self.rental, at=self.now)
        return self.show(form=form, paper=paper, minor=self.minor, status=status)


documents = for_patients(Documents.as_view())
download = for_patients(Download.as_view())
statement = for_patients(Statement.as_view())
sign = for_patients(Sign.as_view())
