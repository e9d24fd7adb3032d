"""The tagger: EfficientNet-Lite0 with ImageNet weights, fine-tuned on faces that were labelled by eye.

Two passes. First the early half of the network stays as it is; what it makes of several distorted copies of every face
is computed once and kept, and only the later half learns from it, which is several times faster on a CPU. Then the
whole network learns for a few epochs at a low rate. The weights are averaged over both (EMA).

Pictures that are all made alike, as those of a vector style are, need neither ImageNet nor such a large network: a
recipe that says `network = "plain"` trains a small one from nothing, in the second pass only.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.data.dataset import Dataset
from konomi.errors import InputError, unknown_name
from konomi.model.feature_network import pretrained
from konomi.model.loop import flushed_denormals
from konomi.model.losses import attribute_loss, probabilities
from konomi.model.networks import Trunk
from konomi.schema import Schema

Report = Callable[[str], None]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


@dataclass(frozen=True)
class TaggerOptions:
    """The [train] table of a tagger's recipe."""

    size: int = 112  # pixels that the network sees
    copies: int = 12  # distorted copies of each face in the first pass
    frozen: int = 5  # blocks that stay as they are in the first pass (of 16)
    epochs: int = 16  # of the first pass
    epochs_whole: int = 4  # of the second
    batch: int = 64
    learning_rate: float = 1e-3
    learning_rate_whole: float = 2e-4
    decay: float = 0.02  # AdamW weight decay
    dropout: float = 0.3
    rare: float = 0.5  # faces with a rare tag are seen more often: share ** -rare
    seed: int = 0
    network: str = "pretrained"  # or plain
    distortion: float = 1.0  # of the faces it sees; 0 changes nothing but left and right

    def __post_init__(self) -> None:
        if self.network not in ("pretrained", "plain"):
            raise InputError(unknown_name("network", self.network, ("pretrained", "plain")))
        if self.network == "plain" and (self.epochs or self.size % 16):
            raise InputError(
                "a plain network learns whole, and from a multiple of 16 px: write epochs = 0 and size = 64"
            )


class TaggerNetwork(nn.Module):
    """Pictures, float (N, 3, size, size) normalised as for ImageNet -> attribute logits (N, slots)."""

    def __init__(self, slots: int, *, frozen: int, dropout: float) -> None:
        super().__init__()
        layers = list(pretrained().to(memory_format=torch.channels_last).children())  # type: ignore[call-overload]
        self.early = nn.Sequential(*layers[: 3 + frozen])  # stem: convolution, normalisation, activation
        self.late = nn.Sequential(*layers[3 + frozen :])
        self.dropout = nn.Dropout(dropout)
        self.attributes = nn.Linear(1280, slots)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.judge(self.early(pictures))

    def judge(self, features: Tensor) -> Tensor:
        """From what the early half made of the pictures."""
        logits: Tensor = self.attributes(self.dropout(self.late(features)))
        return logits


class PlainNetwork(nn.Module):
    """The same by strided convolutions without any pretraining: some twenty times less work."""

    def __init__(self, slots: int, *, size: int, dropout: float) -> None:
        super().__init__()
        self.trunk = Trunk((16, 32, 64, 96))
        self.dense = nn.Linear(96 * (size // 16) ** 2, 256)
        self.dropout = nn.Dropout(dropout)
        self.attributes = nn.Linear(256, slots)
        self.precision = torch.float32

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.trunk(pictures, self.precision).float().flatten(1)
        logits: Tensor = self.attributes(self.dropout(functional.relu(self.dense(features))))
        return logits


AnyTagger = TaggerNetwork | PlainNetwork


def make_network(slots: int, options: TaggerOptions) -> AnyTagger:
    """The network that the options name, with its first weights."""
    if options.network == "plain":
        return PlainNetwork(slots, size=options.size, dropout=options.dropout)
    return TaggerNetwork(slots, frozen=options.frozen, dropout=options.dropout)


def to_input(pictures: np.ndarray, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> float (N, 3, size, size), normalised."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return normalise(resize(x, size))


def resize(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return functional.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)


def normalise(x: Tensor) -> Tensor:
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    return ((x - mean) / deviation).contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU


def distort(pictures: np.ndarray, size: int, dice: torch.Generator, *, strength: float = 1.0) -> Tensor:
    """Faces as they might have been drawn or cropped: uint8 (N, H, W, 3) -> normalised (N, 3, size, size).

    Zoom (0.75 to 1.15 of the frame), shift, slight turn, mirror; brightness, contrast and saturation (hues stay, for
    they are labels); half of them go through 64 px, which is what the generator draws. `strength` scales all but the
    mirror and the 64 px.
    """
    n = len(pictures)

    def between(low: float, high: float, *, nothing: float = 0.0) -> Tensor:
        amount = torch.rand(n, generator=dice) * (high - low) + low
        return amount if strength == 1 else nothing + (amount - nothing) * strength

    zoom, turn = between(0.75, 1.15, nothing=1.0), between(-0.2, 0.2)
    mirror = (torch.rand(n, generator=dice) < 0.5).float() * 2 - 1
    rows = [
        torch.stack([zoom * turn.cos() * mirror, -zoom * turn.sin(), between(-0.12, 0.12)], dim=1),
        torch.stack([zoom * turn.sin() * mirror, zoom * turn.cos(), between(-0.12, 0.12)], dim=1),
    ]
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    coarse = torch.rand(n, generator=dice) < 0.5
    if coarse.any():
        x[coarse] = resize(resize(x[coarse], 64), x.shape[-1])
    grid = functional.affine_grid(torch.stack(rows, dim=1), [n, 3, size, size], align_corners=False)
    x = functional.grid_sample(x, grid, align_corners=False, padding_mode="reflection")
    light, contrast, saturation = (between(*ends, nothing=usual).view(n, 1, 1, 1) for *ends, usual in _COLOUR)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * saturation
    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    return normalise((middle + (x - middle) * contrast + light).clamp(0, 1))


_COLOUR = ((-0.06, 0.06, 0.0), (0.85, 1.15, 1.0), (0.85, 1.15, 1.0))  # from, to, unchanged


def rarity(weights: np.ndarray, power: float, *, most: float = 6.0) -> np.ndarray:
    """How often each face is shown, shape (N,): share of its rarest tag ** -power, at most `most` times the least."""
    known = ~np.isnan(weights)
    shares = np.nansum(weights, axis=0) / np.maximum(known.sum(axis=0), 1)
    rarest = np.where(np.nan_to_num(weights) > 0.5, np.maximum(shares, 1e-6), 1.0).min(axis=1)
    result = rarest**-power
    return np.minimum(result, most * result.min())


@flushed_denormals()
def train_tagger(
    data: Dataset, options: TaggerOptions, *, start: dict[str, Tensor] | None = None, report: Report = print
) -> AnyTagger:
    """Fine-tune on faces with known tags; returns the averaged network, in evaluation mode.

    `start` is the state of a network that learned already, from other labels.
    """
    torch.manual_seed(options.seed)
    dice = torch.Generator().manual_seed(options.seed)
    network = make_network(len(data.schema.slots), options)
    if start:
        network.load_state_dict(start)
    averaged = copy.deepcopy(network).requires_grad_(False)
    chances = torch.from_numpy(rarity(data.weights, options.rare))
    if isinstance(network, PlainNetwork):
        network.precision = torch.bfloat16
    elif options.epochs:
        kept = _early_features(network, data, options, dice, report)

        def from_kept(rows: Tensor) -> Tensor:
            copies = torch.randint(options.copies, (len(rows),), generator=dice)
            return network.judge(kept[copies, rows].float().contiguous(memory_format=torch.channels_last))

        network.early.requires_grad_(False)
        steps = _Steps(data, options, chances, dice, options.epochs, options.learning_rate)
        _fit(network, averaged, steps, from_kept, report, "later half")
        del kept
    if options.epochs_whole:
        network.requires_grad_(True)
        steps = _Steps(data, options, chances, dice, options.epochs_whole, options.learning_rate_whole)
        _fit(
            network, averaged, steps,
            lambda rows: network(
                distort(data.pictures[rows.numpy()], options.size, dice, strength=options.distortion)
            ),
            report, "whole",
        )  # fmt: skip
    return averaged.eval()


@dataclass(frozen=True)
class _Steps:
    """Which faces each step of one pass sees, and at what learning rate."""

    data: Dataset
    options: TaggerOptions
    chances: Tensor
    dice: torch.Generator
    epochs: int
    highest_rate: float

    def __iter__(self) -> Iterator[tuple[Tensor, float]]:
        total = max(1, self.epochs * len(self.data) // self.options.batch)
        for number in range(total):
            rows = torch.multinomial(self.chances, self.options.batch, replacement=True, generator=self.dice)
            rising, falling = number / (0.1 * total + 1), (1 + math.cos(math.pi * number / total)) / 2
            yield rows, self.highest_rate * min(1.0, rising) * falling


def _fit(
    network: AnyTagger,
    averaged: AnyTagger,
    steps: _Steps,
    logits_of: Callable[[Tensor], Tensor],
    report: Report,
    what: str,
) -> None:
    """One pass. Normalisation layers keep ImageNet's statistics: batches with rare faces would shift them."""
    network.eval()
    network.dropout.train()
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, steps.highest_rate, weight_decay=steps.options.decay)
    labels, trust = torch.from_numpy(steps.data.weights), torch.from_numpy(steps.data.trust)
    losses: list[float] = []
    per_epoch = max(1, len(steps.data) // steps.options.batch)
    for number, (rows, rate) in enumerate(steps, start=1):
        optimiser.param_groups[0]["lr"] = rate
        loss = attribute_loss(logits_of(rows), labels[rows], steps.data.schema, trust=trust[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        pace = min(0.998, number / (number + 50))
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - pace)
        if number % per_epoch == 0:
            report(f"{what}, epoch {number // per_epoch}/{steps.epochs}: loss {np.mean(losses[-per_epoch:]):.3f}")


@torch.no_grad()
def _early_features(
    network: TaggerNetwork, data: Dataset, options: TaggerOptions, dice: torch.Generator, report: Report
) -> Tensor:
    """What the early half makes of distorted copies, half precision, shape (copies, N, channels, side, side)."""
    network.eval()
    parts = []
    for number in range(options.copies):
        found = [
            network.early(
                distort(data.pictures[start : start + 128], options.size, dice, strength=options.distortion)
            ).half()
            for start in range(0, len(data), 128)
        ]
        parts.append(torch.cat(found))
        report(f"distorted copies: {number + 1}/{options.copies}")
    return torch.stack(parts)


@torch.no_grad()
def logits(network: AnyTagger, pictures: np.ndarray, size: int, *, batch: int = 64) -> np.ndarray:
    """Logits (N, slots), averaged over each picture and its mirror image."""
    found = []
    for start in range(0, len(pictures), batch):
        x = to_input(pictures[start : start + batch], size)
        found.append((network(x) + network(x.flip(3))) / 2)
    return torch.cat(found).numpy()


def to_probabilities(found: np.ndarray, schema: Schema) -> np.ndarray:
    return probabilities(torch.from_numpy(found), schema).numpy()
