"""Simulated raters have the shares, spreads and manners that they state."""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.questionnaire import load_questionnaire
from konomi.taste import raters as module
from konomi.taste.raters import KINDS, Manner, Raters, make_raters
from konomi.taste.simulate import Population, simulate
from tasters import SMALL, pictures

ANSWERS = simulate(list("abcd"), load_questionnaire(), seed=2, population=Population(men=256, women=144))
WEIGHTS = pictures(400, 1)[0]
FEATURES = np.random.default_rng(4).normal(size=(400, 4)) + WEIGHTS[:, :4]
WHO = np.repeat(np.arange(400), 20)


@cache
def raters(kind: str = "linear", share: float = 0.5) -> Raters:
    return make_raters(ANSWERS, SMALL, WEIGHTS, FEATURES, seed=3, manner=Manner(kind=kind, private_share=share))


def quiet(**changes) -> Raters:
    """Without noise, nobody lazy."""
    people = raters()
    return replace(people, noise=np.zeros(400), lazy=np.zeros(400, bool), **changes)


def private(people: Raters) -> np.ndarray:
    common = replace(people, contrarian=~people.contrarian)
    return (people.utility(WEIGHTS, FEATURES) + common.utility(WEIGHTS, FEATURES)) / 2  # the shared part cancels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_the_private_share_is_that_asked_for(kind: str, share: float) -> None:
    people = raters(kind, share)
    own = private(people)
    shared = people.utility(WEIGHTS, FEATURES) - own
    assert own.var(axis=1).mean() == pytest.approx(share, abs=0.05)
    assert shared.var(axis=1).mean() == pytest.approx(1 - share, abs=0.1)
    assert own.mean(axis=0).var() < 0.02 * share  # what is private averages to nothing over people


@pytest.mark.parametrize("kind", KINDS)
def test_three_tenths_of_what_is_private_lie_outside_the_schema(kind: str) -> None:
    own = private(raters(kind)).T
    known = np.hstack([WEIGHTS, np.ones((400, 1))])
    rest = own - known @ np.linalg.lstsq(known, own, rcond=None)[0]
    assert rest.var(axis=0).sum() / own.var(axis=0).sum() > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_picks_repeat_themselves_at_most_four_times_of_five(kind: str) -> None:
    utility = raters(kind).utility(WEIGHTS, FEATURES)
    pairs = np.random.default_rng(0).permuted(np.tile(np.arange(400), (8000, 1)), axis=1)[:, :2]
    first, second = (raters(kind).pick(utility, WHO, pairs, seed=seed) for seed in (1, 2))
    assert 0.65 < (first == second).mean() <= 0.80
    calmest = replace(raters(kind), noise=np.full(400, module.LEAST_NOISE), lazy=np.zeros(400, bool))
    first, second = (calmest.pick(utility, WHO, pairs, seed=seed) for seed in (1, 2))
    assert (first == second).mean() <= 0.81


def test_a_linear_rater_is_a_sum_over_slots_and_units() -> None:
    people = raters()
    utility = people.utility(WEIGHTS, FEATURES)
    for rater, picture in [(0, 0), (7, 300)]:
        total = 0.0
        for share, parts, row in ((0.5, people.shared, 0), (0.5, people.private, rater)):
            sign = -1 if people.contrarian[rater] and parts is people.shared else 1
            for part_share, part in parts:
                basis = part.basis(WEIGHTS, FEATURES)[picture]
                raw = sum(c * b for c, b in zip(part.coefficients[row], basis, strict=True))
                total += sign * (share * part_share) ** 0.5 * (raw - part.centre[row]) / part.spread[row]
        assert utility[rater, picture] == pytest.approx(total)
    assert [share for share, _ in people.private] == [0.6, 0.4]


def test_an_ideal_rater_likes_what_is_near() -> None:
    _, part = raters("ideal").shared[0]
    basis = part.basis(WEIGHTS, FEATURES)
    distance = np.sqrt(((basis - part.coefficients[0]) ** 2).sum(axis=1))
    assert np.corrcoef(part(WEIGHTS, FEATURES)[0], -distance)[0, 1] == pytest.approx(1)


def test_contrarians_dislike_what_others_like() -> None:
    people = raters()
    utility = people.utility(WEIGHTS, FEATURES)
    with_others = np.array([np.corrcoef(row, utility.mean(axis=0))[0, 1] for row in utility])
    assert with_others[people.contrarian].mean() < -0.4 < 0.4 < with_others[~people.contrarian].mean()


def test_a_quiet_rating_is_offset_and_scale_of_the_utility() -> None:
    people = quiet()
    utility = people.utility(WEIGHTS, FEATURES)
    for rater, picture in [(0, 3), (5, 9), (399, 0)]:
        expected = round(4 + people.offset[rater] + people.scale[rater] * utility[rater, picture])
        got = people.rate(utility, np.array([rater]), np.array([picture]), seed=0)[0]
        assert got == min(max(expected, 1), 7)


def test_a_quiet_pick_is_the_best_and_a_like_is_above_the_threshold() -> None:
    people = quiet(threshold=np.full(400, 0.25))
    utility = people.utility(WEIGHTS, FEATURES)
    shown = np.array([[4, 5, 6], [7, 8, 9]])
    who = np.array([0, 1])
    assert people.pick(utility, who, shown, seed=0).tolist() == [
        int(np.argmax([utility[w, p] for p in row])) for w, row in zip(who, shown, strict=True)
    ]
    liked = people.like(utility, WHO, np.tile(np.arange(20), 400), seed=0)
    assert (liked == (utility[:, :20].ravel() > 0.25)).all()


def test_the_lazy_do_not_look_in_half_of_their_replies() -> None:
    people = quiet()
    people = replace(people, lazy=np.ones(400, bool))
    utility = people.utility(WEIGHTS, FEATURES)
    shown = np.random.default_rng(0).integers(0, 200, (8000, 2)) + np.array([0, 200])
    best = utility[WHO[:, None], shown].argmax(axis=1)
    assert (people.pick(utility, WHO, shown, seed=1) == best).mean() == pytest.approx(0.75, abs=0.02)


def test_a_person_tells_a_little_of_his_taste() -> None:
    people = raters()
    _, part = people.private[0]
    told = np.column_stack(
        [[g == "male" for g in ANSWERS.gender], ANSWERS.age, ANSWERS.items.mean(axis=1), np.ones(400)]
    )
    own = part.coefficients - part.coefficients.mean(axis=0)
    rest = own - told @ np.linalg.lstsq(told.astype(float), own, rcond=None)[0]
    assert 0.01 < 1 - rest.var() / own.var() < 0.12


def test_with_the_papers_spreads_pictures_are_rated_nearly_alike() -> None:
    paper = make_raters(ANSWERS, SMALL, WEIGHTS, FEATURES, seed=3, manner=Manner(picture_spread=0.14))
    utility = paper.utility(WEIGHTS, FEATURES)
    which = np.tile(np.arange(20), 400)
    points = paper.rate(utility, WHO, which, seed=1).reshape(400, 20)
    assert np.ptp(points.mean(axis=0)) < 0.6
    assert points.mean(axis=1).std() == pytest.approx(0.8, abs=0.12)
    four = simulate(list("abcd"), load_questionnaire(), seed=2)
    _, numbers = np.unique(four.picture, return_counts=True)
    assert numbers.mean() == 550.0
    assert numbers.std(ddof=1) == pytest.approx(343.9, abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_some_raters_are_as_they_were_among_all(kind: str) -> None:
    who = np.array([3, 399, 20])
    some = raters(kind).of(who)
    utility = raters(kind).utility(WEIGHTS, FEATURES)
    assert some.utility(WEIGHTS, FEATURES) == pytest.approx(utility[who])
    assert some.answers.person == tuple(ANSWERS.person[i] for i in who)
    assert (some.answers.items == ANSWERS.items[who]).all()
    assert (some.noise == raters(kind).noise[who]).all()
    assert (some.lazy == raters(kind).lazy[who]).all()


def test_one_seed_is_one_set_of_raters() -> None:
    same = make_raters(ANSWERS, SMALL, WEIGHTS, FEATURES, seed=3)
    other = make_raters(ANSWERS, SMALL, WEIGHTS, FEATURES, seed=4)
    utility = raters().utility(WEIGHTS, FEATURES)
    assert (same.utility(WEIGHTS, FEATURES) == utility).all()
    assert np.corrcoef(other.utility(WEIGHTS, FEATURES).ravel(), utility.ravel())[0, 1] < 0.9


def test_the_raters_know_nothing_of_the_model() -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    used = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in used if name and name.startswith("konomi")} == {
        "konomi.errors", "konomi.questionnaire", "konomi.schema",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("manner", "told"),
    [
        (Manner(kind="linera"), "kind of rater.*Did you mean 'linear'"),
        (Manner(private_share=0.8), "private_share is 0.8; it goes from 0.3 to 0.7"),
        (Manner(outside_share=0.2), "at least 0.3 of taste must lie outside"),
        (Manner(noise=0.1), "picks repeat themselves more often"),
    ],
)
def test_manners_that_make_it_too_easy_are_refused(manner: Manner, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make_raters(ANSWERS, SMALL, WEIGHTS, FEATURES, seed=0, manner=manner)


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="not of the same pictures"):
        make_raters(ANSWERS, SMALL, WEIGHTS, FEATURES[:-1], seed=0)
    with pytest.raises(InputError, match="has 5 slots, the pictures 4"):
        make_raters(ANSWERS, SMALL, WEIGHTS[:, :4], FEATURES, seed=0)
    with pytest.raises(InputError, match="50 pictures are too few for 5 slots and 4 features"):
        make_raters(ANSWERS, SMALL, WEIGHTS[:50], FEATURES[:50], seed=0)
    with pytest.raises(InputError, match="no weight or feature may be unknown"):
        raters().utility(np.where(WEIGHTS > 0, np.nan, WEIGHTS), FEATURES)
