"""How fast drawing is on this machine."""

import json
from typing import Annotated

import typer
from rich.table import Table

from konomi.cli.console import app, following, out
from konomi.errors import InputError


@app.command()
def bench(
    model: Annotated[str, typer.Option(help="A model's name or an .onnx file.")] = "anime",
    repeats: Annotated[int, typer.Option(help="How often each step is timed.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Time drawing on this machine: each step on one core, and avatars a second on all of them.

    \b
    konomi bench
    konomi bench --repeats 50 --json
    """
    from konomi.timing import machine, per_second, time_drawing

    if repeats < 1:
        raise InputError(f"repeats is {repeats}; it must be at least 1")
    timings = list(following(time_drawing(model, repeats=repeats), 7, what="timing"))
    speed = per_second(model, count=2 * repeats)
    if as_json:
        rows = {t.what: {"median_ms": round(t.milliseconds, 2), "fastest_ms": round(t.fastest, 2)} for t in timings}
        print(json.dumps({"machine": machine(), "model": model, "one_core": rows, "per_second": round(speed, 1)}))
        return
    table = Table(f"on one core of {machine()}", "median", "fastest", box=None)
    for timing in timings:
        table.add_row(timing.what, f"{timing.milliseconds:.1f} ms", f"{timing.fastest:.1f} ms")
    out.print(table)
    out.print(f"on all cores: {speed:.1f} avatars of 256 px a second", markup=False)
