"""The Python edge: `konomi.draw("...")` and what the command line and the web share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from konomi import __version__, drawing, metadata, refining
from konomi.condition import Condition
from konomi.errors import InputError, shorten
from konomi.files import write_bytes
from konomi.models import Published, find_model, find_number, open_published, published, published_as
from konomi.recipe import MAX_SEED, VARIETY, CodeContents, Recipe, check_seed, from_code, to_code
from konomi.schema import load_schema
from konomi.scouting import Scout, open_scout
from konomi.text import parse
from konomi.upscale import upscale
from konomi.verifying import CANDIDATES, Judge, Look, Rule, Verdict, check_candidates, search

MAX_COUNT = 10_000


class Avatar(Image.Image):
    """A drawn picture: a PIL image that knows its recipe, and writes it into the PNG or WebP it is saved as."""

    recipe: Recipe
    code: str  # the share code: `konomi draw --from CODE` draws this picture again
    unused: tuple[str, ...]  # words of the description that were not understood
    notes: tuple[str, ...]  # what the reader should know: contradictions, what the model cannot draw yet
    verdicts: tuple[Verdict, ...]  # what the judge says of everything that was asked; empty if there was none
    because: str = ""  # drawn for a taste: why
    chance: float | None = None  # drawn for a taste: that the person picks it over an average picture

    @property
    def condition(self) -> dict[str, Any]:
        """What was asked, as {"hair_color": "silver", "glasses": True}."""
        return self.recipe.condition.to_dict()

    @property
    def seed(self) -> int:
        return self.recipe.seed

    def encoded(self, file_format: str, *, with_recipe: bool = True) -> bytes:
        """The bytes of a PNG or WebP file."""
        recipe = self.recipe.to_json() if with_recipe else None
        return metadata.encode(self, file_format, recipe=recipe, licence=self.recipe.licence)

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """Save like any PIL image; a PNG or WebP without further parameters carries the recipe."""
        name = (format or (Path(fp).suffix[1:] if isinstance(fp, (str, Path)) else "")).lower()
        if name not in metadata.FORMATS or params:
            super().save(fp, format, **params)
        elif isinstance(fp, (str, Path)):
            write_bytes(Path(fp), self.encoded(name))
        else:
            fp.write(self.encoded(name))


@dataclass(frozen=True)
class Request:
    """One description, understood."""

    text: str
    condition: Condition
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def understand(text: str, attributes: Mapping[str, Any] | None = None, *, schema_name: str = "anime") -> Request:
    """Words and attributes -> a request. Attributes given by name win over the words."""
    schema = load_schema(schema_name)
    reading = parse(text, schema)
    explicit = Condition.from_dict(schema, attributes or {})
    notes = list(reading.notes)
    if text.strip() and not reading.condition:
        notes.append(f"nothing in {shorten(text)!r} names an attribute that can be drawn")
    return Request(text, reading.condition.merged(explicit), reading.unused, tuple(notes))


@cache
def open_model(name: str) -> drawing.Model:
    """A published model by name (`anime`, `anime-1`), or an .onnx file by path; loaded once."""
    if name.endswith(".onnx"):
        return drawing.load_model(Path(name))
    return _open_published(find_model(name))


@cache
def _open_published(model: Published) -> drawing.Model:
    return drawing.load_model(
        model.path, name=model.name, number=model.number, sha256=model.sha256, licence=model.licence,
        emphasis=model.emphasis,
    )  # fmt: skip


@cache
def open_batch(model: drawing.Model) -> drawing.Batch:
    """What draws several pictures of a published model in one run of its network; loaded and tried once."""
    own = published_as(model.name, model.sha256)
    return drawing.load_batch(own.path, model) if own else drawing.Batch(model)


def draw(
    text: str = "",
    *,
    count: int = 1,
    seed: int = 0,
    size: int = 256,
    model: str = "anime",
    variety: float = VARIETY,
    candidates: int | None = None,
    taste: str | Path | None = None,
    crowd: str | Path | None = None,
    **attributes: Any,
) -> list[Avatar]:
    """Draw avatars from words, attributes, taste, or all of them.

    Parameters
    ----------
    text : str
        A description in English or Japanese; may be empty.
    count : int
        How many; picture i has seed `seed` + i, so that the first of five equals the only one.
    size : int
        64, 128, 256 or 512 pixels.
    model : str
        A published model (`anime` is the newest of its family, `anime-1` never changes) or the path of an .onnx file.
    variety : float
        0 draws the average face of the description, 1 everything that the model has learned.
    candidates : int, optional
        Each picture is drawn up to so many times (1 to 64), a judge looks, and the one that shows most surely what was
        asked is kept. By default 8 for a model that was published with a judge, else 1. With a taste so many times
        `count` pictures are drawn, 8 by default, of which a varied few are kept that please most.
    taste : str or Path, optional
        A profile (`konomi taste me.json`): it fills whatever words and attributes leave open.
    crowd : str or Path, optional
        Where the crowd now lies that the profile was learned with, if it has moved.
    **attributes
        Any attribute of the schema: `hair_color="silver", glasses=True, hat=False`; they win over the words.

    Returns
    -------
    list of Avatar
        PIL images with `.condition`, `.seed`, `.recipe`, `.code`, `.unused`, `.notes` and `.verdicts`; drawn for a
        taste also `.because` and `.chance`.

    Raises
    ------
    KonomiError
        With a one-line message: an unknown attribute or value, a count, seed or size out of range, a model that cannot
        be loaded.
    """
    opened = open_model(model)
    request = understand(text, attributes, schema_name=opened.schema.name)
    settings: Any = {"count": count, "seed": seed, "size": size, "variety": variety, "candidates": candidates}
    if taste is None:
        return list(draw_request(request, opened, **settings))
    from konomi.tasting.crowds import open_taste
    from konomi.tasting.suggesting import draw_for

    known = open_taste(Path(taste), Path(crowd) if crowd else None)
    return draw_for(*known, opened, request, **settings)[0]


def draw_request(
    request: Request,
    model: drawing.Model,
    *,
    count: int = 1,
    seed: int = 0,
    size: int = 256,
    variety: float = VARIETY,
    candidates: int | None = None,
    threads: int | None = None,
) -> Iterator[Avatar]:
    """Draw a request, picture by picture, in order; checks everything before the first one."""
    recipes = make_recipes(request.condition, model, count=count, seed=seed, size=size, variety=variety)
    notes = request.notes + cannot_draw(model, request.condition)
    if candidates is None:
        candidates = CANDIDATES if has_judge(model) else 1
    if check_candidates(candidates) == 1:
        return draw_recipes(recipes, model, unused=request.unused, notes=notes, threads=threads)
    judge, rule = open_judge(model), rule_of(model)

    def one(recipe: Recipe) -> Avatar:
        tries = tries_of(recipe, model, candidates)
        best, core, verdicts = search(recipe, lambda tried: _core(tried, model), judge, tries=tries, rule=rule)
        return _avatar(upscale(core, best.size), best, model, request.unused, notes, verdicts)

    return drawing.in_parallel(one, recipes, threads=threads)


def has_judge(model: drawing.Model) -> bool:
    """Whether `model` was published with a judge, so that its pictures are verified by default."""
    own = published_as(model.name, model.sha256)
    return bool(own and own.judge)


def rule_of(model: drawing.Model) -> Rule:
    """How the candidates of `model` are compared, and what its judge's probabilities are put right by."""
    own = published_as(model.name, model.sha256)
    return Rule(own.calibration, own.goal) if own else Rule()


def tries_of(recipe: Recipe, model: drawing.Model, candidates: int) -> Sequence[int]:
    """Which candidates of `recipe` are tried, one after the other: the first ones, or those that a scout picks."""
    own = published_as(model.name, model.sha256)
    if not own or not own.scout or recipe.blend:
        return range(candidates)
    return _open_scout(own.scout).tries(recipe, model, rule_of(model), candidates)


@cache
def _open_scout(name: str) -> Scout:
    return open_scout(find_model(name, kind="scout"))


def open_judge(model: drawing.Model) -> Judge:
    """Who chooses among the candidates of `model`: the tagger it was published with, else the newest of its schema.

    An InputError if no tagger knows the schema.
    """
    own = published_as(model.name, model.sha256)
    name = own.judge if own else ""
    if not name:
        known = [m for m in reversed(published("tagger")) if _schema_of(m) == model.schema.name]
        if not known:
            raise InputError(f"no published tagger knows the schema {model.schema.name!r}; use --candidates 1")
        name = known[0].name
    return judge_named(name, model.schema.name)


@cache
def judge_named(name: str, schema_name: str) -> Judge:
    """A published tagger as a judge of what a schema knows; opened once."""
    from konomi.data.tagging.taggers import look, open_onnx

    found, schema = find_model(name, kind="tagger"), load_schema(schema_name)
    tagger = open_onnx(found.path, schema, name=found.name, sha256=found.sha256, threads=1)

    def looks(pictures: np.ndarray) -> list[Look]:
        found = zip(*look(tagger, pictures, schema), strict=True)
        return [Look(tags, float(whole), float(liked)) for tags, whole, liked in found]

    return Judge(looks)


@cache
def _schema_of(model: Published) -> str:
    return str(open_published(model)[1].get("schema", ""))


def make_recipes(
    condition: Condition, model: drawing.Model, *, count: int, seed: int, size: int, variety: float = VARIETY
) -> list[Recipe]:
    """The recipes of `count` pictures; an InputError for a count, seed, size or variety out of range."""
    if not 1 <= count <= MAX_COUNT:
        raise InputError(f"count is {count}; give a number from 1 to {MAX_COUNT}")
    if check_seed(seed) + count - 1 > MAX_SEED:
        raise InputError(f"seed {seed} and count {count} pass the largest seed, {MAX_SEED}")
    condition = condition.within(model.schema)
    return [
        Recipe(model.name, model.sha256, condition, seed + i, size, variety, model.licence, versions())
        for i in range(count)
    ]


def draw_recipes(
    recipes: Sequence[Recipe],
    model: drawing.Model,
    *,
    unused: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    threads: int | None = None,
) -> Iterator[Avatar]:
    """Draw recipes of one model, in order, side by side in threads."""

    def one(recipe: Recipe) -> Avatar:
        return _avatar(upscale(_core(recipe, model), recipe.size), recipe, model, unused, notes)

    return drawing.in_parallel(one, recipes, threads=threads)


def _core(recipe: Recipe, model: drawing.Model) -> Image.Image:
    return drawing.draw_core(model, recipe.condition, recipe.noises, recipe.variety)


def _avatar(
    picture: Image.Image,
    recipe: Recipe,
    model: drawing.Model,
    unused: tuple[str, ...],
    notes: tuple[str, ...],
    verdicts: tuple[Verdict, ...] = (),
) -> Avatar:
    avatar = Avatar()
    avatar.__setstate__(picture.__getstate__())  # Pillow's pickle protocol: its one public way to build a subclass
    avatar.recipe, avatar.unused, avatar.notes, avatar.verdicts = recipe, unused, notes, verdicts
    avatar.code = to_code(recipe, number=model.number)
    return avatar


def cannot_draw(model: drawing.Model, condition: Condition) -> tuple[str, ...]:
    """Remarks on what was asked and understood, but is not in the model's training."""
    asked = condition.to_dict()
    named = {name: asked[name] for name in model.cannot_draw(condition)}
    names = [v if isinstance(v, str) else model.schema.attribute(n).label["en"] for n, v in named.items()]
    return (f"understood, but {model.name} cannot draw it yet: {', '.join(names)}",) if names else ()


def vary(
    source: "Avatar | Recipe | str", *, count: int = 8, strength: float = refining.STRENGTH, seed: int = 0
) -> list[Avatar]:
    """Near neighbours of a picture: the same words, a slightly different person.

    Parameters
    ----------
    source : Avatar, Recipe or str
        A picture that was drawn, its recipe, its file, or its share code.
    count, strength, seed
        As `konomi.refining.vary`.
    """
    recipe, model = _recipe_of(source)
    return list(draw_recipes(refining.vary(recipe, count=count, strength=strength, seed=seed), model))


def mix(one: "Avatar | Recipe | str", other: "Avatar | Recipe | str", *, steps: int = refining.STEPS) -> list[Avatar]:
    """Steps from one picture to another, both included; they must come from one model. Sources as in `vary`."""
    (first, model), (last, _) = _recipe_of(one), _recipe_of(other)
    return list(draw_recipes(mixed(first, last, model, steps=steps), model))


def mixed(one: Recipe, other: Recipe, model: drawing.Model, *, steps: int) -> list[Recipe]:
    """The recipes of the steps from one picture to another."""

    def weights(recipe: Recipe) -> np.ndarray:
        found = drawing.filled(model, recipe.condition, recipe.noises)
        return np.where(np.isnan(found), model.prior, found)

    return refining.mix(one, other, weights=weights, steps=steps)


def edit(source: "Avatar | Recipe | str", **attributes: Any) -> Avatar:
    """The same person with some attributes changed: edit(avatar, hair_color="blue", glasses=None).

    None lets the model choose an attribute again. Sources as in `vary`.
    """
    recipe, model = _recipe_of(source)
    changed, notes = edited(recipe, model, attributes)
    return next(draw_recipes([changed], model, notes=notes))


def edited(recipe: Recipe, model: drawing.Model, changes: Mapping[str, Any]) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe with some attributes changed, and remarks on those that its model cannot draw."""
    newest = Condition(load_schema(model.schema.name), recipe.condition.weights)
    asked = refining.edit(replace(recipe, condition=newest), changes).condition
    return replace(recipe, condition=asked.within(model.schema)), cannot_draw(model, asked)


def _recipe_of(source: "Avatar | Recipe | str") -> tuple[Recipe, drawing.Model]:
    if isinstance(source, str):
        return recall(source)
    recipe = source.recipe if isinstance(source, Avatar) else source
    return recipe, _by_name(recipe)


def recall(source: str, *, model: str | None = None) -> tuple[Recipe, drawing.Model]:
    """The recipe in a picture file or share code, and the model that it needs.

    `model` gives the path of an .onnx file for a recipe of an unpublished model; its hash must be the recipe's.
    """
    path = Path(source)
    if path.suffix.lower() in (".png", ".webp") or path.is_file():
        recipe = read_recipe(path)
        opened = open_model(model) if model else _by_name(recipe)
    else:
        recipe, opened = recall_code(source, model=model)
    if recipe.model_sha256 != opened.sha256:
        drawn, given = (
            f"{n} ({h[:12]}…)" for n, h in ((recipe.model, recipe.model_sha256), (opened.name, opened.sha256))
        )
        raise InputError(f"the picture was drawn by {drawn}, not by {given}")
    return replace(recipe, condition=recipe.condition.within(opened.schema)), opened


def recall_code(code: str, *, model: str | None = None) -> tuple[Recipe, drawing.Model]:
    """The recipe behind a share code, and the model that it needs; `code` is never taken for a file."""
    contents = from_code(code)
    opened = open_model(model) if model else _by_number(contents.number)
    return recipe_behind(contents, opened), opened


def recipe_behind(contents: CodeContents, model: drawing.Model) -> Recipe:
    """The recipe of a share code of `model`; an InputError if it is another model's."""
    if contents.number != model.number or not model.sha256.startswith(contents.hash_prefix):
        raise InputError(f"this share code belongs to another model than {model.name}")
    recipe = contents.recipe(
        model=model.name, model_sha256=model.sha256, schema=model.schema, licence=model.licence
    )  # fmt: skip
    return replace(recipe, condition=recipe.condition.within(model.schema))


def read_recipe(path: Path) -> Recipe:
    """The recipe inside a picture file."""
    return Recipe.from_json(metadata.read_recipe(path), load_schema)


def _by_name(recipe: Recipe) -> drawing.Model:
    try:
        return _open_published(find_model(recipe.model))
    except InputError as error:
        message = f"the picture needs the model {shorten(recipe.model)!r}: give its file with --model ({error})"
        raise InputError(message) from None


def _by_number(number: int) -> drawing.Model:
    if number == 0:
        raise InputError("this share code belongs to an unpublished model; give its file with --model")
    return _open_published(find_number(number))


@cache
def versions() -> dict[str, str]:
    """Versions of Konomi and of the libraries that decide pixels."""
    libraries = ("onnxruntime", "ncnn", "numpy", "pillow")
    return {"konomi": __version__} | {name: version(name) for name in libraries}
