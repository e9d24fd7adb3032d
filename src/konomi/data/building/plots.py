"""The figures of a dataset's card, as PNG: tags, pairs of tags, resolution, years. No picture of it is shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from konomi.data.building.palette import INK, slot_colours
from konomi.data.building.statistics import Statistics
from konomi.data.progress import Progress, silent
from konomi.data.tagging.decisions import TagSummary
from konomi.files import make_folder, whole
from konomi.schema import Attribute, Schema

BAR = 0.26  # inches
FEW = 20  # pictures: with fewer, how often two tags meet says nothing
LESS, MORE = "#2c7bb6", "#d7301f"
_DIVERGING = LinearSegmentedColormap.from_list("lift", [LESS, "#f7f7f7", MORE])


def draw_plots(statistics: Statistics, schema: Schema, folder: Path, *, progress: Progress = silent) -> list[str]:
    """Write the figures for which there is something to draw; their names, in the order of the card."""
    figures = {
        "tags.png": _tags(statistics, schema) if statistics.tags else None,
        "together.png": _together(statistics, schema),
        "resolution.png": _bars("pictures by the pixels of the face in its source", statistics.sides),
        "years.png": _bars("pictures by year", _every_year(statistics.years)) if statistics.years else None,
    }
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    make_folder(folder)
    for name, figure in progress(drawn.items(), len(drawn), what="drawing"):
        with whole(folder / name) as temporary:
            figure.savefig(temporary, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    return list(drawn)


def _tags(statistics: Statistics, schema: Schema) -> Figure:
    """Bars of every tag: one panel for each attribute of many values, one for all others."""
    panels = _panels(statistics.tags, schema)
    heights = [len(tags) + 2.2 for _, tags in panels]
    figure = Figure(figsize=(8.5, BAR * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, (title, tags) in zip(axes, panels, strict=True):
        _tag_bars(axis, title, tags, schema)
    return figure


def _panels(tags: Sequence[TagSummary], schema: Schema) -> list[tuple[str, list[TagSummary]]]:
    panels, others = [], []
    for attribute in schema.attributes:
        here = [tag for tag in tags if tag.slot in attribute.slots]
        if len(attribute.slots) > 3 and here:
            panels.append((attribute.label["en"], sorted(here, key=lambda tag: -tag.positive)))
        else:
            others += here
    return [*panels, *([("other tags", others)] if others else [])]


def _tag_bars(axis: Axes, title: str, tags: Sequence[TagSummary], schema: Schema) -> None:
    colours = slot_colours(schema)
    full = len({tag.slot.split(".")[0] for tag in tags}) > 1
    counts = [tag.positive for tag in tags]
    axis.barh(
        range(len(tags)), counts, color=[colours[t.slot] for t in tags], edgecolor=INK, linewidth=0.5, height=0.72
    )
    for row, tag in enumerate(tags):
        share = tag.positive / tag.known
        axis.text(tag.positive, row, f"  {tag.positive:,}  {percent(share)}", va="center", fontsize=8, color=INK)
    axis.set_yticks(range(len(tags)), [slot_label(tag.slot, schema, full=full) for tag in tags], fontsize=8)
    axis.set_xlim(0, max(*counts, 1) * 1.18)
    axis.invert_yaxis()
    known = {tag.known for tag in tags}
    of = f"the {known.pop():,} known" if len(known) == 1 else "those known"
    axis.set_title(f"{title}: pictures, share of {of}", loc="left", fontsize=9, color=INK)
    _plain(axis, "x")


def percent(share: float) -> str:
    """A share as text: 15.6%, 0.03%."""
    return f"{share:.2%}" if 0 < share < 0.0095 else f"{share:.1%}"


def _together(statistics: Statistics, schema: Schema) -> Figure | None:
    """How often the column's tag holds where the row's does, coloured by how that differs from chance."""
    rows = [i for i, tag in enumerate(statistics.tags) if tag.positive >= FEW]
    if len({statistics.tags[i].slot.split(".")[0] for i in rows}) < 2:
        return None
    slots, square = [statistics.tags[i].slot for i in rows], np.ix_(rows, rows)
    share = statistics.share[square]
    with np.errstate(invalid="ignore", divide="ignore"):
        lift = np.log2(np.clip(share / statistics.usual[square], 0.25, 4))
    hidden = _impossible(slots, schema)
    side = 2.6 + 0.3 * len(rows)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(np.where(hidden, np.nan, lift), cmap=_DIVERGING, vmin=-2, vmax=2)
    for r, c in zip(*np.nonzero(~hidden & ~np.isnan(share)), strict=True):
        pale = abs(lift[r, c]) < 1.3
        axis.text(c, r, f"{share[r, c]:.0%}"[:-1], ha="center", va="center", fontsize=6, color=INK if pale else "white")
    _name_sides(axis, slots, schema)
    bar = figure.colorbar(image, ax=axis, shrink=0.5, pad=0.01, ticks=[-2, -1, 0, 1, 2])
    bar.ax.set_yticklabels(["a quarter", "half", "as usual", "twice", "4 times"], fontsize=7)
    bar.outline.set_visible(False)
    axis.set_title("of the pictures with the row's tag, per cent with the column's", loc="left", fontsize=9, color=INK)
    return figure


def _impossible(slots: Sequence[str], schema: Schema) -> np.ndarray:
    """Where row and column are one tag, or two values of a choice that allows one."""
    exclusive = {
        slot: attribute.name for attribute in schema.attributes if attribute.exclusive for slot in attribute.slots
    }
    kinds = [exclusive.get(slot, slot) for slot in slots]
    return np.array([[row == column for column in kinds] for row in kinds])


def _name_sides(axis: Axes, slots: Sequence[str], schema: Schema) -> None:
    labels = [slot_label(slot, schema, full=True) for slot in slots]
    axis.set_xticks(range(len(slots)), labels, rotation=90, fontsize=7)
    axis.set_yticks(range(len(slots)), labels, fontsize=7)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    names = [slot.split(".")[0] for slot in slots]
    for i in range(1, len(slots)):
        if names[i] != names[i - 1] and (names[i] in names[i + 1 :] or names.count(names[i - 1]) > 1):
            axis.axhline(i - 0.5, color=INK, linewidth=0.6)
            axis.axvline(i - 0.5, color=INK, linewidth=0.6)
    for edge in axis.spines.values():
        edge.set_visible(False)


def _every_year(years: Mapping[int, int]) -> dict[int, int]:
    """With the years between that have no pictures."""
    return {year: years.get(year, 0) for year in range(min(years), max(years) + 1)}


def _bars(title: str, counts: Mapping[int, int]) -> Figure:
    """Upright bars of few values, a histogram of many."""
    figure = Figure(figsize=(8.5, 2.6), layout="constrained")
    axis = figure.subplots()
    values, weights = list(counts), list(counts.values())
    if len(values) <= 24:
        places = axis.bar([str(v) for v in values], weights, color="#4a7fb0", width=0.8 if len(values) > 6 else 0.35)
        axis.bar_label(places, labels=[f"{n:,}" for n in weights], fontsize=8, color=INK, padding=2)
        axis.set_xlim(-0.7, max(len(values), 6) - 0.3)
    else:
        axis.hist(values, bins=40, weights=weights, color="#4a7fb0", edgecolor="white", linewidth=0.5)
    axis.set_title(title, loc="left", fontsize=9, color=INK)
    axis.margins(y=0.14)
    _plain(axis, "y")
    return figure


def _plain(axis: Axes, counted: str) -> None:
    """No frame, thin grid lines behind, small figures with separators on the axis that counts."""
    for edge in axis.spines.values():
        edge.set_visible(False)
    axis.grid(axis="x" if counted == "x" else "y", color="#e3e6e8", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelsize=8, labelcolor=INK)
    (axis.xaxis if counted == "x" else axis.yaxis).set_major_formatter("{x:,.0f}")


def slot_label(slot: str, schema: Schema, *, full: bool = False) -> str:
    """What a slot is called in English: "pink", or in `full` "pink hair"."""
    attribute = schema.attribute(slot.split(".")[0])
    label = attribute.values[attribute.slots.index(slot)].label["en"]
    return f"{label} {_noun(attribute)}".strip() if full else label


def _noun(attribute: Attribute) -> str:
    return next(iter(attribute.nouns.get("en", ())), "") if not attribute.is_flag else ""
