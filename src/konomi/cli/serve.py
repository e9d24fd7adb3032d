"""Pictures for apps, over HTTP."""

import os
from typing import Annotated, Optional

import typer

from konomi.cli.console import app, need, out
from konomi.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost")


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="The address of this machine to listen on; 0.0.0.0 is all of them.")
    ] = "127.0.0.1",
    port: Annotated[
        Optional[int], typer.Option(min=0, max=65535, help="By default 8765, or the next one that is free.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    queue: Annotated[int, typer.Option(min=1, max=10_000, help="Pictures of a process that may wait at once.")] = 64,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds that a picture may take.")] = 10,
    cache: Annotated[
        int, typer.Option(min=0, max=100_000, help="Megabytes of finished pictures a process keeps.")
    ] = 64,
    allow_host: Annotated[
        Optional[list[str]],
        typer.Option(help="A further name that the service goes by, as avatars.example.org; may be repeated."),
    ] = None,
    log_queries: Annotated[
        bool, typer.Option("--log-queries", help="Log what is asked for, too: words, and names of users.")
    ] = False,
) -> None:
    """Serve pictures to apps over HTTP until interrupted; see docs/serving.md.

    \b
    konomi serve
    konomi serve --port 9000 --workers 2
    konomi serve --host 0.0.0.0 --allow-host avatars.example.org
    """
    need("web", "fastapi", "uvicorn")
    from konomi.web.easel import Limits
    from konomi.web.serve import listen
    from konomi.web.service.app import Settings
    from konomi.web.service.running import run_service

    names = tuple(allow_host or ())
    if host not in LOOPBACK and not names:
        raise InputError("--host needs --allow-host: the name by which apps reach the service, or * for any")
    threads = max(1, (os.cpu_count() or 1) // workers)
    settings = Settings(Limits(queue, timeout, threads, cache * 1_000_000), (*LOOPBACK, *names), log_queries)
    with listen(port, host) as listening:
        address = f"http://{'localhost' if host == '0.0.0.0' else host}:{listening.getsockname()[1]}"
        out.print(f"{address}/v1/anime/avatar.png?seed=alice\n{address}/v1/openapi.json\nCtrl-C stops", markup=False)
        run_service(settings, listening, workers=workers)
