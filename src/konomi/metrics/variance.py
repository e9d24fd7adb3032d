"""What the condition decides, and what it leaves open: condition effect and spread within a condition.

Conventions
-----------
`features` are floating-point, shape (N, D), one row per drawn picture; see `konomi.metrics.features`. `groups` has
shape (N,): pictures with equal entries were drawn from the same condition. Every group has at least two pictures, and
there are at least two groups.
"""

from dataclasses import dataclass

import numpy as np

from konomi.errors import InputError
from konomi.metrics.distances import mean_distance
from konomi.metrics.sets import validate_set


@dataclass(frozen=True)
class ConditionEffect:
    """Omega squared, and what it comes to where the conditions are dealt out at random."""

    omega_squared: float
    shuffled: float  # mean
    low: float  # 2.5th and 97.5th percentile of the shuffled ones
    high: float


@dataclass(frozen=True)
class Spread:
    """Mean distances of pairs of pictures, in units of the features."""

    within: float  # of one condition; each condition counts the same
    overall: float  # of all pictures

    @property
    def ratio(self) -> float:
        """About 1 where the condition decides nothing, 0 where each condition always gives the same picture."""
        return self.within / self.overall if self.overall else float("nan")


def condition_effect(
    features: np.ndarray, groups: np.ndarray, *, shuffles: int = 200, seed: int = 0
) -> ConditionEffect:
    """The share of the features' variance that is due to the condition, and the same with the conditions shuffled.

    Omega squared of a one-way analysis of variance with fixed effects, sums of squares added up over all features
    (Hays 1963): (SS_between - (G - 1) MS_within) / (SS_total + MS_within), MS_within = SS_within / (N - G). Unlike
    SS_between / SS_total it is 0 on average where the condition decides nothing. Groups may differ in size.

    Parameters
    ----------
    features : float array, shape (N, D)
    groups : array, shape (N,)
        The condition of each picture.
    shuffles : int >= 1
        How often the conditions are dealt out anew.
    seed : int
        Of the shuffles.

    Raises
    ------
    InputError
        If the groups are too few or too small (see `validate`), or all pictures have the same features.
    """
    validate(features, groups)
    if shuffles < 1:
        raise InputError(f"shuffles is {shuffles}; at least 1 shows what chance gives")
    numbers = np.unique(groups, return_inverse=True)[1]
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    if (total := float(np.square(centred).sum())) == 0:
        raise InputError(f"all {len(features)} pictures have the same features: there is no variance to explain")
    dice = np.random.default_rng(seed)
    single = centred.astype(np.float32)  # enough for what chance gives, and twice as fast
    found = [_omega_squared(single, dice.permutation(numbers), total) for _ in range(shuffles)]
    low, high = np.percentile(found, [2.5, 97.5])
    return ConditionEffect(_omega_squared(centred, numbers, total), float(np.mean(found)), float(low), float(high))


def _omega_squared(centred: np.ndarray, numbers: np.ndarray, total: float) -> float:
    sizes = np.bincount(numbers)
    sums = np.add.reduceat(centred[np.argsort(numbers, kind="stable")], np.cumsum(sizes) - sizes, axis=0)  # (G, D)
    between = float((np.square(sums).sum(axis=1, dtype=np.float64) / sizes).sum())
    within = (total - between) / (len(centred) - len(sizes))  # mean square
    return (between - (len(sizes) - 1) * within) / (total + within)


def spread_within(features: np.ndarray, groups: np.ndarray) -> Spread:
    """How different the pictures of one condition are, beside how different all pictures are.

    The mean Euclidean distance of features over the pairs of pictures of one condition, averaged over the conditions;
    and the mean over all pairs. Arguments and errors are those of `condition_effect`.
    """
    validate(features, groups)
    within = [mean_distance(features[groups == group]) for group in np.unique(groups)]
    return Spread(float(np.mean(within)), mean_distance(features))


def validate(features: np.ndarray, groups: np.ndarray) -> None:
    """An InputError if there are fewer than two groups, or one of them has fewer than two pictures."""
    validate_set("features", features)
    if groups.shape != (len(features),):
        raise InputError(f"groups has shape {groups.shape}; it needs one entry for each of {len(features)} pictures")
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise InputError("all pictures have the same condition; at least 2 conditions are needed")
    if (small := names[sizes < 2]).size:
        raise InputError(
            f"{small.size} of {len(names)} conditions have one picture, the first is {small[0]}; each needs at least 2"
        )
