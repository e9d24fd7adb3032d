"""Which candidates are worth drawing, before any is drawn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import konomi
from konomi import api, drawing
from konomi.recipe import VARIATION, Noise, Recipe
from konomi.scouting import NEAR, POOL, Scout
from konomi.verifying import Look, Rule, verdicts

MODEL = "anime-7"


def recipe_of(**asked: Any) -> tuple[Recipe, drawing.Model]:
    model = api.open_model(MODEL)
    condition = api.understand("", asked, schema_name=model.schema.name).condition
    return api.make_recipes(condition, model, count=1, seed=11, size=64)[0], model


def scout_of(worth: list[float]) -> Scout:
    """Says of each candidate how surely it has a hat."""
    schema = api.open_model(MODEL).schema

    def look(z: np.ndarray, conditions: np.ndarray) -> list[Look]:
        assert z.shape == (POOL, 128)
        assert conditions.shape == (POOL, len(schema.slots))
        rows = np.full((POOL, len(schema.slots)), np.nan)
        rows[:, schema.slot_index("hat")] = worth
        return [Look(row) for row in rows]

    return Scout(look)


def test_it_reads_what_the_generator_reads() -> None:
    recipe, model = recipe_of(hair_color="pink", smile=0.5)
    z, conditions = drawing.inputs_each(model, recipe, [0, 3, 200])
    for row, number in enumerate((0, 3, 200)):
        alone = drawing.inputs(model, recipe.condition, [Noise(recipe.seed, number)], recipe.variety)
        assert np.array_equal(z[row], alone[0])
        assert np.array_equal(conditions[row], alone[1])
    plain, old = api.open_model("anime-1"), recipe.condition.within(api.open_model("anime-1").schema)
    z, conditions = drawing.inputs_each(plain, Recipe(plain.name, plain.sha256, old), [0, 1])
    assert np.array_equal(conditions[1], drawing.inputs(plain, old, [Noise(0, 1)], 0.7)[1])


def test_what_is_asked_to_be_there_is_asked_as_loudly_as_each_candidate_decides() -> None:
    recipe, model = recipe_of(hair_color="pink", ribbon=True, hat=False, smile=0.5)
    loud = replace(model, emphasis=(1.0, 2.0))
    z, conditions = drawing.inputs_each(loud, recipe, range(40))
    plain_z, plain = drawing.inputs_each(replace(model, emphasis=()), recipe, range(40))
    assert np.array_equal(z, plain_z)
    times = np.divide(conditions, plain, out=np.ones_like(plain), where=plain != 0)
    schema = model.schema
    hair, ribbon = times[:, schema.offsets["hair_color"]], times[:, schema.slot_index("ribbon")]
    assert np.array_equal(hair, np.repeat(hair[:, :1], hair.shape[1], axis=1))  # all values of a choice by the same
    assert {*hair[:, 0].tolist()} == {*ribbon.tolist()} == {1.0, 2.0}
    assert not np.array_equal(hair[:, 0], ribbon)
    asked = [*range(len(schema.slots))[schema.offsets["hair_color"]], schema.slot_index("ribbon")]
    assert (np.delete(times, asked, axis=1) == 1).all()
    for number in (0, 7):
        alone = drawing.inputs(loud, recipe.condition, [Noise(recipe.seed, number)], recipe.variety)
        assert np.array_equal(conditions[number], alone[1])


def test_a_blend_asks_as_loudly_as_its_people_in_the_mean_and_a_neighbour_as_its_origin() -> None:
    recipe, model = recipe_of(ribbon=True)
    loud, ribbon = replace(model, emphasis=(1.0, 2.0)), model.schema.slot_index("ribbon")

    def weight(*noises: Noise) -> float:
        return float(drawing.centred(loud, recipe.condition, noises)[ribbon])

    quiet, twice = (next(n for n in range(50) if drawing.emphasis_each(loud, recipe.condition, 3, [n])[0, ribbon] == f)
                    for f in (1, 2))  # fmt: skip
    assert weight(Noise(3, twice)) == 2 * weight(Noise(3, quiet))
    assert np.isclose(weight(Noise(3, quiet), Noise(3, twice)), 1.5 * weight(Noise(3, quiet)))
    assert weight(Noise(3, twice), Noise(8, VARIATION, 40)) == weight(Noise(3, twice))


def test_the_most_promising_are_tried_and_of_those_near_the_best_the_first() -> None:
    recipe, model = recipe_of(hat=True)
    worth = [0.1] * POOL
    worth[5], worth[20], worth[40], worth[9] = 0.9 - NEAR / 2, 0.9, 0.8, 0.5
    tries = scout_of(worth).tries(recipe, model, Rule(), 5)
    assert tries == [5, 20, 40, 9, 0]


def test_the_published_scout_foretells_its_judge() -> None:
    asked: list[dict[str, Any]] = [{"twintails": True}, {"glasses": True, "hair_color": "red"}, {"hat": True}, {}]
    judge, gain = api.open_judge(api.open_model(MODEL)), []
    for attributes in asked:
        recipe, model = recipe_of(**attributes)
        tries = api.tries_of(recipe, model, POOL)
        assert sorted(tries) == list(range(POOL))
        assert tries[:8] == api.tries_of(recipe, model, 8)
        best, worst = ([worth(recipe, model, judge, one) for one in some] for some in (tries[:4], tries[-4:]))
        gain.append(np.mean(best) - np.mean(worst))
    assert min(gain) > 0.3


def worth(recipe: Recipe, model: drawing.Model, judge: Any, one: int) -> float:
    noises = [Noise(recipe.seed, one)]
    look = judge.look(np.asarray(drawing.draw_core(model, recipe.condition, noises, recipe.variety))[None])[0]
    return api.rule_of(model).worth(verdicts(recipe.condition, look.probabilities), look.whole, look.liked)


def test_models_without_a_scout_and_blends_take_the_first_candidates() -> None:
    recipe, model = recipe_of(hat=True)
    old = api.open_model("anime-5")
    assert api.tries_of(recipe, old, 4) == range(4)
    blend = Recipe(model.name, model.sha256, recipe.condition, blend=(Noise(3),))
    assert api.tries_of(blend, model, 4) == range(4)


def test_the_winner_is_drawn_again_without_a_search(tmp_path: Path) -> None:
    (avatar,) = konomi.draw("green twintails, glasses", seed=5, size=64, model=MODEL)
    assert 0 < avatar.recipe.candidate < POOL
    avatar.save(tmp_path / "a.png")
    recipe, model = api.recall(str(tmp_path / "a.png"))
    (again,) = api.draw_recipes([recipe], model)
    assert np.array_equal(np.asarray(again), np.asarray(avatar))
