"""The survey pages.

Which page comes next is read from the database each time, so that going back, loading again and two tabs do no harm.
Every click is saved before it is confirmed, and the form sends all of them once more: it works without scripts.
"""

import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from konomi.errors import InputError, KonomiError
from konomi.taste.assignment import ATTENTION, pages_for
from konomi.taste.study import GENDERS, LIKE, PICK
from konomi.web.guard import HEADERS, HOSTS, FewThreads, SameOrigin, SmallBodies
from konomi.web.pages import STATIC, templates, texts
from konomi.web.store import GOING, SCREENED, SENT, Click, Participant, Place, Refused
from konomi.web.survey_folder import Survey, as_shown
from konomi.web.survey_picks import Picking
from konomi.web.together import Together

LONGEST = 10_000  # characters of a comment
BODY = 200_000  # bytes of anything that is sent: such a comment in UTF-8, as a form writes it
PARAMETER = 200  # characters of what a site passes on
OLDEST = 120
THREADS = 4  # that make pages at once
LINK = re.compile(r"[A-Za-z0-9_-]{32}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
DAY = 86_400_000  # milliseconds
COOKIE = "konomi-survey"
log = logging.getLogger(__name__)


def make_link() -> str:
    """24 random bytes as text: nobody guesses it."""
    return secrets.token_urlsafe(24)


def now() -> int:
    return time.time_ns() // 1_000_000


def create_survey_app(survey: Survey, *, hosts: list[str] | None = None) -> FastAPI:
    """The application for one survey; `hosts` are the names, besides this machine's own, that it is reached by."""
    app = FastAPI(title="Konomi survey", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.survey = survey
    app.state.keep = Together[Click, Refused | None](lambda c: survey.store.clicks(survey.kept.id, survey.settled, c))
    app.state.picking = Picking(survey)
    app.add_middleware(FewThreads, threads=THREADS)
    # a browser tells no origin with a form of a page whose referrer policy is no-referrer
    app.add_middleware(SmallBodies, limit=BODY)
    app.add_middleware(SameOrigin, headers=HEADERS | {"Referrer-Policy": "same-origin"})
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*HOSTS, *(hosts or [])], www_redirect=False)
    for kind in (KonomiError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _tell)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(router, prefix=f"/survey/{survey.settled.study.name}")
    app.add_api_route("/", lambda: RedirectResponse(address(survey)))
    return app


def address(survey: Survey) -> str:
    return f"/survey/{survey.settled.study.name}"


# --- what is asked for ---


@dataclass(frozen=True)
class Visit:
    """One request: the survey and who asks, if there is a link in the address.

    Only without a link is it looked up first whether the survey is closed; with one, whatever writes finds out.
    """

    request: Request
    survey: Survey
    link: str
    who: Participant | None

    @property
    def person(self) -> Participant:
        assert self.who is not None
        return self.who

    @property
    def language(self) -> str:
        offered = self.survey.settled.study.languages
        asked = self.request.query_params.get("lang", "")
        return asked if asked in offered else self.who.language if self.who else offered[0]

    @property
    def here(self) -> str:
        return f"{address(self.survey)}/at/{self.link}"

    def page(self, template: str, *, status: int = 200, **given: Any) -> Response:
        study, language = self.survey.settled.study, self.language
        other = next((one for one in study.languages if one != language), "")
        query = [(k, v) for k, v in self.request.query_params.items() if k != "lang"]
        shared = {
            "lang": language, "other": other, "say": texts("survey", language), "title": study.title[language],
            "switch": "?" + urlencode([*query, ("lang", other)]), "here": self.here, "start": address(self.survey),
        }  # fmt: skip
        found = templates().TemplateResponse(self.request, template, shared | given, status_code=status)
        found.headers["Cache-Control"] = "no-store"
        return found

    def message(self, key: str, *, status: int = 200, go_on: str = "") -> Response:
        told = texts("survey", self.language)[key]
        return self.page("survey_message.html", status=status, told=told, go_on=go_on)


def _visit(request: Request) -> Visit:
    return Visit(request, request.app.state.survey.again(), "", None)


def _known_visit(request: Request, link: str) -> Visit:
    """Who comes with a link of their own; refused unless it is known."""
    survey = request.app.state.survey
    who = survey.store.participant(survey.kept.id, link if LINK.fullmatch(link) else "")
    found = Visit(request, survey, link, who)
    request.state.visit = found
    return found


async def _form(request: Request) -> AsyncIterator[dict[str, str]]:
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200
        )
    except ValueError as error:
        raise Refused("bad_form", 400) from error
    yield dict(pairs)


AnyVisit = Annotated[Visit, Depends(_visit)]
KnownVisit = Annotated[Visit, Depends(_known_visit)]
Form = Annotated[dict[str, str], Depends(_form)]
router = APIRouter()


# --- starting ---


@router.get("")
def start_page(visit: AnyVisit) -> Response:
    """Title, consent, and what is needed to come in."""
    return _start_page(visit)


def _start_page(visit: Visit, *, told: str = "", status: int = 200, form: Mapping[str, str] | None = None) -> Response:
    given = form or dict(visit.request.query_params)
    study, store = visit.survey.settled.study, visit.survey.store
    begun = _begun(visit)
    if begun and study.access.kind != "open" and not told:
        return RedirectResponse(f"{address(visit.survey)}/at/{begun}", 303)
    if visit.survey.kept.closed:
        return visit.message("closed", status=410)
    if (
        study.quota.people
        and store.holding(visit.survey.kept.id, visit.survey.settled, now=now()) >= study.quota.people
    ):
        go_on = f"{address(visit.survey)}/at/{begun}" if begun else ""
        return visit.message("full", status=410, go_on=go_on)
    return visit.page(
        "survey_start.html", status=status, told=told, consent=study.consent[visit.language].strip().split("\n\n"),
        link=make_link(), begun=begun, codes=study.access.kind == "codes", code=given.get("code", "")[:PARAMETER],
        kept={name: given.get(name, "")[: PARAMETER + 1] for name in study.access.parameters},
    )  # fmt: skip


def _begun(visit: Visit) -> str:
    """The link that this browser began with, if its owner has not finished."""
    link = visit.request.cookies.get(COOKIE, "")
    if not LINK.fullmatch(link):
        return ""
    try:
        who = visit.survey.store.participant(visit.survey.kept.id, link)
    except Refused:
        return ""
    return link if who.state == GOING or visit.survey.settled.study.access.kind != "open" else ""


@router.post("")
def start(visit: AnyVisit, form: Form) -> Response:
    """Let somebody in; sending the form twice lets them in once."""
    settled, study = visit.survey.settled, visit.survey.settled.study
    link = form.get("link", "")
    parameters = {name: form.get(name, "") for name in study.access.parameters}
    if not LINK.fullmatch(link) or any(len(v) > PARAMETER or CONTROL.search(v) for v in parameters.values()):
        raise Refused("bad_form", 400)
    if form.get("agree") != "yes":
        return _start_page(visit, told=texts("survey", visit.language)["must_agree"], status=422, form=form)

    try:
        visit.survey.store.start(
            visit.survey.kept.id, link, pages_for(settled), language=visit.language, now=now(),
            code=plain_code(form.get("code", "")), parameters=parameters,
        )  # fmt: skip
    except Refused as refusal:
        if refusal.key not in ("unknown_code", "used_code"):
            raise
        told = texts("survey", visit.language)[refusal.key]
        return _start_page(visit, told=told, status=refusal.status, form=form)
    answer = RedirectResponse(f"{address(visit.survey)}/at/{link}", 303)
    secure = visit.request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, link, max_age=30 * 86400, path=address(visit.survey), httponly=True, samesite="lax", secure=secure
    )  # fmt: skip
    return answer


def plain_code(code: str) -> str:
    """A code as it is kept: however it was typed."""
    return re.sub(r"[\s-]", "", code).upper()


# --- answering ---


@router.get("/at/{link}")
def page(visit: KnownVisit) -> Response:
    """Whatever comes next for this person."""
    who, survey = visit.person, visit.survey
    if who.state == SENT:
        access = survey.settled.study.access
        return visit.page("survey_thanks.html", code=access.completion_code, back=access.return_address)
    if who.state == SCREENED:
        return visit.message("screened")
    visit.request.app.state.picking.prepare(who)
    place = survey.store.show(who, visit.language, now=now())
    assert place is not None  # the last page is done when all is sent
    return _place_page(visit, place)


def _place_page(visit: Visit, place: Place, *, status: int = 200, **given: Any) -> Response:
    kind = place.page.kind
    study, say = visit.survey.settled.study, texts("survey", visit.language)
    shared: dict[str, Any] = {
        "place": place, "missing": (), "form": {}, "wrong": {}, "person": study.person, "genders": GENDERS,
        "at": say["place"].format(at=place.position + 1, of=place.pages), "longest": LONGEST,
    }  # fmt: skip
    if kind in (PICK, LIKE):
        pictures = [f"{visit.here}/picture/{place.position}/{n}" for n in range(1, len(place.page.shown) + 1)]
        shared |= {"kind": kind, "pictures": pictures, "now": place.answers.get(kind), "forced": study.items.forced}
        return visit.page("survey_pick.html", status=status, **shared | given)
    if (asked := visit.survey.settled.of(kind)) is None:
        return visit.page(f"survey_{kind}.html", status=status, **shared | given)
    words = {name: item.text[visit.language] for name, item in zip(asked.columns, asked.items, strict=True)}
    words[ATTENTION] = say["attention"].format(point=place.page.expected)
    shared |= {
        "kind": kind, "items": [(name, words[name]) for name in place.page.items], "forced": study.items.forced,
        "anchors": asked.anchors[visit.language], "points": _points(asked.points, asked.anchors[visit.language], say),
        "picture": f"{visit.here}/picture/{place.position}" if kind == "picture" else "",
    }  # fmt: skip
    return visit.page("survey_items.html", status=status, **shared | given)


def _points(count: int, anchors: Sequence[str], say: Mapping[str, str]) -> list[tuple[int, str]]:
    """The points of a scale, and what each is called to those who do not see it."""
    ends = {1: f", {anchors[0]}", count: f", {anchors[1]}"}
    return [
        (point, say["point_is"].format(point=point, points=count) + ends.get(point, ""))
        for point in range(1, count + 1)
    ]


@router.post("/at/{link}")
def leave_page(visit: KnownVisit, form: Form) -> Response:
    """Keep what a page's form holds, and go on if nothing is missing."""
    if visit.person.state != GOING:
        return RedirectResponse(visit.here, 303)
    given = dict(form)
    position = _number(given.pop("position", ""))
    place = visit.survey.store.place(visit.person, position)
    handle = {"about": _leave_about, "end": _leave_end}.get(place.page.kind, _leave_items)
    return handle(visit, place, given) or RedirectResponse(visit.here, 303)


def _leave_items(visit: Visit, place: Place, given: dict[str, str]) -> Response | None:
    points = {name: _number(value) for name, value in given.items()}
    missing = visit.survey.store.save(visit.person, place.position, points, now=now(), leave=True)
    if not missing:
        return None
    again = visit.survey.store.place(visit.person, place.position)
    return _place_page(visit, again, status=422, missing=missing)


def _leave_about(visit: Visit, place: Place, given: dict[str, str]) -> Response | None:
    asked, say, wrong = visit.survey.settled.study.person, texts("survey", visit.language), {}
    age = gender = None
    if asked.age != "no":
        told = given.get("age", "").strip()
        if not told and asked.age == "required":
            wrong["age"] = say["age_missing"]
        elif told:
            age = int(told) if re.fullmatch(r"\d{1,3}", told) else -1
            if not asked.youngest <= age <= OLDEST:
                wrong["age"] = say["age_wrong"].replace("{youngest}", str(asked.youngest))
    if asked.gender != "no":
        gender = given.get("gender") or None
        if (gender is None and asked.gender == "required") or (gender is not None and gender not in GENDERS):
            wrong["gender"] = say["gender_missing"]
    if wrong:
        return _place_page(visit, place, status=422, form=given, wrong=wrong)
    visit.survey.store.tell(visit.person, place.position, age=age, gender=gender, now=now())
    return None


def _leave_end(visit: Visit, place: Place, given: dict[str, str]) -> Response | None:
    comment = given.get("comment", "").replace("\r\n", "\n") if visit.survey.settled.study.person.comment else ""
    if len(comment) > LONGEST or CONTROL.search(comment):
        told = texts("survey", visit.language)["comment_wrong"].format(count=f"{len(comment):,}")
        return _place_page(visit, place, status=422, form={"comment": comment}, wrong={"comment": told})
    visit.survey.store.send(visit.person, place.position, comment=comment, now=now())
    return None


class Answer(BaseModel):
    """One answer; `after_ms` is how long the page had been there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    position: int
    item: str = Field(max_length=20)
    point: int
    after_ms: int | None = Field(default=None, ge=0, le=DAY)


@router.post("/at/{link}/answer")
async def answer(request: Request, link: str, given: Answer) -> Response:
    """Keep one answer; sending it twice is sending it once."""
    click = Click(link, given.position, given.item, given.point, now(), given.after_ms)
    if refused := await request.app.state.keep(click):
        raise refused
    return JSONResponse({"saved": True})


@router.get("/at/{link}/picture/{position}")
def picture(visit: KnownVisit, position: int) -> Response:
    """The picture of a page that this person has reached; its name is not told."""
    return _picture(visit, visit.survey.store.place(visit.person, position).page.picture)


@router.get("/at/{link}/picture/{position}/{place}")
def picture_of_pick(visit: KnownVisit, position: int, place: int) -> Response:
    """One of the pictures to pick from, by its place on the page, from 1."""
    shown = visit.survey.store.place(visit.person, position).page.shown
    return _picture(visit, shown[place - 1] if 1 <= place <= len(shown) else None)


def _picture(visit: Visit, number: int | None) -> Response:
    if number is None:
        raise Refused("not_shown", 404)
    data = as_shown(visit.survey, number)
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@router.post("/at/{link}/withdraw")
def withdraw(visit: KnownVisit, form: Form) -> Response:
    """Delete everything of one person."""
    if form.get("sure") != "yes":
        return RedirectResponse(visit.here, 303)
    visit.survey.store.forget(visit.survey.kept.id, visit.person.label, with_answers=True)
    done = visit.message("withdrawn")
    done.delete_cookie(COOKIE, path=address(visit.survey))
    return done


def _number(text: str) -> int:
    """A small whole number of a form; whatever else it is, is refused."""
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise Refused("off_scale" if text else "bad_form", 400)
    return int(text)


# --- what goes wrong ---


@dataclass(frozen=True)
class _Trouble:
    status: int
    key: str
    told: str = field(default="")


def _tell(request: Request, error: Exception) -> Response:
    """One line in the reader's language, as a page or as JSON; what the database said goes to the log only."""
    trouble = _trouble(error)
    if trouble.status >= 500:
        log.error("%s", error)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": trouble.told or trouble.key.replace("_", " ")}, status_code=trouble.status)
    visit = getattr(request.state, "visit", None) or Visit(request, request.app.state.survey, "", None)
    go_on = visit.here if visit.who is not None else ""
    return visit.message(trouble.key, status=trouble.status, go_on=go_on)


def _trouble(error: Exception) -> _Trouble:
    if isinstance(error, Refused):
        return _Trouble(error.status, error.key)
    if isinstance(error, RequestValidationError):
        return _Trouble(422, "bad_form")
    if isinstance(error, HTTPException):
        return _Trouble(error.status_code, {413: "too_large", 404: "unknown_link"}.get(error.status_code, "bad_form"))
    return _Trouble(400, "bad_form") if isinstance(error, InputError) else _Trouble(503, "out_of_order")
