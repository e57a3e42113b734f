"""What is due to be told and not yet written, in a constant number of queries a kind (I8)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any

from django.db.models import Exists, OuterRef, Q, TextField, Value
from django.db.models.functions import Cast, Concat

from config.models import Clinic
from devices.models import Device
from rentals.models import Holding, LedgerEntry, Reminder, Rental
from rentals.models.reminders import ReminderQuerySet
from rentals.reminders.addressees import PAYER_EMAIL, RECEIVES, addressees
from rentals.reminders.conditions import FINDERS, conditions
from rentals.reminders.occasions import anchor_and_days, suffix
from rentals.reminders.rules import TREATING_KINDS, Kind, Rule, rules_of
from rentals.reminders.schedule import DAY, Step, due_anchors, due_at, steps_of, told_on
from rentals.reminders.series import AGREEMENT, ALL_SERIES, Series, still_to_sign

Entry, Why = LedgerEntry.Kind, Reminder.Why
# Because of what a rental became void, which may have been so only for a while; not because of who is told, or how.
MAY_COME_TRUE_AGAIN = (
    Why.RENEWED,
    Why.TREATED,
    Why.PAUSED,
    Why.SWITCHED_OFF,
    Why.DATE_CHANGED,
    Why.TOO_LATE,
    Why.CANCELLED,
    Why.COLLECTED,
    Why.RETURNED,
    Why.IMAGED,
)
PAYMENTS = (Entry.BOND_PAYMENT, Entry.HIRE_PAYMENT, Entry.FEE_PAYMENT)


def untold(clinic: Clinic, at: datetime) -> list[Reminder]:
    """One reminder (not saved) for each occasion and recipient that is due and not yet written, a late one too; in an
    order that all planners share, so that two at once never wait for each other crosswise."""
    rules = rules_of(clinic)
    found = [*of_series(clinic, rules, at), *of_entries(clinic, rules, at), *of_conditions(clinic, rules, at)]
    stopped = recalled(clinic) if any(reminder.kind in TREATING_KINDS for reminder in found) else ()
    told = days_told(found)
    return [
        one
        for one in found
        if (one.kind not in TREATING_KINDS or one.rental_id not in stopped) and not is_told(one, rules, told)
    ]


def settled() -> ReminderQuerySet:
    """Reminders whose occasion is not written again; one that became void because of how things stood is, once they
    stand so again."""
    return Reminder.objects.exclude(passed())


def passed() -> Q:
    return Q(void=True, why__in=MAY_COME_TRUE_AGAIN)


def set_back(found: Iterable[Reminder]) -> None:
    """Let those rows of `found` count again that became void meanwhile. The caller holds the transaction."""
    again = {identity(one) for one in found}
    rentals, kinds = {one.rental_id for one in found}, {one.kind for one in found}
    rows = Reminder.objects.filter(passed(), rental__in=rentals, kind__in=kinds) if again else ()
    back = [row.pk for row in rows if identity(row) in again]
    if back:
        Reminder.objects.filter(passed(), pk__in=back).update(void=False, why="", message=None)


def identity(reminder: Reminder) -> tuple[int, str, str, str, str]:
    return reminder.rental_id, reminder.kind, reminder.occasion, reminder.recipient, reminder.channel


def days_told(found: Iterable[Reminder]) -> dict[tuple[int, str, str], set[int]]:
    """On which days before or after each anchor the kinds of `found` were told, or are about to be."""
    rentals, kinds = {one.rental_id for one in found}, {one.kind for one in found}
    rows = Reminder.objects.filter(rental__in=rentals, kind__in=kinds, void=False)
    told = rows.filter(Q(message__isnull=False) | Q(channel=Reminder.Channel.PHONE))
    days = defaultdict(set)
    for rental, kind, occasion in told.values_list("rental", "kind", "occasion") if rentals else ():
        anchor, number = anchor_and_days(occasion)
        days[rental, kind, anchor].add(number)
    return days


def is_told(reminder: Reminder, rules: dict[str, Rule], told: dict[tuple[int, str, str], set[int]]) -> bool:
    """Whether the site has changed the days of a kind and the patient has heard of it by the old ones: later than
    this step, or by a step that is gone and to which this one is the nearest of today's."""
    anchor, step = anchor_and_days(reminder.occasion)
    steps = rules[reminder.kind].days
    days = told.get((reminder.rental_id, reminder.kind, anchor), ())
    return any(day > step or min(steps, key=lambda one: abs(one - day)) == step for day in days)


def of_series(clinic: Clinic, rules: dict[str, Rule], at: datetime) -> Iterator[Reminder]:
    for series in ALL_SERIES:
        for step in steps_of(series.kinds, rules):
            yield from of_step(series, step, clinic, at)


def of_step(series: Series, step: Step, clinic: Clinic, at: datetime) -> Iterator[Reminder]:
    """Not those handed over on the step's day or later, where the desk has just told the same."""
    moment_of = moments(step, clinic)
    for rental, occasion, anchor, happened_at, handed_over_at, *who in rentals_of(series, step, clinic, at):
        if series.desk_told and handed_over_at and told_on(step, clinic, anchor) <= clinic.day_of(handed_over_at):
            continue
        due = moment_of(anchor)
        yield from written(step.kind, rental, occasion, max(due, happened_at) if series.is_moment else due, who)


def rentals_of(series: Series, step: Step, clinic: Clinic, at: datetime) -> Iterable[tuple[Any, ...]]:
    """Rentals for which this step is due, still worth telling and not written: id, occasion, anchor day, the column
    of the anchor, the hand-over, and what says who is told."""
    day = series.day(clinic)
    known = settled().filter(rental=OuterRef("pk"), kind=step.kind, occasion=OuterRef("named"))
    rentals = (
        Rental.objects.filter(series.told_to(), series.between(clinic, *due_anchors(step, clinic, at)), clinic=clinic)
        .filter(still_to_sign(clinic, at) if series is AGREEMENT else Q())
        .annotate(named=Concat(series.key(day), Value(suffix(step.days)), output_field=TextField()), anchor_day=day)
        .filter(~Exists(known))
    )
    columns = ("pk", "named", "anchor_day", series.anchor, "handed_over_at", RECEIVES, PAYER_EMAIL)
    return rentals.order_by("pk").values_list(*columns)


def moments(step: Step, clinic: Clinic) -> Callable[[date], datetime]:
    """When the step falls due for an anchor day, reckoned once a day."""
    return cache(lambda anchor: due_at(step, clinic, anchor))


def written(kind: str, rental: int, occasion: str, due: datetime, who: Iterable[str | None]) -> Iterator[Reminder]:
    for recipient in addressees(kind, *who):
        yield Reminder(rental_id=rental, kind=kind, occasion=occasion, recipient=recipient, due_at=due)


def recalled(clinic: Clinic) -> set[int]:
    """Rentals (ids) whose device must not be used any more."""
    holdings = Holding.objects.filter(live=True, device__condition=Device.Condition.RECALLED, rental__clinic=clinic)
    return set(holdings.values_list("rental", flat=True))


def of_entries(clinic: Clinic, rules: dict[str, Rule], at: datetime) -> Iterator[Reminder]:
    """Receipts of payments, and bonds that were paid back."""
    released = LedgerEntry.objects.filter(rental=OuterRef("rental"), kind=Entry.REFUND_DUE, reversal=None)
    for kind, told in (
        (Kind.RECEIPT, Q(kind__in=PAYMENTS)),
        (Kind.BOND_REFUNDED, Q(Exists(released), kind=Entry.REFUND)),
    ):
        for step in steps_of((kind,), rules):
            moment_of = moments(step, clinic)
            for rental, occasion, happened_at, *who in entries_of(step, told, clinic, at):
                due = max(moment_of(clinic.day_of(happened_at)), happened_at)
                yield from written(kind, rental, occasion, due, who)


def entries_of(step: Step, told: Q, clinic: Clinic, at: datetime) -> Iterable[tuple[Any, ...]]:
    """Entries of late that count: the rental's id, the occasion, their moment, and what says who is told."""
    first, last = due_anchors(step, clinic, at)
    lately = Q(at__lt=clinic.start_of(last + DAY), at__lte=at)
    if first:
        lately &= Q(at__gte=clinic.start_of(first))
    known = settled().filter(rental=OuterRef("rental"), kind=step.kind, occasion=OuterRef("named"))
    named = Concat(Value("entry-"), Cast("pk", TextField()), Value(suffix(step.days)), output_field=TextField())
    entries = LedgerEntry.objects.filter(told, lately, rental__clinic=clinic, reversal=None)
    untold_ones = entries.annotate(named=named).filter(~Exists(known)).order_by("pk")
    return untold_ones.values_list(
        "rental", "named", "at", *(f"rental__{column}" for column in (RECEIVES, PAYER_EMAIL))
    )


def of_conditions(clinic: Clinic, rules: dict[str, Rule], at: datetime) -> Iterator[Reminder]:
    """What stands so that it has to be told; looked at from the rule's time of day on."""
    for kind in FINDERS:
        rule = rules[kind]
        if rule.enabled and at >= clinic.moment(clinic.day_of(at), rule.at or clinic.reminders_from):
            yield from of_condition(kind, rule, clinic, at)


def of_condition(kind: str, rule: Rule, clinic: Clinic, at: datetime) -> Iterator[Reminder]:
    standing = conditions(kind, clinic, rule, at)
    rentals = Rental.objects.filter(pk__in={rental for rental, _ in standing})
    who = {rental: columns for rental, *columns in rentals.values_list("pk", RECEIVES, PAYER_EMAIL)}
    known = set(settled().filter(rental__in=who, kind=kind).values_list("rental", "occasion"))
    for rental, occasion in sorted(standing):
        if rental in who and (rental, occasion) not in known:
            yield from written(kind, rental, occasion, at, who[rental])
