"""What somebody wishes for, as the address of a page says it, and what is understood of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from konomi import api
from konomi.condition import Condition
from konomi.errors import InputError, shorten
from konomi.fields import read_fields
from konomi.recipe import MAX_SEED
from konomi.schema import Schema
from konomi.text import LIMIT

COUNT = 10  # portraits in a gallery
ASIDE = ("said", "lang")  # of an address, but no part of what is wished for


@dataclass(frozen=True)
class Wish:
    """Words, what was changed by hand (None: the model chooses), and the seed of the first portrait."""

    text: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def address(self) -> str:
        """The one address of this wish's gallery."""
        seed = [("seed", str(self.seed))] if self.seed else []
        return "/people?" + urlencode([("text", self.text), *self.fields(), *seed])

    def fields(self) -> list[tuple[str, str]]:
        """What was changed by hand, as the fields of a form."""
        return [field for name, value in self.changes.items() for field in written(name, value)]

    def changed(self, name: str, value: Any) -> "Wish":
        """With one attribute changed by hand, and the same people."""
        return replace(self, changes={**self.changes, name: value})

    def others(self) -> "Wish":
        """The next people."""
        return replace(self, seed=(self.seed + COUNT) % (MAX_SEED - COUNT))


@dataclass(frozen=True)
class Understood:
    """A wish, and what it means."""

    wish: Wish
    condition: Condition
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def read_wish(query: Iterable[tuple[str, str]], schema: Schema) -> Wish:
    """The wish of an address. `said` are the words that a form was filled with.

    Where new words stand for those, whatever they mention counts, and not what was changed by hand before. An
    InputError names a field, value or seed that does not exist.
    """
    given = dict(query)
    changes: dict[str, Any]
    text, said = given.pop("text", "").strip()[:LIMIT], given.pop("said", None)
    seed = _seed(given.pop("seed", "0"))
    fields = [(name, value) for name, value in given.items() if name not in ASIDE]
    changes = {schema.attribute(name).name: None for name, value in fields if not value}
    changes |= read_fields([field for field in fields if field[1]], schema)
    Condition.from_dict(schema, {name: value for name, value in changes.items() if value is not None})  # or an error
    if said is not None and said.strip() != text:
        seed, mentioned = 0, api.understand(text, schema_name=schema.name).condition.to_dict()
        changes = {name: value for name, value in changes.items() if name not in mentioned}
    return Wish(text, changes, seed)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_SEED - COUNT):
        raise InputError(f"the seed is {shorten(text)!r}; give a whole number from 0 to {MAX_SEED - COUNT}")
    return int(text)


def understand(wish: Wish, schema: Schema) -> Understood:
    """Words and changes together; changes win, and one of None takes back what the words ask."""
    request = api.understand(wish.text, schema_name=schema.name)
    asked = {k: v for k, v in (request.condition.to_dict() | dict(wish.changes)).items() if v is not None}
    return Understood(wish, Condition.from_dict(schema, asked), request.unused, request.notes)


def written(name: str, value: Any) -> list[tuple[str, str]]:
    """What is asked of an attribute as the fields of an address: as `konomi.fields` reads them, and empty for None."""
    if isinstance(value, Mapping):
        return [(f"{name}.{one}", f"{weight:g}") for one, weight in value.items()]
    if isinstance(value, bool):
        return [(name, "yes" if value else "no")]
    return [(name, "" if value is None else value if isinstance(value, str) else f"{value:g}")]
