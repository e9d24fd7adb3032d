"""The networks of Xu (after Jin et al. 2017): an SRResNet generator and a residual discriminator with a classifier.

Pictures are float (N, 3, H, W) in [-1, 1]; conditions are (N, tags) with 1 for a tag that is asked for and 0 for one
that is not. Sources: SRResNet, Ledig et al. 2017; sub-pixel convolution, Shi et al. 2016; sizes of the layers, which Xu
gives in a figure only, from Jin et al. 2017 (arXiv 1708.05509, figures 5 and 6). Convolutions run in `dtype`
(bfloat16 for training on a CPU with AMX), batch statistics in float32.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.errors import TrainingError
from konomi.model.ops import conv2d, leaky_relu

DEVIATION = 0.02  # all weights begin as N(0, 0.02)
START = 16  # pixels of the first feature map
STAGES = (32, 64, 128, 256, 512)  # channels of the discriminator, two residual blocks each
LAST = 1024  # channels of its last convolution
KERNELS = (4, 4, 3, 3, 3)  # of the strided convolutions behind the stages


@dataclass(frozen=True)
class SRResNetShape:
    """The sizes that make a generator and its discriminator."""

    tags: int = 34
    size: int = 128  # pixels
    latent: int = 128
    blocks: int = 16  # residual blocks of the generator
    width: int = 64  # its channels
    slope: float = 0.2  # of the discriminator's leaky ReLU

    def __post_init__(self) -> None:
        if self.size not in (32, 64, 128, 256):
            raise TrainingError(f"pictures of {self.size} px; sub-pixel layers make 32, 64, 128 or 256 from {START}")

    @property
    def doublings(self) -> int:
        """How many sub-pixel layers lead from 16 px to the picture."""
        return (self.size // START).bit_length() - 1


class Conv(nn.Module):
    """Convolution with bias, in the dtype of its input."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        weight = torch.randn(outputs, inputs, kernel, kernel) * DEVIATION
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride, self.padding = stride, (kernel - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = conv2d(x, self.weight.to(x.dtype), stride=self.stride, padding=self.padding)
        return y + self.bias.to(x.dtype).view(1, -1, 1, 1)


class Dense(nn.Linear):
    """Dense layer, float32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        nn.init.normal_(self.weight, 0.0, DEVIATION)
        nn.init.zeros_(self.bias)


class Normalised(nn.Module):
    """Convolution, batch normalisation, and ReLU unless it is the second of a residual block."""

    def __init__(self, width: int, *, activate: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.activate = Conv(width, width, 3), nn.BatchNorm2d(width), activate

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return functional.relu(y) if self.activate else y


class SubPixel(nn.Module):
    """3x3 convolution to four times the channels, rearranged to twice the side; batch normalisation and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = Conv(width, 4 * width, 3), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.enlarge(x)))

    def enlarge(self, x: Tensor) -> Tensor:
        """Channel 4 c + 2 i + j of the convolution becomes channel c of pixel (2 y + i, 2 x + j) (Shi, eq. 4)."""
        if not torch.is_grad_enabled():
            return functional.pixel_shuffle(self.conv(x), 2)
        # the same, with the channels put in the order i, j, c first, so that whole pixels are moved: 4 times as fast
        n, width, height, side = x.shape
        order = torch.arange(4 * width).view(width, 4).t().flatten()
        y = conv2d(x, self.conv.weight[order].to(x.dtype), padding=1)
        y = y + self.conv.bias[order].to(x.dtype).view(1, -1, 1, 1)
        y = y.permute(0, 2, 3, 1).reshape(n, height, side, 2, 2, width).transpose(2, 3)
        return y.reshape(n, 2 * height, 2 * side, width).permute(0, 3, 1, 2)


class Paint(Conv):
    """9x9 convolution to three colours.

    While training, its nine rows are computed as 27 channels of a 1x9 convolution and then summed: matrix units work on
    16 channels at once, and three would leave them idle.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(x)
        rows = self.weight.transpose(1, 2).flatten(0, 1)[:, :, None].to(x.dtype)  # (27, width, 1, 9)
        y = functional.conv2d(x, rows.contiguous(memory_format=torch.channels_last), padding=(0, 4))
        rows_to_colours = torch.eye(27, dtype=x.dtype, device=x.device).view(3, 9, 27).transpose(1, 2)[..., None]
        return functional.conv2d(y, rows_to_colours, self.bias.to(x.dtype), padding=(4, 0))


class SRResNetGenerator(nn.Module):
    """z (N, latent) and condition (N, tags) -> pictures (N, 3, size, size) in [-1, 1]."""

    def __init__(self, shape: SRResNetShape) -> None:
        super().__init__()
        self.shape, width = shape, shape.width
        self.start = Dense(shape.latent + shape.tags, width * START**2)
        self.start_norm = nn.BatchNorm2d(width)
        self.blocks = nn.ModuleList(
            nn.Sequential(Normalised(width, activate=True), Normalised(width, activate=False))
            for _ in range(shape.blocks)
        )
        self.join = Normalised(width, activate=True)
        self.enlarge = nn.ModuleList(SubPixel(width) for _ in range(shape.doublings))
        self.paint = Paint(width)

    def forward(self, z: Tensor, condition: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        x = self.start(torch.cat([z, condition], dim=1)).view(-1, self.shape.width, START, START)
        x = first = functional.relu(self.start_norm(x.to(dtype).contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = x + block(x)
        x = self.join(x) + first
        for layer in self.enlarge:
            x = layer(x)
        return self.paint(x).float().tanh()


class Block(nn.Module):
    """Residual block without batch normalisation, so that pictures of a batch stay apart."""

    def __init__(self, width: int, slope: float) -> None:
        super().__init__()
        self.first, self.second, self.slope = Conv(width, width, 3), Conv(width, width, 3), slope

    def forward(self, x: Tensor) -> Tensor:
        branch = self.second(leaky_relu(self.first(x), slope=self.slope))
        return leaky_relu(x + branch, slope=self.slope)


class ResidualDiscriminator(nn.Module):
    """Pictures -> (logit of being real (N,), logits of the tags (N, tags))."""

    def __init__(self, shape: SRResNetShape) -> None:
        super().__init__()
        self.slope = shape.slope
        self.read = Conv(3, STAGES[0], 4, stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(Block(a, shape.slope), Block(a, shape.slope), Conv(a, b, kernel, stride=2))
            for (a, b), kernel in zip(pairwise([*STAGES, LAST]), KERNELS, strict=True)
        )
        features = LAST * max(1, shape.size // 64) ** 2
        self.score = Dense(features, 1)
        self.tags = Dense(features, shape.tags)

    def forward(self, pictures: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        x = leaky_relu(self.read(pictures.to(dtype).contiguous(memory_format=torch.channels_last)), slope=self.slope)
        for stage in self.stages:
            x = leaky_relu(stage(x), slope=self.slope)
        features = x.float().flatten(1)
        return self.score(features)[:, 0], self.tags(features)
