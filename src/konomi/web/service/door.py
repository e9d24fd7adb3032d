"""The door: numbers every request, refuses those for another host, and logs one JSON line for each."""

import json
import logging
import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from konomi.web.service.problems import problem

LOG = logging.getLogger("konomi.service")
PROTECTING = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:@/\s]+)(:\d{1,5})?", re.IGNORECASE)


class Door:
    """The outermost layer of the service.

    The log says which address was asked for, never with what: neither words nor names of users, unless
    `log_queries`.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], log_queries: bool = False) -> None:
        self.app, self.hosts, self.log_queries = app, [host.lower() for host in hosts], log_queries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, headers = time.perf_counter(), Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["request_id"] = number = _id_of(headers)
        sent = {"status": 0, "bytes": 0}

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                MutableHeaders(scope=message).update(PROTECTING | {"X-Request-Id": number})
            sent["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            if self.is_ours(headers.get("host", "")):
                await self.app(scope, receive, send_marked)
            else:
                await problem(Request(scope), 421, _OTHER)(scope, receive, send_marked)
        finally:
            took = round(1000 * (time.perf_counter() - begun), 1)
            LOG.info("request", extra={"told": self._line(scope, sent, took)})

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this service; `*` among its names stands for any."""
        found = _HOST.fullmatch(host)
        return found is not None and ("*" in self.hosts or found[1].strip("[]").lower() in self.hosts)

    def _line(self, scope: Scope, sent: dict[str, int], took: float) -> dict[str, Any]:
        state, route = scope["state"], scope.get("route")
        line = {
            "id": state["request_id"],
            "method": scope["method"],
            "route": getattr(route, "path", ""),
            **sent,
            "ms": took,
        }
        if "model" in state:
            line["model"] = state["model"].name
        if "failure" in state:
            line["failure"] = state["failure"]
        if self.log_queries:
            line["path"], line["query"] = scope["path"], scope.get("query_string", b"").decode("latin-1")
        return line


_OTHER = "this service does not go by that host name; if it should, start it with --allow-host and the name"


def _id_of(headers: Headers) -> str:
    """The request's number: the one that a proxy gave it, or a new one."""
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid4().hex


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        row = {"time": when, "level": record.levelname.lower(), "event": record.getMessage(), "worker": os.getpid()}
        row |= getattr(record, "told", {})
        if record.exc_info:
            row["failure"] = self.formatException(record.exc_info)
        return json.dumps(row, ensure_ascii=False)


# of the service and of uvicorn alike, on standard error
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        "konomi.service": {"handlers": ["lines"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["lines"], "level": "WARNING", "propagate": False},
    },
}
