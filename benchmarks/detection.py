"""Are pasted faces found, and nothing else? The built-in detector and the cascade, on the same scenes.

    python benchmarks/detection.py DATA --cascade lbpcascade_animeface.xml --out benchmarks/detection.json

Faces whose file name begins with `e`, never trained on, are pasted whole at known random places and sizes (24 to 400
px, evenly in the logarithm), mirrored, tilted, darkened and blurred by chance. The backgrounds are made by other means
and other seeds than those of training (`konomi.model.scenes`): fractal noise, mosaics, rings, tartan, walks, masonry,
pieces of portraits without a face, and, with scikit-learn, two photographs. A face counts as found if a box has an
intersection over union of at least 0.5 with its head box. That is where the cascade frames the head in the face's own
picture alone, or, where it finds none, where it usually does; so the truth leans towards the cascade.
"""

import argparse
import io
import json
import math
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from konomi.data.cropping.detect import Box, CascadeDetector, Detector, Found, NetworkDetector, head_box, overlap
from konomi.files import write_json
from konomi.model.scenes import Portrait, frame
from konomi.models import find_model, open_network, open_published

PACKS = ("game-faces-64", "booru-faces-96", "still-portraits-160")
# where the cascade usually finds a face in a picture of the pack: left, top and side, in sides of the picture
USUAL = {"game-faces-64": (0.015, 0.123, 0.973), "booru-faces-96": (0.031, 0.037, 0.938),
         "still-portraits-160": (0.119, 0.119, 0.758)}  # fmt: skip
SMALLEST, LARGEST = 24, 400  # pixels of the pasted head boxes
BINS = (24, 48, 100, 200, 400)
SEED = 77_000
HIT = 0.5


@dataclass(frozen=True)
class Scene:
    """A picture, and the head boxes in it."""

    picture: Image.Image
    heads: tuple[Box, ...]


def read_faces(data: Path, cascade: CascadeDetector | None, *, begin: str = "e", most: int = 10**9) -> list[Portrait]:
    """The faces of the three packs whose name begins with `begin`, in a mixed order; at most `most` of them."""
    named = []
    for pack in PACKS:
        with tarfile.open(data / f"{pack}.tar") as tar:
            for member in tar:
                name = Path(member.name).name
                if name.startswith(begin) and name.endswith(".jpg"):
                    named.append((name, pack, tar.extractfile(member).read()))  # type: ignore[union-attr]
    order = np.random.RandomState(SEED).permutation(len(named))[:most]
    faces = []
    for number in order:
        _, pack, content = named[number]
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        faces.append((frame(picture, cascade) if cascade else None) or _usual(picture, pack))
    return faces


def _usual(picture: Image.Image, pack: str) -> Portrait:
    left, top, right, bottom = (v * picture.width for v in head_box(*USUAL[pack]))
    return Portrait(picture, (left + right) / 2, (top + bottom) / 2, right - left)


class Painter:
    """Makes scenes and faceless tiles for measuring; the same seed makes the same ones."""

    def __init__(self, faces: Sequence[Portrait], *, seed: int = SEED) -> None:
        self.faces, self.dice = faces, np.random.RandomState(seed)
        self.photographs = _photographs()

    def scenes(self, count: int) -> list[Scene]:
        """Scenes with `count` faces in all, one to four in each."""
        scenes, left = [], count
        while left:
            scene = self.scene(min(left, int(self.dice.randint(1, 5))))
            scenes.append(scene)
            left -= len(scene.heads)
        return scenes

    def scene(self, most: int) -> Scene:
        """A scene with up to `most` faces (at least one) that do not cover one another."""
        width, height = (int(v) for v in self.dice.randint(640, 1000, 2))
        canvas = self.background(width, height)
        heads: list[Box] = []
        for number in range(most):
            face = self.faces[self.dice.randint(len(self.faces))]
            for _ in range(30):
                side = math.exp(self.dice.uniform(math.log(SMALLEST), math.log(LARGEST)))
                x, y = (self.dice.uniform(0.4 * side, v - 0.4 * side) for v in (width, height))
                around = _box(x, y, side * 1.5)
                if all(overlap(around, other) == 0 for other in heads):
                    heads.append(self._paste(canvas, face, x, y, side))
                    break
            assert heads or number
        return Scene(canvas, tuple(heads))

    def _paste(self, canvas: Image.Image, face: Portrait, x: float, y: float, side: float) -> Box:
        """Paste a face with the centre of its head at (x, y); returns its head box."""
        dice, scale = self.dice, side / face.side
        size = [max(4, round(v * scale)) for v in face.picture.size]
        picture = face.picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
        across, down = (face.x - face.picture.width / 2) * scale, (face.y - face.picture.height / 2) * scale
        if dice.rand() < 0.5:
            picture, across = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), -across
        picture = ImageEnhance.Brightness(picture).enhance(dice.uniform(0.7, 1.25))
        picture = picture.filter(ImageFilter.GaussianBlur(float(dice.choice([0, 0, dice.uniform(0, side / 40)]))))
        angle = math.radians(float(dice.choice([0, dice.uniform(-15, 15)])))
        mask = Image.new("L", picture.size, 255)
        turned, hole = (i.rotate(math.degrees(angle), Image.Resampling.BICUBIC, expand=True) for i in (picture, mask))
        across, down = (
            across * math.cos(angle) + down * math.sin(angle), down * math.cos(angle) - across * math.sin(angle)
        )  # fmt: skip
        place = round(x - across - turned.width / 2), round(y - down - turned.height / 2)
        canvas.paste(turned, place, hole)
        return _box(place[0] + turned.width / 2 + across, place[1] + turned.height / 2 + down, side)

    def tile(self) -> Image.Image:
        """A picture without a face, 200 to 640 px; one in three mostly of pieces of portraits."""
        width, height = (int(v) for v in self.dice.randint(200, 640, 2))
        pieces = self.faces and self.dice.rand() < 0.34
        return self._patchwork(width, height) if pieces else self.background(width, height)

    def background(self, width: int, height: int) -> Image.Image:
        kinds = [self._fractal, self._mosaic, self._rings, self._tartan, self._walks, self._masonry]
        kinds += [self._patchwork] if self.faces else []
        if self.photographs:
            kinds += [self._photograph, self._photograph]
        return kinds[self.dice.randint(len(kinds))](width, height)

    def _palette(self, count: int) -> np.ndarray:
        return self.dice.randint(0, 256, (count, 3)).astype(float)

    def _fractal(self, width: int, height: int) -> Image.Image:
        """Noise whose power falls with frequency, in the colours between two or three."""
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]) + 1 / 1000
        spectrum = np.fft.fft2(self.dice.standard_normal((height, width))) / frequency ** self.dice.uniform(0.6, 2)
        field = np.fft.ifft2(spectrum).real
        rank = np.clip((field - field.mean()) / (4 * field.std()) + 0.5, 0, 1)
        palette = self._palette(3)
        at = rank * 2
        low = np.minimum(at.astype(int), 1)
        part = (at - low)[..., None]
        return Image.fromarray((palette[low] * (1 - part) + palette[low + 1] * part).astype(np.uint8))

    def _mosaic(self, width: int, height: int) -> Image.Image:
        """Every pixel in the colour of the nearest of some points."""
        points = self.dice.uniform(0, 1, (self.dice.randint(8, 90), 2)) * (height, width)
        y, x = np.mgrid[:height:4, :width:4]
        far = (y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2
        small = Image.fromarray(self._palette(len(points))[far.argmin(axis=2)].astype(np.uint8))
        return small.resize((width, height), Image.Resampling.NEAREST)

    def _rings(self, width: int, height: int) -> Image.Image:
        y, x = np.mgrid[:height, :width]
        total = np.zeros((height, width))
        for _ in range(self.dice.randint(1, 4)):
            cy, cx = self.dice.uniform(0, 1, 2) * (height, width)
            total += np.sin(np.hypot(y - cy, x - cx) / self.dice.uniform(3, 40))
        part = ((total - total.min()) / np.ptp(total))[..., None]
        one, other = self._palette(2)
        return Image.fromarray((part * one + (1 - part) * other).astype(np.uint8))

    def _tartan(self, width: int, height: int) -> Image.Image:
        threads = np.repeat(self._palette(200), self.dice.randint(1, 30, 200), axis=0)
        threads = np.tile(threads, (2 + 2000 // len(threads), 1))
        return Image.fromarray(((threads[None, :width] + threads[:height, None]) / 2).astype(np.uint8))

    def _walks(self, width: int, height: int) -> Image.Image:
        """Random walks drawn as lines, as hair or scribble."""
        canvas = Image.new("RGB", (width, height), tuple(int(v) for v in self._palette(1)[0]))
        pen = ImageDraw.Draw(canvas)
        for colour in self._palette(self.dice.randint(5, 60)):
            steps = self.dice.normal(0, self.dice.uniform(3, 25), (60, 2)).cumsum(axis=0)
            points = steps + self.dice.uniform(0, 1, 2) * (width, height)
            pen.line([tuple(p) for p in points], fill=tuple(int(v) for v in colour), width=int(self.dice.randint(1, 9)))
        return canvas

    def _masonry(self, width: int, height: int) -> Image.Image:
        canvas = Image.new("RGB", (width, height), tuple(int(v) for v in self._palette(1)[0]))
        pen = ImageDraw.Draw(canvas)
        rise, base = self.dice.randint(8, 70), self._palette(1)[0]
        for row in range(height // rise + 1):
            x = -self.dice.randint(0, 2 * rise)
            while x < width:
                long = self.dice.randint(rise, 4 * rise)
                colour = tuple(int(v) for v in np.clip(base + self.dice.normal(0, 25, 3), 0, 255))
                pen.rectangle([x, row * rise, x + long - 3, (row + 1) * rise - 3], fill=colour)
                x += long
        return canvas

    def _photograph(self, width: int, height: int) -> Image.Image:
        photograph = self.photographs[self.dice.randint(len(self.photographs))]
        side = self.dice.uniform(0.3, 0.95) * min(photograph.width / width, photograph.height / height)
        wide, high = width * side, height * side
        x, y = self.dice.uniform(0, photograph.width - wide), self.dice.uniform(0, photograph.height - high)
        return photograph.resize((width, height), Image.Resampling.BICUBIC, box=(x, y, x + wide, y + high))

    def _patchwork(self, width: int, height: int) -> Image.Image:
        """Clothes and hair: what lies below, above and beside the heads of portraits, some of it much enlarged."""
        canvas = self._fractal(width, height)
        for _ in range(self.dice.randint(6, 30)):
            piece = self._faceless(self.faces[self.dice.randint(len(self.faces))])
            scale = math.exp(self.dice.uniform(math.log(30), math.log(400))) / max(piece.size)
            piece = piece.resize(tuple(max(2, round(v * scale)) for v in piece.size), Image.Resampling.BICUBIC)
            if self.dice.rand() < 0.3:
                piece = piece.filter(ImageFilter.GaussianBlur(self.dice.uniform(0, 8)))
            canvas.paste(piece, tuple(int(v) for v in self.dice.uniform(-40, 1, 2) + self.dice.rand(2) * canvas.size))
        return canvas

    def _faceless(self, face: Portrait) -> Image.Image:
        """Below the chin, above the brow, or one side, never with more than one eye."""
        width, height = face.picture.size
        half = face.side * 0.34
        good = [
            box for box in ((0, face.y + half, width, height), (0, 0, width, face.y - 0.3 * half),
                            (0, 0, face.x - half, height), (face.x + half, 0, width, height))
            if box[2] - box[0] >= 8 and box[3] - box[1] >= 8
        ]  # fmt: skip
        return face.picture.crop(tuple(int(v) for v in good[self.dice.randint(len(good))]))


def _photographs() -> list[Image.Image]:
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        return []
    return [Image.fromarray(i) for i in load_sample_images().images]


def _box(x: float, y: float, side: float) -> Box:
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def matched(heads: Sequence[Box], found: Sequence[Found]) -> list[float]:
    """For each head the overlap with its box, each box going to one head at most; 0 for what is not found."""
    free, result = list(found), []
    for head in heads:
        best = max(free, key=lambda f: overlap(f.box, head), default=None)
        hit = best is not None and overlap(best.box, head) >= HIT
        result.append(overlap(best.box, head) if best and hit else 0.0)
        if best and hit:
            free.remove(best)
    return result


def measure(detector: Detector, scenes: Sequence[Scene], tiles: Sequence[Image.Image] = ()) -> dict[str, Any]:
    """Shares of faces found, by size, and of faceless tiles with a box."""
    rows, extra = [], 0
    for scene in scenes:
        found = detector(scene.picture, smallest=SMALLEST * 0.8)
        hits = matched(scene.heads, found)
        rows += [(head[2] - head[0], hit) for head, hit in zip(scene.heads, hits, strict=True)]
        extra += len(found) - sum(hit > 0 for hit in hits)
    sides, overlaps = (np.array(column) for column in zip(*rows, strict=True))
    between = {f"{a}-{b}": overlaps[(sides >= a) & (sides < b)] for a, b in pairwise(BINS)}
    result: dict[str, Any] = {
        "faces": len(rows), "found": round(float((overlaps > 0).mean()), 4),
        "found_by_size": {name: round(float((o > 0).mean()), 3) for name, o in between.items() if len(o)},
        "mean_overlap_of_found": round(float(overlaps[overlaps > 0].mean()), 3),
        "scenes": len(scenes), "false_boxes_in_scenes": int(extra),
    }  # fmt: skip
    if tiles:
        boxes = [bool(detector(tile, smallest=SMALLEST * 0.8)) for tile in tiles]
        result |= {"tiles": len(tiles), "tiles_with_a_box": round(float(np.mean(boxes)), 4)}
    return result


def cost(detector: Detector, scenes: Sequence[Scene], smallest: float) -> float:
    """Milliseconds of one core for a megapixel."""
    detector(scenes[0].picture, smallest=smallest)
    start = time.process_time()
    for scene in scenes:
        detector(scene.picture, smallest=smallest)
    pixels = sum(s.picture.width * s.picture.height for s in scenes) / 1e6
    return round(1000 * (time.process_time() - start) / pixels, 1)


def in_place(detector: Detector, faces: Sequence[Portrait]) -> dict[str, Any]:
    """Faces found in the packs' own pictures, as they are: nothing pasted, little around the head."""
    hits = [max(matched([_box(f.x, f.y, f.side)], detector(f.picture, smallest=20))) > 0 for f in faces]
    return {"pictures": len(faces), "found": round(float(np.mean(hits)), 4)}


def drawn_scenes(count: int, *, seed: int = SEED) -> list[Scene]:
    """Avatars drawn by Konomi, pasted in the same way; their head box is that of the pack the model learned from."""
    import konomi

    avatars = [_usual(a, PACKS[0]) for a in konomi.draw(count=count, seed=5000, size=256)]
    return Painter(avatars, seed=seed).scenes(count)


def open_detector(name: str) -> NetworkDetector:
    path = Path(name)
    return NetworkDetector(*(open_network(path) if path.suffix else open_published(find_model(name, kind="detector"))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with the three .tar packs")
    parser.add_argument("--cascade", type=Path, required=True)
    parser.add_argument("--detector", default="faces", help="a published detector, or an .onnx file")
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--tiles", type=int, default=500)
    parser.add_argument("--begin", default="e", help="first letter of the faces' names")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="write the result as JSON")
    options = parser.parse_args()
    cascade, network = CascadeDetector(options.cascade), open_detector(options.detector)
    faces = read_faces(options.data, cascade, begin=options.begin)
    painter = Painter(faces, seed=options.seed)
    scenes = painter.scenes(options.faces)
    tiles = [painter.tile() for _ in range(options.tiles)]
    drawn = drawn_scenes(200, seed=options.seed + 1)
    detectors: dict[str, Detector] = {network.name: network, "cascade": cascade}
    result: dict[str, Any] = {"faces_begin_with": options.begin, "seed": options.seed, "detectors": {}}
    for name, detector in detectors.items():
        result["detectors"][name] = detector.facts | measure(detector, scenes, tiles) | {
            "drawn_by_konomi": measure(detector, drawn),
            "in_place": {pack: in_place(detector, _of_size(faces, int(pack[-2:]))) for pack in PACKS},
            "ms_per_megapixel": {f"from {v} px": cost(detector, scenes[:30], v) for v in (20, 34)},
        }  # fmt: skip
    print(json.dumps(result, indent=2))
    if options.out:
        write_json(options.out, result)


def _of_size(faces: Sequence[Portrait], ending: int) -> list[Portrait]:
    return [face for face in faces if face.picture.width % 100 == ending][:300]


if __name__ == "__main__":
    main()
