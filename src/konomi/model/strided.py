"""4x4 convolutions of stride 2, and their transposes, as one product of matrices: for many channels on few pixels.

With 256 and more channels at 8 x 8 pixels and below, the convolutions of a CPU in bfloat16 spend their time on ordering
the weights (measured: 266 ms for a forward and backward pass of 64 pictures that takes 60 here). The results are equal.
"""

from typing import Any

import torch
from torch import Tensor, nn

from konomi.model.ops import sum_of_windows, windows

WORTH = 16  # pixels of the larger side up to which the product is faster


class Shrink(nn.Conv2d):
    """4x4 convolution of stride 2 without bias: x (N, inputs, H, W) -> (N, outputs, H / 2, W / 2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        if not _worth(x, height):
            return super().forward(x)
        made = windows(x, 4, 2, 1).flatten(0, 2) @ self.weight.permute(0, 2, 3, 1).flatten(1).t()
        return made.view(n, height // 2, width // 2, -1).permute(0, 3, 1, 2)


class Grow(nn.ConvTranspose2d):
    """4x4 transposed convolution of stride 2 without bias: x (N, inputs, H, W) -> (N, outputs, 2 H, 2 W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=False)

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        n, channels, height, width = x.shape
        if not _worth(x, 2 * height):
            return super().forward(x, output_size)
        rows = x.permute(0, 2, 3, 1).reshape(-1, channels) @ self.weight.permute(0, 2, 3, 1).flatten(1)
        return sum_of_windows(rows.view(n, height, width, -1), (2 * height, 2 * width), 4, 2, 1)


def _worth(x: Tensor, side: int) -> bool:
    return torch.is_grad_enabled() and x.device.type == "cpu" and side <= WORTH
