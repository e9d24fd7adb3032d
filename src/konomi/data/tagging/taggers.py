"""Taggers, which say how probable every tag is in a picture. No torch, and no stages.

Conventions
-----------
Pictures are uint8 arrays of shape (N, H, W, 3), RGB, of any size. Probabilities are float32 in [0, 1], one column a tag
of the tagger, or one column a slot of the schema, where NaN is unknown.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from konomi.errors import InputError, ModelError
from konomi.files import file_sha256
from konomi.images import resize, stack
from konomi.network import facts_of, open_session
from konomi.schema import Schema

FACTS = {"kind", "schema", "schema_hash", "slots", "size", "thresholds", "version"}  # of a tagger of Konomi
# tags of no schema, which judges of drawn faces know: no broken eyes, no melted hair, one mouth; how well it pleases
WHOLE, LIKED = "whole", "liked"
Vectors = Callable[[np.ndarray], np.ndarray]


class Tagger(Protocol):
    """What turns pictures, uint8 (N, H, W, 3), into probabilities, float32 (N, tags)."""

    @property
    def name(self) -> str: ...
    @property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of the model's files, by name."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """One name a column: a slot of the schema, or a name of `danbooru.toml`, or any other."""
        ...

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Of the slots that have one of their own."""
        ...

    @property
    def mirror(self) -> bool:
        """Whether its answers get better when a picture's and its mirror image's are averaged."""
        ...

    @property
    def features(self) -> Vectors | None:
        """Pictures (N, H, W, 3) to feature vectors, float32 (N, D), if it has any."""
        ...

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray: ...


def estimate(tagger: Tagger, pictures: np.ndarray, schema: Schema, *, mirror: bool | None = None) -> np.ndarray:
    """Probabilities by slot, float32 (N, slots), NaN where `tagger` has no tag for a slot.

    `mirror` averages each picture's with its mirror image's; by default the tagger knows whether to. In an exclusive
    attribute at most one value holds, so values that add up to more than 1 are scaled down to 1: taggers with one
    sigmoid a tag do not know that.
    """
    return _by_schema(tagger, _found(tagger, pictures, mirror=mirror), schema)


def look(tagger: Tagger, pictures: np.ndarray, schema: Schema) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `estimate` gives; how probably each face is whole, and how well it is liked (0 to 1), float32 (N,) each.

    What `tagger` cannot say is NaN.
    """
    found = _found(tagger, pictures)
    unknown = np.full(len(pictures), np.nan, dtype=np.float32)
    whole, liked = (found[:, tagger.tags.index(tag)] if tag in tagger.tags else unknown for tag in (WHOLE, LIKED))
    return _by_schema(tagger, found, schema), whole, liked


def _found(tagger: Tagger, pictures: np.ndarray, *, mirror: bool | None = None) -> np.ndarray:
    """Probabilities by tag, (N, tags)."""
    found = _checked(tagger, pictures)
    if tagger.mirror if mirror is None else mirror:
        found = (found + _checked(tagger, pictures[:, :, ::-1])) / 2
    return found


def _by_schema(tagger: Tagger, found: np.ndarray, schema: Schema) -> np.ndarray:
    weights = _by_slot(found, tagger.tags, schema)
    if np.isnan(weights).all():
        raise ModelError(f"{tagger.name} has no tag that the schema {schema.name!r} knows")
    for where in (schema.offsets[a.name] for a in schema.attributes if a.exclusive):
        weights[:, where] /= np.maximum(np.nansum(weights[:, where], axis=1, keepdims=True), 1)
    return weights


def _checked(tagger: Tagger, pictures: np.ndarray) -> np.ndarray:
    found = np.asarray(tagger(np.ascontiguousarray(pictures)), dtype=np.float32)
    if found.shape != (len(pictures), len(tagger.tags)):
        raise ModelError(
            f"{tagger.name} has {len(tagger.tags)} tags, but gave {found.shape} for {len(pictures)} pictures"
        )
    if not (found >= -1e-4).all() or not (found <= 1 + 1e-4).all():  # NaN is neither
        raise ModelError(f"{tagger.name} gave values outside 0 to 1, so they are no probabilities")
    return found.clip(0, 1)


def _by_slot(found: np.ndarray, tags: tuple[str, ...], schema: Schema) -> np.ndarray:
    """Columns by tag -> columns by slot: the highest of a slot's names, NaN where there is none."""
    columns = {tag: i for i, tag in enumerate(tags)}
    result = np.full((len(found), len(schema.slots)), np.nan, dtype=np.float32)
    for number, slot in enumerate(schema.slots):
        if here := [columns[name] for name in (slot, *danbooru_names(schema).get(slot, ())) if name in columns]:
            result[:, number] = found[:, here].max(axis=1)
    return result


@cache
def danbooru_names(schema: Schema) -> dict[str, tuple[str, ...]]:
    """What Danbooru calls the slots of `schema`, from `danbooru.toml`; an InputError names a slot it does not have."""
    text = (resources.files("konomi.data.tagging") / "danbooru.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text).get(schema.name, {})
    return {schema.slots[schema.slot_index(slot)]: tuple(names) for slot, names in table.items()}


@dataclass(frozen=True)
class OnnxTagger:
    """A tagger of Konomi: an ONNX file that says itself what it needs and gives."""

    name: str
    files: Mapping[str, str]
    tags: tuple[str, ...]  # slots of the schema, and WHOLE and LIKED if the network says them too
    thresholds: Mapping[str, float]
    size: int  # pixels: side of what the network reads
    session: Any = field(repr=False)
    mirror: bool = True
    features: Vectors | None = None

    def __call__(self, pictures: np.ndarray, /) -> np.ndarray:
        resized = stack([resize(Image.fromarray(p), self.size) for p in pictures])
        outputs = ["probabilities", *(tag for tag in (WHOLE, LIKED) if tag in self.tags)]
        return np.column_stack(run_network(self.session, self.name, resized, into="pictures", out_of=outputs))


def open_onnx(path: Path, schema: Schema, *, name: str = "", sha256: str = "", threads: int = 0) -> OnnxTagger:
    """Open a tagger of Konomi.

    Input `pictures`, uint8 (N, size, size, 3) RGB; outputs `probabilities`, float32 (N, slots), and perhaps `whole`
    and `liked`, float32 (N,); metadata `konomi`, a JSON object with the keys of FACTS. `threads` of 0 means all cores.

    Raises
    ------
    ModelError
        If the file is missing, damaged, not the published `name` (by its `sha256`), no tagger, or made for another
        schema.
    """
    session = open_session(path, threads=threads, name=name, sha256=sha256)
    facts = _facts(session, path)
    if facts["schema"] != schema.name or schema.version(facts["schema_hash"]) is None:
        raise ModelError(
            f"{path} was made for another version of the schema {facts['schema']!r}; use the Konomi it came with"
        )
    if unknown := ({*facts["slots"], *facts["thresholds"]} - set(schema.slots)) | _twice(facts["slots"]):
        raise ModelError(f"{path} names slots wrongly: {', '.join(sorted(unknown))}")
    name = name or f"{path.stem} {facts['version']}"
    return OnnxTagger(
        name,
        {path.name: sha256 or file_sha256(path)},
        (*facts["slots"], *(tag for tag in (WHOLE, LIKED) if tag in [output.name for output in session.get_outputs()])),
        facts["thresholds"],
        facts["size"],
        session,
    )


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _facts(session: Any, path: Path) -> dict[str, Any]:
    hint = "; for a tagger in the WD14 layout give wd14:FOLDER"
    facts = facts_of(session, path, hint=hint)
    if "kind" not in facts:
        raise ModelError(f"{path} does not say what it is{hint}")
    if facts["kind"] != "tagger":
        raise ModelError(f"{path} is a {facts['kind']}, not a tagger")
    if missing := FACTS - set(facts):
        raise ModelError(f"{path} does not say its {', '.join(sorted(missing))}; export it again")
    return facts


def run_network(session: Any, name: str, data: np.ndarray, *, into: str, out_of: Sequence[str]) -> list[np.ndarray]:
    """Outputs of a network; a ModelError says when it does not take `data`."""
    try:
        return session.run(list(out_of), {into: data})
    except Exception as error:
        raise ModelError(f"{name} cannot be run: {str(error).splitlines()[0][:120]}") from None


def files_of(folder: Path, names: Mapping[str, tuple[str, ...]], *, source: str) -> dict[str, Path]:
    """Files of a tagger's folder by purpose, each under the first of its possible names that is there.

    An InputError names what is missing, and where it comes from.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; it must hold the files of {source}")
    found = {what: next((folder / n for n in given if (folder / n).is_file()), None) for what, given in names.items()}
    if missing := [names[what][0] for what, path in found.items() if path is None]:
        raise InputError(f"{folder} lacks {', '.join(missing)}; get it from {source}")
    return {what: path for what, path in found.items() if path is not None}
