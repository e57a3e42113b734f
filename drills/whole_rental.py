"""One whole rental over the contract, against a running server: from the patient to the refund.

    python -m drills.whole_rental http://localhost:8000 TOKEN        (a manager's token)

Prints each step and fails at the first answer that is not what the contract says. The hire is one
that was written on paper first: it began sixteen days ago and ends now.
"""

import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS_AGO = 16
PARTS = ["main_unit", "transducer", "charger", "strap", "gel"]
WARNINGS = (
    "active_implant pregnancy skeletally_immature malignancy vertebra_or_skull displacement gap vascular "
    "sensation open_wound"
)


class Api:
    """Asks a server and insists on the expected status."""

    def __init__(self, address: str, token: str) -> None:
        self.root = f"{address.rstrip('/')}/api/v1"
        self.token = token

    def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """The status and the body, whatever they are."""
        request = urllib.request.Request(
            self.root + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, expect: int = 200) -> Any:
        status, content = self.answer(method, path, body)
        if status != expect:
            sys.exit(f"{method} {path}: {status} instead of {expect}: {content}")
        return content

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, body: dict[str, Any], expect: int = 200) -> Any:
        return self.ask("POST", path, body, expect)


def register(api: Api, clinic: int) -> int:
    patient = {
        "given_name": "Drill",
        "family_name": secrets.token_hex(6),
        "date_of_birth": "1990-02-03",
        "email": f"{secrets.token_hex(6)}@example.com",
        "phone": "0400 000 000",
        "clinic": clinic,
        "email_reminders": True,
    }
    return api.post("/patients/", patient, expect=201)["id"]


def book(api: Api, clinic: int, patient: int, starts_on: date, due_on: date) -> dict[str, Any]:
    question = f"clinic={clinic}&starts_on={starts_on}&due_on={due_on}&treatments=30"
    offered = api.get(f"/availability/?{question}")["results"]
    if not offered:
        sys.exit("No device fits; the drill needs one with 30 free treatments.")
    booking = booking_of(clinic, patient, starts_on, due_on, offered[0]["device"]["id"])
    return api.post("/rentals/", booking, expect=201)


def open_days(api: Api, clinic: int, patient: int, starts_on: date, due_on: date) -> tuple[date, date]:
    """These days, or where the clinic stays closed then, the next open ones.

    Asked with a booking that leaves the screening open: nothing comes of it, and a closed day is refused before.
    """
    wanted = {"starts_on": str(starts_on), "due_on": str(due_on)}
    while True:
        asked = booking_of(clinic, patient, starts_on, due_on) | wanted | {"screening": {}}
        refused = api.ask("POST", "/rentals/", asked, expect=409)
        if refused["errors"][0]["code"] != "clinic_closed":
            return date.fromisoformat(wanted["starts_on"]), date.fromisoformat(wanted["due_on"])
        wanted |= refused["alternatives"][0]


def booking_of(clinic: int, patient: int, starts_on: date, due_on: date, device: int | None = None) -> dict[str, Any]:
    return {
        "patient": patient,
        "clinic": clinic,
        "starts_on": str(starts_on),
        "due_on": str(due_on),
        "planned_treatments": 30,
        "prescribed_per_day": 1,
        "indication": {"kind": "delayed_union", "site": "tibia", "note": ""},
        "screening": {warning: {"answer": "no", "note": ""} for warning in WARNINGS.split()},
        "device": device,
    }


def read_out(device: dict[str, Any], first: datetime, treatments: int, zone: ZoneInfo) -> dict[str, Any]:
    """What the device would say now: one session an evening, its clock right."""
    now = datetime.now(UTC).replace(microsecond=0)
    shown = device["counter"]
    sessions = [
        {
            "n": shown + number + 1,
            "started": str((first + timedelta(days=number)).astimezone(zone).replace(tzinfo=None, microsecond=0)),
            "seconds": 1200,
            "outcome": "completed",
            "code": "",
        }
        for number in range(treatments)
    ]
    return {
        "serial": device["serial"],
        "part_number": device["model"]["part_number"],
        "read_out_at": now.isoformat(),
        "device_clock": str(now.astimezone(zone).replace(tzinfo=None)),
        "counter": shown + treatments,
        "treatments": sessions,
        "pauses": [],
    }


def wait_for_import(api: Api, number: int) -> dict[str, Any]:
    for _ in range(120):
        answer = api.get(f"/usage/imports/{number}/")
        if answer["status"] in {"done", "failed"}:
            return answer
        time.sleep(0.5)
    sys.exit("The import did not finish within a minute; is the worker running?")


def run(api: Api) -> None:
    clinic = api.get("/clinics/")["results"][0]
    zone = ZoneInfo(clinic["time_zone"])
    handed_over_at = (datetime.now(UTC) - timedelta(days=DAYS_AGO)).replace(microsecond=0)
    starts_on = handed_over_at.astimezone(zone).date()
    patient = register(api, clinic["id"])
    days = open_days(api, clinic["id"], patient, starts_on, starts_on + timedelta(days=28))
    rental = book(api, clinic["id"], patient, *days)
    path = f"/rentals/{rental['reference']}"
    print(f"booked    {rental['reference']} on device {rental['device']['serial']}")
    api.post(f"{path}/sign/", {"name": "Drill", "accepted_terms_version": rental["terms_version"]})
    api.post(f"{path}/payments/", {"kind": "bond", "amount": rental["bond"]["due"], "method": "card"})
    device = api.get(f"/devices/{rental['device']['id']}/")
    out = {"counter": device["counter"], "parts": PARTS, "delivery": {"method": "desk"}, "at": str(handed_over_at)}
    print(f"out       {api.post(f'{path}/hand-over/', out)['state']}, counter {device['counter']}")
    usage = read_out(device, handed_over_at + timedelta(hours=6), DAYS_AGO - 1, zone)
    number = api.post("/usage/imports/", {"readouts": [usage]}, expect=202)["id"]
    result = wait_for_import(api, number)
    print(f"usage     {result['accepted']} accepted, {result['duplicate']} duplicate, {result['rejected']}")
    back = {"counter": usage["counter"], "parts": PARTS[:3], "notes": ""}
    print(f"back      {api.post(f'{path}/return/', back)['state']}")
    fees = [{"kind": "cleaning", "amount": "25.00"}]
    settled = api.post(f"{path}/inspect/", {"passed": True, "checks": {"output": "ok"}, "fees": fees})
    owed = settled["ledger"]["balance"]
    print(f"inspected {settled['state']}, balance {owed}")
    refund = {"kind": "refund", "amount": owed.lstrip("-"), "method": "transfer"}
    closed = api.post(f"{path}/payments/", refund)
    check_the_end(closed, api.get(f"/devices/{device['id']}/"), result)


def check_the_end(rental: dict[str, Any], device: dict[str, Any], result: dict[str, Any]) -> None:
    """Closed, square, ready again, and what remains is nominal less used."""
    remaining = device["model"]["nominal_treatments"] - device["used_treatments"]
    facts = {
        "closed": rental["state"] == "closed",
        "balance 0.00": rental["ledger"]["balance"] == "0.00",
        "device ready": device["condition"] == "ready",
        "remaining = nominal - used": device["remaining_treatments"] == remaining,
        "all treatments count": rental["treatments"] == result["accepted"] == DAYS_AGO - 1,
    }
    for fact, holds in facts.items():
        print(f"{'holds' if holds else 'FAILS':9} {fact}")
    if not all(facts.values()):
        sys.exit(1)


if __name__ == "__main__":
    run(Api(sys.argv[1], sys.argv[2]))
