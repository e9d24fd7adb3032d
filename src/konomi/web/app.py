"""The web application: its guards, the shared look, and the pages."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from konomi.errors import InputError, KonomiError
from konomi.web import review
from konomi.web.guard import HOSTS, SameOrigin
from konomi.web.pages import STATIC, templates


@dataclass(frozen=True)
class Config:
    """What the pages work on."""

    folder: Path  # a stage
    labels: Path  # the label file that judgements are appended to


def create_app(config: Config) -> FastAPI:
    """The application for one stage and one label file; a KonomiError if either cannot be used."""
    app = FastAPI(title="Konomi", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = review.open_desk(config.folder, config.labels)
    app.add_middleware(SameOrigin)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    app.add_exception_handler(KonomiError, tell)
    app.add_exception_handler(RequestValidationError, tell)
    app.add_exception_handler(HTTPException, tell)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(review.router)
    app.add_api_route("/", lambda: RedirectResponse("/review"))
    return app


def tell(request: Request, error: Exception) -> Response:
    """One line that says what went wrong: as a page to somebody who reads, as JSON to a script."""
    status, told = _line(error)
    if "text/html" in request.headers.get("accept", ""):
        return templates().TemplateResponse(request, "error.html", {"lang": "en", "told": told}, status_code=status)
    return JSONResponse({"error": told}, status_code=status)


def _line(error: Exception) -> tuple[int, str]:
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return 422, f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}"
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    return 400 if isinstance(error, InputError) else 500, " ".join(str(error).split())
