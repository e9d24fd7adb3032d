"""What nobody asked for, as the seed decides."""

from dataclasses import replace

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


def test_flags_that_were_asked_for_decide_about_others(guess: Guess, schema: Schema) -> None:
    """By Bayes' rule: of 80 girls 18 have twintails, of 20 boys 2; of 48 with long hair 18, of 34 with short hair 1."""
    lifts = np.ones((len(schema.slots), len(schema.slots)))
    tails, girl, boy = (schema.slot_index(s) for s in ("twintails", "gender.girl", "gender.boy"))
    long, short = schema.slot_index("hair_length.long"), schema.slot_index("hair_length.short")
    overall = guess.shares[""].copy()
    overall[[tails, long, short]] = 0.2, 0.48, 0.34
    for slot, together in ((girl, 0.18), (boy, 0.02), (long, 0.18), (short, 0.01)):
        lifts[slot, tails] = lifts[tails, slot] = together / (overall[slot] * 0.2)
    knowing = Guess("gender", {**guess.shares, "": overall}, lifts)
    found = many(knowing, schema, twintails=True)
    assert found[:, boy].mean() == pytest.approx(0.1, abs=0.03)
    found = found[found[:, girl] == 1]
    odds = {slot: guess.shares["girl"][slot] / (1 - guess.shares["girl"][slot]) for slot in (long, short)}
    for slot, share, together in ((long, 0.48, 0.18), (short, 0.34, 0.01)):
        told = odds[slot] * (together / share) / ((0.2 - together) / (1 - share))
        assert found[:, slot].mean() == pytest.approx(told / (1 + told), abs=0.04)
    plain, asked = many(knowing, schema), many(knowing, schema, hair_color="red")
    same = [i for i, slot in enumerate(schema.slots) if not slot.startswith("hair_color")]
    assert np.array_equal(plain[:, same], asked[:, same])
    again = Guess.from_dict(knowing.to_dict())
    assert np.array_equal(many(again, schema, twintails=True), many(knowing, schema, twintails=True))


def test_each_candidate_may_be_guessed_by_itself(guess: Guess, schema: Schema) -> None:
    weights = Condition.from_dict(schema, {"hat": True}).to_array()
    each = replace(guess, each=True)
    for seed in range(20):
        assert np.array_equal(guess.fill(weights, schema, seed, 5), guess.fill(weights, schema, seed))
        assert np.array_equal(each.fill(weights, schema, seed, 0), guess.fill(weights, schema, seed))
    people = {each.fill(weights, schema, 1, candidate).tobytes() for candidate in range(20)}
    assert len(people) > 15
    assert all(each.fill(weights, schema, 1, c)[schema.slot_index("hat")] == 1 for c in range(20))
    again = Guess.from_dict(each.to_dict())
    assert again.each
    assert not Guess.from_dict(guess.to_dict()).each


def test_a_flag_that_is_asked_for_settles_other_things_unless_they_are_asked_for(guess: Guess, schema: Schema) -> None:
    settled = replace(guess, settled={"ribbon": {"framing": "wide"}})
    wide, ribbon = schema.slot_index("framing.wide"), schema.slot_index("ribbon")
    assert many(settled, schema, ribbon=True)[:, wide].all()
    assert not many(settled, schema, ribbon=True, framing="close")[:, wide].any()
    assert not many(settled, schema, ribbon=True, framing={"wide": 0})[:, wide].any()
    plain = many(settled, schema)
    assert np.array_equal(plain, many(guess, schema))
    assert 0.4 < plain[plain[:, ribbon] == 1, wide].mean() < 0.6  # guessed, not asked for
    again = Guess.from_dict(settled.to_dict())
    assert np.array_equal(many(again, schema, ribbon=True), many(settled, schema, ribbon=True))


def test_a_guess_survives_json(guess: Guess, schema: Schema) -> None:
    again = Guess.from_dict(guess.to_dict())
    assert again.by == "gender"
    weights = Condition.from_dict(schema, {}).to_array()
    assert all(np.array_equal(again.fill(weights, schema, s), guess.fill(weights, schema, s)) for s in range(50))


def test_a_guess_of_a_schema_without_a_first_attribute(schema: Schema) -> None:
    guess = Guess("", {"": shares(schema, hat=1.0)})
    assert guess.fill(Condition.from_dict(schema, {}).to_array(), schema, 3)[schema.slot_index("hat")] == 1
