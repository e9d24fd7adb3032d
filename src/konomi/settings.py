"""Settings that people write as TOML files, read strictly: nothing misspelt or mistyped is passed over."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from konomi.errors import InputError, shorten, unknown_name
from konomi.files import reporting

_PLAIN = {str: "a text in quotes", float: "a number", int: "a whole number", tuple: "a list", bool: "true or false"}


def read_toml(path: Path) -> dict[str, Any]:
    """The table of a TOML file; an InputError says where it is not valid."""
    with reporting("read", path):
        data = path.read_bytes()
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except ValueError as error:  # of TOML or UTF-8
        raise InputError(f"{path} is not valid TOML: {error}") from None


def check_keys(table: dict[str, Any], known: Iterable[str], where: str, *, required: Iterable[str] = ()) -> None:
    """An InputError names an unknown key, with the nearest known one, or the missing ones."""
    known = list(known)
    for key in table:
        if key not in known:
            raise InputError(unknown_name(where, key, known).replace("value", "key", 1))
    if missing := [key for key in required if key not in table]:
        raise InputError(f"{where} lacks {', '.join(missing)}")


def typed(table: dict[str, Any], example: Any, where: str) -> dict[str, Any]:
    """`table` with every value of the type that the attribute of `example` has; whole numbers may stand for others.

    Lists become tuples, their values of the type of the example's first, or texts where it has none. An InputError
    tells what a value must be.
    """
    result = {}
    for key, value in table.items():
        like = getattr(example, key)
        try:
            result[key] = _as(value, like)
        except TypeError:
            must = _PLAIN.get(type(like), f"a {type(like).__name__}")
            if type(like) is tuple and isinstance(value, list):
                must = f"a list, each of {_PLAIN[type(_first(like))]}"
            raise InputError(f"{where}: {key} is {shorten(repr(value))}; it must be {must}") from None
    return result


def _as(value: Any, like: Any) -> Any:
    if type(like) is float and type(value) is int:
        return float(value)
    if type(like) is tuple and isinstance(value, list):
        return tuple(_as(v, _first(like)) for v in value)
    if type(value) is not type(like):
        raise TypeError
    return value


def _first(like: tuple[Any, ...]) -> Any:
    return like[0] if like else ""
