"""A survey's answers as files: CSV, JSON, a codebook, and the study folder that training reads."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from konomi import __version__
from konomi.data.answers import ANSWERS, write_study
from konomi.errors import InputError
from konomi.files import make_folder, write_json, write_text
from konomi.record import read_stage
from konomi.taste.responses import FORMAT, PERSON, PICKS, RESPONSE, as_answers, codebook, people, picks, responses
from konomi.web.survey_folder import Survey


def export_survey(survey: Survey, output: Path, *, personal: bool = False) -> list[str]:
    """Write everything; returns lines that say what was written, and what was left out of the study folder."""
    if output.resolve() == survey.folder.resolve():
        raise InputError(f"{output} is the survey's own folder; export into another one")
    rows, settled, files = survey.store.rows(survey.kept.id), survey.settled, survey.kept.pictures
    tables = {"responses": responses(files, rows), "persons": people(settled, rows), "codebook": codebook(settled)}
    if settled.study.picks.pictures:
        tables["picks"] = picks(files, rows)
    make_folder(output)
    traits = list(dict.fromkeys(item.scale for item in settled.personality.items)) if settled.personality else []
    write_text(output / "responses.csv", _csv(list(RESPONSE), tables["responses"]))
    write_text(output / "persons.csv", _csv([*PERSON, *traits], tables["persons"]))
    write_text(output / "codebook.csv", _csv(list(tables["codebook"][0]), tables["codebook"]))
    if "picks" in tables:
        write_text(output / "picks.csv", _csv(list(PICKS), tables["picks"]))
    facts = {"format": FORMAT, "version": __version__, "study": settled.study.to_dict(), "hash": settled.study.hash}
    write_json(output / "export.json", {**facts, **tables})
    if personal:
        write_json(output / "personal.json", survey.store.personal(survey.kept.id))
    told = [f"{output}: {len(tables['responses'])} answers of {len(tables['persons'])} people, with a codebook"]
    answers, left_out = as_answers(settled, files, rows)
    if answers is None:
        (output / ANSWERS).unlink(missing_ok=True)
        told.append("no study folder: there is no whole answer yet")
    else:
        study = {"simulated": settled.study.simulated, "survey": settled.study.name, "survey_hash": settled.study.hash}
        write_study(output, survey.folder, read_stage(survey.folder), answers, study)
        told.append(f"{ANSWERS}: {len(answers)} whole answers, ready for training")
    return told + [f"left out of {ANSWERS}: {many} {why}" for why, many in sorted(left_out.items())]


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
