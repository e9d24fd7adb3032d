"""Distances between sets of features: against their definitions, by hand, by their properties, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konomi.errors import InputError
from konomi.metrics import frechet, kernel
from konomi.metrics.frechet import frechet_distance, gaussian_distance
from konomi.metrics.kernel import kernel_distance


def two_sets(seed: int, *, count: int = 12, width: int = 4, shift: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    real = dice.normal(size=(count, width)) @ dice.normal(size=(width, width))
    return real, dice.normal(size=(count + 3, width)) @ dice.normal(size=(width, width)) + shift


def whole(real: np.ndarray, generated: np.ndarray) -> float:
    return kernel_distance(real=real, generated=generated, subset=None)


# Fréchet


def mean_and_covariance_by_loops(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, width = features.shape
    mean = np.array([sum(row[i] for row in features) / count for i in range(width)])
    covariance = np.zeros((width, width))
    for i in range(width):
        for j in range(width):
            products = [(row[i] - mean[i]) * (row[j] - mean[j]) for row in features]
            covariance[i, j] = sum(products) / (count - 1)
    return mean, covariance


@pytest.mark.parametrize("seed", range(5))
def test_frechet_distance_is_its_definition(seed: int) -> None:
    real, generated = two_sets(seed)
    mean, covariance = mean_and_covariance_by_loops(real)
    mean2, covariance2 = mean_and_covariance_by_loops(generated)
    # the trace of the root of C1 C2 (not symmetric) is the sum of the roots of its eigenvalues
    root = sum(np.sqrt(complex(value)) for value in np.linalg.eigvals(covariance @ covariance2))
    expected = sum((mean - mean2) ** 2) + sum(covariance.diagonal()) + sum(covariance2.diagonal()) - 2 * root.real
    assert frechet_distance(real=real, generated=generated) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_in_one_dimension_by_hand() -> None:
    # means 1 and 3, unbiased variances 2 and 18: (3 - 1)^2 + (sqrt 18 - sqrt 2)^2 = 4 + 8
    real, generated = np.array([[0.0], [2.0]]), np.array([[0.0], [6.0]])
    assert frechet_distance(real=real, generated=generated) == pytest.approx(12)


def test_gaussians_with_diagonal_covariance_by_hand() -> None:
    # 3^2 + 4^2 + (2 - 1)^2 + (3 - 5)^2 + (1 - 1)^2
    first = np.zeros(3), np.diag([4.0, 9.0, 1.0])
    second = np.array([3.0, 0.0, 4.0]), np.diag([1.0, 25.0, 1.0])
    assert gaussian_distance(*first, *second) == pytest.approx(30)


def test_gaussians_whose_covariances_do_not_commute_by_hand() -> None:
    # 2x2: tr root(C1 C2) = sqrt(tr(C1 C2) + 2 sqrt(det C1 det C2)) = sqrt(10 + 2 sqrt 12), traces 4 and 5
    first, second = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 4.0]])
    expected = 9 - 2 * np.sqrt(10 + 2 * np.sqrt(12))
    assert gaussian_distance(np.zeros(2), first, np.zeros(2), second) == pytest.approx(expected)


def test_frechet_distance_recovers_the_gaussians_that_made_the_data() -> None:
    dice = np.random.default_rng(0)
    real = dice.normal(size=(40_000, 3)) * [1, 2, 3]
    generated = dice.normal(size=(40_000, 3)) * [2, 2, 1] + [0, 1, 0]
    assert frechet_distance(real=real, generated=generated) == pytest.approx(1 + 1 + 4, rel=0.03)


def test_frechet_distance_of_a_set_to_itself_is_zero_even_with_fewer_pictures_than_features() -> None:
    features = np.random.default_rng(0).normal(size=(20, 100)).astype(np.float32)
    assert 0 <= frechet_distance(real=features, generated=features) < 1e-4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_frechet_distance_is_symmetric_and_blind_to_a_common_shift_rotation_or_order(seed: int) -> None:
    real, generated = two_sets(seed)
    distance = frechet_distance(real=real, generated=generated)
    dice = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(dice.normal(size=(4, 4)))
    shift = dice.normal(size=4)
    about = pytest.approx(distance, rel=1e-6, abs=1e-6)
    assert frechet_distance(real=generated, generated=real) == about
    assert frechet_distance(real=real + shift, generated=generated + shift) == about
    assert frechet_distance(real=real @ rotation, generated=generated @ rotation) == about
    assert frechet_distance(real=dice.permutation(real), generated=generated) == about
    assert frechet_distance(real=3 * real, generated=3 * generated) == pytest.approx(9 * distance, rel=1e-6, abs=1e-5)


def test_what_is_not_a_number_does_not_look_perfect() -> None:
    assert np.isnan(gaussian_distance(np.array([np.nan]), np.eye(1), np.zeros(1), np.eye(1)))


def test_shifting_one_set_adds_the_squared_shift() -> None:
    features = np.random.default_rng(0).normal(size=(50, 2))
    assert frechet_distance(real=features, generated=features + np.array([3, 4])) == pytest.approx(25)


# kernel


def kernel_distance_by_loops(x: np.ndarray, y: np.ndarray) -> float:
    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3)

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize("seed", range(5))
def test_kernel_distance_is_its_definition(seed: int) -> None:
    real, generated = two_sets(seed)
    assert whole(real, generated) == pytest.approx(kernel_distance_by_loops(real, generated), rel=1e-9)


def test_kernel_distance_by_hand() -> None:
    # x: 1 and -1, k = (-1 + 1)^3 = 0; y: 1 and 2, k = 27; across: 8, 27, 0, -1, mean 8.5
    assert whole(np.array([[1.0], [-1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(0 + 27 - 2 * 8.5)


def test_kernel_distance_does_not_depend_on_how_many_rows_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = two_sets(0)
    expected = whole(real, generated)
    monkeypatch.setattr(kernel, "ROWS", 11)  # of 12 and 15
    assert whole(real, generated) == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_is_unbiased_so_the_same_source_gives_zero_on_average() -> None:
    dice = np.random.default_rng(0)
    found = [whole(dice.normal(size=(8, 3)), dice.normal(size=(12, 3))) for _ in range(4000)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert min(found) < 0  # a biased estimate never is


def test_kernel_distance_of_a_set_to_itself_is_about_zero() -> None:
    # the pairs across hold each picture with itself, those within do not: 2 / N of the difference is missing
    features = np.random.default_rng(0).normal(size=(400, 16))
    kernel_matrix = (features @ features.T / 16 + 1) ** 3
    alike, other = kernel_matrix.diagonal().mean(), kernel_matrix[~np.eye(400, dtype=bool)].mean()
    assert whole(features, features) == pytest.approx(-2 / 400 * (alike - other), rel=1e-9)
    assert whole(features, features + 1) > 1


def test_a_larger_shift_is_a_larger_kernel_distance() -> None:
    features = np.random.default_rng(0).normal(size=(100, 4))
    found = [whole(features, features + shift) for shift in (0.25, 0.5, 1.0, 2.0)]
    assert found == sorted(found)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_kernel_distance_is_symmetric_and_blind_to_a_common_rotation_or_order(seed: int) -> None:
    real, generated = two_sets(seed)
    dice = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(dice.normal(size=(4, 4)))
    about = pytest.approx(whole(real, generated), rel=1e-6, abs=1e-6)
    assert whole(generated, real) == about
    assert whole(real @ rotation, generated @ rotation) == about
    assert whole(dice.permutation(real), dice.permutation(generated)) == about


def test_subsets_that_hold_everything_give_the_whole_distance() -> None:
    real, generated = two_sets(0)
    found = kernel_distance(real=real, generated=generated[:12], subset=12, subsets=3)
    assert found == pytest.approx(whole(real, generated[:12]), rel=1e-9)


def test_the_mean_over_subsets_nears_the_whole_distance() -> None:
    dice = np.random.default_rng(0)
    real, generated = dice.normal(size=(300, 4)), dice.normal(size=(200, 4)) + 0.5
    found = kernel_distance(real=real, generated=generated, subset=50, subsets=400)
    assert found == pytest.approx(whole(real, generated), rel=0.1)


def test_the_seed_chooses_the_subsets() -> None:
    real, generated = two_sets(0)

    def distance(seed: int) -> float:
        return kernel_distance(real=real, generated=generated, subset=5, subsets=3, seed=seed)

    assert distance(1) == distance(1)
    assert distance(1) != distance(2)


# refusals, the same for both


GOOD = np.random.default_rng(0).normal(size=(6, 4))
NOT_FINITE = np.where(np.arange(24).reshape(6, 4) == 13, np.nan, GOOD)
BAD = [
    (GOOD[0], GOOD, r"real has shape \(4,\): one picture is not a set"),
    (GOOD, GOOD[:1], r"generated has shape \(1, 4\): one picture is not a set"),
    (np.zeros((6, 8, 8, 3), np.uint8), GOOD, "are these pictures"),
    (GOOD, np.zeros((6, 3, 8, 8), np.float32), "are these pictures"),
    (GOOD, np.zeros((6, 4, 7, 7)), "not averaged over space"),
    (np.zeros((0, 4)), GOOD, "real is empty"),
    (GOOD, np.zeros((6, 4), np.uint8), "generated is uint8.*flattened pictures"),
    (GOOD, GOOD[:, :3], "real has 4 features per picture and generated has 3. Do they come from different networks"),
    (GOOD, np.ones((4, 5)), "transposed"),
    (GOOD, np.ones((5, 6)), "transposed"),
    (GOOD, NOT_FINITE, "generated has NaN or infinity in 1 of 6 rows, the first is row 3.*diverge"),
    (np.full((6, 4), np.inf), GOOD, "real has NaN or infinity in 6 of 6 rows, the first is row 0"),
]


@pytest.mark.parametrize(("real", "generated", "message"), BAD)
def test_sets_that_cannot_be_compared_are_refused_with_a_guess(
    real: np.ndarray, generated: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        frechet_distance(real=real, generated=generated)
    with pytest.raises(InputError, match=message):
        frechet.validate(real=real, generated=generated)
    with pytest.raises(InputError, match=message):
        kernel_distance(real=real, generated=generated, subset=None)


@pytest.mark.parametrize(
    ("subset", "subsets", "message"),
    [
        (1000, 1, "real has 6 pictures, fewer than subset=1000; use subset=None"),
        (1, 1, "subset is 1: one picture is not a set"),
        (4, 0, "subsets is 0; at least 1"),
        (None, -1, "subsets is -1; at least 1"),
    ],
)
def test_subsets_that_cannot_be_drawn_are_refused(subset: int | None, subsets: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kernel_distance(real=GOOD, generated=GOOD, subset=subset, subsets=subsets)
