"""Avatars a second over HTTP, on loopback, beside a DiceBear renderer that is served the same way.

    python benchmarks/serving.py load        1, 8 and 64 clients, 64 and 256 px, one and two processes
    python benchmarks/serving.py queue       64 clients at a queue of 4, who ask again after a second as they are told
    python benchmarks/serving.py candidates  what candidates cost, and what they are good for
    python benchmarks/serving.py memory      ten minutes of everything, wrong requests too: does anything grow without
                                             end, and are bytes always the same? Also draws serving.png

Every client asks for one picture after the other, each of a seed that nobody asked for before. Both services are
uvicorn and FastAPI with as many drawing threads as cores, and both take turns. Milliseconds of processor time a picture
(of the service, not of the clients) hardly depend on what else runs on the machine; pictures a second and waiting do.
"""

import argparse
import asyncio
import hashlib
import io
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from konomi.condition import Condition
from konomi.schema import load_schema
from konomi.timing import machine

OUT = Path(__file__).with_suffix(".json")
SIZES, CLIENTS, WORKERS = (64, 256), (1, 8, 64), (1, 2)
TICKS = os.sysconf("SC_CLK_TCK")
CACHE = 8  # megabytes of finished pictures in each process: full within minutes
EVERY = 5  # seconds between two looks at the memory


# --- what is served ---


def dicebear_app() -> Any:
    """One address, /avatar.png?seed=NUMBER&size=64, drawn by DiceBear's Python renderer and resvg."""
    from fastapi import FastAPI, Response

    from konomi.data.vector import face_of, load_style, paint

    app, style, pool = FastAPI(), load_style("lorelei"), ThreadPoolExecutor(os.cpu_count())

    def draw(seed: int, size: int) -> bytes:
        buffer = io.BytesIO()
        paint(style, face_of(style, 0, seed)[1], size).save(buffer, "PNG")
        return buffer.getvalue()

    @app.get("/avatar.png")
    async def avatar(seed: int, size: int) -> Response:
        data = await asyncio.get_running_loop().run_in_executor(pool, draw, seed, size)
        return Response(data, media_type="image/png")

    return app


def serve_dicebear(workers: int) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from konomi.web.serve import listen

    config = uvicorn.Config(
        dicebear_app, factory=True, workers=workers, access_log=False, log_level="error", timeout_worker_healthcheck=60
    )
    with listen(0) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            Multiprocess(config, sockets=[listening]).run()


@dataclass(frozen=True)
class Served:
    """A service that runs: its port, and the process that began it."""

    port: int
    pid: int

    def processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def seconds(self) -> float:
        """Processor time of all its processes."""
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in self.processes()) / TICKS

    def megabytes(self) -> float:
        pages = sum(int(_stat(pid)[21]) for pid in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def served(kind: str, *, workers: int, options: tuple[str, ...] = ()) -> Iterator[Served]:
    """`konomi` or `dicebear`, up and warm."""
    konomi = ["-m", "konomi", "serve", "--port", "0", "--workers", str(workers), "--timeout", "120", *options]
    command = konomi if kind == "konomi" else [__file__, "dicebear", "--workers", str(workers)]
    quiet: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, *command], env=os.environ | {"PYTHONUNBUFFERED": "1"}, **quiet) as process:
        assert process.stdout
        port = int(process.stdout.readline().split(":")[2].split("/")[0])
        found = Served(port, process.pid)
        for _ in range(4 * workers):
            asyncio.run(measure(found, partial(address, kind, size=64), clients=2 * workers, seconds=0.5))
        yield found
        process.terminate()


_numbers = iter(range(10**9, 2 * 10**9))


def address(kind: str, *, size: int, query: str = "") -> str:
    """The address of a picture that nobody asked for before."""
    path = "/v1/anime/avatar.png" if kind == "konomi" else "/avatar.png"
    return f"{path}?seed={next(_numbers)}&size={size}{query}"


# --- clients ---


@dataclass
class Measured:
    """What clients got."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits: dict[int, list[float]] = field(default_factory=dict)  # milliseconds, by status
    bodies: dict[str, set[str]] = field(default_factory=dict)  # hashes by address
    seconds: float = 0.0
    cpu: float = 0.0

    def add(self, status: int, wait: float) -> None:
        self.statuses[status] += 1
        self.waits.setdefault(status, []).append(wait)

    def row(self) -> dict[str, Any]:
        good, waits = self.statuses[200], self.waits.get(200, [])
        return {
            "pictures": good,
            "per_second": round(good / self.seconds, 1),
            "cpu_ms": round(1000 * self.cpu / max(good, 1), 1),
            **percentiles(waits),
            "other": self.statuses.total() - good,
        }


def percentiles(waits: list[float], what: str = "") -> dict[str, float]:
    """The median and the 99th percentile of waiting, in milliseconds."""
    return {f"{what}p{part}_ms": round(float(np.percentile(waits or [np.nan], part)), 1) for part in (50, 99)}


async def fetch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> tuple[int, bytes]:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def measure(
    service: Served, path: Callable[[], str], *, clients: int, seconds: float, pause: float = 0.0, keep: bool = False
) -> Measured:
    """What so many clients get, each asking again `pause` seconds after it has its picture."""
    found = Measured()
    begun, cpu = time.perf_counter(), service.seconds()

    async def client() -> None:
        while time.perf_counter() < begun + seconds:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
                while time.perf_counter() < begun + seconds:
                    asked, at = path(), time.perf_counter()
                    status, body = await fetch(reader, writer, asked)
                    found.add(status, 1000 * (time.perf_counter() - at))
                    if keep and status == 200:
                        found.bodies.setdefault(asked, set()).add(hashlib.sha256(body).hexdigest())
                    await asyncio.sleep(pause)
                writer.close()
            except (OSError, asyncio.IncompleteReadError):
                found.statuses[0] += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    found.seconds, found.cpu = time.perf_counter() - begun, service.seconds() - cpu
    return found


# --- what is measured ---


def load(seconds: float, workers_of: tuple[int, ...] = WORKERS) -> list[dict[str, Any]]:
    rows = []
    for workers in workers_of:
        with served("konomi", workers=workers) as ours, served("dicebear", workers=workers) as theirs:
            for size, clients in itertools.product(SIZES, CLIENTS):
                for kind, service in (("konomi", ours), ("konomi, 1 candidate", ours), ("dicebear", theirs)):
                    query = "&candidates=1" if "," in kind else ""
                    path = partial(address, kind.partition(",")[0], size=size, query=query)
                    found = asyncio.run(measure(service, path, clients=clients, seconds=seconds))
                    busy = {"load_average": round(os.getloadavg()[0], 1)}
                    about = {"service": kind, "workers": workers, "size": size, "clients": clients} | busy
                    rows.append(about | found.row())
                    print(rows[-1], flush=True)
    return rows


def queue(seconds: float) -> dict[str, Any]:
    """64 clients where four may wait: how soon those are told that find no place."""
    path = partial(address, "konomi", size=256)
    with served("konomi", workers=1, options=("--queue", "4")) as service:
        found = asyncio.run(measure(service, path, clients=64, seconds=seconds, pause=1.0))
    return found.row() | {"refused": found.statuses[503]} | percentiles(found.waits[503], "refused_")


def candidates(count: int) -> list[dict[str, Any]]:
    """Descriptions of one hair colour, one eye colour and one thing more, by how many candidates there are."""
    from konomi import api

    model = api.open_model("anime")
    chance, schema = random.Random(7), load_schema("anime")
    colours, eyes = schema.attribute("hair_color").value_names, schema.attribute("eye_color").value_names
    flags = [a.name for a in schema.attributes if a.is_flag]
    asked = [
        {"hair_color": chance.choice(colours), "eye_color": chance.choice(eyes), chance.choice(flags): True}
        for _ in range(count)
    ]
    rows = []
    for kind, most in itertools.product(("described", "seed only"), (1, 2, 4, 8)):
        conditions = [Condition.from_dict(schema, wanted if kind == "described" else {}) for wanted in asked]
        begun, settings = time.process_time(), {"size": 64, "candidates": most, "threads": 1}
        requests = [api.Request("", condition, (), ()) for condition in conditions]
        drawn = [next(api.draw_request(one, model, seed=n, **settings)) for n, one in enumerate(requests)]
        row = {"asked": kind, "candidates": most, "cpu_ms": round(1000 * (time.process_time() - begun) / count, 1)}
        looks = api.open_judge(model).look(np.stack([np.asarray(avatar) for avatar in drawn]))
        rows.append(row | _judged(conditions, looks))
        print(rows[-1], flush=True)
    return rows


def _judged(conditions: list[Condition], looks: list[Any]) -> dict[str, float]:
    """How much of what was asked the judge sees, and how surely faces are whole."""
    seen = [
        look.probabilities[slot] >= 0.5
        for asked, look in zip(conditions, looks, strict=True)
        for slot, weight in asked.weights
        if weight == 1
    ]
    whole = {"whole": round(float(np.mean([look.whole for look in looks])), 3)}
    return whole | ({"seen": round(float(np.mean(seen)), 3)} if seen else {})


def memory(minutes: float) -> dict[str, Any]:
    """Everything at once, for long: new faces, known ones, large ones, many mistakes; megabytes every five seconds.

    At a rate that a busy machine keeps up with: 16 clients with a second's pause.
    """
    chance = random.Random(1)
    known = [f"/v1/anime/avatar.png?seed=known-{n}&size=64" for n in range(50)]
    wrong = [
        "/v1/anime/avatar.png?hair_color=purpel",
        "/v1/nothing/avatar.png",
        "/" + "x" * 5000,
        "/v1/anime/avatar.png?size=1",
    ]

    def path() -> str:
        kind = chance.random()
        if kind < 0.2:
            return chance.choice(known)
        if kind < 0.4:
            return chance.choice(wrong)
        words = "&text=" + "+".join(chance.choice(("red", "hair", "blue", "eyes", "hat", "xyz")) for _ in range(6))
        return address("konomi", size=chance.choice((64, 256, 256)), query=words if kind > 0.8 else "&candidates=1")

    async def watch(service: Served, curve: list[float]) -> None:
        while True:
            curve.append(round(service.megabytes(), 1))
            await asyncio.sleep(EVERY)

    async def both(service: Served) -> tuple[Measured, list[float]]:
        curve: list[float] = []
        watching = asyncio.create_task(watch(service, curve))
        found = await measure(service, path, clients=16, seconds=60 * minutes, pause=1.0, keep=True)
        watching.cancel()
        return found, curve

    with served("konomi", workers=2, options=("--cache", str(CACHE))) as service:
        found, curve = asyncio.run(both(service))
    plot(curve)
    again = [hashes for asked, hashes in found.bodies.items() if asked in known]
    return {
        "minutes": minutes,
        "pictures_per_second": round(found.statuses[200] / found.seconds, 1),
        "statuses": {str(status): number for status, number in sorted(found.statuses.items())},
        "megabytes": curve,
        "addresses_asked_again": len(again),
        "of_them_with_other_bytes": sum(len(hashes) > 1 for hashes in again),
    }


def plot(curve: list[float]) -> None:
    """The memory of all processes over time, beside this file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 2.6), constrained_layout=True)
    axes.plot([EVERY * n / 60 for n in range(len(curve))], curve, color="#33558b")
    axes.set(xlabel="minutes", ylabel="MB, all processes", ylim=(0, 1.15 * max(curve)))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(OUT.with_suffix(".png"), dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "queue", "candidates", "memory", "dicebear"])
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=10, help="of memory")
    parser.add_argument("--count", type=int, default=100, help="of descriptions")
    parser.add_argument("--workers", type=int, default=1, help="of dicebear")
    given = parser.parse_args()
    if given.what == "dicebear":
        serve_dicebear(given.workers)
        return
    arguments = {"load": given.seconds, "queue": given.seconds, "candidates": given.count, "memory": given.minutes}
    found = globals()[given.what](arguments[given.what])
    kept = json.loads(OUT.read_text()) if OUT.exists() else {}
    busy = {"machine": machine(), "load_average": round(os.getloadavg()[1], 1)}
    OUT.write_text(json.dumps(kept | {given.what: busy | {"found": found}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
