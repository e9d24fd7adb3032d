"""Calibrate a trained tagger and write it as ONNX, pictures in and probabilities out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from konomi.model.losses import attribute_loss, probabilities
from konomi.model.onnx_file import write_onnx
from konomi.model.tagger import DEVIATION, MEAN, AnyTagger
from konomi.schema import Schema


@dataclass(frozen=True)
class Calibration:
    """Logits are multiplied by `scale` and moved by `shift`, float32 (slots,) each."""

    scale: np.ndarray
    shift: np.ndarray


def calibrate(
    found: np.ndarray, truth: np.ndarray, schema: Schema, *, learned: np.ndarray, natural: np.ndarray
) -> Calibration:
    """Fit probabilities to faces that the network did not learn from, at natural shares.

    A network that saw rare tags too often finds them too often. Its logits are moved by the difference between the
    log-odds (log-shares in an exclusive attribute) of `natural` and `learned`, which is exact if only the shares differ
    (Saerens et al. 2002); then one scale for each attribute is fitted (temperature, Guo et al. 2017).

    Parameters
    ----------
    found : array, shape (N, slots)
        Logits of validation faces.
    truth : array, shape (N, slots)
        1 yes, 0 no, NaN not judged.
    learned, natural : array, shape (slots,)
        Shares of each tag in training as it was sampled, and among faces taken at random.
    """
    learned, natural = learned.clip(1e-4, 1 - 1e-4), natural.clip(1e-4, 1 - 1e-4)
    shift = np.zeros(len(schema.slots))
    scale = np.ones(len(schema.slots))
    for attribute in schema.attributes:
        where = schema.offsets[attribute.name]
        moved = np.log(natural[where]) - np.log(learned[where])
        if not attribute.exclusive:
            moved -= np.log1p(-natural[where]) - np.log1p(-learned[where])
        shift[where] = moved
        scale[where] = _temperature(found, truth, schema, attribute.name)
    return Calibration(scale.astype(np.float32), shift.astype(np.float32))


def _temperature(found: np.ndarray, truth: np.ndarray, schema: Schema, name: str) -> float:
    """The scale of one attribute's logits with the lowest cross-entropy; 1 where fewer than 30 faces were judged."""
    where = schema.offsets[name]
    known = ~np.isnan(truth[:, where]).any(axis=1)
    if known.sum() < 30:
        return 1.0
    only = np.full_like(truth[known], np.nan)
    only[:, where] = truth[known][:, where]
    scales = np.geomspace(0.4, 2.5, 40)
    losses = [float(attribute_loss(torch.from_numpy(found[known] * s), torch.from_numpy(only), schema)) for s in scales]
    return float(scales[int(np.argmin(losses))])


class TaggerForm(nn.Module):
    """uint8 pictures (N, size, size, 3) -> calibrated probabilities (N, slots)."""

    def __init__(self, network: AnyTagger, calibration: Calibration, schema: Schema) -> None:
        super().__init__()
        self.network, self.schema = network, schema
        self.scale, self.shift = torch.from_numpy(calibration.scale), torch.from_numpy(calibration.shift)
        self.mean = torch.tensor(MEAN).view(1, 3, 1, 1) * 255
        self.deviation = torch.tensor(DEVIATION).view(1, 3, 1, 1) * 255

    def forward(self, pictures: Tensor) -> Tensor:
        return self.probabilities(self.network(self.normalised(pictures)))

    def normalised(self, pictures: Tensor) -> Tensor:
        """uint8 (N, H, W, 3) -> float (N, 3, H, W), as the network reads it."""
        return (pictures.float().permute(0, 3, 1, 2) - self.mean) / self.deviation

    def probabilities(self, logits: Tensor) -> Tensor:
        moved = logits * self.scale + self.shift
        parts = [
            moved[:, where].softmax(dim=1) if attribute.exclusive else moved[:, where].sigmoid()
            for attribute in self.schema.attributes
            for where in [self.schema.offsets[attribute.name]]
        ]
        return torch.cat(parts, dim=1)


def calibrated(found: np.ndarray, calibration: Calibration, schema: Schema) -> np.ndarray:
    """Probabilities (N, slots) of logits (N, slots)."""
    moved = found * calibration.scale + calibration.shift
    return probabilities(torch.from_numpy(moved.astype(np.float32)), schema).numpy()


def export_tagger(
    network: AnyTagger,
    calibration: Calibration,
    path: Path,
    *,
    schema: Schema,
    size: int,
    thresholds: dict[str, float],
    name: str,
) -> float:
    """Write `path` and return the largest difference of a probability to PyTorch's, on random pictures.

    Input `pictures`, uint8 (N, size, size, 3) RGB; output `probabilities`, float32 (N, slots). Weights are stored in
    half precision. A ModelError if the file would be larger than 12 MB, or the difference above 0.02.
    """
    facts: dict[str, Any] = {
        "kind": "tagger", "name": name, "schema": schema.name, "schema_hash": schema.hash,
        "slots": list(schema.slots), "size": size,
        "thresholds": {slot: round(t, 4) for slot, t in thresholds.items()}, "version": name.rsplit("-", 1)[-1],
    }  # fmt: skip
    pictures = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    form = TaggerForm(network, calibration, schema)
    return write_onnx(
        form, path, facts=facts, examples=[{"pictures": torch.from_numpy(pictures)}],
        outputs=["probabilities"], free={"pictures": {0: "n"}, "probabilities": {0: "n"}}, tolerance=0.02, half=True,
    )  # fmt: skip
