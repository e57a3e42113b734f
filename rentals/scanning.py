"""What a code that was scanned or typed means to somebody: a device of their sites, or why there is none."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Length, LPad, Upper
from django.utils.translation import gettext as _

from config.models import User
from devices.models import Device, DeviceModel, DeviceQuerySet
from rentals.codes import Code, read_code, remainder_is_sound


@dataclass(frozen=True)
class Meant:
    """What a code means: one device, or `why` there is none and what to do.

    `serial` and `gtin` are what the code says, "" for nothing; `model` is the one that bears the GTIN.
    """

    device: Device | None = None
    why: str = ""
    serial: str = ""
    gtin: str = ""
    model: DeviceModel | None = None


def look_up(text: str, actor: User) -> Meant | None:
    """The device of the sites of `actor` that a code means; None for what is no code, a plain serial among it.

    Raises `invalid` for a code that was read wrongly.
    """
    code = read_code(text, hosts=own_hosts())
    if code is None:
        return None
    if code.device:
        return by_label(code.device, actor)
    return by_gtin(code, actor) if code.gtin else by_serial(code.serial, actor)


def own_hosts() -> frozenset[str]:
    """The names under which this desk is reached."""
    return frozenset({*settings.ALLOWED_HOSTS, urlsplit(settings.PUBLIC_URL).hostname or ""})


def devices_seen(actor: User) -> DeviceQuerySet:
    """The devices of the user's sites, with model and site."""
    return Device.objects.visible_to(actor).select_related("model", "clinic")


def with_serial(serial: str, actor: User) -> DeviceQuerySet:
    """Serial numbers restart, so several models can have one of it."""
    return devices_seen(actor).filter(serial__iexact=serial)


def units_of(model: DeviceModel | None, actor: User) -> DeviceQuerySet:
    """The user's devices of `model`; none of no model."""
    return devices_seen(actor).filter(model=model)


def only_one(devices: DeviceQuerySet) -> Device | None:
    """The device, where there is exactly one."""
    found = list(devices[:2])
    return found[0] if len(found) == 1 else None


def by_label(pk: int, actor: User) -> Meant:
    device = devices_seen(actor).filter(pk=pk).first()
    gone = _("This label belongs to a device that none of your sites has; ask a manager of all sites.")
    return Meant(device) if device else Meant(why=gone)


def by_serial(serial: str, actor: User) -> Meant:
    """The unit of a code that says a serial alone: the second of two bars on a package, say."""
    found = with_serial(serial, actor)
    if device := only_one(found):
        return Meant(device, serial=serial)
    if found.exists():
        return Meant(
            why=_("Several devices bear the serial %(serial)s; choose one.") % {"serial": serial}, serial=serial
        )
    return Meant(
        why=_("No device of your sites bears the serial %(serial)s; add it, or type it as printed.")
        % {"serial": serial},
        serial=serial,
    )


def by_gtin(code: Code, actor: User) -> Meant:
    model = model_of(code.gtin)
    said = Meant(serial=code.serial, gtin=code.gtin, model=model)
    if model is None:
        return replace(said, why=unknown_gtin(code, actor))
    if not code.serial:
        why = _("This is the GTIN of %(model)s; scan or type the serial as well, or choose a unit.")
        return replace(said, why=why % {"model": model})
    if device := unit_read(code.serial, units_of(model, actor)):
        return replace(said, device=device)
    unknown = _("This is a %(model)s, but none of your sites has one with the serial %(serial)s; add the device.")
    return replace(said, why=unknown % {"model": model, "serial": code.serial})


def model_of(gtin: str) -> DeviceModel | None:
    """The device model that bears `gtin` (14 digits), however many zeros were written before it."""
    models = DeviceModel.objects.exclude(gtin="").alias(padded=LPad("gtin", 14, Value("0")))
    return models.filter(padded=gtin).first()


def unit_read(serial: str, units: DeviceQuerySet) -> Device | None:
    """The one of `units` with this serial, or the one whose serial `serial` begins with where a scanner sent no
    separator behind it."""
    if device := units.filter(serial__iexact=serial).first():
        return device
    begun = units.alias(read=Value(serial.upper())).filter(read__startswith=Upper(F("serial")))
    longest_first = begun.order_by(Length("serial").desc())
    return next((unit for unit in longest_first if remainder_is_sound(serial.upper(), unit.serial.upper())), None)


def unknown_gtin(code: Code, actor: User) -> str:
    """What is said of a GTIN that no model bears; a unit with the same serial may be the one."""
    if code.serial and with_serial(code.serial, actor).exists():
        words = _(
            "No device model bears the GTIN %(gtin)s, but a device with the serial %(serial)s is known. If it is the "
            "one in your hand, have a manager write the GTIN on the settings page of its model."
        )
    elif code.serial:
        words = _(
            "No device model bears the GTIN %(gtin)s. Have a manager write it on the settings page of its model, or "
            "add the device with the serial %(serial)s."
        )
    else:
        words = _(
            "No device model bears the GTIN %(gtin)s. Have a manager write it on the settings page of its model, then "
            "scan the serial as well."
        )
    return words % {"gtin": code.gtin, "serial": code.serial}
