"""Which pictures train, which choose between models, and which measure: whole groups, the same ones every time."""

from collections.abc import Iterable, Mapping, Sequence, Set
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from konomi.errors import InputError
from konomi.files import sha256

SPLITS = ("train", "validation", "test")


def split_of(group: str, *, validation: float, test: float) -> str:
    """The split of a group by the hash of its name: it stays when other groups come and go, and when a share grows."""
    place = int(sha256(group.encode())[:13], 16) / 16**13
    if place < test:
        return "test"
    return "validation" if place >= 1 - validation else "train"


def split_groups(
    groups: Iterable[str], *, validation: float, test: float, forced: Set[str] = frozenset()
) -> dict[str, str]:
    """The split of each group; those in `forced` are in test."""
    return {g: "test" if g in forced else split_of(g, validation=validation, test=test) for g in groups}


def matching(pattern: str, names: Mapping[str, str]) -> frozenset[str]:
    """The groups of the pictures that a pattern names; `names` is {name of a picture, without ending: its group}.

    A pattern is a file name, with or without ending, or has `*` and `?` for any letters.
    """
    if "*" in pattern or "?" in pattern:
        return frozenset(group for name, group in names.items() if fnmatchcase(name, pattern))
    stem = PurePosixPath(pattern).stem
    return frozenset({names[stem]} if stem in names else ())


def forced_groups(patterns: Sequence[str], names: Mapping[str, str]) -> tuple[frozenset[str], list[str]]:
    """The groups that the patterns name together, and the patterns that name none.

    A list may be about more pictures than there are here; an InputError says if it is about none of them.
    """
    found = {pattern: matching(pattern, names) for pattern in patterns}
    missing = [pattern for pattern, groups in found.items() if not groups]
    if patterns and len(missing) == len(found):
        raise InputError(f"no picture is called {missing[0]!r}, which is to be in test, nor any other on the list")
    return frozenset().union(*found.values()), missing
