"""Runs a tagger over many pictures, a few at a time, so that a run that was stopped goes on where it was.

What is done lies in the folder of the new stage: one line a picture in a journal, one file a batch of feature vectors.
"""

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from konomi.data.tagging.taggers import Tagger, Vectors, estimate
from konomi.errors import FileError, InputError
from konomi.files import append_line, make_folder, read_lines, reporting, sha256, whole, write_bytes, write_lines
from konomi.images import decode
from konomi.record import Record
from konomi.schema import Schema

JOURNAL = "journal.jsonl"
FEATURES = ".features"
BATCH = 16
DIGITS = 4  # of a probability
T = TypeVar("T")
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]
Tags = dict[str, float]


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def open_journal(folder: Path, run: dict[str, Any]) -> dict[str, Tags]:
    """The tags by file that an earlier, unfinished run left in `folder`; none if there was none.

    `run` says what the run depends on (tagger, pictures). An InputError says when the earlier one was another. A torn
    last line, from a crash, is cut off.
    """
    path = folder / JOURNAL
    if not path.exists():
        write_lines(path, [run])
        return {}
    with reporting("read", path):
        data = path.read_bytes()
    kept = data.rfind(b"\n") + 1
    if kept < len(data):
        with reporting("write", path):
            os.truncate(path, kept)
    earlier, *rows = read_lines(path) or [{}]
    if other := sorted(key for key in run if earlier.get(key) != run[key]):
        raise InputError(
            f"{folder} holds an unfinished run with another {', '.join(other)}; run that one again, choose another "
            "folder, or delete it"
        )
    return {row["file"]: row["tags"] for row in rows}


def estimate_tags(
    stage: Path,
    out: Path,
    records: Sequence[Record],
    tagger: Tagger,
    schema: Schema,
    progress: Progress,
) -> tuple[dict[str, Tags], dict[str, str]]:
    """Tags of every picture, by file, and what is wrong with those that cannot be read; pictures are put into `out`.

    Only what the journal in `out` lacks is done; a picture's line comes after the picture itself. Unreadable pictures
    get no line: they are tried again.
    """
    run = {
        "pictures": pictures_hash(records),
        "schema": schema.hash,
        "tagger": tagger.name,
        "model": dict(tagger.files),
    }
    done, problems = open_journal(out, run), {}
    for batch in batches(progress(records, len(records), "tagging")):
        pictures, todo = [], []
        for record in (r for r in batch if r.file not in done):
            try:
                pictures.append(read_picture(stage, record))
                todo.append(record.file)
            except FileError as error:
                problems[record.file] = str(error)
        for file, row in zip(todo, _rows(lambda p: estimate(tagger, p, schema), pictures), strict=True):
            known = np.flatnonzero(~np.isnan(row))
            done[file] = {schema.slots[i]: round(float(row[i]), DIGITS) for i in known}
            place(stage, out, file)
            append_line(out / JOURNAL, {"file": file, "tags": done[file]})
    return done, problems


def pictures_hash(records: Sequence[Record]) -> str:
    """SHA-256 of the names and hashes of pictures, in order."""
    return sha256(json.dumps([[r.file, r.sha256] for r in records]).encode())


def read_picture(stage: Path, record: Record) -> np.ndarray:
    """One picture of a stage, uint8 (H, W, 3); a FileError says when it is unreadable, or not the one it was."""
    path = stage / record.file
    with reporting("read", path):
        data = path.read_bytes()
    if sha256(data) != record.sha256:
        raise FileError(f"{path} has changed since its stage was made")
    return np.asarray(decode(data, name=str(path)))


def place(stage: Path, out: Path, file: str) -> None:
    """Put a picture of `stage` into `out`: the same file where the disk allows it, a copy where it does not."""
    if (out / file).exists():
        return
    make_folder((out / file).parent)
    with whole(out / file) as temporary:
        try:
            os.link(stage / file, temporary)
        except OSError:  # another disk, or one without links
            temporary.write_bytes((stage / file).read_bytes())


def _rows(function: Vectors, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One row a picture, in order; `function` is given pictures of one size at a time."""
    rows: dict[int, np.ndarray] = {}
    for shape in dict.fromkeys(p.shape for p in pictures):
        here = [i for i, p in enumerate(pictures) if p.shape == shape]
        rows |= dict(zip(here, function(np.stack([pictures[i] for i in here])), strict=True))
    return [rows[i] for i in range(len(pictures))]


def compute_features(out: Path, records: Sequence[Record], vectors: Vectors, progress: Progress) -> np.ndarray:
    """Feature vectors of the pictures in `out`, float32 (N, D); what an earlier run left is not done again."""
    folder = make_folder(out / FEATURES)
    found = []
    for number, batch in enumerate(batches(progress(records, len(records), "features"))):
        path = folder / f"{number:06d}-{sha256(json.dumps([r.sha256 for r in batch]).encode())[:16]}.npy"
        if not path.exists():
            buffer = io.BytesIO()
            np.save(buffer, np.stack(_rows(vectors, [read_picture(out, r) for r in batch])).astype(np.float32))
            write_bytes(path, buffer.getvalue())
        found.append(np.load(path))
    return np.concatenate(found)


def check_features_file(path: Path) -> None:
    """Refuse, before hours of work, a file that could not be written."""
    if path.suffix not in (".npy", ".safetensors"):
        raise InputError(f"the feature vectors go into a .npy or .safetensors file, not {path}")
    make_folder(path.parent)


def write_features(path: Path, features: np.ndarray, names: Sequence[str]) -> None:
    """Write vectors and the names of the pictures: beside a .npy as .txt, in the metadata `files` of a .safetensors."""
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        write_bytes(path, save({"features": features}, metadata={"files": json.dumps(list(names))}))
        return
    with whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, features)
    write_bytes(path.with_suffix(".txt"), "".join(f"{name}\n" for name in names).encode())
