"""Make the scout of a generator: a network that foretells what its judge will say.

    python scripts/scout.py draw anime runs/scout --count 40000     # 80 a second and core; goes on
    python scripts/scout.py make runs/scout --judge judge-2 --name scout-1 --out runs/scout-1.onnx

What is asked of the generator is what people ask for (`scripts/judge.py`), one thing alone, or nothing, at variety 0.7
or any other. Another judge can look at the same drawings.
"""

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
from judge import request

from konomi import api, drawing
from konomi.cli.console import following
from konomi.errors import InputError
from konomi.files import make_folder, read_json, whole, write_json
from konomi.images import stack
from konomi.model.scout import Seen, agreement, export_scout, train_scout
from konomi.recipe import VARIETY, Recipe
from konomi.schema import Schema
from konomi.scouting import POOL

CHUNK = 2_000  # drawings of a file


def asked(dice: random.Random, schema: Schema) -> dict[str, Any]:
    kind = dice.random()
    if kind < 0.65:
        return request(dice, schema)
    name, _, value = dice.choice(schema.slots).partition(".")
    return {name: value or True} if kind < 0.85 else {}


def some_recipe(dice: random.Random, model: drawing.Model) -> Recipe:
    condition = api.understand("", asked(dice, model.schema), schema_name=model.schema.name).condition
    variety = VARIETY if dice.random() < 0.7 else dice.uniform(0.3, 1)
    return Recipe(
        model.name, model.sha256, condition.within(model.schema), seed=dice.randrange(10**9, 10**12), variety=variety,
        candidate=dice.randrange(POOL),
    )  # fmt: skip


def draw(name: str, folder: Path, count: int) -> None:
    """Files of `CHUNK` drawings each; what is there already is kept."""
    model = api.open_model(name)
    make_folder(folder)
    kept = folder / "scout.json"
    facts = {"model": model.name, "sha256": model.sha256, "emphasis": list(model.emphasis)}
    if kept.exists() and read_json(kept) != facts:
        raise InputError(f"{folder} holds drawings of {read_json(kept)}, not of {facts}; give another one")
    write_json(kept, facts)
    for start in following(range(0, count, CHUNK), -(-count // CHUNK), what="drawings"):
        path = folder / f"{start:07d}.npz"
        if path.exists():
            continue
        dice = random.Random(start)
        read = [drawing.inputs(model, r.condition, r.noises, r.variety)
                for r in (some_recipe(dice, model) for _ in range(min(CHUNK, count - start)))]  # fmt: skip
        drawn = list(drawing.in_parallel(lambda one: drawing.draw_inputs(model, *one), read))
        save(path, z=np.stack([z for z, _ in read]), conditions=np.stack([c for _, c in read]), pictures=stack(drawn))


def save(path: Path, **arrays: np.ndarray) -> None:
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def judged(path: Path, name: str, schema: Schema) -> Any:
    """What a judge sees in a file of drawings, kept beside it: `probabilities` and `appeal`."""
    kept = make_folder(path.parent / name) / path.name
    if not kept.exists():
        judge = api.judge_named(name, schema.name)
        looks = list(drawing.in_parallel(lambda picture: judge.look(picture[None])[0], list(np.load(path)["pictures"])))
        appeal = np.array([[look.whole, look.liked] for look in looks], np.float32)
        save(kept, probabilities=np.stack([look.probabilities for look in looks]), appeal=appeal)
    return np.load(kept)


def load(folder: Path, judge: str, schema: Schema) -> Seen:
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise InputError(f"{folder} holds no drawings; make some with 'python scripts/scout.py draw'")
    looks = [judged(path, judge, schema) for path in following(paths, len(paths), what="judged")]
    drawn = [np.load(path) for path in paths]
    parts = [(drawn, "z"), (drawn, "conditions"), (looks, "probabilities"), (looks, "appeal")]
    return Seen(*(np.concatenate([file[part] for file in files]) for files, part in parts))


def make(folder: Path, judge: str, name: str, out: Path) -> None:
    schema = api.open_model(read_json(folder / "scout.json")["model"]).schema
    seen = load(folder, judge, schema)
    network = train_scout(seen)
    slots = [slot for slot, known in zip(schema.slots, seen.knows, strict=True) if known]
    for what, correlation in zip([*slots, "whole", "liked"], agreement(network, seen), strict=True):
        print(f"{what:>18}  {correlation:.2f}")
    print(f"{out}: differs from PyTorch by {export_scout(network, out, seen, schema=schema, name=name):.4f} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one, two = commands.add_parser("draw"), commands.add_parser("make")
    one.add_argument("model")
    for command in (one, two):
        command.add_argument("folder", type=Path)
    one.add_argument("--count", type=int, default=40_000)
    two.add_argument("--judge", required=True, help="whose words are to be foretold: judge-2")
    two.add_argument("--name", required=True)
    two.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "draw":
        draw(options.model, options.folder, options.count)
    else:
        make(options.folder, options.judge, options.name, options.out)


if __name__ == "__main__":
    main()
