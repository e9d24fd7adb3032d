"""Do the items of a scale belong together, and do raters agree: Cronbach's alpha and intraclass correlations."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from konomi.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


def cronbach_alpha(points: np.ndarray) -> float:
    """Cronbach's alpha (1951): k / (k - 1) (1 - sum of the items' variances / variance of the sum).

    Parameters
    ----------
    points : array, shape (N, k)
        One row an answer, one column an item, nothing missing, reversed items turned round.

    Raises
    ------
    InputError
        If there are fewer than two rows or items, or all sums are the same.
    """
    validate(points)
    return _alpha(np.cov(points.T))


def _alpha(covariance: np.ndarray) -> float:
    k = len(covariance)
    return float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))


def validate(points: np.ndarray) -> None:
    """An InputError if alpha is not defined for these points."""
    rows, items = points.shape
    if items < 2:
        raise InputError("a scale of one item has no alpha")
    if rows < 2:
        raise InputError(f"alpha needs two whole answers; there are {rows}")
    if np.ptp(points.sum(axis=1)) == 0:
        raise InputError("all answers have the same sum: there is no variance that items could share")


def alpha_of_people(points: np.ndarray, person: np.ndarray, *, draws: int = 500, seed: int = 0) -> Estimate:
    """Alpha over answers of which several are of one person, with a percentile interval from a bootstrap of persons.

    `person` (N,) says whose answer a row is. With one answer a person it agrees with Feldt's interval (1965).
    """
    validate(points)
    who, person = np.unique(person, return_inverse=True)
    if len(who) < 3:
        raise InputError(f"the interval of alpha needs 3 people; there are {len(who)}")
    centred = points - points.mean(axis=0)
    sums = np.zeros((len(who), points.shape[1]))
    np.add.at(sums, person, centred)
    order = np.argsort(person, kind="stable")
    products = np.array([rows.T @ rows for rows in np.split(centred[order], np.cumsum(np.bincount(person))[:-1])])
    weights = np.random.default_rng(seed).multinomial(len(who), np.full(len(who), 1 / len(who)), draws)
    count = (weights @ np.bincount(person))[:, None, None]
    means = (weights @ sums)[:, :, None] / count
    covariances = np.tensordot(weights, products, 1) / count - means * means.transpose(0, 2, 1)
    usable = covariances[covariances.sum(axis=(1, 2)) > 1e-12]
    low, high = np.percentile([_alpha(covariance) for covariance in usable], [2.5, 97.5])
    return Estimate(_alpha(np.cov(points.T)), float(low), float(high))


def item_statistics(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each item: its correlation with the sum of the others, and alpha without it (NaN for a scale of two)."""
    validate(points)
    covariance = np.cov(points.T)
    k = len(covariance)
    variances = covariance.diagonal()
    with_rest = covariance.sum(axis=0) - variances
    rest = covariance.sum() - 2 * covariance.sum(axis=0) + variances
    product = np.sqrt(variances * rest)
    correlation = np.divide(with_rest, product, out=np.full(k, np.nan), where=product > 0)
    kept = [np.delete(np.delete(covariance, i, 0), i, 1) for i in range(k)]
    without = [_alpha(c) if k > 2 and c.sum() > 0 else np.nan for c in kept]
    return correlation, np.array(without)


def intraclass_correlations(table: np.ndarray) -> dict[str, Estimate]:
    """The six intraclass correlations of Shrout and Fleiss (1979), with the intervals of McGraw and Wong (1996).

    Parameters
    ----------
    table : array, shape (pictures, people)
        What each person gave each picture; nothing missing.

    Returns
    -------
    dict
        By name: (1,1) each picture has its own raters; (2,1) raters are a sample of all, agreement; (3,1) these raters,
        consistency; (1,k), (2,k), (3,k) the same of the mean of all k people.

    Raises
    ------
    InputError
        If there are fewer than two pictures or people, a value is missing, or all are the same.
    """
    n, k = table.shape
    if n < 2 or k < 2:
        raise InputError(f"an intraclass correlation needs two pictures and two people; there are {n} and {k}")
    if np.isnan(table).any():
        raise InputError("these intraclass correlations need every person's answer about every picture")
    total = table.var() * n * k
    if total == 0:
        raise InputError("all answers are the same: there is no variance that people could agree about")
    rows, columns = k * table.mean(axis=1).var() * n, n * table.mean(axis=0).var() * k
    ms_r, ms_c = rows / (n - 1), columns / (k - 1)
    ms_e, ms_w = (total - rows - columns) / ((n - 1) * (k - 1)), (total - rows) / (n * (k - 1))
    one = _of_ratio((ms_r, ms_w), k, (n - 1, n * (k - 1)))
    three = _of_ratio((ms_r, ms_e), k, (n - 1, (n - 1) * (k - 1)))
    two = _agreement(ms_r, ms_c, ms_e, n, k)
    return {
        "(1,1)": one, "(2,1)": two, "(3,1)": three,
        "(1,k)": of_mean(one, k), "(2,k)": of_mean(two, k), "(3,k)": of_mean(three, k),
    }  # fmt: skip


def _of_ratio(squares: tuple[float, float], k: int, freedom: tuple[int, int]) -> Estimate:
    """(F - 1) / (F + k - 1), and the same of F over and times its 97.5% points."""
    if squares[1] <= 1e-12 * squares[0]:
        return Estimate(1.0, 1.0, 1.0)
    ratio = squares[0] / squares[1]
    low, high = ratio / stats.f.ppf(0.975, *freedom), ratio * stats.f.ppf(0.975, *freedom[::-1])
    value, low, high = (float((f - 1) / (f + k - 1)) for f in (ratio, low, high))
    return Estimate(value, low, high)


def _agreement(ms_r: float, ms_c: float, ms_e: float, n: int, k: int) -> Estimate:
    """ICC(2,1) with Satterthwaite's degrees of freedom (McGraw and Wong 1996, table 7)."""
    icc = (ms_r - ms_e) / (ms_r + (k - 1) * ms_e + k * (ms_c - ms_e) / n)
    if ms_e <= 1e-12 * max(ms_r, ms_c):
        return Estimate(float(icc), float("nan"), float("nan"))
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    v = (a * ms_c + b * ms_e) ** 2 / ((a * ms_c) ** 2 / (k - 1) + (b * ms_e) ** 2 / ((n - 1) * (k - 1)))
    f_low, f_high = stats.f.ppf(0.975, n - 1, v), stats.f.ppf(0.975, v, n - 1)
    rest = k * ms_c + (k * n - k - n) * ms_e
    low = n * (ms_r - f_low * ms_e) / (f_low * rest + n * ms_r)
    high = n * (f_high * ms_r - ms_e) / (rest + n * f_high * ms_r)
    return Estimate(float(icc), float(low), float(high))


def of_mean(single: Estimate, k: float) -> Estimate:
    """The correlation of the mean of k people, from that of one (Spearman 1910; Brown 1910)."""
    low, value, high = (_stepped_up(x, k) for x in (single.low, single.value, single.high))
    return Estimate(value, low, high)


def _stepped_up(single: float, k: float) -> float:
    whole = 1 + (k - 1) * single
    return k * single / whole if whole > 1e-12 else float("-inf")
