"""Attributes on the command line: an option for each of the `anime` schema, `--set` for any schema, and their list."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Optional

import typer
from rich.table import Table

from konomi.cli.console import app, out
from konomi.errors import InputError, shorten
from konomi.fields import read_fields
from konomi.schema import Attribute, Schema, load_schema

_SET = "set_"  # the parameter that holds what --set was given; `set` is Python's
_EXAMPLES = "--set hair_color=blonde, --set glasses=no, --set smile=0.5 or --set hair_color.blonde=0.6"


@dataclass(frozen=True)
class Asked:
    """What the command line asks of a picture; it is read once the model, and so the schema, is known."""

    options: dict[str, Any]  # by attribute of the `anime` schema
    settings: tuple[str, ...]  # NAME=VALUE

    def __bool__(self) -> bool:
        return bool(self.options or self.settings)

    def within(self, schema: Schema) -> dict[str, Any]:
        """The attributes as `Condition.from_dict` reads them; an InputError names what is misspelt or given twice."""
        options = {name: value for name, value in self.options.items() if schema.attribute(name)}
        return read_fields(map(_split, self.settings), schema, given=options, option="--set ")


def asked_of(attributes: dict[str, Any]) -> Asked:
    """What a command with `with_attributes` got as its `**attributes`."""
    options = {name: value for name, value in attributes.items() if value is not None and name != _SET}
    return Asked(options, tuple(attributes.get(_SET) or ()))


def _split(setting: str) -> tuple[str, str]:
    """NAME=VALUE as its two sides."""
    left, equals, right = (part.strip() for part in setting.partition("="))
    if not (left and equals and right):
        raise InputError(f"--set {shorten(setting)!r} is not NAME=VALUE, as in {_EXAMPLES}")
    return left.replace("-", "_"), right


def with_attributes(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` `--set` and an option for each attribute of the `anime` schema, in place of its `**attributes`."""
    parameters = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters += [_SET_OPTION, *(_option(a) for a in load_schema("anime").attributes)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _keyword(name: str, kind: Any, told: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, told])


_SET_OPTION = _keyword(
    _SET,
    Optional[list[str]],
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any attribute of the model's schema (konomi attributes --model M): a value's name, yes or no, or a "
        "weight, as in smile=0.5 and hair_color.blonde=0.6; may be repeated.",
    ),
)


def _option(attribute: Attribute) -> inspect.Parameter:
    flag = "--" + attribute.name.replace("_", "-")
    if attribute.is_flag:
        names = [f"{flag}/--no-{flag[2:]}"]
        told = typer.Option(*names, help=f"With or without {attribute.label['en']}.", rich_help_panel="Attributes")
        return _keyword(attribute.name, Optional[bool], told)
    told = typer.Option(flag, metavar="VALUE", help=f"One of: {', '.join(attribute.value_names)}.")
    return _keyword(attribute.name, Optional[str], told)


@app.command()
def attributes(
    model: Annotated[
        Optional[str], typer.Option(help="The attributes of this model: its name, or an .onnx file.")
    ] = None,
    schema: Annotated[
        Optional[str], typer.Option(help="The attributes of this schema; by default anime.", show_default=False)
    ] = None,
) -> None:
    """List the attributes that can be asked for, with some of the words that mean them.

    \b
    konomi attributes
    konomi attributes --schema lorelei
    konomi attributes --model lorelei
    """
    if model and schema:
        raise InputError("give either --model or --schema: a model brings its schema")
    table = Table("attribute", "value", "English", "日本語", box=None)
    for attribute in _schema(model, schema).attributes:
        for value in attribute.values:
            listed = (value.words, value.adjectives, value.beside)
            said = ([w for words in listed for w in words.get(language, ())] for language in ("en", "ja"))
            words = (", ".join(here[:5]) for here in said)
            table.add_row(attribute.name, "yes / no" if attribute.is_flag else value.name, *words)
    out.print(table)


def _schema(model: str | None, schema: str | None) -> Schema:
    if model is None:
        return load_schema(schema or "anime")
    from konomi import api

    return api.open_model(model).schema
