"""Tags: what every picture of a stage shows, as probabilities."""

from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.table import Table

from konomi.cli.console import app, err, following, need, out
from konomi.errors import InputError, shorten
from konomi.schema import Schema, load_schema

if TYPE_CHECKING:
    from konomi.data.tagging.tag import Tagged
    from konomi.data.tagging.taggers import Tagger


@app.command()
def tag(
    stage: Annotated[Path, typer.Argument(help="A stage folder, or any folder of pictures.")],
    folder: Annotated[Path, typer.Argument(help="The tagged stage folder to make.")],
    tagger: Annotated[
        Optional[str],
        typer.Option(
            help="A tagger's name (see 'konomi models'), onnx:FILE, i2v:FOLDER (Illustration2Vec) or wd14:FOLDER; by "
            "default the newest published one.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Optional[list[str]],
        typer.Option(help="Label files whose judgements by eye override the estimates: a CSV, or 'labels/*.csv'."),
    ] = None,
    features: Annotated[
        Optional[Path], typer.Option(help="Write feature vectors into this .npy or .safetensors file (i2v only).")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 means all cores.", min=0)] = 0,
    schema_name: Annotated[str, typer.Option("--schema", help="The tagger's schema: anime or lorelei.")] = "anime",
) -> None:
    """Estimate how probable every tag is in each picture of a stage; run again to go on after a stop.

    \b
    konomi tag runs/data/faces runs/data/faces-tagged
    konomi tag runs/data/faces runs/data/faces-tagged --tagger i2v:models/illustration2vec
    """
    schema = load_schema(schema_name)
    from konomi.data.tagging.tag import tag_pictures

    if features is not None and features.suffix == ".safetensors":
        need("train", "safetensors")
    used = open_tagger(tagger or "tagger", schema, threads=threads, features=features is not None)
    done = tag_pictures(
        stage, folder, used, schema, labels=label_files(labels or []), features=features,
        progress=lambda items, total, what: following(items, total, what=what),
    )  # fmt: skip
    _tell(folder, done, used, schema)


def open_tagger(name: str, schema: Schema, *, threads: int = 0, features: bool = False) -> "Tagger":
    """The tagger that a user means: a published name or family, an .onnx file, or kind:PLACE.

    An InputError lists what exists; `features` opens the network of the feature vectors, too.
    """
    kind, _, place = name.partition(":")
    if kind in OPENERS and place:
        return OPENERS[kind](Path(place), schema, threads, features)
    if name.lower().endswith(".onnx"):
        return OPENERS["onnx"](Path(name), schema, threads, features)
    from konomi.data.tagging.taggers import open_onnx
    from konomi.models import find_model

    model = find_model(name, kind="tagger", else_give="onnx:FILE, i2v:FOLDER or wd14:FOLDER")
    return open_onnx(model.path, schema, name=model.name, sha256=model.sha256, threads=threads)


def _onnx(place: Path, schema: Schema, threads: int, _: bool) -> "Tagger":
    from konomi.data.tagging.taggers import open_onnx

    return open_onnx(place, schema, threads=threads)


def _illustration2vec(place: Path, _: Schema, threads: int, features: bool) -> "Tagger":
    need("data", "cv2")
    from konomi.data.tagging.illustration2vec import open_illustration2vec

    return open_illustration2vec(place, features=features, threads=threads)


def _wd14(place: Path, _: Schema, threads: int, __: bool) -> "Tagger":
    from konomi.data.tagging.wd14 import open_wd14

    return open_wd14(place, threads=threads)


OPENERS: dict[str, Callable[[Path, Schema, int, bool], "Tagger"]] = {
    "onnx": _onnx,
    "i2v": _illustration2vec,
    "wd14": _wd14,
}


def label_files(given: list[str]) -> list[Path]:
    """The files that paths and patterns name; an InputError for a pattern that fits none."""
    found: dict[Path, None] = {}
    for pattern in given:
        paths = [pattern] if Path(pattern).is_file() else sorted(glob(pattern, recursive=True))
        if not paths:
            raise InputError(f"there is no label file {shorten(pattern)!r}")
        found |= dict.fromkeys(map(Path, paths))
    return list(found)


def _tell(folder: Path, done: "Tagged", tagger: "Tagger", schema: Schema) -> None:
    from konomi.data.tagging.decisions import summarise
    from konomi.data.tagging.tag import LEFT_OUT, TABLE

    table = Table("tag", "pictures", "yes", "share", "mean probability", box=None)
    for line in summarise(done.records, schema, tagger.thresholds):
        share = f"{line.positive / line.known:.1%}"
        table.add_row(line.slot, str(line.known), str(line.positive), share, f"{line.mean:.3f}")
    out.print(table)
    for problem in list(done.left_out.values())[:10]:
        err.print(f"left out: {problem}", markup=False)
    if len(done.left_out) > 10:
        err.print(f"... and {len(done.left_out) - 10} more, see {folder / LEFT_OUT}", markup=False)
    told = f"{folder}: {len(done.records)} pictures tagged by {tagger.name}, {len(done.left_out)} unreadable"
    if done.labels.files:
        told += f", {done.labels.pictures} with labels by eye ({done.labels.not_in_stage} labelled ones are not here)"
    out.print(f"{told}; decisions in {folder / TABLE}", markup=False)
