"""The papers about money: a receipt for a payment, a statement of all, an invoice for what was charged (I9). AUD."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from config.days import brief_day, named_day
from config.models import Clinic, User
from config.refusals import Refusal
from config.words import aud
from patients.access import record_access
from patients.models import Access
from rentals import ledger
from rentals.deciding import deciding
from rentals.models import LedgerEntry, Paper, Rental
from rentals.papers.keeping import append, digest_of, keep, lock_of_same_patient, papers_of
from rentals.papers.parties import clinic_facts, patient_lines
from rentals.papers.typesetting import typeset
from rentals.papers.words import LANGUAGE, day, line, lines, moment, money

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind = LedgerEntry.Kind
GST_SHARE = Decimal(11)  # of an amount that includes 10 % GST, an eleventh is GST
CENT = Decimal("0.01")
CHARGES = (Kind.HIRE, Kind.LATE_FEE, Kind.FEE, Kind.PURCHASE, Kind.HIRE_CREDIT)
PAYMENTS = (Kind.HIRE_PAYMENT, Kind.FEE_PAYMENT, Kind.BOND_PAYMENT, Kind.REFUND)
BOND = (Kind.BOND_HELD, Kind.BOND_APPLIED, Kind.REFUND_DUE)
WORDS: "dict[str, StrOrPromise]" = {
    Kind.HIRE: gettext_lazy("Hire"),
    Kind.LATE_FEE: gettext_lazy("Late return"),
    Kind.FEE: gettext_lazy("Fee"),
    Kind.PURCHASE: gettext_lazy("Device kept"),
    Kind.HIRE_CREDIT: gettext_lazy("Hire credited against the price"),
    Kind.HIRE_PAYMENT: gettext_lazy("Hire paid"),
    Kind.FEE_PAYMENT: gettext_lazy("Fee paid"),
    Kind.BOND_PAYMENT: gettext_lazy("Bond paid"),
    Kind.BOND_HELD: gettext_lazy("Bond held by the clinic"),
    Kind.BOND_APPLIED: gettext_lazy("Bond used for what was unpaid"),
    Kind.REFUND_DUE: gettext_lazy("Bond due back"),
    Kind.REFUND: gettext_lazy("Paid back"),
}
PATIENT = ("patient_pk", "patient")  # of a paper's facts; the number tells namesakes apart
PARTIES = (*PATIENT, "payer")
INVOICE_LOCK = 0x1407  # the first of the two numbers of the lock under which a clinic's invoices are counted


def entry_words(entry: LedgerEntry) -> str:
    """What a ledger entry is, in words for the patient; its note, where somebody wrote one."""
    if entry.reverses is not None:
        return _("Correction: %(entry)s") % {"entry": entry_words(entry.reverses)}
    words = f"{WORDS[entry.kind]} {ledger.METHODS[entry.method]}" if entry.method else str(WORDS[entry.kind])
    note = entry.note.replace("_", " ") if entry.kind == Kind.FEE else entry.note  # a program names a fee by a code
    return f"{words}: {line(note)}" if note else words


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
        **parties(rental),
    }


def parties(rental: Rental) -> dict[str, Any]:
    """Whose paper it is, and who pays."""
    return {
        "patient_pk": rental.patient_id,
        "patient": patient_lines(rental.patient)[:1],
        "payer": payer_lines(rental),
    }


def is_for(rental: Rental, paper: Paper, names: Iterable[str]) -> bool:
    """Whether `paper` names in `names` (of its facts) whom the rental does now."""
    now = parties(rental)
    return all(paper.facts.get(name, now[name]) == now[name] for name in names)


def with_parties(rental: Rental) -> Rental:
    return Rental.objects.select_related("clinic", "patient", "terms", "payer").get(pk=rental.pk)


def line_of(entry: LedgerEntry, amount: Decimal, clinic: Clinic) -> list[str]:
    return [brief_day(clinic.day_of(entry.at)), entry_words(entry), aud(amount)]


def statement_facts(rental: Rental) -> dict[str, Any]:
    """Charges, payments, the bond and what is open, as the ledger has them, in the language that is being spoken."""
    entries = entries_of(rental)
    charges = [entry for entry in entries if kind_of(entry) in CHARGES]
    paid = [entry for entry in entries if kind_of(entry) in PAYMENTS]
    bond = [entry for entry in entries if kind_of(entry) in BOND]
    parts = [(_("Charges"), charges), (_("Payments"), paid), (_("Bond"), bond)]
    return {
        **heading(rental, _("Statement")),
        "course": [
            [pgettext("a day", "From"), named_day(rental.starts_on)],
            [_("Due back"), named_day(rental.due_on)],
            *devices_of(rental),
        ],
        "parts": [
            {
                "name": name,
                "lines": [line_of(entry, entry.amount, rental.clinic) for entry in some],
                "total": aud(sum((entry.amount for entry in some), Decimal(0))),
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
    words = _("%(model)s, serial number %(serial)s")
    given = [words % {"model": line(model), "serial": line(serial)} for model, serial in names]
    return [[_("Device"), _(", then ").join(given)]] if given else []


def result_pairs(balance: Decimal, held: Decimal) -> list[list[str]]:
    if balance > 0:
        open_money = [_("To be paid"), aud(balance)]
    else:
        open_money = (
            [_("To be paid back"), aud(-balance)] if balance else [pgettext("an amount of money", "Open"), _("nothing")]
        )
    return [open_money, *([[_("Bond held"), aud(held)]] if held else [])]


def statement_paper(rental: Rental, *, at: datetime, actor: User | None = None) -> Paper:
    """The statement as the ledger stands; the newest one again while nothing has changed."""
    rental = with_parties(rental)
    with translation.override(LANGUAGE):
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
        raise Refusal("no_payment", _("A receipt is for a payment; choose one of the payments."))
    rental = with_parties(entry.rental)
    made = receipts_of(rental, entry)
    if made and is_for(rental, made[0], PATIENT):
        return made[0]
    if LedgerEntry.objects.filter(reverses=entry).exists():
        raise Refusal("no_payment", _("This payment was taken back, so there is no receipt for it."))
    number = f"R-{entry.pk:07d}" + (f"-{len(made) + 1}" if made else "")
    with translation.override(LANGUAGE):
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
    more was taken back than charged, with GST as the invoice that it adjusts had it. Where another patient or payer was
    recorded since, what was invoiced is taken back by a note to whom it was invoiced to, and invoiced to the right one.
    Where it takes several papers, the last of them. The newest one again when there is nothing new. Raises `no_abn`,
    `nothing_to_invoice`, `changed_meanwhile`.
    """
    with deciding():
        # Not a row: nobody but another invoice of this clinic waits while the PDF is made.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [INVOICE_LOCK, rental.clinic_id])
        rental = with_parties(rental)
        if not rental.clinic.abn:
            raise Refusal(
                "no_abn",
                _("%(clinic)s has no ABN yet; a manager enters it under Settings, then make the invoice.")
                % {"clinic": rental.clinic},
            )
        made = list(papers_of(rental, Paper.Kind.INVOICE))
        made = [*take_back_misdirected(rental, made, at, actor), *made]
        invoiced = invoiced_on(made)
        charged = [entry for entry in charges_of(rental) if entry.pk not in invoiced]
        written = [
            write_invoice(rental, entries, {}, at, actor, taxed=taxed)
            for taxed, entries in by_gst(rental.clinic, charged, made)
        ]
        paper = written[-1] if written else newest_or_refused(rental, made)
        lock_of_same_patient(rental)
    return paper


def by_gst(clinic: Clinic, entries: list[LedgerEntry], invoices: list[Paper]) -> list[tuple[bool, list[LedgerEntry]]]:
    """`entries` without and with GST, each as it, or what it takes back, was invoiced before, else as `clinic` charges
    now; those as now last. `invoices` are newest first."""
    was = {pk: is_taxed(invoice) for invoice in reversed(invoices) for pk in invoice.facts["entries"]}
    groups: dict[bool, list[LedgerEntry]] = {not clinic.charges_gst: [], clinic.charges_gst: []}
    for entry in entries:
        before = entry.pk if entry.pk in was or entry.reverses is None else entry.reverses.pk
        groups[was.get(before, clinic.charges_gst)].append(entry)
    return [(taxed, some) for taxed, some in groups.items() if some]


def is_taxed(invoice: Paper) -> bool:
    """Whether GST was charged on it."""
    return not invoice.facts["gst_words"]


def take_back_misdirected(rental: Rental, made: list[Paper], at: datetime, actor: User) -> list[Paper]:
    """The notes that take back what was invoiced to somebody else than the rental's patient and payer, newest first:
    one for what was charged with GST, one for what was without, none where that is nothing. `made` are the rental's
    invoices, newest first."""
    if not made or is_for(rental, made[0], PARTIES):
        return []
    invoiced = invoiced_on(made)
    entries = [entry for entry in charges_of(rental) if entry.pk in invoiced]
    since_last_note = list(takewhile(lambda invoice: "taken_back" not in invoice.facts, made))
    theirs = {name: made[0].facts.get(name) for name in PARTIES}  # an old invoice has no number of its patient
    notes = []
    for taxed, some in by_gst(rental.clinic, entries, made):
        corrected = [invoice.number for invoice in reversed(since_last_note) if is_taxed(invoice) == taxed]
        note = {**theirs, "entries": [], "taken_back": sorted(entry.pk for entry in some), "corrected": corrected}
        if sum(entry.amount for entry in some):
            notes.append(write_invoice(rental, some, note, at, actor, taxed=taxed))
    return notes[::-1]


def charges_of(rental: Rental) -> list[LedgerEntry]:
    """The charges of the rental, and what takes them back."""
    return [entry for entry in entries_of(rental) if kind_of(entry) in CHARGES]


def invoiced_on(invoices: list[Paper]) -> set[int]:
    """The ids of the entries that stand on `invoices` (newest first) and on no later note that takes them back."""
    invoiced: set[int] = set()
    for invoice in reversed(invoices):
        invoiced |= set(invoice.facts["entries"])
        invoiced -= set(invoice.facts.get("taken_back", []))
    return invoiced


def newest_or_refused(rental: Rental, invoices: list[Paper]) -> Paper:
    if not invoices or not is_for(rental, invoices[0], PARTIES):
        raise Refusal(
            "nothing_to_invoice", _("Nothing is to be invoiced; the hire is charged when the device comes back.")
        )
    return invoices[0]


def next_invoice_number(clinic: Clinic) -> str:
    """The number after the last one of `clinic`. The caller holds the lock under which they are counted."""
    made = Paper.objects.filter(kind=Paper.Kind.INVOICE, rental__clinic=clinic).count()
    return f"INV-{clinic.pk}-{made + 1:05d}"


def write_invoice(
    rental: Rental, entries: list[LedgerEntry], note: dict[str, Any], at: datetime, actor: User, *, taxed: bool
) -> Paper:
    """The next invoice of the clinic; with `note` (facts that replace the usual ones), it takes `entries` back.

    The caller holds the transaction and the lock under which the numbers are counted.
    """
    number = next_invoice_number(rental.clinic)
    corrected = note.get("corrected", [])
    with translation.override(LANGUAGE):
        facts = {**invoice_facts(rental, entries, number, at, corrected=corrected, taxed=taxed), **note}
    content = typeset("invoice", facts, at)
    record_access(actor, [facts["patient_pk"] or rental.patient_id], Access.Action.CHANGED, at)
    return append(
        rental, Paper.Kind.INVOICE, facts, content, digest=digest_of(facts), at=at, actor=actor, number=number
    )


def invoice_facts(
    rental: Rental, entries: list[LedgerEntry], number: str, at: datetime, *, corrected: list[str], taxed: bool
) -> dict[str, Any]:
    """What an invoice says; with the numbers of those that are `corrected` each amount is taken back."""
    amounts = [-entry.amount if corrected else entry.amount for entry in entries]
    total = sum(amounts, Decimal(0))
    gst = (total / GST_SHARE).quantize(CENT, ROUND_HALF_UP)
    dates = [["Number", number], ["Date", day(rental.clinic.day_of(at))]]
    return {
        **heading(rental, title_of(total, taxed=taxed), number),
        "entries": [entry.pk for entry in entries],
        "dates": [*dates, *([["Corrects", ", ".join(corrected)]] if corrected else []), *devices_of(rental)],
        "lines": [line_of(entry, amount, rental.clinic) for entry, amount in zip(entries, amounts, strict=True)],
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
