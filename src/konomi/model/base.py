"""What a published model leaves to those who train on: its networks, read back from ONNX files.

The generator is the file that draws. Its discriminator is published beside it, for this alone: with a fresh one, a
few hundred pictures teach too little before they are known by heart.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from konomi.errors import ModelError
from konomi.files import file_sha256
from konomi.model import checkpoint
from konomi.model.card import short_card
from konomi.model.networks import Discriminator, Generator, Shape
from konomi.model.onnx_file import write_onnx
from konomi.network import facts_of, open_session
from konomi.schema import Schema

BATCH = 8  # pictures that the discriminator's file takes: the group that its minibatch deviation is of


@dataclass(frozen=True)
class Base:
    """Networks to go on from, and what they were trained on."""

    name: str
    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]
    shape: Shape
    schema_hash: str
    prior: Tensor  # (slots,), what conditions are centred on
    seen: int  # pictures


def export_discriminator(path: Path, file: Path, *, name: str, licence: str, schema: Schema) -> dict[str, Any]:
    """Write the discriminator of the checkpoint `path` as `file`, weights in half precision, and returns its facts.

    Its widest layer is stored in eight bits, so that one beside a wide generator is small enough to be published.

    Inputs picture (8, 3, size, size) in [-1, 1] and condition (8, slots), centred; outputs score (8,) and attributes
    (8, slots), logits.
    """
    parts, state = checkpoint.load(path)
    shape = _shape(state["options"], len(schema.slots))
    network = Discriminator(shape)
    network.load_state_dict(parts["discriminator"])
    facts = {
        "kind": "discriminator", "name": name, "licence": licence, "schema": schema.name, "schema_hash": schema.hash,
        "shape": asdict(shape), "pictures": state["seen"] + state.get("before", 0),
    }  # fmt: skip
    dice = torch.Generator().manual_seed(0)
    examples = [
        {"picture": torch.randn(BATCH, 3, shape.size, shape.size, generator=dice).clamp(-1, 1),
         "condition": torch.rand(BATCH, shape.slots, generator=dice)}
        for _ in range(3)
    ]  # fmt: skip
    difference = write_onnx(
        _Traced(network), file, facts=facts, examples=examples, outputs=["score", "attributes"], half=True,
        rough=["dense.weight"], tolerance=0.1,
    )  # fmt: skip
    sizes = {"bytes": file.stat().st_size, "sha256": file_sha256(file), "difference": difference}
    return facts | sizes | {"parameters": sum(p.numel() for p in network.parameters())}


def discriminator_card(facts: dict[str, Any]) -> str:
    """The text of a card, from what `export_discriminator` returns."""
    rows = [
        ("licence", facts["licence"]),
        ("input", f"{BATCH} pictures of {facts['shape']['size']} px, and their conditions"),
        ("output", "how real each looks beside the others, and what tags it sees, as logits"),
        ("file", f"{facts['bytes'] / 1e6:.1f} MB, weights in half precision and eight bits, sha256 {facts['sha256']}"),
        ("parameters", f"{facts['parameters'] / 1e6:.2f} million"),
        ("training", f"{facts['pictures']:,} pictures"),
        ("ONNX against PyTorch", f"largest difference {facts['difference']:.1e}"),
    ]
    uses = "It goes on with its generator in `konomi train --from`, and is for nothing else."
    return short_card(facts["name"], rows, uses)


class _Traced(nn.Module):
    """The discriminator with nothing but tensors as arguments, which is all that the exporter can trace."""

    def __init__(self, network: Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = self.network(picture, condition)
        return found


def _shape(options: dict[str, Any], slots: int) -> Shape:
    channels = tuple(options["channels"])
    made = {name: options.get(name, False) for name in ("smooth", "soft_colours")}
    return Shape(slots, size=8 * 2 ** (len(channels) - 1), channels=channels, **made)


def read_base(generator: Path, discriminator: Path) -> Base:
    """The networks of two published files; a ModelError if they do not belong together."""
    drawing, judging = (facts_of(open_session(path), path) for path in (generator, discriminator))
    if "shape" not in judging or judging["schema_hash"] != drawing["schema_hash"]:
        raise ModelError(f"{discriminator} is no discriminator for {generator}")
    shape = Shape.from_dict(judging["shape"])
    return Base(
        drawing["name"], weights_of(generator, Generator(shape)), weights_of(discriminator, Discriminator(shape)),
        shape, drawing["schema_hash"], torch.tensor(drawing["prior"], dtype=torch.float32), drawing["pictures"],
    )  # fmt: skip


def weights_of(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """The weights that an ONNX file of `network` holds, by their names in `network`; a ModelError if it is another's.

    The exporter keeps the names of dense layers. What convolutions use it renames, but it names each step after the
    layer that takes it (`/judge/early/early.0/Conv` is in the layer `early.0`).
    """
    graph = onnx.load(str(path)).graph
    stored = {w.name.removesuffix(".half"): numpy_helper.to_array(w).astype(np.float32) for w in graph.initializer}
    for name in [name.removesuffix(".rough") for name in stored if name.endswith(".rough")]:
        stored[name] = stored[f"{name}.rough"] * stored[f"{name}.scale"][:, None]
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in stored:  # two layers with equal values share them
            stored[node.output[0]] = stored[node.input[0]]
    # what is traced holds the network under one more name
    found = {name.partition(".")[2]: values for name, values in stored.items()}
    for node in graph.node:
        parts = node.name.split("/")[2:-1]
        layer = ".".join(a for a, b in zip(parts, [*parts[1:], ""], strict=False) if not b.startswith(f"{a}."))
        for place, given in enumerate(node.input):
            if given in stored and given.startswith("onnx::"):
                found[f"{layer}.{'weight' if (node.op_type, place) == ('Conv', 1) else 'bias'}"] = stored[given]
    weights = {}
    for name, like in network.state_dict().items():
        values = found.get(name, found.get(name.partition(".")[2]))  # a part that is not called itself has no name
        if values is None or values.size != like.numel():
            raise ModelError(f"{path} does not hold a network of this shape: its {name} is another, or missing")
        weights[name] = torch.from_numpy(values.copy()).view_as(like)
    return weights
