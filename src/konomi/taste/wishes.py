"""From a taste to what is drawn for it: conditions to try, and why a picture is suggested."""

import re

import numpy as np

from konomi.condition import Condition
from konomi.taste.picks import why_liked
from konomi.taste.preference import Crowd, Taste
from konomi.taste.profile import SIMULATED, Liking, likings, words

NOTHING = ("nothing in particular", "")  # what `why_liked` says then


def wishes(crowd: Crowd, taste: Taste, *, count: int, seed: int) -> list[Condition]:
    """Conditions that this person may like, `count` of them, as different as is unknown what exactly they like.

    The first is the likeliest. The others are each what one draw of the taste likes best (Thompson 1933), among what
    is liked for sure or leaning; values that are only disliked are refused; of anything else nothing is asked.
    """
    known = [liking for liking in likings(crowd, taste) if liking.certainty]
    d = crowd.columns
    root = np.linalg.cholesky(taste.covariance[:d, :d])
    away = np.random.default_rng(seed).normal(size=(count, d)) @ root.T
    away[0] = 0.0
    return [_wish(crowd, known, Taste(taste.mean + np.pad(one, (0, len(taste.mean) - d)), taste.covariance))
            for one in away]  # fmt: skip


def _wish(crowd: Crowd, known: list[Liking], drawn: Taste) -> Condition:
    felt = {(liking.attribute, liking.value): liking.mean for liking in likings(crowd, drawn)}
    asked: dict[str, object] = {}
    for name in dict.fromkeys(liking.attribute for liking in known):
        here = [liking for liking in known if liking.attribute == name]
        liked = [liking.value for liking in here if liking.mean > 0]
        if crowd.schema.attribute(name).is_flag:
            asked[name] = felt[name, "yes"] > 0
        elif liked:
            asked[name] = max(liked, key=lambda value: felt[name, value])
        else:
            asked[name] = {liking.value: 0.0 for liking in here}
    return Condition.from_dict(crowd.schema, asked)


def chance_over_average(taste: Taste, design: np.ndarray) -> np.ndarray:
    """The chance that the person picks each of the pictures (N, D) over an average one, (N,)."""
    return taste.chance(design, np.zeros_like(design))


def because(crowd: Crowd, taste: Taste, picture: np.ndarray, *, language: str = "en") -> str:
    """Why a picture (D,) is suggested: "because you seem to like short hair, glasses"; "may" if none of it is sure."""
    named = why_liked(crowd, taste, picture, language=language).removeprefix("for ")
    if named in NOTHING:
        return {"en": "for no reason that is known yet", "ja": "まだ特に理由はありません"}[language]
    known = bool(_certain(crowd, taste, language) & set(re.split("[,、] ?", named)))
    note = SIMULATED[language] if crowd.simulated else ""
    if language == "ja":
        return f"{named}が{'好きそうだから' if known else '好きかもしれないから'}{note}"
    return f"because you {'seem to' if known else 'may'} like {named}{note}"


def _certain(crowd: Crowd, taste: Taste, language: str) -> set[str]:
    """What is liked for sure or leaning, as `why_liked` calls it."""
    no = {"en": "no ", "ja": "なし: "}[language]
    found = [liking for liking in likings(crowd, taste) if liking.certainty]
    return {("" if x.mean > 0 else no) + words(crowd.schema, x.attribute, x.value, language) for x in found}
