"""Taste: one person's picks, what was learned from them, and crowds to start from."""

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.table import Table
from typer.core import TyperGroup

from konomi.cli.console import app, following, need, out
from konomi.errors import InputError
from konomi.questionnaire import LANGUAGES


class _ProfileFirst(TyperGroup):
    """`konomi taste me.json` stands for `konomi taste pick me.json`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and any(given.endswith(".json") for given in args):
            args = ["pick", *args]
        return super().parse_args(ctx, args)


taste = typer.Typer(
    help="Learn what one person likes, and draw from it: konomi taste me.json, then konomi draw --taste me.json",
    cls=_ProfileFirst,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(taste, name="taste")
Profile = Annotated[Path, typer.Argument(help="The person's profile, as me.json.")]
CrowdFile = Annotated[
    Optional[Path],
    typer.Option(
        "--crowd", help="A crowd to start from (konomi taste fit); by default nobody's. Or where it lies now."
    ),
]
Model = Annotated[str, typer.Option(help="A model's name (see 'konomi models') or an .onnx file.")]


def _drawing_once(items: Any, total: int) -> Any:
    return following(items, total, what="drawing pictures to ask about (once)")


@taste.command()
def pick(
    profile: Profile,
    of: Annotated[int, typer.Option(help="Pictures at a time: 2 to 6, or 1 to say of each whether you like it.")] = 6,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="In the terminal: a sheet of pictures is written, you type its numbers.")
    ] = False,
    crowd: CrowdFile = None,
    model: Model = "anime",
    answers: Annotated[
        Optional[Path], typer.Option(help="A new person's answers to the questionnaire, as CSV or JSON.")
    ] = None,
    port: Annotated[
        Optional[int], typer.Option(min=0, max=65535, help="By default 8765, or the next one that is free.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language: en or ja.")] = "en",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Pick pictures until your taste is known well enough: 6 to 12 picks; begins or goes on.

    \b
    konomi taste me.json
    konomi taste me.json --terminal --of 2
    konomi taste me.json --crowd crowd.npz
    """
    from konomi.tasting.sitting import check_size, open_sitting

    check_language(lang)
    check_size(of)
    told = _told(answers) if answers else None
    sitting = open_sitting(profile, crowd=crowd, model=model, told=told, progress=_drawing_once)
    if terminal:
        from konomi.cli.taste_terminal import ask

        ask(sitting, size=of, language=lang)
    else:
        _serve(sitting, of, lang, port, open_browser)


def _told(answers: Path) -> dict[str, float]:
    from konomi.tasting.answering import read_one_answer, told_of

    return told_of(read_one_answer(answers))


def _serve(sitting: Any, size: int, language: str, port: int | None, open_browser: bool) -> None:
    need("web", "fastapi", "uvicorn", "jinja2")
    from konomi.web.serve import listen, run, url_of
    from konomi.web.taste import address, create_taste_app

    sitting.codes  # noqa: B018 - the pool is drawn before anybody waits for a page
    application = create_taste_app(sitting)
    with listen(port) as listening:
        url = url_of(listening, address(size, language))
        out.print(f"{url}\nevery pick is saved in {sitting.path}; Ctrl-C stops", markup=False)
        run(application, listening, show=url if open_browser else None)
    if sitting.path.exists():
        out.print(f"next: konomi draw --taste {sitting.path}", markup=False)


@taste.command()
def show(
    profile: Profile,
    crowd: CrowdFile = None,
    lang: Annotated[str, typer.Option(help="Language: en or ja.")] = "en",
    everything: Annotated[bool, typer.Option("--all", help="Also of what nothing can be said yet.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Say what was learned of a taste: in words, and value by value.

    \b
    konomi taste show me.json
    """
    from konomi.taste.profile import in_words, likings, words
    from konomi.tasting.crowds import about_crowd, open_taste

    check_language(lang)
    known, found = open_taste(profile, crowd)
    said, table = in_words(known, found, language=lang), likings(known, found)
    if as_json:
        rows = [
            {"attribute": x.attribute, "value": x.value, "log_odds": round(x.mean, 3),
             "deviation": round(x.deviation, 3), "chance": round(x.chance, 3), "certainty": x.certainty}
            for x in table
        ]  # fmt: skip
        facts = {"replies": found.replies, "crowd": known.facts, "simulated": known.simulated, "words": said}
        print(json.dumps({**facts, "likings": rows}, ensure_ascii=False))
        return
    out.print(f"{said}\n{found.replies} replies; started from {about_crowd(known)}", markup=False)
    shown = sorted((x for x in table if everything or x.certainty), key=lambda x: -x.mean)
    if shown:
        view = Table("", "log-odds of a pick", "chance that it is liked", "", box=None)
        for x in shown:
            label = words(known.schema, x.attribute, x.value, lang)
            view.add_row(label, f"{x.mean:+.1f} ± {x.deviation:.1f}", f"{x.chance:.0%}", x.certainty)
        out.print(view)


@taste.command()
def tell(
    profile: Profile,
    like: Annotated[Optional[list[str]], typer.Option(help="A picture FILE or share CODE; may be repeated.")] = None,
    dislike: Annotated[Optional[list[str]], typer.Option(help="The same.")] = None,
    crowd: CrowdFile = None,
) -> None:
    """Say of pictures that Konomi drew whether you like them.

    \b
    konomi taste tell me.json --like avatars/avatar-3.png --dislike avatars/avatar-5.png
    """
    from konomi import api
    from konomi.recipe import to_code
    from konomi.taste.profile import in_words
    from konomi.tasting.sitting import open_sitting

    said = [(source, True) for source in like or ()] + [(source, False) for source in dislike or ()]
    if not said:
        raise InputError("say of what: --like FILE or --dislike FILE, or a share code")
    recalled = [(*api.recall(source), liked) for source, liked in said]
    if len({model.sha256 for _, model, _ in recalled}) > 1:
        raise InputError("these pictures are of several models; tell of one model's at a time")
    sitting = open_sitting(profile, crowd=crowd, model=recalled[0][1].name)
    for recipe, model, liked in recalled:
        sitting.judge(to_code(recipe, number=model.number), liked)
    out.print(in_words(sitting.crowd, sitting.session().taste), markup=False)


@taste.command()
def fit(
    study: Annotated[Path, typer.Argument(help="A folder that konomi survey export wrote, with answers.csv.")],
    output: Annotated[Path, typer.Argument(help="The crowd to write, as crowd.npz.")],
    scale: Annotated[
        str, typer.Option(help="Rate pictures by the items of this scale only, as love or liking; by default by all.")
    ] = "",
) -> None:
    """Learn what a study's people like on average and how they differ, so that new people can start from it.

    \b
    konomi survey export runs/liking runs/liking-answers
    konomi taste fit runs/liking-answers crowd.npz
    """
    from konomi.taste.profile import write_crowd
    from konomi.tasting.crowds import about_crowd
    from konomi.tasting.fitting import fit_study

    check_crowd_name(output)
    crowd = fit_study(study, scale=scale, progress=lambda items, total: following(items, total, what="looking"))
    write_crowd(output, crowd)
    out.print(f"{output}: {about_crowd(crowd)}\nnext: konomi taste me.json --crowd {output}", markup=False)


@taste.command()
def simulate(
    output: Annotated[Path, typer.Argument(help="The crowd to write, as crowd.npz.")],
    people: Annotated[int, typer.Option(help="Simulated people.")] = 300,
    seed: Annotated[int, typer.Option(help="Another number makes other people.")] = 0,
    model: Model = "anime",
) -> None:
    """Make a crowd of simulated people, to try things out; everything learned from it says that it is simulated.

    \b
    konomi taste simulate crowd.npz
    """
    from konomi import api
    from konomi.taste.profile import write_crowd
    from konomi.tasting.crowds import about_crowd
    from konomi.tasting.fitting import simulate_crowd

    check_crowd_name(output)
    crowd = simulate_crowd(api.open_model(model), people=people, seed=seed, progress=_drawing_once)
    write_crowd(output, crowd)
    out.print(f"{output}: {about_crowd(crowd)}", markup=False)


def check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise InputError(f"--lang is {language!r}; it is one of {', '.join(LANGUAGES)}")


def check_crowd_name(output: Path) -> None:
    if output.suffix != ".npz":
        raise InputError(f"a crowd is an .npz file, not {output.name}")
