"""Pictures as rows of numbers, in which likeness can be measured.

Conventions
-----------
Pictures are uint8 arrays of shape (N, H, W, 3), RGB, square. Features are float32 arrays of shape (N, D), one row per
picture in the same order. Distances may be compared only if both came from the same features, the same preparation and
sets of the same size: every other network gives other numbers, and the published Inception FIDs are not comparable.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from PIL import Image

from konomi.errors import FileError, InputError, ModelError
from konomi.files import file_sha256, make_folder, reporting, whole
from konomi.images import resize

NETWORK = "efficientnet-lite0-57934424.onnx"  # with the beginning of its weights' sha256
WIDTH = 1280
SMALL, LARGE = 64, 224  # pixels: all pictures are compared at the detail of 64, enlarged to what the network expects
BATCH = 16
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)  # ImageNet
DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)
PREPARATION = "64 lanczos, 224 bicubic, /255, imagenet"  # part of the cache key: change it with `prepare`

Progress = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]


class Features(Protocol):
    """What turns pictures, uint8 (N, H, W, 3), into features, float32 (N, D)."""

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray: ...


class EfficientNetFeatures:
    """Pooled features of ImageNet's EfficientNet-Lite0, 1,280 per picture, run by ONNX Runtime and kept in a cache.

    Results are stored as .npy files by the hash of the pictures and of the network, so that a reference set is computed
    only once. They may differ in the last digits between machines.

    Parameters
    ----------
    export : callable(Path)
        Writes the network where the cache does not hold it yet: `konomi.model.feature_network.export`.
    cache : Path, optional
        Folder of the network and of the stored features; `cache_folder()` unless given.
    progress : callable(batches, total)
        Wraps the iteration over batches of 16 pictures, for a progress bar. Not called for stored features.

    Raises
    ------
    ModelError
        If the network can neither be read nor exported.
    """

    def __init__(
        self,
        export: Callable[[Path], None],
        *,
        cache: Path | None = None,
        progress: Progress = lambda batches, _total: batches,
    ) -> None:
        self.cache = make_folder(cache or cache_folder())
        network = self.cache / NETWORK
        if not network.exists():
            export(network)
        self.hash = file_sha256(network)
        self._session = _open(network)
        self._progress = progress

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        """Features of `pictures`, float32 (N, 1280); an InputError guesses what is wrong with them."""
        validate(pictures)
        path = make_folder(self.cache / "features") / f"{self._key(pictures)}.npy"
        if path.exists():
            return _load(path, len(pictures))
        features = self._compute(pictures)
        with whole(path) as temporary, temporary.open("wb") as file:
            np.save(file, features)
        return features

    def _key(self, pictures: np.ndarray) -> str:
        digest = hashlib.sha256(f"{self.hash} {PREPARATION} {pictures.shape}".encode())
        digest.update(np.ascontiguousarray(pictures).data)
        return digest.hexdigest()

    def _compute(self, pictures: np.ndarray) -> np.ndarray:
        batches = [pictures[i : i + BATCH] for i in range(0, len(pictures), BATCH)]
        rows = [
            self._session.run(["features"], {"pictures": prepare(batch)})[0]
            for batch in self._progress(batches, len(batches))
        ]
        return np.concatenate(rows)


def cache_folder() -> Path:
    """Where what can be computed again is kept: $KONOMI_CACHE, or else ~/.cache/konomi."""
    return Path(os.environ.get("KONOMI_CACHE") or Path.home() / ".cache" / "konomi")


def prepare(pictures: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) -> float32 (N, 3, 224, 224), normalised with ImageNet's mean and deviation.

    Every picture goes through 64x64 first (Lanczos), so that sets of different sizes differ only by what is drawn.
    """
    large = np.stack([_enlarge(picture) for picture in pictures])
    normal = (large.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(normal.transpose(0, 3, 1, 2))


def validate(pictures: np.ndarray) -> None:
    """An InputError if `pictures` is not a set of square RGB pictures, uint8 (N, H, W, 3)."""
    shape = pictures.shape
    expected = f"pictures have shape (N, H, W, 3), not {shape}"
    if pictures.ndim == 3 and shape[2] == 3:
        raise InputError(f"{expected}; is this one picture? Use pictures[None].")
    if pictures.ndim == 4 and shape[1] == 3 and shape[3] != 3:
        raise InputError(f"{expected}; are the channels first? Use pictures.transpose(0, 2, 3, 1).")
    if pictures.ndim != 4 or shape[3] != 3:
        raise InputError(f"{expected}; convert grey or transparent ones to RGB")
    if 0 in shape:
        raise InputError(f"there are no pictures: the shape is {shape}")
    if pictures.dtype != np.uint8:
        raise InputError(f"pictures are uint8 from 0 to 255, not {pictures.dtype}; are they scaled to [-1, 1]?")
    if shape[1] != shape[2]:
        raise InputError(f"pictures are square, not {shape[1]} high and {shape[2]} wide; crop them first")


def _enlarge(picture: np.ndarray) -> np.ndarray:
    small = resize(Image.fromarray(picture), SMALL)
    return np.asarray(small.resize((LARGE, LARGE), Image.Resampling.BICUBIC))


def _open(network: Path) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no other base
        raise ModelError(f"the feature network {network} cannot be read; delete it, it is exported again") from error


def _load(path: Path, count: int) -> np.ndarray:
    try:
        with reporting("read", path):
            features = np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise FileError(f"the stored features {path} are damaged; delete the file, it is computed again") from error
    if features.shape != (count, WIDTH) or features.dtype != np.float32:
        raise FileError(f"the stored features {path} are damaged; delete the file, it is computed again")
    return features
