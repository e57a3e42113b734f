"""Booking at the desk: devices offered for what was typed, every refusal said where it belongs."""

from datetime import date

import pytest

from config.models import Clinic
from patients.models import Access, Screening
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.desk.offers import chosen, device_of, offered, suggestions
from tests.shared import shared

pytestmark = pytest.mark.django_db

NO_TO_ALL = {f"screening_{warning}": "no" for warning in Screening.Warning.values}
ANSWERED = {**NO_TO_ALL, "indication_kind": "stress_fatigue", "indication_site": "metatarsal"}
COURSE = {
    "starts_on": "2026-03-02",
    "due_on": "2026-03-30",
    "planned_treatments": "28",
    "prescribed_per_day": "1",
    "delivery": "desk",
}


@shared
def site():
    return make.clinic(at=make.NOW)


@shared
def patient(site):
    return make.patient(site, at=make.NOW)


@shared
def address(patient):
    return f"/patients/{patient.pk}/book/"


def test_the_page_proposes_open_days_and_offers_what_fits_best_first(site, address):
    fresh, worn = device_of(site), device_of(site, counter=300)
    device_of(site, counter=340)
    desk = Desk(make.reception(site))
    assert desk.see(address) == 200
    assert offered(desk) == [worn, fresh]
    assert desk.answer.context["why_not"] == {"too_few_treatments": 1}
    proposed = desk.answer.context["form"].initial
    assert all(site.is_open(proposed[name]) for name in ("starts_on", "due_on"))


def test_other_treatments_offer_other_devices_without_booking_anything(site, patient, address):
    worn, fresh = device_of(site, counter=300), device_of(site)
    desk = Desk(make.reception(site))
    desk.see(address)
    assert chosen(desk) == [str(worn.pk)]
    course = {**desk.proposed(), "planned_treatments": 100, "device": worn.pk}
    assert desk.send(f"/patients/{patient.pk}/offers/", **course) == 200
    assert offered(desk) == [fresh]
    assert chosen(desk) == [str(fresh.pk)]
    # The same by a button, without JavaScript; what was typed stays, and nothing is marked as wrong yet.
    assert desk.send(address, **course, show="1", indication_note="fell off a ladder") == 200
    assert offered(desk) == [fresh]
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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"starts_on": "2020-03-02", "due_on": "2020-03-30"}, "A start may lie at most 3 days back"),
        ({"starts_on": "2026-03-08"}, "8 March 2026 (closed on Sundays); the next open day is Monday 9 March 2026."),
        ({"due_on": "2026-03-29"}, "29 March 2026 (closed on Sundays); the next open day is Monday 30 March 2026."),
        ({"due_on": "2026-03-02"}, "The due day must come after the start; choose 3 March 2026 or a later day."),
        ({"due_on": "2029-03-02"}, "A rental lasts at most 730 days, here until 1 March 2028."),
        ({"planned_treatments": "0"}, "Treatments planned: Please write 1 or more."),
        ({"planned_treatments": "10000"}, "No device gives 10,000 treatments; the most that one here has free is 343."),
        (
            {"planned_treatments": "9999999999"},
            "Treatments planned: Please write 2147483647 or less",
        ),
        ({"planned_treatments": ""}, "Treatments planned: Please fill this in."),
        ({"prescribed_per_day": "7"}, "Treatments a day: Please write 6 or less."),
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
    assert chosen(desk) == [str(device.pk)]
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
    assert chosen(desk) == [str(other.pk)]
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


def test_another_site_is_named_and_the_first_of_two_devices_taken_over(site, patient, address):
    """The first device is booked from Wednesday 18 March on, the second until Friday 6 March."""
    first, second, there = device_of(site), device_of(site), make.clinic("Harbour")
    make.book(site, device=first, starts_on=date(2026, 3, 18))
    make.book(site, device=second, due_on=date(2026, 3, 6))
    elsewhere = device_of(there)
    desk = Desk(make.reception(site, there))
    desk.see(address)
    said = " ".join(desk.page.split())
    assert f"At Harbour: device {elsewhere.serial} on these days. Register the patient there" in said
    assert f"Then a swap to {second.serial} until Mon 30 Mar 2026 for 14 more." in said
    (_, (value, words)) = suggestions(desk)
    assert words == (
        f"Take the first of two devices: {first.serial} from Mon 2 Mar 2026 to Mon 16 Mar 2026 for 14 treatments"
    )
    assert desk.send(address, **COURSE, take=value) == 200
    taken = desk.proposed()
    assert (taken["due_on"], taken["planned_treatments"]) == ("2026-03-16", "14")
    assert chosen(desk) == [str(first.pk)]


def test_what_nobody_knows_stands_apart_and_is_chosen_only_where_that_is_accepted(site, address):
    known, unknown = device_of(site), device_of(site, nominal=None)
    apart = '<h2 class="h6 fw-bold mt-3">Nobody knows what these have left</h2>'
    desk = Desk(make.reception(site))
    desk.see(address)
    assert offered(desk) == [known]
    assert apart in desk.page
    assert f"<li><strong>{unknown.serial}</strong>" in desk.page
    assert desk.send(address, **COURSE, accept_unknown_capacity="on", show="1") == 200
    assert offered(desk) == [known, unknown]
    assert desk.page.index(apart) < desk.page.index(f'value="{unknown.pk}" id="device_{unknown.pk}"')
    assert f"<li><strong>{unknown.serial}</strong>" not in desk.page


def test_a_day_with_room_is_taken_over_for_a_full_one(site, address):
    device = device_of(site)
    make.book(site, device=make.device(site))
    Clinic.objects.filter(pk=site.pk).update(pick_ups_per_day=1)
    desk = Desk(make.reception(site))
    desk.send(address, **COURSE, show="1")
    [(take, said)] = suggestions(desk)
    assert said == "Take a start on Tue 3 Mar 2026"
    assert desk.send(address, **COURSE, take=take) == 200
    assert offered(desk)[0] == device


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
    with django_assert_num_queries(14):
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


def test_a_device_that_goes_by_courier_is_blocked_for_its_ways(site, address):
    """The same holding that the API books; two days each way, one to turn it around."""
    device_of(site)
    body = {**COURSE, **ANSWERED, "starts_on": "2026-03-09", "due_on": "2026-04-07", "delivery": "courier"}
    assert Desk(make.reception(site)).fill_in(address, **body) == 302
    holding = Rental.objects.get().holdings.get()
    assert holding.delivery == "courier"
    assert (holding.blocked.lower, holding.blocked.upper) == (date(2026, 3, 7), date(2026, 4, 11))
