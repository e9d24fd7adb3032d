"""Everything that is measured of drawn pictures, in one dict that is written as report.json.

Conventions
-----------
Sets of features are floating-point, (N, D), one row per picture; see `konomi.metrics.sets`. Numbers that depend on the
size of the sets are measured on the same number of pictures from each, picked by the seed. What was not measured is not
in the dict; `left_out` says why.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from konomi.errors import InputError
from konomi.metrics.distances import mean_distance
from konomi.metrics.frechet import frechet_distance
from konomi.metrics.kernel import kernel_distance
from konomi.metrics.neighbours import closeness, nearest_real
from konomi.metrics.obedience import confusion, obedience
from konomi.metrics.precision_recall import (
    K_COVERAGE,
    coverage_score,
    density_score,
    precision_score,
    realism_scores,
    recall_score,
)
from konomi.metrics.variance import condition_effect, spread_within
from konomi.schema import Schema

FEWEST = K_COVERAGE + 1  # pictures of a set: each needs its fifth neighbour
Step = Callable[[str], None]


def measure(
    *,
    real: np.ndarray,
    drawn: np.ndarray,
    held_out: np.ndarray | None = None,
    asked: np.ndarray | None = None,
    shown: np.ndarray | None = None,
    schema: Schema | None = None,
    seed: int = 0,
    step: Step = lambda _what: None,
) -> dict[str, Any]:
    """Measure drawn pictures against real ones.

    Parameters
    ----------
    real, drawn : float array, shape (N, D) and (M, D)
        Features; N and M are at least 6.
    held_out : float array, shape (L, D), optional
        Features of real pictures that no training saw.
    asked : float array, shape (M, slots), optional
        The condition of each drawn picture, NaN where nothing was asked: for condition effect and spread.
    shown : float array, shape (M, slots), optional
        What is seen in each drawn picture (1, 0, NaN): with `asked` and `schema` for obedience.
    schema : Schema, optional
    seed : int
        Of the subsets and shuffles.
    step : callable(str)
        Told what is measured next.

    Returns
    -------
    dict
        JSON's types only: `pictures`, `sets` (`drawn`, `floor`, and `drawn_at_floor` where the floor has fewer
        pictures), `copying`, `realism`, and `condition` and `obedience` where they were measured; `left_out`.

    Raises
    ------
    InputError
        If a set has fewer than six pictures, or sets are not comparable.
    """
    for name, features in (("real", real), ("drawn", drawn)):
        if len(features) < FEWEST:
            raise InputError(f"{name} has {len(features)} pictures; at least {FEWEST} can be measured")
    left_out: dict[str, str] = {}
    found: dict[str, Any] = {"pictures": {"real": len(real), "drawn": len(drawn)}, "seed": seed}
    found["sets"] = measure_sets(real, drawn, seed=seed, step=step, left_out=left_out)
    step("neighbours")
    found["copying"] = measure_copying(real, drawn, held_out, left_out)
    found["realism"] = {"above_one": float((realism_scores(real=real, generated=drawn) >= 1).mean())}
    step("conditions")
    found["condition"] = measure_condition(drawn, asked, seed=seed, left_out=left_out)
    found["obedience"] = measure_obedience(asked, shown, schema, left_out)
    return {key: value for key, value in found.items() if value is not None} | {"left_out": left_out}


def compare(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """What depends on two sets of the same size, (N, D) each."""
    return {
        "pictures": len(generated),
        "frechet": frechet_distance(real=real, generated=generated),
        "kernel_x1000": 1000 * kernel_distance(real=real, generated=generated, subset=None),
        "precision": precision_score(real=real, generated=generated),
        "recall": recall_score(real=real, generated=generated),
        "density": density_score(real=real, generated=generated),
        "coverage": coverage_score(real=real, generated=generated),
        "spread": mean_distance(generated) / mean_distance(real),
    }


def measure_sets(
    real: np.ndarray, drawn: np.ndarray, *, seed: int, step: Step, left_out: dict[str, str]
) -> dict[str, Any]:
    """`compare` of drawn with real pictures, and of real ones with other real ones: the floor.

    The floor's two sets have no picture in common. Where there are too few real pictures for sets of the same size as
    those compared, the floor is measured on halves of them, and the drawn pictures once more at that size.
    """
    dice = np.random.default_rng(seed)
    order, chosen = dice.permutation(len(real)), dice.permutation(len(drawn))
    size = min(len(real), len(drawn))
    step("drawn against real")
    found = {"drawn": compare(real[order[:size]], drawn[chosen[:size]])}
    if (half := min(size, len(real) // 2)) < FEWEST:
        left_out["floor"] = f"the real pictures against each other need {2 * FEWEST} of them; there are {len(real)}"
        return found
    step("real against real")
    found["floor"] = compare(real[order[:half]], real[order[-half:]])
    if half < size:
        step("drawn against real, as many as real against real")
        found["drawn_at_floor"] = compare(real[order[:half]], drawn[chosen[:half]])
    return found


def measure_copying(
    real: np.ndarray, drawn: np.ndarray, held_out: np.ndarray | None, left_out: dict[str, str]
) -> dict[str, Any]:
    """How near drawn (and held-out) pictures are to their nearest real one."""
    near = nearest_real(real=real, generated=drawn).distance[:, 0]
    if held_out is None:
        left_out["held_out"] = "no held-out pictures were given, so nothing says which distance is suspiciously small"
        return _known(asdict(closeness(near)))
    usual = nearest_real(real=real, generated=held_out).distance[:, 0]
    return {"held_out_pictures": len(held_out), **asdict(closeness(near, usual))}


def measure_condition(
    drawn: np.ndarray, asked: np.ndarray | None, *, seed: int, left_out: dict[str, str]
) -> dict[str, Any] | None:
    """Condition effect and spread of the pictures whose condition was asked of at least two."""
    if asked is None:
        left_out["condition"] = "what was asked of the drawn pictures is not known"
        return None
    groups = same_conditions(asked)
    kept = np.bincount(groups)[groups] >= 2
    features, groups = drawn[kept], groups[kept]
    if (count := len(np.unique(groups))) < 2:
        left_out["condition"] = f"at least two conditions must be asked of two pictures each; there are {count} such"
        return None
    if not np.ptp(features, axis=0).any():
        left_out["condition"] = "all pictures are the same: there is no variance to explain"
        return None
    spread = spread_within(features, groups)
    return {
        "conditions": count,
        "pictures": len(features),
        "alone": int((~kept).sum()),
        **asdict(condition_effect(features, groups, seed=seed)),
        "spread": asdict(spread) | {"ratio": spread.ratio},
    }


def same_conditions(asked: np.ndarray) -> np.ndarray:
    """A number for each row of `asked`, (N, slots), equal for equal conditions."""
    numbers: np.ndarray = np.unique(np.nan_to_num(asked, nan=-1).round(2), axis=0, return_inverse=True)[1]
    return numbers.reshape(-1)


def measure_obedience(
    asked: np.ndarray | None, shown: np.ndarray | None, schema: Schema | None, left_out: dict[str, str]
) -> dict[str, Any] | None:
    """Obedience of each tag, and the confusion of each exclusive attribute that was asked for."""
    if asked is None or shown is None or schema is None:
        left_out["obedience"] = f"what was {'shown' if asked is not None else 'asked'} is not known"
        return None
    tags = obedience(asked, shown, schema)
    if not tags:
        left_out["obedience"] = "no tag that can be judged was asked of any picture"
        return None
    tables = {a.name: confusion(asked, shown, a, schema) for a in schema.attributes if a.exclusive}
    return {
        "mean": float(np.mean([tag.score for tag in tags])),
        "tags": [asdict(tag) for tag in tags],
        "confusion": {name: table.tolist() for name, table in tables.items() if table.any()},
    }


def _known(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not None}
