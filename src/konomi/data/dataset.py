"""Folders of pictures with their labels, and the arrays that training reads from them."""

import csv
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from konomi import __version__
from konomi.errors import FileError, InputError, shorten
from konomi.files import file_sha256, make_folder, reporting, sha256, write_bytes
from konomi.images import decode, middle_square, read, resize
from konomi.record import STAGE, Record, check_schema, read_stage, write_stage
from konomi.schema import FLAG_ANSWERS, Attribute, Schema

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
Progress = Callable[[Iterable[tuple[str, bytes]], int], Iterable[tuple[str, bytes]]]


def import_pictures(
    source: Path,
    labels: Path | None,
    out: Path,
    *,
    schema: Schema,
    size: int,
    leave_out: str = "",
    licence: str = "",
    progress: Progress = lambda items, total: items,
) -> dict[str, int]:
    """Make a stage folder from a tar or a folder of pictures and a label CSV.

    Each picture is decoded, cut to its middle square, resized to `size` x `size` and stored as PNG under
    `out/pictures`. Run again after a stop, only what is missing is done. Pictures whose name begins with a letter of
    `leave_out` are not taken. A column `year` of the labels is kept.

    Returns
    -------
    dict
        Counts by name: `pictures`, `left_out`, `unreadable`, `unlabelled`, `cut` (in this run, because they were no
        squares), and `unknown_labels` (CSV values that are not in the schema; each of them becomes unknown).
    """
    if (out / STAGE).exists():
        raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
    table, unknown = read_labels(labels, schema) if labels else ({}, 0)
    years = read_years(labels) if labels else {}
    records, names = [], _names(source)
    make_folder(out / "pictures")
    counts = dict.fromkeys(["pictures", "left_out", "unreadable", "unlabelled", "cut"], 0) | {"unknown_labels": unknown}
    for name, data in progress(_read(source, names), len(names)):
        if leave_out and PurePosixPath(name).name[0] in leave_out:
            counts["left_out"] += 1
            continue
        target = out / "pictures" / (PurePosixPath(name).stem + ".png")
        if not target.exists():
            try:
                picture = decode(data, name=name)
            except FileError:
                counts["unreadable"] += 1
                continue
            counts["cut"] += picture.width != picture.height
            store_picture(target, resize(middle_square(picture), size))
        tags, year = table.get(PurePosixPath(name).name, {}), years.get(PurePosixPath(name).name)
        where, digest = f"{source.name}:{name}", file_sha256(target)
        records.append(Record(f"pictures/{target.name}", digest, where, licence, year=year, tags=tags))
    counts["pictures"] = len(records)
    counts["unlabelled"] = sum(not r.tags for r in records)
    if not records:
        raise FileError(f"{source} has no picture that can be read ({counts['unreadable']} were unreadable)")
    settings = {"stage": "import", "version": __version__, "source": source.name, "size": size, "leave_out": leave_out}
    write_stage(out, records, settings | {"schema": schema.name, "schema_hash": schema.hash, "counts": counts})
    return counts


def read_labels(path: Path, schema: Schema) -> tuple[dict[str, dict[str, float]], int]:
    """Labels by file name from a CSV with a column `file` and columns named after attributes.

    A choice column holds a value's name; a flag column yes/no, true/false or 1/0; an empty field is unknown. Columns
    that are no attribute are left alone. Returns {file: {slot: 0 or 1}} and the number of fields with a value that the
    schema does not have.
    """
    with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "file" not in (reader.fieldnames or ()):
            raise FileError(f"{path} has no column 'file'. Columns: {', '.join(reader.fieldnames or ['none'])}.")
        rows = list(reader)
    attributes = [a for a in schema.attributes if rows and a.name in rows[0]]
    table, unknown = {}, 0
    for row in rows:
        slots: dict[str, float] = {}
        for attribute in attributes:
            found = _slots(attribute, (row[attribute.name] or "").strip().lower())
            unknown += found is None
            slots |= found or {}
        table[row["file"]] = slots
    return table, unknown


def read_years(path: Path) -> dict[str, int]:
    """Years by file name from the column `year` of a label CSV, where it has one and a row does."""
    with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if (row.get("year") or "").strip()]
    if wrong := [row for row in rows if not row["year"].strip().isdecimal()]:
        raise FileError(f"{path}: {wrong[0]['file']} has the year {shorten(wrong[0]['year'])!r}; it must be a number")
    return {row["file"]: int(row["year"]) for row in rows}


def _slots(attribute: Attribute, field: str) -> dict[str, float] | None:
    if not field:
        return {}
    if attribute.is_flag:
        return {attribute.name: float(FLAG_ANSWERS[field])} if field in FLAG_ANSWERS else None
    if field not in attribute.value_names:
        return None
    return {f"{attribute.name}.{v}": float(v == field) for v in attribute.value_names}


def _names(source: Path) -> list[str]:
    if source.is_dir():
        names = [p.relative_to(source).as_posix() for p in source.rglob("*") if p.suffix.lower() in PICTURES]
    else:
        with _open_tar(source) as tar:
            names = [m.name for m in tar if m.isfile() and PurePosixPath(m.name).suffix.lower() in PICTURES]
    if not names:
        raise FileError(f"{source} holds no pictures ({', '.join(sorted(PICTURES))})")
    return sorted(names)


def _open_tar(source: Path) -> tarfile.TarFile:
    with reporting("read", source):
        try:
            return tarfile.open(source)
        except tarfile.TarError as error:
            raise FileError(f"{source} is neither a folder nor a tar file: {error}") from error


def _read(source: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        yield from ((name, (source / name).read_bytes()) for name in names)
        return
    with _open_tar(source) as tar:
        for name in names:
            member = tar.extractfile(name)
            assert member is not None  # _names lists regular files only
            yield name, member.read()


def store_picture(path: Path, picture: Image.Image) -> str:
    """Write `picture` as PNG, whole or not at all; returns the SHA-256 of the file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
    return sha256(buffer.getvalue())


@dataclass(frozen=True)
class Dataset:
    """Pictures in memory with their tags."""

    schema: Schema
    names: tuple[str, ...]
    pictures: np.ndarray  # (N, H, W, 3) uint8
    weights: np.ndarray  # (N, slots) float32; unknown is NaN
    trust: np.ndarray = field(default_factory=lambda: np.ones(0, np.float32))  # (N,) how much its tags count; else 1

    def __post_init__(self) -> None:
        if len(self.trust) == 0:
            object.__setattr__(self, "trust", np.ones(len(self), np.float32))

    def __len__(self) -> int:
        return len(self.names)

    def part(self, chosen: np.ndarray) -> "Dataset":
        """The pictures where `chosen` (N,) is true."""
        names = tuple(name for name, taken in zip(self.names, chosen, strict=True) if taken)
        return Dataset(self.schema, names, self.pictures[chosen], self.weights[chosen], self.trust[chosen])


def load(folders: Sequence[Path], schema: Schema, *, split: str = "", tagged: bool = False) -> Dataset:
    """Read stage folders whole into memory (12 kB a picture at 64 px); all pictures must be of one size.

    With `split` (train, validation or test) only its pictures are read, and with `tagged` only those of which something
    is known; an InputError says if a stage has none.
    """
    return join([_load_one(folder, schema, split, tagged) for folder in folders])


def join(parts: Sequence[Dataset]) -> Dataset:
    """One after the other; an InputError if their pictures are not of one size."""
    sizes = {part.pictures.shape[1] for part in parts}
    if len(sizes) != 1:
        raise InputError(
            f"the stages have pictures of {', '.join(map(str, sorted(sizes)))} px; import them at one size"
        )
    names = tuple(name for part in parts for name in part.names)
    arrays = (np.concatenate([getattr(p, k) for p in parts]) for k in ("pictures", "weights", "trust"))
    return Dataset(parts[0].schema, names, *arrays)


def _load_one(folder: Path, schema: Schema, split: str, tagged: bool) -> Dataset:
    records = _of_split(folder, split)
    if tagged and not (records := [record for record in records if record.tags]):
        raise InputError(f"{folder} has no pictures with tags{f' in the split {split!r}' if split else ''}")
    check_schema(folder, schema)
    numbers = {slot: i for i, slot in enumerate(schema.slots)}
    weights = np.full((len(records), len(schema.slots)), np.nan, dtype=np.float32)
    for row, record in enumerate(records):
        for slot, probability in record.tags.items():
            if slot not in numbers:
                raise FileError(f"{folder}: {record.file} has a tag {slot!r} that schema {schema.name!r} does not")
            weights[row, numbers[slot]] = probability
    trust = np.array([record.weight for record in records], dtype=np.float32)
    return Dataset(schema, tuple(Path(r.file).stem for r in records), _pictures(folder, records), weights, trust)


def _of_split(folder: Path, split: str) -> list[Record]:
    records = read_stage(folder)
    if not records:
        raise FileError(f"{folder} holds no pictures")
    if not split:
        return records
    if chosen := [record for record in records if record.split == split]:
        return chosen
    known = sorted({record.split for record in records} - {""})
    has = f"it has {', '.join(known)}" if known else "it is not split: konomi dataset build makes one that is"
    raise InputError(f"{folder} has no pictures in the split {split!r}; {has}")


def _pictures(folder: Path, records: Sequence[Record]) -> np.ndarray:
    """(N, H, W, 3) uint8; an InputError names two pictures of different size."""
    first, pictures = records[0].file, []
    for record in records:
        pictures.append(np.asarray(read(folder / record.file)))
        (height, width, _), (h, w, _) = pictures[0].shape, pictures[-1].shape
        if (height, width) != (h, w):
            sizes = f"{first} has {width}x{height} pixels and {record.file} {w}x{h}"
            raise InputError(f"{folder}: {sizes}; konomi dataset build makes a stage of one size")
    return np.stack(pictures)
