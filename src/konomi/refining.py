"""From recipes to recipes: near neighbours of a picture, steps between two, one thing changed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from konomi.condition import Condition
from konomi.errors import InputError
from konomi.recipe import MAX_NOISES, VARIATION, Noise, Recipe, check_seed

STRENGTH = 0.35  # of `vary`: clearly another picture, clearly the same person
STEPS = 7  # of `mix`


def vary(recipe: Recipe, *, count: int = 8, strength: float = STRENGTH, seed: int = 0) -> list[Recipe]:
    """Near neighbours of a picture: the same condition, and noise turned a little towards that of other seeds.

    Parameters
    ----------
    count : int >= 1
        How many; neighbour i turns towards the noise of seed + i of its own kind (`VARIATION`).
    strength : float in (0, 1]
        The sine of the angle that the noise is turned by; at 1 nothing of it is left.
    seed : int
        Another one gives other neighbours.

    Raises
    ------
    InputError
        For a count, strength or seed out of range.
    """
    if count < 1:
        raise InputError(f"count is {count}; it must be at least 1")
    if not 0 < strength <= 1:
        raise InputError(f"strength is {strength}; it goes from just above 0 to 1")
    check_seed(seed + count - 1)
    kept, turned = math.sqrt(1 - strength**2), strength
    return [
        with_noises(recipe, [*_scaled(recipe.noises, kept), (Noise(seed + i, VARIATION), turned)]) for i in range(count)
    ]


def mix(one: Recipe, other: Recipe, *, weights: Callable[[Recipe], np.ndarray], steps: int = STEPS) -> list[Recipe]:
    """Steps from one picture to another, in noise, condition and variety; the first is `one`, the last is `other`.

    Parameters
    ----------
    weights : callable(Recipe)
        The weights (slots,) that the model draws a recipe with, none of them NaN: what is asked of one picture only
        fades from what the model chose for the other.
    steps : int >= 2
        How many pictures, both ends included.

    Raises
    ------
    InputError
        For too few steps, or if the two were drawn by different models.
    """
    if steps < 2:
        raise InputError(f"steps is {steps}; at least 2 are needed, the pictures themselves")
    if one.model_sha256 != other.model_sha256:
        raise InputError(f"{one.model} drew one picture and {other.model} the other; only pictures of one model mix")
    between = [_between(one, other, i / (steps - 1), weights) for i in range(1, steps - 1)]
    return [one, *between, replace(other, size=one.size)]


def edit(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The same person with some attributes changed: {"hair_color": "blue"}; None lets the model choose again.

    An InputError names an unknown attribute or value.
    """
    schema = recipe.condition.schema
    asked = recipe.condition.to_dict()
    asked |= {schema.attribute(name).name: value for name, value in changes.items()}
    return replace(recipe, condition=Condition.from_dict(schema, {k: v for k, v in asked.items() if v is not None}))


def _between(one: Recipe, other: Recipe, part: float, weights: Callable[[Recipe], np.ndarray]) -> Recipe:
    angle = part * math.pi / 2  # noises lie on a sphere: walk along it at an even pace
    noises = [*_scaled(one.noises, math.cos(angle)), *_scaled(other.noises, math.sin(angle))]
    condition = _mean(one, other, part, weights)
    variety = round((1 - part) * one.variety + part * other.variety, 2)
    return with_noises(replace(one, condition=condition, variety=variety), noises)


def _scaled(noises: Sequence[Noise], length: float) -> list[tuple[Noise, float]]:
    """Noises with weights whose squares add up to the square of `length`."""
    whole = math.sqrt(sum(noise.weight**2 for noise in noises))
    return [(noise, noise.weight / whole * length) for noise in noises]


def with_noises(recipe: Recipe, noises: Sequence[tuple[Noise, float]]) -> Recipe:
    """`recipe` with this blend: equal noises are added up, and the strongest one gives the seed.

    Weights are kept in hundredths of the strongest; what rounds to nothing goes, and so does what is weaker than the
    twelve strongest.
    """
    sums: dict[tuple[int, int], float] = {}
    for noise, weight in noises:
        key = noise.seed, noise.candidate
        sums[key] = sums.get(key, 0.0) + weight
    ordered = sorted(sums.items(), key=lambda item: -item[1])[:MAX_NOISES]  # stable: the first of equals stays first
    (seed, candidate), strongest = ordered[0]
    rest = [(key, round(100 * weight / strongest)) for key, weight in ordered[1:]]
    blend = tuple(Noise(*key, weight) for key, weight in rest if weight)
    return replace(recipe, seed=seed, candidate=candidate, blend=blend)


def _mean(one: Recipe, other: Recipe, part: float, weights: Callable[[Recipe], np.ndarray]) -> Condition:
    mean = (1 - part) * weights(one) + part * weights(other)
    asked = sorted({slot for recipe in (one, other) for slot, _ in recipe.condition.weights})
    return Condition.from_slots(one.condition.schema, {slot: float(mean[slot]) for slot in asked})
