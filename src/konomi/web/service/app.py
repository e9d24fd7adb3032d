"""The application of one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from konomi.errors import KonomiError
from konomi.web.easel import Easel, Limits
from konomi.web.guard import HOSTS, SmallBodies
from konomi.web.service.door import Door
from konomi.web.service.lists import list_routes
from konomi.web.service.pictures import picture_routes
from konomi.web.service.problems import tell

LARGEST = 256_000  # bytes of a body


@dataclass(frozen=True)
class Settings:
    """How a service is run."""

    limits: Limits = field(default_factory=Limits)  # of each process
    hosts: tuple[str, ...] = tuple(HOSTS)  # the names that it goes by; * is any
    log_queries: bool = False  # what was asked for, too: words, and names of users


def create_service_app(settings: Settings) -> FastAPI:
    """The service with an easel of its own; it loads every model before the first request."""
    easel = Easel(settings.limits)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        easel.open()
        yield
        easel.close()

    app = FastAPI(
        title="Konomi", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life, redirect_slashes=False
    )
    app.state.easel = easel
    app.add_middleware(SmallBodies, limit=LARGEST)
    app.add_middleware(Door, hosts=settings.hosts, log_queries=settings.log_queries)
    for kind in (KonomiError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, tell)
    app.include_router(list_routes(easel))
    app.include_router(picture_routes(easel))
    return app
