"""What one person is shown: which pictures, in which order, with which items in which order. Pure, and seeded.

Pictures that have been shown least come first, ties at random, so that no picture is ever ahead of another by more than
one showing as long as nobody drops out; and who has dropped out no longer counts, so that the others catch up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from konomi.taste.study import LIKE, PICK, Settled, Study

ATTENTION = "attention"  # the name of the item that says which point to choose


@dataclass(frozen=True)
class Page:
    """One page that a person answers."""

    kind: str  # about, self, picture, pick, like or end
    picture: int | None = None  # its number among the study's
    items: tuple[str, ...] = ()  # names, in the order shown
    expected: int | None = None  # the point that the attention item asks for
    repeat: bool = False  # the person has seen this picture before
    shown: tuple[int, ...] = ()  # of a pick or a like: its pictures, in the order shown; none: not chosen yet


def choose_pictures(counts: Sequence[int], many: int, dice: np.random.Generator) -> list[int]:
    """`many` different pictures that have been shown least, ties at random, in random order.

    Parameters
    ----------
    counts : sequence of int
        How often each picture has been shown or is promised to somebody.
    """
    shuffled = dice.permutation(len(counts))
    least = sorted(shuffled.tolist(), key=lambda picture: counts[picture])[:many]
    return [least[place] for place in dice.permutation(many)]


def order_pictures(chosen: Sequence[int], repeats: int) -> list[tuple[int, bool]]:
    """(picture, shown before) in order: the first `repeats` once more at the end.

    Between the two showings of a picture lie all the others, which is as many as there can be.
    """
    return [*((picture, False) for picture in chosen), *((picture, True) for picture in chosen[:repeats])]


def make_pages(
    study: Study, *, counts: Sequence[int], items: Sequence[str], points: int, self_items: Sequence[str], person: int
) -> list[Page]:
    """All pages of person number `person`, in order; the same for the same counts and seed."""
    dice = np.random.default_rng([study.plan.seed, person])
    shown = order_pictures(choose_pictures(counts, study.plan.pictures, dice), study.plan.repeats)
    checked = set(dice.choice(study.plan.pictures, size=study.plan.attention_checks, replace=False).tolist())
    pages = [
        _picture_page(study, picture, repeat, items, points, place in checked, dice)
        for place, (picture, repeat) in enumerate(shown)
    ]
    about = study.person.age != "no" or study.person.gender != "no"
    return [
        *([Page("about")] if about else []),
        *([Page("self", items=tuple(self_items))] if self_items else []),
        *pages,
        *[Page(PICK, items=(PICK,))] * study.picks.count,
        *[Page(LIKE, items=(LIKE,))] * study.picks.likes,
        Page("end"),
    ]


def pages_for(settled: Settled) -> Callable[[list[int], int], list[Page]]:
    """`make_pages` of a settled study: for how often each picture has been promised, and a person's number."""
    asked, own = settled.questionnaire, settled.personality
    self_items = own.columns if own else ()

    def pages(counts: list[int], number: int) -> list[Page]:
        return make_pages(
            settled.study, counts=counts, items=asked.columns, points=asked.points, self_items=self_items, person=number
        )  # fmt: skip

    return pages


def _picture_page(
    study: Study,
    picture: int,
    repeat: bool,
    items: Sequence[str],
    points: int,
    checked: bool,
    dice: np.random.Generator,
) -> Page:
    order = [items[place] for place in dice.permutation(len(items))] if study.items.random_order else list(items)
    if not checked:
        return Page("picture", picture, tuple(order), repeat=repeat)
    order.insert(int(dice.integers(1, len(order) + 1)), ATTENTION)  # never the first: it should look like the others
    return Page("picture", picture, tuple(order), int(dice.integers(1, points + 1)), repeat)
