"""What a simulated fleet is: what there is to load and to import, and what really happened."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

COLUMNS = "serial,part_number,read_out_at,device_clock,counter,n,started,seconds,outcome,code,paused_from,paused_to"


@dataclass(frozen=True)
class Session:
    """One treatment as it was: `rental` is the key of the rental that had the device, or None."""

    serial: str
    n: int
    counting: int
    start: datetime
    shown: datetime
    seconds: int
    rental: str | None


@dataclass
class Fleet:
    """What there is to load and to import, and the truth: faults are (kind, serial, rental or None)."""

    document: dict[str, Any]
    lines: list[str]  # of the CSV file, without its header
    jsonl: str
    sessions: list[Session]
    days: dict[str, Counter[str]]
    faults: Counter[tuple[str, str | None, str | None]]
    rejected: int
    duplicates: int
    used: dict[str, int]
    rough: set[str]  # serials whose clock was wrong by what no record tells
    cards: list[tuple[str, datetime]]

    def csv(self, *pieces: slice) -> list[bytes]:
        """The CSV file, or the pieces of it."""
        parts = [self.lines[piece] for piece in pieces] or [self.lines]
        return ["\n".join([COLUMNS, *part, ""]).encode() for part in parts]
