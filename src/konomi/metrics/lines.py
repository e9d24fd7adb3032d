"""What a report says in words: every number with the direction that is better, and one line that says what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOWER, HIGHER, NEITHER = "lower", "higher", ""

# key of `konomi.metrics.report.compare`: name, digits, better, meaning
SETS = {
    "frechet": ("Fréchet distance", 2, LOWER, "How far the drawn pictures as a whole are from the real ones."),
    "kernel_x1000": ("Kernel distance x 1000", 2, LOWER, "The same, measured another way that few pictures do not "
                     "bias; at or below the floor, the sets cannot be told apart."),
    "precision": ("Precision", 3, HIGHER, "Share of drawn pictures that lie among real ones: do they look real?"),
    "recall": ("Recall", 3, HIGHER, "Share of real pictures that lie among drawn ones: is everything drawn?"),
    "density": ("Density", 3, HIGHER, "Precision that odd real pictures cannot raise; 1 is as dense as the real ones."),
    "coverage": ("Coverage", 3, HIGHER, "Recall that odd drawn pictures cannot raise: share of real pictures with a "
                 "drawn one near by."),
    "spread": ("Spread", 3, NEITHER, "Mean distance between two drawn pictures, in that of two real ones: about 1 is "
               "right, 0 is always the same picture."),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One number of a report."""

    name: str
    value: str
    better: str
    meaning: str
    floor: str = ""  # the same of real pictures against each other
    at_floor: str = ""  # drawn pictures, as many as the floor has


@dataclass(frozen=True)
class Section:
    """Lines under one heading, and what the reader has to know of them."""

    title: str
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()


def sections(report: Mapping[str, Any]) -> list[Section]:
    """Every number of a report of `konomi.metrics.report.measure`, under four headings."""
    return [_sets(report), _copying(report), _condition(report), _obedience(report)]


def _sets(report: Mapping[str, Any]) -> Section:
    sets = report["sets"]
    drawn, floor, small = sets["drawn"], sets.get("floor", {}), sets.get("drawn_at_floor", {})
    lines = tuple(
        Line(
            name, f"{drawn[key]:.{digits}f}", better, meaning, _number(floor, key, digits), _number(small, key, digits)
        )
        for key, (name, digits, better, meaning) in SETS.items()
    )
    realism = f"{report['realism']['above_one']:.3f}"
    told = "Share of drawn pictures with a realism score of 1 or more: inside a ball around an ordinary real picture."
    return Section("Drawn against real", (*lines, Line("Realistic", realism, HIGHER, told)), _notes_on_sets(report))


def _notes_on_sets(report: Mapping[str, Any]) -> tuple[str, ...]:
    sets, notes = report["sets"], []
    size = sets["drawn"]["pictures"]
    given = report["pictures"]
    if given["real"] != given["drawn"]:
        told = f"of {given['real']:,} real and {given['drawn']:,} drawn ones"
        notes.append(f"Measured on {size:,} pictures of each, {told}: the numbers depend on how many there are.")
    if floor := sets.get("floor"):
        notes.append(f"Floor: {floor['pictures']:,} real pictures against as many other real ones.")
        if floor["pictures"] < size:
            notes.append("Fewer pictures give larger distances, so compare the floor with the last column, which has "
                         "as many drawn pictures.")  # fmt: skip
    elif "floor" in report["left_out"]:
        notes.append(f"No floor: {report['left_out']['floor']}.")
    return tuple(notes)


def _number(found: Mapping[str, Any], key: str, digits: int) -> str:
    return f"{found[key]:.{digits}f}" if key in found else ""


def _copying(report: Mapping[str, Any]) -> Section:
    found, title = report["copying"], "Is it copying?"
    drawn = Line("Nearest real picture, 1st percentile", f"{found['drawn']:.2f}", NEITHER,
                 "One in a hundred drawn pictures is nearer to a real one than this. Copies have 0.")  # fmt: skip
    if "held_out" not in found:
        return Section(title, (drawn,), (f"Left out: {report['left_out']['held_out']}.",))
    held_out = Line("The same of held-out pictures", f"{found['held_out']:.2f}", NEITHER,
                    "How near real pictures come that nobody copied: drawn ones should not be nearer.")  # fmt: skip
    nearer = Line("Nearer than that", f"{found['nearer']:.1%}", LOWER,
                  "Share of drawn pictures that are nearer than the 1st percentile of held-out ones: 1% is chance. "
                  "Smooth or plain pictures are nearer to everything, so look at the pairs.")  # fmt: skip
    return Section(title, (drawn, held_out, nearer))


def _condition(report: Mapping[str, Any]) -> Section:
    title = "What the condition decides"
    if "condition" not in report:
        return Section(title, notes=(f"Left out: {report['left_out']['condition']}.",))
    found = report["condition"]
    chance = f"{found['shuffled']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
    lines = (
        Line("Condition effect (omega squared)", f"{found['omega_squared']:.3f}", NEITHER,
             "Share of the variance of the pictures that is due to what was asked: 0 nothing, 1 everything."),
        Line("The same with conditions shuffled", chance, NEITHER, "What chance gives: mean, and 95% of the shuffles."),
        Line("Spread within a condition", f"{found['spread']['ratio']:.3f}", HIGHER,
             "Mean distance of two pictures of one condition, in that of any two: 0 is one picture a condition."),
    )  # fmt: skip
    told = f"{found['pictures']:,} pictures of {found['conditions']:,} conditions"
    alone = f"; {found['alone']:,} more with a condition of their own left out" if found["alone"] else ""
    return Section(title, lines, (f"{told}{alone}.",))


def _obedience(report: Mapping[str, Any]) -> Section:
    title = "Is drawn what was asked?"
    if "obedience" not in report:
        return Section(title, notes=(f"Left out: {report['left_out']['obedience']}.",))
    found = report["obedience"]
    mean = Line("Mean obedience", f"{found['mean']:.3f}", HIGHER,
                f"Share of the pictures that show a tag they were asked to show, averaged over {len(found['tags'])} "
                "tags.")  # fmt: skip
    judge = report.get("tagger", {}).get("name")
    told = f"Judged by {judge}, whose own mistakes count as disobedience." if judge else ""
    return Section(title, (mean,), (told,) if told else ())


def markdown(
    report: Mapping[str, Any], facts: Sequence[tuple[str, str]], figures: Mapping[str, Sequence[tuple[str, str]]]
) -> str:
    """A report as Markdown; `facts` are rows of its opening, `figures` (caption, address) by section title."""
    parts = ["# Drawn pictures against real ones", _table(["", ""], facts)]
    for section in sections(report):
        parts += [f"## {section.title}", *section.notes, _lines(section.lines)]
        parts += [f"![{caption}]({address})\n\n{caption}" for caption, address in figures.get(section.title, ())]
        if section.title == "Is drawn what was asked?" and "obedience" in report:
            parts.append(_tags(report["obedience"]["tags"]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _lines(lines: Sequence[Line]) -> str:
    optional = {"floor": "floor", "at_floor": "as many as the floor"}
    shown = [key for key in optional if any(getattr(line, key) for line in lines)]
    head = ["", "drawn", *(optional[key] for key in shown), "better", "what it means"]
    rows = [[x.name, x.value, *(getattr(x, key) for key in shown), x.better, x.meaning] for x in lines]
    return _table(head, rows)


def _tags(tags: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (f"`{t['slot']}`", f"{t['asked']:,}", f"{t['shown']:,}", f"{t['score']:.3f}", interval(t), unasked(t))
        for t in tags
    ]
    return _table(["tag", "asked", "shown", "share", "95% interval", "shown though asked not to be"], rows)


def interval(tag: Mapping[str, Any]) -> str:
    return f"{tag['low']:.2f} to {tag['high']:.2f}"


def unasked(tag: Mapping[str, Any]) -> str:
    """The share that shows a tag though asked not to; empty where nothing was asked not to."""
    return "" if tag["otherwise"] is None else f"{tag['otherwise']:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines]) if lines else ""
