"""Simulated answers have the numbers that Hayase 2023 prints."""

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.questionnaire import load_questionnaire
from konomi.taste.simulate import Population, shares, simulate

ASKED = load_questionnaire()
FOUR = ["a", "b", "c", "d"]


def test_the_people_are_those_of_the_paper() -> None:
    answers = simulate(FOUR, ASKED, seed=3)
    assert len(answers) == len(set(answers.person)) == 2200
    assert answers.gender.count("male") == 1408
    assert answers.age.mean() == pytest.approx(44.3, abs=0.1)
    assert answers.age.std() == pytest.approx(12, abs=0.5)
    assert answers.items.min() == 1
    assert answers.items.max() == 7


@pytest.mark.parametrize("count", [4, 40, 400])
def test_answers_a_character_are_as_unequal_as_in_the_paper(count: int) -> None:
    names = [str(i) for i in range(count)]
    answers = simulate(names, ASKED, seed=1)
    _, numbers = np.unique(answers.picture, return_counts=True)
    assert len(numbers) == count
    assert numbers.mean() == 2200 / count
    assert numbers.std(ddof=1) / numbers.mean() == pytest.approx(343.9 / 550.0, rel=0.05)


def test_everyone_is_shared_out_and_everyone_is_rated() -> None:
    who = Population(men=60, women=40)
    for seed in range(20):
        numbers = shares(100, who, np.random.default_rng(seed))
        assert numbers.sum() == 100
        assert numbers.min() == 1


def test_one_seed_is_one_study() -> None:
    one, same, other = (simulate(FOUR, ASKED, seed=seed) for seed in (5, 5, 6))
    assert (one.items == same.items).all()
    assert one.picture == same.picture
    assert (one.items != other.items).any()


def point_chances(mean: float, spread: float) -> np.ndarray:
    """Chance of each point of a rounded and clipped normal number, from its definition."""
    edges = [-np.inf, *(k + 0.5 for k in range(1, 7)), np.inf]
    cumulated = [(1 + erf((edge - mean) / spread / sqrt(2))) / 2 for edge in edges]
    return np.diff(cumulated)


def test_the_expected_t_between_15_and_19_is_that_of_the_papers_p() -> None:
    who, points = Population(), np.arange(1, 8)
    spread = sqrt(
        who.offset_spread**2 + who.noise_spread**2 + who.character_spread**2 + who.character_item_spread**2
    )  # fmt: skip
    means, variances = [], []
    for sign in (1, -1):
        chances = point_chances(who.mean + sign * who.serious_and_intelligent / 2, spread)
        means.append(chances @ points)
        variances.append(chances @ points**2 - means[-1] ** 2)
    t = (means[0] - means[1]) / sqrt(sum(variances) / 2200)
    assert t == pytest.approx(13.94, abs=0.1)  # two-sided p = 3.02e-43 with 4,398 degrees of freedom


def test_the_spreads_that_made_the_answers_are_found_again() -> None:
    names = [str(i) for i in range(40)]
    who = Population(men=6_000, women=0, character_spread=0.5, character_item_spread=0.0, item_spread=0.0)
    answers = simulate(names, ASKED, seed=2, population=replace(who, popularity=0.01, serious_and_intelligent=0.0))
    person = answers.items.mean(axis=1)
    character = np.array([person[np.array(answers.picture) == name].mean() for name in names])
    assert (answers.items - person[:, None]).std() == pytest.approx(who.noise_spread, abs=0.1)
    assert character.std() == pytest.approx(0.5, abs=0.12)
    rest = person - character[[names.index(name) for name in answers.picture]]
    assert rest.std() == pytest.approx(who.offset_spread, abs=0.08)


def test_item_means_are_nearly_equal_over_characters() -> None:
    answers = simulate(FOUR, ASKED, seed=0)
    means = np.array([answers.items[np.array(answers.picture) == name].mean(axis=0) for name in FOUR])
    assert np.ptp(means, axis=0).max() < 0.6
    assert means.std(axis=0).mean() < 0.25


def test_too_many_or_too_few_characters_are_refused() -> None:
    with pytest.raises(InputError, match="1 characters for 2200 people"):
        simulate(["a"], ASKED, seed=0)
    with pytest.raises(InputError, match="5 characters for 3 people"):
        simulate(list("abcde"), ASKED, seed=0, population=Population(men=2, women=1))
