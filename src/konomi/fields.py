"""Attributes as people write them in the fields of a table, an option or an address: names and texts.

glasses = yes    hair_color = silver    smile = 0.5    hair_color.blonde = 0.6, hair_color.pink = 0.4
"""

from collections.abc import Iterable, Mapping
from typing import Any

from konomi.errors import InputError, shorten
from konomi.schema import FLAG_ANSWERS, Attribute, Schema


def read_fields(
    fields: Iterable[tuple[str, str]], schema: Schema, *, given: Mapping[str, Any] | None = None, option: str = ""
) -> dict[str, Any]:
    """Fields (name, text), added to what is `given` already, as `Condition.from_dict` reads them.

    A name is an attribute's, or ATTRIBUTE.VALUE with a weight. An InputError names what is misspelt or given twice;
    `option` goes before fields in its text, as in "write --set smile=yes".
    """
    asked = dict(given or {})
    mixtures: dict[str, dict[str, float]] = {}
    for field, text in fields:
        name, value, told = _read(field, text, schema, option)
        second = f"is given twice, the second time as {option}{field}={shorten(text)}"
        if value is None or name in asked:
            if name in asked or name in mixtures:
                raise InputError(f"{name} {second}")
            asked[name] = told
        elif value in mixtures.setdefault(name, {}):
            raise InputError(f"{name}.{value} {second}")
        else:
            mixtures[name][value] = told
    return asked | mixtures


def _read(field: str, text: str, schema: Schema, option: str) -> tuple[str, str | None, Any]:
    """A field as (attribute, value or None, what is asked of it)."""
    name, dot, value = field.partition(".")
    attribute = schema.attribute(name)
    if not dot:
        return name, None, field_of(attribute, text)
    if attribute.is_flag:
        raise InputError(f"{name} has no values to choose from; write {option}{name}=yes, no, or a weight from 0 to 1")
    attribute.index(value)
    weight = _answer(text)
    if weight is None:
        raise InputError(f"{field} is {shorten(text)!r}; write yes, no, or a weight from 0 to 1")
    return name, value, float(weight)


def field_of(attribute: Attribute, text: str) -> Any:
    """What a field asks of an attribute: a value's name; of a flag, yes, no or a weight."""
    if not attribute.is_flag:
        return text
    if (answer := _answer(text)) is None:
        raise InputError(f"{attribute.name} is {shorten(text)!r}; write yes or no, or a weight from 0 to 1")
    return answer


def _answer(text: str) -> bool | float | None:
    """Yes, no, or a weight in [0, 1]; None for anything else."""
    if text.lower() in FLAG_ANSWERS:
        return FLAG_ANSWERS[text.lower()]
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if 0 <= weight <= 1 else None
