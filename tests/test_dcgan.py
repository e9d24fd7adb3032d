"""The networks of Hayase 2023, their training, and their ONNX files."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.data.answers import choose_characters, read_study, write_study
from konomi.data.synthetic import synthesise
from konomi.drawing import load_model
from konomi.errors import InputError, ModelError, TrainingError
from konomi.model import checkpoint
from konomi.model.dcgan import LATENT, Discriminator, Generator, PlaneConv, Shape, adopt
from konomi.model.dcgan_card import dcgan_card
from konomi.model.dcgan_export import export_dcgan, is_dcgan, load_dcgan_snapshot
from konomi.model.dcgan_train import (
    DcganOptions,
    DcganPlan,
    DcganRun,
    Pairs,
    draw,
    load_pairs,
    read_dcgan_plan,
    train_dcgan,
)
from konomi.model.describe import describe
from konomi.model.onnx_file import MAX_BYTES
from konomi.model.plots import plot_run
from konomi.model.strided import Grow, Shrink
from konomi.network import facts_of, open_session
from konomi.questionnaire import load_questionnaire, scaled
from konomi.taste.simulate import Population, simulate

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
TINY = DcganOptions(pictures=60, width=4, batch=16, sample_every=1_000, metrics_every=20)
ASKED = load_questionnaire()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dcgan")
    synthesise(folder / "stage", count=8, size=64)
    chosen = choose_characters(folder / "stage", 3, seed=0)
    names = [Path(record.file).stem for record in chosen]
    answers = simulate(names, ASKED, seed=0, population=Population(men=12, women=8))
    write_study(folder / "study", folder / "stage", chosen, answers, {"simulated": True})
    return folder / "study"


@pytest.fixture(scope="module")
def pairs(study: Path) -> Pairs:
    return Pairs.of_study(study, "scaled")


@pytest.mark.parametrize(
    ("condition", "vector", "planes", "generator", "discriminator"),
    [(0, 100, 3, 3_576_704, 2_765_568), (24, 124, 27, 3_773_312, 2_790_144), (157, 257, 160, 4_862_848, 2_926_336)],
)
def test_sizes_are_those_of_the_paper(
    condition: int, vector: int, planes: int, generator: int, discriminator: int
) -> None:
    g, d = Generator(Shape(condition)), Discriminator(Shape(condition))
    assert g.read.weight.shape == (vector, 512, 4, 4)
    assert d.read.weight.shape == (64, planes, 4, 4)
    assert sum(p.numel() for p in g.parameters()) == generator  # without a condition: PyTorch's own example
    assert sum(p.numel() for p in d.parameters()) == discriminator
    drawn = g(torch.randn(2, LATENT), torch.rand(2, condition))
    assert drawn.shape == (2, 3, 64, 64)
    assert drawn.abs().max() <= 1
    assert d(drawn, torch.rand(2, condition)).shape == (2,)


def test_widths_are_those_of_the_questionnaire() -> None:
    assert ASKED.widths() == {"scaled": 24, "one-hot": 157}
    costs = describe(ROOT / "recipes" / "hayase-cdcgan-onehot.toml", "dcgan")
    assert [cost.parameters for cost in costs] == [4_862_848, 2_926_336]


@pytest.mark.parametrize("condition", [24, 157])
def test_planes_equal_a_convolution_of_the_picture_beside_them(condition: int) -> None:
    torch.manual_seed(0)
    layer = PlaneConv(3, condition, 8).double()
    nn.init.normal_(layer.weight)
    pictures, answers = torch.randn(3, 3, 64, 64).double(), torch.rand(3, condition).double()
    planes = answers[:, :, None, None].expand(-1, -1, 64, 64)
    whole = functional.conv2d(torch.cat([pictures, planes], dim=1), layer.weight, stride=2, padding=1)
    assert torch.allclose(layer(pictures, answers), whole, atol=1e-10)


def test_the_first_layer_is_the_transposed_convolution_of_one_pixel() -> None:
    torch.manual_seed(0)
    generator = Generator(Shape(24, 4)).double()
    vector = torch.randn(2, 124).double()
    norm, grow = generator.norms[0], generator.grow[0]
    first = grow(functional.relu(norm(generator.read(vector[:, :, None, None]))))
    for deeper_norm, deeper in zip(list(generator.norms)[1:], list(generator.grow)[1:], strict=True):
        first = deeper(functional.relu(deeper_norm(first)))
    assert torch.allclose(generator(vector[:, :100], vector[:, 100:]).double(), torch.tanh(first), atol=1e-6)


@pytest.mark.parametrize("side", [8, 16, 32])
def test_products_of_matrices_equal_strided_convolutions(side: int) -> None:
    torch.manual_seed(0)
    for ours, theirs, x in (
        (Shrink(5, 6), functional.conv2d, torch.randn(2, 5, side, side)),
        (Grow(6, 5), functional.conv_transpose2d, torch.randn(2, 6, side // 2, side // 2)),
    ):
        weight = ours.double().weight
        x = x.double().requires_grad_()
        results = []
        for made in (ours(x), theirs(x, weight, stride=2, padding=1)):
            results.append((made, *torch.autograd.grad(made.tanh().sum(), (x, weight))))
        for mine, right in zip(*results, strict=True):
            assert torch.allclose(mine, right, atol=1e-10)


def test_bfloat16_is_near_float32() -> None:
    torch.manual_seed(0)
    network = Discriminator(Shape(24, 16))
    pictures, condition = torch.rand(16, 3, 64, 64) * 2 - 1, torch.rand(16, 24)
    exact = network(pictures, condition)
    with torch.autocast("cpu", torch.bfloat16):
        fast = network(pictures, condition)
    assert fast.dtype == torch.float32
    assert (exact - fast).abs().max() < 0.1 * exact.std() + 0.02


def test_fresh_weights_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    for network in (Generator(Shape(24)), Discriminator(Shape(24))):
        for name, weight in network.named_parameters():
            if name.startswith("norms"):
                continue
            assert weight.std().item() == pytest.approx(0.02, rel=0.05), name
            assert abs(weight.mean().item()) < 0.001, name


def test_a_conditional_network_takes_over_all_but_the_answers_weights() -> None:
    torch.manual_seed(0)
    plain, plain_d = Generator(Shape(0, 4)), Discriminator(Shape(0, 4))
    wide, wide_d = Generator(Shape(24, 4)), Discriminator(Shape(24, 4))
    adopt(wide, plain.state_dict(), first="read.weight", axis=0)
    adopt(wide_d, plain_d.state_dict(), first="read.weight", axis=1)
    z, none, answers = torch.randn(3, 100), torch.zeros(3, 0), torch.rand(3, 24)
    assert torch.allclose(wide(z, answers), plain(z, none), atol=1e-6)
    pictures = torch.rand(3, 3, 64, 64)
    assert torch.allclose(wide_d(pictures, answers), plain_d(pictures, none), atol=1e-5)
    wide(z, answers).sum().backward()
    assert wide.read.weight.grad is not None  # they can be learned
    assert wide.read.weight.grad[100:].abs().min() > 0


def test_answers_and_pictures_stay_together(study: Path, pairs: Pairs) -> None:
    found = read_study(study)
    assert len(pairs) == len(found.answers) == 20
    assert pairs.conditions.shape == (20, 24)
    for row in (0, 7, 19):
        name = found.answers.picture[row]
        assert (pairs.pictures[pairs.index[row]] == found.pictures[found.names.index(name)]).all()
    assert (pairs.conditions == scaled(found.answers)).all()
    assert pairs.facts["simulated"] is True
    assert Pairs.of_study(study, "one-hot").conditions.shape == (20, 157)


def test_every_row_comes_once_an_epoch(pairs: Pairs) -> None:
    run = DcganRun(TINY, pairs, torch.device("cpu"))
    epochs = []
    for _ in range(2):
        rows: list[int] = []
        while len(rows) < len(pairs):
            batch = run.rows()
            rows += batch.tolist()
            run.seen += len(batch)
        epochs.append(rows)
    assert [sorted(rows) for rows in epochs] == [list(range(20))] * 2
    assert epochs[0] != epochs[1]


def test_one_step_is_the_adam_step_of_the_two_losses(pairs: Pairs) -> None:
    """Against the plainest loop: concatenated planes, float32, PyTorch's own layers."""
    run = DcganRun(replace(TINY, batch=20), pairs, torch.device("cpu"))
    run.fast = lambda: torch.autocast("cpu", enabled=False)  # type: ignore[method-assign]
    plain = DcganRun(replace(TINY, batch=20), pairs, torch.device("cpu"))
    real = torch.from_numpy(pairs.pictures[pairs.index[plain.rows()]]).permute(0, 3, 1, 2).float() / 127.5 - 1
    y = plain.conditions[plain.rows()]
    z = torch.randn(20, LATENT, generator=plain.dice)
    g, d = plain.generator, plain.discriminator

    def judge(x):  # type: ignore[no-untyped-def]
        x = torch.cat([x, y[:, :, None, None].expand(-1, -1, 64, 64)], dim=1)
        x = functional.leaky_relu(functional.conv2d(x, d.read.weight, stride=2, padding=1), 0.2)
        for conv, norm in zip(d.shrink, d.norms, strict=True):
            x = functional.leaky_relu(norm(functional.conv2d(x, conv.weight, stride=2, padding=1)), 0.2)
        return torch.sigmoid(d.judge(x).flatten())

    drawn = g.read(torch.cat([z, y], dim=1)[:, :, None, None])
    for norm, conv in zip(g.norms, g.grow, strict=True):
        drawn = functional.conv_transpose2d(functional.relu(norm(drawn)), conv.weight, stride=2, padding=1)
    drawn = torch.tanh(drawn)
    loss_d = -(judge(real).log().mean() + (1 - judge(drawn.detach())).log().mean())
    loss_d.backward()
    plain.adam_d.step()
    loss_g = -judge(drawn).log().mean()
    plain.adam_g.zero_grad()
    loss_g.backward()
    plain.adam_g.step()
    log = run.train_step()
    assert log["loss_d"] == pytest.approx(loss_d.item(), rel=1e-4)
    assert log["loss_g"] == pytest.approx(loss_g.item(), rel=1e-3)
    for mine, right in zip(run.generator.parameters(), g.parameters(), strict=True):
        # Adam's first step is the sign of the gradient times the rate: a tiny gradient may fall on either side
        assert ((mine - right).abs() < 1e-5).float().mean() > 0.99


def test_a_resumed_run_equals_one_never_stopped(pairs: Pairs, tmp_path: Path) -> None:
    whole, half = (DcganRun(TINY, pairs, torch.device("cpu")) for _ in range(2))
    for _ in range(5):
        whole.train_step()
    whole.save(tmp_path / "whole")
    for _ in range(3):
        half.train_step()
    half.save(tmp_path / "half")
    again = DcganRun(TINY, pairs, torch.device("cpu"))
    torch.randn(7)
    again.restore(tmp_path / "half")
    while again.step < 5:
        again.train_step()
    again.save(tmp_path / "half")
    (one, state), (two, other) = (checkpoint.load(tmp_path / name) for name in ("whole", "half"))
    assert state == other
    assert state["seen"] == 56  # 16 and 4 of each epoch
    for part, tensors in one.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, two[part][name]), f"{part}/{name}"


def test_pretraining_goes_into_a_conditional_run_with_samples_from_0(pairs: Pairs, tmp_path: Path) -> None:
    plain = Pairs.of_pictures(pairs.pictures)
    first = train_dcgan(plain, replace(TINY, pictures=6), tmp_path / "plain", device="cpu")
    start = tmp_path / "plain" / "checkpoint.safetensors"
    options = replace(TINY, pictures=40, sample_every=20)
    run = train_dcgan(pairs, options, tmp_path / "scaled", device="cpu", seconds=0, start_from=start)
    assert torch.equal(run.generator.read.weight[:100], first.generator.read.weight)
    run = train_dcgan(pairs, options, tmp_path / "scaled", device="cpu", start_from=start)
    names = [path.stem for path in sorted((tmp_path / "scaled" / "samples").iterdir())]
    assert names == ["000000000", "000000020", "000000040"]
    rows = [json.loads(line) for line in (tmp_path / "scaled" / "metrics.jsonl").read_text().splitlines()]
    assert [(row["pictures"], row["epoch"]) for row in rows] == [(20, 1.0), (40, 2.0)]
    assert {"loss_d", "loss_g", "d_real", "d_drawn"} <= set(rows[0])
    assert plot_run(tmp_path / "scaled") is not None
    short = train_dcgan(pairs, options, tmp_path / "short", device="cpu", up_to=20, start_from=start)
    assert short.seen == 20
    assert (tmp_path / "short" / "snapshots" / "000000020.safetensors").exists()
    wider = replace(options, width=8)
    with pytest.raises(TrainingError, match="no DCGAN of this width"):
        train_dcgan(pairs, wider, tmp_path / "wide", device="cpu", seconds=0, start_from=start)
    with pytest.raises(ModelError, match="not a whole checkpoint"):
        train_dcgan(pairs, wider, tmp_path / "wide", device="cpu", seconds=0, start_from=tmp_path / "none")


def test_a_picture_does_not_depend_on_those_beside_it(pairs: Pairs) -> None:
    run = DcganRun(TINY, pairs, torch.device("cpu"))
    run.train_step()
    z = torch.randn(70, LATENT)
    together = draw(run.generator, z, run.conditions[:1].expand(70, -1))
    alone = draw(run.generator, z[69:], run.conditions[:1])
    assert np.abs(np.asarray(together[69], dtype=int) - np.asarray(alone[0], dtype=int)).max() <= 1
    assert run.generator.training


def test_another_recipe_or_other_answers_are_refused(pairs: Pairs, tmp_path: Path) -> None:
    train_dcgan(pairs, TINY, tmp_path, device="cpu", seconds=0)
    with pytest.raises(TrainingError, match=r"another recipe \(batch: 16 there, 8 here"):
        train_dcgan(pairs, replace(TINY, batch=8), tmp_path, device="cpu", seconds=0)
    other = replace(pairs, conditions=1 - pairs.conditions)
    with pytest.raises(TrainingError, match="its data differs"):
        train_dcgan(other, TINY, tmp_path, device="cpu", seconds=0)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(pairs: Pairs, tmp_path: Path) -> None:
    train_dcgan(pairs, TINY, tmp_path, device="cpu", seconds=0)
    parts, state = checkpoint.load(tmp_path / "checkpoint.safetensors")
    parts["discriminator"]["judge.weight"].fill_(math.nan)
    checkpoint.save(tmp_path / "checkpoint.safetensors", parts, state)
    with pytest.raises(TrainingError, match="last good state"):
        train_dcgan(pairs, TINY, tmp_path, device="cpu")


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(TrainingError, match="read pictures of 64 px, not 32"):
        Pairs.of_pictures(np.zeros((2, 32, 32, 3), np.uint8))


GOOD = 'kind = "dcgan"\nname = "x"\ncondition = "scaled"\ndata = ["a"]\n'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"scaled"', '"onehot"', "condition is 'onehot'; it must be one of none, scaled, one-hot"),
        ('data = ["a"]', "", "lacks data"),
        ('data = ["a"]', 'data = ["a", "b"]', "data names 2 study folders"),
        ('data = ["a"]', 'dta = ["a"]', "Did you mean 'data'"),
        ('["a"]\n', '["a"]\n[train]\nbeta = 0.5\n', "Did you mean 'beta1'"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "r.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=told):
        read_dcgan_plan(tmp_path / "r.toml")


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(TrainingError, match="batch is 1"):
        DcganOptions(batch=1)
    with pytest.raises(TrainingError, match="beta1 is 1"):
        DcganOptions(beta1=1.0)


def test_the_recipes_are_those_of_the_paper(study: Path) -> None:
    plans = [read_dcgan_plan(ROOT / "recipes" / f"hayase-{name}.toml") for name in ("cdcgan-scaled", "cdcgan-onehot")]
    for plan in plans:
        assert (plan.options.batch, plan.options.learning_rate, plan.options.beta1) == (64, 2e-4, 0.5)
        assert plan.options.pictures == 100 * 2200
    assert [plan.condition for plan in plans] == ["scaled", "one-hot"]
    there = DcganPlan("x", "one-hot", (study,), TINY)
    assert load_pairs(there).conditions.shape == (20, 157)


def test_an_exported_generator_draws_what_pytorch_draws(pairs: Pairs, tmp_path: Path) -> None:
    train_dcgan(pairs, replace(TINY, pictures=40), tmp_path / "run", device="cpu")
    newest = sorted((tmp_path / "run" / "snapshots").iterdir())[-1]
    assert is_dcgan(newest)
    facts = export_dcgan(newest, tmp_path / "a.onnx", name="answers-0", licence="CC0-1.0")
    session = open_session(tmp_path / "a.onnx")
    written = facts_of(session, tmp_path / "a.onnx")
    assert written["simulated"] is True
    assert (written["kind"], written["condition"], written["questionnaire"]) == ("dcgan", "scaled", "love-liking")
    assert written["questionnaire_hash"] == ASKED.hash
    z = np.random.default_rng(0).standard_normal((1, 100)).astype(np.float32)
    (found,) = session.run(["picture"], {"z": z, "condition": pairs.conditions[:1]})
    drawn = np.asarray(load_dcgan_snapshot(newest).draw(z, pairs.conditions[:1])[0], dtype=float)
    assert np.abs((found[0].transpose(1, 2, 0) + 1) * 127.5 - drawn).max() < 3
    assert "simulated answers" in dcgan_card(facts)


def test_a_generator_without_answers_is_exported_too(pairs: Pairs, tmp_path: Path) -> None:
    run = train_dcgan(
        Pairs.of_pictures(pairs.pictures), replace(TINY, pictures=8), tmp_path / "run", device="cpu", seconds=0
    )
    path = tmp_path / "run/snapshots/000000000.safetensors"
    card = dcgan_card(export_dcgan(path, tmp_path / "b.onnx", name="x", licence="x"))
    session = open_session(tmp_path / "b.onnx")
    assert [given.name for given in session.get_inputs()] == ["z"]
    z = np.random.default_rng(0).standard_normal((1, 100)).astype(np.float32)
    (found,) = session.run(["picture"], {"z": z})
    assert found.shape == (1, 3, 64, 64)
    drawn = np.asarray(load_dcgan_snapshot(path).draw(z, np.zeros((1, 0)))[0], dtype=float)
    assert np.abs((found[0].transpose(1, 2, 0) + 1) * 127.5 - drawn).max() < 3
    assert "without answers" in card
    assert "simulated" not in card
    assert run.seen == 0


def test_the_command_line_exports_a_run_with_its_card(pairs: Pairs, tmp_path: Path) -> None:
    train_dcgan(pairs, TINY, tmp_path / "run", device="cpu", seconds=0)
    done = CliRunner().invoke(app, ["export", str(tmp_path / "run"), str(tmp_path / "answers-0.onnx")])
    assert done.exit_code == 0, done.output
    card = (tmp_path / "answers-0.md").read_text()
    assert "| answers | simulated answers: no person gave them (20 about 3 characters) |" in card
    assert "method 1" in card
    with pytest.raises(ModelError, match="is a dcgan, not a generator that draws what is asked for in words"):
        load_model(tmp_path / "answers-0.onnx")


def test_published_sizes_stay_below_the_limit() -> None:
    assert 2 * sum(p.numel() for p in Generator(Shape(157)).parameters()) < MAX_BYTES


def test_the_command_line_trains_a_recipe_of_this_kind(study: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    train = "pictures = 16\nwidth = 2\nbatch = 8\nmetrics_every = 8\n"
    recipe.write_text(f'kind = "dcgan"\nname = "x"\ncondition = "one-hot"\ndata = ["{study}"]\n[train]\n{train}')
    done = CliRunner().invoke(app, ["train", str(recipe), "--out", str(tmp_path / "run"), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert "16 of 16 pictures, finished" in done.output
    assert (tmp_path / "run" / "metrics.png").exists()
