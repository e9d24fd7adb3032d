"""Is drawn what was asked for? Every tag counted by eye and blind, and by a tagger on the same pictures.

    python benchmarks/obedience.py sheets anime runs/count --candidates 8   # numbered, shuffled sheets; a hidden key
    (somebody who sees only the sheets and the rules of labels/README.md writes runs/count/answers.csv)
    python benchmarks/obedience.py score runs/count --out benchmarks/anime-2-obedience.json

Twenty pictures a tag, seeds 1000 to 1019, with nothing else asked, at default variety (Xu's generators: 1); the order
is shuffled by seed 2026. All of this was fixed before the first sheet was drawn. A row of answers.csv is one picture:
number,hair_color,eye_color,hair_length,tags,gender,skin,broken. `none` stands for what cannot be told, `tags` lists the
flags that are seen, parted by spaces, and `broken` is yes for broken eyes, melted hair, two mouths and the like.
"""

import argparse
import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from konomi import api
from konomi.condition import Condition
from konomi.files import make_folder, read_json, write_json
from konomi.images import numbered, sheet, stack
from konomi.metrics.obedience import confusion, obedience, wilson
from konomi.papers.xu import judge
from konomi.recipe import VARIETY
from konomi.schema import Schema, load_schema

SEEDS = range(1000, 1020)
SHUFFLE = 2026
COLUMNS, PAGE = 5, 20  # of a sheet
COLUMNS_OF_ANSWERS = ["number", "hair_color", "eye_color", "hair_length", "tags", "gender", "skin", "broken"]


def asked_slots(model: str) -> list[str]:
    """What is counted: the 34 tags, and girl and boy; not skin, which is nearly always light, nor framing."""
    return [slot for slot in api.open_model(model).draws if slot.split(".")[0] not in ("skin", "framing")]


def condition_of(slot: str) -> dict[str, Any]:
    name, _, value = slot.partition(".")
    if not value:
        return {name: True}
    return {name: value}


def make_sheets(model: str, folder: Path, candidates: int, variety: float) -> None:
    schema = api.open_model(model).schema
    asked = [(slot, seed) for slot in asked_slots(model) for seed in SEEDS]
    random.Random(SHUFFLE).shuffle(asked)
    make_folder(folder / "pictures")
    name = api.open_model(model).name
    write_json(folder / "key.json", {"model": name, "candidates": candidates, "variety": variety, "asked": asked})
    for number, (slot, seed) in enumerate(asked, start=1):
        path = folder / "pictures" / f"{number:04d}.png"
        if not path.exists():
            request = api.understand("", condition_of(slot), schema_name=schema.name)
            opened = api.open_model(model)
            (avatar,) = api.draw_request(request, opened, seed=seed, size=256, candidates=candidates, variety=variety)
            avatar.save(path)
    for start in range(0, len(asked), PAGE):
        numbers = range(start + 1, min(start + PAGE, len(asked)) + 1)
        tiles = [numbered(Image.open(folder / "pictures" / f"{n:04d}.png"), n) for n in numbers]
        sheet(tiles, columns=COLUMNS).save(folder / f"sheet-{start // PAGE + 1:02d}.png")


def read_answers(path: Path, schema: Schema, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What was seen, (N, slots) of 0 and 1, and which pictures are broken, (N,)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = {int(row["number"]): row for row in csv.DictReader(file)}
    if sorted(rows) != list(range(1, count + 1)):
        missing = sorted(set(range(1, count + 1)) - set(rows))
        raise SystemExit(f"answers.csv must hold one row for each of {count} pictures; missing: {missing[:10]}")
    shown = np.zeros((count, len(schema.slots)), dtype=np.float32)
    broken = np.zeros(count, dtype=bool)
    for number, row in rows.items():
        for name in ("hair_color", "eye_color", "hair_length", "gender", "skin"):
            if (value := row[name].strip()) != "none":
                shown[number - 1, schema.slot_index(f"{name}.{value}")] = 1
        for tag in row["tags"].split():
            shown[number - 1, schema.slot_index(tag)] = 1
        if row["broken"] not in ("yes", "no"):
            raise SystemExit(f"picture {number}: broken is {row['broken']!r}; write yes or no")
        broken[number - 1] = row["broken"] == "yes"
    return shown, broken


def score(folder: Path, out: Path, tagger_name: str) -> None:
    from konomi.cli.tag import open_tagger

    key = read_json(folder / "key.json")
    schema = load_schema()
    asked = np.full((len(key["asked"]), len(schema.slots)), np.nan, dtype=np.float32)
    for row, (slot, _) in enumerate(key["asked"]):
        for i, weight in Condition.from_dict(schema, condition_of(slot)).weights:
            asked[row, i] = weight
    shown, broken = read_answers(folder / "answers.csv", schema, len(asked))
    pictures = stack([Image.open(p).convert("RGB") for p in sorted((folder / "pictures").glob("*.png"))])
    tagged = judge(open_tagger(tagger_name, schema), pictures, schema)
    by_eye = {tag.slot: tag for tag in obedience(asked, shown, schema)}
    by_tagger = {tag.slot: tag for tag in obedience(asked, tagged, schema)}
    low, high = wilson(int(broken.sum()), len(broken))
    result = {
        "model": key["model"], "candidates": key["candidates"], "variety": key["variety"], "pictures": len(asked),
        "mean": round(float(np.mean([tag.score for tag in by_eye.values()])), 4),
        "broken": {"share": round(float(broken.mean()), 4), "low": round(low, 4), "high": round(high, 4)},
        "by_eye": {slot: round(tag.score, 3) for slot, tag in by_eye.items()},
        "by_tagger": {slot: round(tag.score, 3) for slot, tag in by_tagger.items()},
        "confusion": {a.name: confusion(asked, shown, a, schema).tolist() for a in schema.attributes if a.exclusive},
    }  # fmt: skip
    write_json(out, result)
    print(f"| {key['model']} | by eye | by the tagger |\n|---|---|---|")
    for slot in by_eye:
        print(f"| {slot} | {by_eye[slot].score:.2f} | {by_tagger[slot].score:.2f} |")
    print(f"| mean | {result['mean']:.3f} | {np.mean([t.score for t in by_tagger.values()]):.3f} |")
    print(f"broken: {broken.mean():.1%} ({low:.1%} to {high:.1%})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets")
    sheets.add_argument("model")
    sheets.add_argument("folder", type=Path)
    sheets.add_argument("--candidates", type=int, default=1)
    sheets.add_argument("--variety", type=float, default=VARIETY)
    scored = commands.add_parser("score")
    scored.add_argument("folder", type=Path)
    scored.add_argument("--out", type=Path, required=True)
    scored.add_argument("--tagger", default="tagger")
    options = parser.parse_args()
    if options.command == "sheets":
        make_sheets(options.model, options.folder, options.candidates, options.variety)
    else:
        score(options.folder, options.out, options.tagger)


if __name__ == "__main__":
    main()
