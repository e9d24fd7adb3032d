"""What a dataset is to be built from: stages, labels, weights and shares, in Python or as a TOML file."""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from konomi.data.building.pairs import Thresholds
from konomi.errors import InputError
from konomi.files import reporting
from konomi.settings import check_keys, read_toml, typed


@dataclass(frozen=True)
class Ingredient:
    """One stage of a mixture."""

    stage: Path
    labels: tuple[Path, ...] = ()  # files of hand-made labels; what was judged by eye overrides the stage's tags
    weight: float = 1.0  # of tags that the stage brings
    by_eye_weight: float = 1.0  # of tags that were judged by eye
    licence: str = ""  # of pictures whose record does not say
    tags: dict[str, Any] = field(default_factory=dict)  # that hold for all its pictures, as {"framing": "close"}

    def __post_init__(self) -> None:
        for name in ("weight", "by_eye_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{self.stage}: {name} is {getattr(self, name)}; it must be 0 or more")


@dataclass(frozen=True)
class Mixture:
    """A whole dataset."""

    sources: tuple[Ingredient, ...]
    schema: str = "anime"
    size: int = 0  # side of the pictures in pixels; 0 keeps that of the sources
    sharp: bool = False  # enlarge what is smaller than `size` by super-resolution, not by interpolation
    leave_out: str = ""  # pictures whose name begins with one of these letters are not taken
    validation: float = 0.05  # share of the groups
    test: float = 0.05
    test_names: tuple[str, ...] = ()  # names or patterns of pictures that go into test, each with its whole group
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        if not self.sources:
            raise InputError("a dataset needs at least one stage to be built from")
        if self.size and self.size < 8:
            raise InputError(f"size is {self.size}; it must be at least 8 pixels, or 0 to keep that of the sources")
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise InputError(
                f"validation is {self.validation} and test is {self.test}; each is a share, together below 1"
            )

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        sources = [asdict(s) | {"stage": str(s.stage), "labels": [str(p) for p in s.labels]} for s in self.sources]
        return asdict(self) | {"sources": sources, "test_names": list(self.test_names)}


def read_mixture(path: Path) -> Mixture:
    """Read a mixture from a TOML file; an InputError names a missing, unknown or mistyped key.

    Paths are relative to where the command runs. `test_names` may also be the path of a text file, one name a line.
    """
    table = read_toml(path)
    where = str(path)
    check_keys(table, [*_TOP, "source", "thresholds"], where, required=["source"])
    if not isinstance(table["source"], list):
        raise InputError(f"{path}: sources are written as [[source]], with two brackets")
    names = table.get("test_names", ())
    if isinstance(names, str):
        table["test_names"] = read_names(Path(names))
    limits = table.get("thresholds", {})
    check_keys(limits, [f.name for f in fields(Thresholds)], f"{where} [thresholds]")
    mixture = Mixture(
        sources=tuple(_source(s, f"{where} [[source]] {i}") for i, s in enumerate(table["source"], start=1)),
        thresholds=Thresholds(**typed(limits, Thresholds(), f"{where} [thresholds]")),
    )
    return replace(mixture, **typed({k: table[k] for k in _TOP if k in table}, mixture, where))


_TOP = ("schema", "size", "sharp", "leave_out", "validation", "test", "test_names")


def read_names(path: Path) -> tuple[str, ...]:
    """Names or patterns, one a line; empty lines and those beginning with # are left alone."""
    with reporting("read", path):
        lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _source(table: dict[str, Any], where: str) -> Ingredient:
    check_keys(table, [f.name for f in fields(Ingredient)], where, required=["stage"])
    given = typed({k: v for k, v in table.items() if k not in ("stage", "labels", "tags")}, Ingredient(Path()), where)
    labels = table.get("labels", [])
    tags = table.get("tags", {})
    if not isinstance(table["stage"], str) or not isinstance(labels, list) or not isinstance(tags, dict):
        raise InputError(f"{where}: stage is the path of a folder, labels a list of paths, tags a table of attributes")
    return Ingredient(Path(table["stage"]), tuple(map(Path, labels)), **given, tags=tags)
