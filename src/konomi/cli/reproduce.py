"""The papers' studies, from data to their pages."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from konomi.cli.console import app, err, following, need, out
from konomi.cli.train import TrainingLine

reproduce = typer.Typer(
    no_args_is_help=True, help="Repeat a paper's study, from data to a page that shows what came out."
)
app.add_typer(reproduce, name="reproduce")

Minutes = Annotated[float, typer.Option(help="Train no longer than this; run again to go on. 0 only measures.")]
Quick = Annotated[bool, typer.Option("--quick", help="On simple drawn faces, in two minutes: shows that all works.")]
Threads = Annotated[Optional[int], typer.Option(help="CPU threads of training; all cores by default.")]


@reproduce.command()
def xu(
    recipe: Annotated[Path, typer.Option(help="The recipe to follow.")] = Path("recipes/xu-acgan-64.toml"),
    page: Annotated[Path, typer.Option("--out", help="The page to write; its figures go into a folder beside it.")] = (
        Path("docs/papers/xu.md")
    ),
    folder: Annotated[Optional[Path], typer.Option(help="Run folder; by default runs/<name of the recipe>.")] = None,
    minutes: Minutes = float("inf"),
    quick: Quick = False,
    threads: Threads = None,
) -> None:
    """Xu's ACGAN: trains, draws, judges tag by tag, measures, and writes a page of what the paper claims and what held.

    It can be stopped at any time and goes on when it is run again.

    \b
    konomi reproduce xu --quick --out runs/quick.md
    konomi reproduce xu --minutes 60
    """
    need("train", "torch", "safetensors", "matplotlib", "jinja2")
    import torch

    from konomi.cli.tag import open_tagger
    from konomi.metrics.features import EfficientNetFeatures
    from konomi.model import feature_network
    from konomi.model.acgan import read_acgan_plan
    from konomi.papers.xu import Study, measure, train
    from konomi.papers.xu_page import write_page
    from konomi.schema import load_schema

    if threads:
        torch.set_num_threads(threads)
    plan = read_acgan_plan(recipe)
    default = Path("runs") / (f"{plan.name}-quick" if quick else plan.name)
    study = Study(recipe, folder or default, quick)
    with TrainingLine(96 if quick else plan.options.pictures) as line:
        facts = train(study, seconds=minutes * 60, report=line.show)
    features = EfficientNetFeatures(feature_network.export, progress=lambda b, n: following(b, n, what="features"))
    tagger = open_tagger("tagger", load_schema(plan.schema))
    found = measure(study, facts, tagger, features, lambda items, n, what: following(items, n, what=what))
    write_page(study, page, lambda items, n, what: following(items, n, what=what))
    out.print(f"{page}: {facts['pictures']:,} of {facts['of']:,} pictures shown; numbers in {found}", markup=False)


@reproduce.command()
def hayase(
    data: Annotated[
        Optional[Path],
        typer.Option(help="A stage of 64 px faces; by default runs/data/anime-64. With --quick: simple drawn faces."),
    ] = None,
    page: Annotated[
        Optional[Path],
        typer.Option("--out", help="The page to write, figures in a folder beside it: docs/papers/hayase.md; with "
            "--quick in the folder of the runs.", show_default=False),
    ] = None,
    folder: Annotated[
        Optional[Path], typer.Option(help="Folder of studies and runs; runs/hayase, or runs/hayase-quick.")
    ] = None,
    minutes: Minutes = float("inf"),
    up_to: Annotated[float, typer.Option(help="Pictures after which a conditional run ends; 220,000 by plan.")] = (
        float("inf")
    ),
    beside: Annotated[
        Optional[list[str]],
        typer.Option(help="A model that is asked for tags, published or .onnx, for the table of what conditions "
            "decide; may be repeated. Without --quick: anime.", show_default=False),
    ] = None,
    quick: Quick = False,
    threads: Threads = None,
) -> None:  # fmt: skip
    """Hayase's cDCGANs, with simulated answers of 2,200 people about 4, 40 and 400 characters.

    Makes the answers, pre-trains, trains both methods, measures what the answers decide, and writes the page of what
    there is so far. It can be stopped at any time and goes on when it is run again.

    \b
    konomi reproduce hayase --quick
    konomi reproduce hayase --minutes 60
    konomi reproduce hayase --up-to 150000
    """
    need("train", "torch", "safetensors", "matplotlib", "jinja2", "scipy")
    import torch

    from konomi.api import open_model
    from konomi.files import make_folder
    from konomi.metrics.features import EfficientNetFeatures
    from konomi.model import feature_network
    from konomi.papers import hayase as study

    if threads:
        torch.set_num_threads(threads)
    stage = data or (None if quick else Path("runs/data/anime-64"))
    folder = folder or Path("runs") / ("hayase-quick" if quick else "hayase")
    page = page or (folder / "page.md" if quick else Path("docs/papers/hayase.md"))
    make_folder(page.parent)
    measures = study.reproduce(
        stage, folder, study.QUICK if quick else study.Scale(), page=page, seconds=minutes * 60, up_to=up_to,
        features=EfficientNetFeatures(feature_network.export, progress=lambda b, n: following(b, n, what="features")),
        beside=[open_model(name) for name in beside or ([] if quick else ["anime"])],
        report=_report, say=lambda line: err.print(line, markup=False),
    )  # fmt: skip
    told = f"{len(measures)} runs measured, with simulated answers"
    out.print(f"{page}: {told}; numbers in {folder / 'measures.json'}", markup=False)


def _report(name: str, row: dict[str, Any]) -> None:
    told = f"{row['pictures_per_second']:.0f} pictures/s  loss d {row['loss_d']:.2f} g {row['loss_g']:.2f}"
    err.print(f"{name}: {row['pictures']} pictures, {told}", markup=False)
