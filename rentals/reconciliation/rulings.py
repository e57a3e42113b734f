"""What a person says about the clock of a device, against what Callus worked out (I6)."""

from datetime import UTC, datetime, timedelta

from django.db.models import Max
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import invalid
from devices.models import ReadOut
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_devices
from rentals.models import ClockRuling, Rental
from rentals.reconciliation.reconcile import reconcile_whole

LONGEST_NOTE = 2000


def rule_clock(read_out: ReadOut, offset_seconds: int | None, *, note: str, at: datetime, actor: User) -> ClockRuling:
    """Say by how much the clock was off for the data of one read-out; all that hangs on its times follows.

    `offset_seconds` are added to the device's times to get UTC; None has them worked out by Callus again. The latest
    ruling holds and the earlier ones stay on record. A change of each patient's record whose rental gained or lost
    treatments, or kept them at other times (I10). Raises `invalid` without a note, and for an offset by which a
    treatment would not have begun yet at `at`.
    """
    if not note.strip():
        raise invalid("note", _("Write how you know; it stays with the read-out."))
    if len(note) > LONGEST_NOTE:
        raise invalid("note", _("Say it in at most %(longest_note)s characters.") % {"longest_note": LONGEST_NOTE})
    if offset_seconds is not None:
        refuse_future(read_out, offset_seconds, at)
    with deciding():
        lock_devices([read_out.device_id])
        had = patients_of(read_out)
        ruling = ClockRuling.objects.create(
            read_out=read_out, offset_seconds=offset_seconds, note=note, at=at, by=actor
        )
        reconcile_whole([read_out.device_id], at)
        record_access(actor, had | patients_of(read_out), Access.Action.CHANGED, at)
    return ruling


def refuse_future(read_out: ReadOut, offset_seconds: int, at: datetime) -> None:
    """Raise `invalid` where the last treatment of the read-out would begin after the moment `at`."""
    try:
        last = read_out.treatments.aggregate(last=Max("started_device"))["last"]
        begun = last and last + timedelta(seconds=offset_seconds)
        if begun and begun > at.astimezone(UTC).replace(tzinfo=None):
            raise invalid("offset_seconds", _("By this its last treatment has not begun yet; correct the true time."))
    except OverflowError:
        raise invalid("offset_seconds", _("No clock is off by so much; correct the true time.")) from None


def patients_of(read_out: ReadOut) -> set[int]:
    """The patients (ids) for whose rentals treatments of the read-out count now."""
    return set(Rental.objects.filter(treatments__read_out=read_out).values_list("patient", flat=True))
