"""A judge of drawn faces: a tagger that went on learning from drawn faces judged by eye.

A tagger of real faces is too kind to drawn ones: a bridge over the nose passes for glasses. And it has no word for
broken eyes, melted hair or a second mouth, nor for what is liked. Beside the tags the judge says both.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.errors import TrainingError
from konomi.model import checkpoint
from konomi.model.base import weights_of
from konomi.model.loop import flushed_denormals
from konomi.model.losses import attribute_loss
from konomi.model.onnx_file import write_onnx
from konomi.model.tagger import TaggerNetwork, TaggerOptions, distort, normalise, resize, to_input
from konomi.model.tagger_export import Calibration, TaggerForm, calibrate
from konomi.model.widen import widened_network
from konomi.schema import Schema

SIZE = TaggerOptions().size  # pixels that it sees


@dataclass(frozen=True)
class Judged:
    """Drawn faces, and what an eye saw in them."""

    pictures: np.ndarray  # uint8 (N, size, size, 3)
    weights: np.ndarray  # float32 (N, slots), NaN cannot be told
    appeal: np.ndarray  # float32 (N, 2): whole, 1 or 0 if broken; liked, from 0 (ruined) to 1 (lovely); or NaN
    requests: np.ndarray  # int (N,): which faces were drawn for the same request, and judged side by side

    def __len__(self) -> int:
        return len(self.pictures)

    def part(self, rows: np.ndarray) -> "Judged":
        return Judged(self.pictures[rows], self.weights[rows], self.appeal[rows], self.requests[rows])


class JudgeNetwork(nn.Module):
    """Pictures -> logits of attributes (N, slots), and of appeal (N, 2).

    Pictures are float (N, 3, SIZE, SIZE), normalised as for ImageNet.
    """

    knows: Tensor  # bool (slots,): what was judged at all when it learned

    def __init__(self, slots: int, options: TaggerOptions) -> None:
        super().__init__()
        self.tagger = TaggerNetwork(slots, frozen=options.frozen, dropout=options.dropout)
        self.appeal = nn.Linear(1280, 2)
        self.register_buffer("knows", torch.ones(slots, dtype=torch.bool))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.tagger.dropout(self.tagger.late(self.tagger.early(pictures)))
        return self.tagger.attributes(features), self.appeal(features)

    def of_drawn(self, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """The same of what a generator gives, float (N, 3, H, W), nearly in [-1, 1]."""
        return self(self.prepared(drawn))

    @staticmethod
    def prepared(pictures: Tensor) -> Tensor:
        """Pictures (N, 3, H, W), nearly in [-1, 1], as it reads them."""
        return normalise(resize((pictures.clamp(-1, 1) + 1) / 2, SIZE))


@flushed_denormals()
def train_judge(
    judged: Judged,
    schema: Schema,
    start: dict[str, Tensor],
    *,
    epochs: int = 8,
    learning_rate: float = 3e-4,
    batch: int = 64,
    appeal: float = 4.0,  # weight of its loss beside the sum of the attributes'
    order: float = 4.0,  # and of that of the order among the faces of a request
    seed: int = 0,
    report: Callable[[str], None] = print,
) -> JudgeNetwork:
    """Fine-tune a tagger's network, or an earlier judge (`start`, its state); returns the averaged judge, evaluating.

    The tagger may have been made for an older version of the schema.
    """
    torch.manual_seed(seed)
    dice, shuffle = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    judge = JudgeNetwork(len(schema.slots), TaggerOptions())
    if "appeal.weight" in start:
        judge.load_state_dict(start)
    else:
        judge.tagger.load_state_dict(widened_network(start, judge.tagger))
        nn.init.zeros_(judge.appeal.weight)
    judge.knows = torch.from_numpy(~np.isnan(judged.weights).all(axis=0))
    judge.eval()  # normalisation keeps ImageNet's statistics
    judge.tagger.dropout.train()
    averaged = copy.deepcopy(judge).requires_grad_(False)
    fresh = list(judge.appeal.parameters())
    groups = [{"params": list(judge.tagger.parameters())}, {"params": fresh}]
    optimiser = torch.optim.AdamW(groups, learning_rate, weight_decay=0.02)
    weights, truth = torch.from_numpy(judged.weights), torch.from_numpy(judged.appeal)
    requests, request = np.unique(judged.requests, return_inverse=True)
    same = torch.from_numpy(request)
    each = len(judged) // batch
    if each == 0:
        raise TrainingError(f"{len(judged)} judged faces are fewer than a batch of {batch}; judge more")
    for number in range(epochs * each):
        if number % each == 0:
            shuffled = np.argsort(shuffle.permutation(len(requests))[request], kind="stable")  # requests stay whole
        rows = shuffled[number % each * batch :][:batch]
        part = number / (epochs * each)
        rate = learning_rate * min(1.0, part / 0.1) * (1 + math.cos(math.pi * part)) / 2
        for group, times in zip(optimiser.param_groups, (1, 5), strict=True):
            group["lr"] = rate * times
        logits, found = judge(distort(judged.pictures[rows], SIZE, dice))
        tags = attribute_loss(logits, weights[rows], schema)
        pleasing = appeal_loss(found, truth[rows])
        ranks = order_loss(found, truth[rows], same[rows])
        optimiser.zero_grad(set_to_none=True)
        (tags + appeal * pleasing + order * ranks).backward()
        optimiser.step()
        pace = min(0.99, (number + 1) / (number + 20))
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), judge.parameters(), strict=True):
                mean.lerp_(now, 1 - pace)
        if (number + 1) % each == 0:
            report(f"epoch {(number + 1) // each}/{epochs}: tags {tags.item():.3f}, appeal {pleasing.item():.3f}")
    return averaged.eval()


def appeal_loss(found: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of logits (N, columns) with what is known in `truth`, from 0 to 1 or NaN; 0 if nothing is."""
    known = ~truth.isnan()
    if not known.any():
        return found.sum() * 0
    return functional.binary_cross_entropy_with_logits(found[known], truth[known])


def order_loss(found: Tensor, truth: Tensor, requests: Tensor) -> Tensor:
    """How wrongly the faces of each request are ordered, by every column: the mean over pairs, by their difference.

    A choice among candidates asks for nothing but their order (RankNet, Burges et al. 2005). `found` and `truth` are
    float (N, columns), unknown where NaN, `requests` is int (N,); 0 if no two faces of a request differ.
    """
    better = (truth[:, None] - truth[None]).nan_to_num(0).clamp(min=0) * (requests[:, None] == requests)[:, :, None]
    wrong = functional.softplus(found[None] - found[:, None])
    return (better * wrong).sum(dim=(0, 1)).div(better.sum(dim=(0, 1)).clamp(min=1e-6)).sum()


@torch.no_grad()
def judge_logits(judge: JudgeNetwork, pictures: np.ndarray, *, batch: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Logits of attributes (N, slots) and of appeal (N, 2), of uint8 (N, H, W, 3); averaged with the mirror images'."""
    tags, appeal = [], []
    for first in range(0, len(pictures), batch):
        x = to_input(pictures[first : first + batch], SIZE)
        one, other = judge(x), judge(x.flip(3))
        tags.append((one[0] + other[0]) / 2)
        appeal.append((one[1] + other[1]) / 2)
    return torch.cat(tags).numpy(), torch.cat(appeal).numpy()


def save_judge(path: Path, judge: JudgeNetwork, schema: Schema) -> None:
    checkpoint.save(path, {"judge": judge.state_dict()}, {"schema": schema.hash})


def load_judge(path: Path, schema: Schema) -> JudgeNetwork:
    """Read what `save_judge` wrote, or a published .onnx, frozen; a TrainingError if it knows another schema."""
    if path.suffix == ".onnx":
        return _frozen(published_weights(path, schema), schema)
    parts, state = checkpoint.load(path)
    if "judge" not in parts or state.get("schema") != schema.hash:
        raise TrainingError(f"{path} is no judge of the schema {schema.name!r}; make one with scripts/judge.py")
    return _frozen(parts["judge"], schema)


def _frozen(weights: dict[str, Tensor], schema: Schema) -> JudgeNetwork:
    judge = JudgeNetwork(len(schema.slots), TaggerOptions())
    judge.load_state_dict(weights)
    return judge.eval().requires_grad_(False)


def published_weights(path: Path, schema: Schema) -> dict[str, Tensor]:
    """The state of a judge, as `export_judge` wrote it, to go on learning from.

    Written are convolutions that do their normalisation themselves; normalisation is given back to them as a shift.
    """
    folded, judge = (JudgeNetwork(len(schema.slots), TaggerOptions()) for _ in range(2))
    del folded.knows
    shifts = {}  # of a normalisation: the bias of the convolution before it
    for name, layer in list(folded.named_modules()):
        if isinstance(layer, nn.Conv2d):
            before, layer.bias = name, nn.Parameter(torch.zeros(layer.out_channels))
        elif isinstance(layer, nn.BatchNorm2d):
            folded.set_submodule(name, nn.Identity())
            shifts[name] = f"{before}.bias"
    read, state = weights_of(path, folded), judge.state_dict()
    for name, bias in shifts.items():
        norm = judge.get_submodule(name)
        assert isinstance(norm, nn.BatchNorm2d)
        norm.reset_parameters()
        state[f"{name}.running_var"].fill_(1 - norm.eps)
        state[f"{name}.bias"] = read.pop(bias)
    return state | read


@dataclass(frozen=True)
class Trust:
    """What makes a judge's logits probabilities, fitted on faces that it did not learn from."""

    tags: Calibration
    appeal: np.ndarray  # float32 (2, 2): for whole and liked, scale and shift


def fit_trust(found: tuple[np.ndarray, np.ndarray], judged: Judged, schema: Schema) -> Trust:
    """`found` is what `judge_logits` says of `judged`; tags get a scale for each attribute, appeal a shift as well."""
    tags, appeal = found
    same = np.full(len(schema.slots), 0.5)  # requests are what it learned from, and what it will judge
    known = ~np.isnan(judged.appeal).any(axis=1)
    rows = [_line(appeal[known, kind], judged.appeal[known, kind]) for kind in range(2)]
    return Trust(calibrate(tags, judged.weights, schema, learned=same, natural=same), np.array(rows, np.float32))


def _line(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Scale and shift of logits (N,) with the lowest cross-entropy to `truth` (N,), from 0 to 1 (Platt 1999)."""
    x, y = torch.from_numpy(logits).double(), torch.from_numpy(truth).double()
    line = torch.tensor([1.0, 0.0], dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = functional.binary_cross_entropy_with_logits(line[0] * x + line[1], y)
        value.backward()
        return value

    optimiser.step(loss)
    scale, shift = line.tolist()
    return scale, shift


class _Form(nn.Module):
    """uint8 pictures (N, SIZE, SIZE, 3) -> probabilities of the known slots (N, known), whole (N,), liked (N,)."""

    def __init__(self, judge: JudgeNetwork, trust: Trust, schema: Schema) -> None:
        super().__init__()
        self.judge, self.read = judge, TaggerForm(judge.tagger, trust.tags, schema)
        self.known = judge.knows.nonzero()[:, 0]
        self.line = torch.from_numpy(trust.appeal)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, appeal = self.judge(self.read.normalised(pictures))
        whole, liked = (appeal * self.line[:, 0] + self.line[:, 1]).sigmoid().unbind(dim=1)
        return self.read.probabilities(logits)[:, self.known], whole, liked


def export_judge(judge: JudgeNetwork, trust: Trust, path: Path, *, schema: Schema, name: str) -> float:
    """Write `path`, a tagger that also says `whole` and `liked`; returns the largest difference from PyTorch."""
    known = [slot for slot, knows in zip(schema.slots, judge.knows.tolist(), strict=True) if knows]
    facts = {
        "kind": "tagger", "name": name, "schema": schema.name, "schema_hash": schema.hash, "slots": known,
        "size": SIZE, "thresholds": {}, "version": name.rsplit("-", 1)[-1],
    }  # fmt: skip
    pictures = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
    outputs = ["probabilities", "whole", "liked"]
    return write_onnx(
        _Form(judge, trust, schema), path, facts=facts, examples=[{"pictures": torch.from_numpy(pictures)}],
        outputs=outputs, free={side: {0: "n"} for side in ("pictures", *outputs)}, tolerance=0.02, half=True,
    )  # fmt: skip
