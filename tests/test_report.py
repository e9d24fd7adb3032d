"""What is measured of drawn pictures, all together: known answers, what is left out and why, and how it is told."""

import json

import numpy as np
import pytest

from konomi.errors import InputError
from konomi.metrics.lines import markdown, sections
from konomi.metrics.neighbours import closeness, nearest_real
from konomi.metrics.report import compare, measure, same_conditions
from konomi.schema import Schema


def cloud(seed: int, count: int = 60, width: int = 4, *, shift: float = 0, scale: float = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)) * scale + shift


def asked_of(schema: Schema, slots: list[str]) -> np.ndarray:
    """One exclusive hair colour for each picture."""
    asked = np.full((len(slots), len(schema.slots)), np.nan)
    asked[:, schema.offsets["hair_color"]] = 0
    for row, slot in enumerate(slots):
        asked[row, schema.slot_index(slot)] = 1
    return asked


# neighbours


def test_the_nearest_real_pictures_are_those_that_loops_find() -> None:
    real, generated = cloud(0), cloud(1, 7)
    found = nearest_real(real=real, generated=generated, k=3)
    for i, row in enumerate(generated):
        distances = [np.sqrt(sum((row - other) ** 2)) for other in real]
        assert found.index[i].tolist() == sorted(range(60), key=distances.__getitem__)[:3]
    assert nearest_real(real=real[:2], generated=generated, k=5).index.shape == (7, 2)
    with pytest.raises(InputError, match="one picture is not a set"):
        nearest_real(real=real[:1], generated=generated)


def test_copies_are_nearer_than_held_out_pictures() -> None:
    real, held_out = cloud(0, 500, 16), cloud(1, 500, 16)
    near = {"honest": cloud(2, 500, 16), "copies": real[:200] + cloud(3, 200, 16, scale=0.05)}
    usual = nearest_real(real=real, generated=held_out).distance[:, 0]
    found = {k: closeness(nearest_real(real=real, generated=v).distance[:, 0], usual) for k, v in near.items()}
    assert found["honest"].nearer == pytest.approx(0.01, abs=0.02)
    assert found["copies"].nearer == 1
    assert found["copies"].drawn < 0.2 * found["copies"].held_out  # type: ignore[operator]
    assert closeness(usual).held_out is None


def test_closeness_by_hand() -> None:
    found = closeness(np.arange(101.0), np.arange(101.0) + 50)
    assert (found.drawn, found.drawn_median, found.held_out, found.held_out_median) == (1, 50, 51, 100)
    assert found.nearer == 51 / 101


# known answers


def test_a_set_against_itself() -> None:
    found = compare(cloud(0), cloud(0))
    assert found["frechet"] == pytest.approx(0, abs=1e-9)
    assert found["kernel_x1000"] < 0
    assert (found["precision"], found["recall"], found["coverage"], found["spread"]) == (1, 1, 1, 1)
    assert found["density"] == pytest.approx(6 / 5)


def test_a_shifted_set_is_as_far_as_its_squared_shift() -> None:
    found = compare(cloud(0), cloud(0) + np.array([3, 4, 0, 0]))
    assert found["frechet"] == pytest.approx(25)
    assert found["kernel_x1000"] > 1000
    assert found["precision"] < 0.1
    assert found["spread"] == 1


def test_a_collapsed_set() -> None:
    real = cloud(0)
    found = compare(real, real[:1] + cloud(1, scale=1e-6))
    assert (found["precision"], found["recall"]) == (1, pytest.approx(0, abs=0.02))
    assert found["coverage"] < 0.25
    assert found["spread"] < 1e-5
    assert found["frechet"] > np.trace(np.cov(real.T)) * 0.9  # all variance is missing


def test_a_blurred_set_is_further_away_and_looks_less_real() -> None:
    def textures(seed: int, passes: int) -> np.ndarray:
        """How rough 4 x 4 fields of a random picture are, after it was blurred `passes` times."""
        pictures = np.random.default_rng(seed).normal(size=(100, 32, 33))
        for _ in range(passes):
            pictures = (pictures + np.roll(pictures, 1, axis=1) + np.roll(pictures, 1, axis=2)) / 3
        rough = np.abs(np.diff(pictures, axis=2)).reshape(100, 4, 8, 4, 8)
        return rough.mean(axis=(2, 4)).reshape(100, 16)

    real = textures(0, 0)
    found = [compare(real, textures(1, passes)) for passes in (0, 1, 2)]
    for key in ("precision", "density", "coverage"):
        assert found[0][key] > 0.5 > 0.1 > found[1][key] >= found[2][key]
    assert found[0]["frechet"] < 0.1 * found[1]["frechet"] < 0.1 * found[2]["frechet"]
    assert found[0]["kernel_x1000"] < 0.1 * found[1]["kernel_x1000"] < 0.1 * found[2]["kernel_x1000"]


def test_the_same_source_is_at_the_floor() -> None:
    found = measure(real=cloud(0, 400), drawn=cloud(1, 200))["sets"]
    assert found["drawn"]["pictures"] == found["floor"]["pictures"] == 200
    for key in ("precision", "recall", "density", "coverage", "spread"):
        assert found["drawn"][key] == pytest.approx(found["floor"][key], abs=0.15)
    assert found["drawn"]["frechet"] < 4 * found["floor"]["frechet"]


# sizes


@pytest.mark.parametrize(
    ("real", "drawn", "sizes"),
    [
        (60, 60, {"drawn": 60, "floor": 30, "drawn_at_floor": 30}),
        (60, 20, {"drawn": 20, "floor": 20}),
        (20, 60, {"drawn": 20, "floor": 10, "drawn_at_floor": 10}),
        (11, 60, {"drawn": 11}),
    ],
)
def test_as_many_pictures_are_taken_from_each(real: int, drawn: int, sizes: dict[str, int]) -> None:
    found = measure(real=cloud(0, real), drawn=cloud(1, drawn))
    assert {name: row["pictures"] for name, row in found["sets"].items()} == sizes
    assert ("floor" in found["left_out"]) == ("floor" not in sizes)
    told = " ".join(sections(found)[0].notes)
    assert ("of each" in told) == (real != drawn)
    assert ("the last column" in told) == ("drawn_at_floor" in sizes)


def test_the_floors_two_sets_share_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("konomi.metrics.report.compare", lambda a, b: seen.append((a, b)) or {"pictures": len(b)})
    measure(real=cloud(0, 41), drawn=cloud(1, 60))
    first, second = seen[1]
    assert len(first) == len(second) == 20
    assert not {tuple(row) for row in first} & {tuple(row) for row in second}


def test_the_seed_picks_the_pictures() -> None:
    def found(seed: int) -> float:
        return measure(real=cloud(0), drawn=cloud(1, 30), seed=seed)["sets"]["drawn"]["frechet"]

    assert found(1) == found(1)
    assert found(1) != found(2)


@pytest.mark.parametrize(("real", "drawn", "message"), [(5, 60, "real has 5 pictures"), (60, 1, "drawn has 1 pict")])
def test_sets_that_are_too_small_are_refused(real: int, drawn: int, message: str) -> None:
    with pytest.raises(InputError, match=f"{message}.*at least 6"):
        measure(real=cloud(0, real), drawn=cloud(1, drawn))


# conditions


def test_rows_are_grouped_by_equal_conditions() -> None:
    rows = np.array([[np.nan, 1], [0, 1], [np.nan, 1.001], [1, np.nan], [0, 1]])
    found = same_conditions(rows)
    assert found[0] == found[2]
    assert found[1] == found[4]
    assert len(set(found)) == 3


def test_conditions_and_obedience_are_measured_where_they_are_known(schema: Schema) -> None:
    slots = ["hair_color.pink", "hair_color.blue"] * 30
    asked = asked_of(schema, slots)
    drawn = cloud(1) + 5 * asked[:, [schema.slot_index("hair_color.pink")]]
    found = measure(
        real=cloud(0), drawn=drawn, held_out=cloud(2), asked=asked, shown=np.nan_to_num(asked), schema=schema
    )
    assert found["condition"]["conditions"] == 2
    assert found["condition"]["omega_squared"] > 0.7
    assert abs(found["condition"]["shuffled"]) < 0.05
    assert found["condition"]["spread"]["ratio"] < 0.6
    assert found["obedience"]["mean"] == 1
    assert list(found["obedience"]["confusion"]) == ["hair_color"]
    assert found["copying"]["held_out_pictures"] == 60
    assert found["left_out"] == {}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_pictures_that_are_alone_with_their_condition_are_counted_and_left_out(schema: Schema) -> None:
    slots = ["hair_color.pink"] * 4 + ["hair_color.blue"] * 4 + ["hair_color.red"]
    found = measure(real=cloud(0), drawn=cloud(1, 9), asked=asked_of(schema, slots))
    assert (found["condition"]["pictures"], found["condition"]["alone"]) == (8, 1)
    assert "1 more with a condition of their own left out" in sections(found)[2].notes[0]


@pytest.mark.parametrize(
    ("slots", "same", "why"),
    [
        (["hair_color.pink"] * 8, False, "at least two conditions must be asked of two pictures each; there are 1"),
        (["hair_color.pink"] * 4 + ["hair_color.blue"] * 4, True, "all pictures are the same"),
    ],
)
def test_what_cannot_be_grouped_is_left_out_and_said(schema: Schema, slots: list[str], same: bool, why: str) -> None:
    drawn = np.ones((8, 4)) if same else cloud(1, 8)
    found = measure(real=cloud(0), drawn=drawn, asked=asked_of(schema, slots))
    assert "condition" not in found
    assert why in found["left_out"]["condition"]
    assert "what was shown is not known" in found["left_out"]["obedience"]
    assert why in markdown(found, [], {})


def test_where_nothing_was_asked_obedience_is_left_out(schema: Schema) -> None:
    nothing = np.full((8, len(schema.slots)), np.nan)
    found = measure(real=cloud(0), drawn=cloud(1, 8), asked=nothing, shown=np.zeros_like(nothing), schema=schema)
    assert found["left_out"]["obedience"] == "no tag that can be judged was asked of any picture"
    found = measure(real=cloud(0), drawn=cloud(1, 8))
    assert found["left_out"]["obedience"] == "what was asked is not known"
    assert found["left_out"]["condition"] == "what was asked of the drawn pictures is not known"


# told


def test_every_number_is_told_with_its_direction_and_meaning(schema: Schema) -> None:
    asked = asked_of(schema, ["hair_color.pink", "hair_color.blue"] * 30)
    found = measure(
        real=cloud(0), drawn=cloud(1), held_out=cloud(2), asked=asked, shown=np.nan_to_num(asked), schema=schema
    )
    told = sections(found)
    assert [len(section.lines) for section in told] == [8, 3, 3, 1]
    lines = {line.name: line for section in told for line in section.lines}
    assert all(len(line.meaning) > 30 and line.meaning[-1] in ".?" for line in lines.values())
    assert lines["Fréchet distance"].value == f"{found['sets']['drawn']['frechet']:.2f}"
    assert lines["Fréchet distance"].floor == f"{found['sets']['floor']['frechet']:.2f}"
    assert {lines[n].better for n in ("Fréchet distance", "Kernel distance x 1000")} == {"lower"}
    assert {lines[n].better for n in ("Precision", "Recall", "Density", "Coverage", "Mean obedience")} == {"higher"}
    text = markdown(found, [("real", "60 pictures")], {"Is it copying?": [("The pairs", "figures/pairs.webp")]})
    assert "| real | 60 pictures |" in text
    assert "![The pairs](figures/pairs.webp)" in text
    assert "| `hair_color.pink` | 30 | 30 | 1.000 | 0.89 to 1.00 | 0.000 |" in text
    assert "nan" not in text
