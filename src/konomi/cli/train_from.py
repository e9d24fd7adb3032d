"""One's own style: a published generator goes on with a folder of drawings."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from konomi.cli.console import err, following, out
from konomi.cli.crop import open_detector
from konomi.cli.tag import open_tagger
from konomi.cli.train import TrainingLine
from konomi.errors import InputError
from konomi.models import Published, find_model, published
from konomi.record import STAGE, read_stage
from konomi.schema import Schema, load_schema

if TYPE_CHECKING:
    from konomi.model.base import Base

FEWEST = 20  # faces to learn from
CLOSE = 0.95  # side of what is cut out, in head boxes: as close as the faces that the published models know


def train_from(name: str, drawings: Path, folder: Path | None, *, seconds: float, licence: str) -> None:
    """Crop and tag the drawings, go on training with them, and export what comes out."""
    from konomi.data.dataset import load
    from konomi.model.card import card, write_card
    from konomi.model.export import export_run
    from konomi.model.plan import OWN_STYLE
    from konomi.model.plots import plot_run
    from konomi.model.train import train

    model, base = open_base(name)
    schema = load_schema("anime").version(base.schema_hash)
    assert schema is not None  # published models are of our schemas
    folder = folder or Path("runs") / drawings.resolve().name
    data = load([prepare(drawings, folder, schema, base.shape.size)], schema)
    if len(data) < FEWEST:
        raise InputError(f"{drawings} gave {len(data)} faces; at least {FEWEST} are needed, and 100 to 500 are better")
    shape = base.shape
    options = replace(OWN_STYLE, channels=shape.channels, smooth=shape.smooth, soft_colours=shape.soft_colours)
    with TrainingLine(options.pictures) as line:
        judge = find_model("judge", kind="tagger").path  # whose eyes the critic looks through
        run = train(data, options, folder, report=line.show, seconds=seconds, base=base, judge=judge)
    plot_run(folder)
    file = folder / f"{folder.name}.onnx"
    told = f"{licence}; begun with {model.name}: {model.licence}"  # what was learned before binds, too
    facts = export_run(folder, file, schema=schema, name=folder.name, licence=told, assume={"framing": "close"})
    write_card(file, card(facts))
    done = "finished" if run.seen >= options.pictures else "stopped; the same command goes on"
    out.print(f"{folder}: {run.seen} of {options.pictures} pictures, {done}", markup=False)
    out.print(f'{file}: konomi draw "long blue hair" --model {file}', markup=False)


def _with_discriminator(name: str) -> Published:
    """The generator of this name; of a family, the newest that was published with its discriminator."""
    found, known = find_model(name), [m for m in published("generator") if m.discriminator]
    for model in reversed(known):
        if name in (model.name, model.family):
            return model
    names = ", ".join(m.name for m in known) or "none"
    raise InputError(f"{found.name} was published without its discriminator; go on from one of: {names}")


def open_base(name: str) -> tuple[Published, "Base"]:
    """The published generator of this name, or its family's newest that has a discriminator; and their networks."""
    from konomi.model.base import read_base

    model = _with_discriminator(name)
    return model, read_base(model.path, find_model(model.discriminator, kind="discriminator").path)


def prepare(drawings: Path, folder: Path, schema: Schema, size: int) -> Path:
    """The stage to learn from: `drawings` itself if it is a stage with tags, else one that is made in `folder`."""
    if (drawings / STAGE).exists() and any(record.tags for record in read_stage(drawings)):
        return drawings
    faces, tagged, data = folder / "faces", folder / "tagged", folder / "data"
    if not (faces / STAGE).exists():
        _crop(drawings, faces)
    if not (tagged / STAGE).exists():
        _tag(faces, tagged, schema)
    if not (data / STAGE).exists():
        _build(tagged, data, schema, size)
    return data


def _crop(drawings: Path, faces: Path) -> None:
    from konomi.data.cropping.crop import CropOptions, crop

    options, detector = CropOptions(size=128, enlarge=CLOSE, min_face=32), open_detector("faces")
    counts = crop(
        drawings, faces, detector, options, progress=lambda items, total: following(items, total, what="cropping")
    )
    err.print(f"{faces}: {counts['faces']} faces of {counts['pictures']} drawings; see faces.png there", markup=False)


def _tag(faces: Path, tagged: Path, schema: Schema) -> None:
    from konomi.data.tagging.tag import tag_pictures

    tagger = open_tagger("tagger", schema)
    done = tag_pictures(faces, tagged, tagger, schema, progress=_following)
    err.print(f"{tagged}: tagged by {tagger.name}, {len(done.left_out)} unreadable", markup=False)


def _build(tagged: Path, data: Path, schema: Schema, size: int) -> None:
    from konomi.data.building.build import build
    from konomi.data.building.mixture import Ingredient, Mixture

    known = {"framing": "close"} if "framing.close" in schema.slots else {}
    mixture = Mixture((Ingredient(tagged, tags=known),), schema.name, size=size, validation=0.0, test=0.0)
    counts = build(mixture, data, progress=following)
    err.print(f"{data}: {counts['pictures']} faces, {counts['duplicates']} duplicates removed", markup=False)


def _following(items: Iterable[Any], total: int, what: str) -> Iterable[Any]:
    return following(items, total, what=what)
