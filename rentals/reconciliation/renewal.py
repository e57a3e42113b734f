"""A new card, a replaced unit, a counter set back: what a person says about where an allowance begins (I5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min
from django.utils.translation import gettext as _

from config.days import long_day
from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Allowance, Device, Reading
from devices.readings import possible_treatments, record_reading, trust_what_fits
from rentals.booking.offers import poke_offers
from rentals.deciding import deciding, lock_devices
from rentals.lifecycle import check_moment
from rentals.models import Discrepancy, Treatment
from rentals.reconciliation.allowances import save_in_order
from rentals.reconciliation.discrepancies import close_as_corrected
from rentals.reconciliation.reconcile import reconcile
from rentals.reconciliation.sql import execute, rows

Cause = Allowance.Cause
CAUSES = (Cause.CARD, Cause.REPLACED_UNIT, Cause.RESET)
RENEWING = (Cause.CARD, Cause.REPLACED_UNIT)
LAST_NUMBER = 9_999  # until it is numbered among the others


@dataclass(frozen=True)
class Ruling:
    """What began and why: `nominal` treatments of a new card or unit (None: as the model says), and a note."""

    cause: str
    note: str
    nominal: int | None = None


def begin_allowance(
    device: Device, ruling: Ruling, *, counter: int, at: datetime, now: datetime, actor: User
) -> Allowance:
    """Let a new counting of `device` begin at the moment `at`, its screen showing `counter` then.

    Where the log has opened a provisional allowance at that moment, that one is confirmed and corrected. Only a card
    and a unit renew the capacity; a reset counts on. Raises `invalid`, `in_the_future`, `too_far_back`.
    """
    check_ruling(ruling)
    check_moment(at, now=now, actor=actor)
    with deciding():
        device = lock_devices([device.pk])[device.pk]
        allowance = known_at(device, at)
        refuse_contradiction(device, counter, at, besides=allowance)
        if allowance is None:
            allowance = insert(device, at)
        allowance.began_at, allowance.counter_at_start = at, counter
        settle(allowance, ruling)
        follow(device)
        record_reading(device, counter, read_at=at, now=now, actor=actor)
        finish(device, allowance, ruling, at=now, actor=actor)
    return allowance


def rule_on_restart(allowance: Allowance, ruling: Ruling, *, at: datetime, actor: User) -> Allowance:
    """Say what it was when the numbers of a device started again: also of one that was ruled on before.

    Raises `invalid`, and `wrong_state` for the first allowance of a device and one that later data explained away.
    """
    check_ruling(ruling)
    with deciding():
        device = lock_devices([allowance.device_id])[allowance.device_id]
        found = Allowance.objects.filter(pk=allowance.pk, number__gt=1).first()
        if found is None:
            raise Refusal(
                "wrong_state", _("Later data shows that nothing starts again here; look at the device again.")
            )
        settle(found, ruling)
        follow(device)
        finish(device, found, ruling, at=at, actor=actor)
    return found


def check_ruling(ruling: Ruling) -> None:
    if ruling.cause not in CAUSES:
        raise invalid("cause", _("Say whether it is a new card, a replaced unit, or a counter that was set back."))
    if not ruling.note.strip():
        raise invalid("note", _("Write how you know; it stays with the device."))
    if ruling.nominal is not None and ruling.cause == Cause.RESET:
        raise invalid("nominal", _("A counter that was set back gives no new treatments; leave this empty."))


def known_at(device: Device, at: datetime) -> Allowance | None:
    """The allowance that begins at the moment `at`: by what a person said, or as far as the log can tell."""
    for allowance in device.allowances.filter(number__gt=1):
        if allowance.began_at == at or (allowance.provisional and could_begin(allowance, at)):
            return allowance
    return None


def could_begin(allowance: Allowance, at: datetime) -> bool:
    """Whether `at` lies between the last session before the provisional `allowance` and the first in it."""
    sessions = Treatment.objects.sessions().filter(device=allowance.device_id).order_by("started_corrected")
    starts = sessions.values_list("started_corrected", flat=True)
    before = starts.exclude(allowance=allowance).filter(started_corrected__lt=allowance.began_at).last()
    first = starts.filter(allowance=allowance).first() or allowance.began_at
    return (before is None or before < at) and at <= first


def insert(device: Device, at: datetime) -> Allowance:
    """A new allowance of `device` from the moment `at` on, numbered among the others."""
    first, *others = device.allowances.order_by("number")
    if at <= first.began_at:
        raise invalid(
            "at", _("Callus knows this device only from later on; give a later moment, or correct its first.")
        )
    new = Allowance.objects.create(device=device, number=LAST_NUMBER, began_at=at, cause=Cause.RESET)
    save_in_order(first, [*others, new], [])
    return new


def settle(allowance: Allowance, ruling: Ruling) -> None:
    """What a person has said of an allowance stands from now on."""
    renews = ruling.cause in RENEWING
    before = Allowance.objects.get(device=allowance.device_id, number=allowance.number - 1)
    nominal = ruling.nominal or allowance.device.model.nominal_treatments
    allowance.cause, allowance.provisional = ruling.cause, False
    allowance.nominal_treatments = nominal if renews else before.nominal_treatments
    allowance.carried_over = 0  # of a reset, `recount` carries on
    allowance.save()


def follow(device: Device) -> None:
    """Give the treatments and readings of `device` the allowance that counted then, and trust what fits in it."""
    for table, moment in (("rentals_treatment", "started_corrected"), ("devices_reading", "read_at")):
        execute(
            f"""
            UPDATE {table} moved SET allowance_id = span.id
            FROM (
                SELECT id, CASE WHEN number = 1 THEN '-infinity' ELSE began_at END AS since,
                    coalesce(lead(began_at) OVER (ORDER BY number), 'infinity') AS until
                FROM devices_allowance WHERE device_id = %(device)s
            ) span
            WHERE moved.device_id = %(device)s AND moved.allowance_id <> span.id
                AND moved.{moment} >= span.since AND moved.{moment} < span.until
            """,
            {"device": device.pk},
        )
    trust_what_fits(device)


def finish(device: Device, allowance: Allowance, ruling: Ruling, *, at: datetime, actor: User) -> None:
    """Close what was open about the restart with the note, and let everything follow from what is known now."""
    doubted = Reading.objects.filter(allowance=allowance, flag=Reading.Flag.COUNTER_DOWN).values_list("pk", flat=True)
    subjects = [f"allowance {allowance.pk}", f"ruling on {allowance.pk}", *(f"reading {pk}" for pk in doubted)]
    if not close_as_corrected(Discrepancy.Kind.COUNTER_DOWN, subjects, note=ruling.note, at=at, actor=actor):
        keep_note(device, allowance, ruling, subject=subjects[1], at=at, actor=actor)
    reconcile([device.pk], at)
    allowance.refresh_from_db()
    poke_offers(device.clinic_id)


def keep_note(device: Device, allowance: Allowance, ruling: Ruling, *, subject: str, at: datetime, actor: User) -> None:
    """Nothing had been found yet; the ruling is kept where it would have been, as found and corrected at once."""
    began = allowance.began_at.astimezone(device.clinic.zone)
    Discrepancy.objects.create(
        kind=Discrepancy.Kind.COUNTER_DOWN,
        subject=subject,
        state=Discrepancy.State.CLOSED,
        device=device,
        clinic=device.clinic,
        why=f"The counting of device {device} began anew on {began:%-d %B %Y, %H:%M}, at {allowance.counter_at_start}.",
        action="Nothing is left to do: it was recorded at the desk.",
        opened_at=at,
        closed_at=at,
        closed_as=Discrepancy.ClosedAs.CORRECTED,
        closed_by=actor,
        note=ruling.note,
    )


def refuse_contradiction(device: Device, counter: int, at: datetime, besides: Allowance | None) -> None:
    """Refuse a beginning that the log or the screen speaks against: numbers that go on after it as if nothing was.

    `besides` is the allowance that shall begin there, if it is known already.
    """
    after = first_number_after(device, at, besides)
    if after is None:
        return
    number, seen_at, is_logged = after
    last = last_number_before(device, at)
    goes_on = is_logged and last is not None and counter < last == number - 1
    most = possible_treatments(device.model.minutes_per_treatment, seen_at - at)
    if goes_on or number < counter + is_logged or number - counter > most:
        there = seen_at.astimezone(device.clinic.zone)
        when = f"{long_day(there.date())}, {there:%H:%M}"
        raise invalid(
            "at",
            _("On %(when)s the device was at number %(number)s; correct the time or the counter.")
            % {"when": when, "number": number},
        )


NUMBERS = """
    SELECT n, started_corrected AS at, true AS logged FROM rentals_treatment
    WHERE device_id = %(device)s AND seconds > 0
    UNION ALL
    SELECT counter, read_at, false FROM devices_reading WHERE device_id = %(device)s AND trusted
"""


def first_number_after(device: Device, at: datetime, besides: Allowance | None) -> Sequence[Any] | None:
    """Number, moment, and whether it was logged; none from the next known beginning on."""
    beginnings = device.allowances.filter(number__gt=1, began_at__gt=at)
    if besides:
        beginnings = beginnings.exclude(pk=besides.pk)
    found = rows(
        f"""
        SELECT n, at, logged FROM ({NUMBERS}) seen
        WHERE at > %(at)s AND at < coalesce(%(until)s::timestamptz, 'infinity') ORDER BY at, n LIMIT 1
        """,
        {"device": device.pk, "at": at, "until": beginnings.aggregate(first=Min("began_at"))["first"]},
    )
    return found[0] if found else None


def last_number_before(device: Device, at: datetime) -> int | None:
    found = rows(
        f"SELECT n FROM ({NUMBERS}) seen WHERE at < %(at)s ORDER BY at DESC, n DESC LIMIT 1",
        {"device": device.pk, "at": at},
    )
    return found[0][0] if found else None
