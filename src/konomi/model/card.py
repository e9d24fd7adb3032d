"""A model card in Markdown, from what an export knows; the rest is for a person to fill in."""

from pathlib import Path
from typing import Any

from konomi.files import write_text

_UNSTATED = "Not stated yet. Write here before you publish the model."


def write_card(path: Path, facts: dict[str, Any]) -> Path:
    """Write the card of an exported model (`facts` as `export_run` returns them); an existing card is kept."""
    if not path.exists():
        write_text(path, card(facts))
    return path


def card(facts: dict[str, Any]) -> str:
    """The text of a card."""
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
