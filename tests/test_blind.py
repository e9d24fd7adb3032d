"""A blind test hides who a picture was made for, and counts what was liked best."""

import csv
import json
from collections.abc import Iterator
from math import comb
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from konomi import api
from konomi.cli.console import app
from konomi.errors import FileError, InputError
from konomi.files import write_json
from konomi.metadata import read_recipe
from konomi.taste.preference import newcomer
from konomi.taste.strangers import first_replies, stranger
from konomi.tasting import blind, sitting
from konomi.tasting.blind import by_luck, judge, make_test, open_session
from konomi.tasting.blind_sheet import Key, answers_file, keep_answer, read_answers, read_key, write_answers
from konomi.tasting.pool import open_pool
from sittings import MODEL, POOL, pick_all, sit

KEY = Key((("person", "other", "crowd"), ("crowd", "person", "other"), ("other", "crowd", "person")), ((), (), ()), {})


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of these tests' own, a small pool in it, and few candidates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KONOMI_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(sitting, "open_pool", lambda model, count, progress: open_pool(model, count=POOL))
        patch.setattr(blind, "CANDIDATES", 4)
        patch.setattr(blind, "SIZE", 64)
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two profiles: one loves short hair, the other long hair."""
    folder = tmp_path_factory.mktemp("people")
    pick_all(sit(folder / "me.json"), "hair_length.short", 8)
    pick_all(sit(folder / "you.json"), "hair_length.long", 9)
    return folder


@pytest.fixture(scope="module")
def tested(people: Path) -> Path:
    """A test of two sets that nobody has answered."""
    session, other = (open_session(people / name) for name in ("me.json", "you.json"))
    make_test(people / "blind", session, api.open_model(MODEL), name="me.json", others=[other], sets=2, seed=5)
    return people / "blind"


def run(*arguments: str | Path, given: str = "") -> str:
    done = CliRunner().invoke(app, ["taste", "prove", *map(str, arguments)], input=given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


# --- strangers ---


def test_a_stranger_was_asked_the_same_and_answered_otherwise(people: Path) -> None:
    session = open_session(people / "me.json")
    one, other = (stranger(session, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.replies == session.said == 8
    assert not np.allclose(one.mean, other.mean)
    width, mine = (np.linalg.slogdet(taste.covariance)[1] for taste in (one, session.taste))
    assert width == pytest.approx(mine, abs=3)  # as well known
    assert np.linalg.slogdet(newcomer(session.crowd).covariance)[1] > width


def test_strangers_are_as_the_crowd_says_on_average(people: Path) -> None:
    session = open_session(people / "me.json")
    dice = np.random.default_rng(0)
    means = np.stack([stranger(session, dice).mean for _ in range(60)])
    spread = np.sqrt(np.diag(session.crowd.covariance) / 60)
    assert (np.abs(means.mean(axis=0) - session.crowd.coefficients[:, 0]) < 4 * spread).all()


def test_another_is_known_after_as_many_replies(people: Path) -> None:
    you = open_session(people / "you.json")
    assert first_replies(you, 8).said == 8
    assert first_replies(you, 8).replies == you.replies[:8]
    with pytest.raises(InputError, match="9 replies, where 10 are needed"):
        first_replies(you, 10)


# --- the sheet and its key ---


def test_a_sheet_says_nothing_of_whom_it_was_made_for(tested: Path) -> None:
    sheet = sorted(path.name for path in (tested / "sheet").iterdir())
    assert sheet == ["answers.csv", "set-01.png", "set-02.png"]
    with pytest.raises(FileError):
        read_recipe(tested / "sheet" / "set-01.png")
    with Image.open(tested / "sheet" / "set-01.png") as picture:
        assert not picture.info
    assert (tested / "sheet" / "answers.csv").read_text() == "set,liked_best\n1,\n2,\n"


def test_the_three_of_a_set_differ_only_in_whose_taste_they_are_for(tested: Path) -> None:
    key = read_key(tested)
    assert key is not None
    for made_for, codes in zip(key.sets, key.codes, strict=True):
        assert sorted(made_for) == ["crowd", "other", "person"]
        assert len(set(codes)) == 3
    assert key.facts["replies"] == 8
    assert key.facts["candidates"] == 4
    assert key.facts["somebody_else"] == "other profiles"


def test_the_same_seed_makes_the_same_test(people: Path, tested: Path, tmp_path: Path) -> None:
    session, other = (open_session(people / name) for name in ("me.json", "you.json"))
    again = make_test(tmp_path, session, api.open_model(MODEL), name="me.json", others=[other], sets=1, seed=5)
    first = read_key(tested)
    assert first is not None
    assert (again.sets[0], again.codes[0]) == (first.sets[0], first.codes[0])


def test_a_test_needs_replies_sets_and_somebody_as_well_known(people: Path, tmp_path: Path) -> None:
    model, me, you = api.open_model(MODEL), open_session(people / "me.json"), open_session(people / "you.json")
    with pytest.raises(InputError, match="other profile has 8 replies and yours 9"):
        make_test(tmp_path, you, model, name="you.json", others=[me], seed=1)
    with pytest.raises(InputError, match="not 0 and 8"):
        make_test(tmp_path, me, model, name="me.json", sets=0, seed=1)
    with pytest.raises(InputError, match="nobody else can be asked the same"):
        stranger(sit(tmp_path / "new.json").session(), np.random.default_rng(0))
    assert not list(tmp_path.iterdir())


def test_a_damaged_key_or_answer_is_refused(tmp_path: Path) -> None:
    assert read_key(tmp_path) is None
    write_json(
        tmp_path / "key.json", {"kind": "blind test", "format": 1, "sets": [{"made_for": ["person"], "codes": []}]}
    )
    with pytest.raises(FileError, match="every set has one picture for each"):
        read_key(tmp_path)
    write_json(tmp_path / "key.json", {"kind": "other"})
    with pytest.raises(FileError, match="not the key of a blind test"):
        read_key(tmp_path)
    (tmp_path / "sheet").mkdir()
    write_answers(tmp_path, {}, 3)
    for rows, told in [
        ("1,4", "liked_best is '4'; 1 to 3"),
        ("4,1", "set is '4'; 1 to 3"),
        ("1,1\n1,2", "line 3: set is '1'"),
        ("one,1", "set is 'one'"),
    ]:
        answers_file(tmp_path).write_text(f"set,liked_best\n{rows}\n")
        with pytest.raises(FileError, match=told):
            read_answers(tmp_path, KEY)


def test_answers_typed_into_the_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "sheet").mkdir()
    write_answers(tmp_path, {}, 3)
    answers_file(tmp_path).write_text("set,liked_best\n1,\n2,0\n3,\n")
    keep_answer(tmp_path, KEY, 3, 1)
    assert read_answers(tmp_path, KEY) == {2: 0, 3: 1}


# --- the result ---


def test_a_hit_is_the_picture_made_for_the_person() -> None:
    found = judge(KEY, {1: 1, 2: 2, 3: 1})
    assert found.hits == 2
    assert found.chosen == {"person": 2, "other": 1, "crowd": 0, "none": 0}
    assert found.rate == pytest.approx(2 / 3)
    assert found.low < 2 / 3 < found.high
    undecided = judge(KEY, {1: 0, 2: 2})
    assert (undecided.hits, undecided.answered, undecided.chosen["none"]) == (1, 2, 1)
    with pytest.raises(InputError, match="no set is answered"):
        judge(KEY, {})


def test_luck_is_that_of_all_ways_to_guess() -> None:
    assert by_luck(0, 5) == pytest.approx(1)
    assert by_luck(5, 5) == pytest.approx(3**-5)
    ways = sum(comb(5, n) * 2 ** (5 - n) for n in (3, 4, 5))
    assert by_luck(3, 5) == pytest.approx(ways / 3**5)


# --- the command ---


def test_a_person_answers_here_and_is_told_at_the_end(people: Path, tested: Path) -> None:
    first = run(people / "me.json", "--out", tested, given="9\n0\nq\n")
    assert "type 1, 2 or 3" in first
    assert "1 of 2 sets are answered" in first
    assert "leave it closed" in first
    assert not (tested / "result.json").exists()
    key = read_key(tested)
    assert key is not None
    place = key.sets[1].index("person") + 1
    told = run(people / "me.json", "--out", tested, given=f"{place}\n")
    assert "made for you: liked best in 1 of 2 sets, 50%" in told
    assert "none: 1" in told
    found = json.loads((tested / "result.json").read_text())
    assert found["hits"] == 1
    assert found["chance"] == pytest.approx(1 / 3)
    with pytest.raises(InputError, match=r"is a test of me.json, not of you.json"):
        run(people / "you.json", "--out", tested)


def test_a_sheet_is_written_to_be_answered_elsewhere(people: Path, tmp_path: Path) -> None:
    told = run(people / "me.json", "--export", "--sets", "1", "--model", MODEL, "--out", tmp_path / "t", "--seed", "3")
    assert "0 of 1 sets are answered" in told
    key = read_key(tmp_path / "t")
    assert key is not None
    assert key.facts["somebody_else"] == "strangers, simulated"
    with answers_file(tmp_path / "t").open() as file:
        assert list(csv.DictReader(file)) == [{"set": "1", "liked_best": ""}]
    answers_file(tmp_path / "t").write_text("set,liked_best\n1,0\n")
    assert "liked best in 0 of 1 sets" in run(people / "me.json", "--export", "--out", tmp_path / "t")
