"""Many small writes that come at once, done in one go: one wait for the disk serves everybody who is waiting.

Whoever comes while nothing is being written does not wait for company; whoever comes meanwhile is in the next go. They
have a thread of their own, so that nobody waits here for pages to be made.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Given = TypeVar("Given")
Told = TypeVar("Told")


class Together(Generic[Given, Told]):
    """Awaited with one thing to write; `write` gets all that wait, in the order they came, and tells each its result.

    What `write` raises, all of that go are told. For one event loop.
    """

    def __init__(self, write: Callable[[Sequence[Given]], Sequence[Told]]) -> None:
        self.write = write
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="together")
        self._waiting: list[tuple[Given, asyncio.Future[Told]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, one: Given) -> Told:
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, told))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await told

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                going, self._waiting = self._waiting, []
                await self._write(going)
        finally:
            self._writing = None

    async def _write(self, going: Sequence[tuple[Given, asyncio.Future[Told]]]) -> None:
        try:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self.write, [one for one, _ in going])
            results = await work
        except Exception as error:
            for _, told in going:
                if not told.done():  # else its client has gone
                    told.set_exception(error)
            return
        for (_, told), result in zip(going, results, strict=True):
            if not told.done():
                told.set_result(result)
