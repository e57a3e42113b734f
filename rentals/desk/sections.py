"""The lists of rentals on Today's page: their words, and what is done next with a rental in each."""

from dataclasses import dataclass

from config.models import User
from config.roles import may
from rentals.desk.today import Listed, Work


@dataclass(frozen=True)
class RowAction:
    """One button of a row: the name of its page's address, its words, the action which that page asks for, and whether
    it is short enough to be opened in the row."""

    address: str
    words: str
    action: str
    inside: bool = False


@dataclass(frozen=True)
class Section:
    """One list: its name in `Work`, its title, what stands there while it is empty ("": nothing at all), what is done
    with each row, and a hint."""

    name: str
    title: str
    actions: tuple[RowAction, ...]
    empty: str = ""
    hint: str = ""

    @property
    def id(self) -> str:
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Shown:
    """A section with its rows and what this user may do with them."""

    section: Section
    rows: Listed
    actions: list[RowAction]


HAND_OVER = RowAction("hand-over", "Hand over", "rentals.hand_over")
TAKE_BACK = RowAction("return", "Take back", "rentals.take_back")
COMES_ON = RowAction("return-day", "Comes on …", "rentals.take_back", inside=True)
SECTIONS = (
    Section(
        "at_risk",
        "At risk: the device was taken away",
        (RowAction("change-device", "Give it a device", "rentals.change_device", inside=True),),
        hint="Give it another one, or phone the patient.",
    ),
    Section("pick_ups", "To pick up today", (HAND_OVER,), "Nobody collects a device today."),
    Section("due_today", "Due or expected back today", (TAKE_BACK,), "No device is due or expected back today."),
    Section("overdue", "Overdue", (COMES_ON, TAKE_BACK), "No device is overdue."),
    Section("to_inspect", "Quarantine: to inspect", (RowAction("inspect", "Inspect", "rentals.inspect"),)),
    Section(
        "tomorrow",
        "To pick up tomorrow",
        (RowAction("rental", "Prepare", "rentals.hand_over"),),
        "Nobody collects a device tomorrow.",
    ),
    Section(
        "offered",
        "Offered: the patient is to answer",
        (
            RowAction("accept-offer", "Accepts", "rentals.book", inside=True),
            RowAction("decline-offer", "Declines", "rentals.book", inside=True),
        ),
    ),
    Section("waiting", "Waiting for a device", (RowAction("reserve", "Find a device", "rentals.book"),)),
    Section("to_settle", "Lost or kept: to settle", (RowAction("inspect", "Settle", "rentals.inspect"),)),
    Section(
        "open_money",
        "Finished, money still open",
        (RowAction("pay", "Record a payment", "rentals.pay", inside=True),),
    ),
)


def sections_of(work: Work, user: User) -> dict[str, Shown]:
    """Each section by its name, with what `user` may do in it."""
    return {
        one.name: Shown(one, getattr(work, one.name), [act for act in one.actions if may(user, act.action)])
        for one in SECTIONS
    }
