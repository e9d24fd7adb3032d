"""Simulated answers to a questionnaire about characters, for want of people.

    latent = item mean + the person's offset + character effects + noise, rounded to a point from 1 to 7

What Hayase 2023 prints is kept: 2,200 people (1,408 men, 792 women) of 44.3 years on average; one character each, so
that four characters have 550.0 answers on average, as printed; 343.9 as the standard deviation of that number (with
other numbers of characters the same share of the mean); item means that are nearly equal over characters; items 15 and
19 so far apart that the expected unpaired t is 13.94, of which p = 3.02e-43. What it does not print is ours: the
spreads of people, noise and characters, the other item means, and a standard deviation of 12 years of age. (Its
"44.3 +- 0.4" cannot be that of the ages; as an error of the mean it would say 19 years.) Of 15 and 19 we let "serious"
be the higher one, which the paper does not say. Tastes of one's own are not simulated here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from konomi.errors import InputError
from konomi.questionnaire import Answers, Questionnaire


@dataclass(frozen=True)
class Population:
    """Who answers, and how much their answers vary; spreads are standard deviations in points of the scale."""

    men: int = 1_408
    women: int = 792
    age: float = 44.3
    age_spread: float = 12.0
    youngest: int = 18
    mean: float = 4.0  # of all items
    item_spread: float = 0.2  # of the means of items 1 to 22, except 15 and 19
    offset_spread: float = 0.8  # of people: some agree with everything
    noise_spread: float = 1.1
    character_spread: float = 0.1  # of characters in everything
    character_item_spread: float = 0.1  # of characters in one item
    serious_and_intelligent: float = 0.589  # by how much item 15 lies above item 19: an expected t of 13.94
    popularity: float = 343.9 / 550.0  # spread of the number of answers a character, as a share of their mean

    @property
    def people(self) -> int:
        return self.men + self.women


SERIOUS, INTELLIGENT = 14, 18  # items 15 and 19, counted from 0


def simulate(
    characters: Sequence[str],
    questionnaire: Questionnaire,
    *,
    seed: int,
    population: Population | None = None,
) -> Answers:
    """Answers of simulated people, each about one of the `characters` (names of pictures).

    The same arguments give the same answers. An InputError if there are more characters than people, or fewer than two.
    """
    who = population or Population()
    if not 2 <= len(characters) <= who.people:
        raise InputError(f"{len(characters)} characters for {who.people} people; each rates one, and two are needed")
    dice = np.random.default_rng(seed)
    means = item_means(len(questionnaire.items), who, dice)
    effects = dice.normal(0, who.character_spread, (len(characters), 1))
    effects = effects + dice.normal(0, who.character_item_spread, (len(characters), len(means)))
    rated = dice.permutation(np.repeat(np.arange(len(characters)), shares(len(characters), who, dice)))
    men = dice.permutation(who.people) < who.men
    ages = dice.normal(who.age, who.age_spread, who.people).clip(who.youngest, questionnaire.oldest)
    ages = (ages + who.age - ages.mean()).round().clip(who.youngest, questionnaire.oldest)  # this mean, not on average
    offsets = dice.normal(0, who.offset_spread, (who.people, 1))
    latent = means + offsets + effects[rated] + dice.normal(0, who.noise_spread, (who.people, len(means)))
    return Answers(
        questionnaire,
        person=tuple(f"simulated-{number:05d}" for number in range(1, who.people + 1)),
        picture=tuple(characters[character] for character in rated),
        gender=tuple(questionnaire.genders[0] if man else questionnaire.genders[1] for man in men),
        age=ages.astype(int),
        items=latent.round().clip(1, questionnaire.points).astype(int),
    )


def item_means(count: int, who: Population, dice: np.random.Generator) -> np.ndarray:
    """Mean of each item before rounding, (count,): all near the middle, but 15 and 19 apart, if there are so many."""
    means = who.mean + dice.normal(0, who.item_spread, count)
    if count > INTELLIGENT:
        means[SERIOUS] = who.mean + who.serious_and_intelligent / 2
        means[INTELLIGENT] = who.mean - who.serious_and_intelligent / 2
    return means


def shares(count: int, who: Population, dice: np.random.Generator) -> np.ndarray:
    """How many people rate each of `count` characters, (count,), at least one: as unequally as the paper reports."""
    drawn = dice.gamma(1 / who.popularity**2, size=count)
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=1)  # this spread exactly, not on average
    wanted = (1 + who.popularity * drawn).clip(min=0.01)
    exact = wanted / wanted.sum() * who.people
    numbers = np.floor(exact).astype(int)
    numbers[np.argsort(numbers - exact, kind="stable")[: who.people - numbers.sum()]] += 1  # the largest remainders
    while numbers.min() == 0:
        numbers[numbers.argmax()] -= 1
        numbers[numbers.argmin()] = 1
    return numbers
