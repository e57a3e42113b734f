"""Many clerks book one device at the same moment, over HTTP against a running desk: one gets it.

    python -m drills.one_device http://localhost:8000 TOKEN [CLERKS]

Prints how many got which answer, and fails unless one booked and every other was told who has the
device and what would fit.
"""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

from drills.whole_rental import Api, booking_of, open_days, register

CLERKS = 32


def answers(api: Api, clerks: int) -> list[tuple[int, dict[str, Any]]]:
    """The answers to `clerks` bookings of one device, sent together, each for a patient of its own."""
    clinic = api.get("/clinics/")["results"][0]
    tomorrow = datetime.now(UTC).astimezone(ZoneInfo(clinic["time_zone"])).date() + timedelta(days=1)
    patients = [register(api, clinic["id"]) for _ in range(clerks)]
    starts_on, due_on = open_days(api, clinic["id"], patients[0], tomorrow, tomorrow + timedelta(days=28))
    question = f"clinic={clinic['id']}&starts_on={starts_on}&due_on={due_on}&treatments=30"
    device = api.get(f"/availability/?{question}")["results"][0]["device"]["id"]
    bookings = [booking_of(clinic["id"], patient, starts_on, due_on, device) for patient in patients]
    together = Barrier(clerks)

    def ask(booking: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        together.wait()
        return api.answer("POST", "/rentals/", booking)

    with ThreadPoolExecutor(clerks) as pool:
        return list(pool.map(ask, bookings))


def run(api: Api, clerks: int) -> None:
    given = answers(api, clerks)
    codes = Counter((status, body["errors"][0]["code"] if status >= 400 else "booked") for status, body in given)
    for (status, code), count in sorted(codes.items()):
        print(f"{count:4} x {status} {code}")
    refused = [body for status, body in given if status == 409]
    explained = [body for body in refused if body["conflict"] and body["alternatives"]]
    print(f"{len(explained)} of {len(refused)} refusals say who has it and what would fit")
    booked = sum(status == 201 for status, _ in given)
    if booked != 1 or len(explained) != clerks - 1:
        sys.exit(1)


if __name__ == "__main__":
    run(Api(sys.argv[1], sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else CLERKS)
