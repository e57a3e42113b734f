"""What patients ask for and say on their pages, and what staff see to beside the hire."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta

from patients.contacts import name_contact
from patients.models import Contact
from rentals.booking.healing import confirm_healed
from rentals.care import Gel, give_gel, plan_imaging
from rentals.demo.fleet import Unit
from rentals.demo.sites import Site
from rentals.models import Rental
from rentals.models.states import State
from rentals.patient_requests import (
    Problem,
    ask_for_extension,
    choose_return_slot,
    mark_day,
    report_problem,
    say_healed,
)


def hire_of(unit: Unit) -> Rental:
    """The rental whose patient has `unit` now."""
    return Rental.objects.get(holdings__device=unit.device, holdings__live=True, state=State.ACTIVE)


def healed(site: Site, unit: Unit) -> Iterator[datetime]:
    """A patient says that it has healed; a clinician confirms it, and the patient names the hour of the return."""
    yield (at := site.at(site.day(-5), 19, 40))
    words = "No pain for two weeks, and I was at the X-ray this morning."
    say_healed(hire_of(unit), words=words, key="demo", at=at)
    yield (at := site.at(site.day(-3), 11, 20))
    confirm_healed(hire_of(unit), on=site.day(-5), imaging="Plain film", at=at, actor=site.staff.clinician)
    yield (at := site.at(site.day(-3), 20, 10))
    choose_return_slot(hire_of(unit), day=site.day(2), clock=time(10, 30), at=at)


def wishes(site: Site, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """Yesterday evening: what staff find on their list this morning."""
    yield (at := site.at(site.day(-1), 18, 20))
    words = "We are away until the weekend after next. May I bring it back then?"
    ask_for_extension(hire_of(fleet["P7"]), due_on=site.day(10), words=words, key="demo", at=at)
    words = "It beeps and stops after some ten minutes, twice since Sunday."
    report_problem(hire_of(fleet["P10"]), problem=Problem.FAULT, words=words, key="demo", at=at)
    words = "The pain has been gone for a week. Do I still need it?"
    say_healed(hire_of(fleet["P1"]), words=words, key="demo", at=at)
    for days in (2, 1):
        mark_day(hire_of(fleet["P10"]), day=site.clinic.day_of(at) - timedelta(days=days), treated=True, at=at)


def seen_to(site: Site, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """A contact person is named, imaging planned, and the last of a bottle of gel given away."""
    yield (at := site.at(site.day(-6), 14, 30))
    name_contact(
        hire_of(fleet["P10"]).patient,
        name="Judith Example",
        relation="Mother",
        email="judith@example.com",
        phone="(08) 5550 0301",
        receives=Contact.Receives.BESIDE,
        at=at,
        actor=site.desk,
    )
    give_gel(hire_of(fleet["P1"]), Gel(millilitres=20), at=at, actor=site.desk)
    plan_imaging(hire_of(fleet["P1"]), on=site.day(4), at=at, actor=site.staff.clinician)
    plan_imaging(hire_of(fleet["P10"]), on=site.day(20), at=at, actor=site.staff.clinician)
