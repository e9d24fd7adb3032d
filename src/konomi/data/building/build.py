"""The stage `build`: a dataset out of several stages, without duplicates, with groups, splits, labels and weights."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from konomi import __version__
from konomi.data.building.card import write_card
from konomi.data.building.choose import Chosen, choose, likeness_of
from konomi.data.building.duplicates import Likeness, face_side, report
from konomi.data.building.fingerprints import Fingerprints, fingerprints
from konomi.data.building.gather import Candidate, Gathered, gather
from konomi.data.building.mixture import Mixture
from konomi.data.building.split import SPLITS
from konomi.data.dataset import store_picture
from konomi.data.progress import Progress, silent
from konomi.errors import InputError
from konomi.files import file_sha256, locked, make_folder, read_json, reporting, whole, write_json
from konomi.images import read, resize
from konomi.record import MANIFEST, STAGE, Record, stage_settings, write_stage
from konomi.schema import Schema, load_schema

PLAN = "build.json"  # what an unfinished stage is being built from
PRINTS = ".fingerprints.npz"


Enlarge = Callable[[Image.Image, int], Image.Image]  # picture, side in pixels -> the picture of that side


def build(
    mixture: Mixture, out: Path, *, enlarge: Enlarge | None = None, progress: Progress = silent
) -> dict[str, int]:
    """Make the stage `out` of a mixture, and its card; run again after a stop, only what is missing is done.

    Of duplicates the largest, else sharpest, is kept; it takes over what was judged by eye of the others. Every record
    gets a group (pictures that are near each other, mirror images too) and a split, the same for a whole group.

    Parameters
    ----------
    enlarge : callable(picture, size), optional
        Super-resolution, for a mixture that is `sharp`: `konomi.upscale.upscale`.

    Returns
    -------
    dict
        Counts by name: `pictures`, `groups`, `largest_group`, one for each split, pictures that were `judged` by eye or
        are `untagged`; `duplicates` that were removed and pictures `left_out`; `unknown_labels`, of pictures that no
        stage has, and `unknown_test_names`.

    Raises
    ------
    InputError, FileError
        If there is nothing to build from, sizes differ, `out` is in the way, or another run works in it.
    """
    schema = load_schema(mixture.schema)
    if mixture.sharp and enlarge is None:
        raise InputError("a sharp mixture needs super-resolution; build it with 'konomi dataset build'")
    if any(out.resolve() == source.stage.resolve() for source in mixture.sources):
        raise InputError(f"{out} is one of the stages it would be built from; choose another folder")
    with locked(out):
        if (out / STAGE).exists():
            raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
        gathered = gather(mixture, schema, progress=progress)
        candidates = gathered.candidates
        _keep_plan(out, mixture, candidates)
        paths = [candidate.path for candidate in candidates]
        prints = fingerprints(paths, progress=progress, store=out / PRINTS)
        size = _size(mixture, prints, paths)
        likeness = likeness_of(candidates, prints, mixture, progress)
        chosen = choose(candidates, likeness, mixture)
        records = _store(out, chosen.kept, prints, size, enlarge if mixture.sharp else None, progress)
        write_json(out / "duplicates.json", report(_named(candidates), likeness, mixture.thresholds))
        counts = _counts(gathered, chosen, likeness)
        settings = _settings(mixture, schema, size, chosen, likeness) | {"counts": counts}
        settings |= {"sources": _sources(mixture, candidates, chosen.kept, prints)}
        _finish(out, records, settings, schema, progress)
    return counts


def _named(candidates: Sequence[Candidate]) -> list[Record]:
    """Records whose files say their stage."""
    return [replace(c.record, file=f"{c.source.stage.as_posix()}/{c.record.file}") for c in candidates]


def _keep_plan(out: Path, mixture: Mixture, candidates: Sequence[Candidate]) -> None:
    """Keep what is being built; an InputError if an unfinished stage was being built of something else."""
    plan = {"version": __version__, "mixture": mixture.as_dict(), "pictures": [c.record.sha256 for c in candidates]}
    if not (out / PLAN).exists():
        write_json(out / PLAN, plan)
    elif read_json(out / PLAN) != plan:
        raise InputError(f"{out} is unfinished and was being built of something else; choose another folder")


def _size(mixture: Mixture, prints: Fingerprints, paths: Sequence[Path]) -> int:
    """The side of the pictures to write."""
    for path, (width, height) in zip(paths, prints.sizes, strict=True):
        if width != height:
            raise InputError(f"{path} has {width}x{height} pixels; a dataset is of squares: crop it first")
    found = sorted({int(side) for side in prints.sizes[:, 0]})
    if not mixture.size and len(found) > 1:
        raise InputError(f"the pictures have {', '.join(map(str, found))} px; give one size, such as {found[0]}")
    return mixture.size or found[0]


def _store(
    out: Path,
    kept: dict[int, Candidate],
    prints: Fingerprints,
    size: int,
    enlarge: Enlarge | None,
    progress: Progress,
) -> list[Record]:
    """Store what is missing of the pictures; their records with the new files."""
    make_folder(out / "pictures")
    used: Counter[str] = Counter()
    records = []
    for row, candidate in progress(kept.items(), len(kept), what="storing"):
        stem = PurePosixPath(candidate.record.file).stem
        used[stem] += 1
        name = stem if used[stem] == 1 else f"{stem}-{used[stem]}"  # of one name in several stages
        target = out / "pictures" / f"{name}.png"
        if not target.exists():
            smaller = bool((prints.sizes[row] < size).any())
            sized = enlarge if enlarge and smaller else resize
            _store_one(candidate.path, target, size, sized, same=bool((prints.sizes[row] == size).all()))
        records.append(replace(candidate.record, file=f"pictures/{target.name}", sha256=file_sha256(target)))
    return records


def _store_one(path: Path, target: Path, size: int, sized: Enlarge, *, same: bool) -> None:
    """Link (or else copy) a PNG of the `same` size, write any other."""
    if path.suffix.lower() != ".png" or not same:
        store_picture(target, sized(read(path), size))
        return
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        with reporting("read", path), whole(target) as temporary:
            shutil.copyfile(path, temporary)


def _counts(gathered: Gathered, chosen: Chosen, likeness: Likeness) -> dict[str, int]:
    kept = chosen.kept.values()
    splits = Counter(candidate.record.split for candidate in kept)
    groups = Counter(candidate.record.group for candidate in kept)
    return {
        "pictures": len(kept),
        "groups": len(groups),
        "largest_group": max(groups.values()),
        **{split: splits[split] for split in SPLITS},
        "judged": sum(bool(candidate.judged) for candidate in kept),
        "untagged": sum(not candidate.record.tags for candidate in kept),
        "duplicates": len(likeness.removed),
        "left_out": gathered.left_out,
        "unknown_labels": gathered.unknown_labels,
        "unknown_test_names": len(chosen.unmatched),
    }


def _settings(mixture: Mixture, schema: Schema, size: int, chosen: Chosen, likeness: Likeness) -> dict[str, Any]:
    """What `stage.json` says, but for counts and sources."""
    by_eye = Counter(name for candidate in chosen.kept.values() for name in candidate.seen)
    return {
        "stage": "build",
        "version": __version__,
        "schema": schema.name,
        "schema_hash": schema.hash,
        "size": size,
        "by_eye": {attribute.name: by_eye[attribute.name] for attribute in schema.attributes},
        "likeness": likeness.counts(),
        "mixture": mixture.as_dict(),
    }


def _sources(
    mixture: Mixture, candidates: Sequence[Candidate], kept: dict[int, Candidate], prints: Fingerprints
) -> list[dict[str, Any]]:
    """What `stage.json` says of each stage that was built from."""
    told = []
    for source in mixture.sources:
        before = stage_settings(source.stage)
        rows = [row for row, candidate in enumerate(candidates) if candidate.source is source]
        sides = Counter(face_side(candidates[row].record, prints, row) for row in rows if row in kept)
        told.append(
            {
                "stage": str(source.stage),
                "manifest": file_sha256(source.stage / MANIFEST),
                "labels": {str(path): file_sha256(path) for path in source.labels},
                "tagger": before.get("tagger", {}),
                "pictures": len(rows),
                "kept": sum(row in kept for row in rows),
                "face_sides": {str(side): sides[side] for side in sorted(sides)},
            }
        )
    return told


def _finish(out: Path, records: list[Record], settings: dict[str, Any], schema: Schema, progress: Progress) -> None:
    """Write the card and the manifest; `stage.json` comes last."""
    write_card(out, records, settings, schema, progress=progress)
    write_stage(out, records, settings)
    for leftover in (PLAN, PRINTS):
        (out / leftover).unlink()
