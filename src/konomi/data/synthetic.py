"""Simple drawn faces with exact labels: for tests, and to try a training run without any pictures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from konomi import __version__
from konomi.condition import Condition
from konomi.data.dataset import store_picture
from konomi.errors import InputError
from konomi.files import make_folder
from konomi.record import Record, write_stage
from konomi.schema import load_schema

HAIR = {
    "blonde": "#f2d16b", "brown": "#7b4a2a", "black": "#25222b", "blue": "#3f6fd8", "pink": "#f48fb8",
    "purple": "#8a55c8", "green": "#4fae5a", "red": "#cc2f35", "silver": "#b9c2d0", "white": "#f4f4f6",
    "orange": "#ef8a2d", "aqua": "#5fd3d6", "gray": "#85858a",
}  # fmt: skip
EYES = {
    "blue": "#2f62e0", "red": "#d02030", "brown": "#6e421f", "green": "#2f9a44", "purple": "#7a3fc0",
    "yellow": "#e5b91c", "pink": "#ee6fa8", "aqua": "#35c5cf", "black": "#17151b", "orange": "#ee7a1c",
}  # fmt: skip
SCALE = 4  # drawn this much larger, then reduced: smooth edges


@dataclass(frozen=True)
class Face:
    """What one drawn face shows."""

    hair: str
    eyes: str
    long: bool
    glasses: bool
    hat: bool

    def tags(self) -> dict[str, float]:
        schema = load_schema("anime")
        asked = {"hair_color": self.hair, "eye_color": self.eyes, "glasses": self.glasses, "hat": self.hat}
        lengths = {"long": float(self.long), "short": float(not self.long)}
        condition = Condition.from_dict(schema, {**asked, "hair_length": lengths})
        return {schema.slots[i]: w for i, w in condition.weights}


def synthesise(
    out: Path,
    *,
    count: int,
    size: int = 64,
    seed: int = 0,
    progress: Callable[[Iterable[int], int], Iterable[int]] = lambda items, total: items,
) -> None:
    """Make a stage folder of `count` drawn faces of `size` px, tagged in the `anime` schema."""
    if count < 1:
        raise InputError(f"count is {count}; it must be at least 1")
    dice = np.random.RandomState(seed)
    make_folder(out / "pictures")
    records = []
    for number in progress(range(count), count):
        face = Face(dice.choice(list(HAIR)), dice.choice(list(EYES)), *(bool(b) for b in dice.rand(3) < 0.4))
        name = f"pictures/{number:06d}.png"
        digest = store_picture(out / name, paint(face, size, dice))
        records.append(Record(name, digest, "synthetic", "CC0-1.0", tags=face.tags()))
    schema = load_schema("anime")
    settings = {"stage": "synthetic", "version": __version__, "size": size, "seed": seed, "count": count}
    write_stage(out, records, settings | {"schema": schema.name, "schema_hash": schema.hash})


def paint(face: Face, size: int, dice: np.random.RandomState) -> Image.Image:
    """One face, with a random place, background and skin tone."""
    unit = size * SCALE / 64
    picture = Image.new("RGB", (size * SCALE, size * SCALE), tuple(int(v) for v in dice.randint(150, 256, 3)))
    pen = ImageDraw.Draw(picture)
    x, y = dice.randint(-3, 4, 2)

    def box(left: float, top: float, right: float, bottom: float) -> list[float]:
        return [(left + x) * unit, (top + y) * unit, (right + x) * unit, (bottom + y) * unit]

    hair, skin = HAIR[face.hair], ("#fbe3d2", "#f3cfb3")[dice.randint(2)]
    pen.ellipse(box(10, 6, 54, 50), fill=hair)
    if face.long:
        pen.rectangle(box(10, 28, 54, 70), fill=hair)
    pen.ellipse(box(16, 16, 48, 56), fill=skin)
    pen.pieslice(box(12, 8, 52, 44), 180, 360, fill=hair)
    for left in (20, 35):
        pen.ellipse(box(left, 31, left + 9, 42), fill="white")
        pen.ellipse(box(left + 1, 31, left + 8, 42), fill=EYES[face.eyes])
        if face.glasses:
            pen.rectangle(box(left - 2, 29, left + 11, 44), outline="#222222", width=int(unit * 1.5))
    pen.arc(box(28, 44, 36, 51), 20, 160, fill="#b0524f", width=int(unit))
    if face.hat:
        pen.rectangle(box(16, -6, 48, 13), fill="#44405a")
        pen.rectangle(box(6, 12, 58, 17), fill="#2f2c40")
    return picture.resize((size, size), Image.Resampling.LANCZOS)
