"""The waiting list at the desk: who is next, who is asked and has to be phoned, and the answers taken for a patient."""

from datetime import timedelta

import pytest

from patients.models import Access
from rentals.booking.offers import decline_offer, sweep_offers
from rentals.booking.waiting import prioritise
from rentals.models import Priority, Rental
from rentals.reminders import plan
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
TOLD = "The patient is told by mail."


@shared
def site():
    return make.clinic()


@shared
def offer(site) -> Rental:
    return make.offered(site)


def now(rental):
    return Rental.objects.get(pk=rental.pk)


def of(rental, page=""):
    return f"/rentals/{rental.reference}/{page}"


def test_the_list_says_who_is_next_since_when_and_what_is_wanted(site):
    routine, urgent = (make.waiting(site, at=make.NOW + timedelta(hours=hours)) for hours in (0, 1))
    prioritise(urgent, priority=Priority.URGENT, at=make.NOW, actor=make.manager())
    make.waiting(make.clinic())
    user = make.reception(site)
    desk = Desk(user)
    assert desk.see("/waiting/") == 200
    assert desk.answer.context["waiting"] == [urgent, routine]
    assert "since Mon 2 Mar 2026, 1:00 pm" in desk.page
    assert "wants Mon 2 Mar 2026 to Mon 30 Mar 2026 (28 days), 28 treatments, 1 a day" in desk.page
    listed = Access.objects.filter(user=user, action="listed").values_list("patient", flat=True)
    assert set(listed) == {routine.patient_id, urgent.patient_id}


def test_an_open_offer_is_accepted_for_the_patient(site, offer):
    desk = Desk(make.reception(site))
    desk.see(of(offer))
    assert "held until <strong>Tue 3 Mar 2026, 12:00 pm</strong>" in desk.page
    for step in ("sign", "pay", "hand-over", "extend"):
        assert f'href="{of(offer, step)}/"' not in desk.page
    assert f'<a class="btn btn-primary" href="{of(offer, "accept-offer/")}">Accept for the patient</a>' in desk.page
    assert desk.fill_in(of(offer, "accept-offer/")) == 302
    assert (now(offer).state, now(offer).offer_expires_at) == ("reserved", None)
    desk.see(of(offer))
    assert f'href="{of(offer, "sign/")}"' in desk.page
    assert "Offered to the patient" in desk.page
    assert "Offer accepted" in desk.page


def test_an_open_offer_is_declined_and_made_again_when_the_patient_wants_it(site, offer):
    desk = Desk(make.reception(site))
    assert desk.fill_in(of(offer, "decline-offer/")) == 302
    assert sweep_offers(make.NOW) == []
    desk.see("/waiting/")
    assert "passed on an offer Mon 2 Mar 2026, 12:00 pm" in desk.page
    assert desk.fill_in(of(offer, "offer-again/")) == 302
    assert sweep_offers(make.NOW) == [offer]


def test_what_comes_too_late_is_said_on_the_page(site, offer):
    """The patient answered through the link, after the page was opened."""
    desk = Desk(make.reception(site))
    desk.see(of(offer, "accept-offer/"))
    decline_offer(offer, at=make.NOW, actor=None)
    assert desk.send(of(offer, "accept-offer/"), **desk.proposed()) == 409
    assert "is over, and its device is no longer held" in desk.page


def test_a_page_for_what_waits_for_the_answer_leads_back_and_says_so(site, offer):
    desk = Desk(make.reception(site))
    assert (desk.see(of(offer, "sign/")), desk.led_to) == (302, of(offer))
    desk.see(of(offer))
    assert "accept it first, or decline it" in desk.page


def test_a_clinician_sets_the_priority_and_reception_does_not(site):
    rental = make.waiting(site)
    assert Desk(make.reception(site)).see(of(rental, "prioritise/")) == 403
    assert Desk(make.clinician(site)).fill_in(of(rental, "prioritise/"), priority="1") == 302
    assert now(rental).priority == Priority.URGENT
    assert Desk(make.clinician(site)).fill_in(of(rental, "prioritise/"), priority="4") == 422


@pytest.mark.parametrize(
    ("email", "wants_mail", "to_phone"),
    [("", True, True), ("ada@x.example", False, True), ("ada@x.example", True, False)],
)
@pytest.mark.parametrize("planned", [False, True])
def test_whoever_no_mail_tells_is_to_be_phoned(site, email, wants_mail, to_phone, planned):
    offer = make.offered(site, patient=make.patient(site, email=email, email_reminders=wants_mail))
    if planned:
        plan.plan_reminders(make.NOW)
    desk = Desk(make.reception(site))
    desk.see("/waiting/")
    assert ("phone the patient</span>" in desk.page) is to_phone
    desk.see(of(offer))
    assert (TOLD in desk.page) is not to_phone


def test_today_shows_who_waits_in_their_order_and_what_is_offered(site, offer):
    routine, urgent = make.waiting(site), make.waiting(site)
    prioritise(urgent, priority=Priority.URGENT, at=make.NOW, actor=make.manager())
    desk = Desk(make.reception(site))
    desk.see("/")
    work = desk.answer.context["work"]
    assert (work.offered, work.waiting, work.tomorrow) == ([offer], [urgent, routine], [])
    assert "The waiting list</a>" in desk.page


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_makes_the_same_number_of_queries(number, django_assert_num_queries):
    site = make.clinic()
    for _ in range(number):
        make.offered(site)
    for _ in range(number):
        make.waiting(site)
    plan.plan_reminders(make.NOW)
    desk = Desk(make.reception(site))
    with django_assert_num_queries(10):
        desk.see("/waiting/")
    assert desk.page.count('class="what"') == 2 * number
