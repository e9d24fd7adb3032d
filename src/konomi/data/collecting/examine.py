"""Whether a file is a whole, still picture of reasonable size. What it is called does not count, only its bytes."""

import io
import warnings
from dataclasses import dataclass

from PIL import Image

from konomi.errors import FileError
from konomi.images import MAX_PIXELS, decode, what_is_wrong

MAX_SIDE = 20_000  # pixels
# first bytes, Pillow's name, extension; no other format is ever decoded
SIGNATURES = [
    (b"\x89PNG\r\n\x1a\n", "PNG", "png"),
    (b"\xff\xd8\xff", "JPEG", "jpg"),
    (b"GIF87a", "GIF", "gif"),
    (b"GIF89a", "GIF", "gif"),
    (b"BM", "BMP", "bmp"),
]
ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}  # Pillow does not miss them where all pixels are there


class Refused(Exception):
    """Why a picture, a page or an address is not taken: a `reason` that is counted, and a `detail` to read."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Examined:
    """What the bytes of a picture say."""

    extension: str  # of its true format
    width: int
    height: int


def examine(data: bytes) -> Examined:
    """Look at all bytes of a file and decode it once; Refused unless it is a picture that can be used.

    The reasons: `empty`, `not_a_picture`, `other_format`, `broken`, `animated`, `too_wide` (a side over 20,000 px) and
    `too_many_pixels`. The size is taken from the header, before anything is decoded.
    """
    if not data:
        raise Refused("empty", "no bytes")
    name, extension = _format(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about doubtful files
            width, height = _header(data, name)
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused("too_many_pixels", f"{error}") from None
    except Exception as error:  # Pillow meets hostile bytes with errors of every kind
        raise Refused("broken", f"{name}: {what_is_wrong(error)}") from None
    try:
        decode(data, name=name, formats=[name])
    except FileError as error:
        raise Refused("broken", str(error)) from None
    except Exception as error:
        raise Refused("broken", f"{name}: {type(error).__name__} {error}") from None
    if ENDS.get(name, b"") not in data:
        raise Refused("broken", f"the end of the {name} is missing")
    return Examined(extension, width, height)


def _format(data: bytes) -> tuple[str, str]:
    for signature, name, extension in SIGNATURES:
        if data.startswith(signature):
            return name, extension
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP", "webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF", "avif"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        raise Refused("other_format", "TIFF; save it as PNG")  # libtiff is noisy, and no place for strangers' bytes
    start = data[:12].decode("latin-1").encode("unicode_escape").decode()
    raise Refused("not_a_picture", f"it begins with {start}")


def _header(data: bytes, name: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(data), formats=[name]) as opened:
        width, height = opened.size
        if max(width, height) > MAX_SIDE:
            raise Refused("too_wide", f"{width}x{height} pixels; at most {MAX_SIDE} a side")
        if width * height > MAX_PIXELS:
            raise Refused("too_many_pixels", f"{width}x{height} pixels; at most {MAX_PIXELS}")
        # a JPEG with several pictures (MPO) holds other views of the first, as cameras write them
        if name != "JPEG" and getattr(opened, "is_animated", False):
            raise Refused("animated", f"{name} with more than one frame")
        return width, height
