"""Illustration2Vec (Saito and Matsui 2015), which Xu and Jin et al. took their tags from, read by OpenCV.

Its two networks are Caffe models of version 2.0.0: one gives 1,539 tags of Danbooru, the other a feature vector of
4,096 numbers. The preparation is that of the authors' `i2v` package: a picture is squeezed to 224 x 224 by bilinear
interpolation, in BGR, and the mean colour of their data is subtracted.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from konomi.data.tagging.taggers import Vectors, files_of
from konomi.errors import FileError, ModelError
from konomi.files import file_sha256, reporting

SOURCE = "https://github.com/rezoo/illustration2vec/releases/tag/v2.0.0"
TAG_FILES = {
    "layers": ("illust2vec_tag.prototxt", "illust2vec_tag_ver200.prototxt"),
    "weights": ("illust2vec_tag_ver200.caffemodel",),
    "tags": ("tag_list.json", "tag_list.json.gz"),
}
FEATURE_FILES = {"weights": ("illust2vec_ver200.caffemodel",)}
FEATURE_LAYERS = ("illust2vec.prototxt", "illust2vec_ver200.prototxt")  # not in the release: ours, where it is missing
SIZE = 224
MEAN = np.array([164.76139251, 167.47864617, 181.13838569], dtype=np.float32)  # BGR
FEATURE = "encode1"  # before its sigmoid, as `extract_feature` of the authors
# Convolutions of 3 x 3 in a block, each block but the last followed by pooling (after VGG)
BLOCKS = ((64,), (128,), (256, 256), (512, 512), (512, 512), (1024, 1024, 1024))


@dataclass(frozen=True)
class Illustration2Vec:
    """The tagger of the paper; its `features` are there if it was opened with them."""

    files: Mapping[str, str]
    tags: tuple[str, ...]
    network: Vectors
    features: Vectors | None = None
    name: str = "illustration2vec 2.0.0"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    mirror: bool = False  # the paper's tags are those of the picture alone

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        return self.network(pictures)


def prepare(pictures: np.ndarray) -> np.ndarray:
    """uint8 RGB (N, H, W, 3) -> float32 BGR (N, 3, 224, 224), less the mean."""
    import cv2

    # not Pillow's filters: they smooth what they reduce, and the authors' interpolation did not
    squeezed = [cv2.resize(p.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for p in pictures]
    bgr = np.stack(squeezed)[:, :, :, ::-1] - MEAN
    return np.ascontiguousarray(bgr.transpose(0, 3, 1, 2))


def open_illustration2vec(folder: Path, *, features: bool = False, threads: int = 0) -> Illustration2Vec:
    """Open the tagger in `folder`, and the network of the feature vectors if they are asked for.

    `threads` of 0 means all cores; OpenCV has one number for the whole process.

    Raises
    ------
    InputError
        If a file is missing; it says which, and where it comes from.
    ModelError
        If a file is damaged.
    """
    import cv2

    cv2.setNumThreads(threads or cv2.getNumberOfCPUs())
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what goes wrong is told once, by us
    paths = files_of(folder, TAG_FILES | ({"vectors": FEATURE_FILES["weights"]} if features else {}), source=SOURCE)
    network = _read(paths["layers"], paths["weights"])
    vectors = None
    if features:
        own = [folder / name for name in FEATURE_LAYERS if (folder / name).is_file()]
        vectors = _read(own[0] if own else feature_layers().encode(), paths["vectors"], FEATURE)
        paths |= {"vector layers": own[0]} if own else {}
    files = {path.name: file_sha256(path) for path in paths.values()}
    return Illustration2Vec(files, _tags(paths["tags"]), network, vectors)


def _tags(path: Path) -> tuple[str, ...]:
    try:
        with reporting("read", path):
            data = path.read_bytes()
        names = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    except (ValueError, EOFError, FileError) as error:
        raise ModelError(f"{path} is not a readable list of tags: {error}") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError(f"{path} is not a list of tags; get it again from {SOURCE}")
    return tuple(names)


@dataclass(frozen=True)
class CaffeNetwork:
    """Pictures, uint8 (N, H, W, 3), to the values of one layer, float32 (N, D)."""

    weights: Path
    network: Any = field(repr=False)
    layer: str  # empty: the last

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        import cv2

        try:
            self.network.setInput(prepare(pictures))
            found = self.network.forward(self.layer) if self.layer else self.network.forward()
        except cv2.error:
            raise ModelError(
                f"{self.weights} does not hold the weights of its layers; get it again from {SOURCE}"
            ) from None
        return found.reshape(len(pictures), -1).astype(np.float32)


def _read(layers: Path | bytes, weights: Path, layer: str = "") -> CaffeNetwork:
    """Read a network, and run it once: OpenCV takes many a damaged file without a word."""
    import cv2

    with reporting("read", weights):
        text = layers if isinstance(layers, bytes) else layers.read_bytes()
        data = np.fromfile(weights, dtype=np.uint8)
    try:
        network = cv2.dnn.readNetFromCaffe(np.frombuffer(text, dtype=np.uint8), data)
    except cv2.error as error:
        which = layers if isinstance(layers, Path) and "TextBuffer" in str(error) else weights
        raise ModelError(f"{which} is damaged, or not of Caffe; get it again from {SOURCE}") from None
    found = CaffeNetwork(weights, network, layer)
    found(np.zeros((1, 8, 8, 3), dtype=np.uint8))
    return found


def feature_layers(blocks: tuple[tuple[int, ...], ...] = BLOCKS, vector: int = 4096) -> str:
    """The layers of the feature network up to `encode1`, as a prototxt: the release has only its weights."""
    text = [f'input: "data" input_dim: 1 input_dim: 3 input_dim: {SIZE} input_dim: {SIZE}']
    below = "data"
    for block, widths in enumerate(blocks, start=1):
        for number, width in enumerate(widths, start=1):
            name = f"conv{block}_{number}"
            text.append(_layer(name, "Convolution", below, f"num_output: {width} kernel_size: 3 pad: 1"))
            text.append(_layer(f"relu{block}_{number}", "ReLU", name, ""))
            below = f"relu{block}_{number}"
        if block < len(blocks):
            text.append(_layer(f"pool{block}", "Pooling", below, "pool: MAX kernel_size: 2 stride: 2"))
            below = f"pool{block}"
    return "\n".join([*text, _layer(FEATURE, "InnerProduct", below, f"num_output: {vector}")])


def _layer(name: str, kind: str, below: str, settings: str) -> str:
    keys = {"Convolution": "convolution_param", "Pooling": "pooling_param", "InnerProduct": "inner_product_param"}
    inside = f"{keys[kind]} {{ {settings} }} " if settings else ""
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{below}" top: "{name}" {inside}}}'
