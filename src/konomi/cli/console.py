"""What the commands share: the application, the two consoles, and progress bars."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from konomi.errors import FileError, InputError, KonomiError

app = typer.Typer(
    name="konomi",
    help="Konomi draws anime avatars from words and from taste.\n\n"
    "Exit codes: 0 done, 2 input that cannot be used, 3 a file or folder, 4 a model, 5 training, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
dataset = typer.Typer(
    help="Make and look at folders of labelled pictures.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(dataset, name="dataset")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
T = TypeVar("T")
UsageError: Any = typer.BadParameter.__base__  # what the command line got wrong; typer exports its subclass only


def main() -> None:
    """Run the command line."""
    try:
        sys.exit(app(standalone_mode=False))
    except UsageError as error:
        message = error.format_message()
        helped = message.startswith("Usage:")  # no arguments at all: the help page
        err.print(message if helped else f"konomi: {message} See konomi --help.", markup=False)
        sys.exit(2)
    except KonomiError as error:
        err.print(f"konomi: {' '.join(str(error).split())}", markup=False)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone; that is its right
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:  # standard output is full
        err.print(f"konomi: cannot write the output: {error.strerror}", markup=False)
        sys.exit(FileError.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        err.print("konomi: interrupted")
        sys.exit(130)


def following(items: Iterable[T], total: int, *, what: str) -> Iterator[T]:
    """`items` with a progress bar on standard error (only where somebody watches)."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        yield from bar.track(items, total=total)


def need(extra: str, *modules: str) -> None:
    """Refuse a command whose optional libraries are not installed, and say how to get them."""
    from importlib.util import find_spec

    if missing := [m for m in modules if find_spec(m) is None]:
        raise InputError(f"this command needs {', '.join(missing)}: pip install 'konomi[{extra}]'")
