"""The command line in processes forked from one that has loaded Scrapy, which takes longer than a small crawl."""

import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["konomi.cli", "konomi.data.collecting.crawl", "pytest", "forked"])


def command(arguments: list[str], cwd: Path, limit: int | None, environment: dict[str, str]) -> None:
    """Be `konomi` with these arguments; its output goes to the files `out` and `err` in `cwd`."""
    from konomi.cli import main

    os.chdir(cwd)
    os.environ.update(environment)
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if limit:  # of the size of files: stands for a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv = ["konomi", *arguments]
    main()


def start(arguments: list[str], cwd: Path, *, limit: int | None = None, **environment: str) -> "Process":
    process = forks.Process(target=command, args=(arguments, cwd, limit, environment), daemon=True)
    process.start()
    return process


def run(arguments: list[str], cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    process = start(arguments, cwd, **options)  # type: ignore[arg-type]
    process.join(300)
    assert process.exitcode is not None, "it does not end"
    out, err = ((cwd / name).read_text() for name in ("out", "err"))
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


Process = multiprocessing.context.ForkServerProcess
