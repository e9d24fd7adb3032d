"""Scenes composed for training a head detector: portraits pasted at known places on made backgrounds.

Every portrait carries its head box (see `konomi.data.cropping.detect`), found once by the face cascade on the portrait
alone. A paste must not be told by its edges, so pieces without a face are pasted in the same way: hair, clothes, single
eyes, shuffled tiles. Some portraits are continued by their mirror image, some have soft or oval edges, some stand on a
drawn body.
"""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from konomi.data.cropping.detect import CascadeDetector, head_box
from konomi.data.dataset import PICTURES
from konomi.errors import FileError
from konomi.images import read

FRAME = 192  # portraits are enlarged to this before the cascade looks at them, with a quarter of border around
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Portrait:
    """A picture of one face, and where its head is, in pixels of the picture."""

    picture: Image.Image
    x: float  # centre of the head box
    y: float
    side: float


@dataclass
class Head:
    """A head in a scene: centre and side in pixels, and the share of its box that nothing covers."""

    x: float
    y: float
    side: float
    visible: float


def choose(folders: Sequence[Path], count: int, leave_out: str) -> list[Path]:
    """At most `count` pictures of each folder, by chance but always the same; a FileError names an empty folder."""
    chosen: list[Path] = []
    for folder in folders:
        names = [p for p in folder.glob("*") if p.suffix.lower() in PICTURES and p.name[0] not in leave_out]
        if not names:
            raise FileError(f"{folder} holds no pictures ({', '.join(sorted(PICTURES))})")
        chosen += random.Random(0).sample(sorted(names), min(count, len(names)))
    return chosen


def read_portraits(
    paths: Sequence[Path], cascade: CascadeDetector, *, report: Callable[[str], None] = lambda text: None
) -> list[Portrait]:
    """The pictures in which the cascade finds a face; a FileError if it finds none at all."""
    found = [p for path in paths if (p := frame(read(path), cascade)) is not None]
    report(f"{len(found)} of {len(paths)} pictures have a face that the cascade finds")
    if not found:
        raise FileError(f"the cascade finds no face in any of {len(paths)} pictures")
    return found


def frame(picture: Image.Image, cascade: CascadeDetector) -> Portrait | None:
    """`picture` with the head box of its largest face; None where the cascade finds none.

    The cascade looks at it enlarged and with its edges continued, for many faces reach over the edge.
    """
    scale, border = FRAME / picture.width, FRAME // 4
    large = picture.resize((FRAME, round(picture.height * scale)), Image.Resampling.BICUBIC)
    padded = np.pad(np.asarray(large), [(border, border), (border, border), (0, 0)], mode="edge")
    squares = cascade.squares(Image.fromarray(padded), smallest=FRAME * 0.4)
    if not squares:
        return None
    x, y, side, _ = max(squares, key=lambda s: s[2])
    left, top, right, bottom = (v / scale for v in head_box(x - border, y - border, side))
    return Portrait(picture, (left + right) / 2, (top + bottom) / 2, right - left)


class Composer:
    """Makes scenes from portraits; the same seed makes the same ones."""

    def __init__(self, portraits: Sequence[Portrait], *, size: int, seed: int) -> None:
        self.portraits, self.size, self.dice = portraits, size, np.random.RandomState(seed)

    def scene(self) -> tuple[np.ndarray, list[Head]]:
        """One scene, uint8 (size, size, 3), and the heads in it."""
        canvas = self.background()
        heads: list[Head] = []
        for _ in range(self.dice.randint(0, 4)):
            self._paste(canvas, self._piece(), heads)
        for _ in range(self.dice.choice([0, 1, 2, 3, 5], p=[0.12, 0.38, 0.28, 0.15, 0.07])):
            self._paste_head(canvas, heads)
        for _ in range(self.dice.randint(0, 2)):
            self._paste(canvas, self._piece(), heads)
        return self._finish(canvas), [h for h in heads if h.visible > 0.05]

    # -- heads

    def _paste_head(self, canvas: Image.Image, heads: list[Head]) -> None:
        portrait = self._pick()
        side = self._head_side()
        x, y = self.dice.uniform(-0.1 * side, self.size + 0.1 * side, 2)
        if self.dice.rand() < 0.35:
            self._body(canvas, portrait, x, y, side, heads)
        picture, mask, dx, dy = self._turned(portrait, side)
        place = round(x - dx), round(y - dy)
        self._cover(canvas, picture, mask, place, heads)
        heads.append(Head(place[0] + dx, place[1] + dy, side, visible=1.0))

    def _head_side(self) -> float:
        """Mostly what the network is to answer for, some smaller and some larger."""
        low, high = ((18, 54), (9, 18), (54, 200))[self.dice.choice(3, p=[0.75, 0.1, 0.15])]
        return float(np.exp(self.dice.uniform(np.log(low), np.log(high))))

    def _turned(self, portrait: Portrait, side: float) -> tuple[Image.Image, Image.Image, float, float]:
        """The portrait with its head `side` px wide, mirrored, tilted and cut out; and where the head's centre is."""
        picture, x, y = portrait.picture, portrait.x, portrait.y
        if self.dice.rand() < 0.4:
            picture, more = self._continued(picture)
            x, y = x + more, y + more
        if self.dice.rand() < 0.5:
            picture, x = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), picture.width - x
        scale = side / portrait.side
        width, height = (max(4, round(v * scale)) for v in picture.size)
        x, y = x * width / picture.width - width / 2, y * height / picture.height - height / 2
        picture = self._recoloured(picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3))
        mask = self._mask(width, height)
        if self.dice.rand() < 0.6:
            angle = float(np.clip(self.dice.normal(0, 10), -30, 30))
            picture, mask = _rotated(picture, angle), _rotated(mask, angle)
            cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            x, y = x * cosine + y * sine, y * cosine - x * sine
        return picture, mask, picture.width / 2 + x, picture.height / 2 + y

    def _continued(self, picture: Image.Image) -> tuple[Image.Image, int]:
        """The picture with a border of its mirror image: hair and clothes that go on."""
        more = int(picture.width * self.dice.uniform(0.05, 0.3))
        return Image.fromarray(np.pad(np.asarray(picture), [(more, more), (more, more), (0, 0)], mode="reflect")), more

    def _mask(self, width: int, height: int) -> Image.Image:
        """What of a rectangle is seen: all of it, with soft edges, or an oval."""
        kind = self.dice.choice(3, p=[0.4, 0.35, 0.25])
        if kind == 0:
            return Image.new("L", (width, height), 255)
        mask = Image.new("L", (width, height), 0)
        rim = min(width, height) * self.dice.uniform(0.01, 0.06)
        box = [rim, rim, width - 1 - rim, height - 1 - rim]
        pen = ImageDraw.Draw(mask)
        if kind == 1:
            pen.rounded_rectangle(box, radius=min(width, height) * self.dice.uniform(0, 0.4), fill=255)
        else:
            pen.ellipse(box, fill=255)
        return mask.filter(ImageFilter.GaussianBlur(rim * self.dice.uniform(0.2, 0.7)))

    def _body(self, canvas: Image.Image, who: Portrait, x: float, y: float, side: float, heads: list[Head]) -> None:
        """Hair behind the head, a neck, shoulders and arms below it, in colours of the portrait."""
        layer, mask = Image.new("RGB", canvas.size), Image.new("L", canvas.size, 0)
        pens = ImageDraw.Draw(layer), ImageDraw.Draw(mask)
        hair, skin = (self._colour_of(who, at) for at in ((0.0, -0.42), (0.0, 0.12)))
        wide, long = side * self.dice.uniform(0.4, 0.7), side * self.dice.uniform(0.5, 1.8)
        shoulder, hip = side * self.dice.uniform(0.5, 1.0), side * self.dice.uniform(1.2, 3.0)
        chin = y + side * 0.4
        shapes = [
            ("ellipse", [x - wide, y - side * 0.6, x + wide, y + long], hair),
            ("rectangle", [x - side * 0.12, chin - side * 0.2, x + side * 0.12, chin + side * 0.3], skin),
            ("polygon", [x - shoulder, chin + hip, x - shoulder * 0.8, chin + side * 0.3, x, chin + side * 0.1,
                         x + shoulder * 0.8, chin + side * 0.3, x + shoulder, chin + hip], self._colour()),
        ]  # fmt: skip
        for name, points, colour in shapes:
            if self.dice.rand() < 0.8:
                getattr(pens[0], name)(points, fill=colour)
                getattr(pens[1], name)(points, fill=255)
        self._cover(canvas, layer, mask, (0, 0), heads)

    def _colour_of(self, who: Portrait, at: tuple[float, float]) -> Colour:
        x, y = (
            int(np.clip(c + o * who.side, 0, who.picture.width - 1)) for c, o in zip((who.x, who.y), at, strict=True)
        )
        r, g, b = who.picture.getpixel((x, min(y, who.picture.height - 1)))  # type: ignore[misc]
        return int(r), int(g), int(b)

    # -- what is no head

    def _piece(self) -> Image.Image:
        """A piece of a portrait that shows no face: hair, clothes, one eye, or tiles in disorder."""
        portrait = self._pick()
        picture, side = portrait.picture, portrait.side
        kind = self.dice.choice(3, p=[0.4, 0.3, 0.3])
        if kind == 0:
            return self._outside(portrait)
        if kind == 1:
            cut = max(4.0, side * self.dice.uniform(0.12, 0.38))
            x, y = (self.dice.uniform(0, max(1, v - cut)) for v in picture.size)
            return picture.crop((int(x), int(y), int(x + cut), int(y + cut)))
        count = self.dice.randint(3, 6)
        tile = picture.width // count
        tiles = np.asarray(picture)[: tile * count, : tile * count].reshape(count, tile, count, tile, 3)
        tiles = tiles.transpose(0, 2, 1, 3, 4).reshape(count * count, tile, tile, 3)[
            self.dice.permutation(count * count)
        ]
        joined = (
            tiles.reshape(count, count, tile, tile, 3).transpose(0, 2, 1, 3, 4).reshape(count * tile, count * tile, 3)
        )
        return Image.fromarray(joined)

    def _outside(self, portrait: Portrait) -> Image.Image:
        """The largest strips around the head: beside, above or below the middle of the face."""
        width, height = portrait.picture.size
        half = portrait.side * 0.36
        strips = [
            (0, 0, portrait.x - half, height), (portrait.x + half, 0, width, height),
            (0, 0, width, portrait.y - half), (0, portrait.y + half, width, height),
        ]  # fmt: skip
        good = [s for s in strips if s[2] - s[0] >= 6 and s[3] - s[1] >= 6]
        box = good[self.dice.randint(len(good))] if good else (0, 0, width, max(2, height // 6))
        return portrait.picture.crop(tuple(int(v) for v in box))  # type: ignore[arg-type]

    def _paste(self, canvas: Image.Image, piece: Image.Image, heads: list[Head]) -> None:
        side = float(np.exp(self.dice.uniform(np.log(12), np.log(self.size))))
        scale = side / max(piece.size)
        width, height = (max(3, round(v * scale)) for v in piece.size)
        picture = self._recoloured(piece.resize((width, height), Image.Resampling.BICUBIC))
        mask = self._mask(width, height)
        angle = float(self.dice.choice([0, self.dice.uniform(-180, 180)]))
        picture, mask = _rotated(picture, angle), _rotated(mask, angle)
        x, y = self.dice.uniform(-side / 2, self.size - side / 2, 2)
        self._cover(canvas, picture, mask, (round(x), round(y)), heads)

    # -- shared

    def _cover(
        self, canvas: Image.Image, picture: Image.Image, mask: Image.Image, place: tuple[int, int], heads: list[Head]
    ) -> None:
        """Paste, and see what of the earlier heads is left."""
        canvas.paste(picture, place, mask)
        for head in heads:
            half = head.side / 2
            left, top = round(head.x - half) - place[0], round(head.y - half) - place[1]
            if left > mask.width or top > mask.height or left + head.side < 0 or top + head.side < 0:
                continue
            covered = mask.crop((left, top, round(left + head.side), round(top + head.side)))  # black outside
            head.visible *= 1 - float(np.asarray(covered).mean()) / 255

    def _pick(self) -> Portrait:
        return self.portraits[self.dice.randint(len(self.portraits))]

    def _colour(self) -> Colour:
        r, g, b = self.dice.randint(0, 256, 3)
        return int(r), int(g), int(b)

    def _recoloured(self, picture: Image.Image) -> Image.Image:
        dice = self.dice
        if dice.rand() < 0.5:
            picture = ImageEnhance.Brightness(picture).enhance(dice.uniform(0.6, 1.35))
            picture = ImageEnhance.Contrast(picture).enhance(dice.uniform(0.6, 1.4))
            picture = ImageEnhance.Color(picture).enhance(dice.choice([0.0, dice.uniform(0.3, 1.7)], p=[0.2, 0.8]))
        if dice.rand() < 0.15:
            picture = picture.filter(ImageFilter.GaussianBlur(dice.uniform(0.3, 1.3)))
        return picture

    def _finish(self, canvas: Image.Image) -> np.ndarray:
        """The whole scene a little darker, noisier, or saved as a poor JPEG."""
        canvas = self._recoloured(canvas) if self.dice.rand() < 0.25 else canvas
        if self.dice.rand() < 0.2:
            buffer = io.BytesIO()
            canvas.save(buffer, "JPEG", quality=int(self.dice.randint(25, 90)))
            canvas = Image.open(buffer)
        pixels = np.asarray(canvas)
        if self.dice.rand() < 0.2:
            noise = self.dice.normal(0, self.dice.uniform(2, 12), pixels.shape)
            pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        return pixels

    # -- backgrounds

    def background(self) -> Image.Image:
        """One of the kinds, or two of them side by side."""
        kinds = [self._gradient, self._noise, self._shapes, self._stripes, self._text, self._close_up, self._pieces]
        chosen = kinds[self.dice.choice(len(kinds), p=[0.15, 0.15, 0.25, 0.1, 0.1, 0.1, 0.15])]()
        if self.dice.rand() < 0.25:
            other = kinds[self.dice.randint(len(kinds))]()
            edge = int(self.dice.uniform(0.2, 0.8) * self.size)
            box = (edge, 0, self.size, self.size) if self.dice.rand() < 0.5 else (0, edge, self.size, self.size)
            chosen.paste(other.crop(box), box)
        return chosen

    def _gradient(self) -> Image.Image:
        corners = self.dice.randint(0, 256, (2, 2, 3), dtype=np.uint8)
        if self.dice.rand() < 0.4:
            corners[:] = corners[:1, :1]
        return Image.fromarray(corners).resize((self.size, self.size), Image.Resampling.BILINEAR)

    def _noise(self) -> Image.Image:
        total = np.zeros((self.size, self.size, 3))
        for cells in (3, 6, 13, 27, 60):
            grid = self.dice.randint(0, 256, (cells, cells, 3), dtype=np.uint8)
            layer = Image.fromarray(grid).resize((self.size, self.size), Image.Resampling.BICUBIC)
            total += np.asarray(layer) * self.dice.rand()
        total -= total.min()
        return Image.fromarray((total * (255 / max(total.max(), 1))).astype(np.uint8))

    def _shapes(self) -> Image.Image:
        canvas = self._gradient()
        pen = ImageDraw.Draw(canvas)
        largest = self.size * self.dice.choice([0.1, 0.3, 0.8])
        for _ in range(self.dice.randint(4, 40)):
            x, y = self.dice.uniform(0, self.size, 2)
            width, height = self.dice.uniform(2, largest, 2)
            box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
            outline = self._colour() if self.dice.rand() < 0.4 else None
            kind = self.dice.randint(4)
            if kind == 0:
                pen.ellipse(box, fill=self._colour(), outline=outline)
            elif kind == 1:
                pen.rectangle(box, fill=self._colour(), outline=outline)
            elif kind == 2:
                pen.polygon([tuple(p) for p in self.dice.uniform(-0.6, 0.6, (5, 2)) * largest + (x, y)], self._colour())
            else:
                pen.line(box, fill=self._colour(), width=int(self.dice.randint(1, 5)))
        return canvas

    def _stripes(self) -> Image.Image:
        y, x = np.mgrid[: self.size, : self.size]
        angle, period = self.dice.uniform(0, np.pi), self.dice.uniform(3, 50)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        if self.dice.rand() < 0.5:
            wave = wave * np.sin((y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / period)
        weight = (wave > self.dice.uniform(-0.5, 0.5)).astype(float)[..., None]
        return Image.fromarray((weight * self._colour() + (1 - weight) * self._colour()).astype(np.uint8))

    def _text(self) -> Image.Image:
        canvas = self._gradient()
        pen = ImageDraw.Draw(canvas)
        for _ in range(self.dice.randint(2, 14)):
            word = "".join(chr(c) for c in self.dice.randint(33, 127, self.dice.randint(1, 24)))
            place = tuple(self.dice.uniform(-10, self.size, 2))
            pen.text(place, word, fill=self._colour(), font=ImageFont.load_default(int(self.dice.randint(7, 60))))
        return canvas

    def _close_up(self) -> Image.Image:
        """A part of a face so large that no head can be seen."""
        portrait = self._pick()
        cut = max(4.0, portrait.side * self.dice.uniform(0.1, 0.3))
        x, y = (portrait.x + self.dice.uniform(-0.5, 0.3) * portrait.side for _ in range(2))
        box = (x, y, x + cut, y + cut)
        return portrait.picture.resize((self.size, self.size), Image.Resampling.BICUBIC, box=_inside(box, portrait))

    def _pieces(self) -> Image.Image:
        canvas = self._gradient()
        for _ in range(self.dice.randint(4, 12)):
            self._paste(canvas, self._piece(), [])
        return canvas


def _rotated(picture: Image.Image, angle: float) -> Image.Image:
    return picture.rotate(angle, Image.Resampling.BILINEAR, expand=True)


def _inside(box: tuple[float, float, float, float], portrait: Portrait) -> tuple[float, float, float, float]:
    """`box` moved into the portrait."""
    width, height = portrait.picture.size
    dx = min(max(box[0], 0), width - (box[2] - box[0])) - box[0]
    dy = min(max(box[1], 0), height - (box[3] - box[1])) - box[1]
    return (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)
