"""Folders of labelled pictures: import, synthetic, duplicates, build, card, map."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from konomi.cli.console import dataset, err, following, need, out
from konomi.errors import FileError, InputError
from konomi.files import reporting
from konomi.record import Record, read_stage, schema_of_stage, stage_settings
from konomi.schema import Schema, load_schema

if TYPE_CHECKING:
    import numpy as np

    from konomi.data.building.mixture import Mixture

Stage = Annotated[Path, typer.Argument(help="A finished stage folder.")]


@dataset.command("import")
def dataset_import(
    source: Annotated[Path, typer.Argument(help="A tar file or folder of pictures.")],
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    labels: Annotated[
        Optional[Path], typer.Option(help="CSV with a column `file` and columns named after attributes.")
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the stored pictures, in pixels.")] = 64,
    leave_out: Annotated[str, typer.Option(help="Leave out files whose name begins with one of these letters.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the pictures, if known.")] = "",
    schema: Annotated[str, typer.Option(help="The schema of the labels: anime or lorelei.")] = "anime",
) -> None:
    """Turn a tar or folder of pictures, with a label CSV, into a stage folder.

    \b
    konomi dataset import faces.tar runs/data/faces --labels faces.csv --size 64
    """
    from konomi.data.dataset import import_pictures

    counts = import_pictures(
        source, labels, folder, schema=load_schema(schema), size=size, leave_out=leave_out, licence=licence,
        progress=lambda items, total: following(items, total, what="importing"),
    )  # fmt: skip
    _tell(folder, counts)


@dataset.command("synthetic")
def dataset_synthetic(
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    count: Annotated[int, typer.Option(help="How many faces.")] = 2000,
    size: Annotated[int, typer.Option(help="Side of the pictures, in pixels.")] = 64,
    seed: Annotated[int, typer.Option(help="The same seed makes the same faces.")] = 0,
    style: Annotated[
        str,
        typer.Option(help="simple (schema anime), or lorelei: DiceBear's style of that name (schema lorelei, CC0)."),
    ] = "simple",
) -> None:
    """Draw faces with exact labels: simple ones, to try a training run, or those of a vector style.

    The same number of the same seed is the same face, whatever the count. Vector faces are split for training,
    validation and tests; run again after a stop, what is missing is drawn.

    \b
    konomi dataset synthetic runs/data/simple
    konomi dataset synthetic runs/data/lorelei --style lorelei --count 20000
    """
    from konomi.data.synthetic import synthesise

    if style == "simple":
        synthesise(folder, count=count, size=size, seed=seed, progress=lambda i, n: following(i, n, what="drawing"))
    else:
        need("data", "dicebear", "dicebear_styles", "resvg_py")
        from konomi.data.vector import draw_faces

        draw_faces(folder, style, count=count, size=size, seed=seed, progress=following)
    out.print(f"{folder}: {count} faces", markup=False)


@dataset.command("duplicates")
def dataset_duplicates(
    stage: Stage,
    folder: Annotated[
        Optional[Path], typer.Option("--out", help="Where to write; the stage folder unless given.")
    ] = None,
    near: Annotated[int, typer.Option(help="Pictures whose fingerprints differ in at most so many of 512 bits belong "
        "to one group.")] = 130,
    duplicate: Annotated[int, typer.Option(help="The same for duplicates, which would be removed.")] = 48,
    difference: Annotated[float, typer.Option(help="Largest difference of any place of two duplicates, of 255.")] = 30,
    limit: Annotated[int, typer.Option(help="How many groups the sheet shows.")] = 150,
) -> None:  # fmt: skip
    """Find pictures that are the same, nearly the same, or mirror images. Nothing is removed.

    Writes duplicates.json (every group: which picture would be kept and why, and the reason for each pair) and
    duplicates.png (green: kept, red: would be removed, gray: only near, such as another expression of the same face).

    \b
    konomi dataset duplicates runs/data/faces
    konomi dataset duplicates runs/data/faces --out runs/look --near 100
    """
    need("data", "imagehash")
    from konomi.data.building.duplicate_sheet import draw_groups
    from konomi.data.building.duplicates import report, stage_likeness
    from konomi.data.building.pairs import Thresholds
    from konomi.files import make_folder, whole, write_json

    thresholds = Thresholds(near, duplicate, difference)
    records, likeness = stage_likeness(stage, thresholds, progress=following)
    folder = make_folder(folder or stage)
    write_json(folder / "duplicates.json", report(records, likeness, thresholds))
    if likeness.groups:
        with whole(folder / "duplicates.png") as temporary:
            draw_groups(stage, records, likeness, limit=limit).save(temporary, format="PNG")
    _tell(stage, likeness.counts())


@dataset.command("build")
def dataset_build(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE.toml | STAGES...", help="A recipe, or the stages to build from."),
    ],
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    labels: Annotated[
        Optional[list[Path]], typer.Option(help="Labels made by eye, of any of the stages; may be given several times.")
    ] = None,
    weight: Annotated[Optional[float], typer.Option(help="Weight of tags that the stages bring.")] = None,
    by_eye_weight: Annotated[Optional[float], typer.Option(help="Weight of tags that were judged by eye.")] = None,
    size: Annotated[Optional[int], typer.Option(help="Side of the pictures in pixels; 0 keeps it.")] = None,
    sharp: Annotated[
        Optional[bool],
        typer.Option("--sharp/--smooth", help="Enlarge smaller pictures by super-resolution.", show_default=False),
    ] = None,
    leave_out: Annotated[
        Optional[str], typer.Option(help="Leave out pictures whose name begins with one of these letters.")
    ] = None,
    validation: Annotated[Optional[float], typer.Option(help="Share of the groups, by default 0.05.")] = None,
    test: Annotated[Optional[float], typer.Option(help="Share of the groups, by default 0.05.")] = None,
    near: Annotated[
        Optional[int],
        typer.Option(help="Bits in which pictures of a group differ, by default 130 of 512; 0: only copies."),
    ] = None,
    test_names: Annotated[
        Optional[Path], typer.Option(help="Text file: names of pictures that go into test, one a line, or e*.")
    ] = None,
) -> None:
    """Build a dataset out of stages: without duplicates, in groups and splits, with hand-made labels and weights.

    Run again after a stop, it does what is missing. Beside the pictures lie card.md, which says what the dataset holds,
    and duplicates.json. Options replace what a recipe says; labels and weights of a recipe belong to its sources.

    \b
    konomi dataset build recipes/dataset.toml runs/data/anime
    konomi dataset build runs/data/game-tagged runs/data/booru runs/data/anime --size 64 --leave-out e
    """
    need("data", "imagehash", "matplotlib")
    from konomi.data.building.build import build
    from konomi.data.building.mixture import read_names

    names = read_names(test_names) if test_names else None
    given: dict[str, Any] = {
        "size": size,
        "sharp": sharp,
        "leave_out": leave_out,
        "validation": validation,
        "test": test,
    }
    given["test_names"] = names
    mixture = _mixture(inputs, {"labels": labels, "weight": weight, "by_eye_weight": by_eye_weight})
    if near is not None:
        given["thresholds"] = replace(mixture.thresholds, near=near, duplicate=min(near, mixture.thresholds.duplicate))
    mixture = replace(mixture, **_given(given))
    from konomi.upscale import upscale

    counts = build(mixture, folder, enlarge=upscale, progress=following)
    _tell(folder, counts)
    if counts["largest_group"] > max(10, counts["pictures"] / 20):
        told = f"the largest group has {counts['largest_group']} pictures, and no split parts a group"
        err.print(f"{told}: a smaller --near than {mixture.thresholds.near} makes smaller groups", markup=False)


def _mixture(inputs: list[Path], of_source: dict[str, Any]) -> "Mixture":
    """The recipe, or one made of the stages on the command line and the options about them."""
    from konomi.data.building.mixture import Ingredient, Mixture, read_mixture

    options = _given(of_source)
    recipes = [path for path in inputs if path.suffix == ".toml"]
    if not recipes:
        options = {key: tuple(v) if key == "labels" else v for key, v in options.items()}
        return Mixture(tuple(Ingredient(stage, **options) for stage in inputs))
    if len(inputs) > 1:
        raise InputError(f"{recipes[0]} is a recipe, which names its stages itself; give it alone, then the folder")
    if options:
        names = ", ".join(f"--{key.replace('_', '-')}" for key in options)
        raise InputError(f"{recipes[0]} says that of each of its sources; leave {names} away")
    return read_mixture(recipes[0])


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


@dataset.command("card")
def dataset_card(stage: Stage) -> None:
    """Write what a stage holds, in numbers and figures: card.md and plots/ in its folder. No picture is shown.

    \b
    konomi dataset card runs/data/faces-tagged
    """
    need("data", "matplotlib")
    from konomi.data.building.card import card_of_stage

    out.print(f"{card_of_stage(stage, schema_of_stage(stage), progress=following)}", markup=False)


@dataset.command("map")
def dataset_map(
    stage: Stage,
    file: Annotated[Path, typer.Option("--out", help="The PNG to write.")] = Path("map.png"),
    tag: Annotated[
        Optional[list[str]], typer.Option(help="Attribute that colours the map; several make several maps in one.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many pictures, drawn at random.")] = 900,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures, and the same map of them.")] = 0,
    features: Annotated[
        Optional[str],
        typer.Option(help="What likeness is measured by: picture (ImageNet features), tags, or a .npy file with a row "
            "for each picture of the stage; by default picture, if PyTorch or the cached network is there.",
            show_default=False),
    ] = None,
    dots: Annotated[bool, typer.Option("--dots", help="Dots in place of pictures: this one may be published.")] = False,
    side: Annotated[int, typer.Option(help="Pixels of each picture on the map.", min=16)] = 56,
) -> None:  # fmt: skip
    """Map a stage by t-SNE: pictures that are alike lie side by side, framed in the colour of a tag.

    \b
    konomi dataset map runs/data/game-tagged --out runs/map.png
    konomi dataset map runs/data/game-tagged --tag hair_color --tag eye_color --dots --out runs/dots.png
    konomi dataset map runs/data/game-tagged --features tags --tag glasses --out runs/glasses.png
    """
    need("data", "openTSNE", "matplotlib")
    from konomi.data.building.map import arrange, panel, sample
    from konomi.data.building.map_drawing import draw_dots, draw_thumbnails
    from konomi.data.building.statistics import thresholds_of
    from konomi.files import make_folder, whole
    from konomi.images import read

    if file.suffix.lower() != ".png":
        raise InputError(f"a map is written as PNG, so {file.name} must end in .png")
    records, settings, schema = read_stage(stage), stage_settings(stage), schema_of_stage(stage)
    rows = sample(count, of=len(records), seed=seed)
    chosen = [records[row] for row in rows]
    panels = [panel(name, chosen, schema, thresholds_of(settings, schema)) for name in tag or ["hair_color"]]
    vectors = _vectors(features, stage, records, rows, schema)
    places = arrange(vectors, seed=seed, progress=following)
    make_folder(file.parent)
    with whole(file) as temporary:
        if dots:
            draw_dots(places, panels).savefig(temporary, format="png", dpi=110)
        else:
            pictures = [read(stage / record.file) for record in following(chosen, len(chosen), what="reading")]
            draw_thumbnails(places, pictures, panels, side=side, progress=following).save(temporary, format="PNG")
    left = "" if dots else "; it shows the pictures, so keep it to yourself if they are not yours to publish"
    out.print(f"{file}: {len(chosen)} of {len(records)} pictures{left}", markup=False)


def _vectors(kind: str | None, stage: Path, records: list[Record], rows: "np.ndarray", schema: Schema) -> "np.ndarray":
    """Features of the chosen pictures, (N, D)."""
    chosen = [records[row] for row in rows]
    if kind == "picture" or (kind is None and _can_see()):
        return _picture_features(stage, chosen)
    if kind in ("tags", None):
        from konomi.data.building.map import tag_features

        return tag_features(chosen, schema)
    return _read_features(Path(kind), len(records))[rows]


def _can_see() -> bool:
    from konomi.metrics.features import NETWORK, cache_folder

    return (cache_folder() / NETWORK).exists() or find_spec("torch") is not None


def _picture_features(stage: Path, records: list[Record]) -> "np.ndarray":
    from konomi.images import read, resize, stack
    from konomi.metrics.features import SMALL, EfficientNetFeatures
    from konomi.model import feature_network

    pictures = [resize(read(stage / r.file), SMALL) for r in following(records, len(records), what="reading")]
    features = EfficientNetFeatures(feature_network.export, progress=lambda b, n: following(b, n, what="features"))
    return features(stack(pictures))


def _read_features(path: Path, count: int) -> "np.ndarray":
    import numpy as np

    if path.suffix != ".npy":
        raise InputError(f"--features is picture, tags or a .npy file, not {str(path)!r}")
    with reporting("read", path):
        try:
            features = np.load(path, allow_pickle=False)
        except (ValueError, EOFError):
            raise FileError(f"{path} is not a readable .npy file") from None
    if features.ndim != 2 or len(features) != count:
        raise InputError(f"{path} has the shape {features.shape}; it needs a row for each of the {count} pictures")
    return features


def _tell(folder: Path, counts: dict[str, int]) -> None:
    out.print(f"{folder}: " + ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in counts.items()), markup=False)
