"""Is the colour drawn that was asked for? Counted by eye and blind.

    python benchmarks/obedience.py sheets hair_color runs/blind-hair   # numbered, shuffled sheets, and a hidden key
    (somebody who sees only the sheets and the list of values writes runs/blind-hair/answers.csv: number,value)
    python benchmarks/obedience.py score runs/blind-hair

Twenty pictures a value, seeds 1000 to 1019, with nothing else asked, default variety, one candidate each; the order is
shuffled by seed 2026. All of this was fixed before the first sheet was drawn.
"""

import argparse
import csv
import random
from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import konomi
from konomi.files import make_folder, read_json, write_json
from konomi.schema import load_schema

SEEDS = range(1000, 1020)
SHUFFLE = 2026
SIDE, COLUMNS, ROWS = 192, 5, 4


def make_sheets(attribute: str, folder: Path, model: str) -> None:
    values = load_schema("anime").attribute(attribute).value_names
    asked = [(value, seed) for value in values for seed in SEEDS]
    random.Random(SHUFFLE).shuffle(asked)
    make_folder(folder)
    write_json(folder / "key.json", {"attribute": attribute, "model": model, "asked": asked})
    page = COLUMNS * ROWS
    for start in range(0, len(asked), page):
        sheet = Image.new("RGB", (COLUMNS * SIDE, ROWS * (SIDE + 18)), "white")
        pen = ImageDraw.Draw(sheet)
        for place, (value, seed) in enumerate(asked[start : start + page]):
            (avatar,) = konomi.draw(seed=seed, model=model, **{attribute: value})
            x, y = place % COLUMNS * SIDE, place // COLUMNS * (SIDE + 18)
            sheet.paste(avatar.resize((SIDE, SIDE)), (x, y + 18))
            pen.text((x + 4, y + 1), str(start + place + 1), fill="black", font=ImageFont.load_default(14))
        sheet.save(folder / f"sheet-{start // page + 1:02d}.png")


def score(folder: Path) -> None:
    key = read_json(folder / "key.json")
    with (folder / "answers.csv").open(newline="", encoding="utf-8") as file:
        seen = {int(row["number"]): row["value"].strip() for row in csv.DictReader(file)}
    values = load_schema("anime").attribute(key["attribute"]).value_names
    if sorted(seen) != list(range(1, len(key["asked"]) + 1)) or not set(seen.values()) <= {*values, "none"}:
        raise SystemExit("answers.csv must hold one row for every number, with a value of the schema or 'none'")
    confusion = {value: Counter[str]() for value in values}
    for number, (value, _) in enumerate(key["asked"], start=1):
        confusion[value][seen[number]] += 1
    result = {value: confusion[value][value] / len(SEEDS) for value in values}
    print(f"| {key['attribute']} | obeyed | seen as |\n|---|---|---|")
    for value in values:
        others = ", ".join(f"{v} {n}" for v, n in confusion[value].most_common() if v != value)
        print(f"| {value} | {result[value]:.2f} | {others} |")
    print(f"| all | {sum(result.values()) / len(result):.3f} | |")
    write_json(folder / "scores.json", {"scores": result, "confusion": {k: dict(v) for k, v in confusion.items()}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets")
    sheets.add_argument("attribute")
    sheets.add_argument("folder", type=Path)
    sheets.add_argument("--model", default="anime")
    commands.add_parser("score").add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.command == "sheets":
        make_sheets(options.attribute, options.folder, options.model)
    else:
        score(options.folder)


if __name__ == "__main__":
    main()
