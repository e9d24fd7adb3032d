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
    "probability of being real": ("d_real", "d_drawn"),
    "pictures a second": ("pictures_per_second",),
}


def plot_run(folder: Path) -> Path | None:
    """Draw `metrics.png` from a run's `metrics.jsonl`; None if nothing was logged yet."""
    log = folder / "metrics.jsonl"
    rows = read_lines(log) if log.exists() else []
    if not rows:
        return None
    logged = {name for row in rows for name in row}
    panels = {title: [n for n in names if n in logged] for title, names in _PANELS.items() if logged & set(names)}
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (title, names) in zip(axes.flat, panels.items(), strict=False):
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
