"""Make the scout of a generator: a network that foretells what its judge will say.

    python scripts/scout.py draw anime runs/scout --count 40000     # drawn and judged, 40 a second and core; goes on
    python scripts/scout.py make runs/scout --name scout-1 --out runs/scout-1.onnx

What is asked of the generator is what people ask for (`scripts/judge.py`), one thing alone, or nothing, at variety 0.7
or any other.
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
    judge = api.open_judge(model)
    make_folder(folder)
    kept = folder / "scout.json"
    facts = {"model": model.name, "sha256": model.sha256}
    if kept.exists() and read_json(kept) != facts:
        raise InputError(
            f"{folder} holds drawings of {read_json(kept)['model']}, not of {model.name}; give another one"
        )
    write_json(kept, facts)
    for start in following(range(0, count, CHUNK), -(-count // CHUNK), what="drawings"):
        path = folder / f"{start:07d}.npz"
        if path.exists():
            continue
        dice = random.Random(start)
        read = [drawing.inputs(model, r.condition, r.noises, r.variety)
                for r in (some_recipe(dice, model) for _ in range(min(CHUNK, count - start)))]  # fmt: skip
        looks = list(
            drawing.in_parallel(lambda one: judge.look(np.asarray(drawing.draw_inputs(model, *one))[None])[0], read)
        )
        with whole(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file, z=np.stack([z for z, _ in read]), conditions=np.stack([c for _, c in read]),
                probabilities=np.stack([look.probabilities for look in looks]),
                appeal=np.array([[look.whole, look.liked] for look in looks], np.float32),
            )  # fmt: skip


def load(folder: Path) -> Seen:
    files = [np.load(path) for path in sorted(folder.glob("*.npz"))]
    if not files:
        raise InputError(f"{folder} holds no drawings; make some with 'python scripts/scout.py draw'")
    return Seen(
        *(np.concatenate([file[part] for file in files]) for part in ("z", "conditions", "probabilities", "appeal"))
    )


def make(folder: Path, name: str, out: Path) -> None:
    seen = load(folder)
    schema = api.open_model(read_json(folder / "scout.json")["model"]).schema
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
    two.add_argument("--name", required=True)
    two.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "draw":
        draw(options.model, options.folder, options.count)
    else:
        make(options.folder, options.name, options.out)


if __name__ == "__main__":
    main()
