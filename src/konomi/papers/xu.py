"""Xu's study: train, draw, judge, measure. `konomi.papers.xu_page` writes what came out.

Everything is done in the run folder and can be stopped and run again: training goes on from its checkpoint, and what
was measured of a snapshot is not measured again.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from konomi.condition import Condition
from konomi.data.dataset import Dataset, load
from konomi.data.synthetic import synthesise
from konomi.data.tagging.decisions import decide
from konomi.data.tagging.taggers import Tagger, estimate
from konomi.drawing import Model, draw_core, in_parallel, load_model
from konomi.files import make_folder, read_json, read_lines, write_json
from konomi.images import stack
from konomi.metrics.features import Features
from konomi.metrics.obedience import confusion, obedience
from konomi.metrics.report import compare
from konomi.metrics.variance import condition_effect
from konomi.schema import Schema, load_schema

SEED = 1000  # of the first judged picture; fixed before anything was drawn
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


@dataclass(frozen=True)
class Size:
    """How much is drawn and measured."""

    a_tag: int = 20  # pictures judged of every tag
    conditions: int = 50  # for the condition effect, and as many noises of each
    against: int = 2000  # pictures compared with as many real ones
    course: int = 500  # of every snapshot along the run
    snapshots: int = 8  # along the run, besides those of the paper


QUICK = Size(a_tag=2, conditions=4, against=24, course=12, snapshots=1)


@dataclass(frozen=True)
class Study:
    """What is to be reproduced, and where."""

    recipe: Path
    folder: Path  # of the run
    quick: bool = False  # drawn faces, a small network, a minute of training: to see that all of it works

    @property
    def size(self) -> Size:
        return QUICK if self.quick else Size()


def train(study: Study, *, seconds: float, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Train as the recipe says, or go on; returns what the page says of it."""
    from konomi.model.acgan import read_acgan_plan, train_acgan
    from konomi.model.describe import describe

    plan = read_acgan_plan(study.recipe)
    if study.quick:
        plan = replace(plan, data=(_drawn_faces(study.folder),), options=_short(plan.options))
    data = load(plan.data, load_schema(plan.schema))
    run = train_acgan(
        data, plan.options, study.folder, left_out=plan.left_out, report=report, seconds=seconds,
        start_from=plan.start_from,
    )  # fmt: skip
    costs = describe(study.recipe, "acgan")
    return {
        "name": plan.name, "pictures": run.seen, "iterations": run.step, "batch": plan.options.batch,
        "of": plan.options.pictures, "size": plan.options.size, "data": len(data), "options": vars(plan.options),
        "parameters": {c.network: c.parameters for c in costs},
        "operations": {c.network: c.operations for c in costs},
        "shares": _shares(data, plan.options.flag_threshold),
        "start_from": plan.start_from.parent.name if plan.start_from else None,
        "ignorance": _ignorance(data, plan.options, plan.left_out),
    }  # fmt: skip


def _drawn_faces(folder: Path) -> Path:
    stage = folder / "faces"
    if not (stage / "stage.json").exists():
        synthesise(stage, count=120, size=32)
    return stage


def _short(options: Any) -> Any:
    return replace(options, pictures=96, size=32, batch=8, blocks=2, sample_every=32, metrics_every=16)


def _shares(data: Dataset, threshold: float) -> dict[str, float]:
    """How often each tag is there among the pictures learned from, as hard classes."""
    from konomi.model.acgan import classes

    found = classes(data.weights, data.schema, threshold)
    known = ~np.isnan(found)
    shares = np.nansum(found, axis=0) / np.maximum(known.sum(axis=0), 1)
    return dict(zip(data.schema.slots, shares.round(5).tolist(), strict=True))


def _ignorance(data: Dataset, options: Any, left_out: tuple[str, ...]) -> dict[str, float]:
    """The class losses of who knows how often each tag is there, or is asked, and sees no picture."""
    from konomi.model.acgan import classes, tags_without

    kept = tags_without(data.schema, left_out)
    found = classes(data.weights, data.schema, options.flag_threshold)[:, kept]
    known = ~np.isnan(found)
    there = np.nansum(found, axis=0) / np.maximum(known.sum(axis=0), 1)
    asked = np.full(len(data.schema.slots), options.ask_flag)
    for attribute in (a for a in data.schema.attributes if a.exclusive):
        asked[data.schema.offsets[attribute.name]] = 1 / len(attribute.slots)
    return {"real": float((_entropy(there) * known.mean(axis=0)).sum()), "asked": float(_entropy(asked[kept]).sum())}


def _entropy(p: np.ndarray) -> np.ndarray:
    """Of yes with probability p, else no; in nats."""
    q = np.clip(p, 1e-12, 1 - 1e-12)
    result: np.ndarray = -q * np.log(q) - (1 - q) * np.log(1 - q)
    return result


def measure(study: Study, facts: dict[str, Any], tagger: Tagger, features: Features, progress: Progress) -> Path:
    """Draw, judge and measure the newest snapshot; writes and returns `study.json` in the run folder."""
    from konomi.model.export import newest_snapshots

    path, snapshot = study.folder / "study.json", newest_snapshots(study.folder, 1)[0]
    if path.exists() and read_json(path)["training"]["pictures"] == facts["pictures"]:
        return path
    model = exported(study, snapshot)
    found = {"quick": study.quick, "snapshot": snapshot.stem, "training": facts, "judge": tagger.name}
    found["losses"] = _losses(study.folder)
    found["tags"] = measure_tags(model, tagger, study.size.a_tag, progress)
    found["effect"] = measure_effect(model, features, study.size.conditions, progress)
    found["course"] = measure_course(study, features, progress)
    write_json(path, found)
    return path


def exported(study: Study, snapshot: Path) -> Model:
    """The generator of a snapshot, as it is drawn with."""
    from konomi.model.export import export_run

    path = make_folder(study.folder / "onnx") / f"{snapshot.stem}.onnx"
    if not path.exists():
        export_run(snapshot, path, schema=load_schema(), name=study.folder.name, licence="not published")
    return load_model(path)


def _losses(folder: Path) -> list[dict[str, float]]:
    names = ("pictures", "pictures_per_second", "loss_d", "loss_g", "penalty", "score_real", "score_drawn",
             "attributes_real", "attributes_drawn")  # fmt: skip
    return [{name: row[name] for name in names} for row in read_lines(folder / "metrics.jsonl")]


def draw(model: Model, asked: Sequence[Condition], seeds: Sequence[int], progress: Progress, what: str) -> np.ndarray:
    """Pictures of conditions and seeds, uint8 (N, H, W, 3), with all the variety that the model learned."""
    pairs = list(zip(asked, seeds, strict=True))
    drawn = in_parallel(lambda pair: draw_core(model, pair[0], pair[1], 1.0), pairs)
    return stack(list(progress(drawn, len(pairs), what)))


def measure_tags(model: Model, tagger: Tagger, a_tag: int, progress: Progress) -> dict[str, Any]:
    """Per tag: how many of the pictures that it is asked of show it. Everything else is asked as in training."""
    schema = model.schema
    asked = [(slot, seed) for slot in model.draws for seed in range(SEED, SEED + a_tag)]
    conditions = [Condition.from_slots(schema, _only(schema, slot)) for slot, _ in asked]
    pictures = draw(model, conditions, [seed for _, seed in asked], progress, "judged pictures")
    weights = np.full((len(asked), len(schema.slots)), np.nan, dtype=np.float32)
    for row, (slot, _) in enumerate(asked):
        for i, weight in _only(schema, slot).items():
            weights[row, i] = weight
    shown = judge(tagger, pictures, schema)
    scores = [vars(tag) for tag in obedience(weights, shown, schema)]
    tables = {
        a.name: confusion(weights, shown, a, schema).tolist()
        for a in schema.attributes
        if a.exclusive and a.slots[0] in model.draws
    }
    return {"scores": scores, "confusion": tables}


def _only(schema: Schema, slot: str) -> dict[int, float]:
    """The weights of a condition that asks for one tag: of a choice, the other values are asked not to be there."""
    attribute = next(a for a in schema.attributes if slot in a.slots)
    if not attribute.exclusive:
        return {schema.slot_index(slot): 1.0}
    return {schema.slot_index(other): float(other == slot) for other in attribute.slots}


def judge(tagger: Tagger, pictures: np.ndarray, schema: Schema) -> np.ndarray:
    """What a tagger sees: 1, 0, or NaN for a tag that it does not know; float32 (N, slots)."""
    rows = []
    for start in range(0, len(pictures), 64):
        for row in estimate(tagger, pictures[start : start + 64], schema):
            tags = {slot: float(p) for slot, p in zip(schema.slots, row, strict=True) if not math.isnan(p)}
            decided = decide(tags, schema, tagger.thresholds)
            rows.append([decided.get(slot, math.nan) for slot in schema.slots])
    return np.array(rows, dtype=np.float32)


def random_conditions(model: Model, count: int, seed: int) -> list[Condition]:
    """Whole conditions, as the paper samples them: a random value of a choice, every other tag with its chance."""
    schema, dice = model.schema, np.random.RandomState(seed)
    assert model.guess is not None  # a generator of Xu's knows no unknown
    shares, drawn = model.guess.shares[""], []
    for _ in range(count):
        weights: dict[int, float] = {}
        for attribute in (a for a in schema.attributes if a.slots[0] in model.draws):
            where = range(*schema.offsets[attribute.name].indices(len(schema.slots)))
            if attribute.exclusive:
                chosen = dice.randint(len(where))
                weights |= {slot: float(i == chosen) for i, slot in enumerate(where)}
            else:
                weights |= {slot: float(dice.random_sample() < shares[slot]) for slot in where}
        drawn.append(Condition.from_slots(schema, weights))
    return drawn


def measure_effect(model: Model, features: Features, count: int, progress: Progress) -> dict[str, float]:
    """The share of the pictures' variance that the condition decides: `count` conditions by as many noises."""
    conditions = random_conditions(model, count, 0)
    asked = [condition for condition in conditions for _ in range(count)]
    seeds = [SEED + i for _ in range(count) for i in range(count)]
    found = features(draw(model, asked, seeds, progress, "conditions by noises"))
    by_condition = condition_effect(found, np.repeat(np.arange(count), count))
    by_noise = condition_effect(found, np.tile(np.arange(count), count))
    return {**vars(by_condition), "noise": by_noise.omega_squared, "count": count}


def measure_course(study: Study, features: Features, progress: Progress) -> list[dict[str, float]]:
    """Distances to the pictures learned from, at snapshots along the run."""
    from konomi.model.acgan import read_acgan_plan

    plan, schema = read_acgan_plan(study.recipe), load_schema()
    data = load([study.folder / "faces"] if study.quick else plan.data, schema)
    snapshots = chosen_snapshots(study)
    rows, size = [], study.size
    for path in snapshots:
        count = min(size.against if path == snapshots[-1] else size.course, len(data))
        model = exported(study, path)
        chosen = np.random.RandomState(0).permutation(len(data))[:count]
        drawn = draw(model, random_conditions(model, count, 1), range(SEED, SEED + count), progress, f"at {path.stem}")
        found = compare(features(data.pictures[chosen]), features(drawn))
        rows.append({"at": int(path.stem), **found})
    return rows


def chosen_snapshots(study: Study) -> list[Path]:
    """Those of 0, 500, 1,000 and 1,500 iterations of 64, as in the paper, some later ones, and the newest."""
    found = sorted((study.folder / "snapshots").glob("*.safetensors"))
    first, later = found[:4], found[4:]
    places = np.linspace(0, len(later) - 1, min(study.size.snapshots, len(later))).round().astype(int)
    return first + [later[i] for i in sorted(set(places.tolist()))]
