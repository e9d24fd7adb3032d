"""Write a trained generator as ONNX, with everything that drawing needs to know in its metadata."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from konomi.errors import ModelError
from konomi.files import file_sha256
from konomi.model import checkpoint
from konomi.model.networks import Generator, ModulatedConv, Shape
from konomi.model.onnx_file import write_onnx
from konomi.schema import Schema


@dataclass(frozen=True)
class Snapshot:
    """An averaged generator with the facts that it was trained on."""

    generator: Generator
    shape: Shape
    prior: Tensor  # (slots,)
    seen: int  # pictures


def load_snapshot(path: Path, schema: Schema) -> Snapshot:
    """Read a file of `snapshots/` in a run folder; a ModelError if it belongs to another schema."""
    parts, state = checkpoint.load(path)
    if state.get("schema") != schema.hash or "shape" not in state:
        raise ModelError(f"{path} is not a snapshot of schema {schema.name!r}")
    shape = Shape(**{**state["shape"], "channels": tuple(state["shape"]["channels"])})
    generator = Generator(shape)
    generator.load_state_dict({name: tensor.float() for name, tensor in parts["generator"].items()})
    return Snapshot(generator.eval(), shape, parts["labels"]["prior"], state["seen"])


def export(snapshot: Snapshot, path: Path, *, schema: Schema, draws: tuple[str, ...], name: str, licence: str) -> float:
    """Write `path`: inputs z (1, latent) and condition (1, slots), output picture (1, 3, size, size).

    Returns the largest difference between the ONNX picture and PyTorch's, on ten noises. A ModelError if the file would
    be larger than 12 MB or differs by more than 1/255.
    """
    facts = {
        "name": name, "licence": licence, "schema": schema.name, "schema_hash": schema.hash, "draws": list(draws),
        "prior": [round(float(p), 6) for p in snapshot.prior], "latent": snapshot.shape.latent,
        "size": snapshot.shape.size, "pictures": snapshot.seen,
    }  # fmt: skip
    dice = torch.Generator().manual_seed(0)
    examples = [
        {"z": torch.randn(1, snapshot.shape.latent, generator=dice),
         "condition": torch.randn(1, snapshot.shape.slots, generator=dice)}
        for _ in range(10)
    ]  # fmt: skip
    return write_onnx(
        _Core(snapshot.generator), path, facts=facts, examples=examples, outputs=["picture"],
        trained=snapshot.generator, tolerance=2 / 255,
    )  # fmt: skip


def newest_snapshots(run: Path, count: int) -> list[Path]:
    """The last `count` snapshots of a run folder; a ModelError if it has fewer."""
    found = sorted((run / "snapshots").glob("*.safetensors"))
    if not 1 <= count <= len(found):
        raise ModelError(
            f"{run} has {len(found)} snapshots, {count} were asked for; 'konomi train' writes them as it goes"
        )
    return found[-count:]


def mean_snapshot(paths: Sequence[Path], schema: Schema) -> Snapshot:
    """The last of the snapshots with the mean weights of them all (stochastic weight averaging, Izmailov et al. 2018).

    A longer average than the one kept while training, chosen afterwards: it calms a generator that still moves.
    """
    snapshots = [load_snapshot(path, schema) for path in paths]
    states = [snapshot.generator.state_dict() for snapshot in snapshots]
    mean = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    snapshots[-1].generator.load_state_dict(mean)
    return snapshots[-1]


def export_run(
    source: Path, path: Path, *, schema: Schema, name: str, licence: str, average: int = 1
) -> dict[str, Any]:
    """Export a snapshot, or the mean of a run folder's last `average` ones; returns the facts for its card."""
    paths = newest_snapshots(source, average) if source.is_dir() else [source]
    snapshot = mean_snapshot(paths, schema)
    # what had no labels has a prior of exactly 0
    draws = tuple(slot for slot, share in zip(schema.slots, snapshot.prior.tolist(), strict=True) if share > 0)
    difference = export(snapshot, path, schema=schema, draws=draws, name=name, licence=licence)
    return {
        "name": name, "licence": licence, "averaged": len(paths), "schema": schema, "draws": draws,
        "prior": snapshot.prior.tolist(),
        "size": snapshot.shape.size, "pictures": snapshot.seen, "bytes": path.stat().st_size,
        "sha256": file_sha256(path), "difference": difference,
        "parameters": sum(p.numel() for p in snapshot.generator.parameters()),
    }  # fmt: skip


class _Core(nn.Module):
    """The generator with nothing but tensors as arguments, which is all that the exporter can trace."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator)
        for module in self.generator.modules():
            if isinstance(module, ModulatedConv):
                module.freeze()

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        picture: Tensor = self.generator(z, condition)
        return picture
