"""Train a generator against a discriminator, resumable to the bit.

What a run folder holds is said in `konomi.model.loop`.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from konomi.data.dataset import Dataset
from konomi.errors import TrainingError
from konomi.files import whole
from konomi.images import sheet
from konomi.model import checkpoint
from konomi.model.base import Base
from konomi.model.critic import Critic
from konomi.model.judge import JudgeNetwork, load_judge
from konomi.model.loop import CHECKPOINT, Report, check_same_recipe, run_training
from konomi.model.losses import attribute_loss, augment, gradient_penalty, relativistic_loss, translate
from konomi.model.networks import Discriminator, Generator, Shape
from konomi.model.plan import Options
from konomi.model.widen import widened_moments, widened_network
from konomi.schema import Schema


@dataclass
class Run:
    """The moving state of a training run."""

    options: Options
    shape: Shape
    data: Dataset
    device: torch.device
    judge: JudgeNetwork | None = None
    generator: Generator = field(init=False)
    discriminator: Discriminator = field(init=False)
    averaged: Generator = field(init=False)
    critic: Critic | None = field(init=False, default=None)
    step: int = 0
    seen: int = 0  # pictures
    before: int = 0  # pictures that the networks had seen when this run began with them

    def __post_init__(self) -> None:
        torch.manual_seed(self.options.seed)
        self.generator = Generator(self.shape).to(self.device)
        self.discriminator = Discriminator(self.shape).to(self.device)
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        rate = self.options.learning_rate
        self.adam_g = torch.optim.Adam(self.generator.parameters(), rate, betas=(0.0, 0.99), fused=True)
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), rate, betas=(0.0, 0.99), fused=True)
        if self.options.critic:
            if not self.judge:
                raise TrainingError('[train] critic looks through the eyes of a judge; name one: judge = "PATH"')
            self.critic = Critic(self.judge, self.shape.slots).to(self.device)
            self.adam_c = torch.optim.Adam(self.critic.parameters(), rate, betas=(0.0, 0.99), fused=True)
        self.dice = torch.Generator().manual_seed(self.options.seed)
        self.prior = torch.from_numpy(label_prior(self.data.weights))
        self.shares = torch.from_numpy(shares_by(self.data.weights, self.data.schema))
        self.lifts = torch.from_numpy(lifts_of(self.data.weights))
        often = sampling_weights(self.data, self.options.temper)
        self.chances = torch.from_numpy(often * favoured(self.data, self.options.favour, self.options.favoured))

    @property
    def progress(self) -> float:
        return min(1.0, self.seen / self.options.pictures)

    @property
    def batch(self) -> int:
        return self.options.batch if self.seen < self.options.later_batch_from else self.options.later_batch

    @property
    def learning_rate(self) -> float:
        first, last = self.options.learning_rate, self.options.last_learning_rate
        return last + (first - last) * (1 + math.cos(math.pi * self.progress)) / 2

    @property
    def penalty(self) -> float:
        first, last = self.options.penalty, self.options.last_penalty
        return first * (last / first) ** min(1.0, 2 * self.progress)

    def save(self, path: Path) -> None:
        parts = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "averaged": self.averaged.state_dict(),
            "adam_g": checkpoint.adam_tensors(self.adam_g),
            "adam_d": checkpoint.adam_tensors(self.adam_d),
            "random": {"dice": self.dice.get_state()},
            "labels": {"prior": self.prior, "shares": self.shares, "lifts": self.lifts},
        }
        if self.critic:
            parts |= {"critic": self.critic.state_dict(), "adam_c": checkpoint.adam_tensors(self.adam_c)}
        state = {"step": self.step, "seen": self.seen, "before": self.before, "options": asdict(self.options)}
        state["schema"] = self.data.schema.hash
        checkpoint.save(path, parts, state)

    def restore(self, path: Path) -> None:
        parts, state = checkpoint.load(path)
        check_same_recipe(path, self.options, state, schema=self.data.schema.hash)
        self._adopt(parts)
        self.prior = parts["labels"]["prior"]  # of the base that it began with, if there was one
        self.dice.set_state(parts["random"]["dice"].cpu())
        self.step, self.seen, self.before = state["step"], state["seen"], state.get("before", 0)

    def start_from(self, path: Path) -> None:
        """Take over the networks and optimisers of another run's checkpoint; counting begins anew.

        It may have been made for an older version of the schema, or with fewer channels: `konomi.model.widen`.
        """
        parts, state = checkpoint.load(path)
        self.before = state["seen"] + state.get("before", 0)
        if self.data.schema.version(state["schema"]) is None:
            raise TrainingError(f"{path} was made for another schema than {self.data.schema.name!r}")
        try:
            self._adopt(self._widened(parts))
        except (RuntimeError, KeyError) as error:
            raise TrainingError(f"{path} holds networks of another shape: {str(error).splitlines()[-1]}") from None

    def begin_with(self, base: Base) -> None:
        """Take over published networks. Conditions stay centred on what they know; counting begins anew."""
        if base.schema_hash != self.data.schema.hash:
            raise TrainingError(f"{base.name} was made for another schema, or version, than {self.data.schema.name!r}")
        if base.shape != self.shape:
            ours, theirs = asdict(self.shape), asdict(base.shape)
            told = ", ".join(f"{k}: {theirs[k]} there, {ours[k]} here" for k in ours if ours[k] != theirs[k])
            raise TrainingError(f"{base.name} has networks of another shape ({told}); choose the same here")
        self.generator.load_state_dict(base.generator)
        self.averaged.load_state_dict(base.generator)
        self.discriminator.load_state_dict(base.discriminator)
        self.before, self.prior = base.seen, base.prior

    def _widened(self, parts: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
        """`parts` of narrower networks, or of such that knew fewer slots, as these networks hold them."""
        wider = dict(parts)
        for part in ("generator", "discriminator", "averaged"):
            wider[part] = widened_network(parts[part], getattr(self, part))
        for part, network in (("adam_g", self.generator), ("adam_d", self.discriminator)):
            named = dict(network.named_parameters())
            wider[part] = widened_moments(parts.get(part, {}), list(named.values()), list(named))
        return wider

    def schedule(self) -> dict[str, float]:
        return {"learning_rate": self.learning_rate, "penalty": self.penalty}

    def train_step(self) -> dict[str, float]:
        return train_step(self)

    def write_samples(self, folder: Path) -> None:
        write_samples(self, folder)

    def _adopt(self, parts: dict[str, dict[str, Tensor]]) -> None:
        self.generator.load_state_dict(parts["generator"])
        self.discriminator.load_state_dict(parts["discriminator"])
        self.averaged.load_state_dict(parts["averaged"])
        checkpoint.restore_adam(self.adam_g, parts.get("adam_g", {}))
        checkpoint.restore_adam(self.adam_d, parts.get("adam_d", {}))
        if self.critic and "critic" in parts:  # a run that this one begins with may have had none
            self.critic.load_state_dict(parts["critic"])
            checkpoint.restore_adam(self.adam_c, parts.get("adam_c", {}))


PRECISION = torch.bfloat16  # of the convolutions


def to_float(pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, 3) -> float (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def label_prior(weights: np.ndarray) -> np.ndarray:
    """Mean known weight of each slot, shape (slots,), float32; 0 where nothing is known."""
    known = ~np.isnan(weights)
    mean = np.where(known, weights, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean.astype(np.float32)


FIRST = "gender"  # the attribute that decides most about the others, where a schema has it


def shares_by(weights: np.ndarray, schema: Schema) -> np.ndarray:
    """Mean known weight of each slot: overall, and for each value of `FIRST`; float32 (1 + values, slots)."""
    rows = [label_prior(weights)]
    if FIRST in schema.offsets:
        part = np.nan_to_num(weights[:, schema.offsets[FIRST]])
        for value in range(part.shape[1]):
            here = weights[part[:, value] > 0.5]
            rows.append(label_prior(here) if len(here) else rows[0])
    return np.stack(rows)


def lifts_of(weights: np.ndarray, *, shrunk: float = 20.0) -> np.ndarray:
    """How many times as often two slots hold together as they would by chance, float32 (slots, slots).

    As if `shrunk` more pictures held both by chance: of rare pairs little is known.
    """
    known = (~np.isnan(weights)).astype(np.float64)
    there = np.nan_to_num(weights).astype(np.float64)
    share = there.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    expected = (known.T @ known) * np.outer(share, share)
    return ((there.T @ there + shrunk) / (expected + shrunk)).astype(np.float32)


def named_shares(shares: np.ndarray, schema: Schema) -> tuple[str, dict[str, np.ndarray]]:
    """What `shares_by` gave, as `konomi.guessing.Guess` takes it."""
    if len(shares) == 1:
        return "", {"": shares[0]}
    return FIRST, dict(zip(["", *schema.attribute(FIRST).value_names], shares, strict=True))


def sampling_weights(data: Dataset, temper: float, *, most: float = 8.0) -> np.ndarray:
    """How often each picture is shown, shape (N,): rare values and rare flags above their share.

    A picture weighs the product over exclusive attributes of share(its likeliest value) ** -temper, times that of its
    rarest flag, at most `most` times the median; where a value is unknown the factor is the attribute's mean.
    """
    result = np.ones(len(data))
    for attribute in (a for a in data.schema.attributes if a.exclusive):
        part = data.weights[:, data.schema.offsets[attribute.name]]
        known = ~np.isnan(part).any(axis=1)
        if not known.any():
            continue
        likeliest = np.nan_to_num(part).argmax(axis=1)
        share = np.bincount(likeliest[known], minlength=part.shape[1]) / known.sum()
        factor = np.where(known, np.maximum(share, 1e-9)[likeliest] ** -temper, np.nan)
        result *= np.where(known, factor, np.nanmean(factor))
    flags = data.weights[:, [data.schema.slot_index(a.name) for a in data.schema.attributes if a.is_flag]]
    there = np.nan_to_num(flags) > 0.5
    share = np.maximum(there.mean(axis=0), 1e-9)
    result *= np.where(there, share**-temper, 1.0).max(axis=1, initial=1.0)
    return np.minimum(result, most * np.median(result))


def favoured(data: Dataset, slots: Sequence[str], times: float) -> np.ndarray:
    """How many times as often each picture is shown because it has one of `slots`, shape (N,); a TrainingError if the
    schema lacks one."""
    if unknown := set(slots) - set(data.schema.slots):
        raise TrainingError(f"[train] favour names {', '.join(sorted(unknown))}, which {data.schema.name!r} lacks")
    columns = [data.schema.slot_index(slot) for slot in slots]
    has = (np.nan_to_num(data.weights[:, columns]) > 0.5).any(axis=1)
    return np.where(has, times, 1.0)


def centre(weights: Tensor, prior: Tensor) -> Tensor:
    """Weights (N, slots) with NaN unknown -> what the networks read: weight - prior, and 0 for unknown."""
    return (weights - prior).nan_to_num(0.0)


def drop_labels(weights: Tensor, schema: Schema, options: Options, dice: torch.Generator) -> Tensor:
    """Make some attributes unknown, so that the generator learns what to do without them."""
    n = len(weights)
    dropped = weights.clone()
    everything = torch.rand(n, generator=dice) < options.drop_labels
    for attribute in schema.attributes:
        gone = everything | (torch.rand(n, generator=dice) < options.drop_label)
        dropped[gone, schema.offsets[attribute.name]] = math.nan
    return dropped


def wished(labels: Tensor, schema: Schema, known: Tensor, chance: float, dice: torch.Generator) -> Tensor:
    """`labels` (N, slots) as people change them: each attribute with a `chance` another value, all alike; flags there.

    What is wished for is rarer than what occurs, and in combinations that never do. `known` (slots,) says what may be.
    """
    result = labels.clone()
    for attribute in (a for a in schema.attributes if known[schema.offsets[a.name]].all()):
        where, n = schema.offsets[attribute.name], len(labels)
        changed = torch.rand(n, generator=dice) < chance
        values = functional.one_hot(torch.randint(len(attribute.slots), (n,), generator=dice), len(attribute.slots))
        result[changed, where] = values[changed].to(result.dtype)
    return result


@dataclass(frozen=True)
class _Batch:
    """What one step works on; everything is on the run's device."""

    real: Tensor  # (n, 3, size, size), some mirrored
    labels: Tensor  # (n, slots), NaN unknown
    trust: Tensor  # (n,), how much the labels count
    asked: Tensor  # labels, of which some were dropped
    condition: Tensor  # asked, centred, as the networks read it
    z: Tensor  # (n, latent)


def _deal(run: Run) -> _Batch:
    """The next batch. Drawn pictures get the conditions of the real ones: the joint frequencies of the data."""
    n, dice, device = run.batch, run.dice, run.device
    rows = torch.multinomial(run.chances, n, replacement=True, generator=dice).numpy()
    real = to_float(run.data.pictures[rows])
    real = torch.where(torch.rand(n, 1, 1, 1, generator=dice) < 0.5, real.flip(3), real)
    labels, trust = torch.from_numpy(run.data.weights[rows]), torch.from_numpy(run.data.trust[rows])
    asked = drop_labels(labels, run.data.schema, run.options, dice)
    strength = min(1.0, run.seen / max(1, run.options.fade_in))
    z = torch.randn(n, run.shape.latent, generator=dice)
    parts = (real, labels, trust, asked, centre(asked, run.prior) * strength, z)
    return _Batch(*(part.to(device) for part in parts))


def train_step(run: Run) -> dict[str, float]:
    """One step of the discriminator and one of the generator on one batch; returns what to log."""
    adams = [run.adam_d, run.adam_g, *([run.adam_c] if run.critic else [])]
    for group in [group for adam in adams for group in adam.param_groups]:
        group["lr"] = run.learning_rate
    batch = _deal(run)
    drawn = run.generator(batch.z, batch.condition, PRECISION)
    log, score_real = _discriminator_step(run, batch, drawn.detach())
    # the same drawn pictures, seen by the improved discriminator; the real scores are those of before
    log |= _generator_step(run, batch, drawn, score_real)
    run.step += 1
    run.seen += len(drawn)
    _average(run, len(drawn))
    return log


def _augmented(run: Run, pictures: Tensor) -> Tensor:
    return augment(pictures, run.dice, chance=run.options.augment, colour=run.options.augment_colour)


def _discriminator_step(run: Run, batch: _Batch, drawn: Tensor) -> tuple[dict[str, float], Tensor]:
    options, schema = run.options, run.data.schema
    penalised = run.step % options.penalty_every == 0
    real, drawn = _augmented(run, batch.real), _augmented(run, drawn)
    if penalised:
        real.requires_grad_()
        drawn.requires_grad_()
    score_real, logits = run.discriminator(real, batch.condition, PRECISION)
    score_drawn, _ = run.discriminator(drawn, batch.condition, PRECISION)
    adversarial = relativistic_loss(score_real, score_drawn)
    attributes = attribute_loss(logits, batch.labels, schema, trust=batch.trust)
    loss = adversarial + options.real_attributes * attributes
    log = {"loss_d": adversarial.item(), "attributes_real": attributes.item()}
    log["margin"] = (score_real - score_drawn).mean().item()
    if penalised:
        r1, r2 = gradient_penalty(score_real, real), gradient_penalty(score_drawn, drawn)
        loss = loss + run.penalty * options.penalty_every * (r1 + r2)
        log |= {"r1": r1.item(), "r2": r2.item()}
    run.adam_d.zero_grad(set_to_none=True)
    loss.backward()
    run.adam_d.step()
    return log, score_real.detach()


def _generator_step(run: Run, batch: _Batch, drawn: Tensor, score_real: Tensor) -> dict[str, float]:
    run.discriminator.requires_grad_(False)
    score_drawn, logits = run.discriminator(_augmented(run, drawn), batch.condition, PRECISION)
    adversarial = relativistic_loss(score_drawn, score_real)
    attributes = attribute_loss(logits, batch.asked, run.data.schema)
    loss = adversarial + run.options.drawn_attributes * attributes
    log = {"loss_g": adversarial.item(), "attributes_drawn": attributes.item()}
    if run.judge and run.step % run.options.judged_every == 0:
        judged, seen = _judge_loss(run, run.judge, batch, drawn)
        loss, log = loss + run.options.judged_every * judged, log | seen
    if run.critic and run.step % run.options.critic_every == 0:
        criticised, seen = _critic_step(run, run.critic, batch, drawn)
        loss, log = loss + run.options.critic_every * run.options.critic * criticised, log | seen
    run.adam_g.zero_grad(set_to_none=True)
    loss.backward()
    run.adam_g.step()
    run.discriminator.requires_grad_(True)
    return log


def _judge_loss(run: Run, judge: JudgeNetwork, batch: _Batch, drawn: Tensor) -> tuple[Tensor, dict[str, float]]:
    """What a frozen judge has against the drawn pictures; moved a little, so that it cannot be fooled by pixels."""
    asked = batch.asked
    if run.options.judged_wishes:
        labels, known = batch.labels.cpu(), judge.knows.cpu()
        asked = wished(labels, run.data.schema, known, run.options.judged_wishes, run.dice).to(run.device)
        # people draw with less than all the variety
        variety = 0.6 + 0.4 * torch.rand(len(asked), 1, generator=run.dice).to(run.device)
        drawn = run.generator(batch.z * variety, centre(asked, run.prior.to(run.device)), PRECISION)
    logits, appeal = judge.of_drawn(translate(drawn, run.dice, chance=1.0, reach=0.06))
    attributes = attribute_loss(logits, asked.masked_fill(~judge.knows, math.nan), run.data.schema)
    displeasing = functional.softplus(-appeal).mean()
    loss = run.options.judged_attributes * attributes + run.options.judged_appeal * displeasing
    whole, liked = appeal.sigmoid().mean(dim=0).tolist()
    return loss, {"judged_attributes": attributes.item(), "judged_whole": whole, "judged_liked": liked}


def _critic_step(run: Run, critic: Critic, batch: _Batch, drawn: Tensor) -> tuple[Tensor, dict[str, float]]:
    """One step of the critic; returns what it has against the drawn pictures then."""
    with torch.no_grad():
        real_maps = critic.look(_augmented(run, batch.real))
    maps = critic.look(_augmented(run, drawn))
    learned, score_real = critic.loss(real_maps, maps, batch.condition)
    run.adam_c.zero_grad(set_to_none=True)
    learned.backward()
    run.adam_c.step()
    critic.requires_grad_(False)
    loss = critic.against(critic(maps, batch.condition), score_real)
    critic.requires_grad_(True)
    return loss, {"critic": learned.item(), "criticised": loss.item()}


@torch.no_grad()
def _average(run: Run, n: int) -> None:
    """Move the averaged generator towards the present one; the half-life grows at first (Karras et al. 2020)."""
    half_life = min(run.options.average, 0.05 * (run.before + run.seen))
    for mean, now in zip(run.averaged.parameters(), run.generator.parameters(), strict=True):
        mean.lerp_(now, 1 - 0.5 ** (n / half_life))


def train(
    data: Dataset,
    options: Options,
    folder: Path,
    *,
    device: str | None = None,
    report: Report = lambda row: None,
    seconds: float = math.inf,
    start_from: Path | None = None,
    base: Base | None = None,
    judge: Path | None = None,
) -> Run:
    """Train in `folder`, or go on there, as `konomi.model.loop.run_training` says.

    A new run begins with the networks of the checkpoint `start_from`, or with those of a published `base`, if one is
    given. With a `judge`, the generator is also to please it: `judged_attributes` and `judged_appeal` say how much.
    """
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    side = data.pictures.shape[1]
    shape = Shape(
        len(data.schema.slots),
        size=side,
        channels=tuple(options.channels),
        smooth=options.smooth,
        soft_colours=options.soft_colours,
    )
    run = Run(options, shape, data, chosen, load_judge(judge, data.schema).to(chosen) if judge else None)
    if start_from and not (folder / CHECKPOINT).exists():
        run.start_from(start_from)
    elif base and not (folder / CHECKPOINT).exists():
        run.begin_with(base)
    run_training(run, folder, report=report, seconds=seconds)
    return run


def write_samples(run: Run, folder: Path) -> None:
    """A grid of fixed noises (columns) by values of the first attribute (rows), and the averaged generator."""
    schema, columns = run.data.schema, 10
    dice = torch.Generator().manual_seed(1)
    z = torch.randn(columns, run.shape.latent, generator=dice) * 0.7
    first = schema.attributes[0]
    weights = torch.from_numpy(run.data.weights[torch.randint(len(run.data), (columns,), generator=dice).numpy()])
    pictures: list[Image.Image] = []
    for number in range(len(first.slots)):
        asked = weights.clone()
        asked[:, schema.offsets[first.name]] = torch.eye(len(first.slots))[number]
        pictures += draw(run.averaged, z.to(run.device), centre(asked, run.prior).to(run.device))
    name = f"{run.seen:09d}"
    with whole(folder / "samples" / f"{name}.png") as temporary:
        sheet(pictures, columns=columns).save(temporary, "PNG")
    half = {k: v.half() for k, v in run.averaged.state_dict().items()}
    state = {"seen": run.seen, "shape": asdict(run.shape), "schema": schema.hash}
    checkpoint.save(
        folder / "snapshots" / f"{name}.safetensors",
        {"generator": half, "labels": {"prior": run.prior, "shares": run.shares, "lifts": run.lifts}},
        state,
    )


@torch.no_grad()
def draw(generator: Generator, z: Tensor, condition: Tensor) -> list[Image.Image]:
    """Pictures for noises (N, latent) and centred conditions (N, slots)."""
    return pictures_of(generator(z, condition))


def pictures_of(drawn: Tensor) -> list[Image.Image]:
    """float (N, 3, H, W), clamped to [-1, 1] -> pictures."""
    arrays = ((drawn.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(a) for a in arrays]
