"""Clients that send or read too slowly are hung up on."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with one more limit: a connection on which no request ends within `patience` seconds is closed.

    That holds for a request that trickles in, a reply that nobody reads, and a connection on which nothing is said.
    """

    def __init__(self, *args: Any, patience: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patience, self.ended, self.ended_before = patience, 0, -1
        self.watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.watch:
            self.watch.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.ended += 1
        super().on_response_complete()

    def _look(self) -> None:
        if self.ended == self.ended_before:
            self.transport.abort()
            return
        self.ended_before = self.ended
        self.watch = self.loop.call_later(self.patience, self._look)
