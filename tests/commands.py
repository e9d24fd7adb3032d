"""Commands of Konomi that serve pages, running for a test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """`konomi` with these arguments; its address, which is the first line it prints."""
    command = [sys.executable, "-m", "konomi", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
