"""What nobody asked for, chosen as it occurs in the training data: the same for the same seed.

A generator that learned from fully tagged faces draws best when everything is said. So what a description leaves open
is guessed: one random number for each attribute, drawn from the seed and compared with how often its values occur,
given one attribute that decides much about the others (boys seldom have twintails). Changing one thing that was asked
leaves the other guesses as they were, since every attribute keeps its number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from konomi.schema import Attribute, Schema


@dataclass(frozen=True)
class Guess:
    """How often everything occurs."""

    by: str  # the attribute that is guessed first, and that the others depend on; empty: none
    shares: Mapping[str, np.ndarray]  # (slots,) by value of that attribute; "" overall

    def fill(self, weights: np.ndarray, schema: Schema, seed: int) -> np.ndarray:
        """Weights (slots,) with every NaN replaced by 0 or 1, as `seed` decides."""
        # a third number keeps this stream apart from that of the noise
        numbers = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32, 1]).random_sample(len(schema.attributes))
        dice = dict(zip((a.name for a in schema.attributes), numbers.tolist(), strict=True))
        filled, shares = weights.copy(), self.shares[""]
        if self.by:
            first, where = schema.attribute(self.by), schema.offsets[self.by]
            filled[where] = _choose(filled[where], shares[where], dice[self.by], first)
            shares = self.shares[first.value_names[int(np.argmax(filled[where]))]]
        for attribute in schema.attributes:
            where = schema.offsets[attribute.name]
            filled[where] = _choose(filled[where], shares[where], dice[attribute.name], attribute)
        return filled

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "Guess":
        """From what `to_dict` gave."""
        return cls(row["by"], {name: np.array(shares, dtype=np.float64) for name, shares in row["shares"].items()})

    def to_dict(self) -> dict[str, Any]:
        return {"by": self.by, "shares": {name: shares.round(4).tolist() for name, shares in self.shares.items()}}


def _choose(weights: np.ndarray, shares: np.ndarray, number: float, attribute: Attribute) -> np.ndarray:
    """The weights of one attribute, none of them NaN: at most one value is added, and none where one was asked for."""
    unknown = np.isnan(weights)
    filled = np.where(unknown, 0.0, weights)
    if not unknown.any() or filled.any():
        return filled
    chances = np.where(unknown, shares, 0.0)
    if attribute.exclusive:
        chances = chances / chances.sum() if chances.any() else unknown / unknown.sum()
    steps = np.cumsum(chances)
    if number < steps[-1] or attribute.exclusive:
        filled[min(int(np.searchsorted(steps, number, side="right")), len(steps) - 1)] = 1.0
    return filled
