"""A person before the pictures, and what is drawn for them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import konomi
from konomi import api
from konomi.condition import Condition
from konomi.errors import FileError, InputError
from konomi.models import find_model
from konomi.schema import load_schema
from konomi.taste.preference import newcomer
from konomi.taste.profile import read_taste, write_crowd, write_taste
from konomi.taste.session import Reply
from konomi.taste.starting import starting_crowd
from konomi.tasting import pool
from konomi.tasting.crowds import about_crowd, open_crowd, open_taste, origin_named
from konomi.tasting.pool import open_pool, pool_recipes
from konomi.tasting.seeing import Seen, rows_for, see
from konomi.tasting.sitting import Sitting, open_sitting
from konomi.tasting.suggesting import draw_for, obeying
from sittings import MODEL, POOL, pick_all, sit


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of these tests' own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KONOMI_CACHE", str(folder))
        yield folder


@pytest.fixture
def sitting(tmp_path: Path) -> Sitting:
    return sit(tmp_path / "me.json")


@pytest.fixture(scope="module")
def lover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profile of somebody who picked short hair eight times."""
    path = tmp_path_factory.mktemp("lover") / "me.json"
    pick_all(sit(path), "hair_length.short", 8)
    return path


# --- the pool ---


def test_the_pool_asks_for_every_value_in_turn() -> None:
    model = api.open_model(MODEL)
    recipes = pool_recipes(model, 2 * len(model.schema.slots))
    asked = [recipe.condition.to_dict() for recipe in recipes]
    assert not any(asked[::2])
    assert asked[1] == {"hair_color": "blonde"}
    assert len({json.dumps(one) for one in asked[1::2]}) == len(model.schema.slots)


def test_the_pool_is_drawn_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api.open_model(MODEL)
    first = open_pool(model, count=3)
    monkeypatch.setattr(pool, "see", None)  # it would fail
    again = open_pool(model, count=3)
    assert np.array_equal(first.cores, again.cores)
    assert np.array_equal(first.weights, again.weights)
    assert again.recipes == first.recipes
    monkeypatch.undo()
    (kept,) = [path for path in (cache / "pools").iterdir() if path.stat().st_size < 60_000]
    assert {recipe.candidate for recipe in first.recipes} <= {0, 1, 2}
    kept.write_bytes(b"PK\x03\x04 broken")
    assert np.array_equal(open_pool(model, count=3).cores, first.cores)


def test_what_a_picture_shows_is_what_the_judge_sees() -> None:
    model = api.open_model(MODEL)
    condition = Condition.from_dict(model.schema, {"hair_color": "pink", "framing": "wide"})
    seen = see(model, api.make_recipes(condition, model, count=4, seed=0, size=64))
    slots = model.schema.slots
    assert seen.weights[:, slots.index("hair_color.pink")].mean() > 0.7
    assert len(set(seen.weights[:, slots.index("hair_color.pink")])) == 4  # judged, not asked
    assert seen.weights[:, slots.index("framing.wide")].tolist() == [1.0] * 4  # the judge has no tag for it


def test_an_older_crowd_knows_what_it_has() -> None:
    crowd, model = open_crowd(MODEL), api.open_model(MODEL)
    older = replace(crowd, schema=api.open_model("anime-1").schema)
    weights, looks = np.ones((2, len(model.schema.slots))), np.zeros((2, 5))
    assert rows_for(older, model.schema, weights, looks).shape == (2, len(older.schema.slots) + 5)
    newer = rows_for(crowd, older.schema, weights[:, : len(older.schema.slots)], looks)
    assert np.isnan(newer[:, crowd.schema.slots.index("framing.wide")]).all()
    with pytest.raises(InputError, match="sees 2 features of its own"):
        rows_for(replace(crowd, features=2), model.schema, weights, looks)


# --- sitting ---


def test_a_question_stays_until_it_is_answered(sitting: Sitting) -> None:
    asked = sitting.question(sitting.session(), size=4)
    assert sitting.question(sitting.session(), size=4) == asked
    assert len(set(asked.codes)) == 4
    assert not sitting.path.exists()
    session = sitting.answer(asked.number, Reply(asked.codes, picked=asked.codes[1]))
    after = sitting.question(session, size=4)
    assert not set(after.codes) & set(asked.codes)


def test_a_reply_that_comes_twice_counts_once(sitting: Sitting) -> None:
    asked = sitting.question(sitting.session(), size=3)
    for picked in (0, 2):
        sitting.answer(asked.number, Reply(asked.codes, picked=asked.codes[picked]))
    assert [reply.picked for reply in sitting.session().replies] == [asked.codes[0]]
    for _ in range(2):
        sitting.undo(1)
    assert sitting.session().replies == ()
    assert sitting.question(sitting.session(), size=3) == asked


def test_another_day_goes_on_where_it_stopped(sitting: Sitting) -> None:
    pick_all(sitting, "glasses", 2)
    later = sit(sitting.path)
    assert later.session().said == 2
    assert later.question(later.session(), size=3) == sitting.question(sitting.session(), size=3)


def test_when_all_pictures_were_shown_it_begins_again(sitting: Sitting) -> None:
    for number in range(POOL // 6):
        asked = sitting.question(sitting.session(), size=6)
        sitting.answer(number, Reply(asked.codes))
    assert len(sitting.session().shown) == POOL
    assert len(sitting.question(sitting.session(), size=6).codes) == 6


def test_any_picture_of_the_model_can_be_judged(sitting: Sitting) -> None:
    (avatar,) = konomi.draw("glasses", seed=99, size=64, model=MODEL)
    sitting.judge(avatar.code, True)
    sitting.judge(avatar.code, True)
    assert sitting.judge(avatar.code, False).replies == (Reply((avatar.code,), liked=False),)
    (other,) = konomi.draw(seed=1, size=64, model="anime-1")
    with pytest.raises(InputError, match="another model than anime-2"):
        sitting.judge(other.code, True)


def test_only_pictures_of_the_pool_are_picked_from(sitting: Sitting) -> None:
    with pytest.raises(InputError, match="'NONE' is not among"):
        sitting.answer(0, Reply(("NONE", sitting.codes[0]), picked="NONE"))


def test_what_does_not_belong_together_is_refused(tmp_path: Path, lover: Path) -> None:
    with pytest.raises(InputError, match="has begun already"):
        open_sitting(lover, told={"age": 0.3})
    with pytest.raises(FileError, match="there is no folder"):
        open_sitting(tmp_path / "none" / "me.json")
    write_taste(tmp_path / "bare.json", open_crowd(MODEL), newcomer(open_crowd(MODEL)))
    with pytest.raises(InputError, match="which crowd"):
        open_sitting(tmp_path / "bare.json")
    write_crowd(
        tmp_path / "small.npz", starting_crowd(load_schema("lorelei"), np.full(len(load_schema("lorelei").slots), 0.1))
    )
    with pytest.raises(InputError, match="about 'lorelei' pictures; this model draws 'anime'"):
        open_sitting(tmp_path / "new.json", crowd=tmp_path / "small.npz")


def test_a_crowd_that_moved_is_noted(tmp_path: Path) -> None:
    write_crowd(tmp_path / "c.npz", open_crowd(MODEL))
    sitting = replace(open_sitting(tmp_path / "me.json", crowd=tmp_path / "c.npz"), pool_size=POOL)
    pick_all(sitting, "glasses", 1)
    (tmp_path / "c.npz").rename(tmp_path / "d.npz")
    with pytest.raises(FileError, match=r"cannot read .*c\.npz"):
        open_sitting(tmp_path / "me.json")
    moved = replace(open_sitting(tmp_path / "me.json", crowd=tmp_path / "d.npz"), pool_size=POOL)
    pick_all(moved, "glasses", 1)
    assert open_taste(tmp_path / "me.json")[1].replies == 2


def test_a_question_has_one_to_six_pictures(sitting: Sitting) -> None:
    for size in (0, 7):
        with pytest.raises(InputError, match="from 1"):
            sitting.question(sitting.session(), size=size)


# --- crowds ---


def test_a_profile_knows_its_crowd(tmp_path: Path, lover: Path) -> None:
    crowd, taste = open_taste(lover)
    assert crowd.hash == open_crowd(MODEL).hash
    assert taste.replies == 8
    assert about_crowd(crowd).startswith("nobody")
    write_crowd(tmp_path / "c.npz", crowd)
    assert origin_named(tmp_path / "c.npz", MODEL) == str((tmp_path / "c.npz").resolve())
    assert origin_named(None, "anime") == find_model("anime").name
    assert open_taste(lover, tmp_path / "c.npz")[0].hash == crowd.hash
    write_taste(tmp_path / "bare.json", crowd, taste)
    with pytest.raises(InputError, match="give its file with --crowd"):
        open_taste(tmp_path / "bare.json")
    assert read_taste(tmp_path / "bare.json", crowd).mean == pytest.approx(taste.mean)
    people = replace(crowd, simulated=True, facts={"people": 2200, "replies": 52800})
    assert about_crowd(people) == "52,800 replies of 2,200 simulated people; no person took part"


# --- drawing ---


def test_taste_fills_what_words_leave_open(lover: Path) -> None:
    found = konomi.draw("blue hair", taste=lover, count=3, candidates=2, size=64)
    assert len(found) == 3
    for avatar in found:
        assert avatar.condition["hair_color"] == "blue"
        assert avatar.because
        assert avatar.chance is not None
    assert any(avatar.condition.get("hair_length") == "short" for avatar in found)
    assert any("short hair" in avatar.because for avatar in found)


def test_words_win_over_taste(lover: Path) -> None:
    for avatar in konomi.draw("long hair", taste=lover, count=2, candidates=2, size=64):
        assert avatar.condition["hair_length"] == "long"


def test_a_picture_is_drawn_again_without_the_profile(lover: Path, tmp_path: Path) -> None:
    (avatar,) = konomi.draw(taste=lover, candidates=2, size=64, seed=5)
    avatar.save(tmp_path / "a.png")
    recipe, model = api.recall(str(tmp_path / "a.png"))
    (again,) = api.draw_recipes([recipe], model)
    assert np.array_equal(np.asarray(avatar), np.asarray(again))
    assert api.recall(avatar.code)[0] == avatar.recipe


def test_the_same_profile_draws_the_same(lover: Path) -> None:
    one, two = (konomi.draw("smile", taste=str(lover), count=2, candidates=2, size=64) for _ in range(2))
    assert [a.code for a in one] == [a.code for a in two]


def test_it_says_what_would_be_asked_next(lover: Path) -> None:
    crowd, taste = open_taste(lover)
    request = api.understand("")
    _, why = draw_for(crowd, taste, api.open_model(MODEL), request, count=1, candidates=4, size=64)
    assert why.startswith("because it is not clear yet what you like in ")


def test_pictures_that_do_not_show_the_words_or_are_broken_are_left_out() -> None:
    model = api.open_model(MODEL)
    asked = Condition.from_dict(model.schema, {"glasses": True})
    weights = np.zeros((4, len(model.schema.slots)))
    weights[:, model.schema.slots.index("glasses")] = (0.9, 0.1, 0.95, 0.2)
    nothing = Condition(model.schema)
    seen = Seen((), model.schema, weights, np.full(4, np.nan), np.zeros((4, 5)), np.zeros((4, 64, 64, 3)))
    assert obeying(asked, seen, model, at_least=2).tolist() == [0, 2]
    assert obeying(asked, seen, model, at_least=3).tolist() == [2, 0, 3]  # there are not enough
    assert obeying(nothing, seen, model, at_least=1).tolist() == [0, 1, 2, 3]
    broken = replace(seen, whole=np.array([0.9, 0.9, 0.1, np.nan]))
    assert obeying(nothing, broken, model, at_least=1).tolist() == [0, 1, 3]
    assert obeying(asked, broken, model, at_least=1).tolist() == [0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"count": 0}, "count is 0; from a taste, 1 to 60"),
        ({"count": 61}, "count is 61"),
        ({"candidates": 0}, "candidates is 0"),
        ({"seed": -1}, "whole number from 0"),
    ],
)
def test_what_cannot_be_drawn_is_told(lover: Path, given: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        konomi.draw(taste=lover, **given)  # type: ignore[arg-type]


def test_what_is_no_profile_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        konomi.draw(taste=tmp_path / "none.json")
    (tmp_path / "me.json").write_text("[]")
    with pytest.raises(InputError, match="does not say which crowd"):
        konomi.draw(taste=tmp_path / "me.json")
    with pytest.raises(FileError, match="is not a taste"):
        konomi.draw(taste=tmp_path / "me.json", crowd=_crowd(tmp_path))


def _crowd(folder: Path) -> Path:
    write_crowd(folder / "c.npz", open_crowd(MODEL))
    return folder / "c.npz"
