"""A record: what is known of one picture. A stage folder holds one per line of its `manifest.jsonl`."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from konomi.errors import FileError
from konomi.files import read_json, read_lines, write_json, write_lines
from konomi.schema import Schema, load_schema

MANIFEST = "manifest.jsonl"
STAGE = "stage.json"
FORMAT = 1  # of both; a later one may mean something else


@dataclass(frozen=True)
class Record:
    """One picture of a stage."""

    file: str  # path inside the stage folder, with /
    sha256: str  # of the file's bytes
    source: str = ""  # where it came from: a URL, or archive and member
    licence: str = ""  # as known; empty means unknown
    time: str = ""  # when it was taken from there: ISO 8601, UTC
    year: int | None = None  # of the picture, if known
    group: str = ""  # pictures that are nearly the same, or mirror images, share one; empty: not looked for
    box: tuple[int, int, int, int] | None = None  # face: left, top, right, bottom in pixels of the source
    split: str = ""  # train, validation or test; empty: not split
    weight: float = 1.0  # how much its tags count in training
    tags: dict[str, float] = field(default_factory=dict)  # slot -> probability in [0, 1]; missing means unknown

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Record":
        known = {f.name for f in fields(cls)}
        if extra := set(row) - known:
            raise FileError(
                f"a record has unknown keys: {', '.join(sorted(extra))}. Known: {', '.join(sorted(known))}."
            )
        if missing := {"file", "sha256"} - set(row):
            raise FileError(f"a record lacks {', '.join(sorted(missing))}")
        box = row.get("box")
        return cls(**{**row, "box": tuple(box) if box else None})


def write_stage(folder: Path, records: list[Record], settings: dict[str, Any]) -> None:
    """Write a stage's manifest and settings; `stage.json` comes last, so that its presence means a whole stage."""
    write_lines(folder / MANIFEST, (asdict(r) for r in records))
    write_json(folder / STAGE, {"format": FORMAT, **settings})


def read_stage(folder: Path) -> list[Record]:
    """The records of a finished stage; a FileError if `folder` is not one, or not finished."""
    if not (folder / STAGE).is_file():
        hint = "it is unfinished: run the same command again" if (folder / MANIFEST).exists() else "it is not a stage"
        raise FileError(f"{folder} has no {STAGE}; {hint}")
    if (found := stage_settings(folder).get("format", FORMAT)) != FORMAT:
        raise FileError(f"{folder} has format {found!r}; this version of Konomi reads {FORMAT}: make the stage again")
    return [Record.from_dict(row) for row in read_lines(folder / MANIFEST)]


def stage_settings(folder: Path) -> dict[str, Any]:
    """What `stage.json` says: the stage's inputs, settings and schema."""
    settings: dict[str, Any] = read_json(folder / STAGE)
    return settings


def schema_of_stage(folder: Path) -> Schema:
    """The schema that a stage was made for; anime's for one that says none, or a plain folder."""
    settings = stage_settings(folder) if (folder / STAGE).exists() else {}
    return load_schema(settings.get("schema", "anime"))


def check_schema(folder: Path, schema: Schema) -> None:
    """A FileError if the stage was made for another schema, or for a later version of this one."""
    settings = stage_settings(folder)
    if schema.version(settings.get("schema_hash", schema.hash)) is None:
        raise FileError(f"{folder} was made for another schema than {schema.name!r}; make it again")
