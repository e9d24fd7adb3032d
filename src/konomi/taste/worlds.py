"""Simulated worlds in which the model is put to the test: a painter, a crowd, and newcomers that it has never met.

No person takes part, and whatever comes of it must be shown as simulated. Each world has its own shared taste. Its
crowd is learned from ratings and picks about a gallery of designed pictures: every value of an exclusive attribute
occurs equally often, every other tag in a quarter of them (as Jin et al. 2017 sample).

The painter stands for a generator: asked for a condition, it gets most attributes right and the others as they come.
Raters (`konomi.taste.raters`) see `LOOK` things in a picture beside its condition, which depend on it in part; the
model is given `SEEN` mixtures of those, blurred.
"""

from dataclasses import dataclass, field

import numpy as np

from konomi.errors import InputError
from konomi.questionnaire import Answers, load_questionnaire, scaled
from konomi.schema import Schema
from konomi.taste.preference import Crowd, fit
from konomi.taste.raters import Manner, Raters, make_raters
from konomi.taste.replies import Picks, Ratings, Replies
from konomi.taste.simulate import Population, simulate

LOOK, SEEN, BLUR = 12, 8, 0.5
TAG = 0.25  # of designed pictures show a tag that excludes no other
OBEYED = 0.8  # of the attributes that are asked for: anime-2 drew .77 of single tags, counted by eye


@dataclass(frozen=True)
class Plan:
    """Who takes part in one world."""

    manner: Manner = field(default_factory=Manner)
    people: int = 2_200  # of whom the crowd is learned
    ratings: int = 12  # by each of them
    pairs: int = 12  # picks out of two by each of them
    newcomers: int = 100
    gallery: int = 2_000  # pictures that the crowd replies about
    pool: int = 10_000  # pictures that nobody replies about

    def __post_init__(self) -> None:
        if min(self.people, self.ratings, self.pairs) < 1:
            raise InputError("a crowd is learned of people, ratings and picks, at least one each")
        if self.newcomers < 2:
            raise InputError(f"{self.newcomers} newcomers; at least 2 are needed, each the other's control")


@dataclass(frozen=True)
class Pictures:
    """Simulated pictures."""

    weights: np.ndarray  # (N, slots) what they show
    look: np.ndarray  # (N, LOOK) what raters see beside
    seen: np.ndarray  # (N, SEEN) what the model is given of that

    def of(self, rows: np.ndarray) -> "Pictures":
        return Pictures(self.weights[rows], self.look[rows], self.seen[rows])


@dataclass(frozen=True)
class Noise:
    """All that is left to chance in N pictures, so that two conditions can be painted alike."""

    rolls: np.ndarray  # (N, attributes) in [0, 1): which attributes go wrong
    slips: np.ndarray  # (N, slots) what they become
    look: np.ndarray  # (N, LOOK)
    blur: np.ndarray  # (N, SEEN)


@dataclass(frozen=True)
class Painter:
    """Makes simulated pictures."""

    schema: Schema
    into_look: np.ndarray  # (slots, LOOK)
    into_seen: np.ndarray  # (LOOK, SEEN)

    @classmethod
    def make(cls, schema: Schema, seed: int) -> "Painter":
        dice = np.random.default_rng([seed, 1])
        return cls(schema, dice.normal(size=(len(schema.slots), LOOK)), dice.normal(size=(LOOK, SEEN)) / np.sqrt(LOOK))

    def noise(self, count: int, dice: np.random.Generator) -> Noise:
        rolls, slips = dice.random((count, len(self.schema.attributes))), self.design(count, dice)
        return Noise(rolls, slips, dice.normal(size=(count, LOOK)), BLUR * dice.normal(size=(count, SEEN)))

    def paint(self, asked: np.ndarray, noise: Noise, *, obeyed: float = OBEYED) -> Pictures:
        """Pictures of the conditions `asked` (N, slots); of each, a share `obeyed` of the attributes is right."""
        weights = asked.copy()
        for where, roll in zip(self.schema.offsets.values(), noise.rolls.T, strict=True):
            wrong = roll >= obeyed
            weights[wrong, where] = noise.slips[wrong, where]
        look = np.tanh(weights @ self.into_look) + noise.look
        return Pictures(weights, look, look @ self.into_seen + noise.blur)

    def design(self, count: int, dice: np.random.Generator) -> np.ndarray:
        """Conditions in which every value occurs often, (count, slots)."""
        weights = np.zeros((count, len(self.schema.slots)))
        for attribute in self.schema.attributes:
            where, many = self.schema.offsets[attribute.name], len(attribute.slots)
            if attribute.exclusive:
                weights[:, where] = np.eye(many)[dice.integers(0, many, count)]
            else:
                weights[:, where] = dice.random((count, many)) < TAG
        return weights


@dataclass(frozen=True)
class World:
    """A crowd, and R newcomers with known utilities."""

    crowd: Crowd
    painter: Painter
    raters: Raters  # the newcomers
    told: np.ndarray  # (R, C) what they tell of themselves
    pool: Pictures

    def as_seen(self, pictures: Pictures) -> np.ndarray:
        """Pictures as the model sees them, (N, D)."""
        return self.crowd.design(pictures.weights, pictures.seen)


def make_world(schema: Schema, plan: Plan, *, seed: int) -> World:
    """One world; the same arguments make the same."""
    painter, dice = Painter.make(schema, seed), np.random.default_rng([seed, 2])
    count = plan.gallery + plan.pool
    drawn = painter.paint(painter.design(count, dice), painter.noise(count, dice), obeyed=1.0)
    gallery, pool = drawn.of(np.arange(plan.gallery)), drawn.of(np.arange(plan.gallery, count))
    answers = people_of(plan, seed)
    everybody = make_raters(answers, schema, gallery.weights, gallery.look, seed=seed, manner=plan.manner)
    old, new = np.arange(plan.people), np.arange(plan.people, len(answers))
    told = scaled(answers).astype(float)
    crowd = learn_crowd(schema, plan, everybody.of(old), gallery, told[old], seed=seed)
    return World(crowd, painter, everybody.of(new), told[new], pool)


def people_of(plan: Plan, seed: int) -> Answers:
    """What everybody says of himself and in the questionnaire; newcomers last."""
    count, usual = plan.people + plan.newcomers, Population()
    women = round(count * usual.women / usual.people)
    who = Population(men=count - women, women=women)
    return simulate(list("abcd"), load_questionnaire(), seed=seed, population=who)


def learn_crowd(schema: Schema, plan: Plan, people: Raters, gallery: Pictures, told: np.ndarray, *, seed: int) -> Crowd:
    """The crowd from the replies of `people` about random pictures of the gallery."""
    dice, count = np.random.default_rng([seed, 3]), len(gallery.weights)
    felt = people.utility(gallery.weights, gallery.look)
    who, which = np.repeat(np.arange(plan.people), plan.ratings), dice.integers(0, count, plan.people * plan.ratings)
    ratings = Ratings(who, which, people.rate(felt, who, which, seed=2 * seed))
    who, one = np.repeat(np.arange(plan.people), plan.pairs), dice.integers(0, count, plan.people * plan.pairs)
    shown = np.column_stack([one, (one + dice.integers(1, count, len(one))) % count])
    picks = Picks(who, shown, people.pick(felt, who, shown, seed=2 * seed + 1))
    names = [f"told_{number}" for number in range(1, told.shape[1] + 1)]
    return fit(
        schema, gallery.weights, gallery.seen, Replies(ratings, picks),
        people=plan.people, simulated=True, points=plan.manner.points, told=told, told_names=names,
    )  # fmt: skip
