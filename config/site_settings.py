"""What a clinic sets for itself: how it is reached, what the rules count, its opening hours and its closures.

The history of the rows says who changed what, and when.
"""

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from config.models import Clinic, Closure, OpeningHours
from config.refusals import Refusal, invalid
from config.words import grouped

SETTINGS = (
    "name",
    "phone",
    "email",
    "address",
    "legal_name",
    "abn",
    "charges_gst",
    "sender_email",
    "time_zone",
    "holiday_region",
    "turnaround_days",
    "courier_days",
    "overdue_presumption_days",
    "pick_ups_per_day",
    "returns_per_day",
    "offer_open_hours",
    "countable_minutes",
    "adherent_from_percent",
    "silent_after_days",
    "reminders_from",
    "reminders_until",
    "quiet_when_closed",
)
# The largest numbers that anybody can mean; beyond some of them days could not be reckoned with.
LARGEST: Mapping[str, int] = {
    "turnaround_days": 60,
    "courier_days": 30,
    "overdue_presumption_days": 365,
    "pick_ups_per_day": 500,
    "returns_per_day": 500,
    "offer_open_hours": 100,
    "countable_minutes": 240,
    "adherent_from_percent": 100,
    "silent_after_days": 365,
}
LONGEST_ADDRESS = 1000
ABN_GROUPS = (2, 5, 8)  # where the spaces of 51 824 753 556 stand, counted in digits

Hours = Mapping[int, tuple[time, time] | None]
"""By weekday (0 is Monday) from when until when the doors are open, local time; None: closed."""


def change_site(clinic: Clinic, settings: Mapping[str, Any], *, read: int | None = None) -> None:
    """Set these columns of `clinic`; what is not given stays.

    `read` is the version (in the history of its row) that whoever sends all of them has read: only what is not as it
    was there is set then, so that two who change different things both keep theirs.

    Raises `invalid` (400) at the first field that cannot be, `changed_meanwhile` at one that somebody else has changed
    since it was read, and then nothing is changed.
    """
    with transaction.atomic():
        site = locked(clinic)
        changes = {name: as_kept(name, value) for name, value in settings.items()}
        if read is not None:
            changes = changes_since(site, changes, read)
        for name, value in changes.items():
            setattr(site, name, value)
        refuse_impossible(site)
        site.save(update_fields=list(changes))


def changes_since(site: Clinic, settings: Mapping[str, Any], read: int) -> dict[str, Any]:
    """Those of `settings` that are not as they were in the version `read`. Raises `changed_meanwhile`."""
    before = site.events.filter(pgh_id=read).first()  # type: ignore[attr-defined]
    if before is None:
        raise invalid("", _("This page was not opened for this site, and nothing is saved. Open the page anew."))
    changes = {name: value for name, value in settings.items() if value != as_kept(name, getattr(before, name))}
    for name, value in changes.items():
        if getattr(site, name) not in (getattr(before, name), value):
            raise Refusal(
                "changed_meanwhile",
                _(
                    "Somebody else has changed this since you opened the page, and nothing is saved. Open the page "
                    "anew to read what it is now."
                ),
                field=name,
            )
    return changes


def as_kept(name: str, value: Any) -> Any:
    """The value of a column as it is kept: an ABN in groups, lines with one end, whatever a browser makes of them."""
    if name == "abn":
        return in_groups(value)
    return "\n".join(value.splitlines()) if name == "address" else value


def locked(clinic: Clinic) -> Clinic:
    """The clinic as it is now; two who change it see each other. Belongs inside a transaction."""
    return Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)


def in_groups(abn: str) -> str:
    """An ABN as it is printed, in groups of digits; what is none stays as it was written."""
    digits = "".join(abn.split())
    if len(digits) != 11 or not digits.isdecimal():
        return abn
    ends = (*ABN_GROUPS, len(digits))
    return " ".join(digits[start:end] for start, end in zip((0, *ABN_GROUPS), ends, strict=True))


def refuse_impossible(site: Clinic) -> None:
    """Raise `invalid` for the first column that cannot be what it is."""
    for name, largest in LARGEST.items():
        if (getattr(site, name) or 0) > largest:
            raise invalid(name, _("Write a number up to %(largest)s.") % {"largest": largest})
    if len(site.address) > LONGEST_ADDRESS:
        raise invalid("address", _("Write at most %(most)s characters.") % {"most": grouped(LONGEST_ADDRESS)})
    if site.reminders_until <= site.reminders_from:
        raise invalid("reminders_until", _("Choose a time after the one from which reminders leave."))
    if Clinic.objects.filter(name=site.name).exclude(pk=site.pk).exists():
        raise invalid("name", _("Another site has this name; choose one that tells them apart."))
    try:
        site.full_clean()
    except ValidationError as error:
        [(field, problems), *_others] = error.message_dict.items()
        raise invalid("" if field == NON_FIELD_ERRORS else field, " ".join(problems)) from error


def set_hours(clinic: Clinic, hours: Hours) -> None:
    """Open the doors of `clinic` on these weekdays and at these hours, and on no others.

    Raises `invalid` (400) at `closes_<weekday>` for hours that end before they begin, at `opens_0` where
    no day is left.
    """
    wanted = {weekday: given for weekday, given in hours.items() if given}
    for weekday, (opens, closes) in wanted.items():
        if closes <= opens:
            raise invalid(f"closes_{weekday}", _("Choose a closing time after the opening time."))
    if not wanted:
        raise invalid("opens_0", _("Leave at least one weekday open; for weeks away add a closure instead."))
    with transaction.atomic():
        site = locked(clinic)
        site.opening_hours.exclude(weekday__in=wanted).delete()
        for weekday, (opens, closes) in wanted.items():
            set_weekday(site, weekday, opens, closes)


def set_weekday(site: Clinic, weekday: int, opens: time, closes: time) -> None:
    """Write the hours of one weekday down, unless they are as before."""
    if not site.opening_hours.filter(weekday=weekday, opens=opens, closes=closes).exists():
        OpeningHours.objects.update_or_create(clinic=site, weekday=weekday, defaults={"opens": opens, "closes": closes})


def add_closure(clinic: Clinic, *, first_day: date, last_day: date, reason: str) -> Closure:
    """Keep the doors of `clinic` closed from `first_day` to `last_day`, both included.

    Raises `invalid` (400) for days in the wrong order, and `duplicate` where the same days are a closure already.
    """
    if last_day < first_day:
        raise invalid("last_day", _("Choose the first day or one after it."))
    with transaction.atomic():
        closures = locked(clinic).closures
        if closures.filter(first_day=first_day, last_day=last_day).exists():
            raise Refusal("duplicate", _("These days are a closure already."), field="first_day")
        return closures.create(first_day=first_day, last_day=last_day, reason=reason)


def remove_closure(closure: Closure) -> None:
    """Open the doors on the days of `closure` again, as far as nothing else keeps them closed."""
    with transaction.atomic():
        locked(closure.clinic)
        Closure.objects.filter(pk=closure.pk).delete()
