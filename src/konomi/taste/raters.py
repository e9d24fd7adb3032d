"""Simulated raters of pictures, for want of people: whatever is learned from them must be shown as simulated.

    utility = sqrt(1 - p) shared taste + sqrt(p) own taste          p: the private share
    taste   = sqrt(1 - q) inside the schema + sqrt(q) outside of it  q: the outside share

Everything is brought to mean 0 and variance 1 over the pictures that the raters are made with, for each rater, so p and
q are shares of variance. About half of the liking of faces is private (Hönekopp 2006: 40-50%).

*Inside the schema* a rater is of one kind: `linear` (a weight for each slot, heavy-tailed and by attribute: many do not
care about eyes at all), `interactions` (half linear, half products of slots of two attributes: glasses, but with short
hair), `ideal` (the nearer to a point of one's own, the better). *Outside* it, taste is a random nonlinear function of
what the features of a picture hold beyond its condition. Some raters are noisy, lazy (answer without looking) or
contrarian (dislike what others like).

People are those of `konomi.taste.simulate`: their age, gender and questionnaire tell a little of their taste, 5% of
what is private and inside the schema. A reply is utility and noise, through each rater's own offset and scale use.
Nothing here knows of, or is known to, the model that learns from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from konomi.errors import InputError, unknown_name
from konomi.questionnaire import Answers
from konomi.schema import Schema

Basis = Callable[[np.ndarray, np.ndarray], np.ndarray]  # weights, features of N pictures -> (N, K)

KINDS = ("linear", "interactions", "ideal")
PAIRS = 60  # products of slots
DIRECTIONS = 6  # of the space of ideal points
OTHERS = 500
UNITS = 24  # of the nonlinear function of features
LEAST_NOISE = 0.53  # with less, picks between two random pictures repeat themselves in more than 80%


@dataclass(frozen=True)
class Manner:
    """How raters like and answer; spreads are standard deviations."""

    kind: str = "linear"  # one of KINDS
    private_share: float = 0.5  # of the variance of utility, from 0.3 to 0.7
    outside_share: float = 0.4  # of the variance of shared and of own taste, at least 0.3
    told_share: float = 0.05  # of own taste inside the schema: told by age, gender and questionnaire
    noise: float = 0.6  # of one look at one picture, in standard deviations of utility
    noise_spread: float = 0.2  # of people, in log
    noisy: float = 0.10  # share of raters with twice the noise
    lazy: float = 0.05  # share of raters who do not look in half of their replies
    contrarian: float = 0.05  # share of raters who dislike what others like
    points: int = 7  # a rating goes from 1 to this
    picture_spread: float = 1.0  # of utility, in points; 0.14 is that of Hayase's answers
    offset_spread: float = 0.8  # of people, in points
    scale_spread: float = 0.3  # of people's use of the scale, in log
    threshold_spread: float = 0.5  # of where people begin to say "like", in standard deviations of utility


@dataclass(frozen=True)
class Part:
    """One part of the taste of R raters, of mean 0 and variance 1 over the pictures it was made with."""

    basis: Basis
    coefficients: np.ndarray  # (R, K)
    ideal: bool  # coefficients are a point to be near to, not weights
    others: np.ndarray  # (0 or more, K) of people whose mean is left out, so that what is private is not shared
    centre: np.ndarray  # (R,)
    spread: np.ndarray  # (R,)

    def __call__(self, weights: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(R, N)"""
        raw = _raw(self.basis(weights, features), self.coefficients, self.others, ideal=self.ideal)
        return (raw - self.centre[:, None]) / self.spread[:, None]

    def of(self, who: np.ndarray) -> "Part":
        return replace(self, coefficients=self.coefficients[who], centre=self.centre[who], spread=self.spread[who])


@dataclass(frozen=True)
class Source:
    """What one part of taste is made of, for everybody."""

    share: float  # of what lies inside the schema, or outside
    inside: bool
    basis: Basis
    draw: Callable[[int], np.ndarray]  # coefficients of so many people
    ideal: bool = False


@dataclass(frozen=True)
class Raters:
    """People with known utilities. Make them with `make_raters`."""

    manner: Manner
    answers: Answers  # row i: what rater i said of himself and in the questionnaire
    shared: list[tuple[float, Part]]  # (share of variance, part), one rater
    private: list[tuple[float, Part]]
    noise: np.ndarray  # (R,) in standard deviations of utility
    lazy: np.ndarray  # (R,) bool
    contrarian: np.ndarray  # (R,) bool
    offset: np.ndarray  # (R,) points
    scale: np.ndarray  # (R,) points of the scale for a point of the average rater
    threshold: np.ndarray  # (R,) in standard deviations of utility

    def __len__(self) -> int:
        return len(self.answers)

    def of(self, who: np.ndarray) -> "Raters":
        """Some of them, by their numbers."""
        told = self.answers
        person, picture, gender = (tuple(c[i] for i in who) for c in (told.person, told.picture, told.gender))
        chosen = Answers(told.questionnaire, person, picture, gender, told.age[who], told.items[who])
        own = {n: getattr(self, n)[who] for n in ("noise", "lazy", "contrarian", "offset", "scale", "threshold")}
        return replace(self, answers=chosen, private=[(share, part.of(who)) for share, part in self.private], **own)

    def utility(self, weights: np.ndarray, features: np.ndarray) -> np.ndarray:
        """How much each rater likes each picture, without noise, (R, N): what a hit is judged by."""
        _check_pictures(weights, features)
        share = self.manner.private_share
        common = _mixture(self.shared, weights, features) * np.where(self.contrarian, -1, 1)[:, None]
        return np.sqrt(1 - share) * common + np.sqrt(share) * _mixture(self.private, weights, features)

    def rate(self, utility: np.ndarray, who: np.ndarray, which: np.ndarray, *, seed: int) -> np.ndarray:
        """Ratings, (A,), from 1 to points: reply a is by rater who[a] about picture which[a] of `utility` (R, N)."""
        dice = np.random.default_rng(seed)
        m = self.manner
        felt = utility[who, which] + self.noise[who] * dice.normal(size=len(who))
        latent = (1 + m.points) / 2 + self.offset[who] + self.scale[who] * m.picture_spread * felt
        answered = latent.round().clip(1, m.points).astype(int)
        return np.where(self._careless(who, dice), dice.integers(1, m.points + 1, len(who)), answered)

    def pick(self, utility: np.ndarray, who: np.ndarray, shown: np.ndarray, *, seed: int) -> np.ndarray:
        """Which of the pictures shown[a] (A, K) rater who[a] picks, (A,): a place from 0 to K - 1."""
        dice = np.random.default_rng(seed)
        felt = utility[who[:, None], shown] + self.noise[who][:, None] * dice.normal(size=shown.shape)
        return np.where(self._careless(who, dice), dice.integers(0, shown.shape[1], len(who)), felt.argmax(axis=1))

    def like(self, utility: np.ndarray, who: np.ndarray, which: np.ndarray, *, seed: int) -> np.ndarray:
        """Like (true) or dislike, (A,) bool."""
        dice = np.random.default_rng(seed)
        felt = utility[who, which] + self.noise[who] * dice.normal(size=len(who))
        return np.where(self._careless(who, dice), dice.random(len(who)) < 0.5, felt > self.threshold[who])

    def _careless(self, who: np.ndarray, dice: np.random.Generator) -> np.ndarray:
        return self.lazy[who] & (dice.random(len(who)) < 0.5)


def make_raters(
    answers: Answers,
    schema: Schema,
    weights: np.ndarray,
    features: np.ndarray,
    *,
    seed: int,
    manner: Manner | None = None,
) -> Raters:
    """Simulated raters, one for each row of `answers` (from `konomi.taste.simulate`).

    Parameters
    ----------
    weights : array, shape (N, slots)
        Conditions of the pictures over which shares of variance hold, without unknown ones.
    features : array, shape (N, D)
        What the schema does not know of them. At least 10 (slots + D) pictures are needed.

    Raises
    ------
    InputError
        If a share is out of its bounds, picks would repeat themselves too often, or pictures do not fit or are too few.
    """
    m = manner or Manner()
    _check_manner(m)
    _check_pictures(weights, features)
    if weights.shape[1] != len(schema.slots):
        raise InputError(f"schema {schema.name!r} has {len(schema.slots)} slots, the pictures {weights.shape[1]}")
    if len(weights) < 10 * (weights.shape[1] + features.shape[1]):
        raise InputError(
            f"{len(weights)} pictures are too few for {weights.shape[1]} slots and {features.shape[1]} features"
        )
    dice = np.random.default_rng(seed)
    people, told, world = len(answers), _told(answers), _world(schema, weights, features, m.kind, dice)

    def parts(raters: int) -> list[tuple[float, Part]]:
        return [
            (
                source.share * (1 - m.outside_share if source.inside else m.outside_share),
                _part(source, raters, told if source.inside and raters > 1 else None, m, weights, features),
            )
            for source in world
        ]

    noisy = np.where(dice.random(people) < m.noisy, 2.0, 1.0)
    return Raters(
        m,
        answers,
        shared=parts(1),
        private=parts(people),
        noise=m.noise * noisy * np.exp(m.noise_spread * dice.normal(size=people)),
        lazy=dice.random(people) < m.lazy,
        contrarian=dice.random(people) < m.contrarian,
        offset=m.offset_spread * dice.normal(size=people),
        scale=np.exp(m.scale_spread * dice.normal(size=people)),
        threshold=m.threshold_spread * dice.normal(size=people),
    )


def _world(
    schema: Schema, weights: np.ndarray, features: np.ndarray, kind: str, dice: np.random.Generator
) -> list[Source]:
    mean = weights.mean(axis=0)
    linear = Source(1.0, True, lambda w, f: w - mean, lambda n: _attribute_weights(schema, n, dice))
    outside = Source(1.0, False, _outside(weights, features, dice), lambda n: dice.laplace(size=(n, UNITS)))
    if kind == "linear":
        return [linear, outside]
    if kind == "interactions":
        first, second = _pairs(schema, weights, dice)
        products = Source(
            0.5, True, lambda w, f: (w - mean)[:, first] * (w - mean)[:, second], lambda n: dice.normal(size=(n, PAIRS))
        )
        return [replace(linear, share=0.5), products, outside]
    axes = dice.normal(size=(weights.shape[1], DIRECTIONS))
    axes /= ((weights - mean) @ axes).std(axis=0)
    near = Source(1.0, True, lambda w, f: (w - mean) @ axes, lambda n: dice.normal(size=(n, DIRECTIONS)), ideal=True)
    return [near, outside]


def _part(
    source: Source, people: int, told: np.ndarray | None, m: Manner, weights: np.ndarray, features: np.ndarray
) -> Part:
    own = source.draw(people)
    if told is not None:
        tellable = told @ source.draw(told.shape[1]) / np.sqrt(told.shape[1])
        own = np.sqrt(1 - m.told_share) * own + np.sqrt(m.told_share) * tellable
    others = own[:OTHERS] if source.ideal and people > 1 else own[:0]
    raw = _raw(source.basis(weights, features), own, others, ideal=source.ideal)
    return Part(source.basis, own, source.ideal, others, raw.mean(axis=1), raw.std(axis=1))


def _attribute_weights(schema: Schema, count: int, dice: np.random.Generator) -> np.ndarray:
    """Weights for each slot, (count, slots): few attributes matter to any one person."""
    drawn = dice.normal(size=(count, len(schema.slots)))
    for where in schema.offsets.values():
        drawn[:, where] *= dice.gamma(0.7, size=(count, 1))
    return drawn


def _pairs(schema: Schema, weights: np.ndarray, dice: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of slots of two attributes, the ones that vary much more often."""
    owner = np.repeat(np.arange(len(schema.attributes)), [len(a.slots) for a in schema.attributes])
    chance = weights.std(axis=0) / weights.std(axis=0).sum()
    found: list[tuple[int, int]] = []
    while len(found) < PAIRS:
        one, other = dice.choice(len(chance), 2, p=chance)
        if owner[one] != owner[other]:
            found.append((one, other))
    first, second = np.array(found).T
    return first, second


def _outside(
    weights: np.ndarray, features: np.ndarray, dice: np.random.Generator
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A random nonlinear function of what features hold beyond a linear function of the condition."""
    ones = np.ones((len(weights), 1))
    line = np.linalg.lstsq(np.hstack([weights, ones]), features, rcond=None)[0]

    def rest(w: np.ndarray, f: np.ndarray) -> np.ndarray:
        return f - w @ line[:-1] - line[-1]

    spread = rest(weights, features).std(axis=0)
    into = dice.normal(size=(features.shape[1], UNITS)) / np.sqrt(features.shape[1])
    bias = dice.normal(size=UNITS)
    return lambda w, f: np.tanh(1.5 * (rest(w, f) / spread) @ into + bias)


def _told(answers: Answers) -> np.ndarray:
    """What people tell of themselves, (R, 4), standardised: male, age, mean of the love and of the liking items."""
    asked = answers.questionnaire
    love = np.array([item.scale == "love" for item in asked.items])
    male = np.array([gender == asked.genders[0] for gender in answers.gender], dtype=float)
    columns = [male, answers.age, answers.items[:, love].mean(axis=1), answers.items[:, ~love].mean(axis=1)]
    table = np.column_stack(columns)
    return (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9)


def _raw(basis: np.ndarray, coefficients: np.ndarray, others: np.ndarray, *, ideal: bool) -> np.ndarray:
    """(R, N) from (N, K) and (R, K): products, or the distance to the ideal point, negative, less that of others."""
    if not ideal:
        return coefficients @ basis.T
    nearness = _nearness(basis, coefficients)
    return nearness - _nearness(basis, others).mean(axis=0) if len(others) else nearness


def _nearness(basis: np.ndarray, points: np.ndarray) -> np.ndarray:
    square = (basis**2).sum(axis=1) - 2 * points @ basis.T + (points**2).sum(axis=1)[:, None]
    return -np.sqrt(square.clip(min=0))


def _mixture(parts: list[tuple[float, Part]], weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    return sum((np.sqrt(share) * part(weights, features) for share, part in parts), start=np.zeros(1))


def _check_manner(m: Manner) -> None:
    if m.kind not in KINDS:
        raise InputError(unknown_name("kind of rater", m.kind, KINDS))
    if not 0.3 <= m.private_share <= 0.7:
        raise InputError(f"private_share is {m.private_share}; it goes from 0.3 to 0.7")
    if not 0.3 <= m.outside_share <= 1:
        raise InputError(f"outside_share is {m.outside_share}; at least 0.3 of taste must lie outside the schema")
    if m.noise < LEAST_NOISE:
        raise InputError(
            f"noise is {m.noise}; below {LEAST_NOISE} picks repeat themselves more often than people's do, in 80%"
        )


def _check_pictures(weights: np.ndarray, features: np.ndarray) -> None:
    if weights.ndim != 2 or features.ndim != 2 or len(weights) != len(features):
        raise InputError(f"weights {weights.shape} and features {features.shape} are not of the same pictures")
    if not (np.isfinite(weights).all() and np.isfinite(features).all()):
        raise InputError("raters see every picture as it is: no weight or feature may be unknown")
