"""Healing that a clinician has seen: the treatment is over, and the device is expected back before its due day."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import invalid
from patients.access import record_access
from patients.models import Access
from rentals.booking.desk_days import take_next_day_with_room
from rentals.booking.offers import poke_offers
from rentals.booking.present import blocked_while_out, held_until, planned_back
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import move, require
from rentals.models import Holding, Rental, StaffTask
from rentals.staff_tasks import settle_tasks

DAYS_TO_BRING_IT_BACK = 7


def confirm_healed(rental: Rental, *, on: date, imaging: str, at: datetime, actor: User) -> Rental:
    """A clinician confirms healing, seen on `imaging` of the local day `on`; the return may start.

    The due day and the money stay as agreed. The device is expected back at the moment that the patient has named,
    or within a week, and held for no longer, so that somebody else may be planned in after that; should it not come,
    the planner holds it until the due day again (I11). Raises `wrong_state`, `invalid`.
    """
    require(rental, "confirm_healed")
    today, out = rental.clinic.day_of(at), rental.handed_over_at
    if on > today or (out and on < rental.clinic.day_of(out)):
        raise invalid("on", _("Healing is seen between the hand-over and today; correct the day."))
    if not imaging.strip():
        raise invalid("imaging", _("Name the imaging on which healing was seen, plain film or CT say."))
    with deciding():
        day = day_to_expect_it(rental, at)
        rental = lock_rental(rental)[0]
        require(rental, "confirm_healed")
        move(
            rental,
            "confirm_healed",
            at=at,
            now=at,
            actor=actor,
            healed_on=on,
            healed_imaging=imaging,
            return_expected_at=expected_back(rental, day, at),
        )
        if holding := counted_on(rental, today):
            hold_until_expected(holding, today)
        settle_tasks(rental, [StaffTask.Kind.HEALED], "Healing was confirmed.", at)
        poke_offers(rental.clinic_id)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def day_to_expect_it(rental: Rental, at: datetime) -> date | None:
    """The first day with room in a week's time, its place taken; None where none is needed, or the device is due before
    that. Belongs before the first device is locked, so what it sees of the rental may change until then."""
    soon = rental.clinic.day_of(at) + timedelta(days=DAYS_TO_BRING_IT_BACK)
    if has_named_moment(rental, at) or soon >= rental.due_on:
        return None
    return take_next_day_with_room(rental.clinic, "due_on", soon)


def has_named_moment(rental: Rental, at: datetime) -> bool:
    """Whether the patient has said when the device comes back, and that is still to come."""
    return bool(rental.return_expected_at and rental.return_expected_at > at)


def expected_back(rental: Rental, day: date | None, at: datetime) -> datetime | None:
    """When the device should be here: as the patient has said, or by the end of `day`; None where it is due before."""
    if has_named_moment(rental, at):
        return rental.return_expected_at
    hours = day and rental.clinic.hours_on(day)
    return rental.clinic.moment(day, hours.closes) if day and hours and day < rental.due_on else None


def hold_until_expected(holding: Any, today: date) -> None:
    """Block the device no longer than it is expected to be away."""
    until = min(holding.blocked.upper, blocked_while_out(holding, planned_back(holding.rental, today)).upper)
    Holding.objects.filter(pk=holding.pk).update(blocked=DateRange(holding.blocked.lower, until))


def counted_on(rental: Rental, today: date) -> Any:
    """The holding, with its `held_until`, of the device of a healed patient on whose return before the due day others
    may count, else None."""
    if rental.healed_on is None or rental.due_on < today:
        return None
    holdings = Holding.objects.filter(rental=rental, live=True, out__isnull=False).select_related("device__model")
    out = holdings.annotate(held_until=held_until()).first()
    if out:
        out.rental = rental
    return out


def last_day_promised(rental: Rental, today: date) -> date | None:
    """The last local day on which a device that is counted on may come back without somebody waiting in vain who was
    promised it (I1); None where nobody was, before the due day."""
    holding = counted_on(rental, today)
    if holding is None:
        return None
    until_due = blocked_while_out(holding, rental.due_on)
    others = Holding.objects.filter(device=holding.device_id, live=True, blocked__overlap=until_due)
    taken = [days.lower for days in others.exclude(rental=rental).values_list("blocked", flat=True)]
    return min(taken) - (until_due.upper - rental.due_on) if taken else None


def hold_as_named(rental: Rental, today: date) -> None:
    """Block a device that is counted on until the day that the patient has named now, no longer and no shorter.

    The caller holds the transaction and the locks of `lock_rental`, and has looked at `last_day_promised`.
    """
    if holding := counted_on(rental, today):
        blocked = blocked_while_out(holding, planned_back(rental, today))
        Holding.objects.filter(pk=holding.pk).update(blocked=blocked)
        if blocked.upper < holding.blocked.upper:
            poke_offers(rental.clinic_id)
