"""Photos as they are kept: small, upright, without a word of where they were taken; hostile files are refused."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from config.refusals import Refusal
from rentals.photos import LONGEST_SIDE, LONGEST_SIDE_SMALL, MOST_BYTES, small_photo, thumbnail

RED, BLUE = (200, 20, 20), (20, 20, 200)


def picture(width: int = 60, height: int = 40, kind: str = "JPEG", mode: str = "RGB", **written) -> bytes:
    """A picture whose upper half is red and whose lower half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    file = BytesIO()
    image.convert(mode).save(file, kind, **written)
    return file.getvalue()


def kept(data: bytes) -> Image.Image:
    return Image.open(BytesIO(small_photo(BytesIO(data)).content))


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with this header and these chunks, whatever they hold."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (1600, 1200), (900, 3600), (1, 1)])
def test_no_side_is_longer_than_1600_pixels_and_nothing_is_made_larger(width, height):
    photo = small_photo(BytesIO(picture(width, height)))
    scale = min(1, LONGEST_SIDE / max(width, height))
    assert (photo.width, photo.height) == (round(width * scale), round(height * scale))
    assert Image.open(BytesIO(photo.content)).size == (photo.width, photo.height)
    assert max(Image.open(BytesIO(thumbnail(photo.content))).size) <= LONGEST_SIDE_SMALL


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("WEBP", "RGB")],
)
def test_what_cameras_and_screens_make_is_kept_as_jpeg(kind, mode):
    image = Image.new("L" if mode == "I;16" else "RGB", (60, 40))
    file = BytesIO()
    (Image.new("I;16", (60, 40)) if mode == "I;16" else image.convert(mode)).save(file, kind)
    image = kept(file.getvalue())
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (60, 40))


def test_what_is_transparent_becomes_white():
    file = BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(file, "PNG")
    assert kept(file.getvalue()).getpixel((10, 10)) == (255, 255, 255)


def test_a_photo_is_turned_upright_and_says_nothing_of_where_when_and_with_what_it_was_taken():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    exif[0x010F] = "Maker Example"
    exif[0x0132] = "2026:03:02 10:15:00"
    exif.get_ifd(0x8825)[1] = "S"
    exif.get_ifd(0x8825)[2] = (33.0, 52.0, 4.0)
    written = {"exif": exif, "comment": b"Ada Example", "icc_profile": b"Profile Example", "dpi": (300, 300)}
    data = picture(60, 40, **written, xmp=b"<x:xmpmeta>Somewhere</x:xmpmeta>")
    assert all(word in data for word in (b"Maker Example", b"Ada Example", b"Profile Example", b"Somewhere"))
    image = kept(data)
    assert image.size == (40, 60)
    right = image.getpixel((35, 30))
    assert right[0] > right[2], "the upper half of what was taken lies at the right"
    assert not dict(image.getexif())
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    content = small_photo(BytesIO(data)).content
    assert not [word for word in (b"Exif", b"Example", b"xmpmeta", b"ICC_PROFILE") if word in content]


def test_words_in_a_png_are_left_behind():
    row = b"\x00" + b"\x10\x20\x30" * 4
    data = png(4, 4, (b"tEXt", b"Author\x00Ada Example"), (b"IDAT", zlib.compress(row * 4)))
    assert b"Ada Example" not in small_photo(BytesIO(data)).content


HOSTILE = {
    "nothing": b"",
    "text": b"Not a picture.",
    "page": b"<!doctype html><script>alert(1)</script>",
    "drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "magic-and-page": b"\xff\xd8\xff\xe0<!doctype html><script>alert(1)</script>",
    "half-a-jpeg": picture(400, 300)[:900],
    "half-a-png": picture(400, 300, "PNG")[:200],
    "gif": picture(kind="GIF"),
    "tiff": picture(kind="TIFF"),
    "bmp": picture(kind="BMP"),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(/etc/passwd) run\n",
    "png-without-pixels": png(4, 4),
    "png-of-no-size": png(0, 0, (b"IDAT", zlib.compress(b""))),
    "png-with-a-bomb-of-words": png(4, 4, (b"zTXt", b"a\x00\x00" + zlib.compress(b"a" * 80_000_000))),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_is_no_photo_is_refused_with_a_sentence(name):
    with pytest.raises(Refusal) as refused:
        small_photo(BytesIO(HOSTILE[name]))
    assert (refused.value.status, refused.value.field) == (400, "photos")
    assert refused.value.message == (
        "This file cannot be read as a photo; send a JPEG, PNG or WebP that opens on this device."
    )


@pytest.mark.parametrize(("width", "height"), [(5000, 5000), (9000, 9000), (10_000, 10_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_unpacked(width, height):
    """A small file that says it holds so many pixels: one of ours by its size, others by Pillow's own limits."""
    with pytest.raises(Refusal, match="million pixels; take it with a lower resolution"):
        small_photo(BytesIO(png(width, height, (b"IDAT", zlib.compress(b"\x00" * 100_000)))))


def test_a_jpeg_that_says_that_it_is_huge_is_refused_although_it_would_be_read_small():
    data = picture()
    place = data.index(b"\xff\xc0") + 5  # height and width stand there
    huge = data[:place] + struct.pack(">HH", 9000, 9000) + data[place + 4 :]
    with pytest.raises(Refusal, match="more than 64 million pixels"):
        small_photo(BytesIO(huge))


def test_a_large_photo_of_a_telephone_is_taken_although_as_png_it_is_not():
    assert small_photo(BytesIO(picture(7000, 5000))).width == LONGEST_SIDE


def test_a_file_that_is_too_long_is_not_read_to_its_end():
    file = BytesIO(picture() + b"\x00" * MOST_BYTES)
    with pytest.raises(Refusal, match="larger than 15 MB"):
        small_photo(file)
    assert file.tell() == MOST_BYTES + 1


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_what_a_telephone_keeps_in_a_format_of_its_own_is_named(brand):
    with pytest.raises(Refusal, match="save it as JPEG, or set the camera to"):
        small_photo(BytesIO(b"\x00\x00\x00\x18ftyp" + brand + b"\x00" * 100))


def test_a_page_glued_to_a_photo_is_gone():
    data = picture() + b"<script>alert(1)</script>"
    assert b"<script>" not in small_photo(BytesIO(data)).content
