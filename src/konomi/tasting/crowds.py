"""Which crowd a person starts from: a study's own, or nobody's."""

from pathlib import Path

import numpy as np

from konomi import api
from konomi.errors import InputError
from konomi.taste.preference import Crowd, Taste
from konomi.taste.profile import read_crowd, read_taste
from konomi.taste.session import origin_of
from konomi.taste.starting import starting_crowd


def open_crowd(origin: str) -> Crowd:
    """The crowd of an .npz file, or the starting crowd of a model, by its name or .onnx file."""
    if origin.endswith(".npz"):
        return read_crowd(Path(origin))
    model = api.open_model(origin)
    shares = model.guess.shares[""] if model.guess else model.prior
    return starting_crowd(model.schema, np.asarray(shares, dtype=np.float64))


def origin_named(crowd: Path | None, model: str) -> str:
    """What a profile notes of the crowd it starts from: the whole path of a file, or a model's versioned name."""
    if crowd is not None:
        return str(crowd.resolve())
    return str(Path(model).resolve()) if model.endswith(".onnx") else api.open_model(model).name


def open_taste(path: Path, crowd: Path | None = None) -> tuple[Crowd, Taste]:
    """The taste of a profile, with the crowd that it was learned with; `crowd` says where that lies now."""
    origin = str(crowd) if crowd else origin_of(path)
    if not origin:
        raise InputError(f"{path} does not say which crowd it was learned with; give its file with --crowd")
    found = open_crowd(origin)
    return found, read_taste(path, found)


def about_crowd(crowd: Crowd) -> str:
    """In a few words, whose replies stand behind a crowd."""
    people = int(crowd.facts.get("people", 0))
    if not people:
        return "nobody: no person took part, and nothing is liked beforehand"
    kind = "simulated people; no person took part" if crowd.simulated else "people"
    return f"{crowd.facts.get('replies', 0):,} replies of {people:,} {kind}"
