"""What there is: the models with their cards, the OpenAPI document, and how the service does."""

import os
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from konomi import __version__, api
from konomi.models import Published, published
from konomi.schema import Schema, load_schema
from konomi.web.easel import Easel
from konomi.web.service.commission import choose_model
from konomi.web.service.document import openapi
from konomi.web.service.problems import ProblemRoute
from konomi.web.service.replies import A_WHILE, Card, Cards, Health, Summary, common_headers


def list_routes(easel: Easel) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=ProblemRoute)

    async def health(request: Request) -> Response:
        told = Health(
            status="ok", version=__version__, waiting=easel.waiting, queue=easel.limits.queue, worker=os.getpid()
        )
        return _json(request, told.model_dump(), "no-store")

    for path, answer in (
        ("/models", _models),
        ("/models/{name}", _model),
        ("/openapi.json", _document),
        ("/health", health),
    ):
        router.add_api_route(path, answer, methods=["GET", "HEAD"])
    return router


async def _models(request: Request) -> Response:
    told = Cards(models=[Summary(**_summary(model)) for model in published("generator")])
    return _json(request, told.model_dump())


async def _model(request: Request, name: str) -> Response:
    model = request.state.model = choose_model(name)
    card = model.card.read_text(encoding="utf-8")
    schema = load_schema(api.open_model(model.name).schema.name)
    told = Card(**_summary(model), schema_name=schema.name, attributes=_attributes(schema), card=card)
    return _json(request, told.model_dump())


async def _document(request: Request) -> Response:
    return _json(request, openapi())


def _json(request: Request, content: Any, caching: str = A_WHILE) -> Response:
    return JSONResponse(content, headers={**common_headers(request), "Cache-Control": caching})


def _summary(model: Published) -> dict[str, Any]:
    newest = choose_model(model.family) == model
    return {
        "name": model.name, "family": model.family, "newest": newest, "number": model.number, "licence": model.licence,
        "free": model.free, "judge": model.judge, "summary": model.summary,
    }  # fmt: skip


def _attributes(schema: Schema) -> dict[str, Any]:
    """Every attribute with its values and what both are called."""
    return {
        a.name: {"kind": a.kind, "label": a.label, "values": {} if a.is_flag else {v.name: v.label for v in a.values}}
        for a in schema.attributes
    }
