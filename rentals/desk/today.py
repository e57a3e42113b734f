"""What waits for somebody at the desk today."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
    Window,
)
from django.db.models.functions import Greatest, Upper

from config.models import Clinic
from devices.models import ConditionChange, Device
from rentals.booking.capacity import overdue_at
from rentals.desk.last_told import LastTold, last_told
from rentals.desk.swaps import Proposal, swap_proposals
from rentals.models import Discrepancy, Holding, Message, Rental, StaffTask
from rentals.models.states import State
from rentals.overview import with_open_money

MOST = 5  # rows of a list; the rest is a number
MOST_OF_THE_DAY = 12  # rows of what somebody comes for today, or should have come for
MOST_OF_ONE = 100  # rows of the one list that somebody asked to see in full
MOST_AHEAD = timedelta(days=1)  # pick-ups are shown until tomorrow evening
WAITING_FOR_US = (State.ENQUIRY, State.RETURNED, State.LOST, State.KEPT)
RENTALS = ("at_risk", "pick_ups", "tomorrow", "due_today", "overdue", "to_inspect", "to_settle", "waiting", "offered")
OF_THE_DAY = ("at_risk", "pick_ups", "due_today", "overdue")
LISTS = (*RENTALS, "open_money", "units_to_inspect", "to_swap", "messages", "tasks", "discrepancies")


Row = TypeVar("Row")


class Listed(list[Row]):
    """The first rows of a list, what is most pressing first, and how many there are `in_all`."""

    def __init__(self, rows: Iterable[Row] = (), in_all: int = 0) -> None:
        super().__init__(rows)
        self.in_all = in_all

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.in_all - len(self)


@dataclass
class Work:
    """One site's open work."""

    at_risk: Listed[Any] = field(default_factory=Listed)
    pick_ups: Listed[Any] = field(default_factory=Listed)
    tomorrow: Listed[Any] = field(default_factory=Listed)
    due_today: Listed[Any] = field(default_factory=Listed)
    overdue: Listed[Any] = field(default_factory=Listed)
    to_inspect: Listed[Any] = field(default_factory=Listed)
    to_settle: Listed[Any] = field(default_factory=Listed)
    waiting: Listed[Any] = field(default_factory=Listed)
    offered: Listed[Any] = field(default_factory=Listed)
    open_money: Listed[Any] = field(default_factory=Listed)
    units_to_inspect: Listed[Device] = field(default_factory=Listed)
    to_swap: Listed[Proposal] = field(default_factory=Listed)
    messages: Listed[Message] = field(default_factory=Listed)
    tasks: Listed[StaffTask] = field(default_factory=Listed)
    discrepancies: Listed[Discrepancy] = field(default_factory=Listed)
    told: dict[int, LastTold] = field(default_factory=dict)  # what the patients of overdue rentals (ids) were told last

    @property
    def in_quarantine(self) -> int:
        """How many devices wait for an inspection."""
        return self.to_inspect.in_all + self.units_to_inspect.in_all

    @property
    def patients(self) -> set[int]:
        """Ids of the patients whose records are shown."""
        rentals = chain.from_iterable(getattr(self, name) for name in (*RENTALS, "open_money"))
        shown = {rental.patient_id for rental in chain(rentals, (proposal.rental for proposal in self.to_swap))}
        shown |= {task.patient_id for task in self.tasks} | {message.patient_id for message in self.messages}
        return shown | {row.rental.patient_id for row in self.discrepancies if row.rental}


def work_of(site: Clinic, at: datetime, whole: str = "") -> Work:
    """What waits at `site` at the moment `at`, by its local day, in a fixed number of queries.

    The list named `whole` has up to `MOST_OF_ONE` rows, those `OF_THE_DAY` `MOST_OF_THE_DAY`, the others `MOST`.
    """
    most = dict.fromkeys(LISTS, MOST) | dict.fromkeys(OF_THE_DAY, MOST_OF_THE_DAY) | {whole: MOST_OF_ONE}
    tasks = StaffTask.objects.filter(clinic=site, due_at__lte=at).open().select_related("patient")
    messages = Message.objects.to_decide().filter(patient__clinic=site).select_related("patient")
    proposals = swap_proposals(site, at)
    work = Work(
        open_money=first_of(open_money(site), most["open_money"]),
        units_to_inspect=first_of(units_to_inspect(site), most["units_to_inspect"]),
        to_swap=Listed(proposals[: most["to_swap"]], len(proposals)),
        messages=first_of(messages, most["messages"]),
        tasks=first_of(tasks, most["tasks"]),
        discrepancies=first_of(open_discrepancies(site), most["discrepancies"]),
        **rentals_by_list(site, at, most),
    )
    work.told = last_told(work.overdue)
    return work


def first_of(rows: QuerySet[Any, Any], most: int) -> Listed[Any]:
    """The first `most` rows, counted with the rest in one query."""
    shown = list(rows.annotate(in_all=Window(Count("pk")))[:most])
    return Listed(shown, shown[0].in_all if shown else 0)


def rentals_by_list(site: Clinic, at: datetime, most: dict[str, int]) -> dict[str, Any]:
    """Each rental of which something is to be done, in the one list (by its name in `Work`) where it is looked for."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for name, pk in open_rentals(site, at).values_list("list", "pk"):
        found[name].append(pk)
    shown = {name: ids[: most[name]] for name, ids in found.items()}
    rentals = Rental.objects.filter(pk__in=list(chain.from_iterable(shown.values()))).annotate(device_serial=serial())
    by_id = {rental.pk: rental for rental in rentals.select_related("patient")}
    return {name: Listed((by_id[pk] for pk in ids), len(found[name])) for name, ids in shown.items()}


def serial() -> Case:
    """That of the device which a rental has or had last; who waits has none, the one once offered does not count."""
    last = Holding.objects.filter(rental=OuterRef("pk")).order_by("-pk").values("device__serial")
    return Case(When(~Q(state=State.ENQUIRY), then=Subquery(last[:1])))


def open_rentals(site: Clinic, at: datetime) -> QuerySet[Any, Any]:
    """Rentals of which something is to be done until tomorrow evening, with the `list` of each, in its order: the
    waiting list in its own, offers by the hour at which they run out, the rest by their days."""
    today = site.day_of(at)
    soon = today + MOST_AHEAD
    without_device = Holding.objects.filter(live=True, device=None, rental__clinic=site, rental__state=State.RESERVED)
    expected_today = Q(return_expected_at__range=(site.start_of(today), site.start_of(soon)))
    pressing = (
        Q(state__in=WAITING_FOR_US)
        | Q(state=State.RESERVED, starts_on__lte=soon)
        | Q(state=State.RESERVED, pk__in=without_device.values("rental"))
        | Q(offer_expires_at__isnull=False)
        | Q(state=State.ACTIVE, due_on__lte=today)
        | Q(state=State.ACTIVE) & expected_today
    )
    listed = Case(
        When(state=State.RESERVED, pk__in=without_device.values("rental"), then=Value("at_risk")),
        When(state=State.RESERVED, offer_expires_at__isnull=False, then=Value("offered")),
        When(state=State.RESERVED, starts_on__lte=today, then=Value("pick_ups")),
        When(state=State.RESERVED, then=Value("tomorrow")),
        When(overdue_at(at, prefix="", clinics=[site]), state=State.ACTIVE, then=Value("overdue")),
        When(state=State.ACTIVE, then=Value("due_today")),
        When(state=State.RETURNED, then=Value("to_inspect")),
        When(state=State.ENQUIRY, then=Value("waiting")),
        default=Value("to_settle"),
    )
    is_waiting = Q(state=State.ENQUIRY)
    urgency = Case(When(is_waiting, then=F("priority")), default=Value(0))
    since = Case(When(is_waiting, then=F("created_at")), default=F("offer_expires_at"), output_field=DateTimeField())
    rentals = Rental.objects.filter(pressing, clinic=site).annotate(list=listed)
    return rentals.order_by(urgency, since, "due_on", "starts_on", "pk")


def open_money(site: Clinic) -> QuerySet[Any, Any]:
    """Finished rentals that are not even, the latest to end first."""
    finished = with_open_money(Rental.objects.filter(clinic=site))
    return finished.select_related("patient").order_by("-ended_at", "-pk")


def open_discrepancies(site: Clinic) -> QuerySet[Discrepancy]:
    """What nobody has resolved yet, newest first."""
    found = Discrepancy.objects.filter(clinic=site, state=Discrepancy.State.OPEN)
    return found.select_related("device", "rental", "owner").order_by("-opened_at", "-pk")


def units_to_inspect(site: Clinic) -> QuerySet[Any, Any]:
    """Devices in quarantine for which no returned rental waits: swapped out, found again, new to the clinic. Each with
    the moment `since` which it waits, where that is known, the longest first."""
    last = Holding.objects.filter(rental=OuterRef("pk")).order_by("-pk").values("device")[:1]
    returned = Rental.objects.filter(clinic=site, state=State.RETURNED).annotate(device_id=Subquery(last))
    came_back = Holding.objects.filter(device=OuterRef("pk")).order_by().values("device")
    changed = ConditionChange.objects.filter(device=OuterRef("pk"), after=Device.Condition.QUARANTINE).order_by()
    since = Greatest(
        Subquery(came_back.annotate(last=Max(Upper("out"), output_field=DateTimeField())).values("last")),
        Subquery(changed.values("device").annotate(last=Max("at")).values("last")),
    )
    quarantined = Device.objects.filter(clinic=site, condition=Device.Condition.QUARANTINE)
    alone = quarantined.filter(~Exists(returned.filter(device_id=OuterRef("pk"))))
    return alone.annotate(since=since).select_related("model").order_by(F("since").asc(nulls_last=True), "pk")
