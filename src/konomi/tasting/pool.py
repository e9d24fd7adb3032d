"""The pictures that people are asked about: drawn once for each model, and kept."""

from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from konomi import api, drawing
from konomi.condition import Condition
from konomi.files import make_folder, sha256, whole
from konomi.metrics.features import cache_folder
from konomi.recipe import Recipe
from konomi.taste.look import LOOK
from konomi.tasting.seeing import Progress, Seen, see

COUNT = 240
CANDIDATES = 3  # of each: a broken face says nothing of taste
KEPT = ("weights", "whole", "looks", "cores", "candidates")


def pool_recipes(model: drawing.Model, count: int) -> list[Recipe]:
    """What the model draws of itself, and in every other picture one value asked for, so that rare ones occur."""
    values = [(a, value) for a in model.schema.attributes for value in a.value_names]
    recipes = api.make_recipes(Condition(model.schema), model, count=count, seed=0, size=256)
    found = []
    for number, recipe in enumerate(recipes):
        attribute, value = values[number // 2 % len(values)]
        asked = {attribute.name: True if attribute.is_flag else value} if number % 2 else {}
        condition = Condition.from_dict(model.schema, asked)
        found.append(replace(recipe, condition=condition))
    return found


def open_pool(model: drawing.Model, *, count: int = COUNT, progress: Progress = lambda items, total: items) -> Seen:
    """The pool of `model`, from the cache if it was drawn before."""
    recipes = pool_recipes(model, count)
    path = _place(model, recipes)
    if (kept := _read(path, model, recipes)) is not None:
        return kept
    seen = see(model, recipes, candidates=CANDIDATES, progress=progress)
    make_folder(path.parent)
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, weights=seen.weights, whole=seen.whole, looks=seen.looks, cores=seen.cores,
            candidates=np.array([recipe.candidate for recipe in seen.recipes]),
        )  # fmt: skip
    return seen


def _place(model: drawing.Model, recipes: list[Recipe]) -> Path:
    """A file for each set of recipes, and version of Konomi: another one may have another judge."""
    told = [model.sha256, api.versions()["konomi"], CANDIDATES, *LOOK, *(recipe.to_json() for recipe in recipes)]
    return cache_folder() / "pools" / f"{sha256(repr(told).encode())[:20]}.npz"


def _read(path: Path, model: drawing.Model, recipes: list[Recipe]) -> Seen | None:
    """What was kept; None if it is not there or not whole: it is drawn again then."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            weights, wholeness, looks, cores, candidates = (kept[name] for name in KEPT)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    best = tuple(replace(r, candidate=int(c)) for r, c in zip(recipes, candidates, strict=True))
    return Seen(best, model.schema, weights, wholeness, looks, cores)
