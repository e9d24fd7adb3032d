"""Conditions: what was asked, in arrays and in readable form."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from konomi.condition import Condition
from konomi.errors import InputError
from konomi.schema import Schema, load_schema
from strategies import conditions


@given(conditions)
def test_the_readable_form_gives_the_condition_back(condition: Condition) -> None:
    assert Condition.from_dict(condition.schema, condition.to_dict()) == condition


@given(st.dictionaries(st.integers(0, 37), st.floats(0, 1)))
def test_weights_are_kept_to_two_decimals_in_slot_order(weights: dict[int, float]) -> None:
    condition = Condition.from_slots(load_schema(), weights)
    assert condition.weights == tuple((slot, round(weights[slot], 2)) for slot in sorted(weights))


@given(conditions)
def test_the_array_holds_the_weights_and_nan_for_the_rest(condition: Condition) -> None:
    array = condition.to_array()
    assert (array.shape, array.dtype) == ((40,), np.float32)
    known = dict(condition.weights)
    for slot, weight in enumerate(array):
        assert math.isnan(weight) if slot not in known else weight == np.float32(known[slot])


@given(conditions, conditions)
def test_merging_takes_whole_attributes_from_the_other(mine: Condition, other: Condition) -> None:
    assert mine.merged(other).to_dict() == mine.to_dict() | other.to_dict()
    assert mine.merged(mine) == mine
    assert mine.merged(Condition(mine.schema)) == mine


def test_nothing_asked_is_false(schema: Schema) -> None:
    assert not Condition(schema)
    assert not Condition.from_dict(schema, {})
    assert Condition.from_dict(schema, {"hat": False})


def test_a_chosen_value_rules_the_others_of_an_exclusive_attribute_out(schema: Schema) -> None:
    array = Condition.from_dict(schema, {"gender": "girl"}).to_array()
    assert array[schema.offsets["gender"]].tolist() == [1, 0]


def test_a_refused_value_says_nothing_of_the_others(schema: Schema) -> None:
    array = Condition.from_dict(schema, {"hair_color": {"blonde": 0}}).to_array()[schema.offsets["hair_color"]]
    assert array[0] == 0
    assert np.isnan(array[1:]).all()


def test_long_hair_says_nothing_of_short_hair(schema: Schema) -> None:
    array = Condition.from_dict(schema, {"hair_length": "long"}).to_array()[schema.offsets["hair_length"]]
    assert array[0] == 1
    assert np.isnan(array[1])


def test_a_mixture_names_its_parts(schema: Schema) -> None:
    mixture = {"hair_color": {"blue": 0.5, "pink": 0.5}}
    assert Condition.from_dict(schema, mixture).to_dict() == mixture


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"hair_colour": "red"}, r"schema 'anime' has no attribute 'hair_colour'\. Did you mean 'hair_color'\?"),
        ({"hair_color": "purpel"}, r"hair_color has no value 'purpel'\. Did you mean 'purple'\?"),
        ({"hair_color": {"purpel": 1}}, r"hair_color has no value 'purpel'\. Did you mean 'purple'\?"),
        ({"hair_color": {"red": 0.6, "blue": 0.6}}, r"the weights of hair_color add up to more than 1"),
        ({"hair_color": 3}, r"hair_color is 3; give one of: blonde, brown"),
        ({"hair_color": {"red": 2}}, r"hair_color\.red is 2; give true, false, or a weight from 0 to 1"),
        ({"glasses": 1.5}, r"glasses is 1\.5; give true, false, or a weight from 0 to 1"),
        ({"glasses": "yes"}, r"glasses is 'yes'; give true, false, or a weight from 0 to 1"),
        ({"glasses": None}, r"glasses is None; give true"),
        ({"glasses": math.nan}, r"glasses is nan; give true"),
        ({"glasses": "y" * 1000}, r"glasses is 'y{58}…; give true"),
    ],
)
def test_what_cannot_be_asked_is_named(schema: Schema, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Condition.from_dict(schema, asked)


def test_a_slot_that_does_not_exist_is_named(schema: Schema) -> None:
    with pytest.raises(InputError, match="schema 'anime' has 40 slots, there is no number 40"):
        Condition.from_slots(schema, {40: 1.0})


@pytest.mark.parametrize("weight", [-0.1, 1.1, math.nan, math.inf])
def test_a_weight_outside_0_to_1_is_named(schema: Schema, weight: float) -> None:
    with pytest.raises(InputError, match=r"hair_color\.blonde has weight .*; weights go from 0 to 1"):
        Condition.from_slots(schema, {0: weight})
