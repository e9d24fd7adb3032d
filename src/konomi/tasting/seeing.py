"""Pictures as taste sees them: what the judge says they show, and their looks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from konomi import api, drawing
from konomi.errors import InputError
from konomi.images import resize, stack
from konomi.recipe import Recipe
from konomi.schema import Schema
from konomi.taste.look import LOOK, look
from konomi.taste.preference import Crowd
from konomi.verifying import Judge

SIDE = 64  # pixels at which looks are measured
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Seen:
    """Drawn pictures and what is seen in them."""

    recipes: tuple[Recipe, ...]
    schema: Schema  # of the model
    weights: np.ndarray  # (N, slots) what they show, from 0 to 1
    looks: np.ndarray  # (N, 5)
    cores: np.ndarray  # (N, 64, 64, 3) uint8

    def rows(self, crowd: Crowd) -> np.ndarray:
        """Weights and looks as the crowd knows them, (N, slots + features), unknown NaN."""
        return rows_for(crowd, self.schema, self.weights, self.looks)

    def design(self, crowd: Crowd) -> np.ndarray:
        """(N, D)"""
        rows, slots = self.rows(crowd), len(crowd.schema.slots)
        return crowd.design(rows[:, :slots], rows[:, slots:] if crowd.features else None)


def rows_for(crowd: Crowd, schema: Schema, weights: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Weights by `schema` and looks, as a crowd of another version of that schema knows them; unknown NaN."""
    if crowd.schema.name != schema.name:
        raise InputError(f"the taste is about {crowd.schema.name!r} pictures; this model draws {schema.name!r} ones")
    if crowd.features not in (0, len(LOOK)):
        raise InputError(f"the crowd sees {crowd.features} features of its own; pictures can be drawn for {len(LOOK)}")
    slots = len(crowd.schema.slots)
    known = np.full((len(weights), slots), np.nan)
    known[:, : weights.shape[1]] = weights[:, :slots]
    return np.hstack([known, looks]) if crowd.features else known


def see(model: drawing.Model, recipes: Sequence[Recipe], *, progress: Progress = lambda items, total: items) -> Seen:
    """Draw recipes at the model's own size and look at them.

    A slot that the judge has no tag for, or every slot where there is no judge, is as it was drawn.
    """
    judge = judge_of(model)

    def one(recipe: Recipe) -> tuple[np.ndarray, Image.Image]:
        core = drawing.draw_core(model, recipe.condition, recipe.noises, recipe.variety)
        return _shown(model, recipe, np.asarray(core), judge), resize(core, SIDE)

    weights, small = zip(*progress(drawing.in_parallel(one, recipes), len(recipes)), strict=True)
    cores = stack(small)
    return Seen(tuple(recipes), model.schema, np.stack(weights), look(cores), cores)


def judge_of(model: drawing.Model) -> Judge | None:
    """Who says what the pictures of `model` show; None if no tagger knows its schema."""
    try:
        return api.open_judge(model)
    except InputError:
        return None


def _shown(model: drawing.Model, recipe: Recipe, core: np.ndarray, judge: Judge | None) -> np.ndarray:
    drawn = drawing.filled(model, recipe.condition, recipe.noises)
    if judge is None:
        return drawn
    seen = judge(core[None])[0][: len(drawn)]
    return np.where(np.isnan(seen), drawn, seen)
