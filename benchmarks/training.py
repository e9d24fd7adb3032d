"""How much faster a training step is than the plainest loop of the same networks, side by side in one run.

    python benchmarks/training.py xu-acgan-64 [--steps 3] [--threads 1]

The plain loop is what one writes first: torch.nn layers, float32, memory as it comes, autograd's own double backward,
real and drawn pictures one after the other. It begins with the same weights, and draws the same pictures (checked
before anything is timed). Steps alternate, so that other work on the machine slows both; with one thread, processor
time is counted.
"""

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.data.dataset import Dataset
from konomi.files import read_json, write_json
from konomi.model import acgan, dcgan, dcgan_train, srresnet
from konomi.questionnaire import load_questionnaire
from konomi.schema import load_schema
from konomi.settings import read_toml

OUT = Path(__file__).with_suffix(".json")


class Normalised(nn.Module):
    def __init__(self, width: int, activate: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.activate = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), activate

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y.relu() if self.activate else y


class SubPixel(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, 4 * width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(functional.pixel_shuffle(self.conv(x), 2)).relu()


class Generator(nn.Module):
    def __init__(self, shape: srresnet.SRResNetShape) -> None:
        super().__init__()
        self.width = width = shape.width
        self.start = nn.Linear(shape.latent + shape.tags, width * 256)
        self.start_norm = nn.BatchNorm2d(width)
        self.blocks = nn.ModuleList(
            nn.Sequential(Normalised(width, True), Normalised(width, False)) for _ in range(shape.blocks)
        )
        self.join = Normalised(width, True)
        self.enlarge = nn.ModuleList(SubPixel(width) for _ in range(shape.doublings))
        self.paint = nn.Conv2d(width, 3, 9, padding=4)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        x = first = self.start_norm(self.start(torch.cat([z, condition], dim=1)).view(-1, self.width, 16, 16)).relu()
        for block in self.blocks:
            x = x + block(x)
        x = self.join(x) + first
        for layer in self.enlarge:
            x = layer(x)
        return self.paint(x).tanh()


class Block(nn.Module):
    def __init__(self, width: int, slope: float) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        branch = self.second(functional.leaky_relu(self.first(x), self.slope))
        return functional.leaky_relu(x + branch, self.slope)


class Discriminator(nn.Module):
    def __init__(self, shape: srresnet.SRResNetShape) -> None:
        super().__init__()
        self.slope, stages = shape.slope, srresnet.STAGES
        self.read = nn.Conv2d(3, stages[0], 4, stride=2, padding=1)
        self.stages = nn.ModuleList(
            nn.Sequential(Block(a, shape.slope), Block(a, shape.slope), nn.Conv2d(a, b, k, stride=2, padding=1))
            for a, b, k in zip(stages, [*stages[1:], srresnet.LAST], srresnet.KERNELS, strict=True)
        )
        features = srresnet.LAST * max(1, shape.size // 64) ** 2
        self.score, self.tags = nn.Linear(features, 1), nn.Linear(features, shape.tags)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.leaky_relu(self.read(x), self.slope)
        for stage in self.stages:
            x = functional.leaky_relu(stage(x), self.slope)
        return self.score(x.flatten(1))[:, 0], self.tags(x.flatten(1))


def plain_acgan(run: acgan.AcganRun) -> Callable[[], None]:
    """The plain loop of an ACGAN, beginning as `run` does."""
    options, shape, n = run.options, run.shape, run.options.batch
    generator, discriminator = Generator(shape), Discriminator(shape)
    generator.load_state_dict(run.generator.state_dict())
    discriminator.load_state_dict(run.discriminator.state_dict())
    check_same(run, generator, discriminator)
    adam_g, adam_d = (
        torch.optim.Adam(net.parameters(), options.learning_rate, betas=(options.beta1, 0.999))
        for net in (generator, discriminator)
    )

    def step() -> None:
        rows = torch.randint(len(run.data), (n,))
        real = acgan.to_float(run.data.pictures[rows.numpy()]).contiguous()
        asked = run.ask(n, run.dice)
        drawn = generator(torch.randn(n, shape.latent), asked)
        score_real, tags_real = discriminator(real)
        score_drawn, tags_drawn = discriminator(drawn.detach())
        near = acgan.perturbed(real, options.perturbation, run.dice).requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(near)[0].sum(), near, create_graph=True)
        penalty = (gradient.square().sum(dim=(1, 2, 3)).sqrt() - 1).square().mean()
        adversarial = functional.softplus(-score_real).mean() + functional.softplus(score_drawn).mean()
        classes = acgan.class_loss(tags_real, run.labels[rows]) + acgan.class_loss(tags_drawn, asked)
        adam_d.zero_grad()
        (options.adversarial * adversarial + classes + options.penalty * penalty).backward()  # type: ignore[no-untyped-call]
        adam_d.step()
        score, tags = discriminator(drawn)
        loss = options.adversarial * functional.softplus(-score).mean() + acgan.class_loss(tags, asked)
        adam_g.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam_g.step()

    return step


@torch.no_grad()
def check_same(run: acgan.AcganRun, generator: nn.Module, discriminator: nn.Module) -> None:
    z, asked = torch.randn(4, run.shape.latent), run.ask(4, run.dice)
    pictures = run.generator(z, asked)
    assert torch.allclose(pictures, generator(z, asked), atol=1e-4)
    assert torch.allclose(run.discriminator(pictures)[1], discriminator(pictures)[1], atol=1e-4)


def noise_faces(size: int) -> Dataset:
    """Pictures of noise: a step takes as long whatever it sees."""
    schema, dice = load_schema(), np.random.RandomState(0)
    pictures = dice.randint(0, 256, (256, size, size, 3)).astype(np.uint8)
    weights = dice.random_sample((256, len(schema.slots))).astype(np.float32)
    return Dataset(schema, tuple(map(str, range(256))), pictures, weights)


class PlainDcganGenerator(nn.Module):
    def __init__(self, shape: dcgan.Shape) -> None:
        super().__init__()
        widths = shape.channels
        self.read = nn.ConvTranspose2d(dcgan.LATENT + shape.condition, widths[0], 4, 1, 0, bias=False)
        self.grow = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False) for a, b in pairwise([*widths, 3]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        x = self.read(torch.cat([z, condition], dim=1)[:, :, None, None])
        for norm, grow in zip(self.norms, self.grow, strict=True):
            x = grow(norm(x).relu())
        return x.tanh()


class PlainDcganDiscriminator(nn.Module):
    def __init__(self, shape: dcgan.Shape) -> None:
        super().__init__()
        widths = shape.channels[::-1]
        self.read = nn.Conv2d(3 + shape.condition, widths[0], 4, 2, 1, bias=False)
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1, bias=False) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.judge = nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        planes = condition[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = functional.leaky_relu(self.read(torch.cat([x, planes], dim=1)), 0.2)
        for shrink, norm in zip(self.shrink, self.norms, strict=True):
            x = functional.leaky_relu(norm(shrink(x)), 0.2)
        return self.judge(x).flatten().sigmoid()


def plain_dcgan(run: dcgan_train.DcganRun) -> Callable[[], None]:
    """The plain loop of a DCGAN, beginning as `run` does."""
    options, n = run.options, run.options.batch
    generator, discriminator = PlainDcganGenerator(run.shape), PlainDcganDiscriminator(run.shape)
    generator.load_state_dict(run.generator.state_dict())
    discriminator.load_state_dict(run.discriminator.state_dict())
    with torch.no_grad():
        z, condition = torch.randn(4, dcgan.LATENT), torch.rand(4, run.shape.condition)
        pictures = run.generator(z, condition)
        assert torch.allclose(pictures, generator(z, condition), atol=1e-4)
        ours, plain = run.discriminator(pictures, condition).sigmoid(), discriminator(pictures, condition)
        assert torch.allclose(ours, plain, atol=1e-4)
    adam_g, adam_d = (
        torch.optim.Adam(net.parameters(), options.learning_rate, betas=(options.beta1, 0.999))
        for net in (generator, discriminator)
    )
    real_target, drawn_target = torch.ones(n), torch.zeros(n)

    def step() -> None:
        rows = np.random.randint(len(run.pairs), size=n)
        real = acgan.to_float(run.pairs.pictures[run.pairs.index[rows]]).contiguous()
        condition = run.conditions[rows]
        drawn = generator(torch.randn(n, dcgan.LATENT), condition)
        adam_d.zero_grad()
        functional.binary_cross_entropy(discriminator(real, condition), real_target).backward()
        functional.binary_cross_entropy(discriminator(drawn.detach(), condition), drawn_target).backward()
        adam_d.step()
        adam_g.zero_grad()
        functional.binary_cross_entropy(discriminator(drawn, condition), real_target).backward()
        adam_g.step()

    return step


def noise_pairs(condition: str, size: int) -> dcgan_train.Pairs:
    """Pictures of noise with answers of noise."""
    dice, width = np.random.RandomState(0), load_questionnaire().widths().get(condition, 0)
    pictures = dice.randint(0, 256, (256, size, size, 3)).astype(np.uint8)
    return dcgan_train.Pairs(pictures, np.arange(256), dice.random_sample((256, width)).astype(np.float32))


def steps_of(recipe: str) -> tuple[int, Callable[[], object], Callable[[], object]]:
    """Pictures a step, a step of ours, and a plain one."""
    path = Path("recipes") / f"{recipe}.toml"
    if read_toml(path).get("kind") == "dcgan":
        asked = dcgan_train.read_dcgan_plan(path)
        pairs = noise_pairs(asked.condition, dcgan.SIZE)
        trained = dcgan_train.DcganRun(asked.options, pairs, torch.device("cpu"))
        return asked.options.batch, trained.train_step, plain_dcgan(trained)
    plan = acgan.read_acgan_plan(path)
    run = acgan.AcganRun(plan.options, noise_faces(plan.options.size), plan.left_out, torch.device("cpu"))
    return plan.options.batch, run.train_step, plain_acgan(run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    batch, ours, plain = steps_of(options.recipe)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for number in range(options.steps + 1):
        for name, step in (("ours", ours), ("plain", plain)):
            began = clock()
            step()
            if number:  # the first warms up
                times[name].append(clock() - began)
    seconds = {name: float(np.median(found)) for name, found in times.items()}
    row = {
        "pictures_per_second": round(batch / seconds["ours"], 2),
        "plain_pictures_per_second": round(batch / seconds["plain"], 2),
        "ratio": round(seconds["plain"] / seconds["ours"], 2), "steps": options.steps, "threads": options.threads,
    }  # fmt: skip
    write_json(OUT, (read_json(OUT) if OUT.exists() else {}) | {options.recipe: row})
    print(options.recipe, row)


if __name__ == "__main__":
    main()
