"""Groups of pictures that are the same, or nearly so, and which one of them to keep."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from konomi.data.building.fingerprints import Fingerprints, fingerprints
from konomi.data.building.pairs import Pair, Thresholds, find_pairs
from konomi.data.progress import Progress, silent
from konomi.errors import FileError
from konomi.record import Record, read_stage

FORMAT = 1


@dataclass(frozen=True)
class Choice:
    """The one of several duplicates that is kept, and why."""

    kept: int
    removed: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Likeness:
    """Which of N pictures belong together. Numbers are rows, pictures that stand alone are not listed."""

    count: int
    pairs: list[Pair]
    groups: list[list[int]]  # near: a split may not part them
    choices: list[Choice]  # duplicates, parts of the groups

    @cached_property
    def removed(self) -> set[int]:
        return {row for choice in self.choices for row in choice.removed}

    def counts(self) -> dict[str, int]:
        """What is told about them, by name."""
        return {
            "pictures": self.count,
            "groups": len(self.groups),
            "in_groups": sum(map(len, self.groups)),
            "largest_group": max(map(len, self.groups), default=1),
            "pairs": len(self.pairs),
            "mirrored_pairs": sum(pair.mirrored for pair in self.pairs),
            "same_bytes": sum(pair.same == "bytes" for pair in self.pairs),
            "same_pixels": sum(pair.same == "pixels" for pair in self.pairs),
            "duplicate_pairs": sum(pair.duplicate for pair in self.pairs),
            "duplicates": len(self.removed),
        }


def find_likeness(
    paths: Sequence[Path],
    records: Sequence[Record],
    prints: Fingerprints,
    thresholds: Thresholds,
    *,
    linked: Iterable[tuple[int, int]] = (),
    progress: Progress = silent,
) -> Likeness:
    """Which of N pictures belong together.

    Parameters
    ----------
    paths, records, prints
        Of the same N pictures.
    linked : pairs of rows
        Pictures that belong to one group for another reason than their looks.
    """
    pairs = find_pairs(prints, [record.sha256 for record in records], paths, thresholds, progress=progress)
    groups = join(len(paths), [*linked, *((pair.first, pair.second) for pair in pairs)])
    alike = join(len(paths), ((pair.first, pair.second) for pair in pairs if pair.duplicate))
    resolution = [face_side(record, prints, row) for row, record in enumerate(records)]
    names = [record.file for record in records]
    return Likeness(len(paths), pairs, groups, [choose(group, prints, resolution, names) for group in alike])


def face_side(record: Record, prints: Fingerprints, row: int) -> int:
    """The pixels that the face had in its source, if known, else those of the stored picture (the shorter side)."""
    if record.box:
        left, top, right, bottom = record.box
        return min(right - left, bottom - top)
    return int(prints.sizes[row].min())


def join(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The groups of two or more that pairs of `count` things make together (union-find), each sorted, in order."""
    parent = list(range(count))

    def root(thing: int) -> int:
        while parent[thing] != thing:
            parent[thing] = thing = parent[parent[thing]]  # every other step is cut short
        return thing

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    groups = defaultdict(list)
    for thing in range(count):
        groups[root(thing)].append(thing)
    return [group for group in groups.values() if len(group) > 1]


def choose(group: Sequence[int], prints: Fingerprints, resolution: Sequence[int], names: Sequence[str]) -> Choice:
    """Which one of a group of duplicates to keep: the larger, else the sharper, else the first by name."""
    sharpness = np.round(prints.sharpness, 2)
    best, second, *_ = order = sorted(group, key=lambda row: (-resolution[row], -sharpness[row], names[row]))
    if resolution[best] != resolution[second]:
        reason = f"larger: {resolution[best]} px, the next has {resolution[second]}"
    elif sharpness[best] != sharpness[second]:
        reason = f"sharper: {sharpness[best]:.2f}, the next has {sharpness[second]:.2f}"
    else:
        reason = "first by name"
    return Choice(best, tuple(order[1:]), reason)


def stage_likeness(
    stage: Path, thresholds: Thresholds, *, progress: Progress = silent
) -> tuple[list[Record], Likeness]:
    """The records of a finished stage, and which of its pictures belong together."""
    records = read_stage(stage)
    if not records:
        raise FileError(f"{stage} holds no pictures")
    paths = [stage / record.file for record in records]
    return records, find_likeness(paths, records, fingerprints(paths, progress=progress), thresholds, progress=progress)


def report(records: Sequence[Record], likeness: Likeness, thresholds: Thresholds) -> dict[str, Any]:
    """All groups for `duplicates.json`: their pictures, what is kept and why, and the reason for each pair."""
    choices = {row: choice for choice in likeness.choices for row in (choice.kept, *choice.removed)}
    pairs = defaultdict(list)
    group_of = {row: number for number, group in enumerate(likeness.groups) for row in group}
    for pair in likeness.pairs:
        pairs[group_of[pair.first]].append(pair)
    return {
        "format": FORMAT,
        "thresholds": asdict(thresholds),
        "counts": likeness.counts(),
        "groups": [
            {
                "name": Path(records[group[0]].file).stem,
                "pictures": [_picture(row, records, choices) for row in group],
                "pairs": [_pair(pair, records) for pair in pairs[number]],
            }
            for number, group in enumerate(likeness.groups)
        ],
    }


def _picture(row: int, records: Sequence[Record], choices: dict[int, Choice]) -> dict[str, str]:
    told, choice = {"file": records[row].file}, choices.get(row)
    if choice is None:
        return told
    if row == choice.kept:
        return told | {"kept": choice.reason}
    return told | {"duplicate_of": records[choice.kept].file}


def _pair(pair: Pair, records: Sequence[Record]) -> dict[str, Any]:
    files = [records[row].file for row in (pair.first, pair.second)]
    return {"files": files, "reason": pair.reason, "duplicate": pair.duplicate}
