"""Calendar files (RFC 5545) for what a mail tells of a day: collection, return, imaging.

They lie in calendars that others see, so they name the clinic and the rental, nothing of a patient or an injury. A
later file about the same thing replaces the earlier one: same UID, higher SEQUENCE.
"""

from datetime import date, datetime, timedelta
from email.encoders import encode_base64
from email.mime.base import MIMEBase

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from config.models import Clinic
from rentals.arranged import arranged_return
from rentals.models import Reminder, Rental
from rentals.reminders.texts.filling import one_line
from rentals.reminders.texts.occasion import Occasion, collect_hours, when_to_come

Kind = Reminder.Kind
RETURN_TAKES = timedelta(minutes=15)
# What each kind tells of, as the file and its UID call it.
TELLS_OF = {
    Kind.AGREEMENT_TO_SIGN: "collection",
    Kind.COLLECT_TOMORROW: "collection",
    Kind.DUE_SOON: "return",
    Kind.DUE_TODAY: "return",
    Kind.HOW_TO_RETURN: "return",
    Kind.IMAGING_DUE: "follow-up",
}


def calendar_files(reminders: list[Reminder], at: datetime) -> list[MIMEBase]:
    """One file for each thing with a day that the mail tells of."""
    prefetch_related_objects([one.rental for one in reminders if one.kind in TELLS_OF], "moves")  # which are counted
    files = {}
    for reminder in reminders:
        what, day = TELLS_OF.get(Kind(reminder.kind), ""), day_of(reminder, at)
        if what and day:
            files[reminder.rental_id, what] = as_part(calendar_of(reminder, what, day, at), f"{what}.ics")
    return list(files.values())


def day_of(reminder: Reminder, at: datetime) -> date | datetime | None:
    """The day, or the moment that was arranged, that the reminder tells of."""
    rental = reminder.rental
    what = TELLS_OF.get(Kind(reminder.kind))
    if what == "collection":
        return rental.starts_on
    if what == "return":
        arranged = arranged_return(rental)
        return arranged.astimezone(rental.clinic.zone) if arranged and arranged > at else rental.due_on
    return rental.imaging_due_on if what == "follow-up" else None


def calendar_of(reminder: Reminder, what: str, day: date | datetime, at: datetime) -> bytes:
    """One event, in the clinic's zone."""
    calendar = Calendar()
    calendar.add("prodid", "-//Callus//Hire//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event_of(reminder, what, day, at))
    calendar.add_missing_timezones()
    return calendar.to_ical()


def event_of(reminder: Reminder, what: str, day: date | datetime, at: datetime) -> Event:
    """A whole day, or a short moment that was arranged."""
    rental, clinic = reminder.rental, reminder.rental.clinic
    event = Event()
    event.add("uid", f"{rental.reference}-{what}@hire.callus")
    event.add("sequence", rental.moves.count())
    event.add("dtstamp", at)
    event.add("dtstart", day)
    event.add("dtend", day + (RETURN_TAKES if isinstance(day, datetime) else timedelta(days=1)))
    event.add("summary", summary_of(what, rental, clinic))
    event.add("location", ", ".join(filter(None, map(one_line, [clinic.name, *clinic.address.splitlines()]))))
    if hours := description_of(what, Occasion(reminder, at, spoken=True)):
        event.add("description", hours)
    event.add("transp", "OPAQUE" if isinstance(day, datetime) else "TRANSPARENT")
    return event


def summary_of(what: str, rental: Rental, clinic: Clinic) -> str:
    """What stands in the calendar, for anybody to see."""
    if what == "follow-up":
        return one_line(_("Follow-up appointment (%(clinic)s)") % {"clinic": clinic.name})
    words = (
        _("Collect from %(clinic)s (rental %(reference)s)")
        if what == "collection"
        else _("Return to %(clinic)s (rental %(reference)s)")
    )
    return one_line(words % {"clinic": clinic.name, "reference": rental.reference})


def description_of(what: str, about: Occasion) -> str:
    """When the doors are open; "" where that says nothing."""
    return {"collection": collect_hours, "return": when_to_come}.get(what, lambda about: "")(about)


def as_part(content: bytes, name: str) -> MIMEBase:
    """The file as a part of a mail, which says that it is for information."""
    part = MIMEBase("text", "calendar", method="PUBLISH", charset="utf-8")
    part.set_payload(content)
    encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part
