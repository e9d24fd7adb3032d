"""The pages of a tasting: pick, like or dislike, and see what is drawn for the taste.

Everything is a plain form that works without scripts; which question comes next is read from the profile each time.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from PIL import Image
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from konomi import api, metadata
from konomi.errors import InputError, KonomiError
from konomi.images import resize
from konomi.recipe import MAX_SEED
from konomi.taste.profile import likings, words
from konomi.taste.questions import LARGEST
from konomi.taste.session import Reply, Session
from konomi.taste.wishes import because, chance_over_average
from konomi.tasting.seeing import SIDE, see
from konomi.tasting.sitting import Sitting
from konomi.tasting.suggesting import draw_for
from konomi.verifying import CANDIDATES
from konomi.web.app import tell
from konomi.web.guard import HEADERS, HOSTS, SameOrigin, SmallBodies
from konomi.web.kept import Kept
from konomi.web.pages import STATIC, templates, texts

SIZES = (1, 2, LARGEST)  # pictures at a time that the page offers
FEW = 6  # suggestions
LARGE = 256  # pixels
BODY = 10_000  # bytes of a form
CODE = 500  # characters of a share code, at most
NAMED = 6  # likings of each sign that are shown
Language = Literal["en", "ja"]


def create_taste_app(sitting: Sitting) -> FastAPI:
    """The application for one person's profile, on this machine only."""
    app = FastAPI(title="Konomi", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.tasting = Tasting(sitting)
    # a browser tells no origin with a form of a page whose referrer policy is no-referrer
    app.add_middleware(SmallBodies, limit=BODY)
    app.add_middleware(SameOrigin, headers=HEADERS | {"Referrer-Policy": "same-origin"})
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    for kind in (KonomiError, RequestValidationError, StarletteHTTPException):
        app.add_exception_handler(kind, tell)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(router)
    app.add_api_route("/", lambda: RedirectResponse("/taste"))
    return app


def address(size: int, language: str) -> str:
    """The path of the first page."""
    return f"/taste?{urlencode({'of': size, 'lang': language})}"


class Tasting:
    """Who sits there, and pictures that were looked at or enlarged a moment ago."""

    def __init__(self, sitting: Sitting) -> None:
        self.sitting = sitting
        self._rows: Kept[str, np.ndarray] = Kept(500)
        self._files: Kept[str, api.Avatar] = Kept(200)

    def row(self, code: str) -> np.ndarray:
        """What the crowd sees of any picture of the model."""
        if (row := self._rows.get(code)) is None:
            row = see(self.sitting.model, [self.sitting.recipe_of(code)]).rows(self.sitting.crowd)[0]
            self._rows.put(code, row)
        return row

    def avatar(self, code: str) -> api.Avatar:
        if (avatar := self._files.get(code)) is None:
            (avatar,) = api.draw_recipes([self.sitting.recipe_of(code)], self.sitting.model)
            self._files.put(code, avatar)
        return avatar

    def small(self, code: str) -> Image.Image:
        """The picture before it is enlarged."""
        if code in self.sitting.rows:
            return Image.fromarray(self.sitting.pool.cores[self.sitting.codes.index(code)])
        return resize(self.avatar(code), SIDE)


# --- what is asked for ---


@dataclass(frozen=True)
class Visit:
    """One request: how many pictures at a time, and in which language."""

    request: Request
    tasting: Tasting
    size: int
    language: str

    @property
    def sitting(self) -> Sitting:
        return self.tasting.sitting

    @property
    def say(self) -> dict[str, str]:
        return texts("taste", self.language)

    def query(self, **given: Any) -> str:
        """The query of an address with this size and language; what is empty or false is left out."""
        asked = {"of": self.size, "lang": self.language, **given}
        return urlencode({name: int(value) if value is True else value for name, value in asked.items() if value})

    def page(self, template: str, session: Session, **given: Any) -> Response:
        other = "en" if self.language == "ja" else "ja"
        kept = [(k, v) for k, v in self.request.query_params.multi_items() if k != "lang"]
        liked, disliked = learned(session, self.language)
        shared = {
            "lang": self.language, "other": other, "say": self.say, "switch": "?" + urlencode([*kept, ("lang", other)]),
            "size": self.size, "query": self.query(), "liked": liked, "disliked": disliked,
            "behind": self._behind(), "file": self.sitting.path.name,
        }  # fmt: skip
        found = templates().TemplateResponse(self.request, template, shared | given)
        found.headers["Cache-Control"] = "no-store"
        return found

    def _behind(self) -> str:
        """Whose replies stand behind what is said."""
        crowd = self.sitting.crowd
        if crowd.simulated:
            return self.say["simulated"]
        people = int(crowd.facts.get("people", 0))
        return self.say["people"].format(people=f"{people:,}") if people else self.say["nobody"]


def learned(session: Session, language: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What the person seems to like and not to like, the strongest first, each with its certainty."""
    schema = session.crowd.schema
    known = sorted((x for x in likings(session.crowd, session.taste) if x.certainty), key=lambda x: -abs(x.mean))
    liked = [(words(schema, x.attribute, x.value, language), x.certainty) for x in known if x.mean > 0]
    disliked = [(words(schema, x.attribute, x.value, language), x.certainty) for x in known if x.mean < 0]
    return liked[:NAMED], disliked[:NAMED]


def _visit(request: Request, of: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST, lang: Language = "en") -> Visit:
    return Visit(request, request.app.state.tasting, of, lang)


async def _form(request: Request) -> AsyncIterator[dict[str, str]]:
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise HTTPException(400, "what was sent cannot be read; nothing was changed") from None
    yield dict(pairs)


AnyVisit = Annotated[Visit, Depends(_visit)]
Form = Annotated[dict[str, str], Depends(_form)]
Code = Annotated[str, Query(max_length=CODE)]
router = APIRouter(prefix="/taste")


# --- picking ---


@router.get("")
def question_page(visit: AnyVisit, more: bool = False) -> Response:
    """What is asked next; once enough is known, what is drawn for it, unless somebody wants to go on."""
    session = visit.sitting.session()
    question = visit.sitting.question(session, size=visit.size, language=visit.language)
    if not question.left and not more:
        return RedirectResponse(f"/taste/suggestions?{visit.query()}", 303)
    title = visit.say["do_you" if visit.size == 1 else "which"]
    links = {number: visit.query(of=number, more=more) for number in SIZES}
    return visit.page(
        "taste_question.html", session, title=title, question=question, said=session.said, sizes=SIZES, links=links,
        query=visit.query(more=more),
    )  # fmt: skip


@router.post("")
def reply(visit: AnyVisit, form: Form, more: bool = False) -> Response:
    """Keep what was said, and go on."""
    if not form.get("number", "").isdecimal():
        raise InputError("what was sent does not say which question it answers; nothing was changed")
    number, codes = int(form["number"]), tuple(form.get("shown", "").split(","))
    if "undo" in form:
        visit.sitting.undo(number)
    else:
        liked = {"yes": True, "no": False}.get(form.get("liked", ""))
        visit.sitting.answer(number, Reply(codes, form.get("picked", ""), liked))
    return RedirectResponse(f"/taste?{visit.query(more=more)}", 303)


# --- what is drawn for it ---


@router.get("/suggestions")
def suggestions(
    visit: AnyVisit,
    text: Annotated[str, Query(max_length=500)] = "",
    seed: Annotated[int, Query(ge=0, le=MAX_SEED - 10_000)] = 0,
    codes: Annotated[str, Query(max_length=FEW * (CODE + 1))] = "",
) -> Response:
    """A varied few; drawn first, then shown under an address that names them, so that judging them keeps them."""
    session, model = visit.sitting.session(), visit.sitting.model
    request = api.understand(text, schema_name=model.schema.name)
    if not codes:
        drawn, _ = draw_for(visit.sitting.crowd, session.taste, model, request, count=FEW, seed=seed)
        found = ",".join(avatar.code for avatar in drawn)
        return RedirectResponse(f"/taste/suggestions?{visit.query(text=text, seed=seed, codes=found)}", 303)
    notes = [*request.notes, *api.cannot_draw(model, request.condition)]
    if request.unused:
        notes.append(visit.say["unused"].format(words=", ".join(request.unused)))
    return visit.page(
        "taste_suggestions.html", session, title=visit.say["suggestions"], text=text, notes=notes,
        cards=_cards(visit, session, codes.split(",")), here=visit.query(text=text, seed=seed, codes=codes),
        others=visit.query(text=text, seed=seed + FEW * CANDIDATES),
    )  # fmt: skip


def _cards(visit: Visit, session: Session, codes: list[str]) -> list[dict[str, Any]]:
    crowd, taste = visit.sitting.crowd, session.taste
    rows, slots = np.stack([visit.tasting.row(code) for code in codes]), len(crowd.schema.slots)
    design = crowd.design(rows[:, :slots], rows[:, slots:] if crowd.features else None)
    judged = {reply.shown[0]: reply.liked for reply in session.replies if reply.liked is not None}
    told = visit.say["chance_simulated" if crowd.simulated else "chance"]
    return [
        {"code": code, "because": because(crowd, taste, picture, language=visit.language),
         "chance": told.format(chance=f"{chance:.0%}"), "liked": judged.get(code)}
        for code, picture, chance in zip(codes, design, chance_over_average(taste, design), strict=True)
    ]  # fmt: skip


@router.post("/judge")
def judge(visit: AnyVisit, form: Form) -> Response:
    """Keep whether a suggestion is liked, and show the same ones again."""
    liked = {"yes": True, "no": False}.get(form.get("liked", ""))
    if liked is None:
        raise InputError("liked must be yes or no; nothing was changed")
    visit.sitting.judge(form.get("code", ""), liked)
    return RedirectResponse(f"/taste/suggestions?{urlencode(list(visit.request.query_params.multi_items()))}", 303)


# --- pictures ---


@router.get("/picture/{code}.png")
def picture(visit: AnyVisit, code: str, size: int = LARGE) -> Response:
    """One picture of the model; the small one is there at once."""
    if size not in (SIDE, LARGE):
        raise InputError(f"size is {size}; pictures are served at {SIDE} or {LARGE} px")
    shown = visit.tasting.small(code) if size == SIDE else visit.tasting.avatar(code)
    data = metadata.encode(shown, "png", recipe=None)
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


@router.get("/file/{code}.png")
def file(visit: AnyVisit, code: str) -> Response:
    """One picture as a file to keep, with its recipe."""
    return Response(visit.tasting.avatar(code).encoded("png"), media_type="image/png")
