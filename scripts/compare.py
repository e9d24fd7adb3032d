"""Two generators side by side, by eye and blind: the same requests, drawn by both as anybody would have them drawn.

    python scripts/compare.py sheets anime-5 anime-6 runs/compare --real runs/data/held-out
    (somebody who sees only the sheets, labels/README.md and the rules in `scripts/judge.py` writes answers.csv there,
    or several write answers-1.csv, answers-2.csv and so on)
    python scripts/compare.py score runs/compare --out benchmarks/anime-6-compared.json

Requests are as people make them (`scripts/judge.py`), with at least one wish, seeds drawn beforehand; all candidates
that a model takes by default, and its judge. Real faces among them tell what the counters call broken anyhow.
"""

import argparse
import csv
import random
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from judge import request, weights_of
from PIL import Image

from konomi import api
from konomi.files import make_folder, read_json, write_json
from konomi.images import numbered, read, sheet
from konomi.metrics.obedience import wilson
from konomi.schema import load_schema
from konomi.upscale import upscale

REAL = "real faces"
PAGE = 20  # faces of a sheet


def make_sheets(models: list[str], folder: Path, count: int, seed: int, real: Path | None, faces: int) -> None:
    schema, dice = api.open_model(models[0]).schema, random.Random(seed)
    make_folder(folder / "pictures")
    requests = []
    while len(requests) < count:
        if asked := request(dice, schema):
            requests.append((asked, dice.randrange(10**7, 10**8)))
    cells: list[dict[str, Any]] = [
        {"model": model, "request": i, "asked": asked, "seed": seed}
        for i, (asked, seed) in enumerate(requests)
        for model in models
    ]
    if real:
        paths = dice.sample(sorted((real / "pictures").iterdir()), faces)
        cells += [{"model": REAL, "file": str(path)} for path in paths]
    dice.shuffle(cells)
    write_json(folder / "key.json", cells)
    for number, cell in enumerate(cells, start=1):
        if not (path := folder / "pictures" / f"{number:04d}.png").exists():
            picture_of(cell).save(path)
    for start in range(0, len(cells), PAGE):
        numbers = range(start + 1, min(start + PAGE, len(cells)) + 1)
        tiles = [numbered(read(folder / "pictures" / f"{n:04d}.png"), n) for n in numbers]
        sheet(tiles, columns=5).save(folder / f"sheet-{start // PAGE + 1:03d}.png")


def picture_of(cell: dict[str, Any]) -> Image.Image:
    if cell["model"] == REAL:
        return upscale(read(Path(cell["file"])), 256)
    model = api.open_model(cell["model"])
    wished = api.understand("", cell["asked"], schema_name=model.schema.name)
    (avatar,) = api.draw_request(wished, model, seed=cell["seed"], size=256)
    return avatar


def score(folder: Path, out: Path | None) -> None:
    schema, cells = load_schema(), read_json(folder / "key.json")
    seen: dict[int, dict[str, Any]] = {}
    for path in sorted(folder.glob("answers*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                cell = cells[int(row["number"]) - 1]
                found = {"broken": row["broken"] == "yes", "liked": int(row["liked"]), "by": path.stem}
                if "asked" in cell:
                    weights = weights_of(row, schema)
                    slots = [name if value is True else f"{name}.{value}" for name, value in cell["asked"].items()]
                    met = {slot: bool(weights[schema.slot_index(slot)] > 0.5) for slot in slots}
                    found |= {"met": met, "request": cell["request"]}
                seen[int(row["number"])] = found | {"model": cell["model"]}
    if missing := set(range(1, len(cells) + 1)) - set(seen):
        print(f"{len(missing)} of {len(cells)} are not answered: {sorted(missing)[:10]}")
    models = sorted({cell["model"] for cell in cells})
    result: dict[str, Any] = {m: told([row for row in seen.values() if row["model"] == m]) for m in models}
    one, other = [m for m in models if m != REAL]
    both = [pair for _, group in groupby(sorted(
        (row for row in seen.values() if "request" in row), key=lambda row: (row["request"], row["model"])
    ), key=lambda row: row["request"]) if len(pair := list(group)) == 2]  # fmt: skip
    result["pairs"] = {
        "both counted": len(both),
        f"only {one} broken": sum(a["broken"] and not b["broken"] for a, b in both),
        f"only {other} broken": sum(b["broken"] and not a["broken"] for a, b in both),
        f"{one} liked more": sum(a["liked"] > b["liked"] for a, b in both),
        f"{other} liked more": sum(b["liked"] > a["liked"] for a, b in both),
    }
    counters = sorted({row["by"] for row in seen.values()})
    result["broken by counter"] = {
        by: {m: round(float(np.mean(of)), 3) for m in models
             if (of := [row["broken"] for row in seen.values() if row["by"] == by and row["model"] == m])}
        for by in counters
    }  # fmt: skip
    for name, facts in result.items():
        print(f"{name}: {facts}")
    if out:
        write_json(out, result)


def told(rows: list[dict[str, Any]]) -> dict[str, Any]:
    broken = [row["broken"] for row in rows]
    low, high = wilson(sum(broken), len(broken))
    facts: dict[str, Any] = {
        "faces": len(rows), "broken": round(float(np.mean(broken)), 4), "low": round(low, 4), "high": round(high, 4),
        "liked": round(float(np.mean([row["liked"] for row in rows])), 3),
    }  # fmt: skip
    if "met" in rows[0]:
        asked = Counter(slot for row in rows for slot in row["met"])
        met = Counter(slot for row in rows for slot, yes in row["met"].items() if yes)
        facts |= {
            "of what was asked": round(met.total() / asked.total(), 4),
            "everything": round(float(np.mean([all(row["met"].values()) for row in rows])), 4),
            "by slot": {slot: f"{met[slot]} of {asked[slot]}" for slot in sorted(asked)},
        }
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("sheets")
    one.add_argument("models", nargs=2)
    one.add_argument("folder", type=Path)
    one.add_argument("--count", type=int, default=120, help="requests")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--real", type=Path, help="a stage of 64 px, as in benchmarks/generator.py, to be mixed in")
    one.add_argument("--faces", type=int, default=40, help="how many of them")
    two = commands.add_parser("score")
    two.add_argument("folder", type=Path)
    two.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.command == "sheets":
        make_sheets(options.models, options.folder, options.count, options.seed, options.real, options.faces)
    else:
        score(options.folder, options.out)


if __name__ == "__main__":
    main()
