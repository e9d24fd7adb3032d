"""Train the networks of Hayase 2023 on (answer, picture) pairs, or on pictures alone for the pre-training.

Binary cross-entropy, Adam, batches dealt in epochs. The generator's loss is -log D(G(z)) and not log(1 - D(G(z))) as in
the paper's formula: every DCGAN does so, because the latter has no gradient while the discriminator is sure.
What a run folder holds is said in `konomi.model.loop`; all counts are in pictures shown, so an epoch is one per row.
"""

import hashlib
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from konomi.data.answers import read_study
from konomi.data.dataset import load
from konomi.errors import InputError, TrainingError
from konomi.files import whole
from konomi.images import sheet
from konomi.model import checkpoint
from konomi.model.dcgan import LATENT, SIZE, Discriminator, Generator, Shape, adopt
from konomi.model.loop import CHECKPOINT, Report, check_same_recipe, run_training
from konomi.model.train import pictures_of, to_float
from konomi.questionnaire import encode
from konomi.schema import load_schema
from konomi.settings import check_keys, read_toml, typed

CONDITIONS = ("none", "scaled", "one-hot")


@dataclass(frozen=True)
class DcganOptions:
    """The [train] table of a recipe. Everything that is counted is counted in pictures shown to the discriminator."""

    pictures: int = 220_000  # 100 epochs of 2,200 answers
    seed: int = 0
    width: int = 64  # channels at 32 x 32 pixels; twice as many at each halving
    batch: int = 64
    learning_rate: float = 2e-4
    beta1: float = 0.5
    sample_every: int = 22_000
    checkpoint_seconds: float = 240.0
    metrics_every: int = 1_100

    def __post_init__(self) -> None:
        for name in ("pictures", "width", "sample_every", "metrics_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"[train] {name} is {getattr(self, name)}; it must be at least 1")
        if self.batch < 2:
            raise TrainingError(f"[train] batch is {self.batch}; batch normalisation needs at least 2")
        if not 0 <= self.beta1 < 1:
            raise TrainingError(f"[train] beta1 is {self.beta1}; it goes from 0 to 1")


@dataclass(frozen=True)
class DcganPlan:
    """A whole recipe: how answers enter, what it is trained on, and how."""

    name: str
    condition: str  # one of CONDITIONS
    data: tuple[Path, ...]  # stages; for a condition, one study folder
    options: DcganOptions
    start_from: Path | None = None  # checkpoint of the pre-training


def read_dcgan_plan(path: Path) -> DcganPlan:
    """Read a recipe of kind `dcgan`; an InputError names a missing or unknown key, with the nearest known one."""
    table = read_toml(path)
    names = ["kind", "name", "condition", "data"]
    check_keys(table, [*names, "train", "start_from"], str(path), required=names)
    if table["condition"] not in CONDITIONS:
        raise InputError(f"{path}: condition is {table['condition']!r}; it must be one of {', '.join(CONDITIONS)}")
    if not isinstance(table["data"], list) or not table["data"]:
        raise InputError(f"{path}: data must be a list of stage folders, or of one study folder")
    if table["condition"] != "none" and len(table["data"]) > 1:
        raise InputError(f"{path}: data names {len(table['data'])} study folders; answers are read from one")
    train = table.get("train", {})
    check_keys(train, [f.name for f in fields(DcganOptions)], f"{path} [train]", required=[])
    options = DcganOptions(**typed(train, DcganOptions(), f"{path} [train]"))
    start = table.get("start_from")
    data = tuple(map(Path, table["data"]))
    return DcganPlan(table["name"], table["condition"], data, options, Path(start) if start else None)


@dataclass(frozen=True)
class Pairs:
    """What is trained on: rows, each about one picture, with the encoded answers to it."""

    pictures: np.ndarray  # (C, 64, 64, 3) uint8, each once
    index: np.ndarray  # (R,) which picture a row is about
    conditions: np.ndarray  # (R, width) float32; width 0 without answers
    facts: dict[str, Any] = field(default_factory=dict)  # what files made from it must say: encoding, simulated, ...

    def __post_init__(self) -> None:
        if self.pictures.shape[1:] != (SIZE, SIZE, 3):
            raise TrainingError(f"the networks read pictures of {SIZE} px, not {self.pictures.shape[1]}")

    @classmethod
    def of_pictures(cls, pictures: np.ndarray) -> "Pairs":
        """Each picture is a row, without an answer."""
        return cls(pictures, np.arange(len(pictures)), np.zeros((len(pictures), 0), np.float32), {"condition": "none"})

    @classmethod
    def of_study(cls, folder: Path, condition: str) -> "Pairs":
        """Each answer of a study folder is a row, encoded as `condition` (scaled or one-hot)."""
        study = read_study(folder)
        asked = study.answers.questionnaire
        facts = {
            "condition": condition, "questionnaire": asked.name, "questionnaire_hash": asked.hash,
            "simulated": study.simulated, "answers": len(study.answers), "characters": len(study.names),
        }  # fmt: skip
        return cls(study.pictures, study.index, encode(study.answers, condition), facts)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(self.pictures).data)
        digest.update(self.index.astype(np.int64).tobytes())
        digest.update(self.conditions.astype(np.float32).tobytes())
        return digest.hexdigest()


def load_pairs(plan: DcganPlan) -> Pairs:
    """What a recipe is trained on."""
    if plan.condition == "none":
        return Pairs.of_pictures(load(plan.data, load_schema("anime")).pictures)
    return Pairs.of_study(plan.data[0], plan.condition)


@dataclass
class DcganRun:
    """The moving state of a run."""

    options: DcganOptions
    pairs: Pairs
    device: torch.device
    shape: Shape = field(init=False)
    generator: Generator = field(init=False)
    discriminator: Discriminator = field(init=False)
    step: int = 0
    seen: int = 0  # pictures

    def __post_init__(self) -> None:
        torch.manual_seed(self.options.seed)
        self.shape = Shape(self.pairs.conditions.shape[1], self.options.width)
        self.generator = Generator(self.shape).to(self.device)
        self.discriminator = Discriminator(self.shape).to(self.device)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(n.parameters(), self.options.learning_rate, betas=(self.options.beta1, 0.999), fused=True)
            for n in (self.generator, self.discriminator)
        )
        self.dice = torch.Generator().manual_seed(self.options.seed)
        self.conditions = torch.from_numpy(self.pairs.conditions)
        self.hash = self.pairs.hash
        self._epoch = -1

    def schedule(self) -> dict[str, float]:
        return {"epoch": self.seen / len(self.pairs)}

    def save(self, path: Path) -> None:
        parts = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "adam_g": checkpoint.adam_tensors(self.adam_g),
            "adam_d": checkpoint.adam_tensors(self.adam_d),
            "random": {"dice": self.dice.get_state()},
        }
        state = {"step": self.step, "seen": self.seen, "options": asdict(self.options), "data": self.hash}
        checkpoint.save(path, parts, state)

    def restore(self, path: Path) -> None:
        parts, state = checkpoint.load(path)
        check_same_recipe(path, self.options, state, data=self.hash)
        self.generator.load_state_dict(parts["generator"])
        self.discriminator.load_state_dict(parts["discriminator"])
        checkpoint.restore_adam(self.adam_g, parts.get("adam_g", {}))
        checkpoint.restore_adam(self.adam_d, parts.get("adam_d", {}))
        self.dice.set_state(parts["random"]["dice"])
        self.step, self.seen = state["step"], state["seen"]

    def start_from(self, path: Path) -> None:
        """Begin with the networks of a pre-training without answers; optimisers and counts begin anew."""
        parts, _ = checkpoint.load(path)
        try:
            adopt(self.generator, parts["generator"], first="read.weight", axis=0)
            adopt(self.discriminator, parts["discriminator"], first="read.weight", axis=1)
        except (KeyError, RuntimeError) as error:
            told = str(error).splitlines()[-1].strip()
            raise TrainingError(f"{path} holds no DCGAN of this width to start from: {told}") from None

    def rows(self) -> np.ndarray:
        """The rows of the next batch: every row once an epoch, in an order that its number and the seed decide."""
        epoch, start = divmod(self.seen, len(self.pairs))
        if epoch != self._epoch:
            dice = np.random.default_rng([self.options.seed, epoch])
            self._epoch, self._order = epoch, dice.permutation(len(self.pairs))
        return self._order[start : start + self.options.batch]

    def train_step(self) -> dict[str, float]:
        """One step of the discriminator and one of the generator on one batch; returns what to log."""
        rows = self.rows()
        real = to_float(self.pairs.pictures[self.pairs.index[rows]]).to(self.device)
        condition = self.conditions[rows].to(self.device)
        z = torch.randn(len(rows), LATENT, generator=self.dice).to(self.device)
        # drawn pictures get the answers of the real ones: their joint frequencies
        with self.fast():
            drawn = self.generator(z, condition)
        log = self._discriminator_step(real, drawn.detach(), condition)
        log |= self._generator_step(drawn, condition)
        self.step += 1
        self.seen += len(rows)
        return log

    def fast(self) -> torch.autocast:
        """Convolutions in bfloat16. One context for each pass: it keeps the weights that it has converted."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def _discriminator_step(self, real: Tensor, drawn: Tensor, condition: Tensor) -> dict[str, float]:
        with self.fast():  # real and drawn apart, so that batch normalisation sees one kind
            score_real = self.discriminator(real, condition)
            score_drawn = self.discriminator(drawn, condition)
        loss = _loss(score_real, real=True) + _loss(score_drawn, real=False)
        self.adam_d.zero_grad(set_to_none=True)
        loss.backward()
        self.adam_d.step()
        chances = {"real": score_real.sigmoid().mean().item(), "drawn": score_drawn.sigmoid().mean().item()}
        return {"loss_d": loss.item(), "d_real": chances["real"], "d_drawn": chances["drawn"]}

    def _generator_step(self, drawn: Tensor, condition: Tensor) -> dict[str, float]:
        self.discriminator.requires_grad_(False)
        with self.fast():
            loss = _loss(self.discriminator(drawn, condition), real=True)
        self.adam_g.zero_grad(set_to_none=True)
        loss.backward()
        self.adam_g.step()
        self.discriminator.requires_grad_(True)
        return {"loss_g": loss.item()}

    def write_samples(self, folder: Path) -> None:
        """A grid of fixed noises (rows) by answers that were given (columns), and the generator."""
        name = f"{self.seen:09d}"
        with whole(folder / "samples" / f"{name}.png") as temporary:
            sheet(sample(self), columns=8).save(temporary, "PNG")
        half = {k: v.half() if v.dim() == 4 else v for k, v in self.generator.state_dict().items()}
        state = {
            "seen": self.seen, "step": self.step, "kind": "dcgan", "shape": asdict(self.shape),
            "facts": self.pairs.facts,
        }  # fmt: skip
        checkpoint.save(folder / "snapshots" / f"{name}.safetensors", {"generator": half}, state)


def _loss(score: Tensor, *, real: bool) -> Tensor:
    """-log of the probability that the discriminator gives to what is wanted."""
    return binary_cross_entropy_with_logits(score, torch.full_like(score, float(real)))


def sample(run: DcganRun) -> list[Image.Image]:
    """32 pictures, row by row: one noise in each of four rows, eight answers; without answers, 32 noises."""
    dice = torch.Generator().manual_seed(1)
    z = torch.randn(32, LATENT, generator=dice)
    chosen = torch.randint(len(run.pairs), (8,), generator=dice)
    if run.shape.condition:
        z = z[:4].repeat_interleave(8, dim=0)
    return draw(run.generator, z, run.conditions[chosen].repeat(4, 1))


@torch.no_grad()
def draw(generator: Generator, z: Tensor, condition: Tensor) -> list[Image.Image]:
    """Pictures for noises (N, 100) and encoded answers (N, width), each independent of the others."""
    device = generator.read.weight.device
    training = generator.training
    generator.eval()  # batch normalisation by the running means
    pictures = [p for a, b in zip(z.split(64), condition.split(64), strict=True)
                for p in pictures_of(generator(a.to(device), b.to(device)))]  # fmt: skip
    generator.train(training)
    return pictures


def train_dcgan(
    pairs: Pairs,
    options: DcganOptions,
    folder: Path,
    *,
    device: str | None = None,
    report: Report = lambda row: None,
    seconds: float = math.inf,
    up_to: float = math.inf,
    start_from: Path | None = None,
) -> DcganRun:
    """Train in `folder`, or go on there, as `konomi.model.loop.run_training` says.

    A new run begins with the networks of the checkpoint `start_from`, if one is given.
    """
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    run = DcganRun(options, pairs, chosen)
    if start_from and not (folder / CHECKPOINT).exists():
        run.start_from(start_from)
    run_training(run, folder, report=report, seconds=seconds, up_to=up_to)
    return run
