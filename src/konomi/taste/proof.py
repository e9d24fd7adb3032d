"""The proof on simulated people as a table: four arms in several worlds, means over raters with their intervals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from konomi.errors import InputError
from konomi.schema import Schema
from konomi.taste.arms import Outcome, run_arm
from konomi.taste.worlds import Plan, make_world

ARMS = {"crowd": (False, False), "questionnaire": (True, False), "picks": (False, True), "both": (True, True)}
MEASURES = ("regret", "better", "same", "better_than_pool", "hit", "first")
BINS = 10
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


def prove(
    schema: Schema,
    plan: Plan,
    *,
    raters: int = 500,
    worlds: int = 5,
    picks: int = 12,
    size: int = 12,
    seed: int = 1,
    conditions: np.ndarray | None = None,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Run all four arms on `raters` newcomers, spread over `worlds`, and sum up; JSON's types only.

    Parameters
    ----------
    plan : Plan
        Of one world; its number of newcomers is not used.
    picks, size : int
        How often a newcomer picks, and out of how many pictures.
    conditions : array, shape (gallery + pool, slots), optional
        Stand in for designed ones.

    Raises
    ------
    InputError
        If there are fewer than two raters for each world, or a number is below 1.
    """
    if min(worlds, picks) < 1 or raters < 2 * worlds:
        raise InputError(
            f"{raters} raters in {worlds} worlds, {picks} picks: each world needs two raters, and one pick"
        )
    found: dict[str, list[Outcome]] = {arm: [] for arm in ARMS}
    for number in progress(range(worlds), worlds):
        newcomers = raters // worlds + (number < raters % worlds)
        world = make_world(schema, replace(plan, newcomers=newcomers), seed=seed + number, conditions=conditions)
        for arm, (told, asked) in ARMS.items():
            outcome = run_arm(world, questionnaire=told, picks=picks if asked else 0, size=size, seed=seed + number)
            found[arm].append(outcome)
    outcomes = {arm: together(of_worlds) for arm, of_worlds in found.items()}
    last = {arm: {name: getattr(one, name)[:, -1] for name in MEASURES} for arm, one in outcomes.items()}
    of_both = [
        {name: round(float(np.nanmean(getattr(one, name)[:, -1])), 4) for name in MEASURES} for one in found["both"]
    ]
    return {
        "simulated": True,
        "raters": raters, "worlds": worlds, "picks": picks, "of": size, "seed": seed,
        "plan": {key: value for key, value in asdict(plan).items() if key != "newcomers"},
        "arms": {arm: summary(outcome) for arm, outcome in outcomes.items()},
        "questionnaire_adds": {name: interval(last["both"][name] - last["picks"][name]) for name in MEASURES},
        "worlds_apart": of_both,
    }  # fmt: skip


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """The raters of several worlds as one."""
    return Outcome(*(np.concatenate([getattr(one, f.name) for one in outcomes]) for f in fields(Outcome)))


def summary(outcome: Outcome) -> dict[str, Any]:
    """Means over raters with their 95% intervals, by the number of picks; calibration; what is said in words."""
    table: dict[str, Any] = {"raters": len(outcome.regret)}
    for name in MEASURES:
        table[name] = [interval(column) for column in getattr(outcome, name).T]
    table["calibration"] = [
        calibration(outcome.stated[:, n].ravel(), outcome.picked[:, n].ravel()) for n in range(outcome.stated.shape[1])
    ]
    for place, word in enumerate(("sure", "leaning")):
        said, right = int(outcome.said[:, place].sum()), int(outcome.true[:, place].sum())
        table[word] = {"each": said / len(outcome.said), "true": right / said if said else None}
    return table


def interval(values: np.ndarray) -> list[float] | None:
    """Mean, and both ends of its 95% interval, people being drawn at random; None if fewer than two have a value."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return None
    mean, error = known.mean(), 1.96 * known.std(ddof=1) / np.sqrt(len(known))
    return [round(float(x), 4) for x in (mean, mean - error, mean + error)]


def calibration(stated: np.ndarray, picked: np.ndarray) -> dict[str, Any]:
    """Stated chances against what came true, in tenths, and the largest difference of those that hold a hundredth."""
    tenth = np.minimum((stated * BINS).astype(int), BINS - 1)
    rows = [(stated[tenth == b], picked[tenth == b]) for b in range(BINS)]
    tenths = [
        [round(float(s.mean()), 4), round(float(p.mean()), 4), len(s)] for s, p in rows if len(s) >= len(stated) / 100
    ]
    return {"error": max(abs(s - p) for s, p, _ in tenths), "tenths": tenths}
