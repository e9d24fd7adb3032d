"""Where are the heads in a picture? Two detectors with one answer: boxes with scores, the best first.

Conventions
-----------
A *head box* is a square from the crown to just under the chin, most hair included. It is defined by the square that
nagadomi's face cascade finds: a little larger and moved up (`head_box`). Both detectors answer in head boxes, so that
their scores aside they can be exchanged. Boxes are floats (left, top, right, bottom) in pixels of the picture and may
reach beyond its edges, where the head does.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from konomi.errors import FileError, InputError, ModelError
from konomi.files import file_sha256

Box = tuple[float, float, float, float]
HEAD_SIZE = 1.1  # side of a head box, in sides of the cascade's square
HEAD_RISE = 0.1  # how far it is moved up, in the same measure
MIN_SCORE = (
    0.65  # from which the network's boxes count: chosen on scenes with faces that begin with d (docs/cropping.md)
)
MOST_PIXELS = 8_000_000  # that the network is shown at once: half a gigabyte of memory; larger pictures are reduced
OVERLAP = 0.35  # two boxes with a larger intersection over union are one head
INSIDE = 0.6  # or with a larger share of the smaller one inside the larger
CASCADE_SHA256 = "9376d30ac38db6bda2a68b88b3b76bbd7e6aa33af47f7f5c76bc88ca75f1ce30"
CASCADE_HOME = "github.com/nagadomi/lbpcascade_animeface (MIT licence)"


@dataclass(frozen=True)
class Found:
    """One head in a picture."""

    box: Box
    score: float  # in (0, 1]: larger is surer; two detectors' scores cannot be compared


class Detector(Protocol):
    """Finds heads. Safe to call from several threads."""

    @property
    def facts(self) -> dict[str, Any]:
        """What decides the result, for `stage.json`."""

    def __call__(self, picture: Image.Image, *, smallest: float) -> list[Found]:
        """The heads of an RGB picture whose side is at least about `smallest` pixels, the best first."""


def head_box(left: float, top: float, side: float) -> Box:
    """The head box of a square that the cascade found."""
    x, y, half = left + side / 2, top + side / 2 - HEAD_RISE * side, HEAD_SIZE * side / 2
    return (x - half, y - half, x + half, y + half)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    common = _common(one, other)
    return common / (_area(one) + _area(other) - common)


def _common(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def without_repeats(found: Sequence[Found]) -> list[Found]:
    """The best of every group of boxes that mean the same head, the best first."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: (-f.score, f.box)):
        if not any(_same(one.box, other.box) for other in kept):
            kept.append(one)
    return kept


def _same(one: Box, other: Box) -> bool:
    return overlap(one, other) > OVERLAP or _common(one, other) > INSIDE * min(_area(one), _area(other))


class NetworkDetector:
    """The built-in detector: a small network that looks at the picture at several sizes.

    It answers for heads of about 20 to 48 pixels; each reduction of the picture by two brings the next larger ones into
    that range. `session` and `facts` are what `konomi.models.open_network` returns.
    """

    def __init__(self, session: Any, facts: dict[str, Any], *, min_score: float | None = None) -> None:
        if facts.get("kind") != "detector":
            raise ModelError(f"{facts.get('name', 'this file')} is not a detector; see 'konomi models'")
        self.session = session
        self.name, self.sizes, self.stride = facts["name"], tuple(facts["sizes"]), facts["stride"]
        self.multiple, self.unit = facts["multiple"], math.sqrt(self.sizes[0] * self.sizes[1])
        self.min_score = MIN_SCORE if min_score is None else min_score

    @property
    def facts(self) -> dict[str, Any]:
        return {"detector": self.name, "min_score": self.min_score}

    def __call__(self, picture: Image.Image, *, smallest: float) -> list[Found]:
        found = [f for scale in self._scales(picture, smallest) for f in self._at(picture, scale)]
        return without_repeats(found)

    def _scales(self, picture: Image.Image, smallest: float) -> Iterator[float]:
        """From the one that shows heads of `smallest` px to the one that shows a head as large as the picture."""
        scale = min(1.0, self.sizes[0] / smallest, math.sqrt(MOST_PIXELS / (picture.width * picture.height)))
        while True:
            yield scale
            if self.sizes[1] / scale > max(picture.size):
                return
            scale /= 2

    def _at(self, picture: Image.Image, scale: float) -> list[Found]:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        small = picture if scale == 1 else picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3)
        pixels = np.asarray(small, dtype=np.float32) / 255
        # a plain border: the network knows heads with something around them, and some fill the picture
        border = [(self.multiple, self.multiple + -side % self.multiple) for side in pixels.shape[:2]]
        pixels = np.pad(pixels, [*border, (0, 0)], constant_values=0.5).transpose(2, 0, 1)[None]
        heat, shape = self.session.run(["heat", "shape"], {"picture": np.ascontiguousarray(pixels)})
        return [Found(self._in(picture, small, box), score) for box, score in self._peaks(heat[0, 0], shape[0])]

    def _in(self, picture: Image.Image, small: Image.Image, box: Box) -> Box:
        """A box in the bordered small picture as one in the picture."""
        across, down = picture.width / small.width, picture.height / small.height
        left, top, right, bottom = (v - self.multiple for v in box)
        return (left * across, top * down, right * across, bottom * down)

    def _peaks(self, heat: np.ndarray, shape: np.ndarray) -> Iterator[tuple[Box, float]]:
        """Local maxima of the heat map, with the boxes that the network gives for them."""
        padded = np.pad(heat, 1)
        rows, columns = heat.shape
        around = [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
        for y, x in np.argwhere((heat >= self.min_score) & (heat == np.max(around, axis=0))).tolist():
            right, down, size = shape[:, y, x].tolist()
            half = self.unit * math.exp(min(size, 2.0)) / 2
            cx, cy = (x + 0.5 + right) * self.stride, (y + 0.5 + down) * self.stride
            yield (cx - half, cy - half, cx + half, cy + half), float(heat[y, x])


class CascadeDetector:
    """nagadomi's cascade of local binary patterns for anime faces, run by OpenCV with its author's parameters.

    Xu names the cascade and not its parameters; these are those of nagadomi's own example: gray, equalised histogram,
    scale factor 1.1, 5 neighbours, at least 24 pixels. The score is n / (n + 5) for n neighbours.
    """

    scale_factor = 1.1
    min_neighbours = 5
    min_size = 24

    def __init__(self, path: Path) -> None:
        self._opencv = _import_opencv()
        self.sha256 = check_cascade(path)
        self.path = path
        self._local = threading.local()  # an OpenCV cascade must not be used by two threads at once
        self._cascade()

    @property
    def facts(self) -> dict[str, Any]:
        return {"detector": "cascade", "cascade_sha256": self.sha256}

    def __call__(self, picture: Image.Image, *, smallest: float) -> list[Found]:
        squares = self.squares(picture, smallest=smallest / HEAD_SIZE)
        return without_repeats([Found(head_box(x, y, side), n / (n + 5)) for x, y, side, n in squares])

    def squares(self, picture: Image.Image, *, smallest: float) -> list[tuple[int, int, int, int]]:
        """The cascade's own squares: left, top, side, and how many neighbouring windows agreed."""
        cv2 = self._opencv
        gray = cv2.equalizeHist(cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2GRAY))
        least = max(self.min_size, round(smallest))
        boxes, counts = self._cascade().detectMultiScale2(
            gray, scaleFactor=self.scale_factor, minNeighbors=self.min_neighbours, minSize=(least, least)
        )
        return [(int(x), int(y), int(side), int(n)) for (x, y, side, _), n in zip(boxes, counts, strict=True)]

    def _cascade(self) -> Any:
        if not hasattr(self._local, "cascade"):
            try:
                self._local.cascade = self._opencv.CascadeClassifier(str(self.path))
            except Exception:  # OpenCV raises cv2.error and SystemError, by version
                raise FileError(f"{self.path} is not a cascade that OpenCV can read; {_where()}") from None
            if self._local.cascade.empty():
                raise FileError(f"{self.path} is not a cascade that OpenCV can read; {_where()}")
        return self._local.cascade


def check_cascade(path: Path) -> str:
    """The SHA-256 of a cascade file; a FileError says where to get it if it does not exist."""
    if not path.is_file():
        raise FileError(f"there is no cascade file {path}; {_where()}")
    return file_sha256(path)


def _where() -> str:
    return f"get lbpcascade_animeface.xml from {CASCADE_HOME}, sha256 {CASCADE_SHA256}"


def no_cascade() -> InputError:
    """The error of a cascade that was asked for and not given."""
    return InputError(f"the cascade detector needs --cascade FILE or the variable KONOMI_CASCADE; {_where()}")


def _import_opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise InputError("the cascade needs OpenCV: pip install 'konomi[data]'") from None
    if not hasattr(cv2, "CascadeClassifier"):
        raise InputError(
            f"OpenCV {cv2.__version__} has no CascadeClassifier, which version 5 took out; "
            "pip install 'opencv-python-headless<5', or use the built-in detector (--detector faces)"
        )
    cv2.setNumThreads(1)  # pictures are looked at side by side
    return cv2
