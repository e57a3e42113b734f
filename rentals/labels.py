"""Sheets of labels for devices: A4, three by eight of 70 x 37 mm, each with a QR code that opens the device here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import segno
from django.conf import settings
from django.utils.translation import gettext as _

from config.refusals import invalid
from devices.models import Device
from rentals.papers.typesetting import typeset

COLUMNS, ROWS = 3, 8
PER_SHEET = COLUMNS * ROWS
MOST_DEVICES = 2400  # a hundred sheets


def label_sheets(devices: Iterable[Device], *, start: int, at: datetime) -> bytes:
    """A PDF with a label for each of `devices`; the first one lies at the place `start`, 1 at the top left.

    What stands on it is of the device and its site, never of a patient. Raises `invalid` for no device, for too many
    and for a place that a sheet does not have.
    """
    labels = [label_of(device) for device in devices]
    if not labels:
        raise invalid("devices", _("Choose at least one device."))
    if len(labels) > MOST_DEVICES:
        raise invalid(
            "devices", _("Choose at most %(most_devices)s devices at a time.") % {"most_devices": MOST_DEVICES}
        )
    if not 1 <= start <= PER_SHEET:
        raise invalid("start", _("Choose a place from 1 to %(per_sheet)s.") % {"per_sheet": PER_SHEET})
    facts = {"title": "Labels for devices", "labels": [*[None] * (start - 1), *labels]}
    return typeset("labels", facts, at)


def label_of(device: Device) -> dict[str, Any]:
    """What stands on the label of `device` (with its model and site)."""
    phone = device.clinic.phone
    return {
        "serial": device.serial,
        "model": device.model.name,
        "site": device.clinic.name,
        "call": f"If found, call {phone}" if phone else "If found, please bring it to the clinic",
        "code": qr_code(address_of(device)),
    }


def address_of(device: Device) -> str:
    """Where the QR code leads: this desk, which asks for a sign-in and then opens the device."""
    return f"{settings.PUBLIC_URL}/d/{device.pk}/"


def qr_code(text: str) -> str:
    """`text` as the SVG of a QR code with a margin of four modules, which a quarter of dirt does not spoil."""
    return segno.make(text, micro=False, error="q").svg_inline(border=4, scale=1, omitsize=True)
