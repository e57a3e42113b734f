"""Codes that are scanned or typed: what one says of a device, before anybody looks whether it is ours. Pure.

Understood are a UDI as a GS1 element string, as a scanner sends it or with its brackets as printed, a GS1 Digital
Link, a GTIN with a serial behind it, a GTIN alone, and the address on our own labels.

Scanners differ, so: a symbology prefix (`]d2`, `]C1`, any other) is taken off, and whatever GS1 allows in no value
counts as the separator GS that it stands for: the control character itself, its picture, `|`, `~`, `^`, `#`, `@`,
`$`, `\\`, a space, brackets of any other shape, and the names `<GS>`, `{GS}`, `[GS]`, `<FNC1>` and `^]`. Where a
scanner sends nothing at all for it, `remainder_is_sound` tells the end of a known serial in what it ran into.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from biip import ParseConfig, ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementStrings
from biip.gs1_messages import GS1Message
from biip.gtin import Gtin
from django.http.request import validate_host
from django.utils.translation import gettext as _

from config.refusals import Refusal, invalid

LONGEST = 120
GTIN, LOT, SERIAL = "01", "10", "21"
PREFIX = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
GS1_PREFIXES = ("]C1", "]d2", "]e0", "]e1", "]e2", "]e3", "]J1", "]Q3")  # what is behind them is element strings
PRINTED = re.compile(r"^\(\d{2,4}\)")
SEPARATOR = "\x1d"
NAMED_SEPARATOR = re.compile(r"<GS>|\{GS\}|\[GS\]|<FNC1>|\{FNC1\}|\[FNC1\]|<0x1D>|\\x1d|\^\]", re.IGNORECASE)
NOT_IN_VALUES = re.compile(r"""[^A-Za-z0-9!"%&'()*+,\-./_:;<=>?]+""")  # GS1 General Specifications, 7.11, set 82
OUR_LABEL = re.compile(r"^(?:(?P<address>https?://[^/]+)/|/?)d/(?P<device>\d{1,18})/?$", re.IGNORECASE)
GTIN_AND_SERIAL = re.compile(r"^(\d{8}|\d{12,14})\s+(\S+)$")
RUN_TOGETHER = re.compile(r"^01(\d{14})21([^\x1d]{21,})$")  # a serial has 20 signs at most: others ran into it
GTIN_ALONE = re.compile(r"^(\d{8}|\d{12,14})$")
CONFIG = ParseConfig(gs1_element_strings_verify_date=False, separator_chars=(SEPARATOR,))


@dataclass(frozen=True)
class Code:
    """What a code says: the number of a device on our own label, or a GTIN (14 digits), a serial, or both."""

    device: int | None = None
    gtin: str = ""
    serial: str = ""


def read_code(text: str, *, hosts: frozenset[str]) -> Code | None:
    """What `text` says of a device; None for what is no code: a name, a plain serial, a date.

    `hosts` are the names of this desk, as in `ALLOWED_HOSTS`: a label of another one names a device of its own. Raises
    `invalid` with what to do for a code that was read wrongly.
    """
    bare, is_prefixed = PREFIX.subn("", text.strip())
    if label := OUR_LABEL.match(bare):
        return read_label(label, hosts)
    if bare.lower().startswith(("http://", "https://")):
        return read_link(bare)
    if PRINTED.match(bare) and ("(01)" in bare or "(21)" in bare):
        return read_elements(bare, is_printed=True)
    if pair := GTIN_AND_SERIAL.match(bare):
        return Code(gtin=pair[1].zfill(14), serial=pair[2]) if is_gtin(pair[1]) else None
    if GTIN_ALONE.match(bare) and is_gtin(bare):
        return Code(gtin=bare.zfill(14))
    if text.strip().startswith(GS1_PREFIXES) or looks_like_elements(bare):
        return read_elements(with_separators(bare), is_printed=False)
    return Code(serial=bare) if is_prefixed else None


def read_label(label: re.Match[str], hosts: frozenset[str]) -> Code:
    """The device on a label of ours."""
    if label["address"] and not validate_host(urlsplit(label["address"]).hostname or "", hosts):
        raise invalid("code", _("This label belongs to another desk than this one; type the serial that it shows."))
    return Code(device=int(label["device"]))


def read_link(address: str) -> Code:
    """A GS1 Digital Link."""
    try:
        return said_by(GS1DigitalLinkURI.parse(address, config=CONFIG).element_strings)
    except ParseError:
        raise invalid(
            "code", _("This address is neither on a label of this desk nor a GS1 link; type the serial.")
        ) from None


def read_elements(text: str, *, is_printed: bool) -> Code:
    """A GS1 element string: `is_printed` with the brackets that people read."""
    if (whole := RUN_TOGETHER.match(text)) and is_gtin(whole[1]):
        return Code(gtin=whole[1], serial=whole[2])
    parse = GS1Message.parse_hri if is_printed else GS1Message.parse
    try:
        return said_by(parse(text, config=CONFIG).element_strings)
    except ParseError:
        raise unreadable() from None


def said_by(elements: GS1ElementStrings) -> Code:
    gtin, serial = elements.get(ai=GTIN), elements.get(ai=SERIAL)
    if gtin and not gtin.gtin:
        raise unreadable()
    if not (gtin or serial):
        raise invalid("code", _("This code names neither a GTIN nor a serial; scan the other one on the unit."))
    return Code(gtin=gtin.value if gtin else "", serial=serial.value if serial else "")


def unreadable() -> Refusal:
    return invalid("code", _("This code was not read as a whole; scan it again, or type the serial as printed."))


def is_gtin(digits: str) -> bool:
    """Whether the check digit of `digits` is right."""
    try:
        return bool(Gtin.parse(digits))
    except ParseError:
        return False


def looks_like_elements(text: str) -> bool:
    """Whether `text` without brackets begins as a UDI does: a serial that only begins with the same digits does not."""
    begun = re.match(r"01(\d{14})", with_separators(text))
    return bool(begun and is_gtin(begun[1]))


def with_separators(text: str) -> str:
    """`text` with the separator GS wherever something else stands for it, and none at its beginning."""
    return NOT_IN_VALUES.sub(SEPARATOR, NAMED_SEPARATOR.sub(SEPARATOR, text)).strip(SEPARATOR)


def remainder_is_sound(serial: str, known: str) -> bool:
    """Whether `serial` is the `known` one with other elements behind it, from a scanner that sends no separator."""
    if not serial.startswith(known):
        return False
    try:
        GS1Message.parse(serial[len(known) :], config=CONFIG)
    except ParseError:
        return False
    return True
