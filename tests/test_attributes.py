"""`--set NAME=VALUE`: value names, yes and no, weights; and what is misspelt or said twice is told."""

from typing import Any

import pytest

from konomi.cli.attributes import Asked, asked_of
from konomi.condition import Condition
from konomi.errors import InputError
from konomi.fields import field_of
from konomi.schema import Schema, load_schema

LORELEI = load_schema("lorelei")


def within(*settings: str, schema: Schema = LORELEI, **options: Any) -> dict[str, Any]:
    return Asked(options, settings).within(schema)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (["hair_style=mohawk"], {"hair_style": "mohawk"}),
        (["hair-style = mohawk"], {"hair_style": "mohawk"}),
        (["glasses=no", "beard=yes", "smile=1"], {"glasses": False, "beard": True, "smile": True}),
        (["smile=0.5"], {"smile": 0.5}),
        (["hair_color.blonde=0.6", "hair_color.pink=0.4"], {"hair_color": {"blonde": 0.6, "pink": 0.4}}),
        (["hair_color.blonde=no"], {"hair_color": {"blonde": 0.0}}),
    ],
)
def test_settings_are_values_answers_and_weights(settings: list[str], asked: dict[str, Any]) -> None:
    assert within(*settings) == asked
    assert Condition.from_dict(LORELEI, asked)


def test_options_and_settings_go_together() -> None:
    assert within("beard=yes", hair_color="blue") == {"hair_color": "blue", "beard": True}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["smile"], "'smile' is not NAME=VALUE, as in --set hair_color=blonde"),
        (["=yes"], "is not NAME=VALUE"),
        (["smile="], "is not NAME=VALUE"),
        (["smle=yes"], "no attribute 'smle'. Did you mean 'smile'"),
        (["hat=yes"], "schema 'lorelei' has no attribute 'hat'"),
        (["smile=perhaps"], "smile is 'perhaps'; write yes or no, or a weight from 0 to 1"),
        (["smile=2"], "smile is '2'; write yes or no, or a weight from 0 to 1"),
        (["smile=nan"], "smile is 'nan'"),
        (["smile.yes=1"], "smile has no values to choose from; write --set smile=yes"),
        (["hair_color.blond=1"], "hair_color has no value 'blond'. Did you mean 'blonde'"),
        (["hair_color.blonde=much"], "hair_color.blonde is 'much'"),
        (["smile=yes", "smile=no"], "smile is given twice, the second time as --set smile=no"),
        (["hair_color=blue", "hair_color.blonde=1"], "hair_color is given twice"),
        (["hair_color.blonde=1", "hair_color=blue"], "hair_color is given twice"),
        (["hair_color.blonde=1", "hair_color.blonde=0.5"], "hair_color.blonde is given twice"),
    ],
)
def test_mistakes_in_settings_are_told(settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        within(*settings)


def test_an_option_and_a_setting_of_one_attribute_contradict_each_other() -> None:
    with pytest.raises(InputError, match="glasses is given twice"):
        within("glasses=no", glasses=True)


def test_an_option_that_the_models_schema_lacks_is_refused() -> None:
    with pytest.raises(InputError, match="schema 'lorelei' has no attribute 'hat'"):
        within(hat=True)


def test_a_value_that_does_not_exist_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="hair_style has no value 'mohwak'"):
        Condition.from_dict(LORELEI, within("hair_style=mohwak"))


def test_nothing_given_is_nothing_asked() -> None:
    assert not asked_of({"hat": None, "set_": None})
    assert asked_of({"hat": False, "set_": []})
    assert asked_of({"hat": None, "set_": ["hat=no"]})


def test_fields_of_a_table_are_read_as_settings_are() -> None:
    assert field_of(LORELEI.attribute("smile"), "0.25") == 0.25
    assert field_of(LORELEI.attribute("smile"), "YES") is True
    assert field_of(LORELEI.attribute("skin"), "tan") == "tan"
