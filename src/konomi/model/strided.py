"""4x4 convolutions of stride 2, and their transposes, as one product of matrices: for many channels on few pixels.

With 256 and more channels at 8 x 8 pixels and below, the convolutions of a CPU in bfloat16 spend their time on ordering
the weights (measured: 266 ms for a forward and backward pass of 64 pictures that takes 60 here). The results are equal.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

WORTH = 16  # pixels of the larger side up to which the product is faster


class Shrink(nn.Conv2d):
    """4x4 convolution of stride 2 without bias: x (N, inputs, H, W) -> (N, outputs, H / 2, W / 2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        if not _worth(x, height):
            return super().forward(x)
        rows: Tensor = _Gather.apply(x)
        made = rows @ self.weight.permute(0, 2, 3, 1).flatten(1).t()
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
        made: Tensor = _Scatter.apply(rows, n, height, width)
        return made


def _worth(x: Tensor, side: int) -> bool:
    return torch.is_grad_enabled() and x.device.type == "cpu" and side <= WORTH


def _gather(x: Tensor) -> Tensor:
    """x (N, C, H, W) -> the 4x4 pixels under each place of the result, (N * H / 2 * W / 2, 16 * C)."""
    n, channels, height, width = x.shape
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    a, b, c, d = padded.stride()
    places = padded.as_strided((n, height // 2, width // 2, 4, 4, channels), (a, 2 * b, 2 * c, b, c, d))
    return places.reshape(-1, 16 * channels)


def _scatter(rows: Tensor, n: int, height: int, width: int) -> Tensor:
    """The transpose of `_gather`: every number is added where it was taken from; (N, C, 2 * height, 2 * width)."""
    parts = rows.view(n, height, width, 4, 4, -1)
    padded = rows.new_zeros(n, 2 * height + 2, 2 * width + 2, parts.shape[-1])
    for i in range(4):
        for j in range(4):
            padded[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += parts[:, :, :, i, j]
    return padded[:, 1:-1, 1:-1].contiguous().permute(0, 3, 1, 2)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return _gather(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        n, _, height, width = ctx.shape
        return _scatter(grad.contiguous(), n, height // 2, width // 2)


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, n: int, height: int, width: int) -> Tensor:
        return _scatter(rows, n, height, width)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _gather(grad), None, None, None
