"""A story told: each verb called at the moment at which somebody at the desk would have."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from devices.models import Device
from rentals import custody
from rentals.agreement import sign
from rentals.booking.book import Booking, book
from rentals.booking.change import cancel, pin, swap
from rentals.booking.extension import extend
from rentals.booking.healing import confirm_healed
from rentals.booking.offers import accept_offer, decline_offer, see_to_offers
from rentals.booking.waiting import enquire, prioritise
from rentals.demo.chance import chance_of
from rentals.demo.fleet import Unit
from rentals.demo.people import indication, screening
from rentals.demo.sites import Site
from rentals.demo.stories import Story
from rentals.demo.usage import Course, Reader
from rentals.ledger import balance, bond_due, pay
from rentals.models import Priority, Rental
from rentals.models.holdings import Delivery

Scenes = Iterator[datetime]  # the moment of each scene, which is told when the telling goes on
PARTS = ("main_unit", "transducer", "charger", "case", "strap", "cap", "gel")
CARD = ("card",)
RETURNABLE = PARTS[:4]
CHECKS = {"cleaned": True, "output": True, "cable": True}
SLOW_FROM_WEEKS = 12  # only what does not heal by itself is treated for so long
METHODS = ("card", "eftpos", "eftpos", "cash", "transfer")
REASONS_TO_CANCEL = (
    "Will be treated closer to home",
    "The surgeon decided to operate",
    "Another opinion, another plan",
    "Cannot come before the end of the month",
)
IMAGING = ("Plain film", "Plain film", "CT", "MRI")
FEES = {"45.00": "a part is missing", "25.00": "cleaning"}


def play(tellings: Iterable[tuple[Site, Scenes]]) -> None:
    """Let each telling go on when its next moment has come, the earliest first; from today on nothing is told."""
    coming: list[tuple[datetime, int, Site, Scenes]] = []

    def wait(number: int, site: Site, scenes: Scenes) -> None:
        moment = next(scenes, None)
        if moment and site.has_come(moment):
            heapq.heappush(coming, (moment, number, site, scenes))

    for number, (site, scenes) in enumerate(tellings):
        wait(number, site, scenes)
    while coming:
        _, number, site, scenes = heapq.heappop(coming)
        wait(number, site, scenes)


def booking(story: Story, site: Site, device: Device | None, at: datetime, chance: Random) -> Booking:
    """What is asked for at the moment `at`, the patient being registered when new."""
    patient = site.patient(story.person, at)
    return Booking(
        patient=patient,
        clinic=site.clinic,
        starts_on=site.day(story.start),
        due_on=site.day(story.start + 7 * story.weeks),
        planned_treatments=7 * story.weeks * story.per_day,
        prescribed_per_day=story.per_day,
        indication=indication(patient, chance, is_slow=story.weeks >= SLOW_FROM_WEEKS),
        screening=screening(chance),
        device=device,
        delivery=Delivery.COURIER if story.by_courier else Delivery.DESK,
        accept_unknown_capacity=device is not None and device.model.nominal_treatments is None,
        override={"capacity": story.override},
    )


def ask(story: Story, site: Site) -> Scenes:
    """Somebody who waits for a device, and what becomes of the offer made meanwhile."""
    chance = chance_of(story.site, story.start)
    yield (at := site.at(site.day(story.start - story.booked), 9, chance.randrange(60)))
    rental = enquire(booking(story, site, None, at, chance), at=at, actor=site.desk)
    if story.priority != Priority.ROUTINE:
        prioritise(rental, priority=story.priority, at=at + timedelta(minutes=20), actor=site.staff.clinician)
    if story.declines is not None:
        yield (at := site.at(site.day(story.declines), 14, chance.randrange(60)))
        rental.refresh_from_db()
        decline_offer(rental, at=at, actor=site.desk)
        offer_what_is_free(site, at)
    if story.accepts is not None:
        yield (at := site.at(site.day(story.accepts), 15, chance.randrange(60)))
        rental.refresh_from_db()
        accept_offer(rental, at=at, actor=None)


def offer_what_is_free(site: Site, at: datetime) -> None:
    """What a worker does when something has become free at the moment `at`."""
    see_to_offers(site.clinic, at + timedelta(minutes=1))


class Telling:
    """The story of a rental while it is told."""

    rental: Rental
    course: Course

    def __init__(self, story: Story, site: Site, fleet: Mapping[str, Unit], reader: Reader) -> None:
        self.story = story
        self.site = site
        self.fleet = fleet
        self.reader = reader
        self.chance = chance_of(story.unit, story.start)
        self.due = story.start + 7 * story.weeks  # days from today

    def at(self, days: int, hour: int) -> datetime:
        """Some minutes after the `hour`, on the open day that lies so many days from today."""
        return self.site.at(self.site.day(days), hour, self.chance.randrange(60))

    def tell(self) -> Scenes:
        story = self.story
        yield from self.booked()
        if story.cancelled is not None:
            yield from self.cancelled(story.cancelled)
            return
        yield from self.handed_over()
        if story.extended:
            yield from self.extended()
        if story.swapped_to:
            yield from self.swapped()
        if story.lost is not None:
            yield from self.lost(story.lost)
        elif story.kept is not None:
            yield from self.kept(story.kept)
        else:
            yield from self.returned()
            if story.inspected:
                yield from self.inspected()
            if story.repaired is not None:
                yield from self.repaired(story.repaired)
            if story.usage.after_return:
                yield from self.tried_out(story.usage.after_return)

    def booked(self) -> Scenes:
        story, unit = self.story, self.fleet[self.story.unit]
        actor = self.site.staff.manager if story.override else self.site.desk
        yield (at := self.at(story.start - story.booked, 9))
        self.rental = book(booking(story, self.site, unit.device, at, self.chance), at=at, actor=actor)
        if story.pinned:
            self.rental = pin(self.rental, pinned=True, at=at, actor=actor)
        if story.signed:
            self.sign(at)
        if story.bond_paid:
            self.pay("bond", bond_due(self.rental), at)

    def sign(self, at: datetime) -> None:
        patient, version = self.rental.patient, self.rental.terms.version
        name = f"{patient.given_name} {patient.family_name}"
        sign(self.rental, name=name, accepted_terms_version=version, at=at, actor=self.site.desk)

    def pay(self, kind: str, amount: Decimal, at: datetime) -> None:
        method = self.chance.choice(METHODS)
        pay(self.rental, kind=kind, amount=amount, method=method, at=at, actor=self.site.desk)

    def refund(self, at: datetime) -> None:
        if (owed := -balance(self.rental)) > 0:
            self.pay("refund", owed, at)

    def cancelled(self, days_before: int) -> Scenes:
        yield (at := self.site.at(self.site.day(self.story.start - days_before), 11, 30))
        reason = self.chance.choice(REASONS_TO_CANCEL)
        self.rental = cancel(self.rental, reason=reason, at=at, actor=self.site.desk)
        self.refund(at)
        offer_what_is_free(self.site, at)

    def handed_over(self) -> Scenes:
        story, unit = self.story, self.fleet[self.story.unit]
        yield (at := self.at(story.start, 10))
        if not story.signed:
            self.sign(at)
        if not story.bond_paid:
            self.pay("bond", bond_due(self.rental), at)
        self.rental = custody.hand_over(
            self.rental,
            counter=unit.shows,
            parts=(*PARTS, *CARD) if unit.device.model.capacity_holder == "card" else PARTS,
            at=at,
            now=at,
            actor=self.site.desk,
            delivery=Delivery.COURIER if story.by_courier else Delivery.DESK,
            tracking="33XYZ0004211" if story.by_courier else "",
        )
        self.begin_course(unit, at)

    def begin_course(self, unit: Unit, at: datetime) -> None:
        self.course = Course(unit, self.site, self.story, at)
        self.reader.going_on.append(self.course)

    def end_course(self, at: datetime) -> int:
        """The patient gives the unit away at the moment `at`; returns what its screen shows."""
        self.reader.going_on.remove(self.course)
        return self.course.end(at)

    def extended(self) -> Scenes:
        """Three days before the due day another week or more is agreed."""
        yield (at := self.at(self.due - 3, 11))
        self.due += 7 * self.story.extended
        more = 7 * self.story.extended * self.story.per_day
        self.rental = extend(
            self.rental,
            due_on=self.site.day(self.due),
            planned_treatments=self.rental.planned_treatments + more,
            at=at,
            actor=self.site.desk,
        ).rental

    def swapped(self) -> Scenes:
        other = self.fleet[self.story.swapped_to]
        yield (at := self.at(self.story.swapped, 10))
        counter = self.end_course(at)
        self.rental = swap(
            self.rental,
            counter_out=counter,
            device=other.device,
            counter_in=other.shows,
            at=at,
            now=at,
            actor=self.site.desk,
        )
        self.reader.lines += self.course.read_out(at)
        self.begin_course(other, at)

    def lost(self, days: int) -> Scenes:
        yield (at := self.at(days, 10))
        self.end_course(at)
        reason = "Stolen from the car; police report on file"
        self.rental = custody.report_lost(self.rental, reason=reason, at=at, actor=self.site.staff.manager)

    def kept(self, days: int) -> Scenes:
        yield (at := self.at(days, 10))
        self.end_course(at)
        reason = "Three weeks overdue without an answer: deemed bought"
        self.rental = custody.report_kept(self.rental, reason=reason, at=at, actor=self.site.staff.manager)

    def returned(self) -> Scenes:
        story, back = self.story, self.due + self.story.late
        if story.healed:
            yield (at := self.at(back - 2, 11))
            self.rental = confirm_healed(
                self.rental,
                on=self.site.clinic.day_of(at),
                imaging=self.chance.choice(IMAGING),
                at=at,
                actor=self.site.staff.clinician,
            )
        yield (at := self.at(back, 9))
        self.rental = custody.take_back(
            self.rental,
            counter=self.end_course(at),
            parts=[part for part in RETURNABLE if part != "charger" or story.fee != "45.00"],
            at=at,
            now=at,
            actor=self.site.desk,
        )
        if story.pays_hire:
            self.pay("hire", balance(self.rental), at)
        self.reader.lines += self.course.read_out(at)

    def inspected(self) -> Scenes:
        story = self.story
        yield (at := self.at(self.due + story.late + 1, 11))
        fees = [{"kind": FEES[story.fee], "amount": Decimal(story.fee)}] if story.fee else []
        checks = CHECKS | {"output": story.passes}
        self.rental = custody.inspect(
            self.rental, passed=story.passes, checks=checks, fees=fees, at=at, actor=self.site.desk
        )
        offer_what_is_free(self.site, at)
        if story.refunded:
            yield (at := self.at(self.due + story.late + 4, 9))
            self.refund(at)

    def repaired(self, days: int) -> Scenes:
        """The unit comes back from repair and passes its inspection."""
        yield (at := self.at(days, 11))
        device = self.fleet[self.story.unit].device
        custody.inspect_unit(device, passed=True, checks=CHECKS, at=at, actor=self.site.desk)
        offer_what_is_free(self.site, at)

    def tried_out(self, times: int) -> Scenes:
        """Somebody tries the unit on the shelf, and days later it is read out."""
        yield (at := self.at(self.due + self.story.late + 5, 11))
        for number in range(times):
            self.course.log(at + timedelta(minutes=25 * number))
        yield (at := self.at(self.due + self.story.late + 7, 9))
        self.reader.lines += self.course.read_out(at)
