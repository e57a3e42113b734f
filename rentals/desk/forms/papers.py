"""Signing, who pays, the price of a device that is kept, and the terms of a site."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import Terms
from config.refusals import Refusal
from patients.models import Payer
from rentals.buy_out import buy_out
from rentals.desk.forms.fields import AmountField
from rentals.desk.forms.rental import BaseRentalForm, ReasonForm
from rentals.models import Signature
from rentals.papers.parties import guardian_of, is_minor
from rentals.signatures import LONGEST_NAME, LONGEST_RELATION, strokes_from
from rentals.terms import LONGEST_TEXT

LONGEST_DRAWING = 200_000  # characters of JSON, well above the most points that are taken


class BaseSignForm(BaseRentalForm):
    """Who signs, and how; the page draws into `strokes`."""

    METHODS = (
        (Signature.Method.DRAWN, gettext_lazy("Drawn in the field below")),
        (Signature.Method.TYPED, gettext_lazy("By the name typed above")),
        (Signature.Method.ON_PAPER, gettext_lazy("With a pen, on the printed paper")),
    )

    signer = forms.ChoiceField(choices=Signature.Signer.choices, label=gettext_lazy("Who signs"))
    relation = forms.CharField(
        required=False,
        max_length=LONGEST_RELATION,
        label=gettext_lazy("Who the guardian is to the patient"),
        help_text=gettext_lazy("Mother, say."),
    )
    name = forms.CharField(max_length=LONGEST_NAME, label=gettext_lazy("Name of the one who signs"))
    method = forms.ChoiceField(
        choices=METHODS, initial=Signature.Method.TYPED, widget=forms.RadioSelect, label=gettext_lazy("Signed")
    )
    strokes = forms.CharField(required=False, max_length=LONGEST_DRAWING, widget=forms.HiddenInput)
    paper = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, *data: Any, now: Any, paper: int, **kwargs: Any) -> None:
        self.now, self.paper_shown = now, paper
        super().__init__(*data, **kwargs)

    def proposed(self) -> dict[str, Any]:
        patient, today = self.rental.patient, self.rental.clinic.day_of(self.now)
        proposed = {"name": patient.name, "signer": Signature.Signer.PATIENT, "paper": self.paper_shown}
        if not is_minor(patient, today):
            return proposed
        guardian = guardian_of(patient)
        known = {"name": guardian.name, "relation": guardian.relation} if guardian else {"name": ""}
        return {**proposed, **known, "signer": Signature.Signer.GUARDIAN}

    def clean_strokes(self) -> Any:
        """The drawing as lists of points; None where nothing was drawn."""
        try:
            return strokes_from(self.cleaned_data["strokes"])
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message) from refusal

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("method") == Signature.Method.DRAWN and not given.get("strokes"):
            self.add_error("method", _("Nothing was drawn yet; draw in the field, or choose another way."))
        return {name: value for name, value in given.items() if name != "accepted"}


class SignForm(BaseSignForm):
    accepted = forms.BooleanField(label=gettext_lazy("The agreement was read, and is signed in front of me"))
    accepted_terms_version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def proposed(self) -> dict[str, Any]:
        return {**super().proposed(), "accepted_terms_version": self.rental.terms.version}


class SignReturnForm(BaseSignForm):
    accepted = forms.BooleanField(label=gettext_lazy("The receipt was read, and is signed in front of me"))


class KeptForm(ReasonForm):
    """The price that is charged, proposed by the rule of the terms."""

    price = AmountField(
        required=False,
        label=gettext_lazy("Price of the device (AUD)"),
        help_text=gettext_lazy(
            "By the terms, as proposed. For another price say why; leave it empty to charge it as a fee later."
        ),
    )

    def __init__(self, *data: Any, now: Any, **kwargs: Any) -> None:
        self.now = now
        super().__init__(*data, **kwargs)

    def proposed(self) -> dict[str, Any]:
        return {"price": buy_out(self.rental, self.now).price}


class PayerForm(BaseRentalForm):
    """Empty: the patient pays."""

    name = forms.CharField(
        required=False,
        max_length=240,
        label=gettext_lazy("Who pays"),
        help_text=gettext_lazy("Leave all of it empty where the patient pays."),
    )
    email = forms.EmailField(required=False, max_length=254, label=gettext_lazy("E-mail"))
    address = forms.CharField(
        required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), label=gettext_lazy("Address")
    )
    reference = forms.CharField(
        required=False,
        max_length=80,
        help_text=gettext_lazy("A claim or purchase order number."),
        label=gettext_lazy("Reference"),
    )

    def proposed(self) -> dict[str, Any]:
        payer: Payer | None = self.rental.payer
        return {name: getattr(payer, name) for name in self.base_fields} if payer else {}


class TermsForm(forms.Form):
    """The next version, proposed as the present one."""

    text = forms.CharField(
        max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 14}), label=gettext_lazy("Text")
    )
    weekly_hire = AmountField(label=gettext_lazy("Hire a week (AUD)"))
    part_weeks_as_full = forms.BooleanField(required=False, label=gettext_lazy("A part week counts as a full one"))
    minimum_weeks = forms.IntegerField(min_value=0, max_value=52, label=gettext_lazy("Fewest weeks charged"))
    bond = AmountField(label=gettext_lazy("Bond (AUD)"))
    late_fee_per_day = AmountField(label=gettext_lazy("Late fee a day (AUD)"))
    replacement_price = AmountField(label=gettext_lazy("Price of a device that is kept (AUD)"))
    hire_credit_percent = forms.IntegerField(
        min_value=0, max_value=100, label=gettext_lazy("Share of the hire paid taken off it (%)")
    )
    deemed_kept_after_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=365,
        label=gettext_lazy("Days late after which a purchase is proposed"),
        help_text=gettext_lazy("A manager is asked; nothing is charged by itself. Empty: never."),
    )

    read = forms.IntegerField(widget=forms.HiddenInput)  # the version from which the next one is made

    def __init__(self, data: Any = None, files: Any = None, *, terms: Terms) -> None:
        present = {name: getattr(terms, name) for name in self.base_fields if name != "read"}
        super().__init__(data, files, initial={**present, "read": terms.version})
