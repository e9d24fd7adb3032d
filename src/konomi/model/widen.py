"""A network goes on in a wider one: more channels, or more slots, with the same pictures at first.

What is new reads the old features through fresh weights; nothing old reads what is new until it has learned to (after
Net2WiderNet, Chen et al. 2016, with zeros in place of copies).
"""

import torch
from torch import Tensor, nn

EXTRA = ("mix.weight",)  # its last input is the minibatch deviation, whatever the number of channels


def widened_network(old: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The weights of `network`, fresh, with `old` weights of a narrower one in them."""
    return {name: widened(old[name], fresh, last=name in EXTRA) for name, fresh in network.state_dict().items()}


def widened(old: Tensor, fresh: Tensor, *, last: bool = False) -> Tensor:
    """`fresh` (outputs, inputs, ...) with `old` in its first outputs and inputs, whose other inputs become 0.

    With `last` the last input of the old is that of the new.
    """
    if old.shape == fresh.shape:
        return old
    result = fresh.clone()
    if fresh.dim() > 1:
        result[: len(old)] = 0
    return _placed(old, result, last=last)


def widened_moments(old: dict[str, Tensor], parameters: list[Tensor], names: list[str]) -> dict[str, Tensor]:
    """Adam's moments (as `checkpoint.adam_tensors` names them) for wider parameters.

    Where a parameter is new, its gradient counts as 0 so far, and its square as the mean of the others: a square of 0
    would make its first steps enormous.
    """
    result = {}
    for key, value in old.items():
        number, _, kind = key.partition(".")
        if value.dim() == 0:  # the count of steps
            result[key] = value
            continue
        like, name = parameters[int(number)], names[int(number)]
        start = value.mean().item() if kind == "exp_avg_sq" else 0.0
        result[key] = _placed(value, torch.full_like(like, start), last=name in EXTRA)
    return result


def _placed(old: Tensor, into: Tensor, *, last: bool) -> Tensor:
    if last and old.shape != into.shape:
        into[: old.shape[0], : old.shape[1] - 1], into[: old.shape[0], -1:] = old[:, :-1], old[:, -1:]
    else:
        into[tuple(slice(0, n) for n in old.shape)] = old
    return into
