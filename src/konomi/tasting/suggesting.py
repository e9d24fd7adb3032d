"""Drawing from taste: candidates drawn, looked at and scored; a varied few of them, each with its reason."""

from dataclasses import dataclass, replace

import numpy as np

from konomi import api, drawing
from konomi.condition import Condition
from konomi.errors import InputError
from konomi.recipe import VARIETY, Recipe
from konomi.schema import load_schema
from konomi.taste.picks import suggest, why_asked
from konomi.taste.preference import Crowd, Taste
from konomi.taste.questions import next_question
from konomi.taste.wishes import because, chance_over_average, wishes
from konomi.tasting.seeing import Seen, see
from konomi.verifying import CANDIDATES, check_candidates, verdicts

MOST = 60  # pictures that are varied, and still liked


@dataclass(frozen=True)
class Suggested:
    """One picture for a taste, before it is enlarged."""

    recipe: Recipe
    because: str
    chance: float  # that the person picks it over an average picture


def draw_for(
    crowd: Crowd,
    taste: Taste,
    model: drawing.Model,
    request: api.Request,
    *,
    count: int = 6,
    seed: int = 0,
    size: int = 256,
    variety: float = VARIETY,
    candidates: int | None = None,
    language: str = "en",
) -> tuple[list[api.Avatar], str]:
    """A varied few pictures for a taste, and why the next question would be asked.

    What `request` asks is fixed; taste fills the rest. `candidates` pictures are drawn for each one that is kept.
    """
    many = check_candidates(CANDIDATES if candidates is None else candidates) * _check_count(count)
    recipes = api.make_recipes(request.condition, model, count=many, seed=seed, size=size, variety=variety)
    wished = wishes(crowd, taste, count=many, seed=seed)
    seen = see(model, [_fill(recipe, wish) for recipe, wish in zip(recipes, wished, strict=True)])
    kept = obeying(request.condition.within(model.schema), seen, model, at_least=count)
    found = choose(crowd, taste, seen, kept, count=count, language=language)
    notes = request.notes + api.cannot_draw(model, request.condition)
    avatars = list(api.draw_recipes([one.recipe for one in found], model, unused=request.unused, notes=notes))
    for avatar, one in zip(avatars, found, strict=True):
        avatar.because, avatar.chance = one.because, one.chance
    return avatars, why_next(crowd, taste, seen, seed=seed, language=language)


def _check_count(count: int) -> int:
    if not 1 <= count <= MOST:
        raise InputError(f"count is {count}; from a taste, 1 to {MOST} pictures are drawn")
    return count


def _fill(recipe: Recipe, wish: Condition) -> Recipe:
    """The recipe with what is wished where nothing is asked."""
    schema = recipe.condition.schema
    wished = Condition(load_schema(schema.name), wish.weights).within(schema)
    return replace(recipe, condition=wished.merged(recipe.condition))


def obeying(asked: Condition, seen: Seen, model: drawing.Model, *, at_least: int) -> np.ndarray:
    """The rows of pictures that show what was asked in words and are whole, or else the `at_least` that do it best."""
    rule = api.rule_of(model)
    found = [verdicts(asked, row, rule.calibration) for row in seen.weights]
    good = [
        row
        for row, (told, whole) in enumerate(zip(found, seen.whole, strict=True))
        if all(verdict.drawn for verdict in told) and not whole < 0.5  # NaN is content
    ]
    if len(good) >= at_least:
        return np.array(good)
    worth = [rule.worth(told, whole) for told, whole in zip(found, seen.whole, strict=True)]
    return np.argsort(-np.array(worth), kind="stable")[:at_least]


def choose(
    crowd: Crowd, taste: Taste, seen: Seen, rows: np.ndarray, *, count: int, language: str = "en"
) -> list[Suggested]:
    """A varied few of the pictures in `rows`, the likeliest to please first."""
    design = seen.design(crowd)[rows]
    found = [suggestion.picture for suggestion in suggest(crowd, taste, design, count=count, language=language)]
    chances = chance_over_average(taste, design[found])
    return [
        Suggested(seen.recipes[rows[row]], because(crowd, taste, design[row], language=language), float(chance))
        for row, chance in zip(found, chances, strict=True)
    ]


def why_next(crowd: Crowd, taste: Taste, seen: Seen, *, seed: int, language: str = "en") -> str:
    """What the most informative question about these pictures would be about."""
    design = seen.design(crowd)
    size = min(6, len(design))
    asked = next_question(taste, design, size=size, seed=seed, shown=np.zeros(0, int))
    return why_asked(crowd, taste, design[asked], language=language)
