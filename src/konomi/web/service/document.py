"""The OpenAPI document: every address, parameter and reply, from the schemas, the list of models and the shapes."""

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from konomi import __version__, api
from konomi.models import Published
from konomi.recipe import MAX_NAME, SIZES, VARIETY
from konomi.schema import FLAG_ANSWERS, Attribute, Schema, load_schema
from konomi.verifying import CANDIDATES
from konomi.web.service.commission import LICENCES, MOST_CANDIDATES, SIZE, choose_model
from konomi.web.service.pictures import TYPES, addresses
from konomi.web.service.problems import MEDIA_TYPE
from konomi.web.service.replies import (
    EXAMPLE_CODE,
    EXAMPLE_TEXT,
    Card,
    Cards,
    Facts,
    Gallery,
    Health,
    Many,
    Problem,
)

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
SHAPES = (Facts, Gallery, Many, Cards, Card, Health, Problem)
PROBLEMS = {
    400: "The body cannot be read.",
    403: "Asked by a page of another site.",
    404: "There is no such model.",
    413: "The body is too large.",
    422: "A parameter is unknown, misspelt or out of range; the detail names the nearest that exists.",
    503: "Too many pictures wait, or one took too long. `Retry-After` says in how many seconds to ask again.",
}
ABOUT = """Anime avatars from words, attributes and names: the same address gives the same picture, for ever.

**Licence first.** Every reply says the licence of its model in `Konomi-Licence`. `licence=free` draws only with models
whose pictures are free for any use.

An address with a version (`/v1/anime-2/avatar.png`) never changes its picture and may be kept for ever. One of a family
(`/v1/anime/avatar.png`) draws with the newest model; its `Link` leads to the address with the version."""


@cache
def openapi() -> Json:
    """The whole document, OpenAPI 3.1."""
    paths: Json = {f"/v1/{name}/avatar.{end}": {"get": _picture(name, end)} for name in addresses() for end in TYPES}
    paths["/v1/draw"] = {"post": _draw()}
    paths["/v1/models"] = {"get": _list("List the models", Cards)}
    name = {"name": "name", "in": "path", "required": True, "schema": {"enum": addresses()}}
    paths["/v1/models/{name}"] = {"get": _list("A model and its card", Card, 404) | {"parameters": [name]}}
    paths["/v1/health"] = {"get": _list("Whether the service is well, and how much waits", Health)}
    schemas = models_json_schema([(shape, "serialization") for shape in SHAPES], ref_template=REF)[1]["$defs"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Konomi", "version": __version__, "description": ABOUT},
        "servers": [{"url": ".."}],
        "paths": paths,
        "components": {"schemas": schemas, "parameters": _all_parameters()},
    }


def _picture(name: str, ending: str) -> Json:
    model = choose_model(name)
    what = "What is known of a picture" if ending == "json" else f"A picture as {ending.upper()}"
    kept = "Never changes." if name == model.name else f"Drawn by the newest model of its family, now {model.name}."
    content: Json = {"schema": {"type": "string", "format": "binary"}}
    if ending == "json":
        content = {"schema": {"$ref": REF.format(model="Facts")}}
    replies = {
        "200": {"description": what, "headers": _headers(), "content": {TYPES[ending]: content}},
        "304": {"description": "The client has it already (`If-None-Match`)."},
    }
    return {
        "operationId": f"{name}.{ending}",
        "summary": what,
        "description": f"{kept} Licence: {model.licence}.",
        "tags": [name],
        "parameters": [{"$ref": f"#/components/parameters/{key}"} for key in _keys_of(model)],
        "responses": replies | _problems(404, 422, 503),
    }


def _draw() -> Json:
    body = {"schema": {"$ref": REF.format(model="Many")}, "examples": _examples()}
    drawn = {"description": "The pictures, in order.", "content": _json(Gallery)}
    return {
        "operationId": "draw",
        "summary": "Draw many",
        "description": "Pictures as JSON with the files inside. For servers: pages of other sites may not ask.",
        "tags": ["many"],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": drawn} | _problems(400, 403, 413, 422, 503),
    }


def _examples() -> Json:
    words = {"model": "anime-2", "text": EXAMPLE_TEXT, "seed": "alice", "size": 128}
    faces = {"model": "anime-2", "attributes": {"hair_color": "pink"}, "count": 3, "size": 64}
    return {
        "words": {"value": {"pictures": [words]}},
        "several": {"value": {"pictures": [words, faces], "format": "webp"}},
    }


def _list(summary: str, shape: type, *statuses: int) -> Json:
    found = {"200": {"description": summary, "content": _json(shape)}}
    return {
        "summary": summary,
        "operationId": shape.__name__.lower(),
        "tags": ["about"],
        "responses": found | _problems(*statuses),
    }


def _json(shape: type) -> Json:
    return {"application/json": {"schema": {"$ref": REF.format(model=shape.__name__)}}}


def _problems(*statuses: int) -> Json:
    told = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
    return {str(status): {"description": PROBLEMS[status], "content": told} for status in statuses}


def _headers() -> Json:
    told = {
        "ETag": "Marks this very reply; send it back as `If-None-Match`.",
        "Cache-Control": "`immutable` for an address with a version.",
        "Link": 'The licence (`rel="license"`); of a family\'s address the one with the version (`rel="canonical"`).',
        "Konomi-Model": "The model that drew it.",
        "Konomi-Licence": "Its licence.",
        "Konomi-Code": "The share code of this very picture.",
    }
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in told.items()}


# --- parameters ---


def _all_parameters() -> Json:
    found = {key: row for key, row in _settings()}
    for schema in {api.open_model(choose_model(name).name).schema.name for name in addresses()}:
        found |= {f"{schema}.{row['name']}": row for row in _attributes(load_schema(schema))}
    return found


def _keys_of(model: Published) -> list[str]:
    schema = load_schema(api.open_model(model.name).schema.name)
    return [key for key, _ in _settings()] + [f"{schema.name}.{row['name']}" for row in _attributes(schema)]


def _settings() -> list[tuple[str, Json]]:
    told: dict[str, tuple[str, Json]] = {
        "text": ("A description in English or Japanese.", {"type": "string", "examples": [EXAMPLE_TEXT]}),
        "seed": (
            "Who it is: a number or any name, as a user's. The same name is the same face for ever.",
            {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "default": "0", "examples": ["alice"]},
        ),
        "size": ("Pixels.", {"type": "integer", "enum": list(SIZES), "default": SIZE}),
        "variety": (
            "0 the average face of the description, 1 everything that the model has learned.",
            {"type": "number", "minimum": 0, "maximum": 1, "default": VARIETY},
        ),
        "candidates": (
            f"Draw so many and keep what shows best what was asked; 1 takes the first. By default {CANDIDATES} for "
            "models with a judge of their own, else 1.",
            {"type": "integer", "minimum": 1, "maximum": MOST_CANDIDATES},
        ),
        "code": (
            "A share code instead of everything but the size.",
            {"type": "string", "minLength": 3, "maxLength": 500, "examples": [EXAMPLE_CODE]},
        ),
        "licence": (
            "`free`: only a model whose pictures are free for any use. A family that has none stands for any that has.",
            {"enum": list(LICENCES), "default": "any"},
        ),
    }
    return [(name, _parameter(name, text, schema)) for name, (text, schema) in told.items()]


def _attributes(schema: Schema) -> list[Json]:
    """A parameter for each attribute, and one for the weight of each value of a choice."""
    weights = [(a, value) for a in schema.attributes if not a.is_flag for value in a.values]
    return [_attribute(a) for a in schema.attributes] + [
        _parameter(f"{a.name}.{v.name}", f"How much {a.label['en']} is {v.label['en']}.", WEIGHT) for a, v in weights
    ]


WEIGHT: Json = {
    "anyOf": [
        {"enum": [word for word in FLAG_ANSWERS if not word.isdigit()]},
        {"type": "number", "minimum": 0, "maximum": 1},
    ]
}


def _attribute(attribute: Attribute) -> Json:
    told = f"{attribute.label['en']} ({attribute.label['ja']})"
    if attribute.is_flag:
        return _parameter(attribute.name, f"With or without {told}, or a weight.", WEIGHT)
    values = "; ".join(f"{v.name}: {v.label['en']} ({v.label['ja']})" for v in attribute.values)
    return _parameter(attribute.name, f"{told}. {values}.", {"enum": list(attribute.value_names)})


def _parameter(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}
