"""Why a device is offered, and why before the next, in a sentence for the person at the desk."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

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
        return "Nobody knows what it has left: ask the manufacturer, or accept that it may stop before the end."
    if few := lacking(free, need):
        return f"It has {few} treatments too few for this course of {need.treatments}, which a manager accepted."
    return (
        f"It has {free} free treatments and would keep {free - need.treatments} after this course of "
        f"{need.treatments}; {why_before(device, following, need)}."
    )


def why_before(device: "JudgedDevice", following: "JudgedDevice | None", need: Need) -> str:
    """What the next best would do worse, by the order of `search`."""
    if following is None:
        return "no other fits"
    if following.free_treatments is None:
        return "of the next best nobody knows what it has left"
    if lacking(following.free_treatments, need):
        return "the next best has too few"
    if following.free_treatments != device.free_treatments:
        return f"the next best would keep {following.free_treatments - need.treatments}"
    if following.model.nominal_treatments != device.model.nominal_treatments:
        return "the next best would keep as many, but is a larger one, for long courses"
    return "the next best would keep as many, but was in use more lately"


def way_back_of(device: "JudgedDevice", need: Need, at: datetime) -> str:
    """When a device that is not there yet will be, and how long it is then inspected and cleaned."""
    turnaround = timedelta(days=device.turnaround)
    if device.condition == Device.Condition.QUARANTINE:
        return f"In quarantine, ready by {in_words(need.clinic.day_of(at) + turnaround)}{waiting(device)}."
    if device.away_until:
        return f"Back by {in_words(device.away_until - turnaround - timedelta(days=1))}{waiting(device)}."
    return ""


def waiting(device: "JudgedDevice") -> str:
    days = device.turnaround
    return f", {'one' if days == 1 else days} turnaround day{'' if days == 1 else 's'}" if days else ""


def in_words(day: date) -> str:
    return f"{day:%-d %B}"
