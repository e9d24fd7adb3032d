"""One request to the studio: who asks, in which language, and what every page is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Depends, Request, Response

from konomi.condition import Condition
from konomi.schema import Attribute
from konomi.web.pages import templates, texts
from konomi.web.studio import speech
from konomi.web.studio.album import Album
from konomi.web.studio.board import Board
from konomi.web.studio.verbs import drawable, values
from konomi.web.studio.wishes import Wish, read_wish, written

COOKIE = "konomi-language"
YEAR = 31_536_000  # seconds
OUR_OWN = {"same-origin", "none"}  # who may add to the history: our pages, and what was typed or bookmarked


@dataclass(frozen=True)
class Visit:
    """A request with what belongs to the studio."""

    request: Request

    @cached_property
    def board(self) -> Board:
        found: Board = self.request.app.state.board
        return found

    @cached_property
    def album(self) -> Album:
        found: Album = self.request.app.state.album
        return found

    @cached_property
    def language(self) -> str:
        """As chosen, else the first that the browser prefers and we speak."""
        query, cookies = self.request.query_params, self.request.cookies
        accepted = [part.strip()[:2] for part in self.request.headers.get("accept-language", "").split(",")]
        wanted = [query.get("lang", ""), cookies.get(COOKIE, ""), *accepted]
        return next((one for one in wanted if one in speech.LANGUAGES), "en")

    @cached_property
    def say(self) -> dict[str, str]:
        return texts("studio", self.language)

    @property
    def query(self) -> list[tuple[str, str]]:
        return [(k, v) for k, v in self.request.query_params.multi_items() if k != "lang"]

    @property
    def wish(self) -> Wish:
        return read_wish(self.query, self.board.schema)

    async def form(self) -> dict[str, str]:
        """What a form sent."""
        return dict(parse_qsl((await self.request.body()).decode("ascii", "replace"), max_num_fields=20))

    def page(self, template: str, *, status: int = 200, here: str = "", **given: Any) -> Response:
        """A page; `here` is its address in the history, if it belongs there."""
        other = next(one for one in speech.LANGUAGES if one != self.language)
        shared = {
            "lang": self.language, "other": other, "say": self.say, "visit": self, "here": here,
            "places": places(self.language),
            "switch": "?" + urlencode([*self.query, ("lang", other)]),
            "undo": self.album.before(here), "redo": self.album.after(here) if here else "",
            "favourites": set(self.album.kept.favourites),
        }  # fmt: skip
        found = templates().TemplateResponse(self.request, template, shared | given, status_code=status)
        if self.request.query_params.get("lang") in speech.LANGUAGES:
            found.set_cookie(COOKIE, self.language, max_age=YEAR, samesite="strict")
        found.headers["Cache-Control"] = "no-store"
        return found

    def remember(self, address: str) -> None:
        """Add a page to the history, unless another site or a browser's guess asked for it."""
        headers = self.request.headers
        ours = headers.get("sec-fetch-site", "none") in OUR_OWN and "prefetch" not in headers.get("sec-purpose", "")
        if ours:
            self.album.visit(address, came_from=self.came_from)

    @property
    def came_from(self) -> str:
        """The address, as the history has it, of the page of ours that led here."""
        parts = urlsplit(self.request.headers.get("referer", ""))
        if parts.netloc != self.request.headers.get("host"):
            return ""
        if parts.path != "/people":
            return parts.path
        return self.wish_at(parts.query).address()

    def wish_at(self, query: str) -> Wish:
        return read_wish(parse_qsl(query, keep_blank_values=True), self.board.schema)

    # --- what templates call ---

    def told(self, condition: Condition) -> str:
        return speech.sentence(condition, self.language)

    def phrase(self, attribute: Attribute, value: Any) -> str:
        return speech.phrase(attribute, value, self.language)

    def options(self, attribute: Attribute, now: Any) -> list[dict[str, Any]]:
        """The values of an attribute as one chooses them: label, field, colour, and whether it is so now."""
        flag = {False: self.say["without"], True: self.say["with"]}
        return [
            {
                "value": value,
                "label": flag.get(value, self.say["slightly"]) if attribute.is_flag
                else speech.label(attribute, value, self.language),
                "fields": written(attribute.name, value),
                "colour": value if attribute.name.endswith("_color") else "",
                "now": value == now and type(value) is type(now),
            }
            for value in values(attribute)
        ]  # fmt: skip

    def rows(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every attribute that can be asked for, with its options."""
        return [
            {
                "attribute": a,
                "label": a.label[self.language],
                "now": asked.get(a.name),
                "options": self.options(a, asked.get(a.name)),
            }
            for a in drawable(self.board.model)
        ]


def places(language: str) -> list[tuple[str, str]]:
    """Where one can go: (address, name)."""
    say = texts("studio", language)
    return [("/", say["describe"]), ("/pick", say["pick"]), ("/album", say["album"])]


def _visit(request: Request) -> Visit:
    return Visit(request)


AnyVisit = Annotated[Visit, Depends(_visit)]
