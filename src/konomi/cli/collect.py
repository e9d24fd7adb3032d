"""Pictures in: collect."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from konomi.cli.console import app, err, need, out
from konomi.errors import InputError, shorten

if TYPE_CHECKING:
    from konomi.data.collecting.frontier import Frontier

UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
QUIET = 30  # seconds between two lines where nobody watches


@app.command()
def collect(
    source: Annotated[Path, typer.Argument(help="A folder, a .csv with a column `url`, or a site's .toml.")],
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    licence: Annotated[str, typer.Option(help="Licence of the pictures whose source tells none.")] = "",
    max_pictures: Annotated[Optional[int], typer.Option(help="Stop after so many; by default none.", min=1)] = None,
    max_bytes: Annotated[str, typer.Option(help="Stop before the pictures take more than this.")] = "10GB",
    max_file_bytes: Annotated[str, typer.Option(help="Refuse pictures larger than this.")] = "20MB",
    delay: Annotated[float, typer.Option(help="Seconds between two requests to one host, at least 1.")] = 1.0,
    timeout: Annotated[float, typer.Option(help="Seconds that one answer may take.")] = 60.0,
    contact: Annotated[str, typer.Option(help="Your mail address or URL, told to the hosts.")] = "",
    allow_private: Annotated[
        Optional[list[str]],
        typer.Option(metavar="HOST", help="A host of your own network that may be asked, and faster; repeatable."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what failed for a passing reason.")] = False,
) -> None:
    """Collect pictures into a stage folder, from a folder, a CSV of addresses, or a site.

    robots.txt, noai and noimageai are obeyed, and no host is asked more than once a second. Ctrl-C stops; the same
    command goes on. What was refused is listed in FOLDER/refused.jsonl.

    \b
    konomi collect my-drawings runs/data/mine --licence "CC0-1.0"
    konomi collect pictures.csv runs/data/few --contact me@example.org
    konomi collect examples/sites/catalogue.toml runs/data/game --max-pictures 5000
    konomi collect pictures.csv runs/data/few --contact me@example.org --retry
    """
    if not source.is_dir():
        need("data", "scrapy")
    from konomi.data.collecting.collect import collect as collect_pictures
    from konomi.data.collecting.frontier import Limits
    from konomi.data.collecting.manners import Manners

    limits = Limits(
        max_pictures, number_of_bytes("max-bytes", max_bytes), number_of_bytes("max-file-bytes", max_file_bytes)
    )
    manners = Manners(delay, timeout, contact, tuple(host.lower() for host in allow_private or ()))
    try:
        with _CollectingLine() as line:
            counts = collect_pictures(
                source, folder, licence=licence, limits=limits, manners=manners, retry=retry, report=line.show
            )
    except KeyboardInterrupt:
        err.print(f"konomi: stopped; run the same command again to go on with {folder}", markup=False)
        raise typer.Exit(130) from None
    out.print(f"{folder}: {_told(counts)}", markup=False)
    if counts["refused"]:
        out.print(f"{folder / 'refused.jsonl'} lists what was refused, and why", markup=False)


def number_of_bytes(option: str, text: str) -> int:
    """A number of bytes, as 500000, 2.5MB or 10 GB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?b)?", text.strip().lower())
    number = int(float(found[1]) * UNITS[found[2] if found[2] and found[2] != "b" else ""]) if found else 0
    if number < 1:
        raise InputError(f"--{option} is {shorten(text)!r}; write a number of bytes, as 500000, 2.5MB or 10GB")
    return number


def _told(counts: dict[str, Any]) -> str:
    told = [f"{counts['pictures']:,} pictures ({counts['bytes'] / 1e6:,.1f} MB)"]
    told += [f"{counts[name]:,} {name}" for name in ("pages", "duplicates", "repeated") if counts[name]]
    if refused := counts["refused"]:
        reasons = ", ".join(f"{reason} {number}" for reason, number in refused.items())
        told.append(f"{sum(refused.values()):,} refused ({reasons})")
    if limit := counts["stopped_by"]:
        told.append(f"stopped by {limit}")
    return ", ".join(told)


class _CollectingLine:
    """A live line with counts, as a bar where the total is known; a plain line now and then where nobody watches."""

    def __init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.progress = Progress(*columns, TimeElapsedColumn(), console=err, disable=not err.is_terminal)
        self.task = self.progress.add_task("collecting", total=None)
        self.told = time.monotonic()

    def __enter__(self) -> "_CollectingLine":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, frontier: "Frontier") -> None:
        told = f"{len(frontier.kept):,} pictures, {frontier.bytes / 1e6:,.1f} MB, {frontier.refused:,} refused"
        if frontier.pages:
            told += f", {frontier.pages:,} pages"
        self.progress.update(self.task, completed=len(frontier.settled), total=frontier.total, description=told)
        if not err.is_terminal and time.monotonic() - self.told > QUIET:
            self.told = time.monotonic()
            err.print(told, markup=False)
