"""The page of an analysis: one HTML file that needs nothing else, its figures drawn in the page's own colours."""

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from konomi import __version__
from konomi.images import read, resize
from konomi.taste.analysis.analyse import Analysis
from konomi.taste.analysis.figures import as_svg, draw
from konomi.taste.analysis.sections import LIKED, sections
from konomi.taste.analysis.words import count, number
from konomi.web.pages import STATIC, templates

STYLES = ("konomi.css", "report.css", "analysis.css")
SIDE, STRIP = 96, 8  # pixels of a small picture; how many from each end
Strip = list[tuple[str, str, str]]  # name, mean, address


def analysis_page(found: Analysis, *, points: int, pictures: Mapping[str, Path] | None = None) -> str:
    """An analysis as HTML; `pictures` are files by name, of which the most and the least liked are shown small."""
    study = found.numbers["study"]
    parts = sections(found)
    captions = {name: sentence for part in parts for name, sentence in part.figures}
    mark = "simulated: " if study["simulated"] else ""
    figures = {
        name: as_svg(figure, mark + captions[name]) for name, figure in draw(found, points).items() if name in captions
    }
    style = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in STYLES)
    return templates().env.get_template("analysis.html").render(
        style=style, title=f"What people answered: {study['name']}", facts=_facts(found), simulated=study["simulated"],
        sections=parts, figures=figures, pictured=LIKED, strips=_strips(found, pictures or {}),
    )  # fmt: skip


def _facts(found: Analysis) -> list[tuple[str, str]]:
    study = found.numbers["study"]
    genders = ", ".join(f"{many:,} {name}" for name, many in study["genders"].items())
    age = (
        f"{study['age']['mean']:.1f} years (standard deviation {study['age']['sd']:.1f})"
        if study["age"]
        else "not told"
    )
    each, unfinished = study["people_a_picture"], study["unfinished"]
    rows = [
        ("people", f"{study['people']:,} finished" + (f", {unfinished:,} did not" if unfinished else "")),
        ("gender", genders or "not told"), ("age", age),
        ("pictures", f"{study['pictures']:,}, seen by {each['mean']:.1f} ± {each['sd']:.1f} people each"),
        ("answers", f"{study['answers']:,} on {count(study['pages'] + study['repeated_pages'], 'page')}"
         + (f", {study['passed_over']:,} passed over" if study["passed_over"] else "")),
        ("questionnaire", study["questionnaire"]),
        ("made by", f"konomi analyse, Konomi {__version__}"),
    ]  # fmt: skip
    if study["minutes"] is not None:
        rows.insert(5, ("time", f"{study['minutes']:.1f} minutes in the middle"))
    return rows


def _strips(found: Analysis, pictures: Mapping[str, Path]) -> list[tuple[str, Strip]]:
    """The most and the least liked pictures, small; all of them where there are few."""
    scales = found.numbers["comparisons"].get("pictures", {})
    if not scales or not pictures:
        return []
    table = found.tables["pictures"]
    table = table[(table.scale == next(iter(scales))) & table.picture.isin(list(pictures))]
    if len(table) <= 2 * STRIP:
        return [("From the most to the least liked, with their means.", _strip(table, pictures))]
    return [
        ("The most liked, with their means.", _strip(table.head(STRIP), pictures)),
        ("The least liked.", _strip(table.tail(STRIP), pictures)),
    ]


def _strip(table: pd.DataFrame, pictures: Mapping[str, Path]) -> Strip:
    rows: Sequence[tuple[str, float]] = list(zip(table.picture, table["mean"], strict=True))
    return [(name, number(mean), _small(pictures[name])) for name, mean in rows]


def _small(path: Path) -> str:
    buffer = io.BytesIO()
    resize(read(path), 2 * SIDE).save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"
