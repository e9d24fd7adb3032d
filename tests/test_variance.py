"""Condition effect and spread: their definitions as loops, cases by hand, recovery of a known truth."""

from itertools import combinations

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.metrics.variance import condition_effect, spread_within


def drawn(seed: int, *, conditions: int = 6, latents: int = 8, width: int = 5, effect: float = 1, noise: float = 1):
    """Features (C * L, D) and groups: a mean of its own for each condition, and noise."""
    dice = np.random.default_rng(seed)
    means = dice.normal(size=(conditions, 1, width)) * effect
    features = means + dice.normal(size=(conditions, latents, width)) * noise
    return features.reshape(-1, width), np.repeat(np.arange(conditions), latents)


def omega_squared_by_loops(features: np.ndarray, groups: np.ndarray) -> float:
    between = within = total = 0.0
    for d in range(features.shape[1]):
        grand = sum(row[d] for row in features) / len(features)
        total += sum((row[d] - grand) ** 2 for row in features)
        for group in set(groups.tolist()):
            rows = [row[d] for row, g in zip(features, groups, strict=True) if g == group]
            mean = sum(rows) / len(rows)
            between += len(rows) * (mean - grand) ** 2
            within += sum((value - mean) ** 2 for value in rows)
    free = len(set(groups.tolist())) - 1
    mean_square = within / (len(features) - free - 1)
    return (between - free * mean_square) / (total + mean_square)


@pytest.mark.parametrize("seed", range(4))
def test_omega_squared_is_its_definition(seed: int) -> None:
    features, groups = drawn(seed)
    found = condition_effect(features, groups, shuffles=3)
    assert found.omega_squared == pytest.approx(omega_squared_by_loops(features, groups), rel=1e-9)


def test_groups_may_differ_in_size_have_any_names_and_any_order() -> None:
    features, groups = drawn(0)
    order = np.random.default_rng(1).permutation(len(groups))[:-9]
    names = np.array(["a", "b", "c", "d", "e", "f"])[groups]
    found = condition_effect(features[order], names[order], shuffles=3)
    assert found.omega_squared == pytest.approx(omega_squared_by_loops(features[order], groups[order]), rel=1e-9)


def test_omega_squared_by_hand() -> None:
    # groups (0, 2) and (4, 6): means 1 and 5, SS between 16, within 4, total 20, MS within 2: (16 - 2) / (20 + 2)
    features, groups = np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    assert condition_effect(features, groups).omega_squared == pytest.approx(14 / 22)


def test_the_condition_decides_everything_or_nothing() -> None:
    everything, groups = drawn(0, noise=0)
    assert condition_effect(everything, groups).omega_squared == pytest.approx(1)
    dice = np.random.default_rng(0)
    found = [condition_effect(dice.normal(size=(48, 5)), groups, shuffles=1).omega_squared for _ in range(300)]
    assert abs(np.mean(found)) < 0.01  # eta squared would give 0.1


@pytest.mark.parametrize("effect", [0.5, 1, 2])
def test_the_share_that_made_the_data_is_recovered(effect: float) -> None:
    features, groups = drawn(0, conditions=200, latents=20, width=20, effect=effect)
    found = condition_effect(features, groups, shuffles=20)
    assert found.omega_squared == pytest.approx(effect**2 / (effect**2 + 1), abs=0.03)
    assert abs(found.shuffled) < 0.01


def test_shuffled_conditions_give_chance_with_an_interval_and_the_seed_decides() -> None:
    features, groups = drawn(0)
    found = condition_effect(features, groups, seed=1)
    assert found.low < found.shuffled < found.high < found.omega_squared
    assert found == condition_effect(features, groups, seed=1)
    assert found != condition_effect(features, groups, seed=2)


def test_omega_squared_is_blind_to_shift_and_scale() -> None:
    features, groups = drawn(0)
    expected = condition_effect(features, groups, shuffles=1).omega_squared
    assert condition_effect(5 * features + 100, groups, shuffles=1).omega_squared == pytest.approx(expected)


def test_spread_is_its_definition() -> None:
    features, groups = drawn(0, conditions=3, latents=4)
    features, groups = features[:-1], groups[:-1]  # the last condition has three pictures, and counts the same

    def mean(rows: list[int]) -> float:
        pairs = [np.sqrt(sum((features[i] - features[j]) ** 2)) for i, j in combinations(rows, 2)]
        return sum(pairs) / len(pairs)

    found = spread_within(features, groups)
    assert found.within == pytest.approx(np.mean([mean([0, 1, 2, 3]), mean([4, 5, 6, 7]), mean([8, 9, 10])]))
    assert found.overall == pytest.approx(mean(list(range(11))))
    assert found.ratio == found.within / found.overall


def test_spread_by_hand_and_at_its_ends() -> None:
    # within: 2 and 2; the six pairs: 2, 4, 6, 2, 4, 2
    found = spread_within(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1]))
    assert (found.within, found.overall) == (pytest.approx(2), pytest.approx(20 / 6))
    collapsed, groups = drawn(0, noise=0)
    assert spread_within(collapsed, groups).ratio == pytest.approx(0, abs=1e-6)
    free, groups = drawn(0, conditions=50, latents=20, effect=0)
    assert spread_within(free, groups).ratio == pytest.approx(1, abs=0.02)
    assert np.isnan(spread_within(np.zeros((4, 2)), np.array([0, 0, 1, 1])).ratio)


GOOD, GROUPS = drawn(0)


@pytest.mark.parametrize(
    ("features", "groups", "message"),
    [
        (GOOD, np.zeros(48), "all pictures have the same condition"),
        (
            GOOD,
            np.r_[np.zeros(46), 1, 2],
            "2 of 3 conditions have one picture, the first is 1.0; each needs at least 2",
        ),
        (GOOD, GROUPS[:-1], r"groups has shape \(47,\); it needs one entry for each of 48 pictures"),
        (GOOD[:1], GROUPS[:1], "one picture is not a set"),
        (np.zeros((0, 4)), GROUPS[:0], "features is empty"),
        (np.where(GOOD > 2, np.nan, GOOD), GROUPS, "features has NaN or infinity"),
    ],
)
def test_what_cannot_be_grouped_is_refused(features: np.ndarray, groups: np.ndarray, message: str) -> None:
    for measure in (condition_effect, spread_within):
        with pytest.raises(InputError, match=message):
            measure(features, groups)


def test_pictures_that_are_all_the_same_and_no_shuffles_are_refused() -> None:
    with pytest.raises(InputError, match="all 48 pictures have the same features"):
        condition_effect(np.ones((48, 3)), GROUPS)
    with pytest.raises(InputError, match="shuffles is 0; at least 1"):
        condition_effect(GOOD, GROUPS, shuffles=0)
