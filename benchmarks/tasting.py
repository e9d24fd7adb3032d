"""Pick and draw as one person alone would, with simulated people, and count how the drawings please them.

    python benchmarks/tasting.py [--people 30]

SIMULATED: no person takes part. Everybody starts from nobody's crowd, picks out of six pictures as long as `konomi
taste` asks (6 to 12 times), and is drawn six pictures as by `konomi draw --taste me.json --count 6`. They like as
`konomi.taste.raters` say, by what the judge sees and by what of the picture the model of taste does not see. A drawing
pleases if its utility without noise is the larger one. Writes benchmarks/tasting.json.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from konomi import api
from konomi.condition import Condition
from konomi.questionnaire import load_questionnaire
from konomi.taste.questions import next_question, questions_left
from konomi.taste.raters import Manner, Raters, make_raters
from konomi.taste.session import Reply, Session
from konomi.taste.simulate import Population, simulate
from konomi.tasting.crowds import open_crowd
from konomi.tasting.pool import open_pool
from konomi.tasting.seeing import Seen, see
from konomi.tasting.suggesting import draw_for

ROOT = Path(__file__).parents[1]
MODEL, WORLD, PLAIN, FIRST = "anime-3", 480, 200, 100_000  # pictures raters are made with, and drawn without a taste
HIDDEN, COUNT, SIZE = 6, 6, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=30)
    people = parser.parse_args().people
    model, crowd = api.open_model(MODEL), open_crowd(MODEL)
    world = open_pool(model, count=WORLD)
    hidden = Hidden(world.cores)
    answers = simulate(
        list("abcd"), load_questionnaire(), seed=1, population=Population(men=people // 2, women=people - people // 2)
    )
    nothing = api.make_recipes(Condition(model.schema), model, count=PLAIN, seed=FIRST, size=64)
    plain = see(model, nothing)
    result = {"simulated": True, "model": MODEL, "people": people, "manner": {}}
    for kind in ("linear", "interactions"):
        raters = make_raters(
            answers, model.schema, world.weights, hidden(world.cores), seed=1, manner=Manner(kind=kind)
        )
        began = time.process_time()
        drawn = [one(raters, rater, crowd, model, hidden) for rater in range(people)]
        everything = raters.utility(*seen_by(plain, hidden))
        result["manner"][kind] = measure(raters, drawn, everything, hidden)
        result["manner"][kind]["processor_seconds_each"] = (time.process_time() - began) / people
        (ROOT / "benchmarks" / "tasting.json").write_text(json.dumps(result, indent=1) + "\n")
        print(kind, json.dumps(result["manner"][kind]), flush=True)


class Hidden:
    """What people see and the model of taste does not: the main directions in which pictures differ."""

    def __init__(self, cores: np.ndarray) -> None:
        small = self.small(cores)
        self.mean = small.mean(axis=0)
        _, values, axes = np.linalg.svd(small - self.mean, full_matrices=False)
        self.axes = axes[:HIDDEN] / values[:HIDDEN, None] * math.sqrt(len(cores))

    def __call__(self, cores: np.ndarray) -> np.ndarray:
        return (self.small(cores) - self.mean) @ self.axes.T

    @staticmethod
    def small(cores: np.ndarray) -> np.ndarray:
        return cores.reshape(len(cores), 16, 4, 16, 4, 3).mean(axis=(2, 4)).reshape(len(cores), -1)


def seen_by(seen: Seen, hidden: Hidden) -> tuple[np.ndarray, np.ndarray]:
    return seen.weights, hidden(seen.cores)


def one(raters: Raters, rater: int, crowd, model, hidden: Hidden) -> dict:
    """One person's picks, and what is drawn for them."""
    pool = open_pool(model)
    design, rows = pool.design(crowd), pool.rows(crowd)
    codes = [str(number) for number in range(len(design))]
    utility = raters.utility(*seen_by(pool, hidden))
    session = Session(crowd, MODEL)
    while True:
        shown = np.array([int(code) for code in session.shown], int)
        asked = next_question(session.taste, design, size=SIZE, seed=session.said, shown=shown)
        if not questions_left(session.taste, design[asked], session.said, seed=session.said):
            break
        place = int(raters.pick(utility, np.array([rater]), asked[None], seed=rater * 100 + session.said)[0])
        names = tuple(codes[number] for number in asked)
        session = session.with_reply(Reply(names, picked=names[place]), dict(zip(codes, rows, strict=True)))
    avatars, _ = draw_for(crowd, session.taste, model, api.understand(""), count=COUNT, size=64)
    return {
        "picks": session.said,
        "seen": see(model, [a.recipe for a in avatars]),
        "chance": [a.chance for a in avatars],
    }


def measure(raters: Raters, drawn: list[dict], plain: np.ndarray, hidden: Hidden) -> dict:
    """Shares of people; utilities are in standard deviations over what the raters were made with."""
    own = np.stack([raters.utility(*seen_by(d["seen"], hidden)) for d in drawn])  # (drawn for, liked by, six)
    people = np.arange(len(drawn))
    mine, stated = own[people, people], np.array([d["chance"] for d in drawn])
    noise = raters.noise[:, None] * math.sqrt(2)
    came = 0.5 * (1 + np.vectorize(math.erf)((mine - plain.mean(axis=1, keepdims=True)) / noise / math.sqrt(2)))
    swaps = [mine[:, 0] > own[np.roll(people, k), people, 0] for k in range(1, 11)]
    return {
        "picks": float(np.mean([d["picks"] for d in drawn])),
        "first_over_a_plain_drawing": float((mine[:, :1] > plain).mean()),
        "all_six_over_a_plain_drawing": float((mine[:, :, None] > plain[:, None]).mean()),
        "first_over_what_others_were_drawn": float(np.mean(swaps)),
        "utility_of_six": float((mine - plain.mean(axis=1, keepdims=True)).mean()),
        "stated_over_average": float(stated.mean()),
        "came_true": float(came.mean()),
    }


if __name__ == "__main__":
    main()
