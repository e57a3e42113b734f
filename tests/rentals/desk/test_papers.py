"""Papers at the desk: signing, files, the statement, who pays, what a kept device costs, and the terms of the site."""

import json
from datetime import date, timedelta

import pytest

from config.models import Clinic
from patients.models import Access, Contact
from rentals.agreement import current_agreement
from rentals.booking.extension import extend
from rentals.correction import correct_patient_of
from rentals.models import Paper, Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.papers.reading import says
from tests.shared import shared

pytestmark = pytest.mark.django_db
BEFORE = make.NOW - timedelta(days=14)
DRAWN = json.dumps([[[n / 20, 0.5] for n in range(20)]])


@shared
def returned() -> Rental:
    """Today, after a fortnight."""
    return make.rental(State.RETURNED, at=BEFORE, ended=make.NOW)


def home(rental):
    return f"/rentals/{rental.reference}/"


def desk_of(rental, role=make.reception):
    return Desk(role(rental.clinic))


class TestSigning:
    def test_the_agreement_is_read_on_the_page_and_signed_by_drawing(self, reserved):
        desk = desk_of(reserved)
        desk.see(f"{home(reserved)}sign/")
        assert "Wipe the transducer" in desk.page
        assert reserved.holdings.get().device.serial in desk.page
        assert desk.fill_in(f"{home(reserved)}sign/", accepted="on", method="drawn", strokes=DRAWN) == 302
        signature = reserved.signatures.get()
        assert (signature.method, len(signature.strokes[0]), signature.address) == ("drawn", 20, "127.0.0.1")
        desk.see(home(reserved))
        assert "Rental agreement 2" in desk.page
        assert f'href="{home(reserved)}sign/"' not in desk.page.partition('id="papers"')[2]

    @pytest.mark.parametrize(
        ("entries", "field"),
        [
            ({"method": "drawn"}, "method"),
            ({"method": "drawn", "strokes": "[[[5,5]]]"}, "strokes"),
            ({"name": ""}, "name"),
            ({"signer": "guardian"}, "relation"),
        ],
    )
    def test_what_is_missing_is_said_at_its_field(self, entries, field, reserved):
        desk = desk_of(reserved)
        assert desk.fill_in(f"{home(reserved)}sign/", accepted="on", **entries) in {400, 422}
        assert field in desk.problems()
        assert not reserved.signatures.exists()

    def test_a_pen_on_the_printed_paper_leaves_no_other_copy(self, reserved):
        assert desk_of(reserved).fill_in(f"{home(reserved)}sign/", accepted="on", method="on_paper") == 302
        signature = reserved.signatures.get()
        assert (signature.paper.version, signature.signed_paper) == (1, None)

    def test_for_a_minor_the_guardian_that_is_known_is_proposed(self):
        clinic = make.clinic()
        child = make.patient(clinic, date_of_birth=date(2012, 5, 17))
        Contact.objects.create(patient=child, name="Bea", relation="Mother", is_guardian=True, created_at=make.NOW)
        rental = make.rental(State.RESERVED, clinic, patient=child, at=make.NOW)
        desk = desk_of(rental)
        assert desk.fill_in(f"{home(rental)}sign/", accepted="on", signer="patient") == 409
        assert list(desk.problems()) == ["signer"]
        assert desk.fill_in(f"{home(rental)}sign/", accepted="on") == 302
        assert (rental.signatures.get().name, rental.signatures.get().relation) == ("Bea", "Mother")

    def test_what_was_changed_meanwhile_is_shown_anew_and_then_signed(self, reserved):
        desk = desk_of(reserved)
        desk.see(f"{home(reserved)}sign/")
        entries = {**desk.proposed(), "accepted": "on"}
        extend(reserved, due_on=date(2026, 4, 13), at=make.NOW, actor=make.manager())
        assert desk.send(f"{home(reserved)}sign/", **entries) == 409
        assert "was changed since this agreement was made" in desk.page
        assert "Monday 13 April 2026" in desk.page
        assert desk.send(f"{home(reserved)}sign/", **{**desk.proposed(), "accepted": "on"}) == 302

    def test_a_paper_of_another_rental_is_not_found(self):
        rental, other = (make.rental(State.RESERVED) for _ in range(2))
        paper = current_agreement(other, at=make.NOW)
        assert desk_of(rental).fill_in(f"{home(rental)}sign/", accepted="on", paper=paper.pk) == 404

    def test_a_changed_hire_is_signed_while_the_device_is_out(self, active):
        extend(active, due_on=date(2026, 4, 13), at=make.NOW, actor=make.manager())
        desk = desk_of(active)
        desk.see(home(active))
        assert "Sign the change" in desk.page
        assert desk.fill_in(f"{home(active)}sign-change/", accepted="on") == 302
        desk.see(home(active))
        assert "Sign the change" not in desk.page

    def test_a_return_is_signed_where_the_patient_is_there(self, returned):
        desk = desk_of(returned)
        desk.see(home(returned))
        assert "Sign the return" in desk.page
        assert desk.fill_in(f"{home(returned)}sign-return/", accepted="on") == 302
        assert returned.signatures.get(purpose="return").signed_paper


class TestFiles:
    def paper(self, **patient):
        clinic = make.clinic()
        rental = make.rental(State.RESERVED, clinic, patient=make.patient(clinic, **patient), at=make.NOW)
        return current_agreement(rental, at=make.NOW)

    def test_a_file_is_taken_along_under_a_name_without_the_patient_and_recorded(self):
        """I10."""
        paper = self.paper(family_name="Canary")
        desk = desk_of(paper.rental, make.auditor)
        assert desk.client.get(f"/papers/{paper.pk}/").content == bytes(paper.content)
        answer = desk.client.get(f"/papers/{paper.pk}/")
        name = f"agreement-{paper.rental.reference}-1.pdf"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["Content-Type"] == "application/pdf"
        assert "no-store" in answer.headers["Cache-Control"]
        assert Access.objects.filter(patient=paper.rental.patient, action="read").count() == 2

    def test_a_file_made_for_the_wrong_patient_is_recorded_as_a_read_of_both(self):
        """I10."""
        paper = self.paper()
        wrong, right = paper.rental.patient, make.patient(paper.rental.clinic)
        correct_patient_of(paper.rental, patient=right, reason="A namesake", at=make.NOW, actor=make.manager())
        auditor = make.auditor(paper.rental.clinic)
        Desk(auditor).client.get(f"/papers/{paper.pk}/")
        read = Access.objects.filter(user=auditor, action="read").values_list("patient", flat=True)
        assert set(read) == {wrong.pk, right.pk}

    def test_a_paper_of_another_site_is_not_there(self):
        paper = self.paper()
        assert Desk(make.reception(make.clinic())).client.get(f"/papers/{paper.pk}/").status_code == 404


class TestStatement:
    def test_the_page_has_what_the_paper_has(self, returned):
        desk = desk_of(returned)
        assert desk.see(f"{home(returned)}statement/") == 200
        assert "$120.00" in desk.page
        assert desk.send(f"{home(returned)}statement/file/") == 302
        paper = Paper.objects.get(kind="statement")
        assert desk.led_to == f"/papers/{paper.pk}/"
        assert says(paper, "$120.00")

    def test_an_invoice_without_an_abn_is_refused_with_the_reason(self, returned):
        desk = desk_of(returned)
        assert desk.send(f"{home(returned)}invoice/") == 302
        desk.see(desk.led_to)
        assert "has no ABN yet" in desk.page
        Clinic.objects.update(abn="51 824 753 556")
        assert desk.send(f"{home(returned)}invoice/") == 302
        assert desk.led_to == f"/papers/{Paper.objects.get(kind='invoice').pk}/"

    def test_a_receipt_is_made_for_a_payment(self, active):
        desk = desk_of(active)
        entry = active.ledger.get(kind="bond_payment")
        assert desk.send(f"/receipts/{entry.pk}/") == 302
        assert desk.led_to == f"/papers/{Paper.objects.get(kind='receipt').pk}/"
        desk.send(f"/receipts/{active.ledger.get(kind='bond_held').pk}/")
        desk.see(desk.led_to)
        assert "A receipt is for a payment" in desk.page

    def test_who_pays_is_written_down_and_taken_back(self, active):
        desk = desk_of(active)
        assert desk.fill_in(f"{home(active)}payer/", name="Club #1", reference="PO 12") == 302
        desk.see(desk.led_to)
        assert "Club #1" in desk.page
        assert desk.fill_in(f"{home(active)}payer/", name="", reference="") == 302
        active.refresh_from_db()
        assert active.payer is None


class TestKept:
    def test_the_price_by_the_terms_is_proposed_and_charged(self):
        rental = make.rental(State.ACTIVE, at=BEFORE)
        desk = desk_of(rental, make.manager)
        desk.see(f"{home(rental)}kept/")
        assert str(desk.proposed()["price"]) == "4500.00"
        assert desk.fill_in(f"{home(rental)}kept/", reason="Bought it") == 302
        assert rental.ledger.get(kind="purchase").amount == 4500

    def test_without_a_price_it_is_charged_as_a_fee_later(self):
        rental = make.rental(State.ACTIVE, at=BEFORE)
        assert desk_of(rental, make.manager).fill_in(f"{home(rental)}kept/", reason="Bought", price="") == 302
        assert not rental.ledger.filter(kind="purchase").exists()


class TestTerms:
    def test_a_manager_writes_the_next_version_and_sees_it_as_printed(self):
        clinic = make.clinic()
        desk = Desk(make.manager(clinic))
        assert desk.fill_in("/terms/", text="The bond is {bond}.", bond="250.00", deemed_kept_after_days="") == 302
        desk.see("/terms/")
        assert "The bond is $250.00." in desk.page
        assert (clinic.current_terms.version, clinic.current_terms.deemed_kept_after_days) == (2, None)

    def test_a_refusal_stands_at_the_text(self):
        desk = Desk(make.manager(make.clinic()))
        assert desk.fill_in("/terms/", text="It will heal {name}.") == 400
        assert "There is no {name}" in desk.problems()["text"][0]
