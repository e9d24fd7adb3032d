"""Writing trained networks as ONNX files."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from torch import Tensor, nn

from konomi.errors import ModelError
from konomi.model.onnx_file import write_onnx
from konomi.network import facts_of, open_session


class Two(nn.Module):
    """A convolution with normalisation, and its mean: two outputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.Conv2d(64, 32, 3))
        nn.init.normal_(self.layers[1].running_mean)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.layers(x)
        return found, found.mean(dim=(2, 3))


def example(n: int = 2, side: int = 8) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(n))}


def write(network: nn.Module, path: Path, **given: Any) -> float:
    settings: dict[str, Any] = {"facts": {"name": "two"}, "examples": [example()], "tolerance": 1e-4}
    return write_onnx(network, path, **settings | {"outputs": ["map", "mean"]} | given)


def test_the_file_says_what_the_network_says_and_carries_its_facts(tmp_path: Path) -> None:
    network, path = Two(), tmp_path / "two.onnx"
    before = copy.deepcopy(network.state_dict())
    assert write(network, path, facts={"name": "two", "sizes": (1, 2.5)}) < 1e-4
    session = open_session(path)
    assert facts_of(session, path) == {"name": "two", "sizes": [1, 2.5]}
    x = example()["x"]
    with torch.no_grad():
        expected = network.eval()(x)
    for wanted, found in zip(expected, session.run(["map", "mean"], {"x": x.numpy()}), strict=True):
        np.testing.assert_allclose(wanted.numpy(), found, atol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_free_sides_may_differ_and_every_example_is_compared(tmp_path: Path) -> None:
    free = {"x": {0: "n", 2: "h", 3: "w"}, "map": {0: "n", 2: "h", 3: "w"}, "mean": {0: "n"}}
    assert write(Two(), tmp_path / "two.onnx", examples=[example(), example(3, 16)], free=free) < 1e-4
    session = open_session(tmp_path / "two.onnx")
    assert session.run(["mean"], {"x": example(5, 11)["x"].numpy()})[0].shape == (5, 32)


def test_half_precision_halves_the_file_and_rounds_the_weights(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 300, 3), nn.Conv2d(300, 300, 3)).eval()
    sizes = []
    for half in (False, True):
        found = write(network, tmp_path / "x.onnx", outputs=["y"], half=half, tolerance=0.01)
        sizes.append((tmp_path / "x.onnx").stat().st_size)
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.01)
    assert 1e-5 < found < 1e-2
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for weight in (rounded[0].weight, rounded[1].weight):  # the biases have fewer than 1024 numbers
            weight.copy_(weight.half())
        expected = rounded(example()["x"]).numpy()
    (found_picture,) = open_session(tmp_path / "x.onnx").run(["y"], {"x": example()["x"].numpy()})
    np.testing.assert_allclose(found_picture, expected, atol=1e-5)


def test_a_file_that_differs_is_not_kept(tmp_path: Path) -> None:
    other = Two()
    nn.init.normal_(other.layers[0].weight)
    with pytest.raises(ModelError, match=r"two\.onnx differs from the trained network by \d"):
        write(Two(), tmp_path / "two.onnx", trained=other)
    nn.init.constant_(other.layers[2].weight, float("nan"))
    with pytest.raises(ModelError, match="differs from the trained network by nan"):
        write(other, tmp_path / "two.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"two\.onnx would take 0\.1 MB; at most 0 MB are published"):
        write(Two(), tmp_path / "two.onnx", max_bytes=50_000)
    assert not list(tmp_path.iterdir())
