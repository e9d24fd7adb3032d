"""Fréchet distance between two sets of pictures, each seen as one Gaussian in feature space (FID with other features).

Conventions
-----------
`real` and `generated` are floating-point features of shape (N, D) and (M, D); see `konomi.metrics.sets`. The distance
is squared (as FID is), 0 for equal Gaussians, without upper bound, symmetric. It is biased upwards, the more so the
fewer the pictures: compare only values from sets of the same size, and beside the floor, the distance between two sets
of real pictures of that size.
"""

import numpy as np

from konomi.metrics.sets import validate

__all__ = ["frechet_distance", "gaussian_distance", "validate"]


def frechet_distance(*, real: np.ndarray, generated: np.ndarray) -> float:
    """The squared Fréchet distance between Gaussians fitted to two sets of features (Heusel et al. 2017).

    Parameters
    ----------
    real, generated : float array, shape (N, D) and (M, D)
        Features, one row per picture.

    Returns
    -------
    float >= 0
        In squared units of the features.

    Raises
    ------
    InputError
        If the sets are not comparable (fewer than two pictures, different widths, NaN).
    """
    validate(real=real, generated=generated)
    return gaussian_distance(*_gaussian(real), *_gaussian(generated))


def gaussian_distance(mean: np.ndarray, covariance: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray) -> float:
    """|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^1/2 C2 C1^1/2)^1/2 (Dowson and Landau 1982).

    The usual (C1 C2)^1/2 has the same trace, but that product is not symmetric and its root can come out complex.
    """
    root = _square_root(covariance)
    eigenvalues = np.linalg.eigvalsh(root @ covariance2 @ root).clip(min=0)  # below 0 by rounding only
    spread = np.trace(covariance) + np.trace(covariance2) - 2 * np.sqrt(eigenvalues).sum()
    return float(np.maximum(np.square(mean - mean2).sum() + spread, 0))  # NaN stays NaN, it must not look perfect


def _gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and covariance (D, D) of features (N, D), in double precision."""
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)  # unbiased


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric R with R R = `covariance`; eigenvalues that rounding made negative count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    root: np.ndarray = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root
