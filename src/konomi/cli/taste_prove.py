"""`konomi taste prove`: is what is made for a taste liked better than what is made for another's?"""

import secrets
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.table import Table

from konomi.cli.console import following, need, out
from konomi.cli.taste import CrowdFile, Model, taste
from konomi.errors import InputError

ARMS = {
    "crowd": "mean of the crowd", "questionnaire": "questionnaire only", "picks": "picks only", "both": "both",
}  # fmt: skip


@taste.command()
def prove(
    profile: Annotated[Optional[Path], typer.Argument(help="The profile of the person who is tested.")] = None,
    simulated: Annotated[Optional[int], typer.Option(help="Instead: so many simulated raters, in four arms.")] = None,
    output: Annotated[Optional[Path], typer.Option("--out", help="Folder to write, or to go on in.")] = None,
    against: Annotated[
        Optional[list[Path]],
        typer.Option(help="Somebody else's profile; may be repeated. By default strangers, drawn from the crowd."),
    ] = None,
    sets: Annotated[int, typer.Option(min=1, max=99, help="Sets of three pictures, in a new test.")] = 12,
    export: Annotated[bool, typer.Option("--export", help="Only write the sheet; answer in its answers.csv.")] = False,
    crowd: CrowdFile = None,
    model: Model = "anime",
    kind: Annotated[str, typer.Option(help="Simulated raters: linear, interactions or ideal.")] = "linear",
    private: Annotated[float, typer.Option(help="Simulated raters: the private share of liking, 0.3 to 0.7.")] = 0.5,
    worlds: Annotated[int, typer.Option(help="Simulated raters: in how many worlds they live.")] = 5,
    seed: Annotated[Optional[int], typer.Option(help="Repeats a test; whoever answers must not know it.")] = None,
) -> None:
    """Test blindly whether pictures made for a taste are liked better than matched ones made for others.

    \b
    konomi taste prove me.json
    konomi taste prove me.json --against you.json --sets 20
    konomi taste prove me.json --export
    konomi taste prove --simulated 500
    """
    if (profile is None) == (simulated is None):
        raise InputError("give a profile, as in 'konomi taste prove me.json', or --simulated 500")
    if profile is None:
        _simulate(simulated or 0, output or Path("proof"), kind, private, worlds, 1 if seed is None else seed)
        return
    folder = output or profile.with_name(f"{profile.stem}-blind")
    key = _test(folder, profile, against or [], sets, crowd, model, seed)
    if not export:
        _ask(folder, key)
    _tell(folder, key)


def _test(
    folder: Path, profile: Path, against: list[Path], sets: int, crowd: Path | None, model: str, seed: int | None
) -> Any:
    """The test in `folder`, made if there is none."""
    from konomi import api
    from konomi.tasting.blind import make_test, open_session
    from konomi.tasting.blind_sheet import read_key

    if (key := read_key(folder)) is not None:
        if key.facts["profile"] != profile.name:
            raise InputError(f"{folder} is a test of {key.facts['profile']}, not of {profile.name}; give another --out")
        return key
    session = open_session(profile, crowd)
    return make_test(
        folder, session, api.open_model(model), name=profile.name,
        others=[open_session(path, crowd, session.crowd) for path in against], sets=sets,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        progress=lambda items, total: following(items, total, what="drawing sets"),
    )  # fmt: skip


def _ask(folder: Path, key: Any) -> None:
    """Ask for each set that has no answer; every answer is saved before the next question."""
    from konomi.tasting.blind_sheet import MADE_FOR, keep_answer, read_answers, sheet_picture

    left = [number for number in range(1, len(key.sets) + 1) if number not in read_answers(folder, key)]
    places = [str(place) for place in range(len(MADE_FOR) + 1)]
    for number in left:
        out.print(f"{sheet_picture(folder, number)}: which do you like best? 1 to 3, 0 none, q stop", markup=False)
        while (typed := _typed()) not in (*places, "q"):
            out.print("type 1, 2 or 3, 0 if you cannot say, or q", markup=False)
        if typed == "q":
            return
        keep_answer(folder, key, number, int(typed))


def _typed() -> str:
    try:
        return input("> ").strip().lower()
    except EOFError:
        return "q"


def _tell(folder: Path, key: Any) -> None:
    """The result, once every set is answered: until then it could sway whoever goes on answering."""
    from konomi.files import write_json
    from konomi.tasting.blind import judge
    from konomi.tasting.blind_sheet import answers_file, read_answers

    answers = read_answers(folder, key)
    if len(answers) < len(key.sets):
        out.print(
            f"{len(answers)} of {len(key.sets)} sets are answered, in {answers_file(folder)}\n"
            f"look at {folder / 'sheet'} and fill it in, or answer here; then run the same command again\n"
            f"{folder / 'key.json'} says which is which: leave it closed",
            markup=False,
        )
        return
    found = judge(key, answers)
    person, other, usual, none = (found.chosen[name] for name in ("person", "other", "crowd", "none"))
    note = " The crowd's people are simulated." if key.facts["simulated"] else ""
    out.print(
        f"made for you: liked best in {person} of {found.answered} sets, {found.rate:.0%}"
        f" (95%: {found.low:.0%} to {found.high:.0%}); by chance 33%\n"
        f"made for somebody else ({key.facts['somebody_else']}): {other}; for the mean of the crowd: {usual};"
        f" none: {none}.{note}\n"
        f"so many or more by luck alone: {found.by_luck:.1%}",
        markup=False,
    )
    write_json(folder / "result.json", {**key.facts, **vars(found), "rate": found.rate, "chance": 1 / 3})


def _simulate(raters: int, folder: Path, kind: str, private: float, worlds: int, seed: int) -> None:
    need("train", "matplotlib")
    from konomi.files import make_folder, whole, write_json
    from konomi.schema import load_schema
    from konomi.taste.proof import prove as prove_simulated
    from konomi.taste.proof_figure import proof_figure
    from konomi.taste.raters import Manner
    from konomi.taste.worlds import Plan

    plan = Plan(Manner(kind=kind, private_share=private))
    proof = prove_simulated(
        load_schema("anime"), plan, raters=raters, worlds=worlds, seed=seed,
        progress=lambda items, total: following(items, total, what="worlds"),
    )  # fmt: skip
    write_json(make_folder(folder) / "proof.json", proof)
    with whole(folder / "proof.png") as temporary:
        proof_figure(proof).savefig(temporary, format="png", dpi=110)
    out.print(f"SIMULATED: {raters} {kind} raters in {worlds} worlds, {private:.0%} private; no person took part")
    out.print(_table(proof))
    out.print(f"{folder / 'proof.json'}   {folder / 'proof.png'}", markup=False)


def _table(proof: dict[str, Any]) -> Table:
    """The arms after their last pick."""
    view = Table("", "regret", "beats the favourite", "beats another's", "best of three", "chances off by", box=None)
    for arm, found in proof["arms"].items():
        measured = [found[name][-1] for name in ("regret", "better", "hit", "first")]
        cells = [_cell(values, percent=place > 0) for place, values in enumerate(measured)]
        view.add_row(ARMS[arm], *cells, f"{found['calibration'][-1]['error']:.1%}")
    adds = proof["questionnaire_adds"]
    cells = [_cell(adds[name], percent=name != "regret", sign="+") for name in ("regret", "better", "hit", "first")]
    view.add_row("questionnaire adds", *cells, "")
    return view


def _cell(values: list[float] | None, *, percent: bool, sign: str = "") -> str:
    if values is None:
        return "-"
    mean, low, high = (format(v, f"{sign}.1%" if percent else f"{sign}.2f") for v in values)
    return f"{mean} ({low} to {high})"
