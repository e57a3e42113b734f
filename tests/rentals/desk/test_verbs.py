"""What is done to a rental at the desk: each verb's page, its proposals and its refusals."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from config.models import User
from patients.models import Access
from rentals.desk.actions import possible, steps
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def home(rental) -> str:
    return f"/rentals/{rental.reference}/"


def active(days_ago: int = 7, **wishes):
    """A rental handed over some days ago, its due day still to come."""
    return make.rental(State.ACTIVE, at=make.NOW - days_ago * DAY, **wishes)


@shared
def rental() -> Rental:
    return active()


@shared
def hires() -> dict[State, Rental]:
    return {state: make.rental(state) for state in State if state not in (State.CANCELLED, State.KEPT)}


@pytest.mark.parametrize(
    ("state", "role", "addresses"),
    [
        (State.ENQUIRY, User.Role.RECEPTION, ["reserve", "offer-again", "cancel"]),
        (State.RESERVED, User.Role.RECEPTION, ["sign", "hand-over", "pay", "extend", "change-device", "cancel"]),
        (State.ACTIVE, User.Role.RECEPTION, ["return", "pay", "extend", "return-day", "swap", "gel"]),
        (State.ACTIVE, User.Role.CLINICIAN, ["return", "extend", "return-day", "swap", "healed", "gel", "imaging"]),
        (
            State.ACTIVE,
            User.Role.MANAGER,
            [
                *("return", "pay", "extend", "return-day", "swap", "healed", "gel", "imaging"),
                *("lost", "kept", "wrong-device", "wrong-patient"),
            ],
        ),
        (State.RETURNED, User.Role.RECEPTION, ["inspect", "pay"]),
        (State.LOST, User.Role.RECEPTION, ["inspect", "pay"]),
        (State.CLOSED, User.Role.RECEPTION, ["pay"]),
        (State.RETURNED, User.Role.AUDITOR, []),
    ],
)
def test_a_rental_offers_what_its_state_and_the_role_allow(hires, state, role, addresses):
    rental = hires[state]
    user = make.user(role, rental.clinic)
    assert [one.address for one in possible(rental, user)] == addresses
    desk = Desk(user)
    assert desk.see(home(rental)) == 200
    for address in addresses:
        assert f'href="{reverse(address, args=[rental.reference])}"' in desk.page


def test_the_steps_to_the_hand_over_follow_what_is_done(reserved):
    assert [(step.address, step.done) for step in steps(reserved)] == [
        ("sign", False),
        ("pay", False),
        ("hand-over", False),
    ]
    make.prepare(reserved)
    assert [(step.address, step.done) for step in steps(reserved)] == [
        ("sign", True),
        ("pay", True),
        ("hand-over", False),
    ]
    assert steps(make.hand_over(reserved)) == []


def test_a_verb_in_the_wrong_state_leads_back_and_says_what_to_do(rental):
    desk = Desk(make.reception(rental.clinic))
    assert desk.see(f"{home(rental)}hand-over/") == 302
    assert desk.led_to == home(rental)
    desk.see(home(rental))
    assert "is active, so this is not possible now: take the device back first" in desk.page
    assert desk.send(f"{home(rental)}hand-over/", counter=1, parts=["main_unit"], delivery="desk") == 409


def test_the_agreement_is_signed_only_when_read_and_names_its_version(reserved):
    desk = Desk(make.reception(reserved.clinic))
    assert desk.fill_in(f"{home(reserved)}sign/") == 422
    assert list(desk.problems()) == ["accepted"]
    assert desk.fill_in(f"{home(reserved)}sign/", accepted="on", accepted_terms_version=7) == 409
    assert desk.fill_in(f"{home(reserved)}sign/", accepted="on", name="Ada L.") == 302
    assert reserved.signatures.get().name == "Ada L."


def test_the_bond_is_proposed_and_no_more_than_is_due_is_taken(reserved):
    desk = Desk(make.reception(reserved.clinic))
    desk.see(f"{home(reserved)}pay/")
    assert (desk.proposed()["kind"], desk.proposed()["amount"]) == ("bond", Decimal("300.00"))
    assert desk.fill_in(f"{home(reserved)}pay/", amount="300.01") == 409
    assert "take no more than that" in desk.problems()["amount"][0]
    assert desk.fill_in(f"{home(reserved)}pay/", amount="-1") == 422


def test_a_hand_over_before_its_steps_is_refused_with_the_next_one(reserved):
    desk = Desk(make.reception(reserved.clinic))
    entries = {"counter": 0, "parts": ["main_unit"]}
    assert desk.fill_in(f"{home(reserved)}hand-over/", **entries) == 409
    assert desk.problems() == {"__all__": ["The agreement is not signed yet; have it signed first."]}
    assert f'href="{home(reserved)}sign/"' in desk.page
    make.prepare(reserved, at=make.NOW)
    assert desk.fill_in(f"{home(reserved)}hand-over/", **entries, delivery="courier", tracking="AU1") == 302
    holding = reserved.holdings.get()
    assert (holding.parts_out, holding.delivery, holding.tracking) == (["main_unit"], "courier", "AU1")


def test_a_moment_is_read_by_the_clinics_clock(rental):
    desk = Desk(make.reception(rental.clinic))
    yesterday = (make.NOW - DAY).astimezone(ZoneInfo("Australia/Sydney")).replace(second=0, microsecond=0)
    assert desk.fill_in(f"{home(rental)}return/", counter=5, at=f"{yesterday:%Y-%m-%dT%H:%M}") == 302
    rental.refresh_from_db()
    assert rental.returned_at == yesterday


def test_an_hour_that_never_was_is_said_to_be_wrong(rental):
    desk = Desk(make.manager(rental.clinic))
    assert desk.fill_in(f"{home(rental)}return/", counter=5, at="2026-10-04T02:30") == 422
    assert list(desk.problems()) == ["at"]


@pytest.mark.parametrize("days_back", [4, 400])
def test_reception_is_told_who_may_record_what_lies_further_back(days_back):
    rental = active(days_ago=500, days=600)
    desk = Desk(make.reception(rental.clinic))
    at = datetime.now(ZoneInfo("Australia/Sydney")) - days_back * DAY
    assert desk.fill_in(f"{home(rental)}return/", counter=5, at=f"{at:%Y-%m-%dT%H:%M}") == 400
    assert "ask a manager" in desk.problems()["at"][0]


def test_a_device_that_is_not_fit_goes_to_repair_and_the_rental_is_settled_all_the_same():
    now = make.NOW
    rental = make.rental(State.RETURNED, at=now - 20 * DAY, ended=now - DAY)
    device = rental.holdings.get().device
    desk = Desk(make.reception(rental.clinic))
    assert desk.fill_in(f"{home(rental)}inspect/", passed="yes", checks=["cleaned"]) == 400
    assert "clock set to local time" in desk.problems()["checks"][0]
    assert desk.fill_in(f"{home(rental)}inspect/", passed="no", checks=["cleaned"]) == 302
    device.refresh_from_db()
    inspection = device.inspections.get()
    assert (device.condition, inspection.passed, inspection.checks["cleaned"]) == ("repair", False, True)
    assert inspection.checks["output"] is False


@pytest.mark.parametrize("half", [{"fee_1": "Strap"}, {"amount_1": "15.00"}])
def test_half_a_fee_is_asked_for_whole(half, lost):
    desk = Desk(make.reception(lost.clinic))
    assert desk.fill_in(f"{home(lost)}inspect/", **half) == 422
    assert desk.fill_in(f"{home(lost)}inspect/", fee_1="Replacement", amount_1="900.00") == 302
    lost.refresh_from_db()
    assert lost.state == State.CLOSED
    assert lost.ledger.filter(kind="fee").get().amount == Decimal("900.00")


def test_an_extension_into_another_booking_is_refused_with_who_and_what_would_fit(rental):
    device = rental.holdings.get().device
    spare = make.device(rental.clinic, at=make.NOW - 30 * DAY)
    later = make.rental(device=device, at=make.NOW, starts_on=rental.due_on + 7 * DAY, pinned=True)
    desk = Desk(make.reception(rental.clinic))
    due_on = rental.clinic.next_open_day(rental.due_on + 14 * DAY)
    assert desk.fill_in(f"{home(rental)}extend/", due_on=due_on.isoformat()) == 409
    assert later.reference in desk.page
    assert f"device {spare.serial} with" in desk.page
    due_on = rental.clinic.next_open_day(rental.due_on + DAY)
    assert desk.fill_in(f"{home(rental)}extend/", due_on=due_on.isoformat()) == 302
    rental.refresh_from_db()
    assert rental.due_on == due_on


def test_an_extension_says_which_reservation_was_moved_to_make_room(rental):
    make.device(rental.clinic, at=make.NOW - 30 * DAY)
    later = make.rental(
        device=rental.holdings.get().device, at=make.NOW, starts_on=rental.clinic.next_open_day(rental.due_on + 7 * DAY)
    )
    desk = Desk(make.reception(rental.clinic))
    for days, is_moved in ((1, False), (14, True)):
        due_on = rental.clinic.next_open_day(rental.due_on + days * DAY)
        assert desk.fill_in(f"{home(rental)}extend/", due_on=due_on.isoformat()) == 302
        desk.see(home(rental))
        assert (f"another device was given to {later.reference}." in desk.page) == is_moved


def test_a_swap_offers_only_what_fits_and_exchanges_the_devices(rental):
    old = rental.holdings.get().device
    good = make.device(rental.clinic, counter=10, at=make.NOW - 30 * DAY)
    make.device(rental.clinic, counter=340, at=make.NOW - 30 * DAY)
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"{home(rental)}swap/")
    offered = [value for value, _ in desk.answer.context["form"].fields["device"].widget.choices]
    assert offered == ["", good.pk]
    assert desk.fill_in(f"{home(rental)}swap/", counter_out=6, device=good.pk, counter_in=10) == 302
    assert [(holding.device, holding.live) for holding in rental.holdings.all()] == [(old, False), (good, True)]


def test_where_nothing_can_replace_a_device_the_page_says_why_and_what_to_do_before_anything_is_sent():
    """Of four others none fits; the worn one that the patient has does not count among them."""
    rental = active(counter=330, planned_treatments=13)
    site, before = rental.clinic, make.NOW - 30 * DAY
    make.rental(device=make.device(site, at=before), at=make.NOW)
    make.device(site, at=before, condition="quarantine")
    for _ in range(2):
        make.device(site, at=before, counter=340)
    desk = Desk(make.reception(site))
    assert desk.see(f"{home(rental)}swap/") == 200
    assert "Why: 2 with too few treatments left, 1 booked on these days, 1 not ready." in desk.page
    assert 'name="counter_out"' not in desk.page
    for address in ("return", "extend"):
        assert f'href="{home(rental)}{address}/">' in desk.page


def test_where_there_is_no_other_device_the_swap_says_so(rental):
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"{home(rental)}swap/")
    assert "Why: there is no other device." in desk.page
    assert desk.send(f"{home(rental)}swap/") == 422
    assert list(desk.problems()) == ["counter_out", "device", "counter_in"]
    assert 'name="counter_out"' in desk.page


@pytest.mark.parametrize(
    ("address", "role", "entries", "state"),
    [
        ("healed", User.Role.CLINICIAN, {"imaging": "CT"}, State.ACTIVE),
        ("lost", User.Role.MANAGER, {"reason": "Left on a train"}, State.LOST),
        ("kept", User.Role.MANAGER, {"reason": "Bought it"}, State.KEPT),
    ],
)
def test_what_ends_a_course_is_recorded_by_the_one_who_may(address, role, entries, state, rental):
    today = rental.clinic.day_of(make.NOW).isoformat()
    desk = Desk(make.user(role, rental.clinic))
    assert desk.fill_in(f"{home(rental)}{address}/") == 422
    assert desk.fill_in(f"{home(rental)}{address}/", **entries, **({"on": today} if address == "healed" else {})) == 302
    rental.refresh_from_db()
    assert rental.state == state


def test_a_booking_is_cancelled_with_a_reason(reserved):
    desk = Desk(make.reception(reserved.clinic))
    assert desk.fill_in(f"{home(reserved)}cancel/", reason="Treated elsewhere") == 302
    reserved.refresh_from_db()
    assert reserved.state == State.CANCELLED
    desk.see(home(reserved))
    assert "Treated elsewhere" in desk.page


def test_a_manager_reverses_a_wrong_entry_once_and_gives_the_reason(rental):
    reception, manager = Desk(make.reception(rental.clinic)), Desk(make.manager(rental.clinic))
    reception.fill_in(f"{home(rental)}pay/", kind="hire", amount="600.00")
    wrong = rental.ledger.get(kind="hire_payment")
    address = f"{home(rental)}ledger/{wrong.pk}/reverse/"
    reception.see(home(rental))
    assert address not in reception.page
    assert reception.send(address, reason="x") == 403
    manager.see(home(rental))
    assert address in manager.page
    assert manager.fill_in(address) == 422
    assert manager.fill_in(address, reason="Sixty, not six hundred") == 302
    assert rental.ledger.get(reverses=wrong).amount == 600
    manager.see(home(rental))
    assert address not in manager.page
    assert manager.fill_in(address, reason="again") == 409


def test_an_entry_of_another_rental_is_not_reversed_here():
    rental, other = active(), active()
    desk = Desk(make.manager())
    assert desk.see(f"{home(rental)}ledger/{other.ledger.first().pk}/reverse/") == 404


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_year_that_nobody_can_mean_is_refused_before_any_rule_is_asked(at, rental):
    desk = Desk(make.manager(rental.clinic))
    assert desk.fill_in(f"{home(rental)}return/", counter=5, at=at) == 422
    assert "Write a year from 1851 to 2199." in desk.problems()["at"]


def test_a_counter_that_cannot_be_is_said_at_once_while_the_device_is_in_the_hand(rental):
    desk = Desk(make.reception(rental.clinic))
    desk.fill_in(f"{home(rental)}return/", counter=9999)
    desk.see(desk.led_to)
    assert "Counter 9999 is kept, but not trusted" in desk.page


def test_a_reservation_without_its_device_is_given_one_or_cancelled(reserved):
    make.put_at_risk(reserved.holdings.get().device)
    user = make.reception(reserved.clinic)
    assert [one.words for one in possible(reserved, user)] == ["Give it a device", "Cancel"]
    assert steps(reserved) == []
    desk = Desk(user)
    assert (desk.see(f"{home(reserved)}hand-over/"), desk.led_to) == (302, home(reserved))
    desk.see(home(reserved))
    assert f'href="{home(reserved)}device/">Give it a device' in desk.page


def test_what_is_still_to_be_paid_is_said_when_a_rental_ends(reserved):
    booked = make.prepare(reserved)
    desk = Desk(make.manager())
    desk.fill_in(f"{home(booked)}cancel/", reason="Treated elsewhere")
    desk.see(desk.led_to)
    assert "$300.00 is due to the patient: pay it out, then record the refund." in desk.page
    lost = make.rental(State.LOST)
    desk.fill_in(f"{home(lost)}inspect/", fee_1="Replacement", amount_1="900.00")
    desk.see(desk.led_to)
    assert "The patient still owes $720.00." in desk.page


class TestTheDayOfTheReturn:
    """As the patient told it by phone; what the patient's own page writes down as well."""

    def test_nothing_is_chosen_until_staff_write_it_down_and_change_it(self, active):
        desk = Desk(make.reception(active.clinic))
        assert desk.see(f"{home(active)}return-day/") == 200
        assert not {"day", "clock"} & set(desk.proposed())
        assert desk.fill_in(f"{home(active)}return-day/", day="2026-03-27", clock="16:30:00") == 302
        desk.see(desk.led_to)
        assert "The day of the return is written down." in desk.page
        assert "as the patient told us" in desk.page
        move = active.moves.last()
        assert (move.verb, move.actor.role, move.reason) == ("choose_return", "reception", "as the patient told us")
        assert Access.objects.filter(user=move.actor, patient=active.patient, action="changed").count() == 1
        desk.see(f"{home(active)}return-day/")
        assert (desk.proposed()["day"], desk.proposed()["clock"]) == ("2026-03-27", "16:30:00")
        assert desk.fill_in(f"{home(active)}return-day/", day="2026-03-26") == 302
        active.refresh_from_db()
        assert active.return_expected_at == datetime(2026, 3, 26, 16, 30, tzinfo=ZoneInfo("Australia/Sydney"))

    def test_a_day_on_which_nobody_is_there_is_refused(self, active):
        desk = Desk(make.reception(active.clinic))
        assert desk.fill_in(f"{home(active)}return-day/", day="2026-03-29", clock="16:30:00") == 422
        assert desk.fill_in(f"{home(active)}return-day/", day="2026-03-27", clock="") == 422
        active.refresh_from_db()
        assert active.return_expected_at is None

    def test_of_a_hire_that_is_not_running_no_day_is_asked(self, returned):
        desk = Desk(make.reception(returned.clinic))
        assert desk.see(f"{home(returned)}return-day/") == 302
        assert desk.led_to == home(returned)
        assert desk.send(f"{home(returned)}return-day/", day="2026-03-27", clock="16:30:00") != 302
