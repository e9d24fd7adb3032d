"""What a dataset holds, in numbers: tags, pairs of tags, years, resolution, groups, splits, licences and sources."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from konomi.data.progress import Progress, silent
from konomi.data.tagging.decisions import TagSummary, decide
from konomi.files import reporting
from konomi.record import Record
from konomi.schema import Schema

HALF = 0.5  # from which a tag holds whose tagger is not known


@dataclass(frozen=True)
class Statistics:
    """Of N pictures. A tag holds where `konomi.data.tagging.decisions` says so."""

    pictures: int
    tagged: int  # pictures with any tag
    tags: tuple[TagSummary, ...]  # one a slot of which anything is known, in the order of the schema
    share: np.ndarray  # (T, T): of the pictures in which the row's tag holds, the share in which the column's does
    usual: np.ndarray  # (T, T): that share of all pictures in which the row's tag is known, whether it holds or not
    years: dict[int, int]
    sides: dict[int, int]  # pixels of the face, or else of the picture, in its source
    groups: dict[int, int]  # how many groups have how many pictures; empty if groups were not looked for
    splits: dict[str, int]
    weights: dict[float, int]
    licences: dict[str, int]
    sources: dict[str, int]  # hosts and archives


def count_all(
    records: Sequence[Record],
    schema: Schema,
    sides: Mapping[int, int],
    thresholds: Mapping[str, float],
    *,
    progress: Progress = silent,
) -> Statistics:
    """Statistics of a stage.

    Parameters
    ----------
    sides : {pixels: pictures}
        As `face_sides` finds them.
    thresholds : {slot: probability}
        From which a tag holds, where it is not the usual one.
    """
    counted = progress(records, len(records), what="counting tags")
    holds, probability = _matrices(counted, schema, thresholds)
    seen = ~np.isnan(probability).all(axis=0)
    holds, probability = holds[:, seen], probability[:, seen]
    known = ~np.isnan(probability)
    slots = [slot for slot, taken in zip(schema.slots, seen, strict=True) if taken]
    columns = zip(slots, known.sum(axis=0), holds.sum(axis=0), np.nanmean(probability, axis=0), strict=True)
    sizes = Counter(Counter(r.group for r in records if r.group).values())
    return Statistics(
        pictures=len(records),
        tagged=sum(bool(r.tags) for r in records),
        tags=tuple(TagSummary(slot, int(n), int(positive), float(mean)) for slot, n, positive, mean in columns),
        share=_shares(holds, holds, known),
        usual=_shares(known, holds, known),
        years=_sorted(Counter(r.year for r in records if r.year is not None)),
        sides=_sorted(sides),
        groups=_sorted(sizes),
        splits=dict(Counter(r.split for r in records if r.split)),
        weights=_sorted(Counter(round(r.weight, 3) for r in records)),
        licences=dict(Counter(r.licence or "unknown" for r in records).most_common()),
        sources=dict(Counter(source_of(r) for r in records).most_common()),
    )


def _matrices(
    records: Iterable[Record], schema: Schema, thresholds: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """By record and slot: whether the tag holds, bool (N, slots), and its probability, NaN where unknown."""
    holds, probability = [], []
    for record in records:
        decided = decide(record.tags, schema, thresholds)
        holds.append([decided.get(slot, False) for slot in schema.slots])
        probability.append([record.tags.get(slot, np.nan) for slot in schema.slots])
    shape = (len(holds), len(schema.slots))
    return np.array(holds, dtype=bool).reshape(shape), np.array(probability, dtype=np.float64).reshape(shape)


def _shares(rows: np.ndarray, holds: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(T, T): where `rows` is true of r, the share of the pictures with c known in which c holds; NaN of none."""
    counted = rows.T.astype(np.float64)
    with np.errstate(invalid="ignore"):
        shares: np.ndarray = (counted @ holds) / (counted @ known)
    return shares


def _sorted(counts: Mapping[Any, int]) -> dict[Any, int]:
    return dict(sorted(counts.items()))


def source_of(record: Record) -> str:
    """The host of a record's address, or the archive or folder it came out of."""
    address = urlsplit(record.source)
    return address.netloc or record.source.split(":", 1)[0] or "unknown"


def face_sides(
    folder: Path, records: Sequence[Record], settings: Mapping[str, Any], *, progress: Progress = silent
) -> Counter[int]:
    """How many faces have how many pixels in their sources: {pixels: pictures}.

    A built stage tells; of others it is the side of the face's box, and where none is known that of the picture.
    """
    if "sources" in settings:
        return sum((Counter({int(k): n for k, n in s["face_sides"].items()}) for s in settings["sources"]), Counter())
    return Counter(_side(folder, record) for record in progress(records, len(records), what="measuring"))


def _side(folder: Path, record: Record) -> int:
    if record.box:
        left, top, right, bottom = record.box
        return min(right - left, bottom - top)
    path = folder / record.file
    with reporting("read", path), Image.open(path) as picture:
        return min(picture.size)


def thresholds_of(settings: Mapping[str, Any], schema: Schema) -> dict[str, float]:
    """From which probability each tag holds: as the taggers of a stage or of its sources say, else a half."""
    taggers = [settings.get("tagger", {}), *(s.get("tagger", {}) for s in settings.get("sources", []))]
    usual = [tagger["threshold"] for tagger in taggers if "threshold" in tagger]
    thresholds = dict.fromkeys(schema.slots, float(min(usual, default=HALF)))
    for tagger in taggers:
        thresholds |= {slot: float(p) for slot, p in tagger.get("thresholds", {}).items()}
    return thresholds
