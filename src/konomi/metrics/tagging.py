"""How well tags are judged: average precision, precision and recall, calibration, agreement.

Conventions: truth is float (N,) or (N, slots) with 1 yes, 0 no and NaN not judged; probability has the same shape and
lies in [0, 1]. A test set in which rare tags were looked for shows them too often; `share` is how often a tag is found
among faces taken at random, and every figure here is what it would be at that share.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score, precision_score, recall_score

from konomi.errors import InputError
from konomi.schema import Attribute, Schema

FEWEST = 20  # positives in a test set below which a tag is not measurable


@dataclass(frozen=True)
class TagScore:
    """One tag on a test set, at its natural share."""

    slot: str
    positives: int
    judged: int
    share: float
    average_precision: float
    threshold: float
    precision: float
    recall: float

    @property
    def measurable(self) -> bool:
        return self.positives >= FEWEST


def natural_weights(truth: np.ndarray, share: float) -> np.ndarray:
    """Weights (N,) that give the positives together `share` and the negatives the rest.

    Raises
    ------
    InputError
        If there are no positives or no negatives, or `share` is not within (0, 1).
    """
    positive = truth > 0.5
    if not 0 < share < 1 or positive.all() or not positive.any():
        raise InputError(
            f"{positive.sum()} of {len(truth)} positive at a share of {share:.4f}: nothing can be weighted"
        )
    return np.where(positive, share / positive.sum(), (1 - share) / (~positive).sum())


def tag_score(slot: str, truth: np.ndarray, probability: np.ndarray, *, share: float, threshold: float) -> TagScore:
    """Average precision of one tag, and precision and recall at a threshold; truth and probability (N,)."""
    judged = ~np.isnan(truth)
    known, found = truth[judged] > 0.5, probability[judged]
    weights = natural_weights(truth[judged], share)
    decided = found >= threshold
    return TagScore(
        slot=slot,
        positives=int(known.sum()),
        judged=int(judged.sum()),
        share=share,
        average_precision=float(average_precision_score(known, found, sample_weight=weights)),
        threshold=threshold,
        precision=float(precision_score(known, decided, sample_weight=weights, zero_division=0)),
        recall=float(recall_score(known, decided, sample_weight=weights, zero_division=0)),
    )


def best_threshold(truth: np.ndarray, probability: np.ndarray, *, share: float) -> float:
    """The threshold with the highest F1 at the natural share; truth and probability (N,)."""
    judged = ~np.isnan(truth)
    known, found = truth[judged] > 0.5, probability[judged]
    weights = natural_weights(truth[judged], share)
    candidates = np.unique(found.round(2)).clip(0.02, 0.98)
    scores = [f1_score(known, found >= t, sample_weight=weights, zero_division=0) for t in candidates]
    best = np.flatnonzero(np.asarray(scores) >= max(scores) - 1e-9)
    return float(candidates[best[len(best) // 2]])  # the middle of equally good ones


def choice_accuracy(
    attribute: Attribute, schema: Schema, truth: np.ndarray, probability: np.ndarray, *, shares: Mapping[str, float]
) -> tuple[float, np.ndarray]:
    """Accuracy of an exclusive attribute at its values' natural shares, and the confusion matrix (asked, found).

    truth and probability are (N, slots); faces whose value was not judged are left out.
    """
    where = schema.offsets[attribute.name]
    judged = ~np.isnan(truth[:, where]).any(axis=1)
    known, found = truth[judged][:, where].argmax(axis=1), probability[judged][:, where].argmax(axis=1)
    count = len(attribute.values)
    confusion = np.zeros((count, count), dtype=int)
    np.add.at(confusion, (known, found), 1)
    natural = np.array([shares[slot] for slot in attribute.slots]) * (confusion.sum(axis=1) > 0)
    right = confusion.diagonal() / np.maximum(confusion.sum(axis=1), 1)
    return float((natural * right).sum() / natural.sum()), confusion


def calibration(truth: np.ndarray, probability: np.ndarray, *, weights: np.ndarray, bins: int = 10) -> np.ndarray:
    """Rows (mean probability, share that is true, weight) of the bins that hold something; all inputs (N,)."""
    number = np.minimum((probability * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        inside = number == i
        if (total := weights[inside].sum()) > 0:
            mean = (probability[inside] * weights[inside]).sum() / total
            rows.append((mean, (truth[inside] * weights[inside]).sum() / total, total))
    return np.array(rows)


def calibration_error(table: np.ndarray) -> float:
    """Expected calibration error: the mean gap between probability and truth, weighted."""
    return float((np.abs(table[:, 0] - table[:, 1]) * table[:, 2]).sum() / table[:, 2].sum())


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of two rounds of judgements about the same pictures, (N,) each; NaN where nothing varies."""
    if len(set(first) | set(second)) < 2:
        return float("nan")
    return float(cohen_kappa_score(first, second))
