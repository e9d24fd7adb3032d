"""Taggers: what they are given, what they give, and what is refused."""

import gzip
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx")
pytest.importorskip("cv2")

from konomi.cli.tag import open_tagger
from konomi.data.tagging import illustration2vec, wd14
from konomi.data.tagging.decisions import decide, decisions_table, summarise
from konomi.data.tagging.illustration2vec import MEAN, feature_layers, open_illustration2vec
from konomi.data.tagging.taggers import danbooru_names, estimate, open_onnx
from konomi.data.tagging.wd14 import open_wd14
from konomi.errors import InputError, ModelError
from konomi.files import file_sha256
from konomi.record import Record
from konomi.schema import Schema
from tiny_models import (
    caffe_weights,
    facts_of,
    sigmoid,
    write_illustration2vec,
    write_onnx,
    write_wd14,
)

DANBOORU = ["blonde hair", "blue hair", "long hair", "hair bow", "ribbon", "skirt"]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


@dataclass(frozen=True)
class Fixed:
    """A tagger that always says the same."""

    answer: np.ndarray
    tags: tuple[str, ...]
    mirror: bool = False
    name: str = "fixed"
    files: dict[str, str] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    features: Any = None

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        return np.repeat(self.answer[None], len(pictures), axis=0)


# decisions


def test_the_likeliest_colour_holds_however_unlikely(schema: Schema) -> None:
    chosen = decide({"hair_color.red": 0.1, "hair_color.blue": 0.2, "hair_color.pink": 0.05}, schema)
    assert chosen == {"hair_color.red": False, "hair_color.blue": True, "hair_color.pink": False}


def test_independent_tags_hold_from_a_quarter_upwards(schema: Schema) -> None:
    assert decide({"smile": 0.25, "hat": 0.249, "hair_length.long": 0.9, "hair_length.short": 0.4}, schema) == {
        "smile": True,
        "hat": False,
        "hair_length.long": True,
        "hair_length.short": True,
    }


def test_a_taggers_own_threshold_comes_first(schema: Schema) -> None:
    assert decide({"smile": 0.5, "hat": 0.1}, schema, {"smile": 0.6, "hat": 0.1}) == {"smile": False, "hat": True}


def test_one_value_alone_cannot_be_the_likeliest(schema: Schema) -> None:
    assert decide({"skin.dark": 0.1}, schema) == {"skin.dark": False}
    assert decide({"skin.dark": 0.3}, schema) == {"skin.dark": True}


def test_where_nothing_is_possible_nothing_holds(schema: Schema) -> None:
    assert decide({"gender.girl": 0.0, "gender.boy": 0.0}, schema) == {"gender.girl": False, "gender.boy": False}


def test_a_decision_about_an_unknown_slot_is_refused(schema: Schema) -> None:
    with pytest.raises(InputError, match=r"no slot 'glases'\. Did you mean 'glasses'"):
        decide({"glases": 1.0}, schema)


def test_the_table_leaves_empty_what_is_unknown(schema: Schema) -> None:
    tags = {"hair_color.red": 0.9, "hair_color.blue": 0.1, "hair_length.long": 0.1, "glasses": 0.8}
    head, row = decisions_table([Record("a.png", "0", tags=tags)], schema, {}).splitlines()
    found = dict(zip(head.split(","), row.split(","), strict=True))
    assert {k: v for k, v in found.items() if v} == {
        "file": "a.png",
        "hair_color": "red",
        "hair_length.long": "no",
        "glasses": "yes",
    }
    assert "eye_color" in found


def test_the_summary_counts_known_and_positive(schema: Schema) -> None:
    records = [Record(str(i), "0", tags={"smile": p} if p else {}) for i, p in enumerate((0.2, 0.4, 0.9, 0))]
    (line,) = summarise(records, schema, {"smile": 0.5})
    assert (line.slot, line.known, line.positive, line.mean) == ("smile", 3, 1, pytest.approx(0.5))


# from tags to slots


def test_every_slot_but_light_skin_and_framing_has_a_danbooru_name(schema: Schema) -> None:
    assert set(schema.slots) - set(danbooru_names(schema)) == {"skin.light", "framing.close", "framing.wide"}
    names = [name for given in danbooru_names(schema).values() for name in given]
    assert len(names) == len(set(names))
    assert danbooru_names(schema)["hair_color.gray"][0] == "grey hair"


def test_unmapped_slots_stay_unknown_and_a_slot_takes_the_highest_of_its_names(schema: Schema) -> None:
    tagger = Fixed(np.array([0.3, 0.1, 0.6, 0.7, 0.2, 1.0]), tuple(DANBOORU))
    (row,) = estimate(tagger, noise(1, 8, 8, 3), schema)
    known = {schema.slots[i]: round(float(row[i]), 3) for i in np.flatnonzero(~np.isnan(row))}
    assert known == {"hair_color.blonde": 0.3, "hair_color.blue": 0.1, "hair_length.long": 0.6, "ribbon": 0.7}


def test_colours_that_add_up_to_more_than_one_are_scaled_to_one(schema: Schema) -> None:
    tagger = Fixed(np.array([0.9, 0.6]), ("blonde hair", "blue hair"))
    (row,) = estimate(tagger, noise(1, 8, 8, 3), schema)
    assert row[schema.slot_index("hair_color.blonde")] == pytest.approx(0.6)
    assert row[schema.slot_index("hair_color.blue")] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("answer", "tags", "told"),
    [
        ([0.1, 0.2], ("smile",), r"has 1 tags, but gave \(1, 2\)"),
        ([3.0], ("smile",), "outside 0 to 1"),
        ([np.nan], ("smile",), "outside 0 to 1"),
        ([0.5], ("skirt",), "no tag that the schema 'anime' knows"),
    ],
)
def test_answers_that_cannot_be_right_are_refused(
    schema: Schema, answer: list[float], tags: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        estimate(Fixed(np.array(answer), tags), noise(1, 8, 8, 3), schema)


# our own


@pytest.fixture
def weights(schema: Schema) -> np.ndarray:
    return np.random.RandomState(1).randn(3, len(schema.slots)) * 3


def test_ours_is_run_on_picture_and_mirror_image(tmp_path: Path, schema: Schema, weights: np.ndarray) -> None:
    slots = [s for s in schema.slots if "." not in s]  # no exclusive ones: nothing is scaled
    where = [schema.slot_index(s) for s in slots]
    write_onnx(tmp_path / "t.onnx", weights[:, where], facts_of(schema, slots=slots))
    tagger = open_onnx(tmp_path / "t.onnx", schema)
    pictures = noise(5, 16, 16, 3)

    def by_hand(half: np.ndarray) -> np.ndarray:
        return sigmoid(half.mean(axis=(1, 2)) / 255 @ weights[:, where])

    both = (by_hand(pictures[:, :, :8]) + by_hand(pictures[:, :, 8:])) / 2
    assert np.allclose(estimate(tagger, pictures, schema)[:, where], both, atol=1e-6)
    alone = estimate(tagger, pictures, schema, mirror=False)
    assert np.allclose(alone[:, where], by_hand(pictures[:, :, :8]), atol=1e-6)
    assert tagger.name == "t 7"
    assert tagger.thresholds == {"glasses": 0.6}
    assert tagger.files == {"t.onnx": file_sha256(tmp_path / "t.onnx")}


def test_ours_takes_pictures_of_any_size(tmp_path: Path, schema: Schema, weights: np.ndarray) -> None:
    write_onnx(tmp_path / "t.onnx", weights, facts_of(schema))
    tagger = open_onnx(tmp_path / "t.onnx", schema, threads=1)
    plain = np.full((2, 40, 24, 3), 77, dtype=np.uint8)
    assert np.allclose(tagger(plain), tagger(np.full((2, 16, 16, 3), 77, dtype=np.uint8)), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema_hash": "0"}, "another version of the schema 'anime'"),
        ({"schema": "love-liking"}, "another version of the schema 'love-liking'"),
        ({"kind": "generator"}, "is a generator, not a tagger"),
        ({"slots": ["glases"]}, "names slots wrongly: glases"),
        ({"slots": ["hat", "hat"]}, "names slots wrongly: hat"),
        ({"thresholds": {"wings": 0.5}}, "names slots wrongly: wings"),
    ],
)
def test_a_tagger_made_for_something_else_is_refused(
    tmp_path: Path, schema: Schema, weights: np.ndarray, changes: dict[str, Any], told: str
) -> None:
    write_onnx(tmp_path / "t.onnx", weights, facts_of(schema, **changes))
    with pytest.raises(ModelError, match=told):
        open_onnx(tmp_path / "t.onnx", schema)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (None, "not one of Konomi; for a tagger in the WD14 layout give wd14:FOLDER"),
        ("{", "not one of Konomi"),
        ("[1]", "not one of Konomi"),
        ({"kind": "tagger", "schema": "anime"}, "does not say its schema_hash, size, slots, thresholds, version"),
    ],
)
def test_a_model_without_its_facts_is_refused(
    tmp_path: Path, schema: Schema, weights: np.ndarray, facts: Any, told: str
) -> None:
    write_onnx(tmp_path / "t.onnx", weights, facts)
    with pytest.raises(ModelError, match=told):
        open_onnx(tmp_path / "t.onnx", schema)


def test_missing_damaged_and_changed_files_are_told(tmp_path: Path, schema: Schema, weights: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"there is no model file .*t\.onnx"):
        open_onnx(tmp_path / "t.onnx", schema)
    (tmp_path / "t.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="not a readable ONNX model"):
        open_onnx(tmp_path / "t.onnx", schema)
    write_onnx(tmp_path / "t.onnx", weights, facts_of(schema))
    with pytest.raises(ModelError, match="is not the published tagger-1: its hash is"):
        open_onnx(tmp_path / "t.onnx", schema, name="tagger-1", sha256="0" * 64)


def test_a_network_that_takes_something_else_is_told(tmp_path: Path, schema: Schema, weights: np.ndarray) -> None:
    write_onnx(tmp_path / "t.onnx", weights, facts_of(schema, size=12))
    with pytest.raises(ModelError, match="t 7 cannot be run"):
        open_onnx(tmp_path / "t.onnx", schema)(noise(1, 12, 12, 3))


# WD14


def test_wd14_sees_bgr_on_a_white_square(tmp_path: Path, schema: Schema) -> None:
    tags = ["general", "1girl", "long_hair", "open_mouth"]
    weights = np.random.RandomState(2).randn(3, 4)
    write_wd14(tmp_path, tags, weights)
    tagger = open_wd14(tmp_path)
    wide = noise(3, 16, 32, 3)
    square = np.full((3, 32, 32, 3), 255.0)
    square[:, 8:24] = wide[:, :, :, ::-1]
    assert np.array_equal(wd14.prepare(wide, 32), square)
    assert np.allclose(tagger(wide), sigmoid(square.mean(axis=(1, 2)) / 255 @ weights), atol=1e-5)
    assert tagger.tags == ("general", "1girl", "long hair", "open mouth")
    row = estimate(tagger, wide, schema)[0]
    assert {schema.slots[i] for i in np.flatnonzero(~np.isnan(row))} == {
        "gender.girl",
        "hair_length.long",
        "open_mouth",
    }


def test_wd14_reduces_large_pictures_bicubically() -> None:
    (large,) = noise(1, 50, 50, 3)
    expected = np.asarray(Image.fromarray(large).resize((32, 32), Image.Resampling.BICUBIC))[:, :, ::-1]
    assert np.array_equal(wd14.prepare(large[None], 32)[0], expected)


def test_wd14_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    write_wd14(tmp_path / "a", ["1girl", "hat"], np.zeros((3, 3)))
    with pytest.raises(ModelError, match=r"names 2 tags, but model.onnx gives 3"):
        open_wd14(tmp_path / "a")
    (tmp_path / "a" / "selected_tags.csv").write_text("id,tag\n1,hat\n")
    with pytest.raises(ModelError, match=r"has no column 'name'\. Columns: id, tag"):
        open_wd14(tmp_path / "a")
    (tmp_path / "a" / "selected_tags.csv").unlink()
    with pytest.raises(InputError, match=r"lacks selected_tags.csv; get it from the model's page"):
        open_wd14(tmp_path / "a")
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        open_wd14(tmp_path / "nowhere")


def test_another_onnx_file_is_not_of_the_wd14_layout(tmp_path: Path) -> None:
    write_wd14(tmp_path, ["1girl"], np.zeros((3, 1)))
    write_onnx(tmp_path / "model.onnx", np.zeros((3, 1)), None)
    with pytest.raises(ModelError, match="not in the WD14 layout"):
        open_wd14(tmp_path)


# Illustration2Vec


def bilinear(size: int) -> np.ndarray:
    """The matrix (224, size) that resizes a row: pixels lie at their centres, beyond the outer ones nothing changes."""
    matrix = np.zeros((224, size))
    for i in range(224):
        at = min(max((i + 0.5) * size / 224 - 0.5, 0), size - 1)
        left = min(int(at), size - 2)
        matrix[i, left], matrix[i, left + 1] = 1 - (at - left), at - left
    return matrix


def prepared_by_hand(picture: np.ndarray) -> np.ndarray:
    """uint8 RGB (H, W, 3) -> (3, 224, 224), BGR less the mean."""
    rows, columns = bilinear(picture.shape[0]), bilinear(picture.shape[1])
    planes = [rows @ picture[:, :, channel].astype(float) @ columns.T for channel in (2, 1, 0)]
    return np.stack(planes) - np.array([164.76139251, 167.47864617, 181.13838569])[:, None, None]


def test_preparation_is_bilinear_bgr_less_the_mean() -> None:
    for shape in ((64, 64), (96, 160), (300, 260)):
        picture = noise(*shape, 3)
        found = illustration2vec.prepare(picture[None])
        assert found.shape == (1, 3, 224, 224)
        assert np.abs(found[0] - prepared_by_hand(picture)).max() < 0.01
    assert MEAN.tolist() == pytest.approx([164.76139251, 167.47864617, 181.13838569])


@pytest.mark.parametrize("old", [False, True], ids=["layer", "layers"])
def test_illustration2vec_gives_what_numpy_gives(tmp_path: Path, schema: Schema, old: bool) -> None:
    dice = np.random.RandomState(3)
    weights, bias = dice.randn(6, 3) * 0.01, dice.randn(6)
    write_illustration2vec(tmp_path, DANBOORU, weights, bias, old=old)
    tagger = open_illustration2vec(tmp_path, threads=1)
    pictures = noise(3, 64, 48, 3)
    means = np.stack([prepared_by_hand(p).mean(axis=(1, 2)) for p in pictures])
    assert np.abs(tagger(pictures) - sigmoid(means @ weights.T + bias)).max() < 1e-4
    assert set(tagger.files) == {"illust2vec_tag.prototxt", "illust2vec_tag_ver200.caffemodel", "tag_list.json"}
    row = estimate(tagger, pictures, schema)[0]
    assert row[schema.slot_index("ribbon")] == pytest.approx(tagger(pictures)[0, 3:5].max())
    assert np.isnan(row[schema.slot_index("hat")])
    assert not tagger.mirror


def test_the_list_of_tags_may_be_compressed_as_in_the_release(tmp_path: Path) -> None:
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    (tmp_path / "tag_list.json").unlink()
    (tmp_path / "tag_list.json.gz").write_bytes(gzip.compress(json.dumps(DANBOORU).encode()))
    assert open_illustration2vec(tmp_path).tags == tuple(DANBOORU)


def test_missing_files_are_named_with_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder"):
        open_illustration2vec(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"lacks illust2vec_tag.prototxt, illust2vec_tag_ver200.caffemodel, tag_list"):
        open_illustration2vec(tmp_path)
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    assert open_illustration2vec(tmp_path).features is None
    with pytest.raises(InputError, match=r"lacks illust2vec_ver200.caffemodel; get it from https://github.com/rezoo/"):
        open_illustration2vec(tmp_path, features=True)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("illust2vec_tag.prototxt", b"layer {", "illust2vec_tag.prototxt is damaged"),
        ("illust2vec_tag_ver200.caffemodel", b"junk", "illust2vec_tag_ver200.caffemodel is damaged"),
        ("illust2vec_tag_ver200.caffemodel", b"damaged", "ver200.caffemodel does not hold the weights of its layers"),
        ("illust2vec_tag_ver200.caffemodel", b"", "ver200.caffemodel does not hold the weights of its layers"),
        ("tag_list.json", b"{", "is not a readable list of tags"),
        ("tag_list.json", b"{}", "is not a list of tags"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=told):
        open_illustration2vec(tmp_path)


def test_layers_without_their_weights_are_told(tmp_path: Path) -> None:
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    (tmp_path / "illust2vec_tag_ver200.caffemodel").write_bytes(caffe_weights({"conv1_1": [np.zeros((6, 3, 1, 1))]}))
    with pytest.raises(ModelError, match="does not hold the weights of its layers"):
        open_illustration2vec(tmp_path)


def test_a_list_of_other_tags_is_refused(tmp_path: Path, schema: Schema) -> None:
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    (tmp_path / "tag_list.json").write_text(json.dumps(DANBOORU[:4]))
    with pytest.raises(ModelError, match=r"has 4 tags, but gave \(1, 6\)"):
        estimate(open_illustration2vec(tmp_path), noise(1, 8, 8, 3), schema)


def test_the_layers_of_the_feature_network_are_those_of_the_authors() -> None:
    text = feature_layers()
    names = [line.split('"')[1] for line in text.splitlines()[1:]]
    convolutions = [name[4:] for name in names if name.startswith("conv")]
    assert convolutions == ["1_1", "2_1", "3_1", "3_2", "4_1", "4_2", "5_1", "5_2", "6_1", "6_2", "6_3"]
    assert names[-1] == "encode1"
    assert text.count("Pooling") == 5  # 224 / 2 ** 5 = 7
    assert "num_output: 4096" in text.splitlines()[-1]


def convolve(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(C, H, W) with 3 x 3 kernels (O, C, 3, 3), padded by 1, then ReLU."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    found = np.zeros((len(weights), *x.shape[1:])) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            window = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
            found += np.einsum("oc,chw->ohw", weights[:, :, i, j], window)
    return np.maximum(found, 0)


def test_feature_vectors_are_those_of_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice, blocks = np.random.RandomState(4), ((2,), (3,), (2, 3), (2,), (3,), (4,))
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    weights, below = {}, 3
    for block, widths in enumerate(blocks, start=1):
        for number, width in enumerate(widths, start=1):
            weights[f"conv{block}_{number}"] = [dice.randn(width, below, 3, 3) * 0.2, dice.randn(width)]
            below = width
    weights["encode1"] = [dice.randn(5, 4 * 7 * 7) * 0.1, dice.randn(5)]
    (tmp_path / "illust2vec_ver200.caffemodel").write_bytes(caffe_weights(weights))
    monkeypatch.setattr(illustration2vec, "feature_layers", lambda: feature_layers(blocks, 5))
    tagger = open_illustration2vec(tmp_path, features=True)
    assert tagger.features is not None
    (picture,) = noise(1, 64, 64, 3)
    x = prepared_by_hand(picture)
    for block, widths in enumerate(blocks, start=1):
        for number in range(1, len(widths) + 1):
            x = convolve(x, *weights[f"conv{block}_{number}"])
        if block < 6:
            x = x.reshape(len(x), x.shape[1] // 2, 2, -1, 2).max(axis=(2, 4))
    by_hand = weights["encode1"][0] @ x.ravel() + weights["encode1"][1]
    found = tagger.features(np.stack([picture, picture]))
    assert found.shape == (2, 5)
    assert np.abs(found - by_hand).max() < 1e-3 * np.abs(by_hand).max()


def test_feature_vectors_are_taken_before_the_sigmoid(tmp_path: Path) -> None:
    write_illustration2vec(tmp_path, DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    layers = """input: "data" input_dim: 1 input_dim: 3 input_dim: 224 input_dim: 224
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE kernel_size: 224 } }
layer { name: "encode1" type: "InnerProduct" bottom: "pool" top: "encode1" inner_product_param { num_output: 2 } }
layer { name: "encode1neuron" type: "Sigmoid" bottom: "encode1" top: "encode1neuron" }
layer { name: "encode2" type: "InnerProduct" bottom: "encode1neuron" top: "e" inner_product_param { num_output: 1 } }
"""
    weights = {"encode1": [np.array([[1.0, 0, 0], [0, 0, 2]]), np.zeros(2)], "encode2": [np.ones((1, 2)), np.zeros(1)]}
    (tmp_path / "illust2vec.prototxt").write_text(layers)
    (tmp_path / "illust2vec_ver200.caffemodel").write_bytes(caffe_weights(weights))
    tagger = open_illustration2vec(tmp_path, features=True)
    assert tagger.features is not None
    found = tagger.features(np.full((1, 9, 9, 3), 200, dtype=np.uint8))
    assert found[0].tolist() == pytest.approx([200 - MEAN[0], 2 * (200 - MEAN[2])], rel=1e-3)
    assert "illust2vec.prototxt" in tagger.files


# by name


def test_taggers_are_opened_by_kind_and_place(tmp_path: Path, schema: Schema, weights: np.ndarray) -> None:
    write_onnx(tmp_path / "t.onnx", weights, facts_of(schema))
    write_wd14(tmp_path / "wd", ["hat"], np.zeros((3, 1)))
    write_illustration2vec(tmp_path / "i2v", DANBOORU, np.zeros((6, 3)), np.zeros(6), old=False)
    for name in (f"onnx:{tmp_path}/t.onnx", f"{tmp_path}/t.onnx"):
        assert open_tagger(name, schema).name == "t 7"
    assert open_tagger(f"wd14:{tmp_path}/wd", schema).name == "wd14 wd"
    assert open_tagger(f"i2v:{tmp_path}/i2v", schema).name == "illustration2vec 2.0.0"


@pytest.mark.parametrize("name", ["nobody", "i2v:", "caffe:x", ""])
def test_an_unknown_tagger_lists_the_known(schema: Schema, name: str) -> None:
    with pytest.raises(InputError, match=r"there is no tagger .*Published: .*onnx:FILE, i2v:FOLDER or wd14:FOLDER"):
        open_tagger(name, schema)


def test_tagging_never_loads_torch() -> None:
    program = (
        "import sys, konomi.cli, konomi.data.tagging.tag;"
        "import konomi.data.tagging.wd14, konomi.data.tagging.illustration2vec;"
        "assert not {'torch', 'cv2', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
