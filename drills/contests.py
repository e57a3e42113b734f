"""The races of T1: what several clerks ask for at the same moment, and what must have come of it."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from devices.models import Device
from rentals.booking.replan import replan
from rentals.ledger import balance
from rentals.models import Holding
from tests import make

if TYPE_CHECKING:
    from drills.races import Desk

DAY = timedelta(days=1)
HANDED_OVER = {"counter": 0, "parts": [], "delivery": {"method": "desk"}}
RETURNED = {"counter": 0, "parts": [], "notes": ""}
INSPECTED: dict[str, Any] = {"passed": True, "checks": {}, "fees": []}
REFUND = {"kind": "refund", "amount": "180.00", "method": "card"}


def last_device(desk: "Desk", contenders: int) -> None:
    device, days = desk.device, desk.next_days()
    outcomes = desk.race([desk.booking(days, device=device.pk) for _ in range(contenders)])
    assert outcomes == Counter(won=1, device_unavailable=contenders - 1), outcomes
    assert desk.holders(device, days) == 1


def any_device(desk: "Desk", contenders: int) -> None:
    """Nobody names a device: as many are booked as there are."""
    days = desk.next_days()
    outcomes = desk.race([desk.booking(days) for _ in range(contenders)])
    assert outcomes == Counter(won=2, device_unavailable=contenders - 2), outcomes
    assert (desk.holders(desk.device, days), desk.holders(desk.other, days)) == (1, 1)


def last_treatments(desk: "Desk", contenders: int) -> None:
    device = make.device(desk.clinic, nominal=100)
    wishes = {"device": device.pk, "planned_treatments": 51}
    outcomes = desk.race([desk.booking(desk.next_days(), **wishes) for _ in range(contenders)])
    assert outcomes == Counter(won=1, capacity_exceeded=contenders - 1), outcomes
    assert make.capacity_of(device).free_treatments == 49
    Device.objects.filter(pk=device.pk).update(condition=Device.Condition.RETIRED)  # none for the races to come


def cancellation_against_bookings(desk: "Desk", contenders: int) -> None:
    """Who gives up a device lets one other have it, never two."""
    device, days = desk.device, desk.next_days()
    booked = desk.booked(days, device=device.pk)
    bookings = [desk.booking(days, device=device.pk) for _ in range(contenders - 1)]
    outcomes = desk.race([(f"{booked}cancel/", {"reason": "Ill"}), *bookings])
    assert set(outcomes) <= {"won", "device_unavailable"}, outcomes
    assert desk.holders(device, days) == outcomes["won"] - 1 <= 1, outcomes


def longer_reservation_against_bookings(desk: "Desk", contenders: int) -> None:
    """The days after a reservation go to it or to one other; both where the planner finds room on the other device."""
    device, days, after = desk.device, desk.next_days(), desk.next_days()
    booked = desk.booked(days, device=device.pk)
    bookings = [desk.booking(after, device=device.pk) for _ in range(contenders - 1)]
    outcomes = desk.race([(f"{booked}extend/", {"due_on": str(after + 7 * DAY)}), *bookings])
    assert set(outcomes) <= {"won", "device_unavailable", "busy"}, outcomes
    assert desk.holders(device, after) + desk.holders(desk.other, after) == outcomes["won"], outcomes


def changes_to_one_device(desk: "Desk", contenders: int) -> None:
    """Two reservations are put on a third device that others want to book for the same days: one gets it."""
    days, wanted = desk.next_days(), make.device(desk.clinic)
    booked = [desk.booked(days, device=device.pk) for device in (desk.device, desk.other)]
    changes = [(f"{path}change-device/", {"device": wanted.pk}) for path in booked]
    bookings = [desk.booking(days, device=wanted.pk) for _ in range(contenders - 2)]
    outcomes = desk.race([*changes, *bookings])
    assert outcomes == Counter(won=1, device_unavailable=contenders - 1), outcomes
    assert desk.holders(wanted, days) == 1
    Device.objects.filter(pk=wanted.pk).update(condition=Device.Condition.RETIRED)


def return_against_extension(desk: "Desk", contenders: int) -> None:
    rental = desk.rental("active")
    path, later = f"/rentals/{rental.reference}", {"due_on": str(rental.due_on + 7 * DAY)}
    requests = [(f"{path}/return/", RETURNED), (f"{path}/extend/", later)] * (contenders // 2)
    outcomes = desk.race(requests)
    assert set(outcomes) <= {"won", "wrong_state"}, outcomes
    assert rental.moves.filter(verb="take_back").count() == 1
    assert rental.moves.filter(verb="extend").count() == outcomes["won"] - 1


def hand_over_against_cancellation(desk: "Desk", contenders: int) -> None:
    rental = make.prepare(desk.rental("reserved"), actor=desk.actor, at=datetime.now(UTC))
    path = f"/rentals/{rental.reference}"
    requests = [(f"{path}/hand-over/", HANDED_OVER), (f"{path}/cancel/", {"reason": "Ill"})] * (contenders // 2)
    outcomes = desk.race(requests)
    assert outcomes == Counter(won=1, wrong_state=contenders - 1), outcomes


def hand_over_against_recall(desk: "Desk", contenders: int) -> None:
    rental = make.prepare(desk.rental("reserved"), actor=desk.actor, at=datetime.now(UTC))
    device = rental.holdings.get().device
    notice = {"part_number": device.model.part_number, "serials": [device.serial], "reason": "Heat"}
    hand_overs = [(f"/rentals/{rental.reference}/hand-over/", HANDED_OVER)] * (contenders - 1)
    outcomes = desk.race([("/recalls/", notice), *hand_overs])
    assert set(outcomes) <= {"won", "wrong_state", "device_not_ready"}, outcomes
    handed_over = outcomes["won"] - 1
    assert Holding.objects.filter(rental=rental, out__isnull=False).count() == handed_over <= 1, outcomes


def inspections(desk: "Desk", contenders: int) -> None:
    rental = desk.rental("returned")
    outcomes = desk.race([(f"/rentals/{rental.reference}/inspect/", INSPECTED)] * contenders)
    assert outcomes == Counter(won=1, wrong_state=contenders - 1), outcomes
    assert rental.ledger.filter(kind="refund_due").count() == 1


def refunds(desk: "Desk", contenders: int) -> None:
    rental = desk.rental("closed")
    outcomes = desk.race([(f"/rentals/{rental.reference}/payments/", REFUND)] * contenders)
    assert outcomes == Counter(won=1, too_much=contenders - 1), outcomes
    assert balance(rental) == 0


def extension_against_bookings(desk: "Desk", contenders: int) -> None:
    """The days after a rental go to its patient or to one other, or the other is moved to the device that is left."""
    rental, spare = desk.rental("active"), make.device(desk.clinic)
    device, soon = rental.holdings.get().device, desk.today + 40 * DAY
    path, later = f"/rentals/{rental.reference}/extend/", {"due_on": str(rental.due_on + 35 * DAY)}
    requests = [
        (path, later),
        *(desk.booking(soon, device=device.pk) for _ in range(contenders - 1)),
    ]
    outcomes = desk.race(requests)
    assert set(outcomes) <= {"won", "device_unavailable"}, outcomes
    given = Holding.objects.filter(live=True, device__in=[device, spare])
    assert given.count() == 1 + outcomes["won"] - rental.moves.filter(verb="extend").count() <= 2, outcomes


def recall_against_extension_and_bookings(desk: "Desk", contenders: int) -> None:
    """Whoever is booked on the recalled unit goes to the other one, or is at risk; nobody stays on it."""
    rental = desk.rental("active")
    device, soon = rental.holdings.get().device, desk.today + 40 * DAY
    make.device(desk.clinic)
    notice = {"part_number": device.model.part_number, "serials": [device.serial], "reason": "Heat"}
    later = (f"/rentals/{rental.reference}/extend/", {"due_on": str(rental.due_on + 7 * DAY)})
    bookings = [desk.booking(soon, device=device.pk) for _ in range(contenders)]
    outcomes = desk.race([("/recalls/", notice), later, *bookings][:contenders])
    assert set(outcomes) <= {"won", "device_unavailable", "busy"}, outcomes
    assert not Holding.objects.filter(device=device, live=True, out=None).exists()


def overdue_night_against_bookings(desk: "Desk", contenders: int) -> None:
    """The planner moves a reservation out of the way of an overdue device while others book the one it may go to."""
    long_ago = datetime.now(UTC) - 40 * DAY
    late = make.rental("active", desk.clinic, actor=desk.actor, at=long_ago)
    device, spare = late.holdings.get().device, make.device(desk.clinic)
    booked = desk.rental("reserved", device=spare)
    Holding.objects.filter(rental=booked).update(device=device)
    bookings = [desk.booking(desk.today, device=spare.pk) for _ in range(contenders - 1)]
    outcomes = desk.race([partial(replan, desk.clinic, cause="an overdue night", at=datetime.now(UTC)), *bookings])
    assert set(outcomes) <= {"won", "device_unavailable", "busy"}, outcomes
    assert Holding.objects.filter(device=spare, live=True).count() == 1


def pins_against_a_recall(desk: "Desk", contenders: int) -> None:
    """A reservation that is pinned in time is at risk, one that was not is moved."""
    rental, spare = desk.rental("reserved"), make.device(desk.clinic)
    device = rental.holdings.get().device
    notice = {"part_number": device.model.part_number, "serials": [device.serial], "reason": "Heat"}
    pins = [(f"/rentals/{rental.reference}/pin/", {"pinned": True})] * (contenders - 1)
    outcomes = desk.race([("/recalls/", notice), *pins])
    assert set(outcomes) <= {"won", "busy"}, outcomes
    assert Holding.objects.get(rental=rental, live=True).device_id in {None, spare.pk}


Race = Callable[["Desk", int], None]

# Each of the slow ones has a clinic of its own to happen in; the quick ones share one and its two devices.
SLOW: tuple[Race, ...] = (
    return_against_extension,
    hand_over_against_cancellation,
    hand_over_against_recall,
    inspections,
    refunds,
    extension_against_bookings,
    recall_against_extension_and_bookings,
    overdue_night_against_bookings,
    pins_against_a_recall,
)
QUICK: tuple[Race, ...] = (
    last_device,
    any_device,
    last_treatments,
    cancellation_against_bookings,
    longer_reservation_against_bookings,
    changes_to_one_device,
)
