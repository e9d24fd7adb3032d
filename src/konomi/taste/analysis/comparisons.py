"""Differences of means: the paper's own t-test, and what it lacked: Welch's tests, effect sizes, Holm's correction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway

from konomi.errors import InputError

FEWEST = 5  # people of a group, or answers to a picture
CHANCE = 0.05
P_LEAST = 1e-300  # below it p may be an underflow


@dataclass(frozen=True)
class Difference:
    """A difference of two means, in points, its test, and its size in standard deviations with a 95% interval."""

    difference: float
    t: float
    freedom: float
    p: float
    size: float  # Cohen's d; of pairs in the standard deviation of their differences
    size_low: float
    size_high: float


def student(one: np.ndarray, two: np.ndarray) -> Difference:
    """The unpaired t-test of equal variances, which the paper used."""
    return _unpaired(one, two, equal=True)


def welch(one: np.ndarray, two: np.ndarray) -> Difference:
    """The unpaired t-test of unequal variances (Welch 1947)."""
    return _unpaired(one, two, equal=False)


def _unpaired(one: np.ndarray, two: np.ndarray, *, equal: bool) -> Difference:
    for group in (one, two):
        if len(group) < 2:
            raise InputError(f"a t-test needs two values of each group; one has {len(group)}")
    if np.ptp(one) == 0 and np.ptp(two) == 0:
        raise InputError("all values of both groups are the same: there is no variance to compare with")
    found = stats.ttest_ind(one, two, equal_var=equal)
    n, m = len(one), len(two)
    pooled = ((n - 1) * one.var(ddof=1) + (m - 1) * two.var(ddof=1)) / (n + m - 2)
    d = (one.mean() - two.mean()) / np.sqrt(pooled)
    error = np.sqrt((n + m) / (n * m) + d**2 / (2 * (n + m)))  # Hedges and Olkin 1985
    return _difference(one.mean() - two.mean(), found.statistic, found.df, found.pvalue, d, error)


def paired(one: np.ndarray, two: np.ndarray) -> Difference:
    """The paired t-test: values at the same place are of one person."""
    if len(one) < 2:
        raise InputError(f"a paired t-test needs two pairs; there are {len(one)}")
    gaps = one - two
    if np.ptp(gaps) == 0:
        raise InputError("all pairs differ equally: there is no variance to compare with")
    found = stats.ttest_rel(one, two)
    d = gaps.mean() / gaps.std(ddof=1)
    error = np.sqrt(1 / len(gaps) + d**2 / (2 * len(gaps)))
    return _difference(gaps.mean(), found.statistic, found.df, found.pvalue, d, error)


def _difference(gap: float, t: float, freedom: float, p: float, d: float, error: float) -> Difference:
    low, high = d - 1.96 * error, d + 1.96 * error
    return Difference(*(float(x) for x in (gap, t, freedom, p, d, low, high)))


def t_of_p(p: float, freedom: float) -> float:
    """The |t| that has this two-sided p: what a printed p tells of a size that was not printed."""
    return float(stats.t.isf(p / 2, freedom))


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """p corrected for how many were looked at (Holm 1979)."""
    corrected: np.ndarray = multipletests(p, method="holm")[1]
    return corrected


def groups_by_item(means: pd.DataFrame, group: pd.Series, two: tuple[str, str]) -> pd.DataFrame:
    """Welch's test of two groups of people for each item, with Holm's correction; items of no variance are left out.

    `means` has one row a person, one column an item; `group` is by person.
    """
    sides = [means[group == name] for name in two]
    if short := [f"{len(side)} are {name}" for side, name in zip(sides, two, strict=True) if len(side) < FEWEST]:
        raise InputError(f"{FEWEST} people of each group are needed; {', '.join(short)}")
    rows = []
    for item in means:
        one, other = (side[item].dropna().to_numpy() for side in sides)
        if min(len(one), len(other)) >= FEWEST and max(np.ptp(one), np.ptp(other)) > 0:
            rows.append({"item": item, two[0]: one.mean(), two[1]: other.mean(), **asdict(welch(one, other))})
    return _with_holm(rows, "no item varies in both groups")


def pictures_by_item(pages: pd.DataFrame, items: Sequence[str]) -> pd.DataFrame:
    """Welch's analysis of variance (1951) over pictures for each item, with Holm's correction.

    Its size is omega squared from F, the share of an answer's variance that pictures have. Pictures with fewer than
    five answers, or with no variance, are left out of an item.
    """
    rows = []
    for item in items:
        groups = [g.dropna().to_numpy() for _, g in pages.groupby("picture")[item]]
        groups = [g for g in groups if len(g) >= FEWEST and np.ptp(g) > 0]
        if len(groups) < 2:
            continue
        found = anova_oneway(groups, use_var="unequal")
        between, count = len(groups) - 1, sum(map(len, groups))
        size = between * (found.statistic - 1) / (between * (found.statistic - 1) + count)
        rows.append({"item": item, "pictures": len(groups), "F": found.statistic, "freedom": between,
                     "freedom_within": found.df_denom, "p": found.pvalue, "omega_squared": size})  # fmt: skip
    return _with_holm(rows, f"no two pictures have {FEWEST} answers that vary")


def pictures_by_scale(scores: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Each picture against all others, by Welch's test of a scale's scores, with Holm's correction over pictures.

    `scores` has picture and a column of scores, one row a page. Columns: picture, people, mean, low and high (95% of
    the mean by t), and those of Difference. A picture with fewer than five scores has no test.
    """
    rows = []
    for picture, own in scores.groupby("picture")[scale]:
        one, rest = own.dropna().to_numpy(), scores.loc[scores.picture != picture, scale].dropna().to_numpy()
        if not len(one):
            continue
        low, high = mean_interval(one)
        row = {"picture": picture, "people": len(one), "mean": one.mean(), "low": low, "high": high}
        if min(len(one), len(rest)) >= FEWEST and max(np.ptp(one), np.ptp(rest)) > 0:
            row |= asdict(welch(one, rest))
        rows.append(row)
    return _with_holm(rows, "no picture has an answer").sort_values("mean", ascending=False, ignore_index=True)


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """95% of the mean, by t; NaN for a single value."""
    if len(values) < 2:
        return float("nan"), float("nan")
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - reach), float(values.mean() + reach)


def item_pairs(means: pd.DataFrame) -> pd.DataFrame:
    """All pairs of items, paired by person, with Holm's correction: the largest difference first."""
    pairs = np.array(list(combinations(range(means.shape[1]), 2))).reshape(-1, 2)
    values = means.to_numpy()
    gaps = values[:, pairs[:, 0]] - values[:, pairs[:, 1]]  # (people, pairs)
    many, least, most = (~np.isnan(gaps)).sum(axis=0), np.nan_to_num(gaps, nan=np.inf), np.nan_to_num(gaps, nan=-np.inf)
    usable = (many >= FEWEST) & (least.min(axis=0, initial=np.inf) < most.max(axis=0, initial=-np.inf))
    if not usable.any():
        raise InputError(f"no two items have the answers of {FEWEST} people that differ unequally")
    gaps, pairs, many = gaps[:, usable], pairs[usable], many[usable]
    found = stats.ttest_1samp(gaps, 0, nan_policy="omit")
    columns = means.columns.to_numpy()
    means, p = np.nanmean(gaps, axis=0), np.asarray(found.pvalue)
    table = pd.DataFrame({
        "one": columns[pairs[:, 0]], "two": columns[pairs[:, 1]], "people": many, "difference": means,
        "t": np.asarray(found.statistic), "p": p, "size": means / np.nanstd(gaps, axis=0, ddof=1), "p_holm": holm(p),
    })  # fmt: skip
    return table.sort_values("difference", key=abs, ascending=False, ignore_index=True)


def _with_holm(rows: Sequence[dict[str, object]], otherwise: str) -> pd.DataFrame:
    """Rows as a table with p_holm beside p; rows without a test keep NaN."""
    if not rows:
        raise InputError(otherwise)
    found = pd.DataFrame(rows).assign(p_holm=np.nan)
    if "p" not in found:
        found["p"] = np.nan
    if (tested := found.p.notna()).any():
        found.loc[tested, "p_holm"] = holm(found.p[tested].to_numpy())
    return found
