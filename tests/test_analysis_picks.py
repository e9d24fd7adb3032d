"""Picks analysed: against R's printed values, in the page, and what a damaged table does."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("statsmodels")

from konomi.errors import FileError, InputError
from konomi.files import read_json, write_json
from konomi.taste.analysis.analyse import analyse
from konomi.taste.analysis.picks import checked_picks, summarise
from konomi.taste.analysis.sections import sections
from konomi.taste.analysis.tables import Tables, read_tables
from konomi.tasting.fitting import read_picks
from konomi.web.analysis import analysis_page
from konomi.web.survey import now
from konomi.web.survey_export import export_survey
from konomi.web.survey_rehearsal import rehearse
from test_survey_picks import faces, judged, made  # noqa: F401  fixtures

NO_RATINGS = pd.Series(dtype=float)


def rows(*pages: tuple[str, list[str], int | None]) -> Any:
    """Picks of one person each: kind, pictures, and the place that was picked."""
    return checked_picks(
        pd.DataFrame([
            {"person": f"p{number}", "finished": 1, "position": 3, "kind": name, "place": place, "picture": picture,
             "chosen": None if picked is None else int(picked == place), "after_ms": 1000 * number}
            for number, (name, pictures, picked) in enumerate(pages) for place, picture in enumerate(pictures, start=1)
        ]),
        "here",
    )  # fmt: skip


def test_shares_by_hand_with_wilsons_interval() -> None:
    """binom.confint(8, 10, methods = "wilson") of R's binom prints 0.4901625 and 0.9433178."""
    told = summarise(
        rows(*[("pick", ["a", "b"], 1)] * 8, *[("pick", ["b", "a"], 1)] * 2, ("pick", ["a", "b"], None)), NO_RATINGS
    )
    table = told.table.set_index("picture")
    assert (table.shown["a"], table.picked["a"], table.expected["a"]) == (10, 8, 5)
    assert table.loc["a", ["share", "share_low", "share_high"]].tolist() == pytest.approx([0.8, 0.4901625, 0.9433178])
    assert (table.share["b"], table.liked_of["a"]) == (0.2, 0)
    assert np.isnan(table.liked_share["a"])
    assert (told.people, told.picks, told.likes, told.passed_over) == (10, 10, 0, 1)
    assert told.seconds == 4.5


def test_the_place_on_the_page_as_r_tests_it() -> None:
    """chisq.test(c(20, 15, 25)) prints X-squared = 2.5, df = 2, p-value = 0.2865."""
    pages = [("pick", ["a", "b", "c"], place) for place, many in ((1, 20), (2, 15), (3, 25)) for _ in range(many)]
    told = summarise(rows(*pages), NO_RATINGS)
    assert told.place_chi2 == pytest.approx(2.5)
    assert told.place_p == pytest.approx(0.2865, abs=5e-5)
    assert np.isnan(summarise(rows(*pages[:6]), NO_RATINGS).place_p)  # too few to tell


def test_likes_are_counted_apart() -> None:
    told = summarise(rows(*[("like", ["a"], 1)] * 3, ("like", ["a"], 2), ("pick", ["a", "b"], 2)), NO_RATINGS)
    table = told.table.set_index("picture")
    assert (table.liked["a"], table.liked_of["a"], table.shown["a"]) == (3, 4, 1)
    assert told.liked == 0.75


def test_ratings_that_order_the_pictures_alike_correlate() -> None:
    names = [f"x{n}" for n in range(6)]
    pages = [("pick", [names[n], "z"], 1 + (k >= n)) for n in range(6) for k in range(6)]
    means = pd.Series({name: float(n) for n, name in enumerate(names)})
    assert summarise(rows(*pages), means).ratings_correlation == pytest.approx(1)
    assert summarise(rows(*pages), -means).ratings_correlation == pytest.approx(-1)
    assert np.isnan(summarise(rows(*pages), means[:4]).ratings_p)


def test_nothing_picked_is_told() -> None:
    with pytest.raises(InputError, match="nobody who finished picked"):
        summarise(rows(("pick", ["a", "b"], None)), NO_RATINGS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "pikc"}, "row 2: kind is neither pick nor like: 'pikc'"),
        ({"chosen": 2}, "row 2: chosen is no number that it can be: '2'"),
        ({"place": "x"}, "place is no number"),
        ({"place": 1}, "row 2: this place of a page is there twice"),
        ({"picture": "a"}, "row 2: a picture is twice on one page"),
        ({"chosen": 1}, "more than one picture of a page was picked"),
        ({"finished": ""}, "finished is no number"),
    ],
)
def test_a_damaged_row_is_named(change: dict[str, Any], told: str) -> None:
    table = rows(("pick", ["a", "b"], 1)).astype(object)
    for column, value in change.items():
        table.loc[1, column] = value
    with pytest.raises(FileError, match=told):
        checked_picks(table, "here")
    with pytest.raises(FileError, match="has no column 'chosen'"):
        checked_picks(table.drop(columns="chosen"), "here")


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("rehearsed")
    survey = made(folder, faces, "", simulated=True)
    list(rehearse(survey, 12, seed=2, now=now()))
    export_survey(survey, folder / "out")
    survey.store.close()
    return folder / "out"


@pytest.fixture(scope="module")
def tables(rehearsed: Path) -> Tables:
    return read_tables(rehearsed)


def test_picks_are_on_the_page(tables: Tables) -> None:
    found = analyse(tables)
    assert found.numbers["picks"]["picks"] == len(tables.persons) * 6
    assert found.numbers["picks"]["likes"] == len(tables.persons) * 2
    assert found.tables["picks"].picked.sum() == len(tables.persons) * 6
    assert "What people picked" in [section.title for section in sections(found)]
    assert "What people picked" in analysis_page(found, points=7)


def test_both_forms_of_an_export_have_the_same_picks(rehearsed: Path, tables: Tables, tmp_path: Path) -> None:
    write_json(tmp_path / "export.json", read_json(rehearsed / "export.json"))
    pd.testing.assert_frame_equal(read_tables(tmp_path).picks, tables.picks, check_dtype=False)


def test_who_is_left_out_takes_their_picks_along(tables: Tables) -> None:
    gone = tables.persons.index[0]
    left = tables.without([gone])
    assert len(left.picks) == len(tables.picks) - 20
    assert gone not in set(left.picks.person)


def test_what_was_picked_is_learned_from(rehearsed: Path, tmp_path: Path) -> None:
    with (rehearsed / "picks.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    names = sorted({row["picture"] for row in table})
    people = sorted({row["person"] for row in table if row["finished"] == "1"})[:2]
    picks, likes = read_picks(rehearsed, people, names)
    assert (len(picks.person), picks.shown.shape[1], len(likes.person)) == (12, 3, 4)
    mine = [row for row in table if row["person"] == people[0] and row["kind"] == "pick" and row["chosen"] == "1"]
    taken = [names[picks.shown[n, picks.chosen[n]]] for n in range(12) if picks.person[n] == 0]
    assert taken == [row["picture"] for row in mine]
    liked = [row for row in table if row["person"] == people[1] and row["kind"] == "like"]
    assert likes.liked[likes.person == 1].tolist() == [row["chosen"] == "1" for row in liked]
    with pytest.raises(FileError, match="names a picture that the study does not have"):
        read_picks(rehearsed, people, names[1:])
    assert len(read_picks(tmp_path, people, names)[0].person) == 0
