"""Answers as CSV, and study folders."""

from pathlib import Path

import numpy as np
import pytest

from konomi.data.answers import choose_characters, read_answers, read_study, write_answers, write_study
from konomi.data.synthetic import synthesise
from konomi.errors import FileError, InputError
from konomi.files import read_json, write_json
from konomi.images import read
from konomi.questionnaire import load_questionnaire
from konomi.taste.simulate import Population, simulate

ASKED = load_questionnaire()
FEW = Population(men=20, women=10)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers") / "stage"
    synthesise(folder, count=12, size=16)
    return folder


@pytest.fixture
def study(stage: Path, tmp_path: Path) -> Path:
    chosen = choose_characters(stage, 3, seed=0)
    answers = simulate([Path(record.file).stem for record in chosen], ASKED, seed=0, population=FEW)
    write_study(tmp_path / "study", stage, chosen, answers, {"simulated": True, "seed": 0})
    return tmp_path / "study"


def test_answers_come_back_as_written(tmp_path: Path) -> None:
    answers = simulate(["x", "y, z"], ASKED, seed=0, population=FEW)
    write_answers(tmp_path / "a.csv", answers)
    again = read_answers(tmp_path / "a.csv", ASKED)
    assert (again.person, again.picture, again.gender) == (answers.person, answers.picture, answers.gender)
    assert (again.items == answers.items).all()
    assert (again.age == answers.age).all()


def test_an_export_with_its_columns_in_another_order_is_read(tmp_path: Path) -> None:
    columns = ["picture", "age", *ASKED.columns[::-1], "person", "gender"]
    row = ["x", "30", *[str(1 + i % 7) for i in range(22)][::-1], "p", "female"]
    (tmp_path / "a.csv").write_text("\ufeff" + ",".join(columns) + "\r\n" + ",".join(row) + "\r\n", encoding="utf-8")
    answers = read_answers(tmp_path / "a.csv", ASKED)
    assert answers.items[0].tolist() == [1 + i % 7 for i in range(22)]
    assert (answers.person, answers.picture, answers.gender, answers.age[0]) == (("p",), ("x",), ("female",), 30)


@pytest.mark.parametrize(
    ("old", "new", "error", "told"),
    [
        ("\np,x,male,30,1,", "\np,x,male,30,0,", InputError, "row 1: item_1 is 0; answers go from 1 to 7"),
        ("\np,x,male,30,1,", "\np,x,male,30,8,", InputError, "row 1: item_1 is 8"),
        ("\np,x,male,30,1,", "\np,x,male,30,yes,", InputError, "row 1: item_1 is 'yes'"),
        ("\np,x,male,30,1,", "\np,x,male,30,,", InputError, "row 1 has no item_1"),
        ("\np,x,", "\n,x,", InputError, "row 1 has no person"),
        (",22\n", "\n", InputError, "row 1 has no item_22"),
        ("item_3,", "", FileError, "lacks the column item_3"),
        ("item_3,", "item_3,mood,", FileError, "has a column 'mood' that questionnaire 'love-liking' does not have"),
        ("\np,", "\np,p,", InputError, "more fields than there are columns"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, old: str, new: str, error: type[Exception], told: str) -> None:
    text = ",".join(["person", "picture", "gender", "age", *ASKED.columns]) + "\n"
    text += ",".join(["p", "x", "male", "30", *["1"] * 21, "22"]) + "\n"
    assert old in text
    text = text.replace(old, new, 1).replace(",22\n", ",7\n")
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(error, match=told):
        read_answers(tmp_path / "a.csv", ASKED)


def test_a_table_without_answers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(["person", "picture", "gender", "age", *ASKED.columns]) + "\n")
    with pytest.raises(FileError, match="holds no answers"):
        read_answers(tmp_path / "a.csv", ASKED)


def test_a_study_says_that_it_is_simulated_and_joins_answers_to_pictures(stage: Path, study: Path) -> None:
    found = read_study(study)
    assert found.simulated
    assert found.pictures.shape == (3, 16, 16, 3)
    assert len(found.index) == 30
    for row in (0, 11, 29):
        name = found.answers.picture[row]
        assert (found.pictures[found.index[row]] == np.asarray(read(stage / "pictures" / f"{name}.png"))).all()


def test_characters_are_the_same_for_a_seed_and_not_near_duplicates(stage: Path) -> None:
    names = [[r.file for r in choose_characters(stage, 5, seed=seed)] for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]
    assert len(set(names[0])) == 5
    with pytest.raises(InputError, match="has only 12 pictures"):
        choose_characters(stage, 13, seed=0)


def test_a_study_must_say_who_answered(study: Path) -> None:
    facts = read_json(study / "study.json")
    write_json(study / "study.json", {k: v for k, v in facts.items() if k != "simulated"})
    with pytest.raises(FileError, match='must say "simulated"'):
        read_study(study)
    write_json(study / "study.json", facts | {"questionnaire_hash": "other"})
    with pytest.raises(FileError, match="another version of questionnaire 'love-liking'"):
        read_study(study)
    (study / "study.json").unlink()
    with pytest.raises(FileError, match="not a study, or not finished"):
        read_study(study)


def test_an_answer_about_a_stranger_is_refused(study: Path) -> None:
    answers = read_study(study).answers
    text = (study / "answers.csv").read_text().replace(f",{answers.picture[0]},", ",nobody,", 1)
    (study / "answers.csv").write_text(text)
    with pytest.raises(FileError, match="answers about 'nobody'"):
        read_study(study)
