"""A tagger's recipe, from labelled stages to an ONNX file."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from konomi.data.dataset import Dataset, join, load
from konomi.errors import FileError, InputError, TrainingError
from konomi.files import make_folder, reporting, write_json
from konomi.model import checkpoint
from konomi.model.tagger import AnyTagger, Report, TaggerOptions, logits, make_network, rarity, train_tagger
from konomi.model.tagger_export import calibrate, calibrated, export_tagger
from konomi.schema import Schema, load_schema
from konomi.settings import check_keys, read_toml, typed

SAMPLES = ["file", "pack", "chosen"]  # columns
# truth and probability (N,), share -> threshold
Threshold = Callable[[np.ndarray, np.ndarray, float], float]


@dataclass(frozen=True)
class TaggerPlan:
    """A whole recipe."""

    name: str
    schema: str
    data: tuple[Path, ...]  # stages with splits, tags judged by eye
    samples: Path | None  # CSV of the labelled faces that says which were taken at random
    start_from: Path | None  # network of another run, which learned from other labels
    options: TaggerOptions
    random: bool = False  # all pictures of the data were taken at random, so that its own shares are the natural ones


def read_tagger_plan(path: Path) -> TaggerPlan:
    """Read a recipe of kind `tagger`; an InputError names a missing or unknown key."""
    table = read_toml(path)
    names = ["kind", "name", "schema", "data"]
    check_keys(table, [*names, "samples", "random", "start_from", "train"], str(path), required=names)
    if table.get("random") and "samples" in table:
        raise InputError(f"{path} says that all pictures are random, and names samples; leave one of them away")
    train = table.get("train", {})
    check_keys(train, [f.name for f in fields(TaggerOptions)], f"{path} [train]")
    options = TaggerOptions(**typed(train, TaggerOptions(), f"{path} [train]"))
    samples, start = (Path(table[key]) if key in table else None for key in ("samples", "start_from"))
    data, random = tuple(map(Path, table["data"])), table.get("random", False)
    return TaggerPlan(table["name"], table["schema"], data, samples, start, options, random)


def read_samples(path: Path) -> list[dict[str, str]]:
    """The rows of a samples file: file, pack, chosen (`random`, or what it was looked for as)."""
    with reporting("read", path), path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or list(rows[0]) != SAMPLES:
        raise FileError(f"{path} must have the columns {','.join(SAMPLES)}")
    return rows


def natural_shares(data: Dataset, samples: Path | None) -> np.ndarray:
    """How often each tag is judged to be there among faces taken at random, float64 (slots,); all, if no `samples`."""
    chosen = np.ones(len(data), dtype=bool)
    if samples:
        random = {Path(row["file"]).stem for row in read_samples(samples) if row["chosen"] == "random"}
        chosen = np.array([name in random for name in data.names])
    if samples and chosen.sum() < 100:
        raise TrainingError(f"{samples} names only {chosen.sum()} faces of the data as taken at random; 100 are needed")
    weights = data.weights[chosen].astype(np.float64)
    known = ~np.isnan(weights)
    return np.nansum(weights, axis=0) / np.maximum(known.sum(axis=0), 1)


def run(plan: TaggerPlan, folder: Path, *, threshold: Threshold, report: Report = print) -> dict[str, Any]:
    """Train, calibrate and choose thresholds on the validation split, and write `tagger.onnx`; test faces are not seen.

    A network that was trained already (`network.safetensors` in `folder`) is not trained again. A recipe with neither
    `samples` nor `random` makes such a network only, for another recipe to start from; its data need not be split.
    """
    schema = load_schema(plan.schema)
    if plan.samples is None and not plan.random:
        train = load(plan.data, schema, tagged=True)
        report(f"{len(train)} faces to learn from")
        _network(plan, folder, train, report)
        return {"train": len(train)}
    train = load(plan.data, schema, split="train", tagged=True)
    validation = load(plan.data, schema, split="validation", tagged=True)
    report(f"{len(train)} faces to learn from, {len(validation)} to choose thresholds on")
    network = _network(plan, folder, train, report)
    natural = natural_shares(join([train, validation]), plan.samples)
    found = logits(network, validation.pictures, plan.options.size)
    calibration = calibrate(
        found, validation.weights, schema, learned=learned_shares(train, plan.options), natural=natural
    )
    probability = calibrated(found, calibration, schema)
    thresholds = _thresholds(schema, validation, probability, natural, threshold)
    difference = export_tagger(
        network, calibration, folder / "tagger.onnx",
        schema=schema, size=plan.options.size, thresholds=thresholds, name=plan.name,
    )  # fmt: skip
    facts = {
        "train": len(train), "validation": len(validation), "thresholds": thresholds, "difference": difference,
        "natural": dict(zip(schema.slots, natural.round(5).tolist(), strict=True)),
        "scale": calibration.scale.tolist(), "shift": calibration.shift.tolist(),
    }  # fmt: skip
    write_json(folder / "tagger.json", facts)
    return facts


def _network(plan: TaggerPlan, folder: Path, train: Dataset, report: Report) -> AnyTagger:
    path, options = make_folder(folder) / "network.safetensors", plan.options
    if path.exists():
        network = make_network(len(train.schema.slots), options)
        network.load_state_dict(checkpoint.load(path)[0]["network"])
        return network.eval()
    start = checkpoint.load(plan.start_from)[0]["network"] if plan.start_from else None
    network = train_tagger(train, options, start=start, report=report)
    checkpoint.save(path, {"network": network.state_dict()}, {"schema": train.schema.hash})
    return network


def learned_shares(train: Dataset, options: TaggerOptions) -> np.ndarray:
    """How often the network saw each tag, float64 (slots,): rare ones were shown more often."""
    chances = rarity(train.weights, options.rare)[:, None]
    known = ~np.isnan(train.weights)
    return (np.nan_to_num(train.weights) * chances).sum(axis=0) / np.maximum((known * chances).sum(axis=0), 1e-9)


def _thresholds(
    schema: Schema, data: Dataset, probability: np.ndarray, natural: np.ndarray, threshold: Threshold
) -> dict[str, float]:
    """Of every tag that is judged by itself and has positives to choose by; 0.5 for the others."""
    chosen = {}
    for attribute in (a for a in schema.attributes if not a.exclusive):
        for slot in attribute.slots:
            i = schema.slot_index(slot)
            truth = data.weights[:, i]
            enough = np.nansum(truth) >= 5
            chosen[slot] = threshold(truth, probability[:, i], float(natural[i])) if enough else 0.5
    return chosen
