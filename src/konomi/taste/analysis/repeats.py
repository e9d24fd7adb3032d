"""Do people answer alike when a picture comes back?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from konomi.errors import InputError
from konomi.taste.analysis.comparisons import FEWEST
from konomi.taste.analysis.tables import Tables

KEYS = ["person", "picture"]


@dataclass(frozen=True)
class Repeats:
    """Both looks at each picture that came back."""

    pairs: int
    people: int
    distance: float  # mean absolute difference of two answers to one item about the same picture, in points
    distance_of_others: float  # the same of two different pictures; NaN if nobody saw another one
    same: float  # share of equal answers
    near: float  # share that differs by one point at most
    counts: tuple[int, ...]  # of answers that differ by 0, 1, ... points
    counts_of_others: tuple[int, ...]
    items: pd.DataFrame  # by item: correlation of the looks, distance, same


def repeats(tables: Tables) -> Repeats:
    """Compare the looks; an InputError if fewer than five pictures came back to somebody."""
    columns = tables.columns
    again = tables.pages[tables.pages.repeat]
    both = again.merge(tables.first, on=KEYS, suffixes=("_again", ""))
    if len(both) < FEWEST:
        raise InputError(f"{FEWEST} pictures that came back are needed; there are {len(both)}")
    second, first = both[[f"{c}_again" for c in columns]].to_numpy(), both[columns].to_numpy()
    others = again.merge(tables.first, on="person", suffixes=("_again", ""))
    others = others[others.picture_again != others.picture]
    apart = np.abs(others[[f"{c}_again" for c in columns]].to_numpy() - others[columns].to_numpy())
    gaps = np.abs(second - first)
    return Repeats(
        len(both), both.person.nunique(), float(np.nanmean(gaps)), float(np.nanmean(apart)) if apart.size else np.nan,
        float(np.mean(gaps[~np.isnan(gaps)] == 0)), float(np.mean(gaps[~np.isnan(gaps)] <= 1)),
        _counts(gaps, tables.points), _counts(apart, tables.points), _items(columns, first, second),
    )  # fmt: skip


def _counts(gaps: np.ndarray, points: int) -> tuple[int, ...]:
    return tuple(np.bincount(gaps[~np.isnan(gaps)].astype(int), minlength=points).tolist())


def _items(columns: list[str], first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    rows = []
    for column, one, two in zip(columns, first.T, second.T, strict=True):
        known = ~np.isnan(one) & ~np.isnan(two)
        one, two = one[known], two[known]
        varied = len(one) >= FEWEST and np.ptp(one) > 0 and np.ptp(two) > 0
        rows.append({
            "item": column, "pairs": len(one), "correlation": np.corrcoef(one, two)[0, 1] if varied else np.nan,
            "distance": np.abs(one - two).mean() if len(one) else np.nan,
            "same": (one == two).mean() if len(one) else np.nan,
        })  # fmt: skip
    return pd.DataFrame(rows)
