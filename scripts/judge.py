"""Make the judge of a generator: a tagger that learned from drawn faces judged by eye.

    python scripts/judge.py sheets anime runs/judge/one --count 1800     # faces as they come, numbered; a hidden key
    python scripts/judge.py sheets anime runs/judge/two --count 240 --candidates 8       # what it has to choose among
    (somebody who sees only the sheets, labels/README.md and what is said below writes runs/judge/one/answers.csv)
    python scripts/judge.py label runs/judge/one labels/drawn.csv        # adds the answers, by share code
    python scripts/judge.py make labels/drawn.csv --name judge-1 --out runs/judge-1.onnx

What is asked of the generator is what people ask for: some of all tags, colours most often, glasses and hats more
often than they are. One candidate each. A row of answers.csv is one picture, in the columns of labels/drawn.csv with
its number in place of the code:
- hair_color, eye_color, hair_length, gender, skin: a value of the schema, or `none` if it cannot be told; such a column
  may be missing, if nobody looked for it
- tags: the flags that are seen, but for glasses, parted by spaces
- glasses: `none`; `part` (a bridge, one rim, loose lines); `whole` (one sees at once that this person wears glasses)
- broken: `yes` for broken eyes, a melted face or hair, two mouths, a missing feature; else `no`
- liked: as an avatar, 1 ruined, 2 plainly flawed, 3 passable, 4 good, 5 lovely

Faces that were judged by themselves, of an earlier generator, teach less than nothing about which of eight is whole: a
further file of them can be given for its tags alone (`--tags labels/drawn.csv`).

`make` fine-tunes the tagger (`--start`, a network that `konomi train recipes/tagger-1.toml` leaves), or a published
judge (`--start src/konomi/models/judge-2.onnx`), on four fifths of the faces, fits its probabilities to the last fifth,
and says how well it judges those. All faces of one request are on the same side.
"""

import argparse
import csv
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from konomi import api, drawing
from konomi.files import make_folder, read_json, write_json, write_text
from konomi.images import numbered, sheet, stack
from konomi.model import checkpoint
from konomi.model.judge import (
    Judged,
    export_judge,
    fit_trust,
    judge_logits,
    published_weights,
    save_judge,
    train_judge,
)
from konomi.model.losses import probabilities
from konomi.recipe import to_code
from konomi.schema import Schema, load_schema
from konomi.upscale import upscale

COLUMNS = ["code", "hair_color", "eye_color", "hair_length", "tags", "gender", "skin", "glasses", "broken", "liked"]
ASKED = {  # how often each attribute is asked for, with any of its values
    "hair_color": 0.7, "eye_color": 0.6, "hair_length": 0.3, "gender": 0.45, "skin": 0.08, "twintails": 0.12,
    "drill_hair": 0.05, "ponytail": 0.07, "blush": 0.08, "smile": 0.15, "open_mouth": 0.12, "hat": 0.18,
    "ribbon": 0.13, "glasses": 0.25,
}  # fmt: skip
GLASSES = {"none": 0.0, "part": 0.25, "whole": 1.0}


def request(dice: random.Random, schema: Schema, asking: Sequence[str] = ()) -> dict[str, Any]:
    """Attributes as somebody might ask for them; one of the flags `asking`, if there are any, in any case."""
    asked = [name for name, chance in ASKED.items() if dice.random() < chance]
    asked += [dice.choice(asking)] if asking else []
    return {n: True if schema.attribute(n).is_flag else dice.choice(schema.attribute(n).value_names) for n in asked}


def make_sheets(name: str, folder: Path, count: int, seed: int, candidates: int, asking: Sequence[str] = ()) -> None:
    """Faces of `count` requests; several candidates of one make a row, in any order."""
    model, dice = api.open_model(name), random.Random(seed)
    make_folder(folder)
    codes, columns = [], candidates if candidates > 1 else 5
    for _ in range(count):
        condition = api.understand("", request(dice, model.schema, asking), schema_name=model.schema.name).condition
        (recipe,) = api.make_recipes(condition, model, count=1, seed=dice.randrange(10**7, 10**8), size=256)
        tries = list(api.tries_of(recipe, model, candidates))
        dice.shuffle(tries)
        codes += [to_code(replace(recipe, candidate=number), number=model.number) for number in tries]
    for start in range(0, len(codes), page := 4 * columns):
        tiles = [
            numbered(upscale(core_of(code), 256), n) for n, code in enumerate(codes[start : start + page], start + 1)
        ]
        sheet(tiles, columns=columns).save(folder / f"sheet-{start // page + 1:03d}.png")
    write_json(folder / "key.json", codes)


def label(folder: Path, out: Path) -> None:
    """Add the answers, of one file or of several, to the label file."""
    codes = read_json(folder / "key.json")
    rows = {row["code"]: row for row in read_rows(out)} if out.exists() else {}
    for path in sorted(folder.glob("answers*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                code = codes[int(row["number"]) - 1]
                rows[code] = {"code": code} | {name: (row.get(name) or "").strip() for name in COLUMNS[1:]}
    lines = [",".join(row[name] for name in COLUMNS) + "\n" for row in rows.values()]
    write_text(out, ",".join(COLUMNS) + "\n" + "".join(lines))
    print(f"{out}: {len(rows)} faces, {np.mean([row['broken'] == 'yes' for row in rows.values()]):.1%} broken")


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def weights_of(row: dict[str, str], schema: Schema) -> np.ndarray:
    """What an eye saw, float32 (slots,); NaN is what it was not asked for or could not tell."""
    weights = np.full(len(schema.slots), np.nan, np.float32)
    for name in ("hair_color", "eye_color", "hair_length", "gender", "skin"):
        if row[name] not in ("none", ""):
            weights[schema.offsets[name]] = 0
            weights[schema.slot_index(f"{name}.{row[name]}")] = 1
    for attribute in (a for a in schema.attributes if a.is_flag):
        weights[schema.slot_index(attribute.name)] = attribute.name in row["tags"].split()
    weights[schema.slot_index("glasses")] = GLASSES[row["glasses"]]
    return weights


def core_of(code: str) -> Image.Image:
    recipe, model = api.recall_code(code)
    return drawing.draw_core(model, recipe.condition, recipe.noises, recipe.variety)


def held_back(requests: np.ndarray) -> np.ndarray:
    """A fifth of the requests; bool (N,)."""
    each = np.unique(requests)
    return np.isin(requests, np.random.default_rng(0).permutation(each)[: len(each) // 5])


def make(labels: Path, tags: Path | None, start: Path, name: str, out: Path) -> None:
    schema, rows = load_schema("anime"), read_rows(labels)
    appealing = len(rows)
    rows += read_rows(tags) if tags else []
    pictures = stack([core_of(row["code"]) for row in rows])
    appeal = np.array([[row["broken"] == "no", (int(row["liked"]) - 1) / 4] for row in rows], np.float32)
    appeal[appealing:] = np.nan
    requests = np.array([api.recall_code(row["code"])[0].seed for row in rows])
    judged = Judged(pictures, np.stack([weights_of(row, schema) for row in rows]), appeal, requests)
    held = held_back(requests)
    print(f"{(~held).sum()} faces to learn from, {held.sum()} to fit probabilities on")
    weights = published_weights(start, schema) if start.suffix == ".onnx" else checkpoint.load(start)[0]["network"]
    judge = train_judge(judged.part(~held), schema, weights)
    save_judge(out.with_suffix(".safetensors"), judge, schema)
    unseen = judged.part(held)
    found = judge_logits(judge, unseen.pictures)
    trust = fit_trust(found, unseen, schema)
    tell(found, unseen, schema)
    print(f"{out}: differs from PyTorch by {export_judge(judge, trust, out, schema=schema, name=name):.4f} at most")


def tell(found: tuple[np.ndarray, np.ndarray], unseen: Judged, schema: Schema) -> None:
    """How well the unseen faces are judged."""
    tags, appeal = found
    known = ~np.isnan(unseen.appeal).any(axis=1)
    appeal, truth = appeal[known], unseen.appeal[known]
    whole = truth[:, 0] > 0.5
    best = appeal[:, 0] >= np.median(appeal[:, 0])
    for kind, what in enumerate(("whole", "liked")):
        share = in_order(appeal[:, kind], truth[:, kind], unseen.requests[known])
        print(f"{what}: of two faces of a request the better is put first in {share:.3f}")
    print(f"whole: {1 - whole.mean():.1%} broken; area under the curve {roc_auc_score(whole, appeal[:, 0]):.3f}")
    print(f"broken in the better half {1 - whole[best].mean():.1%}, in the other {1 - whole[~best].mean():.1%}")
    print(f"liked: correlation {np.corrcoef(appeal[:, 1], truth[:, 1])[0, 1]:.3f}")
    import torch

    guessed = probabilities(torch.from_numpy(tags), schema).numpy()
    for attribute in schema.attributes:
        where = schema.offsets[attribute.name]
        known = ~np.isnan(unseen.weights[:, where]).any(axis=1)
        if not known.any():
            continue
        truth, guess = unseen.weights[known][:, where], guessed[known][:, where]
        if attribute.exclusive:
            print(
                f"{attribute.name}: {(truth.argmax(axis=1) == guess.argmax(axis=1)).mean():.3f} right of {known.sum()}"
            )
        elif 0 < (there := truth[:, 0] > 0.5).sum() < len(there):
            print(
                f"{attribute.name}: area under the curve {roc_auc_score(there, guess[:, 0]):.3f}, {there.sum()} faces"
            )


def in_order(found: np.ndarray, truth: np.ndarray, requests: np.ndarray) -> float:
    """The share of pairs within a request that differ in `truth` and are ordered as it orders them; all (N,)."""
    better = (truth[:, None] > truth[None]) & (requests[:, None] == requests[None])
    return float((found[:, None] > found[None])[better].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("sheets")
    one.add_argument("model")
    one.add_argument("folder", type=Path)
    one.add_argument("--count", type=int, default=1_800)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--candidates", type=int, default=1, help="of each request, side by side")
    one.add_argument("--asking", nargs="*", default=[], metavar="FLAG", help="each request asks for one of these, too")
    two = commands.add_parser("label")
    two.add_argument("folder", type=Path)
    two.add_argument("labels", type=Path)
    three = commands.add_parser("make")
    three.add_argument("labels", type=Path)
    three.add_argument("--start", type=Path, default=Path("runs/tagger-1/network.safetensors"))
    three.add_argument("--tags", type=Path, help="further labels, for their tags alone")
    three.add_argument("--name", required=True)
    three.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "sheets":
        make_sheets(options.model, options.folder, options.count, options.seed, options.candidates, options.asking)
    elif options.command == "label":
        label(options.folder, options.labels)
    else:
        make(options.labels, options.tags, options.start, options.name, options.out)


if __name__ == "__main__":
    main()
