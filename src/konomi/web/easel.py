"""The easel: where one process draws, for any number of requests at once.

Requests that wait together are drawn in one run of the network; the same picture asked for twice is drawn once; what is
finished is kept for a while. How much may wait, and for how long, is limited, and whoever comes when the queue is full
is told at once. A picture is the same to the bit whatever else is drawn beside it (`konomi.drawing.load_batch`).
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from konomi import api, metadata
from konomi.drawing import BATCH, Batch, Model
from konomi.errors import InputError, KonomiError
from konomi.models import published, published_as
from konomi.recipe import Recipe
from konomi.upscale import upscale
from konomi.verifying import Found, Verdict, check_candidates, searching
from konomi.web.kept import Kept

T = TypeVar("T")


class Busy(KonomiError):
    """As many pictures wait as may."""


class TooSlow(KonomiError):
    """A picture took longer than it may."""


@dataclass(frozen=True)
class Limits:
    """What one process may take upon itself."""

    queue: int = 64  # different pictures that are waited for at once
    timeout: float = 10.0  # seconds that a picture may take, its waiting included
    threads: int = os.cpu_count() or 1
    cache: int = 64_000_000  # bytes of finished files that are kept
    searches: int = 5_000  # results of searches that are kept


@dataclass(frozen=True)
class Order:
    """A picture to draw: of a recipe, or of the best candidate of it."""

    recipe: Recipe
    candidates: int = 1
    file_format: str = ""  # png or webp; empty: no file, only what the judge says


@dataclass(frozen=True)
class Drawn:
    """What became of an order."""

    recipe: Recipe  # of the candidate that won
    verdicts: tuple[Verdict, ...]
    data: bytes = b""  # the file


class Easel:
    """Draws orders. Everything but the drawing itself happens in the event loop that it is used in."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits = limits or Limits()
        self._pool = ThreadPoolExecutor(limits.threads, "easel")
        self._painters: dict[str, Painter] = {}  # by name of the model
        self._begun: dict[Order, asyncio.Task[Drawn]] = {}
        self._places = asyncio.Semaphore(limits.threads * BATCH)  # at work at once; the others wait in their order
        self._files: Kept[Order, Drawn] = Kept(limits.cache)
        self._found: Kept[tuple[Recipe, int], tuple[Recipe, tuple[Verdict, ...]]] = Kept(limits.searches)

    @property
    def waiting(self) -> int:
        """How many pictures are waited for."""
        return len(self._begun)

    def open(self) -> None:
        """Load every published model beforehand, so that nobody waits for it."""
        for own in published("generator"):
            painter = self._painter(own.name, own.sha256)
            if own.judge:
                api.open_judge(painter.model)

    def close(self) -> None:
        """Let what has begun end, and draw no more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def picture(self, recipe: Recipe, file_format: str = "png") -> bytes:
        """The bytes of a PNG or WebP file with the recipe inside; errors as `draw`."""
        return (await self.draw(Order(recipe, file_format=file_format))).data

    async def draw(self, order: Order) -> Drawn:
        """Draw an order.

        Busy if the queue is full, TooSlow if it takes longer than the limits allow, and an InputError for a recipe of a
        model that is not published, or for too many candidates.
        """
        check_candidates(order.candidates)
        if (kept := self._files.get(order)) is not None:
            return kept
        if (task := self._begun.get(order)) is None:
            self._check_queue()
            task = self._begun[order] = asyncio.create_task(self._in_time(self._draw(order)))
            task.add_done_callback(lambda ended: self._end(order, ended))
        return await asyncio.shield(task)  # others may wait for it, too

    async def draw_all(self, orders: Sequence[Order]) -> list[Drawn]:
        """Draw several orders side by side; Busy, at once, if there is no room for all of them. Errors as `draw`."""
        self._check_queue(len({o for o in orders if o not in self._begun and self._files.get(o) is None}))
        return await asyncio.gather(*(self.draw(order) for order in orders))

    def _end(self, order: Order, ended: "asyncio.Task[Drawn]") -> None:
        del self._begun[order]
        if not ended.cancelled():
            ended.exception()  # taken note of, though everybody who waited may have gone

    def _check_queue(self, more: int = 1) -> None:
        if self.waiting + more > self.limits.queue:
            raise Busy(f"{self.waiting} pictures wait already, of {self.limits.queue} that may; try again in a moment")

    async def _in_time(self, drawing: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self.limits.timeout):
                return await drawing
        except TimeoutError:
            raise TooSlow(f"the picture was not finished within {self.limits.timeout:g} s; try again later") from None

    async def _draw(self, order: Order) -> Drawn:
        async with self._places:
            return await self._drawn(order)

    async def _drawn(self, order: Order) -> Drawn:
        recipe, core, verdicts = await self._search(order)
        if not order.file_format:
            return Drawn(recipe, verdicts)
        core = core or await self._painter(recipe.model, recipe.model_sha256).core(recipe)
        data = await self._aside(lambda: finish(core, recipe, order.file_format))
        drawn = Drawn(recipe, verdicts, data)
        self._files.put(order, drawn, weight=len(data))
        return drawn

    async def _search(self, order: Order) -> tuple[Recipe, Image.Image | None, tuple[Verdict, ...]]:
        """The recipe that wins, its picture if it was drawn for that, and what the judge says of it."""
        recipe, key = order.recipe, (order.recipe, order.candidates)
        if order.candidates == 1:
            return recipe, None, ()
        if (known := self._found.get(key)) is not None:
            return known[0], None, known[1]
        found = await self._judged(order)
        self._found.put(key, (found[0], found[2]))
        return found

    async def _judged(self, order: Order) -> Found:
        """`konomi.verifying.search`, step by step, so that the candidates of several searches are drawn together."""
        painter = self._painter(order.recipe.model, order.recipe.model_sha256)
        judge = await self._aside(lambda: api.open_judge(painter.model))
        tries = await self._aside(lambda: api.tries_of(order.recipe, painter.model, order.candidates))
        steps = searching(order.recipe, tries=tries, rule=api.rule_of(painter.model))
        tried = next(steps)
        while True:
            core = await painter.core(tried)
            look = await self._aside(lambda core=core: judge.look(np.asarray(core)[None])[0])  # type: ignore[misc]
            try:
                tried = steps.send((core, look))
            except StopIteration as done:
                found: Found = done.value
                return found

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _painter(self, name: str, sha256: str) -> "Painter":
        """The painter of a published model; an InputError if there is none of that name and hash."""
        if published_as(name, sha256) is None:
            raise InputError("the recipe is of a model that is not published; it cannot be drawn here")
        if name not in self._painters:
            batch = api.open_batch(api.open_model(name))
            self._painters[name] = Painter(batch, self._pool, self.limits.threads)
        return self._painters[name]


def finish(core: Image.Image, recipe: Recipe, file_format: str) -> bytes:
    """The file of a picture that is drawn at its model's own size."""
    told = replace(recipe, versions=api.versions()).to_json()
    return metadata.encode(upscale(core, recipe.size), file_format, recipe=told, licence=recipe.licence)


class Painter:
    """Draws what waits, as much as there is in one run of the network, in at most `runs` threads at once."""

    def __init__(self, batch: Batch, pool: ThreadPoolExecutor, runs: int) -> None:
        self.batch, self.pool, self.runs = batch, pool, runs
        self.drawn = self.runs_made = 0
        self._waiting: deque[tuple[Recipe, asyncio.Future[Image.Image]]] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def model(self) -> Model:
        return self.batch.model

    async def core(self, recipe: Recipe) -> Image.Image:
        """The picture of `recipe` at the model's own size."""
        future: asyncio.Future[Image.Image] = asyncio.get_running_loop().create_future()
        self._waiting.append((recipe, future))
        if self._running < self.runs:
            self._running += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)  # or nothing would hold on to it
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self) -> None:
        """Draw until nothing waits."""
        while taken := self._take():
            recipes, futures = zip(*taken, strict=True)
            try:
                pictures = await asyncio.get_running_loop().run_in_executor(self.pool, self.batch.draw, recipes)
            except Exception as error:
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            else:
                self.drawn, self.runs_made = self.drawn + len(recipes), self.runs_made + 1
                for future, picture in zip(futures, pictures, strict=True):
                    if not future.done():
                        future.set_result(picture)
        self._running -= 1  # at once: whoever comes now finds it ended

    def _take(self) -> list[tuple[Recipe, asyncio.Future[Image.Image]]]:
        """What goes into the next run; nobody waits any more for what was cancelled."""
        taken: list[tuple[Recipe, asyncio.Future[Image.Image]]] = []
        while self._waiting and len(taken) < self.batch.most:
            recipe, future = self._waiting.popleft()
            if not future.done():
                taken.append((recipe, future))
        return taken
