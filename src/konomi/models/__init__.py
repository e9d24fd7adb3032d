"""The published models: ONNX files, each with its card, listed in `models.toml`. They never change."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from konomi.errors import InputError, ModelError, shorten
from konomi.network import facts_of, open_session

# what a model does: draw a face, name what it shows, say so before it is drawn, find it in a picture, draw one from
# answers (Hayase's), or judge drawings while a generator goes on learning
KINDS = ("generator", "tagger", "scout", "detector", "dcgan", "discriminator")

GOALS = ("most", "everything")  # what candidates are compared by; see konomi.verifying.Rule
FREE = ("CC0 1.0",)  # how a licence begins that allows any use


@dataclass(frozen=True)
class Published:
    """One published model."""

    name: str  # versioned: anime-1
    kind: str  # one of KINDS
    sha256: str
    licence: str  # one line, written into every picture
    summary: str
    number: int = 0  # of a generator, in share codes: 1 to 255, never used again
    judge: str = ""  # of a generator: the tagger that chooses among its candidates, for ever the same
    scout: str = ""  # of a generator: who says which candidates are worth drawing; see konomi.scouting
    discriminator: str = ""  # of a generator: the one that goes on with it, in 'konomi train --from'
    calibration: tuple[float, float] = (1.0, 0.0)  # scale and shift of the judge's log-odds; see konomi.verifying
    goal: str = "most"  # of a generator: what its candidates are compared by; see konomi.verifying.Rule
    emphasis: tuple[float, ...] = ()  # of a generator: how loudly a candidate may ask; see konomi.drawing.emphasis_each
    network: str = ""  # of a generator: the one whose file it draws with, where only the judge is another

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.network or self.name}.onnx"

    @property
    def card(self) -> Path:
        return FOLDER / f"{self.name}.md"

    @property
    def family(self) -> str:
        return self.name.rsplit("-", 1)[0]

    @property
    def free(self) -> bool:
        """Whether what it draws may be used for anything, by anybody, without naming anybody."""
        return self.licence.startswith(FREE)


FOLDER = Path(str(resources.files("konomi"))) / "models"


def published(kind: str | None = None) -> tuple[Published, ...]:
    """The published models (of one kind), in the order of `models.toml`: within a family the newest is last."""
    return tuple(m for m in _published() if kind in (None, m.kind))


@cache
def _published() -> tuple[Published, ...]:
    table = tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8"))
    return tuple(_read_row(name, row) for name, row in table.items())


def _read_row(name: str, row: dict[str, Any]) -> Published:
    if row.get("kind") not in KINDS:
        raise ModelError(f"models.toml: {name} is of kind {row.get('kind')!r}, not one of {', '.join(KINDS)}")
    known = {"kind", "sha256", "licence", "summary"} | ({"number"} if row["kind"] == "generator" else set())
    further = {"judge", "scout", "calibration", "goal", "emphasis", "discriminator", "network"}
    judged = further if row["kind"] == "generator" else set()
    if set(row) - judged != known:
        raise ModelError(f"models.toml: {name} has keys {sorted(row)}, not {sorted(known)}")
    if row.get("goal", GOALS[0]) not in GOALS:
        raise ModelError(f"models.toml: {name} has goal {row['goal']!r}, not one of {', '.join(GOALS)}")
    pairs = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    return Published(name=name, **(row | pairs))


def find_model(name: str, *, kind: str = "generator", else_give: str = "the path of an .onnx file") -> Published:
    """The model called `name`; a family's name (`anime`) means its newest.

    An InputError lists what exists, and `else_give`: what else may be given where models are asked for.
    """
    for model in reversed(published(kind)):
        if name in (model.name, model.family):
            return model
    known = ", ".join(m.name for m in published(kind))
    what = "model" if kind == "generator" else kind
    raise InputError(f"there is no {what} {shorten(name)!r}. Published: {known}; or give {else_give}.")


def published_as(name: str, sha256: str) -> Published | None:
    """The generator of this name and file, if it was published; two may draw with the same file."""
    return next((m for m in published("generator") if (m.name, m.sha256) == (name, sha256)), None)


def find_number(number: int) -> Published:
    """The generator that a share code names."""
    for model in published("generator"):
        if model.number == number:
            return model
    raise InputError(
        f"this share code needs model number {number}, which this version of Konomi does not have; update it"
    )


def open_network(path: Path, *, name: str = "", sha256: str = "") -> tuple[Any, dict[str, Any]]:
    """An ONNX Runtime session on one thread, and the facts that Konomi wrote into the file when it was exported.

    A ModelError says when the file is missing, damaged, not of Konomi, or not the published `name` (by its hash).
    """
    session = open_session(path, name=name, sha256=sha256)
    return session, facts_of(session, path)


def open_published(model: Published) -> tuple[Any, dict[str, Any]]:
    """`open_network` of a published model; its hash must be the one of `models.toml`."""
    return open_network(model.path, name=model.name, sha256=model.sha256)
