"""The records of usage data, as lines for `COPY` into the staging table. What is wrong is raised as BadRecord."""

from datetime import datetime, timedelta

from rentals.reconciliation.formats import values
from rentals.reconciliation.formats.values import BadRecord, shown, whole

READ_OUT = ("serial", "part_number", "read_out_at", "device_clock", "counter")
TREATMENT = ("n", "started", "seconds", "outcome", "code")
PAUSE = ("paused_from", "paused_to")
COLUMNS = (*READ_OUT, *TREATMENT, *PAUSE)

# In this order, so that the end of a usual CSV line can be staged as it stands.
STAGED = {
    "line": "integer",
    "block": "integer",
    "n": "integer",
    "started": "timestamp",
    "seconds": "integer",
    "outcome": "text",
    "code": "text",
    "paused_from": "date",
    "paused_to": "date",
    "serial": "text",
    "part_number": "text",
    "read_out_at": "timestamptz",
    "device_clock": "timestamp",
    "counter": "integer",
}
COPY_OPTIONS = "DELIMITER ',', NULL ''"
NO_TREATMENT = "," * len(TREATMENT)
NO_PAUSE = "," * len(PAUSE)
NO_READ_OUT = "," * len(READ_OUT)

CLOCKS_DIFFER_BY = timedelta(days=1)


def treatment_line(n: str, started: str, seconds: str, outcome: str, code: str) -> str:
    """A treatment, from its number on."""
    number = values.treatment_number(n)
    values.device_time("started", started)
    length = whole("seconds", seconds, values.LONGEST_SESSION, 1200)
    return (
        f"{number},{started},{length},{values.outcome(outcome)},{escaped(values.code(code))}{NO_PAUSE}{NO_READ_OUT}\n"
    )


def pause_line(paused_from: str, paused_to: str) -> str:
    """A pause; both days belong to it."""
    first, last = values.day("paused_from", paused_from), values.day("paused_to", paused_to)
    if last < first:
        raise BadRecord("paused_to lies before paused_from; write the first day, then the last.")
    return f"{NO_TREATMENT}{first},{last}{NO_READ_OUT}\n"


def read_out_line(
    line: int,
    block: int,
    at: datetime,
    serial: str,
    part_number: str,
    read_out_at: str,
    device_clock: str,
    counter: str,
) -> str:
    """A read-out; one that lies after `at` is refused."""
    if not serial:
        raise BadRecord("serial is missing; write what is printed on the device, like 1121000001.")
    moment = values.true_moment("read_out_at", read_out_at)
    if moment > at + CLOCKS_DIFFER_BY:
        raise BadRecord(f"read_out_at {shown(read_out_at)} has not come yet.")
    described = (
        values.label("serial", serial, "1121000001"),
        values.label("part_number", part_number, "71034400"),
        moment,
        values.device_time("device_clock", device_clock) if device_clock else "",
        whole("counter", counter, values.MOST_TREATMENTS, 12) if counter else "",
    )
    end = ",".join(escaped(str(value)) for value in described)
    return f"{line},{block},{NO_TREATMENT}{NO_PAUSE}{end}\n"


def escaped(text: str) -> str:
    """For the text form of `COPY`; what is not printable was refused before."""
    return text.replace("\\", "\\\\").replace(",", "\\,") if "\\" in text or "," in text else text
