"""What the service sends and takes: shapes of JSON, and headers."""

import hashlib
import json
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from konomi import api
from konomi.models import Published
from konomi.recipe import MAX_NAME, SIZES, VARIETY
from konomi.verifying import Verdict

Size = Literal[64, 128, 256, 512]
MANY = 32  # pictures of one body
FOREVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=300"  # of addresses that change their model with a new version
SHOWN = "ETag, Link, Konomi-Model, Konomi-Licence, Konomi-Code, X-Request-Id"
# what a page of any other site may do with a reply: embed it and read it
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": SHOWN,
    "Cross-Origin-Resource-Policy": "cross-origin",
}
EXAMPLE_TEXT = "long silver hair, red eyes and glasses"
EXAMPLE_CODE = "3OIH2VXZECY1O"


class Judged(BaseModel):
    """What the judge says of one thing that was asked."""

    slot: str = Field(description="An attribute, or ATTRIBUTE.VALUE.", examples=["hair_color.silver"])
    wanted: bool = Field(description="Whether it was asked to be there, or not to be.")
    drawn: bool = Field(description="Whether the picture obeys, more likely than not.")
    probability: float = Field(ge=0, le=1, description="That the picture obeys.")


class Facts(BaseModel):
    """Everything about one picture but its pixels."""

    model: str = Field(examples=["anime-2"])
    licence: str = Field(description="Of the model, and so of the picture.")
    free: bool = Field(description="Whether that licence allows any use.")
    code: str = Field(description="The share code: this very picture for ever.", examples=[EXAMPLE_CODE])
    picture: str = Field(description="The address of this very picture, relative to this document's.")
    seed: int
    size: int
    variety: float
    asked: dict[str, Any] = Field(description="What was understood.", examples=[{"hair_color": "silver"}])
    unused: list[str] = Field(description="Words that were not understood.")
    notes: list[str] = Field(description="Remarks: contradictions, what the model cannot draw yet.")
    verdicts: list[Judged] = Field(description="What the judge says; empty if nothing was asked, or nobody judged.")
    recipe: dict[str, Any] = Field(description="What decides the picture.")


class Finished(Facts):
    """A picture, with its file."""

    type: str = Field(description="The media type of `data`; empty without one.", examples=["image/png"])
    data: str = Field(description="The file, base64.")


class Gallery(BaseModel):
    pictures: list[Finished]


class Summary(BaseModel):
    """One published model."""

    name: str = Field(examples=["anime-2"])
    family: str = Field(description="Its address draws with the newest of its models.", examples=["anime"])
    newest: bool = Field(description="Whether it is the newest of its family.")
    number: int = Field(description="In share codes.")
    licence: str
    free: bool = Field(description="Whether the licence allows any use.")
    judge: str = Field(description="The model that chooses among its candidates; empty: none.")
    summary: str


class Cards(BaseModel):
    """All published models, the newest of each family last; old ones stay served."""

    models: list[Summary]


class Card(Summary):
    """A model with its card and everything that it can be asked for."""

    schema_name: str = Field(examples=["anime"])
    attributes: dict[str, Any] = Field(description="By name: the label, and the values with theirs.")
    card: str = Field(description="Data, licence, uses, limits and scores, as Markdown.")


class Health(BaseModel):
    status: Literal["ok"]
    version: str
    waiting: int = Field(description="Pictures that are waited for.")
    queue: int = Field(description="How many may wait.")
    worker: int = Field(description="The process that answered.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["hair_color has no value 'purpel'. Did you mean 'purple'?"])
    request: str = Field(description="The request's number, as in X-Request-Id and the log.")


class One(BaseModel):
    """One of many orders; the same fields as in an address, and `count`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str = Field("anime", description="A model or a family of models, see /v1/models.", max_length=MAX_NAME)
    licence: Literal["any", "free"] = Field(
        "any", description="`free`: only a model whose pictures are free for any use."
    )
    text: str = Field("", description="A description in English or Japanese.", examples=[EXAMPLE_TEXT], max_length=4000)
    attributes: dict[str, Any] = Field(
        default={},
        description="Attributes of the model's schema, see /v1/models: a value's name, true or false, a weight from 0 "
        "to 1, or weights by value. They win over the text.",
        examples=[{"hair_color": "silver", "glasses": True}],
    )
    seed: int | str = Field(0, description="A number or any name.", examples=["alice", 7])
    count: int = Field(1, ge=1, le=MANY, description="So many pictures; picture i has seed + i.")
    size: Size = Field(256, description="Pixels.")
    variety: float = Field(VARIETY, ge=0, le=1, description="0 the average face, 1 everything that was learned.")
    candidates: int | None = Field(None, ge=1, description="As in an address.")
    code: str = Field("", description="A share code instead of all but the size.", max_length=500)


class Many(BaseModel):
    """Several orders at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pictures: list[One] = Field(min_length=1, max_length=MANY, description=f"At most {MANY} pictures, counts added up.")
    format: Literal["png", "webp", "json"] = Field("png", description="`json`: no files, only what is known of them.")


assert set(SIZES) == {64, 128, 256, 512}


def judged(verdict: Verdict) -> Judged:
    return Judged(
        slot=verdict.slot, wanted=verdict.wanted, drawn=verdict.drawn, probability=round(verdict.probability, 3)
    )


def common_headers(request: Request) -> dict[str, str]:
    """What every reply under /v1 says: who may use it, and, once that is known, the model and its licence."""
    model: Published | None = getattr(request.state, "model", None)
    return OPEN | (licence_headers(model) if model else {})


def licence_headers(model: Published) -> dict[str, str]:
    """The licence in words, and where it is told in full (relative to /v1/MODEL/)."""
    plain = model.licence.encode("ascii", "replace").decode()
    return {
        "Konomi-Model": model.name,
        "Konomi-Licence": plain,
        "Link": f'<../models/{model.name}>; rel="license"',
    }


def etag(*parts: Any) -> str:
    """A strong tag of everything that decides a reply, and of the versions that draw it."""
    told = json.dumps([*parts, api.versions()], sort_keys=True, ensure_ascii=True)
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def is_known(tag: str, header: str | None) -> bool:
    """Whether an If-None-Match header says that the client has what `tag` marks."""
    given = [one.strip().removeprefix("W/") for one in (header or "").split(",")]
    return tag in given or given == ["*"]
