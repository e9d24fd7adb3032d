"""Taste: one person's picks, and what is drawn from them."""

from typing import Any

import typer
from typer.core import TyperGroup

from konomi.cli.console import app


class _ProfileFirst(TyperGroup):
    """`konomi taste me.json` stands for `konomi taste pick me.json`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and any(given.endswith(".json") for given in args):
            args = ["pick", *args]
        return super().parse_args(ctx, args)


taste = typer.Typer(
    help="Learn what one person likes, and draw from it: konomi taste me.json",
    cls=_ProfileFirst,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(taste, name="taste")
