"""A web server for tests, on loopback: pages and pictures, and everything that can go wrong with them."""

import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class WebServer:
    """Answers by path: bytes, an answer, or a function that writes to the handler itself; 404 for all else.

    `asked` is every request in order: time, path and headers.
    """

    def __init__(self, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> None:
        self.paths: dict[str, Any] = {}
        self.asked: list[tuple[float, str, dict[str, str]]] = []
        self.pause = 0.0  # seconds before each answer
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.asked.append((time.monotonic(), self.path, dict(self.headers)))
                time.sleep(server.pause)
                try:
                    server.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client has hung up

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # clients that are killed

        self.http = Server((host, 0), Handler)
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.address = f"http{'s' * bool(tls)}://{host}:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        found = self.paths.get(handler.path, (404, {"Content-Type": "text/html"}, b"<p>nothing here"))
        if callable(found):
            found(handler)
            return
        status, headers, body = (200, {}, found) if isinstance(found, bytes) else found
        send(handler, status, headers, body)

    def count(self, path: str) -> int:
        return sum(asked == path for _, asked, _ in self.asked)

    def page(self, path: str, body: str, **headers: str) -> None:
        self.paths[path] = (200, {"Content-Type": "text/html; charset=utf-8", **headers}, body.encode())

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "image/png", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def dripping(data: bytes, seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """One byte now and then."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(seconds)

    return write


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A picture that never ends, and does not say how long it is."""
    handler.send_response(200)
    handler.send_header("Content-Type", "image/png")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    handler.wfile.write(b"\x89PNG\r\n\x1a\n")
    while True:
        handler.wfile.write(b"x" * 65536)


def failing(times: int, then: bytes, status: int = 500, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Fails so many times, then answers."""
    left = [times]

    def write(handler: BaseHTTPRequestHandler) -> None:
        left[0] -= 1
        if left[0] >= 0:
            send(handler, status, headers, b"broken")
        else:
            send(handler, 200, {}, then)

    return write
