"""The course of every training run: go on where it stopped, log, draw samples, save, and stop cleanly.

The run folder holds `checkpoint.safetensors` (everything needed to go on), `snapshots/` (generators, for judging the
course of the run), `samples/` (grids), `metrics.jsonl` and `recipe.json`.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch

from konomi.errors import TrainingError
from konomi.files import append_line, make_folder, write_json

CHECKPOINT = "checkpoint.safetensors"
Report = Callable[[dict[str, Any]], None]


class Pace(Protocol):
    """What the options of every recipe say of a run's length and reports, counted in pictures."""

    @property
    def pictures(self) -> int: ...
    @property
    def sample_every(self) -> int: ...
    @property
    def metrics_every(self) -> int: ...
    @property
    def checkpoint_seconds(self) -> float: ...


class Trainable(Protocol):
    """The moving state of a run."""

    step: int
    seen: int  # pictures

    @property
    def options(self) -> Pace: ...

    def train_step(self) -> dict[str, float]:
        """One step; returns what to log."""

    def schedule(self) -> dict[str, float]:
        """What changes along the run by plan, as the learning rate."""

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on to the bit."""

    def restore(self, path: Path) -> None:
        """Read it again; a TrainingError if another recipe wrote it."""

    def write_samples(self, folder: Path) -> None:
        """Draw a grid into `samples/` and keep the generator in `snapshots/`."""


def run_training(
    run: Trainable,
    folder: Path,
    *,
    report: Report = lambda row: None,
    seconds: float = math.inf,
    up_to: float = math.inf,
) -> None:
    """Train in `folder` until the recipe's number of pictures, Ctrl-C, or `seconds` have passed; a run is resumed.

    `up_to` ends it for now at fewer pictures than the recipe's.
    `report` receives every row that is written to `metrics.jsonl`. A loss that is not finite stops the run with a
    TrainingError; the last good checkpoint stays.
    """
    options, path = run.options, folder / CHECKPOINT
    make_folder(folder / "snapshots")
    make_folder(folder / "samples")
    if path.exists():
        run.restore(path)
    write_json(folder / "recipe.json", asdict(options))  # type: ignore[call-overload]
    end = min(options.pictures, up_to)
    if run.seen == 0:
        run.write_samples(folder)
    began, saved, rows = time.monotonic(), time.monotonic(), _Window(run)
    with _stop_requests() as stopped, flushed_denormals():
        while run.seen < end and not stopped() and time.monotonic() - began < seconds:
            before = run.seen
            log = run.train_step()
            if not all(map(math.isfinite, log.values())):
                raise TrainingError(_not_finite(log, run, path))
            rows.add(log)
            if _crossed(before, run.seen, options.metrics_every):
                row = rows.row()
                append_line(folder / "metrics.jsonl", row)
                report(row)
            if _crossed(before, run.seen, options.sample_every) or run.seen >= end:
                run.write_samples(folder)
            if time.monotonic() - saved > options.checkpoint_seconds:
                run.save(path)
                saved = time.monotonic()
    run.save(path)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Inside, numbers too small for full precision are zero: squared gradients fall so far, where CPUs are slow."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


# how long a run is, and how often it reports, may change when it is resumed
_MAY_CHANGE = {"checkpoint_seconds", "sample_every", "metrics_every"}


def check_same_recipe(path: Path, options: Any, state: dict[str, Any], **facts: Any) -> None:
    """A TrainingError if the checkpoint `path` with `state` was made with other options or `facts` than these."""
    now = json.loads(json.dumps(asdict(options)))
    # an option that came later did by default what was done before there was a choice
    then = json.loads(json.dumps(asdict(type(options)()))) | state.get("options", {})
    names = sorted(k for k in now.keys() | then.keys() if now.get(k) != then.get(k) and k not in _MAY_CHANGE)
    changed = [f"{k}: {then.get(k)} there, {now.get(k)} here" for k in names]
    changed += [f"its {name} differs" for name, value in facts.items() if state.get(name) != value]
    if changed:
        raise TrainingError(f"{path} was made by another recipe ({', '.join(changed)}); choose another folder")


def _not_finite(log: dict[str, float], run: Trainable, path: Path) -> str:
    names = ", ".join(name for name, value in log.items() if not math.isfinite(value))
    kept = f"{path} holds the last good state" if path.exists() else "nothing was saved yet"
    return (
        f"{names} became infinite or NaN at {run.seen} pictures; {kept}. Try a lower learning_rate or a higher penalty."
    )


def _crossed(before: int, now: int, every: int) -> bool:
    return before // every != now // every


class _Window:
    """Means of the logged numbers since the last row."""

    def __init__(self, run: Trainable) -> None:
        self.run = run
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.since, self.seen = time.monotonic(), run.seen

    def add(self, log: dict[str, float]) -> None:
        for name, value in log.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def row(self) -> dict[str, Any]:
        now, run = time.monotonic(), self.run
        row: dict[str, Any] = {"pictures": run.seen, "step": run.step}
        row["pictures_per_second"] = round((run.seen - self.seen) / (now - self.since), 2)
        row |= run.schedule()
        row |= {name: self.sums[name] / self.counts[name] for name in self.sums}
        self.sums, self.counts, self.since, self.seen = {}, {}, now, run.seen
        return row


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask for a clean stop after the current step."""
    asked = []
    handlers = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, lambda *_: asked.append(True))
    except ValueError:  # not in the main thread: nobody can press Ctrl-C here
        pass
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
