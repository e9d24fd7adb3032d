"""The application: guards, the album, and what goes wrong."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from konomi.errors import FileError, InputError, KonomiError
from konomi.web.guard import HEADERS, HOSTS, SameOrigin, SmallBodies
from konomi.web.pages import STATIC
from konomi.web.studio import files, pages, picking, portrait
from konomi.web.studio.album import Album
from konomi.web.studio.board import Board
from konomi.web.studio.picking import Picking
from konomi.web.studio.visit import Visit, places


def create_studio_app(album: Album, *, model: str = "anime") -> FastAPI:
    """The studio with one published model; an InputError names the models if there is none of that name."""
    app = FastAPI(title="Konomi studio", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.album, app.state.board, app.state.places = album, Board(model), places
    app.state.picking = Picking(album.path.parent, app.state.board.model.name)
    app.add_middleware(SmallBodies, limit=files.LARGEST)
    # a page whose referrer policy is no-referrer sends no origin with its forms, and tells no history
    app.add_middleware(SameOrigin, headers=HEADERS | {"Referrer-Policy": "same-origin"})
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    for kind in (KonomiError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _tell)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for part in (files, portrait, pages, picking):  # files first: a picture's address ends as no code does
        app.include_router(part.router)
    return app


def _tell(request: Request, error: Exception) -> Response:
    """What went wrong, in one line: as a page to somebody who reads, as JSON to a script."""
    status, told = _line(error)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": told}, status_code=status)
    return Visit(request).page("studio_error.html", status=status, told=told)


def _line(error: Exception) -> tuple[int, str]:
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return 422, f"{first['loc'][-1]}: {first['msg']}"
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    return 400 if isinstance(error, (InputError, FileError)) else 500, " ".join(str(error).split())
