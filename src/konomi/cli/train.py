"""Training and export."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from konomi.cli.console import app, err, need, out
from konomi.errors import InputError, unknown_name
from konomi.models import find_model
from konomi.schema import load_schema
from konomi.settings import read_toml


@app.command()
def train(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE | FOLDER", help="A recipe, as recipes/anime.toml; with --from, drawings.")
    ],
    folder: Annotated[
        Optional[Path], typer.Option("--out", help="Run folder; by default runs/<name of the recipe>.")
    ] = None,
    base: Annotated[
        Optional[str],
        typer.Option("--from", help="Go on from this published model, with a folder of your own drawings."),
    ] = None,
    licence: Annotated[str, typer.Option(help="With --from: licence of your drawings, in one line.")] = "not stated",
    minutes: Annotated[float, typer.Option(help="Stop after this time; run again to go on.")] = float("inf"),
    threads: Annotated[Optional[int], typer.Option(help="CPU threads; all cores by default.")] = None,
) -> None:
    """Train a generator; Ctrl-C stops with a checkpoint, and the same command goes on to the bit.

    A recipe's kind says what is trained: a generator (unless said otherwise), an acgan (Xu's), a dcgan (Hayase's),
    or a tagger. With --from, a published generator learns your own style from 100 to 500 drawings: faces are found,
    tagged and learned, and RUN/<name>.onnx draws them.

    \b
    konomi train recipes/tiny.toml
    konomi train my-drawings --from anime
    """
    need("train", "torch", "safetensors")
    import torch

    if threads:
        torch.set_num_threads(threads)
    if base:
        from konomi.cli.train_from import train_from

        train_from(base, recipe, folder, seconds=minutes * 60, licence=licence)
        return
    kind = read_toml(recipe).get("kind", "generator")
    if kind not in _KINDS:
        raise InputError(f"{recipe}: {unknown_name('kind', str(kind), list(_KINDS))}")
    _KINDS[kind](recipe, folder, minutes * 60)


def _train_generator(recipe: Path, folder: Path | None, seconds: float) -> None:
    from konomi.cli.train_from import open_base
    from konomi.model.plan import read_plan
    from konomi.model.train import train as train_run

    plan = read_plan(recipe)
    _, base = open_base(plan.base) if plan.base else (None, None)
    start = partial(train_run, seconds=seconds, start_from=plan.start_from, base=base, judge=plan.judge)
    _train(plan, folder, start)


def _train_acgan(recipe: Path, folder: Path | None, seconds: float) -> None:
    from konomi.model.acgan import read_acgan_plan, train_acgan

    plan = read_acgan_plan(recipe)
    start = partial(train_acgan, seconds=seconds, left_out=plan.left_out, start_from=plan.start_from)
    _train(plan, folder, start)


def _train(plan: Any, folder: Path | None, start: Callable[..., Any]) -> None:
    from konomi.data.dataset import load

    _follow(plan, folder, load(plan.data, load_schema(plan.schema)), start)


def _train_dcgan(recipe: Path, folder: Path | None, seconds: float) -> None:
    from konomi.model.dcgan_train import load_pairs, read_dcgan_plan, train_dcgan

    plan = read_dcgan_plan(recipe)
    start = partial(train_dcgan, seconds=seconds, start_from=plan.start_from)
    _follow(plan, folder, load_pairs(plan), start)


def _follow(plan: Any, folder: Path | None, data: Any, start: Callable[..., Any]) -> None:
    from konomi.model.plots import plot_run

    folder = folder or Path("runs") / plan.name
    with TrainingLine(plan.options.pictures) as line:
        run = start(data, plan.options, folder, report=line.show)
    plot_run(folder)
    done = "finished" if run.seen >= plan.options.pictures else "stopped; the same command goes on"
    out.print(f"{folder}: {run.seen} of {plan.options.pictures} pictures, {done}", markup=False)


def _train_tagger(recipe: Path, folder: Path | None, _seconds: float) -> None:
    from konomi.metrics.tagging import best_threshold
    from konomi.model.tagger_run import read_tagger_plan, run

    plan = read_tagger_plan(recipe)
    folder = folder or Path("runs") / plan.name
    facts = run(
        plan,
        folder,
        threshold=lambda truth, probability, share: best_threshold(truth, probability, share=share),
        report=lambda line: err.print(line, markup=False),
    )
    out.print(f"{folder}: a tagger learned from {facts['train']} faces", markup=False)


_KINDS = {"generator": _train_generator, "acgan": _train_acgan, "dcgan": _train_dcgan, "tagger": _train_tagger}


class TrainingLine:
    """A live line with pictures a second and time left; plain lines where nobody watches."""

    def __init__(self, total: int) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=err, disable=not err.is_terminal)
        self.task = self.progress.add_task("training", total=total)

    def __enter__(self) -> "TrainingLine":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, row: dict[str, Any]) -> None:
        speed = row["pictures_per_second"]
        told = f"{speed:.0f} pictures/s  loss d {row['loss_d']:.2f} g {row['loss_g']:.2f}"
        self.progress.update(self.task, completed=row["pictures"], description=told)
        if not err.is_terminal:
            left = (self.progress.tasks[0].total or 0) - row["pictures"]
            err.print(f"{row['pictures']} pictures, {told}, {left / max(speed, 1e-9) / 60:.0f} min left", markup=False)


@app.command()
def export(
    snapshot: Annotated[Path, typer.Argument(help="A file of a run's snapshots/, or the run folder (its newest).")],
    file: Annotated[Path, typer.Argument(help="The .onnx file to write; its card goes beside it as .md.")],
    name: Annotated[Optional[str], typer.Option(help="The model's name; by default that of the file.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the model, in one line.")] = "not stated",
    average: Annotated[int, typer.Option(help="Take the mean of a run's last snapshots, this many.")] = 1,
    mean_with: Annotated[
        Optional[str],
        typer.Option(help="Take the mean of its weights and those of this model, which it went on from: a published "
            "one, or an .onnx file.", show_default=False),
    ] = None,
    assume: Annotated[
        Optional[list[str]],
        typer.Option(metavar="NAME=VALUE", help="What is meant where nobody asks, as framing=close; or wherever a flag "
            "is asked for, as ribbon:framing=wide. May be repeated."),
    ] = None,
    discriminator: Annotated[
        bool, typer.Option("--discriminator", help="Write the run's discriminator instead, for 'konomi train --from'.")
    ] = False,
) -> None:  # fmt: skip
    """Write a trained generator as ONNX, with a model card.

    \b
    konomi export runs/tiny tiny.onnx --average 3
    konomi export runs/next next.onnx --mean-with anime
    konomi export runs/tiny tiny-d.onnx --discriminator
    """
    need("train", "torch", "safetensors")
    from konomi.model.card import card
    from konomi.model.dcgan_card import dcgan_card
    from konomi.model.dcgan_export import export_dcgan, is_dcgan
    from konomi.model.export import export_run, newest_snapshots, schema_of

    if discriminator:
        _export_discriminator(snapshot, file, name=name or file.stem, licence=licence)
        return
    newest = newest_snapshots(snapshot, 1)[0] if snapshot.is_dir() else snapshot
    if is_dcgan(newest):
        if average > 1:
            raise InputError("--average is for generators that keep an average; Hayase's do not")
        _tell(file, dcgan_card(export_dcgan(newest, file, name=name or file.stem, licence=licence)))
        return
    if wrong := [pair for pair in assume or () if pair.count("=") != 1]:
        raise InputError(f"--assume {wrong[0]}: write NAME=VALUE, as in framing=close")
    facts = export_run(
        snapshot, file, schema=schema_of(newest), name=name or file.stem, licence=licence, average=average,
        assume=dict(pair.split("=") for pair in assume or ()), mean_with=_file_of(mean_with) if mean_with else None,
    )  # fmt: skip
    _tell(file, card(facts))


def _file_of(model: str) -> Path:
    """The file of a published model, or the path of one."""
    return Path(model) if model.endswith(".onnx") else find_model(model).path


def _export_discriminator(run: Path, file: Path, *, name: str, licence: str) -> None:
    from konomi.model.base import discriminator_card, export_discriminator
    from konomi.model.export import newest_snapshots, schema_of
    from konomi.model.loop import CHECKPOINT

    schema = schema_of(newest_snapshots(run, 1)[0])
    facts = export_discriminator(run / CHECKPOINT, file, name=name, licence=licence, schema=schema)
    _tell(file, discriminator_card(facts))


def _tell(file: Path, text: str) -> None:
    """Put the card beside what was exported, unless there is one, and say both."""
    from konomi.model.card import write_card

    card = write_card(file, text)
    out.print(f"{file} ({file.stat().st_size / 1e6:.1f} MB) and {card}", markup=False)
