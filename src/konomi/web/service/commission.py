"""What a request asks for, understood: from the query of an address, or from a body."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from konomi import api
from konomi.errors import InputError, shorten, unknown_name
from konomi.fields import read_fields
from konomi.models import Published, published
from konomi.recipe import MAX_SEED, SIZES, VARIETY, Recipe, check_seed, seed_of
from konomi.schema import load_schema
from konomi.verifying import CANDIDATES
from konomi.web.easel import Order
from konomi.web.service.problems import NotHere
from konomi.web.service.replies import One

SIZE = 256  # by default
MOST_CANDIDATES = 16
SETTINGS = ("text", "seed", "size", "variety", "candidates", "code", "licence")
LICENCES = ("any", "free")


@dataclass(frozen=True)
class Commission:
    """One picture that somebody asks for."""

    model: Published
    order: Order
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_file(self, ending: str) -> "Commission":
        """The same as a file of that ending; `json` is none."""
        return replace(self, order=replace(self.order, file_format="" if ending == "json" else ending))


def choose_model(name: str, licence: str = "any") -> Published:
    """The model of a name, or of a family's: the newest. With licence `free`, one whose pictures are free for any use.

    A family that has no free model stands for the newest that is. NotHere says which models there are; an InputError
    that the very one that is named is not free.
    """
    if licence not in LICENCES:
        raise InputError(unknown_name("licence", licence, LICENCES))
    known = published("generator")
    named = [model for model in known if name in (model.name, model.family)]
    if not named:
        raise NotHere(_no_model(name, known))
    if licence == "any":
        return named[-1]
    free = [model for model in known if model.free]
    if name in (model.name for model in named) and not named[-1].free:
        raise InputError(f"{name} is not free: {named[-1].licence}. Free: {', '.join(m.name for m in free)}.")
    return ([model for model in free if model in named] or free)[-1]


def _no_model(name: str, known: Iterable[Published]) -> str:
    names = [name for model in known for name in (model.family, model.name)]
    return unknown_name("models", name, dict.fromkeys(names)).replace("has no value", "have no", 1)


def read_query(model: Published, items: Iterable[tuple[str, str]]) -> Commission:
    """What the query of an address asks of `model`; an InputError names what is wrong."""
    settings: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    for name, value in items:
        if name not in SETTINGS:
            fields.append((name, value))
        elif name in settings:
            raise InputError(f"{name} is given twice, the second time as {shorten(value)!r}")
        else:
            settings[name] = value
    size = whole_number("size", settings.get("size", str(SIZE)))
    if "code" in settings:
        if others := [name for name in (*settings, *(n for n, _ in fields)) if name not in ("code", "size", "licence")]:
            raise InputError(f"a share code decides everything but the size; leave out {', '.join(others)}")
        return of_code(model, settings["code"], size if "size" in settings else None)
    return _described(
        model,
        settings.get("text", ""),
        _attributes(model, fields),
        seed=seed_of(settings.get("seed", "0")),
        size=size,
        variety=_number("variety", settings.get("variety", str(VARIETY))),
        candidates=whole_number("candidates", settings["candidates"]) if "candidates" in settings else None,
    )


def read_one(model: Published, one: One) -> list[Commission]:
    """What one order of a body asks of `model`, picture by picture; errors as `read_query`."""
    given = one.model_fields_set - {"model", "licence"}
    if one.code:
        if others := sorted(given - {"code", "size", "count"}):
            raise InputError(f"a share code decides everything but the size; leave out {', '.join(others)}")
        if one.count != 1:
            raise InputError("a share code is one picture; leave out count")
        return [of_code(model, one.code, one.size if "size" in given else None)]
    first = seed_of(one.seed) if isinstance(one.seed, str) else check_seed(one.seed)
    if first + one.count - 1 > MAX_SEED:
        raise InputError(f"seed {first} and count {one.count} pass the largest seed, {MAX_SEED}")
    settings: Any = {"size": one.size, "variety": one.variety, "candidates": one.candidates}
    return [_described(model, one.text, one.attributes, seed=first + i, **settings) for i in range(one.count)]


def of_code(model: Published, code: str, size: int | None) -> Commission:
    """The picture of a share code; an InputError if it is of another model."""
    recipe, drawn_by = api.recall_code(code)
    if recipe.model != model.name:
        raise InputError(f"this share code is of {recipe.model}: ask for it under /v1/{recipe.model}/")
    sized = replace(recipe, size=size) if size else recipe
    return Commission(model, Order(sized), notes=api.cannot_draw(drawn_by, sized.condition))


def _described(
    model: Published,
    text: str,
    attributes: Mapping[str, Any],
    *,
    seed: int,
    size: int,
    variety: float,
    candidates: int | None,
) -> Commission:
    opened = api.open_model(model.name)
    request = api.understand(text, attributes, schema_name=opened.schema.name)
    (recipe,) = api.make_recipes(request.condition, opened, count=1, seed=seed, size=size, variety=variety)
    if candidates is None:
        candidates = CANDIDATES if model.judge else 1
    if not 1 <= candidates <= MOST_CANDIDATES:
        raise InputError(f"candidates is {candidates}; give a number from 1 (take the first) to {MOST_CANDIDATES}")
    notes = request.notes + api.cannot_draw(opened, request.condition)
    return Commission(model, Order(recipe, candidates), request.unused, notes)


def _attributes(model: Published, fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Attributes from the fields of an address; an unknown name may be meant for a setting, too."""
    schema = load_schema(api.open_model(model.name).schema.name)
    known = [a.name for a in schema.attributes]
    for name, _ in fields:
        if name.partition(".")[0] not in known:
            raise InputError(unknown_name("the address", name, [*SETTINGS, *known]).replace("value", "parameter", 1))
    return read_fields(fields, schema)


def whole_number(name: str, text: str) -> int:
    """A whole number in a field; an InputError says what was given."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InputError(f"{name} is {shorten(text)!r}; give a whole number{_known(name)}")
    return int(text)


def _known(name: str) -> str:
    return f": {', '.join(map(str, SIZES))}" if name == "size" else ""


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} is {shorten(text)!r}; give a number from 0 to 1") from None


def decided_by(commission: Commission) -> dict[str, Any]:
    """Everything that decides the reply, for its tag: the recipe, and, where they are told of, the words."""
    order = commission.order
    recipe: Recipe = order.recipe
    told = {"recipe": recipe.to_dict() | {"versions": {}}, "candidates": order.candidates, "format": order.file_format}
    return told if order.file_format else told | {"unused": commission.unused, "notes": commission.notes}
