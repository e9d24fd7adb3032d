"""A folder of pictures to be measured: small versions of all, and what was asked of each.

Conventions
-----------
A folder is a finished stage, or any folder that holds pictures, in subfolders too. Pictures are square and of one size;
`small` is uint8 (N, side, side, 3), RGB. `asked` is float32 (N, slots), NaN where nothing was asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from konomi.data.progress import Progress, silent
from konomi.data.tagging.decisions import decide
from konomi.data.tagging.tag import read_pictures
from konomi.data.tagging.taggers import Tagger, estimate
from konomi.errors import InputError, KonomiError
from konomi.images import read, resize, stack
from konomi.metadata import read_recipe
from konomi.recipe import Recipe
from konomi.record import STAGE, Record
from konomi.schema import Schema, load_schema

SHEET = "sheet.png"  # `konomi draw` writes one beside its pictures
BATCH = 16


@dataclass(frozen=True)
class PictureSet:
    """The pictures of a folder that are measured."""

    folder: Path
    records: tuple[Record, ...]
    total: int  # pictures that the folder holds
    side: int  # pixels
    small: np.ndarray
    stage: bool
    sheets: int = 0  # contact sheets that were left out

    def __len__(self) -> int:
        return len(self.records)

    def path(self, row: int) -> Path:
        return self.folder / self.records[row].file


def read_set(
    folder: Path,
    schema: Schema,
    *,
    side: int,
    fewest: int = 1,
    at_most: int = 0,
    seed: int = 0,
    progress: Progress = silent,
) -> PictureSet:
    """Read the pictures of `folder` at `side` pixels.

    Parameters
    ----------
    fewest : int
        A folder with fewer pictures is refused.
    at_most : int
        Of more, so many are taken at random; 0 takes all.
    seed : int
        Of that choice.

    Raises
    ------
    InputError
        If there are too few pictures, or they are not all square and of one size; it names two of them.
    FileError
        If there are no pictures, or one cannot be read.
    """
    records = read_pictures(folder, schema)
    stage = (folder / STAGE).exists()
    kept = records if stage else [r for r in records if Path(r.file).name != SHEET]
    if len(kept) < fewest:
        raise InputError(f"{folder} holds {_pictures(len(kept))}; at least {fewest} are needed to measure a set")
    chosen = _choose(kept, at_most, seed)
    size, small = _read_small(folder, chosen, side, progress)
    return PictureSet(folder, tuple(chosen), len(kept), size, small, stage, len(records) - len(kept))


def _pictures(count: int) -> str:
    return "one picture" if count == 1 else f"{count or 'no'} pictures"


def _choose(records: Sequence[Record], at_most: int, seed: int) -> list[Record]:
    if not 0 < at_most < len(records):
        return list(records)
    rows = np.random.default_rng(seed).choice(len(records), at_most, replace=False)
    return [records[row] for row in sorted(rows)]


def _read_small(folder: Path, records: Sequence[Record], side: int, progress: Progress) -> tuple[int, np.ndarray]:
    small = np.empty((len(records), side, side, 3), dtype=np.uint8)
    first: tuple[int, int] | None = None
    for row, record in enumerate(progress(records, len(records), what=f"reading {folder.name}")):
        picture = read(folder / record.file)
        first = first or picture.size
        _check_size(folder, records[0].file, first, record.file, picture.size)
        small[row] = np.asarray(resize(picture, side))
    assert first is not None
    return first[0], small


def _check_size(folder: Path, first: str, expected: tuple[int, int], name: str, size: tuple[int, int]) -> None:
    if size != expected:
        told = f"{first} has {_by(expected)} pixels and {name} has {_by(size)}"
        raise InputError(f"the pictures of {folder} must have one size: {told}")
    if size[0] != size[1]:
        raise InputError(f"the pictures of {folder} must be square: {name} has {_by(size)} pixels; konomi crop cuts")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def asked_of(pictures: PictureSet, schema: Schema) -> tuple[np.ndarray | None, str]:
    """What was asked of each picture, and where that is written: the tags of a stage, or the recipes in the pictures.

    None, and why, if nothing tells. An InputError if only some pictures tell.
    """
    if any(record.tags for record in pictures.records):
        return _of_tags(pictures.records, schema), "the tags in its manifest"
    recipes, problems = _recipes(pictures)
    if not recipes:
        kind = "a stage without tags" if pictures.stage else "no stage"
        return None, f"{pictures.folder} is {kind}, and its pictures carry no recipe of Konomi"
    if problems:
        name, problem = next(iter(problems.items()))
        raise InputError(
            f"of {len(pictures)} pictures {len(problems)} do not say what was asked, the first is {name}: {problem}"
        )
    if other := {recipe.condition.schema.name for recipe in recipes} - {schema.name}:
        raise InputError(f"the pictures of {pictures.folder} were asked in the schema {other.pop()!r}")
    return np.stack([recipe.condition.to_array() for recipe in recipes]), "the recipes in its pictures"


def _of_tags(records: Sequence[Record], schema: Schema) -> np.ndarray:
    asked = np.full((len(records), len(schema.slots)), np.nan, dtype=np.float32)
    for row, record in enumerate(records):
        for slot, weight in record.tags.items():
            asked[row, schema.slot_index(slot)] = weight
    return asked


def _recipes(pictures: PictureSet) -> tuple[list[Recipe], dict[str, str]]:
    """The recipes that there are, and what is wrong with the other pictures."""
    found, problems = [], {}
    for row, record in enumerate(pictures.records):
        try:
            found.append(Recipe.from_json(read_recipe(pictures.path(row)), load_schema))
        except KonomiError as error:
            problems[record.file] = str(error)
    return found, problems


def shown_in(pictures: PictureSet, tagger: Tagger, schema: Schema, *, progress: Progress = silent) -> np.ndarray:
    """What a tagger sees in each picture: 1 yes, 0 no, NaN where it has no such tag; float32 (N, slots)."""
    rows: list[np.ndarray] = []
    starts = range(0, len(pictures), BATCH)
    for start in progress(starts, len(starts), what="judging"):
        paths = [pictures.path(row) for row in range(start, min(start + BATCH, len(pictures)))]
        rows += _decided(estimate(tagger, stack([read(path) for path in paths]), schema), tagger, schema)
    return np.stack(rows)


def _decided(probabilities: np.ndarray, tagger: Tagger, schema: Schema) -> Iterable[np.ndarray]:
    for row in probabilities:
        tags = {slot: float(p) for slot, p in zip(schema.slots, row, strict=True) if not np.isnan(p)}
        decided = decide(tags, schema, tagger.thresholds)
        yield np.array([decided.get(slot, np.nan) for slot in schema.slots], dtype=np.float32)
