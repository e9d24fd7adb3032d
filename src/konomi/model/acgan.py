"""Train as Xu did: auxiliary-classifier GAN (Odena et al. 2017) with the DRAGAN penalty (Kodali et al. 2017).

What the paper leaves unsaid is taken from Jin et al. 2017, whose system it re-implements. The classes are hard: the
likeliest value of an exclusive attribute, and a flag from a threshold on; what is unknown is no target. What a run
folder holds is said in `konomi.model.loop`.
"""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from konomi.data.dataset import Dataset
from konomi.errors import TrainingError
from konomi.files import whole
from konomi.images import sheet
from konomi.model import checkpoint
from konomi.model.loop import CHECKPOINT, Report, check_same_recipe, run_training
from konomi.model.ops import input_gradients_only
from konomi.model.plan import Plan, read_plan_of
from konomi.model.srresnet import ResidualDiscriminator, SRResNetGenerator, SRResNetShape
from konomi.model.train import PRECISION, pictures_of, to_float
from konomi.schema import Schema


@dataclass(frozen=True)
class AcganOptions:
    """The [train] table of a recipe of kind `acgan`. Defaults are the paper's where it says them, else Jin's."""

    pictures: int = 3_840_000  # 60,000 iterations of 64
    seed: int = 0
    size: int = 128  # pixels
    batch: int = 64
    latent: int = 128
    blocks: int = 16  # residual blocks of the generator
    leaky_slope: float = 0.2
    learning_rate: float = 2e-4
    beta1: float = 0.5
    decay_from: int = 3_200_000  # pictures: 50,000 iterations; from there the learning rate falls exponentially
    decay_half_life: int = 320_000
    adversarial: float = 34.0  # weight of the adversarial losses against the class losses, which are summed over tags
    penalty: float = 0.5  # weight of the DRAGAN penalty
    perturbation: float = 0.5  # x' = x + perturbation * std(x) * U[0, 1)
    flag_threshold: float = 0.5  # a flag counts as there from this probability on
    ask_flag: float = 0.25  # chance that a drawn picture is asked to have a flag
    sample_every: int = 32_000  # 500 iterations
    metrics_every: int = 3_200
    checkpoint_seconds: float = 240.0

    def __post_init__(self) -> None:
        for name in ("pictures", "latent", "blocks", "sample_every", "metrics_every", "decay_half_life"):
            if getattr(self, name) < 1:
                raise TrainingError(f"[train] {name} is {getattr(self, name)}; it must be at least 1")
        SRResNetShape(size=self.size)
        if self.batch < 2:
            raise TrainingError(f"[train] batch is {self.batch}; batch normalisation needs at least 2")
        for name in ("flag_threshold", "ask_flag", "beta1"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"[train] {name} is {getattr(self, name)}; it goes from 0 to 1")


def shape_of(options: AcganOptions, schema: Schema, left_out: tuple[str, ...]) -> SRResNetShape:
    """The sizes of the networks of a recipe."""
    return SRResNetShape(
        tags=len(tags_without(schema, left_out)), size=options.size, latent=options.latent, blocks=options.blocks,
        slope=options.leaky_slope,
    )  # fmt: skip


def classes(weights: np.ndarray, schema: Schema, threshold: float) -> np.ndarray:
    """Tag probabilities (N, slots), NaN unknown -> hard classes 0, 1 or NaN, float32 of the same shape."""
    result = np.where(np.isnan(weights), np.nan, weights >= threshold).astype(np.float32)
    for attribute in (a for a in schema.attributes if a.exclusive):
        where = schema.offsets[attribute.name]
        part = weights[:, where]
        known = ~np.isnan(part).any(axis=1)
        result[:, where] = np.nan
        result[known, where] = np.eye(part.shape[1], dtype=np.float32)[part[known].argmax(axis=1)]
    return result


def ask(n: int, schema: Schema, chance: float, dice: torch.Generator) -> Tensor:
    """Conditions as the paper samples them (n, slots): one value of each choice, uniformly; a flag with `chance`."""
    asked = (torch.rand(n, len(schema.slots), generator=dice) < chance).float()
    for attribute in (a for a in schema.attributes if a.exclusive):
        values = torch.randint(len(attribute.slots), (n,), generator=dice)
        asked[:, schema.offsets[attribute.name]] = functional.one_hot(values, len(attribute.slots)).float()
    return asked


def class_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of every tag, summed over tags, meaned over pictures; NaN targets count nothing."""
    known = ~targets.isnan()
    terms = functional.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), reduction="none")
    return (terms * known).sum(dim=1).mean()


def perturbed(real: Tensor, amount: float, dice: torch.Generator) -> Tensor:
    """x + amount * std(x) * U[0, 1): one deviation for the whole batch, a number of its own for every pixel."""
    noise = torch.rand(real.shape, generator=dice).to(real.device)
    return real + amount * real.std(unbiased=False) * noise


def dragan_penalty(discriminator: ResidualDiscriminator, near: Tensor) -> Tensor:
    """Mean of (||gradient of the logit by the picture|| - 1)^2 at perturbed real pictures `near`."""
    near.requires_grad_()
    score, _ = discriminator(near, PRECISION)
    with input_gradients_only():
        (gradient,) = torch.autograd.grad(score.sum(), near, create_graph=True)
    norm = (gradient.float().square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
    return (norm - 1).square().mean()


@dataclass
class AcganRun:
    """The moving state of a run."""

    options: AcganOptions
    data: Dataset
    left_out: tuple[str, ...]  # attributes that the networks know nothing of
    device: torch.device
    step: int = 0
    seen: int = 0  # pictures
    shape: SRResNetShape = field(init=False)

    def __post_init__(self) -> None:
        options, schema = self.options, self.data.schema
        torch.manual_seed(options.seed)
        if (side := self.data.pictures.shape[1]) != options.size:
            raise TrainingError(f"the data has pictures of {side} px, the recipe says size = {options.size}")
        self.shape = shape_of(options, schema, self.left_out)
        kept = tags_without(schema, self.left_out)
        self.kept = torch.from_numpy(kept)
        self.generator = SRResNetGenerator(self.shape).to(self.device)
        self.discriminator = ResidualDiscriminator(self.shape).to(self.device)
        betas = (options.beta1, 0.999)
        self.adam_g = torch.optim.Adam(self.generator.parameters(), options.learning_rate, betas=betas, fused=True)
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), options.learning_rate, betas=betas, fused=True)
        self.dice = torch.Generator().manual_seed(options.seed)
        self.labels = torch.from_numpy(classes(self.data.weights, schema, options.flag_threshold)[:, kept])

    @property
    def learning_rate(self) -> float:
        late = max(0, self.seen - self.options.decay_from)
        return self.options.learning_rate * math.pow(0.5, late / self.options.decay_half_life)

    def schedule(self) -> dict[str, float]:
        return {"learning_rate": self.learning_rate}

    def ask(self, n: int, dice: torch.Generator) -> Tensor:
        """Conditions of n drawn pictures (n, tags)."""
        return ask(n, self.data.schema, self.options.ask_flag, dice)[:, self.kept]

    def train_step(self) -> dict[str, float]:
        """One step of the discriminator and one of the generator, on the same drawn pictures."""
        for group in [*self.adam_d.param_groups, *self.adam_g.param_groups]:
            group["lr"] = self.learning_rate
        n, dice = self.options.batch, self.dice
        rows = torch.randint(len(self.data), (n,), generator=dice)
        real = to_float(self.data.pictures[rows.numpy()])
        real = torch.where(torch.rand(n, 1, 1, 1, generator=dice) < 0.5, real.flip(3), real).to(self.device)
        labels = self.labels[rows].to(self.device)
        asked = self.ask(n, dice).to(self.device)
        z = torch.randn(n, self.shape.latent, generator=dice).to(self.device)
        drawn = self.generator(z, asked, PRECISION)
        log = self._discriminator_step(real, labels, drawn.detach(), asked)
        log |= self._generator_step(drawn, asked)
        self.step += 1
        self.seen += n
        return log

    def _discriminator_step(self, real: Tensor, labels: Tensor, drawn: Tensor, asked: Tensor) -> dict[str, float]:
        options = self.options
        # no batch normalisation: real and drawn pictures may pass together
        score, tags = self.discriminator(torch.cat([real, drawn]), PRECISION)
        (score_real, score_drawn), (tags_real, tags_drawn) = score.chunk(2), tags.chunk(2)
        adversarial = functional.softplus(-score_real).mean() + functional.softplus(score_drawn).mean()
        class_real, class_drawn = class_loss(tags_real, labels), class_loss(tags_drawn, asked)
        penalty = dragan_penalty(self.discriminator, perturbed(real, options.perturbation, self.dice))
        loss = options.adversarial * adversarial + class_real + class_drawn + options.penalty * penalty
        self.adam_d.zero_grad(set_to_none=True)
        loss.backward()
        self.adam_d.step()
        return {
            "loss_d": adversarial.item(), "attributes_real": class_real.item(),
            "attributes_asked": class_drawn.item(), "penalty": penalty.item(),
            "score_real": score_real.sigmoid().mean().item(), "score_drawn": score_drawn.sigmoid().mean().item(),
        }  # fmt: skip

    def _generator_step(self, drawn: Tensor, asked: Tensor) -> dict[str, float]:
        self.discriminator.requires_grad_(False)
        score, tags = self.discriminator(drawn, PRECISION)
        adversarial = functional.softplus(-score).mean()  # -log D(G(z)): the altered loss
        attributes = class_loss(tags, asked)
        self.adam_g.zero_grad(set_to_none=True)
        (self.options.adversarial * adversarial + attributes).backward()
        self.adam_g.step()
        self.discriminator.requires_grad_(True)
        return {"loss_g": adversarial.item(), "attributes_drawn": attributes.item()}

    def save(self, path: Path) -> None:
        parts = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "adam_g": checkpoint.adam_tensors(self.adam_g),
            "adam_d": checkpoint.adam_tensors(self.adam_d),
            "random": {"dice": self.dice.get_state()},
        }
        state = {"step": self.step, "seen": self.seen, "options": asdict(self.options), "kind": "acgan"}
        checkpoint.save(path, parts, state | self._facts())

    def restore(self, path: Path) -> None:
        parts, state = checkpoint.load(path)
        check_same_recipe(path, self.options, state, kind="acgan", **self._facts())
        self.generator.load_state_dict(parts["generator"])
        self.discriminator.load_state_dict(parts["discriminator"])
        checkpoint.restore_adam(self.adam_g, parts["adam_g"])
        checkpoint.restore_adam(self.adam_d, parts["adam_d"])
        self.dice.set_state(parts["random"]["dice"].cpu())
        self.step, self.seen = state["step"], state["seen"]

    def start_from(self, path: Path) -> None:
        """Begin with the networks of another run's checkpoint; optimisers and counts begin anew."""
        parts, _ = checkpoint.load(path)
        try:
            self.generator.load_state_dict(parts["generator"])
            self.discriminator.load_state_dict(parts["discriminator"])
        except (KeyError, RuntimeError) as error:
            told = str(error).splitlines()[-1].strip()
            raise TrainingError(f"{path} holds no ACGAN of this size to start from: {told}") from None

    def _facts(self) -> dict[str, object]:
        return {"schema": self.data.schema.hash, "left_out": list(self.left_out), "shape": asdict(self.shape)}

    def write_samples(self, folder: Path) -> None:
        """The same 8 x 8 noises and random conditions each time, and the generator as it is."""
        dice = torch.Generator().manual_seed(1)
        z, asked = torch.randn(64, self.shape.latent, generator=dice), self.ask(64, dice)
        name = f"{self.seen:09d}"
        with whole(folder / "samples" / f"{name}.png") as temporary:
            drawn = draw(self.generator, z.to(self.device), asked.to(self.device))
            sheet(pictures_of(drawn), columns=8).save(temporary, "PNG")
        state = {"seen": self.seen, "kind": "acgan", "ask_flag": self.options.ask_flag} | self._facts()
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in self.generator.state_dict().items()}
        checkpoint.save(folder / "snapshots" / f"{name}.safetensors", {"generator": tensors}, state)


@torch.no_grad()
def draw(generator: SRResNetGenerator, z: Tensor, condition: Tensor) -> Tensor:
    """Pictures (N, 3, size, size) with the running statistics of batch normalisation, as when drawn one by one."""
    generator.eval()
    drawn: Tensor = generator(z, condition)
    generator.train()
    return drawn


def tags_without(schema: Schema, left_out: tuple[str, ...]) -> np.ndarray:
    """Numbers of the slots that stay when attributes are left out, int64; a TrainingError for an unknown name."""
    names = [a.name for a in schema.attributes]
    if unknown := set(left_out) - set(names):
        raise TrainingError(f"leave_out names {', '.join(sorted(unknown))}; the schema has {', '.join(names)}")
    kept = [i for i, slot in enumerate(schema.slots) if slot.split(".")[0] not in left_out]
    return np.array(kept, dtype=np.int64)


def read_acgan_plan(path: Path) -> Plan[AcganOptions]:
    """Read a recipe of kind `acgan`; an InputError names a missing or unknown key, with the nearest known one."""
    return read_plan_of(path, AcganOptions(), ["leave_out", "start_from"])


def train_acgan(
    data: Dataset,
    options: AcganOptions,
    folder: Path,
    *,
    left_out: tuple[str, ...] = (),
    device: str | None = None,
    report: Report = lambda row: None,
    seconds: float = math.inf,
    start_from: Path | None = None,
) -> AcganRun:
    """Train in `folder`, or go on there, as `konomi.model.loop.run_training` says.

    A new run begins with the networks of the checkpoint `start_from`, if one is given.
    """
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    run = AcganRun(options, data, left_out, chosen)
    if start_from and not (folder / CHECKPOINT).exists():
        run.start_from(start_from)
    run_training(run, folder, report=report, seconds=seconds)
    return run
