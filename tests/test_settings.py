"""Settings in TOML files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from konomi.errors import FileError, InputError
from konomi.settings import check_keys, read_toml, typed


@dataclass(frozen=True)
class Example:
    count: int = 1
    rate: float = 0.5
    name: str = ""
    on: bool = False
    sizes: tuple[int, ...] = (4, 8)
    words: tuple[str, ...] = ()


def test_values_get_the_types_of_the_example() -> None:
    found = typed({"rate": 2, "on": True, "sizes": [1], "words": ["a"], "name": "x"}, Example(), "f")
    assert found == {"rate": 2.0, "on": True, "sizes": (1,), "words": ("a",), "name": "x"}
    assert type(found["rate"]) is float


@pytest.mark.parametrize(
    ("key", "value", "must"),
    [
        ("count", 1.5, "a whole number"),
        ("count", True, "a whole number"),
        ("rate", "1", "a number"),
        ("rate", True, "a number"),
        ("name", 3, "a text in quotes"),
        ("on", 1, "true or false"),
        ("sizes", 4, "a list"),
        ("sizes", ["4"], "a list, each of a whole number"),
        ("words", [3], "a list, each of a text in quotes"),
    ],
)
def test_a_value_of_another_type_is_told(key: str, value: Any, must: str) -> None:
    with pytest.raises(InputError) as told:
        typed({key: value}, Example(), "r.toml [train]")
    assert str(told.value) == f"r.toml [train]: {key} is {value!r}; it must be {must}"


def test_unknown_and_missing_keys_are_told() -> None:
    check_keys({"a": 1}, ["a", "b"], "f", required=["a"])
    with pytest.raises(InputError, match=r"f has no key 'sead'. Did you mean 'seed'\?"):
        check_keys({"sead": 1}, ["seed"], "f")
    with pytest.raises(InputError, match="f lacks b, c"):
        check_keys({"a": 1}, ["a", "b", "c"], "f", required=["b", "c"])


def test_what_is_no_toml_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes("\ufeffa = 1".encode())  # as some editors write it
    assert read_toml(path) == {"a": 1}
    for damaged in (b"a = ", b"a = '\xff'"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"f\.toml is not valid TOML: "):
            read_toml(path)
    with pytest.raises(FileError, match="cannot read"):
        read_toml(tmp_path / "none.toml")
