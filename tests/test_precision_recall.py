"""Precision, recall, density, coverage and realism: their definitions as loops, cases by hand, known answers."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konomi.errors import InputError
from konomi.metrics import distances
from konomi.metrics.distances import mean_distance, nearest, nearest_others
from konomi.metrics.precision_recall import (
    coverage_score,
    density_score,
    precision_score,
    realism_scores,
    recall_score,
)

SCORES = (precision_score, recall_score, density_score, coverage_score)


def cloud(seed: int, count: int = 30, width: int = 3, *, shift: float = 0, scale: float = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)) * scale + shift


def length(a: np.ndarray, b: np.ndarray) -> float:
    return float(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5)


def radius(features: np.ndarray, i: int, k: int) -> float:
    return sorted(length(features[i], features[j]) for j in range(len(features)) if j != i)[k - 1]


def precision_by_loops(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    reach = [radius(real, i, k) for i in range(len(real))]
    inside = [any(length(g, r) <= edge for r, edge in zip(real, reach, strict=True)) for g in generated]
    return sum(inside) / len(generated)


def recall_by_loops(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    return precision_by_loops(generated, real, k)


def density_by_loops(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    reach = [radius(real, i, k) for i in range(len(real))]
    hits = sum(length(g, r) <= edge for g in generated for r, edge in zip(real, reach, strict=True))
    return hits / (k * len(generated))


def coverage_by_loops(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    held = [any(length(g, real[i]) <= radius(real, i, k) for g in generated) for i in range(len(real))]
    return sum(held) / len(real)


LOOPS = {
    precision_score: precision_by_loops,
    recall_score: recall_by_loops,
    density_score: density_by_loops,
    coverage_score: coverage_by_loops,
}


@pytest.mark.parametrize("score", SCORES, ids=lambda s: s.__name__)
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_their_definitions(score: Callable[..., float], k: int, seed: int) -> None:
    real, generated = cloud(seed), cloud(seed + 100, 24, shift=0.8)
    found = score(real=real, generated=generated, k=k)
    assert found == pytest.approx(LOOPS[score](real, generated, k), abs=1e-12)
    assert 0 < found < 1  # or the case would show nothing


def test_realism_is_its_definition() -> None:
    real, generated = cloud(0), cloud(1, 20, shift=0.5)
    reach = [radius(real, i, 3) for i in range(len(real))]
    kept = [i for i in range(len(real)) if reach[i] <= np.median(reach)]
    expected = [max(reach[i] / length(g, real[i]) for i in kept) for g in generated]
    np.testing.assert_allclose(realism_scores(real=real, generated=generated), expected, rtol=1e-9)


def test_scores_by_hand() -> None:
    # on a line, k = 1: the balls of real are [-1, 1], [0, 2] and [1, 19]
    real, edges = np.array([[0.0], [1.0], [10.0]]), np.array([[-1.0], [2.0], [19.0]])
    assert precision_score(real=real, generated=edges, k=1) == 1  # the edges belong to the balls
    generated = np.array([[5.0], [6.0], [30.0]])  # balls [4, 6], [5, 7] and [6, 54]
    assert precision_score(real=real, generated=generated, k=1) == pytest.approx(2 / 3)
    assert recall_score(real=real, generated=generated, k=1) == pytest.approx(1 / 3)
    assert density_score(real=real, generated=generated, k=1) == pytest.approx(2 / 3)
    assert coverage_score(real=real, generated=generated, k=1) == pytest.approx(1 / 3)
    # radii 1, 1 and 9, of which the largest is left out: 1 / 4, 1 / 5 and 1 / 29
    assert realism_scores(real=real, generated=generated, k=1) == pytest.approx([1 / 4, 1 / 5, 1 / 29])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_set_against_itself_is_perfect(k: int) -> None:
    same = {"real": cloud(0), "generated": cloud(0), "k": k}
    assert precision_score(**same) == recall_score(**same) == coverage_score(**same) == 1
    assert density_score(**same) == pytest.approx((k + 1) / k)  # every ball holds its k neighbours and itself
    assert np.isinf(realism_scores(**same)).sum() in (
        15,
        16,
    )  # copies of the half that is kept; two may be equally wide


def test_a_collapsed_set_looks_real_and_covers_nothing() -> None:
    real = cloud(0, 200)
    collapsed = np.repeat(real[:1], 200, axis=0) + cloud(1, 200, scale=1e-6)
    assert precision_score(real=real, generated=collapsed) == 1
    assert recall_score(real=real, generated=collapsed) <= 1 / 200  # the one that is drawn
    assert coverage_score(real=real, generated=collapsed) < 0.06


def test_two_modes_of_which_one_is_drawn_are_half_covered() -> None:
    real = np.concatenate([cloud(0, 200), cloud(1, 200, shift=100)])
    generated = cloud(2, 400)
    assert precision_score(real=real, generated=generated) > 0.9
    assert 0.4 < recall_score(real=real, generated=generated) <= 0.5
    assert 0.4 < coverage_score(real=real, generated=generated) <= 0.5


def test_a_set_far_away_scores_nothing() -> None:
    real, generated = cloud(0), cloud(1, shift=1000)
    assert [score(real=real, generated=generated) for score in SCORES] == [0, 0, 0, 0]
    assert realism_scores(real=real, generated=generated).max() < 0.01


def test_one_odd_real_picture_raises_precision_but_not_density() -> None:
    real = np.concatenate([cloud(0, 50), [[60.0, 0, 0]]])
    generated = cloud(1, 50, shift=10)
    assert precision_score(real=real, generated=generated) > 0.9
    assert density_score(real=real, generated=generated) < 0.3


def test_more_noise_is_less_precision() -> None:
    real = cloud(0, 200)
    found = [precision_score(real=real, generated=cloud(1, 200, scale=s)) for s in (1, 2, 4, 8)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0] / 3


def test_realism_ranks_what_lies_in_the_middle_above_what_lies_outside() -> None:
    real = cloud(0, 500, 2)
    found = realism_scores(real=real, generated=np.array([[0.01, 0.02], [3.0, 3.0], [9.0, 9.0], [30.0, 30.0]]))
    assert found.tolist() == sorted(found, reverse=True)


def test_a_copy_has_infinite_realism_even_of_twins() -> None:
    real = np.concatenate([cloud(0), np.zeros((4, 3))])
    assert np.isinf(realism_scores(real=real, generated=np.zeros((4, 3)))).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scores_are_blind_to_a_common_shift_scale_or_order(seed: int) -> None:
    real, generated = cloud(seed), cloud(seed + 1, shift=0.7)
    dice = np.random.default_rng(seed)
    for score in SCORES:
        expected = score(real=real, generated=generated)
        assert score(real=3 * real + 2, generated=3 * generated + 2) == expected
        assert score(real=dice.permutation(real), generated=dice.permutation(generated)) == expected


def test_nothing_depends_on_how_many_rows_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = cloud(0), cloud(1, shift=0.8)
    sets = {"real": real, "generated": generated}
    before = [score(**sets) for score in SCORES], realism_scores(**sets), mean_distance(real)
    monkeypatch.setattr(distances, "ROWS", 7)
    assert [score(**sets) for score in SCORES] == before[0]
    np.testing.assert_allclose(realism_scores(**sets), before[1])
    assert mean_distance(real) == pytest.approx(before[2])


def test_nearest_finds_what_loops_find() -> None:
    queries, references = cloud(0), cloud(1, 17)
    found = nearest(queries, references, k=4)
    for i, query in enumerate(queries):
        order = sorted(range(17), key=lambda j: length(query, references[j]))[:4]
        assert found.index[i].tolist() == order
        assert found.distance[i] == pytest.approx([length(query, references[j]) for j in order])


def test_a_picture_is_not_its_own_neighbour_and_a_copy_is_at_no_distance() -> None:
    features = cloud(0, 20, 100).astype(np.float32) + 1000
    assert (nearest_others(features).distance > 1).all()
    assert (nearest(features, features).distance == 0).all()
    assert nearest(features, features).index[:, 0].tolist() == list(range(20))


def test_the_mean_distance_is_its_definition() -> None:
    features = cloud(0, 9)
    pairs = [length(features[i], features[j]) for i in range(9) for j in range(9) if i != j]
    assert mean_distance(features) == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize("score", [*SCORES, realism_scores], ids=lambda s: s.__name__)
def test_sets_that_are_too_small_or_no_sets_are_refused(score: Callable[..., float]) -> None:
    with pytest.raises(InputError, match="real has 3 pictures; neighbour number 3 needs at least 4"):
        score(real=cloud(0, 3), generated=cloud(1), k=3)
    with pytest.raises(InputError, match="generated has 5 pictures; neighbour number 5 needs at least 6"):
        score(real=cloud(0), generated=cloud(1, 5), k=5)
    with pytest.raises(InputError, match="k is 0; the nearest neighbour is number 1"):
        score(real=cloud(0), generated=cloud(1), k=0)
    with pytest.raises(InputError, match=r"generated has shape .* one picture is not a set"):
        score(real=cloud(0), generated=cloud(1, 1))
    with pytest.raises(InputError, match="real is empty"):
        score(real=cloud(0, 0), generated=cloud(1))
    with pytest.raises(InputError, match="Do they come from different networks"):
        score(real=cloud(0), generated=cloud(1, 30, 4))
