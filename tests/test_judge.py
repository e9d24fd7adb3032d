"""The judge of drawn faces, and a generator that is to please it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from konomi.data.dataset import Dataset
from konomi.data.tagging.taggers import estimate, look, open_onnx
from konomi.errors import InputError, TrainingError
from konomi.model import judge as judging
from konomi.model.checkpoint import load as load_checkpoint
from konomi.model.judge import (
    Judged,
    JudgeNetwork,
    Trust,
    appeal_loss,
    export_judge,
    fit_trust,
    judge_logits,
    load_judge,
    order_loss,
    published_weights,
    save_judge,
    train_judge,
)
from konomi.model.plan import Options, read_plan
from konomi.model.tagger import TaggerNetwork
from konomi.model.tagger_export import Calibration
from konomi.model.train import train, wished
from konomi.schema import Schema

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def judged(schema: Schema) -> Judged:
    """Plain squares: whole ones are light, liked ones red, and hats are blue."""
    dice = np.random.default_rng(0)
    pictures = dice.integers(0, 60, (96, 32, 32, 3)).astype(np.uint8)
    whole, liked, hat = dice.random((3, 96)) < 0.5
    pictures[whole] += 120
    pictures[liked, :, :, 0] += 70
    pictures[hat, :, :, 2] += 70
    weights = np.full((96, len(schema.slots)), np.nan, np.float32)
    weights[:, schema.slot_index("hat")] = hat
    return Judged(pictures, weights, np.stack([whole, liked], axis=1).astype(np.float32), np.arange(96) // 4)


@pytest.fixture(scope="module")
def judge(judged: Judged, schema: Schema) -> JudgeNetwork:
    torch.manual_seed(0)
    start = TaggerNetwork(len(schema.slots) - 2, frozen=5, dropout=0.3).state_dict()  # of an older schema
    return train_judge(judged, schema, start, epochs=10, learning_rate=1e-3, batch=32, report=lambda line: None)


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    return float((scores[truth > 0.5][:, None] > scores[truth < 0.5][None]).mean())


def test_it_learns_tags_wholeness_and_liking(judge: JudgeNetwork, judged: Judged, schema: Schema) -> None:
    tags, appeal = judge_logits(judge, judged.pictures)
    assert tags.shape == (96, len(schema.slots))
    hat = schema.slot_index("hat")
    assert auc(appeal[:, 0], judged.appeal[:, 0]) > 0.9
    assert auc(appeal[:, 1], judged.appeal[:, 1]) > 0.9
    assert auc(tags[:, hat], judged.weights[:, hat]) > 0.9
    assert judge.knows.nonzero()[:, 0].tolist() == [hat]
    mirrored = judge_logits(judge, np.ascontiguousarray(judged.pictures[:, :, ::-1]))
    assert np.allclose(mirrored[1], appeal, atol=1e-4)


def test_the_loss_of_the_order_compares_faces_of_one_request() -> None:
    dice = np.random.default_rng(0)
    found, truth = torch.from_numpy(dice.standard_normal((10, 2))), torch.from_numpy(dice.random((10, 2)))
    requests = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3]
    truth[4] = math.nan  # nobody said
    total = 0.0
    for column in range(2):
        wrong = weight = 0.0
        for one in range(10):
            for other in range(10):
                better = float(truth[one, column] - truth[other, column])
                if requests[one] == requests[other] and better > 0:
                    wrong += better * math.log1p(math.exp(float(found[other, column] - found[one, column])))
                    weight += better
        total += wrong / weight
    assert math.isclose(float(order_loss(found, truth, torch.tensor(requests))), total, rel_tol=1e-6)
    assert float(order_loss(found, truth, torch.arange(10))) == 0


def test_faces_may_be_given_for_their_tags_alone() -> None:
    found, truth = torch.tensor([[0.3, -1.0], [2.0, 0.5]]), torch.tensor([[1.0, 0.25], [math.nan, math.nan]])
    alone = torch.nn.functional.binary_cross_entropy_with_logits(found[:1], truth[:1])
    assert torch.equal(appeal_loss(found, truth), alone)
    assert float(appeal_loss(found[1:], truth[1:])) == 0


def test_too_few_faces_are_refused(judged: Judged, schema: Schema) -> None:
    start = TaggerNetwork(len(schema.slots), frozen=5, dropout=0.3).state_dict()
    with pytest.raises(TrainingError, match="20 judged faces are fewer than a batch of 64; judge more"):
        train_judge(judged.part(np.arange(20)), schema, start)


def test_probabilities_are_fitted_to_faces_that_were_not_learned_from(schema: Schema) -> None:
    dice, n = np.random.default_rng(1), 20_000
    logits = dice.normal(0, 2, (n, 2)).astype(np.float32)
    true = np.stack([2 * logits[:, 0] - 1, 0.5 * logits[:, 1]], axis=1)
    appeal = (dice.random((n, 2)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    weights = np.full((n, len(schema.slots)), np.nan, np.float32)
    unseen = Judged(np.zeros((n, 1, 1, 3), np.uint8), weights, appeal, np.arange(n))
    trust = fit_trust((np.zeros_like(weights), logits), unseen, schema)
    assert np.allclose(trust.appeal, [[2, -1], [0.5, 0]], atol=0.1)
    assert (trust.tags.shift == 0).all()


def test_the_file_says_what_the_network_says(
    judge: JudgeNetwork, judged: Judged, schema: Schema, tmp_path: Path
) -> None:
    slots = len(schema.slots)
    plain = Calibration(np.ones(slots, np.float32), np.zeros(slots, np.float32))
    trust = Trust(plain, np.array([[2, -1], [0.5, 0.25]], np.float32))
    assert export_judge(judge, trust, tmp_path / "judge-7.onnx", schema=schema, name="judge-7") < 0.02
    tagger = open_onnx(tmp_path / "judge-7.onnx", schema)
    assert tagger.tags == ("hat", "whole", "liked")
    large = judged.pictures[:8, :28, :28].repeat(4, axis=1).repeat(4, axis=2)  # as large as it reads them
    tags, whole, liked = look(tagger, large, schema)
    assert np.array_equal(tags, estimate(tagger, large, schema), equal_nan=True)
    hat = schema.slot_index("hat")
    assert np.isnan(np.delete(tags, hat, axis=1)).all()
    x = judging.to_input(large, judging.SIZE)
    with torch.no_grad():
        both = [judge(side) for side in (x, x.flip(3))]
    for row, found in ((0, whole), (1, liked)):
        scale, shift = trust.appeal[row]
        expected = sum((scale * appeal[:, row] + shift).sigmoid() for _, appeal in both) / 2
        assert np.allclose(found, expected, atol=0.03)
    assert np.allclose(tags[:, hat], sum(logits[:, hat].sigmoid() for logits, _ in both) / 2, atol=0.03)


def test_a_published_judge_goes_on_learning(
    judge: JudgeNetwork, judged: Judged, schema: Schema, tmp_path: Path
) -> None:
    slots = len(schema.slots)
    plain = Calibration(np.ones(slots, np.float32), np.zeros(slots, np.float32))
    path = tmp_path / "judge-7.onnx"
    export_judge(judge, Trust(plain, np.array([[2, -1], [0.5, 0.25]], np.float32)), path, schema=schema, name="judge-7")
    state = published_weights(path, schema)
    again = load_judge(path, schema)
    for one, other in zip(judge_logits(again, judged.pictures), judge_logits(judge, judged.pictures), strict=True):
        assert np.allclose(one, other, atol=0.03)
    further = train_judge(judged, schema, state, epochs=1, learning_rate=0.0, batch=32, report=lambda line: None)
    assert np.allclose(judge_logits(further, judged.pictures)[1], judge_logits(again, judged.pictures)[1], atol=1e-3)


def test_it_is_kept_and_read_again(judge: JudgeNetwork, judged: Judged, schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "judge.safetensors"
    save_judge(path, judge, schema)
    again = load_judge(path, schema)
    assert np.array_equal(judge_logits(again, judged.pictures)[1], judge_logits(judge, judged.pictures)[1])
    assert not any(parameter.requires_grad for parameter in again.parameters())
    with pytest.raises(TrainingError, match=r"is no judge of the schema 'lorelei'; make one with scripts/judge.py"):
        from konomi.schema import load_schema

        load_judge(path, load_schema("lorelei"))


@pytest.mark.parametrize("wishes", [0.0, 0.3])
def test_a_generator_learns_to_please_it(wishes: float, judge: JudgeNetwork, schema: Schema, tmp_path: Path) -> None:
    save_judge(tmp_path / "judge.safetensors", judge, schema)
    dice = np.random.default_rng(2)
    weights = (dice.random((32, len(schema.slots))) < 0.5).astype(np.float32)
    data = Dataset(schema, tuple(map(str, range(32))), dice.integers(0, 90, (32, 16, 16, 3)).astype(np.uint8), weights)
    options = Options(
        pictures=480, channels=(8, 8), batch=16, later_batch=16, learning_rate=5e-3, last_learning_rate=5e-3,
        fade_in=0, sample_every=10_000, metrics_every=48, judged_attributes=0.1, judged_every=2,
    )  # fmt: skip
    late = {}
    for appeal in (30.0, 0.0):
        rows: list[dict[str, float]] = []
        run, chosen = tmp_path / f"run{appeal}", replace(options, judged_appeal=appeal, judged_wishes=wishes)
        train(data, chosen, run, device="cpu", report=rows.append, judge=tmp_path / "judge.safetensors")
        assert all(math.isfinite(number) for row in rows for number in row.values())
        late[appeal] = np.mean([row["judged_liked"] for row in rows[-5:]])
    assert late[30.0] > late[0.0] + 0.2
    assert not any("judge" in name for name in load_checkpoint(tmp_path / "run30.0" / "checkpoint.safetensors")[0])


def test_wishes_are_single_values_of_what_the_judge_knows(schema: Schema) -> None:
    labels = torch.full((4000, len(schema.slots)), math.nan)
    colours, lengths, hat = (schema.offsets[name] for name in ("hair_color", "hair_length", "hat"))
    labels[:, schema.offsets["skin"]] = torch.tensor([0.9, 0.1])
    known = torch.ones(len(schema.slots), dtype=torch.bool)
    known[schema.offsets["skin"]] = False
    found = wished(labels, schema, known, 0.25, torch.Generator().manual_seed(0))
    assert torch.equal(found[:, schema.offsets["skin"]], labels[:, schema.offsets["skin"]])
    assert labels[:, colours].isnan().all()  # as they were
    for where in (colours, lengths, hat):
        there = ~found[:, where].isnan().any(dim=1)
        assert 0.22 < there.float().mean() < 0.28
        assert (found[there, where].sum(dim=1) == 1).all()
        shares = found[there, where].mean(dim=0)
        assert torch.allclose(shares, torch.full_like(shares, 1 / len(shares)), atol=0.06)


def test_a_recipe_begins_with_one_thing(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\nschema = "anime"\ndata = ["d"]\nbase = "anime-3"\n')
    assert read_plan(recipe).base == "anime-3"
    recipe.write_text(recipe.read_text() + 'start_from = "c.safetensors"\n')
    with pytest.raises(InputError, match=r"r\.toml: a run begins with start_from or with base, not with both"):
        read_plan(recipe)


def test_a_recipe_names_its_judge(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\nschema = "anime"\ndata = ["d"]\njudge = "j.safetensors"\n')
    assert read_plan(recipe).judge == Path("j.safetensors")
