"""Which pictures of several stages make a dataset: no duplicates, and groups that no split parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from konomi.data.building.duplicates import Likeness, find_likeness
from konomi.data.building.fingerprints import Fingerprints
from konomi.data.building.gather import Candidate
from konomi.data.building.mixture import Mixture
from konomi.data.building.split import forced_groups, split_groups
from konomi.data.progress import Progress


def likeness_of(
    candidates: Sequence[Candidate], prints: Fingerprints, mixture: Mixture, progress: Progress
) -> Likeness:
    """What belongs together by looks, by name, or by a group that a stage knew of."""
    return find_likeness(
        [candidate.path for candidate in candidates],
        [candidate.record for candidate in candidates],
        prints,
        mixture.thresholds,
        linked=_linked(candidates),
        progress=progress,
    )


def _linked(candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
    """Rows that share a name, or a group that their stage knew of."""
    first: dict[tuple[Any, ...], int] = {}
    links = []
    for row, candidate in enumerate(candidates):
        keys: list[tuple[Any, ...]] = [(PurePosixPath(candidate.record.file).stem,)]
        if candidate.record.group:
            keys.append((candidate.source.stage, candidate.record.group))
        links += [(first.setdefault(key, row), row) for key in keys]
    return [link for link in links if link[0] != link[1]]


@dataclass(frozen=True)
class Chosen:
    """What a dataset is made of."""

    kept: dict[int, Candidate]  # by row
    unmatched: list[str]  # names that were to be in test and that no picture has


def choose(candidates: Sequence[Candidate], likeness: Likeness, mixture: Mixture) -> Chosen:
    """What is kept, with its group, split and weight, and with what was judged by eye of its duplicates."""
    groups = _group_names(candidates, likeness)
    names = {_name(candidate): group for candidate, group in zip(candidates, groups, strict=True)}
    forced, unmatched = forced_groups(mixture.test_names, names)
    forced |= {groups[row] for row, candidate in enumerate(candidates) if candidate.record.split == "test"}
    splits = split_groups(groups, validation=mixture.validation, test=mixture.test, forced=forced)
    duplicates = {choice.kept: [candidates[row] for row in choice.removed] for choice in likeness.choices}
    kept = {}
    for row in sorted(set(range(len(candidates))) - likeness.removed):
        heir = candidates[row].inherit(duplicates.get(row, ()))
        known = replace(heir.record, group=groups[row], split=splits[groups[row]], weight=heir.weight)
        kept[row] = replace(heir, record=known)
    return Chosen(kept, unmatched)


def _group_names(candidates: Sequence[Candidate], likeness: Likeness) -> list[str]:
    """Each row's group, called after the first by name of its pictures, those removed included."""
    names = [_name(candidate) for candidate in candidates]
    groups = list(names)
    for group in likeness.groups:
        first = min(names[row] for row in group)
        for row in group:
            groups[row] = first
    return groups


def _name(candidate: Candidate) -> str:
    return PurePosixPath(candidate.record.file).stem
