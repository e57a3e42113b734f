"""Photos of devices: read with limits, turned upright, made small, and stripped of where and when they were taken."""

from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from config.refusals import Refusal, invalid

MOST_BYTES = 15 * 1024 * 1024
MOST_PIXELS = 64_000_000  # more than most telephones take
MOST_PIXELS_READ = 24_000_000  # four bytes each while they are read; a JPEG is read at a fraction of its size
LONGEST_SIDE = 1600  # pixels
LONGEST_SIDE_SMALL = 320  # pixels
QUALITY = 82
FORMATS = ("JPEG", "PNG", "WEBP")
APPLE_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")


@dataclass(frozen=True)
class SmallPhoto:
    """A JPEG without metadata, no side of it longer than `LONGEST_SIDE`; width and height in pixels."""

    content: bytes
    width: int
    height: int


def small_photo(file: BinaryIO) -> SmallPhoto:
    """What `file` shows, as we keep it. Raises `invalid` (400, field `photos`) with what to do instead."""
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise invalid(
            "photos",
            _("This file is larger than %(most)s MB; take it with a lower resolution.")
            % {"most": MOST_BYTES // 1024**2},
        )
    if data[4:8] == b"ftyp" and data[8:12] in APPLE_BRANDS:
        raise invalid(
            "photos",
            _(
                "This file is in the format HEIC or AVIF, which cannot be read here; save it as JPEG, or set "
                "the camera to “Most compatible”."
            ),
        )
    return as_jpeg(upright(data))


def thumbnail(content: bytes) -> bytes:
    """A kept photo, no side of it longer than `LONGEST_SIDE_SMALL`."""
    with Image.open(BytesIO(content), formats=["JPEG"]) as image:
        image.draft("RGB", (LONGEST_SIDE_SMALL, LONGEST_SIDE_SMALL))
        image.thumbnail((LONGEST_SIDE_SMALL, LONGEST_SIDE_SMALL))
        return as_jpeg(image).content


def upright(data: bytes) -> Image.Image:
    """The picture in `data` as it is to be seen, its transparent places white."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            refuse_too_large(image, MOST_PIXELS)
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            refuse_too_large(image, MOST_PIXELS_READ)
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            turned = ImageOps.exif_transpose(image)
            return on_white(turned) if turned.has_transparency_data else turned.convert("RGB")
    except Refusal:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_large(MOST_PIXELS) from error
    except Exception as error:  # decoders raise whatever the bytes of a stranger lead them to
        raise invalid(
            "photos", _("This file cannot be read as a photo; send a JPEG, PNG or WebP that opens on this device.")
        ) from error


def on_white(image: Image.Image) -> Image.Image:
    whole = image.convert("RGBA")
    ground = Image.new("RGBA", whole.size, "white")
    return Image.alpha_composite(ground, whole).convert("RGB")


def as_jpeg(image: Image.Image) -> SmallPhoto:
    """`image` as a JPEG of its pixels alone: a new picture has nothing of what was written into the old one."""
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    kept = BytesIO()
    bare.save(kept, "JPEG", quality=QUALITY, optimize=True)
    return SmallPhoto(kept.getvalue(), bare.width, bare.height)


def refuse_too_large(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        raise too_large(most)


def too_large(most: int) -> Refusal:
    return invalid(
        "photos",
        _("This file has more than %(most)s million pixels; take it with a lower resolution.")
        % {"most": most // 1_000_000},
    )
