"""Reading a clinic's history: one document of models, devices, patients and rentals, complete or refused."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from config.models.clinics import known_time_zones
from config.refusals import Refusal


@dataclass(frozen=True)
class PastModel:
    part_number: str
    name: str
    nominal_treatments: int | None


@dataclass(frozen=True)
class PastDevice:
    serial: str
    part_number: str
    counter_at_start: int


@dataclass(frozen=True)
class PastPatient:
    key: str
    given_name: str
    family_name: str
    date_of_birth: date


@dataclass(frozen=True)
class PastRental:
    """One rental as it was; still out while `returned_at` is None. The device is named by its serial."""

    key: str
    serial: str
    patient: str
    starts_on: date
    due_on: date
    handed_over_at: datetime
    returned_at: datetime | None
    prescribed_per_day: int
    planned_treatments: int
    counter_out: int
    counter_back: int | None

    @property
    def out(self) -> DateTimeTZRange:
        return DateTimeTZRange(self.handed_over_at, self.returned_at)


@dataclass(frozen=True)
class History:
    """A whole document, read and found complete."""

    clinic: str
    time_zone: str
    models: list[PastModel]
    devices: list[PastDevice]
    patients: list[PastPatient]
    rentals: list[PastRental]


class Entry:
    """One entry of the document; each reader names the entry and the field when something is wrong."""

    def __init__(self, where: str, values: Any) -> None:
        if not isinstance(values, Mapping):
            raise wrong(f"{where} is no object with names and values")
        self.where = where
        self.values = values

    def text(self, name: str, longest: int = 120) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
            raise self.wrong(name, f"must be a text of at most {longest} characters")
        return value

    def whole(self, name: str, least: int = 0) -> int:
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 10**6:
            raise self.wrong(name, f"must be a whole number from {least} on")
        return value

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self.wrong(name, "must be a date like 2026-01-31") from None

    def moment(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.text(name))
        except ValueError:
            value = None
        if value is None or value.tzinfo is None:
            raise self.wrong(name, "must be a time with its offset, like 2026-01-31T10:05:00+11:00")
        return value

    def given(self, name: str) -> bool:
        return self.values.get(name) is not None

    def entries(self, name: str) -> list["Entry"]:
        values = self.values.get(name)
        if not isinstance(values, list):
            raise self.wrong(name, "must be a list")
        return [Entry(f"{name}[{position}]", value) for position, value in enumerate(values)]

    def wrong(self, name: str, what: str) -> Refusal:
        return wrong(f"{self.where}: {name} {what}")


def wrong(what: str) -> Refusal:
    return Refusal("not_a_fleet", f"{what}; nothing was loaded.", status=400)


def read_history(document: Mapping[str, Any]) -> History:
    """The whole document, or `not_a_fleet` (400) with the first thing that is wrong."""
    whole = Entry("the document", document)
    clinic = Entry("clinic", whole.values.get("clinic"))
    time_zone = clinic.text("time_zone")
    if time_zone not in known_time_zones():
        raise clinic.wrong("time_zone", "must be a name like Australia/Sydney")
    history = History(
        clinic=clinic.text("name"),
        time_zone=time_zone,
        models=[read_model(entry) for entry in whole.entries("models")],
        devices=[read_device(entry) for entry in whole.entries("devices")],
        patients=[read_patient(entry) for entry in whole.entries("patients")],
        rentals=[read_rental(entry) for entry in whole.entries("rentals")],
    )
    check_names(history)
    return history


def read_model(entry: Entry) -> PastModel:
    nominal = entry.whole("nominal_treatments", least=1) if entry.given("nominal_treatments") else None
    return PastModel(entry.text("part_number", 40), entry.text("name"), nominal)


def read_device(entry: Entry) -> PastDevice:
    return PastDevice(entry.text("serial", 40), entry.text("part_number", 40), entry.whole("counter_at_start"))


def read_patient(entry: Entry) -> PastPatient:
    return PastPatient(
        entry.text("key"), entry.text("given_name"), entry.text("family_name"), entry.day("date_of_birth")
    )


def read_rental(entry: Entry) -> PastRental:
    """One rental; without `planned_treatments` every prescribed one was planned."""
    starts_on, due_on, per_day = entry.day("starts_on"), entry.day("due_on"), entry.whole("prescribed_per_day", least=1)
    handed_over_at = entry.moment("handed_over_at")
    returned_at = entry.moment("returned_at") if entry.given("returned_at") else None
    if due_on <= starts_on:
        raise entry.wrong("due_on", "must come after starts_on")
    if returned_at and returned_at <= handed_over_at:
        raise entry.wrong("returned_at", "must come after handed_over_at")
    planned = (
        entry.whole("planned_treatments", least=1)
        if entry.given("planned_treatments")
        else (due_on - starts_on).days * per_day
    )
    return PastRental(
        key=entry.text("key"),
        serial=entry.text("serial", 40),
        patient=entry.text("patient"),
        starts_on=starts_on,
        due_on=due_on,
        handed_over_at=handed_over_at,
        returned_at=returned_at,
        prescribed_per_day=per_day,
        planned_treatments=planned,
        counter_out=entry.whole("counter_out"),
        counter_back=entry.whole("counter_back") if returned_at else None,
    )


def check_names(history: History) -> None:
    """Every name stands for one thing, and every reference for something named in the document."""
    models = once("models: part_number", (model.part_number for model in history.models))
    devices = once("devices: serial", (device.serial for device in history.devices))
    patients = once("patients: key", (patient.key for patient in history.patients))
    once("rentals: key", (rental.key for rental in history.rentals))
    known("devices", models, history.devices, lambda device: device.part_number)
    known("rentals", devices, history.rentals, lambda rental: rental.serial)
    known("rentals", patients, history.rentals, lambda rental: rental.patient)


def once(what: str, names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise wrong(f"{what} {name} is there twice")
        seen.add(name)
    return seen


def known(where: str, names: set[str], entries: Iterable[Any], name_of: Callable[[Any], str]) -> None:
    for position, entry in enumerate(entries):
        if name_of(entry) not in names:
            raise wrong(f"{where}[{position}]: {name_of(entry)} is named nowhere in the document")
