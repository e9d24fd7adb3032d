"""The figures on a generator's card, all but what is counted by eye.

    konomi dataset import game-faces.tar runs/data/held-out --leave-out 0123456789abcdf
    python benchmarks/generator.py anime-2 runs/data/anime-64 runs/data/held-out --out benchmarks/anime-2.json

4,000 pictures a seed are drawn with truncation off and one candidate, close, with the conditions of as many training
faces at their natural frequency, and measured against 4,000 fixed ones (`game-4000.txt`: the first in the order of
their names) and against the faces that no training saw. The first seed is drawn once more as users get it by default.
What is in OUT.json already is not measured again.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from konomi import api
from konomi.condition import Condition
from konomi.data.dataset import Dataset, load
from konomi.drawing import Model, draw_core, in_parallel
from konomi.files import read_json, write_json
from konomi.images import stack
from konomi.metrics.distances import mean_distance
from konomi.metrics.features import EfficientNetFeatures
from konomi.metrics.frechet import frechet_distance
from konomi.metrics.kernel import kernel_distance
from konomi.metrics.neighbours import closeness, nearest_real
from konomi.metrics.obedience import obedience
from konomi.metrics.precision_recall import coverage_score, density_score, precision_score, recall_score
from konomi.model import feature_network
from konomi.papers.xu import judge
from konomi.recipe import VARIETY
from konomi.schema import load_schema
from konomi.verifying import PLAIN, search, verdicts

COUNT, A_TAG, CHANGES = 4_000, 20, 500
NAMES = Path(__file__).with_name("game-4000.txt")
SEED = 1000  # of the first picture of a tag, as in obedience.py


def conditions_of(data: Dataset, rows: np.ndarray, model: Model) -> list[Condition]:
    """What training faces show, as conditions of the model; close, where it knows framing."""
    schema = model.schema
    found = []
    for row in rows:
        weights = data.weights[row, : len(schema.slots)]
        known = {i: float(w) for i, w in enumerate(weights) if not math.isnan(w)}
        if "framing.close" in schema.slots:
            known |= {schema.slot_index("framing.close"): 1.0, schema.slot_index("framing.wide"): 0.0}
        found.append(Condition.from_slots(schema, known))
    return found


def drawn(model: Model, conditions: list[Condition], seed: int, variety: float) -> np.ndarray:
    pairs = list(enumerate(conditions))
    return stack(list(in_parallel(lambda p: draw_core(model, p[1], seed + p[0], variety), pairs)))


def against(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    size = min(len(real), len(generated))
    return {
        "pictures": size,
        "frechet": round(frechet_distance(real=real[:size], generated=generated[:size]), 2),
        "kernel_x1000": round(1000 * kernel_distance(real=real, generated=generated, subset=None), 2),
        "precision": round(precision_score(real=real[:size], generated=generated[:size]), 3),
        "recall": round(recall_score(real=real[:size], generated=generated[:size]), 3),
        "density": round(density_score(real=real[:size], generated=generated[:size]), 3),
        "coverage": round(coverage_score(real=real[:size], generated=generated[:size]), 3),
        "spread": round(mean_distance(generated) / mean_distance(real), 3),
    }


def count_tags(model: Model, candidates: int) -> dict[str, float]:
    """Every tag asked alone, 20 seeds each; the share of pictures in which the tagger sees it."""
    schema, tagger = model.schema, open_tagger(model)
    see = api.open_judge(model)
    asked = [(slot, seed) for slot in model.draws for seed in range(SEED, SEED + A_TAG)]

    def one(pair: tuple[str, int]) -> np.ndarray:
        name, _, value = pair[0].partition(".")
        condition = Condition.from_dict(schema, {name: value or True})
        recipe = api.make_recipes(condition, model, count=1, seed=pair[1], size=64)[0]
        if candidates == 1:
            return np.asarray(draw_core(model, condition, pair[1], VARIETY))
        draw = lambda r: draw_core(model, r.condition, r.noises, r.variety)  # noqa: E731
        tries = api.tries_of(recipe, model, candidates)
        return np.asarray(search(recipe, draw, see, tries=tries, rule=api.rule_of(model))[1])

    pictures = np.stack(list(in_parallel(one, asked)))
    weights = np.full((len(asked), len(schema.slots)), np.nan, dtype=np.float32)
    for row, (slot, _) in enumerate(asked):
        weights[row, schema.slot_index(slot)] = 1
    return {tag.slot: round(tag.score, 3) for tag in obedience(weights, judge(tagger, pictures, schema), schema)}


def open_tagger(model: Model) -> Any:
    from konomi.cli.tag import open_tagger as open_by_name

    return open_by_name("tagger", model.schema)


def keep_the_rest(model: Model, data: Dataset, seed: int = 0) -> dict[str, float]:
    """One tag changed with the noise fixed: how often the others that were asked stay as they were judged."""
    dice, schema = np.random.RandomState(seed), model.schema
    see = api.open_judge(model)
    conditions = conditions_of(data, dice.permutation(len(data))[:CHANGES], model)
    kept = changed = obeyed = 0
    for number, condition in enumerate(conditions):
        asked = plain(condition)
        names = [n for n in asked if n != "framing"]
        name = names[dice.randint(len(names))]
        other = another(schema, name, asked[name], dice)
        before, after = (
            verdicts(Condition.from_dict(schema, wanted), see(draw_one(model, schema, wanted, number))[0], PLAIN)
            for wanted in (asked, asked | {name: other})
        )
        first = {v.slot: v.drawn for v in before if v.slot.split(".")[0] != name}
        second = {v.slot: v.drawn for v in after if v.slot.split(".")[0] != name}
        kept += sum(first[slot] == second[slot] for slot in first)
        changed += len(first)
        obeyed += all(v.drawn for v in after if v.slot.split(".")[0] == name)
    return {"others_stay": round(kept / changed, 4), "change_obeyed": round(obeyed / len(conditions), 4)}


def draw_one(model: Model, schema: Any, wanted: dict[str, Any], seed: int) -> np.ndarray:
    return np.asarray(draw_core(model, Condition.from_dict(schema, wanted), seed, VARIETY))[None]


def plain(condition: Condition) -> dict[str, Any]:
    """Probabilities rounded to what they most probably mean: the likeliest value, and yes or no."""
    found: dict[str, Any] = {}
    known = dict(condition.weights)
    for attribute in condition.schema.attributes:
        where = range(*condition.schema.offsets[attribute.name].indices(len(condition.schema.slots)))
        weights = [known.get(i, 0.0) for i in where]
        if attribute.is_flag:
            found[attribute.name] = weights[0] >= 0.5
        elif attribute.exclusive or max(weights) >= 0.5:
            found[attribute.name] = attribute.value_names[int(np.argmax(weights))]
    return found


def another(schema: Any, name: str, value: Any, dice: np.random.RandomState) -> Any:
    if isinstance(value, bool):
        return not value
    others = [v for v in schema.attribute(name).value_names if v != value]
    return others[dice.randint(len(others))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("real", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    model, schema = api.open_model(options.model), load_schema()
    data = load([options.real], schema)
    fixed = set(NAMES.read_text(encoding="utf-8").split())
    real = data.part(np.array([name in fixed for name in data.names]))
    features = EfficientNetFeatures(feature_network.export)
    rows: dict[str, Any] = read_json(options.out) if options.out.exists() else {"model": model.name}

    def once(name: str, measure: Callable[[], Any]) -> None:
        if name not in rows:
            rows[name] = measure()
            write_json(options.out, rows)
        print(name, rows[name], flush=True)

    there, unseen = features(real.pictures), features(load([options.held_out], schema).pictures)
    once("held_out_against_real", lambda: against(there, unseen))
    for seed in range(options.seeds):
        chosen = np.random.RandomState(seed).permutation(len(real))[:COUNT]
        conditions = conditions_of(real, chosen, model)

        def measured(variety: float, conditions: Any = conditions, seed: int = seed) -> dict[str, Any]:
            made = features(drawn(model, conditions, seed * 100_000, variety))
            return {"real": against(there, made), "held_out": against(unseen, made)}

        once(f"seed {seed}", lambda: measured(1.0))
        if seed == 0:
            once("default variety", lambda: measured(VARIETY))

            def copied(conditions: Any = conditions) -> dict[str, float]:
                everything = features(data.pictures)
                made = features(drawn(model, conditions, 0, 1.0))
                near = [nearest_real(real=everything, generated=g).distance[:, 0] for g in (made, unseen)]
                return vars(closeness(*near))

            once("copying", copied)
    once("obedience, one candidate, by the tagger", lambda: count_tags(model, 1))
    once("obedience, eight candidates, by the tagger", lambda: count_tags(model, 8))
    once("one change", lambda: keep_the_rest(model, real))


if __name__ == "__main__":
    main()
