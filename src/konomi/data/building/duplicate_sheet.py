"""A sheet of groups of near pictures, to look at: what is kept in green, what would be removed in red."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from konomi.data.building.duplicates import Likeness
from konomi.data.building.pairs import Pair
from konomi.images import read, resize
from konomi.record import Record

SIDE, FRAME, GAP, CAPTION = 96, 4, 14, 14  # pixels
STEP = SIDE + 2 * FRAME
WIDTH = 1600
MOST = (WIDTH - 2 * GAP) // STEP  # pictures of one group
KEPT, REMOVED, NEAR = "#1a9641", "#d7191c", "#c8c8c8"


def draw_groups(stage: Path, records: Sequence[Record], likeness: Likeness, *, limit: int = 150) -> Image.Image:
    """The first `limit` groups, those with duplicates and then the largest first; a caption tells the nearest pair."""
    order = sorted(likeness.groups, key=lambda group: (-_removed(group, likeness), -len(group)))[:limit]
    captions = _captions(likeness)
    places, height = _places([min(len(group), MOST) for group in order])
    sheet = Image.new("RGB", (WIDTH, height), "white")
    pen = ImageDraw.Draw(sheet)
    for group, (left, top) in zip(order, places, strict=True):
        more = f" (+{len(group) - MOST} pictures)" if len(group) > MOST else ""
        pen.text((left, top), captions[group[0]] + more, fill="black")
        for number, row in enumerate(group[:MOST]):
            place = (left + number * STEP, top + CAPTION)
            sheet.paste(_colour(row, likeness), (*place, place[0] + STEP, place[1] + STEP))
            sheet.paste(resize(read(stage / records[row].file), SIDE), (place[0] + FRAME, place[1] + FRAME))
    return sheet


def _removed(group: list[int], likeness: Likeness) -> int:
    return len(likeness.removed.intersection(group))


def _captions(likeness: Likeness) -> dict[int, str]:
    """How near each group's nearest pair is, by the group's first row."""
    first_of = {row: group[0] for group in likeness.groups for row in group}
    farthest_first = sorted(likeness.pairs, key=lambda pair: -pair.distance)
    return {first_of[pair.first]: _caption(pair) for pair in farthest_first}


def _caption(pair: Pair) -> str:
    told = f"same {pair.same}" if pair.same else f"distance {pair.distance}"
    place = "" if pair.same or pair.difference is None else f", place {pair.difference:.0f}"
    return told + place + (", mirrored" if pair.mirrored else "")


def _places(lengths: Sequence[int]) -> tuple[list[tuple[int, int]], int]:
    """Where each group begins, from left to right and row by row; and the height of the whole."""
    places, left, top = [], GAP, GAP
    for length in lengths:
        width = max(length, 2) * STEP
        if left > GAP and left + width > WIDTH - GAP:
            left, top = GAP, top + CAPTION + STEP + GAP
        places.append((left, top))
        left += width + GAP
    return places, top + CAPTION + STEP + GAP


def _colour(row: int, likeness: Likeness) -> str:
    if any(row == choice.kept for choice in likeness.choices):
        return KEPT
    return REMOVED if row in likeness.removed else NEAR
