"""Recipes and share codes."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konomi.condition import Condition
from konomi.errors import InputError, KonomiError
from konomi.recipe import ALPHABET, MAX_SEED, Noise, Recipe, check_character, from_code, seed_of, to_code
from konomi.schema import Schema, load_schema
from strategies import recipes


def read(code: str, recipe: Recipe) -> Recipe:
    return from_code(code).recipe(
        model=recipe.model, model_sha256=recipe.model_sha256, schema=recipe.condition.schema, licence=recipe.licence
    )


@given(recipes, st.integers(0, 255))
def test_a_share_code_gives_the_recipe_back(recipe: Recipe, number: int) -> None:
    code = to_code(recipe, number=number)
    assert read(code, recipe) == recipe
    contents = from_code(code)
    assert contents.number == number
    assert contents.hash_prefix == ("" if number else recipe.model_sha256[:8])


@given(recipes)
def test_json_gives_the_recipe_back(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json(), load_schema) == recipe


def test_an_ordinary_code_is_shorter_than_40_characters(asked: Condition) -> None:
    code = to_code(Recipe("anime-1", "ab" * 32, asked, seed=MAX_SEED, size=512), number=1)
    assert len(code) < 40
    assert set(code) <= set(ALPHABET)


def test_case_spaces_and_hyphens_do_not_matter(asked: Condition) -> None:
    recipe = Recipe("anime-1", "ab" * 32, asked, seed=7)
    code = to_code(recipe, number=1)
    typed = " ".join(code.lower()[i : i + 4] for i in range(0, len(code), 4)).replace(" ", "-", 1)
    assert read(typed, recipe) == recipe


@given(recipes, st.data())
def test_one_wrong_character_is_always_noticed(recipe: Recipe, data: st.DataObject) -> None:
    code = to_code(recipe, number=1)
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([c for c in ALPHABET if c != code[place]]))
    with pytest.raises(InputError, match="typing error"):
        from_code(code[:place] + other + code[place + 1 :])


def test_two_swapped_neighbours_are_nearly_always_noticed(asked: Condition) -> None:
    tried = missed = 0
    for seed in range(300):
        code = to_code(Recipe("anime-1", "ab" * 32, asked, seed=seed**5), number=1)
        for i in range(len(code) - 1):
            if code[i] != code[i + 1]:
                swapped = code[:i] + code[i + 1] + code[i] + code[i + 2 :]
                tried += 1
                missed += check_character(swapped[:-1]) == swapped[-1]
    assert missed / tried < 0.01, f"{missed} of {tried}"


def test_the_check_character_follows_the_standard() -> None:
    assert check_character("A12425GABC1234002") == "M"  # example of ISO 7064 MOD 37,36 (Global Release Identifier)


@given(st.text(max_size=60) | st.text(alphabet=ALPHABET, min_size=1, max_size=40).map(lambda t: t + check_character(t)))
def test_random_text_is_refused_or_read_but_never_crashes(text: str) -> None:
    recipe = Recipe("anime-1", "ab" * 32, Condition(load_schema("anime")))
    try:
        found = read(text, recipe)
    except KonomiError as error:
        assert "\n" not in str(error)
    else:
        assert 0 <= found.seed <= MAX_SEED


@pytest.mark.parametrize(
    ("code", "told"),
    [("", "too short"), ("A" * 501, "too long"), ("AB*C", "neither a letter nor a digit"), ("ＡＢＣ１", "neither")],
)
def test_what_is_no_code_is_told(code: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        from_code(code)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": -1}, "whole number from 0"),
        ({"seed": 2**60}, "whole number from 0"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"size": 100}, "choose one of 64, 128, 256, 512"),
        ({"variety": 1.5}, "variety is 1.5"),
        ({"candidate": 256}, "candidate of a noise is 256; it goes from 0 to 255"),
        ({"candidate": -1}, "candidate of a noise is -1"),
        ({"blend": tuple(Noise(i) for i in range(12))}, "a blend of 13 noises; at most 12"),
    ],
)
def test_values_out_of_range_are_refused(asked: Condition, changes: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        dataclasses.replace(Recipe("anime-1", "ab" * 32, asked), **changes)  # type: ignore[arg-type]


def test_a_recipe_with_an_unknown_or_missing_key_is_refused(asked: Condition, schema: Schema) -> None:
    row = Recipe("anime-1", "ab" * 32, asked).to_dict()
    with pytest.raises(InputError, match="Did you mean 'seed'"):
        Recipe.from_dict(row | {"sead": 1}, lambda _: schema)
    del row["size"]
    with pytest.raises(InputError, match="lacks size"):
        Recipe.from_dict(row, lambda _: schema)


def test_recipes_and_codes_of_one_noise_are_as_they_always_were(asked: Condition) -> None:
    recipe = Recipe("anime-1", "ab" * 32, asked, seed=7)
    assert not {"candidate", "blend"} & set(recipe.to_dict())
    assert from_code(to_code(recipe, number=1)).version == 1
    assert from_code(to_code(dataclasses.replace(recipe, candidate=1), number=1)).version == 2


@pytest.mark.parametrize(
    ("blend", "told"),
    [
        ([[1, 0, 0]], "weight 0 is none"),
        ([[1, 0, 10_000]], "weight of a noise is 10000; it goes from 0 to 9999"),
        ([[1, 0, 0.5]], "weight of a noise is 0.5"),
        ([[1, 0]], "a list of .seed, candidate, weight."),
        ("1", "a list of .seed, candidate, weight."),
        ([[-1, 0, 5]], "whole number from 0"),
    ],
)
def test_a_wrong_blend_is_refused(asked: Condition, schema: Schema, blend: object, told: str) -> None:
    row = Recipe("anime-1", "ab" * 32, asked).to_dict() | {"blend": blend}
    with pytest.raises(InputError, match=told):
        Recipe.from_dict(row, lambda _: schema)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "1", '{"model": 1}', "[" * 100_000])
def test_text_that_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Recipe.from_json(text, load_schema)


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("0", 0),
        ("7", 7),
        (str(MAX_SEED), MAX_SEED),
        ("alice", 1542618457563584),
        ("Alice", 2102962223769480),
        ("アリス", 8413363905510505),
        ("007", 3469962583109473),
        (str(MAX_SEED + 1), 6984352457745639),
        ("-1", 973812726181414),
    ],
)
def test_the_seed_of_a_name_never_changes(text: str, seed: int) -> None:
    assert seed_of(text) == seed


def test_a_name_is_the_same_however_its_letters_are_composed() -> None:
    assert seed_of("Zoe\u0308") == seed_of("Zo\u00eb") != seed_of("Zoe")


@pytest.mark.parametrize(
    ("text", "told"), [("", "is empty"), ("x" * 201, "is too long"), ("\ud800", "not valid Unicode")]
)
def test_a_name_is_neither_empty_nor_endless(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        seed_of(text)
