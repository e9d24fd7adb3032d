"""Numbers in words: how they are written, what kind of number they are, and what a page is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konomi.taste.analysis.comparisons import P_LEAST


@dataclass(frozen=True)
class Grid:
    """A table as texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset({0})  # columns of words, not of numbers
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """One part of the page: sentences, figures by name with what they mean, tables, and what the reader has to know."""

    title: str
    says: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()  # name, sentence
    tables: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()


def p_value(p: float | None) -> str:
    if p is None or p != p:
        return "–"
    if p < P_LEAST:
        return f"below {P_LEAST:.0e}"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def number(value: float | None, digits: int = 2) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def whole(value: float | None, otherwise: str = "–") -> str:
    return otherwise if value is None else f"{value:,.0f}"


def per_cent(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.0%}"


def between(estimate: Mapping[str, Any], digits: int = 2) -> str:
    return f"{number(estimate['low'], digits)} to {number(estimate['high'], digits)}"


def with_interval(estimate: Mapping[str, Any], digits: int = 2) -> str:
    return f"{number(estimate['value'], digits)} ({between(estimate, digits)})"


def share(estimate: Mapping[str, Any]) -> str:
    return f"{estimate['value']:.1%} ({estimate['low'] or 0:.1%} to {estimate['high'] or 1:.1%})"


def count(many: float, one: str, more: str = "") -> str:
    """So many of something: 1 page, 2 pages, 1 person, 2 people."""
    return f"{many:,.0f} {one if many == 1 else more or one + 's'}"


def plain_item(item: str) -> str:
    return item.removeprefix("item_")


def hang_together(alpha: float) -> str:
    """How closely the items of a scale do (Nunnally 1978)."""
    for least, words in ((0.9, "very closely"), (0.8, "closely"), (0.7, "well enough")):
        if alpha >= least:
            return words
    return "too loosely to be averaged without a second thought"


def reliable(icc: float) -> str:
    """Koo and Li (2016)."""
    for least, words in ((0.9, "excellent"), (0.75, "good"), (0.5, "moderate")):
        if icc >= least:
            return words
    return "poor"


def effect(size: float) -> str:
    """Cohen (1988)."""
    for least, words in ((0.8, "large"), (0.5, "medium"), (0.2, "small")):
        if abs(size) >= least:
            return words
    return "negligible"
