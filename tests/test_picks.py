"""What is asked tells most, and what is suggested is what is liked."""

from functools import cache
from math import log

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.taste.picks import (
    best_conditions,
    favourite_of,
    information,
    next_set,
    suggest,
    why_asked,
    why_liked,
)
from konomi.taste.preference import Crowd, Taste
from tasters import GLASSES, HATS, SMALL, THRESHOLDS, pictures

WEIGHTS, _ = pictures(60, 1)
UNKNOWN = np.full(8, 0.01)
CROWD = Crowd(
    SMALL, 0, np.array([0.3, 0.3, 0.4, 0.5, 0.5]), np.ones(5), (), np.zeros(0), np.ones(0),
    np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]).T, np.eye(8), THRESHOLDS, 1.0, True
)  # fmt: skip
DESIGN = CROWD.design(WEIGHTS)


def taste(mean: dict[int, float], variance: dict[int, float]) -> Taste:
    means, variances = np.zeros(8), UNKNOWN.copy()
    means[list(mean)] = list(mean.values())
    variances[list(variance)] = list(variance.values())
    return Taste(means, np.diag(variances))


def entropy(chances: list[float]) -> float:
    return -sum(p * log(p) for p in chances if p > 0)


def test_information_is_that_of_the_definition() -> None:
    utility = np.random.default_rng(0).normal(size=(5, 3)) * 2
    chances = [[float(np.exp(u) / sum(np.exp(v) for v in row)) for u in row] for row in utility]
    mean = [sum(row[k] for row in chances) / 5 for k in range(3)]
    expected = entropy(mean) - sum(entropy(row) for row in chances) / 5
    assert information(utility) == pytest.approx(expected)


def test_a_pick_tells_all_where_tastes_are_opposed_and_nothing_where_they_agree() -> None:
    assert information(np.array([[50.0, 0.0], [0.0, 50.0]])) == pytest.approx(log(2))
    assert information(np.array([[50.0, 0.0], [50.0, 0.0]])) == pytest.approx(0)
    assert information(np.zeros((4, 6))) == pytest.approx(0)  # a toss-up, whatever the taste


@pytest.mark.parametrize("doubtful", [HATS, GLASSES])
def test_what_is_not_known_is_asked_about(doubtful: int) -> None:
    person = taste({0: 1.0}, {doubtful: 9.0})
    for seed in range(5):
        pair = next_set(person, DESIGN, size=2, seed=seed)
        assert WEIGHTS[pair, doubtful].sum() == 1
    assert SMALL.slots[doubtful] in why_asked(CROWD, person, DESIGN[pair])
    assert why_asked(CROWD, person, DESIGN[pair]).endswith("(simulated)")


def test_each_picture_raises_the_expected_best_the_most() -> None:
    person = taste({0: 0.5, 3: -1.0}, {0: 2.0, 3: 1.0, 4: 4.0})
    asked = next_set(person, DESIGN, size=4, seed=3, draws=50).tolist()
    drawn = person.draw(DESIGN, 50, np.random.default_rng(3))

    def expected_best(rows: list[int]) -> float:
        return sum(max(draw[row] for row in rows) for draw in drawn) / 50

    chosen: list[int] = []
    while len(chosen) < 4:
        chosen.append(max(range(60), key=lambda row: -np.inf if row in chosen else expected_best([*chosen, row])))
    assert expected_best(asked) == pytest.approx(expected_best(chosen))
    assert expected_best(asked) > expected_best(chosen[:3])


def test_more_pictures_tell_more_and_chosen_ones_are_better_than_random_ones() -> None:
    person = taste({}, dict.fromkeys(range(5), 2.0))
    drawn = person.draw(DESIGN, 4000, np.random.default_rng(9))
    pair, six = (drawn[:, next_set(person, DESIGN, size=n, seed=1)] for n in (2, 6))
    dice = np.random.default_rng(2)
    random = [drawn[:, dice.choice(60, 6, replace=False)] for _ in range(20)]
    assert information(six) > 1.5 * information(pair)
    assert information(six) > np.mean([information(one) for one in random])
    assert six.max(axis=1).mean() > max(one.max(axis=1).mean() for one in random)


def test_the_best_condition_has_the_best_value_of_everything() -> None:
    tastes = np.array([[0.2, 0.5, -1.0, 0.1, -0.1, 9.0], [-3.0, -2.0, -1.0, -0.5, 2.0, 9.0]])
    found = best_conditions(SMALL, tastes)
    assert found.tolist() == [[0, 1, 0, 1, 0], [0, 0, 1, 0, 1]]  # some hair there must be, a hat need not
    every = np.array([[*hair, hat, glasses] for hair in np.eye(3) for hat in (0, 1) for glasses in (0, 1)])
    for row, liked in zip(found, tastes, strict=True):
        assert row @ liked[:5] == max(every @ liked[:5])


def test_nothing_is_shown_twice() -> None:
    shown = np.zeros(0, int)
    for seed in range(10):
        chosen = next_set(taste({}, {3: 1.0}), DESIGN, size=6, seed=seed, shown=shown)
        assert len(set(chosen) | set(shown)) == 6 + len(shown)
        shown = np.concatenate([shown, chosen])
    with pytest.raises(InputError, match="0 pictures are left in the pool; 6 are to be shown"):
        next_set(taste({}, {3: 1.0}), DESIGN, size=6, seed=0, shown=shown)
    with pytest.raises(InputError, match="out of 2 pictures or more, not 1"):
        next_set(taste({}, {3: 1.0}), DESIGN, size=1, seed=0)


def test_the_same_seed_asks_the_same() -> None:
    person = taste({}, dict.fromkeys(range(5), 2.0))
    first, same, other = (next_set(person, DESIGN, size=4, seed=seed).tolist() for seed in (1, 1, 2))
    assert first == same != other


@cache
def hats_and_red() -> Taste:
    return taste({0: 2.0, HATS: 1.5, GLASSES: -1.0}, {})


def test_the_best_is_suggested_first_with_its_reasons() -> None:
    best = suggest(CROWD, hats_and_red(), DESIGN, count=1)[0]
    assert WEIGHTS[best.picture].tolist() == [1, 0, 0, 1, 0]
    assert best.reasons == "for red hair, hat, no glasses"
    assert best.mean == pytest.approx(DESIGN[best.picture] @ hats_and_red().mean[:5])
    assert best.chance >= 0.5
    assert why_liked(CROWD, hats_and_red(), DESIGN[best.picture], language="ja") == "赤髪、帽子、なし: 眼鏡"


def test_suggestions_are_varied() -> None:
    plain = suggest(CROWD, hats_and_red(), DESIGN, count=3, variety=0.0)
    varied = suggest(CROWD, hats_and_red(), DESIGN, count=3, variety=5.0)
    assert len({tuple(WEIGHTS[s.picture]) for s in plain}) == 1  # the same kind of picture three times
    assert len({tuple(WEIGHTS[s.picture]) for s in varied}) == 3
    assert len({s.picture for s in plain}) == 3


def test_the_upper_rule_prefers_what_is_not_known() -> None:
    person = taste({HATS: 1.0}, {GLASSES: 25.0})
    assert WEIGHTS[suggest(CROWD, person, DESIGN, count=1, rule="upper")[0].picture, HATS] == 1
    bold = suggest(CROWD, taste({HATS: 0.1, GLASSES: 0.0}, {0: 25.0}), DESIGN, count=1, rule="upper")[0]
    assert WEIGHTS[bold.picture, 0] == 1


def test_thompson_draws_differ_with_the_seed() -> None:
    person = taste({}, dict.fromkeys(range(5), 4.0))
    first = [s.picture for s in suggest(CROWD, person, DESIGN, rule="thompson", seed=1)]
    other = [s.picture for s in suggest(CROWD, person, DESIGN, rule="thompson", seed=2)]
    assert first != other


def test_the_favourite_is_the_crowds() -> None:
    assert WEIGHTS[favourite_of(CROWD, DESIGN), HATS] == 1


def test_wrong_rules_and_small_pools_are_refused() -> None:
    with pytest.raises(InputError, match="Did you mean 'mean'"):
        suggest(CROWD, hats_and_red(), DESIGN, rule="maen")
    with pytest.raises(InputError, match="the pool has 2 pictures; 3 are to be suggested"):
        suggest(CROWD, hats_and_red(), DESIGN[:2])
