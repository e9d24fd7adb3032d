"""The analysis of a study: from its database, its export in either form, or a study folder; and what bad input does."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")
pytest.importorskip("statsmodels")
pytest.importorskip("matplotlib")

from databases import MEMORY
from konomi.cli.analyse import leave_out, read, tell, two_items, write
from konomi.cli.console import app
from konomi.errors import FileError, InputError
from konomi.files import read_json, write_json
from konomi.questionnaire import load_questionnaire
from konomi.taste.analysis.analyse import Analysis, Options, analyse, whole_pages
from konomi.taste.analysis.figures import draw
from konomi.taste.analysis.quality import people_quality
from konomi.taste.analysis.repeats import repeats
from konomi.taste.analysis.sections import sections, summary
from konomi.taste.analysis.tables import Tables, read_tables, scored, tables_of_answers
from konomi.taste.analysis.words import count, effect, number, p_value, reliable
from konomi.taste.simulate import Population, simulate
from konomi.web.analysis import analysis_page
from konomi.web.survey import now
from konomi.web.survey_export import export_survey
from konomi.web.survey_folder import make_survey
from konomi.web.survey_rehearsal import rehearse

ROOT = Path(__file__).parents[1]
STUDY = """
name = "liking"
title = { en = "Faces" }
consent = { en = "Nobody is asked." }
simulated = true
[pictures]
folder = "faces"
[items]
personality = "mini-ipip"
[plan]
pictures = 4
repeats = 1
attention_checks = 1
"""


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[Path]:
    """A survey of simulated people in `survey`, and its export in `out`."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:  # every answer waits for the disk
        folder = Path(name)
        (folder / "faces").mkdir()
        for place in range(6):
            Image.new("RGB", (32, 32), (40 * place, 90, 120)).save(folder / "faces" / f"face-{place}.png")
        (folder / "study.toml").write_text(STUDY)
        survey = make_survey(folder / "study.toml", folder / "survey", database="", now=now())
        list(rehearse(survey, 26, seed=5, now=now()))
        export_survey(survey, folder / "out")
        survey.store.close()
        yield folder


@pytest.fixture(scope="module")
def tables(rehearsed: Path) -> Tables:
    return read_tables(rehearsed / "out")


@pytest.fixture(scope="module")
def found(tables: Tables) -> Analysis:
    return analyse(tables)


@pytest.fixture(scope="module")
def page(rehearsed: Path, found: Analysis) -> str:
    return analysis_page(found, points=7, pictures=read(rehearsed / "out", "")[1])


@pytest.fixture
def export(rehearsed: Path, tmp_path: Path) -> Path:
    """A copy of the export that may be damaged."""
    shutil.copytree(rehearsed / "out", tmp_path / "out")
    return tmp_path / "out"


def paper(**changes: np.ndarray) -> Tables:
    """The paper's study, smaller: 220 people who saw one of four pictures each."""
    answers = simulate(list("abcd"), load_questionnaire(), seed=1, population=Population(men=141, women=79))
    return tables_of_answers(replace(answers, **changes), name="paper", simulated=True)


# --- the same tables, wherever they come from ---


def test_database_csv_and_json_are_the_same(rehearsed: Path, tables: Tables, tmp_path: Path) -> None:
    shutil.copy(rehearsed / "out" / "export.json", tmp_path)
    for other in (read(rehearsed / "survey", "")[0], read_tables(tmp_path)):
        assert other.items == tables.items
        assert other.self_items == tables.self_items
        assert (other.name, other.simulated, other.unfinished) == (tables.name, True, tables.unfinished)
        pd.testing.assert_frame_equal(other.pages, tables.pages, check_dtype=False)
        pd.testing.assert_frame_equal(other.persons, tables.persons, check_dtype=False)


def test_pages_hold_what_was_answered(tables: Tables) -> None:
    assert tables.columns == [f"item_{n}" for n in range(1, 23)]
    assert list(tables.scales) == ["love", "liking"]
    assert (tables.first.groupby("person").picture.nunique() == 4).all()
    assert (tables.pages.groupby("person").repeat.sum() == 1).all()
    answer = tables.answers[tables.answers.kind == "picture"].iloc[40]
    page = tables.pages[(tables.pages.person == answer.person) & (tables.pages.position == answer.position)]
    if answer["item"] != "attention":
        assert page[answer["item"]].item() == answer.point
    times = tables.answers[(tables.answers.person == answer.person) & (tables.answers.position == answer.position)]
    assert page.seconds.item() == pytest.approx(times.after_ms.max() / len(times) / 1000)


def test_a_study_folder_is_one_too(tables: Tables, export: Path) -> None:
    for name in ("responses.csv", "export.json"):
        (export / name).unlink()
    other, files = read(export, "")
    assert other.simulated
    assert set(files) == {f"face-{n}" for n in range(6)}
    assert len(other.first) <= len(tables.first)  # of people of a known age and gender
    mine = other.first.merge(tables.first, on=["person", "picture"])
    assert (mine["item_7_x"] == mine["item_7_y"]).all()


# --- the paper's study ---


def test_the_papers_own_analysis() -> None:
    tables = tables_of_answers(simulate(list("abcd"), load_questionnaire(), seed=0), name="paper", simulated=True)
    numbers = analyse(tables).numbers
    study, test = numbers["study"], numbers["two_items"]["as_in_the_paper"]
    assert (study["people"], study["genders"]) == (2200, {"male": 1408, "female": 792})
    assert study["people_a_picture"]["mean"] == 550.0
    assert study["people_a_picture"]["sd"] == pytest.approx(343.9, abs=1)
    assert study["age"]["mean"] == pytest.approx(44.3, abs=0.1)
    assert test["p"] < 1e-30
    assert 0.3 < test["size"] < 0.55
    assert numbers["items"]["sd_of_pictures"] < 0.25
    assert not numbers["variance"]["all items"]["several"]
    assert "ICC(1,k)" in str(sections(analyse(paper())))


# --- response quality ---


def test_careless_people_are_flagged(tables: Tables) -> None:
    people = people_quality(tables)
    first = people.index[~people.flagged][0]
    answers = tables.answers.copy()
    own = (answers.person == first) & (answers.kind == "picture")
    answers.loc[own & (answers["item"] != "attention"), "point"] = 4.0
    changed = people_quality(with_answers(tables, answers)).loc[first]
    assert (changed.straight, changed.spread, changed.is_straight, changed.flagged) == (1.0, 0.0, True, True)
    answers.loc[own, "after_ms"] = 900.0
    assert people_quality(with_answers(tables, answers)).loc[first].is_fast
    answers.loc[own & (answers["item"] == "attention"), "point"] = answers.expected % 7 + 1
    changed = people_quality(with_answers(tables, answers)).loc[first]
    assert (changed.checks, changed.wrong_checks, changed.is_inattentive) == (1, 1, True)


def with_answers(tables: Tables, answers: Any) -> Tables:
    return replace(tables, answers=answers)


def test_leaving_them_out_is_shown_and_can_be_done(
    tables: Tables, found: Analysis, capsys: pytest.CaptureFixture[str]
) -> None:
    flagged = int(found.tables["people"].flagged.sum())
    assert flagged > 0
    changed = found.numbers["without_flagged"]
    assert changed["people"] == len(tables.persons) - flagged
    rest = leave_out(tables)
    assert len(rest.persons) == changed["people"]
    assert f"left out: {flagged} of" in capsys.readouterr().out
    again = analyse(rest).numbers
    rows = {row["what"]: row for row in changed["rows"]}
    assert again["scales"]["love"]["value"] == pytest.approx(rows["alpha, love"]["without"])
    assert again["variance"]["love"]["agreement"]["b1"]["value"] == pytest.approx(
        rows["private share b1, love"]["without"], abs=1e-4
    )


# --- repeats, reversed items ---


def test_repeats_by_hand(tables: Tables) -> None:
    told = repeats(tables)
    again = tables.pages[tables.pages.repeat]
    gaps, others = [], []
    for _, second in again.iterrows():
        for _, first in tables.first[tables.first.person == second.person].iterrows():
            apart = [abs(first[c] - second[c]) for c in tables.columns]
            (gaps if first.picture == second.picture else others).extend(apart)
    assert told.pairs == len(again) == told.people
    assert (told.distance, told.distance_of_others) == pytest.approx((np.mean(gaps), np.mean(others)))
    assert told.counts == tuple(np.bincount(np.array(gaps, int), minlength=7))
    assert told.same == pytest.approx(np.mean(np.array(gaps) == 0))
    assert told.distance < told.distance_of_others


def test_no_repeats_are_named(found: Analysis) -> None:
    assert "repeats" in found.numbers
    assert analyse(paper()).left_out["repeats"] == "5 pictures that came back are needed; there are 0"


def test_reversed_items_are_turned_round(tables: Tables) -> None:
    turned = scored(tables.self_pages, tables.self_items)
    for item in tables.self_items[:10]:
        before = tables.self_pages[item.column]
        assert (turned[item.column] == (6 - before if item.reverse else before)).all()
    straight = {item.column: 1.0 for item in tables.self_items}
    assert scored(pd.DataFrame([straight]), tables.self_items).iloc[0].nunique() == 2


# --- bad input ---


Change = Callable[[Any], Any]  # of a table


def damage(path: Path, change: Change) -> None:
    change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("codebook.csv", lambda t: t.replace({"meaning": {"1": "7"}}), r"has format '7'; this version of Konomi reads"),
        ("codebook.csv", lambda t: t[t.file != "study"], r"has format None"),
        ("codebook.csv", lambda t: t.drop(columns="reversed"), r"codebook has no column 'reversed'; export"),
        ("responses.csv", lambda t: t.drop(columns="point"), r"responses has no column 'point'"),
        ("responses.csv", lambda t: t.assign(point="8"), r"row 1: point is '8'; it must be"),
        ("responses.csv", lambda t: t.assign(item="item_99"), r"row \d+: item is 'item_99'; it must be one of"),
        ("responses.csv", lambda t: t.assign(repeat="maybe"), r"row 1: repeat is 'maybe'; it must be a whole number"),
        ("responses.csv", lambda t: pd.concat([t, t.tail(1)]), r"row \d+: item_\d+ of page \d is there twice"),
        ("responses.csv", lambda t: t.assign(kind="pic"), r"row 1: kind is 'pic'; it must be picture or self"),
    ],
)  # fmt: skip
def test_damaged_tables_are_refused(export: Path, name: str, change: Change, told: str) -> None:
    damage(export / name, change)
    with pytest.raises(FileError, match=told):
        read_tables(export)


def test_a_file_that_breaks_off_is_refused(export: Path) -> None:
    text = (export / "responses.csv").read_text()
    (export / "responses.csv").write_text(text[: len(text) // 2].rpartition(",picture,")[0] + ",pict")
    with pytest.raises(FileError, match=r"responses\.csv, row \d+: kind is 'pict'"):
        read_tables(export)
    (export / "responses.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="is not a table"):
        read_tables(export)


def test_missing_parts_are_named(export: Path, tmp_path: Path) -> None:
    (export / "persons.csv").unlink()
    found = analyse(read_tables(export))
    assert found.left_out["people's age, gender and time"] == "persons.csv is not there"
    assert "women and men" in found.left_out
    assert found.numbers["scales"]["love"]
    assert found.numbers["study"]["age"] is None
    (export / "codebook.csv").unlink()
    assert read_tables(export).unfinished >= 0  # out of export.json
    facts = read_json(export / "export.json")
    write_json(export / "export.json", {key: value for key, value in facts.items() if key != "persons"})
    with pytest.raises(FileError, match="has no persons: it is not whole"):
        read_tables(export)
    (export / "export.json").unlink()
    with pytest.raises(FileError, match=r"has no codebook\.csv: give the whole export"):
        read_tables(export)
    with pytest.raises(FileError, match="is no study: it has neither"):
        read(tmp_path, "")
    with pytest.raises(InputError, match="--database goes with a survey's folder"):
        read(export, "sqlite:///x")


def test_nobody_is_no_study(export: Path) -> None:
    damage(export / "responses.csv", lambda t: t.assign(finished="0"))
    with pytest.raises(InputError, match=r"nobody has finished yet, of \d+ people"):
        read_tables(export)
    damage(export / "responses.csv", lambda t: t.head(0))
    with pytest.raises(InputError, match="has no answers yet"):
        read_tables(export)


def test_few_people_get_what_can_be_said(tables: Tables) -> None:
    keep = tables.persons.index[:2]
    few = analyse(tables.without([p for p in tables.persons.index if p not in keep]))
    assert few.numbers["study"]["people"] == 2
    assert few.numbers["items"]["highest"]["mean"] > 0
    assert few.left_out["alpha of love"] == "the interval of alpha needs 3 people; there are 2"
    assert few.left_out["variance of love"].startswith("3 people and 2 pictures are needed; people: 2")
    assert "the next study" in few.left_out
    titles = [section.title for section in sections(few)]
    assert titles[-1] == "What could not be computed"
    assert "Shared and private taste" not in titles
    assert draw(few, 7)


def test_one_picture_and_constant_answers() -> None:
    one = analyse(paper(picture=("a",) * 220))
    assert one.left_out["variance of love"] == "3 people and 2 pictures are needed; people: 220, pictures: 1"
    assert one.numbers["scales"]["love"]["value"] > 0.5
    assert one.numbers["items"]["sd_of_pictures"] is None
    same = analyse(paper(items=np.full((220, 22), 4)))
    assert same.left_out["two items"].startswith("all values of both groups are the same")
    assert "all answers have the same sum" in same.left_out["alpha of love"]
    assert same.left_out["variance of all items"] == "all answers are the same: there is no variance"
    for found in (one, same):
        assert draw(found, 7)
        assert "nan" not in str(sections(found))
        json.dumps(found.numbers, allow_nan=False)


def test_straight_liners_only() -> None:
    points = np.repeat(np.random.default_rng(0).integers(1, 8, (220, 1)), 22, axis=1)
    tables = paper(items=points)
    found = analyse(tables)
    assert found.numbers["quality"]["straight"] == 220
    assert found.left_out["leaving people out"] == "everybody was flagged: nobody would be left"
    with pytest.raises(InputError, match="all 220 people were flagged"):
        leave_out(tables)
    assert draw(found, 7)


def test_pages_with_an_item_passed_over_are_counted(tables: Tables) -> None:
    answers = tables.answers.copy()
    answers.loc[(answers["item"] == "item_3") & (answers.position % 2 == 0), "point"] = np.nan
    found = analyse(with_answers(tables, answers))
    left = found.numbers["variance"]
    assert left["love"]["left_out"] > 0 == left["liking"]["left_out"]
    assert found.numbers["study"]["passed_over"] == left["love"]["left_out"]
    assert whole_pages(with_answers(tables, answers).pages, ["item_3"])[1] == left["love"]["left_out"]


def test_items_to_compare() -> None:
    assert two_items(None) is None
    assert two_items("item_1, item_2") == ("item_1", "item_2")
    for text in ("item_1", "item_1,item_1", "a,b,c"):
        with pytest.raises(InputError, match="give two items with a comma"):
            two_items(text)
    with pytest.raises(InputError, match="there is no item 'item_99'; the items are item_1 to item_22"):
        analyse(paper(), Options(compare=("item_1", "item_99")))


# --- what is written ---


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "img", "br", "path", "use"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()


def test_the_page_asks_nobody(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert all(address.startswith(("data:", "#")) for address in tags.addresses)
    assert len(page) < 600_000
    assert page.count("<svg") == 7


def test_everything_simulated_says_so(
    page: str, found: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No person gave these answers" in page
    assert page.count("<h2>") == page.count('<span class="mark">simulated</span>')
    assert page.count("<figcaption>Simulated.") == page.count("<figcaption>")
    assert page.count('aria-label="simulated: ') == page.count("<svg")
    write(tmp_path, found, page)
    for path in tmp_path.glob("*.csv"):
        assert "simulated" in path.read_text().splitlines()[0].split(","), path
    assert read_json(tmp_path / "analysis.json")["study"]["simulated"] is True
    tell(tmp_path, found)
    assert "SIMULATED: no person gave these answers." in capsys.readouterr().out


def test_a_study_of_people_does_not(tables: Tables) -> None:
    real = analysis_page(analyse(replace(tables, simulated=False)), points=7)
    assert "simulated" not in re.sub(r"<style>.*?</style>", "", real, flags=re.DOTALL).lower()


def test_every_figure_has_its_sentence(found: Analysis) -> None:
    for section in sections(found):
        for _, sentence in section.figures:
            assert len(sentence) > 40
            assert sentence.endswith(".")
    assert len(summary(found)) >= 6


def test_words_of_numbers() -> None:
    assert [p_value(p) for p in (None, 0.5, 0.0001, 0.0)] == ["–", "0.500", "1.0e-04", "below 1e-300"]
    assert [number(x) for x in (None, float("nan"), -0.456)] == ["–", "–", "−0.46"]
    assert [count(n, "person", "people") for n in (1, 2_000)] == ["1 person", "2,000 people"]
    assert [effect(d) for d in (-0.9, 0.6, 0.3, 0.1)] == ["large", "medium", "small", "negligible"]
    assert [reliable(x) for x in (0.95, 0.8, 0.6, 0.2)] == ["excellent", "good", "moderate", "poor"]


def test_the_command_tells_in_a_few_lines(rehearsed: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["analyse", str(rehearsed / "out"), "--out", str(tmp_path), "--without-flagged"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("left out: ")
    assert lines[1] == "SIMULATED: no person gave these answers."
    assert len(lines) < 14
    written = {path.name for path in tmp_path.iterdir()}
    assert {"analysis.html", "analysis.json", "people.csv", "variance.csv", "pictures.csv"} <= written
    assert "data:image/webp" in (tmp_path / "analysis.html").read_text()  # small pictures
    refused = CliRunner().invoke(app, ["survey", "serve", str(rehearsed / "survey")])
    assert "is simulated, so nobody can answer it" in str(refused.exception)


@pytest.mark.slow  # draws pictures, and every answer waits for the disk
def test_the_guides_commands_run(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "analysing.md").read_text(encoding="utf-8")
    commands = [line for line in guide.splitlines() if line.startswith("konomi ") and "rehearsal" in line]
    assert len(commands) == 3
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (tmp_path / "runs" / "rehearsal-analysis" / "analysis.html").is_file()
