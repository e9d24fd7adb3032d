"""Files that are whole or not there: everything is written beside its final name and moved into place."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from konomi.errors import FileError


@contextmanager
def reporting(action: str, path: Path) -> Iterator[None]:
    """Turn an OSError (missing, unwritable, full disk) into a one-line FileError."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot {action} {path}: {error.strerror or error}") from error


def make_folder(path: Path) -> Path:
    """Create `path` and its parents; a FileError says why not."""
    with reporting("create the folder", path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path to write to, moved onto `path` if the block ends well and deleted if it does not."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with reporting("write", path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` (made if need be) for one process; a FileError if another one works in it.

    The system lets go of the lock when the process ends, however it ends.
    """
    path = make_folder(folder) / ".lock"
    with reporting("lock", path), path.open("a") as file:
        try:
            _lock(file.fileno())
        except BlockingIOError:
            raise FileError(f"another run is working in {folder}; wait for it, or choose another folder") from None
        yield


def _lock(number: int) -> None:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except PermissionError:
            raise BlockingIOError from None
    else:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_bytes(path: Path, data: bytes) -> None:
    with whole(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    with reporting("read", path):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise FileError(f"{path} is not valid JSON: {error}") from error


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Append one JSON line; a log may lose its last line in a crash, never an earlier one."""
    with reporting("write", path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a FileError names the first line that is not an object."""
    with reporting("read", path):
        lines = path.read_text(encoding="utf-8").splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise FileError(f"{path}, line {number} is not a JSON object")
        rows.append(row)
    return rows


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    with reporting("read", path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
