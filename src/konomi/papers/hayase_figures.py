"""The figures of the reproduction of Hayase 2023: plots, and grids of pictures that its generators drew."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from konomi.data.answers import Study
from konomi.files import make_folder, whole
from konomi.model.dcgan_export import load_dcgan_snapshot
from konomi.papers.grids import labelled, save
from konomi.papers.hayase import (
    METHODS,
    RunFolder,
    Scale,
    describe_answers,
    draw_answers,
    noises,
    random_answers,
    runs_of,
    some_answers,
    studies,
    sweep_answers,
)
from konomi.questionnaire import load_questionnaire
from konomi.taste.simulate import INTELLIGENT, SERIOUS

COLUMNS = 10
SIMULATED = "simulated answers"


def draw_figures(folder: Path, pictures: Path, scale: Scale) -> dict[str, Path]:
    """Write every figure that can be drawn yet into `pictures`; returns the paths by name."""
    make_folder(pictures)
    runs = [run for run in runs_of(folder, scale) if run.begun]
    made = {"item-means": item_means(folder, scale, pictures / "item-means.png")}
    if len(sorted((folder / "dcgan" / "snapshots").glob("*.safetensors"))) > 1:
        made["pretraining"] = pretraining(folder / "dcgan", pictures / "pretraining.webp")
    if not runs:
        return made
    made["losses"] = losses(runs, pictures / "losses.png")
    if not (runs := [run for run in runs if run.characters >= scale.show_from]):
        return made
    for method, number in METHODS.items():
        if of_method := [run for run in runs if run.method == method]:
            name = f"over-batches-{number}"
            made[name] = over_batches(of_method[0], folder, pictures / f"{name}.webp")
    made["fixed-noise"] = fixed_noise(runs, pictures / "fixed-noise.webp")
    made["fixed-answers"] = fixed_answers(runs, pictures / "fixed-answers.webp")
    made["sweep"] = sweep(runs, dict(studies(folder, scale)), pictures / "sweep.webp")
    return made


def losses(runs: Sequence[RunFolder], path: Path) -> Path:
    """Both losses of every run against batches: a row a method, a column a number of characters."""
    counts = sorted({run.characters for run in runs})
    figure = Figure(figsize=(max(6.4, 4.2 * len(counts)), 5.6), layout="constrained")
    axes = figure.subplots(2, len(counts), squeeze=False, sharex=True, sharey="row")
    for run in runs:
        axis = axes[METHODS[run.method] - 1][counts.index(run.characters)]
        rows = run.rows()
        for name, label in (("loss_g", "generator"), ("loss_d", "discriminator")):
            axis.plot([row["step"] for row in rows], [row[name] for row in rows], lw=1, label=label)
        axis.set(title=run.title, xlabel="batches of 64")
        axis.legend(frameon=False)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    figure.suptitle(f"Binary cross-entropy of both networks ({SIMULATED})")
    return _save(figure, path)


def item_means(folder: Path, scale: Scale, path: Path) -> Path:
    """Mean answer to each item by character: lines for the fewest, points for more characters."""
    found = list(studies(folder, scale))
    figure = Figure(figsize=(max(6.4, 4.2 * len(found)), 3.4), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False, sharey=True)
    for axis, (count, study) in zip(axes[0], found, strict=True):
        means = describe_answers(study).means
        numbers = np.arange(1, means.shape[1] + 1)
        for character in means:
            axis.plot(numbers, character, *(["o-"] if count <= 10 else ["."]), ms=3, lw=1,
                color=None if count <= 10 else "C0", alpha=1.0 if count <= 10 else 0.3)  # fmt: skip
        for item in (SERIOUS, INTELLIGENT):
            axis.axvline(item + 1, color="grey", lw=0.8, ls=":")
        axis.set(title=f"{count} characters", xlabel="item", ylim=(1, 7), xticks=[1, 5, 10, 15, 19, 22])
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("mean answer of a character")
    figure.suptitle(f"Item means ({SIMULATED})")
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    with whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    return path


def _chosen(snapshots: Sequence[Path], most: int = 6) -> list[Path]:
    """The first, the last, and some between."""
    places = np.unique(np.linspace(0, len(snapshots) - 1, most).round().astype(int))
    return [snapshots[place] for place in places]


def pretraining(run: Path, path: Path) -> Path:
    """The same noises along the pre-training."""
    snapshots = [load_dcgan_snapshot(p) for p in _chosen(sorted((run / "snapshots").glob("*.safetensors")))]
    z = noises(COLUMNS, seed=2)
    rows = [(f"{s.step:,} batches", s.draw(z, np.zeros((COLUMNS, 0)))) for s in snapshots]
    return save(labelled("Pre-training without answers: the same noises over batches", rows), path)


def over_batches(run: RunFolder, folder: Path, path: Path) -> Path:
    """One noise and ten answers that were given, along a run: the paper's figures 7 and 9."""
    from konomi.data.answers import read_study

    answers = read_study(folder / f"study-{run.characters}").answers
    given = some_answers(answers, np.random.default_rng(3).choice(len(answers), COLUMNS, replace=False))
    snapshots = [load_dcgan_snapshot(p) for p in _chosen(run.snapshots)]
    rows = [(f"{s.step:,} batches", draw_answers(s, noises(1, seed=3), given)) for s in snapshots]
    return save(labelled(f"{run.title}: one noise, ten {SIMULATED}, over batches", rows), path)


def fixed_noise(runs: Sequence[RunFolder], path: Path) -> Path:
    """One noise, random answers: the paper's figure 10."""
    answers = random_answers(load_questionnaire(), COLUMNS, seed=4)
    rows = [(r.title, draw_answers(load_dcgan_snapshot(r.snapshots[-1]), noises(1, seed=4), answers)) for r in runs]
    return save(labelled(f"One noise, ten random answers (trained on {SIMULATED})", rows), path)


def fixed_answers(runs: Sequence[RunFolder], path: Path) -> Path:
    """One random answer, ten noises: the paper's figure 11."""
    one = random_answers(load_questionnaire(), 1, seed=4)
    same = some_answers(one, np.zeros(COLUMNS, dtype=int))
    z = noises(COLUMNS, seed=4)
    rows = [(run.title, draw_answers(load_dcgan_snapshot(run.snapshots[-1]), z, same)) for run in runs]
    return save(labelled(f"One random answer, ten noises (trained on {SIMULATED})", rows), path)


def sweep(runs: Sequence[RunFolder], by_count: dict[int, Study], path: Path) -> Path:
    """Items 15 and 19 from 1 to 7, the others at their rounded mean, gender 1: the paper's figure 13."""
    rows, z = [], noises(1, seed=4)
    for run in runs:
        snapshot, answers = load_dcgan_snapshot(run.snapshots[-1]), by_count[run.characters].answers
        for item in (SERIOUS, INTELLIGENT):
            pictures = draw_answers(snapshot, z, sweep_answers(answers, item))
            rows.append((f"{run.title}, item {item + 1}", pictures))
    heads = [str(point) for point in range(1, load_questionnaire().points + 1)]
    return save(
        labelled(f"One answer from 1 to 7, the rest at its mean (trained on {SIMULATED})", rows, heads=heads), path
    )
