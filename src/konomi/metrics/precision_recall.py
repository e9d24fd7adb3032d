"""Are the drawn pictures like real ones, and are all kinds of real ones drawn? Precision, recall, density, coverage.

Conventions
-----------
`real` and `generated` are floating-point features of shape (N, D) and (M, D); see `konomi.metrics.sets`. Around every
picture of a set lies a ball that reaches to its k-th nearest neighbour in the same set, itself not counted; the edge
belongs to the ball. All are scores: higher is better. Precision, recall and coverage lie in [0, 1]; density may pass 1.
They depend on the sizes of the sets: compare only values from sets of the same size.

A set compared with itself has precision, recall and coverage 1 and density (k + 1) / k, if no distances are equal.
"""

import numpy as np

from konomi.errors import InputError
from konomi.metrics import sets
from konomi.metrics.distances import blocks, nearest, nearest_others

K_PRECISION = 3  # Kynkäänniemi et al. 2019
K_COVERAGE = 5  # Naeem et al. 2020
EDGE = 1 + 1e-9  # rounding must not push what lies on the edge out of the ball


def precision_score(*, real: np.ndarray, generated: np.ndarray, k: int = K_PRECISION) -> float:
    """The share of generated pictures that lie in the ball of any real one (improved precision).

    Kynkäänniemi et al. 2019, eq. 1 and 2.

    Parameters
    ----------
    real, generated : float array, shape (N, D) and (M, D)
        Features, one row per picture.
    k : int >= 1
        The neighbour that the balls reach to.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    InputError
        If the sets are not comparable (see `validate`).
    """
    validate(real=real, generated=generated, k=k)
    reach = _reach(real, k)
    return float(np.concatenate([(found <= reach).any(axis=1) for _, found in blocks(generated, real)]).mean())


def recall_score(*, real: np.ndarray, generated: np.ndarray, k: int = K_PRECISION) -> float:
    """The share of real pictures that lie in the ball of any generated one (improved recall).

    Precision with the sets exchanged: Kynkäänniemi et al. 2019, eq. 2. Arguments and errors are those of
    `precision_score`.
    """
    validate(real=real, generated=generated, k=k)
    return precision_score(real=generated, generated=real, k=k)


def density_score(*, real: np.ndarray, generated: np.ndarray, k: int = K_COVERAGE) -> float:
    """In how many balls of real pictures a generated one lies on average, as a multiple of k.

    Naeem et al. 2020, eq. 4. Unlike precision, one real picture far from all others cannot vouch for many. Arguments
    and errors are those of `precision_score`; the result is a float >= 0.
    """
    validate(real=real, generated=generated, k=k)
    reach = _reach(real, k)
    total = sum(int((found <= reach).sum()) for _, found in blocks(generated, real))
    return total / (k * len(generated))


def coverage_score(*, real: np.ndarray, generated: np.ndarray, k: int = K_COVERAGE) -> float:
    """The share of real pictures whose ball holds any generated one.

    Naeem et al. 2020, eq. 5. Unlike recall, one odd generated picture with a wide ball cannot vouch for many. Arguments
    and errors are those of `precision_score`; the result is a float in [0, 1].
    """
    validate(real=real, generated=generated, k=k)
    closest = nearest(real, generated).distance[:, 0] ** 2
    return float((closest <= _reach(real, k)).mean())


def realism_scores(*, real: np.ndarray, generated: np.ndarray, k: int = K_PRECISION) -> np.ndarray:
    """How real each generated picture looks: the largest radius of a real ball over its distance from the middle.

    Kynkäänniemi et al. 2019, eq. 3. From 1 upwards the picture lies in a ball. The half of the balls with the largest
    radii is left out, as in the paper: they belong to odd pictures. The score ranks pictures, so that the best and the
    worst can be shown.

    Parameters
    ----------
    real, generated, k
        As in `precision_score`.

    Returns
    -------
    array, shape (M,), float > 0
        Infinite for a copy of a real picture.
    """
    validate(real=real, generated=generated, k=k)
    reach = _reach(real, k)
    kept = reach <= np.median(reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [(reach[kept] / found).max(axis=1) for _, found in blocks(generated, real[kept])]
    return np.sqrt(np.nan_to_num(np.concatenate(ratios), nan=np.inf, posinf=np.inf))  # 0 / 0: a copy of twins


def validate(*, real: np.ndarray, generated: np.ndarray, k: int) -> None:
    """An InputError guesses what is wrong if the sets are not comparable, or too small for the k-th neighbour."""
    sets.validate(real=real, generated=generated)
    if k < 1:
        raise InputError(f"k is {k}; the nearest neighbour is number 1")
    for name, features in (("real", real), ("generated", generated)):
        if len(features) <= k:
            raise InputError(f"{name} has {len(features)} pictures; neighbour number {k} needs at least {k + 1}")


def _reach(features: np.ndarray, k: int) -> np.ndarray:
    """The squared radius of each picture's ball, (N,)."""
    radius: np.ndarray = nearest_others(features, k=k).distance[:, -1]
    return radius**2 * EDGE
