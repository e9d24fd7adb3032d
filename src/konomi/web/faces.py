"""The faces of a stage as the pages show them: which there are, what their label rows call them, their pictures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from konomi.errors import FileError
from konomi.images import read, resize
from konomi.record import Record, check_schema, read_stage, stage_settings
from konomi.schema import Schema, load_schema


@dataclass(frozen=True)
class Face:
    """One picture of the stage."""

    number: int  # its line in the manifest, from 0
    name: str  # what label rows call it: the picture's own name, before any stage stored it anew
    record: Record


@dataclass(frozen=True)
class Faces:
    """All pictures of a stage, in the order of its manifest."""

    folder: Path
    schema: Schema
    faces: tuple[Face, ...]

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, number: int) -> Face:
        return self.faces[number]

    @cached_property
    def by_stem(self) -> dict[str, Face]:
        """Faces by name without its ending, which a stage may change (.jpg to .png)."""
        return {PurePosixPath(face.name).stem: face for face in self.faces}

    @cached_property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({face.record.split for face in self.faces} - {""}))

    def find(self, name: str) -> Face | None:
        return self.by_stem.get(PurePosixPath(name).stem)

    def picture(self, number: int, size: int | None) -> tuple[bytes, str]:
        """The bytes and media type of one picture: enlarged to `size` by Lanczos, or the stored file.

        Only files that the manifest names can be reached, and a picture that is not square is left as it is.
        """
        path = self.folder / self.faces[number].record.file
        picture = read(path)
        if size is None or picture.width != picture.height or picture.width >= size:
            return path.read_bytes(), f"image/{path.suffix.lower().lstrip('.').replace('jpg', 'jpeg')}"
        buffer = io.BytesIO()
        resize(picture, size).save(buffer, "JPEG", quality=92, subsampling=0)
        return buffer.getvalue(), "image/jpeg"


def read_faces(folder: Path) -> Faces:
    """The faces of a finished stage; a FileError if it cannot be reviewed."""
    records = read_stage(folder)
    settings = stage_settings(folder)
    schema = load_schema(settings.get("schema", "anime"))
    check_schema(folder, schema)
    if not records:
        raise FileError(f"{folder} holds no pictures")
    _check_tags(records, schema, folder)
    _check_files(records, folder)
    return Faces(folder, schema, tuple(Face(i, _label_name(r), r) for i, r in enumerate(records)))


def _label_name(record: Record) -> str:
    """The name of the archive's member or file it came from, if it is the same picture; else the stored file's."""
    own = PurePosixPath(record.file)
    origin = PurePosixPath(record.source.rpartition(":")[2])
    return origin.name if origin.stem == own.stem else own.name


def _check_tags(records: Sequence[Record], schema: Schema, folder: Path) -> None:
    known = set(schema.slots)
    for record in records:
        if extra := set(record.tags) - known:
            raise FileError(f"{folder}: {record.file} has a tag {min(extra)!r} that schema {schema.name!r} does not")


def _check_files(records: Sequence[Record], folder: Path) -> None:
    seen: dict[str, str] = {}
    for record in records:
        path = PurePosixPath(record.file)
        if path.is_absolute() or ".." in path.parts:
            raise FileError(f"{folder}: its manifest names {record.file!r}, which is outside the folder")
        if (other := seen.setdefault(path.stem, record.file)) != record.file:
            raise FileError(f"{folder}: {other} and {record.file} have one name, and labels go by name")
