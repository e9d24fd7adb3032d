"""The page on Xu's study: what the paper says, what we chose, and what came out, from `study.json`."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from konomi.condition import Condition
from konomi.data.building.palette import slot_colours
from konomi.data.building.plots import slot_label
from konomi.drawing import Model
from konomi.files import make_folder, read_json, whole, write_text
from konomi.images import resize, sheet
from konomi.metrics.figures import ACCENT, INK, LINE, confusion_table, obedience_bars
from konomi.papers.pages import render
from konomi.papers.xu import Progress, Study, chosen_snapshots, draw, exported, random_conditions
from konomi.schema import Schema, load_schema

# Jin et al. 2017, table 3: counted by hand, 20 pictures a tag
JIN: dict[str, float | dict[str, float]] = {
    "hair_color": {"blonde": 1.0, "brown": 1.0, "black": 1.0, "blue": 0.7, "pink": 0.8, "purple": 0.75, "green": 0.9,
                   "red": 0.95, "silver": 0.85, "white": 0.6, "orange": 0.65, "aqua": 1.0, "gray": 0.35},
    "eye_color": {"blue": 1.0, "red": 1.0, "brown": 1.0, "green": 1.0, "purple": 0.95, "yellow": 1.0, "pink": 0.6,
                  "aqua": 1.0, "black": 0.8, "orange": 0.85},
    "hair_length": {"long": 1.0, "short": 1.0},
    "twintails": 0.6, "drill_hair": 0.2, "ponytail": 0.45, "blush": 1.0, "smile": 0.95, "open_mouth": 0.95,
    "hat": 0.15, "ribbon": 0.85, "glasses": 0.45,
}  # fmt: skip
GRAYS = ("hair_color.white", "hair_color.silver", "hair_color.gray")
RARE_COLOURS = ("eye_color.orange", "hair_color.aqua", "eye_color.aqua")
SHAPES = ("hat", "glasses", "drill_hair")


def jin_scores() -> dict[str, float]:
    """Jin et al.'s precision by slot."""
    rows: dict[str, float] = {}
    for name, found in JIN.items():
        rows |= {f"{name}.{v}": s for v, s in found.items()} if isinstance(found, dict) else {name: found}
    return rows


def write_page(study: Study, page: Path, progress: Progress) -> Path:
    """Draw the figures beside `page`, and write it.

    Counts by eye stand in it too, if `by-eye.json` is in the run folder, as `benchmarks/obedience.py score` writes it.
    """
    found, schema = read_json(study.folder / "study.json"), load_schema()
    if (counted := study.folder / "by-eye.json").exists():
        by_eye = read_json(counted)
        found["by_eye"] = {slot: f"{score:.2f}" for slot, score in by_eye["by_eye"].items()}
        found["how"] = by_eye.get("how", "counted blind, on the same pictures, shuffled and enlarged")
    folder = make_folder(page.with_suffix(""))
    snapshots = chosen_snapshots(study)
    _draw_course(study, snapshots, folder, progress)
    _draw_grids(exported(study, snapshots[-1]), folder, progress)
    _save(loss_plot(found["losses"], found["training"]["batch"]), folder / "losses.png")
    _save(course_plot(found["course"], found["training"]["batch"]), folder / "distance.png")
    labels = {slot: slot_label(slot, schema) for slot in schema.slots}
    _save(obedience_bars(found["tags"]["scores"], labels, slot_colours(schema)), folder / "tags.png")
    for name, counts in found["tags"]["confusion"].items():
        figure = confusion_table(np.array(counts), schema.attribute(name).value_names, name.replace("_", " "))
        _save(figure, folder / f"{name}.png")
    found["shown"] = [int(path.stem) for path in shown_of(snapshots)]
    studies = {study.folder / "study.json", *study.folder.parent.glob("xu*/study.json")}
    found["runs"] = [run_row(read_json(path)) for path in sorted(studies)]
    found["pages"] = [path.name for path in sorted(page.parent.glob("xu*.md")) if path.name != page.name]
    write_text(page, page_text(found, schema, page.stem))
    return page


def _save(figure: Figure, path: Path) -> None:
    with whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)


def _save_picture(picture: Image.Image, path: Path) -> None:
    with whole(path) as temporary:
        picture.save(temporary, "PNG", optimize=True)


def shown_of(snapshots: Sequence[Path]) -> list[Path]:
    """Those of the paper's figure 7, and the newest."""
    return list(dict.fromkeys([*snapshots[:4], *snapshots[-1:]]))


def _draw_course(study: Study, snapshots: Sequence[Path], folder: Path, progress: Progress) -> None:
    """The same noises and conditions at 0, 500, 1,000 and 1,500 iterations, and at the end."""
    strips = []
    for path in shown_of(snapshots):
        model = exported(study, path)
        pictures = draw(model, random_conditions(model, 16, 2), range(16), progress, f"figure at {path.stem}")
        strips.append(sheet([resize(Image.fromarray(p), 64) for p in pictures], columns=4, gap=2))
    width, height = strips[0].size
    canvas = Image.new("RGB", (len(strips) * (width + 12) - 12, height), "white")
    for i, strip in enumerate(strips):
        canvas.paste(strip, (i * (width + 12), 0))
    _save_picture(canvas, folder / "iterations.png")


def _draw_grids(model: Model, folder: Path, progress: Progress) -> None:
    """One noise with 48 conditions, and one condition with 48 noises."""
    many, side = 48, 72
    conditions: list[Condition] = random_conditions(model, many, 3)
    for name, asked, seeds in (
        ("fixed-noise", conditions, [5] * many),
        ("fixed-attributes", conditions[:1] * many, list(range(many))),
    ):
        pictures = draw(model, asked, seeds, progress, f"figure {name}")
        grid = sheet([resize(Image.fromarray(p), side) for p in pictures], columns=12, gap=2)
        _save_picture(grid, folder / f"{name}.png")


def loss_plot(rows: Sequence[dict[str, float]], batch: int) -> Figure:
    """The adversarial losses of both networks (the paper's figure 8), and the class losses."""
    figure = Figure(figsize=(8.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = [row["pictures"] / batch for row in rows]
    for axis, title, curves in (
        (left, "adversarial losses", (("discriminator", "loss_d", INK), ("generator", "loss_g", ACCENT))),
        (right, "class losses, summed over 34 tags",
         (("real pictures", "attributes_real", INK), ("drawn pictures", "attributes_drawn", ACCENT))),
    ):  # fmt: skip
        for label, name, colour in curves:
            axis.plot(at, [row[name] for row in rows], color=colour, linewidth=1, label=label)
        axis.set_title(title, loc="left", fontsize=9, color=INK)
        axis.set_xlabel(f"iterations of {batch}", fontsize=8, color=INK)
        axis.legend(frameon=False, fontsize=8)
        axis.grid(color=LINE, linewidth=0.7)
        axis.tick_params(length=0, labelsize=8, labelcolor=INK)
        axis.spines[:].set_visible(False)
    return figure


def course_plot(rows: Sequence[dict[str, float]], batch: int) -> Figure:
    """Fréchet distance along the run."""
    figure = Figure(figsize=(8.5, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.plot([row["at"] / batch for row in rows], [row["frechet"] for row in rows], "o-", color=ACCENT, linewidth=1)
    axis.set_title("Fréchet distance to the pictures learned from", loc="left", fontsize=9, color=INK)
    axis.set_xlabel(f"iterations of {batch}", fontsize=8, color=INK)
    axis.set_ylim(0)
    axis.grid(color=LINE, linewidth=0.7)
    axis.tick_params(length=0, labelsize=8, labelcolor=INK)
    axis.spines[:].set_visible(False)
    return figure


def page_text(found: dict[str, Any], schema: Schema, folder: str) -> str:
    """The page in Markdown; figures lie in `folder` beside it."""
    training, jin = found["training"], jin_scores()
    scores = {tag["slot"]: tag for tag in found["tags"]["scores"]}
    numbers, held = claims(found, scores)
    iterations = [f"{at // training['batch']:,}" for at in found.get("shown", [0, int(found["snapshot"])])]
    tags = [
        {**tag, "label": slot_label(slot, schema), "share": training["shares"][slot], "jin": jin[slot]}
        for slot, tag in scores.items()
    ]
    return render(
        "xu.md", quick=found["quick"], training=training, options=training["options"], **_speed(found), n=numbers,
        held=held, effect=found["effect"], last=found["course"][-1], a_tag=max(tag["asked"] for tag in tags), tags=tags,
        judge=found["judge"], by_eye=found.get("by_eye"), how=found.get("how"),
        tables=list(found["tags"]["confusion"]), folder=folder,
        measured=int(found["snapshot"]), ignorance=training["ignorance"], first=found["losses"][0],
        end=found["losses"][-1], shown=f"{', '.join(iterations[:-1])} and {iterations[-1]}",
        heard=_heard(found), runs=found.get("runs", []), pages=found.get("pages", []),
    )  # fmt: skip


def run_row(found: dict[str, Any]) -> dict[str, Any]:
    """What is said of a run beside others: how far it went, and what its condition decides."""
    training, losses = found["training"], found["losses"][-1]
    return {
        "name": training["name"], "size": training["size"], "iterations": training["iterations"],
        "adversarial": training["options"]["adversarial"], "real": losses["attributes_real"],
        "drawn": losses["attributes_drawn"], "ignorance": training["ignorance"],
        "obeyed": float(np.mean([tag["score"] for tag in found["tags"]["scores"]])),
        "omega": found["effect"]["omega_squared"], "frechet": found["course"][-1]["frechet"],
    }  # fmt: skip


def _speed(found: dict[str, Any]) -> dict[str, float]:
    speeds = [row["pictures_per_second"] for row in found["losses"]]
    best = float(np.percentile(speeds, 90)) if speeds else float("nan")
    return {"speed": best, "hours": found["training"]["of"] / best / 3600}


def _mean(scores: dict[str, Any], slots: Sequence[str]) -> float:
    return float(np.mean([scores[slot]["score"] for slot in slots if slot in scores]))


def claims(found: dict[str, Any], scores: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """What was measured of the paper's claims, and whether they held, by short names that the template knows."""
    hair = [s for s in scores if s.startswith("hair_color.") and s not in GRAYS]
    colours = [s for s in scores if "_color." in s]
    groups = {"all": list(scores), "grays": GRAYS, "hair": hair, "rare": RARE_COLOURS, "colours": colours,
              "shapes": SHAPES, "hat": ["hat"], "glasses": ["glasses"], "drill": ["drill_hair"]}  # fmt: skip
    mean = {name: _mean(scores, slots) for name, slots in groups.items()}
    shares, course, losses = found["training"]["shares"], found["course"], found["losses"][-1]
    first, last = course[0]["frechet"], course[-1]["frechet"]
    soon = 1500 * found["training"]["batch"]
    until = [row["frechet"] for row in course if row["at"] <= soon]
    early = next((row["frechet"] for row in course if row["at"] >= soon), None)
    numbers = {name: f"{value:.2f}" for name, value in mean.items()} | {
        "jin": f"{np.mean(list(jin_scores().values())):.2f}",
        "confused": f"{_confused(found):.0%}",
        "rare_shares": ", ".join(f"{s.replace('_color.', ' ')} {shares[s]:.1%}" for s in RARE_COLOURS),
        "shape_shares": ", ".join(f"{s.replace('_', ' ')} {shares[s]:.1%}" for s in SHAPES),
        "first": f"{first:.0f}", "early": f"{early:.0f} at 1,500 iterations, " if early else "", "last": f"{last:.0f}",
        "loss_d": f"{losses['loss_d']:.2f}", "loss_g": f"{losses['loss_g']:.2f}",
    }  # fmt: skip
    held = {
        "all": mean["all"] >= 0.8,
        "grays": mean["grays"] < mean["hair"] - 0.1,
        "rare": mean["rare"] >= mean["colours"] - 0.05,
        "shapes": mean["shapes"] < mean["colours"] - 0.1,
        "early": all(later < before for before, later in pairwise(until)),
        "losses": losses["loss_g"] > losses["loss_d"],
    }
    told = {name: "yes" if value else "no" for name, value in held.items()}
    if found["training"].get("start_from"):
        told["early"] = "cannot be told: it goes on from another run"
    elif early is None:
        told["early"] = "cannot be told: that far it did not come"
    if not _heard(found):
        told |= dict.fromkeys(("grays", "rare", "shapes"), "cannot be told: the words are not heard")
    return numbers, told


def _heard(found: dict[str, Any]) -> bool:
    """Whether the class loss of drawn pictures is under that of somebody who does not look, by 3% at least."""
    return bool(found["losses"][-1]["attributes_drawn"] <= 0.97 * found["training"]["ignorance"]["asked"])


def _confused(found: dict[str, Any]) -> float:
    """Of the wrong pictures among white, silver and gray, how many show another of the three."""
    table = np.array(found["tags"]["confusion"]["hair_color"])
    where = [load_schema().attribute("hair_color").value_names.index(s.split(".")[1]) for s in GRAYS]
    right = sum(table[i, i] for i in where)
    among, wrong = table[np.ix_(where, where)].sum() - right, table[where].sum() - right
    return float(among / wrong) if wrong else 0.0
