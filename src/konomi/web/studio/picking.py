"""Picking what one likes: the pages of the tasting, with a profile beside the album."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konomi.errors import KonomiError
from konomi.taste.questions import LARGEST
from konomi.tasting.sitting import open_sitting
from konomi.web import taste
from konomi.web.studio.visit import AnyVisit
from konomi.web.taste import Tasting


class Picking:
    """A sitting whose pictures are drawn aside, the first time that somebody comes."""

    def __init__(self, folder: Path, model: str) -> None:
        self.folder, self.model = folder, model
        self.done, self.of = 0, 1  # pictures
        self.tasting: Tasting | None = None
        self._failed: KonomiError | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> threading.Thread:
        """Open the profile and draw, unless that goes on already; the error of a try that has failed."""
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed
        if (thread := self._thread) is None:
            self._thread = thread = threading.Thread(target=self._prepare, daemon=True)
            thread.start()
        return thread

    def ready(self) -> Tasting:
        """Wait until everything is drawn."""
        while self.tasting is None:
            self.begin().join()
        return self.tasting

    def _prepare(self) -> None:
        try:
            path = self.folder / f"taste-{self.model}.json"  # a profile belongs to its model
            sitting = open_sitting(path, model=self.model, progress=self._counted)
            sitting.rows  # noqa: B018 - draws them
            self.tasting = Tasting(sitting)
        except KonomiError as error:
            self._failed, self._thread = error, None

    def _counted(self, items: Iterable[Any], total: int) -> Iterator[Any]:
        self.of = total
        for item in items:
            self.done += 1
            yield item


def prepared(request: Request) -> None:
    """Whoever comes to a page of the tasting by its own address finds it ready."""
    picking: Picking = request.app.state.picking
    request.app.state.tasting = picking.ready()


router = APIRouter()
router.include_router(taste.router, dependencies=[Depends(prepared)])


@router.get("/pick")
def pick(visit: AnyVisit) -> Response:
    """To the first question, or to a page that waits for it."""
    picking: Picking = visit.request.app.state.picking
    if picking.tasting is None:
        picking.begin()
        return visit.page("studio_wait.html", done=picking.done, of=picking.of)
    return RedirectResponse(taste.address(LARGEST, visit.language), 303)
