"""What somebody looks for at the desk, in one field: patients, rentals, devices, and what a scanned code means.

Only what belongs to the user's sites is found; each patient among the results is recorded (I10).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from config.limits import FIRST_DAY
from config.models import User
from config.refusals import invalid
from devices.models import Device, DeviceQuerySet
from patients.access import record_access
from patients.models import Access
from patients.register import fitting_patients
from rentals.codes import LONGEST
from rentals.models import Rental
from rentals.overview import with_overview
from rentals.scanning import Meant, devices_seen, look_up, only_one, units_of, with_serial

MOST_SHOWN = 20
FEWEST_SIGNS = 2
FEWEST_DIGITS = 4  # of a telephone number
DATE = re.compile(
    r"(?<!\d)(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"|(?P<day2>\d{1,2})(?P<sign>[/.-])(?P<month2>\d{1,2})(?P=sign)(?P<year2>\d{4}|\d{2})"
    r"|(?P<day3>\d{1,2})\s+(?P<name>[A-Za-z]{3,9})\.?,?\s+(?P<year3>\d{4}))(?!\d)"
)
PHONE = re.compile(r"^[\d\s()+/.-]+$")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Group:
    """The first `MOST_SHOWN` of one kind of thing, and how many more there are."""

    shown: list[Any] = field(default_factory=list)
    more: int = 0


@dataclass(frozen=True)
class Found:
    """What was found; `code` says what a scanned code means."""

    patients: Group = field(default_factory=Group)
    rentals: Group = field(default_factory=Group)
    devices: Group = field(default_factory=Group)
    code: Meant | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.patients.shown or self.rentals.shown or self.devices.shown)


def search(words: str, *, today: date, at: datetime, actor: User) -> Found:
    """What `actor` may see that `words` could mean; each patient shown is recorded. `today`: of the site, for years.

    Raises `invalid` for fewer than two signs, for more than a code can have, and for a code that was read wrongly.
    """
    words = checked(words)
    meant = look_up(words, actor)
    if meant and (meant.device or not is_number(words)):
        return of_code(meant, actor)
    devices = units_of(meant.model, actor) if meant and meant.model else with_serial_like(words, actor)
    patients, rentals = patients_like(words, today, actor), rentals_like(words, at, actor)
    return recorded(Found(patients, rentals, group(devices)), at, actor)


def meant_exactly(words: str, actor: User) -> Device | Rental | None:
    """The one thing that a code, the reference of a rental or the serial of a device means; None for anything else.

    Raises what `search` does.
    """
    words = checked(words)
    if (meant := look_up(words, actor)) and meant.device:
        return meant.device
    rental = Rental.objects.visible_to(actor).filter(reference=words.upper()).first()
    return rental or only_one(with_serial(words, actor))


def checked(words: str) -> str:
    """`words` without what nobody types."""
    words = words.replace("\x00", "").strip()
    if len(words) < FEWEST_SIGNS:
        raise invalid("words", _("Write at least two signs: of a name, a telephone number, a reference or a serial."))
    if len(words) > LONGEST:
        raise invalid("words", _("Write at most %(longest)s signs.") % {"longest": LONGEST})
    return words


def is_number(words: str) -> bool:
    """Whether `words` are digits alone: a GTIN perhaps, but a telephone number or a date as well."""
    return words.isdigit()


def of_code(meant: Meant, actor: User) -> Found:
    """What is shown of a code: the one device, or what comes near it."""
    if meant.device:
        return Found(code=meant, devices=Group([meant.device]))
    near = with_serial(meant.serial, actor) if meant.serial else units_of(meant.model, actor)
    return Found(code=meant, devices=group(near))


def recorded(found: Found, at: datetime, actor: User) -> Found:
    """`found`, each patient in it written down as seen."""
    record_access(actor, [patient.pk for patient in found.patients.shown], Access.Action.SEARCHED, at)
    record_access(actor, {rental.patient_id for rental in found.rentals.shown}, Access.Action.LISTED, at)
    return found


def group(rows: QuerySet[Any]) -> Group:
    """The first of `rows`, counted only where there are more."""
    shown = list(rows[: MOST_SHOWN + 1])
    more = rows.count() - MOST_SHOWN if len(shown) > MOST_SHOWN else 0
    return Group(shown[:MOST_SHOWN], more)


def with_serial_like(words: str, actor: User) -> DeviceQuerySet:
    return devices_seen(actor).filter(serial__icontains=words)


def rentals_like(words: str, at: datetime, actor: User) -> Group:
    if " " in words:
        return Group()
    rentals = Rental.objects.visible_to(actor).filter(reference__icontains=words).select_related("patient", "clinic")
    return group(with_overview(rentals, at))


def patients_like(words: str, today: date, actor: User) -> Group:
    """Patients by parts of their names, a date of birth, digits of a telephone number, or several of these."""
    asked = asked_of_patients(words, today)
    return group(fitting_patients(actor, **asked).select_related("clinic")) if asked else Group()


def asked_of_patients(words: str, today: date) -> dict[str, Any]:
    """`words` as `fitting_patients` takes them; nothing for what names no patient, a serial with letters say."""
    day = next(days_in(words, today), None)
    rest = DATE.sub(" ", words) if day else words
    names = [word for word in rest.split() if not any(sign.isdigit() for sign in word)]
    named = " ".join(word.strip(",;") for word in names if any(sign.isalpha() for sign in word))
    numbers = " ".join(word for word in rest.split() if any(sign.isdigit() for sign in word))
    if numbers and (not PHONE.match(numbers) or sum(sign.isdigit() for sign in numbers) < FEWEST_DIGITS):
        return {}
    asked = {"name": named, "date_of_birth": day, "phone": numbers}
    return {name: value for name, value in asked.items() if value}


def days_in(words: str, today: date) -> Iterator[date]:
    """Dates of birth in `words`, as Australians write them or by ISO; of two digits the last such year that was."""
    for found in DATE.finditer(words):
        day = found["day"] or found["day2"] or found["day3"]
        month = found["month"] or found["month2"] or month_named(found["name"])
        year = found["year"] or found["year2"] or found["year3"]
        try:
            born = date(full_year(year, today), int(month), int(day))
        except ValueError:
            continue
        if FIRST_DAY <= born <= today:
            yield born


def month_named(name: str) -> int:
    """1 to 12; 0 for a word that is no month."""
    return next((number for number, month in enumerate(MONTHS, 1) if name.lower().startswith(month)), 0)


def full_year(year: str, today: date) -> int:
    if len(year) == 4:
        return int(year)
    guess = today.year // 100 * 100 + int(year)
    return guess if guess <= today.year else guess - 100
