"""Pairs of pictures that are the same, or nearly so.

Two questions with two answers. Pictures are *near* if they come from one drawing: other crops, other colours, other
expressions, mirror images. A split may not part them. A *duplicate* shows nothing that the other does not, and may be
removed. Fingerprints alone answer the first only: a changed mouth or another hair colour moves them less than another
crop does. So duplicates must also agree in every place of the picture, colour included.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from konomi.data.building.fingerprints import BITS, Fingerprints
from konomi.data.progress import Progress, silent
from konomi.errors import InputError
from konomi.images import read, resize

ROWS = 1024  # compared at once with all others: 140 MB for 35,000 pictures
COMPARED_SIDE = 48  # pixels
PLACE = 3  # pixels of those: a mouth or an eye's highlight in a close crop


@dataclass(frozen=True)
class Thresholds:
    """What counts as near, as a duplicate. Chosen on 35,404 faces; the log says what was seen on either side."""

    near: int = 130  # bits of 512 in which fingerprints of one group may differ: beyond, strangers soon outnumber kin
    duplicate: int = 48  # and those of a duplicate
    difference: float = 30.0  # largest difference of any place, of 255; the first changed mouth was seen at 34

    def __post_init__(self) -> None:
        if not 0 <= self.duplicate <= self.near < BITS // 2:
            raise InputError(
                f"near is {self.near} and duplicate is {self.duplicate}: 0 <= duplicate <= near < {BITS // 2} bits"
            )


@dataclass(frozen=True)
class Pair:
    """Two pictures that are near each other."""

    first: int
    second: int
    distance: int  # bits of 512
    mirrored: bool  # the second must be mirrored to look like the first
    same: str = ""  # "bytes" or "pixels", where these are equal
    difference: float | None = None  # largest difference of any place, of 255; None: too far to be a duplicate
    duplicate: bool = False

    @property
    def reason(self) -> str:
        mirrored = ", mirrored" if self.mirrored else ""
        if self.same:
            return f"same {self.same}{mirrored}"
        place = "" if self.difference is None else f", largest difference {self.difference:.0f}"
        return f"perceptual distance {self.distance}{mirrored}{place}"


def find_pairs(
    prints: Fingerprints,
    hashes: Sequence[str],
    paths: Sequence[Path],
    thresholds: Thresholds,
    *,
    progress: Progress = silent,
) -> list[Pair]:
    """All pairs of pictures at most `thresholds.near` apart, the nearer of straight and mirrored; first < second.

    Every picture is compared with every other one, as a product of matrices of -1 and 1: exact, and 20 s for 35,000
    pictures and their mirror images on one core.

    Parameters
    ----------
    prints, hashes, paths
        Of the same N pictures: fingerprints, SHA-256 of the files, where they lie (only the nearest pairs are read).
    """
    found: dict[tuple[int, int], tuple[int, bool]] = {}
    blocks = range(0, len(prints), ROWS)
    straight, mirrored = (_signs(bits) for bits in (prints.bits, prints.mirrored_bits))
    for start in progress(blocks, len(blocks), what="comparing"):
        for others, is_mirrored in ((straight, False), (mirrored, True)):
            for first, second, distance in _near(straight, others, start, thresholds.near):
                known = found.get((first, second))
                if known is None or distance < known[0]:
                    found[first, second] = (distance, is_mirrored)
    small = lru_cache(maxsize=4096)(lambda row: _small(paths[row]))
    pairs = (Pair(first, second, *how) for (first, second), how in sorted(found.items()))
    return [_judge(pair, prints, hashes, small, thresholds) for pair in pairs]


def _signs(bits: np.ndarray) -> np.ndarray:
    return bits.astype(np.float32) * 2 - 1


def _near(rows: np.ndarray, others: np.ndarray, start: int, limit: int) -> Iterable[tuple[int, int, int]]:
    """(row, later row, distance) of one block: a product of signs is BITS - 2 * distance."""
    products = rows[start : start + ROWS] @ others[start:].T
    first, second = np.nonzero(products >= BITS - 2 * limit)
    distances = ((BITS - products[first, second]) / 2).astype(int)
    later = second > first
    return zip(
        (first[later] + start).tolist(), (second[later] + start).tolist(), distances[later].tolist(), strict=True
    )


def _judge(
    pair: Pair,
    prints: Fingerprints,
    hashes: Sequence[str],
    small: Callable[[int], Image.Image],
    thresholds: Thresholds,
) -> Pair:
    same = _same(pair, prints, hashes)
    if same:
        return Pair(pair.first, pair.second, pair.distance, pair.mirrored, same, 0.0, duplicate=True)
    if pair.distance > thresholds.duplicate:
        return pair
    one, other = small(pair.first), small(pair.second)
    difference = largest_difference(one, ImageOps.mirror(other) if pair.mirrored else other)
    is_duplicate = difference <= thresholds.difference
    return Pair(pair.first, pair.second, pair.distance, pair.mirrored, "", difference, is_duplicate)


def _same(pair: Pair, prints: Fingerprints, hashes: Sequence[str]) -> str:
    if hashes[pair.first] == hashes[pair.second]:
        return "bytes"
    others = prints.mirrored_pixels if pair.mirrored else prints.pixels
    return "pixels" if prints.pixels[pair.first] == others[pair.second] else ""


def _small(path: Path) -> Image.Image:
    return resize(read(path), COMPARED_SIDE)


def largest_difference(one: Image.Image, other: Image.Image) -> float:
    """The largest difference of the means of any 3 x 3 pixels, in any colour, of two pictures of one size: 0 to 255."""
    difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(difference, (PLACE, PLACE), axis=(0, 1))
    return float(np.abs(windows.mean(axis=(-2, -1))).max())
