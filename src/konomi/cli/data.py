"""Pictures in: dataset."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from konomi.cli.console import dataset, following, out
from konomi.schema import load_schema


@dataset.command("import")
def dataset_import(
    source: Annotated[Path, typer.Argument(help="A tar file or folder of pictures.")],
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    labels: Annotated[
        Optional[Path], typer.Option(help="CSV with a column `file` and columns named after attributes.")
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the stored pictures, in pixels.")] = 64,
    leave_out: Annotated[str, typer.Option(help="Leave out files whose name begins with one of these letters.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the pictures, if known.")] = "",
) -> None:
    """Turn a tar or folder of pictures, with a label CSV, into a stage folder.

    \b
    konomi dataset import faces.tar runs/data/faces --labels faces.csv --size 64
    """
    from konomi.data.dataset import import_pictures

    counts = import_pictures(
        source, labels, folder, schema=load_schema("anime"), size=size, leave_out=leave_out, licence=licence,
        progress=lambda items, total: following(items, total, what="importing"),
    )  # fmt: skip
    out.print(f"{folder}: " + ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in counts.items()), markup=False)


@dataset.command("synthetic")
def dataset_synthetic(
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    count: Annotated[int, typer.Option(help="How many faces.")] = 2000,
    size: Annotated[int, typer.Option(help="Side of the pictures, in pixels.")] = 64,
    seed: Annotated[int, typer.Option(help="The same seed makes the same faces.")] = 0,
) -> None:
    """Draw simple faces with exact labels, to try a training run without any pictures."""
    from konomi.data.synthetic import synthesise

    synthesise(folder, count=count, size=size, seed=seed, progress=lambda i, n: following(i, n, what="drawing"))
    out.print(f"{folder}: {count} faces", markup=False)
