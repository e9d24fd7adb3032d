"""Conditions in words, in English and Japanese: on chips, in sentences, and for those who cannot see the picture."""

from collections.abc import Mapping
from typing import Any

from konomi.condition import Condition
from konomi.schema import Attribute, Schema
from konomi.web.pages import texts

LANGUAGES = ("en", "ja")
WHO = "gender"  # the attribute that names the person; the others are what the person has


def label(attribute: Attribute, value: str, language: str) -> str:
    """The bare label of a value: silver."""
    return attribute.values[attribute.index(value)].label[language]


def phrase(attribute: Attribute, asked: Any, language: str) -> str:
    """One attribute as one says it: "silver hair", "no hat", "slight smile", "blonde and pink hair"."""
    say = texts("speech", language)
    if attribute.is_flag:
        return _flag(attribute, asked, say, language)
    if isinstance(asked, Mapping):
        chosen = [value for value, weight in asked.items() if weight]
        if not chosen:
            denied = say["mixed"].join(label(attribute, value, language) for value in asked)
            return say["no_value"].format(_in_place(attribute, denied, say))
        return _in_place(attribute, say["mixed"].join(label(attribute, v, language) for v in chosen), say)
    return _in_place(attribute, label(attribute, asked, language), say)


def _in_place(attribute: Attribute, said: str, say: Mapping[str, str]) -> str:
    return say.get(attribute.name, "{}").format(said)


def _flag(attribute: Attribute, asked: Any, say: Mapping[str, str], language: str) -> str:
    said = attribute.label[language]
    if asked in (True, 1):
        return said
    kind = "little" if asked else "no"
    return say.get(f"{kind}_{attribute.name}") or say[kind].format(said)


def sentence(condition: Condition, language: str) -> str:
    """A picture in words: "a girl with long silver hair, red eyes and glasses"."""
    say, asked = texts("speech", language), condition.to_dict()
    who = asked.pop(WHO, None)
    named = phrase(condition.schema.attribute(WHO), who, language) if isinstance(who, str) else say["who"]
    one = say["one"].format(who=named) if isinstance(who, str) else named
    things = _things(condition.schema, asked, language)
    return say["with"].format(one=one, things=listed(things, language)) if things else one


def listed(things: list[str], language: str) -> str:
    """a, b and c"""
    say = texts("speech", language)
    return say["last"].join([say["comma"].join(things[:-1]), things[-1]] if len(things) > 1 else things)


def _things(schema: Schema, asked: dict[str, Any], language: str) -> list[str]:
    say, things = texts("speech", language), []
    length, color = asked.get("hair_length"), asked.get("hair_color")
    if isinstance(length, str) and isinstance(color, str):
        parts = {"length": length, "color": color}
        labels = {k: label(schema.attribute(f"hair_{k}"), v, language) for k, v in parts.items()}
        things.append(say["hair"].format(**labels))
        asked = {name: value for name, value in asked.items() if name not in ("hair_length", "hair_color")}
    for name, value in asked.items():
        said = phrase(schema.attribute(name), value, language)
        things.append(f"{'an' if said[0] in 'aeiou' else 'a'} {said}" if _counts(name, value, say) else said)
    return things


def _counts(name: str, value: Any, say: Mapping[str, str]) -> bool:
    """Whether English says "a" of it: a smile, a slight smile, a closed mouth, but glasses, and no hat."""
    return name in say["a"].split() and (bool(value) or f"no_{name}" in say)


def slot_phrase(schema: Schema, slot: str, wanted: bool, language: str) -> str:
    """A slot that was asked to be there, or not to be: "red eyes", "no hat"."""
    name, _, value = slot.partition(".")
    attribute = schema.attribute(name)
    return phrase(attribute, (value if wanted else {value: 0.0}) if value else wanted, language)


def opening(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]
