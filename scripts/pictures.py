"""Draw the pictures of the README and the guides with the newest models: seeds in a row, none picked.

python scripts/pictures.py [MODEL]
"""

import sys
from pathlib import Path

from PIL import Image

import konomi
from konomi.images import resize, sheet

OUT = Path(__file__).parents[1] / "docs" / "pictures"
SEEDS = range(20, 28)
SIDE = 112
COLOURS = [
    ("blonde", "blue"), ("brown", "green"), ("black", "red"), ("blue", "yellow"), ("pink", "purple"),
    ("green", "brown"), ("red", "green"), ("silver", "blue"), ("orange", "aqua"), ("aqua", "red"),
]  # fmt: skip
WORDS = [
    "a girl with glasses and short black hair", "twintails, pink hair, smile", "a girl with a hat, blonde hair",
    "open mouth, blush, orange hair", "a boy with brown hair", "drill hair, blonde, a ribbon", "ponytail, red hair",
    "dark skin, white hair", "wide shot, long blue hair",
]  # fmt: skip


FREE = [
    "long pink hair, sunglasses, blue background", "mohawk, green hair, beard", "brown bob, glasses, smile",
    "space buns, purple hair, flowers", "black hair, dark skin, closed eyes", "short red hair, green eyes, open mouth",
    "gray ponytail, blue eyes", "curly blonde hair, green background",
]  # fmt: skip


FIRST = [
    "long silver hair, red eyes", "a girl with short brown hair, green eyes, smile", "long blue hair, purple eyes",
    "a boy with black hair", "blonde hair, blue eyes, a hat", "pink hair, brown eyes, open mouth",
]  # fmt: skip


def rows(asked: list[dict[str, str]], model: str) -> Image.Image:
    drawn = [konomi.draw(seed=SEEDS[0], count=len(SEEDS), model=model, **one) for one in asked]  # type: ignore[arg-type]
    return sheet([resize(picture, SIDE) for row in drawn for picture in row], columns=len(SEEDS), gap=3)


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "anime"
    first = [konomi.draw(text, seed=seed, model=model)[0] for seed in SEEDS[:2] for text in FIRST]
    sheet([resize(picture, 160) for picture in first], columns=len(FIRST), gap=4).save(OUT / "first.png", optimize=True)
    colours = rows([{"hair_color": hair, "eye_color": eyes} for hair, eyes in COLOURS], model)
    colours.save(OUT / "colours.webp", quality=88, method=6)
    rows([{"text": words} for words in WORDS], model).save(OUT / "words.webp", quality=88, method=6)
    rows([{"text": words} for words in FREE], "lorelei").save(OUT / "lorelei.webp", quality=88, method=6)


if __name__ == "__main__":
    main()
