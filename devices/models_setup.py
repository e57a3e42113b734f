"""The models of device that are known here: what one can deliver, and whether its units may go to another patient.

A model is for all sites. Its history says who changed what.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from biip import ParseError
from biip.gtin import Gtin
from django.db import transaction
from django.utils.translation import gettext as _

from config.refusals import Refusal, invalid
from config.row_history import refuse_older_version
from config.words import grouped
from devices.models import DeviceModel

LARGEST_NOMINAL = 100_000
LONGEST_TREATMENT = 240  # minutes
LONGEST_TURNAROUND = 60  # days
LONGEST_REUSE_TEXT = 10_000


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What is written down of a model. `nominal_treatments` None: unknown; `turnaround_days` None: as its site says."""

    name: str
    part_number: str
    maker: str = ""
    gtin: str = ""
    nominal_treatments: int | None = None
    minutes_per_treatment: int = 20
    capacity_holder: str = DeviceModel.CapacityHolder.UNIT
    turnaround_days: int | None = None


def add_model(facts: ModelFacts) -> DeviceModel:
    """Add a model, not signed off for reuse: each of its units goes to one patient only, until it is (I3).

    Raises `invalid` (400) for what cannot be, `duplicate_model` for a part number or GTIN of another model.
    """
    with transaction.atomic():
        return kept(DeviceModel(), facts)


def change_model(model: DeviceModel, facts: ModelFacts, *, read: int) -> DeviceModel:
    """Write `facts` in the place of what stood there in the version `read`.

    Units that are here keep the treatments that they were counted by, for what they may deliver was printed on them;
    the new number is for units, cards and replaced units that come from now on. Raises what `add_model` raises, and
    `changed_meanwhile`.
    """
    with transaction.atomic():
        model = locked(model)
        refuse_older_version(model, read)
        return kept(model, facts)


def kept(model: DeviceModel, facts: ModelFacts) -> DeviceModel:
    """`model` with `facts`, saved."""
    for name, value in asdict(facts).items():
        setattr(model, name, value.strip() if isinstance(value, str) else value)
    model.gtin = as_gtin_14(facts.gtin)
    refuse_impossible(model)
    refuse_twin(model)
    model.save()
    return model


def as_gtin_14(written: str) -> str:
    """A GTIN as UDI barcodes have it, with zeros before it; "" stays "". Raises `invalid` for a wrong check digit."""
    digits = "".join(written.split())
    if not digits:
        return ""
    try:
        return Gtin.parse(digits).as_gtin_14()
    except ParseError as error:
        words = _(
            "This is not a GTIN: it has 8, 12, 13 or 14 digits, the last one worked out from the others. Compare it "
            "with the label, or leave it empty."
        )
        raise invalid("gtin", words) from error


def refuse_impossible(model: DeviceModel) -> None:
    for name in ("name", "part_number"):
        if not getattr(model, name):
            raise invalid(name, _("Please fill this in."))
    limits = {
        "nominal_treatments": (1, LARGEST_NOMINAL),
        "minutes_per_treatment": (1, LONGEST_TREATMENT),
        "turnaround_days": (0, LONGEST_TURNAROUND),
    }
    for name, (least, most) in limits.items():
        value = getattr(model, name)
        if value is not None and not least <= value <= most:
            raise invalid(
                name, _("Write a number from %(least)s to %(most)s.") % {"least": least, "most": grouped(most)}
            )


def refuse_twin(model: DeviceModel) -> None:
    """Raise `duplicate_model` where another model has the part number, or the GTIN by which a scan finds one."""
    others = DeviceModel.objects.exclude(pk=model.pk)
    if others.filter(part_number=model.part_number).exists():
        raise Refusal("duplicate_model", _("Another model has this part number."), field="part_number")
    if model.gtin and (other := others.filter(gtin=model.gtin).first()):
        words = _("This is the GTIN of %(model)s (%(part_number)s).")
        about = {"model": other, "part_number": other.part_number}
        raise Refusal("duplicate_model", words % about, field="gtin")


def sign_reuse_off(model: DeviceModel, *, by: str, text: str, signed_at: datetime, at: datetime) -> DeviceModel:
    """Let units of `model` go to one patient after another, as `by` has signed off under `text` at `signed_at` (I3).

    Raises `invalid` (400) for an empty name or text and a moment to come, `signed_off` where it is already.
    """
    for name, given in (("by", by), ("text", text)):
        if not given.strip():
            raise invalid(name, _("Please fill this in."))
    if signed_at > at:
        raise invalid("signed_at", _("This moment has not come yet; leave it empty for now."))
    with transaction.atomic():
        model = locked(model)
        if model.reuse_permitted:
            raise Refusal(
                "signed_off",
                _("Reuse is signed off already, by %(name)s; withdraw it first.") % {"name": model.reuse_signed_off_by},
            )
        model.reuse_signed_off_by, model.reuse_text, model.reuse_signed_off_at = by.strip(), text.strip(), signed_at
        model.save(update_fields=["reuse_signed_off_by", "reuse_text", "reuse_signed_off_at"])
    return model


def withdraw_reuse(model: DeviceModel) -> DeviceModel:
    """Take the sign-off back: from now on each unit goes to one patient only, the one who has or had it (I3).

    Raises `not_signed_off`. What was booked otherwise is for the caller to move.
    """
    with transaction.atomic():
        model = locked(model)
        if not model.reuse_permitted:
            words = _("Reuse of this model is not signed off, so there is nothing to withdraw.")
            raise Refusal("not_signed_off", words)
        model.reuse_signed_off_by, model.reuse_text, model.reuse_signed_off_at = "", "", None
        model.save(update_fields=["reuse_signed_off_by", "reuse_text", "reuse_signed_off_at"])
    return model


def locked(model: DeviceModel) -> DeviceModel:
    """The model as it is now; two who change it see each other. Belongs inside a transaction."""
    return DeviceModel.objects.select_for_update(no_key=True).get(pk=model.pk)
