"""Labels made by hand: a CSV that only grows, one row a judgement.

Columns `file,tag,value,labelled_by`. `tag` is a slot of the schema (`hair_color.silver`, `glasses`) or, where nothing
can be told, a whole attribute (`eye_color`). `value` is yes, no or unsure. `labelled_by` is `by-eye` if somebody looked
at the picture for that very row, else `model`. Of several rows about the same file and tag the last one counts.
"""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from konomi.errors import FileError, shorten, unknown_name
from konomi.files import reporting, write_text
from konomi.schema import Schema

COLUMNS = ["file", "tag", "value", "labelled_by"]
VALUES = ["yes", "no", "unsure"]
LABELLERS = ["by-eye", "model"]


@dataclass(frozen=True)
class Label:
    """One judgement about one picture."""

    file: str  # name of the picture, without folders
    tag: str
    value: str
    labelled_by: str = "by-eye"


def is_label_file(path: Path) -> bool:
    """Whether a CSV has the columns of hand-made labels."""
    with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), []) == COLUMNS


def read_judgements(paths: Sequence[Path], schema: Schema) -> list[Label]:
    """The rows of label files, in order; a FileError names the first row that is not valid."""
    known = {*schema.slots, *(a.name for a in schema.attributes)}
    labels = []
    for path in paths:
        with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
        if not rows or rows[0] != COLUMNS:
            raise FileError(f"{path} must begin with the columns {','.join(COLUMNS)}")
        for number, row in enumerate(rows[1:], start=2):
            labels.append(_label(row, f"{path}, line {number}", known))
    return labels


def _label(row: list[str], where: str, known: set[str]) -> Label:
    if len(row) != len(COLUMNS):
        raise FileError(f"{where} has {len(row)} fields; it must have {len(COLUMNS)}")
    label = Label(*row)
    if label.tag not in known:
        raise FileError(unknown_name(f"{where}: tag", label.tag, sorted(known)))
    for given, allowed in ((label.value, VALUES), (label.labelled_by, LABELLERS)):
        if given not in allowed:
            raise FileError(f"{where}: {shorten(given)!r} is not one of {', '.join(allowed)}")
    return label


def append_labels(path: Path, labels: Iterable[Label]) -> None:
    """Add rows at the end of a label file, all of them or none; it is made if need be, and no row is ever changed."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(astuple(label) for label in labels)
    if not path.exists():
        write_text(path, ",".join(COLUMNS) + "\n" + buffer.getvalue())
        return
    with reporting("write", path), path.open("rb+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        data = buffer.getvalue().encode()
        file.seek(max(0, size - 1))
        if size and file.read(1) != b"\n":  # an editor may have left it out
            data = b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            with suppress(OSError):  # if this fails, too, the next reading names the broken row
                os.truncate(path, size)
            raise


def tags_of(labels: Iterable[Label], schema: Schema) -> dict[str, dict[str, float]]:
    """Tags by file: {file: {slot: 0 or 1}}. What is unsure is absent: unknown.

    A yes for one value of an exclusive attribute is a no for its others.
    """
    tags: dict[str, dict[str, float]] = {}
    for label in labels:
        found = tags.setdefault(label.file, {})
        attribute = schema.attribute(label.tag.split(".")[0])
        all_of_it = attribute.exclusive or label.tag == attribute.name
        touched = attribute.slots if all_of_it else (label.tag,)
        taken_back = attribute.exclusive and label.value == "no" and found.get(label.tag) == 1.0
        if label.value == "unsure" or taken_back:
            for slot in touched:
                found.pop(slot, None)
        if label.value == "yes" and attribute.exclusive:
            found |= {slot: float(slot == label.tag) for slot in touched}
        elif label.value != "unsure":
            found[label.tag] = float(label.value == "yes")
    return tags
