"""vary, mix and edit, from Python and from the command line, with the published model."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import konomi
from konomi import api
from konomi.cli.console import app
from konomi.errors import InputError


@pytest.fixture(scope="module")
def avatar() -> konomi.Avatar:
    return konomi.draw("long red hair", seed=3, size=64, model="anime-1")[0]


def difference(one: konomi.Avatar, other: konomi.Avatar) -> float:
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def rows(*command: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_neighbours_are_nearer_the_weaker_they_are_asked(avatar: konomi.Avatar) -> None:
    near, far = (konomi.vary(avatar, count=3, strength=s) for s in (0.1, 0.9))
    assert max(difference(avatar, n) for n in near) < min(difference(avatar, n) for n in far)
    assert all(difference(avatar, n) > 0 for n in near)


def test_a_neighbours_code_and_file_draw_it_again(avatar: konomi.Avatar, tmp_path: Path) -> None:
    neighbour = konomi.vary(avatar, count=1)[0]
    neighbour.save(tmp_path / "n.png")
    recipe, model = api.recall(neighbour.code)
    again = next(api.draw_recipes([recipe], model))
    assert np.array_equal(np.asarray(again), np.asarray(neighbour))
    assert api.recall(str(tmp_path / "n.png"))[0] == neighbour.recipe


def test_a_mix_begins_and_ends_with_its_pictures(avatar: konomi.Avatar) -> None:
    other = konomi.draw("short blue hair", seed=8, size=64, model="anime-1")[0]
    found = konomi.mix(avatar, other, steps=4)
    assert np.array_equal(np.asarray(found[0]), np.asarray(avatar))
    assert np.array_equal(np.asarray(found[-1]), np.asarray(other))
    assert [difference(found[i], found[i + 1]) > 0 for i in range(3)] == [True] * 3


def test_an_edit_keeps_the_seed(avatar: konomi.Avatar) -> None:
    blue = konomi.edit(avatar, hair_color="blue")
    assert blue.condition == {"hair_color": "blue", "hair_length": "long"}
    assert blue.seed == avatar.seed
    straight = konomi.draw("long blue hair", seed=3, size=64, model="anime-1")[0]
    assert np.array_equal(np.asarray(blue), np.asarray(straight))


def test_the_commands_write_files_that_say_what_they_are(avatar: konomi.Avatar, tmp_path: Path) -> None:
    avatar.save(tmp_path / "a.png")
    out = ("--out", str(tmp_path / "out"))
    varied = rows("vary", str(tmp_path / "a.png"), "--count", "2", *out)
    assert [Path(str(row["file"])).name for row in varied] == ["vary-3-1.png", "vary-3-2.png"]
    mixed = rows("mix", avatar.code, str(varied[0]["code"]), "--steps", "3", *out)
    assert len(mixed) == 3
    (edited,) = rows("edit", avatar.code, "glasses", "--hair-color", "blue", "--drop", "hair_length", *out)
    assert edited["condition"] == {"hair_color": "blue", "glasses": True}
    assert (tmp_path / "out" / "edit-3.png").is_file()
    assert (tmp_path / "out" / "sheet.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["edit", "{code}"], "nothing to change; name an attribute"),
        (["edit", "{code}", "flarb"], "nothing to change: nothing in 'flarb' names an attribute"),
        (["edit", "{code}", "--drop", "wings"], "no attribute 'wings'"),
        (["vary", "{code}", "--strength", "0"], "strength is 0.0; it goes from"),
        (["vary", "gone.png"], "gone.png"),
        (["mix", "{code}", "{code}", "--steps", "1"], "steps is 1"),
    ],
)
def test_what_cannot_be_refined_is_told(avatar: konomi.Avatar, tmp_path: Path, arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, [a.format(code=avatar.code) for a in arguments] + ["--out", str(tmp_path / "x")])
    assert told in str(result.exception)
    assert not (tmp_path / "x").exists()


def test_pictures_without_a_recipe_are_told() -> None:
    with pytest.raises(InputError, match="not a share code"):
        konomi.vary("?")
