"""What nobody asked for, chosen as it occurs in the training data: the same for the same seed.

A generator that learned from fully tagged faces draws best when everything is said. So what a description leaves open
is guessed: one random number for each attribute, drawn from the seed and compared with how often its values occur,
given one attribute that decides much about the others (boys seldom have glasses). Flags that were asked for decide
about it, and about each other, too (who has twintails is a girl, seldom with short hair): their chances are multiplied
as if they told of each tag by themselves (naive Bayes). Changing one thing that was asked leaves the other guesses
mostly as they were, since every attribute keeps its number; colours decide about nothing.

Of what nobody asked, another person may go better with what was: so, from anime-5 on, every candidate of a verified
drawing is guessed anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from konomi.schema import Attribute, Schema

MOST = 30.0  # nothing that was asked makes anything more than so many times likelier, or less likely


@dataclass(frozen=True)
class Guess:
    """How often everything occurs."""

    by: str  # the attribute that is guessed first, and that the others depend on; empty: none
    shares: Mapping[str, np.ndarray]  # (slots,) by value of that attribute; "" overall
    lifts: np.ndarray | None = None  # (slots, slots): how many times as often two things occur together as by chance
    each: bool = False  # every candidate of a seed is guessed by itself; if not, all are the same person

    def fill(self, weights: np.ndarray, schema: Schema, seed: int, candidate: int = 0) -> np.ndarray:
        """Weights (slots,) with every NaN replaced by 0 or 1, as `seed` decides, and `candidate` if each is guessed."""
        # a third number keeps this stream apart from that of the noise
        stream = [seed & 0xFFFFFFFF, seed >> 32, 1] + ([candidate] if self.each and candidate else [])
        numbers = np.random.RandomState(stream).random_sample(len(schema.attributes))
        dice = dict(zip((a.name for a in schema.attributes), numbers.tolist(), strict=True))
        filled, shares, told = weights.copy(), self.shares[""], self._told(weights, schema)
        if self.by:
            first, where = schema.attribute(self.by), schema.offsets[self.by]
            filled[where] = _choose(filled[where], shares[where] * told[where], dice[self.by], first)
            shares = self.shares[first.value_names[int(np.argmax(filled[where]))]]
        shares = np.where(_free(schema), shares * told / (1 - shares + shares * told), shares)
        for attribute in schema.attributes:
            where = schema.offsets[attribute.name]
            filled[where] = _choose(filled[where], shares[where], dice[attribute.name], attribute)
        return filled

    def _told(self, weights: np.ndarray, schema: Schema) -> np.ndarray:
        """How many times likelier the flags that were asked for make each slot, (slots,); of a flag: its odds."""
        told, overall, free = np.ones(len(weights)), self.shares[""], _free(schema)
        if self.lifts is None:
            return told
        for asked in np.flatnonzero(free & (weights == 1)):
            there = overall[asked] * self.lifts[asked]  # (slots,): how often the flag is found with the slot,
            elsewhere = (overall[asked] - overall * there) / np.maximum(1 - overall, 1e-6)  # and without it
            told *= np.where(free, there / np.maximum(elsewhere, 1e-6), self.lifts[asked]).clip(1 / MOST, MOST)
        return told.clip(1 / MOST, MOST)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "Guess":
        """From what `to_dict` gave."""
        lifts = np.array(row["lifts"], dtype=np.float64) if "lifts" in row else None
        shares = {name: np.array(s, dtype=np.float64) for name, s in row["shares"].items()}
        return cls(row["by"], shares, lifts, row.get("each", False))

    def to_dict(self) -> dict[str, Any]:
        row: dict[str, Any] = {"by": self.by, "shares": {name: s.round(4).tolist() for name, s in self.shares.items()}}
        row |= {"each": True} if self.each else {}
        return row if self.lifts is None else row | {"lifts": self.lifts.round(3).tolist()}


def _free(schema: Schema) -> np.ndarray:
    """Which slots are judged by themselves, bool (slots,)."""
    return np.concatenate([np.full(len(a.slots), not a.exclusive) for a in schema.attributes])


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
