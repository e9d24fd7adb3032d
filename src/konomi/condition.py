"""A condition: what a picture should be. Words, options, tags, answers and picks all become one.

It holds, for every slot of a schema, a weight in [0, 1] (1 yes, 0 no, between: partly), or *unknown* (NaN in arrays). A
doubtful tag, a word that was not said and a blank field are all unknown. Weights are kept to two decimals, so that a
condition survives JSON and share codes unchanged.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from konomi.errors import InputError, shorten
from konomi.schema import Attribute, Schema


@dataclass(frozen=True)
class Condition:
    """Weights by slot; slots that are not there are unknown. Make one with `from_dict`."""

    schema: Schema
    weights: tuple[tuple[int, float], ...] = ()  # (slot number, weight), in slot order

    @classmethod
    def from_slots(cls, schema: Schema, weights: Mapping[int, float]) -> "Condition":
        """From {slot number: weight}, rounded to two decimals."""
        for slot, weight in weights.items():
            if not 0 <= slot < len(schema.slots):
                raise InputError(f"schema {schema.name!r} has {len(schema.slots)} slots, there is no number {slot}")
            if not (math.isfinite(weight) and 0 <= weight <= 1):
                raise InputError(f"{schema.slots[slot]} has weight {weight}; weights go from 0 to 1")
        return cls(schema, tuple((s, round(float(w), 2)) for s, w in sorted(weights.items())))

    @classmethod
    def from_dict(cls, schema: Schema, asked: Mapping[str, Any]) -> "Condition":
        """From the readable form that `to_dict` gives.

        A choice is a value's name, or {value: weight} for mixtures and refusals ({"blonde": 0} is "not blonde"); a flag
        is true, false or a weight. An unknown name or value is an InputError with the nearest known one.
        """
        weights: dict[int, float] = {}
        for name, given in asked.items():
            attribute = schema.attribute(name)
            start = schema.offsets[name].start
            weights.update({start + i: w for i, w in _attribute_weights(attribute, given).items()})
        return cls.from_slots(schema, weights)

    def to_dict(self) -> dict[str, Any]:
        """Only what was asked: {"hair_color": "silver", "glasses": true, "hat": false}."""
        asked: dict[str, Any] = {}
        known = dict(self.weights)
        for attribute in self.schema.attributes:
            where = self.schema.offsets[attribute.name]
            here = {i - where.start: known[i] for i in range(where.start, where.stop) if i in known}
            if here:
                asked[attribute.name] = _readable(attribute, here)
        return asked

    def to_array(self) -> np.ndarray:
        """Weights, shape (slots,), float32; unknown is NaN."""
        array = np.full(len(self.schema.slots), np.nan, dtype=np.float32)
        for slot, weight in self.weights:
            array[slot] = weight
        return array

    def within(self, schema: Schema) -> "Condition":
        """The same in an older version of its schema: what that does not have is left out."""
        return Condition(schema, tuple((slot, weight) for slot, weight in self.weights if slot < len(schema.slots)))

    def merged(self, other: "Condition") -> "Condition":
        """This condition, with every attribute that `other` says anything about taken from `other`."""
        return Condition.from_dict(self.schema, {**self.to_dict(), **other.to_dict()})

    def __bool__(self) -> bool:
        return bool(self.weights)


def _attribute_weights(attribute: Attribute, given: Any) -> dict[int, float]:
    if attribute.is_flag:
        return {0: _weight(attribute.name, given)}
    if isinstance(given, str):
        if attribute.exclusive:
            return {i: float(i == attribute.index(given)) for i in range(len(attribute.values))}
        return {attribute.index(given): 1.0}
    if not isinstance(given, Mapping):
        raise InputError(f"{attribute.name} is {shorten(repr(given))}; give one of: {', '.join(attribute.value_names)}")
    weights = {attribute.index(v): _weight(f"{attribute.name}.{v}", w) for v, w in given.items()}
    if attribute.exclusive and any(weights.values()):  # a mixture: whatever it does not name is absent
        if sum(weights.values()) > 1 + 0.01 * len(weights):  # each may have been rounded up
            raise InputError(f"the weights of {attribute.name} add up to more than 1: {dict(given)}")
        weights = {i: weights.get(i, 0.0) for i in range(len(attribute.values))}
    return weights


def _weight(name: str, given: Any) -> float:
    if not isinstance(given, (bool, int, float)) or not 0 <= given <= 1:
        raise InputError(f"{name} is {shorten(repr(given))}; give true, false, or a weight from 0 to 1")
    return float(given)


def _readable(attribute: Attribute, weights: dict[int, float]) -> Any:
    if attribute.is_flag:
        return {0.0: False, 1.0: True}.get(weights[0], weights[0])
    chosen = {attribute.value_names[i]: w for i, w in weights.items() if w}
    if len(chosen) == 1 and set(chosen.values()) == {1.0} and (attribute.exclusive or len(weights) == 1):
        return next(iter(chosen))
    if attribute.exclusive and chosen:
        return chosen
    return {attribute.value_names[i]: w for i, w in weights.items()}
