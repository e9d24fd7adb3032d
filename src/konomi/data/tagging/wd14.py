"""Taggers in the WD14 layout: `model.onnx` and `selected_tags.csv` in one folder (SmilingWolf's and their kin)."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from konomi.data.tagging.taggers import Vectors, files_of, run_network
from konomi.errors import ModelError
from konomi.files import file_sha256, reporting
from konomi.network import open_session

SOURCE = "the model's page, for example https://huggingface.co/SmilingWolf/wd-vit-tagger-v3"
FILES = {"model": ("model.onnx",), "tags": ("selected_tags.csv",)}


@dataclass(frozen=True)
class WD14Tagger:
    """A tagger of Danbooru tags: float32 (N, size, size, 3), BGR from 0 to 255, in; one sigmoid a tag out."""

    name: str
    files: Mapping[str, str]
    tags: tuple[str, ...]  # with spaces
    size: int
    session: Any = field(repr=False)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    mirror: bool = False  # its authors do not
    features: Vectors | None = None

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        into, out_of = self.session.get_inputs()[0].name, self.session.get_outputs()[0].name
        return run_network(self.session, self.name, prepare(pictures, self.size), into=into, out_of=[out_of])[0]


def prepare(pictures: np.ndarray, size: int) -> np.ndarray:
    """uint8 RGB (N, H, W, 3) -> float32 BGR (N, size, size, 3): padded to a square with white, resized bicubically."""
    n, height, width, _ = pictures.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((n, side, side, 3), 255, dtype=np.uint8)
    square[:, top : top + height, left : left + width] = pictures
    resized = [Image.fromarray(p).resize((size, size), Image.Resampling.BICUBIC) for p in square]
    return np.stack([np.asarray(p)[:, :, ::-1] for p in resized]).astype(np.float32)


def open_wd14(folder: Path, *, threads: int = 0) -> WD14Tagger:
    """Open the tagger in `folder`.

    Raises
    ------
    InputError
        If a file is missing.
    ModelError
        If a file is damaged, or the two do not belong together.
    """
    paths = files_of(folder, FILES, source=SOURCE)
    session = open_session(paths["model"], threads=threads)
    shape, kind = session.get_inputs()[0].shape, session.get_inputs()[0].type
    square = len(shape) == 4 and isinstance(shape[1], int) and shape[1] == shape[2] and shape[3] == 3
    if not square or kind != "tensor(float)":
        raise ModelError(
            f"{paths['model']} is not in the WD14 layout: it reads {kind} {shape}, not tensor(float) [N, size, size, 3]"
        )
    files = {path.name: file_sha256(path) for path in paths.values()}
    tags, outputs = _tags(paths["tags"]), session.get_outputs()[0].shape[-1]
    if isinstance(outputs, int) and outputs != len(tags):
        raise ModelError(f"{paths['tags']} names {len(tags)} tags, but model.onnx gives {outputs} values")
    return WD14Tagger(f"wd14 {folder.resolve().name}", files, tags, shape[1], session)


def _tags(path: Path) -> tuple[str, ...]:
    with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "name" not in (reader.fieldnames or ()):
            raise ModelError(f"{path} has no column 'name'. Columns: {', '.join(reader.fieldnames or ['none'])}.")
        return tuple(row["name"].replace("_", " ") for row in reader)
