"""What people judged by eye, put in the place of what was estimated."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from konomi.data.tagging.labels import Label, read_judgements, tags_of
from konomi.errors import InputError
from konomi.files import file_sha256
from konomi.record import Record
from konomi.schema import Schema

Tags = dict[str, float]


@dataclass(frozen=True)
class LabelsUsed:
    """What a stage took from label files."""

    files: dict[str, str]  # their SHA-256
    pictures: int
    tags: int
    not_in_stage: int  # labelled pictures that the stage does not have


@dataclass(frozen=True)
class ByEye:
    """What people saw, by the name of the picture without its ending."""

    tags: dict[str, Tags] = field(default_factory=dict)
    judged: dict[str, set[str]] = field(default_factory=dict)  # slots; also those of which nobody could be sure
    files: dict[str, str] = field(default_factory=dict)  # SHA-256 of the label files

    def used_in(self, files: Iterable[str]) -> LabelsUsed:
        """What of this is about pictures with these `files`."""
        here = {stem(file) for file in files} & set(self.judged)
        tags = sum(len(self.tags[name]) for name in here)
        return LabelsUsed(self.files, len(here), tags, len(self.judged) - len(here))


def read_by_eye(paths: Sequence[Path], files: Sequence[str], schema: Schema) -> ByEye:
    """The judgements by eye in label files, for a stage with these `files`; rows of models are left alone.

    Labels name pictures as they were called before they were imported, so endings are not compared. An InputError says
    when not one of them is in the stage, or when a name fits several of its pictures.
    """
    rows = [replace(r, file=stem(r.file)) for r in read_judgements(paths, schema) if r.labelled_by == "by-eye"]
    judged: dict[str, set[str]] = {}
    for row in rows:
        judged.setdefault(row.file, set()).update(_judged_slots(row, schema))
    here = Counter(stem(file) for file in files)
    if paths and not any(here[name] for name in judged):
        raise InputError(f"none of the {len(judged)} pictures labelled by eye is in the stage; are the names the same?")
    if twice := [name for name in judged if here[name] > 1]:
        raise InputError(f"the labels of {twice[0]!r} fit {here[twice[0]]} pictures of the stage; tag them one by one")
    return ByEye(tags_of(rows, schema), judged, {p.name: file_sha256(p) for p in paths})


def _judged_slots(label: Label, schema: Schema) -> Iterable[str]:
    """A no says nothing of other colours; a yes, or that nobody can tell, does."""
    attribute = schema.attribute(label.tag.split(".")[0])
    all_of_it = label.tag == attribute.name or (attribute.exclusive and label.value != "no")
    return attribute.slots if all_of_it else (label.tag,)


def merge(record: Record, found: Tags, by_eye: ByEye, schema: Schema) -> Tags:
    """The tags of one picture, in the order of the schema: by eye before estimated before what the record had."""
    estimated = {slot.split(".")[0] for slot in found}
    tags = {slot: p for slot, p in record.tags.items() if slot.split(".")[0] not in estimated} | found
    name = stem(record.file)
    tags = {slot: p for slot, p in tags.items() if slot not in by_eye.judged.get(name, ())} | by_eye.tags.get(name, {})
    return {slot: tags[slot] for slot in schema.slots if slot in tags}


def stem(file: str) -> str:
    """The name of a picture without folders and ending, by which labels and pictures are matched."""
    return PurePosixPath(file).stem
