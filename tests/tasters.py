"""A small schema, pictures of it, and people who like as the model of `konomi.taste.preference` says."""

import numpy as np

from konomi.schema import parse_schema
from konomi.taste.replies import Likes, Picks, Ratings, Replies

SMALL = parse_schema("""
name = "small"
[[attribute]]
name = "hair"
kind = "choice"
exclusive = true
label = { en = "hair colour", ja = "髪の色" }
nouns.en = ["hair"]
values = [{ name = "red", label = { en = "red", ja = "赤髪" } },
          { name = "blue", label = { en = "blue", ja = "青髪" } },
          { name = "gray", label = { en = "gray", ja = "灰髪" } }]
[[attribute]]
name = "hat"
kind = "flag"
label = { en = "hat", ja = "帽子" }
[[attribute]]
name = "glasses"
kind = "flag"
label = { en = "glasses", ja = "眼鏡" }
""")
HATS, GLASSES = 3, 4  # slots
THRESHOLDS = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (count, 5), and one feature that knows nothing of them."""
    dice = np.random.default_rng(seed)
    hair = np.eye(3)[dice.integers(0, 3, count)]
    return np.hstack([hair, dice.integers(0, 2, (count, 2))]).astype(float), dice.normal(size=(count, 1))


def answer(
    design: np.ndarray, tastes: np.ndarray, *, ratings: int, picks: int, likes: int = 0, slope: float = 1.0, seed: int
) -> Replies:
    """Replies by the model itself: tastes (R, D), nothing else of one's own but an offset of spread 0.5."""
    dice = np.random.default_rng(seed)
    people = len(tastes)
    utility = tastes @ design.T
    offset = dice.normal(0, 0.5, people)

    who = np.repeat(np.arange(people), ratings)
    which = dice.integers(0, len(design), len(who))
    felt = slope * utility[who, which] + offset[who] + dice.logistic(size=len(who))
    rated = Ratings(who, which, 1 + (felt[:, None] > THRESHOLDS).sum(axis=1))

    who = np.repeat(np.arange(people), picks)
    shown = dice.integers(0, len(design), (len(who), 3))
    picked = Picks(who, shown, (utility[who[:, None], shown] + dice.gumbel(size=shown.shape)).argmax(axis=1))

    who = np.repeat(np.arange(people), likes)
    which = dice.integers(0, len(design), len(who))
    return Replies(rated, picked, Likes(who, which, utility[who, which] + dice.logistic(size=len(who)) > 0))
