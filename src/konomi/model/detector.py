"""A small network that finds heads: trained on composed scenes, run by `konomi.data.cropping.detect.NetworkDetector`.

One map of scores and, for each of its cells, the box that would be there, as in CenterNet (Zhou et al. 2019), whose
focal loss this uses. It answers for heads of 20 to 48 px only; a picture is shown to it at several sizes.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.errors import TrainingError
from konomi.model.onnx_file import write_onnx
from konomi.model.scenes import Composer, Head

STRIDE = 8  # pixels a cell
MULTIPLE = 16  # sides of the input must be multiples of it
SIZES = (20.0, 48.0)  # sides of the heads that are answered for; the pyramid's steps of two leave some overlap
LEARNED = (17.0, 56.0)  # a little more is learned
UNSURE = 76.0  # heads outside LEARNED, but not above this, are neither right nor wrong; larger ones are wrong
UNIT = math.sqrt(SIZES[0] * SIZES[1])
VISIBLE = 0.6  # a head of which less is seen is neither right nor wrong
MAX_BYTES = 3_000_000


@dataclass(frozen=True)
class DetectorOptions:
    """How a detector is trained."""

    steps: int = 6000
    batch: int = 32
    window: int = 144  # pixels that one example shows
    scene: int = 160  # pixels that are composed; windows lie inside
    reuse: int = 4  # how many times a scene is shown, each time mirrored, moved and coloured by chance
    memory: int = 3000  # scenes that are kept for it
    learning_rate: float = 2e-3
    decay: float = 0.02  # AdamW weight decay
    average: float = 0.998  # of the weights that are exported
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.window % MULTIPLE or self.window > self.scene:
            raise TrainingError(
                f"steps must be at least 1, and window a multiple of {MULTIPLE} not above scene; "
                f"given {self.steps}, {self.window} and {self.scene}"
            )


class Layer(nn.Sequential):
    """Convolution, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """x + two layers of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Layer(channels, channels), Layer(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class HeadFinder(nn.Module):
    """Picture (N, 3, H, W) in [0, 1] -> logits (N, 1, H / 8, W / 8) and shapes (N, 3, H / 8, W / 8).

    A shape is the offset of the centre from its cell's centre, right and down in cells, and the logarithm of the side
    over UNIT pixels.
    """

    def __init__(self, channels: tuple[int, int, int, int] = (24, 48, 76, 88)) -> None:
        super().__init__()
        a, b, c, d = channels
        self.fine = nn.Sequential(Layer(3, a, 4, 2), Layer(a, b, 3, 2), Residual(b), Layer(b, c, 3, 2), Residual(c))
        self.more = Residual(c)
        self.coarse = nn.Sequential(Layer(c, d, 3, 2), Residual(d), Residual(d))
        self.back = nn.Conv2d(d, c, 1)
        self.mix = Layer(c, 64)
        self.heat, self.shape = nn.Conv2d(64, 1, 1), nn.Conv2d(64, 3, 1)
        self.heat.bias = nn.Parameter(torch.full((1,), -4.0))  # heads are rare

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = self.more(self.fine(pictures * 4 - 2))
        x = x + functional.interpolate(self.back(self.coarse(x)), scale_factor=2.0, mode="nearest")
        x = self.mix(x)
        return self.heat(x), self.shape(x)


@dataclass
class Target:
    """What one window should give, on a grid of cells."""

    heat: np.ndarray  # 1 at a head's cell, falling off around it
    weight: np.ndarray  # 0 where nothing is asked
    shape: np.ndarray  # (3, cells, cells)
    shaped: np.ndarray  # 1 where the shape is asked


def target(heads: list[Head], window: int) -> Target:
    """The target of a window of `window` px with `heads` in it."""
    cells = window // STRIDE
    grid = (np.arange(cells) + 0.5) * STRIDE
    result = Target(*(np.zeros((*some, cells, cells), np.float32) for some in ((), (), (3,), ())))
    result.weight[:] = 1
    for head in heads:
        across, down = (head.x - grid) / STRIDE, (head.y - grid) / STRIDE
        far = across[None, :] ** 2 + down[:, None] ** 2  # squared, in cells
        if LEARNED[0] <= head.side <= LEARNED[1] and head.visible >= VISIBLE:
            _ask(result, head, across, down, far)
        elif head.side <= UNSURE:
            result.weight[far < max(1.5, 0.35 * head.side / STRIDE) ** 2] = 0
    result.weight[result.heat == 1] = 1
    return result


def _ask(result: Target, head: Head, across: np.ndarray, down: np.ndarray, far: np.ndarray) -> None:
    cells = len(across)
    place = int(head.y // STRIDE), int(head.x // STRIDE)
    spread = 0.3 + 0.12 * head.side / STRIDE
    hill = np.exp(-far / (2 * spread**2))
    if min(place) >= 0 and max(place) < cells:
        hill[place] = 1
    mine = hill > np.maximum(result.heat, 0.45)  # of two heads the nearer one
    values = (np.tile(across, (cells, 1)), np.tile(down[:, None], (1, cells)), np.full(far.shape, head.side))
    for channel, value in enumerate((values[0], values[1], np.log(values[2] / UNIT))):
        result.shape[channel][mine] = value[mine]
    result.shaped[mine] = 1
    result.heat = np.maximum(result.heat, hill.astype(np.float32))


def focal_loss(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """CenterNet's, eq. 1, with alpha 2 and beta 4, divided by the number of heads."""
    logits = logits.float()
    chance = torch.sigmoid(logits)
    there = (heat == 1).float()
    hit = functional.logsigmoid(logits) * (1 - chance) ** 2 * there
    miss = functional.logsigmoid(-logits) * chance**2 * (1 - heat) ** 4 * (1 - there)
    return -((hit + miss) * weight).sum() / there.sum().clamp(min=1)


def shape_loss(shape: Tensor, wanted: Tensor, shaped: Tensor) -> Tensor:
    """Mean absolute error where a head is; the size counts twice."""
    error = (shape.float() - wanted).abs() * torch.tensor([1.0, 1.0, 2.0]).view(1, 3, 1, 1)
    return (error.sum(dim=1) * shaped).sum() / shaped.sum().clamp(min=1)


def windows(composer: Composer, options: DetectorOptions) -> Iterator[tuple[np.ndarray, list[Head]]]:
    """Endless examples: each scene several times, cut, mirrored and coloured by chance."""
    dice = np.random.RandomState(options.seed + 1)
    memory: list[tuple[np.ndarray, list[Head]]] = []
    number = 0
    while True:
        if number % options.reuse == 0 or not memory:
            scene = composer.scene()
            if len(memory) < options.memory:
                memory.append(scene)
            else:
                memory[dice.randint(options.memory)] = scene
        else:
            scene = memory[dice.randint(len(memory))]
        number += 1
        yield cut(*scene, options.window, dice)


def cut(pixels: np.ndarray, heads: list[Head], size: int, dice: np.random.RandomState) -> tuple[np.ndarray, list[Head]]:
    """A window of a scene, as float (3, size, size) in [0, 1], and its heads."""
    x, y = dice.randint(0, pixels.shape[0] - size + 1, 2)
    part = pixels[y : y + size, x : x + size].astype(np.float32) / 255
    part = np.clip((part - 0.5) * dice.uniform(0.7, 1.2) + 0.5 + dice.uniform(-0.1, 0.1, 3), 0, 1)
    moved = [Head(h.x - x, h.y - y, h.side, h.visible * share(h.x - x, h.y - y, h.side, size)) for h in heads]
    if dice.rand() < 0.5:
        part = part[:, ::-1]
        moved = [Head(size - h.x, h.y, h.side, h.visible) for h in moved]
    return part.transpose(2, 0, 1).astype(np.float32), moved


def share(x: float, y: float, side: float, size: int) -> float:
    """The share of a box around (x, y) that lies in a square of `size`."""
    parts = [(min(c + side / 2, size) - max(c - side / 2, 0)) / side for c in (x, y)]
    return max(parts[0], 0.0) * max(parts[1], 0.0)


@dataclass(frozen=True)
class Batch:
    """Windows and their targets."""

    pictures: Tensor
    heat: Tensor
    weight: Tensor
    shape: Tensor
    shaped: Tensor


def batch(examples: Iterator[tuple[np.ndarray, list[Head]]], count: int, window: int) -> Batch:
    """The next `count` examples as tensors."""
    pictures, heads = zip(*(next(examples) for _ in range(count)), strict=True)
    targets = [target(h, window) for h in heads]
    heat, weight, shape, shaped = (
        torch.from_numpy(np.stack([getattr(t, name) for t in targets]))
        for name in ("heat", "weight", "shape", "shaped")
    )
    return Batch(torch.from_numpy(np.stack(pictures)), heat[:, None], weight[:, None], shape, shaped)


def train_detector(
    composer: Composer,
    options: DetectorOptions,
    *,
    report: Callable[[str], None] = print,
    keep: Callable[[HeadFinder, int], None] = lambda network, step: None,
) -> HeadFinder:
    """Train a detector; the returned network has averaged weights. `keep` gets it every 1,000 steps, too."""
    torch.manual_seed(options.seed)
    network = HeadFinder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).requires_grad_(False)
    adam = torch.optim.AdamW(network.parameters(), options.learning_rate, weight_decay=options.decay)
    plan = torch.optim.lr_scheduler.OneCycleLR(adam, options.learning_rate, total_steps=options.steps, pct_start=0.1)
    examples, started = windows(composer, options), time.perf_counter()
    sums = np.zeros(2)
    for step in range(1, options.steps + 1):
        losses = _step(network, batch(examples, options.batch, options.window))
        adam.zero_grad()
        (losses[0] + losses[1]).backward()
        adam.step()
        plan.step()
        _follow(averaged, network, min(options.average, step / (step + 10)))
        sums += [float(loss.detach()) for loss in losses]
        if step % 100 == 0 or step == options.steps:
            since = (step - 1) % 100 + 1
            speed = step * options.batch / (time.perf_counter() - started)
            report(f"step {step}/{options.steps}: score loss {sums[0] / since:.3f}, box loss {sums[1] / since:.3f}, "
                   f"{speed:.0f} windows/s")  # fmt: skip
            if not np.isfinite(sums).all():
                raise TrainingError(f"the loss is no longer finite at step {step}; try a smaller learning rate")
            sums[:] = 0
        if step % 1000 == 0:
            keep(averaged, step)
    return averaged.eval()


def _step(network: HeadFinder, given: Batch) -> tuple[Tensor, Tensor]:
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        heat, shape = network(given.pictures.contiguous(memory_format=torch.channels_last))
    return focal_loss(heat, given.heat, given.weight), shape_loss(shape, given.shape, given.shaped)


@torch.no_grad()
def _follow(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - keep)


class _Exported(nn.Module):
    """The network with chances instead of logits."""

    def __init__(self, network: HeadFinder) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        heat, shape = self.network(picture)
        return torch.sigmoid(heat), shape


def export_detector(network: HeadFinder, path: Path, *, name: str, licence: str, options: DetectorOptions) -> float:
    """Write `path` for `NetworkDetector`: input picture (1, 3, H, W) in [0, 1], outputs heat and shape.

    Returns the largest difference from PyTorch on random pictures. A ModelError if the file would be larger than 3 MB
    or differs by more than a hundredth.
    """
    facts = {
        "kind": "detector", "name": name, "licence": licence, "sizes": SIZES, "stride": STRIDE, "multiple": MULTIPLE,
        "training": asdict(options),
    }  # fmt: skip
    dice = torch.Generator().manual_seed(0)
    sides = ((64, 64), (96, 208), (320, 176))
    return write_onnx(
        _Exported(network), path, facts=facts, outputs=["heat", "shape"], tolerance=0.01, max_bytes=MAX_BYTES,
        examples=[{"picture": torch.rand(1, 3, height, width, generator=dice)} for height, width in sides],
        free={n: {2: f"{n}_height", 3: f"{n}_width"} for n in ("picture", "heat", "shape")},
    )  # fmt: skip
