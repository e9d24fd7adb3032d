"""Neighbours, steps between two pictures, and one thing changed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from konomi.condition import Condition
from konomi.drawing import blended, noise
from konomi.errors import InputError
from konomi.recipe import MAX_NOISES, Noise, Recipe
from konomi.refining import edit, mix, vary, with_noises
from konomi.schema import load_schema
from strategies import recipes

LENGTH = 4096  # of the noise: long, so that angles are nearly exact


def recipe_of(seed: int, **asked: Any) -> Recipe:
    return Recipe("anime-1", "ab" * 32, Condition.from_dict(load_schema("anime"), asked), seed)


def angle(one: Recipe, other: Recipe) -> float:
    a, b = (blended(recipe.noises, LENGTH) for recipe in (one, other))
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


PRIOR = np.linspace(0.01, 0.07, len(load_schema("anime").slots))


def weights(recipe: Recipe) -> np.ndarray:
    """What a model draws where nothing is asked: its prior."""
    asked = recipe.condition.to_array()
    return np.where(np.isnan(asked), PRIOR, asked)


def test_a_blend_is_the_weighted_sum_of_noises_of_deviation_one() -> None:
    noises = [Noise(1), Noise(2, 3, 50)]
    expected = (noise(1, 6) + 0.5 * noise(2, 6, 3)) / np.sqrt(1.25)
    assert np.allclose(blended(noises, 6), expected, atol=1e-6)
    assert np.array_equal(blended([Noise(1)], 6), noise(1, 6))
    assert abs(blended(noises, 100_000).std() - 1) < 0.01


def test_further_candidates_are_other_noises_and_stay_what_they_are() -> None:
    drawn = [noise(5, 50, candidate) for candidate in range(4)]
    assert np.array_equal(drawn[0], noise(5, 50))
    assert all(abs(np.corrcoef(drawn[0], other)[0, 1]) < 0.5 for other in drawn[1:])
    assert tuple(noise(5, 2, 1).tolist()) == pytest.approx(CANDIDATE_1, abs=1e-6)


CANDIDATE_1 = (-1.5516142, 0.8910438)  # frozen with the first version that had candidates


def test_neighbours_turn_the_noise_by_the_angle_of_their_strength() -> None:
    recipe = recipe_of(7, hair_color="red")
    found = vary(recipe, count=3, strength=0.5)
    assert [n.condition for n in found] == [recipe.condition] * 3
    for neighbour in found:
        assert angle(recipe, neighbour) == pytest.approx(30, abs=2)
    assert angle(found[0], found[1]) > 30
    assert vary(recipe, count=3, strength=0.5) == found
    assert vary(recipe, count=1, strength=0.5, seed=1) == found[1:2]


def test_a_neighbour_of_a_neighbour_keeps_what_it_came_from() -> None:
    first = vary(recipe_of(7), count=1, strength=0.5)[0]
    second = vary(first, count=1, strength=0.5, seed=99)[0]
    assert angle(first, second) == pytest.approx(30, abs=2)
    assert second.seed == 7


@given(recipes, st.floats(0.05, 1), st.integers(0, 50))
def test_neighbours_are_always_valid_recipes(recipe: Recipe, strength: float, seed: int) -> None:
    for neighbour in vary(recipe, count=2, strength=strength, seed=seed):
        assert len(neighbour.noises) <= MAX_NOISES
        assert neighbour.noises[0].weight == max(n.weight for n in neighbour.noises)


@given(recipes)
def test_turning_by_nothing_changes_nothing(recipe: Recipe) -> None:
    kept = with_noises(recipe, [(noise, noise.weight) for noise in recipe.noises])
    before, after = blended(recipe.noises, 200), blended(kept.noises, 200)
    assert before @ after / np.linalg.norm(before) / np.linalg.norm(after) > 0.9999


def test_steps_lead_evenly_from_one_picture_to_the_other() -> None:
    one, other = recipe_of(1, hair_color="red", hat=True), recipe_of(2, hair_color="blue")
    found = mix(one, other, weights=weights, steps=5)
    assert found[0] == one
    assert found[-1] == other
    turned = [angle(found[i], found[i + 1]) for i in range(4)]
    assert turned == pytest.approx([90 / 4] * 4, abs=2.5)
    middle = found[2].condition.to_dict()
    assert middle["hair_color"] == {"red": 0.5, "blue": 0.5}
    hat = float(PRIOR[one.condition.schema.slot_index("hat")])
    assert middle["hat"] == pytest.approx((1 + hat) / 2, abs=0.01)
    assert set(middle) == {"hair_color", "hat"}


def test_equal_seeds_mix_to_themselves() -> None:
    found = mix(recipe_of(3, smile=True), recipe_of(3, smile=False), weights=weights, steps=3)
    assert found[1].noises == (Noise(3),)
    assert found[1].condition.to_dict() == {"smile": 0.5}


def test_pictures_of_two_models_do_not_mix() -> None:
    other = Recipe("anime-2", "cd" * 32, recipe_of(1).condition)
    with pytest.raises(InputError, match="anime-1 drew one picture and anime-2 the other"):
        mix(recipe_of(1), other, weights=weights)


def test_an_edit_changes_one_thing_and_keeps_the_person() -> None:
    recipe = recipe_of(3, hair_color="red", glasses=True)
    assert edit(recipe, {"hair_color": "blue"}) == recipe_of(3, hair_color="blue", glasses=True)
    assert edit(recipe, {"glasses": None}) == recipe_of(3, hair_color="red")
    with pytest.raises(InputError, match="Did you mean 'hair_color'"):
        edit(recipe, {"hair_colour": "blue"})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"count": 0}, "count is 0; it must be at least 1"),
        ({"strength": 0.0}, "strength is 0.0; it goes from just above 0 to 1"),
        ({"strength": 1.5}, "strength is 1.5"),
        ({"seed": -1, "count": 1}, "whole number from 0"),
    ],
)
def test_settings_out_of_range_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        vary(recipe_of(1), **settings)
    with pytest.raises(InputError, match="steps is 1; at least 2"):
        mix(recipe_of(1), recipe_of(2), weights=weights, steps=1)
