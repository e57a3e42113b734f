"""What to do with the device of a page, on top of it."""

from typing import Any

from django import template
from django.utils.translation import gettext as _

from devices.models import Device
from rentals.desk.device_action import action_for, standings
from rentals.fleet_changes import CAN_BE_LOST, CAN_BE_RETIRED

register = template.Library()


@register.inclusion_tag("rentals/desk/device_action.html", takes_context=True)
def device_action(context: dict[str, Any], device: Device) -> dict[str, Any]:
    """Where `device` stands, the button to what fits, and for a manager the ways to end its use."""
    page = context["page"]
    standing = standings([device], page.now)[device.pk]
    deed = action_for(device, standing, page.actor, device.clinic.day_of(page.now))
    possible = [("device-lost", _("Report lost"), CAN_BE_LOST), ("retire-device", _("Retire"), CAN_BE_RETIRED)]
    ends = [] if standing.out_with else [end[:2] for end in possible if device.condition in end[2]]
    return {"device": device, "deed": deed, "ends": ends, "allowed": context["allowed"]}
