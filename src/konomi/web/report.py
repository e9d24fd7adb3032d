"""The page of a report: one HTML file that needs nothing else, with its figures inside."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from konomi.metrics.lines import interval, sections, unasked
from konomi.web.pages import STATIC, templates

STYLES = ("konomi.css", "report.css")
TYPES = {".png": "image/png", ".webp": "image/webp"}


def report_page(
    report: Mapping[str, Any], facts: Sequence[tuple[str, str]], figures: Mapping[str, Sequence[tuple[str, Path]]]
) -> str:
    """A report as HTML; `facts` are rows of its opening, `figures` (caption, file) by section title."""
    inside = {title: [(caption, _data_uri(path)) for caption, path in here] for title, here in figures.items()}
    tags = [{**tag, "interval": interval(tag), "unasked": unasked(tag)} for tag in _tags(report)]
    page = templates().env.get_template("report.html")
    style = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in STYLES)
    return page.render(style=style, facts=facts, sections=sections(report), figures=inside, tags=tags)


def _tags(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report.get("obedience", {}).get("tags", [])
    return found


def _data_uri(path: Path) -> str:
    return f"data:{TYPES[path.suffix]};base64,{b64encode(path.read_bytes()).decode()}"
