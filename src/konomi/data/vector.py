"""Faces of a vector style with exact labels: nothing that a schema names is left to chance that is not in the labels.

A file of `styles/` says which parts and colours of a DiceBear style show which values of a schema. Face number i of a
seed is always the same, whatever the count and whoever draws it: the values of its attributes are dealt first, then
every part that shows them, and every other part. Faces are dealt one by one and independently, so every twentieth is
for validation and the one after it for tests.
"""

import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from konomi import __version__
from konomi.condition import Condition
from konomi.data.dataset import store_picture
from konomi.data.progress import Progress, silent
from konomi.errors import FileError, InputError, shorten
from konomi.files import file_sha256, locked, make_folder, read_json, write_json
from konomi.record import STAGE, Record, write_stage
from konomi.schema import Schema, load_schema
from konomi.settings import check_keys, read_toml

Face = dict[str, Any]  # the value of every attribute: a choice's value, or whether a flag holds
BEGUN = "begun.json"  # what an unfinished stage is being made of
SPLITS = {0: "validation", 1: "test"}  # by the number's rest to 20; all others train
KEYS = ["style", "schema", "licence", "window", "always", "any", "chance", "excludes", "hides", "part"]


@dataclass(frozen=True)
class Part:
    """Options of the renderer for all faces that have certain values."""

    when: Face
    options: dict[str, Any]  # a list is chosen from evenly


@dataclass(frozen=True)
class Style:
    """One file of `styles/`, with the style's own definition."""

    name: str
    schema: Schema
    licence: str  # SPDX, as in records
    source: str  # style, artist and address
    window: tuple[int, int, int]  # left, top and side of what is kept of the canvas
    always: dict[str, Any]
    any: dict[str, Any]
    chance: dict[str, float]
    excludes: dict[str, list[str]]
    hides: dict[str, list[str]]
    parts: tuple[Part, ...]
    definition: dict[str, Any]


def style_names() -> list[str]:
    """The styles that can be drawn."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def _folder() -> Path:
    return Path(str(resources.files("konomi"))) / "data" / "styles"


@cache
def load_style(name: str) -> Style:
    """The style of `styles/<name>.toml`; an InputError lists the known ones, or says what is wrong in the file."""
    if name not in style_names():
        raise InputError(f"there is no style {shorten(name)!r}. Known: simple, {', '.join(style_names())}.")
    path = _folder() / f"{name}.toml"
    table = read_toml(path)
    check_keys(table, KEYS, str(path), required=KEYS)
    definition = _definition(table["style"])
    meta = definition["meta"]
    style = Style(
        table["style"], load_schema(table["schema"]), table["licence"],
        f"DiceBear {meta['source']['name']} by {meta['creator']['name']}, {meta['source']['url']}",
        tuple(table["window"]), table["always"], table["any"], table["chance"], table["excludes"], table["hides"],
        tuple(Part(p["when"], p["options"]) for p in table["part"]), definition,
    )  # fmt: skip
    _check(style)
    return style


def _definition(name: str) -> dict[str, Any]:
    """The style's definition, as the package dicebear-styles has it."""
    text = (resources.files("dicebear_styles") / f"{name}.json").read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(text)
    return definition


def _check(style: Style) -> None:
    """Every attribute, value, component and variant that the file names exists, and the licence is the style's own."""
    said = style.definition["meta"]["license"]["name"]
    if said.replace(" ", "-") != style.licence:
        raise InputError(f"style {style.name!r} is under {said}, not {style.licence}")
    for part in style.parts:
        Condition.from_dict(style.schema, part.when)
    flags = [a.name for a in style.schema.attributes if a.is_flag]
    check_keys(style.chance, flags, f"style {style.name!r}, chance", required=flags)
    names = [a.name for a in style.schema.attributes]
    for table in (style.excludes, style.hides):
        for flag, others in table.items():
            check_keys(dict.fromkeys([flag, *others]), names, f"style {style.name!r}")
    for options in (style.always, style.any, *(part.options for part in style.parts)):
        for key, given in options.items():
            _check_option(style, key, given if isinstance(given, list) else [given])


def _check_option(style: Style, key: str, given: list[Any]) -> None:
    components, colours = style.definition["components"], [*style.definition["colors"], "background"]
    known = [f"{name}{end}" for name in components for end in ("Variant", "Probability")]
    check_keys({key: given}, [*known, *(f"{name}Color" for name in colours)], f"style {style.name!r}")
    if key.endswith("Variant"):
        check_keys(dict.fromkeys(given), components[key.removesuffix("Variant")]["variants"], f"{style.name} {key}")


def deal(style: Style, dice: np.random.RandomState) -> Face:
    """The values of all attributes of one face."""
    face: Face = {}
    for attribute in style.schema.attributes:
        names = attribute.value_names
        if attribute.is_flag:
            face[attribute.name] = bool(dice.random_sample() < style.chance[attribute.name])
        else:
            face[attribute.name] = names[dice.randint(len(names))]
    for flag, others in style.excludes.items():
        face |= {other: False for other in others if face[flag]}
    return face


def options_of(style: Style, face: Face, dice: np.random.RandomState) -> dict[str, Any]:
    """What the renderer is told about a face: one option for each of the style's parts and colours."""
    options: dict[str, Any] = {}
    showing = [part.options for part in style.parts if all(face[name] == value for name, value in part.when.items())]
    for given in (style.always, style.any, *showing):
        for key, value in given.items():
            options[key] = value[dice.randint(len(value))] if isinstance(value, list) else value
    return options


def tags(style: Style, face: Face) -> dict[str, float]:
    """The labels of a face: all attributes but the hidden ones."""
    hidden = {name for flag, names in style.hides.items() if face[flag] for name in names}
    condition = Condition.from_dict(style.schema, {k: v for k, v in face.items() if k not in hidden})
    return {style.schema.slots[i]: weight for i, weight in condition.weights}


def paint(style: Style, options: dict[str, Any], size: int) -> Image.Image:
    """The picture of `options`, `size` x `size` px."""
    import resvg_py
    from dicebear import Avatar

    left, top, side = style.window
    canvas = style.definition["canvas"]
    whole = f'viewBox="0 0 {canvas["width"]} {canvas["height"]}"'
    svg = str(Avatar(_renderable(style.name), options))
    assert whole in svg
    svg = svg.replace(whole, f'viewBox="{left} {top} {side} {side}"', 1)
    data = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(data)).convert("RGB")


@cache
def _renderable(name: str) -> Any:
    from dicebear import Style as DiceBearStyle

    return DiceBearStyle(load_style(name).definition)


def face_of(style: Style, seed: int, number: int) -> tuple[Face, dict[str, Any]]:
    """Face `number` of a seed: its values, and the renderer's options."""
    dice = np.random.RandomState([seed, number])
    face = deal(style, dice)
    return face, options_of(style, face, dice)


def draw_faces(out: Path, name: str, *, count: int, size: int, seed: int, progress: Progress = silent) -> None:
    """Make a stage folder of `count` faces of the style `name`; after a stop only what is missing is drawn.

    An InputError if the style is unknown, a number out of range, or the folder finished or begun with other settings.
    """
    style = load_style(name)
    for what, given, least in (("count", count, 1), ("size", size, 8), ("seed", seed, 0)):
        if given < least:
            raise InputError(f"{what} is {given}; it must be at least {least}")
    settings = {"stage": "synthetic", "version": __version__, "style": name, "size": size, "seed": seed, "count": count}
    with locked(out):
        if (out / STAGE).exists():
            raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
        _begin(out, settings)
        missing = [n for n in range(count) if not (out / _file(n)).exists()]
        for _ in progress(_drawn(out, name, missing, size=size, seed=seed), len(missing), what="drawing"):
            pass
        records = [_record(out, style, seed, number) for number in range(count)]
        schema = style.schema
        write_stage(out, records, settings | {"schema": schema.name, "schema_hash": schema.hash})
        (out / BEGUN).unlink()


def _begin(out: Path, settings: dict[str, Any]) -> None:
    make_folder(out / "pictures")
    if not (out / BEGUN).exists():
        write_json(out / BEGUN, settings)
    elif (begun := read_json(out / BEGUN)) != settings:
        told = ", ".join(f"{key} {value}" for key, value in begun.items() if settings.get(key) != value)
        raise InputError(f"{out} was begun with other settings ({told}); choose another folder, or delete it first")


def _file(number: int) -> str:
    return f"pictures/{number:06d}.png"


def _drawn(out: Path, name: str, numbers: list[int], *, size: int, seed: int) -> Iterator[None]:
    """Draw the faces, on all cores where there are many."""
    work = partial(_draw_one, out, name, size=size, seed=seed)
    if len(numbers) < 200:
        yield from map(work, numbers)
        return
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, numbers, chunksize=20)


def _draw_one(out: Path, name: str, number: int, *, size: int, seed: int) -> None:
    style = load_style(name)
    _, options = face_of(style, seed, number)
    store_picture(out / _file(number), paint(style, options, size))


def _record(out: Path, style: Style, seed: int, number: int) -> Record:
    if not (out / _file(number)).exists():
        raise FileError(f"{out / _file(number)} has gone while the stage was made; run the same command again")
    face, _ = face_of(style, seed, number)
    split = SPLITS.get(number % 20, "train")
    digest = file_sha256(out / _file(number))
    return Record(_file(number), digest, style.source, style.licence, split=split, tags=tags(style, face))
