"""Beside the rental: contact persons, patients who are told nothing any more, gel, imaging, the day of the return."""

from datetime import date, timedelta

import pytest

from patients.models import Access, Contact, Patient
from rentals.booking.healing import confirm_healed
from rentals.desk.today import work_of
from rentals.models import GelSupply, Rental, StaffTask
from rentals.models.states import State
from rentals.staff_tasks import ask_staff
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@shared
def site():
    return make.clinic("A site")


class TestContactPerson:
    def test_is_named_shown_and_changed(self, site):
        patient = make.patient(site)
        desk, page = Desk(make.reception(site)), f"/patients/{patient.pk}/"
        desk.see(page)
        assert "Nobody: messages go to the patient." in desk.page
        who = {"name": "Grace Example", "relation": "Mother", "email": "grace@carers.example", "is_guardian": "on"}
        assert (desk.fill_in(f"{page}contact/", **who), desk.led_to) == (302, page)
        desk.see(page)
        assert "Grace Example, mother" in desk.page
        assert "Instead of the patient" in desk.page
        assert desk.fill_in(f"{page}contact/", receives="beside", phone="0491 570 006") == 302
        contact = Contact.objects.get()
        assert (contact.name, contact.receives, contact.phone) == ("Grace Example", "beside", "0491 570 006")
        assert contact.is_guardian

    def test_who_cannot_be_reached_is_asked_for_at_the_field(self, site):
        patient = make.patient(site)
        desk = Desk(make.reception(site))
        assert desk.fill_in(f"/patients/{patient.pk}/contact/", name="Grace Example") == 400
        assert "Write an e-mail address or a telephone number" in desk.problems()["email"][0]

    def test_is_hinted_at_where_a_minor_has_no_guardian(self, site):
        born = date(2010, 5, 17)
        rental = make.rental(State.RESERVED, site, patient=make.patient(site, date_of_birth=born))
        patient, desk = rental.patient, Desk(make.reception(site))
        pages = (f"/patients/{patient.pk}/", f"/rentals/{rental.reference}/sign/")
        assert ["no guardian is named" in (desk.see(page), desk.page)[1] for page in pages] == [True, True]
        desk.fill_in(f"/patients/{patient.pk}/contact/", name="Grace", email="grace@carers.example", is_guardian="on")
        assert ["no guardian is named" in (desk.see(page), desk.page)[1] for page in pages] == [False, False]


class TestSilence:
    @pytest.mark.parametrize(("state", "words"), [("withdrawn", "has withdrawn"), ("deceased", "has died")])
    def test_is_said_quietly_wherever_somebody_might_phone(self, site, state, words):
        rental = make.rental(State.ACTIVE, site)
        page = f"/patients/{rental.patient_id}/"
        desk = Desk(make.reception(site))
        assert desk.fill_in(f"{page}silence/", state=state, reason="Her daughter phoned") == 302
        for address in (page, f"/rentals/{rental.reference}/"):
            desk.see(address)
            assert words in desk.page
        assert f"{page}silence/" not in desk.page
        assert Access.objects.filter(patient=rental.patient_id, action="changed").exists()

    def test_is_taken_back_by_a_manager_only(self, site):
        rental = make.rental(State.ACTIVE, site)
        page = f"/patients/{rental.patient_id}/"
        reception, manager = Desk(make.reception(site)), Desk(make.manager(site))
        reception.fill_in(f"{page}silence/", state="deceased", reason="A letter")
        reception.see(page)
        assert "by mistake" not in reception.page
        assert reception.send(f"{page}silence/undo/", reason="A namesake") == 403
        manager.see(page)
        assert "by mistake" in manager.page
        assert manager.fill_in(f"{page}silence/undo/", reason="A namesake") == 302
        assert Patient.objects.get().state == Patient.State.ACTIVE
        assert manager.fill_in(f"{page}silence/undo/", reason="Once more") == 409


class TestGelAndImaging:
    def test_gel_is_given_at_the_hand_over_and_later_and_shown(self, site):
        rental = make.prepare(make.rental(State.RESERVED, site))
        desk, page = Desk(make.reception(site)), f"/rentals/{rental.reference}/"
        went = {"counter": "0", "parts": ["main_unit", "gel"], "gel_millilitres": "250", "gel_expires_on": "2026-09-01"}
        assert desk.fill_in(f"{page}hand-over/", **went) == 302
        task = ask_staff(StaffTask.Kind.GEL, "low", rental=rental, words="Gel", at=make.NOW)
        assert desk.fill_in(f"{page}gel/") == 302
        assert list(GelSupply.objects.values_list("millilitres", "expires_on")) == [
            (250, date(2026, 9, 1)),
            (200, None),
        ]
        task.refresh_from_db()
        assert task.done_at
        desk.see(page)
        assert "250 ml" in desk.page
        assert "good until Tue 1 Sep 2026" in desk.page

    def test_gel_past_its_day_is_refused_at_the_field(self, site):
        rental = make.rental(State.ACTIVE, site)
        desk = Desk(make.reception(site))
        assert desk.fill_in(f"/rentals/{rental.reference}/gel/", gel_expires_on="2026-03-01") == 400
        assert "was good until 1 March 2026" in desk.problems()["gel_expires_on"][0]

    def test_imaging_is_planned_by_a_clinician_shown_and_taken_back(self, site):
        rental = make.rental(State.ACTIVE, site)
        desk, page = Desk(make.clinician(site)), f"/rentals/{rental.reference}/"
        assert Desk(make.reception(site)).see(f"{page}imaging/") == 403
        assert desk.fill_in(f"{page}imaging/", on="2026-04-13") == 302
        desk.see(desk.led_to)
        assert "Imaging is planned for 13 April 2026." in desk.page
        assert "Mon 13 Apr 2026" in desk.page
        assert desk.send(f"{page}imaging/", on="") == 302
        assert Rental.objects.get().imaging_due_on is None


class TestToday:
    def test_shows_who_means_to_come_back_today_and_when(self, site):
        rental, at = make.rental(State.ACTIVE, site), make.NOW + 8 * DAY
        make.rental(State.ACTIVE, site)
        Rental.objects.filter(pk=rental.pk).update(return_expected_at=at + timedelta(hours=2))
        assert [one.pk for one in work_of(site, at).due_today] == [rental.pk]
        assert work_of(site, at - DAY).due_today == work_of(site, at + DAY).due_today == []

    def test_shows_a_healed_patient_on_the_day_they_are_expected(self, site, clock):
        rental = make.rental(State.ACTIVE, site)
        confirm_healed(rental, on=site.day_of(make.NOW), imaging="CT", at=make.NOW, actor=make.clinician())
        clock.move_to(make.NOW + 7 * DAY)
        desk = Desk(make.reception(site))
        desk.see("/")
        assert [one.pk for one in desk.answer.context["work"].due_today] == [rental.pk]
        assert "expected Mon 9 Mar 2026" in desk.page

    def test_shows_the_first_tasks_and_records_whose_they_are(self, site):
        rentals = [make.rental(State.RESERVED, site, starts_on=date(2026, 3, 20)) for _ in range(6)]
        for rental in rentals:
            ask_staff(StaffTask.Kind.PHONE, rental.reference, rental=rental, words="Phone", at=make.NOW)
        desk = Desk(make.auditor(site))
        desk.see("/")
        work = desk.answer.context["work"]
        assert (len(work.tasks), work.tasks.in_all) == (5, 6)
        assert Access.objects.filter(action="listed").count() == 5
        assert "/do/" not in desk.page
