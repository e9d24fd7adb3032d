"""Taste: what people like, learned from their replies about pictures; a hierarchical model.

    utility of picture p for person i:  u = t_i . x_p      in log-odds of a pick
    taste of a person:                  t_i ~ Normal(B c_i, S)
    pick of one among several shown:    softmax of u
    like or dislike:                    P(like) = sigmoid(u + l_i)
    rating:                             P(y >= k) = sigmoid(a u + o_i - exp(w_i) h_k)

x_p are the weights of the picture's condition, less their mean (so unknown is the mean), and its features,
standardised; c_i is 1 and what a person tells of himself (age, gender, questionnaire), standardised. The numbers l, o
and w are a person's own as the taste is, and stand after it in one vector: where liking begins, the offset, and how far
apart the points of the scale lie. The thresholds h are those of all ratings together (Samejima 1969); a Gaussian in
place of this graded response would be too sure of itself.

`fit` finds B and S (shared taste, groups, how much people differ and in what) by expectation and maximisation, with a
normal approximation around each person's mode (Laplace) as the expectation. One person is then the same computation,
starting from the mean of the group and getting narrower with every reply. Only numpy is needed.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from konomi.errors import InputError
from konomi.schema import Schema
from konomi.taste.posterior import OWN, Batch, laplace, make_batch, rescale, sigmoid
from konomi.taste.replies import Replies, check_replies

ARRAYS = ("centre", "scale", "told_centre", "told_scale", "coefficients", "covariance", "thresholds")
STEPS = 30  # of Newton's method, at most
# What EM starts from: variances of people in one slot, one standard deviation of a feature, and the three own numbers
SLOT, FEATURE, OWNS = 0.5, 0.1, (1.0, 1.0, 0.1)
FIRM = 10.0  # these count as so many people
WORTH = 0.01  # variance between groups for one within; what EM starts from


@dataclass(frozen=True)
class Crowd:
    """What is known of people as such: shared taste, groups, and how people differ. P = columns + 3."""

    schema: Schema
    features: int  # how many features a picture has beside its condition
    centre: np.ndarray  # (D,) of slots and features
    scale: np.ndarray  # (D,)
    told: tuple[str, ...]  # names of what people tell of themselves
    told_centre: np.ndarray  # (C,)
    told_scale: np.ndarray  # (C,)
    coefficients: np.ndarray  # (P, 1 + C): the mean, and what is told
    covariance: np.ndarray  # (P, P) of people around that
    thresholds: np.ndarray  # (points - 1,) log-odds
    slope: float  # log-odds of a rating for one of a pick
    simulated: bool  # no person gave these replies: say so wherever it is shown
    facts: dict[str, Any] = field(default_factory=dict)  # people, replies, ...

    @property
    def columns(self) -> int:
        return len(self.centre)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that a person's taste depends on."""
        digest = hashlib.sha256(
            json.dumps([self.schema.hash, self.features, self.told, self.slope, self.simulated]).encode()
        )
        for name in ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name), dtype="<f8").tobytes())
        return digest.hexdigest()

    def design(self, weights: np.ndarray, features: np.ndarray | None = None) -> np.ndarray:
        """Pictures as the model sees them, (N, D), from weights (N, slots), unknown NaN, and features (N, F)."""
        return _design(self.schema, self.features, self.centre, self.scale, weights, features)


@dataclass(frozen=True)
class Taste:
    """What one person likes, with its uncertainty: a normal distribution over taste and the three own numbers."""

    mean: np.ndarray  # (P,)
    covariance: np.ndarray  # (P, P)
    replies: int = 0  # that went into it

    def utility(self, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the utility of pictures (N, D), in log-odds of a pick."""
        taste = self.covariance[: design.shape[1], : design.shape[1]]
        variance = ((design @ taste) * design).sum(axis=1)
        return design @ self.mean[: design.shape[1]], np.sqrt(variance.clip(min=0))

    def sample(self, columns: int, count: int, dice: np.random.Generator) -> np.ndarray:
        """The first `columns` numbers of `count` tastes that this person may have, (count, columns)."""
        root = np.linalg.cholesky(self.covariance[:columns, :columns])
        return self.mean[:columns] + dice.normal(size=(count, columns)) @ root.T

    def draw(self, design: np.ndarray, count: int, dice: np.random.Generator) -> np.ndarray:
        """Utilities of pictures under `count` tastes that this person may have, (count, N)."""
        return self.sample(design.shape[1], count, dice) @ design.T

    def chance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Chance that the person picks `one` (N, D) over `other` (N, D), (N,); to be believed as it stands."""
        mean, deviation = self.utility(one - other)
        return sigmoid(mean / np.sqrt(1 + np.pi / 8 * deviation**2))  # MacKay 1992


def fit(
    schema: Schema,
    weights: np.ndarray,
    features: np.ndarray | None,
    replies: Replies,
    *,
    people: int,
    simulated: bool,
    points: int = 7,
    told: np.ndarray | None = None,
    told_names: Sequence[str] = (),
    rounds: int = 20,
) -> Crowd:
    """Learn shared taste, groups and the spread of people from everybody's replies.

    Parameters
    ----------
    weights : array, shape (N, slots)
        Conditions of the pictures; unknown is NaN.
    features : array, shape (N, F), or None
    replies : Replies
        Persons are numbered from 0 to `people` - 1, pictures are rows of `weights`.
    points : int
        Of the scale of ratings.
    told : array, shape (people, C), or None
        What people tell of themselves (`konomi.questionnaire.scaled`); unknown is NaN.
    rounds : int
        Of expectation and maximisation.

    Raises
    ------
    InputError
        If there is no reply, or one is about a picture, person or point that does not exist.
    """
    told = np.zeros((people, 0)) if told is None else told
    if told.shape != (people, len(told_names)):
        raise InputError(f"{people} people and {len(told_names)} names of what they tell, but told has {told.shape}")
    centre, scale = _standard(weights, features, len(schema.slots))
    count = 0 if features is None else features.shape[1]
    design = _design(schema, count, centre, scale, weights, features)
    if not len(replies):
        raise InputError("there are no replies to learn from")
    check_replies(replies, people=people, pictures=len(design), points=points)
    thresholds = _thresholds(replies.ratings.points, points)
    batch = make_batch(replies, design, thresholds, 1.0, people)
    told_centre, told_scale, covariates = _covariates(told)
    start = np.array([SLOT] * len(schema.slots) + [FEATURE] * count + [*OWNS])
    coefficients, covariance, slope = _learn_crowd(batch, covariates, start, rounds)
    facts = {"people": people, "replies": len(replies), "pictures": len(design), "rounds": rounds}
    return Crowd(
        schema, count, centre, scale, tuple(told_names), told_centre, told_scale, coefficients, covariance,
        thresholds, slope, simulated, facts
    )  # fmt: skip


def newcomer(crowd: Crowd, told: np.ndarray | None = None) -> Taste:
    """The taste of a person nothing is known of but `told` (C,), unknown NaN: the mean of the group, and its spread."""
    told = np.full(len(crowd.told), np.nan) if told is None else np.asarray(told, float)
    if told.shape != (len(crowd.told),):
        raise InputError(f"a person tells {len(crowd.told)} numbers, not {told.shape}")
    missing = np.isnan(told)
    c = np.where(missing, 0.0, (told - crowd.told_centre) / crowd.told_scale)
    unknown = crowd.coefficients[:, 1:][:, missing]  # standardised, so of variance 1
    mean = crowd.coefficients[:, 0] + crowd.coefficients[:, 1:] @ c
    return Taste(mean, crowd.covariance + unknown @ unknown.T)


def learn(crowd: Crowd, taste: Taste, design: np.ndarray, replies: Replies) -> Taste:
    """`taste` after more replies of that person (number 0) about pictures `design` (N, D).

    All replies at once, starting from `newcomer`, is a little more exact than one after another.
    """
    return learn_many(crowd, [taste], design, replies)[0]


def learn_many(crowd: Crowd, tastes: Sequence[Taste], design: np.ndarray, replies: Replies) -> list[Taste]:
    """The same for many people, who are numbered as `tastes` are."""
    check_replies(replies, people=len(tastes), pictures=len(design), points=len(crowd.thresholds) + 1)
    if not len(replies):
        return list(tastes)
    batch = make_batch(replies, design, crowd.thresholds, crowd.slope, len(tastes))
    before = np.stack([taste.mean for taste in tastes])
    precision = np.linalg.inv(np.stack([taste.covariance for taste in tastes]))
    mode, covariance = laplace(before, precision, batch, before, STEPS)
    kinds = (replies.ratings, replies.picks, replies.likes)
    counts = np.bincount(np.concatenate([kind.person for kind in kinds]), minlength=len(tastes))
    return [Taste(m, c, t.replies + int(n)) for m, c, t, n in zip(mode, covariance, tastes, counts, strict=True)]


def _learn_crowd(
    batch: Batch, covariates: np.ndarray, start: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficients (P, 1 + C), covariance (P, P) and the slope of ratings, by expectation and maximisation."""
    people, size = len(covariates), len(start)
    covariance, mode, worth = np.diag(start), np.zeros((people, size)), WORTH
    coefficients, dice = np.zeros((size, covariates.shape[1])), np.random.default_rng(0)
    inside = covariates @ np.linalg.pinv(covariates)
    for _ in range(rounds):
        prior = covariates @ coefficients.T
        mode, spread = laplace(prior, np.linalg.inv(covariance)[None], batch, mode, 1)
        away, doubt = mode - prior, spread.mean(axis=0)
        coefficients, worth = _groups(coefficients, covariance, covariates, away, doubt, worth)
        away = away - inside @ away
        covariance = (away.T @ away + people * doubt + FIRM * np.diag(start)) / (people + FIRM)
        ratings, others = rescale(mode, spread, batch, dice)  # parameter-expanded EM (Liu, Rubin and Wu 1998)
        unit = np.array([others] * (size - len(OWN)) + [1.0] * len(OWN))
        mode, coefficients = mode * unit, coefficients * unit[:, None]
        covariance = covariance * unit * unit[:, None]
        batch = replace(batch, slope=batch.slope * ratings / others)
    return coefficients, covariance, batch.slope


def _groups(
    coefficients: np.ndarray,
    covariance: np.ndarray,
    covariates: np.ndarray,
    away: np.ndarray,
    doubt: np.ndarray,
    worth: float,
) -> tuple[np.ndarray, float]:
    """Coefficients (P, 1 + C) after a step of Newton's method in the marginal likelihood, and what telling is worth.

    Along axes in which people's variance is 1, and replies tell a share of it on average, the curvature is that share
    of the covariates' own. A step of EM is that share of this one, and takes for ever where replies tell little: few
    pictures show a rare tag. What is told counts as much as it pays: its coefficients have a normal prior, of `worth`
    times the covariance (the mean: once the covariance). `away` (R, P) are people's modes from their group's mean.
    """
    root = np.linalg.cholesky(covariance)
    whiten = np.linalg.inv(root)
    told, axes = np.linalg.eigh(np.eye(len(root)) - whiten @ doubt @ whiten.T)
    into = axes.T @ whiten
    firm = np.array([1.0] + [1 / worth] * (covariates.shape[1] - 1))
    spread = np.linalg.inv(told.clip(0, 1)[:, None, None] * (covariates.T @ covariates) + np.diag(firm))
    found = into @ coefficients
    found += (spread @ (into @ away.T @ covariates - found * firm)[..., None])[..., 0]
    used = (found[:, 1:] ** 2).sum() + np.trace(spread[:, 1:, 1:], axis1=1, axis2=2).sum()
    return root @ axes @ found, max(used / max(found[:, 1:].size, 1), 1e-6)


def _standard(weights: np.ndarray, features: np.ndarray | None, slots: int) -> tuple[np.ndarray, np.ndarray]:
    """What is subtracted from weights and features, and what they are divided by; weights keep their unit."""
    if weights.ndim != 2 or weights.shape[1] != slots:
        raise InputError(f"the schema has {slots} slots, but the pictures' weights have shape {weights.shape}")
    known = ~np.isnan(weights)
    mean = np.where(known, weights, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    if features is None:
        return mean, np.ones(slots)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    return np.concatenate([mean, centre]), np.concatenate([np.ones(slots), np.where(spread > 0, spread, 1.0)])


def _design(
    schema: Schema, count: int, centre: np.ndarray, scale: np.ndarray, weights: np.ndarray, features: np.ndarray | None
) -> np.ndarray:
    given = np.zeros((len(weights), 0)) if features is None else features
    if weights.ndim != 2 or weights.shape[1] != len(schema.slots):
        raise InputError(f"schema {schema.name!r} has {len(schema.slots)} slots, the pictures {weights.shape[1:]}")
    if given.shape != (len(weights), count):
        raise InputError(f"{len(weights)} pictures need {count} features each, but features have shape {given.shape}")
    table = (np.hstack([weights, given]) - centre) / scale
    return np.where(np.isnan(table), 0.0, table)


def _thresholds(points: np.ndarray, most: int) -> np.ndarray:
    """Log-odds of all ratings lying below 2, 3, ..., (most - 1,), with half a rating added to each point."""
    counts = np.bincount(points, minlength=most + 1)[1:] + 0.5
    below = np.cumsum(counts)[:-1] / counts.sum()
    return np.log(below / (1 - below))


def _covariates(told: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and spread of what people tell, and (people, 1 + C) with a one before it; unknown is the mean."""
    known = ~np.isnan(told)
    number = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, told, 0.0).sum(axis=0) / number
    spread = np.sqrt((np.where(known, told - centre, 0.0) ** 2).sum(axis=0) / number)
    spread = np.where(spread > 0, spread, 1.0)
    table = np.where(known, (told - centre) / spread, 0.0)
    return centre, spread, np.hstack([np.ones((len(told), 1)), table])
