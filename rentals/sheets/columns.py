"""Which columns a spreadsheet of each kind may have, by which headings they are known, and how their cells are read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.words import in_english
from rentals.booking.availability import MOST_TREATMENTS
from rentals.models import Sheet
from rentals.sheets import values
from rentals.sheets.values import Reader

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Field:
    """One thing that a column may say. `known_as`: headings by which it is found, with commas between them."""

    name: str
    label: "StrOrPromise"
    read: Reader
    known_as: str
    required: bool = False
    says: "StrOrPromise" = ""
    example: str = ""


SERIAL = Field(
    "serial",
    _("Serial number"),
    values.text(40),
    "serial, serial no, serial number, sn, s/n, device, device serial, unit, device id, seriennummer",
    required=True,
    says=_("As printed on the unit, with zeros at its beginning."),
    example="0408017701",
)
PART_NUMBER = Field(
    "part_number",
    _("Model"),
    values.text(120),
    "part number, part no, part, model, model number, device model, device type, type, ref, "
    "reference number, gtin, catalogue number, product",
    says=_("Part number, GTIN or name of a model that is known here."),
    example="71034101",
)
GIVEN_NAME = Field(
    "given_name",
    _("Given name"),
    values.text(120),
    "first name, firstname, given names, forename, christian name, patient first name, vorname",
    example="Ada",
)
FAMILY_NAME = Field(
    "family_name",
    _("Family name"),
    values.text(120),
    "last name, lastname, surname, patient last name, patient surname, nachname",
    example="Example",
)
FULL_NAME = Field(
    "full_name",
    _("Whole name"),
    values.text(240),
    "name, patient, patient name, full name, client, client name, hirer",
    says=_("Where both names stand in one column: “Example, Ada”, or “Ada Example” with the family name last."),
)
BIRTH = Field(
    "date_of_birth",
    _("Date of birth"),
    values.day,
    "dob, d.o.b., birth date, birthdate, birthday, born, patient dob, geburtsdatum",
    required=True,
    example="17/05/1990",
)
EMAIL = Field(
    "email",
    _("E-mail"),
    values.email,
    "email, email address, e-mail address, mail",
    example="ada@example.org",
)
PHONE = Field(
    "phone",
    _("Phone"),
    values.phone,
    "telephone, mobile, mobile phone, phone number, tel, cell, contact number",
    example="0491 570 006",
)
DEVICES = (
    SERIAL,
    PART_NUMBER,
    Field(
        "counter",
        _("Counter"),
        values.counter,
        "treatments, treatments used, used, used treatments, count, reading, counter reading, treatment count",
        says=_("What its screen shows now. Empty: nobody has looked yet."),
        example="43",
    ),
    Field(
        "condition",
        _("Condition"),
        values.condition,
        "state, status, device status",
        says=_("Empty: ready."),
        example="ready",
    ),
    Field(
        "shelf_until",
        _("Last day of its shelf life"),
        values.day,
        "shelf life, expiry, expiry date, expires, use by",
        example="31/12/2029",
    ),
    Field(
        "service_due_on",
        _("Service due on"),
        values.day,
        "service due, next service, test and tag, test tag due, service date, next test",
    ),
)
PATIENTS = (
    GIVEN_NAME,
    FAMILY_NAME,
    FULL_NAME,
    BIRTH,
    EMAIL,
    PHONE,
    Field(
        "email_reminders",
        _("Wants mail"),
        values.yes_or_no,
        "reminders, email reminders, mail reminders, consent to email",
        says=_("Yes or no. Empty: yes."),
        example="yes",
    ),
    Field(
        "external_key",
        _("Patient number"),
        values.text(120),
        "patient id, patient no, mrn, urn, ur number, record number, file number, external key, id",
        says=_("Of your practice software; it finds the same patient again."),
        example="P-1042",
    ),
)
RENTALS = (
    GIVEN_NAME,
    FAMILY_NAME,
    FULL_NAME,
    BIRTH,
    EMAIL,
    PHONE,
    SERIAL,
    PART_NUMBER,
    Field(
        "out_since",
        _("Out since"),
        values.day,
        "start, start date, starts on, handed over, hand over, hired on, hire date, date out, "
        "collected, collected on, issued, from, loan date",
        required=True,
        says=_("The day of the hand-over."),
        example="02/03/2026",
    ),
    Field(
        "due_on",
        _("Due"),
        values.day,
        "due date, due on, return date, return due, end, end date, until, to, due back, expected return",
        required=True,
        example="30/03/2026",
    ),
    Field(
        "counter_out",
        _("Counter at the hand-over"),
        values.counter,
        "counter, counter out, start counter, treatments at start, reading, counter at start",
        says=_("Empty: what was read of the device last."),
        example="43",
    ),
    Field(
        "planned_treatments",
        _("Planned treatments"),
        values.whole(1, MOST_TREATMENTS),
        "treatments, planned, course, treatments planned, number of treatments",
        says=_("Empty: one for each prescribed time of each day."),
        example="28",
    ),
    Field(
        "prescribed_per_day",
        _("Treatments a day"),
        values.whole(1, 10),
        "per day, daily, prescribed per day, times a day, frequency",
        says=_("Empty: one."),
        example="1",
    ),
    Field(
        "external_reference",
        _("Your reference"),
        values.text(120),
        "reference, rental number, hire number, contract, booking, external reference",
        example="H-77",
    ),
)
FIELDS: Mapping[str, Sequence[Field]] = {
    Sheet.Kind.DEVICES: DEVICES,
    Sheet.Kind.PATIENTS: PATIENTS,
    Sheet.Kind.RENTALS: RENTALS,
}


def folded(heading: str) -> str:
    """A heading without what people write differently: case, spaces, dots, underscores, brackets behind it."""
    return re.sub(r"[^a-z0-9äöü]", "", re.sub(r"\(.*?\)|\*", "", heading.lower()))


def match_columns(kind: str, headings: Sequence[str]) -> dict[str, int]:
    """Which column (from 0) says what, by the headings; a column says one thing, its label going before other words."""
    matched: dict[str, int] = {}
    for labels_first in (True, False):
        for field in FIELDS[kind]:
            known = {folded(words) for words in headings_of(field, labels_first)}
            for number, heading in enumerate(headings):
                if field.name not in matched and number not in matched.values() and folded(heading) in known:
                    matched[field.name] = number
    return matched


def headings_of(field: Field, is_label: bool) -> list[str]:
    return [in_english(field.label), str(field.label), field.name] if is_label else field.known_as.split(",")


def missing(kind: str, columns: Mapping[str, int]) -> list[str]:
    """The labels of what has to have a column and has none."""
    lacking = [str(field.label) for field in FIELDS[kind] if field.required and field.name not in columns]
    if (
        kind != Sheet.Kind.DEVICES
        and "full_name" not in columns
        and not {"given_name", "family_name"} <= columns.keys()
    ):
        lacking.append(gettext("Given name and Family name (or Whole name)"))
    return lacking
