"""The start, the gallery of a wish, and the album."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from konomi import api, drawing
from konomi.condition import Condition
from konomi.errors import InputError
from konomi.recipe import Recipe
from konomi.web.studio import speech
from konomi.web.studio.board import worth_saying
from konomi.web.studio.visit import AnyVisit, Visit
from konomi.web.studio.wishes import COUNT, Understood, Wish, understand

router = APIRouter()
EXAMPLES = ("example_1", "example_2", "example_3", "example_4")
RECENT = 6  # portraits on the start page
PAGE, WISHES = 48, 24  # portraits and descriptions on a page of the album
STRANGERS = 6  # and people to begin with, others every day


@dataclass(frozen=True)
class Tile:
    """One portrait of a gallery: where it leads, what it shows, what stands below it."""

    code: str
    alt: str
    wished: bool = False  # a code whose best candidate is still to be found
    caption: str = ""
    query: str = ""  # goes along to the portrait's page

    @property
    def kind(self) -> str:
        return "wish" if self.wished else "portrait"

    @property
    def address(self) -> str:
        return f"/{self.kind}/{self.code}{self.query}"

    @property
    def picture(self) -> str:
        return f"/{self.kind}/{self.code}.png"


def wished_tiles(visit: Visit, condition: Condition, seed: int, count: int = COUNT) -> list[Tile]:
    """The people of a wish, as yet undrawn."""
    model = visit.board.model
    return tiles(visit, api.make_recipes(condition, model, count=count, seed=seed, size=256), model, wished=True)


def tiles(visit: Visit, recipes: list[Recipe], model: drawing.Model, **given: Any) -> list[Tile]:
    return [Tile(visit.board.code(recipe, model), alt(visit, recipe, model), **given) for recipe in recipes]


def alt(visit: Visit, recipe: Recipe, model: drawing.Model) -> str:
    """A picture in words before it is drawn: what was asked of the model, and what it chose."""
    told = worth_saying(visit.board.intended(recipe, model), recipe.condition, model)
    asked = recipe.condition.to_dict()
    spoken = {name: value for name, value in told.to_dict().items() if name in asked or name != "framing"}
    return speech.opening(visit.told(Condition.from_dict(told.schema, spoken)))


@router.get("/")
def start(visit: AnyVisit) -> Response:
    """An empty field, examples, and where one was."""
    nobody = understand(Wish(), visit.board.schema)
    return visit.page(
        "studio_start.html",
        recent=portraits(visit, visit.album.portraits()[:RECENT]),
        strangers=wished_tiles(visit, nobody.condition, STRANGERS * date.today().toordinal(), STRANGERS),
        **_chips(visit, nobody),
    )


def portraits(visit: Visit, codes: list[str]) -> list[Tile]:
    """Kept portraits; a code that this Konomi cannot read any more (a model that is gone) is left out."""
    found = []
    for code in codes:
        try:
            recipe, model = visit.board.read(code)
        except InputError:
            continue
        found += tiles(visit, [recipe], model)
    return found


@router.get("/people")
def people(visit: AnyVisit) -> Response:
    """The gallery of a wish."""
    wish = visit.wish
    if is_code(visit, wish.text):
        return RedirectResponse(f"/open?code={wish.text}", 303)
    found = understand(wish, visit.board.schema)
    address = wish.address()
    if _asked(visit.request) != address:
        return RedirectResponse(address, 303)
    visit.remember(address)
    return visit.page("studio_people.html", here=address, others=wish.others().address(), **_gallery(visit, found))


def _asked(request: Request) -> str:
    """The address as it was asked for, without a choice of language, which a page may carry."""
    kept = [part for part in request.url.query.split("&") if not part.startswith("lang=")]
    return f"{request.url.path}?{'&'.join(kept)}"


def _gallery(visit: Visit, found: Understood) -> dict[str, Any]:
    return {
        "tiles": wished_tiles(visit, found.condition, found.wish.seed),
        **_chips(visit, found),
    }


def _chips(visit: Visit, found: Understood) -> dict[str, Any]:
    """What the field's surroundings show: chips, unused words, the panel."""
    asked = found.condition.to_dict()
    examples = [] if found.wish.text or asked else [visit.say[key] for key in EXAMPLES]
    return {
        "understood": found, "wish": found.wish, "asked": asked, "rows": visit.rows(asked), "examples": examples,
        "cannot": cannot(visit, found.condition),
    }  # fmt: skip


def cannot(visit: Visit, condition: Condition) -> list[str]:
    """What was understood, and the model was never taught."""
    asked = condition.to_dict()
    return [visit.phrase(condition.schema.attribute(n), asked[n]) for n in visit.board.model.cannot_draw(condition)]


def is_code(visit: Visit, text: str) -> bool:
    """Whether the words are none, but a share code."""
    if not (len(text) >= 10 and any(letter.isdigit() for letter in text) and " " not in text):
        return False
    try:
        visit.board.read(text)
    except InputError:
        return False
    return True


@router.get("/understood")
def understood(visit: AnyVisit) -> Response:
    """The chips of words that are being typed, as a piece of the page."""
    found = understand(visit.wish, visit.board.schema)
    return visit.page("studio_chips.html", **_chips(visit, found))


@router.get("/album")
def album(visit: AnyVisit, older: Annotated[int, Query(ge=0, le=10_000)] = 0) -> Response:
    """Favourites, and where one has been, newest first."""
    steps = visit.album.kept.steps[::-1]
    galleries = [step.address for step in steps if step.address.startswith("/people")]
    codes = visit.album.portraits()
    return visit.page(
        "studio_album.html",
        liked=portraits(visit, visit.album.kept.favourites[::-1]),
        seen=portraits(visit, codes[older : older + PAGE]),
        galleries=_galleries(visit, galleries[:WISHES]) if not older else [],
        older=older + PAGE if older + PAGE < len(codes) else 0,
        damaged=visit.album.damaged,
        folder=visit.album.path.parent,
    )


def _galleries(visit: Visit, addresses: list[str]) -> list[tuple[str, str]]:
    """Galleries as (address, what was wished for)."""
    found = []
    for address in addresses:
        try:
            wish = visit.wish_at(urlsplit(address).query)
            told = wish.text or visit.told(understand(wish, visit.board.schema).condition)
        except InputError:  # of another model's schema
            continue
        found.append((address, speech.opening(told)))
    return found
