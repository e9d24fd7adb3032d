"""A schema: the attributes that a picture can have, read from one TOML file in `schemas/`.

Names, values, words, labels, sliders, command-line options and documentation are all derived from that file. A schema
is a list of attributes; each has one *slot* per value, and a condition holds one weight per slot:

- `choice` with `exclusive = true`: at most one value holds (hair colour). Slots `hair_color.blonde`, ...
- `choice` with `exclusive = false`: the values are judged one by one (long and short hair).
- `flag`: yes or no. One slot, named as the attribute (`glasses`). Its single value is called `yes`.

What people write is given by language ("en", "ja"), in three lists that any value and any `[[phrase]]` may have:

- `words` mean it by themselves (blonde, brunette, ponytail);
- `adjectives` mean it beside one of the attribute's nouns (silver hair, 髪は銀), and also with no noun at all where the
  attribute is `lone` (the tag list "silver, glasses");
- `beside` mean it beside a noun only (dark hair; a bare "dark" is a mood).

Nothing in those lists changes the schema's hash, so words can be added without touching a trained model.

A schema with `words_from` takes the words of what it names alike from another one, see `_with_words`.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from konomi.errors import InputError, unknown_name

Words = dict[str, tuple[str, ...]]  # by language

# How a flag is written in a table, in lower case
FLAG_ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class Value:
    """One value of an attribute, with the words that mean it."""

    name: str
    label: dict[str, str]  # by language
    words: Words = field(default_factory=dict)
    adjectives: Words = field(default_factory=dict)
    beside: Words = field(default_factory=dict)


@dataclass(frozen=True)
class Attribute:
    """One attribute: a choice between values, or a flag (whose single value is called `yes`)."""

    name: str
    kind: str  # "choice" or "flag"
    exclusive: bool  # choice only: at most one value holds
    label: dict[str, str]
    values: tuple[Value, ...]
    nouns: Words = field(default_factory=dict)  # what an adjective attaches to: hair, eyes, 髪, 目
    noun_for: tuple[str, ...] = ()  # its words are nouns for these attributes: "a pink ponytail", "a pale girl"
    contrary: bool = False  # two values in one text contradict each other (always so where `exclusive`)
    mixes: bool = False  # "blue and pink" is a mixture of both
    graded: bool = False  # "a slight smile" is half a smile
    lone: bool = False  # adjectives that no noun claims are read as this attribute's
    worn: bool = False  # put on and taken off: "without hat and glasses" denies both

    @property
    def is_flag(self) -> bool:
        return self.kind == "flag"

    @property
    def slots(self) -> tuple[str, ...]:
        return (self.name,) if self.is_flag else tuple(f"{self.name}.{v.name}" for v in self.values)

    @property
    def value_names(self) -> tuple[str, ...]:
        return tuple(v.name for v in self.values)

    def index(self, value: str) -> int:
        """Position of `value` among this attribute's values; an InputError names the nearest one."""
        if value not in self.value_names:
            raise InputError(unknown_name(self.name, value, self.value_names))
        return self.value_names.index(value)


@dataclass(frozen=True)
class Phrase:
    """Words that mean something other than one value: a denial (closed mouth) or several at once (laughing)."""

    means: tuple[tuple[str, str, bool], ...]  # (attribute, value, holds or not)
    implies: tuple[tuple[str, str, bool], ...] = ()  # the same, unless the text says anything about that attribute
    words: Words = field(default_factory=dict)
    adjectives: Words = field(default_factory=dict)
    beside: Words = field(default_factory=dict)


@dataclass(frozen=True)
class Schema:
    """A named, ordered list of attributes. Slots are numbered in the order of the file."""

    name: str
    attributes: tuple[Attribute, ...]
    phrases: tuple[Phrase, ...] = ()
    shades: Words = field(default_factory=dict)  # vary a colour without changing its name: deep, pastel, 薄い
    describers: Words = field(default_factory=dict)  # may stand between an adjective and its noun: curly, 綺麗な
    others: Words = field(default_factory=dict)  # other things that contain our words: bow tie, 面白い

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def slots(self) -> tuple[str, ...]:
        return tuple(slot for a in self.attributes for slot in a.slots)

    @cached_property
    def offsets(self) -> dict[str, slice]:
        """The slots of each attribute, as a slice into a weight vector."""
        found, start = {}, 0
        for a in self.attributes:
            found[a.name] = slice(start, start + len(a.slots))
            start += len(a.slots)
        return found

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what a model depends on: names, kinds, values and their order; not of words and labels."""
        shape = [[a.name, a.kind, a.exclusive, list(a.value_names)] for a in self.attributes]
        return hashlib.sha256(json.dumps([self.name, shape]).encode()).hexdigest()

    def version(self, of: str) -> "Schema | None":
        """This schema as it was when its hash was `of`: its first attributes only. None if it never was so.

        A schema may grow at its end; what was made for an older version of it stays good.
        """
        return next((v for v in self._versions if v.hash == of), None)

    @cached_property
    def _versions(self) -> "tuple[Schema, ...]":
        shorter = (replace(self, attributes=self.attributes[:n]) for n in range(len(self.attributes) - 1, 0, -1))
        return (self, *shorter)

    def attribute(self, name: str) -> Attribute:
        """The attribute called `name`; an InputError names the nearest one."""
        for a in self.attributes:
            if a.name == name:
                return a
        known = [a.name for a in self.attributes]
        raise InputError(unknown_name(f"schema {self.name!r}", name, known).replace("value", "attribute", 1))

    def slot_index(self, slot: str) -> int:
        """The number of `slot`; an InputError names the nearest one."""
        if slot not in self.slots:
            raise InputError(unknown_name(f"schema {self.name!r}", slot, self.slots).replace("value", "slot", 1))
        return self.slots.index(slot)


@cache
def load_schema(name: str = "anime") -> Schema:
    """The schema shipped as `schemas/<name>.toml`."""
    return parse_schema(_text(name))


def schema_names() -> list[str]:
    """The schemas that are shipped."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def _text(name: str) -> str:
    if name not in schema_names():
        raise InputError(f"There is no schema {name!r}. Known: {', '.join(schema_names())}.")
    return (_folder() / f"{name}.toml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    return resources.files("konomi") / "schemas"


_LISTS = ("words", "adjectives", "beside")
_VALUE_KEYS = {"name", "label", *_LISTS}
_SWITCHES = ("exclusive", "contrary", "mixes", "graded", "lone", "worn")
_CHOICE_KEYS = {"name", "kind", "label", "nouns", "noun_for", "values", *_SWITCHES}
_FLAG_KEYS = (_CHOICE_KEYS | _VALUE_KEYS) - {"values", "exclusive", "contrary", "mixes"}
_PHRASE_KEYS = {"means", "implies", *_LISTS}
_VOCABULARY = ("shades", "describers", "others")


def parse_schema(text: str) -> Schema:
    """The schema written in a TOML text; an InputError names a key that is unknown or missing, or a name that is."""
    data = tomllib.loads(text)
    _check_keys(data, {"name", "words_from", "attribute", "phrase", *_VOCABULARY}, {"name", "attribute"}, "schema")
    if "words_from" in data:
        data = _with_words(data, tomllib.loads(_text(data["words_from"])))
    schema = Schema(
        name=data["name"],
        attributes=tuple(_parse_attribute(a) for a in data["attribute"]),
        phrases=tuple(_parse_phrase(p) for p in data.get("phrase", [])),
        **{key: _words(data, key) for key in _VOCABULARY},
    )
    _check_names(schema)
    return schema


def _parse_attribute(data: dict[str, Any]) -> Attribute:
    where = f"attribute {data.get('name')!r}"
    flag = data.get("kind") == "flag"
    required = {"name", "kind", "label"} | (set() if flag else {"values"})
    _check_keys(data, _FLAG_KEYS if flag else _CHOICE_KEYS, required, where)
    if data["kind"] not in ("choice", "flag"):
        raise InputError(f"{where} has kind {data['kind']!r}. Known: choice, flag.")
    values = (_value({**data, "name": "yes"}),) if flag else tuple(_parse_value(v, where) for v in data["values"])
    return Attribute(
        name=data["name"],
        kind=data["kind"],
        label=data["label"],
        values=values,
        nouns=_words(data, "nouns"),
        noun_for=tuple(data.get("noun_for", ())),
        **{"exclusive": False} | {key: data[key] for key in _SWITCHES if key in data},
    )


def _parse_value(data: dict[str, Any], where: str) -> Value:
    _check_keys(data, _VALUE_KEYS, {"name", "label"}, f"value {data.get('name')!r} of {where}")
    return _value(data)


def _value(data: dict[str, Any]) -> Value:
    return Value(data["name"], data["label"], **{key: _words(data, key) for key in _LISTS})


def _parse_phrase(data: dict[str, Any]) -> Phrase:
    _check_keys(data, _PHRASE_KEYS, {"means"}, f"phrase {data.get('words')}")
    means, implies = (_meanings(data.get(key, {})) for key in ("means", "implies"))
    return Phrase(means, implies, **{key: _words(data, key) for key in _LISTS})


def _meanings(data: dict[str, Any]) -> tuple[tuple[str, str, bool], ...]:
    """{skin = "dark", open_mouth = false} as (attribute, value, holds or not)."""
    return tuple(
        (name, *((given, True) if isinstance(given, str) else ("yes", bool(given)))) for name, given in data.items()
    )


def _words(data: Mapping[str, Any], key: str) -> Words:
    return {language: tuple(words) for language, words in data.get(key, {}).items()}


def _with_words(data: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """`data` with the words of `base`: of attributes and values named alike, of phrases about them, and its vocabulary.

    What `data` says itself goes before: none of its own `words` is taken over with another meaning, and no word of an
    attribute as another value of it.
    """
    stated = {word for source in _meaningful(data) for word in _all_words(source, "words")}
    attributes = []
    for attribute in data["attribute"]:
        own = {
            word for part in (attribute, *attribute.get("values", [])) for k in _LISTS for word in _all_words(part, k)
        }
        attributes.append(_like(attribute, _named(base["attribute"], attribute["name"]), stated | own))
    known = {(a["name"], v["name"]) for a in attributes for v in a.get("values", [{"name": "yes"}])}
    phrases = [p for p in base.get("phrase", []) if _told(p) <= known]
    return data | {
        "attribute": attributes,
        "phrase": [*data.get("phrase", []), *(_like({}, p, stated) | _claims_of(p) for p in phrases)],
        **{key: _joined(data, base, key, set()) for key in _VOCABULARY},
    }


def _meaningful(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything of a schema's file that may have lists of words with a meaning."""
    for attribute in data["attribute"]:
        yield attribute
        yield from attribute.get("values", [])
    yield from data.get("phrase", [])


def _like(data: dict[str, Any], base: dict[str, Any], spared: set[str]) -> dict[str, Any]:
    """An attribute, value or phrase with the words of `base` added to its own, but for the `spared` ones."""
    lists = {key: _joined(data, base, key, spared) for key in _LISTS if key in data or key in base}
    if "nouns" in data or "nouns" in base:
        lists["nouns"] = _joined(data, base, "nouns", set())
    values = [_like(v, _named(base.get("values", []), v["name"]), spared) for v in data.get("values", [])]
    return data | lists | ({"values": values} if values else {})


def _joined(data: dict[str, Any], base: dict[str, Any], key: str, spared: set[str]) -> dict[str, list[str]]:
    own, more = data.get(key, {}), base.get(key, {})
    return {
        language: [*own.get(language, ()), *(w for w in more.get(language, ()) if w not in spared)]
        for language in own | more
    }


def _named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((row for row in rows if row["name"] == name), {})


def _all_words(data: Mapping[str, Any], key: str) -> set[str]:
    return {word for words in data.get(key, {}).values() for word in words}


def _claims_of(phrase: dict[str, Any]) -> dict[str, Any]:
    return {key: phrase[key] for key in ("means", "implies") if key in phrase}


def _told(phrase: dict[str, Any]) -> set[tuple[str, str]]:
    """The attributes and values that a phrase is about."""
    return {(name, value) for key in ("means", "implies") for name, value, _ in _meanings(phrase.get(key, {}))}


def _check_keys(data: Mapping[str, Any], known: set[str], required: set[str], where: str) -> None:
    if extra := set(data) - known:
        raise InputError(f"{where} has unknown keys: {', '.join(sorted(extra))}. Known: {', '.join(sorted(known))}.")
    if missing := required - set(data):
        raise InputError(f"{where} lacks: {', '.join(sorted(missing))}.")


def _check_names(schema: Schema) -> None:
    """Every slot is named once, and every attribute and value that is referred to exists."""
    if twice := sorted({slot for slot in schema.slots if schema.slots.count(slot) > 1}):
        raise InputError(f"schema {schema.name!r} names these more than once: {', '.join(twice)}.")
    for name in (name for a in schema.attributes for name in a.noun_for):
        schema.attribute(name)
    for phrase in schema.phrases:
        for name, value, _ in phrase.means + phrase.implies:
            schema.attribute(name).index(value)
