"""Statistics and card of a dataset."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces import face, write_faces
from konomi.data.building.build import build
from konomi.data.building.card import card_of_stage, card_text
from konomi.data.building.mixture import Ingredient, Mixture
from konomi.data.building.palette import slot_colours
from konomi.data.building.plots import FEW, draw_plots, percent
from konomi.data.building.statistics import Statistics, count_all, face_sides, source_of, thresholds_of
from konomi.data.synthetic import synthesise
from konomi.errors import FileError
from konomi.record import Record, read_stage, stage_settings, write_stage
from konomi.schema import Schema


def record(number: int, **known: object) -> Record:
    return Record(f"pictures/{number}.png", "0", **known)  # type: ignore[arg-type]


def count(records: list[Record], schema: Schema) -> Statistics:
    return count_all(records, schema, {64: len(records)}, thresholds_of({}, schema))


def test_counts_are_those_of_loops(schema: Schema) -> None:
    dice = np.random.RandomState(0)
    slots = ["hat", "glasses", "hair_length.long"]
    records = [record(i, tags={slot: round(dice.rand(), 3) for slot in slots if dice.rand() < 0.7}) for i in range(300)]
    found = count(records, schema)
    assert [tag.slot for tag in found.tags] == [slot for slot in schema.slots if slot in slots]
    for r, row in enumerate(found.tags):
        assert row.known == sum(row.slot in x.tags for x in records)
        assert row.positive == sum(x.tags.get(row.slot, 0) >= 0.5 for x in records)
        assert row.mean == pytest.approx(np.mean([x.tags[row.slot] for x in records if row.slot in x.tags]))
        for c, column in enumerate(found.tags):
            both = sum(x.tags.get(row.slot, 0) >= 0.5 and x.tags.get(column.slot, 0) >= 0.5 for x in records)
            known = sum(x.tags.get(row.slot, 0) >= 0.5 and column.slot in x.tags for x in records)
            assert found.share[r, c] == pytest.approx(both / known)
            here = [x for x in records if row.slot in x.tags and column.slot in x.tags]
            assert found.usual[r, c] == pytest.approx(np.mean([x.tags[column.slot] >= 0.5 for x in here]))


def test_of_a_colour_the_likeliest_value_holds(schema: Schema) -> None:
    found = count([record(0, tags={"hair_color.red": 0.4, "hair_color.pink": 0.3})], schema)
    assert {tag.slot: tag.positive for tag in found.tags} == {"hair_color.pink": 0, "hair_color.red": 1}


def test_a_taggers_own_thresholds_count(schema: Schema) -> None:
    assert thresholds_of({}, schema)["hat"] == 0.5
    settings = {"tagger": {"threshold": 0.25, "thresholds": {"hat": 0.7}}}
    assert thresholds_of(settings, schema)["hat"] == 0.7
    assert thresholds_of({"sources": [settings, {}]}, schema)["glasses"] == 0.25


def test_years_groups_splits_and_sources_are_counted(schema: Schema) -> None:
    found = count(
        [
            record(0, year=2001, group="a", split="train", source="https://example.org/1.png", licence="CC0-1.0"),
            record(1, year=2001, group="a", split="train", source="faces.tar:1.jpg", weight=0.5),
            record(2, group="b", split="test", source="faces.tar:2.jpg"),
        ],
        schema,
    )
    assert found.years == {2001: 2}
    assert found.groups == {1: 1, 2: 1}
    assert found.splits == {"train": 2, "test": 1}
    assert found.sources == {"faces.tar": 2, "example.org": 1}
    assert found.licences == {"unknown": 2, "CC0-1.0": 1}
    assert found.weights == {0.5: 1, 1.0: 2}
    assert source_of(record(3)) == "unknown"


def test_the_resolution_is_that_of_the_source(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1, 64), "b": face(2, 64)}, a={"box": (10, 10, 130, 140)})
    assert face_sides(stage, read_stage(stage), {}) == {120: 1, 64: 1}
    build(Mixture((Ingredient(stage),), size=32), tmp_path / "out")
    assert face_sides(tmp_path / "out", [], stage_settings(tmp_path / "out")) == {120: 1, 64: 1}


def test_the_card_of_a_built_dataset_is_whole_and_shows_no_picture(tmp_path: Path, schema: Schema) -> None:
    synthesise(tmp_path / "s", count=60, size=32)
    build(Mixture((Ingredient(tmp_path / "s", weight=0.5),)), tmp_path / "out")
    text = (tmp_path / "out" / "card.md").read_text(encoding="utf-8")
    assert "| `glasses` | glasses | 60 | 0 |" in text
    assert "CC0-1.0 | 60" in text
    assert "Weights, how much a picture's tags count in training: 0.5 (60 pictures)" in text
    linked = re.findall(r"\]\(([^)]+)\)", text)
    assert set(linked) == {"plots/tags.png", "plots/together.png", "plots/resolution.png"}
    for name in linked:
        with Image.open(tmp_path / "out" / name) as figure:
            assert figure.format == "PNG"
    before = (tmp_path / "out" / "plots" / "tags.png").read_bytes()
    assert card_of_stage(tmp_path / "out", schema).read_text(encoding="utf-8") == text
    assert (tmp_path / "out" / "plots" / "tags.png").read_bytes() == before


def test_a_stage_without_tags_has_a_card(tmp_path: Path, schema: Schema) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1)}, a={"year": 1999})
    text = card_of_stage(stage, schema).read_text(encoding="utf-8")
    assert "No picture has tags." in text
    assert "Near pictures and duplicates were not looked for." in text
    assert sorted(p.name for p in (stage / "plots").iterdir()) == ["resolution.png", "years.png"]


def test_rare_tags_are_left_out_of_the_pairs(tmp_path: Path, schema: Schema) -> None:
    for n in (FEW - 1, FEW):
        records = [record(i, tags={"hat": 1.0, "glasses": 1.0}) for i in range(n)]
        names = draw_plots(count(records, schema), schema, tmp_path / str(n))
        assert ("together.png" in names) == (n >= FEW)


def test_long_tables_are_cut_and_added_up(schema: Schema) -> None:
    records = [record(i, source=f"https://host{i % 30:02}.org/x.png") for i in range(60)]
    text = card_text("x", count(records, schema), {}, schema, [])
    assert "| 19 others | 38 |" in text


def test_an_empty_stage_or_one_of_another_schema_has_no_card(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "empty").mkdir()
    write_stage(tmp_path / "empty", [], {})
    with pytest.raises(FileError, match="holds no pictures"):
        card_of_stage(tmp_path / "empty", schema)
    write_stage(tmp_path / "empty", [record(0)], {"schema_hash": "other"})
    with pytest.raises(FileError, match="another schema"):
        card_of_stage(tmp_path / "empty", schema)
    with pytest.raises(FileError, match="it is not a stage"):
        card_of_stage(tmp_path / "none", schema)


def test_every_slot_has_a_colour_and_colours_of_one_attribute_differ(schema: Schema) -> None:
    colours = slot_colours(schema)
    assert set(colours) == set(schema.slots)
    for attribute in schema.attributes:
        assert len({colours[slot] for slot in attribute.slots}) == len(attribute.slots)


def test_shares_are_written_with_the_digits_they_need() -> None:
    assert [percent(share) for share in (0, 0.0003, 0.0094, 0.0096, 0.156, 1)] == [
        "0.0%", "0.03%", "0.94%", "1.0%", "15.6%", "100.0%",
    ]  # fmt: skip
