"""A map of a dataset: pictures that are alike lie side by side (t-SNE, as in Xu's paper, figure "t-SNE 900")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from openTSNE import TSNE
from scipy.spatial import KDTree
from sklearn.decomposition import PCA

from konomi.data.building.palette import NO, UNKNOWN, slot_colours
from konomi.data.building.plots import slot_label
from konomi.data.progress import Progress, silent
from konomi.data.tagging.decisions import decide
from konomi.errors import InputError
from konomi.record import Record
from konomi.schema import Attribute, Schema

COMPONENTS = 50  # principal ones, which t-SNE is given
PERPLEXITY = 30  # about as many neighbours are kept near
STEPS = 25  # of the descent between two signs of progress
EARLY, LATE = 250, 500  # steps, with the attraction 12 times as strong at first (Belkina et al. 2019)
FEWEST = 10  # pictures of which a map says anything


@dataclass(frozen=True)
class Kind:
    """One entry of a map's legend."""

    name: str
    colour: str
    count: int


@dataclass(frozen=True)
class Panel:
    """One tag on a map: which entry of the legend each picture belongs to."""

    title: str
    kinds: tuple[Kind, ...]
    of: np.ndarray  # (N,) int: numbers of kinds


def sample(count: int, *, of: int, seed: int) -> np.ndarray:
    """The rows of `count` pictures out of `of`, sorted; an InputError if there are too few for a map."""
    if count < FEWEST or of < FEWEST:
        raise InputError(f"a map needs at least {FEWEST} pictures; {min(count, of)} were given")
    return np.sort(np.random.RandomState(seed).permutation(of)[:count])


def tag_features(records: Sequence[Record], schema: Schema) -> np.ndarray:
    """The tags' probabilities as features, float32 (N, known slots); what is unknown of a picture is the mean."""
    rows = np.array([[r.tags.get(slot, np.nan) for slot in schema.slots] for r in records], dtype=np.float32)
    rows = rows[:, ~np.isnan(rows).all(axis=0)]
    if rows.shape[1] == 0:
        raise InputError("the pictures have no tags to make a map of; tag them first, or use --features picture")
    return np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows)


def arrange(features: np.ndarray, *, seed: int = 0, progress: Progress = silent) -> np.ndarray:
    """Places in [0, 1] x [0, 1] for pictures with these features (N, D), (N, 2): near where they are alike.

    Cosine t-SNE on 50 principal components, repeatable by `seed` on one machine.
    """
    finite = np.asarray(features, dtype=np.float64)
    if finite.ndim != 2 or len(finite) < FEWEST or not np.isfinite(finite).all():
        raise InputError(f"features are finite numbers in an array (N, D) with N >= {FEWEST}, not {features.shape}")
    centred = finite - finite.mean(axis=0)
    if not centred.any():
        raise InputError("the features of all pictures are the same, so there is nothing to map")
    kept = PCA(min(COMPONENTS, *centred.shape), random_state=seed).fit_transform(centred)
    embedding = TSNE(
        perplexity=min(PERPLEXITY, (len(kept) - 1) // 3),
        metric="cosine",
        initialization="pca",
        negative_gradient_method="bh",
        n_jobs=1,
        random_state=seed,
    ).prepare_initial(kept)
    steps = [12.0] * (EARLY // STEPS) + [1.0] * (LATE // STEPS)
    for exaggeration in progress(steps, len(steps), what="arranging"):
        embedding.optimize(n_iter=STEPS, exaggeration=exaggeration, momentum=0.8, inplace=True)
    return _unit(np.asarray(embedding))


def _unit(places: np.ndarray) -> np.ndarray:
    """Into [0, 1] x [0, 1], without changing the proportions."""
    low, high = places.min(axis=0), places.max(axis=0)
    return (places - (low + high) / 2) / max(float((high - low).max()), 1e-12) + 0.5


def spread(places: np.ndarray, side: float, *, rounds: int = 400, progress: Progress = silent) -> np.ndarray:
    """Places (N, 2) moved apart as little as need be, so that squares of `side` around them overlap little or not."""
    moved = places.copy()
    for _ in progress(range(rounds), rounds, what="moving apart"):
        pairs = KDTree(moved).query_pairs(side * 0.999, p=np.inf, output_type="ndarray")
        if len(pairs) == 0:
            break
        offset = moved[pairs[:, 1]] - moved[pairs[:, 0]]
        missing = side - np.abs(offset)
        along = missing.argmin(axis=1)  # the shorter way out
        push = np.zeros_like(offset)
        rows = np.arange(len(pairs))
        push[rows, along] = np.where(offset[rows, along] < 0, -1, 1) * missing[rows, along] / 2
        for end, sign in ((0, -1), (1, 1)):
            for axis in (0, 1):
                total = np.bincount(pairs[:, end], weights=sign * push[:, axis], minlength=len(moved))
                moved[:, axis] += 0.5 * total  # half a step: several may push one
    return moved


def panel(name: str, records: Sequence[Record], schema: Schema, thresholds: Mapping[str, float]) -> Panel:
    """Each picture's value of the attribute `name`, likeliest first in the legend by the schema's order.

    An InputError names the nearest attribute, or says that no picture has a tag of it.
    """
    attribute = schema.attribute(name)
    found = [_value(record, attribute, schema, thresholds) for record in records]
    if set(found) == {"unknown"}:
        raise InputError(f"none of the pictures has a tag of {name}, so it cannot colour a map")
    legend = _legend(attribute, schema)
    used = [entry for entry in legend if entry in found]
    kinds = tuple(Kind(entry, legend[entry], found.count(entry)) for entry in used)
    return Panel(attribute.label["en"], kinds, np.array([used.index(entry) for entry in found]))


def _legend(attribute: Attribute, schema: Schema) -> dict[str, str]:
    """The colours of all values, by label."""
    colours = slot_colours(schema)
    held = {slot_label(slot, schema): colours[slot] for slot in attribute.slots}
    return held | {f"no {attribute.label['en']}" if attribute.is_flag else "none": NO, "unknown": UNKNOWN}


def _value(record: Record, attribute: Attribute, schema: Schema, thresholds: Mapping[str, float]) -> str:
    known = {slot: record.tags[slot] for slot in attribute.slots if slot in record.tags}
    if not known:
        return "unknown"
    holding = [slot for slot, holds in decide(known, schema, thresholds).items() if holds]
    if not holding:
        return f"no {attribute.label['en']}" if attribute.is_flag else "none"
    return slot_label(max(holding, key=known.__getitem__), schema)
