"""The stage `tag`: the pictures of a stage, or of any folder, with how probable every tag is in each.

`Record.tags` holds probabilities; what people judged by eye takes the place of what was estimated. Decisions, yes or
no, are only in `tags.csv`, which is for people.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from konomi import __version__
from konomi.data.dataset import PICTURES
from konomi.data.tagging.by_eye import LabelsUsed, merge, read_by_eye
from konomi.data.tagging.decisions import THRESHOLD, decisions_table
from konomi.data.tagging.estimates import (
    FEATURES,
    JOURNAL,
    Progress,
    check_features_file,
    compute_features,
    estimate_tags,
    pictures_hash,
    write_features,
)
from konomi.data.tagging.taggers import Tagger
from konomi.errors import FileError, InputError
from konomi.files import file_sha256, locked, write_lines, write_text
from konomi.record import MANIFEST, STAGE, Record, check_schema, read_stage, stage_settings, write_stage
from konomi.schema import Schema

TABLE = "tags.csv"
LEFT_OUT = "left-out.jsonl"


@dataclass(frozen=True)
class Tagged:
    """What a run of the stage came to."""

    records: tuple[Record, ...]
    left_out: dict[str, str]  # what is wrong with the pictures that cannot be read, by file
    labels: LabelsUsed


def tag_pictures(
    stage: Path,
    out: Path,
    tagger: Tagger,
    schema: Schema,
    *,
    labels: Sequence[Path] = (),
    features: Path | None = None,
    progress: Progress = lambda items, total, what: items,
) -> Tagged:
    """Make the stage `out`: the pictures of `stage` with the probabilities that `tagger` gives.

    Tags that the pictures had before are kept where the tagger knows nothing of their attribute. A run that was stopped
    goes on where it was. Pictures that cannot be read are left out, named in the result, in `stage.json` and, with all
    that is known of them, in `left-out.jsonl`.

    Parameters
    ----------
    labels : paths
        Label files (`konomi.data.tagging.labels`); what was judged by eye in them overrides the estimates.
    features : path, optional
        A .npy or .safetensors file for the tagger's feature vectors.
    progress : callable(items, total, what)
        Wraps an iteration, for a progress bar.

    Raises
    ------
    InputError, FileError
        If there is nothing to tag, `out` is in the way, or another run works in it.
    """
    vectors = tagger.features
    if features and not vectors:
        raise InputError(f"{tagger.name} has no feature vectors; Illustration2Vec does: --tagger i2v:FOLDER")
    if features:
        check_features_file(features)
    _check_places(stage, out)
    records = read_pictures(stage, schema)
    by_eye = read_by_eye(labels, [r.file for r in records], schema)
    with locked(out):
        if (out / STAGE).exists():
            raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
        found, problems = estimate_tags(stage, out, records, tagger, schema, progress)
        readable = [r for r in records if r.file not in problems]
        if not readable:
            raise FileError(f"none of the {len(records)} pictures can be read: {next(iter(problems.values()))}")
        if features and vectors:
            write_features(features, compute_features(out, readable, vectors, progress), [r.file for r in readable])
        tagged = tuple(replace(r, tags=merge(r, found[r.file], by_eye, schema)) for r in readable)
        result = Tagged(tagged, problems, by_eye.used_in(r.file for r in readable))
        write_text(out / TABLE, decisions_table(tagged, schema, tagger.thresholds))
        _finish(stage, out, result, records, _provenance(records, result, tagger, schema))
    return result


def _check_places(stage: Path, out: Path) -> None:
    inner, outer = out.resolve(), stage.resolve()
    if inner == outer or outer in inner.parents:
        raise InputError(f"{out} lies in {stage}, whose pictures are to be tagged; choose a folder outside it")


def read_pictures(stage: Path, schema: Schema) -> list[Record]:
    """The records of a stage, or new ones of a folder that just holds pictures.

    A FileError says when the stage is unfinished, of another version or schema, or holds no pictures.
    """
    if (stage / STAGE).exists() or (stage / MANIFEST).exists():
        records = read_stage(stage)
        if any(r.tags for r in records):
            check_schema(stage, schema)
        if unknown := {slot for r in records for slot in r.tags} - set(schema.slots):
            raise FileError(f"{stage} has tags that schema {schema.name!r} does not: {', '.join(sorted(unknown))}")
    elif stage.is_dir():
        paths = sorted(p for p in stage.rglob("*") if p.suffix.lower() in PICTURES and p.is_file())
        records = [Record(p.relative_to(stage).as_posix(), file_sha256(p), source=stage.name) for p in paths]
    else:
        raise FileError(f"there is no folder {stage}")
    for path in (PurePosixPath(r.file) for r in records):
        if path.is_absolute() or ".." in path.parts:
            raise FileError(f"{stage / MANIFEST} names {path}, which is not inside the stage")
    if not records:
        raise FileError(f"{stage} holds no pictures ({', '.join(sorted(PICTURES))})")
    return records


def _provenance(records: Sequence[Record], result: Tagged, tagger: Tagger, schema: Schema) -> dict[str, Any]:
    """What `stage.json` says of where the tags come from."""
    used = {
        "name": tagger.name,
        "files": dict(tagger.files),
        "mirror": tagger.mirror,
        "threshold": THRESHOLD,
        "thresholds": dict(tagger.thresholds),
    }
    return {
        "stage": "tag",
        "version": __version__,
        "inputs": pictures_hash(records),
        "schema": schema.name,
        "schema_hash": schema.hash,
        "tagger": used,
        "labels": asdict(result.labels),
        "counts": {"pictures": len(result.records), "unreadable": len(result.left_out)},
        "unreadable": result.left_out,
    }


def _finish(stage: Path, out: Path, result: Tagged, records: Sequence[Record], made: dict[str, Any]) -> None:
    (out / LEFT_OUT).unlink(missing_ok=True)  # of an earlier try
    if result.left_out:
        left_out = (asdict(r) | {"problem": result.left_out[r.file]} for r in records if r.file in result.left_out)
        write_lines(out / LEFT_OUT, left_out)
    before = stage_settings(stage) if (stage / STAGE).exists() else {}
    write_stage(out, list(result.records), before | made)
    (out / JOURNAL).unlink()
    shutil.rmtree(out / FEATURES, ignore_errors=True)
