"""The next study, planned from the variances of this one."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from konomi.taste.analysis import power
from konomi.taste.analysis.agreement import Three

DIFFERENCES = (0.1, 0.2, 0.3, 0.5)  # of two items, in points
PEOPLE = np.unique(np.geomspace(2, 2000, 60).round().astype(int))  # along the curves


def plan(numbers: Mapping[str, Any], difference: float) -> tuple[dict[str, Any], pd.DataFrame]:
    """People for a reliable mean of each scale, and for differences of items by number of pictures, also as a table."""
    study, variance = numbers["study"], numbers["variance"]
    scope, first = next(iter(variance.items()))
    each, pictures = max(1, round(study["pictures_a_person"])), study["pictures"]
    rows = []
    if first["items"] > 1:
        gaps = sorted({*DIFFERENCES, difference})
        rows = [
            _for_items(first["variances"], gap, each, n) for n in (pictures, 2 * pictures, 4 * pictures) for gap in gaps
        ]
    items = {"scope": scope, "each": each, "difference": difference, "rows": rows} if rows else None
    return {"reliability": {name: _for_scale(v) for name, v in variance.items()}, "items": items}, pd.DataFrame(rows)


def _for_scale(v: Mapping[str, Any]) -> dict[str, Any]:
    scale, icc, people = Three(**v["scale"]), v["agreement"]["agreement of one"]["value"], v["raters_a_picture"]
    needed = partial(power.people_for_reliability, scale)
    return {
        "target": 0.8,
        "icc": icc,
        "people": needed(same_pictures=False),
        "people_same_pictures": needed(same_pictures=True) if v["several"] else None,
        "pictures_for_precision": power.pictures_for_precision(icc, people) if people >= 2 and icc < 1 else None,
    }


def _for_items(v: Mapping[str, float], difference: float, each: int, pictures: int) -> dict[str, Any]:
    def chance(people: int) -> float:
        return power.power_between_items(v, difference, people=people, each=each, pictures=pictures)

    return {"difference": difference, "pictures": pictures, "people": power.people_needed(chance)}


def reliability_curves(variance: Mapping[str, Any]) -> dict[str, list[float]]:
    """ICC(2,k) over PEOPLE, by scope."""
    scales = {scope: Three(**v["scale"]) for scope, v in variance.items()}
    return {scope: [s.pictures / (s.pictures + (s.people + s.rest) / k) for k in PEOPLE] for scope, s in scales.items()}


def chance_curves(items: Mapping[str, Any], variance: Mapping[str, Any]) -> dict[str, list[float]]:
    """The chance to find the difference over PEOPLE, by number of pictures; NaN until every picture is seen twice."""
    v, each = variance[items["scope"]]["variances"], items["each"]
    curves = {}
    for pictures in dict.fromkeys(row["pictures"] for row in items["rows"]):
        curves[f"{pictures} pictures"] = [
            power.power_between_items(v, items["difference"], people=int(k), each=each, pictures=pictures)
            if k * each >= 2 * pictures else float("nan")
            for k in PEOPLE
        ]  # fmt: skip
    return curves
