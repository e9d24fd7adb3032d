"""The figures of an analysis, as SVG that takes its colours and font from the page it stands in.

Each function gets plain numbers and returns a figure; `as_svg` makes the text.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from konomi.taste.analysis.analyse import Analysis
from konomi.taste.analysis.planning import PEOPLE, chance_curves, reliability_curves

# colours that the page names, and what they are where no page does
INK, SOFT, LINE, PAPER, ACCENT = "#252021", "#6b6364", "#e3dedb", "#faf9f7", "#97325f"
PALETTE = ("#b5477d", "#d9822b", "#4f7fb5", "#7a9c5a", "#b58bc4", "#5fa6a0", "#c7a93f", "#8f7a6b", "#a9a3a4")
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", PAPER: "--paper", ACCENT: "--accent"}
PART_COLOURS = dict(zip(
    ("picture", "person x picture", "person", "item", "person x item", "picture x item", "one look",
     "person x picture x item", "rest"), PALETTE, strict=True,
))  # fmt: skip
WIDE = 5.8  # inches: on a phone the letters are still read


def as_svg(figure: Figure, label: str) -> str:
    """The figure as an `svg` element without a size, its colours by the page's variables; `label` is read out."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = re.sub(r"font: ([^;\"]*?)px [^;\"]*", r"font-size: \1px", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return re.sub(r'<svg[^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{escaped}">', text, count=1)


def _axes(height: float, columns: int = 1, width: float = WIDE, **options: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, **options)


def _plain(axis: Axes, *, grid: str) -> None:
    for edge in axis.spines.values():
        edge.set_visible(False)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelsize=9, colors=SOFT)
    axis.grid(axis=grid, color=LINE, linewidth=0.8)  # type: ignore[arg-type]
    axis.xaxis.label.set(color=SOFT, fontsize=9)
    axis.yaxis.label.set(color=SOFT, fontsize=9)


def _legend(axis: Axes, **options: Any) -> None:
    axis.legend(frameon=False, fontsize=9, labelcolor=INK, **options)


def item_means(means: pd.DataFrame, points: int, marked: Sequence[str]) -> Figure:
    """Figure 12 of the paper: for each picture a line over the items; `means` (pictures, items)."""
    figure, axis = _axes(3.3)
    places, few = np.arange(1, means.shape[1] + 1), len(means) <= 6
    for number, (name, row) in enumerate(means.iterrows()):
        colour = PALETTE[number % len(PALETTE)] if few else SOFT
        axis.plot(
            places, row, "o-", ms=3, lw=1.2, color=colour, alpha=1 if few else 0.35, label=str(name) if few else None
        )
    if not few:
        axis.plot(places, means.mean(), "o-", ms=4, lw=2, color=ACCENT, label="mean of the pictures")
    for item in marked:
        axis.axvline(list(means.columns).index(item) + 1, color=LINE, lw=6, zorder=0)
    axis.set(xlabel="item", ylabel="mean answer", ylim=(0.8, points + 0.2), xticks=places, yticks=range(1, points + 1))
    _plain(axis, grid="y")
    _legend(axis, ncols=3, loc="lower left")
    return figure


def speed(seconds: np.ndarray, flagged: np.ndarray, limit: float) -> Figure:
    """Median seconds an item by person, on a log scale; flagged people apart."""
    figure, axis = _axes(2.4)
    edges = np.geomspace(min(seconds.min(), limit) * 0.9, seconds.max() * 1.1, 32)
    axis.hist([seconds[~flagged], seconds[flagged]], bins=edges.tolist(), stacked=True, color=[SOFT, ACCENT],
              label=["others", "flagged for anything"])  # fmt: skip
    axis.axvline(limit, color=INK, lw=1, ls="--")
    axis.set(xscale="log", xlabel="seconds an item (median of a person)", ylabel="people")
    ticks = [t for t in (0.2, 0.5, 1, 2, 5, 10, 20, 50) if edges[0] <= t <= edges[-1]]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_xticks([], minor=True)
    _plain(axis, grid="y")
    _legend(axis)
    return figure


def intervals(rows: Sequence[tuple[str, float, float, float]], label: str, *, limits: tuple[float, float]) -> Figure:
    """Names with a value and its 95% interval, from top to bottom."""
    figure, axis = _axes(0.75 + 0.3 * len(rows))
    names, values, lows, highs = zip(*rows, strict=True)
    places = np.arange(len(rows))[::-1]
    axis.hlines(places, np.clip(lows, *limits), np.clip(highs, *limits), color=ACCENT, lw=2)
    axis.plot(values, places, "o", color=ACCENT, ms=6)
    axis.set_yticks(places, names)
    axis.set(xlim=limits, xlabel=label, ylim=(-0.6, len(rows) - 0.4))
    _plain(axis, grid="x")
    axis.tick_params(axis="y", labelcolor=INK)
    return figure


def shares(by_scope: Mapping[str, Mapping[str, float]]) -> Figure:
    """Shares of the variance of an answer, one bar a scope."""
    figure, axis = _axes(1.5 + 0.42 * len(by_scope))
    names = [name for name in PART_COLOURS if any(name in parts for parts in by_scope.values())]
    places = np.arange(len(by_scope))[::-1]
    left = np.zeros(len(by_scope))
    for name in names:
        widths = np.array([parts.get(name, 0.0) for parts in by_scope.values()])
        axis.barh(places, widths, left=left, color=PART_COLOURS[name], edgecolor=PAPER, lw=1.2, height=0.7, label=name)
        for place, start, width in zip(places, left, widths, strict=True):
            if width > 0.045:
                axis.text(
                    start + width / 2, place, f"{width:.0%}", ha="center", va="center", color="#ffffff", fontsize=9
                )
        left += widths
    axis.set_yticks(places, list(by_scope))
    axis.set(xlim=(0, 1), xticks=[])
    _plain(axis, grid="x")
    axis.tick_params(axis="y", labelcolor=INK)
    figure.legend(
        *axis.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    return figure


def pictures(table: pd.DataFrame, points: int, most: int = 30) -> Figure:
    """Means of pictures with their 95% intervals, the highest first; those that differ from the rest in colour."""
    shown = table if len(table) <= most else pd.concat([table.head(most // 2), table.tail(most // 2)])
    figure, axis = _axes(0.8 + 0.24 * len(shown))
    places = np.arange(len(shown))[::-1]
    differs = shown.p_holm.to_numpy(float) < 0.05
    for mask, colour in ((differs, ACCENT), (~differs, SOFT)):
        axis.hlines(places[mask], shown.low[mask], shown.high[mask], color=colour, lw=2)
        axis.plot(shown["mean"][mask], places[mask], "o", color=colour, ms=5)
    axis.axvline(float(np.average(table["mean"], weights=table.people)), color=INK, lw=1, ls="--")
    axis.set_yticks(places, [str(name) for name in shown.picture])
    axis.set(
        xlabel="mean answer, with its 95% interval; dashed: all answers",
        xlim=(1, points),
        ylim=(-0.7, len(shown) - 0.3),
    )
    _plain(axis, grid="x")
    axis.tick_params(axis="y", labelcolor=INK)
    return figure


def repeats(same: Sequence[int], others: Sequence[int]) -> Figure:
    """By how many points two answers differ: to the same picture again, and to another one."""
    figure, axis = _axes(2.4)
    places = np.arange(len(same))
    for counts, shift, colour, label in (
        (same, -0.2, ACCENT, "the same picture again"),
        (others, 0.2, SOFT, "another picture"),
    ):
        if sum(counts):
            axis.bar(places + shift, np.array(counts) / sum(counts), width=0.38, color=colour, label=label)
    axis.set(xlabel="points between the two answers to an item", ylabel="share of answers", xticks=places)
    axis.yaxis.set_major_formatter("{x:.0%}")
    _plain(axis, grid="y")
    _legend(axis)
    return figure


def power_curves(
    reliability: Mapping[str, Sequence[float]], chances: Mapping[str, Sequence[float]], difference: float
) -> Figure:
    """Over PEOPLE: how reliable a picture's mean is, by scale, and the chance to find a difference, by pictures."""
    panels = [("reliability of a picture's mean", "people a picture", reliability)]
    if chances:
        panels.append((f"chance to find {difference:g} points", "people in all", chances))
    figure, axes = _axes(3.1, columns=len(panels), squeeze=False)
    for axis, (title, label, lines) in zip(axes[0], panels, strict=True):
        for number, (name, values) in enumerate(lines.items()):
            axis.plot(PEOPLE, values, lw=2, color=PALETTE[number % len(PALETTE)], label=name)
        axis.axhline(0.8, color=INK, lw=1, ls="--")
        axis.set(xscale="log", ylim=(0, 1.02), xlabel=label)
        axis.set_title(title, loc="left", color=INK, fontsize=10)
        ticks = (2, 10, 50, 200, 1000)
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.set_xticks([], minor=True)
        _plain(axis, grid="both")
        _legend(axis, loc="lower right")
    return figure


def draw(found: Analysis, points: int) -> dict[str, Figure]:
    """Every figure of an analysis that has its numbers, by name."""
    n, tables = found.numbers, found.tables
    marked = n["two_items"]["items"] if "two_items" in n else ()
    made = {"item_means": item_means(tables["item_means"].set_index("picture"), points, marked)}
    timed = tables["people"].dropna(subset=["seconds"])
    if len(timed):
        made["speed"] = speed(timed.seconds.to_numpy(), timed.flagged.to_numpy(bool), n["quality"]["limits"]["seconds"])
    if n["scales"]:
        rows = [(name, s["value"], s["low"], s["high"]) for name, s in n["scales"].items()]
        made["alpha"] = intervals(rows, "Cronbach's alpha", limits=(min(0.0, *(row[1] for row in rows)), 1.0))
    if variance := n.get("variance"):
        made["shares"] = shares(
            {scope: {k: s["value"] for k, s in v["shares"].items()} for scope, v in variance.items()}
        )
    if "pictures" in tables and n["comparisons"].get("pictures"):
        first = next(iter(n["comparisons"]["pictures"]))
        made["pictures"] = pictures(tables["pictures"][tables["pictures"].scale == first], points)
    if r := n.get("repeats"):
        made["repeats"] = repeats(r["counts"], r["counts_of_others"])
    if planned := n.get("power"):
        items = planned["items"]
        chances = chance_curves(items, n["variance"]) if items else {}
        made["power"] = power_curves(reliability_curves(n["variance"]), chances, items["difference"] if items else 0)
    return made
