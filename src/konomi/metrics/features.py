"""Pictures as rows of numbers, in which likeness can be measured.

Conventions
-----------
Pictures are uint8 arrays of shape (N, H, W, 3), RGB, square. Features are float32 arrays of shape (N, D), one row per
picture in the same order. Distances may be compared only if both came from the same features, the same preparation and
sets of the same size: every other network gives other numbers, and the published Inception FIDs are not comparable.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from konomi.errors import FileError, InputError, ModelError
from konomi.files import file_sha256, make_folder, reporting, whole
from konomi.images import resize
from konomi.network import open_session

NETWORK = "efficientnet-lite0-57934424.onnx"  # with the beginning of its weights' sha256
WIDTH = 1280
SMALL, LARGE = 64, 224  # pixels: all pictures are compared at the detail of 64, enlarged to what the network expects
BATCH = 8
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)  # ImageNet
DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)
PREPARATION = "64 lanczos, 224 bicubic, /255, imagenet"  # part of the cache key: change it with `prepare`

Progress = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]


class Features(Protocol):
    """What turns pictures, uint8 (N, H, W, 3), into features, float32 (N, D)."""

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray: ...


class EfficientNetFeatures:
    """Pooled features of ImageNet's EfficientNet-Lite0, 1,280 per picture, run by ONNX Runtime and kept in a cache.

    Every picture's features are stored as one .npy file, by the hash of its 64 pixels a side and of the network: what
    two sets share is computed once, and an interrupted run goes on. The last digits may differ between machines.

    Parameters
    ----------
    export : callable(Path)
        Writes the network where the cache does not hold it yet: `konomi.model.feature_network.export`.
    cache : Path, optional
        Folder of the network and of the stored features; `cache_folder()` unless given.
    progress : callable(batches, total)
        Wraps the iteration over batches of 8 pictures, for a progress bar. Not called if all features are stored.
    threads : int
        Batches computed side by side; 0 means one on each core.

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
        threads: int = 0,
    ) -> None:
        self.cache = make_folder(cache or cache_folder())
        network = self.cache / NETWORK
        if not network.exists():
            export(network)
        self.hash = file_sha256(network)
        self._session = _open(network)
        self._progress = progress
        self._threads = threads or os.cpu_count() or 1

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        """Features of `pictures`, float32 (N, 1280); an InputError guesses what is wrong with them."""
        validate(pictures)
        small = np.stack([_shrink(picture) for picture in pictures])
        places = [self._place(picture) for picture in small]
        missing = {place: row for row, place in reversed(list(enumerate(places))) if not place.exists()}
        if missing:
            self._store(dict(sorted(missing.items(), key=lambda item: item[1])), small)
        return np.stack([_load(place) for place in places])

    def _place(self, small: np.ndarray) -> Path:
        """Where the features of one picture, uint8 (64, 64, 3), are stored."""
        digest = hashlib.sha256(f"{self.hash} {PREPARATION} ".encode())
        digest.update(small.tobytes())
        name = digest.hexdigest()
        return self.cache / "features" / name[:2] / f"{name}.npy"

    def _store(self, missing: dict[Path, int], small: np.ndarray) -> None:
        """Compute and write what is missing; `missing` maps a place to its row of `small`."""
        places, rows = list(missing), list(missing.values())
        batches = [small[rows[i : i + BATCH]] for i in range(0, len(rows), BATCH)]
        for folder in {place.parent for place in places}:
            make_folder(folder)
        left = iter(places)
        for computed in self._progress(self._computed(batches), len(batches)):
            for row in computed:
                with whole(next(left)) as temporary, temporary.open("wb") as file:
                    np.save(file, row)

    def _computed(self, batches: list[np.ndarray]) -> Iterator[np.ndarray]:
        pool = ThreadPoolExecutor(self._threads)
        try:
            yield from pool.map(self._run, batches)
        finally:
            pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all of them

    def _run(self, batch: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._session.run(["features"], {"pictures": prepare(batch)})[0]
        return found


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


def _shrink(picture: np.ndarray) -> np.ndarray:
    return np.asarray(resize(Image.fromarray(picture), SMALL))


def _enlarge(picture: np.ndarray) -> np.ndarray:
    small = Image.fromarray(_shrink(picture))
    return np.asarray(small.resize((LARGE, LARGE), Image.Resampling.BICUBIC))


def _open(network: Path) -> Any:
    try:
        return open_session(network)  # on one thread: batches beside each other are faster than one on all cores
    except ModelError as error:
        raise ModelError(f"the feature network {network} cannot be read; delete it, it is exported again") from error


def _load(path: Path) -> np.ndarray:
    try:
        with reporting("read", path):
            features = np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise FileError(f"the stored features {path} are damaged; delete the file, it is computed again") from error
    if features.shape != (WIDTH,) or features.dtype != np.float32:
        raise FileError(f"the stored features {path} are damaged; delete the file, it is computed again")
    return features
