"""What a scanner sends, or a person types from a label: read the same, however the scanner is set."""

import pytest

from rentals.codes import Code, read_code, remainder_is_sound
from tests.refusals import refused_as

GTIN, SERIAL = "09506000134352", "0408017701"
UDI = f"01{GTIN}21{SERIAL}"
UNIT = Code(gtin=GTIN, serial=SERIAL)
HOSTS = frozenset({"localhost"})


def read(text: str) -> Code | None:
    return read_code(text, hosts=HOSTS)


@pytest.mark.parametrize(
    "text",
    [
        UDI,
        f"{UDI}\x1d17311231",
        f"01{GTIN}1731123121{SERIAL}\x1d10LOT7",
        f"01{GTIN}10LOT7\x1d21{SERIAL}",
        f"01{GTIN}1731000021{SERIAL}",  # an expiry that names no day
        f"\x1d{UDI}",
        f"(01){GTIN}(17)311231(10)LOT7(21){SERIAL}",
        f"(01) {GTIN} (21) {SERIAL}",
        f"{GTIN} {SERIAL}",
        f"{GTIN[1:]} {SERIAL}",
        f"https://id.gs1.org/01/{GTIN}/21/{SERIAL}?17=311231",
        f"HTTPS://example.com/some/path/01/{GTIN}/21/{SERIAL}",
    ],
)
def test_a_udi_is_read_in_each_of_its_shapes(text):
    assert read(text) == UNIT


@pytest.mark.parametrize("prefix", ["]C1", "]d2", "]Q3", "]e0", "]J1"])
def test_a_symbology_prefix_is_taken_off(prefix):
    assert read(prefix + UDI) == UNIT
    assert read(f"{prefix}21{SERIAL}") == Code(serial=SERIAL)  # the second of two bars


@pytest.mark.parametrize("prefix", ["]C0", "]A0", "]d1", "]Q1"])
def test_behind_any_other_prefix_stands_a_plain_serial(prefix):
    assert read(prefix + SERIAL) == Code(serial=SERIAL)
    assert read(prefix + UDI) == UNIT


@pytest.mark.parametrize(
    "sign", ["\x1d", "␝", "|", "~", "^", "#", "@", "$", "\\", " ", "[GS]", "{GS}", "<GS>", "<gs>", "<FNC1>", "^]"]
)
def test_another_sign_for_the_separator_is_as_good(sign):
    assert read(f"01{GTIN}21{SERIAL}{sign}17311231{sign}10LOT7") == UNIT


def test_our_own_label_names_a_device_by_its_number():
    for text in ("http://localhost:8000/d/57/", "https://localhost/d/57", "/d/57/", "d/57"):
        assert read(text) == Code(device=57)


def test_a_label_of_another_desk_is_not_taken_for_one_of_ours():
    assert "another desk" in refused_as("invalid", read, "https://elsewhere.example/d/57/").message
    assert read_code("https://desk.clinic.example/d/57/", hosts=frozenset({".clinic.example"})) == Code(device=57)


@pytest.mark.parametrize(
    "text",
    ["Ada Lovelace", SERIAL, "2112345678", "0108017701", "17051990", "17/5/1990", "(02) 5550 1234", "+61 2 5550 1234"],
)
def test_what_is_no_code_is_left_to_the_search(text):
    assert read(text) is None


def test_a_gtin_alone_names_a_model():
    assert read(GTIN) == read(GTIN[1:]) == read(f"]E0{GTIN[1:]}") == Code(gtin=GTIN)


@pytest.mark.parametrize(
    "text",
    [
        f"(01){GTIN[:-1]}9(21){SERIAL}",  # a wrong check digit
        f"]d201{GTIN[:-1]}921{SERIAL}",
        f"(01){GTIN[:5]}(21){SERIAL}",
        f"]d2{UDI}\x1d99",
        "]C1",
        "]d210LOT7",
        "https://elsewhere.example/page",
    ],
)
def test_what_was_read_badly_is_said_with_what_to_do(text):
    assert refused_as("invalid", read, text).field == "code"


def test_where_no_separator_is_sent_a_known_serial_ends_before_the_next_element():
    assert remainder_is_sound(f"{SERIAL}17311231", SERIAL)
    assert remainder_is_sound(f"{SERIAL}1731123110LOT7", SERIAL)
    assert not remainder_is_sound(f"{SERIAL}9", SERIAL)
    assert not remainder_is_sound(SERIAL[:-1], SERIAL)
    assert read(f"{UDI}1731123110LOT7") == Code(gtin=GTIN, serial=f"{SERIAL}1731123110LOT7")
