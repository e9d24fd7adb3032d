"""What to ask next, and what to suggest: pictures chosen out of a pool for one person's taste.

A set of pictures is worth asking about if its best one is likely to be good: the greatest expected utility of the best
of the set, over draws of the taste (Astudillo et al. 2023, "qEUBO"). So it holds pictures that may turn out to be the
person's favourite, each if the taste is another, and the pick says which taste it is. Where pictures can be made, the
pool is best made of what draws of the taste like best (`best_conditions`).
"""

from dataclasses import dataclass

import numpy as np

from konomi.errors import InputError, unknown_name
from konomi.schema import Schema
from konomi.taste.preference import Crowd, Taste
from konomi.taste.profile import SIMULATED, words

RULES = ("mean", "upper", "thompson")
DRAWS = 64  # of the taste


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
    taste: Taste, design: np.ndarray, *, size: int, seed: int, shown: np.ndarray | None = None, draws: int = DRAWS
) -> np.ndarray:
    """The `size` pictures of the pool `design` (N, D) to pick from next, (size,) rows.

    Begins with the likeliest to please and adds, one by one, the one that raises the expected best the most. `shown`
    are rows not to be shown again.

    Raises
    ------
    InputError
        If fewer than `size` pictures are left, or `size` is below 2.
    """
    dice = np.random.default_rng(seed)
    left = np.setdiff1d(np.arange(len(design)), np.zeros(0, int) if shown is None else shown)
    if size < 2:
        raise InputError(f"a pick is out of 2 pictures or more, not {size}")
    if len(left) < size:
        raise InputError(f"{len(left)} pictures are left in the pool; {size} are to be shown")
    utility = taste.draw(design[left], draws, dice)
    chosen = [int(utility.mean(axis=0).argmax())]
    while len(chosen) < size:
        best = utility[:, chosen].max(axis=1, keepdims=True)
        gain = np.maximum(utility - best, 0).mean(axis=0)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
    return left[dice.permutation(chosen)]  # the order on the page says nothing


def best_conditions(schema: Schema, tastes: np.ndarray) -> np.ndarray:
    """The weights (M, slots) that each of the tastes (M, slots or more) likes best: every attribute's best value, but
    none of what may be left out and is disliked."""
    weights = np.zeros((len(tastes), len(schema.slots)))
    for attribute in schema.attributes:
        where = schema.offsets[attribute.name]
        liked = tastes[:, where]
        best = np.eye(liked.shape[1])[liked.argmax(axis=1)]
        weights[:, where] = best if attribute.exclusive else best * (liked > 0)
    return weights


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
