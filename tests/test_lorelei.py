"""The second schema: its words are found, and everything that draws works with it as with the first."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from konomi import api
from konomi.cli.console import app
from konomi.errors import InputError
from konomi.schema import Schema, load_schema, parse_schema
from konomi.text import parse

HASH = "c5632422e6b12f90d248236ebe654669e3225bdc1c6c85cd5d8203ff3923a98d"


@pytest.fixture(scope="module")
def lorelei() -> Schema:
    return load_schema("lorelei")


def test_lorelei_has_the_slots_that_models_were_trained_with(lorelei: Schema) -> None:
    assert len(lorelei.slots) == 38
    assert lorelei.slots[:2] == ("hair_color.black", "hair_color.brown")
    assert lorelei.slots[-1] == "background.pink"
    assert lorelei.hash == HASH


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("long blue hair and glasses", {"hair_color": "blue", "hair_style": "long", "glasses": True}),
        (
            "curly red hair, green eyes, dark skin",
            {"hair_color": "red", "hair_style": "curly", "eye_color": "green", "skin": "dark"},
        ),
        ("blonde bun, sunglasses", {"hair_color": "blonde", "hair_style": "bun", "sunglasses": True}),
        ("two buns, flowers in her hair", {"hair_style": "space_buns", "flowers": True}),
        ("sad, a mohawk, blue background", {"hair_style": "mohawk", "smile": False, "background": "blue"}),
        ("no beard, closed eyes", {"beard": False, "closed_eyes": True}),
        ("brown hair on a pink background", {"hair_color": "brown", "background": "pink"}),
        ("grey hair and a beard, laughing", {"hair_color": "gray", "beard": True, "smile": True, "open_mouth": True}),
        ("tanned, blonde ponytail", {"hair_color": "blonde", "hair_style": "ponytail", "skin": "tan"}),
        ("短い黒髪で青い目", {"hair_color": "black", "hair_style": "short", "eye_color": "blue"}),
        ("ピンク髪のお団子二つ、花飾り", {"hair_color": "pink", "hair_style": "space_buns", "flowers": True}),
        ("髪は銀、目は赤、背景は白", {"hair_color": "gray", "eye_color": "red", "background": "white"}),
        ("サングラス、ひげ、小麦色の肌", {"beard": True, "skin": "tan", "sunglasses": True}),
        ("緑のポニーテール、目を閉じている", {"hair_color": "green", "hair_style": "ponytail", "closed_eyes": True}),
    ],
)  # fmt: skip
def test_words_are_read_in_the_schema(text: str, condition: dict[str, Any], lorelei: Schema) -> None:
    assert parse(text, lorelei).condition.to_dict() == condition


def test_every_label_and_every_value_is_found_by_its_own_words(lorelei: Schema) -> None:
    for attribute in lorelei.attributes:
        for value in attribute.values:
            assert set(value.label) == {"en", "ja"}
            for language, words in value.words.items():
                for word in words:
                    found = parse(word, lorelei).condition.to_dict().get(attribute.name)
                    assert found == (True if attribute.is_flag else value.name), (attribute.name, language, word)


# --- words taken over ------------------------------------------------------------------------------------------------

DERIVED = """
name = "derived"
words_from = "anime"

[[attribute]]
name = "glasses"
kind = "flag"
label = { en = "glasses", ja = "眼鏡" }

[[attribute]]
name = "sunglasses"
kind = "flag"
label = { en = "sunglasses", ja = "サングラス" }
words.en = ["sunglasses"]
"""


def test_a_derived_schema_knows_the_words_of_what_is_named_alike() -> None:
    (glasses, sunglasses) = parse_schema(DERIVED).attributes
    assert "spectacles" in glasses.values[0].words["en"]
    assert "眼鏡" in glasses.values[0].words["ja"]
    assert sunglasses.values[0].words == {"en": ("sunglasses",)}


def test_a_word_that_it_states_means_only_what_it_says() -> None:
    schema = parse_schema(DERIVED)
    assert "sunglasses" not in schema.attributes[0].values[0].words["en"]
    assert parse("sunglasses", schema).condition.to_dict() == {"sunglasses": True}


def test_phrases_about_what_it_lacks_are_not_taken_over() -> None:
    names = {name for phrase in parse_schema(DERIVED).phrases for name, _, _ in phrase.means + phrase.implies}
    assert names == {"glasses"}


def test_words_taken_over_do_not_change_the_hash() -> None:
    assert parse_schema(DERIVED).hash == parse_schema(DERIVED.replace('words_from = "anime"\n', "")).hash


def test_words_of_a_schema_that_does_not_exist_are_refused() -> None:
    with pytest.raises(InputError, match="There is no schema 'anima'"):
        parse_schema(DERIVED.replace('"anime"', '"anima"'))


# --- drawing with it -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, lorelei: Schema) -> Path:
    """A generator that learned nothing, trained and exported as any other; the schema is found by its hash."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from konomi.data.dataset import Dataset
    from konomi.model.plan import Options
    from konomi.model.train import train

    folder = tmp_path_factory.mktemp("lorelei")
    dice = np.random.RandomState(0)
    weights = np.zeros((16, len(lorelei.slots)), np.float32)
    for attribute in lorelei.attributes:
        where = lorelei.offsets[attribute.name]
        weights[:, where] = np.eye(16)[:, : len(attribute.slots)]
    pictures = dice.randint(0, 256, (16, 16, 16, 3)).astype(np.uint8)
    data = Dataset(lorelei, tuple(map(str, range(16))), pictures, weights)
    options = Options(pictures=16, batch=16, channels=(16, 16), sample_every=16, metrics_every=16, fade_in=0)
    train(data, options, folder / "run", device="cpu")
    konomi("export", folder / "run", folder / "small.onnx", "--licence", "CC0 1.0")
    return folder / "small.onnx"


def konomi(*arguments: object) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def drawn(folder: Path, *arguments: object) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in konomi("draw", "--size", 64, "--out", folder, "--json", *arguments).splitlines()
    ]


def test_words_and_settings_are_read_in_the_models_schema(model: Path, tmp_path: Path) -> None:
    (row,) = drawn(tmp_path, "--model", model, "pink mohawk, sunglasses", "--set", "smile=0.5", "--hair-color", "blue")
    assert row["condition"] == {"hair_color": "blue", "hair_style": "mohawk", "smile": 0.5, "sunglasses": True}
    assert row["recipe"]["schema"] == "lorelei"


def test_every_picture_says_the_models_licence_and_can_be_drawn_again(model: Path, tmp_path: Path) -> None:
    (row,) = drawn(tmp_path / "one", "--model", model, "--set", "hair_style=space_buns", "--set", "skin.tan=0.7")
    file = Path(row["file"])
    assert row["recipe"]["licence"] == "CC0 1.0"
    assert b"CC0 1.0" in file.read_bytes()
    for source in (file, row["code"]):
        (again,) = drawn(tmp_path / "again", "--model", model, "--from", source)
        assert again["condition"] == {"hair_style": "space_buns", "skin": {"tan": 0.7}}
        assert Image.open(again["file"]).tobytes() == Image.open(file).tobytes()


def test_python_takes_the_attributes_of_the_models_schema(model: Path) -> None:
    (avatar,) = api.draw("beard", model=str(model), size=64, hair_style="bun", closed_eyes=True)
    assert avatar.condition == {"hair_style": "bun", "closed_eyes": True, "beard": True}
    with pytest.raises(InputError, match="no attribute 'hat'"):
        api.draw(model=str(model), size=64, hat=True)
    with pytest.raises(InputError, match="hair_style has no value 'afro'"):
        api.draw(model=str(model), size=64, hair_style="afro")


def test_a_batch_is_read_in_the_models_schema(model: Path, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("text,hair_style,smile\nblue eyes,bob,0.25\n", encoding="utf-8")
    (row,) = drawn(tmp_path / "out", "--model", model, "--batch", tmp_path / "people.csv")
    assert row["condition"] == {"hair_style": "bob", "eye_color": "blue", "smile": 0.25}


def test_an_option_of_the_other_schema_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="schema 'lorelei' has no attribute 'hat'"):
        drawn(tmp_path, "--model", model, "--hat")


def test_a_picture_is_edited_in_its_models_schema(model: Path, tmp_path: Path) -> None:
    (row,) = drawn(tmp_path, "--model", model, "long hair")
    told = konomi("edit", row["file"], "--model", model, "--set", "hair_style=bun", "--out", tmp_path, "--json")
    assert json.loads(told)["condition"] == {"hair_style": "bun"}


def test_attributes_lists_those_of_a_model_or_schema(model: Path) -> None:
    by_model, by_schema = konomi("attributes", "--model", model), konomi("attributes", "--schema", "lorelei")
    assert by_model == by_schema
    assert "mohawk" in by_model
    assert "twintails" not in by_model
    with pytest.raises(InputError, match="either --model or --schema"):
        konomi("attributes", "--model", model, "--schema", "lorelei")


def test_a_snapshot_of_no_known_schema_is_not_exported(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from konomi.errors import ModelError
    from konomi.model import checkpoint
    from konomi.model.export import schema_of

    checkpoint.save(tmp_path / "other.safetensors", {}, {"schema": "0" * 64})
    with pytest.raises(ModelError, match="none of the schemas that this Konomi has: anime, lorelei"):
        schema_of(tmp_path / "other.safetensors")
