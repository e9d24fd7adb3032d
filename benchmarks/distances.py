"""The course of a generator's distance to real faces: Frechet and kernel distance of each snapshot of a run.

    python benchmarks/distances.py runs/anime --real runs/data/game-tagged --held-out faces.tar --out benchmarks/anime-1

4,000 pictures are drawn with truncation off, one candidate each, with the conditions of 4,000 pictures picked from the
training data at their natural frequency. They are measured against the first 4,000 training faces in the order of their
names, and against the faces that no training saw (name begins with `e`). Writes OUT.json and OUT.png; snapshots that
are in OUT.json already are not measured again.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from konomi.data.dataset import Dataset, import_pictures, load
from konomi.files import read_json, write_json
from konomi.metrics.features import EfficientNetFeatures
from konomi.metrics.frechet import frechet_distance
from konomi.metrics.kernel import kernel_distance
from konomi.model import feature_network
from konomi.model.export import Snapshot, mean_snapshot, newest_snapshots
from konomi.model.train import centre
from konomi.schema import load_schema

COUNT = 4_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--real", type=Path, required=True, help="the stage that the run was trained on")
    parser.add_argument("--held-out", type=Path, help="tar or folder that also holds the faces that were left out")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    parser.add_argument("--every", type=int, default=1, help="measure every n-th snapshot, and the last")
    parser.add_argument("--average", type=int, default=1, help="measure only the mean of the last snapshots, this many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    schema = load_schema("anime")
    data = load([options.real], schema)
    features = EfficientNetFeatures(feature_network.export)
    order = np.argsort(np.array(data.names))[:COUNT]
    sets = {"real": features(data.pictures[order])}
    if options.held_out:
        sets["held_out"] = features(held_out_faces(options.held_out))
    path = options.out.with_suffix(".json")
    rows: dict[str, Any] = read_json(path) if path.exists() else {}
    snapshots = [[path] for path in sorted((options.run / "snapshots").glob("*.safetensors"))]
    chosen = [*snapshots[:-1][:: options.every], snapshots[-1]]
    if options.average > 1:
        chosen = [newest_snapshots(options.run, options.average)]
    for paths in chosen:
        name = f"{paths[-1].stem}/mean of {len(paths)}/seed {options.seed}"
        if name not in rows:
            rows[name] = measure(mean_snapshot(paths, schema), data, sets, features, options.seed)
            rows[name]["averaged"] = len(paths)
            write_json(path, rows)
        print(name, json.dumps(rows[name]), flush=True)
    plot(rows, options.out.with_suffix(".png"))


def held_out_faces(source: Path) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "held-out"
        import_pictures(source, None, out, schema=load_schema("anime"), size=64, leave_out="0123456789abcdf")
        return load([out], load_schema("anime")).pictures


def measure(found: Snapshot, data: Dataset, sets: dict[str, np.ndarray], features: Any, seed: int) -> dict[str, Any]:
    dice = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(data), (COUNT,), generator=dice).numpy()
    conditions = centre(torch.from_numpy(data.weights[rows]), found.prior)
    drawn = []
    with torch.no_grad():
        for part in conditions.split(50):
            z = torch.randn(len(part), found.latent, generator=dice)
            pictures = found.generator(z, part).clamp(-1, 1)
            drawn.append(((pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    generated = features(np.concatenate(drawn))
    result: dict[str, Any] = {"pictures": found.seen}
    for name, real in sets.items():
        result[f"{name}_frechet"] = round(frechet_distance(real=real, generated=generated[: max(len(real), 2)]), 2)
        result[f"{name}_kernel_x1000"] = round(1000 * kernel_distance(real=real, generated=generated, subset=None), 2)
    return result


def plot(rows: dict[str, Any], path: Path) -> None:
    points = sorted((row for row in rows.values() if row["averaged"] == 1), key=lambda row: row["pictures"])
    published = [row for row in rows.values() if row["averaged"] > 1]
    figure, axis = plt.subplots(figsize=(7, 4.2), constrained_layout=True)
    thousands = [p["pictures"] / 1000 for p in points]
    axis.plot(thousands, [p["real_frechet"] for p in points], "o-", label="Fréchet distance")
    axis.plot(thousands, [p["real_kernel_x1000"] for p in points], "s--", label="kernel distance x 1000")
    for row in published:
        axis.plot(row["pictures"] / 1000, row["real_frechet"], "*", ms=12, color="C0", label="published: mean of five")
        axis.plot(row["pictures"] / 1000, row["real_kernel_x1000"], "*", ms=12, color="C1")
    axis.axhline(30.7, color="grey", lw=1, ls=":", label="Jin et al. generator, Fréchet")
    axis.set(xlabel="thousand pictures", ylim=(0, None), title="distance to 4,000 real faces")
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
