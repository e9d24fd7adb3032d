"""A second discriminator that looks through a judge's eyes."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from konomi.data.dataset import Dataset
from konomi.errors import TrainingError
from konomi.model.checkpoint import load as load_checkpoint
from konomi.model.critic import CHANNELS, PENALTY, Critic
from konomi.model.judge import JudgeNetwork, save_judge
from konomi.model.plan import Options
from konomi.model.tagger import TaggerOptions
from konomi.model.train import train
from konomi.schema import Schema

torch.set_num_threads(1)

OPTIONS = Options(
    pictures=64, channels=(8, 8), batch=8, later_batch=8, fade_in=0, sample_every=10_000, metrics_every=8,
    critic=0.5, critic_every=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def judge(schema: Schema) -> JudgeNetwork:
    torch.manual_seed(0)
    return JudgeNetwork(len(schema.slots), TaggerOptions()).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def data(schema: Schema) -> Dataset:
    dice = np.random.default_rng(2)
    weights = (dice.random((16, len(schema.slots))) < 0.5).astype(np.float32)
    return Dataset(schema, tuple(map(str, range(16))), dice.integers(0, 90, (16, 16, 16, 3)).astype(np.uint8), weights)


def test_it_scores_places_and_owns_only_its_heads(judge: JudgeNetwork, schema: Schema) -> None:
    critic = Critic(judge, len(schema.slots))
    maps = critic.look(torch.zeros(2, 3, 64, 64))
    assert [tuple(x.shape) for x in maps] == [(2, CHANNELS[0], 14, 14), (2, CHANNELS[1], 7, 7)]
    scores = critic(maps, torch.zeros(2, len(schema.slots)))
    assert [tuple(score.shape) for score in scores] == [(2, 144), (2, 25)]
    assert all(name.startswith("heads.") for name in critic.state_dict())


def test_its_loss_is_the_relativistic_one_with_a_penalty(judge: JudgeNetwork, schema: Schema) -> None:
    critic = Critic(judge, len(schema.slots))
    real, drawn = ([torch.randn(2, c, 6, 6) for c in CHANNELS] for _ in range(2))
    condition = torch.zeros(2, len(schema.slots))
    loss, scores = critic.loss(real, drawn, condition)
    expected, penalty = [], 0.0
    for maps in (real, drawn):
        for x, head in zip(maps, critic.heads, strict=True):
            copy = x.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(head(copy, condition).sum(), copy)
            penalty += float((gradient**2).sum()) / 2 / 16  # two pictures, 4 x 4 places
    for a, b in zip(critic(real, condition), critic(drawn, condition), strict=True):
        expected.append(torch.nn.functional.softplus(b - a).mean().item())
    assert loss.item() == pytest.approx(sum(expected) / 2 + PENALTY * penalty, rel=1e-4)
    assert not any(score.requires_grad for score in scores)


def test_it_learns_to_tell_real_from_drawn(judge: JudgeNetwork, schema: Schema) -> None:
    torch.manual_seed(1)
    critic = Critic(judge, len(schema.slots))
    real, drawn = critic.look(torch.rand(8, 3, 64, 64) * 2 - 1), critic.look(torch.full((8, 3, 64, 64), 0.3))
    condition = torch.zeros(8, len(schema.slots))
    adam, before = torch.optim.Adam(critic.parameters(), 1e-3), critic.loss(real, drawn, condition)[0].item()
    for _ in range(20):
        adam.zero_grad()
        critic.loss(real, drawn, condition)[0].backward()  # type: ignore[no-untyped-call]
        adam.step()
    assert critic.loss(real, drawn, condition)[0].item() < 0.7 * before


def test_a_run_with_a_critic_is_resumed_to_the_bit(
    judge: JudgeNetwork, data: Dataset, schema: Schema, tmp_path: Path
) -> None:
    save_judge(tmp_path / "judge.safetensors", judge, schema)
    rows: list[dict[str, float]] = []
    given = {"device": "cpu", "judge": tmp_path / "judge.safetensors"}
    whole = train(data, OPTIONS, tmp_path / "whole", report=rows.append, **given)  # type: ignore[arg-type]
    assert all(row["critic"] > 0 and row["criticised"] > 0 for row in rows if "critic" in row)
    assert any("critic" in row for row in rows)

    def stop(_: dict[str, float]) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    begun = train(data, OPTIONS, tmp_path / "parts", report=stop, **given)  # type: ignore[arg-type]
    assert 0 < begun.seen < OPTIONS.pictures
    parts = train(data, OPTIONS, tmp_path / "parts", **given)  # type: ignore[arg-type]
    for one, other in ((whole.generator, parts.generator), (whole.critic, parts.critic)):
        assert one is not None
        assert other is not None
        ours, theirs = one.state_dict(), other.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert {"critic", "adam_c"} <= load_checkpoint(tmp_path / "parts" / "checkpoint.safetensors")[0].keys()


def test_without_a_judge_there_are_no_eyes(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="critic looks through the eyes of a judge; name one"):
        train(data, OPTIONS, tmp_path, device="cpu")
