"""Pictures as uint8 arrays, shape (height, width, 3), RGB; reading, resizing, sheets. The one place that resizes."""

import io
import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from konomi.errors import FileError
from konomi.files import reporting

MAX_PIXELS = 64_000_000  # larger files are refused before they are decoded


def decode(data: bytes, *, name: str, formats: list[str] | None = None) -> Image.Image:
    """Decode one picture to RGB, upright by its EXIF orientation, on white where it is transparent.

    Gray of 16 bits is scaled to 8. `formats` limits what is tried to Pillow's formats of these names; a FileError names
    what is wrong with the picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about doubtful files: one decodes or it does not
            with Image.open(io.BytesIO(data), formats=formats) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise FileError(f"{name} has {opened.width}x{opened.height} pixels; at most {MAX_PIXELS} are read")
                return _on_white(ImageOps.exif_transpose(opened))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{name} is not a readable picture: {what_is_wrong(error)}") from error


def what_is_wrong(error: Exception) -> str:
    """The text of an error of Pillow's, without the place in memory that it names instead of a file."""
    return re.sub(r" ?<_io[^>]*>", "", str(error))


def _on_white(picture: Image.Image) -> Image.Image:
    """RGB of any mode; a ValueError for pixels whose range nobody can know."""
    if picture.mode[0] in "IF":
        picture = Image.fromarray(_eight_bits(np.asarray(picture)))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def _eight_bits(gray: np.ndarray) -> np.ndarray:
    """Gray of 16 bits as 8: Pillow itself would clip all but the darkest to white."""
    if gray.dtype.kind == "f" or gray.min() < 0 or gray.max() > 65535:
        raise ValueError("its pixels are floating-point or 32-bit numbers; save it with 8 or 16 bits")
    return (gray / 257).round().astype(np.uint8)


def read(path: Path) -> Image.Image:
    """Read one picture from a file, as `decode`."""
    with reporting("read", path):
        data = path.read_bytes()
    return decode(data, name=str(path))


def middle_square(picture: Image.Image) -> Image.Image:
    """The largest square in the middle; a square picture is returned untouched."""
    width, height = picture.size
    side = min(width, height)
    if width == height:
        return picture
    left, top = (width - side) // 2, (height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def resize(picture: Image.Image, size: int) -> Image.Image:
    """The square `size` x `size` version, by Lanczos; the same size is returned untouched."""
    if picture.size == (size, size):
        return picture
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def stack(pictures: Sequence[Image.Image]) -> np.ndarray:
    """Pictures of one size as one array, shape (N, H, W, 3), uint8."""
    return np.stack([np.asarray(p, dtype=np.uint8) for p in pictures])


def sheet(pictures: Sequence[Image.Image], *, columns: int | None = None, gap: int = 0) -> Image.Image:
    """A contact sheet of equal pictures, row by row, on white; nearly square unless `columns` is given."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width, height = pictures[0].size
    canvas = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for i, picture in enumerate(pictures):
        canvas.paste(picture, ((i % columns) * (width + gap), (i // columns) * (height + gap)))
    return canvas


def numbered(picture: Image.Image, number: int, *, side: int = 176) -> Image.Image:
    """The picture under its number, `side` px wide and 18 px higher: a tile of a sheet that somebody judges by eye."""
    tile = Image.new("RGB", (side, side + 18), "white")
    tile.paste(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS), (0, 18))
    ImageDraw.Draw(tile).text((4, 1), str(number), fill="black", font=ImageFont.load_default(14))
    return tile
