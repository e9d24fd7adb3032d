"""`konomi taste prove`: is what is made for a taste liked better than what is made for another's?"""

import secrets
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.table import Column, Table

from konomi.cli.console import following, need, out
from konomi.cli.taste import CrowdFile, Model, taste
from konomi.errors import InputError

ARMS = {
    "crowd": "mean of the crowd", "questionnaire": "questionnaire only", "picks": "picks only", "both": "both",
}  # fmt: skip
HEADS = {"regret": "regret", "better": "beats favourite", "hit": "beats another's"}


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
    kind: Annotated[
        Optional[str], typer.Option(help="Simulated raters: linear (the default), interactions or ideal.")
    ] = None,
    private: Annotated[
        Optional[float], typer.Option(help="Simulated raters: the private share of liking, 0.3 to 0.7; by default 0.5.")
    ] = None,
    worlds: Annotated[
        Optional[int], typer.Option(min=1, help="Simulated raters: in how many worlds they live; by default 5.")
    ] = None,
    picks: Annotated[
        Optional[int], typer.Option(min=1, help="Simulated raters: how often each picks; by default 12.")
    ] = None,
    of: Annotated[
        Optional[int],
        typer.Option(min=2, help="Simulated raters: out of how many pictures; by default 6, as a person does."),
    ] = None,
    seed: Annotated[Optional[int], typer.Option(help="Repeats a test; whoever answers must not know it.")] = None,
) -> None:
    """Test blindly whether pictures made for a taste are liked better than matched ones made for others.

    \b
    konomi taste prove me.json
    konomi taste prove me.json --against you.json --sets 20
    konomi taste prove me.json --export
    konomi taste prove --simulated 500
    konomi taste prove --simulated 500 --kind interactions --private 0.3 --of 12 --out other-proof
    """
    if (profile is None) == (simulated is None):
        raise InputError("give a profile, as in 'konomi taste prove me.json', or --simulated 500")
    of_raters: dict[str, Any] = {"kind": kind, "private": private, "worlds": worlds, "picks": picks, "of": of}
    of_person = {"against": against, "export": export or None, "crowd": crowd}
    asked = {name: value for name, value in of_raters.items() if value is not None}
    _refuse({n for n, v in of_person.items() if v} if profile is None else set(asked), simulated=profile is None)
    if profile is None:
        _simulate(output or Path("proof"), raters=simulated or 0, seed=1 if seed is None else seed, **asked)
        return
    folder = output or profile.with_name(f"{profile.stem}-blind")
    key = _test(folder, profile, against or [], sets, crowd, model, seed)
    if not export:
        _ask(folder, key)
    _tell(folder, key)


def _refuse(given: set[str], *, simulated: bool) -> None:
    if given:
        names = ", ".join(f"--{name}" for name in sorted(given))
        raise InputError(f"{names}: only for {'the test of a profile' if simulated else 'simulated raters'}")


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


def _simulate(
    folder: Path,
    *,
    raters: int,
    seed: int,
    kind: str = "linear",
    private: float = 0.5,
    worlds: int = 5,
    picks: int = 12,
    of: int = 6,
) -> None:
    need("train", "matplotlib")
    from konomi.files import make_folder, whole, write_json
    from konomi.schema import load_schema
    from konomi.taste.proof import prove as prove_simulated
    from konomi.taste.proof_figure import proof_figure
    from konomi.taste.raters import Manner
    from konomi.taste.worlds import Plan

    proof = prove_simulated(
        load_schema("anime"), Plan(Manner(kind=kind, private_share=private)),
        raters=raters, worlds=worlds, picks=picks, size=of, seed=seed,
        progress=lambda items, total: following(items, total, what="simulating raters"),
    )  # fmt: skip
    write_json(make_folder(folder) / "proof.json", proof)
    with whole(folder / "proof.png") as temporary:
        proof_figure(proof).savefig(temporary, format="png", dpi=110)
    where = "one world" if worlds == 1 else f"{worlds} worlds"
    out.print(
        f"SIMULATED: {raters} {kind} raters in {where}, {private:.0%} private; no person took part\n"
        f"after {picks} picks out of {of}; off by: stated chances, at most",
        markup=False,
    )
    out.print(_table(proof))
    apart = [found["better"] for found in proof["worlds_apart"]]
    if worlds > 1:
        out.print(f"world by world, both beat the favourite for {min(apart):.0%} to {max(apart):.0%} of raters")
    out.print(f"{folder / 'proof.json'}   {folder / 'proof.png'}", markup=False)


def _table(proof: dict[str, Any]) -> Table:
    """The arms after their last pick, means and half of their 95% intervals."""
    heads = ("", *HEADS.values(), "off by")
    view = Table(*(Column(head, no_wrap=True) for head in heads), box=None)
    for arm, found in proof["arms"].items():
        favourite = found["same"][-1] == [1, 1, 1]  # it is what the others are held against
        cells = [_cell(name, None if favourite and name == "better" else found[name][-1]) for name in HEADS]
        view.add_row(ARMS[arm], *cells, f"{found['calibration'][-1]['error']:.1%}")
    view.add_row("if all were known", *(_cell(name, proof["ceiling"][name]) for name in HEADS), "")
    view.add_row("questionnaire adds", *(_cell(name, proof["questionnaire_adds"][name], "+") for name in HEADS), "")
    return view


def _cell(measure: str, values: list[float] | None, sign: str = "") -> str:
    if values is None:
        return "-"
    mean, low, high = values
    half = (high - low) / 2
    return f"{mean:{sign}.2f} ± {half:.2f}" if measure == "regret" else f"{100 * mean:{sign}.1f} ± {100 * half:.1f}%"
