"""The review pages: correct the tags of a stage, one face at a time or one tag at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi import Query as Address
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konomi.data.tagging.labels import Label
from konomi.errors import InputError, shorten
from konomi.web.faces import Face, Faces, read_faces
from konomi.web.judgements import Judgements
from konomi.web.pages import templates, texts
from konomi.web.queue import Order, Query, Queue, Shown, attribute_of
from konomi.web.views import chips, face_view, tag_label

LARGE, TILE = 768, 256  # pixels of a picture as served; a fine screen shows two of them as one
PAGE = 48  # faces of a sweep seen at once
Language = Literal["en", "ja"]
router = APIRouter(prefix="/review")


@dataclass(frozen=True)
class Desk:
    """What lies on the table: the faces and what has been judged of them."""

    faces: Faces
    judgements: Judgements

    def view(self, faces: Iterable[Face], language: str) -> list[dict[str, Any]]:
        return [face_view(self.faces, self.judgements, face, language) for face in faces]


def open_desk(folder: Path, labels: Path) -> Desk:
    faces = read_faces(folder)
    return Desk(faces, Judgements(labels, faces))


class SweepQuery(Query):
    """A sweep begins with what nobody has judged yet, the likeliest first."""

    show: Shown = "open"
    order: Order = "highest"


def address(desk: Desk, asked: dict[str, str]) -> str:
    """The path of the page that shows what is asked for; an InputError says what cannot be asked."""
    kind, path = (SweepQuery, "/review/sweep") if asked.get("tag") else (Query, "/review")
    try:
        Queue(desk.faces, desk.judgements, kind.model_validate(asked))
    except ValidationError as error:
        first = error.errors()[0]
        given = shorten(str(first["input"]))
        raise InputError(f"{first['loc'][0]} is {given!r}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
    return path + (f"?{urlencode(asked)}" if asked else "")


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    desk.judgements.refresh()
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]


# --- pages ---


@router.get("")
def review_page(request: Request, desk: AtDesk, query: Annotated[Query, Address()]) -> Response:
    """One face at a time, all tags."""
    return _page(request, desk, query, "review")


@router.get("/sweep")
def sweep_page(request: Request, desk: AtDesk, query: Annotated[SweepQuery, Address()]) -> Response:
    """Many faces at a time, one tag."""
    if not query.tag:
        first = next((a.name for a in desk.faces.schema.attributes if a.is_flag), desk.faces.schema.slots[0])
        return RedirectResponse(f"/review/sweep?tag={first}&lang={query.lang}")
    return _page(request, desk, query, "sweep")


def _page(request: Request, desk: Desk, query: Query, page: str) -> Response:
    Queue(desk.faces, desk.judgements, query)  # refuses what cannot be asked
    told, schema = texts("review", query.lang), desk.faces.schema
    rows = chips(schema, query.lang)
    data = {"query": query.model_dump(), "attributes": rows, "texts": told, "page": PAGE, "large": LARGE, "tile": TILE}
    given = {
        "lang": query.lang, "other": "en" if query.lang == "ja" else "ja", "t": told, "query": query, "page": page,
        "filtered": _is_filtered(query, {"lang", "face"} | ({"tag"} if page == "sweep" else set())),
        "data": data, "rows": rows, "splits": desk.faces.splits,
        "folder": desk.faces.folder.name, "labels": desk.judgements.path,
        "label": tag_label(attribute_of(schema, query.tag), query.tag, query.lang) if query.tag else "",
    }  # fmt: skip
    return templates().TemplateResponse(request, f"{page}.html", given)


def _is_filtered(query: Query, besides: set[str]) -> bool:
    fields = {name: field.default for name, field in type(query).model_fields.items() if name not in besides}
    return any(getattr(query, name) != default for name, default in fields.items())


# --- what the pages ask for ---


@router.get("/queue")
def queue(desk: AtDesk, query: Annotated[Query, Address()]) -> dict[str, Any]:
    """The numbers of the faces asked for, where to start, and a digit for each: how far it has been judged.

    `progress` is that of `Judgements.progress`; `tagged` is 1 where the query's tag, or else anything, has been judged.
    It starts with the face that the query names, or else with the first one that has not been judged.
    """
    asked = Queue(desk.faces, desk.judgements, query)
    found = asked.faces_asked_for()
    tagged = [asked.is_judged(face) for face in found]
    named = [face.name == query.face for face in found]
    return {
        "numbers": [face.number for face in found],
        "progress": "".join(str(desk.judgements.progress(face)) for face in found),
        "tagged": "".join(str(int(done)) for done in tagged),
        "start": named.index(True) if True in named else tagged.index(False) if False in tagged else 0,
    }


@router.get("/faces")
def faces(desk: AtDesk, number: Annotated[list[int], Address(max_length=200)], lang: Language = "en") -> dict[str, Any]:
    """All that is known of some faces."""
    return {"faces": desk.view((_face(desk, n) for n in number), lang)}


@router.get("/picture/{number}")
def picture(desk: AtDesk, number: int, size: int | None = None, v: str = "") -> Response:
    """One picture, enlarged to one of the served sizes or as it is; `v` names its content, so that it can be kept."""
    if size not in (None, LARGE, TILE):
        raise InputError(f"size is {size}; pictures are served at {TILE} or {LARGE} px, or as they are without it")
    face = _face(desk, number)
    data, kind = desk.faces.picture(number, size)
    lasting = v and face.record.sha256.startswith(v)
    headers = {"Cache-Control": "private, max-age=31536000, immutable" if lasting else "no-cache"}
    return Response(data, media_type=kind, headers=headers)


def _face(desk: Desk, number: int) -> Face:
    if not 0 <= number < len(desk.faces):
        raise HTTPException(404, f"there is no face {number}; the stage has {len(desk.faces)}, from 0")
    return desk.faces[number]


# --- what they send ---


class Judgement(BaseModel):
    """One judgement, as `konomi.data.tagging.labels.Label`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    tag: str
    value: str


class Judging(BaseModel):
    """What was judged by one key or one page; a repeated `request` does nothing."""

    model_config = ConfigDict(extra="forbid")

    request: str = Field(min_length=8, max_length=64)
    lang: Language = "en"
    judgements: list[Judgement] = Field(min_length=1, max_length=2000)


class Undoing(BaseModel):
    """Take back what was done last; a repeated `request` does nothing."""

    model_config = ConfigDict(extra="forbid")

    request: str = Field(min_length=8, max_length=64)
    lang: Language = "en"


@router.post("/judge")
def judge(desk: AtDesk, asked: Judging) -> dict[str, Any]:
    """Append judgements to the label file; answers with how many rows that made, and the faces as they are now."""
    action = desk.judgements.judge(asked.request, [Label(j.name, j.tag, j.value) for j in asked.judgements])
    named = dict.fromkeys(j.name for j in asked.judgements)
    found = [face for face in map(desk.faces.find, named) if face is not None]
    return {"rows": action.rows, "faces": desk.view(found, asked.lang)}


@router.post("/undo")
def undo(desk: AtDesk, asked: Undoing) -> dict[str, Any]:
    """Bring back what was before the last action; no rows if there is none."""
    action = desk.judgements.undo(asked.request)
    return {"rows": action.rows, "faces": desk.view((desk.faces[n] for n in action.faces), asked.lang)}
