"""The journal of a collection: one JSON line for each outcome, on the disk before anything builds on it."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from konomi.data.collecting.frontier import Key, Outcome
from konomi.errors import FileError
from konomi.files import reporting, write_bytes


class Journal:
    """A file that only grows. A kill may tear its last line, which is then cut off: that item is fetched again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes = read_journal(path)
        with reporting("write", path):
            self._file = path.open("ab", buffering=0)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, outcome: Outcome) -> None:
        """Append an outcome, whole or not at all."""
        line = json.dumps(_row(outcome)).encode() + b"\n"
        start = self._file.tell()
        try:
            with reporting("write", self.path):
                while line:
                    line = line[self._file.write(line) :]  # a disk that fills takes a part before it says no
                os.fsync(self._file.fileno())
        except FileError:
            with suppress(OSError):
                self._file.truncate(start)
            raise


def read_journal(path: Path) -> dict[Key, Outcome]:
    """The outcomes in a journal, none if it does not exist; a torn last line is cut off the file."""
    if not path.exists():
        return {}
    with reporting("read", path):
        data = path.read_bytes()
    whole, newline, torn = data.rpartition(b"\n")
    if torn:
        with reporting("write", path):
            os.truncate(path, len(whole) + len(newline))
    outcomes = [_outcome(line, f"{path}, line {i}") for i, line in enumerate(whole.splitlines(), start=1)]
    return {outcome.key: outcome for outcome in outcomes}


def write_journal(path: Path, outcomes: dict[Key, Outcome]) -> None:
    """Write a journal anew."""
    rows = (json.dumps(_row(outcome)) + "\n" for outcome in outcomes.values())
    write_bytes(path, "".join(rows).encode())


def _row(outcome: Outcome) -> dict[str, Any]:
    return {key: value for key, value in asdict(outcome).items() if value or key in ("kind", "name", "url")}


def _outcome(line: bytes, where: str) -> Outcome:
    try:
        row = json.loads(line)
        known = {f.name for f in fields(Outcome)}
        if not isinstance(row, dict) or not {"kind", "name", "url"} <= set(row) <= known:
            raise ValueError
    except ValueError:
        raise FileError(f"{where} is not an outcome; the journal is damaged: collect into another folder") from None
    facts: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Outcome(**facts)
