"""konomi taste, and konomi draw --taste, as a user runs them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from konomi import api
from konomi.cli.console import app
from konomi.data.answers import choose_characters, write_study
from konomi.data.synthetic import synthesise
from konomi.errors import FileError, InputError
from konomi.questionnaire import load_questionnaire, scaled
from konomi.taste.profile import read_crowd
from konomi.taste.simulate import Population, simulate
from konomi.tasting import fitting, sitting
from konomi.tasting.fitting import mean_by_person, ratings_of
from konomi.tasting.pool import open_pool
from konomi.tasting.seeing import Seen
from sittings import MODEL, POOL, pick_all, sit


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of these tests' own, and a small pool in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KONOMI_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(sitting, "open_pool", lambda model, count, progress: open_pool(model, count=POOL))
        yield


@pytest.fixture(scope="module")
def lover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lover") / "me.json"
    pick_all(sit(path), "hair_length.short", 8)
    return path


def run(*arguments: str | Path, given: str = "") -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], input=given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


# --- drawing ---


def test_drawing_from_taste_says_why_and_what_to_pick_next(lover: Path, tmp_path: Path) -> None:
    told = run("draw", "blue hair, qwxz", "--taste", lover, "--count", "2", "--candidates", "2", "--size", "64",
               "--out", tmp_path / "o")  # fmt: skip
    assert "understood: hair color blue" in told
    assert "qwxz" in told
    assert told.count("because you ") == 2
    assert told.count("over an average one") == 2
    assert f"konomi taste {lover}   (because it is not clear yet" in told
    files = sorted(p.name for p in (tmp_path / "o").iterdir())
    assert len(files) == 3
    assert "sheet.png" in files


def test_pictures_from_taste_repeat_without_it(lover: Path, tmp_path: Path) -> None:
    (row,) = rows(run("draw", "--taste", lover, "--candidates", "2", "--size", "64", "--json", "--out", tmp_path))
    assert row["because"]
    assert 0 < row["chance"] < 1
    again = run("draw", "--from", row["file"], "--out", tmp_path / "again", "--json")
    with Image.open(row["file"]) as one, Image.open(rows(again)[0]["file"]) as two:
        assert np.array_equal(np.asarray(one), np.asarray(two))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--crowd", "c.npz"], "--crowd goes with --taste"),
        (["--taste", "me.json", "--from", "a.png"], "not several of them"),
        (["--taste", "me.json", "--batch", "-"], "not several of them"),
        (["--taste", "none.json"], "cannot read none.json"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: list[str], told: str) -> None:
    with pytest.raises((InputError, FileError), match=told):
        run("draw", *arguments)


# --- picking ---


def test_picking_in_the_terminal(tmp_path: Path) -> None:
    me = tmp_path / "me.json"
    told = run("taste", me, "--terminal", "--of", "3", given="7\nu\n2\ns\nu\n1\nq\n")
    assert "type one of: s, 1, 2, 3, u, q" in told
    assert "there is nothing to take back" in told
    assert "Which do you like best? 1 to 3" in told
    assert f"next: konomi draw --taste {me}" in told
    assert sit(me).session().said == 2
    assert list(tmp_path.iterdir()) == [me]  # the sheet is gone


def test_the_sheet_shows_what_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def look(_: str) -> str:
        with Image.open(tmp_path / "me-question.png") as sheet:
            sizes.append(sheet.size)
        return "l" if len(sizes) == 1 else "q"

    monkeypatch.setattr("builtins.input", look)
    run("taste", tmp_path / "me.json", "--terminal", "--of", "1")
    assert all(height > 256 for _, height in sizes)
    assert sit(tmp_path / "me.json").session().replies[0].liked is True


def test_the_terminal_ends_when_enough_is_known(tmp_path: Path) -> None:
    told = run("taste", "--terminal", tmp_path / "me.json", "--of", "2", given="1\n" * 30)
    assert "that is enough to go on with" in told
    assert 6 <= sit(tmp_path / "me.json").session().said <= 12


def test_a_profile_is_shown_in_words_and_as_a_table(lover: Path) -> None:
    told = run("taste", "show", lover)
    assert told.startswith("you seem to like: ")
    assert "8 replies; started from nobody" in told
    assert "short hair" in told
    assert len(run("taste", "show", lover, "--all").splitlines()) > len(api.open_model(MODEL).schema.slots)
    assert "好きそう" in run("taste", "show", lover, "--lang", "ja")
    (table,) = rows(run("taste", "show", lover, "--json"))
    assert table["replies"] == 8
    assert table["simulated"] is False
    found = {(x["attribute"], x["value"]): x for x in table["likings"]}
    assert found["hair_length", "short"]["certainty"]


def test_telling_of_files_and_codes(tmp_path: Path) -> None:
    drawn = rows(run("draw", "glasses", "--count", "2", "--size", "64", "--json", "--out", tmp_path))
    me = tmp_path / "me.json"
    run("taste", "tell", me, "--like", drawn[0]["file"], "--dislike", drawn[1]["code"])
    assert [(r.shown[0], r.liked) for r in sit(me).session().replies] == [
        (drawn[0]["code"], True),
        (drawn[1]["code"], False),
    ]
    with pytest.raises(InputError, match="say of what"):
        run("taste", "tell", me)
    (other,) = rows(run("draw", "blue hair", "--model", "anime-1", "--size", "64", "--json", "--out", tmp_path))
    with pytest.raises(InputError, match="several models"):
        run("taste", "tell", me, "--like", drawn[0]["code"], "--like", other["code"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["me.json", "--of", "7"], "7 pictures at a time"),
        (["me.json", "--lang", "de"], "--lang is 'de'"),
        (["none/me.json"], "there is no folder none"),
        (["me.json", "--crowd", "none.npz"], "cannot read"),
        (["fit", "none", "crowd.npz"], "has no study.json"),
        (["fit", "none", "crowd.txt"], "a crowd is an .npz file"),
        (["simulate", "crowd.npz", "--people", "3"], "people is 3"),
    ],
)
def test_bad_arguments_are_told(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InputError, FileError), match=told):
        run("taste", *arguments, *(["--terminal"] if arguments[0].endswith(".json") else []))
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_command_is_not_taken_for_a_profile() -> None:
    done = CliRunner().invoke(app, ["taste", "shwo"])
    assert done.exit_code != 0
    assert "shwo" in str(done.exception) + done.output


# --- crowds ---


def test_a_crowd_is_learned_from_a_study(tmp_path: Path) -> None:
    synthesise(tmp_path / "faces", count=8, size=32, seed=1)
    faces = choose_characters(tmp_path / "faces", 8, seed=0)
    names = [Path(face.file).stem for face in faces]
    answers = simulate(names, load_questionnaire(), seed=0, population=Population(men=20, women=20))
    write_study(tmp_path / "study", tmp_path / "faces", faces, answers, {"simulated": True})
    told = run("taste", "fit", tmp_path / "study", tmp_path / "crowd.npz")
    assert "40 replies of 40 simulated people; no person took part" in told
    crowd = read_crowd(tmp_path / "crowd.npz")
    assert crowd.simulated
    assert crowd.told == (*load_questionnaire().columns, "male", "age")
    run("taste", tmp_path / "me.json", "--terminal", "--of", "2", "--crowd", tmp_path / "crowd.npz", given="1\nq\n")
    assert run("taste", "show", tmp_path / "me.json").count("(simulated)") == 1
    with pytest.raises(InputError, match="Did you mean 'liking'"):
        run("taste", "fit", tmp_path / "study", tmp_path / "crowd.npz", "--scale", "likking")


def test_a_rating_is_the_rounded_mean_of_the_items() -> None:
    asked = load_questionnaire()
    answers = simulate(["a", "b"], asked, seed=0, population=Population(men=4, women=4))
    love = [number for number, item in enumerate(asked.items) if item.scale == "love"]
    for row, points in enumerate(answers.items):
        assert ratings_of(answers)[row] == int(points.mean() + 0.5)
        assert ratings_of(answers, "love")[row] == int(points[love].mean() + 0.5)
    assert mean_by_person(scaled(answers), np.array([0, 1, 1, 0, 2, 2, 2, 2])).shape == (3, 24)
    means = mean_by_person(np.array([[1.0], [2.0], [6.0]]), np.array([1, 0, 1]))
    assert means.tolist() == [[2.0], [3.5]]


def test_simulated_people_say_that_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, dice = api.open_model(MODEL), np.random.default_rng(0)
    weights = (dice.random((480, len(model.schema.slots))) < 0.3).astype(float)
    cores = dice.integers(0, 255, (480, 64, 64, 3), np.uint8)
    drawn = Seen((), model.schema, weights, np.full(480, np.nan), dice.random((480, 5)), cores)
    monkeypatch.setattr(fitting, "open_pool", lambda *_, **__: drawn)
    told = run("taste", "simulate", tmp_path / "crowd.npz", "--people", "20")
    assert "480 replies of 20 simulated people; no person took part" in told
    crowd = read_crowd(tmp_path / "crowd.npz")
    assert crowd.simulated
    assert np.abs(crowd.coefficients[:, 1:]).max() > 0
