"""One's own style from a few hundred drawings: gone on with from a published model, and begun with nothing.

    python benchmarks/own_style.py runs/style/test-tagged anime-7 runs/pale/pale.onnx nothing.onnx \\
        --out benchmarks/own-style.json --sheet runs/own-style.png

The stage holds tagged drawings of that style which nobody learned from. For the kernel distance each model draws the
tags of each drawing five times, close, with all the variety, one candidate; for obedience every tag, and girl and boy,
twenty times (seeds 1000 to 1019, default variety, one candidate), seen by a tagger. The sheet shows what each model
makes of the same requests: two faces each, a line a model.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from generator import against, conditions_of, count_tags, drawn
from PIL import Image

from konomi import api
from konomi.data.dataset import load
from konomi.files import write_json
from konomi.images import sheet
from konomi.metrics.features import EfficientNetFeatures
from konomi.model import feature_network
from konomi.recipe import VARIETY
from konomi.schema import load_schema

EACH = 5  # drawn for each real drawing
TILE = 96  # pixels of the sheet's faces
REQUESTS = (
    "long blonde hair, blue eyes",
    "short pink hair, purple eyes, smile",
    "long white hair, red eyes",
    "blue hair, blue eyes, open mouth, blush",
    "long black hair, brown eyes",
    "short brown hair, green eyes",
    "red hair, yellow eyes, twintails",
    "purple hair, glasses",
)


def tiles(model: str) -> list[Image.Image]:
    """Two faces of each request, one candidate each."""
    opened, shown = api.open_model(model), []
    for text in REQUESTS:
        request = api.understand(text)
        faces = api.draw_request(request, opened, seed=1, count=2, size=64, candidates=1, variety=VARIETY)
        shown += [face.resize((TILE, TILE)) for face in faces]
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path, help="stage of tagged drawings that nobody learned from")
    parser.add_argument("models", nargs="+", help="names or ONNX files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True)
    options = parser.parse_args()
    data = load([options.drawings], load_schema())
    features = EfficientNetFeatures(feature_network.export)
    real = features(data.pictures)
    rows: dict[str, Any] = {"drawings": len(data)}
    shown: list[Image.Image] = []
    for name in options.models:
        model = api.open_model(name)
        conditions = conditions_of(data, np.tile(np.arange(len(data)), EACH), model)
        made = features(drawn(model, conditions, 0, 1.0))
        told = count_tags(model, 1)
        rows[model.name] = {
            "kernel_x1000": against(real, made)["kernel_x1000"],
            "obedience": round(float(np.mean(list(told.values()))), 3),
            "by_tag": told,
        }
        print(model.name, rows[model.name], flush=True)
        shown += tiles(name)
    write_json(options.out, rows)
    sheet(shown, columns=2 * len(REQUESTS)).save(options.sheet)


if __name__ == "__main__":
    main()
