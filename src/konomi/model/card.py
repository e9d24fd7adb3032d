"""A model card in Markdown, from what an export knows; the rest is for a person to fill in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from konomi.files import write_text

_UNSTATED = "Not stated yet. Write here before you publish the model."


def write_card(file: Path, text: str) -> Path:
    """Write the card of the exported model `file` beside it, and return its path; an existing card is kept."""
    if not (path := file.with_suffix(".md")).exists():
        write_text(path, text)
    return path


def short_card(name: str, rows: Iterable[tuple[str, str]], uses: str) -> str:
    """The text of a card of a few facts, for a model that is of little use by itself."""
    table = "\n".join(["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])
    return f"# {name}\n\n{table}\n\n## Uses and limits\n\n{uses}\n"


def card(facts: dict[str, Any]) -> str:
    """The text of a generator's card, from what `export_run` returns."""
    rows = [
        ("licence", facts["licence"]),
        ("picture", f"{facts['size']} x {facts['size']} px before super-resolution"),
        ("file", f"{facts['bytes'] / 1e6:.1f} MB, sha256 {facts['sha256']}"),
        ("parameters", f"{facts['parameters'] / 1e6:.2f} million, stored in half precision"),
        ("training", f"{facts['pictures']:,} pictures shown; mean of the last {facts['averaged']} snapshots"),
        ("ONNX against PyTorch", f"largest difference {facts['difference']:.1e} on a scale of 2"),
    ]
    lines = [f"# {facts['name']}", "", "| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows), ""]
    for title in ("Data", "Uses", "Limits", "Scores"):
        lines += [f"## {title}", "", _UNSTATED, ""]
    lines += ["## What it can draw", ""]
    shares = dict(zip(facts["schema"].slots, facts["prior"], strict=True))
    if not any(shares.values()):  # conditions were not drawn from the data
        return "\n".join([*lines, ", ".join(f"`{slot}`" for slot in facts["draws"])]) + "\n"
    lines += ["| slot | share in the training data |", "|---|---|"]
    lines += [f"| {slot} | {shares[slot]:.3f} |" for slot in facts["draws"]]
    return "\n".join(lines) + "\n"
