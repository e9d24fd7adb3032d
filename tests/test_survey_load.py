"""Many people at once: nothing confirmed is lost or doubled, and what would be is found out."""

import asyncio
import csv
import importlib.util
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from konomi.errors import FileError
from konomi.web.guard import FewThreads
from konomi.web.together import Together

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("survey_load", ROOT / "benchmarks" / "survey_load.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["survey_load"] = found  # dataclasses look it up
    spec.loader.exec_module(found)
    return found


@pytest.mark.slow  # starts four programs
def test_a_killed_server_loses_and_doubles_nothing(load: ModuleType, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'survey.sqlite'}"
    _, told = load.load_test(tmp_path, database, people=20, seconds=10, kills=1, every=0.5)
    assert told["wrong_answers"] == []
    assert told["clicks_confirmed"] > 20
    assert told["kills"] == 1
    assert sum(told["errors_seen"].values()) > 0  # the kill was felt


# --- the comparison with the export ---


def person(load: ModuleType, *clicks: tuple[str, int, bool]) -> Any:
    found = load.Person(load.Crowd(0, 0.0, 1.0), 0)
    found.clicks = [load.Click(2, item, point, 1, 0.0, 0.1 if sure else None) for item, point, sure in clicks]
    return found


def exported(path: Path, *rows: tuple[str, str, int, int]) -> Path:
    with (path / "responses.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["person", "position", "item", "point", "changes", "order"])
        writer.writerows([who, 2, item, point, changes, 1] for who, item, point, changes in rows)
    return path / "responses.csv"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("a", "item_1", 3, 0), ("a", "item_2", 5, 1)], ""),
        ([("a", "item_1", 3, 0), ("a", "item_2", 5, 1), ("a", "item_3", 7, 0)], ""),  # on its way at the end
        ([("a", "item_2", 5, 1)], "confirmed and lost"),
        ([("a", "item_1", 4, 0), ("a", "item_2", 5, 1)], "point, changes and place are (4, 0, 1)"),
        ([("a", "item_1", 3, 0), ("a", "item_2", 5, 2)], "point, changes and place are (5, 2, 1)"),  # replayed
        ([("a", "item_1", 3, 0), ("a", "item_1", 3, 0), ("a", "item_2", 5, 1)], "1 rows are doubled"),
        ([("b", "item_1", 3, 0), ("a", "item_2", 5, 1)], "confirmed and lost"),
        ([("a", "item_1", 3, 0), ("a", "item_2", 5, 1), ("b", "item_1", 3, 0)], "nobody gave this answer"),
    ],
)
def test_what_is_wrong_is_found(load: ModuleType, tmp_path: Path, rows: list[Any], told: str) -> None:
    one = person(load, ("item_1", 3, True), ("item_2", 4, True), ("item_2", 5, True), ("item_3", 7, False))
    wrong = load.lost_or_doubled([one], ["a"], exported(tmp_path, *rows))
    assert told in " ".join(wrong) if told else wrong == []


# --- writes that come at once ---


class Slowly:
    """Writes a batch when it is told to, and remembers which there were."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        if 0 in batch:
            raise FileError("the disk is full")
        return [10 * one for one in batch]


def test_what_comes_meanwhile_is_written_in_one_go() -> None:
    write = Slowly()

    async def many() -> list[int]:
        together = Together[int, int](write)
        first = asyncio.create_task(together(1))
        await asyncio.sleep(0)  # it is being written
        await asyncio.sleep(0)
        return list(await asyncio.gather(first, *(together(n) for n in range(2, 9))))

    assert asyncio.run(many()) == [10 * n for n in range(1, 9)]
    assert [one for batch in write.batches for one in batch] == list(range(1, 9))
    assert len(write.batches) == 2


def test_a_failure_is_told_to_all_of_that_go_and_to_nobody_later() -> None:
    write = Slowly()

    async def some() -> tuple[list[Any], int]:
        together = Together[int, int](write)
        failed = await asyncio.gather(together(0), together(3), return_exceptions=True)
        return list(failed), await together(4)

    failed, later = asyncio.run(some())
    assert [str(one) for one in failed] == ["the disk is full"] * 2
    assert later == 40


def test_who_has_gone_away_keeps_nobody_from_their_result() -> None:
    async def some() -> int:
        together = Together[int, int](Slowly())
        gone = asyncio.create_task(together(1))
        await asyncio.sleep(0)
        kept = asyncio.create_task(together(2))
        gone.cancel()
        return await kept

    assert asyncio.run(some()) == 20


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_than_a_few_pages_are_made_at_once(threads: int) -> None:
    at_work, most, lock = [0], [0], threading.Lock()

    def page(request: Request) -> Response:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.05)
        with lock:
            at_work[0] -= 1
        return Response(request.url.path)

    app = FewThreads(Starlette(routes=[Route("/{name}", page)]), threads=threads)

    async def ask() -> list[str]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://here") as client:
            return [answer.text for answer in await asyncio.gather(*(client.get(f"/{n}") for n in range(7)))]

    assert asyncio.run(ask()) == [f"/{n}" for n in range(7)]
    assert most == [threads]
