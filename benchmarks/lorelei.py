"""Does lorelei draw what was asked? Judged by a tagger that learned exact labels, and that is judged first.

    python benchmarks/lorelei.py tagger runs/data/lorelei runs/lorelei-tagger/tagger.onnx
    python benchmarks/lorelei.py model runs/lorelei.onnx runs/lorelei-tagger/tagger.onnx --count 2000

`tagger` measures it on the test faces of the stage, which it never saw. `model` asks for whole faces, dealt as the
data were (seed 1, so others), one picture each, none picked, at default variety, and counts what the tagger sees. What
cannot be seen then (the mouth under a beard) is not counted. Both write into benchmarks/lorelei.json and print what
they found, the worst attribute first.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from konomi.condition import Condition
from konomi.data.dataset import load
from konomi.data.tagging.taggers import estimate, open_onnx
from konomi.data.vector import face_of, load_style, tags
from konomi.drawing import draw_core, load_model
from konomi.images import stack
from konomi.metrics.obedience import wilson
from konomi.recipe import VARIETY
from konomi.schema import Schema

RESULT = Path(__file__).with_suffix(".json")
STYLE = load_style("lorelei")


def right(asked: np.ndarray, probability: np.ndarray, schema: Schema) -> dict[str, np.ndarray]:
    """Whether each known attribute is right, bool by attribute: the likeliest value, or on the right side of a half."""
    result = {}
    for attribute in schema.attributes:
        where = schema.offsets[attribute.name]
        known = ~np.isnan(asked[:, where]).any(axis=1)
        truth, found = asked[known][:, where], probability[known][:, where]
        if attribute.is_flag:
            result[attribute.name] = ((found > 0.5) == (truth > 0.5))[:, 0]
        else:
            result[attribute.name] = found.argmax(axis=1) == truth.argmax(axis=1)
    return result


def by_value(asked: np.ndarray, probability: np.ndarray, schema: Schema) -> dict[str, float]:
    """The share that is right among pictures asked for each value, or for a flag's yes and no."""
    result = {}
    for attribute in schema.attributes:
        where = schema.offsets[attribute.name]
        known = ~np.isnan(asked[:, where]).any(axis=1)
        good = right(asked, probability, schema)[attribute.name]
        truth = asked[known][:, where]
        masks = {f"{attribute.name}.{v}": truth[:, i] > 0.5 for i, v in enumerate(attribute.value_names)}
        if attribute.is_flag:
            masks = {f"{attribute.name}=yes": truth[:, 0] > 0.5, f"{attribute.name}=no": truth[:, 0] <= 0.5}
        result |= {name: round(float(good[mask].mean()), 4) for name, mask in masks.items() if mask.any()}
    return result


def table(asked: np.ndarray, probability: np.ndarray, schema: Schema) -> dict[str, Any]:
    shares = {name: (int(good.sum()), len(good)) for name, good in right(asked, probability, schema).items()}
    return {
        "pictures": len(asked),
        "attributes": {
            name: {"right": round(k / n, 4), "of": n, "interval": [round(v, 4) for v in wilson(k, n)]}
            for name, (k, n) in sorted(shares.items(), key=lambda item: item[1][0] / item[1][1])
        },
        "values": by_value(asked, probability, schema),
    }


def judge_tagger(stage: Path, tagger: Path) -> dict[str, Any]:
    data = load([stage], STYLE.schema, split="test")
    return table(data.weights, estimate(open_onnx(tagger, STYLE.schema), data.pictures, STYLE.schema), STYLE.schema)


def judge_model(path: Path, tagger: Path, count: int) -> dict[str, Any]:
    model, schema = load_model(path), STYLE.schema
    asked, pictures = [], []
    for number in range(count):
        face, _ = face_of(STYLE, 1, number)
        visible = tags(STYLE, face)
        condition = Condition.from_slots(schema, {schema.slot_index(slot): w for slot, w in visible.items()})
        asked.append(condition.to_array())
        pictures.append(draw_core(model, condition, number, VARIETY))
    found = estimate(open_onnx(tagger, schema), stack(pictures), schema)
    return {"model": model.name, "sha256": model.sha256, **table(np.stack(asked), found, schema)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_tagger, of_model = commands.add_parser("tagger"), commands.add_parser("model")
    of_tagger.add_argument("stage", type=Path)
    of_model.add_argument("model", type=Path)
    for command in (of_tagger, of_model):
        command.add_argument("tagger", type=Path)
    of_model.add_argument("--count", type=int, default=2000)
    given = parser.parse_args()
    if given.command == "tagger":
        found = judge_tagger(given.stage, given.tagger)
    else:
        found = judge_model(given.model, given.tagger, given.count)
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(results | {given.command: found}, indent=1) + "\n")
    for name, row in found["attributes"].items():
        print(f"{name:>14}  {row['right']:.4f}  of {row['of']:5}  [{row['interval'][0]:.4f}, {row['interval'][1]:.4f}]")
    worst = sorted(found["values"].items(), key=lambda item: item[1])[:8]
    print("worst values: " + ", ".join(f"{name} {share:.3f}" for name, share in worst))


if __name__ == "__main__":
    main()
