"""Parts of variance: against R's printed values, analysis of variance, statsmodels, and the truth behind the data."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("statsmodels")

from konomi.errors import InputError
from konomi.taste.analysis.agreement import (
    agreement,
    agreement_of,
    of_scale,
    private_share,
    raters_per_picture,
    shares_of,
)
from konomi.taste.analysis.reliability import intraclass_correlations
from konomi.taste.analysis.variance_parts import (
    DETAIL,
    ITEM,
    LIKELY,
    LOOK,
    PERSON,
    PICTURE,
    PROFILE,
    REST,
    STYLE,
    TASTE,
    Pages,
    Parts,
    variance_parts,
)
from simulated_pages import SPREADS, make_pages

# Davies and Goldsmith 1972: diameters of zones, 24 plates with samples A to F each; lme4's Penicillin
PENICILLIN = """
272326232321 272326232321 252125242420 262325232320 252226222320 242225232219 242023212219 262226242421 242124222220
242124232219 262326242421 252226242420 262426242522 262326232320 262325242422 252225232320 252124232320 252224232319
242123212119 262326242421 252124222218 252225222220 242124222419 242124222118
"""
# person (hexadecimal), picture, and a digit for each of four items; the last two pages of a person are repeats
SMALL = """
015413 004213 075322 056635 026354 014322 003204 107636 176345 116343 156466 164333 104546 174233 235635 244213 206426
214421 254454 236504 244214 361343 325745 311433 304455 345255 362533 325644 455776 402525 463533 432434 443445 455656
401324 556555 574021 535332 505125 528467 556654 573123 654434 633532 674322 665313 604534 655656 634634 715535 744524
773212 703325 732311 713335 744213 874235 835436 825554 863421 855356 875253 835536 912212 953233 902204 943220 962301
912203 951233 a16667 a25657 a05546 a74232 a56766 a16667 a25656 b35435 b10531 b25555 b61425 b55664 b36525 b11432 c44344
c35636 c03534 c15442 c24847 c45455 c36436 d13112 d24544 d33033 d63223 d43243 d13222 d25754
"""


def penicillin() -> Pages:
    rows = [[int(row[i : i + 2]) for i in range(0, 12, 2)] for row in PENICILLIN.split()]
    points = np.array(rows, dtype=float)
    plate, sample = np.indices(points.shape).reshape(2, -1)
    return Pages(plate, sample, points.reshape(-1, 1))


def small(*, pages_a_person: int = 7, items: slice = slice(None)) -> Pages:
    table = np.array([[int(digit, 16) for digit in row] for row in SMALL.split()])
    rows = np.concatenate([np.flatnonzero(table[:, 0] == p)[:pages_a_person] for p in range(14)])
    person, picture = (np.unique(table[rows, column], return_inverse=True)[1] for column in (0, 1))
    return Pages(person, picture, table[rows, 2:][:, items].astype(float))


@pytest.fixture(scope="module")
def fitted() -> Parts:
    return variance_parts(small())


# --- R ---


def test_penicillin_is_as_lme4_prints_it() -> None:
    parts = variance_parts(penicillin())
    spreads = {name: variance**0.5 for name, variance in parts.variances.items()}
    assert spreads == pytest.approx({PERSON: 0.8467, PICTURE: 1.9316, REST: 0.5499}, abs=1e-4)
    assert -parts.deviance / 2 == pytest.approx(-165.4302945, abs=1e-6)


@pytest.mark.parametrize(
    ("pages", "deviance", "variances"),
    [  # lmer(y ~ 1 + (1|person) + (1|picture) + ... ), bobyqa with rhoend = 1e-10, lme4 1.1-31
        (small(pages_a_person=5), 947.7628976, {
            TASTE: 0.360817401, STYLE: 0.286628864, PROFILE: 0.125506139, PERSON: 0.372235687, PICTURE: 0.631744506,
            ITEM: 0.102597371, REST: 0.980472559,
        }),
        (small(), 1262.689667, {
            DETAIL: 0.506552983, LOOK: 0.136245933, TASTE: 0.215267952, STYLE: 0.207622445, PROFILE: 0.155995570,
            PERSON: 0.407505757, PICTURE: 0.633268413, ITEM: 0.115592295, REST: 0.501504057,
        }),
        (small(items=slice(0, 1)), 325.7674832, {
            TASTE: 0.795094921, PERSON: 0.706357291, PICTURE: 0.311225021, REST: 0.597063589,
        }),
        (small(pages_a_person=1), 187.8821229, {
            PROFILE: 0.347079701, PERSON: 1.87493745, PICTURE: 0.0, ITEM: 0.114127862, REST: 0.688575672,
        }),
    ],
    ids=["three-way", "with repeats", "one item", "one page a person, no variance of pictures"],
)  # fmt: skip
def test_parts_are_those_of_lme4(pages: Pages, deviance: float, variances: dict[str, float]) -> None:
    parts = variance_parts(pages)
    assert parts.variances == pytest.approx(variances, abs=2e-5)
    assert parts.deviance == pytest.approx(deviance, abs=1e-5)


# --- analysis of variance, statsmodels, the definition ---


def expected_mean_squares(points: np.ndarray) -> dict[str, float]:
    """All effects random, all crossed once (Cornfield and Tukey 1956), by loops; points (people, pictures, items)."""
    p, c, i = points.shape
    grand = points.mean()
    squares = dict.fromkeys(("p", "c", "i", "pc", "pi", "ci", "pci"), 0.0)
    for a in range(p):
        for b in range(c):
            for d in range(i):
                person, picture, item = points[a].mean(), points[:, b].mean(), points[:, :, d].mean()
                pc, pi, ci = points[a, b].mean(), points[a, :, d].mean(), points[:, b, d].mean()
                squares["p"] += (person - grand) ** 2
                squares["c"] += (picture - grand) ** 2
                squares["i"] += (item - grand) ** 2
                squares["pc"] += (pc - person - picture + grand) ** 2
                squares["pi"] += (pi - person - item + grand) ** 2
                squares["ci"] += (ci - picture - item + grand) ** 2
                squares["pci"] += (points[a, b, d] - pc - pi - ci + person + picture + item - grand) ** 2
    size = {"p": p - 1, "c": c - 1, "i": i - 1}
    ms = {name: square / np.prod([size[letter] for letter in name]) for name, square in squares.items()}
    return {
        PERSON: (ms["p"] - ms["pc"] - ms["pi"] + ms["pci"]) / (c * i),
        PICTURE: (ms["c"] - ms["pc"] - ms["ci"] + ms["pci"]) / (p * i),
        ITEM: (ms["i"] - ms["pi"] - ms["ci"] + ms["pci"]) / (p * c),
        TASTE: (ms["pc"] - ms["pci"]) / i, STYLE: (ms["pi"] - ms["pci"]) / c, PROFILE: (ms["ci"] - ms["pci"]) / p,
        REST: ms["pci"],
    }  # fmt: skip


def test_complete_tables_agree_with_analysis_of_variance() -> None:
    pages = make_pages(12, 7, 7, 5, seed=3)
    order = np.lexsort([pages.picture, pages.person])
    by_squares = expected_mean_squares(pages.points[order].reshape(12, 7, 5))
    assert min(by_squares.values()) > 0  # else the likelihood's would be at their bound
    assert variance_parts(pages).variances == pytest.approx(by_squares, abs=1e-4)


def test_incomplete_tables_agree_with_statsmodels() -> None:
    pd = pytest.importorskip("pandas")
    from statsmodels.regression.mixed_linear_model import MixedLM

    pages = make_pages(14, 9, 5, 1, seed=1)
    table = pd.DataFrame({"y": pages.points[:, 0], "person": pages.person, "picture": pages.picture, "one": 1})
    effects = {"person": "0 + C(person)", "picture": "0 + C(picture)"}
    model = MixedLM.from_formula("y ~ 1", table, groups="one", re_formula="0", vc_formula=effects)
    found = model.fit(reml=True)
    ours = variance_parts(pages).variances
    assert dict(zip((PERSON, PICTURE), found.vcomp, strict=True)) == pytest.approx(
        {name: ours[name] for name in (PERSON, PICTURE)}, abs=2e-3
    )
    assert found.scale == pytest.approx(ours[REST], abs=2e-3)


def test_the_deviance_is_that_of_the_whole_covariance() -> None:
    pages = make_pages(6, 4, 3, 3, repeats=1, seed=5)
    model = variance_parts(pages)._model
    roots = np.linspace(0.3, 0.9, len(model.names))
    v = model.variances(roots)
    who, which = (np.repeat(x, 3) for x in (pages.person, pages.picture))
    page, item = np.repeat(np.arange(len(pages)), 3), np.tile(np.arange(3), len(pages))
    keys = {PERSON: (who,), PICTURE: (which,), ITEM: (item,), TASTE: (who, which), STYLE: (who, item),
            PROFILE: (which, item), DETAIL: (who, which, item), LOOK: (page,), REST: (page, item)}  # fmt: skip
    covariance = sum(v[name] * np.all([k[:, None] == k for k in own], axis=0) for name, own in keys.items())
    inverse, one, y = np.linalg.inv(covariance), np.ones(len(item)), pages.points.ravel()
    weight = one @ inverse @ one
    rest = y - one * (one @ inverse @ y) / weight
    logs = np.linalg.slogdet(covariance)[1] + np.log(weight) + (len(y) - 1) * np.log(2 * np.pi)
    assert model.deviance(roots)[0] == pytest.approx(logs + rest @ inverse @ rest, abs=1e-8)


@pytest.mark.parametrize(
    ("people", "pictures", "each", "items", "repeats"),
    [(12, 6, 4, 4, 0), (12, 6, 4, 4, 2), (9, 14, 10, 3, 0), (12, 6, 4, 1, 1), (12, 5, 1, 5, 0)],
)
def test_slopes_are_those_of_the_deviance(people: int, pictures: int, each: int, items: int, repeats: int) -> None:
    model = variance_parts(make_pages(people, pictures, each, items, repeats=repeats, seed=1))._model
    roots, step = np.linspace(0.3, 0.8, len(model.names)), 1e-6
    moves = np.eye(len(roots)) * step
    by_steps = [(model.deviance(roots + m)[0] - model.deviance(roots - m)[0]) / (2 * step) for m in moves]
    assert model.deviance(roots)[1] == pytest.approx(np.array(by_steps), abs=1e-5)


# --- intervals ---


def test_an_interval_ends_where_the_likelihood_does(fitted: Parts) -> None:
    from scipy.optimize import minimize

    model, place = fitted._model, fitted._model.names.index(TASTE)
    low, high = fitted.interval(lambda v: v[TASTE])

    def profile(variance: float) -> float:
        fixed = variance**0.5 / model.spread

        def others(roots: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = model.deviance(np.insert(roots, place, fixed))
            return value, np.delete(slope, place)

        start = np.delete(fitted.roots, place)
        bounds = [(1e-4, None)] * len(start)
        return float(minimize(others, start, jac=True, bounds=bounds, options={"ftol": 1e-13}).fun)

    assert low < fitted.variances[TASTE] < high
    for end in (low, high):
        assert profile(end) - fitted.deviance == pytest.approx(LIKELY, abs=0.01)


def test_penicillins_intervals_are_near_those_of_lme4() -> None:
    parts = variance_parts(penicillin())  # lme4 profiles the unrestricted likelihood: 0.634 to 1.182, 0.486 to 0.629
    for name, ends in ((PERSON, (0.634, 1.182)), (REST, (0.486, 0.629))):
        assert np.sqrt(parts.interval(lambda v, name=name: v[name])) == pytest.approx(ends, abs=0.005)


def test_intervals_hold_the_truth_even_with_few_pictures() -> None:
    spreads = {PERSON: 0.8, PICTURE: 0.5, TASTE: 0.6, ITEM: 0.3, STYLE: 0.2, PROFILE: 0.2, REST: 0.8}
    truth = private_share({name: spread**2 for name, spread in spreads.items()})
    held = 0
    for seed in range(20):
        low, high = variance_parts(make_pages(20, 6, 5, 4, spreads=spreads, seed=seed)).interval(private_share)
        held += low <= truth <= high
    assert held >= 17  # of 19 expected


# --- the truth ---


def test_a_large_study_recovers_its_truth() -> None:
    spreads = SPREADS | {DETAIL: 0.5, LOOK: 0.3}
    pages = make_pages(1500, 60, 8, 10, repeats=2, spreads=spreads, seed=3)
    parts = variance_parts(pages)
    for name in (PERSON, TASTE, STYLE, DETAIL, LOOK, REST):
        assert parts.variances[name] ** 0.5 == pytest.approx(spreads[name], abs=0.03)
    for name, tolerance in ((PICTURE, 0.12), (ITEM, 0.2), (PROFILE, 0.03)):
        assert parts.variances[name] ** 0.5 == pytest.approx(spreads[name], abs=tolerance)
    low, high = parts.interval(private_share)
    assert low < 0.36 / 0.61 < high
    assert high - low < 0.2


def test_more_pictures_than_people_are_as_good() -> None:
    pages = make_pages(8, 20, 15, 4, seed=4)
    turned = Pages(pages.picture, pages.person, pages.points)
    there, back = variance_parts(pages), variance_parts(turned)
    assert back.deviance == pytest.approx(there.deviance, abs=1e-7)
    assert back.variances[PICTURE] == pytest.approx(there.variances[PERSON], rel=1e-3)
    assert back.variances[PROFILE] == pytest.approx(there.variances[STYLE], rel=1e-3)


# --- agreement ---


def test_agreement_in_complete_tables_is_that_of_shrout_and_fleiss() -> None:
    pages = make_pages(10, 8, 8, 5, seed=0)
    order = np.lexsort([pages.picture, pages.person])
    table = pages.points[order].mean(axis=1).reshape(10, 8).T
    six, ours = intraclass_correlations(table), agreement_of(variance_parts(pages), pages)
    for name, mine in (("(2,1)", "agreement of one"), ("(2,k)", "agreement of all"), ("(3,1)", "consistency of one"),
                       ("(3,k)", "consistency of all")):  # fmt: skip
        assert ours[mine].value == pytest.approx(six[name].value, abs=1e-4)


def test_shares_add_up_and_lie_in_their_intervals(fitted: Parts) -> None:
    shares = shares_of(fitted)
    assert sum(share.value for share in shares.values()) == pytest.approx(1)
    assert all(0 <= share.low <= share.value <= share.high <= 1 for share in shares.values())


def test_the_private_share_by_hand() -> None:
    v = {PERSON: 2.0, PICTURE: 1.0, TASTE: 3.0, REST: 9.0}
    assert private_share(v) == 0.75
    assert private_share(v, with_people=True) == pytest.approx(5 / 6)
    assert np.isnan(private_share({PERSON: 1.0, PICTURE: 0.0, TASTE: 0.0}))


def test_a_scales_mean_by_hand() -> None:
    v = {PERSON: 1.0, PICTURE: 2.0, ITEM: 5.0, TASTE: 3.0, STYLE: 4.0, PROFILE: 8.0, REST: 6.0, LOOK: 0.5, DETAIL: 2.0}
    three = of_scale(v, 2)
    assert (three.pictures, three.people, three.rest) == (6.0, 3.0, 7.5)
    assert agreement(v, 2) == pytest.approx(6 / 16.5)
    assert agreement(v, 2, people=3) == pytest.approx(6 / 9.5)


def test_raters_a_picture_is_a_harmonic_mean() -> None:
    pages = Pages(np.array([0, 1, 2, 0, 0]), np.array([0, 0, 0, 1, 1]), np.zeros((5, 1)))  # the last is a second look
    assert raters_per_picture(pages) == pytest.approx(2 / (1 / 3 + 1 / 1))


def test_one_page_a_person_leaves_private_taste_open() -> None:
    pages = make_pages(60, 5, 1, 6, seed=1)
    parts = variance_parts(pages)
    assert not parts.several
    assert TASTE not in parts.variances
    assert set(agreement_of(parts, pages)) == {"agreement of one", "agreement of all"}


# --- what cannot be ---


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: Pages(p.person % 2, p.picture, p.points), "3 people and 2 pictures are needed; people: 2"),
        (lambda p: Pages(p.person, p.picture * 0, p.points), "pictures: 1"),
        (lambda p: Pages(p.person, p.picture, p.points * 0 + 4), "all answers are the same"),
    ],
)
def test_what_cannot_be_estimated_is_refused(change: Callable[[Pages], Pages], told: str) -> None:
    with pytest.raises(InputError, match=told):
        variance_parts(change(make_pages(5, 4, 3, 3)))


def test_too_many_of_both_are_refused() -> None:
    count = 601
    pages = Pages(np.arange(count), np.arange(count), np.arange(count * 2.0).reshape(count, 2))
    with pytest.raises(InputError, match="one of them must be 600 or fewer"):
        variance_parts(pages)
