"""The second schema: its words are found, and everything that draws works with it as with the first."""

from typing import Any

import pytest

from konomi.errors import InputError
from konomi.schema import Schema, load_schema, parse_schema
from konomi.text import parse

HASH = "c5632422e6b12f90d248236ebe654669e3225bdc1c6c85cd5d8203ff3923a98d"


@pytest.fixture(scope="module")
def lorelei() -> Schema:
    return load_schema("lorelei")


def test_lorelei_has_the_slots_that_models_were_trained_with(lorelei: Schema) -> None:
    assert len(lorelei.slots) == 38
    assert lorelei.slots[:2] == ("hair_color.black", "hair_color.brown")
    assert lorelei.slots[-1] == "background.pink"
    assert lorelei.hash == HASH


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("long blue hair and glasses", {"hair_color": "blue", "hair_style": "long", "glasses": True}),
        (
            "curly red hair, green eyes, dark skin",
            {"hair_color": "red", "hair_style": "curly", "eye_color": "green", "skin": "dark"},
        ),
        ("blonde bun, sunglasses", {"hair_color": "blonde", "hair_style": "bun", "sunglasses": True}),
        ("two buns, flowers in her hair", {"hair_style": "space_buns", "flowers": True}),
        ("sad, a mohawk, blue background", {"hair_style": "mohawk", "smile": False, "background": "blue"}),
        ("no beard, closed eyes", {"beard": False, "closed_eyes": True}),
        ("brown hair on a pink background", {"hair_color": "brown", "background": "pink"}),
        ("grey hair and a beard, laughing", {"hair_color": "gray", "beard": True, "smile": True, "open_mouth": True}),
        ("tanned, blonde ponytail", {"hair_color": "blonde", "hair_style": "ponytail", "skin": "tan"}),
        ("短い黒髪で青い目", {"hair_color": "black", "hair_style": "short", "eye_color": "blue"}),
        ("ピンク髪のお団子二つ、花飾り", {"hair_color": "pink", "hair_style": "space_buns", "flowers": True}),
        ("髪は銀、目は赤、背景は白", {"hair_color": "gray", "eye_color": "red", "background": "white"}),
        ("サングラス、ひげ、小麦色の肌", {"beard": True, "skin": "tan", "sunglasses": True}),
        ("緑のポニーテール、目を閉じている", {"hair_color": "green", "hair_style": "ponytail", "closed_eyes": True}),
    ],
)  # fmt: skip
def test_words_are_read_in_the_schema(text: str, condition: dict[str, Any], lorelei: Schema) -> None:
    assert parse(text, lorelei).condition.to_dict() == condition


def test_every_label_and_every_value_is_found_by_its_own_words(lorelei: Schema) -> None:
    for attribute in lorelei.attributes:
        for value in attribute.values:
            assert set(value.label) == {"en", "ja"}
            for language, words in value.words.items():
                for word in words:
                    found = parse(word, lorelei).condition.to_dict().get(attribute.name)
                    assert found == (True if attribute.is_flag else value.name), (attribute.name, language, word)


# --- words taken over ------------------------------------------------------------------------------------------------

DERIVED = """
name = "derived"
words_from = "anime"

[[attribute]]
name = "glasses"
kind = "flag"
label = { en = "glasses", ja = "眼鏡" }

[[attribute]]
name = "sunglasses"
kind = "flag"
label = { en = "sunglasses", ja = "サングラス" }
words.en = ["sunglasses"]
"""


def test_a_derived_schema_knows_the_words_of_what_is_named_alike() -> None:
    (glasses, sunglasses) = parse_schema(DERIVED).attributes
    assert "spectacles" in glasses.values[0].words["en"]
    assert "眼鏡" in glasses.values[0].words["ja"]
    assert sunglasses.values[0].words == {"en": ("sunglasses",)}


def test_a_word_that_it_states_means_only_what_it_says() -> None:
    schema = parse_schema(DERIVED)
    assert "sunglasses" not in schema.attributes[0].values[0].words["en"]
    assert parse("sunglasses", schema).condition.to_dict() == {"sunglasses": True}


def test_phrases_about_what_it_lacks_are_not_taken_over() -> None:
    names = {name for phrase in parse_schema(DERIVED).phrases for name, _, _ in phrase.means + phrase.implies}
    assert names == {"glasses"}


def test_words_taken_over_do_not_change_the_hash() -> None:
    assert parse_schema(DERIVED).hash == parse_schema(DERIVED.replace('words_from = "anime"\n', "")).hash


def test_words_of_a_schema_that_does_not_exist_are_refused() -> None:
    with pytest.raises(InputError, match="There is no schema 'anima'"):
        parse_schema(DERIVED.replace('"anime"', '"anima"'))
