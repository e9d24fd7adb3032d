"""Checkpoints: one safetensors file with networks, optimisers and random state, and the rest as JSON in its header."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from konomi.errors import ModelError
from konomi.files import whole


def save(path: Path, parts: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    """Write tensors by part ("generator", "adam_d", ...) and a JSON-able state; whole, or the old file stays."""
    tensors = {f"{part}/{k}": v.detach().contiguous() for part, named in parts.items() for k, v in named.items()}
    with whole(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(state)})


def load(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save` wrote; a ModelError if the file is damaged or is no checkpoint."""
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
            parts: dict[str, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118 (the handle is no dict)
                part, name = key.split("/", 1)
                parts.setdefault(part, {})[name] = file.get_tensor(key)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ModelError(f"{path} is not a whole checkpoint: {error}") from error
    return parts, state


def adam_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts as flat tensors."""
    return {f"{i}.{k}": v for i, s in optimiser.state_dict()["state"].items() for k, v in s.items()}


def restore_adam(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `adam_tensors`; the optimiser must have been made from the same parameters."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        if value.dim():  # the fused kernel reads moments in the memory order of the parameter
            value = torch.empty_like(parameters[int(number)]).copy_(value)
        state.setdefault(int(number), {})[name] = value.detach()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
