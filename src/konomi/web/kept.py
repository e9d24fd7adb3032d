"""A cache of bounded size: what was used last is kept."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, of a total weight of at most `most`; the ones that were not used for longest go first."""

    def __init__(self, most: int) -> None:
        self.most, self.weight = most, 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key: K, value: V, *, weight: int = 1) -> None:
        """Keep a value, unless it alone weighs more than everything may."""
        self._drop(key)
        if weight > self.most:
            return
        self._values[key] = value, weight
        self.weight += weight
        while self.weight > self.most:
            self._drop(next(iter(self._values)))

    def _drop(self, key: K) -> None:
        self.weight -= self._values.pop(key, (None, 0))[1]

    def __len__(self) -> int:
        return len(self._values)
