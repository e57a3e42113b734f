"""Stock-take: every device of a site held in a hand and scanned, and what the books said of the rest.

Several people scan at once. Until it is ended a count compares with the books of now; ending it freezes what was found.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from devices.models import Device, DeviceQuerySet, Transfer
from rentals.codes import LONGEST
from rentals.deciding import deciding
from rentals.models import Holding, StockFinding, StockScan, StockTake
from rentals.scanning import look_up, only_one, with_serial
from rentals.stock_findings import findings_of

Condition = Device.Condition
GONE = (Condition.LOST, Condition.SOLD, Condition.RETIRED)


@dataclass(frozen=True)
class Scanned:
    """What one scan came to: its row, whether it was there before or is unexpected, and a sentence for who scans."""

    scan: StockScan
    again: bool
    is_unexpected: bool
    words: str


@dataclass(frozen=True)
class Progress:
    """How far a count is: of the devices that should be here, how many were scanned; and what else was."""

    scanned: int
    expected: int
    others: int

    @property
    def missing(self) -> int:
        return self.expected - self.scanned


def start(clinic: Clinic, *, at: datetime, actor: User) -> StockTake:
    """Begin a count of `clinic`. Raises `wrong_state` while one is under way there."""
    with deciding():
        Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
        if running_at(clinic):
            raise Refusal(
                "wrong_state",
                _("A count of %(clinic)s is under way; go on with that one, or end it first.") % {"clinic": clinic},
            )
        return StockTake.objects.create(clinic=clinic, started_at=at, started_by=actor)


def running_at(clinic: Clinic) -> StockTake | None:
    """The count of `clinic` that is under way, if there is one."""
    return StockTake.objects.filter(clinic=clinic, ended_at=None).first()


def scan(stock_take: StockTake, text: str, *, at: datetime, actor: User) -> Scanned:
    """Write down what was scanned or typed: a code that `look_up` understands, or a serial.

    The same device or unknown code once more changes nothing, and says so. Raises `invalid` for what is no code or was
    read wrongly, `wrong_state` once the count has ended.
    """
    text = text.replace("\x00", "").strip()
    device, code = read(text, actor)
    with deciding():
        locked = lock_running(stock_take)
        about = {"device": device} if device else {"device": None, "code": code}
        row, is_new = StockScan.objects.select_related("device__model", "by").get_or_create(
            stock_take=locked, **about, defaults={"code": code, "at": at, "by": actor}
        )
        odd = row.device is None or not expected_at(locked.clinic, at).filter(pk=row.device.pk).exists()
    return Scanned(row, not is_new, odd, in_words(row, locked, again=not is_new, odd=odd))


def read(text: str, actor: User) -> tuple[Device | None, str]:
    """The device that `text` means, None for an unknown one, and the code as it is kept."""
    if not text or len(text) > LONGEST:
        raise invalid("code", _("Scan a label or type a serial, at most %(longest)s signs.") % {"longest": LONGEST})
    meant = look_up(text, actor)
    device = meant.device if meant else only_one(with_serial(text, actor))
    if device is None and with_serial(meant.serial if meant else text, actor).count() > 1:
        raise invalid("code", _("Several devices bear this serial; scan the UDI or our own label of this one."))
    if device is None and not any(sign.isdigit() for sign in text):
        raise invalid("code", _("This is no code of a device; scan its label, or type its serial."))
    return device, text if device or not (meant and meant.serial) else meant.serial


def in_words(row: StockScan, stock_take: StockTake, *, again: bool, odd: bool) -> str:
    """What the person with the scanner is told."""
    if again:
        when = f"{row.at.astimezone(stock_take.clinic.zone):%H:%M}"
        words = _("%(what)s was scanned already, at %(when)s by %(who)s; nothing changed.")
        return words % {"what": row.device or row.code, "when": when, "who": row.by}
    if row.device is None:
        words = _("%(code)s is a device that none of your sites has; it is noted as unexpected. Put it aside.")
        return words % {"code": row.code}
    if odd:
        words = _("%(device)s should not be here by the books; it is noted as unexpected. Put it aside.")
        return words % {"device": row.device}
    return _("%(device)s is here: %(model)s.") % {"device": row.device, "model": row.device.model}


def undo(row: StockScan) -> None:
    """Take a scan back: a code read off a list, say. Raises `wrong_state` once the count has ended."""
    with deciding():
        lock_running(row.stock_take)
        StockScan.objects.filter(pk=row.pk).delete()


def lock_running(stock_take: StockTake) -> StockTake:
    """The count as it is now, its row locked: scans stand in line with each other and with the end."""
    rows = StockTake.objects.select_for_update(no_key=True, of=("self",)).select_related("clinic")
    locked = rows.get(pk=stock_take.pk)
    if locked.ended_at:
        raise Refusal("wrong_state", _("This count has ended; start a new one for what was not counted."))
    return locked


def expected_at(clinic: Clinic, at: datetime) -> DeviceQuerySet:
    """The devices that the books say are at `clinic`: neither out, nor on their way to it, nor gone."""
    out = Holding.objects.filter(device=OuterRef("pk"), live=True, out__isnull=False)
    coming = Transfer.objects.filter(device=OuterRef("pk"), away__endswith__gt=clinic.day_of(at))
    here = Device.objects.filter(clinic=clinic).exclude(condition__in=GONE)
    return here.filter(~Exists(out), ~Exists(coming))


def progress_of(stock_take: StockTake, at: datetime) -> Progress:
    """How far the count is by the books at `at`."""
    expected = expected_at(stock_take.clinic, at)
    scanned = expected.filter(stock_scans__stock_take=stock_take).count()
    return Progress(scanned, expected.count(), stock_take.scans.count() - scanned)


def still_to_find(stock_take: StockTake, at: datetime) -> DeviceQuerySet:
    """The expected devices that nobody has scanned yet, by model."""
    scanned = StockScan.objects.filter(stock_take=stock_take, device=OuterRef("pk"))
    rest = expected_at(stock_take.clinic, at).filter(~Exists(scanned))
    return rest.select_related("model").order_by("model__name", "model", "serial", "pk")


def end(stock_take: StockTake, *, missing_accepted: bool, at: datetime, actor: User) -> StockTake:
    """End the count: what was found, is missing or unexpected stands from now on as the books say it is.

    Raises `still_missing` where devices were not scanned and nobody has said that they are looked for in vain.
    """
    with deciding():
        locked = lock_running(stock_take)
        missing = list(still_to_find(locked, at))
        if missing and not missing_accepted:
            raise Refusal(
                "still_missing",
                _(
                    "Not scanned yet: %(missing)s of the devices that should be here. Look for them, or "
                    "confirm that they cannot be found."
                )
                % {"missing": len(missing)},
                field="missing_accepted",
            )
        expected = set(expected_at(locked.clinic, at).values_list("pk", flat=True))
        StockFinding.objects.bulk_create(findings_of(locked, missing, expected, at))
        StockTake.objects.filter(pk=locked.pk).update(ended_at=at, ended_by=actor)
    stock_take.refresh_from_db()
    return stock_take


def settle(finding: StockFinding, *, note: str, at: datetime, actor: User) -> StockFinding:
    """Say what was done about what a count found. Raises `invalid` without a note, `wrong_state` where it is done."""
    if not note.strip():
        raise invalid("note", _("Write what was done about it."))
    open_ones = StockFinding.objects.filter(pk=finding.pk, settled_at=None).exclude(kind=StockFinding.Kind.FOUND)
    if not open_ones.update(settled_at=at, settled_by=actor, note=note.strip()):
        raise Refusal("wrong_state", _("This is settled already; look at what was written there."))
    finding.refresh_from_db()
    return finding


def settle_open(device: Device, kind: str, *, note: str, at: datetime, actor: User) -> None:
    """Settle what counts have found of `device`, after the verb that put it right; the caller holds the transaction."""
    StockFinding.objects.filter(device=device, kind=kind, settled_at=None).update(
        settled_at=at, settled_by=actor, note=note
    )
