"""What a recipe's networks cost."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from konomi.cli.console import app, need, out
from konomi.errors import InputError, unknown_name
from konomi.settings import read_toml


@app.command()
def describe(
    recipe: Annotated[Path, typer.Argument(help="A recipe, as recipes/xu-acgan-128.toml.")],
) -> None:
    """Print the parameters, operations and activations of a recipe's networks, for one picture.

    A multiply-add counts two operations; activations are the numbers that convolutions and dense layers put out.

    \b
    konomi describe recipes/xu-acgan-128.toml
    """
    kind = read_toml(recipe).get("kind", "generator")
    need("train", "torch", "safetensors")
    from konomi.model.describe import KINDS
    from konomi.model.describe import describe as costs_of

    if kind not in KINDS:
        raise InputError(f"{recipe}: {unknown_name('kind', str(kind), list(KINDS))}")
    table = Table(box=None, pad_edge=False)
    table.add_column("network")
    table.add_column("reads")
    for title in ("parameters", "GFLOP", "activations", "fp16 MB"):
        table.add_column(title, justify="right")
    for cost in costs_of(recipe, kind):
        numbers = f"{cost.parameters:,}", f"{cost.operations / 1e9:.2f}", f"{cost.activations:,}"
        table.add_row(cost.network, cost.reads, *numbers, f"{cost.parameters * 2 / 1e6:.1f}")
    out.print(table)
