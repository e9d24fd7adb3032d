"""The next study: how many people and pictures it needs, from the variances of this one.

Two questions: how many people make the mean of a picture reliable (Spearman 1910; Brown 1910; Shrout and Fleiss 1979),
and how likely a study finds a difference of so many points between two items, pictures being a sample of all there
could be (noncentral t with Satterthwaite's degrees of freedom), or between two of its pictures.
"""

from collections.abc import Callable, Mapping
from math import ceil, inf

from scipy import stats

from konomi.errors import InputError
from konomi.taste.analysis.agreement import Three
from konomi.taste.analysis.comparisons import CHANCE
from konomi.taste.analysis.variance_parts import DETAIL, PROFILE, REST, STYLE

MOST = 100_000  # people that any study could ask


def people_for_reliability(scale: Three, target: float = 0.8, *, same_pictures: bool) -> float:
    """How many people must see a picture so that the mean of a scale has ICC(2,k), or ICC(3,k), of `target`.

    `same_pictures`: all people see all pictures, so that how high they answer in general does not matter. Infinite if
    pictures do not differ.
    """
    if not 0 < target < 1:
        raise InputError(f"the reliability to reach is {target}; it lies between 0 and 1")
    if scale.pictures <= 0:
        return inf
    noise = scale.rest + (0.0 if same_pictures else scale.people)
    return max(1, ceil(target / (1 - target) * noise / scale.pictures - 1e-9))


def power_between_items(v: Mapping[str, float], difference: float, *, people: int, each: int, pictures: int) -> float:
    """The chance to find a difference of two items' means, when each person sees `each` of the `pictures`.

    The paired difference of a page has twice the variances of person x item, picture x item and rest; each picture is
    seen by people x each / pictures. More people do not help beyond what the pictures vary.
    """
    if min(people, pictures) < 2 or not 1 <= each <= pictures:
        raise InputError(f"{people} people who see {each} of {pictures} pictures are no study")
    rest = 2 * (v[REST] + v.get(DETAIL, 0.0))
    of_people = rest + each * 2 * v.get(STYLE, 0.0)  # expected mean squares
    of_pictures = rest + people * each / pictures * 2 * v.get(PROFILE, 0.0)
    whole = of_people + of_pictures - rest
    inside = max(1, people * each - people - pictures + 1)
    freedom = whole**2 / (of_people**2 / (people - 1) + of_pictures**2 / (pictures - 1) + rest**2 / inside)
    return _power(difference, (whole / (people * each)) ** 0.5, freedom)


def power_between_pictures(scale: Three, difference: float, *, people: int, same_people: bool) -> float:
    """The chance to find a difference of two pictures' means of a scale that `people` gave each."""
    if people < 2:
        raise InputError(f"{people} people a picture are no study; two are needed")
    noise = scale.rest + (0.0 if same_people else scale.people)
    return _power(difference, (2 * noise / people) ** 0.5, people - 1 if same_people else 2 * (people - 1))


def _power(difference: float, error: float, freedom: float) -> float:
    limit, shift = stats.t.ppf(1 - CHANCE / 2, freedom), abs(difference) / error
    if shift > limit + 10:
        return 1.0
    return float(stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift))


def people_needed(power: Callable[[int], float], target: float = 0.8) -> int | None:
    """The fewest people, from 2, for which `power` reaches `target`; None if 100,000 do not."""
    low, high = 1, 2
    while power(high) < target:
        if high >= MOST:
            return None
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= target else (middle, high)
    return high


def pictures_for_precision(icc: float, people: float, width: float = 0.2) -> int:
    """How many pictures tell an ICC of one person to within a 95% interval of this width (Bonett 2002)."""
    if people < 2 or not 0 <= icc < 1 or width <= 0:
        raise InputError(
            f"an ICC of {icc} with {people:g} people cannot be planned; it needs two people and 0 <= ICC < 1"
        )
    z = stats.norm.ppf(0.975)
    exact = 8 * z**2 * (1 - icc) ** 2 * (1 + (people - 1) * icc) ** 2 / (people * (people - 1) * width**2) + 1
    return ceil(exact)
