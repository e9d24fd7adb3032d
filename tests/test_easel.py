"""The easel: many requests at once, each picture the same to the bit."""

import asyncio
import io
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import konomi
from konomi import api, drawing
from konomi.condition import Condition
from konomi.errors import InputError
from konomi.models import find_model, published
from konomi.network import for_any_number
from konomi.recipe import Recipe
from konomi.web.easel import Busy, Drawn, Easel, Limits, Order, TooSlow
from konomi.web.kept import Kept


def recipes_of(count: int, *, size: int = 64, **asked: Any) -> list[Recipe]:
    model = api.open_model("anime")
    condition = Condition.from_dict(model.schema, asked)
    return api.make_recipes(condition, model, count=count, seed=100, size=size)


def at_easel(work: Any, **limits: Any) -> Any:
    """What a coroutine function does with an easel of its own."""

    async def begin() -> Any:
        easel = Easel(Limits(**{"threads": 2, "timeout": 120.0, **limits}))
        try:
            return await work(easel)
        finally:
            easel.close()

    return asyncio.run(begin())


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def drawn_alone(recipe: Recipe) -> np.ndarray:
    (avatar,) = api.draw_recipes([recipe], api.open_model(recipe.model), threads=1)
    return np.asarray(avatar)


def test_pictures_drawn_together_equal_those_drawn_alone() -> None:
    recipes = recipes_of(11, hair_color="green")

    async def together(easel: Easel) -> list[bytes]:
        return await asyncio.gather(*(easel.picture(recipe) for recipe in recipes))

    for recipe, data in zip(recipes, at_easel(together), strict=True):
        assert np.array_equal(pixels(data), drawn_alone(recipe))


def test_what_waits_is_drawn_in_one_run() -> None:
    recipes = recipes_of(9)

    async def count(easel: Easel) -> tuple[int, int]:
        await asyncio.gather(*(easel.picture(recipe) for recipe in recipes))
        painter = easel._painter(recipes[0].model, recipes[0].model_sha256)
        return painter.drawn, painter.runs_made

    assert at_easel(count, threads=1) == (9, 2)  # 8 and 1


def test_who_comes_when_a_run_ends_is_drawn_too() -> None:
    """With one run at a time: a picture that is asked for in the very moment in which the last one is done."""
    recipes = recipes_of(4)

    async def one_after_the_other(easel: Easel) -> int:
        painter = easel._painter(recipes[0].model, recipes[0].model_sha256)
        async with asyncio.timeout(60):
            for recipe in recipes:
                await painter.core(recipe)
        return painter.drawn

    assert at_easel(one_after_the_other, threads=1) == 4


def test_every_bit_is_compared_before_pictures_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model, path = api.open_model("anime"), find_model("anime").path
    assert drawing.load_batch(path, model).most == drawing.BATCH
    true = drawing.open_session

    class Rounding:
        """As a runtime that adds in another order from three pictures on."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.session = true(*args, **kwargs)

        def run(self, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            (found,) = self.session.run(names, feed)
            if len(found) > 2:
                found[1, 0, 5, 5] = np.nextafter(found[1, 0, 5, 5], np.float32(9))
            return [found]

    monkeypatch.setattr(drawing, "open_session", Rounding)
    assert drawing.load_batch(path, model).most == 1
    assert drawing.load_batch(path, model, most=2).most == 2


def test_only_the_number_of_pictures_is_left_open() -> None:
    onnx = pytest.importorskip("onnx")
    for own in published("generator"):
        data = own.path.read_bytes()
        before, after = onnx.load_from_string(data), onnx.load_from_string(for_any_number(data))
        for graph in (before.graph, after.graph):
            for value in [*graph.input, *graph.output, *graph.value_info]:
                value.type.tensor_type.shape.dim[0].Clear()
        assert before == after
        assert for_any_number(data) != data


def test_a_search_does_not_wait_for_everybody_who_came_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("konomi.verifying.SURE", 2.0)  # the judge is never content: all candidates are drawn
    recipes, drawn = recipes_of(24, hair_color="pink"), list[int]()

    async def one(easel: Easel, recipe: Recipe) -> None:
        await easel.draw(Order(recipe, candidates=4))
        drawn.append(easel._painter(recipe.model, recipe.model_sha256).drawn)

    async def all_at_once(easel: Easel) -> None:
        await asyncio.gather(*(one(easel, recipe) for recipe in recipes))

    at_easel(all_at_once, threads=1)
    assert drawn[0] <= 8 * 4  # 8 are at work at once; all taking turns, it would be more than 24 * 3
    assert drawn[-1] == 24 * 4


def test_the_same_order_is_drawn_once_and_kept() -> None:
    (recipe,) = recipes_of(1)

    async def twice(easel: Easel) -> tuple[list[bytes], int]:
        found = [*await asyncio.gather(*(easel.picture(recipe) for _ in range(5))), await easel.picture(recipe)]
        return found, easel._painter(recipe.model, recipe.model_sha256).drawn

    found, drawn = at_easel(twice)
    assert len(set(found)) == 1
    assert drawn == 1


def test_a_search_finds_what_the_command_line_finds() -> None:
    asked = {"glasses": True, "hair_color": "pink", "eye_color": "pink"}
    (avatar,) = konomi.draw(seed=5, size=64, **asked)
    model = api.open_model("anime")
    (recipe,) = api.make_recipes(Condition.from_dict(model.schema, asked), model, count=1, seed=5, size=64)

    async def search(easel: Easel) -> list[Drawn]:
        orders = [Order(recipe, 8, "png"), Order(recipe, 8), Order(recipe, 8, "webp")]
        return [await easel.draw(order) for order in orders]

    for found in at_easel(search):
        assert (found.recipe, found.verdicts) == (avatar.recipe, avatar.verdicts)
        assert not found.data or np.array_equal(pixels(found.data), np.asarray(avatar))


def test_a_full_queue_is_told_at_once() -> None:
    recipes = recipes_of(6)

    async def crowd(easel: Easel) -> tuple[list[Any], float]:
        easel.open()
        waiting = [asyncio.create_task(easel.picture(recipe)) for recipe in recipes[:4]]
        await asyncio.sleep(0)
        begun = time.perf_counter()
        with pytest.raises(Busy, match="4 pictures wait already, of 4 that may"):
            await easel.picture(recipes[4])
        took = time.perf_counter() - begun
        same = await easel.picture(recipes[0])  # who joins those that wait needs no place
        assert same == (await asyncio.gather(*waiting))[0]
        await easel.picture(recipes[5])  # there is room again
        return [easel.waiting], took

    waiting, took = at_easel(crowd, queue=4)
    assert waiting == [0]
    assert took < 0.1


def test_what_takes_too_long_is_given_up_and_drawn_later(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = recipes_of(2)
    true = drawing.Batch.draw

    def slow(self: drawing.Batch, recipes: Any) -> Any:
        time.sleep(0.3)
        return true(self, recipes)

    async def hurry(easel: Easel) -> None:
        easel.open()
        monkeypatch.setattr(drawing.Batch, "draw", slow)
        with pytest.raises(TooSlow, match=r"not finished within 0\.1 s"):
            await easel.picture(first)
        assert easel.waiting == 0
        monkeypatch.undo()
        await asyncio.sleep(0.5)
        easel.limits = replace(easel.limits, timeout=120.0)
        assert await easel.picture(second)

    at_easel(hurry, timeout=0.1)


def test_an_error_in_drawing_reaches_everybody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = recipes_of(3)

    def broken(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    async def ask(easel: Easel) -> list[Any]:
        easel.open()
        monkeypatch.setattr(drawing.Batch, "draw", broken)
        return await asyncio.gather(*(easel.picture(recipe) for recipe in recipes), return_exceptions=True)

    assert [str(error) for error in at_easel(ask)] == ["out of memory"] * 3


def test_a_recipe_of_an_unknown_model_is_refused() -> None:
    (recipe,) = recipes_of(1)

    async def ask(easel: Easel) -> None:
        with pytest.raises(InputError, match="of a model that is not published"):
            await easel.picture(replace(recipe, model_sha256="ab" * 32))
        assert easel.waiting == 0

    at_easel(ask)


def test_no_more_is_kept_than_may_be() -> None:
    kept: Kept[str, str] = Kept(10)
    for name in "abc":
        kept.put(name, name.upper(), weight=4)
    assert (kept.get("a"), kept.get("b"), kept.get("c"), kept.weight) == (None, "B", "C", 8)
    kept.get("b")
    kept.put("d", "D", weight=4)
    assert (kept.get("b"), kept.get("c")) == ("B", None)  # c was not used for longer
    kept.put("b", "too heavy", weight=11)
    assert (kept.get("b"), kept.weight, len(kept)) == (None, 4, 1)
    kept.put("d", "E", weight=6)
    assert (kept.get("d"), kept.weight) == ("E", 6)
