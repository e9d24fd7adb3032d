"""The figures of a report: drawn pictures, their nearest real ones, obedience and confusion, as files in one folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from konomi.data.building.palette import slot_colours
from konomi.data.building.plots import slot_label
from konomi.data.picture_set import PictureSet
from konomi.files import whole
from konomi.images import read
from konomi.metrics.distances import Nearest
from konomi.metrics.figures import beside_neighbours, confusion_table, distance_histogram, grid, obedience_bars
from konomi.metrics.neighbours import nearest_real
from konomi.metrics.precision_recall import realism_scores
from konomi.schema import Schema

RANDOM, RANKED, ROWS, NEAR, PAIRS = 64, 16, 12, 4, 24  # pictures, rows of neighbours, neighbours, closest pairs
SMALL, LARGE = 54, 76  # pixels of a picture in a figure


class Gallery:
    """Draws the figures of a report into its folder, and adds to the report which pictures they show."""

    def __init__(
        self,
        pictures: Mapping[str, PictureSet],
        features: Mapping[str, np.ndarray],
        folder: Path,
        schema: Schema,
        seed: int,
    ) -> None:
        self.pictures, self.features, self.folder = pictures, features, folder
        self.schema, self.seed = schema, seed
        scores = realism_scores(real=features["real"], generated=features["drawn"])
        self.scores, self.order = scores, np.argsort(-scores, kind="stable")

    def draw(self, report: dict[str, Any]) -> dict[str, list[tuple[str, Path]]]:
        """(caption, file) by the title of the section that the figure belongs to."""
        near = nearest_real(real=self.features["real"], generated=self.features["drawn"], k=NEAR)
        return {
            "Drawn against real": self._grids(report),
            "Is it copying?": self._neighbours(near, report),
            "Is drawn what was asked?": self._obedience(report),
        }

    def _grids(self, report: dict[str, Any]) -> list[tuple[str, Path]]:
        count = min(RANKED, len(self.order))
        picked = np.random.default_rng(self.seed).permutation(len(self.order))[:RANDOM]
        best, worst = self.order[:count], self.order[::-1][:count]
        report["realism"] |= {"best": self._scored(best), "worst": self._scored(worst)}
        return [
            (f"{len(picked)} drawn pictures, picked at random", self._grid("random", picked, 16)),
            (f"The {count} that look most real (highest realism score)", self._grid("best", best, 8)),
            (f"The {count} that look least real", self._grid("worst", worst, 8)),
        ]

    def _scored(self, rows: Iterable[int]) -> list[dict[str, Any]]:
        """Files and realism scores; None for an exact copy, whose score is infinite."""
        files = self.pictures["drawn"].records
        return [
            {"file": files[row].file, "score": float(score) if np.isfinite(score := self.scores[row]) else None}
            for row in rows
        ]

    def _grid(self, name: str, rows: Iterable[int], columns: int) -> Path:
        return self._save_picture(name, grid([self._read("drawn", r) for r in rows], columns=columns, side=SMALL))

    def _neighbours(self, near: Nearest, report: dict[str, Any]) -> list[tuple[str, Path]]:
        best, count = self.order[:ROWS], near.index.shape[1]
        closest = np.argsort(near.distance[:, 0], kind="stable")[:PAIRS]
        report["copying"]["closest"] = [self._pair(near, row) for row in closest]
        rows = [self._with_neighbours(near, row, count) for row in best]
        pairs = [self._with_neighbours(near, row, 1) for row in closest]
        left = f"Left, the {len(best)} drawn pictures that look most real (highest realism score)"
        return [
            (f"{left}; right of each, the {count} real pictures nearest to it",
             self._save_picture("neighbours", beside_neighbours(rows, across=2, side=LARGE))),
            (f"The {len(closest)} closest pairs of all: left drawn, right real",
             self._save_picture("closest", beside_neighbours(pairs, across=6, side=60))),
            ("How far the nearest real picture is", self._save_figure("distances", self._histogram(near))),
        ]  # fmt: skip

    def _histogram(self, near: Nearest) -> Figure:
        held_out = self.features.get("held_out")
        if held_out is None:
            return distance_histogram(near.distance[:, 0], None)
        usual = nearest_real(real=self.features["real"], generated=held_out)
        return distance_histogram(near.distance[:, 0], usual.distance[:, 0])

    def _pair(self, near: Nearest, row: int) -> dict[str, Any]:
        drawn, real = self.pictures["drawn"], self.pictures["real"]
        return {
            "drawn": drawn.records[row].file,
            "real": real.records[near.index[row, 0]].file,
            "distance": float(near.distance[row, 0]),
        }

    def _with_neighbours(self, near: Nearest, row: int, count: int) -> tuple[Image.Image, list[Image.Image]]:
        return self._read("drawn", row), [self._read("real", r) for r in near.index[row, :count]]

    def _obedience(self, report: dict[str, Any]) -> list[tuple[str, Path]]:
        if "obedience" not in report:
            return []
        found = report["obedience"]
        labels = {slot: slot_label(slot, self.schema, full=True) for slot in self.schema.slots}
        bars = obedience_bars(found["tags"], labels, slot_colours(self.schema))
        tables = [self._confusion(name, np.array(counts)) for name, counts in found["confusion"].items()]
        return [("Obedience of each tag, with its 95% interval", self._save_figure("obedience", bars)), *tables]

    def _confusion(self, name: str, counts: np.ndarray) -> tuple[str, Path]:
        attribute = self.schema.attribute(name)
        title, values = attribute.label["en"], [value.label["en"] for value in attribute.values]
        caption = f"{title[0].upper()}{title[1:]}: what was asked and what is shown"
        return caption, self._save_figure(name, confusion_table(counts, values, title))

    def _read(self, name: str, row: int) -> Image.Image:
        return read(self.pictures[name].path(row))

    def _save_picture(self, name: str, picture: Image.Image) -> Path:
        path = self.folder / f"{name}.webp"
        with whole(path) as temporary:
            picture.save(temporary, "WEBP", quality=90, method=4)
        return path

    def _save_figure(self, name: str, figure: Figure) -> Path:
        path = self.folder / f"{name}.png"
        with whole(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110, facecolor="white", metadata={"Software": None})
        return path
