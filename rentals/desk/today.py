"""What waits for somebody at the desk today."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet

from config.models import Clinic
from devices.models import Device, DeviceQuerySet
from rentals.desk.swaps import Proposal, swap_proposals
from rentals.models import Discrepancy, Message, Rental, StaffTask
from rentals.models.rental import WAITING_ORDER
from rentals.models.states import State
from rentals.overview import with_open_money, with_overview

if TYPE_CHECKING:
    from rentals.overview import RentalInView

MOST_MONEY = 10
MOST_TASKS = 5
WAITING_FOR_US = (State.ENQUIRY, State.RETURNED, State.LOST, State.KEPT)


@dataclass(frozen=True)
class Work:
    """One site's open work, each list with what is most pressing first."""

    at_risk: list["RentalInView"] = field(default_factory=list)
    pick_ups: list["RentalInView"] = field(default_factory=list)
    tomorrow: list["RentalInView"] = field(default_factory=list)
    due_today: list["RentalInView"] = field(default_factory=list)
    overdue: list["RentalInView"] = field(default_factory=list)
    to_inspect: list["RentalInView"] = field(default_factory=list)
    to_settle: list["RentalInView"] = field(default_factory=list)
    waiting: list["RentalInView"] = field(default_factory=list)
    offered: list["RentalInView"] = field(default_factory=list)
    open_money: list["RentalInView"] = field(default_factory=list)
    units_to_inspect: list[Device] = field(default_factory=list)
    to_swap: list[Proposal] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    tasks: list[StaffTask] = field(default_factory=list)  # the first few
    tasks_to_do: int = 0
    discrepancies: int = 0

    @property
    def in_quarantine(self) -> int:
        """How many devices wait for an inspection."""
        return len(self.to_inspect) + len(self.units_to_inspect)

    @property
    def patients(self) -> set[int]:
        """Ids of the patients whose records are shown."""
        lists = (self.at_risk, self.pick_ups, self.tomorrow, self.due_today, self.overdue)
        more = (self.to_inspect, self.to_settle, self.waiting, self.offered, self.open_money)
        shown = {rental.patient_id for rentals in (*lists, *more) for rental in rentals}
        shown |= {proposal.rental.patient_id for proposal in self.to_swap}
        shown |= {task.patient_id for task in self.tasks}
        return shown | {message.patient_id for message in self.messages}


def work_of(site: Clinic, at: datetime) -> Work:
    """What waits at `site` at the moment `at`, by its local day, in a fixed number of queries."""
    tasks = StaffTask.objects.filter(clinic=site, due_at__lte=at).open()
    work = Work(
        open_money=list(open_money(site, at)[:MOST_MONEY]),
        units_to_inspect=list(units_to_inspect(site, at)),
        to_swap=swap_proposals(site, at),
        messages=list(Message.objects.to_decide().filter(patient__clinic=site).select_related("patient")),
        tasks=list(tasks.select_related("patient")[:MOST_TASKS]),
        tasks_to_do=tasks.count(),
        discrepancies=Discrepancy.objects.filter(clinic=site, state=Discrepancy.State.OPEN).count(),
    )
    today = site.day_of(at)
    for rental in open_rentals(site, at):
        list_for(rental, work, today).append(rental)
    work.waiting.sort(key=attrgetter(*WAITING_ORDER))
    return work


def open_rentals(site: Clinic, at: datetime) -> "QuerySet[RentalInView]":
    """Rentals of which something is to be done until tomorrow evening."""
    today = site.day_of(at)
    tomorrow = site.start_of(today + timedelta(days=1))
    pressing = (
        Q(state__in=WAITING_FOR_US)
        | Q(state=State.RESERVED, starts_on__lte=today + timedelta(days=1))
        | Q(state=State.RESERVED, at_risk=True)
        | Q(offer_expires_at__isnull=False)
        | Q(state=State.ACTIVE, due_on__lte=today)
        | Q(state=State.ACTIVE, return_expected_at__range=(site.start_of(today), tomorrow))
    )
    rentals = with_overview(Rental.objects.filter(clinic=site), at).filter(pressing)
    return rentals.select_related("patient", "clinic").order_by("due_on", "starts_on", "pk")


def open_money(site: Clinic, at: datetime) -> "QuerySet[RentalInView]":
    """Finished rentals that are not even, the latest to end first."""
    finished = with_open_money(with_overview(Rental.objects.filter(clinic=site), at))
    return finished.select_related("patient", "clinic").order_by("-ended_at", "-pk")


def list_for(rental: "RentalInView", work: Work, today: date) -> list["RentalInView"]:
    """The one list of `work` in which `rental` is looked for."""
    if rental.state == State.RESERVED:
        if rental.at_risk:
            return work.at_risk
        if rental.offer_expires_at:
            return work.offered
        return work.pick_ups if rental.starts_on <= today else work.tomorrow
    if rental.state == State.ACTIVE:
        return work.overdue if rental.overdue else work.due_today
    if rental.state == State.RETURNED:
        return work.to_inspect
    return work.waiting if rental.state == State.ENQUIRY else work.to_settle


def units_to_inspect(site: Clinic, at: datetime) -> DeviceQuerySet:
    """Devices in quarantine for which no returned rental waits: swapped out, found again, new to the clinic."""
    returned = with_overview(Rental.objects.filter(clinic=site, state=State.RETURNED), at)
    quarantined = Device.objects.filter(clinic=site, condition=Device.Condition.QUARANTINE)
    return quarantined.filter(~Exists(returned.filter(device_id=OuterRef("pk")))).select_related("model")
