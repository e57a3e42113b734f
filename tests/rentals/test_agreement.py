"""The agreement: made as a paper, signed by drawing, typing or pen, and signed anew when it was changed."""

import hashlib
import json
from datetime import date, timedelta
from functools import partial

import pgtrigger
import pytest

from config.models import Clinic, Terms
from patients.models import Contact
from rentals import agreement, custody
from rentals.booking.change import change_device
from rentals.booking.extension import extend
from rentals.correction import correct_details, correct_patient_of
from rentals.models import Paper, Signature
from rentals.signatures import strokes_from
from tests import make
from tests.raw import assert_refused, sql
from tests.refusals import refused_as
from tests.rentals.papers.reading import reader, says, text_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
DRAWN = [[[n / 20, round(0.5 - n / 50, 2)] for n in range(20)], [[0.1, 0.9], [0.9, 0.95]]]
CHILD = date(2012, 5, 17)


def signed(rental, *, at=make.NOW, **how):
    """The rental, its agreement as it stands signed at the desk."""
    paper = agreement.current_agreement(rental, at=at)
    details = {"name": "Ada Example", "method": "typed", "paper": paper, "actor": make.reception(), **how}
    return agreement.sign(rental, accepted_terms_version=rental.terms.version, at=at, **details)


def longer(rental, days=7):
    return extend(rental, due_on=rental.due_on + timedelta(days=days), at=make.NOW, actor=make.manager()).rental


def hand_over(rental):
    parts = make.ALL_PARTS
    return custody.hand_over(rental, counter=0, parts=parts, at=make.NOW, now=make.NOW, actor=make.manager())


class TestPaper:
    def test_it_says_who_which_device_until_when_and_for_how_much(self):
        clinic = make.clinic()
        Clinic.objects.filter(pk=clinic.pk).update(
            legal_name="Harbour Bone Pty Ltd", abn="51 824 753 556", address="1 Quay Street\nSydney NSW 2000"
        )
        clinic.refresh_from_db()
        patient = make.patient(clinic, given_name="Zoë", family_name="O'Brien #1")
        rental = make.rental("reserved", clinic, patient=patient)
        serial = rental.holdings.get().device.serial
        paper = agreement.current_agreement(rental, at=make.NOW)
        assert says(
            paper,
            "Harbour Bone Pty Ltd", "51 824 753 556", "1 Quay Street", "Zoë O'Brien #1", "17 May 1990", serial,
            "28 planned in all", "Monday 30 March 2026", "$60.00 a week", "$300.00", "$10.00 for each day", "$4,500.00",
            "main unit", "Wipe the transducer", "single patient", "not among the uses on its label", "Privacy",
            "Terms of the clinic, version 1", "nothing here is a statement about the result", "Page 1 of",
        )  # fmt: skip
        assert paper.sha256 == hashlib.sha256(paper.content).hexdigest()

    def test_nothing_in_it_promises_healing(self, reserved):
        paper = agreement.current_agreement(reserved, at=make.NOW)
        text = text_of(paper.content).lower()
        assert not [word for word in ("heal", "cure", "recover", "faster") if word in text]

    def test_it_is_made_once_and_anew_when_it_would_say_something_else(self, reserved):
        first = agreement.current_agreement(reserved, at=make.NOW)
        assert agreement.current_agreement(reserved, at=make.NOW + timedelta(days=1)) == first
        second = agreement.current_agreement(longer(reserved), at=make.NOW)
        assert (first.version, second.version) == (1, 2)
        assert says(second, "Monday 6 April 2026")

    def test_another_device_is_printed_before_the_signature_and_needs_none_anew_after_it(self, reserved):
        first = agreement.current_agreement(reserved, at=make.NOW)
        other = make.device(reserved.clinic)
        change_device(reserved, device=other, at=make.NOW, actor=make.manager())
        second = agreement.current_agreement(reserved, at=make.NOW)
        assert second.version == 2
        assert says(second, other.serial)
        signed(reserved)
        change_device(reserved, device=make.device(reserved.clinic), at=make.NOW, actor=make.manager())
        assert agreement.is_signed(reserved)
        assert agreement.current_agreement(reserved, at=make.NOW) == second != first


class TestSigning:
    @pytest.mark.parametrize(("method", "strokes"), [("typed", None), ("drawn", DRAWN)])
    def test_the_signed_paper_says_who_when_how_and_what_was_shown(self, method, strokes, reserved):
        actor = make.reception()
        rental = signed(reserved, method=method, strokes=strokes, address="192.0.2.7", actor=actor)
        signature = Signature.objects.get(rental=rental)
        shown, result = signature.paper, signature.signed_paper
        assert (signature.method, signature.strokes, signature.address) == (method, strokes, "192.0.2.7")
        assert (signature.witnessed_by, signature.signed_at, signature.terms) == (actor, make.NOW, rental.terms)
        assert says(
            result, "How this was signed", "2 March 2026, 12:00 AEDT", "192.0.2.7", shown.sha256, "Terms version 1",
            str(actor), signature.get_method_display(),
        )  # fmt: skip
        assert (shown.version, result.version) == (1, 2)
        assert result.sha256 == hashlib.sha256(result.content).hexdigest()
        assert len(reader(result.content).pages) == len(reader(shown.content).pages) + 1

    def test_signing_what_is_signed_changes_nothing(self, reserved):
        rental = signed(reserved)
        signed(rental, name="Somebody Else")
        assert [one.name for one in Signature.objects.filter(rental=rental)] == ["Ada Example"]
        assert Paper.objects.filter(rental=rental).count() == 2

    def test_a_paper_that_holds_no_longer_is_not_signed(self, reserved):
        old = agreement.current_agreement(reserved, at=make.NOW)
        refused_as("agreement_changed", signed, longer(reserved), paper=old)
        foreign = agreement.current_agreement(make.rental("reserved"), at=make.NOW)
        refused_as("agreement_changed", signed, reserved, paper=foreign)
        assert not Signature.objects.exists()

    def test_the_signed_copy_is_not_signed_again(self, reserved):
        rental = signed(reserved)
        copy = rental.signatures.get().signed_paper
        refused_as("agreement_changed", signed, rental, paper=copy)

    def test_of_two_desks_at_once_one_signs(self, transactional_db):
        rental, actor = make.rental("reserved"), make.reception()
        paper = agreement.current_agreement(rental, at=make.NOW)
        at_once(4, partial(signed, rental, paper=paper, actor=actor))
        assert Signature.objects.filter(rental=rental).count() == 1
        assert Paper.objects.filter(rental=rental).count() == 2

    def test_of_many_who_look_at_once_all_see_one_paper(self, transactional_db):
        rental = make.rental("reserved")
        seen = at_once(4, partial(agreement.current_agreement, rental, at=make.NOW))
        assert {paper.pk for paper in seen} == {Paper.objects.get(rental=rental).pk}

    @pytest.mark.parametrize(
        ("how", "field"),
        [
            ({"name": " \r\n "}, "name"),
            ({"name": "x" * 241}, "name"),
            ({"method": "stamped"}, "method"),
            ({"signer": "dog"}, "method"),
            ({"method": "drawn"}, "strokes"),
            ({"signer": "guardian"}, "relation"),
        ],
    )
    def test_what_is_missing_is_said_at_its_field(self, how, field, reserved):
        assert refused_as("invalid", signed, reserved, **how).field == field


class TestStrokes:
    def test_a_drawing_is_read_with_its_fractions_cut(self):
        drawn = json.dumps([[[0.123456, 1] for _ in range(8)]])
        assert strokes_from(drawn) == [[[0.1235, 1.0]] * 8]

    def test_nothing_drawn_is_none(self):
        assert strokes_from("") is None

    @pytest.mark.parametrize(
        "text",
        [
            "{", "[]", "{}", "[[]]", "[[[0,0]]]", "1", '[["x"]]', "[[[0,2],[0,0]]]", "[[[NaN,0]]]", "[[[true,0]]]",
            "[[[0,0,0],[0,0,0]]]", "[" * 20000, json.dumps([[[0.5, 0.5]] * 7000]), json.dumps([[[0.5, 0.5]] * 9] * 201),
            json.dumps([[[n / 20, 0.5]] for n in range(20)]), json.dumps([[[0.1, 0.5]], [[0.2, 0.5]] * 7]),
        ],
    )  # fmt: skip
    def test_anything_else_is_refused(self, text):
        assert refused_as("invalid", strokes_from, text).field == "strokes"


class TestGuardian:
    def child(self, born=CHILD):
        clinic = make.clinic()
        return make.rental("reserved", clinic, patient=make.patient(clinic, date_of_birth=born))

    def test_a_guardian_signs_for_a_minor(self):
        rental = self.child()
        refused_as("guardian_needed", signed, rental)
        signed(rental, name="Bea Example", signer="guardian", relation="Mother")
        signature = rental.signatures.get()
        assert (signature.signer, signature.relation) == ("guardian", "Mother")
        assert says(signature.signed_paper, "For the patient: Mother")

    @pytest.mark.parametrize(("born", "minor"), [(date(2008, 3, 2), False), (date(2008, 3, 3), True)])
    def test_of_age_is_who_is_eighteen_on_the_day_of_signing(self, born, minor):
        rental = self.child(born)
        if minor:
            refused_as("guardian_needed", signed, rental)
        else:
            assert agreement.is_signed(signed(rental))

    def test_the_guardian_that_is_known_stands_on_the_paper(self):
        rental = self.child()
        Contact.objects.create(
            patient=rental.patient, name="Bea Example", relation="Mother", is_guardian=True, created_at=make.NOW
        )
        assert says(agreement.current_agreement(rental, at=make.NOW), "Bea Example, Mother", "of a parent or guardian")

    @pytest.mark.parametrize("name", ["Zoë Example", "zoe  EXAMPLE", "Example Zoe"])
    def test_nobody_signs_for_a_child_under_the_childs_own_name(self, name):
        clinic = make.clinic()
        patient = make.patient(clinic, date_of_birth=CHILD, given_name="Zoë", family_name="Example")
        rental = make.rental("reserved", clinic, patient=patient)
        refusal = refused_as("guardian_needed", signed, rental, name=name, signer="guardian", relation="Mother")
        assert refusal.field == "name"
        assert "write the name of the parent or guardian" in refusal.message
        assert agreement.is_signed(signed(rental, name="Zoe Example senior", signer="guardian", relation="Mother"))

    def test_a_namesake_signs_for_who_is_of_age(self):
        clinic = make.clinic()
        rental = make.rental("reserved", clinic, patient=make.patient(clinic, family_name="Example"))
        assert agreement.is_signed(signed(rental, name="Ada Example", signer="guardian", relation="Aunt"))

    def test_on_the_clinics_own_paper_it_is_the_guardians_and_the_childs_own_name_is_refused(self):
        clinic = make.clinic()
        patient = make.patient(clinic, date_of_birth=CHILD, family_name="Example 1")
        rental = make.rental("reserved", clinic, patient=patient)
        details = {"accepted_terms_version": 1, "at": make.NOW, "actor": make.reception()}
        refusal = refused_as("guardian_needed", agreement.sign, rental, name="ADA  EXAMPLE 1", **details)
        assert (refusal.status, refusal.field, agreement.is_signed(rental)) == (409, "name", False)
        agreement.sign(rental, name="Bea Example", **details)
        assert rental.signatures.get().signer == "guardian"


class TestByLink:
    def sign(self, rental, paper=None, **how):
        paper = paper or agreement.current_agreement(rental, at=make.NOW)
        details = {"name": "Ada Example", "method": "drawn", "strokes": DRAWN, "address": "2001:db8::1", **how}
        return agreement.sign_by_link(rental, paper=paper, at=make.NOW, **details)

    def test_the_patient_signs_without_a_member_of_staff(self, reserved):
        rental = self.sign(reserved)
        signature = rental.signatures.get()
        assert (signature.witnessed_by, signature.address) == (None, "2001:db8::1")
        assert says(signature.signed_paper, "By the link that was mailed", "2001:db8::1")
        assert agreement.is_signed(rental)
        assert hand_over(make.prepare(rental)).state == "active"

    def test_a_pen_leaves_no_mark_there(self, reserved):
        assert refused_as("invalid", self.sign, reserved, method="on_paper").field == "method"

    @pytest.mark.parametrize("state", ["enquiry", "returned", "closed", "cancelled"])
    def test_only_a_booking_or_a_running_hire_is_signed(self, state):
        rental = make.rental(state)
        paper = agreement.current_agreement(rental, at=make.NOW)
        refused_as("wrong_state", self.sign, rental, paper)


class TestChanged:
    @pytest.mark.parametrize("first", ["own paper", "our paper"])
    def test_a_changed_due_day_is_signed_before_the_hand_over(self, first, reserved):
        rental = reserved
        rental = signed(rental) if first == "our paper" else make.prepare(rental)
        rental = longer(rental)
        assert agreement.needs_signature(rental)
        refused_as("not_signed", hand_over, rental)
        rental = signed(rental)
        assert not agreement.needs_signature(rental)
        assert [one.version for one in rental.signatures.order_by("version")] == [1, 2]

    def test_the_same_verb_signs_the_change_on_the_clinics_own_paper(self, reserved):
        rental = longer(make.prepare(reserved))
        assert agreement.is_signed(make.prepare(rental))

    def test_a_running_hire_that_was_changed_asks_for_a_signature_and_goes_on(self, active):
        rental = active
        assert not agreement.needs_signature(rental)
        rental = longer(rental)
        assert agreement.needs_signature(rental)
        plain = {"name": "Ada", "accepted_terms_version": 1, "at": make.NOW, "actor": make.reception()}
        refused_as("wrong_state", agreement.sign, rental, **plain)
        rental = signed(rental)
        assert (rental.state, rental.moves.last().verb) == ("active", "sign_change")
        assert not agreement.needs_signature(rental)

    def test_what_was_changed_and_changed_back_is_signed(self, reserved):
        rental = signed(reserved)
        paper = rental.signatures.get().paper
        rental = longer(longer(rental), -7)
        assert agreement.is_signed(rental)
        assert agreement.current_agreement(rental, at=make.NOW) == paper

    def test_another_patient_signs_anew(self, reserved):
        rental = signed(reserved)
        other = make.patient(rental.clinic)
        rental = correct_patient_of(rental, patient=other, reason="A namesake", at=make.NOW, actor=make.manager())
        assert agreement.needs_signature(rental)

    @pytest.mark.parametrize("sign", [make.prepare, signed])
    @pytest.mark.parametrize("other", [{"given_name": "Adah"}, {"date_of_birth": date(1991, 5, 17)}])
    def test_another_name_or_birth_is_signed_and_another_phone_is_not(self, sign, other, reserved):
        rental = sign(reserved)
        patient = rental.patient
        names = ("given_name", "family_name", "date_of_birth", "email", "phone", "email_reminders")
        now = {name: getattr(patient, name) for name in names}
        correct_details(patient, **{**now, "phone": "0400 000 000"}, at=make.NOW, actor=make.manager())
        assert agreement.is_signed(agreement.as_it_is(rental))
        correct_details(patient, **{**now, **other}, at=make.NOW, actor=make.manager())
        assert not agreement.is_signed(agreement.as_it_is(rental))
        assert agreement.is_signed(sign(agreement.as_it_is(rental)))

    def test_new_terms_of_the_site_leave_what_is_booked_alone(self, reserved):
        rental = signed(reserved)
        Terms.objects.create(clinic=rental.clinic, version=2, created_at=make.NOW, text="Other terms")
        assert agreement.is_signed(agreement.as_it_is(rental))

    def test_many_rentals_are_asked_about_in_two_queries(self, django_assert_num_queries, reserved, active):
        rentals = [make.rental(state) for state in ("reserved", "active", "returned", "enquiry")]
        rentals += [signed(reserved), longer(active), make.offered()]
        rentals = [agreement.as_it_is(rental) for rental in rentals]
        with django_assert_num_queries(2):
            assert agreement.needing_signature(rentals) == {rentals[0].pk, rentals[5].pk}


def test_a_paper_is_never_changed(reserved):
    """Immutable, also for raw SQL; the control beside it shows that the trigger is what refuses."""
    agreement.current_agreement(reserved, at=make.NOW)
    for statement in ("UPDATE rentals_paper SET content = 'x'", "DELETE FROM rentals_paper"):
        assert_refused("pgtrigger: Cannot update or delete rows from rentals_paper table", statement)
    with pgtrigger.ignore("rentals.Paper:paper_append_only"):
        assert sql("UPDATE rentals_paper SET content = 'x'") == 1
