"""What is due to be told and not yet written, in one query a series or kind and a few more (I8)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from django.db.models import Exists, OuterRef, Q, TextField, Value
from django.db.models.functions import Cast, Concat

from config.models import Clinic
from devices.models import Device
from rentals.models import Holding, LedgerEntry, Reminder, Rental
from rentals.models.reminders import ReminderQuerySet
from rentals.reconciliation.sql import rows
from rentals.reminders.addressees import PAYER_EMAIL, RECEIVES, addressees
from rentals.reminders.conditions import FINDERS, conditions
from rentals.reminders.occasions import anchor_and_days, suffix
from rentals.reminders.rules import TREATING_KINDS, Kind, Rule, rules_of
from rentals.reminders.schedule import DAY, Step, due_anchors, due_at, steps_of, told_on
from rentals.reminders.series import ALL_SERIES, Series

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
        if steps := steps_of(series.kinds, rules):
            yield from of_steps(series, steps, clinic, at)


def of_steps(series: Series, steps: Sequence[Step], clinic: Clinic, at: datetime) -> Iterator[Reminder]:
    """Not those handed over on the step's day or later, where the desk has just told the same."""
    moment_of = [moments(step, clinic) for step in steps]
    for number, rental, occasion, anchor, happened_at, handed_over_at, *who in rentals_of(series, steps, clinic, at):
        step, due = steps[number], moment_of[number](anchor)
        if series.desk_told and handed_over_at and told_on(step, clinic, anchor) <= clinic.day_of(handed_over_at):
            continue
        yield from written(step.kind, rental, occasion, max(due, happened_at) if series.is_moment else due, who)


def rentals_of(series: Series, steps: Sequence[Step], clinic: Clinic, at: datetime) -> list[tuple[Any, ...]]:
    """Rentals for which a step is due, still worth telling and not written: the step's number, the rental's id, the
    occasion, the anchor day, the column of the anchor, the hand-over, and what says who is told."""
    between = [due_anchors(step, clinic, at) for step in steps]
    begin_of = clinic.start_of if series.is_moment else lambda day: day
    asked = {
        "clinic": clinic.pk,
        "zone": clinic.time_zone,
        "today": clinic.day_of(at),
        "kinds": [step.kind.value for step in steps],
        "suffixes": [suffix(step.days) for step in steps],
        "begin": [first and begin_of(first) for first, _ in between],
        "end": [begin_of(last + DAY) for _, last in between],
        "passed": [why.value for why in MAY_COME_TRUE_AGAIN],
    }
    return rows(sql_of(series), asked)


@cache
def sql_of(series: Series) -> str:
    """The question of `rentals_of`; said in SQL, for Django would put it together anew for each series and clinic."""
    return UNTOLD.format(series=series, type="timestamptz" if series.is_moment else "date")


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


UNTOLD = """
    SELECT step.number - 1, r.id, named.occasion, anchor.day, r.{series.anchor}, r.handed_over_at,
        contact.receives, payer.email
    FROM unnest(%(kinds)s::text[], %(suffixes)s::text[], %(begin)s::{type}[], %(end)s::{type}[])
        WITH ORDINALITY AS step (kind, suffix, begin_, end_, number)
    JOIN rentals_rental r ON r.{series.anchor} >= coalesce(step.begin_, '-infinity') AND r.{series.anchor} < step.end_
    CROSS JOIN LATERAL (SELECT {series.day} AS day) anchor
    CROSS JOIN LATERAL (SELECT {series.key} || step.suffix AS occasion) named
    LEFT JOIN patients_contact contact ON contact.patient_id = r.patient_id
    LEFT JOIN patients_payer payer ON payer.id = r.payer_id
    WHERE r.clinic_id = %(clinic)s AND {series.told_to}
        AND NOT EXISTS (
            SELECT FROM rentals_reminder known
            WHERE known.rental_id = r.id AND known.kind = step.kind AND known.occasion = named.occasion
                AND NOT (known.void AND known.why = ANY(%(passed)s))
        )
    ORDER BY step.number, r.id
"""
