"""Simulated respondents of a survey, to rehearse it before anybody is asked: whatever they answer is shown as
simulated.

    latent = mean + person + picture + item + person x picture + person x item + picture x item
                  + person x picture x item + one look + rest, rounded to a point of the scale

The spreads are known, so that an analysis can be checked against them. A few do not read: they click one point
throughout, or anything, and fast; and a few go away before the end.
"""

from dataclasses import dataclass, replace

import numpy as np

from konomi.questionnaire import Questionnaire
from konomi.taste.assignment import ATTENTION, Page
from konomi.taste.study import GENDERS, LIKE, PICK, Settled

TRAIT = 0.9  # standard deviation of a trait of personality, and of an answer about it
CAREFUL, STRAIGHT, HASTY = "careful", "straight", "hasty"


@dataclass(frozen=True)
class Spreads:
    """Standard deviations in points of a 7-point scale, and shares of people."""

    person: float = 0.6  # some agree with everything
    picture: float = 0.5  # liked by all
    item: float = 0.4
    taste: float = 0.6  # person x picture
    style: float = 0.3  # person x item
    profile: float = 0.3  # picture x item
    detail: float = 0.4  # person x picture x item, the same when the picture comes back
    look: float = 0.25  # of a whole page, another one when the picture comes back
    rest: float = 0.8
    straight: float = 0.05  # share of people who click one point throughout
    hasty: float = 0.05  # share of people who click anything
    leaving: float = 0.05  # share of people who go away before the end
    seconds: float = 2.6  # median time of an item
    misses: float = 0.03  # of attention items, by people who read


@dataclass(frozen=True)
class Respondent:
    """One person: what they tell, and what stays the same over their pages."""

    manner: str  # CAREFUL, STRAIGHT or HASTY
    age: int
    gender: str
    leaves_after: float  # share of their pages that they answer
    point: int  # of who clicks one throughout
    pace: float  # seconds an item
    offset: float
    style: np.ndarray  # (items,)
    taste: np.ndarray  # (pictures,)
    detail: np.ndarray  # (pictures, items)
    traits: dict[str, float]  # of personality, by scale, in points from the middle


class Respondents:
    """Everybody who takes part in a simulated study; person `number` is the same for the same seed."""

    def __init__(self, settled: Settled, pictures: int, *, seed: int, spreads: Spreads | None = None) -> None:
        asked, s = settled.questionnaire, spreads or Spreads()
        unit = (asked.points - 1) / 6
        scaled = {name: getattr(s, name) * unit for name in
                  ("person", "picture", "item", "taste", "style", "profile", "detail", "look", "rest")}  # fmt: skip
        self.settled, self.pictures, self.seed = settled, pictures, seed
        self.spreads = replace(s, **scaled)
        own = settled.personality
        self._traits = list(dict.fromkeys(item.scale for item in own.items)) if own else []
        dice = np.random.default_rng([seed, 0])
        items = dice.normal(0, self.spreads.item, len(asked.items))
        profile = dice.normal(0, self.spreads.profile, (pictures, len(asked.items)))
        self.means = (1 + asked.points) / 2 + dice.normal(0, self.spreads.picture, (pictures, 1)) + items + profile

    def person(self, number: int) -> Respondent:
        """Who comes as person `number`, from 0."""
        dice, s = np.random.default_rng([self.seed, 1, number]), self.spreads
        asked, person = self.settled.questionnaire, self.settled.study.person
        shares = [1 - s.straight - s.hasty, s.straight, s.hasty]
        manner = (CAREFUL, STRAIGHT, HASTY)[int(dice.choice(3, p=shares))]
        return Respondent(
            manner,
            age=int(np.clip(dice.normal(40, 13), person.youngest, 90)),
            gender=GENDERS[int(dice.choice(3, p=[0.48, 0.48, 0.04]))],
            leaves_after=float(dice.random()) if dice.random() < s.leaving else 1.0,
            point=int(dice.integers(1, asked.points + 1)),
            pace=float(s.seconds * np.exp(dice.normal(0, 0.35)))
            if manner == CAREFUL
            else float(dice.uniform(0.3, 0.8)),
            offset=float(dice.normal(0, s.person)),
            style=dice.normal(0, s.style, len(asked.items)),
            taste=dice.normal(0, s.taste, self.pictures),
            detail=dice.normal(0, s.detail, self.means.shape),
            traits={scale: float(dice.normal(0, TRAIT)) for scale in self._traits},
        )

    def answer(self, who: Respondent, page: Page, dice: np.random.Generator) -> dict[str, int]:
        """Points by item of one page about a picture, about oneself or of a pick."""
        if page.kind in (PICK, LIKE):
            return {page.kind: self._pick(who, page, dice)}
        asked = self.settled.of(page.kind)
        assert asked is not None
        points = self._points(who, page, asked, dice)
        found = {item: int(points[asked.columns.index(item)]) for item in page.items if item != ATTENTION}
        if ATTENTION in page.items:
            reads = who.manner == CAREFUL and dice.random() >= self.spreads.misses
            anything = who.point if who.manner == STRAIGHT else int(dice.integers(1, asked.points + 1))
            assert page.expected is not None
            found[ATTENTION] = page.expected if reads else anything
        return {item: found[item] for item in page.items}

    def _pick(self, who: Respondent, page: Page, dice: np.random.Generator) -> int:
        """The place of the picture that is felt to be best, or whether a single one is above the middle (2 or 1)."""
        if who.manner != CAREFUL:
            return int(dice.integers(1, (2 if page.kind == LIKE else len(page.shown)) + 1))
        shown, middle = list(page.shown), (1 + self.settled.questionnaire.points) / 2
        felt = self.means[shown].mean(axis=1) + who.taste[shown] - middle
        felt = felt + dice.normal(0, self.spreads.look, len(shown))
        return 1 + int(felt[0] > 0) if page.kind == LIKE else 1 + int(felt.argmax())

    def _points(self, who: Respondent, page: Page, asked: Questionnaire, dice: np.random.Generator) -> np.ndarray:
        count = len(asked.items)
        if who.manner == STRAIGHT:
            return np.full(count, min(who.point, asked.points))
        if who.manner == HASTY:
            return dice.integers(1, asked.points + 1, count)
        if page.picture is None:
            turned = np.array([-who.traits[i.scale] if i.reverse else who.traits[i.scale] for i in asked.items])
            felt = (1 + asked.points) / 2 + turned + dice.normal(0, TRAIT, count)
            return felt.round().clip(1, asked.points).astype(int)
        picture, s = page.picture, self.spreads
        felt = self.means[picture] + who.offset + who.style + who.taste[picture] + who.detail[picture]
        felt = felt + dice.normal(0, s.look) + dice.normal(0, s.rest, count)
        return felt.round().clip(1, asked.points).astype(int)

    def times(self, who: Respondent, page: Page, dice: np.random.Generator) -> dict[str, int]:
        """Milliseconds from the page's appearance to the answer, by item."""
        each = who.pace * np.exp(dice.normal(0, 0.3, len(page.items)))
        return dict(zip(page.items, (1000 * np.cumsum(each)).astype(int).tolist(), strict=True))
