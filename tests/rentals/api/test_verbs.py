"""Booking and the verbs over the API: what they answer, and how they refuse."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.models import Clinic, User
from patients.models import Access
from rentals.api.urls import VERBS
from rentals.lifecycle import VERB_STATES
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import Api, code
from tests.shared import shared

pytestmark = pytest.mark.django_db


def open_day(clinic: Clinic, day: date) -> date:
    """The first open day from `day` on."""
    found = clinic.next_open_day(day)
    assert found
    return found


def booking_of(clinic: Any, **changes: Any) -> dict[str, Any]:
    """A booking of four weeks from today on, or from the next day on which the clinic is open."""
    starts_on = open_day(clinic, clinic.day_of(timezone.now()))
    return {
        "patient": make.patient(clinic).pk,
        "clinic": clinic.pk,
        "starts_on": str(starts_on),
        "due_on": str(open_day(clinic, starts_on + timedelta(days=28))),
        "planned_treatments": 28,
        "prescribed_per_day": 1,
        "indication": {"kind": "fresh", "site": "tibia"},
        "screening": {warning: {"answer": "no"} for warning in make.screening()},
        **changes,
    }


def verb(api: Api, rental: Any, name: str, /, **body: Any) -> tuple[int, Any]:
    return api.post(f"/rentals/{rental.reference}/{name}/", body)


@shared
def rentals() -> dict[State, Rental]:
    """Of each of these states, one."""
    return {state: make.rental(state) for state in (State.CLOSED, State.ENQUIRY)}


@shared
def days_out() -> Rental:
    """Handed over two days ago."""
    return make.rental(State.ACTIVE, at=timezone.now() - timedelta(days=2))


@pytest.fixture
def boss() -> Api:
    """The API for the manager of all clinics."""
    return Api(make.manager())


@pytest.mark.parametrize("name", VERBS)
def test_wrong_state_is_judged_before_the_body(boss, rentals, name):
    wrong = next(state for state in (State.CLOSED, State.ENQUIRY) if state not in VERB_STATES[VERBS[name].verb])
    rental = rentals[wrong]
    bodies: list[Any] = [{}, {"nonsense": "\0"}, []]
    for body in bodies:
        answer = boss.post(f"/rentals/{rental.reference}/{name}/", body)
        assert code(answer) == (409, "wrong_state", None)
        assert answer[1]["conflict"] == {"reference": rental.reference, "state": wrong}
        assert answer[1]["alternatives"] == []


def test_wrong_role_is_judged_before_the_state(rentals):
    answer = verb(Api(make.auditor()), rentals[State.CLOSED], "return")
    assert code(answer) == (403, "permission_denied", None)
    assert "auditor" in answer[1]["errors"][0]["detail"]


def test_booking_answers_with_what_reception_needs_next(api, clinic):
    device = make.device(clinic)
    status, rental = api.post("/rentals/", booking_of(clinic, external_reference="K-7"))
    assert status == 201
    assert rental["state"] == "reserved"
    assert rental["device"] == {"id": device.pk, "serial": device.serial}
    assert (rental["terms_version"], rental["bond"]) == (1, {"due": "300.00", "held": "0.00"})
    assert (rental["external_reference"], rental["signed"], rental["healed"]) == ("K-7", False, None)
    assert rental["indication"] == {"kind": "fresh", "site": "tibia", "note": ""}
    assert rental["adherence"]["percent"] is None
    assert rental == api.get(f"/rentals/{rental['reference']}/")[1]


def test_taken_device_is_a_conflict_that_says_who_has_it_and_what_would_fit(api, clinic):
    taken, spare = make.device(clinic), make.device(clinic)
    rental = make.rental(State.RESERVED, clinic, at=timezone.now(), device=taken)
    answer = api.post("/rentals/", booking_of(clinic, device=taken.pk))
    assert code(answer) == (409, "device_unavailable", "device")
    assert answer[1]["conflict"]["reference"] == rental.reference
    assert answer[1]["alternatives"][0]["device"]["id"] == spare.pk


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"screening": {}}, "screening_required"),
        ({"screening": {**make.screening(), "gap": {"answer": "yes"}}}, "screening_required"),
        ({"indication": make.indication("pathological")}, "screening_required"),
        ({"planned_treatments": 344}, "capacity_exceeded"),
    ],
)
def test_rule_that_says_no_is_a_conflict_with_its_code(api, clinic, changes, expected):
    make.device(clinic)
    answer = api.post("/rentals/", booking_of(clinic, **changes))
    assert code(answer)[:2] == (409, expected)
    assert {"conflict", "alternatives"} <= answer[1].keys()


def test_screening_left_out_altogether_is_required_too(api, clinic):
    body = booking_of(clinic)
    del body["screening"]
    assert code(api.post("/rentals/", body))[:2] == (409, "screening_required")


def test_closed_day_and_reuse_are_refused_with_their_codes():
    clinic = make.clinic()
    api = Api(make.manager(clinic))
    start = open_day(clinic, clinic.day_of(timezone.now()))
    sunday = start + timedelta(days=27 - start.weekday())
    assert code(api.post("/rentals/", booking_of(clinic, due_on=str(sunday)))) == (409, "clinic_closed", "due_on")
    used = make.device(clinic, reuse=False)
    make.rental(State.CLOSED, clinic, device=used)
    assert code(api.post("/rentals/", booking_of(clinic, device=used.pk)))[:2] == (409, "reuse_not_permitted")


def test_override_belongs_to_its_role(clinic):
    make.device(clinic)
    capacity = {"planned_treatments": 344, "override": {"capacity": "New card ordered"}}
    wishes = booking_of(clinic, **capacity, device=make.device(clinic).pk)
    assert code(Api(make.reception(clinic)).post("/rentals/", wishes)) == (
        403,
        "permission_denied",
        "override.capacity",
    )
    assert Api(make.manager(clinic)).post("/rentals/", wishes)[0] == 201
    pathological = booking_of(clinic, indication=make.indication("pathological"), override={"pathological": "Stable"})
    assert code(Api(make.reception(clinic)).post("/rentals/", pathological))[0] == 403
    assert Api(make.clinician(clinic)).post("/rentals/", pathological)[0] == 201


def test_hand_over_wants_signature_and_bond_first(api, clinic):
    rental = make.rental(State.RESERVED, clinic, at=timezone.now())
    out = {"counter": 0, "parts": ["main_unit"], "delivery": {"method": "courier", "tracking": "AB12"}}
    assert code(verb(api, rental, "hand-over", **out))[:2] == (409, "not_signed")
    assert code(verb(api, rental, "sign", name="Ada", accepted_terms_version=2))[:2] == (409, "terms_changed")
    assert verb(api, rental, "sign", name="Ada", accepted_terms_version=1)[1]["signed"] is True
    answer = verb(api, rental, "hand-over", **out)
    assert code(answer)[:2] == (409, "bond_unpaid")
    assert answer[1]["conflict"] == {"due": "300.00"}
    too_much = verb(api, rental, "payments", kind="bond", amount="300.01", method="card")
    assert code(too_much) == (409, "too_much", "amount")
    paid = verb(api, rental, "payments", kind="bond", amount=300, method="card")[1]
    assert paid["bond"] == {"due": "0.00", "held": "300.00"}
    status, active = verb(api, rental, "hand-over", **out)
    assert (status, active["state"]) == (200, "active")
    (holding,) = active["holdings"]
    assert holding["delivery"] == {"method": "courier", "tracking": "AB12"}
    assert (holding["counter_out"], holding["parts_out"], holding["live"]) == (0, ["main_unit"], True)
    assert holding["out_from"] == active["handed_over_at"] is not None
    assert holding["out_until"] is None


def test_extend_pin_and_cancel_change_a_reservation(api, clinic):
    now = timezone.now()
    rental = make.rental(State.RESERVED, clinic, at=now)
    later = open_day(clinic, rental.due_on + timedelta(days=7))
    extended = verb(api, rental, "extend", due_on=str(later), planned_treatments=40)[1]
    assert (extended["due_on"], extended["planned_treatments"]) == (str(later), 40)
    assert verb(api, rental, "pin", pinned=True)[1]["pinned"] is True
    cancelled = verb(api, rental, "cancel", reason="Treated elsewhere")[1]
    assert (cancelled["state"], cancelled["holdings"][0]["live"]) == ("cancelled", False)


def test_a_reservation_is_put_on_another_device(api, clinic):
    """A device that somebody has on these days is a conflict that says who; one of another site is none."""
    now = timezone.now()
    old, new, taken = (make.device(clinic, at=now - timedelta(days=30)) for _ in range(3))
    rental, other = (make.book(clinic, device=device, at=now) for device in (old, taken))
    moved = verb(api, rental, "change-device", device=new.pk)
    assert (moved[0], moved[1]["device"]) == (200, {"id": new.pk, "serial": new.serial})
    refused = verb(api, rental, "change-device", device=taken.pk)
    assert code(refused) == (409, "device_unavailable", "device")
    assert refused[1]["conflict"]["reference"] == other.reference
    assert code(verb(api, rental, "change-device", device=make.device().pk)) == (400, "does_not_exist", "device")
    assert verb(Api(make.auditor(clinic)), rental, "change-device", device=old.pk)[0] == 403


def test_swap_exchanges_the_device_and_keeps_both_holdings(api, clinic):
    now = timezone.now()
    rental = make.rental(State.ACTIVE, clinic, at=now - timedelta(days=1))
    other = make.device(clinic, counter=7)
    status, swapped = verb(api, rental, "swap", counter_out=1, device=other.pk, counter_in=7)
    assert status == 200
    assert swapped["device"]["id"] == other.pk
    assert [(holding["live"], holding["counter_out"], holding["counter_back"]) for holding in swapped["holdings"]] == [
        (False, 0, 1),
        (True, 7, None),
    ]


def test_only_a_clinician_confirms_healing_on_named_imaging(days_out):
    clinic = days_out.clinic
    seen = {"on": str(clinic.day_of(timezone.now())), "imaging": "CT"}
    assert code(verb(Api(make.reception(clinic)), days_out, "healed", **seen))[0] == 403
    healed = verb(Api(make.clinician(clinic)), days_out, "healed", **seen)[1]
    assert healed["healed"] == seen
    assert healed["state"] == "active"


@pytest.mark.parametrize(("name", "condition"), [("lost", "lost"), ("kept", "sold")])
def test_device_that_does_not_come_back_is_written_off_and_settled(boss, days_out, name, condition):
    device = days_out.holdings.get().device
    assert verb(boss, days_out, name, reason="It is gone")[1]["state"] == name
    assert boss.get(f"/devices/{device.pk}/")[1]["condition"] == condition
    closed = verb(boss, days_out, "inspect", passed=False, checks={}, fees=[{"kind": "device", "amount": "500.00"}])[1]
    assert (closed["state"], closed["ledger"]["balance"]) == (
        "closed",
        "320.00",
    )  # two weeks and the fee, less the bond


def test_device_that_is_kept_is_charged_at_once_where_a_price_is_given(boss, days_out):
    assert verb(boss, days_out, "kept", reason="Bought", price="-1")[0] == 400
    kept = verb(boss, days_out, "kept", reason="Bought", price="4500.00")[1]
    charged = {entry["kind"]: entry["amount"] for entry in kept["ledger"]["entries"]}
    assert (charged["hire"], charged["purchase"]) == ("120.00", "4500.00")


def test_moment_further_back_than_three_days_is_a_managers(clinic):
    rental = make.rental(State.ACTIVE, clinic, at=timezone.now() - timedelta(days=20))
    back = {"counter": 0, "parts": [], "at": (timezone.now() - timedelta(days=4)).isoformat()}
    assert code(verb(Api(make.reception(clinic)), rental, "return", **back)) == (400, "too_far_back", "at")
    assert verb(Api(make.manager(clinic)), rental, "return", **back)[0] == 200


def test_money_goes_out_as_text_with_two_decimals(api, clinic):
    rental = make.rental(State.ACTIVE, clinic)
    paid = verb(api, rental, "payments", kind="hire", amount="60", method="eftpos")[1]
    assert paid["ledger"]["balance"] == "-60.00"
    assert {entry["amount"] for entry in paid["ledger"]["entries"]} == {"-300.00", "300.00", "-60.00"}


def test_patient_is_registered_once_and_found_without_accents(clinic):
    user = make.reception(clinic)
    api = Api(user)
    person = {
        "given_name": "Zoë",
        "family_name": "Ångström",
        "date_of_birth": "1990-05-17",
        "email": "zoe@patients.example",
        "phone": "0400 000 001",
        "clinic": clinic.pk,
        "email_reminders": True,
    }
    status, registered = api.post("/patients/", person)
    assert status == 201
    again = api.post("/patients/", {**person, "email": "", "given_name": "ZOE"})
    assert code(again)[:2] == (409, "possible_duplicate")
    assert again[1]["alternatives"] == [{"patient": registered["id"]}]
    assert api.post("/patients/", {**person, "confirm_new": True})[0] == 201
    for search in ({"name": "angstrom zoe"}, {"date_of_birth": "1990-05-17"}, {"phone": "000 001"}):
        status, found = api.post("/patients/search/", search)
        assert (status, len(found["matches"])) == (200, 2), search
    expected = {**{name: person[name] for name in person if name not in {"clinic", "email_reminders"}}, **registered}
    assert expected in found["matches"]
    assert Access.objects.filter(user=user, action="searched").count() == 6
    assert code(api.post("/patients/search/", {})) == (400, "required", "non_field_errors")
    assert code(api.post("/patients/search/", {"name": "z"})) == (400, "min_length", "name")


def test_recall_takes_devices_out_at_once_and_names_every_holder(clinic):
    model = make.device_model()
    out, idle = make.device(clinic, model=model), make.device(clinic, model=model)
    before = make.rental(State.CLOSED, clinic, device=out)
    now = make.rental(State.ACTIVE, clinic, device=out, at=make.NOW + timedelta(days=21))
    waiting = make.rental(State.RESERVED, clinic, device=idle)
    body = {"part_number": model.part_number, "serials": [out.serial, idle.serial, "unheard"], "reason": "Notice 7"}
    assert code(Api(make.user(User.Role.RECEPTION, clinic)).post("/recalls/", body))[0] == 403
    api = Api(make.manager(clinic))
    status, recall = api.post("/recalls/", body)
    assert status == 201
    assert {device["condition"] for device in recall["devices"]} == {"recalled"}
    assert [(held["rental"], held["patient"]) for held in recall["holders_now"]] == [(now.reference, now.patient_id)]
    assert [held["rental"] for held in recall["holders_before"]] == [before.reference]
    assert recall["unknown_serials"] == ["unheard"]
    endangered = api.get(f"/rentals/{waiting.reference}/")[1]
    assert (endangered["device"], endangered["at_risk"]) == (None, True)


def test_who_finds_no_device_may_wait_for_one(api, clinic):
    status, waiting = api.post("/rentals/", booking_of(clinic, wait=True))
    assert (status, waiting["state"], waiting["device"]) == (201, "enquiry", None)
    assert (waiting["priority"], waiting["offer_expires_at"]) == ("routine", None)
    assert code(api.post("/rentals/", booking_of(clinic)))[:2] == (409, "device_unavailable")
    assert code(api.post("/rentals/", booking_of(clinic, wait=True, screening={})))[:2] == (409, "screening_required")
    make.device(clinic)
    assert api.post("/rentals/", booking_of(clinic, wait=True))[1]["state"] == "reserved"


def test_an_offer_is_accepted_before_anything_else_is_done_and_only_in_time(api, clinic):
    now = timezone.now()
    rental = make.waiting(clinic, at=now)
    make.device(clinic)
    offer = make.offer_to(rental, at=now)
    shown = api.get(f"/rentals/{rental.reference}/")[1]
    assert (shown["state"], shown["offer_expires_at"]) == ("reserved", seen_as(offer.offer_expires_at))
    assert code(verb(api, rental, "sign"))[:2] == (409, "offer_open")
    status, accepted = verb(api, rental, "offer/accept")
    assert (status, accepted["state"], accepted["offer_expires_at"]) == (200, "reserved", None)
    assert accepted["history"][-1]["verb"] == "offer_accepted"
    assert code(verb(api, rental, "offer/accept"))[:2] == (409, "wrong_state")
    late = make.rental(State.ENQUIRY, clinic, at=now)
    answer = verb(api, late, "offer/accept")
    assert code(answer)[:2] == (409, "offer_expired")
    assert (answer[1]["conflict"], late.reference in answer[1]["errors"][0]["detail"]) == (
        {"reference": late.reference},
        True,
    )
    assert api.get(f"/rentals/{late.reference}/")[1]["device"] is None


def seen_as(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
