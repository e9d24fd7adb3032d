"""Questionnaires: what people are asked, about the look of a character or about themselves; their answers as numbers.

A questionnaire is a data file in `questionnaires/`; `love-liking` is that of Hayase 2023, about a picture; `mini-ipip`
asks people about themselves and is only scored (`scale_means`). One *answer* is one person's
reply about one picture: a point of the scale for every item, with the person's gender and age. The paper encodes it in
two ways, both here in this order: items as in the file, gender, age.

- `scaled` (24): each item from [1, 7] to [0, 1]; gender, male 1 and female 0; age / 100.
- `one_hot` (157): seven numbers for each item, of which the answered one is 1; two for gender, male then female;
  age / 100.

The paper gives what enters, not its order.
"""

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np

from konomi.errors import InputError, shorten, unknown_name
from konomi.settings import check_keys

ORIGINS = ("paper", "translation", "ours")
LANGUAGES = ("en", "ja")
ABOUT = ("picture", "person")


@dataclass(frozen=True)
class Item:
    """One statement or question, answered by a point of the scale."""

    scale: str  # what it measures: love, liking, extraversion, ...
    text: dict[str, str]  # by language
    origin: dict[str, str]  # by language: one of ORIGINS
    reverse: bool = False  # agreeing with it speaks against its scale


@dataclass(frozen=True)
class Questionnaire:
    """The items, the scale, and what is asked of the person."""

    name: str
    points: int  # answers go from 1 to this
    oldest: int  # the age that is encoded as 1; 0 if it asks people about themselves
    genders: tuple[str, ...]  # two; the first is encoded as 1; none if it asks people about themselves
    anchors: dict[str, tuple[str, str]]  # by language: what the first and the last point mean
    items: tuple[Item, ...]
    about: str = "picture"  # one of ABOUT

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what a model depends on: the scale, and the items in their order, as asked in English."""
        shape = [self.name, self.points, self.oldest, self.genders, [item.text["en"] for item in self.items]]
        if any(item.reverse for item in self.items):
            shape.append([item.reverse for item in self.items])
        return hashlib.sha256(json.dumps(shape).encode()).hexdigest()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the items in tables: item_1, item_2, ..."""
        return tuple(f"item_{number}" for number in range(1, len(self.items) + 1))

    def widths(self) -> dict[str, int]:
        """How many numbers each encoding has."""
        return {"scaled": len(self.items) + 2, "one-hot": len(self.items) * self.points + 3}


@dataclass(frozen=True)
class Answers:
    """Many answers as columns; row i is one person's reply about one picture."""

    questionnaire: Questionnaire
    person: tuple[str, ...]
    picture: tuple[str, ...]  # name without suffix
    gender: tuple[str, ...]
    age: np.ndarray  # (R,) int
    items: np.ndarray  # (R, items) int, from 1 to points

    def __post_init__(self) -> None:
        if self.items.shape != (len(self), len(self.questionnaire.items)) or self.age.shape != (len(self),):
            raise InputError(f"answers to {len(self.questionnaire.items)} items have shape {self.items.shape}")
        for row in range(len(self)):
            _check(self.questionnaire, f"row {row + 1}", self.gender[row], self.age[row], self.items[row])

    def __len__(self) -> int:
        return len(self.person)


def read_answer(questionnaire: Questionnaire, where: str, row: Mapping[str, Any]) -> tuple[str, int, list[int]]:
    """Gender, age and points of one row of texts; an InputError names `where` and the item that is wrong or missing."""
    age = _whole(where, "age", row.get("age"), f"a whole number from 0 to {questionnaire.oldest}")
    scale = f"a whole number from 1 to {questionnaire.points}"
    points = [_whole(where, column, row.get(column), scale) for column in questionnaire.columns]
    gender = str(row.get("gender") or "").strip()
    _check(questionnaire, where, gender, age, points)
    return gender, age, points


def _whole(where: str, column: str, given: Any, scale: str) -> int:
    text = str("" if given is None else given).strip()
    if not text:
        raise InputError(f"{where} has no {column}; it must be {scale}")
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{where}: {column} is {shorten(text)!r}; it must be {scale}") from None


def _check(questionnaire: Questionnaire, where: str, gender: str, age: int, points: Sequence[int]) -> None:
    if gender not in questionnaire.genders:
        known = " or ".join(questionnaire.genders)
        told = f"is {shorten(gender)!r}" if gender else "is missing"
        raise InputError(f"{where}: gender {told}; this questionnaire knows {known}")
    if not 0 <= age <= questionnaire.oldest:
        raise InputError(f"{where}: age is {age}; it goes from 0 to {questionnaire.oldest}")
    for column, point in zip(questionnaire.columns, points, strict=True):
        if not 1 <= point <= questionnaire.points:
            raise InputError(f"{where}: {column} is {point}; answers go from 1 to {questionnaire.points}")


def scaled(answers: Answers) -> np.ndarray:
    """(R, 24) float32 in [0, 1]: items, gender (male 1), age; method 1 of the paper."""
    asked = answers.questionnaire
    items = (answers.items - 1) / (asked.points - 1)
    male = np.array([gender == asked.genders[0] for gender in answers.gender], dtype=float)
    return np.column_stack([items, male, answers.age / asked.oldest]).astype(np.float32)


def one_hot(answers: Answers) -> np.ndarray:
    """(R, 157) float32: seven for each item, male, female, age; method 2 of the paper."""
    asked = answers.questionnaire
    items = np.eye(asked.points)[answers.items - 1].reshape(len(answers), -1)
    genders = np.array([[gender == known for known in asked.genders] for gender in answers.gender], dtype=float)
    return np.column_stack([items, genders, answers.age / asked.oldest]).astype(np.float32)


ENCODERS: dict[str, Callable[[Answers], np.ndarray]] = {"scaled": scaled, "one-hot": one_hot}


def encode(answers: Answers, encoding: str) -> np.ndarray:
    """Answers as numbers, (R, width) float32; an InputError names the nearest known encoding."""
    if encoding not in ENCODERS:
        raise InputError(unknown_name("encoding", encoding, ENCODERS))
    return ENCODERS[encoding](answers)


def scale_means(questionnaire: Questionnaire, points: Mapping[str, int | None]) -> dict[str, float | None]:
    """The mean point of each scale, reversed items turned round; None for a scale without any answer.

    `points` are by column (item_1, ...); an item that is None or missing is left out of its mean.
    """
    found: dict[str, list[int]] = {item.scale: [] for item in questionnaire.items}
    for column, item in zip(questionnaire.columns, questionnaire.items, strict=True):
        if (point := points.get(column)) is not None:
            found[item.scale].append(questionnaire.points + 1 - point if item.reverse else point)
    return {scale: sum(given) / len(given) if given else None for scale, given in found.items()}


@cache
def load_questionnaire(name: str = "love-liking") -> Questionnaire:
    """The questionnaire shipped as `questionnaires/<name>.toml`."""
    folder = resources.files("konomi") / "questionnaires"
    known = sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))
    if name not in known:
        raise InputError(f"There is no questionnaire {name!r}. Known: {', '.join(known)}.")
    return parse_questionnaire((folder / f"{name}.toml").read_text(encoding="utf-8"))


def parse_questionnaire(text: str) -> Questionnaire:
    """Read a questionnaire; an InputError names a missing or unknown key."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the questionnaire is not valid TOML: {error}") from None
    about = table.pop("about", ABOUT[0])
    if about not in ABOUT:
        raise InputError(unknown_name("the questionnaire, about", str(about), ABOUT))
    encoded = ("oldest", "genders") if about == "picture" else ()
    _keys(table, ("name", "points", *encoded, "anchors", "item"), "the questionnaire")
    _keys(table["anchors"], LANGUAGES, "anchors")
    genders = tuple(table.get("genders", ()))
    if encoded and len(genders) != 2:
        raise InputError(f"the questionnaire has {len(genders)} genders; both encodings need two")
    anchors = {language: (first, last) for language, (first, last) in table["anchors"].items()}
    items = tuple(_items(table["item"]))
    return Questionnaire(table["name"], table["points"], table.get("oldest", 0), genders, anchors, items, about)


def _items(rows: Sequence[dict[str, Any]]) -> Iterator[Item]:
    for number, row in enumerate(rows, start=1):
        reverse = row.pop("reverse", False)
        if not isinstance(reverse, bool):
            raise InputError(f"item {number}: reverse is {shorten(repr(reverse))}; it must be true or false")
        _keys(row, ("scale", "origin", *LANGUAGES), f"item {number}")
        _keys(row["origin"], LANGUAGES, f"item {number}, origin")
        for origin in row["origin"].values():
            if origin not in ORIGINS:
                raise InputError(unknown_name(f"item {number}, origin", origin, ORIGINS))
        yield Item(row["scale"], {language: row[language] for language in LANGUAGES}, dict(row["origin"]), reverse)


def _keys(table: dict[str, Any], known: Sequence[str], where: str) -> None:
    check_keys(table, known, where, required=known)
