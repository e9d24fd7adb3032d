"""Serve an application on this machine only, on a port that is free."""

import errno
import socket
import threading
import webbrowser
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from konomi.errors import InputError

ADDRESS = "127.0.0.1"
FIRST, LAST = 8765, 8799  # tried in turn where no port is asked for


def listen(port: int | None, host: str = ADDRESS) -> socket.socket:
    """A listening socket on `port`, or on the first free one from FIRST; an InputError names a port that is taken."""
    tried = [port] if port is not None else list(range(FIRST, LAST + 1))
    for number in tried:
        if (found := _bind(number, host)) is not None:
            return found
    taken = f"port {port} is" if port is not None else f"ports {FIRST} to {LAST} are"
    raise InputError(f"{taken} taken; choose another one with --port, or 0 for any")


def _bind(port: int, host: str) -> socket.socket | None:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port left a moment ago is free
    try:
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise InputError(f"cannot use {host}, port {port}: {error.strerror}") from error
    return found


def url_of(listening: socket.socket, path: str = "/") -> str:
    return f"http://{ADDRESS}:{listening.getsockname()[1]}{path}"


def run(app: FastAPI, listening: socket.socket, *, show: str | None = None) -> None:
    """Serve until interrupted; `show` is opened in the browser, which waits for the first answer."""
    if show is not None:
        threading.Thread(target=webbrowser.open, args=(show,), daemon=True).start()
    settings = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, lifespan="off")
    with suppress(KeyboardInterrupt):  # the ordinary way to stop
        uvicorn.Server(settings).run(sockets=[listening])
