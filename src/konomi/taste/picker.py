"""Which of a study's pictures a person picks from next: those whose pick says most of their taste, after the others.

A tasting, which is to find what somebody likes, asks about likely favourites (`konomi.taste.picks`); a study asks about
whatever is least known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from konomi.errors import InputError
from konomi.taste.picks import information
from konomi.taste.preference import Crowd, Taste, learn, newcomer
from konomi.taste.questions import next_question
from konomi.taste.session import Reply, as_replies
from konomi.taste.study import LIKE

DRAWS = 512  # of the taste
Said = tuple[tuple[int, ...], int | None]  # pictures shown, and the place that was picked, from 1; None: passed over


@dataclass(frozen=True)
class Picker:
    """The pictures as taste sees them, and what is assumed of people beforehand."""

    crowd: Crowd
    design: np.ndarray  # (N, D)

    def next(self, said: Sequence[Said], *, size: int, seed: int) -> list[int]:
        """The `size` pictures to show next, by number; none that were shown before.

        The same for the same replies and seed; an InputError if fewer pictures are left.
        """
        shown = np.array(sorted({picture for pictures, _ in said for picture in pictures}), int)
        if size == 1:
            return [int(next_question(self.taste(said), self.design, size=1, seed=seed, shown=shown)[0])]
        return informative_set(self.taste(said), self.design, size=size, seed=seed, shown=shown)

    def taste(self, said: Sequence[Said]) -> Taste:
        """What is known of the person's taste."""
        first, codes = newcomer(self.crowd), [str(number) for number in range(len(self.design))]
        return learn(self.crowd, first, self.design, as_replies([reply_of(*one) for one in said], codes))


def informative_set(taste: Taste, design: np.ndarray, *, size: int, seed: int, shown: np.ndarray) -> list[int]:
    """The `size` pictures of the pool `design` (N, D), none of `shown`, whose pick says most; in random order.

    Begins with the picture that is known least, and adds one by one whichever lets the pick say the most. An
    InputError if fewer pictures are left.
    """
    dice = np.random.default_rng(seed)
    left = np.setdiff1d(np.arange(len(design)), shown)
    if len(left) < size:
        raise InputError(f"{len(left)} pictures are left in the pool; {size} are to be shown")
    utility = taste.draw(design[left], DRAWS, dice)
    chosen = [int(utility.std(axis=0).argmax())]
    while len(chosen) < size:
        before = np.repeat(utility[:, None, chosen], len(left), axis=1)
        said = information(np.concatenate([before, utility[:, :, None]], axis=2))
        said[chosen] = -1.0
        chosen.append(int(said.argmax()))
    return [int(picture) for picture in left[dice.permutation(chosen)]]


def reply_of(pictures: Sequence[int], point: int | None) -> Reply:
    """A pick of several pictures, or of a single one whether it is liked: 2 is yes, 1 is no."""
    shown = tuple(str(number) for number in pictures)
    if point is None:
        return Reply(shown)
    return Reply(shown, picked=shown[point - 1]) if len(shown) > 1 else Reply(shown, liked=point == 2)


def size_of(kind: str, of: int) -> int:
    """How many pictures a page of this kind shows."""
    return 1 if kind == LIKE else of
