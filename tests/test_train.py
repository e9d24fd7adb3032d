"""Training: networks, losses, exact resuming, and a tiny run from data to a drawn picture."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional

from konomi.condition import Condition
from konomi.data.building.mixture import read_mixture
from konomi.data.dataset import Dataset, load
from konomi.data.synthetic import synthesise
from konomi.drawing import draw_core, load_model
from konomi.errors import InputError, ModelError, TrainingError
from konomi.model import checkpoint
from konomi.model.acgan import read_acgan_plan
from konomi.model.dcgan_train import read_dcgan_plan
from konomi.model.export import export_run, load_snapshot, mean_snapshot, newest_snapshots
from konomi.model.loop import check_same_recipe
from konomi.model.losses import attribute_loss, augment, gradient_penalty, probabilities, relativistic_loss, translate
from konomi.model.networks import (
    LUMINANCE,
    Discriminator,
    Generator,
    Shape,
    deviation,
    doubling,
    with_soft_colours,
    without_checkers,
)
from konomi.model.ops import conv2d, leaky_relu
from konomi.model.plan import Options, read_plan
from konomi.model.plots import plot_run
from konomi.model.tagger_run import read_tagger_plan
from konomi.model.train import Run, centre, favoured, label_prior, lifts_of, sampling_weights, train
from konomi.schema import Schema
from konomi.settings import read_toml

torch.set_num_threads(1)  # networks this small gain nothing from a second thread, and lose much beside other work
ROOT = Path(__file__).parents[1]
TINY = replace(read_plan(ROOT / "recipes" / "tiny.toml").options, channels=(32, 24, 16))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, schema: Schema) -> Dataset:
    folder = tmp_path_factory.mktemp("faces") / "stage"
    synthesise(folder, count=300, size=32)
    return load([folder], schema)


def test_convolution_equals_pytorchs_to_the_second_derivative() -> None:
    torch.manual_seed(0)
    for stride, kernel in ((1, 3), (2, 4), (2, 2)):
        x = torch.randn(3, 5, 8, 8, dtype=torch.float64, requires_grad=True)
        w = torch.randn(6, 5, kernel, kernel, dtype=torch.float64, requires_grad=True)
        padding = (kernel - 1) // 2

        def second(function, x=x, w=w):  # type: ignore[no-untyped-def]
            (gradient,) = torch.autograd.grad(function(x, w).tanh().sum(), x, create_graph=True)
            return torch.autograd.grad(gradient.square().sum(), (x, w))

        ours = second(lambda a, b, s=stride, p=padding: conv2d(a, b, stride=s, padding=p))
        theirs = second(lambda a, b, s=stride, p=padding: torch.nn.functional.conv2d(a, b, stride=s, padding=p))
        for mine, right in zip(ours, theirs, strict=True):
            assert torch.allclose(mine, right, atol=1e-9)


def test_leaky_relu_equals_pytorchs_to_the_second_derivative() -> None:
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(leaky_relu, x)
    assert torch.allclose(leaky_relu(x), torch.nn.functional.leaky_relu(x, 0.2))


def test_gradient_penalty_of_a_linear_score_is_half_its_squared_norm() -> None:
    direction = torch.randn(3, 4, 4)
    pictures = torch.randn(5, 3, 4, 4, requires_grad=True)
    penalty = gradient_penalty((pictures * direction).sum(dim=(1, 2, 3)), pictures)
    assert penalty.item() == pytest.approx(direction.square().sum().item() / 2, rel=1e-5)


def test_relativistic_loss_by_hand() -> None:
    loss = relativistic_loss(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 0.0]))
    assert loss.item() == pytest.approx((math.log(1 + math.exp(-2)) + math.log(2)) / 2)


def test_attribute_loss_by_hand(schema: Schema) -> None:
    weights = torch.full((2, len(schema.slots)), math.nan)
    logits = torch.zeros_like(weights)
    assert attribute_loss(logits, weights, schema).item() == 0  # nothing is known: nothing is asked
    where = schema.offsets["hair_color"]
    weights[0, where] = torch.eye(13)[2]
    weights[0, schema.slot_index("hat")] = 1
    assert attribute_loss(logits, weights, schema).item() == pytest.approx((math.log(13) + math.log(2)) / 2, rel=1e-6)


def test_trust_weighs_each_picture_by_hand(schema: Schema) -> None:
    weights = torch.full((3, len(schema.slots)), math.nan)
    weights[0, schema.offsets["hair_color"]] = torch.eye(13)[2]
    weights[1, schema.slot_index("hat")] = 1
    trust = torch.tensor([0.5, 2.0, 7.0])  # nothing is known of the last one: its trust changes nothing
    loss = attribute_loss(torch.zeros_like(weights), weights, schema, trust=trust)
    assert loss.item() == pytest.approx((0.5 * math.log(13) + 2 * math.log(2)) / 3, rel=1e-6)


def test_full_trust_changes_no_bit(schema: Schema) -> None:
    dice = torch.Generator().manual_seed(0)
    weights = torch.rand(16, len(schema.slots), generator=dice)
    gradients, losses = [], []
    for trust in (None, torch.ones(16)):
        logits = torch.randn(16, len(schema.slots), generator=torch.Generator().manual_seed(1), requires_grad=True)
        losses.append(attribute_loss(logits, weights, schema, trust=trust))
        gradients.append(torch.autograd.grad(losses[-1], logits)[0])
    assert torch.equal(*losses)
    assert torch.equal(*gradients)


def test_the_discriminator_learns_nothing_from_tags_that_are_not_trusted(faces: Dataset) -> None:
    shape = Shape(slots=len(faces.schema.slots), size=32, channels=TINY.channels)
    losses = []
    for trust in (0.0, 1.0, 2.0):
        data = replace(faces, trust=np.full(len(faces), trust, np.float32))
        log = Run(TINY, shape, data, torch.device("cpu")).train_step()
        losses.append((log["attributes_real"], log["attributes_drawn"]))
    (none, _), (full, drawn), (double, _) = losses
    assert none == 0
    assert double == pytest.approx(2 * full)
    assert drawn > 0
    assert losses[0][1] > 0  # what is asked of a drawn picture is asked, whatever was true of the real one


def test_probabilities_add_up_in_exclusive_attributes_only(schema: Schema) -> None:
    found = probabilities(torch.randn(4, len(schema.slots)), schema)
    assert torch.allclose(found[:, schema.offsets["eye_color"]].sum(dim=1), torch.ones(4))
    assert ((found >= 0) & (found <= 1)).all()


def test_minibatch_deviation_is_the_spread_of_its_group() -> None:
    same = torch.ones(8, 3, 4, 4)
    assert deviation(same, 4).abs().max() < 1e-3
    mixed = torch.cat([torch.zeros(4, 3, 4, 4), 2 * torch.ones(4, 3, 4, 4)])  # groups take every second picture
    assert torch.allclose(deviation(mixed, 4), torch.ones(8, 1, 4, 4), atol=1e-3)


def test_translation_moves_and_fills_with_grey() -> None:
    pictures = torch.ones(64, 3, 16, 16)
    moved = translate(pictures, torch.Generator().manual_seed(0), chance=1.0)
    sums = moved.sum(dim=(1, 2, 3))
    assert sums.max() == 3 * 16 * 16
    assert sums.min() == 3 * 14 * 14  # two pixels each way at most
    assert torch.equal(translate(pictures, torch.Generator(), chance=0.0), pictures)


def test_augmentation_lets_the_gradient_through() -> None:
    pictures = torch.rand(4, 3, 16, 16, requires_grad=True)
    augment(pictures, torch.Generator().manual_seed(0), chance=1.0).sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0


def test_the_condition_and_the_noise_both_reach_the_picture() -> None:
    torch.manual_seed(0)
    generator = Generator(Shape(38, 32, (32, 24, 16)))
    z, condition = torch.randn(2, 128), torch.zeros(2, 38)
    drawn = generator(z, condition)
    assert drawn.shape == (2, 3, 32, 32)
    assert not torch.allclose(drawn[0], drawn[1])
    assert not torch.allclose(generator(z, condition + 1), drawn)


def test_bfloat16_scores_are_near_float32() -> None:
    torch.manual_seed(0)
    network = Discriminator(Shape(38, 32, (32, 24, 16)))
    pictures, condition = torch.rand(16, 3, 32, 32) * 2 - 1, torch.randn(16, 38)
    exact, _ = network(pictures, condition)
    fast, _ = network(pictures, condition, torch.bfloat16)
    assert (exact - fast).abs().max() < 0.1 * exact.std() + 0.02


def test_unknown_is_zero_after_centring() -> None:
    prior = torch.full((3,), 0.25)
    centred = centre(torch.tensor([[math.nan, 1.0, 0.0]]), prior)
    assert centred.tolist() == [[0.0, 0.75, -0.25]]


def test_prior_is_the_mean_of_what_is_known() -> None:
    weights = np.array([[1, np.nan, np.nan], [0, 0.5, np.nan]], dtype=np.float32)
    assert label_prior(weights).tolist() == [0.5, 0.5, 0]


def test_rare_values_are_shown_more_often(faces: Dataset) -> None:
    chances = sampling_weights(faces, 0.5)
    hair = faces.weights[:, faces.schema.offsets["hair_color"]].argmax(axis=1)
    assert np.ptp(sampling_weights(faces, 0.0)) == 0
    counts = np.bincount(hair, minlength=13)
    assert chances[hair == counts.argmin()].mean() > chances[hair == counts.argmax()].mean()


def test_a_resumed_run_equals_one_never_stopped(faces: Dataset, tmp_path: Path) -> None:
    options = replace(TINY, pictures=192, sample_every=1_000, metrics_every=64)
    train(faces, options, tmp_path / "whole", device="cpu")
    half = tmp_path / "half"
    train(faces, options, half, device="cpu", seconds=0)  # writes a checkpoint at 0
    for _ in range(20):
        if train(faces, options, half, device="cpu", seconds=0.15).seen >= 192:
            break
    (one, state), (two, other) = (checkpoint.load(tmp_path / n / "checkpoint.safetensors") for n in ("whole", "half"))
    assert state == other
    for part, tensors in one.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, two[part][name]), f"{part}/{name}"


def test_a_run_begins_with_the_networks_of_another(faces: Dataset, tmp_path: Path) -> None:
    first = train(faces, TINY, tmp_path / "first", device="cpu", seconds=0)
    other = replace(TINY, seed=9, batch=8)
    begun = train(
        faces, other, tmp_path / "second", device="cpu", seconds=0,
        start_from=tmp_path / "first" / "checkpoint.safetensors",
    )  # fmt: skip
    assert begun.seen == 0
    assert torch.equal(begun.generator.start.weight, first.generator.start.weight)
    wider = replace(TINY, channels=(24, *TINY.channels[1:]))
    with pytest.raises(TrainingError, match="holds networks of another shape"):
        train(
            faces, wider, tmp_path / "third", device="cpu", seconds=0,
            start_from=tmp_path / "first" / "checkpoint.safetensors",
        )  # fmt: skip


def test_rare_flags_are_shown_above_their_share(schema: Schema) -> None:
    weights = np.full((100, len(schema.slots)), np.nan, np.float32)
    weights[:, schema.slot_index("hat")] = 0
    weights[:4, schema.slot_index("hat")] = 1
    pictures = np.zeros((100, 8, 8, 3), np.uint8)
    chances = sampling_weights(Dataset(schema, tuple(map(str, range(100))), pictures, weights), 0.5)
    assert chances[0] == pytest.approx(5 * chances[50])  # 0.04 ** -0.5


def test_what_is_drawn_badly_may_be_shown_more_often(schema: Schema) -> None:
    weights = np.full((3, len(schema.slots)), np.nan, np.float32)
    weights[:, schema.slot_index("glasses")] = [1, 0, 0.4]
    weights[:, schema.slot_index("hair_color.silver")] = [0.6, 0.2, 0.2]
    data = Dataset(schema, ("a", "b", "c"), np.zeros((3, 8, 8, 3), np.uint8), weights)
    assert favoured(data, ["glasses", "hair_color.silver"], 3.0).tolist() == [3, 1, 1]  # once, however many it has
    assert favoured(data, [], 3.0).tolist() == [1, 1, 1]
    with pytest.raises(TrainingError, match="favour names monocle, which 'anime' lacks"):
        favoured(data, ["monocle"], 3.0)
    with pytest.raises(TrainingError, match="favoured is 0; it must be above 0"):
        Options(favoured=0)


def test_another_recipes_checkpoint_is_refused(faces: Dataset, tmp_path: Path) -> None:
    train(faces, TINY, tmp_path, device="cpu", seconds=0)
    with pytest.raises(TrainingError, match=r"another recipe \(batch: 16 there, 8 here"):
        train(faces, replace(TINY, batch=8), tmp_path, device="cpu", seconds=0)


def test_a_damaged_checkpoint_is_refused(faces: Dataset, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="not a whole checkpoint"):
        train(faces, TINY, tmp_path, device="cpu", seconds=0)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(faces: Dataset, tmp_path: Path) -> None:
    train(faces, TINY, tmp_path, device="cpu", seconds=0)
    parts, state = checkpoint.load(tmp_path / "checkpoint.safetensors")
    parts["discriminator"]["score.bias"].fill_(math.nan)
    checkpoint.save(tmp_path / "checkpoint.safetensors", parts, state)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(TrainingError, match="last good state"):
        train(faces, TINY, tmp_path, device="cpu")
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_a_tiny_recipe_trains_exports_and_draws(faces: Dataset, tmp_path: Path, schema: Schema) -> None:
    options = replace(TINY, pictures=1600, sample_every=800, metrics_every=400)
    run = train(faces, options, tmp_path / "run", device="cpu")
    assert run.seen >= 1600
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["pictures"] for row in rows] == [400, 800, 1200, 1600]
    assert plot_run(tmp_path / "run") is not None
    facts = export_run(tmp_path / "run", tmp_path / "tiny.onnx", schema=schema, name="tiny-1", licence="CC0-1.0")
    assert "glasses" in facts["draws"]
    assert "gender.girl" not in facts["draws"]
    model = load_model(tmp_path / "tiny.onnx")
    red, blue = (Condition.from_dict(schema, {"hair_color": c}) for c in ("red", "blue"))
    pictures = [np.asarray(draw_core(model, c, 1, 1.0), dtype=float) for c in (red, blue)]
    assert pictures[0].shape == (32, 32, 3)
    assert np.abs(pictures[0] - pictures[1]).mean() > 1
    assert model.cannot_draw(Condition.from_dict(schema, {"gender": "boy", "hat": True})) == ["gender"]


def test_the_mean_of_equal_snapshots_is_each_of_them(faces: Dataset, tmp_path: Path, schema: Schema) -> None:
    options = replace(TINY, pictures=64, sample_every=16, metrics_every=64)
    train(faces, options, tmp_path, device="cpu")
    paths = newest_snapshots(tmp_path, 2)
    one, two, mean = (mean_snapshot(p, schema).generator.start.weight for p in (paths[:1], paths[1:], paths))
    assert not torch.equal(one, two)
    assert torch.allclose(mean, (one + two) / 2)
    with pytest.raises(ModelError, match="has 5 snapshots, 9 were asked for"):
        newest_snapshots(tmp_path, 9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = 1 2", "not valid TOML"),
        ('name = "x"\nschema = "anime"', "lacks data"),
        ('name = "x"\nschema = "anime"\ndata = ["a"]\n[train]\npicturs = 3', "Did you mean 'pictures'"),
        ('name = "x"\nschema = "anime"\ndata = ["a"]\n[train]\nbatch = "many"', "must be a whole number"),
        ('name = "x"\nschema = "anime"\ndata = []', "list of stage folders"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(InputError, match=told):
        read_plan(tmp_path / "r.toml")


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(TrainingError, match="batch is 0"):
        Options(batch=0)
    with pytest.raises(TrainingError, match="augment is 2"):
        Options(augment=2)


def test_every_recipe_in_the_folder_is_readable() -> None:
    readers = {
        "mixture": read_mixture, "tagger": read_tagger_plan, "generator": read_plan, "acgan": read_acgan_plan,
        "dcgan": read_dcgan_plan,
    }  # fmt: skip
    kinds = []
    for path in sorted((ROOT / "recipes").glob("*.toml")):
        table = read_toml(path)
        kinds.append("mixture" if "source" in table else table.get("kind", "generator"))
        readers[kinds[-1]](path)
    assert set(kinds) == set(readers)


def test_lifts_are_shares_together_over_shares_apart():
    weights = np.array([[1, 1, np.nan], [1, 0, 1], [0, 0, 1], [0, 1, 0]], dtype=np.float32).repeat(1_000, axis=0)
    lifts = lifts_of(weights, shrunk=0.0)
    assert lifts[0, 1] == pytest.approx(0.25 / (0.5 * 0.5))
    assert lifts[1, 2] == pytest.approx(0.0)
    assert lifts[0, 2] == pytest.approx((1 / 3) / (0.5 * 2 / 3))
    assert 0 < lifts_of(weights)[1, 2] < 0.05
    assert np.array_equal(lifts, lifts.T)


def test_doubling_in_the_convolution_equals_doubling_before_it():
    torch.manual_seed(0)
    x, weight = torch.randn(2, 5, 6, 6), torch.randn(4, 5, 3, 3)
    before = functional.conv2d(functional.interpolate(x, scale_factor=2.0, mode="nearest"), weight, padding=1)
    within = functional.conv_transpose2d(x, doubling(weight), stride=2, padding=1)
    assert torch.allclose(within, before, atol=1e-5)


def test_soft_colours_keep_luminance_and_lose_coloured_grain():
    torch.manual_seed(0)
    grain = torch.randn(1, 3, 8, 8)
    light = torch.tensor(LUMINANCE).view(1, 3, 1, 1)
    soft = with_soft_colours(grain)
    assert torch.allclose((soft * light).sum(dim=1), (grain * light).sum(dim=1), atol=1e-6)
    colours = [(p - (p * light).sum(dim=1, keepdim=True)).var().item() for p in (grain, soft)]
    assert colours[1] < colours[0] / 4
    plain = torch.tensor([0.5, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert torch.allclose(with_soft_colours(plain), plain, atol=1e-6)


def test_a_run_with_soft_colours_keeps_them(faces: Dataset, tmp_path: Path, schema: Schema):
    run = train(faces, replace(TINY, pictures=32, soft_colours=True), tmp_path / "run", device="cpu")
    (snapshot,) = newest_snapshots(tmp_path / "run", 1)
    read = load_snapshot(snapshot, schema).generator
    z, condition = torch.randn(2, run.shape.latent), torch.zeros(2, len(schema.slots))
    assert torch.allclose(read(z, condition), run.averaged(z, condition), atol=0.05)
    plain = replace(run.shape, soft_colours=False)
    other = Generator(plain)
    other.load_state_dict(run.averaged.state_dict())
    assert torch.allclose(with_soft_colours(other(z, condition)), run.averaged(z, condition), atol=1e-5)


def test_the_finest_checkerboard_is_taken_out_and_rows_columns_and_plains_stay():
    even = (torch.arange(8) % 2 * 2 - 1).float()
    board, rows = torch.outer(even, even), even[:, None].expand(8, 8)
    pictures = torch.stack([board, rows, torch.ones(8, 8)])[None]
    left = without_checkers(pictures, share=0.8)[..., 1:-1, 1:-1]
    kept = pictures[..., 1:-1, 1:-1]
    assert torch.allclose(left[:, 0], 0.2 * kept[:, 0])
    assert torch.allclose(left[:, 1:], kept[:, 1:])


def test_an_option_that_came_later_stops_no_older_run(tmp_path):
    options = Options(pictures=100)
    then = {k: v for k, v in json.loads(json.dumps(asdict(options))).items() if k != "smooth"}
    check_same_recipe(tmp_path, options, {"options": then})
    with pytest.raises(TrainingError, match="smooth: False there, True here"):
        check_same_recipe(tmp_path, replace(options, smooth=True), {"options": then})
