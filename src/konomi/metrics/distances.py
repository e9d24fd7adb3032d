"""Distances between the rows of two sets of features, a block of rows at a time: large sets stay small in memory.

Conventions
-----------
`queries` and `references` are floating-point arrays of shape (N, D) and (M, D). Distances are Euclidean, in units of
the features. A distance that is 0 but for rounding counts as 0, so that a picture is found to be at no distance from
itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

ROWS = 1000  # of the distance matrix held at once
ROUNDING = 1e-12  # of the squared norms: what double precision leaves of |x|^2 + |y|^2 - 2 x.y where x = y


@dataclass(frozen=True)
class Nearest:
    """The nearest references of each query, the nearest first."""

    index: np.ndarray  # int (N, k)
    distance: np.ndarray  # float (N, k)


def blocks(queries: np.ndarray, references: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances as (rows, block): block i, j belongs to query rows[i] and reference j."""
    middle = references.mean(axis=0, dtype=np.float64)  # a common shift changes nothing but the rounding
    x, y = queries.astype(np.float64) - middle, references.astype(np.float64) - middle
    x_norm, y_norm = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    for start in range(0, len(x), ROWS):
        rows = slice(start, min(start + ROWS, len(x)))
        norms = x_norm[rows, None] + y_norm
        found = norms - 2 * x[rows] @ y.T
        found[found < ROUNDING * norms] = 0
        yield rows, found


def nearest(queries: np.ndarray, references: np.ndarray, *, k: int = 1) -> Nearest:
    """The k nearest of `references` to each of `queries`."""
    return _nearest(blocks(queries, references), len(queries), k)


def nearest_others(features: np.ndarray, *, k: int = 1) -> Nearest:
    """The k nearest of a set to each of its own pictures, which is not its own neighbour."""
    return _nearest(_without_itself(features), len(features), k)


def _without_itself(features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for rows, found in blocks(features, features):
        found[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, found


def _nearest(parts: Iterator[tuple[slice, np.ndarray]], count: int, k: int) -> Nearest:
    index, distance = np.empty((count, k), dtype=int), np.empty((count, k))
    for rows, found in parts:
        candidates = np.argpartition(found, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(found, candidates, axis=1), axis=1)
        index[rows] = np.take_along_axis(candidates, order, axis=1)
        distance[rows] = np.sqrt(np.take_along_axis(found, index[rows], axis=1))
    return Nearest(index, distance)


def mean_distance(features: np.ndarray) -> float:
    """The mean distance of all pairs of different rows."""
    total = sum(float(np.sqrt(found).sum()) for _, found in blocks(features, features))
    return total / (len(features) * (len(features) - 1))  # each picture with itself adds 0 and is not counted
