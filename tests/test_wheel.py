"""A built wheel draws in an empty virtual environment, without torch."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_draws_in_an_empty_environment(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", str(wheel)], check=True, cwd=tmp_path)
    drawn = subprocess.run(
        [programs / "konomi", "draw", "銀髪で赤い目", "--out", "out"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "hair color silver, eye color red" in drawn.stdout
    assert (tmp_path / "out" / "avatar-0.png").is_file()
    without = [programs / "python", "-c", "import importlib.util as u; assert u.find_spec('torch') is None"]
    subprocess.run(without, check=True)
