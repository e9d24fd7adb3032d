"""How carefully people answered: one point throughout, too fast, failed attention checks.

Nobody is left out by this; it says whom to look at, and `konomi.taste.analysis.analyse` what leaving them out would
change.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from konomi.taste.analysis.tables import Tables

FLAGS = ("straight", "fast", "inattentive")


@dataclass(frozen=True)
class Limits:
    """From where on a person is flagged."""

    straight: float = 0.5  # share of their pages that have one point throughout (straight-lining; Krosnick 1991)
    seconds: float = 1.0  # median time of an item (Wood, Harms, Lowman and DeSimone 2017)
    wrong_checks: float = 0.5  # share of their attention items answered otherwise than asked
    fewest_items: int = 5  # answered on a page, that one point throughout is no accident


def people_quality(tables: Tables, limits: Limits | None = None) -> pd.DataFrame:
    """One row a person who finished, by name.

    Columns: pages; straight (share of pages with one point throughout, NaN if no page has enough items); spread (mean
    standard deviation within a page, the intra-individual response variability of Dunn et al. 2018); seconds (median
    time of an item over pages, NaN without scripts); checks, wrong_checks (attention items answered, and otherwise
    than asked); is_straight, is_fast, is_inattentive, and flagged if one of them is.
    """
    m = limits or Limits()
    found = _by_person(tables, m)
    checks = tables.checks
    wrong = (checks.point != checks.expected).groupby(checks.person).agg(["size", "sum"])
    found["checks"] = wrong["size"].reindex(found.index, fill_value=0).astype(int)
    found["wrong_checks"] = wrong["sum"].reindex(found.index, fill_value=0).astype(int)
    found["is_straight"] = found.straight >= m.straight
    found["is_fast"] = found.seconds < m.seconds
    found["is_inattentive"] = (found.checks > 0) & (found.wrong_checks >= m.wrong_checks * found.checks)
    found["flagged"] = found[[f"is_{name}" for name in FLAGS]].any(axis=1)
    return found


def _by_person(tables: Tables, limits: Limits) -> pd.DataFrame:
    pages = tables.pages
    points = pages[tables.columns].to_numpy()
    answered = (~np.isnan(points)).sum(axis=1)
    spread = pd.DataFrame(points).std(axis=1, ddof=1)  # NaN where fewer than two are answered
    straight = (spread == 0).where(answered >= limits.fewest_items)
    table = pd.DataFrame({
        "pages": 1, "straight": straight.astype(float), "spread": spread, "seconds": pages.seconds, "person":
        pages.person
    })  # fmt: skip
    by = table.groupby("person")
    found = by[["straight", "spread"]].mean().join(by.seconds.median()).join(by.pages.sum())
    return found.reindex(tables.persons.index)[["pages", "straight", "spread", "seconds"]].fillna({"pages": 0})
