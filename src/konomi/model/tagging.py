"""Train a small tagger on a labelled data set and use it to estimate labels for another one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from konomi import __version__
from konomi.data.dataset import Dataset, load
from konomi.errors import InputError
from konomi.files import make_folder, write_bytes
from konomi.model.losses import attribute_loss, probabilities
from konomi.model.networks import Shape, Tagger
from konomi.record import STAGE, read_stage, stage_settings, write_stage
from konomi.schema import Schema


@dataclass(frozen=True)
class TaggerOptions:
    """How a tagger is trained."""

    epochs: int = 12
    batch: int = 64
    learning_rate: float = 1e-3
    decay: float = 0.05  # AdamW weight decay
    seed: int = 0


def to_float(pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, 3) -> float (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_tagger(
    data: Dataset, shape: Shape, options: TaggerOptions, *, report: Callable[[str], None] = print
) -> Tagger:
    """Fit a tagger by cross-entropy on the known labels, with crops, mirrors and brightness as augmentation."""
    torch.manual_seed(options.seed)
    dice = torch.Generator().manual_seed(options.seed)
    tagger = Tagger(shape)
    optimiser = torch.optim.AdamW(tagger.parameters(), options.learning_rate, weight_decay=options.decay)
    steps = options.epochs * (len(data) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.learning_rate, total_steps=steps)
    for epoch in range(options.epochs):
        order, total = torch.randperm(len(data), generator=dice).numpy(), 0.0
        for start in range(0, len(data) - options.batch + 1, options.batch):
            rows = order[start : start + options.batch]
            pictures = distort(to_float(data.pictures[rows]), dice)
            logits = tagger(pictures, torch.bfloat16)
            loss = attribute_loss(logits, torch.from_numpy(data.weights[rows]), data.schema)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * options.batch
        report(f"epoch {epoch + 1}/{options.epochs}: loss {total / len(data):.3f}")
    return tagger.eval()


def distort(pictures: Tensor, dice: torch.Generator) -> Tensor:
    """Random zoom (0.75-1.1 of the frame), shift, slight turn, mirror and brightness, one amount a picture."""
    n = len(pictures)

    def between(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=dice) * (high - low) + low

    zoom, turn = between(0.7, 1.1), between(-0.2, 0.2)
    mirror = (torch.rand(n, generator=dice) < 0.5).float() * 2 - 1
    grid = torch.stack(
        [
            torch.stack([zoom * turn.cos() * mirror, -zoom * turn.sin(), between(-0.15, 0.15)], dim=1),
            torch.stack([zoom * turn.sin() * mirror, zoom * turn.cos(), between(-0.15, 0.15)], dim=1),
        ],
        dim=1,
    )
    moved = functional.grid_sample(
        pictures,
        functional.affine_grid(grid, list(pictures.shape), align_corners=False),
        align_corners=False,
        padding_mode="reflection",
    )
    return moved * between(0.85, 1.15).view(n, 1, 1, 1) + between(-0.1, 0.1).view(n, 1, 1, 1)


@torch.no_grad()
def estimate(tagger: Tagger, pictures: np.ndarray, schema: Schema, *, batch: int = 256) -> np.ndarray:
    """Attribute probabilities (N, slots), averaged over each picture and its mirror image."""
    found = []
    for start in range(0, len(pictures), batch):
        x = to_float(pictures[start : start + batch])
        both = [probabilities(tagger(v, torch.bfloat16), schema) for v in (x, x.flip(3))]
        found.append((both[0] + both[1]) / 2)
    return torch.cat(found).numpy()


def split_greys(pictures: np.ndarray, weights: np.ndarray, schema: Schema) -> np.ndarray:
    """Tell gray, silver and white hair apart by how light the hair is; weights (N, slots) in, a changed copy out.

    Labels call silver hair gray or white, so a tagger trained on them cannot know silver. Where the two together have
    more than 0.4, their weight is given to gray, silver or white as the median brightness of the upper middle of the
    picture (0 to 255) is below 165, below 215, or above.
    """
    result = weights.copy()
    gray, silver, white = (schema.slot_index(f"hair_color.{name}") for name in ("gray", "silver", "white"))
    mass = weights[:, [gray, silver, white]].sum(axis=1)
    side = pictures.shape[1]
    top = pictures[:, side // 20 : side * 5 // 16, side * 7 // 32 : side * 25 // 32].astype(np.float32)
    light = np.median(top.mean(axis=3).reshape(len(pictures), -1), axis=1)
    chosen = np.select([light < 165, light < 215], [gray, silver], white)
    rows = np.flatnonzero(mass > 0.4)
    result[rows[:, None], np.array([gray, silver, white])] = 0
    result[rows, chosen[rows]] = mass[rows]
    return result


def match_share(probability: np.ndarray, share: float) -> np.ndarray:
    """Probabilities (N,) shifted in log-odds to a mean of `share`: mends a tagger trained on other proportions."""
    logit = np.log(probability.clip(1e-6, 1 - 1e-6)) - np.log1p(-probability.clip(1e-6, 1 - 1e-6))
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if (1 / (1 + np.exp(-(logit + middle)))).mean() > share else (middle, high)
    return (1 / (1 + np.exp(-(logit + middle)))).astype(np.float32)


# Shares of long and short hair among the faces of Jin et al. 2017, which come from the same kind of source
LONG_SHARE, SHORT_SHARE = 0.58, 0.37


def tag_stage(
    stage: Path,
    out: Path,
    learn_from: Path,
    schema: Schema,
    options: TaggerOptions,
    *,
    report: Callable[[str], None] = print,
) -> None:
    """Make `out`, the pictures of `stage` with estimated probabilities for every slot that `learn_from` labels.

    The tagger is trained on nine tenths of `learn_from`; its accuracy on the rest is reported and kept in `stage.json`.
    """
    if (out / STAGE).exists():
        raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
    labelled, pictures = load([learn_from], schema), load([stage], schema)
    held_out = np.arange(len(labelled)) % 10 == 9
    shape = tagger_shape(len(schema.slots), labelled.pictures.shape[1])
    tagger = train_tagger(labelled.part(~held_out), shape, options, report=report)
    scores = accuracy(tagger, labelled.part(held_out))
    for name, score in scores.items():
        report(f"{name}: {score:.3f} right on held-out faces")
    weights = estimate(tagger, pictures.pictures, schema)
    known = ~np.isnan(labelled.weights).all(axis=0)
    if known[schema.slot_index("hair_color.gray")]:
        weights = split_greys(pictures.pictures, weights, schema)
    for slot, share in (("hair_length.long", LONG_SHARE), ("hair_length.short", SHORT_SHARE)):
        weights[:, schema.slot_index(slot)] = match_share(weights[:, schema.slot_index(slot)], share)
    _write_tagged(stage, out, weights, known, schema, scores)


def tagger_shape(slots: int, size: int) -> Shape:
    """A tagger for pictures of 16, 32, 64 or 128 px: the wider layers at the smaller sides."""
    channels = (256, 192, 192, 128, 64)
    return Shape(slots, size, channels[-max(2, min(5, size.bit_length() - 3)) :])


def accuracy(tagger: Tagger, data: Dataset) -> dict[str, float]:
    """Share of known exclusive attributes whose likeliest value is the labelled one."""
    found, scores = estimate(tagger, data.pictures, data.schema), {}
    for attribute in (a for a in data.schema.attributes if a.exclusive):
        where = data.schema.offsets[attribute.name]
        known = ~np.isnan(data.weights[:, where]).any(axis=1)
        if known.any():
            right = found[known, where].argmax(axis=1) == data.weights[known, where].argmax(axis=1)
            scores[attribute.name] = round(float(right.mean()), 4)
    return scores


def _write_tagged(
    stage: Path, out: Path, weights: np.ndarray, known: np.ndarray, schema: Schema, scores: dict[str, float]
) -> None:
    make_folder(out / "pictures")
    records = []
    for record, row in zip(read_stage(stage), weights, strict=True):
        if not (out / record.file).exists():
            write_bytes(out / record.file, (stage / record.file).read_bytes())
        tags = {schema.slots[i]: round(float(row[i]), 3) for i in np.flatnonzero(known)}
        records.append(replace(record, tags=tags))
    write_stage(out, records, stage_settings(stage) | {"stage": "tag", "version": __version__, "accuracy": scores})
