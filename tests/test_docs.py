"""The README's commands and programs run, its links lead somewhere, and its figures are those of the card."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src/konomi/models").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


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
    first = blocks("console")[0].splitlines()
    assert [line.split()[:2] for line in first] == [["make", "avatar"], ["make", "test"]]
    makefile = (ROOT / "Makefile").read_text()
    assert "\navatar:" in makefile
    assert "\ntest:" in makefile


def test_the_readmes_program_runs(tmp_path: Path) -> None:
    for program in blocks("python"):
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert len(list(tmp_path.glob("*.png"))) == 4


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


def test_every_published_picture_is_small_and_drawn_by_konomi() -> None:
    from konomi.metadata import read_recipe

    found = sorted((ROOT / "docs" / "pictures").iterdir())
    assert len(found) >= 3
    for path in found:
        assert path.stat().st_size < 1_500_000
    assert read_recipe(ROOT / "docs" / "pictures" / "one.png")
