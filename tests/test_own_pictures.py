"""The four commands of the guide, as a first-time user runs them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import konomi
from konomi.record import read_stage

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "own-pictures.md").read_text(encoding="utf-8")


def mixed_pictures(folder: Path) -> None:
    """Drawings with a face somewhere, one twice, one mirrored, one without a face, and files that are no pictures."""
    folder.mkdir()
    dice = np.random.default_rng(0)
    for number, avatar in enumerate(konomi.draw("a girl with blue hair", count=6, seed=11, model="anime-2")):
        scene = Image.new("RGB", (512, 400), tuple(int(v) for v in dice.integers(120, 250, 3)))
        scene.paste(avatar, (int(dice.integers(20, 220)), int(dice.integers(20, 130))))
        scene.save(folder / f"drawing {number}.png")
    first = Image.open(folder / "drawing 0.png")
    first.save(folder / "again.png", compress_level=1)
    first.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirrored.png")
    Image.new("RGB", (300, 300), "#9fc3e8").save(folder / "sky.jpg")
    (folder / "notes.txt").write_text("not a picture")
    (folder / "broken.png").write_bytes((folder / "drawing 1.png").read_bytes()[:2000])
    (folder / "empty.jpg").write_bytes(b"")


@pytest.mark.filterwarnings("ignore")
def test_the_guides_four_commands_make_a_data_set_with_its_card(tmp_path: Path) -> None:
    mixed_pictures(tmp_path / "my-pictures")
    commands = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)[0].splitlines()
    assert len(commands) == 4
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    mine = tmp_path / "runs" / "mine"
    refused = [json.loads(line)["reason"] for line in (mine / "pictures" / "refused.jsonl").read_text().splitlines()]
    assert {"broken", "empty"} <= set(refused)
    records = read_stage(mine / "dataset")
    assert 4 <= len(records) <= 7
    assert all(record.licence == "my own drawings" and record.split for record in records)
    assert all(record.tags["hair_color.blue"] > 0.3 for record in records if record.box)
    card = (mine / "dataset" / "card.md").read_text(encoding="utf-8")
    assert "my own drawings" in card
