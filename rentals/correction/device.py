"""Another device than the one noted went out with a rental (I1, I3, I5, I6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import long_day
from config.models import User
from config.refusals import Refusal, invalid
from config.words import in_sentence
from devices.models import Device, Reading, Transfer
from devices.readings import allowance_at, doubt_about, record_reading, trust_what_fits
from patients.access import record_access
from patients.models import Access
from rentals.booking.offers import poke_offers
from rentals.booking.replan import let_clash, lock_sites, repair
from rentals.deciding import deciding
from rentals.lifecycle import VERB_STATES, record, require
from rentals.models import Discrepancy, Holding, Rental
from rentals.reconciliation.discrepancies import resolve
from rentals.reconciliation.reconcile import reconcile

VERB = "correct_device"
Condition = Device.Condition
IN_USE = (Condition.READY, Condition.QUARANTINE)
FIRST = {
    Condition.QUARANTINE: gettext_lazy("inspect it first, then correct this rental"),
    Condition.REPAIR: gettext_lazy("inspect it first, then correct this rental"),
    Condition.RECALLED: gettext_lazy("take it back at once from the patient who has it, then correct this rental"),
}


@dataclass(frozen=True)
class Truth:
    """What a holding should have said: not the `noted` device went out, but `device`, its screen showing
    `counter_out`."""

    holding: Holding
    noted: Device
    device: Device
    counter_out: int

    @property
    def is_back(self) -> bool:
        return self.holding.out.upper is not None


def correct_device(
    rental: Rental, *, device: Device, counter_out: int, reason: str, at: datetime, actor: User
) -> Rental:
    """Write down that `device`, its screen showing `counter_out`, is what went out at the hand-over (or the last swap)
    of an active or returned rental, and not the device that was noted.

    The noted one was never out, and has the condition of one that stayed. Where `device` is noted for another rental
    meanwhile, the two were mixed up, and both are corrected. Reservations now in the way go to other devices or are
    at risk; too few treatments on `device` are no reason to refuse what has happened. Raises `wrong_state`,
    `invalid` (400), `device_unavailable`, `device_not_ready` and `reuse_not_permitted`.
    """
    require(rental, VERB)
    if not reason.strip():
        raise invalid("reason", _("Write the reason; it stays in the rental's history."))
    with deciding():
        truths = truth_about(rental, device, counter_out)
        for truth in truths:
            refuse_impossible(truth, truths)
        for truth in truths:
            disown_readings(truth, at=at, actor=actor)
        set_conditions(truths)
        hand_out_again(truths, at=at, actor=actor)
        reconcile([truths[0].noted.pk, truths[0].device.pk], at)
        for truth in truths:
            write_down(truth, truths, reason, at=at, actor=actor)
        repair(rental.clinic, cause=f"rental {rental.reference} has another device than noted", at=at, actor=actor)
        poke_offers(rental.clinic_id)  # the noted one was free all the time
        record_access(actor, [truth.holding.rental.patient_id for truth in truths], Access.Action.CHANGED, at)
    return truths[0].holding.rental


def last_out(rental: Rental) -> Holding:
    """What is noted of the last device that went out with the rental: the one that a manager may correct."""
    holdings = Holding.objects.filter(rental=rental, out__isnull=False)
    return holdings.select_related("device__model", "rental__clinic", "rental__patient").latest("out")


def mixed_up_with(rental: Rental, device: Device) -> Rental | None:
    """The other rental that `correct_device` would correct too; None where only this one is wrong."""
    other = noted_meanwhile(last_out(rental), device)
    return other.rental if other else None


def truth_about(rental: Rental, device: Device, counter_out: int) -> list[Truth]:
    """Lock the site's devices and the rentals, and say what each holding that is wrong should have said: the rental's
    first, then that of the rental it was mixed up with, if there is one."""
    if device.clinic_id != rental.clinic_id:
        raise Refusal(
            "device_unavailable",
            _("Device %(serial)s belongs to another site; check the serial number.") % {"serial": device.serial},
            field="device",
        )
    lock_sites([rental.clinic])
    holding = last_out(rental)
    other = noted_meanwhile(holding, device)
    wrong = [holding, *([other] if other else [])]
    list(Rental.objects.select_for_update(no_key=True, of=("self",)).filter(holdings__in=wrong).order_by("pk"))
    require(holding.rental, VERB)
    if holding.device is None or holding.device_id == device.pk:
        raise invalid("device", _("This is the device that is noted; choose the one that went out in truth."))
    device = Device.objects.select_related("model").get(pk=device.pk)
    truths = [Truth(holding, holding.device, device, counter_out)]
    if other and other.counter_out is not None:
        truths.append(Truth(other, device, holding.device, other.counter_out))
    return truths


def noted_meanwhile(holding: Holding, device: Device) -> Holding | None:
    """The last holding of another rental that is noted to have had `device` while `holding` lasted, if that may still
    be corrected."""
    at_once = Holding.objects.filter(device=device, out__overlap=holding.out).exclude(rental=holding.rental_id)
    other = at_once.select_related("rental__clinic", "rental__patient", "device").order_by("out").last()
    if other is None or other.rental.state not in VERB_STATES[VERB] or other != last_out(other.rental):
        return None
    return other


def refuse_impossible(truth: Truth, truths: Sequence[Truth]) -> None:
    """Raise for a device that cannot have gone out then, by what else is noted of it (I1, I3)."""
    corrected = [each.holding.pk for each in truths]
    apart = Holding.objects.filter(device=truth.device, out__isnull=False).exclude(pk__in=corrected)
    refuse_elsewhere(truth, apart)
    refuse_unready(truth, is_exchange=len(truths) > 1)
    had_another = apart.exclude(rental__patient=truth.holding.rental.patient_id).exists()
    if had_another and not truth.device.model.reuse_permitted:
        raise Refusal(
            "reuse_not_permitted",
            _(
                "Device %(serial)s had another patient and its model is not signed off for reuse; check the "
                "serial number."
            )
            % {"serial": truth.device.serial},
            field="device",
        )


def refuse_elsewhere(truth: Truth, apart: QuerySet[Holding]) -> None:
    """A device is in one place at a time: not with somebody else since then, nor on its way here."""
    device, rental, since = truth.device, truth.holding.rental, truth.holding.out.lower
    then = apart.filter(out__overlap=DateTimeTZRange(since, None))
    elsewhere = then.select_related("rental").order_by("out").first()
    if elsewhere:
        begin, back = elsewhere.out.lower, elsewhere.out.upper
        raise Refusal(
            "device_unavailable",
            _(
                "Device %(serial)s is noted for rental %(reference)s from %(since)s; check the serial number, "
                "or correct that rental first."
            )
            % {
                "serial": device.serial,
                "reference": elsewhere.rental.reference,
                "since": long_day(rental.clinic.day_of(begin)),
            },
            field="device",
            conflict={
                "reference": elsewhere.rental.reference,
                "out_from": begin.isoformat(),
                "out_until": back and back.isoformat(),
            },
        )
    transfer = Transfer.objects.filter(device=device, away__endswith__gt=rental.clinic.day_of(since)).first()
    if transfer:
        raise Refusal(
            "device_unavailable",
            _("Device %(serial)s is at this site only since %(since)s; check the serial number.")
            % {"serial": device.serial, "since": long_day(transfer.away.upper)},
            field="device",
        )


def refuse_unready(truth: Truth, *, is_exchange: bool) -> None:
    """Only a ready device went out (I3). In an exchange, one that waits for its inspection came back as the other."""
    condition = Condition(truth.device.condition)
    possible = {Condition.READY}
    if is_exchange:
        possible.add(Condition.QUARANTINE)
    if truth.is_back:
        possible.add(Condition.RECALLED)
    if condition not in possible:
        raise Refusal(
            "device_not_ready",
            _("Device %(serial)s is noted as %(condition)s; %(step)s.")
            % {
                "serial": truth.device.serial,
                "condition": in_sentence(condition.label),
                "step": FIRST.get(condition, _("check the serial number")),
            },
            field="device",
            conflict={"condition": condition.value},
        )


def disown_readings(truth: Truth, *, at: datetime, actor: User) -> None:
    """Trust no reading of the noted device that was read off another one at the hand-over or the return (I5)."""
    out = truth.holding.out
    taken = Reading.objects.filter(device=truth.noted).filter(
        Q(source=Reading.Source.HAND_OVER, read_at=out.lower) | Q(source=Reading.Source.RETURN, read_at=out.upper)
    )
    ids = list(taken.values_list("pk", flat=True))
    taken.filter(flag="").update(flag=Reading.Flag.WRONG_DEVICE, trusted=False)
    taken.filter(trusted=True).update(trusted=False)  # those flagged before, and trusted all the same
    doubts = Discrepancy.objects.filter(state=Discrepancy.State.OPEN, subject__in=[f"reading {pk}" for pk in ids])
    for discrepancy in doubts:
        resolve(discrepancy, note=f"It was read off device {truth.device.serial}.", at=at, actor=actor)


def set_conditions(truths: Sequence[Truth]) -> None:
    """What was noted to be back, and was not, is ready again; what is back in truth waits for its inspection."""
    noted = [truth.noted.pk for truth in truths]
    Device.objects.filter(pk__in=noted, condition=Condition.QUARANTINE).update(condition=Condition.READY)
    back = [truth.device.pk for truth in truths if truth.is_back]
    Device.objects.filter(pk__in=back, condition=Condition.READY).update(condition=Condition.QUARANTINE)


def hand_out_again(truths: Sequence[Truth], *, at: datetime, actor: User) -> None:
    """Give each holding its true device, and that device the counters that were read off it."""
    for truth in truths:
        keep_readings(truth, at=at, actor=actor)
    for truth in truths:
        trust_what_fits(truth.noted, since=truth.holding.out.lower)
    let_clash()
    if len(truths) > 1:
        # Away from both first: the trigger judges row by row, and would find the device still with the other patient.
        Holding.objects.filter(pk__in=[truth.holding.pk for truth in truths]).update(device=None, out=None)
    for truth in truths:
        out = truth.holding.out
        Holding.objects.filter(pk=truth.holding.pk).update(
            device=truth.device,
            out=out,
            counter_out=truth.counter_out,
            used_out=used_at(truth.device, out.lower),
            used_back=used_at(truth.device, out.upper) if truth.is_back else None,
        )


def keep_readings(truth: Truth, *, at: datetime, actor: User) -> None:
    """What the screen showed at the hand-over and at the return, as readings of the true device (I5)."""
    holding, device = truth.holding, truth.device
    seen = [(truth.counter_out, holding.out.lower, Reading.Source.HAND_OVER)]
    if holding.counter_back is not None:
        seen.append((holding.counter_back, holding.out.upper, Reading.Source.RETURN))
    for counter, read_at, source in seen:
        reading = record_reading(device, counter, read_at=read_at, now=at, source=source, actor=actor)
        was_disowned = reading.flag == Reading.Flag.WRONG_DEVICE
        if was_disowned and not doubt_about(device, reading.allowance, counter, read_at):
            Reading.objects.filter(pk=reading.pk).update(trusted=True)


def used_at(device: Device, moment: datetime) -> int:
    """Treatments used of the allowance of `device` that counted at `moment`, by the trusted readings until then."""
    until_then = Reading.objects.filter(device=device, trusted=True, read_at__lte=moment)
    last = until_then.select_related("allowance").order_by("read_at", "pk").last()
    if last is None:
        return allowance_at(device, moment).carried_over
    return last.allowance.carried_over + last.counter - last.allowance.counter_at_start


def write_down(truth: Truth, truths: Sequence[Truth], reason: str, *, at: datetime, actor: User) -> None:
    """The line in the history of the holding's rental."""
    rental = truth.holding.rental
    others = [each.holding.rental.reference for each in truths if each is not truth]
    mixed_up = f", mixed up with rental {others[0]}" if others else ""
    words = f"Not {truth.noted} but {truth.device} went out{mixed_up}: {reason}"
    record(rental, VERB, old=rental.state, at=at, now=at, actor=actor, reason=words)
