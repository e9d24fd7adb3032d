"""Make a judge: a tagger that also says whether a drawn face is whole, learned from faces judged by eye.

    python scripts/judge.py label runs/count labels/whole.csv    # the answers of a count, by share code
    python scripts/judge.py make tagger-1 tagger-2 labels/whole.csv --out runs/tagger-2.onnx

A row of the label file is `code,whole`: the picture of every share code can be drawn again. `make` tells by ten-fold
cross-validation how well wholeness is recognised, and writes the tagger with the new output.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from konomi import api, drawing
from konomi.files import write_text
from konomi.images import resize, stack
from konomi.model.wholeness import add_head, features_of, fit_head
from konomi.models import find_model, open_published
from konomi.recipe import to_code


def label(count: Path, out: Path) -> None:
    """Add what was counted to the label file."""
    rows = read_labels(out) if out.exists() else {}
    with (count / "answers.csv").open(newline="", encoding="utf-8") as file:
        broken = {int(row["number"]): row["broken"] == "yes" for row in csv.DictReader(file)}
    for number in sorted(broken):
        recipe, model = api.recall(str(count / "pictures" / f"{number:04d}.png"))
        rows[to_code(recipe, number=model.number)] = not broken[number]
    lines = [f"{code},{'yes' if whole else 'no'}\n" for code, whole in rows.items()]
    write_text(out, "code,whole\n" + "".join(lines))
    print(f"{out}: {len(rows)} faces, {np.mean(list(rows.values())):.1%} whole")


def read_labels(path: Path) -> dict[str, bool]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["code"]: row["whole"] == "yes" for row in csv.DictReader(file)}


def core_of(code: str) -> Image.Image:
    recipe, model = api.recall_code(code)
    return drawing.draw_core(model, recipe.condition, recipe.noises, recipe.variety)


def make(tagger: str, name: str, labels: Path, out: Path) -> None:
    published = find_model(tagger, kind="tagger")
    size = open_published(published)[1]["size"]
    rows = read_labels(labels)
    whole = np.array(list(rows.values()))
    features = features_of(published.path, stack([resize(core_of(code), size) for code in rows]))
    guessed = np.zeros(len(whole))
    for known, unseen in KFold(10, shuffle=True, random_state=0).split(features):
        guessed[unseen] = fit_head(features[known], whole[known])(features[unseen])
    best = guessed >= np.median(guessed)
    error = np.abs(
        [guessed[part].mean() - whole[part].mean() for part in np.array_split(np.argsort(guessed), 5)]
    ).mean()
    print(
        f"{len(whole)} faces, {1 - whole.mean():.1%} broken; area under the curve {roc_auc_score(whole, guessed):.3f}"
    )
    print(f"broken in the better half {1 - whole[best].mean():.1%}, in the other {1 - whole[~best].mean():.1%}")
    print(f"calibration error over fifths {error:.3f}")
    add_head(published.path, fit_head(features, whole), out, name=name)
    print(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("label")
    one.add_argument("count", type=Path)
    one.add_argument("labels", type=Path)
    two = commands.add_parser("make")
    two.add_argument("tagger")
    two.add_argument("name")
    two.add_argument("labels", type=Path)
    two.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "label":
        label(options.count, options.labels)
    else:
        make(options.tagger, options.name, options.labels, options.out)


if __name__ == "__main__":
    main()
