"""Why a device is offered, and why before the next, in a sentence for the person at the desk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.days import day_of_year
from devices.models import Device
from rentals.booking.availability import Need, lacking

if TYPE_CHECKING:
    from rentals.booking.availability import JudgedDevice


def with_sentences(devices: "Sequence[JudgedDevice]", need: Need, at: datetime) -> "list[tuple[JudgedDevice, str]]":
    """Each of `devices`, best first, with its sentence."""
    following = [*devices[1:], None]
    return [(device, sentence_for(device, after, need, at)) for device, after in zip(devices, following, strict=False)]


def sentence_for(device: "JudgedDevice", following: "JudgedDevice | None", need: Need, at: datetime) -> str:
    """What speaks for `device` before `following`, the next best (None: no other fits)."""
    return " ".join(filter(None, [capacity_of(device, following, need), way_back_of(device, need, at)]))


def capacity_of(device: "JudgedDevice", following: "JudgedDevice | None", need: Need) -> str:
    free = device.free_treatments
    if free is None:
        return _("Nobody knows what it has left: ask the manufacturer, or accept that it may stop before the end.")
    if few := lacking(free, need):
        words = _("It has %(few)s treatments too few for this course of %(course)s, which a manager accepted.")
        return words % {"few": few, "course": need.treatments}
    return _("It has %(free)s free treatments and would keep %(kept)s after this course of %(course)s; %(why)s.") % {
        "free": free,
        "kept": free - need.treatments,
        "course": need.treatments,
        "why": why_before(device, following, need),
    }


def why_before(device: "JudgedDevice", following: "JudgedDevice | None", need: Need) -> str:
    """What the next best would do worse, by the order of `search`."""
    if following is None:
        return _("no other fits")
    if following.free_treatments is None:
        return _("of the next best nobody knows what it has left")
    if lacking(following.free_treatments, need):
        return _("the next best has too few")
    if following.free_treatments != device.free_treatments:
        return _("the next best would keep %(kept)s") % {"kept": following.free_treatments - need.treatments}
    if following.model.nominal_treatments != device.model.nominal_treatments:
        return _("the next best would keep as many, but is a larger one, for long courses")
    return _("the next best would keep as many, but was in use more lately")


def way_back_of(device: "JudgedDevice", need: Need, at: datetime) -> str:
    """When a device that is not there yet will be, and how long it is then inspected and cleaned."""
    turnaround = timedelta(days=device.turnaround)
    if device.condition == Device.Condition.QUARANTINE:
        ready_by = day_of_year(need.clinic.day_of(at) + turnaround)
        return _("In quarantine, ready by %(day)s%(waiting)s.") % {"day": ready_by, "waiting": waiting(device)}
    if device.away_until:
        back_by = day_of_year(device.away_until - turnaround - timedelta(days=1))
        return _("Back by %(day)s%(waiting)s.") % {"day": back_by, "waiting": waiting(device)}
    return ""


def waiting(device: "JudgedDevice") -> str:
    days = device.turnaround
    if not days:
        return ""
    return ngettext(", one turnaround day", ", %(days)s turnaround days", days) % {"days": days}
