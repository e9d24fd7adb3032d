"""Answers about pictures on disk: a CSV with one row an answer, and the study folders that training reads.

The CSV has the columns person, picture, gender, age, item_1, item_2, ... A study folder is a stage (its pictures and
their manifest) with `answers.csv` and `study.json`, which names the questionnaire and says whether people or a
simulation answered.
"""

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from konomi import __version__
from konomi.data.dataset import load
from konomi.errors import FileError, InputError, shorten
from konomi.files import make_folder, read_json, reporting, whole, write_json, write_text
from konomi.questionnaire import Answers, Questionnaire, load_questionnaire, read_answer
from konomi.record import Record, read_stage, write_stage
from konomi.schema import load_schema

ANSWERS, STUDY = "answers.csv", "study.json"
PERSON = ("person", "picture", "gender", "age")


def write_answers(path: Path, answers: Answers) -> None:
    """Write answers as CSV, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*PERSON, *answers.questionnaire.columns])
    columns = (answers.person, answers.picture, answers.gender, answers.age.tolist(), answers.items.tolist())
    for person, picture, gender, age, items in zip(*columns, strict=True):
        writer.writerow([person, picture, gender, age, *items])
    write_text(path, text.getvalue())


def read_answers(path: Path, questionnaire: Questionnaire) -> Answers:
    """Read a CSV of answers, simulated or exported from a survey.

    Columns may stand in any order. An InputError names the row and the item of an answer that is missing, no number or
    off the scale; a FileError a column that is missing or unknown.
    """
    with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restkey="", restval="")
        _check_columns(path, reader.fieldnames or [], questionnaire)
        rows = list(reader)
    if not rows:
        raise FileError(f"{path} holds no answers")
    read = []
    for number, row in enumerate(rows, start=1):
        where = f"{path}, row {number}"
        if "" in row:
            raise InputError(f"{where} has more fields than there are columns")
        for column in ("person", "picture"):
            if not row[column].strip():
                raise InputError(f"{where} has no {column}")
        read.append(read_answer(questionnaire, where, row))
    genders, ages, items = zip(*read, strict=True)
    return Answers(
        questionnaire,
        person=tuple(row["person"].strip() for row in rows),
        picture=tuple(row["picture"].strip() for row in rows),
        gender=genders,
        age=np.array(ages),
        items=np.array(items),
    )


def _check_columns(path: Path, found: Sequence[str], questionnaire: Questionnaire) -> None:
    known = [*PERSON, *questionnaire.columns]
    if missing := [column for column in known if column not in found]:
        raise FileError(f"{path} lacks the column {missing[0]}; the columns are {', '.join(PERSON)}, {known[4]}, ...")
    if unknown := [column for column in found if column not in known]:
        names = f"questionnaire {questionnaire.name!r}"
        raise FileError(f"{path} has a column {shorten(unknown[0])!r} that {names} does not have")


@dataclass(frozen=True)
class Study:
    """Answers with the pictures that they are about."""

    names: tuple[str, ...]
    pictures: np.ndarray  # (C, H, W, 3) uint8
    answers: Answers
    simulated: bool
    facts: dict[str, Any]  # all of study.json

    @property
    def index(self) -> np.ndarray:
        """Which picture each answer is about, (R,)."""
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([places[name] for name in self.answers.picture])


def choose_characters(stage: Path, count: int, *, seed: int) -> list[Record]:
    """`count` pictures of a stage at random, the same for the same seed; at most one of a group of near duplicates."""
    records = sorted(read_stage(stage), key=lambda record: record.file)
    chosen: list[Record] = []
    groups: set[str] = set()
    for place in np.random.default_rng(seed).permutation(len(records)):
        record = records[place]
        if record.group and record.group in groups:
            continue
        groups.add(record.group)
        chosen.append(record)
        if len(chosen) == count:
            return chosen
    raise InputError(f"{stage} has only {len(chosen)} pictures that are not nearly the same; {count} were asked for")


def write_study(
    folder: Path, stage: Path, characters: Sequence[Record], answers: Answers, facts: dict[str, Any]
) -> None:
    """Make a study folder of pictures of `stage` and answers about them; `study.json` comes last.

    `facts` must say `simulated`: true if no person gave these answers.
    """
    assert isinstance(facts["simulated"], bool)
    for record in characters:
        make_folder((folder / record.file).parent)
        with whole(folder / record.file) as temporary:
            shutil.copyfile(stage / record.file, temporary)
    schema = load_schema("anime")
    settings = {"stage": "study", "version": __version__, "schema": schema.name, "schema_hash": schema.hash}
    write_stage(folder, list(characters), settings)
    write_answers(folder / ANSWERS, answers)
    asked = answers.questionnaire
    write_json(folder / STUDY, {"questionnaire": asked.name, "questionnaire_hash": asked.hash, **facts})


def read_study(folder: Path) -> Study:
    """Read a study folder; a FileError if it is none, or if an answer is about a picture that it does not have."""
    if not (folder / STUDY).is_file():
        raise FileError(f"{folder} has no {STUDY}: it is not a study, or not finished")
    facts = read_json(folder / STUDY)
    if not isinstance(facts, dict) or not isinstance(facts.get("simulated"), bool):
        raise FileError(f'{folder / STUDY} must say "simulated": true or false')
    asked = load_questionnaire(facts.get("questionnaire", ""))
    if facts.get("questionnaire_hash", asked.hash) != asked.hash:
        raise FileError(f"{folder} was answered with another version of questionnaire {asked.name!r}")
    answers = read_answers(folder / ANSWERS, asked)
    data = load([folder], load_schema("anime"))
    if strangers := sorted(set(answers.picture) - set(data.names)):
        raise FileError(f"{folder / ANSWERS} has answers about {strangers[0]!r}, which is not among the pictures")
    return Study(data.names, data.pictures, answers, facts["simulated"], facts)
