"""Several clinics in several time zones with everything that may happen to a fleet, made through the verbs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from config.models import Clinic
from rentals import ledger
from rentals.booking import change
from rentals.models import LedgerEntry, Rental
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

    def let_capacity_be_exceeded_and_unknown(self) -> None:
        worn = make.device(self.sydney, nominal=150, counter=140, at=AT - 5 * WEEK)
        past = make.device(self.sydney, nominal=150, counter=163, at=AT - 5 * WEEK)
        override = {"capacity": "Goes on until a new one comes"}
        self.rental(State.RESERVED, self.sydney, 1, device=worn, override=override, planned_treatments=21)
        self.rental(State.RESERVED, self.sydney, 1, device=past, override=override, planned_treatments=7)
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
