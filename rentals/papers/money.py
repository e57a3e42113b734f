"""The papers about money: a receipt for a payment, a statement of all, an invoice for what was charged (I9). AUD."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection

from config.models import Clinic, User
from config.refusals import Refusal
from patients.access import record_access
from patients.models import Access
from rentals import ledger
from rentals.deciding import deciding
from rentals.models import LedgerEntry, Paper, Rental
from rentals.papers.keeping import append, digest_of, keep, lock_of_same_patient, papers_of
from rentals.papers.parties import clinic_facts, patient_lines
from rentals.papers.typesetting import typeset
from rentals.papers.words import day, line, lines, moment, money

Kind = LedgerEntry.Kind
GST_SHARE = Decimal(11)  # of an amount that includes 10 % GST, an eleventh is GST
CENT = Decimal("0.01")
CHARGES = (Kind.HIRE, Kind.LATE_FEE, Kind.FEE, Kind.PURCHASE, Kind.HIRE_CREDIT)
PAYMENTS = (Kind.HIRE_PAYMENT, Kind.FEE_PAYMENT, Kind.BOND_PAYMENT, Kind.REFUND)
BOND = (Kind.BOND_HELD, Kind.BOND_APPLIED, Kind.REFUND_DUE)
WORDS: dict[str, str] = {
    Kind.HIRE: "Hire",
    Kind.LATE_FEE: "Late return",
    Kind.FEE: "Fee",
    Kind.PURCHASE: "Device kept",
    Kind.HIRE_CREDIT: "Hire credited against the price",
    Kind.HIRE_PAYMENT: "Hire paid",
    Kind.FEE_PAYMENT: "Fee paid",
    Kind.BOND_PAYMENT: "Bond paid",
    Kind.BOND_HELD: "Bond held by the clinic",
    Kind.BOND_APPLIED: "Bond used for what was unpaid",
    Kind.REFUND_DUE: "Bond due back",
    Kind.REFUND: "Paid back",
}
INVOICE_LOCK = 0x1407  # the first of the two numbers of the lock under which a clinic's invoices are counted


def entry_words(entry: LedgerEntry) -> str:
    """What a ledger entry is, in words for the patient; its note, where somebody wrote one."""
    if entry.reverses is not None:
        return f"Correction: {entry_words(entry.reverses)}"
    words = WORDS[entry.kind] + (f" by {entry.get_method_display()}" if entry.method else "")
    return f"{words}: {line(entry.note)}" if entry.note else words


def entries_of(rental: Rental) -> list[LedgerEntry]:
    return list(rental.ledger.select_related("reverses").order_by("pk"))


def kind_of(entry: LedgerEntry) -> str:
    """The kind of an entry, or of the one that it takes back."""
    return entry.reverses.kind if entry.reverses else entry.kind


def payer_lines(rental: Rental) -> list[str]:
    """Who pays: the patient, or whom the rental names instead."""
    payer = rental.payer
    if payer is None:
        return patient_lines(rental.patient)[:1]
    reference = [f"Reference {line(payer.reference)}"] if payer.reference else []
    return [line(payer.name), *lines(payer.address), *reference]


def heading(rental: Rental, title: str, number: str = "") -> dict[str, Any]:
    """What stands on top of each paper about money."""
    return {
        "title": title,
        "footer": f"{title} {number}".strip() + f", rental {rental.reference}",
        "reference": rental.reference,
        "number": number,
        "clinic": clinic_facts(rental.clinic),
        "patient": patient_lines(rental.patient)[:1],
        "payer": payer_lines(rental),
    }


def with_parties(rental: Rental) -> Rental:
    return Rental.objects.select_related("clinic", "patient", "terms", "payer").get(pk=rental.pk)


def line_of(entry: LedgerEntry, clinic: Clinic) -> list[str]:
    return [f"{clinic.day_of(entry.at):%-d %b %Y}", entry_words(entry), money(entry.amount)]


def statement_facts(rental: Rental) -> dict[str, Any]:
    """Charges, payments, the bond and what is open, as the ledger has them."""
    entries = entries_of(rental)
    charges = [entry for entry in entries if kind_of(entry) in CHARGES]
    paid = [entry for entry in entries if kind_of(entry) in PAYMENTS]
    bond = [entry for entry in entries if kind_of(entry) in BOND]
    parts = [("Charges", charges), ("Payments", paid), ("Bond", bond)]
    return {
        **heading(rental, "Statement"),
        "course": [["From", day(rental.starts_on)], ["Due back", day(rental.due_on)], *devices_of(rental)],
        "parts": [
            {
                "name": name,
                "lines": [line_of(entry, rental.clinic) for entry in some],
                "total": money(sum((entry.amount for entry in some), Decimal(0))),
            }
            for name, some in parts
            if some
        ],
        "result": result_pairs(sum((entry.amount for entry in entries), Decimal(0)), ledger.bond_held(rental)),
    }


def devices_of(rental: Rental) -> list[list[str]]:
    """The devices that the patient was given, by serial number."""
    holdings = rental.holdings.filter(out__isnull=False, device__isnull=False).order_by("pk")
    names = holdings.values_list("device__model__name", "device__serial")
    given = [f"{line(model)}, serial number {line(serial)}" for model, serial in names]
    return [["Device", ", then ".join(given)]] if given else []


def result_pairs(balance: Decimal, held: Decimal) -> list[list[str]]:
    if balance > 0:
        open_money = ["To be paid", money(balance)]
    else:
        open_money = ["To be paid back", money(-balance)] if balance else ["Open", "nothing"]
    return [open_money, *([["Bond held", money(held)]] if held else [])]


def statement_paper(rental: Rental, *, at: datetime, actor: User | None = None) -> Paper:
    """The statement as the ledger stands; the newest one again while nothing has changed."""
    rental = with_parties(rental)
    facts = statement_facts(rental)
    digest = digest_of(facts)
    newest = papers_of(rental, Paper.Kind.STATEMENT).first()
    if newest and newest.digest == digest:
        return newest
    facts = {**facts, "made": moment(at, rental.clinic)}
    return keep(rental, Paper.Kind.STATEMENT, facts, typeset("statement", facts, at), digest=digest, at=at, actor=actor)


def receipt_paper(entry: LedgerEntry, *, at: datetime, actor: User | None = None) -> Paper:
    """The receipt for one payment (or refund), numbered by its entry; made once.

    Raises `no_payment` for an entry that is none, or that was taken back.
    """
    if entry.kind not in PAYMENTS:
        raise Refusal("no_payment", "A receipt is for a payment; choose one of the payments.")
    rental = with_parties(entry.rental)
    made = receipts_of(rental, entry)
    if made and made[0].facts["patient"] == patient_lines(rental.patient)[:1]:
        return made[0]
    if LedgerEntry.objects.filter(reverses=entry).exists():
        raise Refusal("no_payment", "This payment was taken back, so there is no receipt for it.")
    number = f"R-{entry.pk:07d}" + (f"-{len(made) + 1}" if made else "")
    facts = receipt_facts(rental, entry, number)
    content = typeset("receipt", facts, entry.at)
    digest = digest_of(facts)
    with deciding():
        lock_of_same_patient(rental)
        twin = Paper.objects.filter(number=number).first()
        return twin or append(
            rental, Paper.Kind.RECEIPT, facts, content, digest=digest, at=at, actor=actor, number=number
        )


def receipts_of(rental: Rental, entry: LedgerEntry) -> list[Paper]:
    """The receipts for `entry`, newest first: one, and another where the rental was recorded for the wrong patient."""
    return list(papers_of(rental, Paper.Kind.RECEIPT).filter(facts__entry=entry.pk))


def receipt_facts(rental: Rental, entry: LedgerEntry, number: str) -> dict[str, Any]:
    is_refund = entry.kind == Kind.REFUND
    return {
        **heading(rental, "Receipt", number),
        "entry": entry.pk,
        "pairs": [
            ["Receipt", number],
            ["Paid to" if is_refund else "Received from", ", ".join(payer_lines(rental)[:1])],
            ["For", entry_words(entry)],
            ["On", moment(entry.at, rental.clinic)],
        ],
        "amount": money(abs(entry.amount)),
    }


def invoice_paper(rental: Rental, *, at: datetime, actor: User) -> Paper:
    """The invoice for what was charged and not invoiced before, numbered without gaps in each clinic.

    A tax invoice where the clinic charges GST, of which each amount then holds an eleventh; an adjustment note where
    more was taken back than charged. The newest one again when there is nothing new. Raises `no_abn`,
    `nothing_to_invoice`.
    """
    rental = with_parties(rental)
    if not rental.clinic.abn:
        raise Refusal("no_abn", f"{rental.clinic} has no ABN yet; have a manager enter it, then make the invoice.")
    with deciding():
        # Not a row: nobody but another invoice of this clinic waits while the PDF is made.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [INVOICE_LOCK, rental.clinic_id])
        made = list(papers_of(rental, Paper.Kind.INVOICE))
        charged = not_invoiced(rental, made)
        if not charged:
            return newest_or_refused(made)
        number = next_invoice_number(rental.clinic)
        facts = invoice_facts(rental, charged, number, at)
        content = typeset("invoice", facts, at)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
        return append(
            rental, Paper.Kind.INVOICE, facts, content, digest=digest_of(facts), at=at, actor=actor, number=number
        )


def not_invoiced(rental: Rental, invoices: Iterable[Paper]) -> list[LedgerEntry]:
    """The charges of the rental, and what takes them back, that stand on none of `invoices`."""
    told = {pk for invoice in invoices for pk in invoice.facts["entries"]}
    return [entry for entry in entries_of(rental) if kind_of(entry) in CHARGES and entry.pk not in told]


def newest_or_refused(invoices: list[Paper]) -> Paper:
    if not invoices:
        raise Refusal("nothing_to_invoice", "Nothing was charged yet; the hire is charged when the device comes back.")
    return invoices[0]


def next_invoice_number(clinic: Clinic) -> str:
    """The number after the last one of `clinic`. The caller holds the lock under which they are counted."""
    made = Paper.objects.filter(kind=Paper.Kind.INVOICE, rental__clinic=clinic).count()
    return f"INV-{clinic.pk}-{made + 1:05d}"


def invoice_facts(rental: Rental, charged: list[LedgerEntry], number: str, at: datetime) -> dict[str, Any]:
    total = sum((entry.amount for entry in charged), Decimal(0))
    gst = (total / GST_SHARE).quantize(CENT, ROUND_HALF_UP)
    taxed = rental.clinic.charges_gst
    return {
        **heading(rental, title_of(total, taxed=taxed), number),
        "entries": [entry.pk for entry in charged],
        "dates": [["Number", number], ["Date", day(rental.clinic.day_of(at))], *devices_of(rental)],
        "lines": [line_of(entry, rental.clinic) for entry in charged],
        "totals": [
            *([["Of which GST", money(gst)]] if taxed else []),
            ["Total" + (" including GST" if taxed else ""), money(total)],
        ],
        "gst_words": "" if taxed else "No GST has been charged.",
    }


def title_of(total: Decimal, *, taxed: bool) -> str:
    if total < 0:
        return "Adjustment note" if taxed else "Credit note"
    return "Tax invoice" if taxed else "Invoice"
