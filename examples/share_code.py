"""A picture becomes a dozen letters, and the letters the same picture: python examples/share_code.py "red hair"."""

import argparse

from PIL import ImageChops

import konomi
from konomi.api import draw_recipes, recall_code


def round_trip(words: str, *, seed: int, size: int) -> str:
    """The share code of a picture; an AssertionError if the code does not draw the very same picture."""
    (avatar,) = konomi.draw(words, seed=seed, size=size)
    recipe, model = recall_code(avatar.code)
    (again,) = draw_recipes([recipe], model)
    assert ImageChops.difference(avatar, again).getbbox() is None
    return avatar.code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="?", default="red hair")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    code = round_trip(given.words, seed=given.seed, size=given.size)
    print(f"{code}: pixel for pixel the same\nkonomi draw --from {code}")
