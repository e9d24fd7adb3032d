"""The stage `tag`: nothing lost, nothing done twice, and every tag's origin told."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx")
pytest.importorskip("cv2")

from konomi.cli.tag import label_files, open_tagger
from konomi.data.dataset import load, store_picture
from konomi.data.tagging.estimates import JOURNAL
from konomi.data.tagging.tag import tag_pictures
from konomi.data.tagging.taggers import open_onnx
from konomi.errors import FileError, InputError
from konomi.files import locked, sha256
from konomi.record import Record, read_stage, stage_settings, write_stage
from konomi.schema import Schema
from tiny_models import caffe_weights, facts_of, write_illustration2vec, write_onnx

COUNT = 40


@dataclass(frozen=True)
class Colours:
    """A tagger that sees how red, green and blue a picture is; it remembers what it saw, and may be stopped."""

    name: str = "colours"
    tags: tuple[str, ...] = ("hair_color.red", "hair_color.green", "hair_color.blue", "smile")
    files: dict[str, str] = field(default_factory=lambda: {"colours.onnx": "0" * 64})
    thresholds: dict[str, float] = field(default_factory=lambda: {"smile": 0.5})
    mirror: bool = False
    features: Any = None
    seen: list[int] = field(default_factory=list)
    stop_after: int = 10**9

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        if sum(self.seen) >= self.stop_after:
            raise KeyboardInterrupt
        self.seen.append(len(pictures))
        means = pictures.mean(axis=(1, 2)) / 255
        return np.concatenate([means / 3, means.max(axis=1, keepdims=True)], axis=1)


def make_stage(folder: Path, schema: Schema, *, tags: Sequence[dict[str, float]] = (), size: int = 16) -> Path:
    dice = np.random.RandomState(5)
    (folder / "pictures").mkdir(parents=True)
    records = []
    for i in range(COUNT):
        pixels = np.broadcast_to(dice.randint(0, 256, 3), (size, size + i % 2, 3)).astype(np.uint8)
        digest = store_picture(folder / f"pictures/{i:03d}.png", Image.fromarray(pixels))
        records.append(Record(f"pictures/{i:03d}.png", digest, f"tar:{i:03d}.jpg", tags=tags[i] if tags else {}))
    settings = {"stage": "import", "size": size, "schema": schema.name, "schema_hash": schema.hash}
    write_stage(folder, records, settings)
    return folder


@pytest.fixture
def stage(tmp_path: Path, schema: Schema) -> Path:
    return make_stage(tmp_path / "stage", schema)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "tags.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "konomi", "tag", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_every_picture_gets_its_own_probabilities(stage: Path, tmp_path: Path, schema: Schema) -> None:
    done = tag_pictures(stage, tmp_path / "out", Colours(), schema)
    records = read_stage(tmp_path / "out")
    assert list(done.records) == records
    assert [r.file for r in records] == [r.file for r in read_stage(stage)]
    for record in records:
        assert sha256((tmp_path / "out" / record.file).read_bytes()) == record.sha256
        red, green, blue = np.asarray(Image.open(tmp_path / "out" / record.file))[0, 0] / 255
        expected = {"red": red / 3, "green": green / 3, "blue": blue / 3}
        assert record.tags == pytest.approx(
            {**{f"hair_color.{k}": v for k, v in expected.items()}, "smile": max(red, green, blue)}, abs=1e-4
        )
        assert record.source.startswith("tar:")
    assert not list((tmp_path / "out").glob(".features"))
    assert not (tmp_path / "out" / JOURNAL).exists()


def test_pictures_are_linked_where_the_disk_allows(
    stage: Path, tmp_path: Path, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag_pictures(stage, tmp_path / "linked", Colours(), schema)
    assert os.path.samefile(stage / "pictures/000.png", tmp_path / "linked/pictures/000.png")

    def refuse(*_: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    tag_pictures(stage, tmp_path / "copied", Colours(), schema)
    assert not os.path.samefile(stage / "pictures/000.png", tmp_path / "copied/pictures/000.png")
    assert (tmp_path / "linked/manifest.jsonl").read_bytes() == (tmp_path / "copied/manifest.jsonl").read_bytes()


def test_decisions_are_for_people_only(stage: Path, tmp_path: Path, schema: Schema) -> None:
    tag_pictures(stage, tmp_path / "out", Colours(), schema)
    for row, record in zip(rows_of(tmp_path / "out"), read_stage(tmp_path / "out"), strict=True):
        likeliest = max(("red", "green", "blue"), key=lambda c: record.tags[f"hair_color.{c}"])
        assert (row["file"], row["hair_color"]) == (record.file, likeliest)
        assert row["smile"] == ("yes" if record.tags["smile"] >= 0.5 else "no")
        assert row["glasses"] == ""


def test_where_tags_come_from_is_told(stage: Path, tmp_path: Path, schema: Schema) -> None:
    tag_pictures(stage, tmp_path / "out", Colours(), schema)
    told = stage_settings(tmp_path / "out")
    assert told["tagger"] == {
        "name": "colours",
        "files": {"colours.onnx": "0" * 64},
        "mirror": False,
        "threshold": 0.25,
        "thresholds": {"smile": 0.5},
    }
    assert told["schema_hash"] == schema.hash
    assert told["size"] == 16  # of the stage before
    assert told["counts"] == {"pictures": COUNT, "unreadable": 0}
    assert told["labels"] == {"files": {}, "pictures": 0, "tags": 0, "not_in_stage": 0}
    assert len(told["inputs"]) == 64


def test_a_stopped_run_goes_on_and_ends_as_one_never_stopped(stage: Path, tmp_path: Path, schema: Schema) -> None:
    tag_pictures(stage, tmp_path / "whole", Colours(), schema)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        tag_pictures(stage, out, Colours(stop_after=20), schema)
    with pytest.raises(FileError, match="is not a stage"):
        read_stage(out)
    done_before = len((out / JOURNAL).read_text().splitlines()) - 1
    assert 0 < done_before < COUNT
    with (out / JOURNAL).open("a") as file:
        file.write('{"file": "pictures/03')  # torn by a crash
    second = Colours()
    tag_pictures(stage, out, second, schema)
    assert sum(second.seen) == COUNT - done_before
    for name in ("manifest.jsonl", "stage.json", "tags.csv"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_is_not_gone_on_with_by_another_tagger(stage: Path, tmp_path: Path, schema: Schema) -> None:
    with pytest.raises(KeyboardInterrupt):
        tag_pictures(stage, tmp_path / "out", Colours(stop_after=1), schema)
    with pytest.raises(InputError, match="unfinished run with another model, tagger; run that one again"):
        tag_pictures(stage, tmp_path / "out", Colours(name="other", files={"x": "1"}), schema)


def test_a_finished_stage_is_not_made_again(stage: Path, tmp_path: Path, schema: Schema) -> None:
    tag_pictures(stage, tmp_path / "out", Colours(), schema)
    with pytest.raises(InputError, match="already a finished stage"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema)


def test_two_runs_at_once_are_refused(stage: Path, tmp_path: Path, schema: Schema) -> None:
    with locked(tmp_path / "out"), pytest.raises(FileError, match="another run is working in"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema)


def test_a_stage_of_another_version_or_schema_is_refused(stage: Path, tmp_path: Path, schema: Schema) -> None:
    records, settings = read_stage(stage), stage_settings(stage)
    write_stage(stage, [replace(r, tags={"hat": 1.0}) for r in records], settings | {"schema_hash": "0"})
    with pytest.raises(FileError, match="made for another schema than 'anime'"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema)
    write_stage(stage, [replace(r, tags={"wings": 1.0}) for r in records], settings)
    with pytest.raises(FileError, match="has tags that schema 'anime' does not: wings"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema)
    write_stage(stage, records, settings | {"schema_hash": "0"})  # nothing in it depends on the schema
    tag_pictures(stage, tmp_path / "out", Colours(), schema)
    write_stage(stage, records, settings | {"format": 99})
    with pytest.raises(FileError, match="has format 99; this version of Konomi reads 1"):
        tag_pictures(stage, tmp_path / "out2", Colours(), schema)
    (stage / "stage.json").unlink()
    with pytest.raises(FileError, match="unfinished: run the same command again"):
        tag_pictures(stage, tmp_path / "out2", Colours(), schema)


def test_unreadable_pictures_are_named_and_the_rest_is_kept(stage: Path, tmp_path: Path, schema: Schema) -> None:
    records = read_stage(stage)
    (stage / records[3].file).write_bytes(b"no picture")
    records[3] = replace(records[3], sha256=sha256(b"no picture"))
    write_stage(stage, records, stage_settings(stage))
    (stage / records[5].file).write_bytes(b"changed")
    (stage / records[7].file).unlink()
    done = tag_pictures(stage, tmp_path / "out", Colours(), schema)
    assert set(done.left_out) == {records[i].file for i in (3, 5, 7)}
    assert "not a readable picture" in done.left_out[records[3].file]
    assert "has changed since" in done.left_out[records[5].file]
    assert "cannot read" in done.left_out[records[7].file]
    kept = read_stage(tmp_path / "out")
    assert [r.file for r in kept] == [r.file for i, r in enumerate(records) if i not in (3, 5, 7)]
    assert stage_settings(tmp_path / "out")["counts"] == {"pictures": COUNT - 3, "unreadable": 3}
    assert set(stage_settings(tmp_path / "out")["unreadable"]) == set(done.left_out)
    left = [json.loads(line) for line in (tmp_path / "out/left-out.jsonl").read_text().splitlines()]
    assert [row["source"] for row in left] == [records[i].source for i in (3, 5, 7)]


def test_a_stage_with_nothing_readable_is_refused(stage: Path, tmp_path: Path, schema: Schema) -> None:
    for record in read_stage(stage):
        (stage / record.file).write_bytes(b"no")
    with pytest.raises(FileError, match="none of the 40 pictures can be read"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema)


def test_a_plain_folder_of_pictures_is_tagged(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "plain/deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.jpg"):
        Image.new("RGB", (20, 12), "red").save(tmp_path / "plain" / name)
    (tmp_path / "plain/notes.txt").write_text("no picture")
    done = tag_pictures(tmp_path / "plain", tmp_path / "out", Colours(), schema)
    assert [r.file for r in done.records] == ["a.png", "deep/b.jpg"]
    assert (tmp_path / "out/deep/b.jpg").is_file()


def test_places_that_cannot_be_used_are_told(stage: Path, tmp_path: Path, schema: Schema) -> None:
    with pytest.raises(FileError, match="there is no folder"):
        tag_pictures(tmp_path / "nowhere", tmp_path / "out", Colours(), schema)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="holds no pictures"):
        tag_pictures(tmp_path / "empty", tmp_path / "out", Colours(), schema)
    for inside in (stage, stage / "tagged"):
        with pytest.raises(InputError, match=r"lies in .*choose a folder outside it"):
            tag_pictures(stage, inside, Colours(), schema)
    records = read_stage(stage)
    write_stage(stage, [replace(records[0], file="../secret.png")], {})
    with pytest.raises(FileError, match=r"names ../secret.png, which is not inside the stage"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema)
    assert not (tmp_path / "out").exists()


def test_tags_of_other_attributes_are_kept(tmp_path: Path, schema: Schema) -> None:
    before = {"hair_color.black": 1.0, "hair_color.red": 0.0, "glasses": 1.0}
    stage = make_stage(tmp_path / "stage", schema, tags=[before] * COUNT)
    done = tag_pictures(stage, tmp_path / "out", Colours(), schema)
    for record in done.records:
        assert record.tags["glasses"] == 1.0
        assert "hair_color.black" not in record.tags


def write_labels(path: Path, *rows: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("file,tag,value,labelled_by\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_what_was_seen_by_eye_overrides_the_estimate(stage: Path, tmp_path: Path, schema: Schema) -> None:
    labels = write_labels(
        tmp_path / "labels/a.csv",
        "000.jpg,hair_color.silver,yes,by-eye",
        "000.jpg,smile,no,by-eye",
        "001.jpg,smile,unsure,by-eye",
        "002.jpg,hair_color.green,no,by-eye",
        "003.jpg,smile,yes,model",
        "004.jpg,hair_color,unsure,by-eye",
        "elsewhere.jpg,hat,yes,by-eye",
    )
    plain = tag_pictures(stage, tmp_path / "plain", Colours(), schema).records
    done = tag_pictures(stage, tmp_path / "out", Colours(), schema, labels=[labels])
    tags = [r.tags for r in done.records]
    assert tags[0]["hair_color.silver"] == 1.0
    assert tags[0]["hair_color.red"] == tags[0]["smile"] == 0.0
    assert "smile" not in tags[1]
    assert tags[2] == plain[2].tags | {"hair_color.green": 0.0}
    assert tags[3] == plain[3].tags
    assert set(tags[4]) == {"smile"}
    assert tags[5:] == [r.tags for r in plain[5:]]
    told = stage_settings(tmp_path / "out")["labels"]
    assert told["files"] == {"a.csv": sha256(labels.read_bytes())}
    assert (told["pictures"], told["tags"], told["not_in_stage"]) == (4, 15, 1)
    assert rows_of(tmp_path / "out")[0]["hair_color"] == "silver"


def test_labels_that_fit_nothing_or_too_much_are_refused(stage: Path, tmp_path: Path, schema: Schema) -> None:
    labels = write_labels(tmp_path / "labels/a.csv", "elsewhere.jpg,hat,yes,by-eye")
    with pytest.raises(InputError, match="none of the 1 pictures labelled by eye is in the stage"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema, labels=[labels])
    records = read_stage(stage)
    write_stage(stage, [*records, replace(records[0], file="pictures/more/000.png")], stage_settings(stage))
    labels = write_labels(tmp_path / "labels/a.csv", "000.jpg,hat,yes,by-eye")
    with pytest.raises(InputError, match="the labels of '000' fit 2 pictures"):
        tag_pictures(stage, tmp_path / "out", Colours(), schema, labels=[labels])


def test_label_files_may_be_a_pattern(tmp_path: Path) -> None:
    first, second = (write_labels(tmp_path / "labels" / name) for name in ("a.csv", "b.csv"))
    assert label_files([str(tmp_path / "labels/*.csv"), str(first)]) == [first, second]
    with pytest.raises(InputError, match="there is no label file"):
        label_files([str(tmp_path / "labels/*.tsv")])


def vectors(pictures: np.ndarray) -> np.ndarray:
    return pictures.mean(axis=(1, 2)).astype(np.float32)


@pytest.mark.parametrize("ending", ["npy", "safetensors"])
def test_feature_vectors_are_written_with_names(stage: Path, tmp_path: Path, schema: Schema, ending: str) -> None:
    records, path = read_stage(stage), tmp_path / "features" / f"f.{ending}"
    (stage / records[2].file).write_bytes(b"no")
    tag_pictures(stage, tmp_path / "out", Colours(features=vectors), schema, features=path)
    if ending == "npy":
        found, names = np.load(path), path.with_suffix(".txt").read_text().splitlines()
    else:
        safetensors = pytest.importorskip("safetensors")
        with safetensors.safe_open(str(path), "np") as file:
            found, names = file.get_tensor("features"), json.loads(file.metadata()["files"])
    assert names == [r.file for i, r in enumerate(records) if i != 2]
    pictures = [np.asarray(Image.open(stage / name)) for name in names]
    assert np.array_equal(found, np.concatenate([vectors(p[None]) for p in pictures]))


def test_feature_vectors_are_not_computed_twice(stage: Path, tmp_path: Path, schema: Schema) -> None:
    calls: list[int] = []

    def stopping(pictures: np.ndarray) -> np.ndarray:
        if sum(calls) >= 16 and len(calls) < 100:
            calls.extend([0] * 100)
            raise KeyboardInterrupt
        calls.append(len(pictures))
        return vectors(pictures)

    for attempt in range(2):
        try:
            tagger = Colours(features=stopping)
            tag_pictures(stage, tmp_path / "out", tagger, schema, features=tmp_path / "f.npy")
        except KeyboardInterrupt:
            assert attempt == 0
    assert sum(calls) == COUNT
    assert not tagger.seen
    expected = [vectors(np.asarray(Image.open(stage / r.file))[None])[0] for r in read_stage(stage)]
    assert np.array_equal(np.load(tmp_path / "f.npy"), np.stack(expected))
    assert not (tmp_path / "out/.features").exists()


def test_features_that_cannot_be_had_are_refused_before_the_work(stage: Path, tmp_path: Path, schema: Schema) -> None:
    tagger = Colours()
    with pytest.raises(InputError, match="colours has no feature vectors; Illustration2Vec does"):
        tag_pictures(stage, tmp_path / "out", tagger, schema, features=tmp_path / "f.npy")
    with pytest.raises(InputError, match=r"\.npy or \.safetensors"):
        tag_pictures(stage, tmp_path / "out", Colours(features=vectors), schema, features=tmp_path / "f.csv")
    assert not tagger.seen


def test_the_command_tags_a_stage_with_an_onnx_file(stage: Path, tmp_path: Path, schema: Schema) -> None:
    weights = np.random.RandomState(1).randn(3, len(schema.slots)) * 3
    write_onnx(tmp_path / "mine.onnx", weights, facts_of(schema))
    write_labels(tmp_path / "labels/a.csv", "001.jpg,hat,yes,by-eye")
    (stage / "pictures/009.png").write_bytes(b"no")
    options = ("--tagger", "onnx:mine.onnx", "--labels", "labels/*.csv", "--threads", "1")
    done = run("stage", "out", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "39 pictures tagged by mine 7, 1 unreadable, 1 with labels by eye (0 labelled ones" in done.stdout
    assert "left out:" in done.stderr
    assert "009.png" in done.stderr
    (line,) = [line.split() for line in done.stdout.splitlines() if line.split()[:1] == ["glasses"]]
    records = read_stage(tmp_path / "out")
    probabilities = [r.tags["glasses"] for r in records]
    yes = sum(p >= 0.6 for p in probabilities)
    assert line == ["glasses", "39", str(yes), f"{yes / 39:.1%}", f"{np.mean(probabilities):.3f}"]
    tagger = open_onnx(tmp_path / "mine.onnx", schema)
    assert stage_settings(tmp_path / "out")["tagger"]["files"] == tagger.files
    for attribute in (a for a in schema.attributes if a.exclusive):
        assert sum(records[1].tags[slot] for slot in attribute.slots) <= 1.001


@pytest.mark.usefixtures("stage")
def test_the_command_tags_as_the_paper_did(tmp_path: Path, schema: Schema) -> None:
    tags, dice = ["red hair", "blue hair", "smile", "sword"], np.random.RandomState(6)
    write_illustration2vec(tmp_path / "i2v", tags, dice.randn(4, 3) * 0.02, dice.randn(4), old=True)
    layers = """input: "data" input_dim: 1 input_dim: 3 input_dim: 224 input_dim: 224
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE kernel_size: 224 } }
layer { name: "encode1" type: "InnerProduct" bottom: "pool" top: "encode1" inner_product_param { num_output: 8 } }
"""
    (tmp_path / "i2v/illust2vec.prototxt").write_text(layers)
    vector_weights = caffe_weights({"encode1": [dice.randn(8, 3), dice.randn(8)]})
    (tmp_path / "i2v/illust2vec_ver200.caffemodel").write_bytes(vector_weights)
    done = run("stage", "out", "--tagger", "i2v:i2v", "--features", "f.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "f.npy").shape == (COUNT, 8)
    records, rows = read_stage(tmp_path / "out"), rows_of(tmp_path / "out")
    assert set(records[0].tags) == {"hair_color.red", "hair_color.blue", "smile"}
    for record, row in zip(records, rows, strict=True):
        assert row["smile"] == ("yes" if record.tags["smile"] >= 0.25 else "no")
        best = max(("red", "blue"), key=lambda c: record.tags[f"hair_color.{c}"])
        assert row["hair_color"] == best
    tagger = open_tagger(f"i2v:{tmp_path}/i2v", schema)
    picture = np.asarray(Image.open(tmp_path / "out" / records[0].file))
    assert records[0].tags["smile"] == pytest.approx(float(tagger(picture[None])[0, 2]), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--tagger", "nobody"), 2, "there is no tagger 'nobody'. Published:"),
        (("--tagger", "i2v:missing"), 2, "there is no folder missing"),
        (("--tagger", "onnx:missing.onnx"), 4, "there is no model file missing.onnx"),
    ],
)
@pytest.mark.usefixtures("stage")
def test_wrong_options_are_told_in_one_line(tmp_path: Path, options: tuple[str, ...], code: int, told: str) -> None:
    done = run("stage", "out", *options, cwd=tmp_path)
    assert done.returncode == code
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_tagged_stage_can_be_trained_on(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "plain").mkdir()
    for i in range(3):
        Image.new("RGB", (16, 16), (80 * i, 0, 0)).save(tmp_path / f"plain/{i}.png")
    tag_pictures(tmp_path / "plain", tmp_path / "out", Colours(), schema)
    data = load([tmp_path / "out"], schema)
    assert data.weights[2, schema.slot_index("hair_color.red")] == pytest.approx(160 / 255 / 3, abs=1e-4)
    assert np.isnan(data.weights[:, schema.slot_index("hat")]).all()
