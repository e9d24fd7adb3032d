"""Crop: a stage or folder of pictures in, a stage of square face pictures out.

While it runs, `found.jsonl` takes one line for each picture that is done, in the pictures' order; a stopped run goes on
after the last one. Nothing depends on the number of threads.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from konomi import __version__
from konomi.data.cropping.crop_sheets import write_sheets
from konomi.data.cropping.detect import Box, Detector
from konomi.data.dataset import PICTURES, store_picture
from konomi.errors import FileError, InputError
from konomi.files import append_line, locked, make_folder, reporting, sha256, write_lines
from konomi.images import decode, resize
from konomi.record import MANIFEST, STAGE, Record, read_stage, stage_settings, write_stage

LOG = "found.jsonl"
SMALLER = 0.7  # heads are looked for down to this share of `min_face`, so that the small ones can be counted
Square = tuple[int, int, int]  # left, top, side; may reach beyond the picture
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class CropOptions:
    """What is cut out of a picture."""

    size: int = 128  # side of the face pictures, in pixels
    enlarge: float = 1.2  # side of what is cut out, in sides of the head box
    min_face: int = 48  # smallest head box that is taken, in pixels of the picture
    all_faces: bool = False  # or else the best one

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("size", self.size, 8, 2048), ("enlarge", self.enlarge, 0.5, 5), ("min_face", self.min_face, 8, 10_000),
        ):  # fmt: skip
            if not low <= value <= high:
                raise InputError(f"{name.replace('_', '-')} is {value}; it goes from {low} to {high}")


@dataclass(frozen=True)
class Face:
    """One head that was found, and the picture that was cut out, if it was."""

    head: tuple[float, ...]  # its box, in pixels of the picture
    score: float
    file: str = ""  # of the cut-out picture inside the stage; empty: left out
    sha256: str = ""
    box: tuple[int, ...] = ()  # what was cut out, in pixels of the picture

    @property
    def side(self) -> float:
        return self.head[2] - self.head[0]


@dataclass(frozen=True)
class Outcome:
    """What came of one picture: one line of the log."""

    file: str  # of the picture, inside its folder
    sha256: str = ""  # of its bytes
    error: str = ""  # why it cannot be read
    faces: tuple[Face, ...] = ()  # the best first

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Outcome":
        faces = (Face(**(face | {"head": tuple(face["head"]), "box": tuple(face["box"])})) for face in row["faces"])
        return cls(row["file"], row["sha256"], row["error"], tuple(faces))

    @property
    def taken(self) -> list[Face]:
        return [face for face in self.faces if face.file]


def crop(
    source: Path,
    out: Path,
    detector: Detector,
    options: CropOptions,
    *,
    licence: str = "",
    progress: Progress = lambda items, total: items,
    threads: int | None = None,
) -> dict[str, int]:
    """Cut the faces out of the pictures of `source` and make the stage folder `out` of them.

    Parameters
    ----------
    source
        A stage folder, or any folder of pictures; `licence` is then theirs.
    detector
        Finds the heads; an edge chooses it.
    threads
        As many pictures are looked at side by side; by default one a core.

    Returns
    -------
    dict
        Counts: `pictures` looked at, `no_face`, `one_face` and `several_faces` (of them, by heads of at least
        `min_face` pixels), `unreadable`, `small_faces` (heads left out) and `faces` (pictures written).

    Raises
    ------
    KonomiError
        If `source` holds no pictures or none has a face, or `out` is finished, in use, or begun with other settings.
    """
    parents = read_parents(source, licence, besides=out)
    settings = {"stage": "crop", "version": __version__, **detector.facts, **asdict(options)}
    with locked(out):
        if (out / STAGE).exists():
            raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
        make_folder(out / "pictures")
        outcomes = _go_on(out, settings)
        names = name_faces([parent.file for parent in parents])
        todo = [parent for parent in parents if not _done(out, parent, outcomes.get(parent.file))]
        work = partial(crop_one, source=source, out=out, detector=detector, options=options, names=names)
        for outcome in progress(_in_parallel(work, todo, threads), len(todo)):
            append_line(out / LOG, _row(outcome))
            outcomes[outcome.file] = outcome
        return _finish(source, out, parents, [outcomes[parent.file] for parent in parents], settings)


def read_parents(source: Path, licence: str, *, besides: Path) -> list[Record]:
    """The records of a stage, or of the pictures in a plain folder (not those in `besides`), which have no hash yet."""
    if (source / STAGE).exists() or (source / MANIFEST).exists():
        return read_stage(source)
    if not source.is_dir():
        raise FileError(f"{source} is no folder; give a stage or a folder of pictures")
    root, besides = source.resolve(), besides.resolve()
    paths = [p for p in root.rglob("*") if p.suffix.lower() in PICTURES and besides not in p.parents]
    files = [p.relative_to(root).as_posix() for p in paths]
    if not files:
        raise FileError(f"{source} holds no pictures ({', '.join(sorted(PICTURES))})")
    return [Record(file, "", f"{root.name}:{file}", licence) for file in sorted(files)]


def name_faces(files: Sequence[str]) -> dict[str, str]:
    """The stem of each picture's face files: its own, or, where that could be mistaken, with a hash of its path.

    Mistaken could be a/1.jpg and b/1.png, also under a system that ignores case, and the second face of x and x-2.
    """
    stems = {file: PurePosixPath(file).stem for file in files}
    times = Counter(stem.lower() for stem in stems.values())

    def clear(stem: str) -> bool:
        before, _, number = stem.lower().rpartition("-")
        return times[stem.lower()] == 1 and not (number.isdigit() and before in times)

    return {f: s if clear(s) else f"{s}-{sha256(f.encode())[:8]}" for f, s in stems.items()}


def crop_one(
    parent: Record, *, source: Path, out: Path, detector: Detector, options: CropOptions, names: dict[str, str]
) -> Outcome:
    """Find the heads in one picture and write the faces; what cannot be read is told in the outcome."""
    try:
        with reporting("read", source / parent.file):
            data = (source / parent.file).read_bytes()
        picture = decode(data, name=parent.file)
    except FileError as error:
        return Outcome(parent.file, error=str(error))
    except Exception as error:  # Pillow meets damaged bytes with errors of every kind
        return Outcome(parent.file, error=f"{parent.file} is not a readable picture: {type(error).__name__} {error}")
    found = detector(picture, smallest=options.min_face * SMALLER)
    faces = [Face(tuple(round(v, 1) for v in f.box), round(f.score, 4)) for f in found]
    large = [number for number, face in enumerate(faces) if face.side >= options.min_face]
    for place, number in enumerate(large if options.all_faces else large[:1], start=1):
        file = f"pictures/{names[parent.file]}{f'-{place}' if place > 1 else ''}.png"
        square = square_around(found[number].box, picture.size, options.enlarge)
        digest = store_picture(out / file, cut(picture, square, options.size))
        faces[number] = replace(faces[number], file=file, sha256=digest, box=visible(square, picture.size))
    return Outcome(parent.file, sha256(data), faces=tuple(faces))


def square_around(head: Box, size: tuple[int, int], enlarge: float) -> Square:
    """The head box enlarged about its centre, in whole pixels, and moved into the picture as far as it can be.

    Where the picture is narrower or lower than the square, the square covers it whole.
    """
    side = max(1, round((head[2] - head[0]) * enlarge))
    left, top = (
        min(max(round(middle - side / 2), min(0, length - side)), max(0, length - side))
        for middle, length in (((head[0] + head[2]) / 2, size[0]), ((head[1] + head[3]) / 2, size[1]))
    )
    return left, top, side


def visible(square: Square, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a square that lies in a picture of `size`: left, top, right, bottom."""
    left, top, side = square
    return max(left, 0), max(top, 0), min(left + side, size[0]), min(top + side, size[1])


def cut(picture: Image.Image, square: Square, size: int) -> Image.Image:
    """What is in the square, at `size` x `size` px; beyond the picture its edge goes on."""
    inside = visible(square, picture.size)
    piece = picture.crop(inside)
    left, top, side = square
    if piece.size != (side, side):
        border = [(inside[1] - top, top + side - inside[3]), (inside[0] - left, left + side - inside[2]), (0, 0)]
        piece = Image.fromarray(np.pad(np.asarray(piece), border, mode="edge"))
    return resize(piece, size)


def _in_parallel(work: Callable[[Record], Outcome], todo: list[Record], threads: int | None) -> Iterator[Outcome]:
    """In order; decoding, detecting and resizing all let other threads run."""
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        yield from pool.map(work, todo)


def _go_on(out: Path, settings: dict[str, Any]) -> dict[str, Outcome]:
    """The outcomes of a stopped run; an InputError if it had other settings. The log is left whole."""
    rows = _read_log(out / LOG)
    if rows and (changed := [k for k in settings if rows[0].get(k) != settings[k]]):
        told = ", ".join(f"{k.replace('_', '-')} {rows[0].get(k)}, now {settings[k]}" for k in changed)
        raise InputError(f"{out} was begun with other settings ({told}); choose another folder, or delete it first")
    write_lines(out / LOG, rows or [settings])
    return {row["file"]: Outcome.from_dict(row) for row in rows[1:]}


def _read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; a stopped machine may have torn the last one."""
    if not path.exists():
        return []
    with reporting("read", path):
        lines = path.read_bytes().splitlines(keepends=True)
    try:
        return [json.loads(line) for line in lines if line.endswith(b"\n")]
    except ValueError as error:
        raise FileError(f"{path} is damaged ({error}); delete it, and every picture is looked at again") from None


def _row(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome)


def _done(out: Path, parent: Record, outcome: Outcome | None) -> bool:
    """Whether a picture need not be looked at again: it is the same one, and its faces are there."""
    if outcome is None or outcome.error:
        return False
    same = parent.sha256 in ("", outcome.sha256)
    return same and all((out / face.file).is_file() for face in outcome.taken)


def _finish(
    source: Path, out: Path, parents: list[Record], outcomes: list[Outcome], settings: dict[str, Any]
) -> dict[str, int]:
    """Delete what no outcome names, draw the sheets, and write the stage; returns the counts."""
    counts = count(outcomes, settings["min_face"])
    records = [r for parent, outcome in zip(parents, outcomes, strict=True) for r in _records(parent, outcome)]
    if not records:
        raise FileError(
            f"none of the {counts['pictures']} pictures in {source} has a face of at least {settings['min_face']} px "
            f"({counts['unreadable']} unreadable, {counts['small_faces']} faces smaller)"
        )
    _tidy(out, {record.file for record in records})
    write_sheets(source, out, outcomes)
    taken_over = ("schema", "schema_hash") if (source / STAGE).exists() else ()
    parent_settings = stage_settings(source) if taken_over else {}
    facts = {
        "input": source.resolve().name,
        "input_sha256": sha256("".join(f"{o.file} {o.sha256}\n" for o in outcomes).encode()),
        "counts": counts,
        "unreadable": {o.file: o.error for o in outcomes if o.error},
    }
    write_stage(out, records, {k: parent_settings[k] for k in taken_over if k in parent_settings} | settings | facts)
    return counts


def count(outcomes: Sequence[Outcome], min_face: int) -> dict[str, int]:
    """The counts that `crop` returns."""
    heads = [sum(face.side >= min_face for face in o.faces) for o in outcomes if not o.error]
    return {
        "pictures": len(outcomes),
        "no_face": sum(n == 0 for n in heads),
        "one_face": sum(n == 1 for n in heads),
        "several_faces": sum(n > 1 for n in heads),
        "unreadable": sum(bool(o.error) for o in outcomes),
        "small_faces": sum(face.side < min_face for o in outcomes for face in o.faces),
        "faces": sum(len(o.taken) for o in outcomes),
    }


def _records(parent: Record, outcome: Outcome) -> Iterator[Record]:
    """A record for each face. Where several were found, nobody knows whose the picture's tags are: they go."""
    tags = parent.tags if len(outcome.faces) == 1 else {}
    for face in outcome.taken:
        left, top, right, bottom = face.box
        yield replace(parent, file=face.file, sha256=face.sha256, box=(left, top, right, bottom), tags=tags)


def _tidy(out: Path, wanted: set[str]) -> None:
    for path in (out / "pictures").iterdir():
        if f"pictures/{path.name}" not in wanted:
            path.unlink()
