"""Conditions and seeds -> pictures, by ONNX Runtime on one core a picture. Never imports torch.

Every picture is drawn alone (batch 1, one thread), so that neither batch size, nor thread count, nor order can change a
pixel; several pictures are drawn side by side in threads. Who draws for many at once may use a `Batch`: several of them
in one run, where that gives the very same numbers.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from konomi.condition import Condition
from konomi.dice import streams
from konomi.errors import ModelError
from konomi.files import file_sha256
from konomi.guessing import Guess
from konomi.network import facts_of, open_session
from konomi.recipe import VARIATION, Noise, Recipe
from konomi.schema import Schema, load_schema

BATCH = 8  # pictures in one run: more are no faster, and the first of them waits for the last


@dataclass(frozen=True, eq=False)
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
    guess: Guess | None = None  # what nobody asks for; without one it stays unknown
    emphasis: tuple[float, ...] = ()  # how much louder than seen in training a candidate may hear what was asked

    @cached_property
    def drawable(self) -> np.ndarray:
        """Which slots it was trained on, bool (slots,)."""
        return np.isin(np.array(self.schema.slots), np.array(self.draws))

    def cannot_draw(self, condition: Condition) -> list[str]:
        """The attributes of `condition` that this model was not trained on, in schema order."""
        drawn = {slot.split(".")[0] for slot in self.draws}
        return [name for name in condition.to_dict() if name not in drawn]


def load_model(
    path: Path,
    *,
    name: str = "",
    number: int = 0,
    sha256: str = "",
    licence: str = "",
    emphasis: tuple[float, ...] = (),
) -> Model:
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
        Guess.from_dict(facts["guess"]) if "guess" in facts else None,
        emphasis,
    )


def noise(seed: int, length: int, candidate: int = 0) -> np.ndarray:
    """Standard normal noise of a seed, shape (length,), float32; further candidates are further noises of the seed."""
    found: np.ndarray = noise_each(seed, length, [candidate])[0]
    return found


def noise_each(seed: int, length: int, candidates: Sequence[int]) -> np.ndarray:
    """The noises of several candidates, float32 (candidates, length)."""
    numbers = [seed & 0xFFFFFFFF, seed >> 32]
    seeds = ([*numbers, 2, candidate] if candidate else numbers for candidate in candidates)
    return np.stack([dice.standard_normal(length) for dice in streams(seeds)]).astype(np.float32)


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


def filled(model: Model, condition: Condition, noises: Sequence[Noise]) -> np.ndarray:
    """The weights that are drawn, shape (slots,), NaN where they stay unknown.

    A model with a guess knows none: each noise's seed guesses, in newer models with its candidate's number, and a blend
    takes the mean by their shares in it.
    Noises that only vary a picture (`VARIATION`) guess nothing.
    """
    weights = condition.to_array()[: len(model.schema.slots)]  # a schema grows at its end
    if model.guess is None:
        return weights
    people, shares = _people(noises)
    known = weights.astype(np.float64)
    guesses = np.stack([model.guess.fill(known, model.schema, noise.seed, noise.candidate) for noise in people])
    return np.asarray((shares[:, None] * guesses).sum(axis=0) / shares.sum(), dtype=np.float32)


def _people(noises: Sequence[Noise]) -> tuple[list[Noise], np.ndarray]:
    """The noises that are people, not variations of one; and their shares in the blend, float64."""
    people = [noise for noise in noises if noise.candidate != VARIATION] or list(noises[:1])
    return people, np.array([noise.weight**2 for noise in people], dtype=np.float64)


def emphasis_each(model: Model, condition: Condition, seed: int, candidates: Sequence[int]) -> np.ndarray:
    """How many times as loudly each slot is asked, float64 (candidates, slots): 1 but for what was asked to be there.

    What is rare, as ribbons or pink eyes, comes more often when asked more loudly than training ever did, and other
    things suffer. So every candidate takes a factor of `model.emphasis` for each attribute, and who chooses among
    candidates sees what suits this face.
    """
    schema = model.schema
    found = np.ones((len(candidates), len(schema.slots)))
    asked = np.isin(np.arange(len(schema.slots)), [slot for slot, weight in condition.weights if weight == 1])
    if not model.emphasis or not asked.any():
        return found
    # the third number keeps this stream apart from those of the guess (1) and of further noises (2)
    seeds = ([seed & 0xFFFFFFFF, seed >> 32, 3, candidate] for candidate in candidates)
    numbers = np.stack([dice.random_sample(len(schema.attributes)) for dice in streams(seeds)])
    factors = np.array(model.emphasis)[(numbers * len(model.emphasis)).astype(int)]
    for number, attribute in enumerate(schema.attributes):
        where = schema.offsets[attribute.name]
        if asked[where].any():
            found[:, where] = factors[:, number, None]
    return found


def centred(model: Model, condition: Condition, noises: Sequence[Noise]) -> np.ndarray:
    """What the network reads, shape (slots,): weight - prior, emphasised; 0 for unknown and for what it cannot draw."""
    people, shares = _people(noises)
    loud = np.concatenate([emphasis_each(model, condition, noise.seed, [noise.candidate]) for noise in people])
    return _centred(model, filled(model, condition, noises), (shares[:, None] * loud).sum(axis=0) / shares.sum())


def _centred(model: Model, weights: np.ndarray, loud: np.ndarray) -> np.ndarray:
    known = model.drawable & ~np.isnan(weights)
    return np.where(known, (weights - model.prior) * loud.astype(np.float32), 0).astype(np.float32)


def draw_core(model: Model, condition: Condition, seed: int | Sequence[Noise], variety: float) -> Image.Image:
    """One picture at the model's own size, from a seed or a blend of noises."""
    noises = [Noise(seed)] if isinstance(seed, int) else seed
    return draw_inputs(model, *inputs(model, condition, noises, variety))


def draw_inputs(model: Model, z: np.ndarray, condition: np.ndarray) -> Image.Image:
    """The picture of what `inputs` gives."""
    (picture,) = _run(model.session, [(z, condition)])
    return picture


def inputs(
    model: Model, condition: Condition, noises: Sequence[Noise], variety: float
) -> tuple[np.ndarray, np.ndarray]:
    """What the network reads: noise (latent,) and centred condition (slots,), float32 both."""
    return blended(noises, model.latent) * np.float32(variety), centred(model, condition, noises)


def inputs_each(model: Model, recipe: Recipe, candidates: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """`inputs` of several candidates of a recipe without a blend: noises (N, latent) and conditions (N, slots)."""
    z = noise_each(recipe.seed, model.latent, candidates) * np.float32(recipe.variety)
    weights = recipe.condition.to_array()[: len(model.schema.slots)]
    loud = emphasis_each(model, recipe.condition, recipe.seed, candidates)
    if model.guess is None:
        return z, _centred(model, weights[None], loud)
    found = model.guess.fill_each(weights.astype(np.float64), model.schema, recipe.seed, candidates)
    return z, _centred(model, found.astype(np.float32), loud)


def _run(session: Any, read: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Image.Image]:
    z, conditions = zip(*read, strict=True)
    (pixels,) = session.run(["picture"], {"z": np.stack(z), "condition": np.stack(conditions)})
    return [Image.fromarray(to_uint8(one)) for one in pixels]


@dataclass(frozen=True)
class Batch:
    """Draws up to `most` pictures of a model in one run of its network: the same pixels, a little sooner."""

    model: Model
    most: int = 1
    session: Any = None  # of the same network, for any number of pictures

    def draw(self, recipes: Sequence[Recipe]) -> list[Image.Image]:
        """The pictures of at most `most` recipes, at the model's own size."""
        read = [inputs(self.model, r.condition, r.noises, r.variety) for r in recipes]
        return _run(self.session if len(recipes) > 1 else self.model.session, read)


def load_batch(path: Path, model: Model, *, most: int = BATCH) -> Batch:
    """A batch of `model`, whose file is `path`; of 1 where drawing several at once would change a single bit.

    Whether it would is found out by drawing: in which order numbers are added depends on the number of pictures, on the
    processor and on the version of the runtime, but not on the numbers themselves. So runs of every length on random
    inputs, all bits compared with those of single pictures, tell it for all inputs.
    """
    random = np.random.RandomState(0)
    z = random.standard_normal((most, model.latent)).astype(np.float32)
    conditions = random.standard_normal((most, len(model.schema.slots))).astype(np.float32)

    def run(session: Any, rows: slice) -> np.ndarray:
        return np.asarray(session.run(["picture"], {"z": z[rows], "condition": conditions[rows]})[0])

    alone = np.concatenate([run(model.session, slice(i, i + 1)) for i in range(most)])
    try:
        session = open_session(path, any_number=True)
        same = all(np.array_equal(run(session, slice(0, n)), alone[:n]) for n in range(2, most + 1))
    except Exception:  # onnxruntime raises its own unexported classes: a network that is made for one picture only
        same = False
    return Batch(model, most, session) if same else Batch(model)


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """float (3, H, W) in [-1, 1] -> uint8 (H, W, 3); values outside are clamped."""
    return ((np.clip(pixels, -1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(1, 2, 0)


T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Sequence[T], *, threads: int | None = None) -> Iterator[R]:
    """`function` of each item, in order, on all cores; the results do not depend on the number of threads."""
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        yield from pool.map(function, items)
