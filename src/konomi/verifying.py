"""Verified drawing: several candidates of one seed, judged, and the one kept that shows what was asked.

The judge is a tagger. Which one is fixed with a published model, so that a newer tagger changes no old picture; and a
recipe keeps the candidate that won, so that drawing it again searches nothing.
"""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from konomi.condition import Condition
from konomi.errors import InputError
from konomi.recipe import MAX_CANDIDATE, Recipe

CANDIDATES = 8  # at most, by default
SURE = 0.8  # enough: no further candidate is drawn once everything is as probable as this
LIKED = 0.6  # and the face is liked as well as this, from 0 to 1; three faces in ten are
WHOLE = 2.0  # how many wishes a whole face counts for
Calibration = tuple[float, float]
PLAIN: Calibration = (1.0, 0.0)
Found = tuple[Recipe, Image.Image, tuple["Verdict", ...]]  # what won, its picture, and what the judge says of it


class Look(NamedTuple):
    """What a judge sees in one picture."""

    probabilities: np.ndarray  # (slots,), NaN where it has no tag
    whole: float = math.nan  # probability that the face is whole, NaN if it cannot say
    liked: float = math.nan  # how well it is liked, from 0 (ruined) to 1 (lovely), NaN if it cannot say


@dataclass(frozen=True)
class Judge:
    """Who says what pictures show; they are uint8 (N, H, W, 3)."""

    look: Callable[[np.ndarray], list[Look]]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities (N, slots)."""
        return np.stack([look.probabilities for look in self.look(pictures)])


@dataclass(frozen=True)
class Verdict:
    """What became of one thing that was asked."""

    slot: str
    wanted: bool  # whether it was asked to be there, or not to be
    probability: float  # that the picture obeys

    @property
    def drawn(self) -> bool:
        return self.probability >= 0.5


def verdicts(condition: Condition, probabilities: np.ndarray, calibration: Calibration = PLAIN) -> tuple[Verdict, ...]:
    """What a judge's probabilities (slots,) say of everything that was asked plainly.

    A tagger's probabilities hold for faces as they come; of faces that were asked to show a tag, and picked for it,
    more do. `calibration` puts that right, as (scale, shift) of the log-odds that a picture obeys.

    Left out are weights between no and yes, the values that a choice was not asked for, and tags that the judge does
    not know.
    """
    found = []
    for slot, weight in plainly_asked(condition):
        probability = float(probabilities[slot])
        if not math.isnan(probability):
            wanted = weight == 1
            obeys = calibrated(probability if wanted else 1 - probability, calibration)
            found.append(Verdict(condition.schema.slots[slot], wanted, obeys))
    return tuple(found)


def calibrated(probability: float, calibration: Calibration) -> float:
    """`probability` with its log-odds scaled and shifted."""
    if calibration == PLAIN:
        return probability
    scale, shift = calibration
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return 1 / (1 + math.exp(-(scale * math.log(kept / (1 - kept)) + shift)))


def plainly_asked(condition: Condition) -> list[tuple[int, float]]:
    """The slots that were asked to be there (1) or not to be (0): what a judge can say yes or no of."""
    known = dict(condition.weights)
    asked: list[tuple[int, float]] = []
    for attribute in condition.schema.attributes:
        where = condition.schema.offsets[attribute.name]
        here = [(i, known[i]) for i in range(where.start, where.stop) if i in known]
        if attribute.exclusive and any(weight for _, weight in here):  # a value, or a mixture: the others are not it
            here = [(i, weight) for i, weight in here if weight]
        asked += [(i, weight) for i, weight in here if weight in (0, 1)]
    return asked


@dataclass(frozen=True)
class Rule:
    """How a model's candidates are compared; fixed with a published model, as its judge is."""

    calibration: Calibration = PLAIN
    goal: str = "most"  # that most of what was asked is seen; or `everything`, however improbable

    def worth(self, found: tuple[Verdict, ...], whole: float = math.nan, liked: float = math.nan) -> float:
        """The more the better.

        `most` is how much of what was asked is to be expected, a whole face counting as two wishes and a liked one as
        one: a wish that cannot be met anyway does not decide. `everything` is the log probability that all that holds,
        as if it were independent.
        """
        counts = [(verdict.probability, 1.0) for verdict in found] + [(whole, WHOLE), (liked, 1.0)]
        known = [(chance, wishes) for chance, wishes in counts if not math.isnan(chance)]
        if self.goal == "most":
            return sum(chance * wishes for chance, wishes in known)
        return sum(math.log(max(chance, 1e-6)) for chance, _ in known)


def check_candidates(candidates: int) -> int:
    """`candidates` if it is a number from 1 to 64, else an InputError."""
    most = (MAX_CANDIDATE + 1) // 4
    if not isinstance(candidates, int) or isinstance(candidates, bool) or not 1 <= candidates <= most:
        raise InputError(f"candidates is {candidates}; give a number from 1 (take the first) to {most}")
    return candidates


def search(
    recipe: Recipe,
    draw: Callable[[Recipe], Image.Image],
    judge: Judge,
    *,
    tries: Sequence[int],
    rule: Rule = Rule(),
) -> Found:
    """The best of the candidates in `tries`: what was asked is seen, the face is whole, and it pleases.

    They are drawn one after the other until one is sure in everything. Of equals the first is kept.
    """
    steps = searching(recipe, tries=tries, rule=rule)
    tried = next(steps)
    while True:
        picture = draw(tried)
        try:
            tried = steps.send((picture, judge.look(np.asarray(picture)[None])[0]))
        except StopIteration as done:
            found: Found = done.value
            return found


def searching(
    recipe: Recipe, *, tries: Sequence[int], rule: Rule = Rule()
) -> Generator[Recipe, tuple[Image.Image, Look], Found]:
    """The steps of a search: gives the next recipe to try, is sent its picture and the judge's look at it.

    This is for whoever draws and judges in a way of their own; what is found does not depend on it.
    """
    best: tuple[float, Found] | None = None
    for candidate in tries:
        tried = replace(recipe, candidate=candidate)
        picture, look = yield tried
        found = verdicts(recipe.condition, look.probabilities, rule.calibration)
        worth = rule.worth(found, look.whole, look.liked)
        if best is None or worth > best[0]:
            best = worth, (tried, picture, found)
        sure = all(verdict.probability >= SURE for verdict in found)
        if sure and not (look.whole < SURE or look.liked < LIKED):  # NaN is content
            break
    assert best is not None
    return best[1]
