"""Stages: from a tar or folder and a label CSV to arrays."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from konomi.data.dataset import import_pictures, load, read_labels, read_years
from konomi.data.synthetic import synthesise
from konomi.errors import FileError, InputError
from konomi.files import write_json
from konomi.record import read_stage, stage_settings
from konomi.schema import Schema

LABELS = "file,hair_color,eye_color,hair_length,glasses,year\n{}.png,red,gray,long,yes,2001\nb1.png,,blue,,no,\n"


def picture(colour: str, size: int = 80) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "faces"
    source.mkdir()
    for name, colour in (("a1", "red"), ("b1", "blue"), ("e1", "white")):
        (source / f"{name}.png").write_bytes(picture(colour))
    (source / "broken.png").write_bytes(b"not a picture")
    (source / "labels.csv").write_text(LABELS.format("a1"))
    return source


def test_a_folder_becomes_a_stage(folder: Path, tmp_path: Path, schema: Schema) -> None:
    out = tmp_path / "stage"
    counts = import_pictures(folder, folder / "labels.csv", out, schema=schema, size=64, leave_out="e", licence="mine")
    assert counts == {"pictures": 2, "left_out": 1, "unreadable": 1, "unlabelled": 0, "cut": 0, "unknown_labels": 1}
    first, second = read_stage(out)
    assert first.tags["hair_color.red"] == 1
    assert first.tags["hair_color.blue"] == 0
    assert "eye_color.blue" not in first.tags  # gray eyes are outside the schema: unknown
    assert second.tags["glasses"] == 0
    assert first.licence == "mine"
    assert (first.year, second.year) == (2001, None)
    data = load([out], schema)
    assert data.pictures.shape == (2, 64, 64, 3)
    assert data.weights[0, schema.slot_index("hair_length.long")] == 1
    assert np.isnan(data.weights[1, schema.slot_index("hair_color.red")])


def test_of_pictures_that_are_no_squares_the_middle_is_taken(tmp_path: Path, schema: Schema) -> None:
    source = tmp_path / "faces"
    source.mkdir()
    tall = Image.new("RGB", (60, 100), "red")
    tall.paste("blue", (0, 20, 60, 80))
    tall.save(source / "tall.png")
    counts = import_pictures(source, None, tmp_path / "stage", schema=schema, size=32)
    assert counts["cut"] == 1
    assert (load([tmp_path / "stage"], schema).pictures == (0, 0, 255)).all()


def test_a_tar_gives_the_same_as_its_folder(folder: Path, tmp_path: Path, schema: Schema) -> None:
    archive = tmp_path / "faces.tar"
    with tarfile.open(archive, "w") as tar:
        for path in folder.glob("*.png"):
            tar.add(path, path.name)
    import_pictures(folder, None, tmp_path / "one", schema=schema, size=32)
    import_pictures(archive, None, tmp_path / "two", schema=schema, size=32)
    one, two = (read_stage(tmp_path / name) for name in ("one", "two"))
    assert [(r.file, r.sha256) for r in one] == [(r.file, r.sha256) for r in two]


def test_a_stopped_import_goes_on(folder: Path, tmp_path: Path, schema: Schema) -> None:
    out = tmp_path / "stage"

    def stop_after_one(items, _total):  # type: ignore[no-untyped-def]
        for number, item in enumerate(items):
            if number == 1:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        import_pictures(folder, None, out, schema=schema, size=64, progress=stop_after_one)
    with pytest.raises(FileError, match=r"no stage\.json"):
        read_stage(out)
    import_pictures(folder, None, out, schema=schema, size=64)
    assert len(read_stage(out)) == 3


def test_a_finished_stage_is_not_overwritten(folder: Path, tmp_path: Path, schema: Schema) -> None:
    import_pictures(folder, None, tmp_path / "s", schema=schema, size=64)
    with pytest.raises(InputError, match="already a finished stage"):
        import_pictures(folder, None, tmp_path / "s", schema=schema, size=64)


def test_a_stage_of_another_schema_is_refused(folder: Path, tmp_path: Path, schema: Schema) -> None:
    import_pictures(folder, None, tmp_path / "s", schema=schema, size=64)
    write_json(tmp_path / "s" / "stage.json", stage_settings(tmp_path / "s") | {"schema_hash": "other"})
    with pytest.raises(FileError, match="another schema"):
        load([tmp_path / "s"], schema)


def test_stages_of_different_sizes_are_refused(folder: Path, tmp_path: Path, schema: Schema) -> None:
    for size in (32, 64):
        import_pictures(folder, None, tmp_path / str(size), schema=schema, size=size)
    with pytest.raises(InputError, match="32, 64 px"):
        load([tmp_path / "32", tmp_path / "64"], schema)


@pytest.mark.parametrize(
    ("name", "told"), [("none", "No such file"), ("empty", "holds no pictures"), ("x.tar", "neither")]
)
def test_a_source_without_pictures_is_told(tmp_path: Path, schema: Schema, name: str, told: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.tar").write_bytes(b"no tar at all")
    with pytest.raises(FileError, match=told):
        import_pictures(tmp_path / name, None, tmp_path / "out", schema=schema, size=64)


def test_labels_without_a_file_column_are_refused(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "l.csv").write_text("name,hair_color\na,red\n")
    with pytest.raises(FileError, match="no column 'file'"):
        read_labels(tmp_path / "l.csv", schema)


def test_a_year_that_is_no_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("file,year\na.png,2001\nb.png,about 1999\n")
    with pytest.raises(FileError, match=r"b\.png has the year 'about 1999'; it must be a number"):
        read_years(tmp_path / "l.csv")


def test_synthetic_faces_repeat_and_have_exact_labels(tmp_path: Path, schema: Schema) -> None:
    for name in ("one", "two"):
        synthesise(tmp_path / name, count=5, size=32, seed=3)
    one, two = (load([tmp_path / name], schema) for name in ("one", "two"))
    assert np.array_equal(one.pictures, two.pictures)
    hair = one.weights[:, schema.offsets["hair_color"]]
    assert np.array_equal(hair.sum(axis=1), np.ones(5))
    assert not np.isnan(one.weights[:, schema.slot_index("hat")]).any()


def test_the_real_faces_import_with_their_labels(shared_data: Path, schema: Schema) -> None:
    labels, unknown = read_labels(shared_data / "booru-faces-96.csv", schema)
    assert len(labels) == 10_678
    assert unknown == 110  # gray eyes
    assert sum(tags.get("hair_color.blonde", 0) for tags in labels.values()) == 1980
