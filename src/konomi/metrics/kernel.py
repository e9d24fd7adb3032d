"""Kernel distance between two sets of pictures: squared MMD with a cubic kernel (KID with other features).

Conventions
-----------
`real` and `generated` are floating-point features of shape (N, D) and (M, D); see `konomi.metrics.sets`. The distance
is unbiased: sets from the same source give 0 on average, so single values may fall below 0, and sets of different sizes
may be compared. A set compared with itself comes out below 0, as if it were better than chance: its pictures meet
themselves across the sets, but not within. The distance is usually shown times 1000.
"""

import numpy as np

from konomi.errors import InputError
from konomi.metrics import sets

ROWS = 1000  # of the kernel matrix held at once: the memory for a large set stays small


def kernel_distance(
    *,
    real: np.ndarray,
    generated: np.ndarray,
    subset: int | None = 1000,
    subsets: int = 100,
    seed: int = 0,
) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3 (KID, Bińkowski et al. 2018).

    Parameters
    ----------
    real, generated : float array, shape (N, D) and (M, D)
        Features, one row per picture.
    subset : int >= 2, or None
        Pictures drawn from each set, without repetition, for one estimate; None takes both sets whole, once, which is
        more exact, and faster for up to some 10,000 pictures.
    subsets : int >= 1
        Estimates to average, each on fresh subsets. Not used where `subset` is None.
    seed : int
        Of the draw of subsets.

    Returns
    -------
    float
        About 0 for the same source; a value below 0 is chance.

    Raises
    ------
    InputError
        If the sets are not comparable (see `validate`).
    """
    validate(real=real, generated=generated, subset=subset, subsets=subsets)
    real, generated = real.astype(np.float64), generated.astype(np.float64)
    if subset is None:
        return _squared_mmd(real, generated)
    dice = np.random.default_rng(seed)
    pairs = ((_draw(real, subset, dice), _draw(generated, subset, dice)) for _ in range(subsets))
    return float(np.mean([_squared_mmd(x, y) for x, y in pairs]))


def validate(*, real: np.ndarray, generated: np.ndarray, subset: int | None, subsets: int) -> None:
    """An InputError guesses what is wrong if the sets are not comparable, or too small for the subsets asked."""
    sets.validate(real=real, generated=generated)
    if subsets < 1:
        raise InputError(f"subsets is {subsets}; at least 1 is averaged")
    if subset is None:
        return
    if subset < 2:
        raise InputError(f"subset is {subset}: one picture is not a set; at least 2 are needed")
    for name, features in (("real", real), ("generated", generated)):
        if len(features) < subset:
            raise InputError(
                f"{name} has {len(features)} pictures, fewer than subset={subset}; use subset=None for the whole sets"
            )


def _draw(features: np.ndarray, count: int, dice: np.random.Generator) -> np.ndarray:
    chosen: np.ndarray = features[dice.choice(len(features), count, replace=False)]
    return chosen


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """mean of k(x, x') + mean of k(y, y') - 2 mean of k(x, y); x (N, D), y (M, D)."""
    within = _mean_of_pairs(x) + _mean_of_pairs(y)
    return within - 2 * _kernel_sum(x, y) / (len(x) * len(y))


def _mean_of_pairs(x: np.ndarray) -> float:
    # unbiased: the diagonal, each picture with itself, is left out (Gretton et al. 2012, eq. 3)
    with_itself = float(((np.square(x).sum(axis=1) / x.shape[1] + 1) ** 3).sum())
    return (_kernel_sum(x, x) - with_itself) / (len(x) * (len(x) - 1))


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """The sum of (x.y / D + 1)^3 over all pairs of rows."""
    blocks = (x[i : i + ROWS] @ y.T / x.shape[1] + 1 for i in range(0, len(x), ROWS))
    return sum(float((block**3).sum()) for block in blocks)
