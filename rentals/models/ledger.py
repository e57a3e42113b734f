"""Money of a rental: append-only entries in AUD; their sum is what the patient owes (I9)."""

from decimal import Decimal

import pgtrigger
from django.db import models
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import User
from rentals.models.rental import Rental


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def total(self) -> Decimal:
        """The sum in AUD; positive means that the patient owes."""
        return self.aggregate(total=Sum("amount"))["total"] or Decimal("0.00")


class LedgerEntry(models.Model):
    """One entry in AUD. Charges are positive, what the patient paid or gets back by credit is negative.

    A bond is no income: `bond_payment` (negative) comes with `bond_held` (positive), so holding it
    leaves the balance alone; `bond_applied` and `refund_due` (both negative) let go of it. `purchase`
    is the price of a device that is kept, `hire_credit` (negative) the share of the hire taken off it.
    """

    class Kind(models.TextChoices):
        HIRE = "hire", _("Hire")
        LATE_FEE = "late_fee", _("Late Fee")
        FEE = "fee", _("Fee")
        PURCHASE = "purchase", _("Purchase")
        HIRE_CREDIT = "hire_credit", _("Hire Credit")
        HIRE_PAYMENT = "hire_payment", _("Hire Payment")
        FEE_PAYMENT = "fee_payment", _("Fee Payment")
        BOND_PAYMENT = "bond_payment", _("Bond Payment")
        BOND_HELD = "bond_held", _("Bond Held")
        BOND_APPLIED = "bond_applied", _("Bond Applied")
        REFUND_DUE = "refund_due", _("Refund Due")
        REFUND = "refund", _("Refund")
        REVERSAL = "reversal", _("Reversal")

    class Method(models.TextChoices):
        CARD = "card", pgettext_lazy("a payment", "Card")
        CASH = "cash", _("Cash")
        EFTPOS = "eftpos", _("Eftpos")
        TRANSFER = "transfer", pgettext_lazy("a payment", "Transfer")

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="ledger")
    kind = models.CharField(max_length=12, choices=Kind)
    amount = models.DecimalField(max_digits=9, decimal_places=2)
    method = models.CharField(max_length=8, choices=Method, blank=True)
    note = models.CharField(max_length=240, blank=True)
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="reversal")
    at = models.DateTimeField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = LedgerQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["hire", "late_fee", "fee", "purchase", "bond_held", "refund"], amount__gt=0)
                | Q(
                    kind__in=[
                        "hire_credit",
                        "hire_payment",
                        "fee_payment",
                        "bond_payment",
                        "bond_applied",
                        "refund_due",
                    ],
                    amount__lt=0,
                )
                | Q(kind="reversal"),
                name="ledger_sign_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False) | (~Q(kind="reversal") & Q(reverses__isnull=True)),
                name="ledger_reversal_names_entry",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["hire_payment", "fee_payment", "bond_payment", "refund"]) & ~Q(method="")
                | ~Q(kind__in=["hire_payment", "fee_payment", "bond_payment", "refund"]) & Q(method=""),
                name="ledger_payment_has_method",
            ),
            models.UniqueConstraint(
                fields=["rental"], condition=Q(kind="refund_due"), name="ledger_bond_released_once"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="ledger_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.rental} {self.kind} {self.amount}"
