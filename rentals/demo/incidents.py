"""What happens beside the rentals: a recall, a unit sent away, slips of the pen, and discrepancies looked into."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO

from PIL import Image, ImageDraw

from rentals.checklists import keep
from rentals.demo.fleet import Unit
from rentals.demo.sites import Site
from rentals.demo.usage import Reader, bring_in, device_time, session_record
from rentals.models import Checklist, Discrepancy, Rental
from rentals.models.states import State
from rentals.photos import small_photo
from rentals.recall import start_recall
from rentals.reconciliation.discrepancies import resolve, take_on
from rentals.reconciliation.readings import take_reading
from rentals.transfer import send

WRONG_SERIAL = "0222400136"  # for 0222400163
RESOLVED = (
    # unit, kind, what was found
    ("S2", "log_missing", "Read out again with the same gap; the patient is sure to have treated on these days."),
    ("S3", "over_prescribed", "The patient had misread the plan; it was explained on the telephone."),
    ("P1", "clock_in_doubt", "The month was set wrong. Clock set, and compared with the wall clock."),
)


def recall(site: Site, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """The maker names four units; two of them are ours: one on the shelf and one with a patient, both booked."""
    yield (at := site.at(site.day(-1), 16, 50))  # when the unit given up that day is offered already
    ours = [fleet[name].device for name in ("S7", "S4")]
    start_recall(
        model=ours[0].model,
        serials=[*(device.serial for device in ours), "0720400836", "0623004421"],
        reason="Notice of the maker: the output of units of one lot may be lower than intended.",
        at=at,
        actor=site.staff.manager,
    )


def sent_away(site: Site, other: Site, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """A unit that nobody needs here goes to the other site, where it arrives the day after tomorrow."""
    yield (at := site.at(site.day(-1), 15, 20))
    send(fleet["S17"].device, to=other.clinic, arrives_on=other.day(2), at=at, actor=site.staff.manager)


def mistyped_reading(site: Site, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """One digit too many."""
    unit = fleet["P5"]
    yield (at := site.at(site.day(-4), 9, 50))
    take_reading(unit.device, 10 * unit.shows + 1, read_at=at, at=at, actor=site.desk)


def copied_log(reader: Reader, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """A log copied by hand: two digits of a serial changed places, and one treatment is shorter than in the log."""
    site = reader.site
    yield (at := site.at(site.day(-1), 12, 20))
    course = next(course for course in reader.going_on if course.unit is fleet["S4"])
    unit, (session, *others) = course.unit, course.sessions[-4:]
    read_out = f"{at.isoformat()},{device_time(at, unit.shift)},{unit.shows}"
    shorter = replace(session, seconds=session.seconds // 2)
    lines = [f"{unit.device.serial},,{read_out},{session_record(shorter, unit.shift)}"]
    lines += [f"{WRONG_SERIAL},,{read_out},{session_record(other, unit.shift)}" for other in others]
    bring_in(lines, "copied by hand.csv", site, at)


def taken_on(site: Site) -> Iterator[datetime]:
    """The oldest discrepancy that is still open is in somebody's hands."""
    yield (at := site.at(site.day(-1), 17, 10))
    oldest = Discrepancy.objects.filter(clinic=site.clinic, state=Discrepancy.State.OPEN).earliest("opened_at", "pk")
    take_on(oldest, owner=site.staff.clinician, at=at, actor=site.staff.clinician)


def interrupted(site: Site) -> Iterator[datetime]:
    """An inspection was begun in the evening, with a photo, and left for whoever comes in the morning."""
    yield (at := site.at(site.day(-1), 17, 20))
    waiting = Rental.objects.filter(clinic=site.clinic, state=State.RETURNED).order_by("returned_at").first()
    if waiting:
        answers = {"checks": ["cleaned", "single_patient_parts"]}
        photos = [small_photo(drawn_unit())]
        keep(Checklist.Kind.INSPECTION, waiting, answers=answers, shown={}, photos=photos, at=at, actor=site.desk)


def drawn_unit() -> BytesIO:
    """A main unit with its cable, as somebody might draw it: photos of real ones are not ours to give away."""
    picture, file = Image.new("RGB", (1200, 900), "#d9d4cb"), BytesIO()
    pen = ImageDraw.Draw(picture)
    pen.arc((640, 420, 1060, 800), 200, 20, fill="#3b3f45", width=18)
    pen.rounded_rectangle((180, 240, 700, 620), 60, fill="#f4f5f6", outline="#8a9097", width=6)
    pen.rounded_rectangle((250, 310, 480, 460), 16, fill="#a9bfb0")
    pen.ellipse((560, 340, 640, 420), fill="#2f7d76")
    pen.line((300, 540, 420, 575), fill="#b8bcc1", width=4)
    picture.save(file, "JPEG")
    file.seek(0)
    return file


def looked_into(site: Site, fleet: Mapping[str, Unit]) -> Iterator[datetime]:
    """A clinician closes what has an explanation."""
    yield (at := site.at(site.day(-6), 11, 10))
    devices = {fleet[name].device: (kind, note) for name, kind, note in RESOLVED}
    for device, (kind, note) in devices.items():
        if device.clinic == site.clinic:
            found = Discrepancy.objects.get(device=device, kind=kind, state=Discrepancy.State.OPEN)
            resolve(found, note=note, at=at + timedelta(minutes=5), actor=site.staff.clinician)
