"""The chosen one: large, in words, and what can be done next."""

from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict

from konomi import api
from konomi.errors import InputError, shorten, unknown_name
from konomi.recipe import MAX_SEED, Recipe
from konomi.schema import Attribute
from konomi.web.studio import speech
from konomi.web.studio.board import Portrait
from konomi.web.studio.pages import Tile, portraits, tiles, wished_tiles
from konomi.web.studio.verbs import NEIGHBOURS, VERBS, Person, values
from konomi.web.studio.visit import AnyVisit, Visit
from konomi.web.studio.wishes import COUNT, written

router = APIRouter()
PARTNERS = 12  # kept portraits offered to mix with
STRANGERS = 6  # and new ones


class How(BaseModel):
    """What to do with the portrait, as its address says."""

    model_config = ConfigDict(extra="ignore")

    verb: str = "like"
    strength: str = "some"
    seed: int = 0
    of: str = ""  # the attribute to change
    words: str = ""  # a change in words
    nothing: str = ""  # words that asked for no change
    partner: str = ""  # a code to mix with,
    wish: str = ""  # or one whose best candidate is still to be found
    across: str = ""  # attributes to compare
    down: str = ""


@dataclass(frozen=True)
class Fact:
    """One attribute of a portrait: as it was asked or came, and whether it can be seen."""

    attribute: Attribute
    phrase: str
    fields: list[tuple[str, str]]  # as an address writes it
    colour: str
    asked: bool
    chance: float | None  # that it shows what was asked, in the judge's eyes
    drawn: bool = True


@router.get("/wish/{code}")
async def choose(visit: AnyVisit, code: str) -> Response:
    """Find the best candidate of a gallery's portrait, and go to its page."""
    return RedirectResponse(f"/portrait/{await visit.board.settled(code)}", 303)


@router.get("/wish/{code}/said")
async def said(visit: AnyVisit, code: str) -> Response:
    """What became of a gallery's portrait: its code, in words, and what could not be drawn."""
    async with visit.board.turn(visit.request):
        found = await visit.board.portrait(await visit.board.settled(code))
    return JSONResponse({"code": found.code, "alt": described(visit, found), "missing": missing(visit, found)})


def described(visit: Visit, portrait: Portrait) -> str:
    return speech.opening(visit.told(portrait.seen))


def missing(visit: Visit, portrait: Portrait) -> list[str]:
    """What was asked and cannot be seen, in words."""
    schema = portrait.recipe.condition.schema
    failed = [verdict for verdict in portrait.verdicts if not verdict.drawn]
    return [speech.slot_phrase(schema, verdict.slot, verdict.wanted, visit.language) for verdict in failed]


@router.get("/open")
def open_code(visit: AnyVisit, code: str) -> Response:
    """Go on from a share code that somebody pasted."""
    return RedirectResponse(f"/portrait/{visit.board.canonical(code)}", 303)


@router.get("/portrait/{code}")
async def show(visit: AnyVisit, code: str, how: Annotated[How, Query()]) -> Response:
    """One portrait with one verb."""
    if how.verb not in VERBS:
        raise InputError(unknown_name("verb", how.verb, VERBS))
    if (canonical := visit.board.canonical(code)) != code:
        return RedirectResponse(f"/portrait/{canonical}", 303)
    portrait = await visit.board.portrait(code)
    recipe = portrait.recipe
    person = Person(recipe, portrait.model, portrait.seen)
    if how.verb == "change" and how.words.strip():
        return _in_words(visit, person, how)
    if how.verb == "mix" and how.wish:
        partner = await visit.board.settled(how.wish)
        return RedirectResponse(f"/portrait/{code}?{urlencode({'verb': 'mix', 'partner': partner})}", 303)
    here = f"/portrait/{code}"
    visit.remember(here)
    return visit.page(
        f"studio_{how.verb}.html", here=here, how=how, code=code, recipe=recipe, verbs=VERBS,
        description=described(visit, portrait), missing=missing(visit, portrait), facts=facts(visit, portrait),
        size=recipe.size, **_GIVEN[how.verb](visit, person, how),
    )  # fmt: skip


def facts(visit: Visit, portrait: Portrait) -> list[Fact]:
    """Everything known of a portrait: what was asked first, in the order of the schema, then what came of itself."""
    condition, seen = portrait.recipe.condition, portrait.seen.to_dict()
    asked = condition.to_dict()
    found = []
    for name, value in {**asked, **{k: v for k, v in seen.items() if k not in asked}}.items():
        attribute = condition.schema.attribute(name)
        judged = [v for v in portrait.verdicts if v.slot.partition(".")[0] == name]
        found.append(
            Fact(
                attribute, visit.phrase(attribute, value), written(name, value),
                value if name.endswith("_color") and isinstance(value, str) else "", name in asked,
                min((v.probability for v in judged), default=None), all(v.drawn for v in judged),
            )
        )  # fmt: skip
    return found


# --- what each verb shows ---


def _like(visit: Visit, person: Person, how: How) -> dict[str, Any]:
    query = f"?{urlencode({'strength': how.strength})}" if how.strength != "some" else ""
    found = person.neighbours(how.strength, how.seed)
    more = {"strength": how.strength, "seed": how.seed + NEIGHBOURS}
    return {"tiles": tiles(visit, found, person.model, query=query), "more": f"?{urlencode(more)}"}


def _keep(visit: Visit, person: Person, how: How) -> dict[str, Any]:
    del visit, how
    return {"again": (person.recipe.seed + COUNT) % (MAX_SEED - COUNT)}


def _change(visit: Visit, person: Person, how: How) -> dict[str, Any]:
    known = person.attributes()
    attribute = next((a for a in known if a.name == how.of), known[0])
    if how.of and attribute.name != how.of:
        raise InputError(unknown_name("this model", how.of, [a.name for a in known]))
    now = {**person.seen.to_dict(), **person.recipe.condition.to_dict()}.get(attribute.name)
    found = [
        replace(tiles(visit, [person.changed(**{attribute.name: option["value"]})], person.model)[0], caption=caption)
        for option in visit.options(attribute, now)
        if (caption := option["label"])
    ]
    return {"attributes": known, "of": attribute, "tiles": found, "unused": (), "notes": ()}


def _in_words(visit: Visit, person: Person, how: How) -> Response:
    """Change what the words say, and go to the changed portrait."""
    request = api.understand(how.words, schema_name=person.model.schema.name)
    here = f"/portrait/{visit.board.code(person.recipe, person.model)}"
    if not request.condition:
        return RedirectResponse(f"{here}?{urlencode({'verb': 'change', 'nothing': how.words[:100]})}", 303)
    changed = person.changed(**request.condition.to_dict())
    return RedirectResponse(f"/portrait/{visit.board.code(changed, person.model)}?verb=change", 303)


def _mix(visit: Visit, person: Person, how: How) -> dict[str, Any]:
    own = visit.board.code(person.recipe, person.model)
    if how.partner:
        other, model = visit.board.read(how.partner)
        if model.sha256 != person.model.sha256:
            raise InputError(f"{person.model.name} drew one picture and {model.name} the other; they do not mix")
        return {"steps": tiles(visit, person.towards(other), person.model), "partners": [], "strangers": []}
    codes = [c for c in dict.fromkeys([*visit.album.kept.favourites[::-1], *visit.album.portraits()]) if c != own]
    partners = [t for t in portraits(visit, codes[: 3 * PARTNERS]) if _same_model(visit, t.code, person)][:PARTNERS]
    strangers = wished_tiles(visit, _nothing(person.recipe).condition, how.seed + 40, STRANGERS)
    return {"steps": [], "partners": partners, "strangers": strangers if _is_own(visit, person) else []}


def _nothing(recipe: Recipe) -> Recipe:
    return replace(recipe, condition=replace(recipe.condition, weights=()))


def _same_model(visit: Visit, code: str, person: Person) -> bool:
    return visit.board.read(code)[1].sha256 == person.model.sha256


def _is_own(visit: Visit, person: Person) -> bool:
    return person.model.sha256 == visit.board.model.sha256


def _compare(visit: Visit, person: Person, how: How) -> dict[str, Any]:
    known = {attribute.name: attribute for attribute in person.attributes()}
    names = [how.down or _first(known, "smile", 1), how.across or _first(known, "hair_color", 0)]
    for name in names:
        if name not in known:
            raise InputError(unknown_name("this model", name, known))
    down, across = (known[name] for name in names)
    if down is across:
        raise InputError(f"{shorten(down.name)} cannot be compared with itself; choose two different ones")
    lines = [
        [_cell(visit, person, {down.name: one, across.name: other}) for other in values(across)] for one in values(down)
    ]
    return {
        "attributes": list(known.values()), "down": down, "across": across, "lines": lines,
        "heads": [visit.phrase(across, v) for v in values(across)],
        "sides": [visit.phrase(down, v) for v in values(down)],
    }  # fmt: skip


def _first(known: dict[str, Attribute], wanted: str, otherwise: int) -> str:
    return wanted if wanted in known else list(known)[otherwise]


def _cell(visit: Visit, person: Person, changes: dict[str, Any]) -> Tile:
    recipe = person.changed(**changes)
    schema = recipe.condition.schema
    told = speech.listed([visit.phrase(schema.attribute(n), v) for n, v in changes.items()], visit.language)
    return Tile(visit.board.code(recipe, person.model), speech.opening(told))


def _take(visit: Visit, person: Person, how: How) -> dict[str, Any]:
    del how
    moods = person.expressions()
    found = [
        replace(tiles(visit, [recipe], person.model)[0], caption=visit.say[f"mood_{name}"])
        for name, recipe in moods.items()
    ]
    return {"moods": found}


_GIVEN = {"like": _like, "keep": _keep, "change": _change, "mix": _mix, "compare": _compare, "take": _take}
