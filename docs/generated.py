"""The pages that are made from the code: commands, attributes, models, and what lies outside `docs/`.

`pages` makes them in memory, and the tests check their links. `conf.py` writes them into `docs/reference/` when the
site is built; they are not committed.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

import konomi.cli  # noqa: F401 - registers the commands
from konomi.cli.console import app
from konomi.models import FOLDER, published
from konomi.schema import Attribute, Value, Words, load_schema

DOCS = Path(__file__).parent
ROOT = DOCS.parent
REFERENCE = DOCS / "reference"
SCHEMAS = ("anime", "lorelei")
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")

# where the site has what lies outside docs/
HOMES = {
    ROOT / "README.md": DOCS / "index.md",
    ROOT / "CHANGELOG.md": REFERENCE / "changes.md",
    ROOT / "LOG.md": REFERENCE / "experiments.md",
    ROOT / "CONTRIBUTING.md": REFERENCE / "contributing.md",
    ROOT / "labels/README.md": REFERENCE / "labels.md",
    ROOT / "src/konomi/cli": REFERENCE / "commands/index.md",
    FOLDER: REFERENCE / "models/index.md",
}
HOMES |= {FOLDER / f"{m.name}.md": REFERENCE / "models" / f"{m.name}.md" for m in published()}
HOMES |= {ROOT / f"src/konomi/schemas/{name}.toml": REFERENCE / "attributes" / f"{name}.md" for name in SCHEMAS}


def pages() -> dict[Path, str]:
    """Every made page: its place, and its Markdown."""
    texts = {old: new for old, new in HOMES.items() if old.suffix == ".md" and new.is_relative_to(REFERENCE)}
    copies = {new: relinked(old.read_text(encoding="utf-8"), old=old, new=new) for old, new in texts.items()}
    attributes = {REFERENCE / "attributes" / f"{name}.md": _attributes(name) for name in SCHEMAS}
    return copies | command_pages() | attributes | {REFERENCE / "models" / "index.md": _models()}


def relinked(text: str, *, old: Path, new: Path) -> str:
    """`text` with its links mended for its move from `old` to `new`, and led to the site's own pages."""

    def mended(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(old.parent / link[1]))
        return f"]({os.path.relpath(HOMES.get(target, target), new.parent)}{link[2] or ''})"

    return LINK.sub(mended, text)


# --- commands --------------------------------------------------------------------------------------------------------


def command_pages() -> dict[Path, str]:
    """A page for each command, and their list."""
    group: Any = typer.main.get_command(app)
    folder = REFERENCE / "commands"
    found = {folder / f"{name}.md": "\n\n".join(_command(one, name, "#")) for name, one in group.commands.items()}
    rows = [(f"[{name}]({name}.md)", plain(one.help.split("\n")[0])) for name, one in group.commands.items()]
    intro = f"# Commands\n\n{plain(group.help)}\n\n{table(('', ''), rows)}\n\n{contents(group.commands)}"
    return found | {folder / "index.md": intro}


def _command(command: Any, name: str, heading: str) -> Iterator[str]:
    """A command's section, and those of the commands below it."""
    context = command.make_context(f"konomi {name}", [], resilient_parsing=True)
    yield f"{heading} konomi {name}"
    yield from map(_paragraph, command.help.split("\n\n"))
    yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"
    for kind in ("argument", "option"):
        records = (p.get_help_record(context) for p in command.params if p.param_type_name == kind)
        if rows := [(code(left), plain(right)) for left, right in filter(None, records)]:
            yield table((f"{kind}s", ""), rows)
    for below, one in getattr(command, "commands", {}).items():
        yield from _command(one, f"{name} {below}", heading + "#")


def _paragraph(text: str) -> str:
    """A paragraph of a help page; after a \\b it is a list of examples."""
    return f"```console\n{text[1:].strip()}\n```" if text.startswith("\b") else plain(text)


# --- attributes ------------------------------------------------------------------------------------------------------


def _attributes(name: str) -> str:
    schema = load_schema(name)
    intro = f"""# Attributes: {name}

What can be asked for in the schema `{name}`, and every word that means it. Words of one line are worth the same.
Made from `src/konomi/schemas/{name}.toml`; `konomi attributes --schema {name}` lists the same."""
    return "\n\n".join([intro, *(_attribute(a) for a in schema.attributes)])


def _attribute(attribute: Attribute) -> str:
    kind = "yes or no" if attribute.is_flag else "one of these" if attribute.exclusive else "any of these"
    nouns = "; ".join(", ".join(words) for words in attribute.nouns.values())
    told = f"{code(attribute.name)}, {kind}." + (f" Said of: {plain(nouns)}." if nouns else "")
    rows = [
        (code("yes / no" if attribute.is_flag else v.name), _words(v, "en"), _words(v, "ja")) for v in attribute.values
    ]
    return f"## {attribute.label['en'].capitalize()}\n\n{told}\n\n{table(('value', 'English', '日本語'), rows)}"


def _words(value: Value, language: str) -> str:
    def said(words: Words) -> tuple[str, ...]:
        return words.get(language, ())

    alone, beside = said(value.words) + said(value.adjectives), said(value.beside)
    parts = [", ".join(alone), f"beside a noun also: {', '.join(beside)}" if beside else ""]
    return plain("; ".join(filter(None, parts)))


# --- models ----------------------------------------------------------------------------------------------------------


def _models() -> str:
    rows = [(f"[{m.name}]({m.name}.md)", m.kind, plain(m.summary), plain(m.licence)) for m in published()]
    return f"""# Models

A published model never changes; a better one gets the next number. Each has a card with its data, licence, uses, limits
and scores.

{table(("model", "what it is", "", "licence"), rows)}

{contents(m.name for m in published())}"""


# --- Markdown --------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Text as Markdown that shows just that."""
    return re.sub(r"([\\`*_<>\[\]|{}$#~])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as code, also inside a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def contents(names: Any) -> str:
    """A list for the site's menu that the page itself does not show."""
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
