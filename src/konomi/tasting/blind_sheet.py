"""The folder of a blind test, in two parts.

`sheet/` may be given away: a picture for each set, and `answers.csv`. `key.json` says what is what, and stays closed
until the end.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from konomi.errors import FileError, shorten
from konomi.files import read_json, reporting, whole, write_json, write_text
from konomi.papers.grids import labelled

MADE_FOR = ("person", "other", "crowd")
NONE = 0  # the answer of who cannot say
FORMAT, KIND = 1, "blind test"
COLUMNS = ["set", "liked_best"]


@dataclass(frozen=True)
class Key:
    """What is what."""

    sets: tuple[tuple[str, ...], ...]  # whom each picture was made for, in the order shown
    codes: tuple[tuple[str, ...], ...]  # share codes, in the same order
    facts: dict[str, Any]  # how the test was made


def sheet_picture(folder: Path, number: int) -> Path:
    """Where the picture of set `number`, from 1, is."""
    return folder / "sheet" / f"set-{number:02d}.png"


def answers_file(folder: Path) -> Path:
    return folder / "sheet" / "answers.csv"


def write_set(folder: Path, number: int, sets: int, pictures: Sequence[Image.Image]) -> None:
    """One PNG, without any recipe in it."""
    heads = [str(place) for place in range(1, len(pictures) + 1)]
    with whole(sheet_picture(folder, number)) as temporary:
        labelled(f"Set {number} of {sets}", [("", list(pictures))], heads=heads).save(temporary, "PNG")


def write_key(folder: Path, key: Key) -> None:
    rows = [{"made_for": list(row), "codes": list(codes)} for row, codes in zip(key.sets, key.codes, strict=True)]
    write_json(folder / "key.json", {"format": FORMAT, "kind": KIND, **key.facts, "sets": rows})


def read_key(folder: Path) -> Key | None:
    """The key of a test; None if none was made there. A FileError if it is damaged."""
    path = folder / "key.json"
    if not path.exists():
        return None
    table = read_json(path)
    if not isinstance(table, dict) or table.get("kind") != KIND or table.get("format") != FORMAT:
        raise FileError(f"{path} is not the key of a blind test that this version of Konomi reads")
    try:
        sets = tuple(tuple(row["made_for"]) for row in table["sets"])
        codes = tuple(tuple(row["codes"]) for row in table["sets"])
    except (KeyError, TypeError):
        raise FileError(f"{path} is damaged: every set needs made_for and codes") from None
    if not sets or any(sorted(row) != sorted(MADE_FOR) for row in sets):
        raise FileError(f"{path} is damaged: every set has one picture for each of {', '.join(MADE_FOR)}")
    return Key(sets, codes, {n: value for n, value in table.items() if n not in ("sets", "format", "kind")})


def read_answers(folder: Path, key: Key) -> dict[int, int]:
    """Which place of each set was liked best, both from 1, or NONE; a FileError for a row that cannot be an answer."""
    path = answers_file(folder)
    with reporting("read", path):
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    found: dict[int, int] = {}
    for line, row in enumerate(rows, start=2):
        number, said = ((row.get(column) or "").strip() for column in COLUMNS)
        if not number.isdecimal() or not 1 <= int(number) <= len(key.sets) or int(number) in found:
            raise FileError(f"{path}, line {line}: set is {shorten(number)!r}; 1 to {len(key.sets)}, each of them once")
        if said and (not said.isdecimal() or not 0 <= int(said) <= len(MADE_FOR)):
            raise FileError(f"{path}, line {line}: liked_best is {shorten(said)!r}; 1 to 3, 0 for none, or empty")
        if said:
            found[int(number)] = int(said)
    return found


def write_answers(folder: Path, answers: dict[int, int], sets: int) -> None:
    """Write all answers, whole or not at all."""
    text = io.StringIO()
    rows = [[str(number), str(answers.get(number, ""))] for number in range(1, sets + 1)]
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write_text(answers_file(folder), text.getvalue())


def keep_answer(folder: Path, key: Key, number: int, place: int) -> None:
    """Add one answer to those in the file, also to those that were typed into it meanwhile."""
    write_answers(folder, {**read_answers(folder, key), number: place}, len(key.sets))
