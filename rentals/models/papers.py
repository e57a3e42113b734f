"""The papers of a rental and who signed them: made once, never changed."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import Terms, User
from rentals.models.rental import Rental


class Paper(models.Model):
    """One PDF of a rental, kept byte by byte. A change makes a new version, never a new content."""

    class Kind(models.TextChoices):
        AGREEMENT = "agreement", _("Rental agreement")
        RETURN = "return", _("Return receipt")
        STATEMENT = "statement", _("Statement")
        INVOICE = "invoice", _("Tax invoice")
        RECEIPT = "receipt", _("Receipt")

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="papers")
    kind = models.CharField(max_length=9, choices=Kind)
    version = models.PositiveIntegerField(help_text="Counts the papers of one kind of one rental.")
    number = models.CharField(max_length=24, blank=True, help_text="Of an invoice or receipt; each once.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what it says, to tell whether it still holds.")
    facts = models.JSONField(help_text="What was printed, as the values that were given to the typesetter.")
    content = models.BinaryField(help_text="The PDF.")
    sha256 = models.CharField(max_length=64, help_text="Of the PDF.")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("kind", "version")
        constraints = [
            models.UniqueConstraint(fields=["rental", "kind", "version"], name="paper_version_once"),
            models.UniqueConstraint(fields=["number"], condition=~Q(number=""), name="paper_number_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["agreement", "return", "statement", "invoice", "receipt"]),
                name="paper_kind_known",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="paper_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.rental} {self.kind} {self.version}"


class Signature(models.Model):
    """One signature: to the agreement under one version of the terms, or to the condition at the return.

    `paper` is what was shown, `signed_paper` the same with the signature and the page that proves it; both are
    empty for one recorded as signed on paper. A witness is the member of staff at whose desk it was given;
    without one the patient signed by the link, from `address`.
    """

    class Purpose(models.TextChoices):
        AGREEMENT = "agreement", _("Agreement")
        RETURN = "return", pgettext_lazy("of a device", "Return")

    class Method(models.TextChoices):
        ON_PAPER = "on_paper", _("On paper, at the desk")
        TYPED = "typed", _("Name typed")
        DRAWN = "drawn", _("Drawn")

    class Signer(models.TextChoices):
        PATIENT = "patient", _("The patient")
        GUARDIAN = "guardian", _("A parent or guardian")

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="signatures")
    purpose = models.CharField(max_length=9, choices=Purpose, default=Purpose.AGREEMENT)
    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1, help_text="Counts what was signed for one purpose of one rental.")
    name = models.CharField(max_length=240)
    signer = models.CharField(max_length=8, choices=Signer, default=Signer.PATIENT)
    relation = models.CharField(max_length=80, blank=True, help_text="Of a guardian to the patient.")
    method = models.CharField(max_length=8, choices=Method, default=Method.ON_PAPER)
    strokes = models.JSONField(null=True, help_text="A drawn one: a list of lines, each a list of [x, y] from 0 to 1.")
    address = models.GenericIPAddressField(null=True, help_text="From where it came.")
    signed_at = models.DateTimeField()
    witnessed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    paper = models.OneToOneField(Paper, on_delete=models.PROTECT, null=True, related_name="signature")
    signed_paper = models.OneToOneField(Paper, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(fields=["rental", "purpose", "version"], name="signature_version_once"),
            models.CheckConstraint(condition=Q(purpose__in=["agreement", "return"]), name="signature_purpose_known"),
            models.CheckConstraint(
                condition=Q(method="drawn", strokes__isnull=False)
                | (Q(method__in=["on_paper", "typed"]) & Q(strokes__isnull=True)),
                name="signature_drawn_has_strokes",
            ),
            models.CheckConstraint(
                condition=Q(witnessed_by__isnull=False) | Q(paper__isnull=False),
                name="signature_is_witnessed_or_on_a_paper",
            ),
            models.CheckConstraint(condition=Q(signer__in=["patient", "guardian"]), name="signature_signer_known"),
        ]
        triggers = [
            pgtrigger.Protect(name="signature_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"signature {self.pk}"
