"""Devices in a spreadsheet: by the rules of `devices.register.add_device`, for thousands at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.models import User
from devices.models import Allowance, Device, DeviceModel, Reading, Recall
from rentals.booking.offers import poke_offers
from rentals.sheets.entries import KNOWN, Checked, Entry

Models = dict[str, DeviceModel]


def models_by_what_names_them() -> Models:
    """Each model by its part number, its GTIN and its name, in small letters; a name that two models have is none."""
    models = list(DeviceModel.objects.all())
    names = [model.name.lower() for model in models]
    by_name = {model.name.lower(): model for model in models if names.count(model.name.lower()) == 1}
    by_gtin = {gtin: model for model in models if model.gtin for gtin in (model.gtin, model.gtin.lstrip("0"))}
    return {**by_name, **by_gtin, **{model.part_number.lower(): model for model in models}}


def check(checked: Checked) -> None:
    """Find the model of each unit, and what is here already; the same unit twice is a problem."""
    models = models_by_what_names_them()
    for entry in checked.sound():
        find_model(entry, models, checked)
    find_known(checked)
    checked.refuse_repeated(
        "serial",
        lambda entry: (entry.given["serial"], entry.given["model"].pk),
        _("stands in line %(line)s; delete one of the two"),
    )
    short = [entry for entry in checked.sound() if is_short(entry.given["serial"])]
    if short:
        checked.remarks.append(
            ngettext(
                "%(number)s serial number has nine digits, %(serial)s in line %(line)s. Spreadsheets drop a 0 at the "
                "beginning: compare with the unit, and format the column as text.",
                "%(number)s serial numbers have nine digits, as %(serial)s in line %(line)s. Spreadsheets drop a 0 at "
                "the beginning: compare with the units, and format the column as text.",
                len(short),
            )
            % {"number": len(short), "serial": short[0].given["serial"], "line": short[0].line}
        )


def is_short(serial: str) -> bool:
    """Whether a serial may have lost the 0 at its beginning: those of Exogen have ten digits."""
    return serial.isdecimal() and len(serial) == 9


def find_model(entry: Entry, models: Models, checked: Checked) -> None:
    written = entry.given.get("part_number", "").lower()
    only = set(models.values())
    model = models.get(written) or (only.pop() if not written and len(only) == 1 else None)
    if model is None:
        words = (
            _("is no model that is known here; add it under Device models, or correct it") if written else _("is empty")
        )
        checked.refuse(entry, "part_number", words)
        return
    entry.given["model"] = model


def find_known(checked: Checked) -> None:
    serials = [entry.given["serial"] for entry in checked.sound()]
    here = {
        (device.serial, device.model_id): device
        for device in Device.objects.filter(serial__in=[*serials, *(f"0{serial}" for serial in serials)])
    }
    for entry in checked.sound():
        serial, model = entry.given["serial"], entry.given["model"].pk
        if found := here.get((serial, model)):
            entry.state, entry.found = KNOWN, found
            if found.clinic_id != checked.clinic.pk:
                checked.refuse(entry, "serial", _("is a unit of another site; send it here on its page instead"))
        elif is_short(serial) and (f"0{serial}", model) in here:
            checked.refuse(
                entry,
                "serial",
                _("is 0%(serial)s, which is here, without its 0; format the column as text") % {"serial": serial},
            )


def take(entries: Iterable[Entry], checked: Checked, at: datetime, actor: User) -> int:
    """Add the units with their first reading; one that a recall has named is recalled from the start."""
    new = list(entries)
    recalls = list(Recall.objects.filter(model__in={entry.given["model"] for entry in new}))
    named = {id(entry): [recall for recall in recalls if names(recall, entry)] for entry in new}
    made = Device.objects.bulk_create(unit(entry, bool(named[id(entry)]), checked, at) for entry in new)
    allowances = Allowance.objects.bulk_create(
        Allowance(device=device, number=1, began_at=at, nominal_treatments=device.model.nominal_treatments)
        for device in made
    )
    Reading.objects.bulk_create(
        Reading(
            device=device,
            allowance=allowance,
            counter=entry.given["counter"],
            read_at=at,
            source=Reading.Source.FIRST,
            recorded_at=at,
            recorded_by=actor,
        )
        for entry, device, allowance in zip(new, made, allowances, strict=True)
        if "counter" in entry.given
    )
    pairs: Any = Recall.devices.through
    pairs.objects.bulk_create(
        pairs(recall=recall, device=device)
        for entry, device in zip(new, made, strict=True)
        for recall in named[id(entry)]
    )
    poke_offers(checked.clinic.pk)
    return len(made)


def names(recall: Recall, entry: Entry) -> bool:
    """Whether the notice is about this unit; one without serials is about all of its model."""
    is_named = not recall.serials or entry.given["serial"] in recall.serials
    return recall.model_id == entry.given["model"].pk and is_named


def unit(entry: Entry, recalled: bool, checked: Checked, at: datetime) -> Device:
    given = entry.given
    return Device(
        serial=given["serial"],
        model=given["model"],
        clinic=checked.clinic,
        condition=Device.Condition.RECALLED if recalled else given.get("condition", Device.Condition.READY),
        shelf_until=given.get("shelf_until"),
        service_due_on=given.get("service_due_on"),
        created_at=at,
    )
