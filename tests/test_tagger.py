"""Our own tagger: from labelled faces to an ONNX file that `konomi tag` opens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import onnxruntime
import torch

from konomi.data.dataset import Dataset, load
from konomi.data.synthetic import synthesise
from konomi.data.tagging.taggers import estimate, open_onnx
from konomi.errors import FileError, InputError
from konomi.metrics.tagging import best_threshold
from konomi.model import tagger_run
from konomi.model.tagger import TaggerNetwork, TaggerOptions, distort, logits, rarity, to_input, train_tagger
from konomi.model.tagger_export import Calibration, calibrate, calibrated, export_tagger
from konomi.schema import Schema

SMALL = TaggerOptions(size=64, copies=2, epochs=2, epochs_whole=1, batch=16, frozen=5)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, schema: Schema) -> Dataset:
    folder = tmp_path_factory.mktemp("faces") / "stage"
    synthesise(folder, count=64, seed=3)
    return load([folder], schema)


@pytest.fixture(scope="module")
def network(faces: Dataset) -> TaggerNetwork:
    torch.set_num_threads(1)
    return train_tagger(faces, SMALL, report=lambda line: None)


def test_training_learns_the_faces_it_saw(faces: Dataset, network: TaggerNetwork, schema: Schema) -> None:
    untrained = TaggerNetwork(len(schema.slots), frozen=5, dropout=0.0).eval()
    i = schema.slot_index("hat")

    def gap(judge: TaggerNetwork) -> float:
        found = logits(judge, faces.pictures, 64)[:, i]
        hats = faces.weights[:, i] > 0.5
        return float(found[hats].mean() - found[~hats].mean())

    assert gap(network) > gap(untrained) + 0.1


def test_faces_that_are_not_trusted_teach_nothing(faces: Dataset) -> None:
    lines: list[str] = []
    options = replace(SMALL, epochs=0, epochs_whole=1)
    few = replace(faces.part(np.arange(len(faces)) < 16), trust=np.zeros(16, np.float32))
    train_tagger(few, options, report=lines.append)
    assert lines == ["whole, epoch 1/1: loss 0.000"]


def test_distortion_keeps_shape_range_and_seed(faces: Dataset) -> None:
    one, again = (distort(faces.pictures[:8], 48, torch.Generator().manual_seed(5)) for _ in range(2))
    assert one.shape == (8, 3, 48, 48)
    assert torch.equal(one, again)
    assert one.abs().max() < 3  # normalised as for ImageNet
    assert not torch.allclose(one, to_input(faces.pictures[:8], 48), atol=0.1)


def test_rare_tags_are_seen_more_often() -> None:
    weights = np.zeros((100, 2), np.float32)
    weights[:50, 0], weights[0, 1] = 1, 1
    chances = rarity(weights, 0.5)
    assert chances[0] == 6.0 * chances.min()  # at most this much more often
    assert chances[1] < chances[0]


def test_calibration_moves_to_natural_shares(schema: Schema) -> None:
    """Scores of a network that learned at even shares, of faces where one in a hundred wears a hat."""
    dice, i = np.random.default_rng(0), schema.slot_index("hat")
    truth = np.full((20_000, len(schema.slots)), np.nan, np.float32)
    truth[:, i] = dice.random(len(truth)) < 0.01
    found = np.zeros_like(truth)
    found[:, i] = dice.normal(np.where(truth[:, i] > 0.5, 1.0, -1.0), 2**0.5)  # exact log-odds at even shares
    learned, natural = np.full(len(schema.slots), 0.5), np.full(len(schema.slots), 0.01)
    moved = calibrated(found, calibrate(found, truth, schema, learned=learned, natural=natural), schema)
    assert moved[:, i].mean() == pytest.approx(0.01, abs=0.003)


def test_the_onnx_file_says_what_the_network_says(
    tmp_path: Path, faces: Dataset, network: TaggerNetwork, schema: Schema
) -> None:
    dice = np.random.default_rng(2)
    calibration = Calibration(
        np.full(len(schema.slots), 0.8, np.float32), dice.normal(0, 1, len(schema.slots)).astype(np.float32)
    )
    path = tmp_path / "tagger.onnx"
    difference = export_tagger(
        network, calibration, path, schema=schema, size=64, thresholds={"hat": 0.4}, name="mine-7"
    )  # fmt: skip
    assert difference < 0.02
    assert path.stat().st_size < 12_000_000
    tagger = open_onnx(path, schema)
    assert tagger.thresholds == {"hat": 0.4}
    found = estimate(tagger, faces.pictures[:6], schema)
    expected = calibrated(logits(network, faces.pictures[:6], 64), calibration, schema)
    np.testing.assert_allclose(found, expected, atol=0.05)
    np.testing.assert_allclose(found[:, schema.offsets["hair_color"]].sum(axis=1), 1, atol=1e-4)
    shapes = onnxruntime.InferenceSession(str(path)).get_inputs()[0]
    assert shapes.type == "tensor(uint8)"


def test_a_recipe_makes_a_tagger_of_built_stages(
    tmp_path: Path, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    from konomi.data.building.build import build
    from konomi.data.building.mixture import Ingredient, Mixture
    from konomi.data.building.pairs import Thresholds

    monkeypatch.chdir(tmp_path)
    synthesise(Path("faces"), count=160, seed=4)
    alike = Thresholds(near=0, duplicate=0)  # drawn faces look too much like one another to be split by likeness
    build(Mixture((Ingredient(Path("faces")),), validation=0.2, test=0.1, thresholds=alike), Path("built"))
    names = [p.name for p in Path("built/pictures").iterdir()]
    Path("samples.csv").write_text("file,pack,chosen\n" + "".join(f"{n},made,random\n" for n in names))
    Path("tagger.toml").write_text(
        'kind = "tagger"\nname = "t-1"\nschema = "anime"\ndata = ["built"]\nsamples = "samples.csv"\n'
        "[train]\nsize = 64\nepochs = 0\nepochs_whole = 1\nbatch = 16\n"
    )
    plan = tagger_run.read_tagger_plan(Path("tagger.toml"))
    facts = tagger_run.run(
        plan, Path("run"), report=lambda line: None,
        threshold=lambda truth, found, share: best_threshold(truth, found, share=share),
    )  # fmt: skip
    tagger = open_onnx(Path("run/tagger.onnx"), schema)
    assert set(tagger.thresholds) == {s for a in schema.attributes if not a.exclusive for s in a.slots}
    assert facts["natural"]["hat"] == pytest.approx(0.4, abs=0.15)


PLAIN = TaggerOptions(
    size=32, network="plain", epochs=0, epochs_whole=6, batch=16, dropout=0.0, learning_rate_whole=3e-3
)


def test_a_plain_network_learns_and_is_exported_like_any_other(faces: Dataset, tmp_path: Path, schema: Schema) -> None:
    lines: list[str] = []
    network = train_tagger(faces, PLAIN, report=lines.append)
    losses = [float(line.rsplit(" ", 1)[1]) for line in lines]
    assert losses[-1] < losses[0]
    calibration = Calibration(np.ones(len(schema.slots), np.float32), np.zeros(len(schema.slots), np.float32))
    path = tmp_path / "plain.onnx"
    export_tagger(network, calibration, path, schema=schema, size=32, thresholds={}, name="plain-1")
    found = estimate(open_onnx(path, schema), faces.pictures[:4], schema)
    assert found.shape == (4, len(schema.slots))


def test_distortion_of_strength_nothing_only_mirrors(faces: Dataset) -> None:
    distorted = distort(faces.pictures[:8], 64, torch.Generator().manual_seed(0), strength=0.0)
    plain = to_input(faces.pictures[:8], 64)
    for one, other in zip(distorted, plain, strict=True):
        assert min(float((one - other).abs().max()), float((one - other.flip(2)).abs().max())) < 1e-3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"network": "plane"}, "network has no value 'plane'"),
        ({"network": "plain"}, "a plain network learns whole"),
        ({"network": "plain", "epochs": 0, "size": 40}, "multiple of 16 px"),
    ],
)
def test_networks_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TaggerOptions(**given)


def test_where_all_pictures_are_random_no_samples_are_needed(faces: Dataset) -> None:
    shares = tagger_run.natural_shares(faces, None)
    np.testing.assert_allclose(shares, np.nan_to_num(np.nanmean(np.nan_to_num(faces.weights), axis=0)), atol=1e-6)


def test_a_recipe_does_not_say_both_random_and_samples(tmp_path: Path) -> None:
    text = 'kind = "tagger"\nname = "t"\nschema = "anime"\ndata = ["x"]\nrandom = true\n'
    (tmp_path / "t.toml").write_text(text)
    assert tagger_run.read_tagger_plan(tmp_path / "t.toml").random
    (tmp_path / "t.toml").write_text(text + 'samples = "s.csv"\n')
    with pytest.raises(InputError, match="all pictures are random, and names samples"):
        tagger_run.read_tagger_plan(tmp_path / "t.toml")


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('kind = "tagger"\nname = "t"\nschema = "anime"\ndata = ["x"]\nsample = "s"\n')
    with pytest.raises(InputError, match=r"'sample'.*'samples'"):
        tagger_run.read_tagger_plan(tmp_path / "t.toml")


def test_samples_of_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("file,chosen\na,random\n")
    with pytest.raises(FileError, match="must have the columns file,pack,chosen"):
        tagger_run.read_samples(tmp_path / "s.csv")
