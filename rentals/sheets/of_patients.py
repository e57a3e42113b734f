"""Patients in a spreadsheet: by the rules of `patients.register.register_patient`, for thousands at once (I10)."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, TextField, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from config.models import Clinic, User
from patients.access import record_access
from patients.models import Access, Folded, Patient
from rentals.sheets.entries import DOUBTFUL, KNOWN, NEW, Checked, Entry

COLUMNS = ("given_name", "family_name", "date_of_birth", "email", "phone", "email_reminders", "external_key")


def check(checked: Checked) -> None:
    """Find who is here already: by name and birth date, or by the patient number. Whoever shares an e-mail address
    with somebody else is doubtful, for it may be the same person under another name."""
    for entry in checked.sound():
        if entry.given["date_of_birth"] > checked.today:
            checked.refuse(entry, "date_of_birth", _("has not come yet; correct it"))
    say_whose(checked)
    find_known(checked)
    check_keys(checked)
    find_doubtful(checked)


def say_whose(checked: Checked) -> None:
    """Give each line the key by which a person is the same: the folded name, as the database folds it, and the birth
    date."""
    sound = checked.sound()
    names = [f"{entry.given['family_name']} {entry.given['given_name']}" for entry in sound]
    for entry, name in zip(sound, folded(names, checked.clinic), strict=True):
        entry.given["person"] = (name, entry.given["date_of_birth"])


def folded(names: list[str], clinic: Clinic) -> list[str]:
    """The keys under which these names are stored, in their order, in one query."""
    each: Any = Func(Value(names, output_field=ArrayField(TextField())), function="unnest")
    return list(Clinic.objects.filter(pk=clinic.pk).values_list(Folded(each), flat=True)) if names else []


def find_known(checked: Checked) -> None:
    days = {entry.given["date_of_birth"] for entry in checked.sound()}
    here = Patient.objects.filter(clinic=checked.clinic, date_of_birth__in=days)
    known = {(patient.folded_name, patient.date_of_birth): patient for patient in here.order_by("-pk")}
    first: dict[Hashable, Entry] = {}
    for entry in checked.sound():
        person = entry.given["person"]
        if found := known.get(person):
            entry.state, entry.found, entry.people = KNOWN, found, [found.pk]
            entry.why = _("is here already, by name and date of birth")
        elif first.setdefault(person, entry) is not entry:
            entry.state, entry.why = KNOWN, _("is the same person as in line %(line)s") % {"line": first[person].line}
            entry.given["same_as"] = first[person]


def check_keys(checked: Checked) -> None:
    """A patient number belongs to one person."""
    keys = {entry.given["external_key"] for entry in checked.sound() if "external_key" in entry.given}
    here = Patient.objects.filter(clinic=checked.clinic, external_key__in=keys).exclude(external_key="")
    owners: dict[str, Hashable] = {one.external_key: (one.folded_name, one.date_of_birth) for one in here}
    for entry in checked.sound():
        key, person = entry.given.get("external_key"), entry.given["person"]
        if key and owners.setdefault(key, person) != person:
            checked.refuse(entry, "external_key", _("is the number of somebody else; correct it, or leave it empty"))


def find_doubtful(checked: Checked) -> None:
    """Whoever is new and has an e-mail address that somebody here, or in an earlier line, has."""
    addresses = {entry.given["email"].lower() for entry in checked.in_state(NEW) if "email" in entry.given}
    here = Patient.objects.filter(clinic=checked.clinic).annotate(address=Lower("email")).filter(address__in=addresses)
    owners = defaultdict[str, list[Patient]](list)
    for patient in here.order_by("pk"):
        owners[patient.address].append(patient)
    first: dict[str, int] = {}
    for entry in checked.in_state(NEW):
        address = entry.given.get("email", "").lower()
        if found := owners.get(address):
            entry.state, entry.people = DOUBTFUL, [patient.pk for patient in found]
            entry.why = _("has the e-mail address of somebody who is here")
        elif address and first.setdefault(address, entry.line) != entry.line:
            entry.state, entry.why = DOUBTFUL, _("has the e-mail address of line %(line)s") % {"line": first[address]}


def take(entries: Iterable[Entry], checked: Checked, at: datetime, actor: User) -> int:
    """Register the people; each is recorded as changed."""
    return len(register(entries, checked, at, actor))


def register(entries: Iterable[Entry], checked: Checked, at: datetime, actor: User) -> dict[Hashable, Patient]:
    """The people registered, by what makes a person the same. The caller holds the lock of the clinic."""
    new = list({entry.given["person"]: entry for entry in entries}.values())
    made = Patient.objects.bulk_create(
        Patient(
            clinic=checked.clinic,
            created_at=at,
            **{name: entry.given[name] for name in COLUMNS if name in entry.given},
        )
        for entry in new
    )
    record_access(actor, [patient.pk for patient in made], Access.Action.CHANGED, at)
    return {entry.given["person"]: patient for entry, patient in zip(new, made, strict=True)}
