"""Drawn faces for tests of the dataset: no two alike, or alike on purpose."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from konomi.files import file_sha256
from konomi.record import Record, write_stage
from konomi.schema import load_schema


def face(seed: int, size: int = 64) -> Image.Image:
    """A picture that looks like no other one: smooth random colours, which survive another size or compression."""
    dice = np.random.RandomState(seed)
    coarse = Image.fromarray(dice.randint(0, 256, (9, 9, 3), dtype=np.uint8))
    return coarse.resize((256, 256), Image.Resampling.BICUBIC).resize((size, size), Image.Resampling.LANCZOS)


def mirrored(seed: int, size: int = 64) -> Image.Image:
    return ImageOps.mirror(face(seed, size))


def with_another_mouth(picture: Image.Image) -> Image.Image:
    """The same picture with one small place changed."""
    changed, side = picture.copy(), picture.width
    place = tuple(round(side * part) for part in (0.44, 0.68, 0.56, 0.75))
    flesh = np.asarray(picture)[place[1], place[0]].astype(int)
    changed.paste(tuple(int(c) for c in (flesh + 128) % 256), place)  # type: ignore[arg-type]
    return changed


def write_faces(folder: Path, pictures: dict[str, Image.Image], **known: dict[str, object]) -> Path:
    """A stage of pictures by name; `known` has more of a record's fields by name."""
    (folder / "pictures").mkdir(parents=True)
    records = []
    for name, picture in pictures.items():
        path = folder / "pictures" / f"{name}.png"
        picture.save(path)
        records.append(Record(f"pictures/{name}.png", file_sha256(path), f"{folder.name}.tar:{name}.jpg",
                              **known.get(name, {})))  # type: ignore[arg-type]  # fmt: skip
    schema = load_schema("anime")
    write_stage(folder, records, {"stage": "import", "schema": schema.name, "schema_hash": schema.hash})
    return folder
