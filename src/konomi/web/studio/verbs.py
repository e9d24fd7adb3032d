"""Going on from a portrait: each verb gives the recipes of a gallery."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from konomi import api, drawing, refining
from konomi.condition import Condition
from konomi.errors import InputError
from konomi.recipe import MAX_SEED, Recipe
from konomi.schema import Attribute

VERBS = ("like", "keep", "change", "mix", "compare", "take")
STRENGTHS = {"little": 0.4, "some": 0.65, "much": 0.9}  # of `konomi.vary`, as they look with anime-2
NEIGHBOURS, STEPS = 10, 6
WEAK = 0.5  # of a flag: a slight smile
EXPRESSIONS: dict[str, dict[str, Any]] = {
    "calm": {"smile": False, "open_mouth": False, "blush": False},
    "smiling": {"smile": True, "open_mouth": False, "blush": False},
    "laughing": {"smile": True, "open_mouth": True, "blush": False},
    "surprised": {"smile": False, "open_mouth": True, "blush": False},
    "shy": {"smile": True, "open_mouth": False, "blush": True},
    "flustered": {"smile": False, "open_mouth": True, "blush": True},
}


@dataclass(frozen=True)
class Person:
    """A recipe with the model that draws it, and what the picture shows."""

    recipe: Recipe
    model: drawing.Model
    seen: Condition

    def neighbours(self, strength: str, seed: int) -> list[Recipe]:
        """The same person, a little, somewhat or much different."""
        if strength not in STRENGTHS:
            raise InputError(f"there is no strength {strength!r}. Known: {', '.join(STRENGTHS)}.")
        if not 0 <= seed <= MAX_SEED - NEIGHBOURS:
            raise InputError(f"the seed is {seed}; give a whole number from 0 to {MAX_SEED - NEIGHBOURS}")
        return refining.vary(self.recipe, count=NEIGHBOURS, strength=STRENGTHS[strength], seed=seed)

    def changed(self, **changes: Any) -> Recipe:
        """The same person with some attributes changed."""
        return api.edited(self.recipe, self.model, changes)[0]

    def towards(self, other: Recipe) -> list[Recipe]:
        """Steps from this person to another, both included."""
        return api.mixed(self.recipe, other, self.model, steps=STEPS)

    def attributes(self) -> list[Attribute]:
        """What this model can be asked for."""
        return drawable(self.model)

    def expressions(self) -> dict[str, Recipe]:
        """One person in several moods, as far as the model knows them."""
        known = {attribute.name for attribute in self.attributes()}
        return {
            name: self.changed(**changes) for name, changes in EXPRESSIONS.items() if set(changes) <= known
        }  # fmt: skip


def drawable(model: drawing.Model) -> list[Attribute]:
    """The attributes that a model was trained on."""
    drawn = {slot.partition(".")[0] for slot in model.draws}
    return [attribute for attribute in model.schema.attributes if attribute.name in drawn]


def values(attribute: Attribute) -> Iterator[Any]:
    """Everything that can be asked plainly of an attribute; of a flag no, perhaps slightly, and yes."""
    if not attribute.is_flag:
        yield from attribute.value_names
        return
    yield False
    if attribute.graded:
        yield WEAK
    yield True
