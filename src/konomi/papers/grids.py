"""Grids of drawn pictures with a label beside each row, and a title that says what they were made from."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from konomi.files import whole
from konomi.images import sheet

Row = tuple[str, Sequence[Image.Image]]
INK, SMALL, LARGE = "black", 13, 15  # sizes of letters in pixels


def labelled(title: str, rows: Sequence[Row], *, heads: Sequence[str] = ()) -> Image.Image:
    """Rows of pictures of one size, each with its label at the left; `heads` stand above the columns."""
    font, bold = ImageFont.load_default(SMALL), ImageFont.load_default(LARGE)
    left = 12 + max(round(font.getlength(label)) for label, _ in rows)
    top = 28 + (20 if heads else 0)
    pictures = sheet([p for _, row in rows for p in row], columns=len(rows[0][1]), gap=2)
    width = max(left + pictures.width, round(bold.getlength(title)) + 12)
    canvas = Image.new("RGB", (width, top + pictures.height), "white")
    pen, side = ImageDraw.Draw(canvas), rows[0][1][0].height + 2
    pen.text((4, 4), title, INK, bold)
    for column, head in enumerate(heads):
        pen.text((left + column * side + side // 2, top - 4), head, INK, font, anchor="mb")
    for number, (label, _) in enumerate(rows):
        pen.text((4, top + number * side + side // 2), label, INK, font, anchor="lm")
    canvas.paste(pictures, (left, top))
    return canvas


def save(picture: Image.Image, path: Path) -> Path:
    """Write `path` as WebP, which small pictures of faces suffer less in than in JPEG."""
    with whole(path) as temporary:
        picture.save(temporary, "WEBP", quality=88, method=6)
    return path
