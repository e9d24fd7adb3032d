"""Measure a published tagger on the faces that were kept apart for testing.

    python benchmarks/tagging.py runs/data/labelled src/konomi/models/tagger-1.onnx

The first argument is the stage that `konomi dataset build recipes/faces.toml` makes. Writes benchmarks/<name>.json and
a plot; prints the table of the model's card. Every figure is weighted to the natural share of each tag
(labels/samples.csv: faces taken at random). Timings: one core, one face a call, the model loaded.
"""

import json
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from konomi.data.dataset import Dataset, join, load
from konomi.data.tagging.taggers import estimate, open_onnx
from konomi.metrics import tagging
from konomi.model.tagger_run import natural_shares
from konomi.schema import load_schema

ROOT = Path(__file__).parents[1]


def main() -> None:
    stage, path = Path(sys.argv[1]), Path(sys.argv[2])
    schema = load_schema("anime")
    faces = {split: load([stage], schema, split=split, tagged=True) for split in ("train", "validation", "test")}
    natural = natural_shares(join(list(faces.values())), ROOT / "labels" / "samples.csv")
    test, tagger = faces["test"], open_onnx(path, schema, threads=1)
    result = {"faces": {split: len(d) for split, d in faces.items()}}
    for name, mirror in (("single", False), ("mirrored", True)):
        result[name] = measure(test, estimate(tagger, test.pictures, schema, mirror=mirror), natural, tagger.thresholds)
    result["milliseconds"] = milliseconds(tagger, test.pictures)
    name = path.stem
    (ROOT / "benchmarks" / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    plot(
        test,
        estimate(tagger, test.pictures, schema, mirror=False),
        natural,
        result["single"],
        ROOT / "benchmarks" / f"{name}.png",
    )
    print(table(result))


def measure(test: Dataset, probability: np.ndarray, natural: np.ndarray, thresholds) -> dict:
    schema, rows = test.schema, []
    for i, slot in enumerate(schema.slots):
        truth = test.weights[:, i]
        if np.nansum(truth) == 0 or (truth[~np.isnan(truth)] > 0.5).all():
            continue
        score = tagging.tag_score(
            slot, truth, probability[:, i], share=float(natural[i]), threshold=thresholds.get(slot, 0.5)
        )
        known = ~np.isnan(truth)
        weights = tagging.natural_weights(truth[known], float(natural[i]))
        curve = tagging.calibration(truth[known], probability[known, i], weights=weights)
        plain = tagging.average_precision_score(truth[known] > 0.5, probability[known, i])
        rows.append(
            vars(score)
            | {
                "measurable": score.measurable,
                "calibration_error": tagging.calibration_error(curve),
                "unweighted_average_precision": float(plain),
            }
        )
    accuracy, confusion = {}, {}
    shares = dict(zip(schema.slots, natural.tolist(), strict=True))
    for attribute in (a for a in schema.attributes if a.exclusive):
        accuracy[attribute.name], matrix = tagging.choice_accuracy(
            attribute, schema, test.weights, probability, shares=shares
        )
        confusion[attribute.name] = matrix.tolist()
    paper = [r for r in rows if not r["slot"].startswith(("gender", "skin"))]
    mean = float(np.mean([r["average_precision"] for r in paper if r["measurable"]]))
    return {
        "mean_average_precision": mean,
        "tags_measured": sum(r["measurable"] for r in paper),
        "accuracy": accuracy,
        "tags": rows,
        "confusion": confusion,
    }


def milliseconds(tagger, pictures: np.ndarray) -> float:
    """Median time of one face, 112 px in, one thread."""
    face = np.stack([np.asarray(Image.fromarray(p).resize((tagger.size,) * 2)) for p in pictures[:50]])
    times = []
    for i in range(50):
        began = time.perf_counter()
        tagger(face[i : i + 1])
        times.append(time.perf_counter() - began)
    return float(np.median(times) * 1000)


HEAD = ("tag", "share", "positives", "average precision", "threshold", "precision", "recall", "calibration error")


def table(result: dict) -> str:
    scores = result["single"]
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for r in scores["tags"]:
        ap = f"{r['average_precision']:.2f}" if r["measurable"] else f"not measurable ({r['average_precision']:.2f})"
        cells = [r["slot"], f"{r['share']:.3f}", str(r["positives"]), ap]
        cells += [f"{r[k]:.2f}" for k in ("threshold", "precision", "recall")] + [f"{r['calibration_error']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    mean, mirrored = (result[k]["mean_average_precision"] for k in ("single", "mirrored"))
    accuracy = ", ".join(f"{k} {v:.3f}" for k, v in scores["accuracy"].items())
    lines += ["", f"mean average precision {mean:.3f} over {scores['tags_measured']} tags (mirrored {mirrored:.3f})"]
    lines += [f"accuracy {accuracy}", f"{result['milliseconds']:.1f} ms a face"]
    return "\n".join(lines)


def plot(test: Dataset, probability: np.ndarray, natural: np.ndarray, scores: dict, path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 8), constrained_layout=True, width_ratios=(1.2, 1))
    rows = sorted(scores["tags"], key=lambda r: r["average_precision"])
    colours = ["#7a5cc7" if r["measurable"] else "#cfc6e8" for r in rows]
    left.barh(
        [r["slot"].replace("_", " ").replace(".", ": ") for r in rows],
        [r["average_precision"] for r in rows],
        color=colours,
    )
    left.set(xlim=(0, 1), xlabel="average precision at natural shares (pale: fewer than 20 positives)")
    left.grid(axis="x", alpha=0.3)
    right.plot([0, 1], [0, 1], color="#999", linewidth=1)
    for name in ("twintails", "ribbon", "smile", "open_mouth", "blush", "glasses", "hat", "hair_length.long"):
        i = test.schema.slot_index(name)
        known = ~np.isnan(test.weights[:, i])
        weights = tagging.natural_weights(test.weights[known, i], float(natural[i]))
        curve = tagging.calibration(test.weights[known, i], probability[known, i], weights=weights, bins=6)
        right.plot(curve[:, 0], curve[:, 1], marker="o", markersize=4, label=name.replace("_", " ").replace(".", ": "))
    right.set(xlabel="probability said", ylabel="share that is true", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    right.legend(frameon=False)
    right.grid(alpha=0.3)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
