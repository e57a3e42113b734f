"""What the pages of a rental or a device show of its checklists: what was begun, and the photos."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from config.days import long_day
from config.roles import may
from config.words import in_sentence
from devices.models import Device
from rentals.checklists import going_on, whose
from rentals.models import Checklist, Photo, Rental
from rentals.photos import LONGEST_SIDE_SMALL

register = template.Library()

PAGES = {
    Checklist.Kind.HAND_OVER: ("hand-over", "rentals.hand_over"),
    Checklist.Kind.TAKE_BACK: ("return", "rentals.take_back"),
    Checklist.Kind.INSPECTION: ("inspect", "rentals.inspect"),
}


@register.inclusion_tag("rentals/desk/checklists_begun.html", takes_context=True)
def begun_checklists(context: dict[str, Any], about: Rental | Device) -> dict[str, Any]:
    """What was begun for a rental or a device and not finished, with the way on for those who may go it."""
    opened = going_on().filter(**whose(about)).select_related("rental", "device", "changed_by", "started_by")
    return {
        "begun": [one for one in opened if may(context["request"].user, PAGES[Checklist.Kind(one.kind)][1])],
        "about": about,
    }


@register.inclusion_tag("rentals/desk/photos.html")
def photos_of(about: Rental | Device) -> dict[str, Any]:
    """The photos taken when a rental's device went out, came back and was looked at; or of a device by itself."""
    mine = {f"checklist__{name}": one for name, one in whose(about).items()}
    photos = Photo.objects.filter(**mine).defer("content")
    return {"photos": photos.select_related("checklist__rental__clinic", "checklist__device__clinic")}


@register.filter
def go_on_at(checklist: Checklist) -> str:
    """The address at which an open checklist goes on."""
    if checklist.rental is None:
        return reverse("inspect-unit", args=[checklist.device_id])
    return reverse(PAGES[Checklist.Kind(checklist.kind)][0], args=[checklist.rental.reference])


@register.filter
def photo_words(checklist: Checklist, photo: Photo) -> str:
    """What a photo is, for those who do not see it: when it was taken, by the clock of its site."""
    site = (checklist.rental or checklist.device).clinic  # type: ignore[union-attr]  # it is of one of both
    taken = photo.taken_at.astimezone(site.zone)
    when = {"day": long_day(taken), "clock": f"{taken:%H:%M}"}
    return _("Photo at the %(kind)s, %(day)s, %(clock)s") % {"kind": in_sentence(checklist.get_kind_display()), **when}


@register.filter
def small_width(photo: Photo) -> int:
    """Pixels of the photo's thumbnail."""
    return small(photo)[0]


@register.filter
def small_height(photo: Photo) -> int:
    return small(photo)[1]


def small(photo: Photo) -> tuple[int, int]:
    scale = min(1, LONGEST_SIDE_SMALL / max(photo.width, photo.height))
    return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
