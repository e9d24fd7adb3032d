"""The proof on simulated people as a table: four arms in several worlds, means over raters with their intervals."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from konomi.errors import InputError
from konomi.schema import Schema
from konomi.taste.arms import Court, Outcome, run_arm
from konomi.taste.questions import LARGEST, MOST
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
    picks: int = MOST,
    size: int = LARGEST,
    seed: int = 1,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Run all four arms on `raters` newcomers, spread over `worlds`, and sum up; JSON's types only.

    Parameters
    ----------
    plan : Plan
        Of one world; its number of newcomers is not used.
    picks, size : int
        How often a newcomer picks, and out of how many pictures.

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
    courts: list[Court] = []
    plans = [replace(plan, newcomers=raters // worlds + (number < raters % worlds)) for number in range(worlds)]
    for arm, outcome in progress(_run(schema, plans, courts, picks, size, seed), worlds * len(ARMS)):
        found[arm].append(outcome)
    outcomes = {arm: together(of_worlds) for arm, of_worlds in found.items()}
    return {
        "simulated": True,
        "raters": raters, "worlds": worlds, "picks": picks, "of": size, "seed": seed,
        "plan": {key: value for key, value in asdict(plan).items() if key != "newcomers"},
        "arms": {arm: summary(outcome) for arm, outcome in outcomes.items()},
        "ceiling": _ceiling(courts),
        "questionnaire_adds": _adds(outcomes["both"], outcomes["picks"]),
        "worlds_apart": [_means(one) for one in found["both"]],
    }  # fmt: skip


def _run(
    schema: Schema, plans: Sequence[Plan], courts: list[Court], picks: int, size: int, seed: int
) -> Iterator[tuple[str, Outcome]]:
    """All arms in one world after another; what judges each world is added to `courts`."""
    for number, plan in enumerate(plans, start=seed):
        courts.append(Court.of(make_world(schema, plan, seed=number), number))
        for arm, (told, asked) in ARMS.items():
            yield arm, run_arm(courts[-1], questionnaire=told, picks=picks if asked else 0, size=size, seed=number)


def _ceiling(courts: Sequence[Court]) -> dict[str, Any]:
    """What a model would reach that knew of each rater all that it could."""
    known = [court.ceiling() for court in courts]
    return {name: interval(np.concatenate([one[name] for one in known])) for name in MEASURES}


def _adds(both: Outcome, picks: Outcome) -> dict[str, Any]:
    """What both do better than picks alone, rater by rater, after the last pick."""
    return {name: interval(getattr(both, name)[:, -1] - getattr(picks, name)[:, -1]) for name in MEASURES}


def _means(outcome: Outcome) -> dict[str, float]:
    """After the last pick."""
    return {name: round(float(np.nanmean(getattr(outcome, name)[:, -1])), 4) for name in MEASURES}


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
