"""Reading a PDF as far as its text goes: what a person sees, in the order in which it was written."""

import re
import zlib

HEX_PAIR = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>")
# In the content of a page: a font chosen, the end of a text, or a string, whose parentheses may be nested.
TOKEN = re.compile(rb"/(f\d+) [\d.]+ Tf|(\bET\b)|<([0-9A-Fa-f]+)>(?!>)|(\()")
NESTED = re.compile(rb"\\.|[()]", re.S)
ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.S)
LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(pdf: bytes) -> str:
    """The text of all pages, a space after each piece of text."""
    objects = {int(number): body for number, body in re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", pdf, re.S)}
    words = []
    for page in (body for body in objects.values() if b"/Type/Page/" in body):
        resources = objects[reference(page, b"Resources")]
        fonts = {
            name: letters_of(stream(objects[reference(objects[int(font)], b"ToUnicode")]))
            for name, font in re.findall(rb"/(f\d+) (\d+) 0 R", resources)
        }
        words.append(shown_on(stream(objects[reference(page, b"Contents")]), fonts))
    return " ".join(words)


def reference(body: bytes, name: bytes) -> int:
    return int(re.search(rb"/" + name + rb" (\d+) 0 R", body)[1])


def stream(body: bytes) -> bytes:
    return zlib.decompress(re.search(rb"stream\r?\n(.*)\r?\nendstream", body, re.S)[1])


def letters_of(table: bytes) -> dict[int, str]:
    """What each glyph of a font stands for."""
    return {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in HEX_PAIR.findall(table)}


def shown_on(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    text, letters, position = "", {}, 0
    while found := TOKEN.search(content, position):
        font, end, coded, opened = found.groups()
        position = end_of_string(content, found.end()) if opened else found.end()
        if font:
            letters = fonts[font]
        elif end:
            text += " "
        else:
            plain = content[found.end() : position - 1]
            glyphs = bytes.fromhex(coded.decode()) if coded else ESCAPED.sub(unescaped, plain)
            pairs = zip(glyphs[::2], glyphs[1::2], strict=True)
            text += "".join(letters.get(256 * high + low, "?") for high, low in pairs)
    return text


def end_of_string(content: bytes, start: int) -> int:
    depth = 1
    for found in NESTED.finditer(content, start):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    raise ValueError("a string without an end")


def unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if code.isdigit() else LETTERS.get(code, code)
