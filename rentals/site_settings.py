"""What a clinic sets for itself, as far as it touches its rentals, and whom a closed day catches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.models import Clinic
from config.refusals import Refusal, invalid
from config.site_settings import change_site, locked
from rentals.deciding import deciding
from rentals.models import Reminder, ReminderRule, Rental
from rentals.models.states import State

LIVE = (State.RESERVED, State.ACTIVE)


def change_settings(clinic: Clinic, settings: Mapping[str, Any], *, read: int) -> None:
    """Do what `config.site_settings.change_site` does, and raise what it raises.

    Raises `live_rentals` for another time zone while rentals are live: their days were agreed on by the old one.
    Raises `invalid` for sending hours that leave a reminder rule of the site with no moment to leave at.
    """
    with deciding():
        site = locked(clinic)
        change_site(site, settings, read=read)
        refuse_another_time_zone(site)
        refuse_rules_at_night(site)


def refuse_another_time_zone(site: Clinic) -> None:
    """Raise `live_rentals` where rentals of the site are live and its time zone is not what it was."""
    live = Rental.objects.filter(clinic=site, state__in=LIVE).count()
    if not live or Clinic.objects.filter(pk=site.pk, time_zone=site.time_zone).exists():
        return
    raise Refusal(
        "live_rentals",
        ngettext(
            "%(live)s rental is reserved or out here, and their days and hours were agreed on by the clock of "
            "%(time_zone)s; the time zone can be changed when none is.",
            "%(live)s rentals are reserved or out here, and their days and hours were agreed on by the clock of "
            "%(time_zone)s; the time zone can be changed when none is.",
            live,
        )
        % {"live": live, "time_zone": site.time_zone},
        field="time_zone",
    )


def refuse_rules_at_night(site: Clinic) -> None:
    """Raise `invalid` where the site tells a kind of reminder at a time outside its sending hours."""
    site = Clinic.objects.get(pk=site.pk)
    at_night = Q(at__lt=site.reminders_from) | Q(at__gte=site.reminders_until)
    rule = ReminderRule.objects.filter(at_night, clinic=site, enabled=True).order_by("at").first()
    if rule and rule.at:
        kind = Reminder.Kind(rule.kind).label
        raise invalid(
            "reminders_from" if rule.at < site.reminders_from else "reminders_until",
            _("“%(kind)s” is told from %(at)s on; change the reminder rules first.")
            % {"kind": kind, "at": f"{rule.at:%H:%M}"},
        )


@dataclass(frozen=True)
class Caught:
    """A live rental whose patient is expected on a day on which the doors stay closed."""

    reference: str
    errand: str
    day: date
    why: str


def caught_by_closed_days(clinic: Clinic, at: datetime) -> list[Caught]:
    """Pick-ups and returns of live rentals from the local day of `at` on that fall on a closed day, the soonest first.

    They are moved by nobody: opening hours refuse bookings, never a hand-over or a return.
    """
    caught = [
        Caught(reference, errand, day, why)
        for reference, errand, day in errands_of(clinic, clinic.day_of(at))
        if (why := clinic.why_closed(day))
    ]
    return sorted(caught, key=lambda one: (one.day, one.reference))


def errands_of(clinic: Clinic, today: date) -> Iterator[tuple[str, str, date]]:
    """Reference, errand and local day of who comes to the desk from `today` on; to bring the device back on the day
    that was named for it, else on the due day."""
    live = Rental.objects.filter(clinic=clinic, state__in=LIVE).order_by("pk")
    columns = ("reference", "state", "starts_on", "due_on", "return_expected_at")
    for reference, state, starts_on, due_on, return_expected_at in live.values_list(*columns):
        back_on = clinic.day_of(return_expected_at) if return_expected_at else due_on
        if state == State.RESERVED and starts_on >= today:
            yield reference, _("pick-up"), starts_on
        if back_on >= today:
            yield reference, _("return"), back_on
