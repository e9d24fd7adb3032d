"""Picks: how often pictures are picked and liked, whether their place on the page matters, and whether ratings agree.

Which pictures somebody picks from depends on what was picked before, so a share tells how a picture fared against
those it was shown with, not against all.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from konomi.errors import FileError, InputError, shorten
from konomi.taste.analysis.comparisons import FEWEST
from konomi.taste.study import LIKE, PICK

NEEDED = ("person", "finished", "position", "kind", "place", "picture", "chosen", "after_ms")
NUMBERS = ("finished", "position", "place", "chosen", "after_ms")
PAGE = ["person", "position"]


@dataclass(frozen=True)
class Picks:
    """What came of the picks of people who finished."""

    people: int
    picks: int  # pages on which one of several was picked
    likes: int  # single pictures that were liked or not
    passed_over: int  # pages
    liked: float  # share of the single pictures; NaN if there are none
    seconds: float  # a page in the middle; NaN if no browser measured it
    place_chi2: float  # picks by place on the page, against chance; NaN with fewer than five expected at a place
    place_p: float
    ratings_correlation: float  # Spearman's, of shares picked and mean ratings; NaN with fewer than five pictures
    ratings_p: float
    table: pd.DataFrame  # by picture: shown, picked, expected by chance, share with interval; liked_of, liked


def checked_picks(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The needed columns, numbers as numbers, of people who finished; a FileError names what is wrong."""
    if not len(rows):
        return pd.DataFrame(columns=list(NEEDED))
    if missing := [column for column in NEEDED if column not in rows]:
        raise FileError(f"{where}: the table picks has no column {missing[0]!r}; export it again")
    found = rows[list(NEEDED)].copy()
    for column in NUMBERS:
        text = rows[column].astype(str).str.strip()
        empty = rows[column].isna() | (text == "")
        found[column] = pd.to_numeric(text.where(~empty), errors="coerce")
        low, high = (0, 1) if column in ("finished", "chosen") else (0, np.inf)
        bad = (empty & (column not in ("chosen", "after_ms"))) | (~empty & ~found[column].between(low, high))
        _refuse(bad, rows[column], where, f"{column} is no number that it can be")
    _refuse(~rows.kind.isin((PICK, LIKE)), rows.kind, where, f"kind is neither {PICK} nor {LIKE}")
    _refuse(found.duplicated([*PAGE, "place"]), rows.place, where, "this place of a page is there twice")
    _refuse(found.duplicated([*PAGE, "picture"]), rows.picture, where, "a picture is twice on one page")
    several = found.chosen.eq(1).groupby([found.person, found.position]).transform("sum") > 1
    _refuse(several, rows.chosen, where, "more than one picture of a page was picked")
    return found[found.finished == 1].reset_index(drop=True)


def _refuse(bad: pd.Series, given: pd.Series, where: str, what: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise FileError(f"{where}, picks, row {row + 1}: {what}: {shorten(str(given.iloc[row]))!r}")


def summarise(rows: pd.DataFrame, means: pd.Series) -> Picks:
    """Everything about picks; `means` are mean ratings by picture. An InputError if nothing was picked or judged."""
    told = rows[rows.chosen.notna()]
    if not len(told):
        raise InputError("nobody who finished picked, liked or disliked anything")
    picks, likes = told[told.kind == PICK], told[told.kind == LIKE]
    table = _by_picture(picks, likes)
    seconds = told.drop_duplicates(PAGE).after_ms.median() / 1000
    return Picks(
        told.person.nunique(), len(picks.drop_duplicates(PAGE)), len(likes),
        len(rows[rows.chosen.isna()].drop_duplicates(PAGE)), float(likes.chosen.mean()) if len(likes) else np.nan,
        float(seconds), *_places(picks), *_with_ratings(table, means), table,
    )  # fmt: skip


def _by_picture(picks: pd.DataFrame, likes: pd.DataFrame) -> pd.DataFrame:
    size = picks.groupby(PAGE).place.transform("size")
    by = picks.assign(chance=1 / size).groupby("picture")
    found = pd.DataFrame({"shown": by.size(), "picked": by.chosen.sum(), "expected": by.chance.sum()})
    of_likes = likes.groupby("picture").chosen
    found = found.join(pd.DataFrame({"liked_of": of_likes.size(), "liked": of_likes.sum()}), how="outer")
    counts = found.fillna(0)
    for name, many, of in (("share", counts.picked, counts.shown), ("liked_share", counts.liked, counts.liked_of)):
        found[name], found[f"{name}_low"], found[f"{name}_high"] = _shares(many.to_numpy(), of.to_numpy())
    found[list(counts)] = counts
    return found.sort_values(["share", "liked_share"], ascending=False).reset_index(names="picture")


def _shares(many: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares with Wilson's interval (1927); NaN where there is nothing to share."""
    low, high = (np.array(side, float) for side in proportion_confint(many, np.maximum(of, 1), method="wilson"))
    none = of == 0
    return tuple(np.where(none, np.nan, x) for x in (many / np.maximum(of, 1), low, high))  # type: ignore[return-value]


def _places(picks: pd.DataFrame) -> tuple[float, float]:
    """Pearson's chi squared of picks by place, against every place being picked equally often."""
    if not len(picks):
        return np.nan, np.nan
    chance = 1 / picks.groupby(PAGE).place.transform("size")
    observed, expected = picks.groupby("place").chosen.sum(), chance.groupby(picks.place).sum()
    if expected.min() < FEWEST:  # too few for the approximation
        return np.nan, np.nan
    found = stats.chisquare(observed.to_numpy(), expected.to_numpy())
    return float(found.statistic), float(found.pvalue)


def _with_ratings(table: pd.DataFrame, means: pd.Series) -> tuple[float, float]:
    both = (
        table.dropna(subset="share").set_index("picture").join(means.rename("mean"), how="inner").dropna(subset="mean")
    )
    if len(both) < FEWEST or both.share.nunique() < 2 or both["mean"].nunique() < 2:
        return np.nan, np.nan
    found = stats.spearmanr(both.share, both["mean"])
    return float(found.statistic), float(found.pvalue)
