"""Several clinics in several time zones with everything that may happen to a fleet, made through the verbs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from config.models import Clinic
from devices.expenses import reverse_expense, spend
from devices.models import ConditionChange, Device, Expense
from rentals import ledger
from rentals.booking import change
from rentals.custody import inspect_unit, report_kept
from rentals.models import Discrepancy, LedgerEntry, Rental
from rentals.models.states import State
from rentals.recall import start_recall
from tests import make
from tests.usage import CLINIC_A, Log, import_file, import_logs, load_clinic_a

# A Monday evening in Perth, and Tuesday already in Sydney.
AT = datetime(2026, 8, 3, 15, 30, tzinfo=UTC)
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)


class World:
    """Clinic A of 200 days with its faults, a busy clinic, a small one further west, and one without anything."""

    def __init__(self) -> None:
        self.manager = make.manager()
        load_clinic_a()
        import_file((CLINIC_A / "usage.csv").read_bytes())
        self.clinic_a = Clinic.objects.get()
        opened = {"at": AT - 30 * WEEK}
        self.sydney = make.clinic("Sydney", **opened)
        self.perth = make.clinic("Perth", time_zone="Australia/Perth", **opened)
        self.darwin = make.clinic("Darwin", time_zone="Australia/Darwin", **opened)
        self.clinics = [self.clinic_a, self.sydney, self.perth, self.darwin]
        self.let_sydney_work()
        self.let_perth_work()

    def rental(self, state: State, clinic: Clinic, weeks_ago: int, **wishes: object) -> Rental:
        """A rental handed over that many weeks before `AT`, its device a week older unless given."""
        at = AT - weeks_ago * WEEK
        wishes.setdefault("device", make.device(clinic, at=at - WEEK))
        return make.rental(state, clinic, at=at, actor=self.manager, **wishes)

    def let_sydney_work(self) -> None:
        """Rentals in every state, money in every kind, devices in every condition."""
        here = self.sydney
        rentals = {state: self.rental(state, here, weeks_ago) for weeks_ago, state in enumerate(State, start=3)}
        gone = rentals[State.LOST].holdings.get().device
        import_logs(Log(gone, AT - DAY, counter=8).daily(range(1, 9), AT - 5 * WEEK), at=AT)
        self.rental(State.RESERVED, here, 0, planned_treatments=40)
        for condition in ("quarantine", "repair", "sold", "retired"):
            make.device(here, condition=condition, at=AT - 2 * WEEK)
        self.let_capacity_be_exceeded_and_unknown()
        self.swap_and_recall()
        self.charge_and_reverse()
        self.read_out()
        self.be_late_and_ready_again()
        self.spend_and_lose()

    def let_capacity_be_exceeded_and_unknown(self) -> None:
        worn = make.device(self.sydney, nominal=150, counter=140, at=AT - 5 * WEEK)
        past = make.device(self.sydney, nominal=150, counter=163, at=AT - 5 * WEEK)
        override = {"capacity": "Goes on until a new one comes"}
        self.rental(State.RESERVED, self.sydney, 1, device=worn, override=override, planned_treatments=21)
        self.rental(State.RESERVED, self.sydney, 1, device=past, override=override, planned_treatments=7)
        make.device(self.sydney, nominal=150, counter=135, at=AT - 5 * WEEK)
        make.device(self.sydney, condition="repair", at=AT - 9 * WEEK)
        card = make.device_model(nominal=20, capacity_holder="card")
        make.device(self.perth, model=card, at=AT - 5 * WEEK)
        unknown = make.device(self.sydney, nominal=None, at=AT - 6 * WEEK)
        self.rental(State.ACTIVE, self.sydney, 5, device=unknown, accept_unknown_capacity=True)

    def swap_and_recall(self) -> None:
        swapped = self.rental(State.ACTIVE, self.sydney, 3)
        other = make.device(self.sydney, counter=50, at=AT - 4 * WEEK)
        when = AT - WEEK
        change.swap(swapped, counter_out=9, device=other, counter_in=50, at=when, now=when, actor=self.manager)
        recalled = self.rental(State.ACTIVE, self.sydney, 2).holdings.get().device
        serials = [recalled.serial]
        start_recall(model=recalled.model, serials=serials, reason="Weak", at=AT - DAY, actor=self.manager)

    def charge_and_reverse(self) -> None:
        closed = self.rental(State.RETURNED, self.sydney, 9, ended=AT - 3 * WEEK)
        closed = make.inspect(closed, fee="35.50", passed=False, at=AT - 2 * WEEK, actor=self.manager)
        for kind, days_ago in ((LedgerEntry.Kind.FEE, 10), (LedgerEntry.Kind.LATE_FEE, 5)):
            wrong = closed.ledger.get(kind=kind)
            ledger.reverse(wrong, reason="Not theirs", at=AT - days_ago * DAY, actor=self.manager)
        paid_twice = self.rental(State.RESERVED, self.sydney, 1)
        for amount, kind in (("120.00", "bond"), ("60.00", "hire")):
            ledger.pay(
                paid_twice, kind=kind, amount=Decimal(amount), method="card", at=AT - 6 * DAY, actor=self.manager
            )
        bond = paid_twice.ledger.get(kind=LedgerEntry.Kind.BOND_PAYMENT)
        ledger.reverse(bond, reason="Another card", at=AT - 4 * DAY, actor=self.manager)

    def read_out(self) -> None:
        """What three devices logged: with pauses, gaps, short sessions, two a day, and one between rentals."""
        every_day = self.rental(State.ACTIVE, self.sydney, 4).holdings.get().device
        import_logs(Log(every_day, AT - DAY, counter=27).daily(range(1, 28), AT - 4 * WEEK + 9 * HOUR), at=AT)
        rental = self.rental(State.ACTIVE, self.sydney, 6, prescribed_per_day=2)
        first = AT - 6 * WEEK
        log = Log(rental.holdings.get().device, AT - WEEK, counter=70).pause("2026-07-06", "2026-07-09")
        log.daily(range(1, 15), first + 8 * HOUR).daily(range(15, 29), first + 14 * DAY + 7 * HOUR)
        log.daily(range(29, 35), first + 14 * DAY + 3 * HOUR)
        log.session(40, first + 30 * DAY, seconds=17 * 60).session(41, first + 31 * DAY, outcome="fault")
        import_logs(log.session(42, first + 32 * DAY, seconds=0), at=AT)
        stray = make.device(self.sydney, at=AT - 8 * WEEK)
        import_logs(Log(stray, AT - 2 * DAY, counter=3).daily(range(1, 4), AT - 6 * DAY), at=AT)

    def let_perth_work(self) -> None:
        """One rental that still runs, its sessions at 23:30 UTC, and one that came back; both logged."""
        there = self.perth
        out = self.rental(State.ACTIVE, there, 2).holdings.get().device
        last = AT.replace(hour=23, minute=30) - 4 * DAY
        import_logs(Log(out, AT - DAY, counter=9).daily(range(1, 10), last - 8 * DAY), at=AT)
        back = self.rental(State.RETURNED, there, 7, ended=AT - 10 * DAY)
        import_logs(Log(back.holdings.get().device, AT - 9 * DAY).daily(range(1, 15), AT - 40 * DAY), at=AT)

    def be_late_and_ready_again(self) -> None:
        """Rentals that are late by so many days, and devices that were inspected soon, late and in a second try."""
        for days_late in (3, 5, 10, 17):
            device = make.device(self.sydney, at=AT - 60 * DAY)
            at = AT - (28 + days_late) * DAY
            make.rental(State.ACTIVE, self.sydney, device=device, at=at, days=28, actor=self.manager)
        for days in (0.5, 4, 12):
            closed = self.rental(State.RETURNED, self.sydney, 9, ended=AT - 14 * DAY)
            make.inspect(closed, at=AT - 14 * DAY + days * DAY, actor=self.manager)
        twice = make.inspect(
            self.rental(State.RETURNED, self.perth, 9, ended=AT - 20 * DAY),
            passed=False,
            at=AT - 18 * DAY,
            actor=self.manager,
        )
        repaired = twice.holdings.get().device
        inspect_unit(repaired, passed=True, checks={}, at=AT - 3 * DAY, actor=self.manager)

    def spend_and_lose(self) -> None:
        """Expenses that stand and that do not, devices that the clinic itself lost or retired, a patient's purchase."""
        for clinic in (self.sydney, self.perth):
            used = clinic.devices.filter(treatments__seconds__gt=0).distinct()
            unused = clinic.devices.exclude(treatments__seconds__gt=0).order_by("pk")[:3]
            for number, device in enumerate([*used.order_by("pk"), *unused]):
                bought_on = clinic.day_of(AT) - timedelta(days=100 - number)
                self.spend(device, "purchase", f"{3900 + number}.00", bought_on)
                self.spend(device, "service", "80.10", clinic.day_of(AT) - timedelta(days=5))
                wrong = self.spend(device, "repair", "55.00", clinic.day_of(AT) - timedelta(days=60))
                if number % 2:
                    reverse_expense(wrong, reason="Another device", at=AT - 2 * DAY, actor=self.manager)
        for after in ("lost", "retired"):
            device = make.device(self.sydney, condition=after, at=AT - 9 * WEEK)
            ConditionChange.objects.create(
                device=device, before="ready", after=after, reason="Not to be found", at=AT - 8 * DAY, by=self.manager
            )
        kept = self.rental(State.ACTIVE, self.sydney, 6)
        report_kept(kept, reason="Wants it", price=Decimal("4000.00"), at=AT - 3 * DAY, actor=self.manager)
        x = Discrepancy.objects.filter(clinic=self.sydney).first()
        Discrepancy.objects.filter(pk=x.pk).update(state="closed", closed_at=AT - 2 * DAY, closed_as="accepted")

    def spend(self, device: Device, kind: str, amount: str, spent_on: date) -> Expense:
        details = {"kind": kind, "amount": Decimal(amount), "spent_on": spent_on}
        return spend(device, **details, at=AT - DAY, actor=self.manager)
