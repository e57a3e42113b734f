"""The lists of rentals on Today's page: their words, and what is done next with a rental in each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import User
from config.roles import may
from rentals.desk.today import Listed, Work

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class RowAction:
    """One button of a row: the name of its page's address, its words, the action which that page asks for, and whether
    it is short enough to be opened in the row."""

    address: str
    words: "StrOrPromise"
    action: str
    inside: bool = False


@dataclass(frozen=True)
class Section:
    """One list: its name in `Work`, its title, what stands there while it is empty ("": nothing at all), what is done
    with each row, and a hint."""

    name: str
    title: "StrOrPromise"
    actions: tuple[RowAction, ...]
    empty: "StrOrPromise" = ""
    hint: "StrOrPromise" = ""

    @property
    def id(self) -> str:
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Shown:
    """A section with its rows and what this user may do with them."""

    section: Section
    rows: Listed
    actions: list[RowAction]


HAND_OVER = RowAction("hand-over", _("Hand over"), "rentals.hand_over")
TAKE_BACK = RowAction("return", _("Take back"), "rentals.take_back")
COMES_ON = RowAction("return-day", _("Comes on …"), "rentals.take_back", inside=True)
SECTIONS = (
    Section(
        "at_risk",
        _("At risk: the device was taken away"),
        (RowAction("change-device", _("Give it a device"), "rentals.change_device", inside=True),),
        hint=_("Give it another one, or phone the patient."),
    ),
    Section("pick_ups", _("To pick up today"), (HAND_OVER,), _("Nobody collects a device today.")),
    Section("due_today", _("Due or expected back today"), (TAKE_BACK,), _("No device is due or expected back today.")),
    Section("overdue", pgettext_lazy("a list", "Overdue"), (COMES_ON, TAKE_BACK), _("No device is overdue.")),
    Section("to_inspect", _("Quarantine: to inspect"), (RowAction("inspect", _("Inspect"), "rentals.inspect"),)),
    Section(
        "tomorrow",
        _("To pick up tomorrow"),
        (RowAction("rental", _("Prepare"), "rentals.hand_over"),),
        _("Nobody collects a device tomorrow."),
    ),
    Section(
        "offered",
        _("Offered: the patient is to answer"),
        (
            RowAction("accept-offer", _("Accepts"), "rentals.book", inside=True),
            RowAction("decline-offer", _("Declines"), "rentals.book", inside=True),
        ),
    ),
    Section("waiting", _("Waiting for a device"), (RowAction("reserve", _("Find a device"), "rentals.book"),)),
    Section("to_settle", _("Lost or kept: to settle"), (RowAction("inspect", _("Settle"), "rentals.inspect"),)),
    Section(
        "open_money",
        _("Finished, money still open"),
        (RowAction("pay", _("Record a payment"), "rentals.pay", inside=True),),
    ),
)


def sections_of(work: Work, user: User) -> dict[str, Shown]:
    """Each section by its name, with what `user` may do in it."""
    return {
        one.name: Shown(one, getattr(work, one.name), [act for act in one.actions if may(user, act.action)])
        for one in SECTIONS
    }
