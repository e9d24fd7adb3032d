"""Obedience: counted by loops, Wilson's interval by its definition and published values, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from konomi.condition import Condition
from konomi.errors import InputError
from konomi.metrics.obedience import Z, confusion, obedience, wilson
from konomi.schema import Schema

HAIR = ("blonde", "blue", "pink")


def pictures(schema: Schema, seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Hair and glasses asked at random; two in three times the hair is shown as asked."""
    dice = np.random.default_rng(seed)
    asked, shown = [], []
    for _ in range(count):
        hair, glasses = dice.choice(HAIR), bool(dice.random() < 0.5)
        seen = hair if dice.random() < 2 / 3 else dice.choice(HAIR)
        asked.append(Condition.from_dict(schema, {"hair_color": hair, "glasses": glasses}).to_array())
        found = {"hair_color": seen, "glasses": bool(dice.random() < 0.7), "hat": bool(dice.random() < 0.5)}
        shown.append(Condition.from_dict(schema, found).to_array())
    return np.stack(asked), np.stack(shown)


def test_obedience_is_counted_as_by_loops(schema: Schema) -> None:
    asked, shown = pictures(schema, 0)
    found = {tag.slot: tag for tag in obedience(asked, shown, schema)}
    assert list(found) == ["hair_color.blonde", "hair_color.blue", "hair_color.pink", "glasses"]  # hat was not asked
    for slot, tag in found.items():
        i = schema.slot_index(slot)
        right = wanted = wrong = unwanted = 0
        for a, s in zip(asked, shown, strict=True):
            if a[i] > 0.5:
                wanted += 1
                right += int(s[i])
            elif a[i] < 0.5:
                unwanted += 1
                wrong += int(s[i])
        assert (tag.asked, tag.shown, tag.score) == (wanted, right, right / wanted)
        assert tag.otherwise == pytest.approx(wrong / unwanted)
        assert (tag.low, tag.high) == wilson(right, wanted)


def test_what_nobody_can_judge_is_not_counted(schema: Schema) -> None:
    asked, shown = pictures(schema, 0)
    shown[:, schema.slot_index("glasses")] = np.nan
    shown[0] = np.nan
    found = {tag.slot: tag for tag in obedience(asked, shown, schema)}
    assert "glasses" not in found
    assert sum(tag.asked for tag in found.values()) == 59


def test_pictures_that_nothing_was_asked_of_count_neither_way(schema: Schema) -> None:
    asked, shown = pictures(schema, 0)
    before = obedience(asked, shown, schema)
    nothing = np.full((20, len(schema.slots)), np.nan)
    assert obedience(np.r_[asked, nothing], np.r_[shown, np.ones_like(nothing)], schema) == before


def test_a_tag_that_was_never_asked_not_to_be_has_no_other_share(schema: Schema) -> None:
    asked = np.full((2, len(schema.slots)), np.nan)
    asked[:, schema.slot_index("smile")] = 1
    (tag,) = obedience(asked, np.ones_like(asked), schema)
    assert (tag.slot, tag.score, tag.otherwise) == ("smile", 1, None)


def test_confusion_is_counted_as_by_loops(schema: Schema) -> None:
    asked, shown = pictures(schema, 1)
    attribute = schema.attribute("hair_color")
    where = schema.offsets["hair_color"]
    shown[3, where], shown[4, where], asked[5] = 0, np.nan, np.nan  # shows none; cannot be judged; was not asked
    expected = np.zeros((13, 14), dtype=int)
    for i, (a, s) in enumerate(zip(asked[:, where], shown[:, where], strict=True)):
        if i not in (4, 5):
            expected[list(a).index(1), list(s).index(1) if 1 in s else 13] += 1
    found = confusion(asked, shown, attribute, schema)
    np.testing.assert_array_equal(found, expected)
    assert found.sum() == 58
    assert found[:, 13].sum() == 1


def test_a_painter_who_obeys_has_a_diagonal_and_one_who_guesses_has_not(schema: Schema) -> None:
    asked, _ = pictures(schema, 0)
    attribute = schema.attribute("hair_color")
    table = confusion(asked, np.nan_to_num(asked), attribute, schema)
    assert table[:, :13].diagonal().sum() == table.sum() == 60
    assert {tag.score for tag in obedience(asked, np.nan_to_num(asked), schema)} == {1}
    dice = np.random.default_rng(0)
    guessed = confusion(asked, asked[dice.permutation(60)], attribute, schema)
    assert guessed.diagonal().sum() < 35


@given(st.integers(1, 300), st.data())
def test_wilsons_interval_solves_its_equation(count: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, count))
    low, high = wilson(successes, count)
    share = successes / count
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):  # |share - p| = z sqrt(p (1 - p) / n)
        assert (share - end) ** 2 == pytest.approx(Z**2 * end * (1 - end) / count, abs=1e-12)


def test_wilsons_interval_by_hand() -> None:
    # 0 of 10: high = z^2 / (10 + z^2); 10 of 10 mirrors it
    assert wilson(0, 10) == (0, pytest.approx(Z**2 / (10 + Z**2)))
    assert wilson(10, 10) == (pytest.approx(10 / (10 + Z**2)), 1)
    assert wilson(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))  # Newcombe 1998


def test_wilsons_interval_holds_the_truth_in_95_of_100() -> None:
    dice = np.random.default_rng(0)
    truths = dice.uniform(0.1, 0.9, 4000)
    intervals = [wilson(int(s), 40) for s in dice.binomial(40, truths)]
    held = [low <= truth <= high for (low, high), truth in zip(intervals, truths, strict=True)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)


def test_what_does_not_fit_is_refused(schema: Schema) -> None:
    asked, shown = pictures(schema, 0)
    hair = schema.attribute("hair_color")
    cases = [
        (asked, shown[:-1], "asked has shape .* and shown has"),
        (asked[:, :5], shown[:, :5], f"schema 'anime' has {len(schema.slots)} slots"),
        (asked * 2, shown, "asked holds weights from 0 to 1"),
        (asked, shown * 0.7, "are these probabilities"),
    ]
    for given_asked, given_shown, message in cases:
        with pytest.raises(InputError, match=message):
            obedience(given_asked, given_shown, schema)
        with pytest.raises(InputError, match=message):
            confusion(given_asked, given_shown, hair, schema)
    with pytest.raises(InputError, match="hair_length is not exclusive"):
        confusion(asked, shown, schema.attribute("hair_length"), schema)
    for successes, count in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(InputError, match="is not a share"):
            wilson(successes, count)
