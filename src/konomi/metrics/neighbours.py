"""Is it copying? Drawn pictures beside the training pictures that are nearest to them.

Conventions
-----------
`real` are the features of the training pictures, (N, D), `generated` those of drawn ones, (M, D), and `held_out` those
of real pictures that no training saw, (L, D); see `konomi.metrics.sets`. Distances are Euclidean. They are small where
a picture is a copy. What is small, the held-out pictures tell: they copied nothing.
"""

from dataclasses import dataclass

import numpy as np

from konomi.metrics.distances import Nearest, nearest
from konomi.metrics.sets import validate

PERCENTILE = 1


@dataclass(frozen=True)
class Closeness:
    """How near the nearest training picture is."""

    drawn: float  # the 1st percentile over drawn pictures
    drawn_median: float
    held_out: float | None = None  # the same over held-out ones, if there are any
    held_out_median: float | None = None
    nearer: float | None = None  # the share of drawn pictures below the 1st percentile of held-out ones; by chance 0.01


def nearest_real(*, real: np.ndarray, generated: np.ndarray, k: int = 1) -> Nearest:
    """The k nearest real pictures of each generated one; an InputError if the sets are not comparable."""
    validate(real=real, generated=generated)
    return nearest(generated, real, k=min(k, len(real)))


def closeness(drawn: np.ndarray, held_out: np.ndarray | None = None) -> Closeness:
    """Percentiles of distances to the nearest training picture: of drawn pictures, (M,), and held-out ones, (L,)."""
    percentile, median = float(np.percentile(drawn, PERCENTILE)), float(np.median(drawn))
    if held_out is None:
        return Closeness(percentile, median)
    usual = float(np.percentile(held_out, PERCENTILE))
    return Closeness(percentile, median, usual, float(np.median(held_out)), float((drawn < usual).mean()))
