"""Snapshots of Hayase's generators: read them, and write them as ONNX with what their user needs to know."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from konomi.errors import ModelError
from konomi.files import file_sha256
from konomi.model import checkpoint
from konomi.model.dcgan import LATENT, SIZE, Generator, Shape
from konomi.model.dcgan_train import draw
from konomi.model.onnx_file import write_onnx


@dataclass(frozen=True)
class DcganSnapshot:
    """A generator with the facts that it was trained on."""

    generator: Generator
    facts: dict[str, Any]  # condition (encoding), questionnaire, simulated, answers, characters
    seen: int  # pictures
    step: int

    def draw(self, z: np.ndarray, condition: np.ndarray) -> list[Image.Image]:
        """Pictures for noises (N, 100) and encoded answers (N, width)."""
        return draw(self.generator, torch.from_numpy(z).float(), torch.from_numpy(condition).float())


def is_dcgan(path: Path) -> bool:
    """Whether a snapshot is one of these."""
    return checkpoint.load(path)[1].get("kind") == "dcgan"


def load_dcgan_snapshot(path: Path) -> DcganSnapshot:
    """Read a file of `snapshots/` in a run folder; a ModelError if it is of another kind."""
    parts, state = checkpoint.load(path)
    if state.get("kind") != "dcgan":
        raise ModelError(f"{path} is not a snapshot of a DCGAN")
    generator = Generator(Shape(**state["shape"]))
    tensors = {k: v.float() if v.is_floating_point() else v for k, v in parts["generator"].items()}
    generator.load_state_dict(tensors)
    return DcganSnapshot(generator.eval(), state["facts"], state["seen"], state["step"])


class _Unasked(nn.Module):
    """A generator that was trained without answers."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        picture: Tensor = self.generator(z, z[:, :0])
        return picture


def export_dcgan(path: Path, onnx: Path, *, name: str, licence: str) -> dict[str, Any]:
    """Write the snapshot `path` as `onnx`, weights in half precision, and return the facts for its card.

    Inputs z (1, 100) and, with answers, condition (1, 24 or 157) in the order of `konomi.questionnaire`; output picture
    (1, 3, 64, 64) in [-1, 1].
    """
    snapshot = load_dcgan_snapshot(path)
    facts = {
        "kind": "dcgan", "name": name, "licence": licence, "latent": LATENT, "size": SIZE, "pictures": snapshot.seen,
        **snapshot.facts,
    }  # fmt: skip
    width, dice = snapshot.generator.shape.condition, torch.Generator().manual_seed(0)
    examples = [{"z": torch.randn(1, LATENT, generator=dice)} for _ in range(10)]
    if width:
        examples = [one | {"condition": torch.rand(1, width, generator=dice)} for one in examples]
    network = snapshot.generator if width else _Unasked(snapshot.generator)
    difference = write_onnx(
        network, onnx, facts=facts, examples=examples, outputs=["picture"], half=True, tolerance=0.05
    )
    counts = sum(p.numel() for p in snapshot.generator.parameters())
    sizes = {"bytes": onnx.stat().st_size, "sha256": file_sha256(onnx), "difference": difference}
    return facts | sizes | {"parameters": counts}
