"""What nobody asked for, chosen as it occurs in the training data: the same for the same seed.

A generator that learned from fully tagged faces draws best when everything is said. So what a description leaves open
is guessed: one random number for each attribute, drawn from the seed and compared with how often its values occur,
given one attribute that decides much about the others (boys seldom have glasses). Flags that were asked for decide
about it, and about each other, too (who has twintails is a girl, seldom with short hair): their chances are multiplied
as if they told of each tag by themselves (naive Bayes). Changing one thing that was asked leaves the other guesses
mostly as they were, since every attribute keeps its number; colours decide about nothing.

A few things are settled: a model that draws ribbons in wide pictures only draws a wide one where a ribbon was asked
for, unless a close one was asked for, too.

Of what nobody asked, another person may go better with what was: so, from anime-5 on, every candidate of a verified
drawing is guessed anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from konomi.dice import streams
from konomi.schema import Attribute, Schema

MOST = 30.0  # nothing that was asked makes anything more than so many times likelier, or less likely


@dataclass(frozen=True)
class Guess:
    """How often everything occurs."""

    by: str  # the attribute that is guessed first, and that the others depend on; empty: none
    shares: Mapping[str, np.ndarray]  # (slots,) by value of that attribute; "" overall
    lifts: np.ndarray | None = None  # (slots, slots): how many times as often two things occur together as by chance
    each: bool = False  # every candidate of a seed is guessed by itself; if not, all are the same person
    settled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # values of attributes, by flag asked for

    def fill(self, weights: np.ndarray, schema: Schema, seed: int, candidate: int = 0) -> np.ndarray:
        """Weights (slots,) with every NaN replaced by 0 or 1, as `seed` decides, and `candidate` if each is guessed."""
        filled: np.ndarray = self.fill_each(weights, schema, seed, [candidate])[0]
        return filled

    def fill_each(self, weights: np.ndarray, schema: Schema, seed: int, candidates: Sequence[int]) -> np.ndarray:
        """The same for several candidates of one seed, (candidates, slots), in little more time than for one."""
        numbers, weights = self._numbers(schema, seed, candidates), self._settle(weights, schema)
        filled, overall, told = (
            np.repeat(weights[None], len(candidates), axis=0),
            self.shares[""],
            self._told(weights, schema),
        )
        groups = [(np.ones(len(candidates), dtype=bool), overall)]
        if self.by:
            first, where = schema.attribute(self.by), schema.offsets[self.by]
            filled[:, where] = _choose(weights[where], overall[where] * told[where], numbers[self.by], first)
            values = filled[:, where].argmax(axis=1)
            groups = [(values == v, self.shares[name]) for v, name in enumerate(first.value_names)]
        free = _free(schema)
        for rows, shares in groups:
            shares = np.where(free, shares * told / (1 - shares + shares * told), shares)
            for attribute in (a for a in schema.attributes if a.name != self.by):
                where = schema.offsets[attribute.name]
                filled[rows, where] = _choose(weights[where], shares[where], numbers[attribute.name][rows], attribute)
        return filled

    def _settle(self, weights: np.ndarray, schema: Schema) -> np.ndarray:
        """The weights with what is settled by the flags that were asked for, where nothing was said of it, (slots,)."""
        weights = weights.copy()
        for values in (values for flag, values in self.settled.items() if weights[schema.slot_index(flag)] == 1):
            for name, value in values.items():
                where = schema.offsets[name]
                if np.isnan(weights[where]).all():
                    weights[where] = np.eye(where.stop - where.start)[schema.attribute(name).index(value)]
        return weights

    def _numbers(self, schema: Schema, seed: int, candidates: Sequence[int]) -> dict[str, np.ndarray]:
        """One random number for each attribute and candidate, (candidates,) by attribute."""
        # a third number keeps this stream apart from that of the noise
        seeds = [[seed & 0xFFFFFFFF, seed >> 32, 1] + ([c] if self.each and c else []) for c in candidates]
        found = [dice.random_sample(len(schema.attributes)) for dice in streams(seeds)]
        return dict(zip((a.name for a in schema.attributes), np.transpose(found), strict=True))

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
        return cls(row["by"], shares, lifts, row.get("each", False), row.get("settled", {}))

    def to_dict(self) -> dict[str, Any]:
        row: dict[str, Any] = {"by": self.by, "shares": {name: s.round(4).tolist() for name, s in self.shares.items()}}
        row |= {"each": True} if self.each else {}
        row |= {"settled": {flag: dict(values) for flag, values in self.settled.items()}} if self.settled else {}
        return row if self.lifts is None else row | {"lifts": self.lifts.round(3).tolist()}


@cache
def _free(schema: Schema) -> np.ndarray:
    """Which slots are judged by themselves, bool (slots,)."""
    return np.concatenate([np.full(len(a.slots), not a.exclusive) for a in schema.attributes])


def _choose(weights: np.ndarray, shares: np.ndarray, numbers: np.ndarray, attribute: Attribute) -> np.ndarray:
    """The weights of one attribute for each of the random `numbers`, (numbers, values), none of them NaN.

    At most one value is added, and none where one was asked for.
    """
    unknown = np.isnan(weights)
    known = np.where(unknown, 0.0, weights)
    filled = np.repeat(known[None], len(numbers), axis=0)
    if not unknown.any() or known.any():
        return filled
    chances = np.where(unknown, shares, 0.0)
    if attribute.exclusive:
        chances = chances / chances.sum() if chances.any() else unknown / unknown.sum()
    steps = np.cumsum(chances)
    rows = np.flatnonzero((numbers < steps[-1]) | attribute.exclusive)
    filled[rows, np.searchsorted(steps, numbers[rows], side="right").clip(max=len(steps) - 1)] = 1.0
    return filled
