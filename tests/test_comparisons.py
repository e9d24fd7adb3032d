"""Tests of means, Holm's correction, and the power of the next study: against R's printed values and simulation."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("statsmodels")

from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from konomi.errors import InputError
from konomi.taste.analysis.agreement import Three, of_scale
from konomi.taste.analysis.comparisons import (
    groups_by_item,
    holm,
    item_pairs,
    mean_interval,
    paired,
    pictures_by_item,
    pictures_by_scale,
    student,
    t_of_p,
    welch,
)
from konomi.taste.analysis.power import (
    people_for_reliability,
    people_needed,
    pictures_for_precision,
    power_between_items,
    power_between_pictures,
)
from konomi.taste.analysis.reliability import intraclass_correlations
from konomi.taste.analysis.variance_parts import PERSON, PICTURE, PROFILE, REST, STYLE, TASTE
from simulated_pages import make_pages

# Student 1908, R's `sleep`: hours more of ten people with each of two drugs
ONE = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
TWO = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
# Beall 1942, R's `InsectSprays`: insects left with sprays A to F, twelve fields each
INSECTS = """10 7 20 14 14 12 10 23 17 20 14 13 11 17 21 11 16 14 17 17 19 21 7 13 0 1 7 2 3 1 2 1 3 0 1 4
3 5 12 6 4 3 5 5 5 5 2 4 3 5 3 5 3 6 1 1 3 2 6 4 11 9 15 22 15 16 13 10 26 26 24 13"""
SPRAYS = pd.DataFrame({"picture": np.repeat(list("ABCDEF"), 12), "count": np.array(INSECTS.split(), dtype=float)})


def test_welch_on_students_sleep() -> None:
    found = welch(ONE, TWO)  # t.test(extra ~ group, data = sleep)
    assert (found.t, found.freedom, found.p) == pytest.approx((-1.8608135, 17.776474, 0.07939414), rel=1e-6)
    assert found.difference == pytest.approx(0.75 - 2.33)


def test_the_paired_test_on_students_sleep() -> None:
    found = paired(ONE, TWO)
    assert (found.p, found.freedom) == pytest.approx((0.002832890197, 9))
    assert found.size == pytest.approx(-1.28, abs=0.01)  # of the differences: -1.58 / 1.23


def test_the_papers_test_and_effect_size_by_hand() -> None:
    found = student(np.array([1.0, 2, 3]), np.array([2.0, 4, 6]))
    assert found.t == pytest.approx(-2 / np.sqrt(2.5 * 2 / 3))
    assert found.size == pytest.approx(-2 / np.sqrt(2.5))
    assert found.size_low < found.size < found.size_high


def test_the_papers_p_is_a_small_effect() -> None:
    t = t_of_p(3.02e-43, 4398)
    assert t == pytest.approx(13.94, abs=0.005)
    assert 2 * stats.t.sf(t, 4398) == pytest.approx(3.02e-43)
    assert t * (2 / 2200) ** 0.5 == pytest.approx(0.42, abs=0.001)


def test_holm_is_that_of_r() -> None:
    given = [0.01, 0.02, 0.03, 0.04, 0.05, 0.001]
    assert holm(given).tolist() == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09, 0.006])  # p.adjust(p, "holm")


def test_pictures_by_item_are_welchs_analysis_of_variance() -> None:
    row = pictures_by_item(SPRAYS, ["count"]).iloc[0]  # oneway.test(count ~ spray, InsectSprays)
    assert (row["F"], row.freedom_within, row.p) == pytest.approx((36.065444, 30.042561, 7.999379e-12), rel=1e-6)
    assert row.omega_squared == pytest.approx(5 * (row["F"] - 1) / (5 * (row["F"] - 1) + 72))


def test_each_picture_against_the_others() -> None:
    table = pictures_by_scale(SPRAYS, "count")
    assert table.picture.tolist() == ["F", "B", "A", "D", "E", "C"]
    rest = SPRAYS.loc[SPRAYS.picture != "C", "count"].to_numpy()
    own = SPRAYS.loc[SPRAYS.picture == "C", "count"].to_numpy()
    last = table.iloc[-1]
    assert last.p == welch(own, rest).p
    assert (last.low, last.high) == pytest.approx(stats.t.interval(0.95, 11, own.mean(), stats.sem(own)))
    assert (table.p_holm >= table.p).all()


def test_a_picture_with_few_answers_has_a_mean_and_no_test() -> None:
    few = pd.concat([SPRAYS, pd.DataFrame({"picture": ["G"], "count": [99.0]})])
    first = pictures_by_scale(few, "count").iloc[0]
    assert (first.picture, first["mean"], first.people) == ("G", 99.0, 1)
    assert np.isnan([first.p, first.p_holm, first.low]).all()
    assert np.isnan(mean_interval(np.array([1.0]))).all()


def test_groups_are_compared_item_by_item() -> None:
    means = pd.DataFrame({"item_1": [*ONE, *TWO], "item_2": 4.0})
    group = pd.Series(["female"] * 10 + ["male"] * 10)
    found = groups_by_item(means, group, ("female", "male"))
    assert found["item"].tolist() == ["item_1"]  # the other does not vary
    assert (found.p[0], found.female[0]) == pytest.approx((0.07939414, 0.75))
    with pytest.raises(InputError, match="5 people of each group are needed; 4 are male"):
        groups_by_item(means.head(14), group.head(14), ("female", "male"))


def test_pairs_of_items_are_paired_tests_with_the_largest_first() -> None:
    means = pd.DataFrame({"a": ONE, "b": TWO, "c": ONE + 9 + np.arange(10) / 99})
    found = item_pairs(means)
    assert list(zip(found.one, found.two, strict=True)) == [("a", "c"), ("b", "c"), ("a", "b")]
    last = found.iloc[-1]
    assert (last.p, last["size"]) == pytest.approx((paired(ONE, TWO).p, paired(ONE, TWO).size))
    means.loc[0, "a"] = np.nan
    again = item_pairs(means).set_index(["one", "two"]).loc[("a", "b")]
    assert (again.people, again.p) == (9, pytest.approx(paired(ONE[1:], TWO[1:]).p))


def test_pairs_that_differ_equally_are_left_out() -> None:
    means = pd.DataFrame({"a": ONE, "b": ONE, "c": TWO})
    assert len(item_pairs(means)) == 2
    with pytest.raises(InputError, match="no two items have the answers of 5 people that differ unequally"):
        item_pairs(means[["a", "b"]])


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [([1.0], [1.0, 2.0], "two values of each group; one has 1"), ([4.0, 4.0], [2.0, 2.0], "all values of both groups")],
)
def test_what_cannot_be_compared_is_refused(one: list[float], two: list[float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        welch(np.array(one), np.array(two))


def test_constant_answers_are_no_paired_test() -> None:
    with pytest.raises(InputError, match="all pairs differ equally"):
        paired(np.ones(5), np.zeros(5))


# --- the next study ---


def test_power_is_that_of_r_and_statsmodels() -> None:
    one = Three(pictures=0, people=0, rest=1.0)
    assert power_between_pictures(one, 1, people=20, same_people=False) == pytest.approx(0.8689528)  # power.t.test
    both = Three(pictures=0, people=0.5, rest=1.0)
    unpaired = TTestIndPower().power(0.5 / 1.5**0.5, 30, 0.05)
    assert power_between_pictures(both, 0.5, people=30, same_people=False) == pytest.approx(unpaired)
    within = TTestPower().power(0.5 / 2**0.5, 30, 0.05)
    assert power_between_pictures(both, 0.5, people=30, same_people=True) == pytest.approx(within)


def test_power_between_items_is_what_simulation_finds() -> None:
    v, people, pictures, gap = {STYLE: 0.16, PROFILE: 0.05, REST: 1.0}, 30, 10, 0.35
    dice, found, runs = np.random.default_rng(0), 0, 1500
    for _ in range(runs):
        gaps = gap + dice.normal(0, 0.32**0.5, (people, 1)) + dice.normal(0, 0.1**0.5, pictures)
        gaps = gaps + dice.normal(0, 2**0.5, (people, pictures))
        mean, rows, columns = gaps.mean(), gaps.mean(axis=1), gaps.mean(axis=0)
        of_people, of_pictures = pictures * rows.var(ddof=1), people * columns.var(ddof=1)
        rest = ((gaps - rows[:, None] - columns + mean) ** 2).sum() / (people - 1) / (pictures - 1)
        whole = max(of_people + of_pictures - rest, 1e-9)
        parts = of_people**2 / (people - 1) + of_pictures**2 / (pictures - 1) + rest**2 / (people - 1) / (pictures - 1)
        found += abs(mean) / (whole / people / pictures) ** 0.5 > stats.t.ppf(0.975, whole**2 / parts)
    expected = power_between_items(v, gap, people=people, each=pictures, pictures=pictures)
    assert found / runs == pytest.approx(expected, abs=3 * (0.25 / runs) ** 0.5)


def test_so_many_people_make_a_mean_reliable() -> None:
    v = {PERSON: 0.5, PICTURE: 0.2, TASTE: 0.3, REST: 1.0}
    three = of_scale(v, 4)
    people = int(people_for_reliability(three, same_pictures=False))
    spreads = {name: variance**0.5 for name, variance in v.items()} | {"item": 0, STYLE: 0, PROFILE: 0}
    found = []
    for seed in range(30):
        pages = make_pages(people, 40, 40, 4, spreads=spreads, seed=seed)
        order = np.lexsort([pages.picture, pages.person])
        table = pages.points[order].mean(axis=1).reshape(people, 40).T
        found.append(intraclass_correlations(table)["(2,k)"].value)
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
    assert people_for_reliability(three, same_pictures=True) < people


def test_people_are_spearman_and_browns() -> None:
    assert people_for_reliability(Three(1.0, 0.0, 4.0), 0.8, same_pictures=False) == 16
    assert people_for_reliability(Three(1.0, 1.0, 4.0), 0.5, same_pictures=False) == 5
    assert people_for_reliability(Three(0.0, 1.0, 4.0), same_pictures=False) == float("inf")
    with pytest.raises(InputError, match="it lies between 0 and 1"):
        people_for_reliability(Three(1.0, 1.0, 4.0), 1.0, same_pictures=False)


@pytest.mark.parametrize(("icc", "published"), [(0.8, 51), (0.7, 101)])  # Bonett 2002, two raters, width 0.2
def test_pictures_for_precision_are_bonetts(icc: float, published: int) -> None:
    assert pictures_for_precision(icc, 2, 0.2) == published


def test_more_people_do_not_make_up_for_few_pictures() -> None:
    v = {STYLE: 0.2, PROFILE: 0.2, REST: 1.0}

    def chance(pictures: int, people: int) -> float:
        return power_between_items(v, 0.3, people=people, each=min(8, pictures), pictures=pictures)

    assert chance(4, 50_000) < 0.3
    assert chance(80, 200) > 0.8
    assert people_needed(lambda people: chance(4, people)) is None
    enough = people_needed(lambda people: chance(80, people))
    assert enough is not None
    assert chance(80, enough) >= 0.8 > chance(80, enough - 1)


def test_no_study_has_no_power() -> None:
    with pytest.raises(InputError, match="1 people who see 2 of 4 pictures are no study"):
        power_between_items({REST: 1.0}, 1, people=1, each=2, pictures=4)
    with pytest.raises(InputError, match="two are needed"):
        power_between_pictures(Three(1, 1, 1), 1, people=1, same_people=True)
    with pytest.raises(InputError, match="cannot be planned"):
        pictures_for_precision(1.0, 5)
