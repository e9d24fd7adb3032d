"""A PostgreSQL server of our own for the tests: made in a temporary folder, gone afterwards."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pg8000.dbapi
import pytest

PROGRAMS = Path("/usr/lib/postgresql")  # Debian's
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where nothing waits for a disk


def programs() -> Path:
    """The newest PostgreSQL; a failure, not a skip, where there is none."""
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.fail("there is no PostgreSQL; sh scripts/debian.sh installs it")
    return found[-1].parent


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[tuple[str, int]]:
    """A server on a free port of loopback; the address of its databases, without a name, and the server's process.

    With `durable` it keeps its files on the disk and waits for it, as it does for other people.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(dir=None if durable else MEMORY) as folder:
        somebody = as_somebody(folder)
        make = [programs() / "initdb", "-D", f"{folder}/data", "-U", "konomi", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **somebody)
        options = [
            "-D",
            f"{folder}/data",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-k",
            folder,
            *([] if durable else ["-F"]),
        ]
        with (Path(folder) / "log").open("w") as log:
            server = subprocess.Popen([programs() / "postgres", *options], cwd=folder, stderr=log, **somebody)
        try:
            wait_for(port)
            yield f"postgresql://konomi@127.0.0.1:{port}", server.pid
        finally:
            server.send_signal(signal.SIGQUIT)  # at once
            server.wait(60)


def as_somebody(folder: str) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: the user that Debian makes for it does it then."""
    if os.getuid() != 0:
        return {}
    shutil.chown(folder, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


def wait_for(port: int) -> None:
    ask = [programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    for _ in range(300):
        if subprocess.run(ask, check=False).returncode == 0:
            return
        time.sleep(0.2)
    pytest.fail("PostgreSQL does not start")


@contextmanager
def database_on(address: str, name: str) -> Iterator[str]:
    """A fresh database, dropped afterwards; its URL."""
    port = int(address.rpartition(":")[2])
    connection = pg8000.dbapi.connect(user="konomi", host="127.0.0.1", port=port, database="postgres")
    connection.autocommit = True
    try:
        connection.cursor().execute(f"CREATE DATABASE {name}")
        yield f"{address}/{name}"
        connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        connection.close()
        with warnings.catch_warnings():  # where a connection was in use when an error came, pg8000 leaves its socket
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
