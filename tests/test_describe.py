"""What networks cost."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.model.describe import cost, describe

ROOT = Path(__file__).parents[1]


def test_the_cost_of_a_small_network_is_counted_by_hand() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 25, 7)
    )
    found = cost("x", network, torch.zeros(1, 2, 5, 5))
    assert found.parameters == 2 * 4 * 9 + 4 + 100 * 7 + 7
    assert found.operations == 2 * (25 * 4 * 2 * 9 + 100 * 7)
    assert found.activations == 4 * 25 + 7
    assert found.reads == "2x5x5"


def test_xus_networks_cost_what_jins_do() -> None:
    generator, discriminator = describe(ROOT / "recipes" / "xu-acgan-128.toml", "acgan")
    assert (generator.parameters, discriminator.parameters) == (4_352_643, 19_078_531)
    assert generator.operations == pytest.approx(2.70e9, rel=0.01)
    assert discriminator.operations == pytest.approx(1.77e9, rel=0.01)
    # dense 64x16x16; 33 convolutions of as much; 256 channels at 16, 32 and 64 px; three colours at 128 px
    assert generator.activations == 64 * 256 * 34 + 256 * (16**2 + 32**2 + 64**2) + 3 * 128**2


def test_the_command_prints_a_table_for_every_kind() -> None:
    for recipe, network in (("anime", "discriminator"), ("tagger-1", "tagger"), ("xu-acgan-64", "4,204,803")):
        result = CliRunner().invoke(app, ["describe", str(ROOT / "recipes" / f"{recipe}.toml")])
        assert result.exit_code == 0, result.output
        assert network in result.output


def test_an_unknown_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "dream.toml").write_text('kind = "acgam"\n')
    result = CliRunner().invoke(app, ["describe", str(tmp_path / "dream.toml")])
    assert "'acgam'. Did you mean 'acgan'?" in str(result.exception)
