"""Many people answer a survey at once, its server is killed on the way: what is lost, and how long does a click take?

    python benchmarks/survey_load.py [--people 20 200] [--seconds 90] [--kills 2]

SIMULATED: no person takes part. A real `konomi survey serve` runs on SQLite, then on a PostgreSQL of its own, both on
the disk that holds the temporary folder and both waiting for it. People come within the first third, 30 s at most, walk
the real pages, and click every 2 s, give or take half; one in twenty answers is thought over and changed. SIGKILL hits
the server on the way, evenly spread, and it is started again at once; the time until it answers does not count as time
to click. As the page's script does, a click that is not confirmed is sent again after 3 s, the same bytes, and later
ones wait behind it. At the end every confirmed answer is looked up in `konomi survey export`: the point, how often it
was changed, and the place of the item on the page that this very person saw.

Two times are measured from the moment of the click to its confirmation: of all clicks, and of those that no outage
touched (from the kill until the server answers again and the last of those who wait 3 s have tried). The machine's
own share is measured beside it, in the same seconds and with the same client: a web server that says "ok" and does
nothing else, and one write to the disk (fdatasync of 4 kB). Writes benchmarks/survey_load.json and .png.
"""

import argparse
import asyncio
import csv
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from konomi.files import write_json
from konomi.web.survey_folder import open_survey

ROOT = Path(__file__).parents[1]
EVERY, AGAIN, GIVE_UP = 2.0, 3.0, 60.0  # seconds: between clicks, until a failed one is sent again, of one request
ARRIVING = 30.0  # seconds in which everybody comes, or a third of the run
CHANGED = 0.05  # of the answers are changed at once
STUDY = """
name = "load"
title = { en = "Faces", ja = "顔" }
consent = { en = "Simulated people only.", ja = "模擬のみ。" }
[pictures]
folder = "faces"
[plan]
pictures = 10
repeats = 1
attention_checks = 1
"""
OK = """
import sys, uvicorn
async def ok(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
uvicorn.run(ok, port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")
"""


# --- one browser ---


class Away(Exception):
    """The server is not there, or went away before it had answered; named after what happened."""


class Browser:
    """As much of HTTP as the pages need, on one connection. A client library takes more time than the server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.always = f"Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"

    async def ask(self, method: str, path: str, *, form: Any = None, told: Any = None) -> tuple[int, str]:
        """Status and body; `form` is sent as by a form, `told` as JSON."""
        body, kind = (urlencode(form or {}), "x-www-form-urlencoded") if told is None else (json.dumps(told), "json")
        head = f"{method} {path} HTTP/1.1\r\n{self.always}Content-Type: application/{kind}\r\n"
        try:
            async with asyncio.timeout(GIVE_UP):
                return await self._exchange(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("ascii"))
        except (OSError, EOFError) as error:
            self.close()
            raise Away(type(error).__name__) from error

    async def _exchange(self, sent: bytes) -> tuple[int, str]:
        if self.streams is None or self.streams[0].at_eof():
            self.close()
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
        (length,) = re.findall(r"content-length: (\d+)", head)
        body = await reader.readexactly(int(length))
        return int(head.split(" ")[1]), body.decode("utf-8", "replace")  # a picture is not looked at

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


# --- one person ---


@dataclass
class Click:
    """One answer of one person; times in seconds since the beginning."""

    position: int
    item: str
    point: int
    place: int  # of the item on the page, from 1
    made: float
    confirmed: float | None = None
    tries: int = 0


@dataclass
class Crowd:
    """What all people share: the server's port, the clock, and what they met."""

    port: int
    began: float
    seconds: float  # to click in, with the server there
    down: float = 0.0  # seconds it was away so far
    errors: Counter[str] = field(default_factory=Counter)
    pages: list[float] = field(default_factory=list)  # seconds of each page or form

    def now(self) -> float:
        return time.monotonic() - self.began

    @property
    def over(self) -> bool:
        return self.now() >= self.seconds + self.down


class Person:
    """One simulated person with a browser that runs the page's script."""

    def __init__(self, crowd: Crowd, number: int, *, every: float = EVERY) -> None:
        self.crowd, self.number, self.every = crowd, number, every
        self.browser = Browser(crowd.port)
        self.dice = np.random.default_rng(number)
        self.clicks: list[Click] = []
        self.link = self.at = self.page = ""

    async def take_part(self, arrival: float) -> None:
        await asyncio.sleep(arrival)
        await self.begin()
        while not self.crowd.over and (page := await self._ask("GET", self.at)):
            if not await self._answer(page):
                break
        self.browser.close()

    async def begin(self) -> None:
        if (page := await self._ask("GET", "/survey/load")) is None:
            return
        (self.link,) = re.findall(r'name="link" value="([^"]+)"', page)
        self.at = f"/survey/load/at/{self.link}"
        await self._ask("POST", "/survey/load", form={"link": self.link, "agree": "yes"})

    async def _answer(self, page: str) -> bool:
        """Fill in one page and send it; whether there may be another one."""
        found = re.search(r'name="position" value="(\d+)"', page)
        if found is None:
            return False
        form: dict[str, Any] = {"position": found[1]}
        if picture := re.search(r'<img src="([^"]+)"', page):
            await self._ask("GET", picture[1])
        for place, item in enumerate(re.findall(r'<fieldset id="(\w+)"', page), 1):
            point = await self._click(int(found[1]), item, place)
            if point is None:
                return False
            form[item] = point
        return await self._ask("POST", self.at, form=form) is not None

    async def _click(self, position: int, item: str, place: int) -> int | None:
        """Answer one item in a person's time, perhaps twice; None if time is up before it is confirmed."""
        point = int(self.dice.integers(1, 8))
        points = [point, point % 7 + 1] if self.dice.random() < CHANGED else [point]
        for point in points:
            last = self.clicks[-1].made if self.clicks else self.crowd.now()
            due = last + self.every * self.dice.uniform(0.5, 1.5)  # a person goes on clicking while the server is slow
            await asyncio.sleep(max(0.0, due - self.crowd.now()))
            if self.crowd.over:
                return None
            if not self.clicks or self.clicks[-1].position != position:
                due = self.crowd.now()  # a new page: nobody clicks before it is there
            click = Click(position, item, point, place, due)
            self.clicks.append(click)
            told = {"position": position, "item": item, "point": point, "after_ms": round(1000 * self.every)}
            if await self._ask("POST", f"{self.at}/answer", click=click, told=told) is None:
                return None
            click.confirmed = self.crowd.now()
        return points[-1]

    async def _ask(self, method: str, path: str, *, click: Click | None = None, **sent: Any) -> str | None:
        """Ask until it is answered, as the page's script does, and return the page; None if time is up before."""
        while True:
            began = self.crowd.now()
            if click is not None:
                click.tries += 1
            try:
                status, page = await self.browser.ask(method, path, **sent)
                if status < 400:
                    if click is None:
                        self.crowd.pages.append(self.crowd.now() - began)
                    return page or "nothing"
                trouble = str(status)
            except Away as away:
                trouble = str(away)
            self.crowd.errors[trouble] += 1
            if self.crowd.over:
                return None
            await asyncio.sleep(AGAIN)


# --- the server ---


def konomi(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "konomi", "survey", *arguments]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Server:
    """The real server, which can be killed and started again on its port."""

    def __init__(self, folder: Path, database: str) -> None:
        self.port = free_port()
        self.command = konomi("serve", str(folder), "--port", str(self.port), "--database", database)
        self.spent = 0.0  # processor seconds of answering, of all that were killed
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        self.to_start = 0.0  # processor seconds that it took until it answered

    async def until_it_answers(self) -> None:
        browser = Browser(self.port)
        while self.process.poll() is None:
            with suppress(Away):
                await browser.ask("GET", "/static/survey.js")
                self.to_start = processor_seconds(self.process.pid)
                return browser.close()
            await asyncio.sleep(0.05)
        raise RuntimeError(f"the server has ended with {self.process.returncode}")

    def stop(self, how: signal.Signals) -> None:
        self.spent = self.processor_seconds()
        self.process.send_signal(how)
        self.process.wait(30)

    async def kill_and_start(self) -> None:
        self.stop(signal.SIGKILL)
        self.start()
        await self.until_it_answers()

    def processor_seconds(self) -> float:
        return self.spent + processor_seconds(self.process.pid) - self.to_start


def processor_seconds(pid: int) -> float:
    """What a process has used, and what its children had used that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def with_children(pid: int) -> float:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return processor_seconds(pid) + sum(processor_seconds(int(child)) for child in listed)


# --- the machine's own share ---


@asynccontextmanager
async def machine(folder: Path) -> AsyncIterator[dict[str, list[float]]]:
    """Meanwhile, four times a second, the seconds of a request that asks nothing, and of a write to the disk."""
    port = free_port()
    found: dict[str, list[float]] = {"request": [], "disk": []}
    process = subprocess.Popen([sys.executable, "-c", OK, str(port)])

    async def requests() -> None:
        browser = Browser(port)
        try:
            while True:
                await asyncio.sleep(0.25)
                began = time.monotonic()
                with suppress(Away):  # it is still starting
                    await browser.ask("GET", "/")
                    found["request"].append(time.monotonic() - began)
        finally:
            browser.close()

    async def writes() -> None:
        with (folder / "written").open("wb") as file:
            while True:
                await asyncio.sleep(0.25)
                found["disk"].append(await asyncio.to_thread(written, file.fileno()))

    tasks = [asyncio.create_task(requests()), asyncio.create_task(writes())]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        process.kill()
        process.wait()


def written(file: int) -> float:
    began = time.monotonic()
    os.pwrite(file, b"x" * 4096, 0)
    os.fdatasync(file)
    return time.monotonic() - began


# --- a run ---


@dataclass
class Run:
    """What happened: everybody's clicks, the outages (from, until) and the machine's own share."""

    people: list[Person]
    crowd: Crowd
    outages: list[tuple[float, float]]
    alone: dict[str, list[float]]
    server_seconds: float


async def answer_at_once(
    server: Server, folder: Path, *, people: int, seconds: float, kills: int, every: float = EVERY
) -> Run:
    """Let people answer for so many seconds, and kill the server so many times."""
    await server.until_it_answers()
    spent = server.processor_seconds()
    crowd = Crowd(server.port, time.monotonic(), seconds)
    crowding = [Person(crowd, number, every=every) for number in range(people)]
    outages = []
    async with machine(folder) as alone:
        arriving = min(ARRIVING, seconds / 3)
        walks = asyncio.gather(*(one.take_part(arriving * n / people) for n, one in enumerate(crowding)))
        for kill in range(kills):
            await asyncio.sleep(max(0.0, seconds * (kill + 1) / (kills + 1) + crowd.down - crowd.now()))
            began = crowd.now()
            crowd.down = float("inf")
            await server.kill_and_start()
            outages.append((began, crowd.now()))
            crowd.down = sum(end - begin for begin, end in outages)
        await walks
    return Run(crowding, crowd, outages, alone, server.processor_seconds() - spent)


# --- what it costs ---


async def costs(server: Server, seconds: Callable[[], float], *, people: int = 8, rounds: int = 3) -> dict[str, float]:
    """Processor ms of a click, of a page and of coming in, where so many people ask at once and never pause.

    Unlike times, these hardly depend on what else the machine does.
    """
    await server.until_it_answers()
    crowd = Crowd(server.port, time.monotonic(), float("inf"))
    found: dict[str, float] = {}

    async def each(name: str, do: Callable[[Person], Coroutine[Any, Any, int]]) -> None:
        before = seconds()
        done = sum(await asyncio.gather(*(do(person) for person in crowding)))
        found[name] = round(1000 * (seconds() - before) / done, 2)

    async def come(person: Person) -> int:
        await person.begin()
        return 1

    async def look(person: Person) -> int:
        status, person.page = await person.browser.ask("GET", person.at)
        return int(status < 400)

    async def click(person: Person) -> int:
        items = re.findall(r'<fieldset id="(\w+)"', person.page)
        for point, item in itertools.product(range(1, rounds + 1), items):
            told = {"position": 1, "item": item, "point": point, "after_ms": 1}
            assert (await person.browser.ask("POST", f"{person.at}/answer", told=told))[0] == 200
        return rounds * len(items)

    async def leave_about(person: Person) -> int:
        return int((await person.browser.ask("POST", person.at, form={"position": 0}))[0] < 400)

    crowding = [Person(crowd, number) for number in range(people)]
    for name, do in (("coming", come), ("form", leave_about), ("first_page", look), ("page", look), ("click", click)):
        await each(name, do)
    for person in crowding:
        person.browser.close()
    return found


# --- what came out ---


def lost_or_doubled(people: Sequence[Person], labels: Sequence[str], responses: Path) -> list[str]:
    """Every confirmed answer against the export: a line for each that is missing, changed, doubled or a stranger's."""
    with responses.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = {(row["person"], int(row["position"]), row["item"]): row for row in rows}
    wrong = [f"{len(rows) - len(kept)} rows are doubled"] if len(rows) > len(kept) else []
    for person, label in zip(people, labels, strict=True):
        given: dict[tuple[str, int, str], list[Click]] = {}
        for click in person.clicks:
            given.setdefault((label, click.position, click.item), []).append(click)
        for key, clicks in given.items():
            wrong += _wrong(key, clicks, kept.pop(key, None))
    return wrong + [f"{key}: nobody gave this answer" for key in kept]


def _wrong(key: tuple[str, int, str], clicks: list[Click], row: dict[str, str] | None) -> Iterator[str]:
    sure = [click for click in clicks if click.confirmed is not None]
    allowed = [sure, clicks]  # one on its way at the end may have arrived or not
    if row is None:
        if sure:
            yield f"{key}: confirmed and lost"
        return
    got = (int(row["point"]), int(row["changes"]), int(row["order"]))
    if got not in [(some[-1].point, len(some) - 1, some[-1].place) for some in allowed if some]:
        yield f"{key}: point, changes and place are {got}"


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds that 50, 95 and 99 of a hundred stay below."""
    if not seconds:
        return {}
    return {f"p{p}": round(1000 * float(np.percentile(seconds, p)), 1) for p in (50, 95, 99)}


def measured(run: Run, wrong: list[str], database_seconds: float | None) -> dict[str, Any]:
    clicks = [click for person in run.people for click in person.clicks]
    sure = [(click.made, click.confirmed) for click in clicks if click.confirmed is not None]
    untouched = [(a, b) for a, b in sure if all(b < begin or a > end + AGAIN for begin, end in run.outages)]
    found = {
        "people": len(run.people), "seconds": round(run.crowd.seconds), "kills": len(run.outages),
        "clicks_confirmed": len(sure), "clicks_sent_again": sum(click.tries > 1 for click in clicks),
        "clicks_a_second": round(len(sure) / run.crowd.seconds, 1),
        "wrong_answers": wrong,
        "click_ms": percentiles([b - a for a, b in untouched]), "clicks_untouched": len(untouched),
        "click_ms_with_outages": percentiles([b - a for a, b in sure]),
        "page_ms": percentiles(run.crowd.pages), "pages": len(run.crowd.pages),
        "seconds_down": [round(end - begin, 2) for begin, end in run.outages],
        "errors_seen": dict(run.crowd.errors),
        "server_processor_ms_a_click": round(1000 * run.server_seconds / max(len(sure), 1), 2),
        "machine_alone": {"request_ms": percentiles(run.alone["request"]), "disk_ms": percentiles(run.alone["disk"])},
        "load_average": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    if database_seconds is not None:
        found["database_processor_ms_a_click"] = round(1000 * database_seconds / max(len(sure), 1), 2)
    return found


def make_study(folder: Path, database: str) -> Path:
    """A survey of 40 small pictures; its folder."""
    (folder / "faces").mkdir()
    for number in range(40):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(noise).save(folder / "faces" / f"{number}.png")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    command = konomi("new", str(folder / "study.toml"), str(folder / "survey"), "--database", database)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "survey"


def load_test(
    folder: Path, database: str, *, database_seconds: Callable[[], float] | None = None, **how: Any
) -> tuple[Run, dict[str, Any]]:
    """One run on a fresh survey in `folder`, and what was measured."""
    survey = make_study(folder, database)
    server = Server(survey, database)
    before = database_seconds() if database_seconds else 0.0
    try:
        run = asyncio.run(answer_at_once(server, folder, **how))
        used = database_seconds() - before if database_seconds else None
    finally:
        server.stop(signal.SIGINT)
    export = konomi("export", str(survey), str(folder / "export"), "--database", database)
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    came = [person for person in run.people if person.clicks]
    opened = open_survey(survey, database=database)
    labels = [opened.store.participant(opened.kept.id, person.link).label for person in came]
    opened.store.close()
    return run, measured(run, lost_or_doubled(came, labels, folder / "export" / "responses.csv"), used)


def cost_test(folder: Path, database: str, *, database_seconds: Callable[[], float] | None = None) -> dict[str, float]:
    """What clicks and pages cost the server and its database, on a fresh survey in `folder`."""
    server = Server(make_study(folder, database), database)
    try:
        return asyncio.run(
            costs(server, lambda: server.processor_seconds() + (database_seconds() if database_seconds else 0.0))
        )  # fmt: skip
    finally:
        server.stop(signal.SIGINT)


# --- all of it ---


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], float] | None]]:
    """The address of an empty database, and what tells its processor seconds, where it is a program of its own."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'survey.sqlite'}", None
        return
    sys.path.insert(0, str(ROOT / "tests"))
    from databases import database_on, postgres_server

    with postgres_server(durable=True) as (address, pid), database_on(address, "load") as url:
        yield url, lambda: with_children(pid)


def plot(runs: dict[str, Run], path: Path) -> None:
    """Every click: when it was made, and how long it took until it was confirmed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(runs), 1, figsize=(8, 2.6 * len(runs)), constrained_layout=True, sharex=True)
    for axis, (kind, run) in zip(np.atleast_1d(axes), runs.items(), strict=True):
        clicks = [click for person in run.people for click in person.clicks]
        sure = [(click.made, click.confirmed - click.made) for click in clicks if click.confirmed is not None]
        for begin, end in run.outages:
            axis.axvspan(begin, end, color="#e8b4b8", label="server down" if begin == run.outages[0][0] else None)
        axis.scatter(*np.array(sure).reshape(-1, 2).T, s=4, linewidths=0, color="#3a5a8c", alpha=0.5)
        axis.axhline(0.1, color="#888", linewidth=0.8, linestyle="--")
        axis.set(yscale="log", ylabel="seconds until confirmed", title=f"{kind}: {len(sure)} clicks")
        axis.spines[["top", "right"]].set_visible(False)
    np.atleast_1d(axes)[0].legend(frameon=False, loc="upper right")
    np.atleast_1d(axes)[-1].set_xlabel("seconds since the first came; the dashed line is 100 ms")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[20, 200], help="a run each")
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "survey_load.json")
    given = parser.parse_args()
    runs: dict[str, Run] = {}
    result: dict[str, Any] = {"simulated": True, "processors": os.cpu_count(), "processor_ms": {}, "runs": []}
    for kind in given.databases:
        with tempfile.TemporaryDirectory() as name, databases(kind, Path(name)) as (url, database_seconds):
            result["processor_ms"][kind] = cost_test(Path(name), url, database_seconds=database_seconds)
        print(kind, result["processor_ms"][kind], flush=True)
    for kind, people in itertools.product(given.databases, given.people):
        with tempfile.TemporaryDirectory() as name, databases(kind, Path(name)) as (url, database_seconds):
            how = {"people": people, "seconds": given.seconds, "kills": given.kills}
            run, told = load_test(Path(name), url, database_seconds=database_seconds, **how)
        runs[f"{kind}, {people} people"] = run
        result["runs"].append({"database": kind, **told})
        print(kind, json.dumps(told, indent=1), flush=True)
        write_json(given.out, result)
        plot(runs, given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
