"""One person's replies in a profile, what is asked next, and what a taste wishes for."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from konomi.errors import FileError, InputError
from konomi.taste.look import CENTRE, LOOK, SPREAD, look
from konomi.taste.preference import Taste, learn, newcomer
from konomi.taste.profile import likings, read_taste, write_taste
from konomi.taste.questions import FEWEST, MOST, likes, next_question, questions_left
from konomi.taste.replies import Likes, Picks, Replies
from konomi.taste.session import Reply, Session, as_replies, origin_of, read_session, write_session
from konomi.taste.starting import starting_crowd
from konomi.taste.wishes import because, chance_over_average, wishes
from tasters import GLASSES, HATS, SMALL, pictures

SHARES = np.array([0.4, 0.5, 0.1, 0.3, 0.2])
CROWD = starting_crowd(SMALL, SHARES)
WEIGHTS, _ = pictures(60, 3)
LOOKS = CENTRE + SPREAD * np.random.default_rng(0).normal(size=(60, len(LOOK)))
DESIGN = CROWD.design(WEIGHTS, LOOKS)
NAMES = tuple(f"P{number}" for number in range(60))
ROWS = dict(zip(NAMES, np.hstack([WEIGHTS, LOOKS]), strict=True))
NOTHING = np.zeros(0, int)


def start() -> Session:
    return Session(CROWD, "nowhere.npz")


def picking(session: Session, slot: int, picks: int, *, size: int = 4) -> Session:
    """`session` after picks of somebody who always takes what has `slot`."""
    for number in range(picks):
        shown = np.array([NAMES.index(code) for code in session.shown], int)
        asked = next_question(session.taste, DESIGN, size=size, seed=number, shown=shown)
        best = asked[int(WEIGHTS[asked, slot].argmax())]
        session = session.with_reply(Reply(tuple(NAMES[a] for a in asked), picked=NAMES[best]), ROWS)
    return session


# --- the starting crowd ---


def test_nobodys_crowd_likes_nothing_and_says_that_nobody_is_behind_it() -> None:
    taste = newcomer(CROWD)
    assert not taste.mean.any()
    assert not [liking for liking in likings(CROWD, taste) if liking.certainty]
    assert CROWD.facts["people"] == 0
    assert not CROWD.simulated
    assert taste.chance(DESIGN[:1], DESIGN[1:2]) == pytest.approx(0.5)


def test_nobodys_crowd_is_the_same_every_time() -> None:
    assert starting_crowd(SMALL, SHARES).hash == CROWD.hash
    assert starting_crowd(SMALL, SHARES[::-1]).hash != CROWD.hash


# --- looks ---


def test_looks_are_what_their_names_say() -> None:
    white, red, blue = (np.full((1, 64, 64, 3), colour, np.uint8) for colour in (255, (255, 0, 0), (0, 0, 255)))
    stripes = white.copy()
    stripes[:, ::2] = 0
    table = [dict(zip(LOOK, look(p)[0], strict=True)) for p in (white, red, blue, stripes)]
    assert table[0] == pytest.approx({"lightness": 1, "contrast": 0, "colour": 0, "warmth": 0, "detail": 0})
    assert table[1]["warmth"] == 1
    assert table[2]["warmth"] == -1
    assert table[1]["colour"] == table[2]["colour"] == 1
    assert table[3]["contrast"] == pytest.approx(0.5)
    assert table[3]["detail"] == pytest.approx(0.5)  # two of four neighbours are of the other colour


# --- replies ---


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"shown": ()}, "about pictures"),
        ({"shown": ("A", "A"), "picked": "A"}, "each of them once"),
        ({"shown": ("A",), "picked": "A"}, "one of two or more"),
        ({"shown": ("A", "B"), "picked": "C"}, "one of two or more"),
        ({"shown": ("A", "B"), "liked": True}, "a single picture"),
    ],
)
def test_a_reply_that_cannot_be_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Reply(**given)  # type: ignore[arg-type]


def test_replies_are_those_of_the_model() -> None:
    said = [
        Reply(("A", "B", "C"), picked="B"),
        Reply(("D", "A"), picked="D"),
        Reply(("C", "D")),
        Reply(("B",), liked=False),
    ]
    found = as_replies(said, ["A", "B", "C", "D"])
    assert found.picks.shown.tolist() == [[0, 1, 2], [3, 0, -1]]
    assert found.picks.chosen.tolist() == [1, 0]
    assert found.likes.picture.tolist() == [1]
    assert found.likes.liked.tolist() == [False]
    assert len(found) == 3


def test_the_taste_is_what_the_model_learns_from_all_replies() -> None:
    said = (Reply(("P0", "P1", "P2"), picked="P1"), Reply(("P3",), liked=True))
    session = start()
    for reply in said:
        session = session.with_reply(reply, ROWS)
    rows = np.round(np.stack([ROWS[f"P{i}"] for i in range(4)]), 4)
    zero = np.zeros(1, int)
    alone = Replies(
        picks=Picks(zero, np.array([[0, 1, 2]]), np.array([1])), likes=Likes(zero, np.array([3]), zero == 0)
    )
    expected = learn(CROWD, newcomer(CROWD), CROWD.design(rows[:, :5], rows[:, 5:]), alone)
    assert session.taste.mean == pytest.approx(expected.mean)
    assert session.said == 2


def test_a_skip_says_nothing_but_is_remembered() -> None:
    session = start().with_reply(Reply(("P0", "P1")), ROWS)
    assert session.said == 0
    assert not session.taste.mean.any()
    assert session.shown == {"P0", "P1"}


def test_who_changes_their_mind_of_one_picture_is_heard_once() -> None:
    session = start().with_reply(Reply(("P0",), liked=True), ROWS).with_reply(Reply(("P0",), liked=False), ROWS)
    assert [reply.liked for reply in session.replies] == [False]


def test_undoing_brings_back_what_was() -> None:
    one = picking(start(), GLASSES, 1)
    two = picking(one, GLASSES, 1)
    assert two.undone().replies == one.replies
    assert two.undone().pictures.keys() == one.pictures.keys()
    assert two.undone().taste.mean == pytest.approx(one.taste.mean)
    with pytest.raises(InputError, match="nothing to take back"):
        start().undone()


# --- files ---


def test_a_profile_survives_its_file(tmp_path: Path) -> None:
    session = (
        picking(start(), HATS, 3).with_reply(Reply(("P9",), liked=False), ROWS).with_reply(Reply(("P8", "P7")), ROWS)
    )
    write_session(tmp_path / "me.json", session)
    again = read_session(tmp_path / "me.json", CROWD)
    assert again.replies == session.replies
    assert again.origin == session.origin == origin_of(tmp_path / "me.json")
    assert again.taste.mean == pytest.approx(session.taste.mean, abs=1e-12)
    assert read_taste(tmp_path / "me.json", CROWD).mean == pytest.approx(session.taste.mean)  # an ordinary profile


def test_unknown_weights_survive_the_file(tmp_path: Path) -> None:
    rows = {**ROWS, "P0": np.where(np.arange(10) == HATS, np.nan, ROWS["P0"])}
    write_session(tmp_path / "me.json", start().with_reply(Reply(("P0",), liked=True), rows))
    assert "NaN" not in (tmp_path / "me.json").read_text()
    assert np.isnan(read_session(tmp_path / "me.json", CROWD).pictures["P0"][HATS])


def damaged(path: Path, **changes: object) -> Path:
    table = json.loads(path.read_text())
    table["session"] |= changes
    path.write_text(json.dumps(table))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"pictures": {}},
        {"pictures": {"P0": [1, 2]}},
        {"replies": [{"shown": ["P0"], "picked": "P0"}]},
        {"replies": "many"},
        {"told": {"age": "old"}},
    ],
)
def test_a_damaged_profile_is_told(tmp_path: Path, changes: dict[str, object]) -> None:
    write_session(tmp_path / "me.json", start().with_reply(Reply(("P0",), liked=True), ROWS))
    with pytest.raises(FileError, match="is damaged"):
        read_session(damaged(tmp_path / "me.json", **changes), CROWD)


def test_a_profile_without_replies_can_be_drawn_from_only(tmp_path: Path) -> None:
    write_taste(tmp_path / "me.json", CROWD, newcomer(CROWD))
    assert origin_of(tmp_path / "me.json") == ""
    with pytest.raises(FileError, match="not gone on with"):
        read_session(tmp_path / "me.json", CROWD)


def test_a_profile_of_another_crowd_is_refused(tmp_path: Path) -> None:
    write_session(tmp_path / "me.json", start())
    with pytest.raises(FileError, match="another crowd"):
        read_session(tmp_path / "me.json", starting_crowd(SMALL, SHARES[::-1]))


# --- what is asked ---


def test_one_picture_is_asked_about_where_its_like_is_least_certain() -> None:
    """Two pictures: one that the person surely likes, one that nothing is known of."""
    sure = np.zeros(len(CROWD.coefficients))
    sure[0] = 6.0
    narrow = np.diag([1e-4] + [1.0] * (len(sure) - 1))
    narrow[-3, -3] = 1e-4  # where liking begins
    pair = np.eye(CROWD.columns)[[0, 1]]
    asked = next_question(Taste(sure, narrow), pair, size=1, seed=0, shown=NOTHING)
    assert asked.tolist() == [1]
    assert next_question(Taste(sure, narrow), pair, size=1, seed=0, shown=np.array([1])).tolist() == [0]


def test_the_odds_of_a_like_are_utility_and_where_liking_begins() -> None:
    mean = np.zeros(len(CROWD.coefficients))
    mean[0], mean[-3] = 2.0, -0.5
    drawn = likes(Taste(mean, np.eye(len(mean)) * 1e-8), np.eye(CROWD.columns)[:1], 0)
    assert drawn[:, 0] == pytest.approx(np.tile([1.5, 0.0], (len(drawn), 1)), abs=1e-2)


def test_there_are_from_six_to_twelve_picks() -> None:
    wide = newcomer(CROWD)
    sure = replace(wide, covariance=wide.covariance * 1e-6)
    asked = DESIGN[:6]
    assert questions_left(sure, asked, 0, seed=0) == FEWEST
    assert questions_left(sure, asked, FEWEST, seed=0) == 0
    wider = replace(wide, covariance=wide.covariance * 4)
    assert 0 < questions_left(wider, asked, FEWEST, seed=0) <= MOST - FEWEST
    assert questions_left(wider, asked, MOST, seed=0) == 0
    assert questions_left(sure, asked[:1], 0, seed=0) == 2 * FEWEST  # a like says less


# --- what is wished ---


def test_whoever_picks_glasses_is_wished_glasses() -> None:
    taste = picking(start(), GLASSES, 10).taste
    found = [wish.to_dict() for wish in wishes(CROWD, taste, count=8, seed=1)]
    assert found[0]["glasses"] is True
    assert sum(wish["glasses"] for wish in found) >= 7
    assert because(CROWD, taste, DESIGN[int(WEIGHTS[:, GLASSES].argmax())]).startswith("because you seem to like")
    worn, bare = WEIGHTS[:, GLASSES] == 1, WEIGHTS[:, GLASSES] == 0
    chances = chance_over_average(taste, DESIGN)
    assert chances[worn].mean() > 0.6 > 0.5 > chances[bare].mean()


def test_of_what_nothing_is_known_nothing_is_wished() -> None:
    assert not any(wishes(CROWD, newcomer(CROWD), count=5, seed=0))


def test_wishes_differ_where_the_taste_is_in_doubt() -> None:
    mean, deviation = np.zeros(13), np.full(13, 1e-3)
    mean[:2], deviation[:3] = 2.0, 1.0  # red and blue are liked, nobody knows which of them more
    mean[2] = -12.0
    found = wishes(CROWD, Taste(mean, np.diag(deviation**2)), count=40, seed=0)
    assert {wish.to_dict()["hair"] for wish in found} == {"red", "blue"}


def test_what_is_only_disliked_is_refused() -> None:
    """Gray hair and hats are disliked; red and blue hair may be anything."""
    mean, deviation = np.zeros(13), np.full(13, 0.3)
    mean[2], mean[HATS], deviation[:2] = -4.0, -4.0, 5.0
    for wish in wishes(CROWD, Taste(mean, np.diag(deviation**2)), count=5, seed=0):
        assert wish.to_dict() == {"hair": {"gray": 0.0}, "hat": False}


def test_the_reason_says_if_it_is_simulated_and_if_there_is_none() -> None:
    taste = picking(start(), GLASSES, 10).taste
    worn = DESIGN[int(WEIGHTS[:, GLASSES].argmax())]
    assert because(replace(CROWD, simulated=True), taste, worn).endswith("(simulated)")
    assert because(CROWD, newcomer(CROWD), worn) == "for no reason that is known yet"
    assert because(CROWD, taste, worn, language="ja").endswith("が好きそうだから")
    hint = Taste(np.where(np.arange(13) == GLASSES, 0.1, 0.0), newcomer(CROWD).covariance)
    assert because(CROWD, hint, worn) == "because you may like glasses"
    assert because(CROWD, hint, worn, language="ja") == "眼鏡が好きかもしれないから"
