"""Taste is learned as the model defines it, finds what made the replies, and states chances that come true."""

import json
from dataclasses import replace
from functools import cache
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from konomi.errors import FileError, InputError
from konomi.files import write_json
from konomi.schema import load_schema
from konomi.taste.posterior import _derivatives, _log_likelihood, laplace, make_batch
from konomi.taste.preference import Crowd, Taste, fit, learn, learn_many, newcomer
from konomi.taste.profile import in_words, likings, read_crowd, read_taste, wish, words, write_crowd, write_taste
from konomi.taste.replies import Likes, Picks, Ratings, Replies
from tasters import GLASSES, HATS, SMALL, THRESHOLDS, answer, pictures

ANIME = load_schema("anime")

WEIGHTS, FEATURES = pictures(200, 1)
SHARED = np.array([0.5, -0.5, 0.0, 1.0, -0.7, 0.4])  # of five slots and the feature
SPREAD = np.array([0.8, 0.8, 0.8, 0.9, 1.2, 0.6])
TOLD = np.random.default_rng(9).normal(size=(500, 2))  # the first says who likes hats


def tastes(count: int, seed: int) -> np.ndarray:
    own = np.random.default_rng(seed).normal(size=(count, 6)) * SPREAD
    own[:, HATS] += 0.8 * TOLD[:count, 0]
    return SHARED + own


@cache
def crowd() -> Crowd:
    """Of 500 people who answer by the model; a rating tells half as much as a pick."""
    centred = np.hstack([WEIGHTS - WEIGHTS.mean(axis=0), (FEATURES - FEATURES.mean()) / FEATURES.std()])
    replies = answer(centred, tastes(500, 2), ratings=15, picks=10, likes=5, slope=0.5, seed=3)
    return fit(
        SMALL, WEIGHTS, FEATURES, replies,
        people=500, simulated=True, told=TOLD, told_names=("one", "other"), rounds=40,
    )  # fmt: skip


def some_replies(people: int = 2) -> Replies:
    """Every kind, every edge of the scale, and a set with an empty place."""
    person = np.arange(people)
    ratings = Ratings(np.repeat(person, 3), np.arange(3 * people), np.tile([1, 4, 7], people))
    picks = Picks(person, np.array([[5, 6, 7], [8, 9, -1]])[:people], np.array([2, 0])[:people])
    return Replies(ratings, picks, Likes(person, person + 3, person % 2 == 0))


def logistic(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_the_likelihood_is_that_of_the_definition() -> None:
    design = crowd().design(WEIGHTS, FEATURES)
    replies, slope = some_replies(), 0.6
    theta = np.random.default_rng(0).normal(size=(2, 9)) * 0.5
    got = _log_likelihood(theta, make_batch(replies, design, THRESHOLDS, slope, 2))
    for person in range(2):
        taste, (like, offset, stretch) = theta[person, :6], theta[person, 6:]
        total = 0.0
        for who, picture, points in zip(*vars(replies.ratings).values(), strict=True):
            if who == person:
                at_least = [1.0]
                for threshold in THRESHOLDS:
                    at_least.append(logistic(slope * (taste @ design[picture]) + offset - exp(stretch) * threshold))
                total += log(at_least[points - 1] - [*at_least, 0.0][points])
        shown = [p for p in replies.picks.shown[person] if p >= 0]
        total += taste @ design[replies.picks.shown[person, replies.picks.chosen[person]]]
        total -= log(sum(exp(taste @ design[p]) for p in shown))
        chance = logistic(taste @ design[replies.likes.picture[person]] + like)
        total += log(chance if replies.likes.liked[person] else 1 - chance)
        assert got[person] == pytest.approx(total)


def test_gradient_and_curvature_are_those_of_differences() -> None:
    batch = make_batch(some_replies(), crowd().design(WEIGHTS, FEATURES), THRESHOLDS, 0.6, 2)
    theta = np.random.default_rng(1).normal(size=(2, 9)) * 0.5
    gradient, curvature = _derivatives(theta, batch)
    for i in range(9):
        step = 1e-5 * np.eye(9)[i]
        rise = (_log_likelihood(theta + step, batch) - _log_likelihood(theta - step, batch)) / 2e-5
        assert gradient[:, i] == pytest.approx(rise, abs=1e-6)
        bend = (_derivatives(theta + step, batch)[0] - _derivatives(theta - step, batch)[0]) / 2e-5
        exact = np.arange(9) < 8 if i == 8 else np.full(9, True)  # the stretch's exponential is taken as a line
        assert curvature[:, i, exact] == pytest.approx(-bend[:, exact], abs=1e-6)


def test_one_pick_solved_by_hand() -> None:
    """Two pictures that differ by 1 in one column of prior variance v: the mode m solves m = v (1 - sigmoid(m))."""
    design = np.array([[1.0], [0.0]])
    batch = make_batch(
        Replies(picks=Picks(np.array([0]), np.array([[0, 1]]), np.array([0]))), design, THRESHOLDS, 1.0, 1
    )
    v = 4.0
    low, high = 0.0, v
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle < v * (1 - logistic(middle)) else (low, middle)
    precision = np.diag([1 / v, 1.0, 1.0, 1.0])[None]
    mode, covariance = laplace(np.zeros((1, 4)), precision, batch, np.zeros((1, 4)), 30)
    assert mode[0] == pytest.approx([low, 0, 0, 0], abs=1e-6)
    assert covariance[0, 0, 0] == pytest.approx(1 / (1 / v + logistic(low) * logistic(-low)), rel=1e-6)


def test_what_made_the_replies_is_found_again() -> None:
    found = crowd()
    mean = found.coefficients[:6, 0]
    hair = mean[:3] - mean[:3].mean()  # their sum is nothing that a picture could show
    assert hair == pytest.approx(SHARED[:3], abs=0.25)
    assert mean[3:] == pytest.approx(SHARED[3:], abs=0.25)
    assert np.sqrt(np.diag(found.covariance)[3:6]) == pytest.approx(SPREAD[3:], rel=0.3)
    assert found.slope == pytest.approx(0.5, rel=0.25)
    assert found.coefficients[HATS, 1] == pytest.approx(0.8, abs=0.2)
    others = np.delete(found.coefficients[:6, 1:].ravel(), 2 * HATS)
    assert np.abs(others).max() < 0.3


def test_what_one_picture_shows_is_found_too() -> None:
    """One reply says next to nothing of it, all together say enough; EM alone gets to 0.6 in as many rounds."""
    weights = WEIGHTS.copy()
    weights[:, GLASSES] = np.arange(200) < 1
    liked = tastes(500, 6)[:, :5] + np.array([0, 0, 0, 0, 3.0])  # 2.3 on average
    replies = answer(weights - weights.mean(axis=0), liked, ratings=5, picks=5, seed=7)
    found = fit(SMALL, weights, None, replies, people=500, simulated=True)
    assert found.coefficients[GLASSES, 0] == pytest.approx(2.3, abs=0.7)


def test_a_newcomer_is_the_mean_of_the_group() -> None:
    keen = newcomer(crowd(), np.array([2.0, 0.0]))
    cool = newcomer(crowd(), np.array([-2.0, 0.0]))
    silent = newcomer(crowd())
    assert keen.mean[HATS] - cool.mean[HATS] > 2
    assert silent.mean == pytest.approx(crowd().coefficients[:, 0])
    assert silent.covariance[HATS, HATS] > keen.covariance[HATS, HATS] + 0.3  # what is not told is not known
    assert keen.covariance == pytest.approx(crowd().covariance)


def test_every_reply_sharpens_the_taste() -> None:
    design = crowd().design(WEIGHTS, FEATURES)
    taste, widths = newcomer(crowd()), []
    for number in range(6):
        pick = Picks(np.array([0]), np.array([[3 * number, 3 * number + 1, 3 * number + 2]]), np.array([1]))
        taste = learn(crowd(), taste, design, Replies(picks=pick))
        widths.append(np.linalg.slogdet(taste.covariance)[1])
    assert (np.diff(widths) < 0).all()
    assert taste.replies == 6


def test_whoever_always_picks_glasses_likes_them() -> None:
    bare, worn = np.zeros((1, 5)), np.eye(5)[[GLASSES]]
    design = crowd().design(np.vstack([bare, worn]), np.zeros((2, 1)))
    picks = Picks(np.zeros(15, int), np.tile([0, 1], (15, 1)), np.ones(15, int))
    taste = learn(crowd(), newcomer(crowd()), design, Replies(picks=picks))
    before, after = (
        next(x for x in likings(crowd(), t) if x.attribute == "glasses") for t in (newcomer(crowd()), taste)
    )
    assert before.mean < 0 < after.mean
    assert after.certainty == "sure"
    assert "glasses (sure)" in in_words(crowd(), taste)
    assert wish(crowd(), taste).to_dict()["glasses"] is True


def test_many_are_learned_as_each_alone() -> None:
    design = crowd().design(WEIGHTS, FEATURES)
    replies = answer(design, tastes(2, 5), ratings=3, picks=3, likes=2, seed=6)
    both = learn_many(crowd(), [newcomer(crowd())] * 2, design, replies)
    mine = [rows.person == 1 for rows in (replies.ratings, replies.picks, replies.likes)]
    r, p, k = replies.ratings, replies.picks, replies.likes
    alone = Replies(
        Ratings(r.person[mine[0]] - 1, r.picture[mine[0]], r.points[mine[0]]),
        Picks(p.person[mine[1]] - 1, p.shown[mine[1]], p.chosen[mine[1]]),
        Likes(k.person[mine[2]] - 1, k.picture[mine[2]], k.liked[mine[2]]),
    )
    one = learn(crowd(), newcomer(crowd()), design, alone)
    assert both[1].mean == pytest.approx(one.mean, abs=1e-3)
    assert both[1].replies == one.replies == 8
    assert learn(crowd(), one, design, Replies()) is one


def test_one_by_one_is_nearly_all_at_once() -> None:
    design = crowd().design(WEIGHTS, FEATURES)
    replies = answer(design, tastes(1, 5), ratings=0, picks=12, seed=6)
    at_once = learn(crowd(), newcomer(crowd()), design, replies)
    taste = newcomer(crowd())
    for a in range(12):
        one = Picks(np.array([0]), replies.picks.shown[[a]], replies.picks.chosen[[a]])
        taste = learn(crowd(), taste, design, Replies(picks=one))
    assert taste.mean == pytest.approx(at_once.mean, abs=0.15)


@cache
def unseen() -> list[tuple[np.ndarray, Taste]]:
    """Tastes of 600 people who were not in the fit, and what is believed of them after 20 replies."""
    truth = SHARED + np.random.default_rng(11).normal(size=(600, 6)) * SPREAD
    design = crowd().design(WEIGHTS, FEATURES)
    replies = answer(design, truth, ratings=10, picks=10, slope=0.5, seed=10)
    first = newcomer(crowd(), np.array([0.0, np.nan]))
    return list(zip(truth, learn_many(crowd(), [first] * 600, design, replies), strict=True))


def test_four_fifths_of_the_stated_intervals_hold_the_truth() -> None:
    design, dice = crowd().design(WEIGHTS, FEATURES), np.random.default_rng(2)
    inside = []
    for truth, taste in unseen():
        difference = design[dice.integers(0, 200, 50)] - design[dice.integers(0, 200, 50)]
        mean, deviation = taste.utility(difference)
        inside.append(np.abs(difference @ truth - mean) <= 1.2816 * deviation)
    assert np.mean(inside) == pytest.approx(0.80, abs=0.04)


def test_stated_chances_come_true() -> None:
    design = crowd().design(WEIGHTS, FEATURES)
    dice = np.random.default_rng(1)
    stated, true = [], []
    for truth, taste in unseen():
        one, other = design[dice.integers(0, 200, 50)], design[dice.integers(0, 200, 50)]
        stated.append(taste.chance(one, other))
        true.append(1 / (1 + np.exp(-(one - other) @ truth)))
    chance, came = np.concatenate(stated), np.concatenate(true)
    for low in (0.1, 0.3, 0.5, 0.7):
        here = (chance >= low) & (chance < low + 0.2)
        assert came[here].mean() == pytest.approx(chance[here].mean(), abs=0.05)


def test_the_chance_is_that_of_many_draws() -> None:
    design = crowd().design(WEIGHTS, FEATURES)
    taste = newcomer(crowd())
    drawn = taste.draw(design[[0]] - design[[1]], 20_000, np.random.default_rng(0))
    assert taste.chance(design[[0]], design[[1]])[0] == pytest.approx((1 / (1 + np.exp(-drawn))).mean(), abs=0.02)


def test_unknown_weights_count_as_the_mean() -> None:
    found = crowd()
    unknown = np.full((1, 5), np.nan)
    assert found.design(unknown, FEATURES[:1])[0, :5].tolist() == [0.0] * 5


def test_ratings_alone_and_picks_alone_can_be_learned_from() -> None:
    design = WEIGHTS - WEIGHTS.mean(axis=0)
    for counts in ({"ratings": 8, "picks": 0}, {"ratings": 0, "picks": 8}):
        replies = answer(design, tastes(150, 4)[:, :5], seed=5, **counts)
        found = fit(SMALL, WEIGHTS, None, replies, people=150, simulated=True, rounds=10)
        assert np.corrcoef(found.coefficients[3:5, 0], SHARED[3:5])[0, 1] > 0.9
        assert found.coefficients[HATS, 0] > 0.4


def test_likings_are_against_the_other_values() -> None:
    taste = replace(newcomer(crowd()), mean=np.array([1.0, 1.0, 1.0, 0.3, 0, 0, 0, 0, 0]))
    found = {(x.attribute, x.value): x.mean for x in likings(crowd(), taste)}
    assert found["hair", "red"] == pytest.approx(0)  # liked as the others are
    assert found["hat", "yes"] == pytest.approx(0.3)


def test_words_name_what_is_sure_and_what_is_leaning() -> None:
    narrow = np.diag([0.01] * 5 + [1.0] * 4)
    taste = Taste(np.array([2.0, 0.0, 0.0, 0.1, -1.0, 0, 0, 0, 0]), narrow)
    said = in_words(crowd(), taste)
    assert said.startswith("you seem to like: red hair (sure), hat (leaning); you seem not to like: ")
    assert "glasses (sure)" in said
    assert said.endswith(" (simulated)")
    assert in_words(replace(crowd(), simulated=False), taste, language="ja").startswith(
        "好きそう: 赤髪 (確か)、帽子 (やや)"
    )
    nothing = Taste(np.zeros(9), np.eye(9))
    assert in_words(crowd(), nothing) == "nothing can be said yet (simulated)"
    assert wish(crowd(), taste).to_dict() == {"hair": "red", "hat": True, "glasses": False}
    assert words(SMALL, "hair", "blue") == "blue hair"
    with pytest.raises(InputError, match="no language 'fr'"):
        in_words(crowd(), taste, language="fr")


def test_a_crowd_and_a_taste_survive_their_files(tmp_path: Path) -> None:
    stored = replace(crowd(), schema=ANIME, centre=np.zeros(41), scale=np.ones(41))
    write_crowd(tmp_path / "crowd.npz", stored)
    again = read_crowd(tmp_path / "crowd.npz")
    assert again.hash == stored.hash != crowd().hash
    assert again.simulated
    assert again.facts["people"] == 500
    assert b"pickle" not in (tmp_path / "crowd.npz").read_bytes()
    taste = newcomer(crowd())
    write_taste(tmp_path / "me.json", crowd(), taste)
    back = read_taste(tmp_path / "me.json", crowd())
    assert (back.mean == taste.mean).all()
    assert (back.covariance == taste.covariance).all()
    assert json.loads((tmp_path / "me.json").read_text())["simulated"] is True


def test_profiles_of_another_crowd_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    write_taste(path, crowd(), newcomer(crowd()))
    table = json.loads(path.read_text())
    with pytest.raises(FileError, match="learned with another crowd"):
        read_taste(path, replace(crowd(), slope=9.0))
    for change, told in [
        ({"schema_hash": "0"}, "another version of schema 'small'"),
        ({"kind": "crowd"}, "is not a taste"),
        ({"format": 2}, "has format 2"),
        ({"mean": [1.0]}, "9 numbers are needed"),
        ({"mean": "much"}, "must be numbers"),
        ({"mean": [None] * 9}, "not every number is finite"),
    ]:
        write_json(path, table | change)
        with pytest.raises(FileError, match=told):
            read_taste(path, crowd())
    write_crowd(tmp_path / "crowd.npz", replace(crowd(), schema=ANIME))
    with np.load(tmp_path / "crowd.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "other.npz", **arrays | {"centre": arrays["centre"] + 1})
    with pytest.raises(FileError, match="does not have the hash"):
        read_crowd(tmp_path / "other.npz")
    path.write_text("{}")
    with pytest.raises(FileError, match="is not a crowd"):
        read_crowd(path)


def test_replies_about_what_does_not_exist_are_refused() -> None:
    zero, none = np.array([0]), Replies()
    wrong = [
        (Replies(Ratings(zero, zero, np.array([8]))), "a rating is 8; they go from 1 to 7"),
        (Replies(Ratings(zero, np.array([200]), zero + 1)), "about picture 200; they go from 0 to 199"),
        (Replies(Ratings(zero + 5, zero, zero + 1)), "by person 5; they go from 0 to 4"),
        (Replies(picks=Picks(zero, np.array([[0, 1]]), zero + 2)), "has the place 2; they go from 0 to 1"),
        (Replies(picks=Picks(zero, np.array([[0, 1, -1]]), zero + 2)), "where no picture was shown"),
        (Replies(picks=Picks(zero, np.array([[0, -1]]), zero)), "needs two to choose from"),
        (Replies(likes=Likes(zero, zero - 1, zero > 0)), "about picture -1"),
        (none, "there are no replies"),
    ]
    for replies, told in wrong:
        with pytest.raises(InputError, match=told):
            fit(SMALL, WEIGHTS, FEATURES, replies, people=5, simulated=True)


def test_pictures_and_people_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="has 5 slots"):
        crowd().design(WEIGHTS[:, :4], FEATURES)
    with pytest.raises(InputError, match="need 1 features each"):
        crowd().design(WEIGHTS)
    with pytest.raises(InputError, match="tells 2 numbers"):
        newcomer(crowd(), np.zeros(3))
    with pytest.raises(InputError, match="5 people and 1 names"):
        fit(SMALL, WEIGHTS, FEATURES, some_replies(), people=5, simulated=True, told_names=["age"])
