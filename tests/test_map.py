"""Maps of a dataset."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces import face, write_faces
from konomi.cli.dataset import dataset_map
from konomi.data.building.map import Panel, arrange, panel, sample, spread, tag_features
from konomi.data.building.map_drawing import draw_dots, draw_thumbnails
from konomi.data.building.palette import NO, UNKNOWN
from konomi.data.synthetic import HAIR, synthesise
from konomi.errors import InputError, KonomiError
from konomi.record import Record
from konomi.schema import Schema


def records(*tags: dict[str, float]) -> list[Record]:
    return [Record(f"pictures/{i}.png", "0", tags=t) for i, t in enumerate(tags)]


def clusters(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Features of three kinds, and which kind each row is."""
    dice = np.random.RandomState(0)
    kinds = np.arange(3 * count) % 3
    return dice.normal(size=(3, 20))[kinds] * 4 + dice.normal(size=(3 * count, 20)), kinds


def test_what_is_alike_lies_together_and_repeats() -> None:
    features, kinds = clusters()
    places = arrange(features, seed=1)
    assert places.min() == pytest.approx(0)
    assert places.max() == pytest.approx(1)
    assert np.array_equal(places, arrange(features, seed=1))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(len(places)) * 9
    assert (kinds[distance.argmin(axis=1)] == kinds).all()


def test_squares_are_moved_apart_no_more_than_needed() -> None:
    places = np.random.RandomState(0).rand(150, 2)
    moved = spread(places, 0.05)
    offset = np.abs(moved[:, None] - moved[None]).max(axis=2) + np.eye(150)
    assert offset.min() > 0.04
    assert np.abs(moved - places).max() < 0.15
    far = np.array([[0.0, 0.0], [1.0, 1.0]])
    assert np.array_equal(spread(far, 0.1), far)


def test_a_panel_names_colours_and_counts_the_values(schema: Schema) -> None:
    found = panel(
        "hair_color",
        records({"hair_color.red": 0.9}, {"hair_color.red": 0.6, "hair_color.blue": 0.7}, {}, {"hat": 1.0}),
        schema,
        {},
    )
    assert [(k.name, k.colour, k.count) for k in found.kinds] == [
        ("blue", HAIR["blue"], 1), ("red", HAIR["red"], 1), ("unknown", UNKNOWN, 2),
    ]  # fmt: skip
    assert found.of.tolist() == [1, 0, 2, 2]
    assert found.title == "hair colour"


def test_a_flag_is_yes_no_or_unknown(schema: Schema) -> None:
    found = panel("hat", records({"hat": 0.8}, {"hat": 0.1}, {}), schema, {"hat": 0.5})
    assert [(k.name, k.count) for k in found.kinds] == [("hat", 1), ("no hat", 1), ("unknown", 1)]
    assert found.kinds[1].colour == NO


def test_an_unknown_attribute_names_the_nearest(schema: Schema) -> None:
    with pytest.raises(InputError, match=r"no attribute 'hair_colour'\. Did you mean 'hair_color'"):
        panel("hair_colour", records({"hat": 1.0}), schema, {})
    with pytest.raises(InputError, match="none of the pictures has a tag of glasses"):
        panel("glasses", records({"hat": 1.0}), schema, {})


def test_a_sample_repeats_and_needs_pictures() -> None:
    assert np.array_equal(sample(20, of=100, seed=3), sample(20, of=100, seed=3))
    assert len(sample(900, of=50, seed=0)) == 50
    with pytest.raises(InputError, match="at least 10 pictures; 4 were given"):
        sample(900, of=4, seed=0)


def test_unknown_tags_are_taken_as_the_mean(schema: Schema) -> None:
    found = tag_features(records({"hat": 1.0, "glasses": 0.2}, {"hat": 0.0}), schema)
    assert sorted(found[1].tolist()) == pytest.approx([0.0, 0.2])
    with pytest.raises(InputError, match="have no tags to make a map of"):
        tag_features(records({}, {}), schema)


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (np.zeros((20, 4)), "are the same"),
        (np.full((20, 4), np.nan), "finite numbers"),
        (np.zeros((4, 4)), "N >= 10"),
        (np.zeros(20), "finite numbers"),
    ],
)
def test_features_without_a_map_are_refused(features: np.ndarray, told: str) -> None:
    with pytest.raises(InputError, match=told):
        arrange(features)


def two_panels(schema: Schema) -> list[Panel]:
    rows = records(*({"hat": float(i % 2), "hair_color.red": 1.0} for i in range(12)))
    return [panel(name, rows, schema, {}) for name in ("hat", "hair_color")]


def test_thumbnails_lie_side_by_side_in_frames(schema: Schema) -> None:
    panels = two_panels(schema)
    pictures = [Image.new("RGB", (64, 64), "#123456") for _ in range(12)]
    places = np.random.RandomState(0).rand(12, 2)
    image = draw_thumbnails(places, pictures, panels, side=32)
    one = draw_thumbnails(places, pictures, panels[:1], side=32)
    assert image.width >= 2 * one.width
    counted = dict((colour, n) for n, colour in one.getcolors(maxcolors=1 << 20) or [])
    assert counted[(0x12, 0x34, 0x56)] > 0.8 * 12 * 32 * 32
    assert (0xD5, 0x5E, 0x00) in counted  # the frames of those with a hat


def test_dots_show_no_picture_and_every_kind(schema: Schema) -> None:
    figure = draw_dots(np.random.RandomState(0).rand(12, 2), two_panels(schema))
    legends = [[t.get_text() for t in axis.get_legend().get_texts()] for axis in figure.axes if axis.get_legend()]
    assert legends == [["hat 6", "no hat 6"], ["red 12"]]


def test_the_command_draws_both_kinds_and_repeats(tmp_path: Path) -> None:
    synthesise(tmp_path / "s", count=30, size=32)
    options = {"count": 20, "tag": ["hat", "eye_color"], "seed": 4, "features": "tags"}
    for name, dots in (("a.png", False), ("b.png", False), ("dots.png", True)):
        dataset_map(tmp_path / "s", tmp_path / "maps" / name, dots=dots, **options)  # type: ignore[arg-type]
    one, two, dots_drawn = ((tmp_path / "maps" / name).read_bytes() for name in ("a.png", "b.png", "dots.png"))
    assert one == two
    assert one != dots_drawn


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tag": ["hair"]}, "no attribute 'hair'"),
        ({"file": Path("map.jpg")}, "must end in .png"),
        ({"features": "few.npy"}, "needs a row for each of the 12 pictures"),
        ({"features": "pictures"}, "is picture, tags or a .npy file, not 'pictures'"),
        ({"features": "none.npy"}, "cannot read none.npy"),
    ],
)
def test_the_command_names_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    synthesise(tmp_path / "s", count=12, size=32)
    np.save("few.npy", np.zeros((3, 2)))
    with pytest.raises(KonomiError, match=told):
        dataset_map(tmp_path / "s", **options)  # type: ignore[arg-type]
    assert not Path("map.png").exists()


def test_a_stage_without_tags_can_not_be_coloured(tmp_path: Path) -> None:
    write_faces(tmp_path / "s", {f"f{i}": face(i) for i in range(12)})
    with pytest.raises(InputError, match="none of the pictures has a tag of hair_color"):
        dataset_map(tmp_path / "s", tmp_path / "map.png")
