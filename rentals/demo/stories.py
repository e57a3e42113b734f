"""Every rental of the demo, as days from today.

Each unit has what goes on around today, written out, and courses before that of so many weeks, laid out backwards.
A story is told up to yesterday, so its state follows from its days: one that ends tomorrow is out today.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from rentals.demo.chance import chance_of
from rentals.demo.fleet import UNITS
from rentals.demo.people import WITHOUT_EMAIL, WITHOUT_REMINDERS, Person
from rentals.demo.sites import PERTH, SYDNEY
from rentals.models import Priority

NOTHING_ELSE = "The patient knows that it may end early; nothing else is free."
IDLE_DAYS = (6, 9)  # from a due day to the next booking: time to come back a little late and be inspected
RETURNED_LATE = (-5, -3, -2, -1, 0, 0, 0, 0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How a patient treats, and what is to be found wrong in the log. Days count from the hand-over."""

    adherence: float = 0.88  # share of the prescribed treatments at the start of the course; it falls a little
    paused: tuple[int, int] | None = None  # days, both included
    twice_on: tuple[int, ...] = ()  # days with one treatment more than prescribed
    missing: tuple[int, int] | None = None  # days whose records the log has lost
    restarts_on: int | None = None  # the day on which the numbers start again
    unlogged: int = 0  # latest treatments that the counter shows and the log lacks
    clock_off_hours: int = 0
    after_return: int = 0  # treatments on the shelf, when nobody has the unit
    read_out: bool = True


@dataclass(frozen=True, kw_only=True)
class Story:
    """One rental of a unit, or without one somebody who waits. Days count from today, weeks from the start.

    The planner may put a reservation on another unit before it is collected.
    """

    unit: str = ""
    site: str
    start: int
    weeks: int
    per_day: int = 1
    booked: int = 3  # days before the start
    priority: Priority = Priority.ROUTINE  # of those who wait, as the two that follow
    declines: int | None = None  # the day on which an offer is answered, counted from today
    accepts: int | None = None
    person: Person | None = None
    override: str = ""  # why more treatments may be promised than the unit has
    signed: bool = False  # already at the booking, as the bond is
    bond_paid: bool = False
    pinned: bool = False
    cancelled: int | None = None  # days before the start
    by_courier: bool = False
    extended: int = 0  # weeks
    swapped_to: str = ""
    swapped: int = 0  # days from today, as the two that follow
    lost: int | None = None
    kept: int | None = None
    healed: bool = False
    late: int = 0  # days from the due day to the return; a return in the future is still to come
    pays_hire: bool = True
    inspected: bool = True
    passes: bool = True
    repaired: int | None = None  # the day, counted from today, on which a unit that failed passes after all
    fee: str = ""
    refunded: bool = True
    usage: Usage = Usage()

    @property
    def days(self) -> int:
        """From the start to the due day, extended or not."""
        return 7 * (self.weeks + self.extended)


AROUND_TODAY = (
    # Out with a patient; some have the next rental booked already, so late that Easter may come between.
    Story(unit="S2", site=SYDNEY, start=-28, weeks=4, usage=Usage(adherence=0.96, paused=(9, 12))),
    Story(unit="S2", site=SYDNEY, start=16, weeks=4, booked=23, signed=True, pinned=True),
    Story(unit="S10", site=SYDNEY, start=-45, weeks=6, late=30, person=WITHOUT_REMINDERS, override=NOTHING_ELSE),
    Story(unit="S13", site=SYDNEY, start=-30, weeks=6, swapped_to="S12", swapped=-9, usage=Usage(adherence=0.84)),
    Story(unit="P2", site=PERTH, start=-38, weeks=4, late=30, person=WITHOUT_EMAIL, usage=Usage(read_out=False)),
    Story(unit="P7", site=PERTH, start=-25, weeks=4, usage=Usage(adherence=0.9, unlogged=3)),
    Story(unit="P7", site=PERTH, start=18, weeks=4, booked=23),
    Story(unit="P10", site=PERTH, start=-12, weeks=6, by_courier=True, usage=Usage(adherence=0.7, clock_off_hours=2)),
    Story(unit="P10", site=PERTH, start=38, weeks=5, booked=43),
    # Whoever comes next goes to another unit: this one stays longer, the first as agreed, the second without a word.
    Story(unit="P1", site=PERTH, start=-32, weeks=4, extended=4, usage=Usage(adherence=0.95)),
    Story(unit="P1", site=PERTH, start=3, weeks=4, booked=24),
    Story(unit="P1", site=PERTH, start=42, weeks=6, booked=45),
    Story(unit="S9", site=SYDNEY, start=-31, weeks=4, late=30, usage=Usage(adherence=0.8, restarts_on=17)),
    Story(unit="S9", site=SYDNEY, start=3, weeks=4, booked=13),
    # To be handed over today and soon; tomorrow comes one of those who waited.
    Story(unit="S5", site=SYDNEY, start=0, weeks=6, booked=4, signed=True, bond_paid=True),
    Story(unit="P3", site=PERTH, start=0, weeks=5, booked=6, signed=True),
    Story(unit="P11", site=PERTH, start=7, weeks=5, booked=9, by_courier=True, signed=True, bond_paid=True),
    # Back, and waiting for the inspection; the next one counts on it.
    Story(unit="S6", site=SYDNEY, start=-36, weeks=5, inspected=False),
    Story(unit="S6", site=SYDNEY, start=4, weeks=6, booked=10),
    Story(unit="P4", site=PERTH, start=-37, weeks=5, inspected=False, pays_hire=False),
    # Recalled: for the first there is another unit, for the other none that has so much left.
    Story(unit="S7", site=SYDNEY, start=2, weeks=5, booked=8, signed=True),
    Story(unit="S4", site=SYDNEY, start=-33, weeks=4, extended=3, usage=Usage(adherence=0.97, twice_on=(8, 9, 15))),
    Story(unit="S4", site=SYDNEY, start=24, weeks=12, per_day=2, booked=36, bond_paid=True, signed=True),
    # Found broken, and pinned for somebody.
    Story(unit="P6", site=PERTH, start=-30, weeks=4, passes=False, fee="45.00"),
    Story(unit="P6", site=PERTH, start=6, weeks=4, booked=14, pinned=True),
    # Gone.
    Story(unit="S14", site=SYDNEY, start=-60, weeks=4, lost=-20),
    Story(unit="P9", site=PERTH, start=-70, weeks=5, kept=-12),
    # On the shelf, one of them in a courier's van: each site has two units and more for whoever comes next.
    Story(unit="S1", site=SYDNEY, start=-54, weeks=6, usage=Usage(adherence=0.9, missing=(12, 15))),
    Story(unit="S3", site=SYDNEY, start=-66, weeks=6, late=1, usage=Usage(adherence=0.92)),
    Story(unit="S17", site=SYDNEY, start=-58, weeks=4),
    Story(unit="S18", site=SYDNEY, start=-50, weeks=4, late=-2),
    Story(unit="S19", site=SYDNEY, start=-62, weeks=4, healed=True),
    Story(unit="P11", site=PERTH, start=-60, weeks=5, late=-1),
    Story(unit="P12", site=PERTH, start=-66, weeks=4),
    Story(unit="P13", site=PERTH, start=-58, weeks=4, late=1),
    # Given up before the hand-over.
    Story(unit="S5", site=SYDNEY, start=-9, weeks=4, booked=5, cancelled=1, bond_paid=True),
    Story(unit="S8", site=SYDNEY, start=-12, weeks=4, booked=4, cancelled=1),
    Story(unit="P3", site=PERTH, start=-10, weeks=4, cancelled=2),
    Story(unit="P5", site=PERTH, start=-14, weeks=6, booked=6, cancelled=4),
    Story(unit="P5", site=PERTH, start=-4, weeks=4, booked=4, cancelled=2, signed=True, bond_paid=True),
    Story(unit="P8", site=PERTH, start=-11, weeks=4, booked=5, cancelled=3),
    # Waiting for a device, all for courses longer than any unit on the shelf has left. A unit that comes back from
    # repair is offered to two of them, one given up yesterday to the most urgent.
    Story(unit="S16", site=SYDNEY, start=-54, weeks=4, late=1, passes=False, repaired=-6),
    Story(site=SYDNEY, start=3, weeks=26, booked=12, priority=Priority.SOON, declines=-5),
    Story(site=SYDNEY, start=1, weeks=24, booked=9, accepts=-4),
    Story(unit="S15", site=SYDNEY, start=4, weeks=12, per_day=2, booked=19, cancelled=5, signed=True, bond_paid=True),
    Story(site=SYDNEY, start=-2, weeks=20, per_day=2, booked=5, priority=Priority.URGENT),
    Story(site=SYDNEY, start=4, weeks=24, per_day=2, booked=8, priority=Priority.SOON),
    Story(site=SYDNEY, start=7, weeks=30, booked=10),
    Story(site=SYDNEY, start=10, weeks=18, per_day=2, booked=12),
    Story(site=PERTH, start=3, weeks=26, booked=6, priority=Priority.SOON),
    Story(site=PERTH, start=14, weeks=22, per_day=2, booked=16),
)

WEEKS_BEFORE = {
    "S1": (7, 6, 8),
    "S2": (8, 6, 5),
    "S3": (7, 6, 8),
    "S4": (5, 5, 4),
    "S5": (8, 7, 6),
    "S6": (8, 8),
    "S7": (8, 9),
    "S8": (7, 6),
    "S9": (5, 6),
    "S10": (8, 6),
    "S12": (8, 7),
    "S13": (8, 7),
    "S14": (6, 7),
    "S15": (6,),
    "S16": (4,),
    "P1": (7, 6, 7),
    "P2": (8, 8),
    "P3": (8, 8),
    "P4": (8, 8),
    "P5": (9, 9),
    "P6": (6, 5),
    "P7": (7,),
    "P8": (6, 7),
    "P9": (8,),
    "P10": (8, 8),
}

# What was special about some of those before, by unit and number.
REMARKABLE: dict[tuple[str, int], dict[str, Any]] = {
    ("S1", 1): {"extended": 1, "healed": True},
    ("S2", 1): {"per_day": 2},
    ("S2", 2): {"usage": Usage(missing=(18, 20))},
    ("S3", 0): {"fee": "25.00"},
    ("S3", 2): {"usage": Usage(adherence=0.96, twice_on=(5, 6))},
    ("S4", 2): {"refunded": False},
    ("S5", 0): {"extended": 1, "pays_hire": False},
    ("S6", 1): {"usage": Usage(paused=(20, 26))},
    ("S12", 0): {"by_courier": True},
    ("P1", 1): {"usage": Usage(clock_off_hours=-24 * 31)},
    ("P2", 1): {"healed": True, "fee": "45.00", "pays_hire": False},
    ("P4", 0): {"extended": 1},
    ("P4", 1): {"per_day": 2, "usage": Usage(adherence=0.93)},
    ("P5", 1): {"usage": Usage(after_return=2)},
}


def stories() -> list[Story]:
    """All of them, those of one unit in order."""
    return [*(story for unit in WEEKS_BEFORE for story in before(unit)), *AROUND_TODAY]


def before(unit: str) -> Iterator[Story]:
    """The courses that `unit` served until the first story around today needs it, laid out backwards."""
    chance = chance_of(unit)
    needed = [story.start - story.booked for story in AROUND_TODAY if story.unit == unit]
    needed += [story.swapped for story in AROUND_TODAY if story.swapped_to == unit]
    site = next(site for name, site, *_ in UNITS if name == unit)
    until = min(needed)
    for number, weeks in reversed(list(enumerate(WEEKS_BEFORE[unit]))):
        remarkable = REMARKABLE.get((unit, number), {})
        story = Story(
            unit=unit,
            site=site,
            start=until - chance.randint(*IDLE_DAYS) - 7 * (weeks + remarkable.get("extended", 0)),
            weeks=weeks,
            booked=chance.randint(1, 4),
            late=chance.choice(RETURNED_LATE),
            healed=chance.random() < 0.3,
            fee=chance.choice(("", "", "", "", "25.00")),
            usage=Usage(adherence=chance.uniform(0.78, 1.0)),
        )
        yield replace(story, **remarkable)
        until = story.start - story.booked
