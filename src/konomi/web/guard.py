"""What keeps other sites out of a page that a browser on the same machine can reach.

A foreign page may send requests to 127.0.0.1 (cross-site request forgery), or point its own name at it (DNS rebinding).
So the Host must be this machine's (`HOSTS`, checked by Starlette), and whatever changes something must come from a page
of our own.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from anyio.to_thread import current_default_thread_limiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ["127.0.0.1", "localhost"]
READING = {"GET", "HEAD"}
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class SameOrigin:
    """Refuses whatever changes something and does not come from our own page; adds the protecting headers."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str] = HEADERS) -> None:
        self.app, self.headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        if scope["method"] in READING or is_same_origin(Headers(scope=scope)):
            await self.app(scope, receive, send_guarded)
        else:
            refusal = JSONResponse({"error": "refused: this did not come from Konomi's own page"}, status_code=403)
            await refusal(scope, receive, send_guarded)


class SmallBodies:
    """Refuses what is larger than `limit` bytes, whatever its headers say."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise HTTPException(413, f"more than {self.limit} bytes were sent")
            return message

        await self.app(scope, receive_counted if scope["type"] == "http" else receive, send)


class FewThreads:
    """Lets at most `threads` requests be worked on at once outside of the event loop; the others wait in their order.

    Python runs one thread at a time: of forty that make pages, each turn of a short request waits for all of them.
    """

    def __init__(self, app: ASGIApp, *, threads: int) -> None:
        self.app, self.threads = app, threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        current_default_thread_limiter().total_tokens = self.threads  # of this event loop
        await self.app(scope, receive, send)


def is_same_origin(headers: Headers) -> bool:
    """Whether the Origin that the browser states (on a POST it always does) is the very host that was asked."""
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host", "-")
