"""Conditions and seeds -> pictures, by ONNX Runtime on one core a picture. Never imports torch.

Every picture is drawn alone (batch 1, one thread), so that neither batch size, nor thread count, nor order can change a
pixel; several pictures are drawn side by side in threads.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from konomi.condition import Condition
from konomi.errors import ModelError
from konomi.files import file_sha256
from konomi.network import facts_of, open_session
from konomi.recipe import Noise
from konomi.schema import Schema, load_schema


@dataclass(frozen=True)
class Model:
    """A loaded generator."""

    name: str  # versioned, as anime-1
    sha256: str
    number: int  # in share codes; 0 for a model that is not published
    licence: str
    schema: Schema  # in the version that it was trained with
    draws: tuple[str, ...]  # the slots that it was trained on
    prior: np.ndarray  # (slots,) float32: mean weights in its training data
    latent: int  # length of the noise vector
    size: int  # pixels
    session: Any
    ask_flag: float | None = None  # of a model that knows no "unknown": the chance of a flag that nobody asked about

    def cannot_draw(self, condition: Condition) -> list[str]:
        """The attributes of `condition` that this model was not trained on, in schema order."""
        drawn = {slot.split(".")[0] for slot in self.draws}
        return [name for name in condition.to_dict() if name not in drawn]


def load_model(path: Path, *, name: str = "", number: int = 0, sha256: str = "", licence: str = "") -> Model:
    """Load an ONNX file written by `konomi export`.

    A ModelError says when the file is missing, damaged, not of Konomi, not the published one (`sha256`), or made for
    another schema than this version has.
    """
    session = open_session(path, name=name, sha256=sha256)
    facts = facts_of(session, path, hint="; make one with 'konomi export'")
    if kind := facts.get("kind"):
        raise ModelError(f"{path} is a {kind}, not a generator that draws what is asked for in words")
    schema = load_schema(facts["schema"]).version(facts["schema_hash"])
    if schema is None:
        raise ModelError(
            f"{path} was made for another version of the schema {facts['schema']!r}; use the Konomi it came with"
        )
    prior = np.array(facts["prior"], dtype=np.float32)
    return Model(
        name or facts["name"],
        sha256 or file_sha256(path),
        number,
        licence or facts.get("licence", ""),
        schema,
        tuple(facts["draws"]),
        prior,
        facts["latent"],
        facts["size"],
        session,
        facts.get("ask_flag"),
    )


def noise(seed: int, length: int, candidate: int = 0) -> np.ndarray:
    """Standard normal noise of a seed, shape (length,), float32; further candidates are further noises of the seed.

    numpy's RandomState is used on purpose: its streams are frozen for ever, those of newer generators are not (NEP 19).
    """
    numbers = [seed & 0xFFFFFFFF, seed >> 32]
    state = np.random.RandomState([*numbers, 2, candidate] if candidate else numbers)
    return state.standard_normal(length).astype(np.float32)


def blended(noises: Sequence[Noise], length: int) -> np.ndarray:
    """The sum of noises by their weights, of deviation 1 again, shape (length,), float32.

    Between two noises this walks along the sphere on which noises of this many numbers lie (nearly at right angles to
    each other), and not through its middle, where faces are average.
    """
    if len(noises) == 1:
        return noise(noises[0].seed, length, noises[0].candidate)
    total = np.zeros(length)
    for one in noises:  # one after the other: a matrix product may add in another order elsewhere
        total += one.weight * noise(one.seed, length, one.candidate).astype(np.float64)
    return (total / math.sqrt(sum(one.weight**2 for one in noises))).astype(np.float32)


def centred(model: Model, condition: Condition, seed: int) -> np.ndarray:
    """What the network reads, shape (slots,): weight - prior, and 0 for what it cannot draw.

    Unknown is 0 as well, or, for a model that does not know it, what `seed` makes of it: a random value, and a flag
    with the model's chance.
    """
    drawable = np.isin(np.array(model.schema.slots), np.array(model.draws))
    weights = condition.to_array()[: len(model.schema.slots)]  # a schema grows at its end
    if model.ask_flag is not None:
        weights = np.where(np.isnan(weights), _guess(model.schema, model.ask_flag, seed), weights)
    known = drawable & ~np.isnan(weights)
    return np.where(known, weights - model.prior, 0).astype(np.float32)


def _guess(schema: Schema, chance: float, seed: int) -> np.ndarray:
    # a third number keeps this stream apart from that of the noise
    state = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32, 1])
    guess = (state.random_sample(len(schema.slots)) < chance).astype(np.float32)
    for attribute in (a for a in schema.attributes if a.exclusive):
        guess[schema.offsets[attribute.name]] = np.eye(len(attribute.slots))[state.randint(len(attribute.slots))]
    return guess


def draw_core(model: Model, condition: Condition, seed: int | Sequence[Noise], variety: float) -> Image.Image:
    """One picture at the model's own size, from a seed or a blend of noises."""
    noises = [Noise(seed)] if isinstance(seed, int) else seed
    z = blended(noises, model.latent) * np.float32(variety)
    feed = {"z": z[None], "condition": centred(model, condition, noises[0].seed)[None]}
    (pixels,) = model.session.run(["picture"], feed)
    return Image.fromarray(to_uint8(pixels[0]))


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """float (3, H, W) in [-1, 1] -> uint8 (H, W, 3); values outside are clamped."""
    return ((np.clip(pixels, -1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(1, 2, 0)


T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Sequence[T], *, threads: int | None = None) -> Iterator[R]:
    """`function` of each item, in order, on all cores; the results do not depend on the number of threads."""
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        yield from pool.map(function, items)
