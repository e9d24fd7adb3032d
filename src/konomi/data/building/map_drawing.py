"""Maps as pictures: thumbnails framed in the colours of a tag (not to be published), or dots (may be)."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from konomi.data.building.map import Panel, spread
from konomi.data.building.palette import INK
from konomi.data.progress import Progress, silent
from konomi.images import resize

FRAME = 5  # pixels around a thumbnail
FILLED = 0.6  # share of the canvas that thumbnails cover
MARGIN = 40  # pixels
BACKGROUND = "#ffffff"


def draw_thumbnails(
    places: np.ndarray,
    pictures: Sequence[Image.Image],
    panels: Sequence[Panel],
    *,
    side: int = 56,
    progress: Progress = silent,
) -> Image.Image:
    """The pictures at their places, once for each tag, framed in the colour of its value; legends above.

    Parameters
    ----------
    places : array (N, 2) in [0, 1]
    pictures : N pictures
    side : int
        Pixels of a thumbnail; the canvas is so large that they cover 60% of it, moved apart where they overlap.
    """
    step = side + 2 * FRAME
    width = math.ceil(math.sqrt(len(pictures) * step**2 / FILLED))
    centres = spread(places * width, step, progress=progress)
    centres -= centres.min(axis=0) - step / 2
    area = np.ceil(centres.max(axis=0) + step / 2).astype(int)
    small = [resize(picture, side) for picture in pictures]
    drawn = [_draw_one(centres, area, small, panel, side) for panel in panels]
    return _tiled(drawn)


def _draw_one(
    centres: np.ndarray, area: np.ndarray, pictures: Sequence[Image.Image], panel: Panel, side: int
) -> Image.Image:
    legend = _legend(panel, int(area[0]))
    canvas = Image.new("RGB", (int(area[0]) + 2 * MARGIN, int(area[1]) + legend.height + 3 * MARGIN), BACKGROUND)
    canvas.paste(legend, (MARGIN, MARGIN))
    pen = ImageDraw.Draw(canvas)
    step, top = side + 2 * FRAME, legend.height + 2 * MARGIN
    for (x, y), picture, kind in zip(centres, pictures, panel.of, strict=True):
        left, upper = round(x - step / 2) + MARGIN, round(y - step / 2) + top
        box = (left, upper, left + step - 1, upper + step - 1)
        pen.rectangle(box, fill=panel.kinds[kind].colour, outline=INK)
        canvas.paste(picture, (left + FRAME, upper + FRAME))
    return canvas


def _legend(panel: Panel, width: int) -> Image.Image:
    """The title, and a swatch with name and count for each kind, in as many lines as need be."""
    size = max(22, width // 70)
    font, title = ImageFont.load_default(size), ImageFont.load_default(round(size * 1.4))
    places, x, y = [], 0, round(size * 2.3)
    for kind in panel.kinds:
        length = round(size * 1.5 + font.getlength(f"{kind.name} {kind.count}") + size)
        if x and x + length > width:
            x, y = 0, y + round(size * 1.6)
        places.append((x, y))
        x += length
    image = Image.new("RGB", (width, y + round(size * 1.5)), BACKGROUND)
    pen = ImageDraw.Draw(image)
    pen.text((0, 0), panel.title, fill=INK, font=title)
    for kind, (left, top) in zip(panel.kinds, places, strict=True):
        pen.rectangle((left, top + size // 8, left + size, top + size // 8 + size), fill=kind.colour, outline=INK)
        pen.text((left + round(size * 1.4), top), f"{kind.name} {kind.count}", fill=INK, font=font)
    return image


def _tiled(images: Sequence[Image.Image]) -> Image.Image:
    """Side by side, nearly square."""
    columns = math.ceil(math.sqrt(len(images)))
    width, height = (max(getattr(image, name) for image in images) for name in ("width", "height"))
    canvas = Image.new("RGB", (columns * width, math.ceil(len(images) / columns) * height), BACKGROUND)
    for number, image in enumerate(images):
        canvas.paste(image, (number % columns * width, number // columns * height))
    return canvas


def draw_dots(places: np.ndarray, panels: Sequence[Panel]) -> Figure:
    """A dot for each picture, coloured by its value, once for each tag."""
    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(7.5 * columns, 7.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        _dots(axis, places, panel)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    return figure


def _dots(axis: Axes, places: np.ndarray, panel: Panel) -> None:
    area = min(60.0, 30000 / len(places))
    for number, kind in enumerate(panel.kinds):
        chosen = places[panel.of == number]
        label = f"{kind.name} {kind.count:,}"
        axis.scatter(chosen[:, 0], chosen[:, 1], s=area, c=kind.colour, edgecolors=INK, linewidths=0.3, label=label)
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.invert_yaxis()  # as in the thumbnails
    axis.set_title(panel.title, loc="left", fontsize=11, color=INK)
    axis.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.01), frameon=False, fontsize=8, labelcolor=INK)
    for edge in axis.spines.values():
        edge.set_color("#d7dade")
