"""Commands, programs and links of every page are right, the examples run, and the site is built."""

import ast
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from konomi.cli.console import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = sorted(
    {*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "src/konomi/models").glob("*.md")}
    - {*(DOCS / "reference").rglob("*.md")}
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
# programs that need what no test has; only their imports are run
NOT_RUN = {
    "analysing.md": "a study's answers",
    "drawing-from-taste.md": "a person's profile",
    "evaluating.md": "the features of two folders",
}


def generated() -> ModuleType:
    sys.path.insert(0, str(DOCS))
    try:
        import generated
    finally:
        sys.path.remove(str(DOCS))
    return generated


@cache
def made() -> dict[Path, str]:
    """The pages that exist only on the site."""
    return generated().pages()


@cache
def text_of(page: Path) -> str:
    return made()[page] if page in made() else page.read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


# --- the README ------------------------------------------------------------------------------------------------------


def test_the_readmes_commands_run_in_order(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("text,glasses\nblue eyes,yes\nred hair,\n")
    commands = [line for block in blocks("console") for line in block.splitlines() if line.startswith("konomi ")]
    assert len(commands) >= 7
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_the_two_first_commands_are_those_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in (README, text_of(DOCS / "index.md")):
        first = blocks("console", page)[0].splitlines()
        assert [line.split()[:2] for line in first] == [["make", "avatar"], ["make", "test"]]
    assert "\navatar:" in makefile
    assert "\ntest:" in makefile


def test_the_readmes_program_runs(tmp_path: Path) -> None:
    for program in blocks("python"):
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert len(list(tmp_path.glob("*.png"))) == 4


# --- every page ------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site name them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """The links of a page to files, pages and headings that are not there."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text_of(page))):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not (there in made() or there.exists()) or (anchor and anchor not in anchors(there)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_links_of_made_pages_lead_somewhere() -> None:
    assert {page: broken for page in made() if (broken := broken_links(page))} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Two words: one & two\n")
    (tmp_path / "page.md").write_text(
        "[a](there.md#two-words-one--two) [b](there.md#three) [c](gone.md) [d](#e)\n```\n[no](link.md)\n```\n"
    )
    assert broken_links(tmp_path / "page.md") == ["there.md#three", "gone.md", "#e"]


@cache
def command_line() -> Any:
    return typer.main.get_command(app)


def check_command(words: list[str]) -> None:
    """Read a command line as the program would, and run nothing; a UsageError if it is wrong."""
    context, command, rest = None, command_line(), words
    while hasattr(command, "commands"):
        context = command.make_context(rest[0], rest[1:], parent=context)
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        rest = [command.name, *rest]
    command.make_context(rest[0], rest[1:], parent=context)


def commands(page: Path) -> list[str]:
    lines = [line for block in blocks("console", text_of(page)) for line in block.splitlines()]
    return [line for line in lines if line.startswith("konomi ")]


@pytest.mark.parametrize("page", [p for p in WRITTEN if commands(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_are_read_by_the_command_line(page: Path) -> None:
    for command in commands(page):
        check_command(shlex.split(command, comments=True))


def test_the_examples_of_help_pages_are_read_by_the_command_line() -> None:
    lines = [(page, line) for page in made() for line in commands(page)]
    assert len(lines) > 30
    for _, line in lines:
        check_command(shlex.split(line, comments=True))


@pytest.mark.parametrize("line", ["konomi draw --hair blue", "konomi survey begin x", "konomi draw --count many"])
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"No such option|No such command|valid integer"):
        check_command(shlex.split(line))


def programs(page: Path) -> list[str]:
    """The Python programs of a page; of a page that is not run their imports."""
    found = blocks("python", text_of(page))
    return [imports(program) for program in found] if page.name in NOT_RUN else found


def imports(program: str) -> str:
    return "\n".join(ast.unparse(n) for n in ast.parse(program).body if isinstance(n, (ast.Import, ast.ImportFrom)))


@pytest.mark.parametrize(
    "page", [p for p in WRITTEN if programs(p) and p.parent != ROOT], ids=lambda p: str(p.relative_to(ROOT))
)
def test_programs_of_a_page_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for program in programs(page):
        exec(compile(program, f"a program of {page.name}", "exec"), {"__name__": "__main__"})


# --- the site --------------------------------------------------------------------------------------------------------


def test_every_page_is_in_the_sites_menu() -> None:
    pages = {p for p in WRITTEN if p.is_relative_to(DOCS)} | set(made())
    menu = set()
    for page in pages:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text_of(page), re.DOTALL):
            menu |= {page.parent / f"{line}.md" for line in block.splitlines() if line and not line.startswith(":")}
    assert menu == pages - {DOCS / "index.md"}


def test_the_reference_has_every_command_and_attribute() -> None:
    from konomi.schema import load_schema

    reference = DOCS / "reference"
    said = "".join(text for page, text in made().items() if page.parent == reference / "commands")
    for name, command in command_line().commands.items():
        for below in ("", *(f" {one}" for one in getattr(command, "commands", {}))):
            assert f"# konomi {name}{below}\n" in said
    assert "`--hair-color VALUE`" in said
    for name in ("anime", "lorelei"):
        table = text_of(reference / "attributes" / f"{name}.md")
        for attribute in load_schema(name).attributes:
            assert all(f"| `{value}` |" in table for value in attribute.value_names if not attribute.is_flag)


def test_links_outside_the_docs_lead_to_the_sites_own_pages() -> None:
    page = DOCS / "guides" / "x.md"
    text = "[a](../../src/konomi/models/anime-1.md#limits) [b](../../Makefile) [c](https://example.org/x.md)"
    assert generated().relinked(text, old=page, new=page) == (
        "[a](../reference/models/anime-1.md#limits) [b](../../Makefile) [c](https://example.org/x.md)"
    )


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "python.html").read_text(encoding="utf-8")
    assert 'id="konomi.draw"' in page
    assert "<svg" in (tmp_path / "how-it-works.html").read_text(encoding="utf-8")


def test_every_published_picture_is_small_and_drawn_by_konomi() -> None:
    from konomi.metadata import read_recipe

    found = sorted((ROOT / "docs" / "pictures").iterdir())
    assert len(found) >= 3
    for path in found:
        assert path.stat().st_size < 1_500_000
    assert read_recipe(ROOT / "docs" / "pictures" / "one.png")


# --- the examples ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("team.py alice bob --size 64 --out team", "team/bob.png   code "),
        ("contact_sheet.py glasses hair_color --most 2 --out sheet.png", "sheet.png"),
        ("share_code.py --size 64", "pixel for pixel the same"),
    ],
)
def test_an_example_runs(arguments: str, says: str, tmp_path: Path) -> None:
    script, *given = arguments.split()
    command = [sys.executable, str(ROOT / "examples" / script), *given]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert says in done.stdout


def test_every_example_is_run() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    scripts = sorted((ROOT / "examples").glob("*.py"))
    assert len(scripts) >= 3
    assert all(f'("{path.name}' in tested for path in scripts)
