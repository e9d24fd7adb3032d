"""Faces of a vector style: every label is what was drawn, and every face can be drawn again."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

pytest.importorskip("dicebear")
pytest.importorskip("resvg_py")
from konomi.data import vector
from konomi.data.dataset import load
from konomi.data.vector import deal, draw_faces, face_of, load_style, options_of, paint, tags
from konomi.errors import InputError, KonomiError
from konomi.record import read_stage, schema_of_stage, stage_settings
from konomi.schema import load_schema

STYLE = load_style("lorelei")
COLOURS = {"hair_color": "hairColor", "skin": "skinColor", "background": "backgroundColor", "eye_color": "eyesColor"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vector") / "faces"
    draw_faces(folder, "lorelei", count=24, size=32, seed=5)
    return folder


def faces(count: int) -> list[tuple[vector.Face, dict[str, object]]]:
    return [face_of(STYLE, 0, number) for number in range(count)]


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", COLOURS)
def test_the_colours_that_the_labels_name_are_in_the_picture(attribute: str) -> None:
    for number, (face, options) in enumerate(faces(12)):
        if attribute == "eye_color" and (face["closed_eyes"] or face["sunglasses"]):
            continue
        pixels = np.asarray(paint(STYLE, options, 128)).reshape(-1, 3).astype(int)
        colour = ImageColor.getrgb(str(options[COLOURS[attribute]]))
        distance = np.abs(pixels - colour).max(axis=1)
        assert (distance <= 2).sum() > 8, (number, attribute, face)


def test_every_value_of_every_attribute_is_drawn_by_a_part() -> None:
    said = {(name, value) for part in STYLE.parts for name, value in part.when.items()}
    for attribute in STYLE.schema.attributes:
        values = (True, False) if attribute.is_flag else attribute.value_names
        assert {(attribute.name, value) for value in values} <= said


def test_a_changed_value_changes_the_picture() -> None:
    dice = np.random.RandomState(0)
    face = deal(STYLE, dice) | {"sunglasses": False, "glasses": False, "closed_eyes": False, "beard": False}
    for attribute in STYLE.schema.attributes:
        values = [True, False] if attribute.is_flag else list(attribute.value_names)
        pictures = set()
        for value in values:
            options = options_of(STYLE, face | {attribute.name: value}, np.random.RandomState(1))
            pictures.add(paint(STYLE, options, 64).tobytes())
        assert len(pictures) == len(values), attribute.name


def test_nothing_is_left_to_the_renderers_chance() -> None:
    for _, options in faces(6):
        one, other = (paint(STYLE, options | {"seed": seed}, 48) for seed in ("a", "b"))
        assert one.tobytes() == other.tobytes()


def test_what_is_hidden_has_no_label() -> None:
    face = deal(STYLE, np.random.RandomState(0)) | {"sunglasses": True, "beard": True, "closed_eyes": False}
    names = {slot.split(".")[0] for slot in tags(STYLE, face)}
    assert not names & {"eye_color", "closed_eyes", "smile", "open_mouth"}
    assert {"hair_color", "hair_style", "skin", "sunglasses", "beard", "background"} <= names


def test_nobody_wears_two_pairs_of_glasses() -> None:
    dealt = [face for face, _ in faces(300)]
    assert any(face["sunglasses"] for face in dealt)
    assert not any(face["sunglasses"] and face["glasses"] for face in dealt)


def test_values_are_equally_likely_and_flags_have_their_chance() -> None:
    dealt = [deal(STYLE, np.random.RandomState(n)) for n in range(3000)]
    styles = Counter(face["hair_style"] for face in dealt)
    assert set(styles) == set(STYLE.schema.attribute("hair_style").value_names)
    assert max(styles.values()) < 1.4 * min(styles.values())
    assert np.mean([face["flowers"] for face in dealt]) == pytest.approx(STYLE.chance["flowers"], abs=0.04)


# --- the stage -------------------------------------------------------------------------------------------------------


def test_every_record_has_licence_source_split_and_all_visible_labels(stage: Path) -> None:
    records = read_stage(stage)
    assert len(records) == 24
    assert {r.licence for r in records} == {"CC0-1.0"}
    assert all("Lisa Wischofsky" in r.source and "Lorelei" in r.source and "https://" in r.source for r in records)
    assert [r.split for r in records[:3]] == ["validation", "test", "train"]
    for number, record in enumerate(records):
        face, _ = face_of(STYLE, 5, number)
        assert record.tags == tags(STYLE, face)


def test_training_reads_it_as_a_stage_of_its_schema(stage: Path, tmp_path: Path) -> None:
    assert schema_of_stage(stage).name == "lorelei"
    assert schema_of_stage(tmp_path).name == "anime"
    data = load([stage], load_schema("lorelei"))
    assert data.pictures.shape == (24, 32, 32, 3)
    with pytest.raises(KonomiError, match="another schema than 'anime'"):
        load([stage], load_schema("anime"))


def test_the_same_seed_draws_the_same_faces_whatever_the_count(stage: Path, tmp_path: Path) -> None:
    draw_faces(tmp_path / "again", "lorelei", count=4, size=32, seed=5)
    draw_faces(tmp_path / "other", "lorelei", count=4, size=32, seed=6)
    first, again, other = (read_stage(p)[:4] for p in (stage, tmp_path / "again", tmp_path / "other"))
    assert [r.sha256 for r in first] == [r.sha256 for r in again]
    assert not {r.sha256 for r in first} & {r.sha256 for r in other}


def test_a_stopped_stage_goes_on(stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, painted = vector.paint, []

    def stopping(*args: object) -> Image.Image:
        painted.append(args)
        if len(painted) == 3:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vector, "paint", stopping)
    with pytest.raises(KeyboardInterrupt):
        draw_faces(tmp_path / "faces", "lorelei", count=6, size=32, seed=5)
    with pytest.raises(InputError, match="begun with other settings"):
        draw_faces(tmp_path / "faces", "lorelei", count=6, size=32, seed=7)
    draw_faces(tmp_path / "faces", "lorelei", count=6, size=32, seed=5)
    assert len(painted) == 3 + 4
    assert [r.sha256 for r in read_stage(tmp_path / "faces")] == [r.sha256 for r in read_stage(stage)[:6]]
    assert stage_settings(tmp_path / "faces")["style"] == "lorelei"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "loreley"}, "there is no style 'loreley'. Known: simple, lorelei"),
        ({"count": 0}, "count is 0"),
        ({"size": 2}, "size is 2"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given: dict[str, object], message: str, tmp_path: Path) -> None:
    arguments = {"name": "lorelei", "count": 2, "size": 32, "seed": 0} | given
    with pytest.raises(InputError, match=message):
        draw_faces(tmp_path / "faces", **arguments)  # type: ignore[arg-type]


def test_a_finished_stage_is_not_overwritten(stage: Path) -> None:
    with pytest.raises(InputError, match="already a finished stage"):
        draw_faces(stage, "lorelei", count=24, size=32, seed=5)


# --- the file of the style -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hairVariant = "variant27"', 'hairVariant = "variant99"', "hairVariant has no key 'variant99'"),
        ("beardProbability = 0", "beardLikelihood = 0", "no key 'beardLikelihood'"),
        ('hair_style = "mohawk"', 'hair_style = "mohak"', "hair_style has no value 'mohak'"),
        ("flowers = 0.25", "", "lacks flowers"),
        ('licence = "CC0-1.0"', 'licence = "MIT"', "is under CC0 1.0, not MIT"),
        ("[any]", "[anything]", "no key 'anything'"),
    ],
)
def test_mistakes_in_a_style_are_named(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (vector._folder() / "lorelei.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "wrong.toml").write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(vector, "_folder", lambda: tmp_path)
    with pytest.raises(InputError, match=message):
        load_style("wrong")
