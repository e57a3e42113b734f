"""Booking at the desk: devices offered for what was typed, every refusal said where it belongs."""

import re
from datetime import date, timedelta
from html import unescape

import pytest

from config.models import Closure
from devices.models import Device
from patients.models import Access, Screening
from rentals.booking.waiting import enquire, reserve
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db

NO_TO_ALL = {f"screening_{warning}": "no" for warning in Screening.Warning.values}
ANSWERED = {**NO_TO_ALL, "indication_kind": "stress_fatigue", "indication_site": "metatarsal"}

COURSE = {"starts_on": "2026-03-02", "due_on": "2026-03-30", "planned_treatments": "28", "prescribed_per_day": "1"}
CHOSEN = re.compile(r'name="device" value="(\d+)" id="\w+" checked>')
TAKE = re.compile(r'name="take" value="([^"]*)">([^<]*)</button>')


@pytest.fixture
def site():
    return make.clinic(at=make.NOW)


@pytest.fixture
def patient(site):
    return make.patient(site, at=make.NOW)


@pytest.fixture
def address(patient):
    return f"/patients/{patient.pk}/book/"


def device_of(site, counter=0, **columns) -> Device:
    return make.device(site, counter=counter, at=make.NOW - timedelta(days=30), **columns)


def test_the_page_proposes_open_days_and_offers_what_fits_best_first(site, address):
    fresh, worn = device_of(site), device_of(site, counter=300)
    device_of(site, counter=340)
    desk = Desk(make.reception(site))
    assert desk.see(address) == 200
    offered = [device for device, _ in desk.answer.context["offers"]]
    assert offered == [worn, fresh]
    assert desk.answer.context["why_not"] == {"too_few_treatments": 1}
    proposed = desk.answer.context["form"].initial
    assert all(site.is_open(proposed[name]) for name in ("starts_on", "due_on"))


def test_other_treatments_offer_other_devices_without_booking_anything(site, patient, address):
    worn, fresh = device_of(site, counter=300), device_of(site)
    desk = Desk(make.reception(site))
    desk.see(address)
    assert CHOSEN.findall(desk.page) == [str(worn.pk)]
    course = {**desk.proposed(), "planned_treatments": 100, "device": worn.pk}
    assert desk.send(f"/patients/{patient.pk}/offers/", **course) == 200
    assert [device for device, _ in desk.answer.context["offers"]] == [fresh]
    assert CHOSEN.findall(desk.page) == [str(fresh.pk)]
    # The same by a button, without JavaScript; what was typed stays, and nothing is marked as wrong yet.
    assert desk.send(address, **course, show="1", indication_note="fell off a ladder") == 200
    assert [device for device, _ in desk.answer.context["offers"]] == [fresh]
    assert "fell off a ladder" in desk.page
    assert desk.problems() == {}
    assert not Rental.objects.exists()


def test_the_chosen_device_is_booked_and_without_a_choice_the_one_that_fits_best(site, address):
    best, other = device_of(site, counter=300), device_of(site)
    desk = Desk(make.reception(site))
    assert desk.fill_in(address, **ANSWERED, device=other.pk) == 302
    assert Rental.objects.latest("pk").holdings.get().device == other
    assert desk.fill_in(address, **ANSWERED) == 302
    assert Rental.objects.latest("pk").holdings.get().device == best


def test_everything_that_was_asked_stands_in_the_booking(site, address):
    device_of(site)
    desk = Desk(make.reception(site))
    told = {"screening_pregnancy": "yes", "note_pregnancy": "Seen by Dr Example", "indication_note": "left foot"}
    assert desk.fill_in(address, **{**ANSWERED, **told}, planned_treatments=30, prescribed_per_day=2) == 302
    rental = Rental.objects.get()
    assert (rental.planned_treatments, rental.prescribed_per_day) == (30, 2)
    assert (rental.injury.kind, rental.injury.site, rental.injury.note) == ("stress_fatigue", "metatarsal", "left foot")
    assert rental.screening.answers["pregnancy"] == {"answer": "yes", "note": "Seen by Dr Example"}
    assert rental.screening.answers["gap"] == {"answer": "no", "note": ""}


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"screening_gap": ""}, 409, "screening_gap"),
        ({"screening_gap": "yes"}, 409, "screening_gap"),
        ({"indication_kind": ""}, 422, "indication_kind"),
        ({"planned_treatments": "0"}, 422, "planned_treatments"),
        ({"due_on": "2020-01-01"}, 400, "due_on"),
        ({"starts_on": "some day"}, 422, "starts_on"),
        ({"indication_kind": "pathological"}, 409, "__all__"),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field(site, address, changes, status, field):
    device_of(site)
    desk = Desk(make.reception(site))
    assert desk.fill_in(address, **{**ANSWERED, "indication_note": "kept", **changes}) == status
    assert list(desk.problems()) == [field]
    assert "kept" in desk.page
    assert not Rental.objects.exists()


def test_a_device_taken_meanwhile_is_refused_with_what_would_fit(site, address):
    taken, free = device_of(site), device_of(site)
    desk = Desk(make.reception(site))
    desk.see(address)
    entries = {**desk.proposed(), **ANSWERED, "device": taken.pk}
    other = make.book(site, device=taken, at=make.NOW)
    assert desk.send(address, **entries) == 409
    assert list(desk.problems()) == ["device"]
    assert f"device {free.serial} with 343 free treatments" in desk.page
    assert other.patient.name not in desk.page


def test_when_nothing_fits_the_patient_can_be_put_on_the_waiting_list(site, patient, address):
    device_of(site, counter=340)
    desk = Desk(make.reception(site))
    desk.see(address)
    assert "No device fits" in desk.page
    assert desk.fill_in(address, **ANSWERED) == 409
    assert desk.fill_in(address, **ANSWERED, wait="1") == 302
    rental = Rental.objects.get()
    assert (rental.state, rental.patient) == (State.ENQUIRY, patient)
    assert desk.led_to == f"/rentals/{rental.reference}/"


def offered(desk: Desk) -> list[Device]:
    return [device for device, _ in desk.answer.context["offers"]]


def suggestions(desk: Desk) -> list[tuple[str, str]]:
    """What each button that takes something over sends, and its words."""
    return [(unescape(value), words) for value, words in TAKE.findall(desk.page)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"starts_on": "2020-03-02", "due_on": "2020-03-30"}, "A start may lie at most 3 days back"),
        ({"starts_on": "2026-03-08"}, "is closed on Sunday 8 March 2026; the next open day is Monday 9 March 2026."),
        ({"due_on": "2026-03-29"}, "is closed on Sunday 29 March 2026; the next open day is Monday 30 March 2026."),
        ({"due_on": "2026-03-02"}, "The due day must come after the start; choose a later day."),
        ({"due_on": "2029-03-02"}, "A rental lasts at most 730 days; choose an earlier due day."),
        ({"planned_treatments": "0"}, "Treatments planned: Ensure this value is greater than or equal to 1."),
        ({"planned_treatments": "999999"}, "Treatments planned: Ensure this value is less than or equal to 2000."),
        ({"planned_treatments": ""}, "Treatments planned: This field is required."),
        ({"prescribed_per_day": "7"}, "Treatments a day: Ensure this value is less than or equal to 6."),
    ],
)
def test_what_nobody_could_book_is_said_at_once_instead_of_devices_and_a_price(site, patient, address, changes, said):
    device_of(site)
    desk = Desk(make.reception(site))
    desk.see(address)
    for to, also in ((f"/patients/{patient.pk}/offers/", {}), (address, {"show": "1"})):
        assert desk.send(to, **{**COURSE, **changes, **also}) == 200
        assert said in desk.page
        assert "Bond $" not in desk.page
        assert 'name="device"' not in desk.page


def test_a_manager_is_offered_devices_for_a_day_that_a_manager_may_book(site, patient):
    device = device_of(site)
    desk = Desk(make.manager(site))
    course = {**COURSE, "starts_on": "2026-02-20"}
    assert desk.send(f"/patients/{patient.pk}/offers/", **course) == 200
    assert offered(desk) == [device]


def test_a_later_start_that_is_suggested_is_taken_over_with_what_was_typed(site, patient, address):
    """The only device is away till 31 March, turnaround included."""
    device = device_of(site)
    make.book(site, device=device, at=make.NOW)
    desk = Desk(make.reception(site))
    desk.send(f"/patients/{patient.pk}/offers/", **COURSE)
    [(value, words)] = suggestions(desk)
    assert words == f"Take device {device.serial} from Wed 1 Apr 2026 to Wed 29 Apr 2026"
    typed = {**COURSE, **ANSWERED, "indication_note": "fell off a ladder"}
    assert desk.send(address, **typed, take=value) == 200
    assert not Rental.objects.filter(patient=patient).exists()
    assert desk.problems() == {}
    taken = desk.proposed()
    assert (taken["starts_on"], taken["due_on"]) == ("2026-04-01", "2026-04-29")
    assert {name: taken[name] for name in ("indication_note", *ANSWERED)} == {
        "indication_note": "fell off a ladder",
        **ANSWERED,
    }
    assert offered(desk) == [device]
    assert CHOSEN.findall(desk.page) == [str(device.pk)]
    assert desk.send(address, **taken) == 302
    assert Rental.objects.get(patient=patient).holdings.get().device == device


def test_a_device_that_is_suggested_is_taken_over(site, address):
    taken, best, other = device_of(site), device_of(site, counter=100), device_of(site, counter=50)
    desk = Desk(make.reception(site))
    desk.see(address)
    entries = {**desk.proposed(), **ANSWERED, "device": taken.pk}
    make.book(site, device=taken, at=make.NOW)
    desk.send(address, **entries)
    assert [words for _, words in suggestions(desk)] == [
        f"Take device {best.serial} with 243 free treatments",
        f"Take device {other.serial} with 293 free treatments",
    ]
    assert desk.send(address, **{**entries, "take": suggestions(desk)[1][0]}) == 200
    assert CHOSEN.findall(desk.page) == [str(other.pk)]
    assert desk.proposed()["starts_on"] == "2026-03-02"


@pytest.mark.parametrize(
    ("field", "closed", "words", "value"),
    [
        ("starts_on", "2026-03-08", "Take a start on Mon 9 Mar 2026", "2026-03-09"),
        ("due_on", "2026-03-29", "Take a due day on Mon 30 Mar 2026", "2026-03-30"),
    ],
)
def test_the_next_open_day_is_taken_over_for_a_closed_one(site, address, field, closed, words, value):
    device = device_of(site)
    desk = Desk(make.reception(site))
    typed = {**COURSE, field: closed, "indication_note": "kept"}
    desk.send(address, **typed, show="1")
    [(take, said)] = suggestions(desk)
    assert said == words
    assert desk.send(address, **typed, take=take) == 200
    assert {**desk.proposed(), "once": ""} == {**typed, field: value, "once": ""}
    assert offered(desk) == [device]


def test_every_question_without_an_answer_is_marked_at_once_beside_what_else_is_wrong(site, address):
    device_of(site)
    desk = Desk(make.reception(site))
    gaps = {"screening_gap": "", "screening_pregnancy": "yes", "screening_vascular": "no"}
    marked = ["screening_gap", "screening_pregnancy"]
    assert desk.fill_in(address, **{**ANSWERED, **gaps}) == 409
    wants = "needs an answer, and a yes needs a clinician's note."
    assert desk.problems() == {
        "screening_pregnancy": [f"Screening: pregnancy {wants}"],
        "screening_gap": [f"Screening: gap {wants}"],
    }
    assert desk.fill_in(address, **{**ANSWERED, **gaps, "indication_kind": ""}) == 422
    assert sorted(desk.problems()) == ["indication_kind", *marked]
    assert desk.fill_in(address, **{**ANSWERED, **gaps, "due_on": "2026-03-29"}) == 409
    assert sorted(desk.problems()) == ["due_on", *marked]
    assert desk.fill_in(address, **{**ANSWERED, **gaps}, show="1") == 200
    assert desk.problems() == {}


def test_injuries_and_sites_are_written_as_words(site, address):
    desk = Desk(make.reception(site))
    desk.see(address)
    fields = desk.answer.context["form"].fields
    assert fields["indication_kind"].choices[:3] == [
        ("", "Choose"),
        ("stress_fatigue", "Stress fatigue"),
        ("stress_insufficiency", "Stress insufficiency"),
    ]
    assert fields["indication_site"].choices[:2] == [("", "Choose"), ("femoral_neck", "Femoral neck")]


def test_a_waiting_patient_gets_a_device_that_fits(site, address):
    desk = Desk(make.reception(site))
    desk.fill_in(address, **ANSWERED, wait="1")
    rental = Rental.objects.get()
    reserve = f"/rentals/{rental.reference}/reserve/"
    assert desk.fill_in(reserve) == 409
    device = device_of(site)
    assert desk.fill_in(reserve, device=device.pk) == 302
    rental.refresh_from_db()
    assert (rental.state, rental.holdings.get().device) == (State.RESERVED, device)


def waiting(site, **wishes) -> Rental:
    return enquire(make.booking(site, **wishes), at=make.NOW, actor=make.manager())


def find(rental: Rental) -> str:
    return f"/rentals/{rental.reference}/reserve/"


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
        (worn, "It has 43 free treatments and would keep 15 after this course of 28."),
        (fresh, "It has 343 free treatments and would keep 315 after this course of 28."),
    ]
    assert CHOSEN.findall(desk.page) == [str(worn.pk)]


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
        ("2026-03-08", 409, "is closed on Sunday 8 March 2026; the next open day is Monday 9 March 2026."),
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
    assert "No device fits:</strong> 1 with too few treatments left, 1 booked on these days." in desk.page
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
    with django_assert_num_queries(13):
        desk.see(find(rental))
    assert len(offered(desk)) == number


def test_overrides_are_asked_only_of_those_who_may_give_them(site, address):
    def asked(user) -> set[str]:
        desk = Desk(user)
        desk.see(address)
        return {name for name in desk.answer.context["form"].fields if name.startswith("override_")}

    assert asked(make.reception(site)) == set()
    assert asked(make.clinician(site)) == {"override_pathological"}
    assert asked(make.manager(site)) == {"override_pathological", "override_capacity"}


def test_a_manager_books_beyond_what_is_left_with_a_reason(site, address):
    device_of(site, counter=340)
    desk = Desk(make.manager(site))
    assert desk.fill_in(address, **ANSWERED, override_capacity="A new unit comes next week") == 302
    assert Rental.objects.get().capacity_override == "A new unit comes next week"


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_makes_the_same_number_of_queries(site, address, number, django_assert_num_queries):
    for _ in range(number):
        device_of(site)
    desk = Desk(make.reception(site))
    with django_assert_num_queries(12):
        desk.see(address)
    assert len(desk.answer.context["offers"]) == number


@pytest.mark.parametrize("changes", [{"indication_kind": ""}, {"screening_gap": ""}])
def test_a_page_shown_again_is_recorded_as_a_read_like_the_first(site, patient, address, changes):
    device_of(site)
    user = make.reception(site)
    desk = Desk(user)
    desk.see(address)
    before = Access.objects.filter(user=user).count()
    assert desk.send(address, **{**desk.proposed(), **ANSWERED, **changes}) in (409, 422)
    assert patient.name in desk.page
    assert Access.objects.filter(user=user).count() == before + 1


def test_a_device_of_another_site_is_no_choice(site, address):
    device_of(site)
    theirs = device_of(make.clinic())
    desk = Desk(make.manager())
    assert desk.fill_in(address, **ANSWERED, device=theirs.pk) == 422
    assert list(desk.problems()) == ["device"]
    rental = make.rental(State.ACTIVE, site)
    swap = {"counter_out": 1, "counter_in": 0, "device": theirs.pk}
    assert desk.fill_in(f"/rentals/{rental.reference}/swap/", **swap) == 422


def test_a_clinic_that_never_opens_is_said_when_a_device_is_looked_for(site):
    rental = enquire(make.booking(site), at=make.NOW, actor=make.manager())
    site.opening_hours.all().delete()
    desk = Desk(make.reception(site))
    assert desk.fill_in(f"/rentals/{rental.reference}/reserve/") == 409
    assert "no open day within 60 days" in desk.problems()["__all__"][0]
    desk.see(f"/rentals/{rental.reference}/reserve/")
    assert "no open day within 60 days" in desk.page
