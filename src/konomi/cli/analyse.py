"""The analysis of a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from konomi.cli.console import app, err, need, out
from konomi.cli.survey import Database, opened
from konomi.errors import FileError, InputError

if TYPE_CHECKING:
    from konomi.taste.analysis.analyse import Analysis
    from konomi.taste.analysis.tables import Tables


@app.command()
def analyse(
    study: Annotated[Path, typer.Argument(help="A survey's folder, an exported folder, or a study folder.")],
    folder: Annotated[Path, typer.Option("--out", help="Where to write the page and the tables.")] = Path("analysis"),
    database: Database = "",
    compare: Annotated[
        Optional[str],
        typer.Option(help="Two items to compare, as item_15,item_19; these by default."),
    ] = None,
    difference: Annotated[
        float, typer.Option(min=0.01, help="The difference of two items, in points, that the next study is to find.")
    ] = 0.3,
    without_flagged: Annotated[
        bool, typer.Option("--without-flagged", help="Leave out people who gave signs of carelessness.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Show the most and the least liked pictures on the page.")] = True,
) -> None:
    """Analyse a study: response quality, scales, agreement, shared and private taste, tests, and the next study.

    Writes analysis.html (one file, opens anywhere), analysis.json, and tables as CSV.

    \b
    konomi analyse runs/liking
    konomi analyse runs/liking-answers --out runs/liking-analysis
    konomi analyse runs/liking --database postgresql://me@localhost/surveys --without-flagged
    """
    need("survey", "pandas", "scipy", "statsmodels", "matplotlib")
    need("web", "jinja2", "starlette", "sqlalchemy", "pg8000")
    from konomi.taste.analysis.analyse import Options
    from konomi.taste.analysis.analyse import analyse as compute
    from konomi.web.analysis import analysis_page

    tables, files = read(study, database)
    if without_flagged:
        tables = leave_out(tables)
    found = compute(tables, Options(two_items(compare), difference), step=_say)
    write(folder, found, analysis_page(found, points=tables.points, pictures=files if pictures else {}))
    tell(folder, found)


def _say(what: str) -> None:
    if err.is_terminal:
        err.print(f"computing: {what}", markup=False)


def two_items(text: str | None) -> tuple[str, str] | None:
    """Two items of a text with a comma; an InputError if it is none."""
    if text is None:
        return None
    items = [item.strip() for item in text.split(",")]
    if len(items) != 2 or items[0] == items[1]:
        raise InputError(f"--compare is {text!r}; give two items with a comma, as item_15,item_19")
    return items[0], items[1]


def read(study: Path, database: str) -> "tuple[Tables, dict[str, Path]]":
    """The tables of whatever kind of folder it is, and its pictures' files by name."""
    from konomi.taste.analysis.tables import EXPORT, RESPONSES, read_tables, tables_of_answers
    from konomi.web.survey_folder import SURVEY

    if (study / SURVEY).is_file():
        return _read_survey(study, database)
    if database:
        raise InputError(f"--database goes with a survey's folder; {study} has no {SURVEY}")
    if any((study / name).is_file() for name in (RESPONSES, EXPORT)):
        return read_tables(study), _files(study)
    if (study / "study.json").is_file():
        from konomi.data.answers import read_study

        found = read_study(study)
        return tables_of_answers(found.answers, name=study.name, simulated=found.simulated), _files(study)
    raise FileError(f"{study} is no study: it has neither {SURVEY} nor {RESPONSES}, {EXPORT} or study.json")


def _read_survey(study: Path, database: str) -> "tuple[Tables, dict[str, Path]]":
    from konomi.taste.analysis.tables import tables_of_rows
    from konomi.taste.responses import codebook, people, picks, responses

    found = opened(study, database)
    rows, settled, files = found.store.rows(found.kept.id), found.settled, found.kept.pictures
    found.store.close()
    tables = tables_of_rows(responses(files, rows), people(settled, rows), codebook(settled), picks(files, rows))
    return tables, {Path(file).stem: study / file for file, _ in files}


def _files(folder: Path) -> dict[str, Path]:
    """The pictures that an export or a study folder has, if it has any."""
    from konomi.record import STAGE, read_stage

    records = read_stage(folder) if (folder / STAGE).is_file() else []
    return {Path(record.file).stem: folder / record.file for record in records if (folder / record.file).is_file()}


def leave_out(tables: "Tables") -> "Tables":
    """The study without people who were flagged, and a line that says how many."""
    from konomi.taste.analysis.quality import people_quality

    people = people_quality(tables)
    if people.flagged.all():
        raise InputError(f"all {len(people)} people were flagged: nobody would be left")
    out.print(f"left out: {people.flagged.sum()} of {len(people)} people, who gave signs of carelessness", markup=False)
    return tables.without(people.index[people.flagged])


def write(folder: Path, found: "Analysis", page: str) -> None:
    """The page, the numbers and the tables."""
    from konomi.files import make_folder, write_json, write_text

    make_folder(folder)
    for name, table in found.tables.items():
        marked = table.assign(simulated=1) if found.numbers["study"]["simulated"] else table
        write_text(folder / f"{name}.csv", marked.to_csv(index=False, lineterminator="\n"))
    write_json(folder / "analysis.json", found.numbers)
    write_text(folder / "analysis.html", page)


def tell(folder: Path, found: "Analysis") -> None:
    from konomi.taste.analysis.sections import summary

    if found.numbers["study"]["simulated"]:
        out.print("SIMULATED: no person gave these answers.", markup=False)
    for line in summary(found):
        out.print(line, markup=False)
    for what, why in found.left_out.items():
        err.print(f"left out: {what}: {why}", markup=False)
    out.print(f"{folder / 'analysis.html'}, analysis.json and {len(found.tables)} tables", markup=False)
