"""Xu's networks and their training."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from konomi.condition import Condition
from konomi.data.dataset import Dataset, load
from konomi.data.synthetic import synthesise
from konomi.drawing import centred, draw_core, load_model
from konomi.errors import InputError, TrainingError
from konomi.model import acgan
from konomi.model.acgan import AcganOptions, ask, class_loss, classes, dragan_penalty, perturbed, read_acgan_plan
from konomi.model.export import export_run
from konomi.model.srresnet import Block, Paint, ResidualDiscriminator, SRResNetGenerator, SRResNetShape, SubPixel
from konomi.recipe import Noise
from konomi.schema import Schema

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
SHORT = AcganOptions(pictures=16, size=32, batch=4, blocks=1, sample_every=8, metrics_every=8)
LEFT_OUT = ("gender", "skin", "framing")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, schema: Schema) -> Dataset:
    folder = tmp_path_factory.mktemp("faces") / "stage"
    synthesise(folder, count=30, size=32)
    return load([folder], schema)


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_networks_have_the_papers_sizes() -> None:
    shape = SRResNetShape()
    generator, discriminator = SRResNetGenerator(shape), ResidualDiscriminator(shape)
    assert count(generator) == 4_352_643  # Jin et al. say 4.35 million
    assert count(discriminator) == 19_078_531
    assert len(generator.blocks) == 16
    assert len(generator.enlarge) == 3
    blocks = [block for stage in discriminator.stages for block in stage if isinstance(block, Block)]
    assert len(blocks) == 10
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in discriminator.modules())
    drawn = generator(torch.randn(2, 128), torch.zeros(2, 34))
    score, tags = discriminator(drawn)
    assert (drawn.shape, score.shape, tags.shape) == ((2, 3, 128, 128), (2,), (2, 34))


@pytest.mark.parametrize(("size", "layers"), [(32, 1), (64, 2), (128, 3), (256, 4)])
def test_sub_pixel_layers_lead_from_16_pixels_to_the_picture(size: int, layers: int) -> None:
    shape = SRResNetShape(size=size, blocks=1)
    assert shape.doublings == layers
    with torch.no_grad():
        assert SRResNetGenerator(shape)(torch.zeros(2, 128), torch.zeros(2, 34)).shape == (2, 3, size, size)


def test_an_impossible_size_is_told() -> None:
    with pytest.raises(TrainingError, match="pictures of 48 px; sub-pixel layers make 32, 64, 128 or 256"):
        SRResNetShape(size=48)


def test_all_weights_begin_as_normal_of_deviation_002() -> None:
    torch.manual_seed(0)
    networks = [SRResNetGenerator(SRResNetShape()), ResidualDiscriminator(SRResNetShape())]
    for name, weight in itertools.chain.from_iterable(n.named_parameters() for n in networks):
        if weight.dim() > 1:
            assert abs(weight.std().item() - 0.02) < 0.02 * 4 / weight.numel() ** 0.5, name
            assert abs(weight.mean().item()) < 0.02 * 4 / weight.numel() ** 0.5, name


def test_the_sub_pixel_layer_equals_its_definition() -> None:
    torch.manual_seed(0)
    layer, width = SubPixel(3).double(), 3
    x = torch.randn(2, width, 4, 5, dtype=torch.float64)
    y = layer.conv(x)
    expected = torch.zeros(2, width, 8, 10, dtype=torch.float64)
    for n, c, row, column in itertools.product(range(2), range(width), range(8), range(10)):
        expected[n, c, row, column] = y[n, c * 4 + 2 * (row % 2) + column % 2, row // 2, column // 2]
    assert torch.allclose(layer.enlarge(x), expected, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(layer.enlarge(x), expected, atol=1e-12)


def test_painting_by_rows_equals_a_9x9_convolution() -> None:
    torch.manual_seed(0)
    paint = Paint(5).double()
    torch.nn.init.normal_(paint.bias)
    x = torch.randn(2, 5, 12, 12, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(x, paint.weight, paint.bias, padding=4)
    assert torch.allclose(paint(x), expected, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(paint(x), expected, atol=1e-12)


def test_classes_are_the_likeliest_value_and_flags_from_the_threshold_on(schema: Schema) -> None:
    weights = np.full((2, len(schema.slots)), np.nan, np.float32)
    hair = schema.offsets["hair_color"]
    weights[0, hair] = 0.05
    weights[0, schema.slot_index("hair_color.pink")] = 0.4
    weights[0, schema.slot_index("hat")], weights[0, schema.slot_index("smile")] = 0.5, 0.49
    found = classes(weights, schema, 0.5)
    assert found[0, schema.slot_index("hair_color.pink")] == 1
    assert found[0, hair].sum() == 1
    assert (found[0, schema.slot_index("hat")], found[0, schema.slot_index("smile")]) == (1, 0)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[0, schema.offsets["eye_color"]]).all()


def test_conditions_are_asked_as_the_paper_says(schema: Schema) -> None:
    asked = ask(20_000, schema, 0.25, torch.Generator().manual_seed(0))
    for attribute in schema.attributes:
        part = asked[:, schema.offsets[attribute.name]]
        if attribute.exclusive:
            assert torch.equal(part.sum(dim=1), torch.ones(20_000))
            assert part.mean(dim=0).sub(1 / part.shape[1]).abs().max() < 0.01
        else:
            assert part.mean(dim=0).sub(0.25).abs().max() < 0.015


def test_class_losses_are_summed_over_known_tags() -> None:
    logits = torch.tensor([[0.0, 2.0, -1.0], [3.0, 0.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0, float("nan")], [float("nan")] * 3])
    by_hand = (np.log(2) + np.log(1 + np.exp(2.0))) / 2
    assert class_loss(logits, targets).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_perturbation_is_uniform_up_to_half_a_deviation() -> None:
    real = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.3
    moved = (perturbed(real, 0.5, torch.Generator().manual_seed(1)) - real) / real.std(unbiased=False)
    assert moved.min() >= -1e-6
    assert moved.max() <= 0.5 + 1e-6
    assert moved.mean().item() == pytest.approx(0.25, abs=0.01)
    assert moved.std().item() == pytest.approx(0.5 / 12**0.5, abs=0.005)


class Linear(torch.nn.Module):
    """A discriminator whose gradient by the picture is `slope` at every pixel."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(slope))

    def forward(self, pictures: torch.Tensor, _dtype: torch.dtype) -> tuple[torch.Tensor, None]:
        return (pictures * self.slope).sum(dim=(1, 2, 3)), None


def test_the_penalty_wants_gradients_of_norm_one() -> None:
    discriminator = Linear(0.5)  # norm 0.5 * sqrt(3 * 4) over 12 numbers
    penalty = dragan_penalty(discriminator, torch.randn(5, 3, 2, 2))  # type: ignore[arg-type]
    assert penalty.item() == pytest.approx((0.5 * 12**0.5 - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert discriminator.slope.grad is not None
    assert discriminator.slope.grad.item() == pytest.approx(2 * (0.5 * 12**0.5 - 1) * 12**0.5, rel=1e-4)


def test_a_run_that_was_stopped_goes_on_to_the_bit(faces: Dataset, tmp_path: Path) -> None:
    whole = acgan.train_acgan(faces, SHORT, tmp_path / "whole", left_out=LEFT_OUT, device="cpu")
    stopped = acgan.AcganRun(SHORT, faces, LEFT_OUT, torch.device("cpu"))
    for _ in range(2):
        stopped.train_step()
    (tmp_path / "parts").mkdir()
    stopped.save(tmp_path / "parts" / "checkpoint.safetensors")
    resumed = acgan.train_acgan(faces, SHORT, tmp_path / "parts", left_out=LEFT_OUT, device="cpu")
    assert (resumed.step, resumed.seen) == (4, 16)
    for network in ("generator", "discriminator"):
        theirs = getattr(resumed, network).state_dict()
        for name, tensor in getattr(whole, network).state_dict().items():
            assert torch.equal(tensor, theirs[name]), f"{network} {name}"
    assert [p.name for p in sorted((tmp_path / "whole" / "samples").iterdir())] == [
        "000000000.png", "000000008.png", "000000016.png",
    ]  # fmt: skip
    row = json.loads((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"loss_d", "loss_g", "penalty", "attributes_real", "attributes_drawn"} <= set(row)


def test_a_run_may_begin_with_the_networks_of_another(faces: Dataset, tmp_path: Path) -> None:
    first = acgan.train_acgan(faces, SHORT, tmp_path / "first", left_out=LEFT_OUT, device="cpu")
    options = replace(SHORT, adversarial=1.0, learning_rate=0.0)  # stands still
    begun = acgan.train_acgan(
        faces, options, tmp_path / "second", left_out=LEFT_OUT, device="cpu",
        start_from=tmp_path / "first" / "checkpoint.safetensors",
    )  # fmt: skip
    assert begun.seen == 16
    for name, weight in first.discriminator.named_parameters():
        assert torch.equal(weight, begun.discriminator.get_parameter(name)), name
    other = acgan.AcganRun(replace(SHORT, blocks=2), faces, LEFT_OUT, torch.device("cpu"))
    with pytest.raises(TrainingError, match="holds no ACGAN of this size to start from"):
        other.start_from(tmp_path / "first" / "checkpoint.safetensors")


def test_an_exported_generator_draws_every_tag_and_guesses_what_is_not_asked(
    faces: Dataset, tmp_path: Path, schema: Schema
) -> None:
    acgan.train_acgan(faces, SHORT, tmp_path / "run", left_out=LEFT_OUT, device="cpu")
    facts = export_run(tmp_path / "run", tmp_path / "xu.onnx", schema=schema, name="xu", licence="none", average=2)
    assert facts["bytes"] < facts["parameters"] * 2.2  # half precision
    assert (tmp_path / "xu.onnx").stat().st_size == facts["bytes"]
    model = load_model(tmp_path / "xu.onnx")
    assert model.cannot_draw(Condition.from_dict(schema, {"gender": "boy", "hat": True})) == ["gender"]
    asked = Condition.from_dict(schema, {"hair_color": "red", "hat": True})
    seen = np.stack([centred(model, asked, [Noise(seed)]) for seed in range(400)])
    hair, eyes = schema.offsets["hair_color"], schema.offsets["eye_color"]
    assert (seen[:, schema.slot_index("hair_color.red")] == 1).all()
    assert (seen[:, hair].sum(axis=1) == 1).all()
    assert (seen[:, schema.slot_index("hat")] == 1).all()
    assert (seen[:, eyes].sum(axis=1) == 1).all()
    assert seen[:, eyes].mean(axis=0).min() > 0.05  # one in ten
    assert 0.18 < seen[:, schema.slot_index("glasses")].mean() < 0.32
    assert (seen[:, schema.offsets["gender"]] == 0).all()
    assert np.array_equal(centred(model, asked, [Noise(7)]), centred(model, asked, [Noise(7)]))
    assert draw_core(model, asked, 7, 0.7).size == (32, 32)
    export_run(
        tmp_path / "run", tmp_path / "told.onnx", schema=schema, name="told", licence="none",
        assume={"hair_length": "long", "hat:eye_color": "blue"},
    )  # fmt: skip
    told, bare = load_model(tmp_path / "told.onnx"), Condition.from_dict(schema, {"hair_color": "red", "hat": False})
    for wanted, slot in ((asked, "eye_color.blue"), (bare, "hair_length.long")):
        seen = np.stack([centred(told, wanted, [Noise(seed)]) for seed in range(50)])
        assert seen[:, schema.slot_index(slot)].mean() > 0.9


def test_a_checkpoint_of_another_recipe_is_refused(faces: Dataset, tmp_path: Path) -> None:
    run = acgan.AcganRun(SHORT, faces, LEFT_OUT, torch.device("cpu"))
    run.save(tmp_path / "checkpoint.safetensors")
    with pytest.raises(TrainingError, match=r"another recipe \(penalty: 0.5 there, 10.0 here\)"):
        acgan.train_acgan(faces, replace(SHORT, penalty=10.0), tmp_path, left_out=LEFT_OUT, device="cpu")
    with pytest.raises(TrainingError, match="its left_out differs"):
        acgan.train_acgan(faces, SHORT, tmp_path, left_out=("skin",), device="cpu")


def test_a_loss_that_is_no_number_stops_the_run(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acgan, "class_loss", lambda *_: torch.tensor(float("nan"), requires_grad=True))
    with pytest.raises(TrainingError, match=r"attributes_real.* became infinite or NaN at 4 pictures; nothing was"):
        acgan.train_acgan(faces, SHORT, tmp_path, left_out=LEFT_OUT, device="cpu")
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_an_attribute_that_the_schema_lacks_cannot_be_left_out(faces: Dataset) -> None:
    with pytest.raises(TrainingError, match="leave_out names wings; the schema has hair_color, eye_color"):
        acgan.AcganRun(SHORT, faces, ("wings",), torch.device("cpu"))


def test_data_of_another_size_is_told(faces: Dataset) -> None:
    with pytest.raises(TrainingError, match="pictures of 32 px, the recipe says size = 64"):
        acgan.AcganRun(replace(SHORT, size=64), faces, (), torch.device("cpu"))


def test_the_learning_rate_falls_after_50000_iterations(faces: Dataset) -> None:
    run = acgan.AcganRun(SHORT, faces, LEFT_OUT, torch.device("cpu"))
    rates = []
    for seen in (0, 3_200_000, 3_520_000, 3_840_000):
        run.seen = seen
        rates.append(run.learning_rate)
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 5e-5])


@pytest.mark.parametrize("size", [64, 128])
def test_the_papers_recipes_are_read(size: int) -> None:
    plan = read_acgan_plan(ROOT / "recipes" / f"xu-acgan-{size}.toml")
    assert (plan.name, plan.left_out) == (f"xu-acgan-{size}", LEFT_OUT)
    assert (plan.options.adversarial, plan.options.penalty, plan.options.batch) == (34.0, 0.5, 64)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("penaltie = 1.0", "no key 'penaltie'.*'penalty'"),
        ("size = 100", "pictures of 100 px; sub-pixel layers make 32, 64, 128 or 256"),
        ("batch = 1", "batch is 1; batch normalisation needs at least 2"),
        ("ask_flag = 2.0", "ask_flag is 2.0; it goes from 0 to 1"),
        ("pictures = 0", "pictures is 0; it must be at least 1"),
    ],
)
def test_wrong_recipes_are_told(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(f'kind = "acgan"\nname = "x"\nschema = "anime"\ndata = ["y"]\n[train]\n{line}\n')
    with pytest.raises((InputError, TrainingError), match=message):
        read_acgan_plan(path)
