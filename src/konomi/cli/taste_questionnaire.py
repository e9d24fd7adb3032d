"""The questionnaire of Hayase's paper, answered by one person, and the characters that follow from it in three ways."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from konomi.cli.console import out
from konomi.cli.taste import CrowdFile, Model, check_language, taste
from konomi.errors import InputError
from konomi.questionnaire import Questionnaire


@taste.command()
def questionnaire(
    answers: Annotated[
        Optional[Path], typer.Option(help="Answers as CSV or JSON; without them you are asked here.")
    ] = None,
    scaled: Annotated[
        Optional[Path], typer.Option(help="The generator of method 1: konomi export of a run with scaled answers.")
    ] = None,
    onehot: Annotated[Optional[Path], typer.Option(help="That of method 2, one-hot.")] = None,
    crowd: CrowdFile = None,
    model: Model = "anime",
    count: Annotated[int, typer.Option(min=1, max=12, help="Characters of each way.")] = 4,
    seed: Annotated[int, typer.Option(help="Another number draws other ones.")] = 0,
    folder: Annotated[Path, typer.Option("--out", help="Folder for what is written.")] = Path("characters"),
    lang: Annotated[str, typer.Option(help="Language of the items: en or ja.")] = "en",
) -> None:
    """Answer 22 items about a character's looks, and see it drawn by the paper's two methods and by ours.

    \b
    konomi taste questionnaire --scaled scaled.onnx --onehot one-hot.onnx --crowd crowd.npz
    konomi taste questionnaire --answers characters/answers.json --crowd crowd.npz
    """
    from konomi.questionnaire import load_questionnaire
    from konomi.tasting.answering import METHODS, one_answer, open_ways, read_one_answer, write_characters

    asked = load_questionnaire()
    files = dict(zip(METHODS, (scaled, onehot), strict=True))
    ways = open_ways(files, crowd, model, asked)  # before anybody answers 22 items
    check_language(lang)
    person = read_one_answer(answers) if answers else one_answer(asked, "your answers", _ask(asked, lang))
    rows = [way(person, count=count, seed=seed) for way in ways.values()]
    for path, because in write_characters(folder, person, rows, seed=seed):
        out.print(f"{path}   {because}", markup=False)
    for way, option in {"scaled": "--scaled", "one-hot": "--onehot", "ours": "--crowd"}.items():
        if way not in ways:
            out.print(f"left out: {way}, for want of {option} FILE", markup=False)
    out.print(f"{folder}/characters.png   {', '.join(row.label for row in rows)}", markup=False)


def _ask(asked: Questionnaire, language: str) -> dict[str, Any]:
    """Every item, gender and age, typed one after the other."""
    low, high = asked.anchors[language]
    out.print("Think of a character whose looks you would love, and answer about it.", markup=False)
    out.print(f"1 {low} ... {asked.points} {high}", markup=False)
    row: dict[str, Any] = {}
    points = [str(point) for point in range(1, asked.points + 1)]
    for number, (column, item) in enumerate(zip(asked.columns, asked.items, strict=True), start=1):
        row[column] = _typed(f"{number}/{len(asked.items)}  {item.text[language]}", points.__contains__, "1 to 7")
    row["gender"] = _typed("gender", asked.genders.__contains__, " or ".join(asked.genders))
    row["age"] = _typed("age", lambda typed: typed.isdecimal() and int(typed) <= asked.oldest, "a whole number")
    return row


def _typed(question: str, fits: Callable[[str], bool], what: str) -> str:
    while True:
        try:
            typed = input(f"{question}  ").strip().lower()
        except EOFError:
            raise InputError("the answers ended before the last question; nothing was drawn") from None
        if fits(typed):
            return typed
        out.print(f"type {what}", markup=False)
