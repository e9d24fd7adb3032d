"""The proof of taste on simulated people, and how long learning takes.

    python benchmarks/proof.py linear interactions twelve time

SIMULATED: no person takes part. Each case is one call of `konomi.taste.proof.prove`, what `konomi taste prove
--simulated 500` runs: 500 newcomers in five worlds of 2,200 people each. A question shows six pictures, as
`konomi taste` does; in the case `twelve`, linear too, it shows twelve. `time` is the processor time of one thread.
Adds to benchmarks/proof.json; with linear also writes the figure, docs/pictures/proof.png. About three minutes of
processor time a case.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from konomi.schema import load_schema
from konomi.taste.arms import questions
from konomi.taste.preference import learn_many, newcomer
from konomi.taste.proof import prove
from konomi.taste.proof_figure import proof_figure
from konomi.taste.questions import LARGEST, MOST
from konomi.taste.raters import Manner
from konomi.taste.replies import Picks, Replies
from konomi.taste.worlds import Plan, make_world

ROOT = Path(__file__).parents[1]
RESULT, FIGURE = ROOT / "benchmarks" / "proof.json", ROOT / "docs" / "pictures" / "proof.png"
CASES: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear"},
    "interactions": {"kind": "interactions"},
    "twelve": {"kind": "linear", "size": 12},
}
TIMES = 20  # updates of one person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="+", choices=[*CASES, "time"])
    for name in parser.parse_args().cases:
        keep(name, seconds() if name == "time" else case(**CASES[name]))


def case(kind: str, size: int = LARGEST) -> dict[str, Any]:
    return prove(load_schema("anime"), Plan(Manner(kind=kind)), raters=500, worlds=5, size=size, seed=1)


def seconds() -> dict[str, float]:
    """Processor seconds of fitting 2,200 people with 24 replies each, and of one person's update after 12 picks."""
    began = time.process_time()
    world = make_world(load_schema("anime"), Plan(), seed=1)
    made = time.process_time() - began
    first = newcomer(world.crowd, world.told[0])
    shown = questions(world, [first] * MOST, LARGEST, np.random.default_rng(0))
    picks = Picks(np.zeros(MOST, int), np.arange(MOST * LARGEST).reshape(MOST, LARGEST), np.zeros(MOST, int))
    design, began = world.as_seen(shown), time.process_time()
    for _ in range(TIMES):
        learn_many(world.crowd, [first], design, Replies(picks=picks))
    return {"world_and_fit": round(made, 2), "update": round((time.process_time() - began) / TIMES, 5)}


def keep(name: str, found: dict[str, Any]) -> None:
    """Beside what other cases found; one line for each entry of a case."""
    table = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    table[name] = found
    lines = [
        f'"{case}": {{\n' + ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in one.items()) + "\n}"
        for case, one in sorted(table.items())
    ]
    RESULT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    if name == "linear":
        proof_figure(found).savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    main()
