"""Words to a condition: the golden descriptions, one test for each rule, and properties of any text."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konomi.condition import Condition
from konomi.schema import Schema, load_schema, parse_schema
from konomi.text import LIMIT, parse
from konomi.text.tokens import Scanner


def golden(name: str) -> list[dict[str, Any]]:
    text = (Path(__file__).parent / "golden" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


GOLDEN = golden("descriptions.jsonl")
SECOND = golden("descriptions-second.jsonl")


def misread(rows: list[dict[str, Any]], schema: Schema) -> list[str]:
    """What was wanted and what was got, for every description that is not wholly right."""
    wrong = []
    for row in rows:
        wanted = Condition.from_dict(schema, row["condition"])
        if (got := parse(row["text"], schema).condition) != wanted:
            wrong.append(f"{row['text']}\n    wanted {wanted.to_dict()}\n    got    {got.to_dict()}")
    print(f"{len(rows) - len(wrong)} of {len(rows)} right", *wrong, sep="\n")
    return wrong


def understood(description: str) -> dict[str, Any]:
    return parse(description).condition.to_dict()


# --- the golden descriptions -----------------------------------------------------------------------------------------


def test_at_least_97_percent_of_the_golden_descriptions_are_wholly_right(schema: Schema) -> None:
    wrong = misread(GOLDEN, schema)
    assert len(wrong) <= 0.03 * len(GOLDEN), "\n".join(wrong)


def test_at_least_97_of_the_second_100_descriptions_are_wholly_right(schema: Schema) -> None:
    """Their author had not seen the parser. The first score, before any mending, was 97 of 100.

    The three misread ones were mended afterwards, so only that first score says how well unseen texts are read.
    """
    assert len(SECOND) == 100
    wrong = misread(SECOND, schema)
    assert len(wrong) <= 3, "\n".join(wrong)


def test_the_golden_descriptions_are_many_hard_and_cover_every_slot(schema: Schema) -> None:
    conditions = [Condition.from_dict(schema, row["condition"]) for row in GOLDEN]
    said = [slot for condition in conditions for slot, weight in condition.weights if weight]
    assert len(GOLDEN) >= 260
    assert len({row["text"] for row in GOLDEN}) == len(GOLDEN)
    assert sum(row["hard"] for row in GOLDEN) >= len(GOLDEN) / 3
    assert [schema.slots[slot] for slot in range(len(schema.slots)) if said.count(slot) < 3] == []


# --- every word of the schema ----------------------------------------------------------------------------------------


def test_every_value_is_understood_by_its_own_name_and_labels(schema: Schema) -> None:
    for attribute in schema.attributes:
        for value in attribute.values:
            name = attribute.name if attribute.is_flag else value.name
            noun = attribute.label["en"].split()[0] if attribute.nouns and not attribute.is_flag else ""
            wanted = Condition.from_dict(schema, {attribute.name: True if attribute.is_flag else value.name})
            assert parse(f"{name.replace('_', ' ')} {noun}", schema).condition == wanted
            assert parse(f"{name} {noun}", schema).condition == wanted


def test_every_word_in_the_schema_file_means_its_value(schema: Schema) -> None:
    for attribute in schema.attributes:
        for value in attribute.values:
            for word in chain(*value.words.values()):
                got = parse(word, schema).condition.to_dict()
                assert got.get(attribute.name) in (value.name, True), (word, got)


def test_every_adjective_in_the_schema_file_means_its_value_beside_every_noun(schema: Schema) -> None:
    nouns = {"hair_color": "hair 髪", "eye_color": "eyes 瞳", "hair_length": "hair 髪", "skin": "skin 肌"}
    for name, both in nouns.items():
        english, japanese = both.split()
        for value in schema.attribute(name).values:
            for words in (value.adjectives, value.beside):
                phrases = [f"{w} {english}" for w in words.get("en", ())] + [w + japanese for w in words.get("ja", ())]
                for phrase in phrases:
                    assert parse(phrase, schema).condition.to_dict().get(name) == value.name, phrase


# --- attachment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "condition"),
    [
        ("blue eyes and hair", {"eye_color": "blue", "hair_color": "blue"}),
        ("髪も目も青い", {"eye_color": "blue", "hair_color": "blue"}),
        ("her hair is green, her eyes gold", {"hair_color": "green", "eye_color": "yellow"}),
        ("eyes: red; hair: black", {"hair_color": "black", "eye_color": "red"}),
        ("hair the colour of silver", {"hair_color": "silver"}),
        ("eyes that shine blue", {"eye_color": "blue"}),
        ("her eyes aren't blue. They're green.", {"eye_color": "green"}),
        ("hair black eyes red", {"hair_color": "black", "eye_color": "red"}),
        ("blue, sparkling eyes", {"eye_color": "blue"}),
        ("long silver-haired girl", {"hair_length": "long", "hair_color": "silver", "gender": "girl"}),
        ("髪は緑、目は金色", {"hair_color": "green", "eye_color": "yellow"}),
        ("目が青い銀髪の女の子", {"eye_color": "blue", "hair_color": "silver", "gender": "girl"}),
        ("髪の長い少年", {"hair_length": "long", "gender": "boy"}),
        ("pink twintails", {"hair_color": "pink", "twintails": True}),
        ("a pale boy", {"skin": "light", "gender": "boy"}),
    ],
)
def test_an_adjective_finds_its_noun(description: str, condition: dict[str, Any]) -> None:
    assert understood(description) == condition


@pytest.mark.parametrize(
    ("description", "condition", "unused"),
    [
        ("red-haired boy in a black hat", {"hair_color": "red", "gender": "boy", "hat": True}, ("black",)),
        ("a girl in a red dress", {"gender": "girl"}, ("red", "dress")),
        ("a man in black", {"gender": "boy"}, ("black",)),
        ("a short girl", {"gender": "girl"}, ("short",)),
        ("her dress is blue and her hair red", {"hair_color": "red"}, ("dress", "blue")),
        ("赤い着物、黒髪", {"hair_color": "black"}, ("赤い", "着物")),
        ("silver eyes", {}, ("silver",)),
        ("red eyes with a hint of gold", {"eye_color": "red"}, ("gold",)),
        ("golden sunset, a boy", {"gender": "boy"}, ("golden", "sunset")),
        ("a shy girl", {"gender": "girl"}, ("shy",)),
        ("面白い女の子", {"gender": "girl"}, ("面白い",)),
        ("泣きぼくろの少女", {"gender": "girl"}, ("泣きぼくろ",)),
        ("a man in black, silver hair", {"gender": "boy", "hair_color": "silver"}, ("black",)),
        ("two glasses of red wine, silver hair", {"hair_color": "silver"}, ("two", "red", "wine")),
    ],
)
def test_a_colour_of_something_else_is_unused_and_never_moved(
    description: str, condition: dict[str, Any], unused: tuple[str, ...]
) -> None:
    reading = parse(description)
    assert (reading.condition.to_dict(), reading.unused) == (condition, unused)


@pytest.mark.parametrize(
    ("description", "condition", "unused"),
    [
        ("a girl holding a hat", {"gender": "girl"}, ("hat",)),
        ("carrying a black hat and glasses, blue hair", {"hair_color": "blue"}, ("black", "hat", "glasses")),
        ("a boy with a hat in his hands", {"gender": "boy"}, ("hat",)),
        ("赤い帽子と眼鏡を持った女の子", {"gender": "girl"}, ("赤い", "帽子", "眼鏡")),
        ("holding a book, wearing glasses", {"glasses": True}, ("book",)),
        ("本を持った眼鏡の少女", {"glasses": True, "gender": "girl"}, ("本",)),
        ("青い目を持つ少女", {"eye_color": "blue", "gender": "girl"}, ()),
    ],
)
def test_what_is_carried_is_not_worn(description: str, condition: dict[str, Any], unused: tuple[str, ...]) -> None:
    reading = parse(description)
    assert (reading.condition.to_dict(), reading.unused) == (condition, unused)


@pytest.mark.parametrize(
    ("description", "condition"),
    [
        ("照れ屋の女の子", {"gender": "girl"}),
        ("照れた女の子", {"gender": "girl", "blush": True}),
        ("a shy boy", {"gender": "boy"}),
    ],
)
def test_a_shy_character_is_not_a_blush(description: str, condition: dict[str, Any]) -> None:
    assert understood(description) == condition


def test_a_colour_without_a_noun_is_a_hair_colour_and_a_note_says_so() -> None:
    reading = parse("silver, glasses")
    assert reading.condition.to_dict() == {"hair_color": "silver", "glasses": True}
    assert reading.notes == ("'silver' stands without a noun and was read as hair colour",)


def test_a_mood_without_a_noun_is_not_a_colour() -> None:
    assert understood("dark and moody") == {}


@pytest.mark.parametrize(
    ("description", "color"),
    [
        ("light blue hair", "blue"),
        ("dark blue hair", "blue"),
        ("golden brown hair", "brown"),
        ("bluish silver hair", "silver"),
        ("青みがかった銀髪", "silver"),
        ("deep pastel pink hair", "pink"),
        ("薄いピンクの髪", "pink"),
        ("dark hair", "black"),
        ("light hair", "blonde"),
        ("水色の髪", "aqua"),
    ],
)
def test_of_colours_side_by_side_the_last_is_the_colour(description: str, color: str) -> None:
    assert parse(description).unused == ()
    assert understood(description) == {"hair_color": color}


# --- denial ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "condition"),
    [
        ("no hat", {"hat": False}),
        ("hatless", {"hat": False}),
        ("hat-less", {"hat": False}),
        ("isn't wearing glasses", {"glasses": False}),
        ("glasses: no, hat: yes", {"glasses": False, "hat": True}),
        ("not blonde", {"hair_color": {"blonde": 0.0}}),
        ("not a blonde girl", {"hair_color": {"blonde": 0.0}, "gender": "girl"}),
        ("blue eyes, not green", {"eye_color": "blue"}),
        ("hair that is not blue but green", {"hair_color": "green"}),
        ("closed mouth", {"open_mouth": False}),
        ("her mouth is not closed", {"open_mouth": True}),
        ("expressionless", {"smile": False}),
        ("眼鏡なし", {"glasses": False}),
        ("帽子をかぶっていない", {"hat": False}),
        ("笑っていない", {"smile": False}),
        ("青い目ではなく赤", {"eye_color": "red"}),
        ("金髪でも銀髪でもない", {"hair_color": {"blonde": 0.0, "silver": 0.0}}),
        ("don't forget the glasses", {"glasses": True}),
    ],
)
def test_denied_words_get_weight_zero(description: str, condition: dict[str, Any]) -> None:
    assert understood(description) == condition


@pytest.mark.parametrize(
    ("description", "condition"),
    [
        ("neither hat nor glasses", {"hat": False, "glasses": False}),
        ("no glasses or hat, long hair", {"hat": False, "glasses": False, "hair_length": "long"}),
        ("no hat, glasses or ribbon", {"hat": False, "glasses": False, "ribbon": False}),
        ("without hat and glasses", {"hat": False, "glasses": False}),
        ("no hat and a smile", {"hat": False, "smile": True}),
        ("no smile but glasses", {"smile": False, "glasses": True}),
        ("no hat, glasses", {"hat": False, "glasses": True}),
        ("no hat long hair", {"hat": False, "hair_length": "long"}),
        ("帽子も眼鏡もなし、銀髪", {"hat": False, "glasses": False, "hair_color": "silver"}),
        ("帽子なし眼鏡あり", {"hat": False, "glasses": True}),
        ("笑顔で眼鏡なし", {"smile": True, "glasses": False}),
        ("帽子も、眼鏡もなし", {"hat": False, "glasses": False}),
        ("not blonde and blue eyes", {"hair_color": {"blonde": 0.0}, "eye_color": "blue"}),
        ("not blonde and long hair", {"hair_color": {"blonde": 0.0}, "hair_length": "long"}),
        ("黒髪と青くない目", {"hair_color": "black", "eye_color": {"blue": 0.0}}),
    ],
)
def test_a_denial_ends_where_its_list_ends(description: str, condition: dict[str, Any]) -> None:
    assert understood(description) == condition


@pytest.mark.parametrize(
    "description",
    [
        "any hair colour except pink and green",
        "any hair colour other than pink or green",
        "anything but pink and green hair",
        "her hair isn't pink and green",
        "ピンクと緑以外の髪色",
        "ピンクや緑以外の髪",
        "ピンクの髪と緑の髪以外",
    ],
)
def test_a_denial_reaches_all_colours_that_and_joins(description: str) -> None:
    assert understood(description) == {"hair_color": {"pink": 0.0, "green": 0.0}}


def test_a_denial_of_colours_goes_through_commas() -> None:
    assert understood("no pink, red and green hair") == {"hair_color": {"pink": 0.0, "red": 0.0, "green": 0.0}}
    assert understood("anything but blonde hair") == {"hair_color": {"blonde": 0.0}}


# --- degrees, mixtures, contradictions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "condition"),
    [
        ("a slight smile", {"smile": 0.5}),
        ("a bit of blush", {"blush": 0.5}),
        ("smiling a little, glasses", {"smile": 0.5, "glasses": True}),
        ("mouth slightly open", {"open_mouth": 0.5}),
        ("very long hair", {"hair_length": "long"}),
        ("a little girl with a small hat", {"gender": "girl", "hat": True}),
        ("少し笑っている", {"smile": 0.5}),
        ("うっすら頬を染めた", {"blush": 0.5}),
        ("満面の笑み", {"smile": True}),
    ],
)
def test_words_of_degree_weigh_what_has_degrees(description: str, condition: dict[str, Any]) -> None:
    assert understood(description) == condition


@pytest.mark.parametrize(
    ("description", "weights"),
    [
        ("blue and pink hair", {"blue": 0.5, "pink": 0.5}),
        ("half silver half purple hair", {"silver": 0.5, "purple": 0.5}),
        ("青とピンクの髪", {"blue": 0.5, "pink": 0.5}),
        ("金髪と黒髪", {"blonde": 0.5, "black": 0.5}),
        ("red, white and blue hair", {"red": 0.33, "white": 0.33, "blue": 0.33}),
    ],
)
def test_joined_hair_colours_are_an_equal_mixture(description: str, weights: dict[str, float]) -> None:
    reading = parse(description)
    assert reading.condition == Condition.from_dict(load_schema(), {"hair_color": weights})
    assert any("equal mixture" in note for note in reading.notes)


@pytest.mark.parametrize(
    ("description", "condition", "note"),
    [
        ("a long short hair", {"hair_length": "short"}, "hair length: long, then short; the last one counts"),
        ("blonde with black hair", {"hair_color": "black"}, "hair colour: blonde, then black; the last one counts"),
        ("no glasses, with glasses", {"glasses": True}, "glasses: no, then yes; the last one counts"),
        ("a girl, no, a boy", {"gender": "boy"}, "drawn as: girl, then boy; the last one counts"),
        ("red and blue eyes", {"eye_color": "blue"}, "eye colour: red, then blue; the last one counts"),
        ("blue, or brown eyes", {"eye_color": "brown"}, "eye colour: blue, then brown; the last one counts"),
    ],
)
def test_of_contradictions_the_last_counts_and_a_note_says_so(
    description: str, condition: dict[str, Any], note: str
) -> None:
    reading = parse(description)
    assert reading.condition.to_dict() == condition
    assert reading.notes == (note,)


@pytest.mark.parametrize(
    ("description", "condition"),
    [
        ("laughing", {"smile": True, "open_mouth": True}),
        ("laughing with her mouth closed", {"smile": True, "open_mouth": False}),
        ("not laughing", {"smile": False}),
    ],
)
def test_what_a_word_implies_yields_to_what_the_text_says(description: str, condition: dict[str, Any]) -> None:
    assert understood(description) == condition


# --- any text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("description", ["ＬＯＮＧ　ＨＡＩＲ", "Long Hair", "long_hair", "long-hair", "longhaired"])
def test_width_case_and_hyphens_do_not_matter(description: str) -> None:
    assert understood(description) == {"hair_length": "long"}


def test_half_width_katakana_is_katakana() -> None:
    assert understood("ﾂｲﾝﾃｰﾙ") == {"twintails": True}


@pytest.mark.parametrize(
    "description", ["", " \n\t", "\x00\x1b", "\ud800", "🦊", "привет", "안녕하세요", "?!,.", "ー", "の"]
)
def test_a_text_without_our_words_gives_an_empty_condition(description: str) -> None:
    assert understood(description) == {}


def test_a_long_text_is_cut_and_a_note_says_so() -> None:
    reading = parse("red hair, " + "x" * 10_000 + " hat")
    assert reading.condition.to_dict() == {"hair_color": "red"}
    assert reading.notes == (f"only the first {LIMIT} characters were read",)


def test_reading_time_does_not_grow_with_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    step = Scanner._step
    monkeypatch.setattr(Scanner, "_step", lambda self, at: (steps.append(at), step(self, at))[1])
    for description in ("\ufdfa" * 100_000, "no hat, " * 20_000, "赤と" * 50_000):
        steps.clear()
        parse(description)
        assert len(steps) <= LIMIT


def test_unused_words_are_as_the_user_wrote_them() -> None:
    assert parse("ｶﾞｳﾝ and a Big SWORD, 着物").unused == ("ｶﾞｳﾝ", "Big", "SWORD", "着物")


fragments = st.sampled_from([*(w for row in GOLDEN for w in row["text"].split()), "no", "、", "と", "なし", "ー"])
descriptions = st.text(max_size=200) | st.lists(fragments, max_size=30).map(" ".join) | st.lists(fragments).map("".join)


@given(descriptions)
@settings(max_examples=400, deadline=None)
def test_any_text_gives_a_valid_reading(description: str) -> None:
    reading = parse(description)
    assert reading == parse(description)
    assert Condition.from_dict(load_schema(), reading.condition.to_dict()) == reading.condition
    assert all(0 <= weight <= 1 for _, weight in reading.condition.weights)
    assert all("\n" not in note for note in reading.notes)
    position = 0
    for word in reading.unused:
        position = description.index(word, position)  # two words may share a character that NFKC makes many of: ¼


def test_the_words_come_from_the_schema_alone() -> None:
    schema = parse_schema("""
        name = "fruit"
        [[attribute]]
        name = "taste"
        kind = "choice"
        exclusive = true
        label = { en = "taste" }
        nouns.en = ["apple"]
        values = [
          { name = "sweet", label = { en = "sweet" }, adjectives = { en = ["sweet"] } },
          { name = "sour", label = { en = "sour" }, adjectives = { en = ["sour"] } },
        ]
        """)
    assert parse("a sour apple with long hair", schema).condition.to_dict() == {"taste": "sour"}
    assert parse("the apple isn't sweet", schema).condition.to_dict() == {"taste": {"sweet": 0.0}}
