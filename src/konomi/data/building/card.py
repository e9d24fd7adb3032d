"""The card of a dataset: what it holds, as Markdown with figures. No picture of the dataset is in it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from konomi.data.building.plots import draw_plots, percent, slot_label
from konomi.data.building.split import SPLITS
from konomi.data.building.statistics import Statistics, count_all, face_sides, thresholds_of
from konomi.data.progress import Progress, silent
from konomi.data.tagging.decisions import TagSummary
from konomi.errors import FileError
from konomi.files import write_text
from konomi.record import Record, check_schema, read_stage, stage_settings
from konomi.schema import Schema

CARD = "card.md"
PLOTS = "plots"
MOST = 12  # rows of a table that may have hundreds


def card_of_stage(folder: Path, schema: Schema, *, progress: Progress = silent) -> Path:
    """Write the card of a finished stage; where it is.

    Raises
    ------
    FileError
        If `folder` is no finished stage, is empty, or was made for another version or schema.
    """
    records, settings = read_stage(folder), stage_settings(folder)
    if not records:
        raise FileError(f"{folder} holds no pictures")
    check_schema(folder, schema)
    return write_card(folder, records, settings, schema, progress=progress)


def write_card(
    folder: Path,
    records: Sequence[Record],
    settings: Mapping[str, Any],
    schema: Schema,
    *,
    progress: Progress = silent,
) -> Path:
    """Write `card.md` and `plots/` for the pictures of a stage that may not be finished yet; where the card is."""
    sides = face_sides(folder, records, settings, progress=progress)
    statistics = count_all(records, schema, sides, thresholds_of(settings, schema), progress=progress)
    figures = draw_plots(statistics, schema, folder / PLOTS, progress=progress)
    write_text(folder / CARD, card_text(folder.resolve().name, statistics, settings, schema, figures))
    return folder / CARD


def card_text(
    name: str, statistics: Statistics, settings: Mapping[str, Any], schema: Schema, figures: Iterable[str]
) -> str:
    """The Markdown of a card; `figures` are the names of the PNGs beside it, in `plots/`."""
    shown = set(figures)
    parts = [
        f"# {name}",
        _opening(statistics, settings, schema),
        "## Where the pictures come from",
        _table(["licence", "pictures"], _most(statistics.licences)),
        _table(["source", "pictures"], _most(statistics.sources)),
        _built_from(settings),
        "## Pictures",
        _figure("resolution.png", "How large the faces were in their sources", shown),
        _figure("years.png", "Years of the pictures", shown),
        _years_told(statistics),
        _groups(statistics, settings),
        "## Tags",
        _tags_told(statistics),
        _figure("tags.png", "How many pictures have each tag", shown),
        _figure("together.png", "Which tags occur together", shown),
        _tag_table(statistics.tags, settings, schema),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(statistics: Statistics, settings: Mapping[str, Any], schema: Schema) -> str:
    size = settings.get("size")
    facts = {
        "pictures": f"{statistics.pictures:,}" + (f", {size} x {size} px" if size else ""),
        "tagged": f"{statistics.tagged:,}, in the schema `{schema.name}`",
        "groups": f"{sum(statistics.groups.values()):,} of pictures that no split parts" if statistics.groups else "",
        "splits": ", ".join(f"{name} {statistics.splits[name]:,}" for name in SPLITS if name in statistics.splits),
        "made by": f"`konomi {settings.get('stage', '')}`, Konomi {settings.get('version', 'unknown')}",
    }
    return _table(["", ""], [(k, v) for k, v in facts.items() if v])


def _built_from(settings: Mapping[str, Any]) -> str:
    sources = zip(settings.get("sources", []), settings.get("mixture", {}).get("sources", []), strict=True)
    rows = [
        (
            f"`{told['stage']}`",
            f"{told['pictures']:,}",
            f"{told['kept']:,}",
            told["tagger"].get("name", ""),
            f"{asked['weight']:g}",
            f"{asked['by_eye_weight']:g}",
        )
        for told, asked in sources
    ]
    return _table(["stage", "pictures", "kept", "tagged by", "weight of its tags", "of those by eye"], rows)


def _years_told(statistics: Statistics) -> str:
    known = sum(statistics.years.values())
    if known in (0, statistics.pictures):
        return "" if known else "The year of no picture is known."
    return f"The year of {known:,} of {statistics.pictures:,} pictures is known."


def _groups(statistics: Statistics, settings: Mapping[str, Any]) -> str:
    found = settings.get("likeness")
    if not found:
        return "Near pictures and duplicates were not looked for."
    told = (
        f"Of {found['pictures']:,} pictures, {found['duplicates']:,} were removed as duplicates: the same drawing in "
        f"the same crop. {found['in_groups']:,} are near others (the same drawing in another crop, colour or "
        f"expression, or mirrored: {found['mirrored_pairs']:,} pairs) and stay together in one split."
    )
    return told + "\n\n" + _table(["pictures in a group", "groups"], _most(statistics.groups))


def _tags_told(statistics: Statistics) -> str:
    if not statistics.tags:
        return "No picture has tags."
    told = (
        "A tag is *known* of a picture if there is a probability for it. It *holds* where that is high enough: the "
        "likeliest value of a choice that allows one, else from a half, or from the tagger's own threshold."
    )
    if set(statistics.weights) != {1.0}:
        weights = ", ".join(f"{weight} ({n} pictures)" for weight, n in _most(statistics.weights))
        told += f" Weights, how much a picture's tags count in training: {weights}."
    return told


def _tag_table(tags: Iterable[TagSummary], settings: Mapping[str, Any], schema: Schema) -> str:
    by_eye = settings.get("by_eye", {})
    rows = [
        (
            f"`{tag.slot}`",
            slot_label(tag.slot, schema, full=True),
            f"{tag.known:,}",
            f"{by_eye.get(tag.slot.split('.')[0], 0):,}",
            f"{tag.positive:,}",
            percent(tag.positive / tag.known),
            f"{tag.mean:.3f}",
        )
        for tag in tags
    ]
    return _table(["tag", "", "known", "of these by eye", "holds", "share", "mean probability"], rows)


def _most(counts: Mapping[Any, int]) -> list[tuple[str, str]]:
    """The rows of a table of counts; what is beyond the first dozen is added up."""
    rows = [(f"{key}", f"{n:,}") for key, n in counts.items()]
    if len(rows) <= MOST:
        return rows
    rest = sum(list(counts.values())[MOST - 1 :])
    return [*rows[: MOST - 1], (f"{len(rows) - MOST + 1} others", f"{rest:,}")]


def _figure(name: str, title: str, shown: set[str]) -> str:
    return f"![{title}]({PLOTS}/{name})" if name in shown else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines]) if lines else ""
