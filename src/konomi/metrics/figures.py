"""The figures of a report: grids of pictures, neighbours, obedience, confusion. The caller gives names and colours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from konomi.images import resize, sheet

INK, LINE, ACCENT, REAL = "#3a3f45", "#e3e6e8", "#97325f", "#8a949c"
GAP = 4  # pixels between pictures
_WHITE_TO_ACCENT = LinearSegmentedColormap.from_list("asked", ["#ffffff", ACCENT])


def grid(pictures: Sequence[Image.Image], *, columns: int, side: int = 96) -> Image.Image:
    """Pictures in rows."""
    return sheet([resize(picture, side) for picture in pictures], columns=columns, gap=GAP)


def beside_neighbours(
    rows: Sequence[tuple[Image.Image, Sequence[Image.Image]]], *, side: int = 96, across: int = 1
) -> Image.Image:
    """Each drawn picture with its neighbours to the right of it, `across` such rows side by side."""
    strips = [_strip(drawn, near, side) for drawn, near in rows]
    wide = 6 * GAP  # between strips
    width, height = strips[0].size
    down = -(-len(strips) // across)
    canvas = Image.new("RGB", (across * (width + wide) - wide, down * (height + GAP) - GAP), "white")
    for i, strip in enumerate(strips):
        canvas.paste(strip, (i % across * (width + wide), i // across * (height + GAP)))
    return canvas


def _strip(drawn: Image.Image, near: Sequence[Image.Image], side: int) -> Image.Image:
    canvas = Image.new("RGB", ((side + GAP) * (len(near) + 1) + GAP, side), "white")
    canvas.paste(resize(drawn, side), (0, 0))
    for i, picture in enumerate(near, start=1):
        canvas.paste(resize(picture, side), (i * (side + GAP) + GAP, 0))
    return canvas


def obedience_bars(tags: Sequence[Mapping[str, Any]], labels: Mapping[str, str], colours: Mapping[str, str]) -> Figure:
    """How often each tag that was asked for is shown, with its interval; a tick where it is shown unasked."""
    figure = Figure(figsize=(8.5, 0.9 + 0.26 * len(tags)), layout="constrained")
    axis = figure.subplots()
    places, scores = np.arange(len(tags)), np.array([tag["score"] for tag in tags])
    errors = np.array([[t["score"] - t["low"], t["high"] - t["score"]] for t in tags]).T.clip(min=0)
    axis.barh(places, scores, height=0.72, color=[colours[t["slot"]] for t in tags], edgecolor=INK, linewidth=0.5)
    for colour, width in (("white", 3.5), (INK, 1)):  # a white rim, so that it is seen on dark bars too
        axis.errorbar(scores, places, xerr=errors, fmt="none", ecolor=colour, elinewidth=width, capsize=width + 1)
    unasked = [(t["otherwise"], place) for t, place in zip(tags, places, strict=True) if t["otherwise"] is not None]
    if unasked:
        across, up = zip(*unasked, strict=True)
        axis.plot(across, up, "|", color="white", ms=13, mew=4)
        axis.plot(across, up, "|", color=ACCENT, ms=11, mew=2, label="shown though asked not to be")
        axis.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    for place, tag in enumerate(tags):
        axis.text(1.02, place, f"{tag['shown']} of {tag['asked']}", va="center", fontsize=8, color=INK)
    axis.set_yticks(places, [labels[tag["slot"]] for tag in tags], fontsize=8)
    axis.set(xlim=(0, 1.13), xticks=np.arange(0, 1.01, 0.25), ylim=(len(tags) - 0.4, -0.6))
    axis.set_title("share of the pictures that show what was asked", loc="left", fontsize=9, color=INK)
    _plain(axis)
    axis.grid(axis="x", color=LINE, linewidth=0.7)
    axis.xaxis.set_major_formatter("{x:.0%}")
    return figure


def confusion_table(counts: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Asked (rows) by shown (columns), in per cent of each row; rows that were never asked and empty columns go."""
    rows = counts.sum(axis=1) > 0
    columns = (counts.sum(axis=0) > 0) | np.append(rows, False)
    shown = counts[rows][:, columns]
    share = shown / shown.sum(axis=1, keepdims=True)
    figure = Figure(figsize=(2.2 + 0.46 * shown.shape[1], 1.5 + 0.34 * shown.shape[0]), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap=_WHITE_TO_ACCENT, vmin=0, vmax=1, aspect="auto")
    for (r, c), value in np.ndenumerate(share):
        if value:
            axis.text(c, r, f"{value:.0%}"[:-1], ha="center", va="center", fontsize=8,
                      color="white" if value > 0.55 else INK)  # fmt: skip
    of = [f"{name} ({n})" for name, n in zip(_kept(names, rows), shown.sum(axis=1), strict=True)]
    axis.set_xticks(range(shown.shape[1]), _kept([*names, "none"], columns), rotation=90, fontsize=8)
    axis.set_yticks(range(shown.shape[0]), of, fontsize=8)
    axis.set_title(f"{title}: asked (rows, pictures) and shown (columns), per cent", loc="left", fontsize=9, color=INK)
    _plain(axis)
    axis.set_xticks(np.arange(shown.shape[1] + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(shown.shape[0] + 1) - 0.5, minor=True)
    axis.grid(which="minor", color=LINE, linewidth=0.7)
    axis.tick_params(which="minor", length=0)
    return figure


def _kept(names: Sequence[str], mask: np.ndarray) -> list[str]:
    return [name for name, keep in zip(names, mask, strict=True) if keep]


def distance_histogram(drawn: np.ndarray, held_out: np.ndarray | None) -> Figure:
    """Distances to the nearest real picture: of drawn pictures, and of held-out ones where there are any."""
    figure = Figure(figsize=(8.5, 2.6), layout="constrained")
    axis = figure.subplots()
    both = drawn if held_out is None else np.concatenate([drawn, held_out])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-9), 41).tolist()
    for name, values, colour in (("drawn", drawn, ACCENT), ("held out", held_out, REAL)):
        if values is None:
            continue
        weights = np.full(len(values), 1 / len(values))
        axis.hist(values, bins=edges, weights=weights, color=colour, alpha=0.55, label=name)
        axis.axvline(float(np.percentile(values, 1)), color=colour, linewidth=1.4, linestyle="--")
    axis.set_title(
        "distance to the nearest real picture; dashed: the 1st percentile", loc="left", fontsize=9, color=INK
    )
    axis.legend(frameon=False, fontsize=8)
    _plain(axis)
    axis.grid(axis="y", color=LINE, linewidth=0.7)
    axis.yaxis.set_major_formatter("{x:.0%}")
    return figure


def _plain(axis: Axes) -> None:
    for edge in axis.spines.values():
        edge.set_visible(False)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelsize=8, labelcolor=INK)
