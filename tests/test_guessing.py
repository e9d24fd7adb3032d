"""What nobody asked for, as the seed decides."""

import numpy as np
import pytest

from konomi.condition import Condition
from konomi.guessing import Guess
from konomi.schema import Schema


def shares(schema: Schema, **given: float) -> np.ndarray:
    found = np.zeros(len(schema.slots))
    for attribute in schema.attributes:
        found[schema.offsets[attribute.name]] = 1 / len(attribute.slots) if attribute.exclusive else 0.0
    for slot, share in given.items():
        found[schema.slot_index(slot.replace("__", "."))] = share
    return found


@pytest.fixture
def guess(schema: Schema) -> Guess:
    girls = shares(schema, hair_length__long=0.6, hair_length__short=0.2, ribbon=0.3)
    boys = shares(schema, hair_length__short=0.9)
    everybody = shares(schema, gender__girl=0.8, gender__boy=0.2)
    return Guess("gender", {"": everybody, "girl": girls, "boy": boys})


def many(guess: Guess, schema: Schema, **asked: object) -> np.ndarray:
    weights = Condition.from_dict(schema, asked).to_array()
    return np.stack([guess.fill(weights, schema, seed) for seed in range(1200)])


def test_nothing_stays_unknown_and_what_was_asked_stays(guess: Guess, schema: Schema) -> None:
    found = many(guess, schema, hair_color={"blonde": 0.6, "pink": 0.4}, smile=0.5)
    assert not np.isnan(found).any()
    assert (found[:, schema.slot_index("hair_color.blonde")] == np.float32(0.6)).all()
    assert (found[:, schema.slot_index("smile")] == 0.5).all()
    assert (found[:, schema.offsets["eye_color"]].sum(axis=1) == 1).all()


def test_everything_occurs_as_often_as_in_the_shares(guess: Guess, schema: Schema) -> None:
    found = many(guess, schema)
    boys = found[:, schema.slot_index("gender.boy")] == 1
    assert boys.mean() == pytest.approx(0.2, abs=0.04)
    long, short = (found[:, schema.slot_index(f"hair_length.{value}")] for value in ("long", "short"))
    assert long[~boys].mean() == pytest.approx(0.6, abs=0.05)
    assert short[~boys].mean() == pytest.approx(0.2, abs=0.05)
    assert not (long * short).any()
    assert short[boys].mean() == pytest.approx(0.9, abs=0.05)
    assert found[boys, schema.slot_index("ribbon")].mean() == 0
    hair = found[:, schema.offsets["hair_color"]].mean(axis=0)
    assert hair == pytest.approx(np.full(13, 1 / 13), abs=0.04)


def test_what_was_asked_decides_about_the_rest(guess: Guess, schema: Schema) -> None:
    found = many(guess, schema, gender="boy")
    assert found[:, schema.slot_index("hair_length.long")].sum() == 0


def test_changing_one_thing_leaves_the_other_guesses(guess: Guess, schema: Schema) -> None:
    plain, hat = many(guess, schema, hair_color="red"), many(guess, schema, hair_color="blue", hat=True)
    same = [i for i, slot in enumerate(schema.slots) if slot != "hat" and not slot.startswith("hair_color")]
    assert np.array_equal(plain[:, same], hat[:, same])


def test_a_refused_value_is_not_guessed(guess: Guess, schema: Schema) -> None:
    found = many(guess, schema, hair_color={"blonde": 0}, hair_length={"long": 0})
    assert found[:, schema.slot_index("hair_color.blonde")].sum() == 0
    assert (found[:, schema.offsets["hair_color"]].sum(axis=1) == 1).all()
    assert found[:, schema.slot_index("hair_length.long")].sum() == 0


def test_a_guess_survives_json(guess: Guess, schema: Schema) -> None:
    again = Guess.from_dict(guess.to_dict())
    assert again.by == "gender"
    weights = Condition.from_dict(schema, {}).to_array()
    assert all(np.array_equal(again.fill(weights, schema, s), guess.fill(weights, schema, s)) for s in range(50))


def test_a_guess_of_a_schema_without_a_first_attribute(schema: Schema) -> None:
    guess = Guess("", {"": shares(schema, hat=1.0)})
    assert guess.fill(Condition.from_dict(schema, {}).to_array(), schema, 3)[schema.slot_index("hat")] == 1
