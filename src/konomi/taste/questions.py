"""Which question comes next, and about how many more are worth asking."""

import math

import numpy as np

from konomi.taste.picks import information, next_set
from konomi.taste.posterior import LIKE
from konomi.taste.preference import Taste

FEWEST, MOST = 6, 12  # picks
LARGEST = 6  # pictures of one question
DRAWS = 1000
# Of six pictures to nobody's simulated pickers: 0.43 of the most that a pick can say at first, 0.018 less after each,
# and at 0.25, after eight to ten, further ones hardly improve what is suggested
ENOUGH, DECLINE = 0.25, 0.018


def next_question(taste: Taste, design: np.ndarray, *, size: int, seed: int, shown: np.ndarray) -> np.ndarray:
    """The pictures to show next out of the pool `design` (N, D), (size,) rows, none of them of `shown`.

    Of two or more, the person says which they like better; of one, whether they like it.
    """
    if size > 1:
        return next_set(taste, design, size=size, seed=seed, shown=shown)
    left = np.setdiff1d(np.arange(len(design)), shown)
    gain = information(likes(taste, design[left], seed))
    return left[[int(gain.argmax())]]


def likes(taste: Taste, design: np.ndarray, seed: int) -> np.ndarray:
    """Log-odds of liking pictures (N, D), and zeros of not liking them, under draws of the taste: (draws, N, 2)."""
    used = [*range(design.shape[1]), len(taste.mean) + LIKE]
    root = np.linalg.cholesky(taste.covariance[np.ix_(used, used)])
    drawn = taste.mean[used] + np.random.default_rng(seed).normal(size=(DRAWS, len(used))) @ root.T
    utility = drawn[:, :-1] @ design.T + drawn[:, -1:]
    return np.stack([utility, np.zeros_like(utility)], axis=-1)


def questions_left(taste: Taste, asked: np.ndarray, said: int, *, seed: int) -> int:
    """About how many more questions are worth asking, the one about `asked` (K, D) included; 0: it is enough.

    From 6 to 12 in all, as many until a question says little beside what it could; twice as many likes.
    """
    size = len(asked)
    dice = np.random.default_rng(seed)
    drawn = likes(taste, asked, seed)[:, 0] if size == 1 else taste.draw(asked, DRAWS, dice)
    share = float(information(drawn)) / math.log(max(size, 2))
    fewest, most = (2 * FEWEST, 2 * MOST) if size == 1 else (FEWEST, MOST)
    wanted = math.ceil((share - ENOUGH) / DECLINE)
    return min(max(wanted, fewest - said, 0), max(most - said, 0))
