"""Shared and private taste: what of the variance people have in common, and how well they agree.

Of a scale of m items, which are taken as they are, a page's mean has the variances

    pictures  picture + picture x item / m
    people    person + person x item / m
    rest      person x picture + one look + (person x picture x item + rest) / m

from which come the intraclass correlations for any number of people, complete tables or not; and, with items at random,
Hönekopp's (2006) beholder indices b1 and b2: the private share of what is taste.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from konomi.taste.analysis.reliability import Estimate
from konomi.taste.analysis.variance_parts import (
    DETAIL,
    LOOK,
    PERSON,
    PICTURE,
    PROFILE,
    REST,
    STYLE,
    TASTE,
    Pages,
    Parts,
    Quantity,
)

Variances = Mapping[str, float]


@dataclass(frozen=True)
class Three:
    """The variances of a scale's mean on one page, in squared points."""

    pictures: float
    people: float
    rest: float


def of_scale(v: Variances, items: int) -> Three:
    """What the variances of answers come to in the mean of so many items."""
    part = {PERSON: 0.0, TASTE: 0.0, STYLE: 0.0, PROFILE: 0.0, DETAIL: 0.0, LOOK: 0.0, **v}
    return Three(
        pictures=part[PICTURE] + part[PROFILE] / items,
        people=part[PERSON] + part[STYLE] / items,
        rest=part[TASTE] + part[LOOK] + (part[DETAIL] + part[REST]) / items,
    )


def private_share(v: Variances, *, with_people: bool = False) -> float:
    """Hönekopp's b1: person x picture, in that and picture; b2 (`with_people`) counts person as private, too.

    0: everybody likes the same; 1: everybody likes something else. NaN where neither varies.
    """
    private = v[TASTE] + (v[PERSON] if with_people else 0.0)
    whole = private + v[PICTURE]
    return private / whole if whole else float("nan")


def agreement(v: Variances, items: int, people: float = 1) -> float:
    """ICC(2,k): how well the mean of so many people tells pictures apart, on the scale itself."""
    found = of_scale(v, items)
    return found.pictures / (found.pictures + (found.people + found.rest) / people)


def consistency(v: Variances, items: int, people: float = 1) -> float:
    """ICC(3,k): the same where all see the same pictures, so that how high people answer does not matter."""
    found = of_scale(v, items)
    return found.pictures / (found.pictures + found.rest / people)


def raters_per_picture(pages: Pages) -> float:
    """How many people saw a picture: the harmonic mean over pictures, as reliability depends on it."""
    pairs = np.unique(np.column_stack([pages.person, pages.picture]), axis=0)
    counts = np.bincount(pairs[:, 1])
    return float(len(counts) / (1 / counts).sum())


def agreement_of(parts: Parts, pages: Pages) -> dict[str, Estimate]:
    """Everything that can be said of agreement, each with its likelihood interval: by name, see the module."""
    items, people = pages.points.shape[1], raters_per_picture(pages)
    known: dict[str, Quantity] = {
        "agreement of one": partial(agreement, items=items),
        "agreement of all": partial(agreement, items=items, people=people),
    }
    if parts.several:
        known |= {
            "consistency of one": partial(consistency, items=items),
            "consistency of all": partial(consistency, items=items, people=people),
        }
    if TASTE in parts.variances and parts.variances[TASTE] + parts.variances[PICTURE] > 0:
        known |= {"b1": private_share, "b2": partial(private_share, with_people=True)}
    return {name: _estimate(parts, quantity) for name, quantity in known.items()}


def shares_of(parts: Parts) -> dict[str, Estimate]:
    """Each part's share of the variance of a single answer."""
    return {name: _estimate(parts, partial(_share, name=name)) for name in parts.variances}


def _share(v: Variances, name: str) -> float:
    return v[name] / sum(v.values())


def _estimate(parts: Parts, quantity: Quantity) -> Estimate:
    return Estimate(quantity(parts.variances), *parts.interval(quantity))
