"""The processes of the service."""

import socket
from contextlib import suppress
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from konomi.web.service.app import Settings, create_service_app
from konomi.web.service.door import LOGGING
from konomi.web.service.patience import PatientProtocol

CONNECTIONS = 500  # of one process at once; those beyond are told 503
ANSWERING = 60  # seconds in which a process must show the supervisor that it lives: one that begins may be slow to
SPARE = 20  # seconds beyond a picture's that a request may take on its way in and out


def run_service(settings: Settings, listening: socket.socket, *, workers: int) -> None:
    """Serve until interrupted. Begun requests are finished; a worker that dies is replaced by a new one."""
    patience = settings.limits.timeout + SPARE
    config = uvicorn.Config(
        partial(create_service_app, settings),
        factory=True,
        workers=workers,
        http=partial(PatientProtocol, patience=patience),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=int(patience),
        timeout_worker_healthcheck=ANSWERING,
    )
    with suppress(KeyboardInterrupt):  # the ordinary way to stop
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            Multiprocess(config, sockets=[listening]).run()
