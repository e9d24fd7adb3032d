"""The networks of Hayase 2023: a DCGAN, and the conditional one whose answers enter both networks at the first layer.

The paper names the kinds of layers; their sizes are those of Radford et al. 2016 for 64 pixels, as in PyTorch's own
example. Pictures are float (N, 3, 64, 64) in [-1, 1], conditions float (N, width) in [0, 1]; width 0 is a plain DCGAN.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.model.strided import Grow, Shrink

SIZE = 64  # pixels
LATENT = 100  # length of the noise vector z
DEVIATION = 0.02  # of fresh weights


@dataclass(frozen=True)
class Shape:
    """The sizes that make a generator and its discriminator."""

    condition: int = 0  # length of the encoded answers: 24 scaled, 157 one-hot
    width: int = 64  # channels at 32 x 32 pixels; twice as many at each halving

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the generator, at 4, 8, 16 and 32 pixels."""
        return tuple(self.width * times for times in (8, 4, 2, 1))


class Generator(nn.Module):
    """z (N, 100) and encoded answers (N, width) -> pictures (N, 3, 64, 64).

    The two are one vector, of 124 or 257 numbers; transposed convolutions enlarge it to 4, 8, 16, 32 and 64 pixels.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels = shape.channels
        self.read = nn.ConvTranspose2d(LATENT + shape.condition, channels[0], 4, 1, 0, bias=False)
        self.grow = nn.ModuleList(Grow(a, b) for a, b in pairwise([*channels, 3]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in channels)
        _initialise(self)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        vector = torch.cat([z, condition], dim=1)
        # a transposed convolution of one pixel is a product of matrices
        x = (vector @ self.read.weight.flatten(1)).view(-1, self.shape.channels[0], 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        for norm, grow in zip(self.norms, self.grow, strict=True):
            x = grow(functional.relu(norm(x)))
        return torch.tanh(x.float())


class Discriminator(nn.Module):
    """Pictures and encoded answers -> logits (N,), whose sigmoid is the probability that a picture is real.

    Each number of the condition fills a plane beside the three of the picture: 27 or 160 channels.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        channels = shape.channels[::-1]
        self.read = PlaneConv(3, shape.condition, channels[0])
        self.shrink = nn.ModuleList(Shrink(a, b) for a, b in pairwise(channels))
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in channels[1:])
        self.judge = nn.Conv2d(channels[-1], 1, 4, 1, 0, bias=False)
        _initialise(self)

    def forward(self, pictures: Tensor, condition: Tensor) -> Tensor:
        x = functional.leaky_relu(self.read(pictures, condition), 0.2)
        for shrink, norm in zip(self.shrink, self.norms, strict=True):
            x = functional.leaky_relu(norm(shrink(x)), 0.2)
        return (x.flatten(1) @ self.judge.weight.flatten()).float()


class PlaneConv(nn.Module):
    """4x4 convolution of stride 2 over a picture and constant planes, x (N, 3, 64, 64) -> (N, outputs, 32, 32).

    Planes that are constant need no convolution: at each place the result is the sum of those of the sixteen weights
    that lie inside the picture, times the number. That saves two thirds of a step with 157 planes.
    """

    inside: Tensor

    def __init__(self, pictures: int, planes: int, outputs: int) -> None:
        super().__init__()
        self.pictures = pictures
        self.weight = nn.Parameter(torch.empty(outputs, pictures + planes, 4, 4))
        ones = functional.unfold(torch.ones(1, 1, SIZE, SIZE), 4, padding=1, stride=2)[0].t()
        # (places, 16): which weights lie inside the picture at each place
        self.register_buffer("inside", ones.contiguous(), persistent=False)

    def forward(self, pictures: Tensor, condition: Tensor) -> Tensor:
        x = pictures.contiguous(memory_format=torch.channels_last)
        seen = functional.conv2d(x, self.weight[:, : self.pictures], stride=2, padding=1)
        if condition.shape[1] == 0:
            return seen
        outputs, side = self.weight.shape[0], SIZE // 2
        taps = self.weight[:, self.pictures :].permute(1, 2, 3, 0).flatten(1)  # (planes, 16 * outputs)
        planes = self.inside @ (condition @ taps).view(-1, 16, outputs)  # (N, places, outputs)
        return seen + planes.view(-1, side, side, outputs).permute(0, 3, 1, 2)


def _initialise(network: nn.Module) -> None:
    """Weights N(0, 0.02); of batch normalisation N(1, 0.02), as every DCGAN since Radford's own code."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, DEVIATION)
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, PlaneConv)):
            nn.init.normal_(module.weight, 0.0, DEVIATION)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def adopt(network: nn.Module, trained: dict[str, Tensor], *, first: str, axis: int) -> None:
    """Take over the weights of a network without a condition.

    The first layer (`first`) reads more here than there: what it reads of the noise or of the picture is taken over;
    the weights of the answers, which come after it along `axis`, begin at 0, so that the first picture is that of the
    network without answers. The paper does not say how it filled them; fresh from N(0, 0.02) they shift the whole
    first layer at once, and with 400 characters the discriminator never recovers (LOG.md, 2026-11-22).
    """
    weights = dict(trained)
    mine = torch.zeros_like(network.state_dict()[first])
    mine.narrow(axis, 0, trained[first].shape[axis]).copy_(trained[first])
    network.load_state_dict(weights | {first: mine})
