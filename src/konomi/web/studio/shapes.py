"""Pictures as files to take along: round ones, sheets, and several in one archive."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from konomi import metadata
from konomi.images import sheet

FINER = 4  # times the size at which the circle is drawn, for a smooth edge
GAP = 16  # pixels


def round_off(picture: Image.Image) -> Image.Image:
    """The circle in the middle; all else is transparent."""
    large = Image.new("L", (picture.width * FINER, picture.height * FINER), 0)
    ImageDraw.Draw(large).ellipse((0, 0, large.width - 1, large.height - 1), fill=255)
    cut = picture.convert("RGBA")
    circle = large.resize(picture.size, Image.Resampling.BOX)
    cut.putalpha(Image.composite(cut.getchannel("A"), Image.new("L", cut.size, 0), circle))
    return cut


def rounded(data: bytes, file_format: str) -> bytes:
    """A picture's file as a round one, with the same recipe inside."""
    recipe = metadata.recipe_of(data, name="the picture")
    picture = round_off(Image.open(io.BytesIO(data)))
    return metadata.encode(picture, file_format, recipe=recipe, licence=json.loads(recipe)["licence"])


def contact_sheet(pictures: Sequence[Image.Image], *, columns: int | None = None) -> bytes:
    """Pictures of one size on one PNG, with air between and around them."""
    inner = sheet(list(pictures), columns=columns, gap=GAP)
    whole = Image.new("RGB", (inner.width + 2 * GAP, inner.height + 2 * GAP), "white")
    whole.paste(inner, (GAP, GAP))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files by name, as one ZIP; pictures are compressed already."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return buffer.getvalue()
