"""Convolution and leaky ReLU that can be differentiated twice, fast, in bfloat16 on a CPU.

A gradient penalty needs the gradient of a gradient. PyTorch's own double backward of a convolution falls back to slow
kernels; here the gradients by input and by weight are each one call of `aten.convolution_backward`, themselves
differentiable, and the weight gradient is skipped in the inner pass, which asks for the gradient by the picture only.
The idea is that of `conv2d_gradfix` in StyleGAN2 (Karras et al. 2020).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_weight_gradients = True


@contextmanager
def input_gradients_only() -> Iterator[None]:
    """Inside, a backward pass through `conv2d` leaves out the gradient by the weights."""
    global _weight_gradients
    before, _weight_gradients = _weight_gradients, False
    try:
        yield
    finally:
        _weight_gradients = before


def conv2d(x: Tensor, weight: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    """2-D convolution without bias; x (N, C, H, W), weight (K, C, h, w)."""
    if not torch.is_grad_enabled():
        return functional.conv2d(x, weight, stride=stride, padding=padding)
    height, width = (_side(side, weight.shape[2], stride, padding) for side in x.shape[2:])
    if height * width <= FEW:
        return _as_product(x, weight, height, width, stride, padding)
    result: Tensor = _Conv.apply(x, weight, stride, padding)
    return result


FEW = 16  # output positions a picture: up to here one large matrix product is up to 13 times as fast


def _side(side: int, kernel: int, stride: int, padding: int) -> int:
    return (side + 2 * padding - kernel) // stride + 1


def _as_product(x: Tensor, weight: Tensor, height: int, width: int, stride: int, padding: int) -> Tensor:
    """The same convolution as one matrix product of all windows (im2col), channels last."""
    seen = windows(x, weight.shape[2], stride, padding)
    product = seen.flatten(0, 2) @ weight.permute(0, 2, 3, 1).flatten(1).t()
    return product.view(len(x), height, width, -1).permute(0, 3, 1, 2)


def windows(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """x (N, C, H, W) -> what each output position of a convolution sees, (N, height, width, kernel^2 C)."""
    seen: Tensor = _Windows.apply(x, kernel, stride, padding)
    return seen


def sum_of_windows(seen: Tensor, sides: tuple[int, int], kernel: int, stride: int, padding: int) -> Tensor:
    """The transpose of `windows`: every number is added to the pixel it was read from; (N, C, *sides)."""
    pixels: Tensor = _SumOfWindows.apply(seen, sides, kernel, stride, padding)
    return pixels


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        ctx.geometry = x.shape[2:], kernel, stride, padding
        n, channels, *sides = x.shape
        height, width = (_side(side, kernel, stride, padding) for side in sides)
        padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0) + (padding,) * 4)
        a, b, c, d = padded.stride()
        places = padded.as_strided((n, height, width, kernel, kernel, channels), (a, stride * b, stride * c, b, c, d))
        return places.reshape(n, height, width, kernel**2 * channels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _SumOfWindows.apply(grad, *ctx.geometry), None, None, None


class _SumOfWindows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, seen: Tensor, sides: tuple[int, int], kernel: int, stride: int, padding: int) -> Tensor:
        ctx.geometry = kernel, stride, padding
        n, rows, columns = seen.shape[:3]
        parts = seen.reshape(n, rows, columns, kernel, kernel, -1)
        padded = seen.new_zeros(n, *(side + 2 * padding for side in sides), parts.shape[-1])
        for i in range(kernel):
            for j in range(kernel):
                padded[:, i : i + stride * rows : stride, j : j + stride * columns : stride] += parts[:, :, :, i, j]
        end = -padding or None
        return padded[:, padding:end, padding:end].contiguous().permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Windows.apply(grad, *ctx.geometry), None, None, None, None


def _backward(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, mask: list[bool]) -> Any:
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1, mask
    )


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        return functional.conv2d(x, weight, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        by_x = by_weight = None
        if ctx.needs_input_grad[0]:
            by_x = _GradInput.apply(grad, weight, x, *ctx.geometry)
        if ctx.needs_input_grad[1] and _weight_gradients:
            by_weight = _GradWeight.apply(grad, x, weight, *ctx.geometry)
        return by_x, by_weight, None, None


class _GradInput(torch.autograd.Function):
    """Gradient of a convolution by its input: linear in `grad` and in `weight` (x only gives the shape)."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, weight: Tensor, x: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(grad, weight)
        ctx.geometry = stride, padding
        result: Tensor = _backward(grad, x, weight, stride, padding, [True, False, False])[0]
        return result

    @staticmethod
    def backward(ctx: Any, double: Tensor) -> Any:
        grad, weight = ctx.saved_tensors
        double = double.contiguous(memory_format=torch.channels_last)
        by_grad = conv2d(double, weight, stride=ctx.geometry[0], padding=ctx.geometry[1])
        by_weight = _GradWeight.apply(grad, double, weight, *ctx.geometry) if ctx.needs_input_grad[1] else None
        return by_grad, by_weight, None, None, None


class _GradWeight(torch.autograd.Function):
    """Gradient of a convolution by its weight. Never differentiated: a penalty needs it in the outer pass only."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        result: Tensor = _backward(grad, x, weight, stride, padding, [False, True, False])[1]
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise NotImplementedError("third-order gradients are not needed anywhere in Konomi")


def leaky_relu(x: Tensor, *, slope: float = 0.2) -> Tensor:
    """max(x, slope * x), whose first and second backward keep x's memory layout."""
    if not torch.is_grad_enabled():
        return functional.leaky_relu(x, slope)
    result: Tensor = _LeakyReLU.apply(x, slope)
    return result


class _LeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        y = functional.leaky_relu(x, slope)
        ctx.save_for_backward(y)
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return _LeakyReLUGrad.apply(grad, y, ctx.slope), None


class _LeakyReLUGrad(torch.autograd.Function):
    """Gradient of leaky ReLU: linear in `grad`; the sign of the result y is that of the input."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, y: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(y)
        ctx.slope = slope
        if y.dim() == 4:
            grad = grad.contiguous(memory_format=torch.channels_last)
        result: Tensor = torch.ops.aten.leaky_relu_backward(grad, y, slope, True)
        return result

    @staticmethod
    def backward(ctx: Any, double: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return _LeakyReLUGrad.apply(double, y, ctx.slope), None, None
