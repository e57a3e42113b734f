"""How the desk's pages show what a device has left, and where it stands."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Reading
from rentals.templatetags.desk import spoken

register = template.Library()

TONES = {
    "ready": "good",
    "available": "good",
    "reserved": "calm",
    "out": "calm",
    "quarantine": "wait",
    "repair": "wait",
    "overdue": "alarm",
    "recalled": "alarm",
    "lost": "alarm",
}
DOUBTS = {
    Reading.Flag.COUNTER_DOWN: gettext_lazy("lower than before"),
    Reading.Flag.COUNTER_JUMP: gettext_lazy("higher than the time allows"),
    Reading.Flag.WRONG_DEVICE: gettext_lazy("read off another unit"),
}


@register.filter
def remaining(treatments: int | None) -> str:
    """What a device has left of its nominal treatments: `43`, `−3 (past nominal)` or `unknown`."""
    return signed(treatments, _("past nominal"))


@register.filter
def free(treatments: int | None) -> str:
    """What a device has left that is promised to nobody: `43`, `−3 (too few)` or `unknown`."""
    return signed(treatments, _("too few"))


def signed(treatments: int | None, below_zero: str) -> str:
    if treatments is None:
        return _("unknown")
    return str(treatments) if treatments >= 0 else f"−{-treatments} ({below_zero})"


@register.filter
def standing(code: str) -> SafeString:
    """A condition or availability as a word in its colour."""
    return format_html('<span class="tag {}">{}</span>', TONES.get(code, ""), spoken(code))


@register.filter
def doubt(flag: str) -> str:
    """Why a reading is not trusted."""
    return str(DOUBTS[Reading.Flag(flag)])
