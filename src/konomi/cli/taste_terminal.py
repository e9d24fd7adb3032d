"""Picking in the terminal: a sheet of pictures is written beside the profile, and its numbers are typed."""

from pathlib import Path

from konomi import api
from konomi.cli.console import out
from konomi.files import whole
from konomi.papers.grids import labelled
from konomi.taste.profile import in_words
from konomi.taste.session import Reply
from konomi.tasting.sitting import Question, Sitting

COMMANDS = "s skip, u undo, q stop"


def ask(sitting: Sitting, *, size: int, language: str) -> None:
    """Questions until enough is known, or somebody stops; every answer is saved at once."""
    sheet = sitting.path.with_name(f"{sitting.path.stem}-question.png")
    while (question := sitting.question(sitting.session(), size=size, language=language)).left:
        _write(sheet, sitting, question)
        what = "Do you like it? l like, d dislike" if size == 1 else f"Which do you like best? 1 to {size}"
        out.print(f"{sheet}: {what}; {COMMANDS}   (about {question.left} more)", markup=False)
        if not _answered(sitting, question):
            break
    else:
        out.print("that is enough to go on with", markup=False)
    sheet.unlink(missing_ok=True)
    out.print(in_words(sitting.crowd, sitting.session().taste, language=language), markup=False)
    out.print(f"next: konomi draw --taste {sitting.path}", markup=False)


def _write(path: Path, sitting: Sitting, question: Question) -> None:
    recipes = [sitting.recipe_of(code) for code in question.codes]
    pictures = list(api.draw_recipes(recipes, sitting.model))
    heads = [str(number) for number in range(1, len(pictures) + 1)]
    with whole(path) as temporary:
        labelled(question.why, [("", pictures)], heads=heads).save(temporary, "PNG")


def _answered(sitting: Sitting, question: Question) -> bool:
    """Ask until something is said that can be kept; false: stop."""
    codes = question.codes
    known = {"s": Reply(codes)}
    if len(codes) == 1:
        known |= {"l": Reply(codes, liked=True), "d": Reply(codes, liked=False)}
    else:
        known |= {str(place): Reply(codes, picked=code) for place, code in enumerate(codes, start=1)}
    while True:
        try:
            typed = input("> ").strip().lower()
        except EOFError:
            return False
        if typed == "q":
            return False
        if typed == "u" and question.number:
            sitting.undo(question.number)
            return True
        if typed in known:
            sitting.answer(question.number, known[typed])
            return True
        told = "there is nothing to take back" if typed == "u" else f"type one of: {', '.join(known)}, u, q"
        out.print(told, markup=False)
