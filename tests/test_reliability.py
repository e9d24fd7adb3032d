"""Alpha and intraclass correlations: against published tables, R's printed values, and cases solved by hand."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from konomi.errors import InputError
from konomi.taste.analysis.reliability import (
    alpha_of_people,
    cronbach_alpha,
    intraclass_correlations,
    item_statistics,
)

# Shrout and Fleiss 1979, table 2: six targets, four judges
TARGETS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
# Chatterjee and Price: 30 departments, seven items; R's `attitude`
ATTITUDE = """
43513039619245 63645154637347 71706869768648 61634547548435 81785666718347 43554944544934 58674256666835 71755055706641
72827267718331 67614547628041 64535358586734 67604739597441 69625742556325 68838345597735 77775472797746 81905072605436
74856469797963 65606575558060 65704657758546 50586854647852 50403334436433 64615262668041 53665250638037 40374258505749
63544248667533 66776663887672 78755874807849 48574445518338 85857171777455 82823959647839
"""
DEPARTMENTS = np.array([[float(row[i : i + 2]) for i in range(0, 14, 2)] for row in ATTITUDE.split()])


def test_shrout_and_fleiss() -> None:
    found = intraclass_correlations(TARGETS)
    printed = {"(1,1)": 0.17, "(2,1)": 0.29, "(3,1)": 0.71, "(1,k)": 0.44, "(2,k)": 0.62, "(3,k)": 0.91}
    assert {name: round(value.value, 2) for name, value in found.items()} == printed


def test_their_intervals_are_those_of_r() -> None:
    printed = {  # psych::ICC 2.2.9
        "(1,1)": (-0.132932325, 0.72256006), "(2,1)": (0.018786513, 0.76108437), "(3,1)": (0.342464765, 0.94585826),
        "(1,k)": (-0.884442155, 0.91241542), "(2,k)": (0.071136815, 0.92723204), "(3,k)": (0.675674714, 0.98589168),
    }  # fmt: skip
    for name, value in intraclass_correlations(TARGETS).items():
        assert (value.low, value.high) == pytest.approx(printed[name], abs=1e-7)


def test_alpha_is_that_of_r() -> None:
    assert cronbach_alpha(DEPARTMENTS) == pytest.approx(0.84314277, abs=1e-8)  # psych::alpha(attitude)
    with_rest, without = item_statistics(DEPARTMENTS)
    assert with_rest[:3] == pytest.approx([0.6712620572, 0.7421097102, 0.5607111115])
    assert without == pytest.approx(
        [0.8097602063, 0.7969174573, 0.8278477659, 0.8030309750, 0.7953865742, 0.8638723114, 0.8404648683]
    )


def test_alphas_interval_is_near_feldts() -> None:
    found = alpha_of_people(DEPARTMENTS, np.arange(30), draws=4000)
    assert found.value == cronbach_alpha(DEPARTMENTS)
    assert (found.low, found.high) == pytest.approx((0.74, 0.92), abs=0.03)  # Feldt, as psych prints it


def test_answers_of_few_people_tell_less_than_as_many_of_many() -> None:
    dice = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 10)
    points = dice.normal(size=(40, 1))[person] + dice.normal(size=(400, 6))
    few, many = (alpha_of_people(points, who) for who in (person, np.arange(400)))
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_alpha_by_hand() -> None:
    same = np.array([[1, 1], [2, 2], [3, 3]], dtype=float)
    assert cronbach_alpha(same) == pytest.approx(1)
    assert cronbach_alpha(np.array([[1, 1], [1, 2], [2, 1], [2, 2]], dtype=float)) == pytest.approx(0)


def test_perfect_agreement_is_one() -> None:
    table = np.array([[1, 2], [4, 5], [7, 8]], dtype=float)
    found = intraclass_correlations(table)
    assert found["(3,1)"].value == pytest.approx(1)
    assert found["(2,1)"].value < 1


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (np.ones((5, 1)), "a scale of one item has no alpha"),
        (np.ones((1, 3)), "two whole answers; there are 1"),
        (np.ones((5, 3)), "all answers have the same sum"),
    ],
)
def test_alpha_is_not_always_defined(points: np.ndarray, told: str) -> None:
    with pytest.raises(InputError, match=told):
        cronbach_alpha(points)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (np.ones((1, 4)), "two pictures and two people; there are 1 and 4"),
        (np.full((3, 3), 2.0), "all answers are the same"),
        (np.array([[1, np.nan], [2, 3]]), "every person's answer about every picture"),
    ],
)
def test_correlations_are_not_always_defined(table: np.ndarray, told: str) -> None:
    with pytest.raises(InputError, match=told):
        intraclass_correlations(table)


def test_an_interval_of_alpha_needs_people() -> None:
    with pytest.raises(InputError, match="needs 3 people; there are 2"):
        alpha_of_people(DEPARTMENTS, np.arange(30) % 2)
