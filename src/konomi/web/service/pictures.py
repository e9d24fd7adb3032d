"""The addresses of pictures: /v1/MODEL/avatar.png, .webp and .json, and many at once with POST /v1/draw."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from konomi import api
from konomi.errors import InputError
from konomi.models import published
from konomi.recipe import to_code
from konomi.web.easel import Drawn, Easel
from konomi.web.guard import is_same_origin
from konomi.web.service.commission import Commission, choose_model, decided_by, read_one, read_query
from konomi.web.service.problems import NotHere, ProblemRoute
from konomi.web.service.replies import (
    A_WHILE,
    FOREVER,
    MANY,
    Facts,
    Finished,
    Gallery,
    Many,
    common_headers,
    etag,
    is_known,
    judged,
)

TYPES = {"png": "image/png", "webp": "image/webp", "json": "application/json"}


def picture_routes(easel: Easel) -> APIRouter:
    """The routes of every published model and family, drawn by `easel`, for any application."""
    router = APIRouter(prefix="/v1", route_class=ProblemRoute)
    for name in addresses():
        for ending in TYPES:
            answer = _answer_for(easel, name, ending)
            router.add_api_route(f"/{name}/avatar.{ending}", answer, methods=["GET", "HEAD"])
    router.add_api_route("/{model}/avatar.{ending}", _nothing_here, methods=["GET", "HEAD"])
    router.add_api_route("/draw", _draw_for(easel), methods=["POST"])
    return router


def addresses() -> list[str]:
    """The names that pictures have addresses under: every family, and every model."""
    return list(dict.fromkeys(name for model in published("generator") for name in (model.family, model.name)))


def _answer_for(easel: Easel, name: str, ending: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        items = request.query_params.multi_items()
        model = request.state.model = choose_model(name, request.query_params.get("licence", "any"))
        commission = read_query(model, items).as_file(ending)
        headers = common_headers(request) | _caching(request, commission, versioned=name == model.name)
        if is_known(headers["ETag"], request.headers.get("if-none-match")):
            return Response(status_code=304, headers=headers)
        drawn = await easel.draw(commission.order)
        code = to_code(drawn.recipe, number=model.number)
        headers |= {"Konomi-Code": code, "Content-Disposition": f'inline; filename="avatar-{code}.{ending}"'}
        body = facts(commission, drawn).model_dump_json().encode() if ending == "json" else drawn.data
        return Response(body, headers=headers, media_type=TYPES[ending])

    return answer


def _caching(request: Request, commission: Commission, *, versioned: bool) -> dict[str, str]:
    """A versioned address keeps its picture for ever; a family's leads to the versioned one."""
    headers = {"ETag": etag(decided_by(commission)), "Cache-Control": FOREVER if versioned else A_WHILE}
    if not versioned:
        name = commission.model.name
        query = urlencode([item for item in request.query_params.multi_items() if item[0] != "licence"])
        ending = request.url.path.rpartition("/")[2]
        licence = common_headers(request)["Link"]
        headers["Link"] = f'<../{name}/{ending}{"?" + query if query else ""}>; rel="canonical", {licence}'
    return headers


async def _nothing_here(model: str, ending: str) -> Response:
    choose_model(model)
    raise NotHere(f"there is no avatar.{ending}; ask for avatar.{', .'.join(TYPES)}")


def _draw_for(easel: Easel) -> Callable[[Request, Many], Awaitable[Gallery]]:
    async def draw(request: Request, many: Many) -> Gallery:
        """Many pictures at once, as JSON with the files inside. For servers: pages of other sites may not ask."""
        if "origin" in request.headers and not is_same_origin(request.headers):
            raise HTTPException(403, "pages of other sites may not draw many at once; ask from your server")
        found = await asyncio.to_thread(_commissions, many)  # reading many descriptions takes a while
        if len(found) > MANY:
            raise InputError(f"{len(found)} pictures are asked for; at most {MANY} at once")
        drawn = await easel.draw_all([commission.order for commission in found])
        pairs = zip(found, drawn, strict=True)
        return Gallery(pictures=[_finished(commission, one, many.format) for commission, one in pairs])

    return draw


def _commissions(many: Many) -> list[Commission]:
    found: list[Commission] = []
    for number, one in enumerate(many.pictures):
        try:
            found += read_one(choose_model(one.model, one.licence), one)
        except InputError as error:
            raise InputError(f"pictures.{number}: {error}") from None
    return [commission.as_file(many.format) for commission in found]


def _finished(commission: Commission, drawn: Drawn, file_format: str) -> Finished:
    told = facts(commission, drawn, f"{commission.model.name}/avatar.{file_format}").model_dump()
    media_type = TYPES[file_format] if drawn.data else ""
    return Finished(**told, type=media_type, data=base64.b64encode(drawn.data).decode())


def facts(commission: Commission, drawn: Drawn, picture: str = "") -> Facts:
    """Everything about a picture; `picture` is its address without the query."""
    recipe, model = drawn.recipe, commission.model
    code = to_code(recipe, number=model.number)
    return Facts(
        model=model.name,
        licence=model.licence,
        free=model.free,
        code=code,
        picture=f"{picture or f'../{model.name}/avatar.png'}?code={code}",
        seed=recipe.seed,
        size=recipe.size,
        variety=recipe.variety,
        asked=recipe.condition.to_dict(),
        unused=list(commission.unused),
        notes=list(commission.notes),
        verdicts=[judged(verdict) for verdict in drawn.verdicts],
        recipe=replace(recipe, versions=api.versions()).to_dict(),
    )
