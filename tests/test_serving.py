"""`konomi serve` as processes: workers that die, stopping, and clients that are slow."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any
from unittest.mock import Mock

import httpx2
import pytest
import uvicorn
from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.web.serve import listen
from konomi.web.service.patience import PatientProtocol


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, IO[str]]]:
    """The command, the address that it tells, and its log."""
    command = [sys.executable, "-m", "konomi", "serve", "--port", "0", *options]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": log, "text": True}
        with subprocess.Popen(command, **pipes, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
            assert process.stdout
            first = process.stdout.readline()
            address = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/v1/anime/avatar\.png\?seed=alice\n", first)
            assert address, first
            try:
                yield process, address[1], log
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.wait(60)


def ask(address: str, *, within: float = 120) -> httpx2.Response:
    """A reply, as soon as the service is up."""
    until = time.monotonic() + within
    while True:
        try:
            return httpx2.get(address, timeout=60)
        except httpx2.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def workers_of(address: str, number: int, *, within: float = 120) -> set[int]:
    """The processes that answer, once there are so many."""
    until, found = time.monotonic() + within, set[int]()
    while len(found) < number and time.monotonic() < until:
        found.add(ask(f"{address}/v1/health").json()["worker"])
    return found


def test_a_dead_worker_is_replaced_and_faces_stay_the_same() -> None:
    with serving("--workers", "2", "--timeout", "120") as (process, address, _):
        picture = f"{address}/v1/anime/avatar.png?seed=alice&size=64"
        before = ask(picture).content
        first = workers_of(address, 2)
        assert process.pid not in first
        victim = first.pop()
        os.kill(victim, signal.SIGKILL)
        assert ask(picture).content == before  # the other one, or the new one
        time.sleep(1)  # the supervisor looks every half second
        second = workers_of(address, 2)
        assert len(second) == 2
        assert victim not in second
        assert {ask(picture).content for _ in range(4)} == {before}


def test_what_has_begun_is_finished_before_the_end() -> None:
    with serving("--timeout", "300") as (process, address, log):
        ask(f"{address}/v1/health")
        many = {"pictures": [{"count": 6, "size": 256, "text": "red hair"}]}
        replies: list[httpx2.Response] = []

        def draw() -> None:
            replies.append(httpx2.post(f"{address}/v1/draw", json=many, timeout=300))

        asking = threading.Thread(target=draw)
        asking.start()
        wait_for(lambda: httpx2.get(f"{address}/v1/health", timeout=60).json()["waiting"] > 0)
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert len(replies[0].json()["pictures"]) == 6
        assert process.wait(60) in (0, -signal.SIGTERM)
        log.seek(0)
        lines = [json.loads(line) for line in log]
        assert [line["event"] for line in lines] == ["request"] * len(lines)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{address}/v1/health")


def wait_for(condition: Callable[[], bool], *, within: float = 30) -> None:
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def patient_server(patience: float, reply: bytes) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server of one reply whose connections have so much patience, and its port."""

    async def answer(_: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": reply})

    protocol: Any = partial(PatientProtocol, patience=patience)
    config = uvicorn.Config(answer, http=protocol, ws="none", lifespan="off", log_level="error", timeout_keep_alive=1)
    with listen(0) as listening:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield server, listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def seconds_until_gone(server: uvicorn.Server) -> float:
    """How long the server keeps its connections."""
    begun = time.monotonic()
    while server.server_state.connections and time.monotonic() - begun < 20:
        time.sleep(0.05)
    return time.monotonic() - begun


def dripping(client: socket.socket, data: bytes) -> None:
    """Send a little now and then, until nobody listens any more."""
    try:
        while data:
            client.sendall(data)
            time.sleep(0.1)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("beginning", "drip"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"A: b\r\n"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    ],
    ids=["silent", "head", "body"],
)
def test_who_sends_too_slowly_is_hung_up_on(beginning: bytes, drip: bytes) -> None:
    with patient_server(1.0, b"here") as (server, port), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(beginning)
        dripper = threading.Thread(target=dripping, args=(client, drip))
        dripper.start()
        wait_for(lambda: bool(server.server_state.connections))
        assert 0.5 < seconds_until_gone(server) < 8
        dripper.join()


def test_who_reads_nothing_is_hung_up_on() -> None:
    large = b"x" * 20_000_000
    with patient_server(1.0, large) as (server, port), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: bool(server.server_state.connections))
        assert seconds_until_gone(server) < 10


def test_a_connection_on_which_requests_end_is_kept() -> None:
    protocol = PatientProtocol.__new__(PatientProtocol)
    protocol.patience, protocol.ended, protocol.ended_before = 5.0, 0, -1
    protocol.loop, protocol.transport = Mock(), Mock()
    protocol._look()  # as it begins
    for ended in (1, 3):
        protocol.ended = ended
        protocol._look()
    assert [call.args for call in protocol.loop.call_later.call_args_list] == [(5.0, protocol._look)] * 3
    assert not protocol.transport.abort.called
    protocol._look()
    assert protocol.transport.abort.called


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_nothing_but_this_machine_is_served_without_a_name(host: str) -> None:
    result = CliRunner().invoke(app, ["serve", "--host", host, "--port", "0"], catch_exceptions=True)
    assert "--host needs --allow-host" in str(result.exception)


def test_a_port_that_is_taken_is_told() -> None:
    with listen(0) as taken:
        result = CliRunner().invoke(app, ["serve", "--port", str(taken.getsockname()[1])], catch_exceptions=True)
    assert "is taken" in str(result.exception)


def test_megabytes_to_keep_are_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Mock()
    monkeypatch.setattr("konomi.web.service.running.run_service", run)
    assert CliRunner().invoke(app, ["serve", "--port", "0", "--cache", "3"]).exit_code == 0
    assert run.call_args.args[0].limits.cache == 3_000_000


@pytest.mark.slow
def test_no_request_that_the_document_suggests_breaks_anything() -> None:
    """Schemathesis writes requests from the OpenAPI document, right and wrong ones, and looks at the replies."""
    with serving("--timeout", "300") as (_, address, _):
        ask(f"{address}/v1/health")
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{address}/v1/openapi.json", "--url", address,
            "--phases", "examples,coverage,fuzzing", "--max-examples", "8",
            "--request-timeout", "300", "--suppress-health-check", "all",
            # what may not stand together (a share code and anything else) no parameter of its own can say
            "--exclude-checks", "positive_data_acceptance",
            "--include-path-regex", "anime-2/avatar.json|draw|models|health", "--no-color",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
