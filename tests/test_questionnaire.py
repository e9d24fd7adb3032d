"""The questionnaire of Hayase 2023 and its two encodings."""

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.questionnaire import (
    Answers,
    Questionnaire,
    encode,
    load_questionnaire,
    one_hot,
    parse_questionnaire,
    read_answer,
    scaled,
)

SMALL = """
name = "small"
points = 3
oldest = 100
genders = ["male", "female"]
[anchors]
en = ["no", "yes"]
ja = ["いいえ", "はい"]
[[item]]
scale = "love"
en = "a"
ja = "あ"
origin = { en = "ours", ja = "ours" }
[[item]]
scale = "liking"
en = "b"
ja = "い"
origin = { en = "paper", ja = "translation" }
"""


@pytest.fixture
def small() -> Questionnaire:
    return parse_questionnaire(SMALL)


@pytest.fixture
def two(small: Questionnaire) -> Answers:
    return Answers(
        small, ("p", "q"), ("x", "y"), ("male", "female"), np.array([25, 100]), np.array([[1, 3], [2, 2]])
    )  # fmt: skip


def test_scaled_by_hand(two: Answers) -> None:
    assert scaled(two).tolist() == [[0, 1, 1, 0.25], [0.5, 0.5, 0, 1]]


def test_one_hot_by_hand(two: Answers) -> None:
    assert one_hot(two).tolist() == [[1, 0, 0, 0, 0, 1, 1, 0, 0.25], [0, 1, 0, 0, 1, 0, 0, 1, 1]]


def test_the_papers_widths() -> None:
    asked = load_questionnaire()
    answers = Answers(asked, ("p",), ("x",), ("female",), np.array([44]), np.full((1, 22), 7))
    assert len(asked.items) == 22
    assert scaled(answers).shape == (1, 24)
    assert one_hot(answers).shape == (1, 157)
    assert asked.widths() == {"scaled": 24, "one-hot": 157}
    assert scaled(answers)[0].tolist() == [*[1.0] * 22, 0.0, pytest.approx(0.44)]
    assert one_hot(answers)[0, :154].reshape(22, 7).argmax(axis=1).tolist() == [6] * 22
    assert one_hot(answers)[0, 154:].tolist() == [0, 1, pytest.approx(0.44)]


def test_every_answer_sums_to_one_in_one_hot() -> None:
    dice = np.random.default_rng(0)
    asked = load_questionnaire()
    answers = Answers(
        asked, ("p",) * 9, ("x",) * 9, ("male",) * 9, np.full(9, 30), dice.integers(1, 8, (9, 22))
    )  # fmt: skip
    parts = one_hot(answers)[:, :154].reshape(9, 22, 7)
    assert (parts.sum(axis=2) == 1).all()
    assert np.allclose((parts * np.arange(7)).sum(axis=2) / 6, scaled(answers)[:, :22])


def test_the_file_says_whose_words_are_whose() -> None:
    items = load_questionnaire().items
    assert [i for i, item in enumerate(items, 1) if item.origin["en"] == "paper"] == [15, 19]
    assert items[14].text["en"] == "Do you exude seriousness?"
    assert items[18].text["en"] == "Do you appear intelligent?"
    assert all(item.origin["ja"] == ("translation" if item.origin["en"] == "paper" else "ours") for item in items)
    assert len({item.text[language] for item in items for language in ("en", "ja")}) == 44


def test_the_hash_follows_the_wording() -> None:
    assert parse_questionnaire(SMALL).hash != parse_questionnaire(SMALL.replace('en = "a"', 'en = "c"')).hash
    assert parse_questionnaire(SMALL).hash == parse_questionnaire(SMALL.replace('ja = "あ"', 'ja = "う"')).hash


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"item_2": "0"}, "row 7: item_2 is 0; answers go from 1 to 3"),
        ({"item_1": "4"}, "row 7: item_1 is 4; answers go from 1 to 3"),
        ({"item_1": "often"}, "row 7: item_1 is 'often'; it must be a whole number from 1 to 3"),
        ({"item_1": "2.5"}, "item_1 is '2.5'"),
        ({"item_2": ""}, "row 7 has no item_2"),
        ({"item_2": None}, "row 7 has no item_2"),
        ({"age": "101"}, "age is 101; it goes from 0 to 100"),
        ({"age": "old"}, "age is 'old'"),
        ({"gender": "m"}, "gender is 'm'; this questionnaire knows male or female"),
        ({"gender": ""}, "gender is missing"),
    ],
)
def test_a_bad_answer_is_named(small: Questionnaire, change: dict[str, str | None], told: str) -> None:
    good = {"gender": "male", "age": "30", "item_1": "1", "item_2": " 3 "}
    assert read_answer(small, "row 7", good) == ("male", 30, [1, 3])
    with pytest.raises(InputError, match=told):
        read_answer(small, "row 7", good | change)


def test_answers_off_the_scale_cannot_be_made(small: Questionnaire) -> None:
    with pytest.raises(InputError, match="row 1: item_2 is 9"):
        Answers(small, ("p",), ("x",), ("male",), np.array([20]), np.array([[1, 9]]))
    with pytest.raises(InputError, match=r"answers to 2 items have shape \(1, 3\)"):
        Answers(small, ("p",), ("x",), ("male",), np.array([20]), np.array([[1, 1, 1]]))


def test_unknown_names_are_refused(two: Answers) -> None:
    with pytest.raises(InputError, match="There is no questionnaire 'love'"):
        load_questionnaire("love")
    with pytest.raises(InputError, match="Did you mean 'one-hot'"):
        encode(two, "onehot")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("points = 3", "", "lacks points"),
        ("points = 3", "points = 3\nponits = 4", "has no key 'ponits'"),
        ('origin = { en = "paper"', 'origin = { en = "papre"', "item 2, origin has no value 'papre'. Did you mean"),
        ('ja = "い"\n', "", "item 2 lacks ja"),
        ('"male", "female"', '"male", "female", "other"', "has 3 genders"),
        ("points = 3", "points =", "not valid TOML"),
    ],
)
def test_a_wrong_questionnaire_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_questionnaire(SMALL.replace(old, new, 1))
