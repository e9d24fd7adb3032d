"""The course of a training run as one PNG."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from konomi.files import read_lines, whole

_PANELS = {
    "adversarial losses": ("loss_d", "loss_g"),
    "attribute losses": ("attributes_real", "attributes_drawn"),
    "gradient penalties": ("r1", "r2"),
    "pictures a second": ("pictures_per_second",),
}


def plot_run(folder: Path) -> Path | None:
    """Draw `metrics.png` from a run's `metrics.jsonl`; None if nothing was logged yet."""
    log = folder / "metrics.jsonl"
    rows = read_lines(log) if log.exists() else []
    if not rows:
        return None
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    for axis, (title, names) in zip(axes.flat, _PANELS.items(), strict=True):
        for name in names:
            points = [(row["pictures"] / 1000, row[name]) for row in rows if name in row]
            axis.plot(*zip(*points, strict=True), label=name.replace("_", " "))
        axis.set(title=title, xlabel="thousand pictures")
        axis.legend(frameon=False)
        axis.grid(alpha=0.3)
    path = folder / "metrics.png"
    with whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
    plt.close(figure)
    return path
