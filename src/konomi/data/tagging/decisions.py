"""Yes or no, from the probabilities of tags. Only the probabilities are kept; this is derived from them when needed."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from konomi.record import Record
from konomi.schema import Schema

THRESHOLD = 0.25  # of tags that are judged one by one, as in Xu's paper


def decide(tags: Mapping[str, float], schema: Schema, thresholds: Mapping[str, float] | None = None) -> dict[str, bool]:
    """Yes or no for every slot that has a probability (Xu, section Tag Estimation).

    In an exclusive attribute the value with the highest probability holds, unless all have 0; every other tag holds
    from its threshold upwards: 0.25, or the tagger's own. Where only one value of an exclusive attribute is known,
    there is nothing to compare it with, and its threshold decides.
    """
    for slot in tags:
        schema.slot_index(slot)
    chosen: dict[str, bool] = {}
    for attribute in schema.attributes:
        known = {slot: tags[slot] for slot in attribute.slots if slot in tags}
        if attribute.exclusive and len(known) > 1:
            best = max(known, key=known.__getitem__)
            chosen |= {slot: slot == best and p > 0 for slot, p in known.items()}
        else:
            chosen |= {slot: p >= (thresholds or {}).get(slot, THRESHOLD) for slot, p in known.items()}
    return chosen


def decisions_table(records: Iterable[Record], schema: Schema, thresholds: Mapping[str, float]) -> str:
    """The decisions as CSV, one row a picture; a field is empty where nothing is known, or no value holds.

    An exclusive attribute is one column with the value's name, every other slot a column with yes or no.
    """
    columns = [c for a in schema.attributes for c in ((a.name,) if a.exclusive else a.slots)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["file", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    for record in records:
        row = {"file": record.file}
        for slot, holds in decide(record.tags, schema, thresholds).items():
            if slot in columns:
                row[slot] = "yes" if holds else "no"
            elif holds:
                name, _, value = slot.partition(".")
                row[name] = value
        writer.writerow(row)
    return buffer.getvalue()


@dataclass(frozen=True)
class TagSummary:
    """One line of the summary."""

    slot: str
    known: int  # pictures with a probability
    positive: int  # pictures where it was decided to hold
    mean: float  # probability


def summarise(records: Sequence[Record], schema: Schema, thresholds: Mapping[str, float]) -> list[TagSummary]:
    """One line a slot that is known of any picture, in the order of the schema."""
    decided = [decide(r.tags, schema, thresholds) for r in records]
    lines = []
    for slot in schema.slots:
        if known := [r.tags[slot] for r in records if slot in r.tags]:
            lines.append(TagSummary(slot, len(known), sum(d.get(slot, False) for d in decided), float(np.mean(known))))
    return lines
