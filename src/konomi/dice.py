"""Random numbers that are the same for ever.

numpy's RandomState is used on purpose: its streams are frozen, those of newer generators are not (NEP 19).
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np


def streams(seeds: Iterable[Sequence[int]]) -> Iterator[np.random.RandomState]:
    """The stream of each seed, to be used before the next is taken: to make a new one takes ten times as long."""
    state = np.random.RandomState(0)
    for seed in seeds:
        state.seed(seed)
        yield state
