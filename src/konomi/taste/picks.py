"""What to ask next, and what to suggest: pictures chosen out of a pool for one person's taste.

A set of pictures is worth asking about if its answer would say much of the taste: the mutual information between the
pick and the taste (Houlsby et al. 2011, "BALD"): the entropy of the expected chances less the expected entropy, here
over draws of the taste. Candidates are pictures that are best under some draw (Thompson 1933), so that questions are
about what may be suggested in the end, and others at random.
"""

from dataclasses import dataclass

import numpy as np

from konomi.errors import InputError, unknown_name
from konomi.schema import Schema
from konomi.taste.preference import Crowd, Taste
from konomi.taste.profile import SIMULATED, words

RULES = ("mean", "upper", "thompson")


@dataclass(frozen=True)
class Search:
    """How pictures to ask about are looked for."""

    draws: int = 64  # of the taste
    candidates: int = 36  # pictures looked at
    winners: float = 0.5  # share of the candidates that are best under some draw


@dataclass(frozen=True)
class Suggestion:
    """One picture out of the pool."""

    picture: int  # row of the pool
    mean: float  # utility, log-odds of a pick
    deviation: float
    chance: float  # that the person picks it over the favourite of the crowd
    reasons: str  # because ...


def information(utility: np.ndarray) -> np.ndarray:
    """How much a pick would say of the taste, in nats: utility (M draws, ..., K pictures) -> (...)."""
    top = utility.max(axis=-1, keepdims=True)
    chance = np.exp(utility - top)
    chance /= chance.sum(axis=-1, keepdims=True)
    return _entropy(chance.mean(axis=0)) - _entropy(chance).mean(axis=0)


def _entropy(chance: np.ndarray) -> np.ndarray:
    return -(chance * np.log(np.maximum(chance, 1e-300))).sum(axis=-1)


def next_set(
    taste: Taste,
    design: np.ndarray,
    *,
    size: int,
    seed: int,
    shown: np.ndarray | None = None,
    search: Search | None = None,
) -> np.ndarray:
    """The `size` pictures of the pool `design` (N, D) out of which a pick would tell most, (size,) rows.

    Begins with the best pair and adds the best one while there is room. `shown` are rows not to be shown again.

    Raises
    ------
    InputError
        If fewer than `size` pictures are left, or `size` is below 2.
    """
    how, dice = search or Search(), np.random.default_rng(seed)
    left = np.setdiff1d(np.arange(len(design)), np.zeros(0, int) if shown is None else shown)
    if size < 2:
        raise InputError(f"a pick is out of 2 pictures or more, not {size}")
    if len(left) < size:
        raise InputError(f"{len(left)} pictures are left in the pool; {size} are to be shown")
    drawn = taste.draw(design[left], how.draws, dice)
    place = _candidates(drawn, max(how.candidates, size), how.winners, dice)
    utility = drawn[:, place]
    one, other = np.triu_indices(len(place), 1)
    best = int(information(np.stack([utility[:, one], utility[:, other]], axis=-1)).argmax())
    chosen = [int(one[best]), int(other[best])]
    while len(chosen) < size:
        rest = np.setdiff1d(np.arange(len(place)), chosen)
        fixed = np.repeat(utility[:, None, chosen], len(rest), axis=1)
        gain = information(np.concatenate([fixed, utility[:, rest, None]], axis=-1))
        chosen.append(int(rest[gain.argmax()]))
    return left[place[dice.permutation(chosen)]]  # the order on the page says nothing


def _candidates(drawn: np.ndarray, count: int, winners: float, dice: np.random.Generator) -> np.ndarray:
    best = np.unique(drawn.argmax(axis=1))
    best = dice.permutation(best)[: round(winners * count)]
    others = dice.permutation(np.setdiff1d(np.arange(drawn.shape[1]), best))
    return np.concatenate([best, others])[:count]


def why_asked(crowd: Crowd, taste: Taste, design: np.ndarray, *, language: str = "en") -> str:
    """Why a set of pictures `design` (K, D) is asked about: the attributes that are not known and differ most in it."""
    away = design - design.mean(axis=0)
    doubt = {}
    for name, where in _parts(crowd).items():
        doubt[name] = float(np.einsum("kd,de,ke->", away[:, where], taste.covariance[where, where], away[:, where]))
    total = sum(doubt.values())
    named = [n for n in sorted(doubt, key=lambda n: -doubt[n])[:2] if doubt[n] > 0.15 * total]
    labels = [_label(crowd.schema, name, language) for name in named]
    note = SIMULATED[language] if crowd.simulated else ""
    if language == "ja":
        return f"{'と'.join(labels) or 'いろいろな点'}の好みがまだ分からないので{note}"
    return f"because it is not clear yet what you like in {' and '.join(labels) or 'many things'}{note}"


def suggest(
    crowd: Crowd,
    taste: Taste,
    design: np.ndarray,
    *,
    count: int = 3,
    rule: str = "mean",
    variety: float = 0.5,
    seed: int = 0,
    language: str = "en",
) -> list[Suggestion]:
    """A varied few of the pictures `design` (N, D) that this person likes best, with the reasons.

    Parameters
    ----------
    rule : str
        mean: the likeliest to please. upper: mean and one deviation, bolder. thompson: the best under one draw of the
        taste each, boldest.
    variety : float
        How much likeness to those before costs, in standard deviations of utility over the pool for a cosine of 1.

    Raises
    ------
    InputError
        If the rule is unknown, or the pool has fewer than `count` pictures.
    """
    if rule not in RULES:
        raise InputError(unknown_name("rule", rule, RULES))
    if len(design) < count:
        raise InputError(f"the pool has {len(design)} pictures; {count} are to be suggested")
    mean, deviation = taste.utility(design)
    scores = np.tile(mean + (deviation if rule == "upper" else 0.0), (count, 1))
    if rule == "thompson":
        scores = taste.draw(design, count, np.random.default_rng(seed))
    unit = design / np.maximum(np.linalg.norm(design, axis=1, keepdims=True), 1e-12)
    chosen: list[int] = []
    for score in scores:
        likeness = (unit @ unit[chosen].T).max(axis=1) if chosen else np.zeros(len(design))
        score = score - variety * mean.std() * likeness
        score[chosen] = -np.inf
        chosen.append(int(score.argmax()))
    favourite = design[[favourite_of(crowd, design)]]
    chances = taste.chance(design[chosen], np.repeat(favourite, count, axis=0))
    found = []
    for picture, chance in zip(chosen, chances, strict=True):
        reasons = why_liked(crowd, taste, design[picture], language=language)
        found.append(Suggestion(picture, float(mean[picture]), float(deviation[picture]), float(chance), reasons))
    return found


def favourite_of(crowd: Crowd, design: np.ndarray) -> int:
    """The picture that people like best on average, as far as is known."""
    return int((design @ crowd.coefficients[: crowd.columns, 0]).argmax())


def why_liked(crowd: Crowd, taste: Taste, picture: np.ndarray, *, language: str = "en") -> str:
    """What of a picture (D,) speaks most for it: "for its short hair and glasses"."""
    gains = {}
    for attribute in crowd.schema.attributes:
        where = crowd.schema.offsets[attribute.name]
        shown = picture[where] + crowd.centre[where]
        gain = float(picture[where] @ taste.mean[where])
        place = int(shown.argmax())
        if gain > 0 and shown[place] > 0.5:
            gains[words(crowd.schema, attribute.name, attribute.value_names[place], language)] = gain
        elif gain > 0 and attribute.is_flag:
            no = "no " if language == "en" else "なし: "
            gains[no + words(crowd.schema, attribute.name, "yes", language)] = gain
    where = slice(len(crowd.schema.slots), crowd.columns)
    rest = float(picture[where] @ taste.mean[where])
    if rest > 0:
        gains[_label(crowd.schema, "", language)] = rest
    best = sorted(gains, key=lambda n: -gains[n])[:3]
    if language == "ja":
        return "、".join(best)
    return f"for {', '.join(best)}" if best else "for nothing in particular"


def _parts(crowd: Crowd) -> dict[str, slice]:
    """Columns by attribute; what no attribute names is called ''."""
    features = slice(len(crowd.schema.slots), crowd.columns)
    return dict(crowd.schema.offsets) | ({"": features} if crowd.features else {})


def _label(schema: Schema, name: str, language: str) -> str:
    if not name:
        return "its look beyond words" if language == "en" else "言葉にならない雰囲気"
    return schema.attribute(name).label[language]
