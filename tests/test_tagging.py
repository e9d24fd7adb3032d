"""Figures about tags: by hand, by their definition, and at natural shares."""

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.metrics import tagging
from konomi.schema import Schema


def test_natural_weights_give_the_positives_their_share() -> None:
    weights = tagging.natural_weights(np.array([1.0, 1.0, 0.0, 0.0, 0.0]), 0.1)
    np.testing.assert_allclose(weights, [0.05, 0.05, 0.3, 0.3, 0.3])


@pytest.mark.parametrize(("truth", "share"), [([1.0, 1.0], 0.5), ([0.0, 0.0], 0.5), ([0.0, 1.0], 0.0)])
def test_what_cannot_be_weighted_is_refused(truth: list[float], share: float) -> None:
    with pytest.raises(InputError, match="nothing can be weighted"):
        tagging.natural_weights(np.array(truth), share)


def by_definition(truth: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> float:
    """Sum over falling thresholds of the gain in recall times the precision there."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(probability.tolist()), reverse=True):
        taken = probability >= threshold
        precision = (weights * truth * taken).sum() / (weights * taken).sum()
        recall = (weights * truth * taken).sum() / (weights * truth).sum()
        total += (recall - before) * precision
        before = recall
    return float(total)


def test_average_precision_is_its_definition_at_the_natural_share() -> None:
    dice = np.random.default_rng(0)
    truth = (dice.random(80) < 0.4).astype(float)
    probability = (truth * 0.4 + dice.random(80) * 0.8).clip(0, 1).round(2)
    score = tagging.tag_score("hat", truth, probability, share=0.05, threshold=0.5)
    expected = by_definition(truth, probability, tagging.natural_weights(truth, 0.05))
    assert score.average_precision == pytest.approx(expected)
    even = tagging.tag_score("hat", truth, probability, share=float(truth.mean()), threshold=0.5)
    assert score.average_precision < even.average_precision  # a rare tag is harder to find


def test_faces_that_nobody_judged_count_nothing() -> None:
    truth, probability = np.array([1.0, 0.0, np.nan]), np.array([0.9, 0.1, 0.0])
    score = tagging.tag_score("hat", truth, probability, share=0.5, threshold=0.5)
    assert (score.judged, score.positives, score.average_precision, score.recall) == (2, 1, 1.0, 1.0)
    assert not score.measurable


def test_the_best_threshold_parts_what_can_be_parted() -> None:
    truth, probability = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.3, 0.6, 0.9])
    assert 0.3 < tagging.best_threshold(truth, probability, share=0.5) <= 0.6


def test_accuracy_of_a_choice_is_the_mean_recall_at_natural_shares(schema: Schema) -> None:
    attribute = schema.attribute("eye_color")
    where = schema.offsets["eye_color"]
    truth = np.full((4, len(schema.slots)), np.nan)
    truth[:, where] = 0
    found = np.zeros((4, len(schema.slots)))
    for row, (known, guessed) in enumerate([(0, 0), (0, 0), (1, 1), (1, 0)]):
        truth[row, where.start + known] = 1
        found[row, where.start + guessed] = 1
    shares = {slot: 0.0 for slot in schema.slots} | {attribute.slots[0]: 0.9, attribute.slots[1]: 0.1}
    accuracy, confusion = tagging.choice_accuracy(attribute, schema, truth, found, shares=shares)
    assert accuracy == pytest.approx(0.9 * 1 + 0.1 * 0.5)
    assert confusion[:2, :2].tolist() == [[2, 0], [1, 1]]


def test_a_calibrated_tagger_has_no_calibration_error() -> None:
    dice = np.random.default_rng(1)
    probability = dice.random(200_000)
    truth = (dice.random(200_000) < probability).astype(float)
    table = tagging.calibration(truth, probability, weights=np.ones(len(truth)))
    assert tagging.calibration_error(table) < 0.01
    sure = tagging.calibration(truth, (probability > 0.5).astype(float), weights=np.ones(len(truth)))
    assert tagging.calibration_error(sure) == pytest.approx(0.25, abs=0.01)


def test_kappa_of_known_tables() -> None:
    assert tagging.kappa(np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0])) == 1.0
    first = np.array([1] * 25 + [0] * 25)  # 20 both yes, 5 + 10 apart, 15 both no: kappa 0.4 (Cohen 1960's arithmetic)
    second = np.array([1] * 20 + [0] * 5 + [1] * 10 + [0] * 15)
    assert tagging.kappa(first, second) == pytest.approx(0.4)
    assert np.isnan(tagging.kappa(np.zeros(3), np.zeros(3)))
