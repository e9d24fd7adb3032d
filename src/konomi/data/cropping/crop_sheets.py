"""Two sheets to look a crop over: the faces, and the pictures with the boxes drawn. The most doubtful come first."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from konomi.errors import FileError
from konomi.files import whole
from konomi.images import read, resize, sheet

if TYPE_CHECKING:
    from konomi.data.cropping.crop import Face, Outcome

FACES, BOXES = "faces.png", "boxes.png"
FACE_SIDE, BOX_SIDE, CAPTION = 112, 256, 28  # pixels
MOST_FACES, MOST_PICTURES = 240, 60
NONE_SHARE = 3  # at most one in three pictures with boxes is one where no face was taken
TAKEN, LEFT, CUT = "#1a9641", "#fdae61", "#2b6cff"  # a head that was taken, one that was not, what was cut out


def write_sheets(source: Path, out: Path, outcomes: "Sequence[Outcome]") -> None:
    """Write `faces.png` and `boxes.png` into `out`."""
    faces = sorted((face.score, face.file) for o in outcomes for face in o.taken)[:MOST_FACES]
    tiles = [caption(resize(read(out / file), FACE_SIDE), Path(file).stem, f"{score:.2f}") for score, file in faces]
    _write(out / FACES, tiles)
    none = [o for o in outcomes if not o.error and not o.taken][: MOST_PICTURES // NONE_SHARE]
    some = sorted((o for o in outcomes if o.taken), key=lambda o: (o.taken[0].score, o.file))
    chosen = none + some[: MOST_PICTURES - len(none)]
    _write(out / BOXES, [tile for o in chosen if (tile := draw_boxes(source / o.file, o.faces))])


def _write(path: Path, tiles: list[Image.Image]) -> None:
    with whole(path) as temporary:
        sheet(tiles, gap=6).save(temporary, "PNG")


def draw_boxes(path: Path, faces: "Sequence[Face]") -> Image.Image | None:
    """A picture reduced, with its heads and what was cut out; None if it has gone."""
    try:
        picture = read(path)
    except FileError:
        return None
    scale = BOX_SIDE / max(picture.size)
    small = picture.resize(tuple(max(1, round(v * scale)) for v in picture.size), reducing_gap=3)  # type: ignore[arg-type]
    tile = Image.new("RGB", (BOX_SIDE, BOX_SIDE), "#dddddd")
    tile.paste(small, (0, 0))
    pen = ImageDraw.Draw(tile)
    for face in reversed(faces):
        pen.rectangle([v * scale for v in face.head], outline=TAKEN if face.file else LEFT, width=2)
        if face.box:
            pen.rectangle([v * scale for v in face.box], outline=CUT)
    return caption(tile, path.stem, " ".join(f"{face.score:.2f}" for face in faces[:6]) or "no face")


def caption(tile: Image.Image, name: str, told: str) -> Image.Image:
    """A tile with two lines of text below it; of a long name the beginning."""
    canvas = Image.new("RGB", (tile.width, tile.height + CAPTION), "white")
    canvas.paste(tile, (0, 0))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    most = tile.width // 6
    name = name if len(name) <= most else name[: most - 1] + "…"
    pen.text((1, tile.height), f"{name}\n{told}", fill="black", font=font, spacing=1)
    return canvas
