"""Draws what the pages show, in the order in which they ask for it."""

import asyncio
import io
import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from fastapi import Request
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from konomi import api, drawing
from konomi.condition import Condition
from konomi.errors import InputError
from konomi.models import published_as
from konomi.recipe import Recipe, to_code
from konomi.schema import Attribute, Schema
from konomi.verifying import CANDIDATES, Judge, Verdict, verdicts
from konomi.web.easel import Easel, Limits, Order
from konomi.web.kept import Kept

GONE = 499  # a status that nobody reads: whoever asked has left the page
PORTRAITS = 2000  # whose judgement is kept in memory
COMMON = 0.98  # share in the training data from which on nobody wants to hear of it
LIMITS = Limits(queue=1000, timeout=120.0)  # one person only, who may have a slow computer and much patience


@dataclass(frozen=True)
class Portrait:
    """A share code's picture in the judge's eyes."""

    code: str
    recipe: Recipe
    model: drawing.Model
    probabilities: np.ndarray | None  # (slots,), NaN where the judge has no opinion; None without a judge
    verdicts: tuple[Verdict, ...]

    @cached_property
    def seen(self) -> Condition:
        """What the picture shows: what was asked and is drawn, and of all else what the judge sees."""
        if self.probabilities is None:
            return self.recipe.condition
        schema, failed = self.model.schema, {v.slot.partition(".")[0] for v in self.verdicts if not v.drawn}
        found = {k: v for k, v in self.recipe.condition.to_dict().items() if k not in failed}
        for attribute in schema.attributes:
            chances = self.probabilities[schema.offsets[attribute.name]]
            if attribute.name not in found and (value := _shown(attribute, chances)) is not None:
                found[attribute.name] = value
        return worth_saying(Condition.from_dict(schema, found), self.recipe.condition, self.model)


def _shown(attribute: Attribute, chances: np.ndarray) -> str | bool | None:
    """The value that is most probably shown, if any is."""
    if np.isnan(chances).any():
        return None
    best = int(np.argmax(chances))
    if chances[best] < 0.5 and not attribute.exclusive:
        return None
    return True if attribute.is_flag else attribute.value_names[best]


def worth_saying(told: Condition, asked: Condition, model: drawing.Model) -> Condition:
    """`told` without what goes without saying: what nobody asked for, and is absent, or nearly everybody's."""
    given = {slot for slot, _ in asked.weights}
    kept = {
        slot: weight for slot, weight in told.weights
        if slot in given or (weight >= 0.5 and model.prior[slot] < COMMON)
    }  # fmt: skip
    return Condition.from_slots(told.schema, kept)


class Board:
    """Draws with one published model, and with the others what they drew."""

    def __init__(self, model: str) -> None:
        self.model = api.open_model(model)
        self.easel = Easel(LIMITS)
        self._judged: Kept[str, Portrait] = Kept(PORTRAITS)
        self._turns = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    @property
    def schema(self) -> Schema:
        return self.model.schema

    @asynccontextmanager
    async def turn(self, request: Request) -> AsyncIterator[None]:
        """Waits until few others draw; refuses then to draw for somebody who has left the page meanwhile."""
        async with self._turns:
            if await request.is_disconnected():
                raise HTTPException(GONE, "gone")
            yield

    def read(self, code: str) -> tuple[Recipe, drawing.Model]:
        """The recipe of a share code, and the model that draws it; an InputError says what is wrong with the code."""
        return api.recall_code(code)

    def code(self, recipe: Recipe, model: drawing.Model | None = None) -> str:
        return to_code(recipe, number=(model or self.model).number)

    def canonical(self, code: str) -> str:
        """A share code as Konomi writes it, whatever its case, spaces and hyphens."""
        return self.code(*self.read(code))

    def model_of(self, recipe: Recipe) -> tuple[Recipe, drawing.Model]:
        """A recipe out of a picture within its model's schema; an InputError if that model is not published."""
        if published_as(recipe.model, recipe.model_sha256) is None:
            raise InputError(f"the picture was drawn by {recipe.model}, which this Konomi does not have")
        model = api.open_model(recipe.model)
        return replace(recipe, condition=recipe.condition.within(model.schema)), model

    async def file(self, code: str, size: int, file_format: str = "png") -> bytes:
        """The picture of a code at a size, with its recipe inside."""
        recipe, _ = self.read(code)
        return await self.easel.picture(replace(recipe, size=size), file_format)

    async def picture(self, code: str, size: int) -> Image.Image:
        """The same, to be worked on."""
        return Image.open(io.BytesIO(await self.file(code, size))).convert("RGB")

    async def settled(self, code: str) -> str:
        """The code of the best candidate of a code that holds none yet: what `konomi draw` draws with its seed."""
        recipe, model = self.read(code)
        candidates = CANDIDATES if api.has_judge(model) and not recipe.blend else 1
        return self.code((await self.easel.draw(Order(recipe, candidates))).recipe, model)

    def intended(self, recipe: Recipe, model: drawing.Model) -> Condition:
        """What the model sets out to draw: what was asked, and what it chooses itself."""
        weights = drawing.filled(model, recipe.condition, recipe.noises).tolist()
        return Condition.from_slots(
            model.schema, {slot: weight for slot, weight in enumerate(weights) if not math.isnan(weight)}
        )

    async def portrait(self, code: str) -> Portrait:
        """What the judge makes of a code's picture."""
        if (known := self._judged.get(code)) is not None:
            return known
        recipe, model = self.read(code)
        judge = await run_in_threadpool(judge_of, model)
        if judge is None:
            return Portrait(code, recipe, model, None, ())
        core = np.asarray(await self.picture(code, model.size))
        probabilities = (await run_in_threadpool(judge, core[None]))[0]
        found = verdicts(recipe.condition, probabilities, api.rule_of(model).calibration)
        self._judged.put(code, portrait := Portrait(code, recipe, model, probabilities, found))
        return portrait


def judge_of(model: drawing.Model) -> Judge | None:
    """Who looks at the pictures of a model; None where no tagger knows its schema."""
    try:
        return api.open_judge(model)
    except InputError:
        return None
