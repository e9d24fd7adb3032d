"""A scout: a small network that says what a judge would say of a picture from noise and condition alone.

Learned from a generator's drawings as its judge sees them, which costs nobody's eyes; `konomi.scouting` asks it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from konomi.errors import TrainingError
from konomi.model.onnx_file import write_onnx
from konomi.schema import Schema

HELD = 0.1  # of the drawings, to tell how well it does


@dataclass(frozen=True)
class Seen:
    """Drawings as a judge sees them; N of them."""

    z: np.ndarray  # float32 (N, latent): noise, as the generator reads it
    conditions: np.ndarray  # float32 (N, slots): centred, as the generator reads them
    probabilities: np.ndarray  # float32 (N, slots), NaN for slots that the judge does not know
    appeal: np.ndarray  # float32 (N, 2): whole, liked

    def __len__(self) -> int:
        return len(self.z)

    def part(self, rows: slice) -> "Seen":
        return Seen(self.z[rows], self.conditions[rows], self.probabilities[rows], self.appeal[rows])

    @property
    def knows(self) -> np.ndarray:
        """Which slots the judge knows, bool (slots,)."""
        return ~np.isnan(self.probabilities).any(axis=0)

    @property
    def odds(self) -> Tensor:
        """Log-odds of what it says: of the slots that it knows, whole, liked; (N, known + 2)."""
        said = np.column_stack([self.probabilities[:, self.knows], self.appeal])
        return torch.logit(torch.from_numpy(said).float().clamp(1e-3, 1 - 1e-3))


class ScoutNetwork(nn.Module):
    """Noise (N, latent) and centred condition (N, slots) -> log-odds (N, outputs)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, latent: int, slots: int, outputs: int, *, hidden: int = 512, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent + slots, hidden), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("deviation", torch.ones(outputs))

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        return self.standard(z, condition) * self.deviation + self.mean

    def standard(self, z: Tensor, condition: Tensor) -> Tensor:
        """The same with mean 0 and deviation 1."""
        found: Tensor = self.layers(torch.cat([z, 2 * condition], dim=1))  # flags vary by a half
        return found


def train_scout(
    seen: Seen,
    *,
    epochs: int = 25,
    batch: int = 256,
    learning_rate: float = 3e-3,
    seed: int = 0,
    report: Callable[[str], None] = print,
) -> ScoutNetwork:
    """Learn from all but the last `HELD` of the drawings by squared errors of log-odds; returned evaluating."""
    torch.manual_seed(seed)
    learned = seen.part(slice(0, len(seen) - round(HELD * len(seen))))
    each = len(learned) // batch
    if each == 0:
        raise TrainingError(f"{len(learned)} drawings are fewer than a batch of {batch}; draw more")
    z, conditions, odds = torch.from_numpy(learned.z), torch.from_numpy(learned.conditions), learned.odds
    network = ScoutNetwork(z.shape[1], conditions.shape[1], odds.shape[1])
    network.mean, network.deviation = odds.mean(dim=0), odds.std(dim=0).clamp(min=0.1)
    truth = (odds - network.mean) / network.deviation
    optimiser = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, epochs * each)
    for epoch in range(epochs):
        for rows in torch.randperm(len(learned))[: each * batch].view(each, batch):
            loss = functional.mse_loss(network.standard(z[rows], conditions[rows]), truth[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
        report(f"epoch {epoch + 1}/{epochs}: {loss.item():.3f} of the variance is left")
    return network.eval()


@torch.no_grad()
def agreement(network: ScoutNetwork, seen: Seen) -> np.ndarray:
    """How well it foretells the judge: correlations of probabilities, (known + 2,), on drawings not learned from.

    NaN where the judge always says the same.
    """
    held = seen.part(slice(len(seen) - round(HELD * len(seen)), None))
    told = network(torch.from_numpy(held.z), torch.from_numpy(held.conditions)).sigmoid().numpy()
    said = held.odds.sigmoid().numpy()
    with np.errstate(invalid="ignore"):
        return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(told.T, said.T, strict=True)])


class _Form(nn.Module):
    """As `konomi.scouting` asks: probabilities of the known slots (N, known), whole (N,), liked (N,)."""

    def __init__(self, network: ScoutNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = self.network(z, condition).sigmoid()
        return found[:, :-2], found[:, -2], found[:, -1]


def export_scout(network: ScoutNetwork, path: Path, seen: Seen, *, schema: Schema, name: str) -> float:
    """Write `path` and return the largest difference of a probability to PyTorch's; a ModelError if it is above 0.02.

    `seen` is what it learned from. Weights are stored in half precision.
    """
    slots = [slot for slot, known in zip(schema.slots, seen.knows, strict=True) if known]
    facts = {"kind": "scout", "name": name, "schema": schema.name, "schema_hash": schema.hash, "slots": slots}
    outputs = ["probabilities", "whole", "liked"]
    some = seen.part(slice(0, 64))
    example = {"z": torch.from_numpy(some.z), "condition": torch.from_numpy(some.conditions)}
    free = {name: {0: "n"} for name in (*example, *outputs)}
    return write_onnx(_Form(network), path, facts=facts, examples=[example], outputs=outputs, free=free, half=True,
                      tolerance=0.02)  # fmt: skip
