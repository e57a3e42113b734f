"""A waiting rental at the desk: the days it would get, what fits them, and what can be done where nothing does."""

from datetime import date, timedelta

import pytest

from config.models import Closure
from rentals.booking.waiting import enquire, reserve
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.desk.offers import chosen, device_of, offered, suggestions
from tests.shared import shared

pytestmark = pytest.mark.django_db


@shared
def site():
    return make.clinic(at=make.NOW)


def waiting(site, **wishes) -> Rental:
    return enquire(make.booking(site, **wishes), at=make.NOW, actor=make.manager())


def find(rental: Rental) -> str:
    return f"/rentals/{rental.reference}/reserve/"


def test_a_waiting_patient_gets_a_device_that_fits(site):
    rental = waiting(site)
    desk = Desk(make.reception(site))
    assert desk.fill_in(find(rental)) == 409
    device = device_of(site)
    assert desk.fill_in(find(rental), device=device.pk) == 302
    rental.refresh_from_db()
    assert (rental.state, rental.holdings.get().device) == (State.RESERVED, device)


def test_a_waiting_rental_shows_the_days_it_would_get_and_what_fits_them(site, clock):
    """Ten days on, its Monday has passed; the next open day is Thursday 12 March."""
    fresh, worn = device_of(site), device_of(site, counter=300)
    rental = waiting(site)
    clock.shift(timedelta(days=10))
    desk = Desk(make.reception(site))
    assert desk.see(find(rental)) == 200
    assert desk.proposed()["starts_on"] == date(2026, 3, 12)
    assert "From <strong>Thu 12 Mar 2026</strong> to <strong>Thu 9 Apr 2026</strong> for 28 treatments." in desk.page
    assert "Asked for were Mon 2 Mar 2026 to Mon 30 Mar 2026" in desk.page
    assert desk.answer.context["offers"] == [
        (
            worn,
            "It has 43 free treatments and would keep 15 after this course of 28; the next best would keep 315.",
        ),
        (fresh, "It has 343 free treatments and would keep 315 after this course of 28; no other fits."),
    ]
    assert chosen(desk) == [str(worn.pk)]


def test_the_days_that_were_asked_for_are_not_said_twice(site):
    device_of(site)
    desk = Desk(make.reception(site))
    desk.see(find(waiting(site)))
    assert "Asked for were" not in desk.page


def test_another_day_shows_other_devices_and_is_reserved(site):
    """One device is away until the end of March."""
    away, free = device_of(site, counter=280), device_of(site)
    make.book(site, device=away, at=make.NOW)
    rental = waiting(site)
    desk = Desk(make.reception(site))
    desk.see(find(rental))
    assert offered(desk) == [free]
    assert desk.send(find(rental), **{**desk.proposed(), "starts_on": "2026-04-07", "show": "1"}) == 200
    assert offered(desk) == [away, free]
    assert "From <strong>Tue 7 Apr 2026</strong> to <strong>Tue 5 May 2026</strong>" in desk.page
    assert Rental.objects.get(pk=rental.pk).state == State.ENQUIRY
    assert desk.send(find(rental), **desk.proposed(), device=away.pk) == 302
    rental.refresh_from_db()
    assert (rental.state, rental.holdings.get().device) == (State.RESERVED, away)
    assert (rental.starts_on, rental.due_on) == (date(2026, 4, 7), date(2026, 5, 5))


@pytest.mark.parametrize(
    ("starts_on", "status", "said"),
    [
        ("2026-03-08", 409, "Sunday 8 March 2026 (closed on Sundays); the next open day is Monday 9 March 2026."),
        ("2026-03-01", 400, "The day of collection has passed; choose today or a later day."),
        ("some day", 422, "Enter a valid date."),
    ],
)
def test_a_day_that_nobody_can_collect_on_is_said_before_and_after_sending(site, starts_on, status, said):
    device_of(site)
    rental = waiting(site)
    desk = Desk(make.reception(site))
    assert desk.fill_in(find(rental), starts_on=starts_on, show="1") == 200
    assert said in desk.page
    assert desk.problems() == {}
    assert 'name="device"' not in desk.page
    assert desk.fill_in(find(rental), starts_on=starts_on) == status
    assert [said in problem for problem in desk.problems()["starts_on"]] == [True]


def test_a_closed_day_of_collection_is_exchanged_for_the_next_open_one(site):
    device = device_of(site)
    rental = waiting(site)
    desk = Desk(make.reception(site))
    desk.fill_in(find(rental), starts_on="2026-03-08", show="1")
    [(take, said)] = suggestions(desk)
    assert said == "Take a start on Mon 9 Mar 2026"
    desk.send(find(rental), starts_on="2026-03-08", take=take)
    assert (desk.proposed()["starts_on"], offered(desk)) == ("2026-03-09", [device])


def test_where_no_device_fits_a_waiting_rental_it_is_said_why_and_the_next_start_is_taken_over(site):
    """The days that it would get are longer than the course, for its due day has become a closed one."""
    away, _ = device_of(site), device_of(site, counter=340)
    make.book(site, device=away, at=make.NOW)
    rental = waiting(site)
    Closure.objects.create(clinic=site, first_day=date(2026, 3, 30), last_day=date(2026, 3, 31), reason="Works")
    desk = Desk(make.reception(site))
    desk.see(find(rental))
    assert "No device fits:</strong> 1 booked on these days, 1 with too few treatments left." in desk.page
    [(take, said)] = suggestions(desk)
    assert said == f"Take device {away.serial} from Wed 1 Apr 2026 to Wed 29 Apr 2026"
    desk.send(find(rental), take=take)
    assert offered(desk) == [away]
    assert desk.send(find(rental), **desk.proposed()) == 302
    rental.refresh_from_db()
    assert (rental.starts_on, rental.due_on) == (date(2026, 4, 1), date(2026, 4, 29))


def test_where_no_start_is_in_sight_a_waiting_rental_is_told_what_else_can_be_done(site):
    device_of(site, counter=340)
    desk = Desk(make.reception(site))
    desk.see(find(waiting(site)))
    assert suggestions(desk) == []
    assert "Try another day, or leave the patient waiting until a device is free." in desk.page


def test_too_few_treatments_that_a_manager_accepted_stand_last_and_say_so(site):
    least, less, enough = device_of(site, counter=340), device_of(site, counter=330), device_of(site)
    rental = waiting(site, override={"capacity": "A new unit comes next week"})
    desk = Desk(make.reception(site))
    desk.see(find(rental))
    assert offered(desk) == [enough, less, least]
    assert desk.answer.context["offers"][1][1] == (
        "It has 15 treatments too few for this course of 28, which a manager accepted."
    )


def test_a_waiting_rental_that_somebody_else_reserved_leads_back_and_says_so(site):
    device = device_of(site)
    rental = waiting(site)
    reserve(rental, at=make.NOW, actor=make.manager(), device=device)
    desk = Desk(make.reception(site))
    assert desk.send(find(rental), show="1") == 302
    assert desk.led_to == f"/rentals/{rental.reference}/"


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_of_a_waiting_rental_makes_the_same_number_of_queries(site, number, django_assert_num_queries):
    for _ in range(number):
        device_of(site)
    rental = waiting(site)
    desk = Desk(make.reception(site))
    with django_assert_num_queries(15):
        desk.see(find(rental))
    assert len(offered(desk)) == number


def test_a_clinic_that_never_opens_is_said_when_a_device_is_looked_for(site):
    rental = waiting(site)
    site.opening_hours.all().delete()
    desk = Desk(make.reception(site))
    assert desk.see(find(rental)) == 200
    assert "no open day with room within 60 days" in desk.page
    assert desk.fill_in(find(rental)) == 409
    assert "no open day with room within 60 days" in desk.problems()["__all__"][0]
