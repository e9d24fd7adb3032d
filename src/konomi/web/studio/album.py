"""What is kept on this computer: where somebody has been, and whom they like. One small file, always whole."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from konomi.errors import FileError, InputError
from konomi.files import locked, make_folder, read_json, write_json

VERSION = 1
STEPS, FAVOURITES = 500, 1000
NAME = "studio.json"


class _Newer(FileError):
    """A later Konomi wrote the file: it is left alone."""


@dataclass(frozen=True)
class Step:
    """One gallery or portrait that was looked at."""

    address: str
    before: str  # the address that led here; empty for a first one
    at: str  # when, ISO 8601


@dataclass
class Kept:
    """What the file holds, oldest first."""

    version: int = VERSION
    steps: list[Step] = field(default_factory=list)
    favourites: list[str] = field(default_factory=list)  # share codes


class Album:
    """History and favourites; every change is on the disk before it is shown."""

    def __init__(self, folder: Path) -> None:
        self.path = make_folder(folder) / NAME
        self._lock = threading.Lock()
        self.kept, self.damaged = _read(self.path)

    def visit(self, address: str, *, came_from: str = "") -> None:
        """Somebody looks at a page. One that is known already stays where it is, so that undoing ends somewhere."""
        if self.find(address) is not None:
            return
        with self._changing() as kept:
            before = came_from if self.find(came_from) else kept.steps[-1].address if kept.steps else ""
            kept.steps.append(Step(address, before, datetime.now(UTC).isoformat(timespec="seconds")))
            del kept.steps[:-STEPS]

    def find(self, address: str) -> Step | None:
        return next((step for step in reversed(self.kept.steps) if step.address == address), None)

    def before(self, address: str) -> str:
        """Where undoing leads from a page; empty if nowhere."""
        step = self.find(address)
        return step.before if step and self.find(step.before) else ""

    def after(self, address: str) -> str:
        """Where redoing leads: the last page that was reached from this one."""
        return next((step.address for step in reversed(self.kept.steps) if step.before == address), "")

    def portraits(self) -> list[str]:
        """The codes of the portraits that were looked at, the last one first."""
        start = "/portrait/"
        return [s.address.removeprefix(start) for s in reversed(self.kept.steps) if s.address.startswith(start)]

    def favour(self, code: str, *, on: bool) -> None:
        """Put a portrait among the favourites, or take it away."""
        if on == (code in self.kept.favourites):
            return
        if on and len(self.kept.favourites) >= FAVOURITES:
            raise InputError(f"there are {FAVOURITES} favourites, and no more are kept; take some away first")
        with self._changing() as kept:
            kept.favourites.append(code) if on else kept.favourites.remove(code)

    def forget(self) -> None:
        """Clear the history; favourites stay."""
        with self._changing() as kept:
            kept.steps.clear()

    @contextmanager
    def _changing(self) -> Iterator[Kept]:
        with self._lock:
            changed = Kept(VERSION, list(self.kept.steps), list(self.kept.favourites))
            yield changed
            write_json(self.path, asdict(changed))
            self.kept = changed


def _read(path: Path) -> tuple[Kept, Path | None]:
    """What the file holds, and, where it could not be read, the name under which it was put aside."""
    if not path.exists():
        return Kept(), None
    try:
        return _checked(read_json(path), path), None
    except _Newer:
        raise
    except (FileError, TypeError, KeyError, ValueError):
        aside = path.with_name(f"{path.stem}-damaged-{datetime.now(UTC):%Y%m%d%H%M%S}.json")
        path.rename(aside)
        return Kept(), aside


def _checked(row: Any, path: Path) -> Kept:
    if row["version"] != VERSION:
        raise _Newer(f"{path} is of version {row['version']}; this Konomi reads {VERSION}: update it")
    steps = [Step(**step) for step in row["steps"]]
    texts = [value for step in steps for value in asdict(step).values()] + row["favourites"]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    return Kept(VERSION, steps, list(row["favourites"]))


@contextmanager
def opened(folder: Path) -> Iterator[Album]:
    """The album of a folder, for one studio at a time."""
    with locked(folder):
        yield Album(folder)


def own_folder() -> Path:
    """Where a person's own data goes on this system, or `KONOMI_DATA`."""
    if given := os.environ.get("KONOMI_DATA"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Konomi"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Konomi"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "konomi"
