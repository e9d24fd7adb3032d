"""Draw an avatar for everybody in a team: python examples/team.py alice bob carol."""

import argparse
from pathlib import Path

import konomi
from konomi.recipe import seed_of


def draw_team(names: list[str], folder: Path, *, words: str, size: int) -> None:
    """One picture a name. A name is a seed, so everybody keeps their face; nothing is stored."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (avatar,) = konomi.draw(words, seed=seed_of(name), size=size)
        avatar.save(folder / f"{name}.png")
        print(f"{folder / name}.png   code {avatar.code}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--words", default="", help="what they have in common, as 'blue hair'")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("team"))
    given = parser.parse_args()
    draw_team(given.names, given.out, words=given.words, size=given.size)
