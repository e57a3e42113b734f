"""Offers: what becomes free is held for the first who waits and whose need fits, until the patient answers (I1, I2).

An offer is a rental in `reserved` with an expiry, so that it holds its device and its treatments like any booking.
The rows are the truth: a sweep each minute takes back what has run out and offers what is free; a poke only makes it
come sooner.
"""

import logging
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from kombu.exceptions import OperationalError

from config.models import Clinic, User
from config.refusals import Refusal
from patients.access import record_access
from patients.models import Access, Patient
from rentals.booking.availability import search
from rentals.booking.replan import at_risk, place_at_risk
from rentals.booking.waiting import give_device, need_of
from rentals.deciding import deciding, held_device, lock_rental
from rentals.lifecycle import move, offer_expired, require, wrong_state
from rentals.models import Holding, Reminder, Rental
from rentals.models.rental import RentalQuerySet
from rentals.models.states import State
from rentals.reminders.addressees import addressees_of
from rentals.reminders.schedule import next_sending, offer_occasion

logger = logging.getLogger(__name__)

BY_THE_LINK = "by the patient, through the link"


def sweep_offers(at: datetime) -> list[Rental]:
    """Do in every clinic what `see_to_offers` does; returns the new offers. One query where nothing is to be done."""
    to_do = Q(Exists(to_offer().filter(clinic=OuterRef("pk")))) | Q(Exists(over(at).filter(clinic=OuterRef("pk"))))
    return [offered for clinic in Clinic.objects.filter(to_do) for offered in see_to_offers(clinic, at)]


def see_to_offers(clinic: Clinic, at: datetime) -> list[Rental]:
    """Take back the offers of `clinic` that are over; what is free goes to whoever was promised a device and has none,
    then it is offered. Returns the new offers."""
    expire_offers(clinic, at)
    place_at_risk([clinic], at)
    return offer_next(clinic, at)


def to_offer() -> RentalQuerySet:
    """Those who wait for an offer, in their order: not whoever has passed on one, until staff say otherwise."""
    return Rental.objects.waiting().filter(passed_at=None, patient__state=Patient.State.ACTIVE)


def over(at: datetime) -> RentalQuerySet:
    """Offers that have run out, and those whose device was taken away, which nobody could accept."""
    without_device = Holding.objects.filter(rental=OuterRef("pk"), live=True, device=None)
    return Rental.objects.offered().filter(Q(offer_expires_at__lte=at) | Exists(without_device))


def offer_next(clinic: Clinic, at: datetime) -> list[Rental]:
    """Offer what is free to those who wait at `clinic`, in their order, each in a transaction of its own.

    Nobody is passed over whose need fits, and nobody waits behind one whose need does not. What is offered leaves
    less for those who come after, never more, so the list is gone through once; and no further where somebody else
    is changing the same records just now. Returns the new offers.
    """
    offers: list[Rental] = []
    with suppress(Refusal):
        for rental in list(to_offer().filter(clinic=clinic).select_related("patient")):
            offered = offer(rental, clinic, at)
            offers += [offered] if offered else []
    return offers


def offer(rental: Rental, clinic: Clinic, at: datetime) -> Rental | None:
    """Hold the best device for a waiting rental and have the patient asked; None where none fits, or where somebody
    else changed something meanwhile.

    An offer is made at any hour, so that what is free at night goes to whoever is first; but its open hours count
    from when the mail may leave, so that each patient has all of them to answer. The course is counted from the day
    on which the offer runs out, for until then it may be accepted; whoever is quicker may collect the device earlier.
    Raises `busy`.
    """
    rental.clinic = clinic  # whose days are looked up once, not for each who waits
    asked_at = next_sending(clinic, at)
    try:
        expires_at = clinic.after_open_hours(asked_at, clinic.offer_open_hours)
        need = need_of(rental, expires_at)
        if not search(need, at).fitting:
            return None
        with deciding():
            offered = give_device(rental, need, "offer", at=at, actor=None, offer_expires_at=expires_at)
            if offered.passed_at:
                raise wrong_state(offered)
            have_told(offered, offer_occasion(expires_at), asked_at)
    except Refusal as refusal:
        if refusal.code == "busy":
            raise
        return None
    return offered


def accept_offer(rental: Rental, *, at: datetime, actor: User | None) -> Rental:
    """Book what is offered, under the clinic's present terms; `actor` is None for the patient, through the link.

    Raises `offer_expired` once the offer is over, `wrong_state` for what is no offer, `device_not_ready` for one
    whose device was taken away.
    """
    require(rental, "offer_accepted")
    with deciding():
        rental, holding = lock_rental(rental)
        require(rental, "offer_accepted")
        if rental.offer_expires_at and rental.offer_expires_at <= at:
            raise offer_expired(rental)
        held_device(rental, holding)
        terms = rental.clinic.current_terms
        answer(rental, "offer_accepted", at=at, actor=actor, offer_expires_at=None, terms=terms)
    return rental


def decline_offer(rental: Rental, *, at: datetime, actor: User | None) -> Rental:
    """Let go of what is offered; the rental waits again and is passed over until staff say `offer_again`.

    Raises `offer_expired` once the offer is over, `wrong_state` for what is no offer.
    """
    require(rental, "offer_declined")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "offer_declined")
        let_go(rental)
        answer(rental, "offer_declined", to=State.ENQUIRY, at=at, actor=actor, passed_at=at, **as_it_waited(rental))
        poke_offers(rental.clinic_id)
    return rental


def answer(
    rental: Rental, verb: str, *, at: datetime, actor: User | None, to: State | None = None, **changes: Any
) -> None:
    """Write down what was answered, and by whom."""
    reason = "" if actor else BY_THE_LINK
    move(rental, verb, to=to, at=at, now=at, actor=actor, reason=reason, **changes)
    if actor:
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)


def expire_offers(clinic: Clinic, at: datetime) -> int:
    """Take back each offer of `clinic` that is over, in a transaction of its own; returns how many."""
    return sum(expire_offer(rental, at) for rental in over(at).filter(clinic=clinic))


def have_told(offered: Rental, occasion: str, asked_at: datetime) -> None:
    """Have everybody mailed who is told of the patient's hires, each with a link to answer by."""
    offer = {"rental": offered, "kind": Reminder.Kind.OFFER, "occasion": occasion, "channel": Reminder.Channel.EMAIL}
    for recipient in addressees_of(Reminder(**offer)):
        Reminder.objects.get_or_create(**offer, recipient=recipient, defaults={"due_at": asked_at})


def expire_offer(rental: Rental, at: datetime) -> bool:
    """Let the rental wait again; False where it was answered, or is being changed, at this moment.

    Whoever let an offer run out is passed over from now on; whose device was taken away is the next again.
    """
    try:
        with deciding():
            rental, holding = lock_rental(rental)
            run_out = rental.offer_expires_at is not None and rental.offer_expires_at <= at
            if not run_out and (rental.offer_expires_at is None or holding is None or holding.device):
                return False
            let_go(rental)
            verb, passed_at = ("offer_expired", at) if run_out else ("offer_withdrawn", None)
            days = as_it_waited(rental)
            move(rental, verb, to=State.ENQUIRY, at=at, now=at, actor=None, passed_at=passed_at, **days)
    except Refusal:
        return False
    return True


def let_go(rental: Rental) -> None:
    """The rental holds nothing any more. The caller holds the transaction and the locks."""
    Holding.objects.filter(rental=rental, live=True).update(live=False)


def as_it_waited(rental: Rental) -> dict[str, Any]:
    """What the offer changed, as it was before: the days that were asked for, which the history of the row has kept.

    Otherwise each offer would move them to later and open days, and the course would get longer and longer.
    """
    before = rental.events.filter(state=State.ENQUIRY).latest("pgh_id")  # type: ignore[attr-defined]
    days = {"starts_on": before.starts_on, "due_on": before.due_on}
    return {"offer_expires_at": None, "pinned": before.pinned, **days}


def offer_again(rental: Rental, *, at: datetime, actor: User) -> Rental:
    """Let whoever passed on an offer have the next one again."""
    require(rental, "offer_again")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "offer_again")
        move(rental, "offer_again", at=at, now=at, actor=actor, passed_at=None)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
        poke_offers(rental.clinic_id)
    return rental


def poke_offers(clinic_id: int) -> None:
    """Once this is committed, have what became free at the clinic given to whom is at risk there, or offered.

    For whatever frees a device, days or treatments. A lost poke loses nothing: the next sweep finds it.
    """
    transaction.on_commit(lambda: ask_workers(clinic_id), robust=True)


def ask_workers(clinic_id: int) -> None:
    from rentals.tasks import offer_what_is_free as task  # tasks import this module

    try:
        if to_offer().filter(clinic=clinic_id).exists() or at_risk(clinic_id).exists():
            task.apply_async((clinic_id,), retry=False)
    except OperationalError:
        logger.warning("the queue does not answer; what is free is offered at the next sweep")
