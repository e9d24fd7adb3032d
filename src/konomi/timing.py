"""How long drawing takes on this machine: `konomi bench`."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from konomi import api, drawing
from konomi.upscale import upscale

WORDS = "long silver hair, red eyes"


@dataclass(frozen=True)
class Timing:
    """One thing that was timed."""

    what: str
    milliseconds: float  # median
    fastest: float


def timed(what: str, function: Callable[[int], object], *, repeats: int) -> Timing:
    """Time `function`, which is given numbers from 1 on, after one call that loads what has to be loaded."""
    function(0)
    times = []
    for number in range(1, repeats + 1):
        begun = time.perf_counter()
        function(number)
        times.append(1000 * (time.perf_counter() - begun))
    return Timing(what, statistics.median(times), min(times))


def time_drawing(name: str = "anime", *, repeats: int = 20) -> Iterator[Timing]:
    """Each step of drawing one picture, on one core, with the model loaded; the whole at 64, 256 and 512 px."""
    model = api.open_model(name)
    request = api.understand(WORDS, schema_name=model.schema.name)
    core = drawing.draw_core(model, request.condition, 0, 0.7)

    def whole(size: int, candidates: int, seed: int) -> None:
        list(api.draw_request(request, model, seed=seed, size=size, candidates=candidates, threads=1))

    def understand(number: int) -> api.Request:
        return api.understand(f"{WORDS} {number}", schema_name=model.schema.name)

    steps: list[tuple[str, Callable[[int], object]]] = [
        ("words to condition", understand),
        (f"the network, {model.size} px", lambda seed: drawing.draw_core(model, request.condition, seed, 0.7)),
        (f"super-resolution to {4 * model.size} px", lambda _: upscale(core, 4 * model.size)),
    ]
    steps += [(f"a whole avatar, {size} px", partial(whole, size, 1)) for size in (64, 256, 512)]
    if api.has_judge(model):
        steps.append(("a whole avatar, 256 px, verified", partial(whole, 256, 8)))
    for what, function in steps:
        yield timed(what, function, repeats=repeats)


def per_second(name: str = "anime", *, size: int = 256, count: int = 40) -> float:
    """Whole avatars a second on all cores, one candidate each."""
    model = api.open_model(name)
    request = api.understand(WORDS, schema_name=model.schema.name)
    list(api.draw_request(request, model, size=size, candidates=1))
    begun = time.perf_counter()
    list(api.draw_request(request, model, count=count, size=size, candidates=1))
    return count / (time.perf_counter() - begun)


def machine() -> str:
    """The processor's name, as far as the system tells, and the number of cores."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    import platform

    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
