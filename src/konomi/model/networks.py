"""The networks: a style-modulated generator and a residual discriminator with projection.

Pictures are float (N, 3, H, W) in [-1, 1]; conditions are centred weights (N, slots) in which 0 is unknown.
Convolutions run in `dtype` (bfloat16 for training on a CPU with AMX, float32 for export); everything of one number a
picture stays in float32. Sources: modulation by scaling before and after the convolution, Karras et al. 2020
(StyleGAN2); projection, Miyato & Koyama 2018; minibatch deviation, Karras et al. 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.errors import TrainingError
from konomi.model.ops import conv2d, leaky_relu

GAIN = 2**0.5  # keeps the variance through a leaky ReLU, nearly


@dataclass(frozen=True)
class Shape:
    """The sizes that make a generator and its discriminator."""

    slots: int
    size: int = 64  # pixels; the last doubling is depth-to-space
    channels: tuple[int, ...] = (192, 192, 128, 64)  # at 4, 8, 16, ... size / 2 pixels
    latent: int = 128  # length of the noise vector z
    embedding: int = 128  # length of the embedded condition
    style: int = 256  # length of the style vector w
    smooth: bool = False  # take the finest checkerboard, which depth-to-space leaves, out of the picture
    soft_colours: bool = False  # colours at half the resolution of light and dark, as JPEG stores them

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> "Shape":
        """The inverse of `asdict`, as JSON keeps it."""
        return cls(**told | {"channels": tuple(told["channels"])})

    def __post_init__(self) -> None:
        made = 8 * 2 ** (len(self.channels) - 1)
        if self.size != made:
            counts = f"{len(self.channels)} channel counts make pictures of {made} px"
            raise TrainingError(f"{counts}, but the data has {self.size} px; change one of them")


class Linear(nn.Module):
    """Dense layer with weights N(0, gain / sqrt(inputs)); always float32."""

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * gain / inputs**0.5)
        self.bias = nn.Parameter(torch.full((outputs,), bias))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class Conv(nn.Module):
    """Convolution with bias, weights N(0, gain / sqrt(fan in)), run in the dtype of its input."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) * gain / (inputs * kernel**2) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride, self.padding = stride, (kernel - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = conv2d(x, _cast(self.weight, x), stride=self.stride, padding=self.padding)
        return y + self.bias.to(x.dtype).view(1, -1, 1, 1)


def _cast(weight: Tensor, like: Tensor) -> Tensor:
    return weight.to(like.dtype).contiguous(memory_format=torch.channels_last)


class ModulatedConv(nn.Module):
    """3x3 convolution whose input channels are scaled by the style and whose output is renormalised.

    scale -> convolution -> scale equals modulating the weights (StyleGAN2, eq. 1 and 3) and needs no weights of its own
    for each picture, so that it batches, and exports to ONNX cleanly. With `doubles` each pixel becomes 2x2 first.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        style: int,
        *,
        activate: bool = True,
        demodulate: bool = True,
        doubles: bool = False,
    ) -> None:
        super().__init__()
        self.affine = Linear(style, inputs, gain=0.7, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / (inputs * 9) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.activate, self.demodulate, self.doubles = activate, demodulate, doubles
        self.frozen_power: Tensor | None = None  # set by `freeze`

    def power(self) -> Tensor:
        """Summed squares of the weights by channel pair, shape (outputs, inputs)."""
        return self.weight.square().sum(dim=(2, 3)) if self.frozen_power is None else self.frozen_power

    def freeze(self) -> None:
        """Compute `power` once and for all, for export: ONNX would otherwise store every weight twice."""
        self.frozen_power = self.power().detach()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale = self.affine(style)  # (N, inputs)
        scaled = x * _spread(scale, x)
        if self.doubles:
            y = functional.conv_transpose2d(scaled, _cast(doubling(self.weight), x), stride=2, padding=1)
        else:
            y = conv2d(scaled, _cast(self.weight, x), padding=1)
        if self.demodulate:
            y = y * _spread(torch.rsqrt(scale.square() @ self.power().t() + 1e-6), x)
        y = y + self.bias.to(x.dtype).view(1, -1, 1, 1)
        return leaky_relu(y) * GAIN if self.activate else y


def doubling(weight: Tensor) -> Tensor:
    """The transposed convolution of stride 2 that equals doubling by nearest neighbours and then convolving.

    weight (outputs, inputs, 3, 3) -> (inputs, outputs, 4, 4). Of the nine products a pixel, those that see the same
    pixel are one: four are left.
    """
    sums = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return (sums @ weight @ sums.t()).transpose(0, 1)


def _spread(vector: Tensor, like: Tensor) -> Tensor:
    return vector.to(like.dtype)[:, :, None, None]


class Generator(nn.Module):
    """z (N, latent) and centred condition (N, slots) -> pictures (N, 3, size, size), nearly in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        first, last = shape.channels[0], shape.channels[-1]
        self.embed = Linear(shape.slots, shape.embedding)
        self.mapping = nn.ModuleList(
            [Linear(shape.latent + shape.embedding, shape.style), Linear(shape.style, shape.style)]
        )
        self.start = Linear(shape.style, first * 16)
        convs = [ModulatedConv(first, first, shape.style)]
        for inputs, outputs in pairwise(shape.channels):
            convs += [
                ModulatedConv(inputs, outputs, shape.style, doubles=True),
                ModulatedConv(outputs, outputs, shape.style),
            ]
        self.convs = nn.ModuleList(convs)
        self.paint = ModulatedConv(last, 12, shape.style, activate=False, demodulate=False)

    def style(self, z: Tensor, condition: Tensor) -> Tensor:
        """The style vector w, shape (N, style), of root mean square 1."""
        w = torch.cat([z, self.embed(condition)], dim=1)
        for layer in self.mapping:
            w = leaky_relu(layer(w)) * GAIN
        return w * torch.rsqrt(w.square().mean(dim=1, keepdim=True) + 1e-6)

    def forward(self, z: Tensor, condition: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        w = self.style(z, condition)
        # the input is linear in w: a learned constant gave identical samples on small data
        x = self.start(w).view(-1, self.shape.channels[0], 4, 4)
        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            x = conv(x, w)
        # 0.2: a fresh network starts grey, not saturated
        picture = functional.pixel_shuffle(self.paint(x, w).float() * 0.2, 2)
        if self.shape.smooth:
            picture = without_checkers(picture)
        return with_soft_colours(picture) if self.shape.soft_colours else picture


def without_checkers(pictures: Tensor, share: float = 0.8) -> Tensor:
    """Pictures (N, 3, H, W) with `share` of the checkerboard of single pixels removed, and little else changed.

    The second differences of both directions, one after the other, pass sin^2(u / 2) sin^2(v / 2) of a wave of u and v
    radians a pixel: all of the checkerboard, nothing of what runs along a row or a column.
    """
    line = pictures.new_tensor([-0.25, 0.5, -0.25])
    kernel = torch.outer(line, line).expand(pictures.shape[1], 1, 3, 3)
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    return pictures - share * functional.conv2d(padded, kernel, groups=pictures.shape[1])


LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601, which JPEG takes)


def with_soft_colours(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) whose differences of colour are of half the resolution; their luminance stays.

    As JPEG stores them: means of 2x2 pixels, enlarged linearly (ITU-T T.871). A generator that learns from such
    pictures is else told by its coloured grain.
    """
    light = (pictures * pictures.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    colours = functional.avg_pool2d(pictures - light, 2)
    return light + functional.interpolate(colours, scale_factor=2.0, mode="bilinear", align_corners=False)


class Block(nn.Module):
    """Residual block that halves the side: x (N, inputs, H, W) -> (N, outputs, H / 2, W / 2).

    The skip is a 2x2 convolution of stride 2 and the branch ends in a 4x4 one: average pooling costs more on a CPU.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Conv(inputs, inputs, 3, gain=GAIN)
        self.second = Conv(inputs, outputs, 4, stride=2, gain=GAIN)
        self.skip = Conv(inputs, outputs, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.second(leaky_relu(self.first(x)))
        return leaky_relu((branch + self.skip(x)) * 0.5**0.5)


class Trunk(nn.Module):
    """Picture (N, 3, size, size) -> features (N, width, 4, 4), through pixel-unshuffle and blocks."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.read = Conv(12, channels[0], 3)  # after pixel-unshuffle
        self.blocks = nn.ModuleList(Block(a, b) for a, b in pairwise(channels))

    def forward(self, pictures: Tensor, dtype: torch.dtype) -> Tensor:
        x = functional.pixel_unshuffle(pictures, 2).to(dtype).contiguous(memory_format=torch.channels_last)
        x = leaky_relu(self.read(x))
        for block in self.blocks:
            x = block(x)
        return x


class Discriminator(nn.Module):
    """Pictures and centred conditions -> (realness score (N,), attribute logits (N, slots))."""

    def __init__(self, shape: Shape, *, width: int = 512, group: int = 8) -> None:
        super().__init__()
        channels = shape.channels[::-1]
        self.group = group
        self.trunk = Trunk(channels)
        self.mix = Conv(channels[-1] + 1, channels[-1], 3, gain=GAIN)
        self.dense = Linear(channels[-1] * 16, width, gain=GAIN)
        self.score = Linear(width, 1)
        self.project = Linear(shape.slots, width)
        self.attributes = Linear(width, shape.slots)

    def forward(self, pictures: Tensor, condition: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        x = self.trunk(pictures, dtype)
        x = leaky_relu(self.mix(torch.cat([x, deviation(x, self.group)], dim=1)))
        h = leaky_relu(self.dense(x.float().flatten(1)))
        projected = (h * self.project(condition)).sum(dim=1) / h.shape[1] ** 0.5
        return self.score(h)[:, 0] + projected, self.attributes(h)


def deviation(x: Tensor, group: int) -> Tensor:
    """Mean standard deviation over groups of pictures, as one extra channel (N, 1, H, W): shows a lack of variety."""
    n, _, height, width = x.shape
    size = group if n % group == 0 else n
    groups = x.float().reshape(size, n // size, -1)
    spread = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1)  # (n / size,)
    return spread.repeat(size).view(n, 1, 1, 1).expand(n, 1, height, width).to(x.dtype)
