"""How a survey's pictures look to the model of taste, written down once: `seen.json` in its folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from konomi import api
from konomi.errors import FileError
from konomi.files import read_json, write_json
from konomi.images import read, resize, stack
from konomi.record import Record
from konomi.schema import load_schema
from konomi.taste.look import LOOK, look
from konomi.tasting.seeing import SIDE

SEEN, FORMAT, DIGITS = "seen.json", 1, 4


def write_seen(folder: Path, records: Sequence[Record]) -> None:
    """Write down what a survey's pictures show, once: tags as they are known, or as our tagger says, and looks."""
    schema = load_schema("anime")
    judge = api.open_judge(api.open_model(schema.name))
    weights, small = [], []
    for record in records:
        picture = read(folder / record.file)
        told = np.array([record.tags.get(slot, np.nan) for slot in schema.slots])
        weights.append(np.where(np.isnan(told), judge(np.asarray(picture)[None])[0][: len(told)], told))
        small.append(resize(picture, SIDE))
    rows = np.hstack([np.stack(weights), look(stack(small))]).round(DIGITS)
    table = {record.file: [None if np.isnan(x) else x for x in row] for record, row in zip(records, rows, strict=True)}
    write_json(folder / SEEN, {"format": FORMAT, "schema_hash": schema.hash, "pictures": table})


def read_seen(folder: Path, files: Sequence[str]) -> np.ndarray:
    """What the pictures `files` show, (N, slots + looks), unknown NaN; a FileError if it is damaged or another's."""
    facts, schema = read_json(folder / SEEN), load_schema("anime")
    try:
        rows = np.array([facts["pictures"][file] for file in files], dtype=float)
        whole = facts["format"] == FORMAT and rows.shape == (len(files), len(schema.slots) + len(LOOK))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole or facts["schema_hash"] != schema.hash:
        raise FileError(f"{folder / SEEN} is damaged, or of another version of Konomi; make the survey again")
    return rows
