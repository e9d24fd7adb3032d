"""What goes wrong, as RFC 9457 problem details (application/problem+json)."""

import traceback
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from konomi.errors import InputError, KonomiError, unknown_name
from konomi.web.easel import Busy, TooSlow
from konomi.web.service.replies import Many, One, common_headers

MEDIA_TYPE = "application/problem+json"
NOTHING = "there is nothing under this address; /v1/models and /v1/openapi.json say what there is"
RETRY = {"Retry-After": "1"}


class NotHere(InputError):
    """An address under which there is nothing."""


def problem(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """One problem, told in one line."""
    row = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": " ".join(detail.split()),
        "request": getattr(request.state, "request_id", ""),
    }
    told = {"Cache-Control": "no-store", **common_headers(request), **(headers or {})}
    return JSONResponse(row, status_code=status, headers=told, media_type=MEDIA_TYPE)


def tell(request: Request, error: Exception) -> Response:
    """The problem that an exception is; one that nobody foresaw is logged in full and told in few words."""
    if isinstance(error, (Busy, TooSlow)):
        return problem(request, 503, str(error), RETRY)
    if isinstance(error, HTTPException):
        plain = error.status_code == 404 and error.detail == HTTPStatus(404).phrase
        return problem(request, error.status_code, NOTHING if plain else error.detail, error.headers)
    if isinstance(error, RequestValidationError):
        return problem(request, 422, validation_told(error))
    if isinstance(error, InputError):
        return problem(request, 404 if isinstance(error, NotHere) else 422, str(error))
    if isinstance(error, KonomiError):
        return problem(request, 500, str(error))
    request.state.failure = [type(error).__name__, *traceback.format_tb(error.__traceback__)]  # without its text
    return problem(request, 500, "something went wrong here; the log has it under this request's number")


def validation_told(error: RequestValidationError) -> str:
    """The first thing that is wrong with a body: where, what, and the nearest name that there is."""
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return "the body is not valid JSON"
    where = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        *place, name = first["loc"][1:]
        fields = One.model_fields if place else Many.model_fields
        return unknown_name(".".join(map(str, place)) or "the body", str(name), fields).replace("value", "field", 1)
    return f"{where or 'the body'}: {first['msg']}"


class ProblemRoute(APIRoute):
    """A route whose errors are problems, whatever application it is part of."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:
                return tell(request, error)

        return answer
