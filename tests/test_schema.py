"""The schema file: strict, and a model depends on nothing in it but names, kinds, values and their order."""

from collections.abc import Callable
from dataclasses import replace
from importlib import resources

import pytest

from konomi.errors import InputError
from konomi.schema import Schema, load_schema, parse_schema

SMALL = """
name = "small"

[[attribute]]
name = "taste"
kind = "choice"
exclusive = true
label = { en = "taste" }
values = [
  { name = "sweet", label = { en = "sweet" }, words = { en = ["sugary"] } },
  { name = "sour", label = { en = "sour" } },
]

[[attribute]]
name = "ripe"
kind = "flag"
label = { en = "ripe" }
words = { en = ["ripe"] }

[[phrase]]
means = { ripe = false }
implies = { taste = "sour" }
words = { en = ["green"] }
"""


@pytest.fixture(scope="module")
def anime_text() -> str:
    return (resources.files("konomi") / "schemas" / "anime.toml").read_text(encoding="utf-8")


# --- what trained models depend on -----------------------------------------------------------------------------------


NEWEST = "5b0223fa74c16d7fa9a3e64c18ea6519e8b14662fcd7b31949874982df3d1f35"


def test_anime_only_grows_at_its_end(schema: Schema) -> None:
    first = schema.version("8794df7a962e0e0d7c6074ff4d4f925287c90391d97671d70110bebf8cfcb397")
    assert first is not None
    assert len(first.slots) == 38
    assert first.slots[:2] == ("hair_color.blonde", "hair_color.brown")
    assert first.slots[22:26] == ("eye_color.orange", "hair_length.long", "hair_length.short", "twintails")
    assert first.slots[-4:] == ("gender.girl", "gender.boy", "skin.light", "skin.dark")
    assert schema.slots == (*first.slots, "framing.close", "framing.wide")
    assert schema.hash == NEWEST


def test_older_versions_of_a_schema_are_its_beginnings(schema: Schema) -> None:
    assert schema.version(schema.hash) == schema
    for count in range(1, len(schema.attributes)):
        older = replace(schema, attributes=schema.attributes[:count])
        found = schema.version(older.hash)
        assert found is not None
        assert found.slots == schema.slots[: len(older.slots)]
    assert schema.version("no such hash") is None
    assert parse_schema(SMALL).version(schema.hash) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('words = { en = ["ripe"] }', 'words = { en = ["mellow"], ja = ["熟した"] }'),
        lambda text: text.replace('{ en = "taste" }', '{ en = "flavour" }\nlone = true\nnouns = { en = ["apple"] }'),
        lambda text: text[: text.index("[[phrase]]")],
    ],
)
def test_words_labels_and_phrases_do_not_change_the_hash(change: Callable[[str], str]) -> None:
    changed = parse_schema(change(SMALL))
    assert changed != parse_schema(SMALL)
    assert changed.hash == parse_schema(SMALL).hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "small"', 'name = "big"'),
        ('name = "sweet"', 'name = "bitter"'),
        ("exclusive = true", "exclusive = false"),
        ('name = "ripe"', 'name = "ripeness"'),
    ],
)
def test_names_values_and_kinds_change_the_hash(old: str, new: str) -> None:
    text = SMALL[: SMALL.index("[[phrase]]")]
    assert parse_schema(text.replace(old, new, 1)).hash != parse_schema(text).hash


def test_the_order_of_attributes_changes_the_hash(schema: Schema) -> None:
    assert replace(schema, attributes=schema.attributes[::-1]).hash != schema.hash


def test_offsets_cover_every_slot_once(schema: Schema) -> None:
    covered = [n for where in schema.offsets.values() for n in range(where.start, where.stop)]
    assert covered == list(range(len(schema.slots)))
    assert schema.slot_index("glasses") == schema.offsets["glasses"].start


def test_a_schema_can_be_a_key(schema: Schema, anime_text: str) -> None:
    assert len({schema, parse_schema(anime_text)}) == 1


# --- what the file may hold ------------------------------------------------------------------------------------------


def test_a_flag_has_one_slot_of_its_own_name() -> None:
    ripe = parse_schema(SMALL).attribute("ripe")
    assert (ripe.slots, ripe.value_names, ripe.values[0].words) == (("ripe",), ("yes",), {"en": ("ripe",)})


def test_a_phrase_holds_several_meanings() -> None:
    phrase = parse_schema(SMALL).phrases[0]
    assert (phrase.means, phrase.implies) == ((("ripe", "yes", False),), (("taste", "sour", True),))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "small"', 'name = "small"\nversion = 2', "schema has unknown keys: version. Known: attribute,"),
        ('name = "small"', "", "schema lacks: name"),
        ("exclusive = true", "exclusiv = true", "attribute 'taste' has unknown keys: exclusiv"),
        ('kind = "flag"', 'kind = "flag"\nexclusive = true', "attribute 'ripe' has unknown keys: exclusive"),
        ('label = { en = "taste" }', "", "attribute 'taste' lacks: label"),
        ('name = "sour", ', 'name = "sour", wrods = {}, ', "value 'sour' of attribute 'taste' has unknown keys: wrods"),
        ('{ name = "sour", ', "{ ", "value None of attribute 'taste' lacks: name"),
        ('name = "sour"', 'name = "sweet"', "more than once: taste.sweet"),
        ("means = { ripe = false }", "mean = { ripe = false }", "unknown keys: mean"),
        ("means = { ripe = false }", "means = { rip = false }", "no attribute 'rip'. Did you mean 'ripe'?"),
        ('taste = "sour"', 'taste = "saur"', "taste has no value 'saur'. Did you mean 'sour'?"),
        ('kind = "flag"', 'kind = "flag"\nnoun_for = ["tast"]', "no attribute 'tast'. Did you mean 'taste'?"),
    ],
)
def test_a_mistake_in_the_file_is_named(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        parse_schema(SMALL.replace(old, new, 1))


def test_a_kind_that_does_not_exist_is_named() -> None:
    text = SMALL.replace('kind = "choice"', 'kind = "chioce"')
    with pytest.raises(InputError, match=r"attribute 'taste' has kind 'chioce'\. Known: choice, flag\."):
        parse_schema(text)


# --- names that do not exist -----------------------------------------------------------------------------------------


def test_an_unknown_schema_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"There is no schema 'animee'\. Known: .*anime"):
        load_schema("animee")


def test_an_unknown_attribute_names_the_nearest(schema: Schema) -> None:
    with pytest.raises(InputError, match=r"'anime' has no attribute 'hair_colour'\. Did you mean 'hair_color'\?"):
        schema.attribute("hair_colour")


def test_an_unknown_value_names_the_nearest(schema: Schema) -> None:
    with pytest.raises(InputError, match=r"hair_color has no value 'purpel'\. Did you mean 'purple'\?"):
        schema.attribute("hair_color").index("purpel")


def test_an_unknown_slot_names_the_nearest(schema: Schema) -> None:
    with pytest.raises(InputError, match=r"'anime' has no slot 'eye_color\.blu'\. Did you mean 'eye_color\.blue'\?"):
        schema.slot_index("eye_color.blu")


def test_a_name_unlike_all_lists_all(schema: Schema) -> None:
    with pytest.raises(InputError, match=r"gender has no value 'zzz'\. Known: girl, boy\."):
        schema.attribute("gender").index("zzz")
