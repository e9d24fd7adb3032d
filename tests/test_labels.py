"""Hand-made labels: what rows mean together, and what is refused."""

import csv
import re
import resource
import signal
from pathlib import Path

import pytest

from konomi.data.tagging.labels import Label, append_labels, read_judgements, tags_of
from konomi.errors import FileError
from konomi.schema import Schema


def tags(schema: Schema, *rows: tuple[str, str]) -> dict[str, float]:
    return tags_of([Label("a.jpg", tag, value) for tag, value in rows], schema)["a.jpg"]


def test_one_colour_excludes_the_others(schema: Schema) -> None:
    found = tags(schema, ("hair_color.red", "yes"))
    assert found.pop("hair_color.red") == 1.0
    assert set(found) == {s for s in schema.slots if s.startswith("hair_color.")} - {"hair_color.red"}
    assert set(found.values()) == {0.0}


def test_the_last_row_counts(schema: Schema) -> None:
    assert tags(schema, ("hat", "yes"), ("hat", "no")) == {"hat": 0.0}
    assert tags(schema, ("eye_color.red", "yes"), ("eye_color.blue", "yes"))["eye_color.red"] == 0.0


def test_unsure_is_unknown(schema: Schema) -> None:
    assert tags(schema, ("hat", "yes"), ("hat", "unsure")) == {}
    assert tags(schema, ("eye_color.red", "yes"), ("eye_color", "unsure")) == {}
    assert tags(schema, ("hair_length.long", "no"), ("hair_length.short", "unsure")) == {"hair_length.long": 0.0}


def test_a_yes_taken_back_leaves_the_rest_unknown(schema: Schema) -> None:
    assert tags(schema, ("eye_color.red", "yes"), ("eye_color.red", "no")) == {"eye_color.red": 0.0}


def test_rows_are_appended_and_read_back(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "labels.csv"
    first, second = Label("a.jpg", "hat", "yes"), Label("b.jpg", "glasses", "unsure", "model")
    append_labels(path, [first])
    before = path.read_bytes()
    append_labels(path, [second])
    assert path.read_bytes().startswith(before)
    assert read_judgements([path], schema) == [first, second]


def test_a_last_line_without_an_end_gets_one(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file,tag,value,labelled_by\na.jpg,hat,yes,by-eye")
    append_labels(path, [Label("b.jpg", "hat", "no")])
    assert [label.file for label in read_judgements([path], schema)] == ["a.jpg", "b.jpg"]


def test_a_disk_that_fills_leaves_no_half_row(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "labels.csv"
    append_labels(path, [Label("a.jpg", "hat", "yes")])
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 30, limits[1]))
    try:
        with pytest.raises(FileError, match="cannot write"):
            append_labels(path, [Label(f"{i}.jpg", "hat", "no") for i in range(100)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert path.read_bytes() == before
    append_labels(path, [Label("b.jpg", "hat", "no")])
    assert len(read_judgements([path], schema)) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,hatt,yes,by-eye", "line 2: tag .*'hatt'.*'hat'"),
        ("a.jpg,hat,maybe,by-eye", "'maybe' is not one of yes, no, unsure"),
        ("a.jpg,hat,yes,me", "'me' is not one of by-eye, model"),
        ("a.jpg,hat,yes", "3 fields; it must have 4"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, schema: Schema, row: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file,tag,value,labelled_by\n" + row + "\n")
    with pytest.raises(FileError, match=message):
        read_judgements([path], schema)


def test_other_columns_are_refused(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "labels.csv").write_text("file,hat\na.jpg,yes\n")
    with pytest.raises(FileError, match="must begin with the columns file,tag,value,labelled_by"):
        read_judgements([tmp_path / "labels.csv"], schema)


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def judged(schema: Schema) -> dict[str, dict[str, float]]:
    return tags_of(read_judgements([ROOT / "labels" / "faces.csv"], schema), schema)


def judged_slots(schema: Schema) -> list[str]:
    """Framing is known from the pack that a face comes from."""
    return [slot for slot in schema.slots if not slot.startswith("framing.")]


def test_the_faces_of_this_repository_are_judged_whole(judged: dict[str, dict[str, float]], schema: Schema) -> None:
    assert len(judged) >= 6_000
    assert all(re.fullmatch(r"[0-9a-f]{32}\.jpg", name) for name in judged)
    found = {slot: sum(tags.get(slot) == 1 for tags in judged.values()) for slot in judged_slots(schema)}
    assert min(found.values()) >= 59, found
    known = sum(len(tags) for tags in judged.values()) / len(judged) / len(judged_slots(schema))
    assert known > 0.7  # the rest is unsure


def test_every_sample_is_judged_and_every_tag_is_tested(judged: dict[str, dict[str, float]], schema: Schema) -> None:
    with (ROOT / "labels" / "samples.csv").open() as file:
        samples = {row["file"] for row in csv.DictReader(file)}
    assert set(judged) <= samples
    lines = (ROOT / "labels" / "test.txt").read_text().splitlines()
    named = {line for line in lines if line.endswith(".jpg")}
    assert named <= samples
    test = named | {name for name in judged if name.startswith("e")}
    assert "e*" in lines
    for slot in judged_slots(schema):
        assert sum(judged[name].get(slot) == 1 for name in test if name in judged) >= 20, slot


def test_the_second_round_is_of_the_same_faces(judged: dict[str, dict[str, float]], schema: Schema) -> None:
    second = tags_of(read_judgements([ROOT / "labels" / "second.csv"], schema), schema)
    assert len(set(second) & set(judged)) >= 595
