"""The published models: ONNX files, each with its card, listed in `models.toml`. They never change."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path

from konomi.errors import InputError, ModelError, shorten


@dataclass(frozen=True)
class Published:
    """One published model."""

    name: str  # versioned: anime-1
    number: int  # in share codes, 1 to 255, never used again
    sha256: str
    licence: str  # one line, written into every picture
    summary: str

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.onnx"

    @property
    def family(self) -> str:
        return self.name.rsplit("-", 1)[0]


FOLDER = Path(str(resources.files("konomi"))) / "models"


@cache
def published() -> tuple[Published, ...]:
    """All published models, in the order of `models.toml`: within a family the newest is last."""
    table = tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8"))
    known = {f.name for f in fields(Published)} - {"name"}
    for name, row in table.items():
        if set(row) != known:
            raise ModelError(f"models.toml: {name} has keys {sorted(row)}, not {sorted(known)}")
    return tuple(Published(name=name, **row) for name, row in table.items())


def find_model(name: str) -> Published:
    """The model called `name`; a family's name (`anime`) means its newest. An InputError lists what exists."""
    for model in reversed(published()):
        if name in (model.name, model.family):
            return model
    known = ", ".join(m.name for m in published())
    raise InputError(f"there is no model {shorten(name)!r}. Published: {known}; or give the path of an .onnx file.")


def find_number(number: int) -> Published:
    """The model that a share code names."""
    for model in published():
        if model.number == number:
            return model
    raise InputError(
        f"this share code needs model number {number}, which this version of Konomi does not have; update it"
    )
