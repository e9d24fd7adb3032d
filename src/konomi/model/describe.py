"""What a recipe's networks cost: parameters, operations and activations for one picture.

A multiply-add counts 2 operations; convolutions and dense layers are counted, nothing else. Activations are the
numbers that these layers put out (Dollar et al. 2021), which tell the time of a network better than operations do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from konomi.questionnaire import load_questionnaire
from konomi.schema import load_schema


@dataclass(frozen=True)
class Cost:
    """Of one network, for one picture."""

    network: str
    reads: str  # shapes of its inputs
    parameters: int
    operations: int
    activations: int


def cost(name: str, network: nn.Module, *inputs: Tensor) -> Cost:
    """Count one forward pass of `network` on `inputs`, of one picture each."""
    network.eval()
    outputs = _Outputs()
    with torch.no_grad(), FlopCounterMode(display=False) as operations, outputs:
        network(*inputs)
    shapes = ", ".join("x".join(map(str, x.shape[1:])) for x in inputs)
    parameters = sum(p.numel() for p in network.parameters())
    return Cost(name, shapes, parameters, operations.get_total_flops(), outputs.count)


class _Outputs(TorchDispatchMode):
    """Counts the numbers that convolutions and matrix products put out."""

    COUNTED = ("convolution", "addmm", "mm", "linear")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in self.COUNTED:
            self.count += result.numel()
        return result


def describe(recipe: Path, kind: str) -> list[Cost]:
    """The costs of the networks of a recipe of `kind`, which is one of `KINDS`."""
    return KINDS[kind](recipe)


def _generator(recipe: Path) -> list[Cost]:
    from konomi.model.networks import Discriminator, Generator, Shape
    from konomi.model.plan import read_plan

    plan = read_plan(recipe)
    slots, channels = len(load_schema(plan.schema).slots), tuple(plan.options.channels)
    shape = Shape(slots=slots, size=8 * 2 ** (len(channels) - 1), channels=channels)
    z, condition = torch.zeros(1, shape.latent), torch.zeros(1, slots)
    picture = torch.zeros(1, 3, shape.size, shape.size)
    return [
        cost("generator", Generator(shape), z, condition),
        cost("discriminator", Discriminator(shape), picture, condition),
    ]


def _acgan(recipe: Path) -> list[Cost]:
    from konomi.model.acgan import read_acgan_plan, shape_of
    from konomi.model.srresnet import ResidualDiscriminator, SRResNetGenerator

    plan = read_acgan_plan(recipe)
    shape = shape_of(plan.options, load_schema(plan.schema), plan.left_out)
    z, condition = torch.zeros(1, shape.latent), torch.zeros(1, shape.tags)
    return [
        cost("generator", SRResNetGenerator(shape), z, condition),
        cost("discriminator", ResidualDiscriminator(shape), torch.zeros(1, 3, shape.size, shape.size)),
    ]


def _tagger(recipe: Path) -> list[Cost]:
    from konomi.model.tagger import make_network
    from konomi.model.tagger_run import read_tagger_plan

    plan = read_tagger_plan(recipe)
    options, slots = plan.options, len(load_schema(plan.schema).slots)
    network = make_network(slots, options)
    return [cost("tagger", network, torch.zeros(1, 3, options.size, options.size))]


def _dcgan(recipe: Path) -> list[Cost]:
    from konomi.model.dcgan import LATENT, SIZE, Discriminator, Generator, Shape
    from konomi.model.dcgan_train import read_dcgan_plan

    plan = read_dcgan_plan(recipe)
    shape = Shape(load_questionnaire().widths().get(plan.condition, 0), plan.options.width)
    condition = torch.zeros(1, shape.condition)
    return [
        cost("generator", Generator(shape), torch.zeros(1, LATENT), condition),
        cost("discriminator", Discriminator(shape), torch.zeros(1, 3, SIZE, SIZE), condition),
    ]


KINDS: dict[str, Callable[[Path], list[Cost]]] = {
    "generator": _generator, "acgan": _acgan, "dcgan": _dcgan, "tagger": _tagger,
}  # fmt: skip
