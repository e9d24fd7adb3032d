"""Published networks, read back to go on from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.data.dataset import Dataset, load
from konomi.data.synthetic import synthesise
from konomi.drawing import load_model
from konomi.errors import InputError, ModelError, TrainingError
from konomi.model.base import Base, export_discriminator, read_base, weights_of
from konomi.model.export import export_run
from konomi.model.networks import Discriminator, Generator, Shape
from konomi.model.plan import read_plan
from konomi.model.train import Run, label_prior, train
from konomi.models import published
from konomi.network import open_session
from konomi.schema import Schema

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
TINY = replace(read_plan(ROOT / "recipes" / "tiny.toml").options, channels=(24, 16, 8), pictures=32, batch=8)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, schema: Schema) -> Dataset:
    folder = tmp_path_factory.mktemp("faces") / "stage"
    synthesise(folder, count=40, size=32)
    return load([folder], schema)


@pytest.fixture(scope="module")
def files(faces: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Run]:
    """A generator and its discriminator, as they would be published, and the run they are of."""
    folder = tmp_path_factory.mktemp("published")
    run = train(faces, TINY, folder / "run", device="cpu")
    export_run(folder / "run", folder / "g.onnx", schema=faces.schema, name="small-1", licence="CC0-1.0")
    export_discriminator(
        folder / "run" / "checkpoint.safetensors", folder / "d.onnx", name="small-d-1", licence="CC0-1.0",
        schema=faces.schema,
    )  # fmt: skip
    return folder / "g.onnx", folder / "d.onnx", run


@pytest.fixture(scope="module")
def base(files: tuple[Path, Path, Run]) -> Base:
    return read_base(*files[:2])


def test_what_is_read_back_is_what_was_trained(files: tuple[Path, Path, Run], base: Base) -> None:
    _, _, run = files
    for found, network in ((base.generator, run.averaged), (base.discriminator, run.discriminator)):
        wanted = network.state_dict()
        assert found.keys() == wanted.keys()
        for name, weight in wanted.items():
            lost = weight.abs().max() / 250 if name == "dense.weight" else 1e-4  # stored in eight bits
            assert torch.allclose(found[name], weight.float(), rtol=1e-3, atol=float(lost)), name
    assert torch.allclose(base.prior, run.prior, atol=1e-6)
    assert base.seen == TINY.pictures


def test_a_mean_with_what_it_began_with_lies_between_both(
    files: tuple[Path, Path, Run], base: Base, faces: Dataset, tmp_path: Path
) -> None:
    run = train(faces, replace(TINY, learning_rate=1e-2), tmp_path / "run", device="cpu", base=base)
    command = ["export", str(tmp_path / "run"), str(tmp_path / "mean.onnx"), "--mean-with", str(files[0])]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    found = weights_of(tmp_path / "mean.onnx", Generator(base.shape))
    moved = 0.0
    for name, weight in run.averaged.state_dict().items():
        mean = (weight.float() + base.generator[name]) / 2
        assert torch.allclose(found[name], mean, rtol=2e-3, atol=2e-4), name
        moved += (weight.float() - mean).abs().sum().item()
    assert moved > 1
    assert "there is no model 'someone'" in str(CliRunner().invoke(app, [*command[:-1], "someone"]).exception)


def test_the_discriminators_file_judges_as_the_network(files: tuple[Path, Path, Run], base: Base) -> None:
    network = Discriminator(base.shape)
    network.load_state_dict(base.discriminator)
    dice = torch.Generator().manual_seed(1)
    picture = torch.rand(8, 3, 32, 32, generator=dice) * 2 - 1
    condition = torch.rand(8, base.shape.slots, generator=dice)
    feed = {"picture": picture.numpy(), "condition": condition.numpy()}
    found = open_session(files[1]).run(["score", "attributes"], feed)
    for one, other in zip(found, network(picture, condition), strict=True):
        assert np.allclose(one, other.detach().numpy(), atol=1e-3)


def test_files_that_do_not_belong_together_are_told(files: tuple[Path, Path, Run]) -> None:
    generator, discriminator, _ = files
    with pytest.raises(ModelError, match="is no discriminator for"):
        read_base(generator, generator)
    with pytest.raises(ModelError, match="does not hold a network of this shape"):
        weights_of(discriminator, Discriminator(Shape(40, channels=(24, 16, 8, 8))))
    with pytest.raises(ModelError, match="does not hold a network of this shape"):
        weights_of(discriminator, Generator(Shape(40, size=32, channels=(24, 16, 8))))


def test_a_run_begins_with_the_base_and_keeps_its_prior(faces: Dataset, base: Base, tmp_path: Path) -> None:
    few = faces.part(np.arange(len(faces)) < 10)
    assert not np.allclose(label_prior(few.weights), base.prior.numpy(), atol=1e-3)
    options = replace(TINY, pictures=16)
    begun = train(few, options, tmp_path / "run", device="cpu", seconds=0, base=base)
    assert all(torch.equal(begun.generator.state_dict()[name], weight) for name, weight in base.generator.items())
    assert torch.equal(begun.prior, base.prior)
    went_on = train(few, options, tmp_path / "run", device="cpu", base=base)
    assert went_on.seen == 16
    assert torch.equal(went_on.prior, base.prior)
    assert not torch.equal(went_on.generator.convs[0].weight, base.generator["convs.0.weight"])


def test_a_base_of_another_schema_is_refused(faces: Dataset, base: Base, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="was made for another schema"):
        train(faces, TINY, tmp_path, device="cpu", base=replace(base, schema_hash="0"))


def test_a_base_of_another_shape_is_refused(faces: Dataset, base: Base, tmp_path: Path) -> None:
    wider = replace(TINY, channels=(32, 16, 8))
    told = r"another shape \(channels: \(24, 16, 8\) there, \(32, 16, 8\) here\); choose the same here"
    with pytest.raises(TrainingError, match=told):
        train(faces, wider, tmp_path, device="cpu", base=base)


def test_the_command_line_learns_a_style_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    synthesise(tmp_path / "drawings", count=24, size=64)
    done = CliRunner().invoke(app, ["train", "drawings", "--from", "anime", "--minutes", "0.02", "--licence", "mine"])
    assert done.exit_code == 0, done.output
    assert "stopped; the same command goes on" in done.output
    model = load_model(tmp_path / "runs/drawings/drawings.onnx")
    assert model.name == "drawings"
    card = (tmp_path / "runs/drawings/drawings.md").read_text(encoding="utf-8")
    begun = [m.name for m in published("generator") if m.family == "anime" and m.discriminator][-1]
    assert f"| licence | mine; begun with {begun}: research and personal use only" in card


def test_models_without_a_discriminator_and_too_few_faces_are_told(tmp_path: Path) -> None:
    def told(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["train", *arguments, "--out", str(tmp_path / "run")])
        assert isinstance(result.exception, InputError)
        return str(result.exception)

    synthesise(tmp_path / "few", count=5, size=64)
    assert "anime-1 was published without its discriminator; go on from one of: " in told(
        str(tmp_path / "few"), "--from", "anime-1"
    )
    assert "gave 5 faces; at least 20 are needed" in told(str(tmp_path / "few"), "--from", "anime")
    assert "there is no model 'manga'" in told(str(tmp_path / "few"), "--from", "manga")
