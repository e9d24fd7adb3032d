"""The pictures that a dataset may be built of, each with its tags, as stages and hand-made labels have them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from konomi.condition import Condition
from konomi.data.building.mixture import Ingredient, Mixture
from konomi.data.progress import Progress, silent
from konomi.data.tagging.by_eye import ByEye, merge, read_by_eye, stem
from konomi.errors import FileError
from konomi.record import Record, check_schema, read_stage
from konomi.schema import Schema


@dataclass(frozen=True)
class Candidate:
    """One picture of one stage."""

    source: Ingredient
    path: Path
    record: Record  # as in its stage, with what was judged by eye in the place of other tags
    judged: frozenset[str] = frozenset()  # slots that somebody judged by eye, also those that became unknown

    def inherit(self, duplicates: Iterable["Candidate"]) -> "Candidate":
        """The same, with what was judged by eye of its duplicates and not of itself."""
        tags, judged = dict(self.record.tags), self.judged
        for other in duplicates:
            for slot in other.judged - judged:
                tags.pop(slot, None)
                if slot in other.record.tags:
                    tags[slot] = other.record.tags[slot]
            judged |= other.judged
        return replace(self, record=replace(self.record, tags=tags), judged=judged)

    @property
    def seen(self) -> set[str]:
        """The attributes of which something is known because somebody judged it by eye."""
        return {slot.split(".")[0] for slot in self.judged & set(self.record.tags)}

    @property
    def weight(self) -> float:
        """How much its tags count: the mean over its known attributes, judged by eye or not."""
        known = {slot.split(".")[0] for slot in self.record.tags}
        brought = self.source.weight * self.record.weight
        if not known:
            return brought
        mean = (len(self.seen) * self.source.by_eye_weight + len(known - self.seen) * brought) / len(known)
        return round(mean, 6)


@dataclass(frozen=True)
class Gathered:
    """All pictures of a mixture, in order."""

    candidates: list[Candidate]
    left_out: int  # pictures, by the first letter of their names
    unknown_labels: int  # pictures that label files judge by eye and no stage has


def gather(mixture: Mixture, schema: Schema, *, progress: Progress = silent) -> Gathered:
    """The pictures of the stages of a mixture, but for those left out.

    Raises
    ------
    FileError, InputError
        If a stage is unfinished, empty, of another version or schema, or labels fit none of its pictures.
    """
    found, labelled = [], set()
    for source in progress(mixture.sources, len(mixture.sources), what="reading"):
        records = _read(source.stage, schema)
        by_eye = read_by_eye(source.labels, [record.file for record in records], schema)
        common = Condition.from_dict(schema, source.tags).weights
        tags = {schema.slots[slot]: weight for slot, weight in common}
        found += [_candidate(record, tags, source, by_eye, schema) for record in records]
        labelled |= set(by_eye.judged)
    taken = [c for c in found if PurePosixPath(c.record.file).name[0] not in mixture.leave_out]
    if not taken:
        raise FileError(f"all {len(found)} pictures have names that begin with a letter of {mixture.leave_out!r}")
    unknown = labelled - {stem(candidate.record.file) for candidate in found}
    return Gathered(taken, len(found) - len(taken), len(unknown))


def _read(stage: Path, schema: Schema) -> list[Record]:
    records = read_stage(stage)
    if not records:
        raise FileError(f"{stage} holds no pictures")
    check_schema(stage, schema)
    if unknown := {slot for r in records for slot in r.tags} - set(schema.slots):
        raise FileError(f"{stage} has tags that schema {schema.name!r} does not: {', '.join(sorted(unknown))}")
    return records


def _candidate(
    record: Record, common: dict[str, float], source: Ingredient, by_eye: ByEye, schema: Schema
) -> Candidate:
    tags = {**record.tags, **common}
    known = replace(record, tags=tags, licence=record.licence or source.licence)
    known = replace(known, tags=merge(known, {}, by_eye, schema))
    judged = frozenset(by_eye.judged.get(stem(record.file), ()))
    return Candidate(source, source.stage / record.file, known, judged)
