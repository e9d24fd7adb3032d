"""A schema that has grown: what was made before goes on working."""

from pathlib import Path

import numpy as np
import pytest

import konomi
from konomi import api
from konomi.condition import Condition
from konomi.data.building.build import build
from konomi.data.building.mixture import Ingredient, Mixture, read_mixture
from konomi.data.dataset import load
from konomi.data.synthetic import synthesise
from konomi.errors import InputError
from konomi.record import read_stage
from konomi.schema import Schema

FIRST = "8794df7a962e0e0d7c6074ff4d4f925287c90391d97671d70110bebf8cfcb397"  # before framing


def test_an_old_model_reads_and_writes_recipes_of_its_own_version(tmp_path: Path) -> None:
    (avatar,) = konomi.draw("close-up, red hair", seed=4, size=64, model="anime-1")
    assert avatar.recipe.condition.schema.hash == FIRST
    assert avatar.condition == {"hair_color": "red"}
    assert any("cannot draw it yet: close" in note for note in avatar.notes)
    avatar.save(tmp_path / "a.png")
    assert api.recall(avatar.code)[0] == avatar.recipe
    assert api.recall(str(tmp_path / "a.png"))[0] == avatar.recipe
    changed = konomi.edit(avatar, framing="wide", hair_color="blue")
    assert changed.condition == {"hair_color": "blue"}
    assert any("cannot draw it yet: wide" in note for note in changed.notes)


def test_a_condition_keeps_what_an_older_version_knows(schema: Schema) -> None:
    older = schema.version(FIRST)
    assert older is not None
    asked = Condition.from_dict(schema, {"hat": True, "framing": "wide"})
    assert asked.within(older) == Condition.from_dict(older, {"hat": True})


def test_tags_that_hold_for_a_whole_stage_are_given_in_the_mixture(tmp_path: Path, schema: Schema) -> None:
    synthesise(tmp_path / "a", count=6, size=32)
    synthesise(tmp_path / "b", count=6, size=32, seed=1)
    toml = tmp_path / "mix.toml"
    toml.write_text(
        f'validation = 0.0\ntest = 0.0\n[[source]]\nstage = "{tmp_path / "a"}"\ntags = {{ framing = "close" }}\n'
        f'[[source]]\nstage = "{tmp_path / "b"}"\n'
    )
    build(read_mixture(toml), tmp_path / "out")
    tagged = [record for record in read_stage(tmp_path / "out") if record.tags.get("framing.close") == 1]
    assert 1 <= len(tagged) <= 6
    assert all(record.tags["framing.wide"] == 0 for record in tagged)
    assert len([r for r in read_stage(tmp_path / "out") if "framing.close" not in r.tags]) >= 1
    weights = load([tmp_path / "out"], schema).weights[:, schema.offsets["framing"]]
    assert np.isnan(weights).any()
    assert (weights[:, 0] == 1).any()


def test_wrong_tags_in_a_mixture_are_told(tmp_path: Path) -> None:
    synthesise(tmp_path / "a", count=3, size=32)
    with pytest.raises(InputError, match="no attribute 'frame'"):
        build(Mixture((Ingredient(tmp_path / "a", tags={"frame": "close"}),)), tmp_path / "out")
    (tmp_path / "mix.toml").write_text('[[source]]\nstage = "a"\ntags = "close"\n')
    with pytest.raises(InputError, match="tags a table of attributes"):
        read_mixture(tmp_path / "mix.toml")


def test_a_run_may_begin_with_networks_that_knew_fewer_slots(tmp_path: Path, schema: Schema) -> None:
    torch = pytest.importorskip("torch")
    from dataclasses import replace

    from konomi.model import checkpoint
    from konomi.model.plan import Options
    from konomi.model.train import centre, train

    synthesise(tmp_path / "a", count=40, size=32)
    older = schema.version(FIRST)
    assert older is not None
    data = load([tmp_path / "a"], schema)
    options = Options(pictures=16, batch=8, channels=(16, 16, 16), fade_in=0)
    first = train(replace(data, schema=older, weights=data.weights[:, :38]), options, tmp_path / "old", device="cpu")
    second = train(
        data, replace(options, pictures=1), tmp_path / "new", device="cpu", seconds=0,
        start_from=tmp_path / "old" / "checkpoint.safetensors",
    )  # fmt: skip
    z, weights = torch.randn(3, 128), torch.from_numpy(data.weights[:3]).nan_to_num(0.5)
    small = first.generator(z, centre(weights[:, :38], first.prior))
    grown = second.generator(z, torch.cat([centre(weights[:, :38], first.prior), torch.ones(3, 2)], dim=1))
    assert torch.allclose(small, grown, atol=1e-5)
    moments = [second.adam_g.state[p] for p in second.generator.parameters() if p in second.adam_g.state]
    assert moments
    assert all(m["exp_avg"].shape == p.shape for p, m in zip(second.generator.parameters(), moments, strict=True))
    assert second.before == 16
    third = train(data, replace(options, pictures=16), tmp_path / "new2", device="cpu",
          start_from=tmp_path / "old" / "checkpoint.safetensors")  # fmt: skip
    assert (third.before, third.seen) == (16, 16)
    assert checkpoint.load(tmp_path / "new2" / "checkpoint.safetensors")[1]["before"] == 16


def test_a_run_may_begin_with_narrower_networks(tmp_path: Path, schema: Schema) -> None:
    torch = pytest.importorskip("torch")
    from dataclasses import replace

    from konomi.errors import TrainingError
    from konomi.model.plan import Options
    from konomi.model.train import centre, train

    synthesise(tmp_path / "a", count=40, size=32)
    data = load([tmp_path / "a"], schema)
    options = Options(pictures=16, batch=8, channels=(16, 12, 8), fade_in=0)
    narrow = train(data, options, tmp_path / "narrow", device="cpu")
    begun = tmp_path / "narrow" / "checkpoint.safetensors"
    wide = replace(options, channels=(24, 16, 12))
    second = train(data, wide, tmp_path / "wide", device="cpu", seconds=0, start_from=begun)
    z, condition = torch.randn(8, 128), centre(torch.from_numpy(data.weights[:8]), narrow.prior)
    pictures = narrow.generator(z, condition)
    for name in ("generator", "averaged"):
        grown = getattr(second, name)(z, condition)
        assert torch.allclose(getattr(narrow, name)(z, condition), grown, atol=1e-5), name
    # all but the minibatch deviation, which is a mean over more channels
    for run in (narrow, second):
        run.discriminator.mix.weight.data[:, -1] = 0
    before, after = (run.discriminator(pictures, condition)[0] for run in (narrow, second))
    assert torch.allclose(before, after, atol=1e-5)
    for network, optimiser in ((second.generator, second.adam_g), (second.discriminator, second.adam_d)):
        moments = [optimiser.state[p] for p in network.parameters() if p in optimiser.state]
        assert moments
        assert all(m["exp_avg_sq"].shape == m["exp_avg"].shape and (m["exp_avg_sq"] >= 0).all() for m in moments)
    squares = second.adam_g.state[second.generator.convs[1].weight]["exp_avg_sq"]
    old = narrow.adam_g.state[narrow.generator.convs[1].weight]["exp_avg_sq"]
    assert torch.allclose(squares[:12, :16], old)
    assert torch.allclose(squares[12:, 16:], old.mean())
    went_on = train(data, wide, tmp_path / "on", device="cpu", start_from=begun)
    new = went_on.generator.convs[1].weight[:16, 12:]
    assert new.abs().max() > 0  # what is old reads what is new by now
    with pytest.raises(TrainingError, match="holds networks of another shape"):
        train(data, replace(options, channels=(12, 8, 8)), tmp_path / "less", device="cpu", start_from=begun)
