"""Surveys: people look at pictures and answer in the browser."""

import csv
import io
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Optional
from urllib.parse import urlsplit

import typer

from konomi.cli.console import app, following, need, out
from konomi.errors import InputError, shorten
from konomi.files import write_text

survey = typer.Typer(help="Ask people about pictures, in the browser.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(survey, name="survey")
Folder = Annotated[Path, typer.Argument(help="The survey's folder.")]
Database = Annotated[
    str,
    typer.Option(
        envvar="KONOMI_DATABASE",
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; by default survey.sqlite in the folder.",
    ),
]
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that look alike


def now() -> int:
    return time.time_ns() // 1_000_000


def opened(folder: Path, database: str) -> Any:
    need("web", "fastapi", "uvicorn", "jinja2", "sqlalchemy", "pg8000")
    from konomi.web.survey_folder import open_survey

    return open_survey(folder, database=database)


@survey.command()
def new(
    study: Annotated[Path, typer.Argument(help="A study file; see docs/surveys.md.")],
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    codes: Annotated[int, typer.Option(min=0, max=10_000, help='One-time codes to make, for access "codes".')] = 0,
    database: Database = "",
) -> None:
    """Collect a study's pictures and settle everything that people will be asked.

    \b
    konomi survey new study.toml runs/liking
    konomi survey new study.toml runs/liking --codes 50
    """
    need("web", "fastapi", "uvicorn", "jinja2", "sqlalchemy", "pg8000")
    from konomi.taste.study import read_study_file
    from konomi.web.survey_folder import make_survey

    kind = read_study_file(study).access.kind
    if (codes > 0) != (kind == "codes"):
        raise InputError(f'--codes goes with access, kind = "codes", and only then; this study\'s is "{kind}"')
    made = make_survey(study, folder, database=database, now=now())
    if codes:
        secret = ["-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3)) for _ in range(codes)]
        made.store.add_codes(made.kept.id, [code.replace("-", "") for code in secret])
        write_text(folder / "codes.csv", _table([["code"], *[[code] for code in secret]]))
    settled = made.settled
    items = len(settled.questionnaire.items)
    then = "simulate" if settled.study.simulated else "serve"
    out.print(
        f"{folder}: {len(made.kept.pictures)} pictures, {settled.study.plan.pictures} a person, {items} items each"
        f"{f', {codes} codes in codes.csv' if codes else ''}\nnext: konomi survey {then} {folder}",
        markup=False,
    )  # fmt: skip


def _table(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@survey.command()
def serve(
    folder: Folder,
    database: Database = "",
    port: Annotated[
        Optional[int], typer.Option(min=0, max=65535, help="By default 8765, or the next one that is free.")
    ] = None,
    listen_on: Annotated[
        str, typer.Option("--listen", help="The address of this machine to listen on; 0.0.0.0 is all of them.")
    ] = "127.0.0.1",
    public: Annotated[
        str, typer.Option(help="Where people reach it, as https://survey.example.org; see docs/surveys.md.")
    ] = "",
) -> None:
    """Serve the pages of a survey until interrupted.

    \b
    konomi survey serve runs/liking
    konomi survey serve runs/liking --public https://survey.example.org
    """
    found = opened(folder, database)
    if found.settled.study.simulated:
        raise InputError(f"{folder} is simulated, so nobody can answer it: konomi survey simulate {folder}")
    from konomi.web.serve import listen, run, url_of
    from konomi.web.survey import address, create_survey_app
    from konomi.web.survey_folder import check_files

    check_files(found)
    parts = urlsplit(public)
    if public and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
        raise InputError(f"--public is {shorten(public)!r}; it must be as https://survey.example.org, without a path")
    if listen_on not in ("127.0.0.1", "localhost") and not public:
        raise InputError("--listen needs --public: the address that people type, as http://192.168.1.5:8765")
    sys.setswitchinterval(0.001)  # seconds: a click waits no longer for a page that is being made
    application = create_survey_app(found, hosts=[parts.hostname] if parts.hostname else [])
    with listen(port, listen_on) as listening:
        here = url_of(listening, address(found))
        shown = f"{public.rstrip('/')}{address(found)}" if public else here
        out.print(f"{shown}\nanswers are saved as they are given; Ctrl-C stops", markup=False)
        run(application, listening)
    found.store.close()


@survey.command()
def simulate(
    folder: Folder,
    people: Annotated[int, typer.Option(min=1, max=10_000, help="How many come.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same people.")] = 0,
    database: Database = "",
) -> None:
    """Rehearse a survey: simulated people answer it, a few of them carelessly. For studies with simulated = true.

    \b
    konomi survey simulate runs/rehearsal --people 60
    """
    found = opened(folder, database)
    from konomi.web.survey_rehearsal import rehearse

    came = sum(1 for _ in following(rehearse(found, people, seed=seed, now=now()), people, what="answering"))
    found.store.close()
    out.print(f"{folder}: {came} simulated people answered\nnext: konomi analyse {folder}", markup=False)


@survey.command()
def status(folder: Folder, database: Database = "") -> None:
    """How many came, finished and went, and how the pictures are covered."""
    found = opened(folder, database)
    from konomi.taste.responses import summary

    for name, told in summary(found.settled, found.kept.pictures, found.store.rows(found.kept.id), now=now()).items():
        out.print(f"{name}: {told}", markup=False)
    simulated = ", simulated: no person gave these answers" if found.settled.study.simulated else ""
    out.print(f"state: {'closed' if found.kept.closed else 'open'}{simulated}", markup=False)
    found.store.close()


@survey.command()
def export(
    folder: Folder,
    output: Annotated[Path, typer.Argument(help="The folder to write.")],
    database: Database = "",
    personal: Annotated[
        bool, typer.Option("--personal", help="Also what people wrote, and what a site said of them.")
    ] = False,
) -> None:
    """Write all answers as CSV and JSON with a codebook, and as a study folder that training reads."""
    found = opened(folder, database)
    from konomi.web.survey_export import export_survey

    told = export_survey(found, output, personal=personal)
    found.store.close()
    out.print("\n".join(told), markup=False)


@survey.command()
def close(
    folder: Folder,
    database: Database = "",
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again.")] = False,
) -> None:
    """Take no more answers; what there is is kept."""
    found = opened(folder, database)
    found.store.set_closed(found.kept.id, None if reopen else now())
    found.store.close()
    out.print("open again" if reopen else "closed; konomi survey close --reopen opens it again", markup=False)


@survey.command()
def forget(
    folder: Folder,
    person: Annotated[str, typer.Argument(help="As the export names them: p and ten letters and digits.")],
    database: Database = "",
    answers: Annotated[bool, typer.Option("--answers", help="Also everything that they answered.")] = False,
) -> None:
    """Delete what is known of a person: age, gender, comment, what a site said, and their link."""
    found = opened(folder, database)
    found.store.forget(found.kept.id, person, with_answers=answers)
    found.store.close()
    out.print(f"{person} is forgotten{', with all answers' if answers else ''}", markup=False)
