"""What goes with the treatment: gel for the patient, and when the next imaging is planned."""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from config.days import long_day
from config.models import User
from config.refusals import invalid
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import move, record, require
from rentals.models import GelSupply, Rental, StaffTask
from rentals.staff_tasks import settle_tasks

MILLILITRES_A_BOTTLE = 200


@dataclass(frozen=True)
class Gel:
    """So much gel, and until which local day it may be used, where the bottle says so."""

    millilitres: int = MILLILITRES_A_BOTTLE
    expires_on: date | None = None


def give_gel(rental: Rental, gel: Gel, *, at: datetime, actor: User) -> Rental:
    """Write down gel given to the patient of an active rental; whoever was asked to hand it out has done so.

    Raises `wrong_state`, `invalid` for gel past its day.
    """
    require(rental, "give_gel")
    with deciding():
        rental = lock_rental(rental)[0]
        require(rental, "give_gel")
        write_supply(rental, gel, at=at, actor=actor)
        record(rental, "give_gel", old=rental.state, at=at, now=at, actor=actor, reason=f"{gel.millilitres} ml")
        settle_tasks(rental, [StaffTask.Kind.GEL], "Gel was given.", at)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def write_supply(rental: Rental, gel: Gel, *, at: datetime, actor: User) -> None:
    """One supply more. The caller holds the transaction. Raises `invalid` for gel past its day, or none."""
    if gel.expires_on and gel.expires_on < rental.clinic.day_of(at):
        raise invalid(
            "gel_expires_on",
            _("This gel was good until %(expires_on)s; give another one.") % {"expires_on": long_day(gel.expires_on)},
        )
    if gel.millilitres < 1:
        raise invalid("gel_millilitres", _("Write how much gel was given, in millilitres."))
    GelSupply.objects.create(
        rental=rental, given_at=at, given_by=actor, millilitres=gel.millilitres, expires_on=gel.expires_on
    )


def plan_imaging(rental: Rental, *, on: date | None, at: datetime, actor: User) -> Rental:
    """A clinician plans the follow-up imaging for the local day `on`, or takes the plan back (None).

    Raises `wrong_state`, `invalid` for a day that has passed.
    """
    require(rental, "plan_imaging")
    if on and on < rental.clinic.day_of(at):
        raise invalid("on", _("This day has passed; choose today or a later one."))
    with deciding():
        rental = lock_rental(rental)[0]
        require(rental, "plan_imaging")
        reason = f"for {on:%-d %B %Y}" if on else "none any more"
        move(rental, "plan_imaging", at=at, now=at, actor=actor, reason=reason, imaging_due_on=on)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental
