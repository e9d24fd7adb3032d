"""Write a trained generator as ONNX, with everything that drawing needs to know in its metadata."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from konomi.errors import InputError, ModelError
from konomi.files import file_sha256
from konomi.guessing import Guess
from konomi.model import checkpoint
from konomi.model.acgan import tags_without
from konomi.model.base import weights_of
from konomi.model.networks import Generator, ModulatedConv, Shape
from konomi.model.onnx_file import write_onnx
from konomi.model.srresnet import SRResNetGenerator, SRResNetShape
from konomi.model.train import named_shares
from konomi.network import facts_of, open_session
from konomi.schema import Schema, load_schema, schema_names


@dataclass(frozen=True)
class Snapshot:
    """A generator with the facts that it was trained on."""

    generator: nn.Module  # z (N, latent) and weights - prior (N, slots) -> pictures (N, 3, size, size)
    schema: Schema  # in the version that it was trained with
    latent: int
    size: int  # pixels
    prior: Tensor  # (slots,)
    draws: tuple[str, ...]  # slots that it was trained on
    seen: int  # pictures
    guess: Guess | None = None  # what nobody asks for; without one it stays unknown
    tolerance: float = 3 / 255  # largest difference allowed between the file's pictures and these


def schema_of(path: Path) -> Schema:
    """The shipped schema that a snapshot was trained with, by its hash; a ModelError if there is none."""
    _, state = checkpoint.load(path)
    for name in schema_names():
        if (schema := load_schema(name)).version(state.get("schema", "")):
            return schema
    raise ModelError(f"{path} was trained with none of the schemas that this Konomi has: {', '.join(schema_names())}")


def load_snapshot(path: Path, schema: Schema) -> Snapshot:
    """Read a file of `snapshots/` in a run folder; a ModelError if it belongs to another schema."""
    parts, state = checkpoint.load(path)
    own = schema.version(state.get("schema", ""))
    if own is None or "shape" not in state:
        raise ModelError(f"{path} is not a snapshot of schema {schema.name!r}")
    make = _acgan if state.get("kind") == "acgan" else _generator
    snapshot = make(parts, state, own)
    weights = {k: v.float() if v.is_floating_point() else v for k, v in parts["generator"].items()}
    _network(snapshot.generator).load_state_dict(weights)
    snapshot.generator.eval()
    return snapshot


def _generator(parts: dict[str, dict[str, Tensor]], state: dict[str, Any], schema: Schema) -> Snapshot:
    shape = Shape.from_dict(state["shape"])
    prior = parts["labels"]["prior"]
    # what had no labels has a prior of exactly 0
    draws = tuple(slot for slot, share in zip(schema.slots, prior.tolist(), strict=True) if share > 0)
    shares = parts["labels"].get("shares")
    lifts = parts["labels"].get("lifts")
    told = lifts.double().numpy() if lifts is not None else None
    guess = Guess(*named_shares(shares.double().numpy(), schema), told, each=True) if shares is not None else None
    return Snapshot(Generator(shape), schema, shape.latent, shape.size, prior, draws, state["seen"], guess)


def _acgan(_parts: dict[str, dict[str, Tensor]], state: dict[str, Any], schema: Schema) -> Snapshot:
    shape = SRResNetShape(**state["shape"])
    kept = tags_without(schema, tuple(state["left_out"])).tolist()
    draws = tuple(schema.slots[i] for i in kept)
    generator = _Reading(SRResNetGenerator(shape), kept)
    return Snapshot(
        generator, schema, shape.latent, shape.size, torch.zeros(len(schema.slots)), draws, state["seen"],
        guess=_as_asked(schema, state["ask_flag"]), tolerance=0.2,
    )  # fmt: skip


def _as_asked(schema: Schema, chance: float) -> Guess:
    """As Xu's conditions are asked: a random value of a choice, and every other tag with `chance`."""
    shares = np.full(len(schema.slots), chance)
    for attribute in (a for a in schema.attributes if a.exclusive):
        shares[schema.offsets[attribute.name]] = 1 / len(attribute.slots)
    return Guess("", {"": shares})


def _assuming(snapshot: Snapshot, assume: Mapping[str, str]) -> Guess:
    """The snapshot's guess with some choices decided, always or with a flag; an InputError names an unknown one."""
    if snapshot.guess is None:
        raise InputError("this run did not keep how often things occur, so nothing can be assumed; train on with it")
    schema, shares = snapshot.schema, {name: found.copy() for name, found in snapshot.guess.shares.items()}
    settled: dict[str, dict[str, str]] = {}
    for key, value in assume.items():
        flag, _, name = key.rpartition(":")
        chosen, where = schema.attribute(name).index(value), schema.offsets[schema.attribute(name).name]
        if flag:
            settled.setdefault(schema.slots[schema.slot_index(flag)], {})[name] = value
            continue
        for found in shares.values():
            found[where] = np.eye(where.stop - where.start)[chosen]
    return replace(snapshot.guess, shares=shares, settled=settled)


class _Reading(nn.Module):
    """A generator that reads some of the slots only."""

    def __init__(self, generator: nn.Module, slots: Sequence[int]) -> None:
        super().__init__()
        self.generator, self.slots = generator, list(slots)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        picture: Tensor = self.generator(z, condition[:, self.slots])
        return picture


def _network(generator: nn.Module) -> nn.Module:
    return generator.generator if isinstance(generator, _Reading) else generator


def export(snapshot: Snapshot, path: Path, *, name: str, licence: str) -> float:
    """Write `path`: inputs z (1, latent) and condition (1, slots), output picture (1, 3, size, size).

    Weights are stored in half precision, as snapshots hold them; the runtime computes in single precision.
    Returns the largest difference between the ONNX picture and PyTorch's, on ten noises. A ModelError if the file would
    be larger than 12 MB or differs by more than the snapshot tolerates.
    """
    schema = snapshot.schema
    facts = {
        "name": name, "licence": licence, "schema": schema.name, "schema_hash": schema.hash,
        "draws": list(snapshot.draws), "prior": [round(float(p), 6) for p in snapshot.prior],
        "latent": snapshot.latent, "size": snapshot.size, "pictures": snapshot.seen,
    }  # fmt: skip
    if snapshot.guess is not None:
        facts["guess"] = snapshot.guess.to_dict()
    dice = torch.Generator().manual_seed(0)
    examples = [
        {"z": torch.randn(1, snapshot.latent, generator=dice),
         "condition": torch.randn(1, len(schema.slots), generator=dice)}
        for _ in range(10)
    ]  # fmt: skip
    return write_onnx(
        Core(snapshot.generator), path, facts=facts, examples=examples, outputs=["picture"],
        trained=snapshot.generator, half=True, tolerance=snapshot.tolerance,
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
    mean = {k: torch.stack([s[k].float() for s in states]).mean(dim=0).to(v.dtype) for k, v in states[0].items()}
    snapshots[-1].generator.load_state_dict(mean)
    return snapshots[-1]


def blended(snapshot: Snapshot, other: Path) -> Snapshot:
    """The snapshot with the mean of its weights and those of the exported generator `other`, which it once began with.

    Networks that lie a short training apart can be averaged like that, and the mean draws calmer pictures than either
    (Wortsman et al. 2022). A ModelError if `other` is of another shape, schema or prior.
    """
    facts = facts_of(open_session(other), other)
    prior = torch.tensor(facts["prior"])
    if facts["schema_hash"] != snapshot.schema.hash or not torch.allclose(prior, snapshot.prior, atol=1e-5):
        raise ModelError(f"{other} and the run were trained on other tags, or other frequencies of them; no mean")
    theirs, own = weights_of(other, snapshot.generator), snapshot.generator.state_dict()
    snapshot.generator.load_state_dict({k: ((v.float() + theirs[k]) / 2).to(v.dtype) for k, v in own.items()})
    return snapshot


def export_run(
    source: Path,
    path: Path,
    *,
    schema: Schema,
    name: str,
    licence: str,
    average: int = 1,
    assume: Mapping[str, str] | None = None,
    mean_with: Path | None = None,
) -> dict[str, Any]:
    """Export a snapshot, or the mean of a run folder's last `average` ones; returns the facts for its card.

    `mean_with` is an exported generator: the mean of both networks is written, see `blended`.

    `assume` names values of choices that are meant wherever nothing is asked, as {"framing": "close"}, or with a flag
    that is: {"ribbon:framing": "wide"}.
    """
    paths = newest_snapshots(source, average) if source.is_dir() else [source]
    snapshot = mean_snapshot(paths, schema)
    if mean_with:
        snapshot = blended(snapshot, mean_with)
    if assume:
        snapshot = replace(snapshot, guess=_assuming(snapshot, assume))
    difference = export(snapshot, path, name=name, licence=licence)
    return {
        "name": name, "licence": licence, "averaged": len(paths), "schema": snapshot.schema, "draws": snapshot.draws,
        "prior": snapshot.prior.tolist(),
        "size": snapshot.size, "pictures": snapshot.seen, "bytes": path.stat().st_size,
        "sha256": file_sha256(path), "difference": difference,
        "parameters": sum(p.numel() for p in snapshot.generator.parameters()),
    }  # fmt: skip


class Core(nn.Module):
    """The generator with nothing but tensors as arguments, which is all that the exporter can trace."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator)
        for module in self.generator.modules():
            if isinstance(module, ModulatedConv):
                module.freeze()

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        picture: Tensor = self.generator(z, condition)
        return picture
