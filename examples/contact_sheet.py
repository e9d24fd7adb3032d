"""One attribute across another, on one sheet: python examples/contact_sheet.py hair_color eye_color."""

import argparse
from pathlib import Path

from PIL import Image

import konomi
from konomi.schema import load_schema


def contact_sheet(down: str, across: str, *, seed: int, size: int, most: int) -> Image.Image:
    """The same person in every cell; a row for each value of `down`, a column for each of `across`."""
    rows, columns = values(down)[:most], values(across)[:most]
    sheet = Image.new("RGB", (len(columns) * size, len(rows) * size))
    for y, one in enumerate(rows):
        for x, other in enumerate(columns):
            asked = {down: one, across: other}
            sheet.paste(konomi.draw(seed=seed, size=size, candidates=1, **asked)[0], (x * size, y * size))
    return sheet


def values(name: str) -> list[str | bool]:
    attribute = load_schema("anime").attribute(name)
    return [True, False] if attribute.is_flag else list(attribute.value_names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("down", nargs="?", default="hair_color")
    parser.add_argument("across", nargs="?", default="eye_color")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--most", type=int, default=99, help="values of each")
    parser.add_argument("--out", type=Path, default=Path("contact-sheet.png"))
    given = parser.parse_args()
    sheet = contact_sheet(given.down, given.across, seed=given.seed, size=given.size, most=given.most)
    sheet.save(given.out)
    print(given.out)
