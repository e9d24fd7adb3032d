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
from konomi.verifying import Judge, search

SIDE = 64  # pixels at which looks are measured
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Seen:
    """Drawn pictures and what is seen in them."""

    recipes: tuple[Recipe, ...]
    schema: Schema  # of the model
    weights: np.ndarray  # (N, slots) what they show, from 0 to 1
    whole: np.ndarray  # (N,) probability that the face is whole, NaN if nobody can say
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


def see(
    model: drawing.Model,
    recipes: Sequence[Recipe],
    *,
    candidates: int = 1,
    progress: Progress = lambda items, total: items,
) -> Seen:
    """Draw recipes at the model's own size and look at them.

    Of so many `candidates` of each the best is kept, if there is a judge (`konomi.verifying.search`). A slot that the
    judge has no tag for, or every slot where there is no judge, is as it was drawn.
    """
    judge = judge_of(model)

    def core(recipe: Recipe) -> Image.Image:
        return drawing.draw_core(model, recipe.condition, recipe.noises, recipe.variety)

    def best(recipe: Recipe, judge: Judge) -> tuple[Recipe, Image.Image]:
        tries = api.tries_of(recipe, model, candidates)
        kept, picture, _ = search(recipe, core, judge, tries=tries, rule=api.rule_of(model))
        return kept, picture

    def one(recipe: Recipe) -> tuple[Recipe, np.ndarray, float, Image.Image]:
        weights = drawing.filled(model, recipe.condition, recipe.noises)
        if judge is None:
            return recipe, weights, np.nan, resize(core(recipe), SIDE)
        kept, picture = best(recipe, judge) if candidates > 1 else (recipe, core(recipe))
        found = judge.look(np.asarray(picture)[None])[0]
        seen = found.probabilities[: len(weights)]
        return kept, np.where(np.isnan(seen), weights, seen), found.whole, resize(picture, SIDE)

    kept, weights, whole, small = zip(*progress(drawing.in_parallel(one, recipes), len(recipes)), strict=True)
    cores = stack(small)
    return Seen(kept, model.schema, np.stack(weights), np.array(whole), look(cores), cores)


def judge_of(model: drawing.Model) -> Judge | None:
    """Who says what the pictures of `model` show; None if no tagger knows its schema."""
    try:
        return api.open_judge(model)
    except InputError:
        return None
