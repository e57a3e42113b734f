"""Statement, invoice and receipts: what the ledger has, numbered, for who pays (I9)."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from config.models import Clinic
from patients.models import Access
from rentals import ledger, payers
from rentals.correction import correct_patient_of
from rentals.models import Paper, Rental
from rentals.papers import invoice_paper, receipt_paper, statement_paper
from rentals.papers.keeping import keep, papers_of_patient
from rentals.papers.money import is_taxed, with_parties
from tests import make
from tests.refusals import refused_as
from tests.rentals.papers.reading import says
from tests.shared import shared
from tests.threads import all_at_once

pytestmark = pytest.mark.django_db
LATER = make.NOW + timedelta(days=15)
ABN = "51 824 753 556"


def taxed_clinic(**columns):
    clinic = make.clinic()
    Clinic.objects.filter(pk=clinic.pk).update(**{"abn": ABN, "charges_gst": True, **columns})
    clinic.refresh_from_db()
    return clinic


@shared
def taxed() -> Rental:
    """Returned, to a clinic that charges GST."""
    return make.rental("returned", taxed_clinic())


def pay(rental, kind, amount):
    return ledger.pay(rental, kind=kind, amount=Decimal(amount), method="eftpos", at=LATER, actor=make.manager())


def invoice(rental, actor=None):
    return invoice_paper(rental, at=LATER, actor=actor or make.manager())


class TestStatement:
    def test_it_has_charges_payments_the_bond_and_what_is_open(self, returned):
        rental = pay(returned, "hire", "50.00")
        paper = statement_paper(rental, at=LATER)
        assert says(
            paper, "Charges", "$120.00", "Hire paid by EFTPOS −$50.00", "To be paid: $70.00", "Bond held: $300.00"
        )

    def test_what_is_due_to_the_patient_is_said_so(self, closed):
        assert says(statement_paper(closed, at=LATER), "To be paid back: $180.00", "Bond due back")

    def test_a_fee_that_a_program_names_by_a_code_stands_in_words(self, returned):
        rental, fee = returned, {"kind": "missing_part", "amount": Decimal("20.00")}
        ledger.charge_fees(rental, [fee], at=LATER, actor=make.manager())
        assert says(statement_paper(rental, at=LATER), "Fee: missing part $20.00")

    def test_it_is_made_anew_when_something_was_posted(self, returned):
        first = statement_paper(returned, at=LATER)
        assert statement_paper(returned, at=LATER + timedelta(days=1)) == first
        assert statement_paper(pay(returned, "hire", "1.00"), at=LATER).version == 2

    def test_an_entry_taken_back_stands_as_a_correction(self, returned):
        rental = pay(returned, "hire", "50.00")
        ledger.reverse(rental.ledger.get(kind="hire_payment"), reason="Wrong rental", at=LATER, actor=make.manager())
        assert says(statement_paper(rental, at=LATER), "Correction: Hire paid by EFTPOS $50.00")


class TestReceipt:
    def test_a_payment_has_one_receipt_with_a_number_of_its_own(self, returned):
        rental = pay(returned, "hire", "50.00")
        entry = rental.ledger.get(kind="hire_payment")
        paper = receipt_paper(entry, at=LATER)
        assert says(paper, paper.number, "$50.00", "Hire paid by EFTPOS", rental.patient.name)
        assert receipt_paper(entry, at=LATER + timedelta(days=1)) == paper
        bond = receipt_paper(rental.ledger.get(kind="bond_payment"), at=LATER)
        assert (bond.version, bond.number != paper.number) == (2, True)

    def test_a_charge_or_a_payment_taken_back_has_none(self, returned):
        rental = pay(returned, "hire", "50.00")
        refused_as("no_payment", receipt_paper, rental.ledger.get(kind="hire"), at=LATER)
        entry = rental.ledger.get(kind="hire_payment")
        ledger.reverse(entry, reason="Wrong rental", at=LATER, actor=make.manager())
        refused_as("no_payment", receipt_paper, entry, at=LATER)


class TestWrongPatient:
    @pytest.mark.parametrize("given_name", ["Right", "Ada"])
    def test_what_was_made_for_the_wrong_patient_is_not_shown_to_the_right_one(self, given_name, active):
        """I10."""
        rental = active
        entry = rental.ledger.get(kind="bond_payment")
        wrong = receipt_paper(entry, at=make.NOW)
        names = {"given_name": given_name, "family_name": rental.patient.family_name}
        right = make.patient(rental.clinic, **names, confirm_new=True)
        rental = correct_patient_of(rental, patient=right, reason="A namesake", at=LATER, actor=make.manager())
        assert not papers_of_patient(rental).exists()
        anew = receipt_paper(entry, at=LATER)
        assert list(papers_of_patient(rental)) == [anew] != [wrong]
        assert (anew.number, says(anew, right.name)) == (f"{wrong.number}-2", True)

    def test_what_was_made_while_the_patient_was_put_right_is_not_kept(self, active):
        rental = with_parties(active)
        right = make.patient(rental.clinic)
        correct_patient_of(rental, patient=right, reason="A namesake", at=LATER, actor=make.manager())
        details = {"digest": "0", "at": LATER, "actor": None}
        refused_as("changed_meanwhile", keep, rental, Paper.Kind.STATEMENT, {}, b"%PDF", **details)
        assert not Paper.objects.filter(rental=rental).exists()


class TestInvoice:
    def test_a_tax_invoice_names_abn_gst_and_number(self):
        clinic = taxed_clinic(legal_name="Harbour Bone Pty Ltd")
        paper = invoice(make.rental("returned", clinic))
        assert says(
            paper, "Tax invoice", "Harbour Bone Pty Ltd", f"ABN {ABN}", "Of which GST $10.91",
            "Total including GST $120.00", f"INV-{clinic.pk}-00001", "Tuesday 17 March 2026",
        )  # fmt: skip

    def test_without_gst_it_is_an_invoice_that_says_so(self):
        paper = invoice(make.rental("returned", taxed_clinic(charges_gst=False)))
        assert (paper.facts["title"], paper.facts["gst_words"]) == ("Invoice", "No GST has been charged.")

    def test_without_an_abn_it_is_refused(self, returned):
        refused_as("no_abn", invoice, returned)

    def test_before_anything_was_charged_there_is_none(self):
        refused_as("nothing_to_invoice", invoice, make.rental("active", taxed_clinic()))

    def test_each_charge_stands_on_one_invoice(self, taxed):
        first = invoice(taxed)
        assert invoice(taxed) == first
        second = invoice(make.inspect(taxed, fee="33.00", at=LATER))
        assert (second.facts["totals"][-1], second.number[-5:]) == (["Total including GST", "$33.00"], "00002")

    def test_what_is_taken_back_becomes_an_adjustment_note(self, taxed):
        invoice(taxed)
        ledger.reverse(taxed.ledger.get(kind="hire"), reason="Recalled device", at=LATER, actor=make.manager())
        paper = invoice(taxed)
        assert (paper.facts["title"], paper.facts["totals"][-1][1]) == ("Adjustment note", "−$120.00")

    def test_what_was_invoiced_to_the_wrong_patient_is_taken_back_and_invoiced_to_the_right_one(self):
        """I10: also where both have one name, and the note is no paper of the right one's."""
        clinic = taxed_clinic()
        rental = make.rental("returned", clinic)
        wrong, first = rental.patient, invoice(rental)
        names = {"given_name": wrong.given_name, "family_name": wrong.family_name}
        right = make.patient(clinic, **names, confirm_new=True)
        rental = correct_patient_of(rental, patient=right, reason="A namesake", at=LATER, actor=make.manager())
        anew, actor = invoice(rental), make.manager()
        note = Paper.objects.get(kind="invoice", version=2)
        assert [paper.number[-5:] for paper in (first, note, anew)] == ["00001", "00002", "00003"]
        assert says(note, "Adjustment note", "Of which GST −$10.91", "−$120.00", f"Corrects {first.number}", wrong.name)
        assert (note.facts["patient_pk"], anew.facts["patient_pk"]) == (wrong.pk, right.pk)
        assert (anew.facts["title"], anew.facts["totals"][-1][1]) == ("Tax invoice", "$120.00")
        assert list(papers_of_patient(rental)) == [anew]
        assert invoice(rental, actor) == anew
        assert not Access.objects.filter(user=actor).exists()

    def test_who_pays_from_now_on_gets_what_was_invoiced_to_another(self, taxed):
        rental = taxed
        invoice(rental)
        for name in ("Club", "Insurer"):
            rental = payers.set_payer(rental, name=name, at=LATER, actor=make.reception())
            assert says(invoice(rental), "Tax invoice", "To be paid by", name, "$120.00")
        assert Paper.objects.get(number__endswith="4").facts["corrected"] == [f"INV-{rental.clinic_id}-00003"]
        told = Paper.objects.filter(kind="invoice").order_by("version").values_list("facts__payer__0", "number")
        assert [(payer, number[-1]) for payer, number in told] == [
            (rental.patient.name, "1"), (rental.patient.name, "2"), ("Club", "3"), ("Club", "4"), ("Insurer", "5"),
        ]  # fmt: skip

    @pytest.mark.parametrize("before", [True, False])
    def test_what_is_taken_back_follows_the_invoice_and_what_is_new_the_setting_of_now(self, before):
        clinic = taxed_clinic(charges_gst=before)
        rental = make.rental("returned", clinic)
        first = invoice(rental)
        Clinic.objects.update(charges_gst=not before)
        ledger.reverse(rental.ledger.get(kind="hire"), reason="Recalled device", at=LATER, actor=make.manager())
        new = invoice(make.inspect(Rental.objects.get(pk=rental.pk), fee="33.00", at=LATER))
        note = Paper.objects.get(kind="invoice", version=2)
        assert [is_taxed(paper) for paper in (first, note, new)] == [before, before, not before]
        assert says(note, "Adjustment note" if before else "Credit note", "−$120.00")
        assert says(new, "Invoice" if before else "Tax invoice", "$33.00")

    @pytest.mark.parametrize("before", [True, False])
    def test_what_is_invoiced_to_another_keeps_the_gst_that_it_had(self, before):
        rental = make.rental("returned", taxed_clinic(charges_gst=before))
        first = invoice(rental)
        Clinic.objects.update(charges_gst=not before)
        second = invoice(make.inspect(Rental.objects.get(pk=rental.pk), fee="33.00", at=LATER))
        rental = payers.set_payer(rental, name="Club", at=LATER, actor=make.reception())
        invoice(rental)
        made = Paper.objects.filter(kind="invoice").order_by("version")
        told = [(is_taxed(one), one.facts["totals"][-1][1], one.facts.get("corrected")) for one in made]
        assert told == [
            (before, "$120.00", None),
            (not before, "$33.00", None),
            (before, "−$120.00", [first.number]),
            (not before, "−$33.00", [second.number]),
            (before, "$120.00", None),
            (not before, "$33.00", None),
        ]
        assert invoice(rental) == made.last()
        assert made.count() == 6

    def test_nothing_is_taken_back_where_nothing_was_left_to_pay(self, taxed):
        rental = taxed
        invoice(rental)
        ledger.reverse(rental.ledger.get(kind="hire"), reason="Recalled device", at=LATER, actor=make.manager())
        invoice(rental)
        rental = payers.set_payer(rental, name="Club", at=LATER, actor=make.reception())
        refused_as("nothing_to_invoice", invoice, rental)

    def test_each_clinic_counts_its_own(self):
        papers = [invoice(make.rental("returned", taxed_clinic())) for _ in range(2)]
        assert [paper.number[-5:] for paper in papers] == ["00001", "00001"]

    def test_numbers_have_no_gap_and_none_twice_however_many_ask_at_once(self, transactional_db):
        clinic, actor = taxed_clinic(), make.manager()
        rentals = [make.rental("returned", clinic) for _ in range(6)]
        # Each rental twice, as by two desks, and one that is refused in between.
        asked = [partial(invoice, rental, actor) for rental in rentals * 2]
        numbers = {paper.number for paper in all_at_once(asked)}
        assert sorted(number[-5:] for number in numbers) == [f"{number:05d}" for number in range(1, 7)]
        assert Paper.objects.filter(kind="invoice").count() == 6


class TestPayer:
    def set(self, rental, **details):
        return payers.set_payer(rental, **details, at=LATER, actor=make.reception())

    def test_who_pays_stands_on_what_is_made_from_then_on(self, taxed):
        rental = taxed
        rental = self.set(rental, name="Club #1", address="Box 7\nPerth", reference="PO 12", email="pay@club.example")
        assert says(invoice(rental), "To be paid by", "Club #1", "Box 7", "Perth", "Reference PO 12")
        assert rental.moves.last().verb == "set_payer"

    def test_an_empty_name_is_the_patient_again(self, active):
        rental = self.set(self.set(active, name="Club"), name="")
        assert rental.payer is None

    def test_the_same_payer_is_written_down_once(self, active):
        rental = active
        for name in ("Club", "Insurer", "Club"):
            rental = self.set(rental, name=name)
        assert rental.patient.payers.count() == 2

    def test_an_address_without_a_name_is_refused(self, active):
        assert refused_as("invalid", self.set, active, name=" ", address="Box 7").field == "name"
