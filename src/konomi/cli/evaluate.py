"""Measuring drawn pictures against real ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from konomi import __version__
from konomi.cli.console import app, err, following, need, out
from konomi.record import schema_of_stage
from konomi.schema import Schema

if TYPE_CHECKING:
    import numpy as np

    from konomi.data.picture_set import PictureSet


@app.command()
def evaluate(
    real: Annotated[Path, typer.Argument(help="The pictures that were learned from: a stage, or any folder.")],
    drawn: Annotated[Path, typer.Argument(help="The drawn pictures: a stage, or any folder, as konomi draw writes.")],
    folder: Annotated[Path, typer.Option("--out", help="Where to write the report.")] = Path("evaluation"),
    held_out: Annotated[
        Optional[Path],
        typer.Option(help="Real pictures that no training saw; they tell which distance is suspiciously small."),
    ] = None,
    tagger: Annotated[
        Optional[str],
        typer.Option(help="Who judges what the drawn pictures show, as in konomi tag; by default the newest published "
            "tagger.", show_default=False),
    ] = None,
    at_most: Annotated[
        int, typer.Option(min=0, help="Take at most so many pictures from each folder, at random; 0 takes all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed picks the same pictures.")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 means all cores.", min=0)] = 0,
) -> None:  # fmt: skip
    """Measure drawn pictures against real ones: report.html, report.md and report.json, with figures.

    Distances, precision, recall, coverage; nearest neighbours; and, where the drawn pictures say what was asked of them
    (the recipes that konomi draw writes, or the tags of a stage), obedience and condition effect.

    \b
    konomi evaluate runs/data/faces avatars
    konomi evaluate runs/data/faces runs/drawn --held-out runs/data/held-out --out runs/report
    konomi evaluate runs/data/faces avatars --at-most 5000 --seed 1
    """
    need("web", "jinja2", "starlette")
    need("train", "matplotlib")
    from konomi.files import make_folder, write_json, write_text
    from konomi.metrics.lines import markdown
    from konomi.web.gallery import Gallery
    from konomi.web.report import report_page

    schema = schema_of_stage(real)
    make_folder(folder)
    sets = _Sets.read(real, drawn, held_out, schema, at_most=at_most, seed=seed, threads=threads)
    found = _measured(sets, schema, tagger, seed=seed, threads=threads)
    figures = Gallery(sets.pictures, sets.features, make_folder(folder / "figures"), schema, seed).draw(found)
    facts = _facts(sets, found)
    write_json(folder / "report.json", found)
    beside = {title: [(caption, path.relative_to(folder).as_posix()) for caption, path in here]
              for title, here in figures.items()}  # fmt: skip
    write_text(folder / "report.md", markdown(found, facts, beside))
    write_text(folder / "report.html", report_page(found, facts, figures))
    _tell(folder, found)


@dataclass(frozen=True)
class _Sets:
    """The pictures and their features, by what they are: real, drawn, held_out."""

    pictures: "dict[str, PictureSet]"
    features: "dict[str, np.ndarray]"

    @classmethod
    def read(
        cls, real: Path, drawn: Path, held_out: Path | None, schema: Schema, *, at_most: int, seed: int, threads: int
    ) -> "_Sets":
        from konomi.data.picture_set import read_set
        from konomi.metrics.features import SMALL, EfficientNetFeatures
        from konomi.metrics.report import FEWEST
        from konomi.model import feature_network

        folders = {"real": real, "drawn": drawn} | ({"held_out": held_out} if held_out else {})
        pictures = {
            name: read_set(place, schema, side=SMALL, fewest=FEWEST, at_most=at_most, seed=seed, progress=following)
            for name, place in folders.items()
        }
        network = EfficientNetFeatures(
            feature_network.export, threads=threads, progress=lambda b, n: following(b, n, what="features")
        )
        return cls(pictures, {name: network(found.small) for name, found in pictures.items()})


def _measured(sets: _Sets, schema: Schema, tagger: str | None, *, seed: int, threads: int) -> dict[str, Any]:
    """The report as it is written into report.json."""
    import numpy as np

    from konomi.cli.tag import open_tagger
    from konomi.data.picture_set import asked_of, shown_in
    from konomi.metrics.features import NETWORK, PREPARATION
    from konomi.metrics.report import measure

    drawn = sets.pictures["drawn"]
    asked, source = asked_of(drawn, schema)
    shown, judge = None, {}
    if asked is not None and not np.isnan(asked).all():
        opened = open_tagger(tagger or "tagger", schema, threads=threads)
        shown = shown_in(drawn, opened, schema, progress=following)
        judge = {"name": opened.name, "files": dict(opened.files)}
    found = measure(
        **sets.features, asked=asked, shown=shown, schema=schema, seed=seed,
        step=lambda what: err.print(f"measuring: {what}", markup=False) if err.is_terminal else None,
    )  # fmt: skip
    if asked is None:
        found["left_out"] |= dict.fromkeys(("condition", "obedience"), source)
    elif shown is None:
        found["left_out"]["obedience"] = "nothing was asked of the drawn pictures"
    made = {"format": 1, "konomi": __version__, "features": {"network": NETWORK, "preparation": PREPARATION}}
    return made | {
        "folders": {name: _described(found) for name, found in sets.pictures.items()},
        "asked": source if asked is not None else None,
        "tagger": judge,
        **found,
    }


def _described(pictures: "PictureSet") -> dict[str, Any]:
    return {
        "folder": str(pictures.folder),
        "pictures": len(pictures),
        "of": pictures.total,
        "side": pictures.side,
        "sheets_left_out": pictures.sheets,
    }


def _facts(sets: _Sets, report: dict[str, Any]) -> list[tuple[str, str]]:
    """The rows at the head of the report."""
    rows = [(name.replace("_", " "), _fact(found)) for name, found in sets.pictures.items()]
    sides = {found.side for found in sets.pictures.values()}
    if len(sides) > 1:
        told = f"the folders' pictures have {' and '.join(map(str, sorted(sides)))} px; all are compared at 64 px"
        rows.append(("sizes", told))
    rows.append(("asked", f"as written in {report['asked']}" if report["asked"] else "not known"))
    if report["tagger"]:
        rows.append(("judged by", report["tagger"]["name"]))
    rows.append(("features", f"{report['features']['network'].removesuffix('.onnx')}, from pictures of 64 px"))
    return [*rows, ("made by", f"konomi evaluate, Konomi {__version__}, seed {report['seed']}")]


def _fact(found: "PictureSet") -> str:
    picked = f"of {found.total:,}, picked at random" if len(found) < found.total else ""
    sheets = f"{found.sheets} contact sheet left out" if found.sheets else ""
    count = f"{len(found):,} pictures"
    return ", ".join(part for part in (f"{found.folder}: {count}", picked, f"{found.side} px", sheets) if part)


def _tell(folder: Path, report: dict[str, Any]) -> None:
    from rich.table import Table

    from konomi.metrics.lines import sections

    smaller = "drawn_at_floor" in report["sets"]
    table = Table("", "drawn", "floor", *(["as many as the floor"] if smaller else []), "better", box=None)
    for section in sections(report):
        for line in section.lines:
            small = [line.at_floor] if smaller else []
            table.add_row(line.name, line.value, line.floor, *small, line.better)
    out.print(table)
    for what, why in report["left_out"].items():
        err.print(f"left out: {what.replace('_', ' ')}: {why}", markup=False)
    out.print(
        f"{folder / 'report.html'}, report.md and report.json; the figures show pictures of both folders", markup=False
    )
