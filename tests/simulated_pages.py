"""Pages made by the model of `konomi.taste.analysis.variance_parts` itself, with known spreads."""

import numpy as np

from konomi.taste.analysis.variance_parts import (
    DETAIL,
    ITEM,
    LOOK,
    PERSON,
    PICTURE,
    PROFILE,
    REST,
    STYLE,
    TASTE,
    Pages,
)

SPREADS = {PERSON: 0.8, PICTURE: 0.5, ITEM: 0.4, TASTE: 0.6, STYLE: 0.4, PROFILE: 0.3, REST: 1.0}


def make_pages(
    people: int,
    pictures: int,
    each: int,
    items: int,
    *,
    repeats: int = 0,
    spreads: dict[str, float] | None = None,
    seed: int = 0,
) -> Pages:
    """`people` who see `each` of the `pictures`, the first `repeats` of them once more."""
    dice, sd = np.random.default_rng(seed), {DETAIL: 0.0, LOOK: 0.0, **(spreads or SPREADS)}
    person = np.repeat(np.arange(people), each + repeats)
    orders = [dice.permutation(pictures)[:each] for _ in range(people)]
    picture = np.concatenate([np.concatenate([order, order[:repeats]]) for order in orders])

    def drawn(name: str, *shape: int) -> np.ndarray:
        return dice.normal(0, sd[name], shape)

    points = 4 + drawn(PERSON, people, 1)[person] + drawn(PICTURE, pictures, 1)[picture] + drawn(ITEM, items)
    points = points + drawn(TASTE, people, pictures, 1)[person, picture] + drawn(STYLE, people, items)[person]
    points = points + drawn(PROFILE, pictures, items)[picture] + drawn(DETAIL, people, pictures, items)[person, picture]
    points = points + drawn(LOOK, len(person), 1) + drawn(REST, len(person), items)
    return Pages(person, np.unique(picture, return_inverse=True)[1], points)
