"""What a page of the desk offers: the devices that fit, the one that is chosen, what can be taken over."""

import re
from datetime import timedelta
from html import unescape

from devices.models import Device
from tests import make
from tests.rentals.desk.desk import Desk

CHOSEN = re.compile(r'name="device" value="(\d+)" id="\w+" checked>')
TAKE = re.compile(r'name="take" value="([^"]*)">([^<]*)</button>')


def device_of(site, counter=0, **columns) -> Device:
    return make.device(site, counter=counter, at=make.NOW - timedelta(days=30), **columns)


def offered(desk: Desk) -> list[Device]:
    return [device for device, _ in desk.answer.context["offers"]]


def suggestions(desk: Desk) -> list[tuple[str, str]]:
    """What each button that takes something over sends, and its words."""
    return [(unescape(value), words) for value, words in TAKE.findall(desk.page)]


def chosen(desk: Desk) -> list[str]:
    """The ids of the devices that would be sent: one, or none where none fits."""
    return CHOSEN.findall(desk.page)
