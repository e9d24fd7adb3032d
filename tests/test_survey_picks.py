"""Picks within a survey: which pictures are shown, the pages, what is refused, what comes out; on both databases."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from konomi.errors import FileError, InputError
from konomi.files import read_json, write_json
from konomi.schema import load_schema
from konomi.taste.picker import Picker, reply_of
from konomi.taste.picks import information
from konomi.taste.preference import newcomer
from konomi.taste.responses import PICKS, read_export
from konomi.taste.starting import starting_crowd
from konomi.web import survey_seen
from konomi.web.store import Refused, Store, migrations, picks
from konomi.web.survey import create_survey_app, make_link, now
from konomi.web.survey_export import export_survey
from konomi.web.survey_folder import Survey, make_survey, open_survey
from konomi.web.survey_rehearsal import rehearse

ORIGIN = "http://127.0.0.1:8765"
STUDY = """
name = "faces"
title = { en = "Faces", ja = "顔" }
consent = { en = "Yes", ja = "はい" }
simulated = SIMULATED
pictures = { folder = "faces" }
items = { forced = FORCED }
plan = { pictures = 1 }
picks = { count = 6, of = 3, likes = 2 }
person = { age = "no", gender = "no" }
"""
COUNT = 21
SLOTS = len(load_schema("anime").slots)


@pytest.fixture(scope="module", autouse=True)
def judged() -> Iterator[None]:
    """A tagger that sees nothing: the real one takes seconds to open, and these pictures show nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey_seen.api, "open_model", lambda name: None)
        patch.setattr(survey_seen.api, "open_judge", lambda model: lambda seen: np.full((len(seen), SLOTS), np.nan))
        yield


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("picks") / "faces"
    folder.mkdir()
    dice = np.random.default_rng(0)
    for number in range(COUNT):
        noise = dice.integers(0, 6 * number + 10, (32, 32, 3)) + dice.integers(0, 120, 3)
        Image.fromarray(noise.astype(np.uint8)).save(folder / f"face-{number}.png")
    return folder


def made(folder: Path, faces: Path, database: str, *, forced: bool = True, simulated: bool = False) -> Survey:
    shutil.copytree(faces, folder / "faces", dirs_exist_ok=True)
    text = STUDY.replace("FORCED", str(forced).lower()).replace("SIMULATED", str(simulated).lower())
    (folder / "study.toml").write_text(text)
    return make_survey(folder / "study.toml", folder / "survey", database=database, now=now())


@pytest.fixture
def survey(tmp_path: Path, faces: Path, database: str) -> Iterator[Survey]:
    found = made(tmp_path, faces, database)
    yield found
    found.store.close()


class Visitor:
    """Somebody who has answered the one picture with items, and is at the first pick."""

    def __init__(self, survey: Survey) -> None:
        self.client = TestClient(
            create_survey_app(survey),
            base_url=ORIGIN,
            headers={"Origin": ORIGIN, "Accept": "text/html"},
            follow_redirects=False,
        )
        link = make_link()
        self.client.post("/survey/faces", data={"link": link, "agree": "yes"})
        self.at = f"/survey/faces/at/{link}"
        items = re.findall(r'<fieldset id="(\w+)"', self.page)
        self.send(position=0, **dict.fromkeys(items, 4))

    @property
    def page(self) -> str:
        return self.client.get(self.at).text

    def send(self, *, status: int = 303, **form: Any) -> Response:
        done = self.client.post(self.at, data={name: str(value) for name, value in form.items()})
        assert done.status_code == status, done.text
        return done

    def click(self, *, status: int = 200, **click: Any) -> None:
        done = self.client.post(f"{self.at}/answer", json=click, headers={"Accept": "application/json"})
        assert done.status_code == status, done.text

    def finish(self) -> None:
        for position in range(1, 7):
            assert 'name="pick"' in self.page
            self.send(position=position, pick=2)
        for position in (7, 8):
            assert 'name="like"' in self.page
            self.send(position=position, like=position - 6)
        self.send(position=9)


def shown(survey: Survey) -> list[list[int]]:
    return [page["shown"] for page in survey.store.rows(survey.kept.id)["pages"] if page["kind"] in ("pick", "like")]


def points(survey: Survey) -> dict[int, int | None]:
    rows = survey.store.rows(survey.kept.id)["answers"]
    return {row["position"]: row["point"] for row in rows if row["item"] in ("pick", "like")}


# --- which pictures ---


def picker(count: int = 60, seed: int = 0) -> Picker:
    schema, dice = load_schema("anime"), np.random.default_rng(seed)
    weights = (dice.random((count, len(schema.slots))) < 0.3).astype(float)
    crowd = starting_crowd(schema, weights.mean(axis=0))
    return Picker(crowd, crowd.design(weights, dice.normal(size=(count, 5))))


def test_a_pick_says_more_than_one_of_any_pictures() -> None:
    one, dice = picker(), np.random.default_rng(1)
    drawn = newcomer(one.crowd).draw(one.design, 2000, dice)
    said = [information(drawn[:, one.next([], size=4, seed=seed)]) for seed in range(5)]
    anyhow = [information(drawn[:, dice.choice(60, 4, replace=False)]) for _ in range(200)]
    assert np.mean(said) > np.quantile(anyhow, 0.95)
    assert min(said) > np.quantile(anyhow, 0.75)


def test_what_was_picked_changes_what_is_asked_next_and_nothing_comes_twice() -> None:
    one = picker()
    first = tuple(one.next([], size=3, seed=1))
    assert one.next([], size=3, seed=1) == list(first)
    after = [one.next([(first, point)], size=3, seed=1) for point in (1, 2, 3)]
    assert len({tuple(sorted(pictures)) for pictures in after}) > 1
    said: list[tuple[tuple[int, ...], int | None]] = []
    for _ in range(20):
        said.append((tuple(one.next(said, size=3, seed=1)), 1))
    assert len({picture for pictures, _ in said for picture in pictures}) == 60
    with pytest.raises(InputError, match="0 pictures are left"):
        one.next(said, size=3, seed=1)


def test_picks_and_likes_teach_a_taste() -> None:
    one = picker()
    utility = one.taste([((3, 8), 1), ((5,), 2), ((6,), 1), ((7, 9), None)]).utility(one.design)[0]
    assert utility[3] > utility[8]
    assert utility[5] > utility[6]
    assert reply_of((7, 9), None).is_skip


# --- the pages ---


def test_a_way_through_picks_and_likes(survey: Survey) -> None:
    visitor = Visitor(survey)
    page = visitor.page
    assert "Which do you like best?" in page
    assert page.count('name="pick"') == 3
    assert shown(survey)[1:] == [[]] * 7  # the others are chosen when it is known what was picked
    visitor.finish()
    assert "Thank you" in visitor.page
    assert points(survey) == {**dict.fromkeys(range(1, 7), 2), 7: 1, 8: 2}
    sets = shown(survey)
    assert [len(one) for one in sets] == [3] * 6 + [1] * 2
    assert len({picture for one in sets for picture in one}) == 20


def test_the_same_pictures_come_again_until_something_is_said(survey: Survey) -> None:
    visitor = Visitor(survey)
    first = visitor.page
    assert visitor.page == first
    assert "2 of 10" in first
    visitor.click(position=1, item="pick", point=3, after_ms=700)
    visitor.click(position=1, item="pick", point=3, after_ms=900)
    assert re.search(r'name="pick" value="3" checked', visitor.page)
    assert "Please choose one" not in visitor.page
    visitor.send(position=1)  # it was saved by the click
    visitor.send(position=1, pick=3)  # sent twice
    assert "3 of 10" in visitor.page
    assert points(survey) == {1: 3}


def test_a_pick_must_be_made_where_the_study_says_so(survey: Survey) -> None:
    visitor = Visitor(survey)
    assert visitor.page
    assert "Please choose one." in visitor.send(position=1, status=422).text
    assert points(survey) == {}


def test_a_pick_may_be_passed_over(tmp_path: Path, faces: Path, database: str) -> None:
    survey = made(tmp_path, faces, database, forced=False)
    visitor = Visitor(survey)
    assert "go on without choosing" in visitor.page
    visitor.send(position=1)
    assert points(survey) == {1: None}
    assert "3 of 10" in visitor.page
    survey.store.close()


def test_pictures_of_a_pick_are_served_by_place_to_who_was_shown_them(survey: Survey) -> None:
    visitor = Visitor(survey)
    addresses = re.findall(r'<img src="([^"]+)"', visitor.page)
    assert len(addresses) == 3
    pictures = {visitor.client.get(address).content for address in addresses}
    assert len(pictures) == 3
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    for place in ("0", "4", "-1", "x"):
        assert visitor.client.get(f"{visitor.at}/picture/1/{place}").status_code in (404, 422)
    assert visitor.client.get(f"{visitor.at}/picture/2/1").status_code == 409  # not reached
    assert visitor.client.get(f"{visitor.at}/picture/1").status_code == 404


@pytest.mark.parametrize(
    ("click", "status"),
    [
        ({"position": 1, "item": "pick", "point": 0}, 400),
        ({"position": 1, "item": "pick", "point": 4}, 400),
        ({"position": 1, "item": "like", "point": 1}, 409),
        ({"position": 1, "item": "item_1", "point": 1}, 409),
        ({"position": 2, "item": "pick", "point": 1}, 409),
        ({"position": 7, "item": "like", "point": 1}, 409),
    ],
)
def test_a_wrong_pick_is_refused(survey: Survey, click: dict[str, Any], status: int) -> None:
    visitor = Visitor(survey)
    assert visitor.page
    visitor.click(**click, status=status)
    form = {"position": click["position"], click["item"]: click["point"]}
    assert visitor.client.post(visitor.at, data=form).status_code == status
    assert points(survey) == {}


@pytest.mark.parametrize("text", ["'); DROP TABLE picks;--", "<script>alert(1)</script>", "-1717", "1e9", "1" * 10_000])
def test_text_in_place_of_a_pick_is_refused_and_not_shown(survey: Survey, text: str) -> None:
    visitor = Visitor(survey)
    page = visitor.page
    assert text not in visitor.send(position=1, pick=text, status=400).text
    visitor.click(position=1, item="pick", point=text, status=422)
    visitor.click(position=1, item=text, point=1, status=422 if len(text) > 20 else 409)
    assert visitor.page == page
    assert points(survey) == {}


def test_nobody_sees_or_changes_the_picks_of_another(survey: Survey) -> None:
    one, other = Visitor(survey), Visitor(survey)
    assert one.page
    assert other.page
    one.send(position=1, pick=3)
    assert 'value="3" checked' not in other.page
    other.send(position=1, pick=1)
    rows = survey.store.rows(survey.kept.id)["answers"]
    assert sorted(row["point"] for row in rows if row["item"] == "pick") == [1, 3]


def test_nobody_answers_a_pick_that_was_never_shown(survey: Survey) -> None:
    visitor = Visitor(survey)
    visitor.click(position=1, item="pick", point=1, status=409)
    visitor.send(position=1, pick=1, status=409)
    assert points(survey) == {}


# --- what is kept ---


def test_what_was_chosen_first_stays(survey: Survey) -> None:
    visitor = Visitor(survey)
    who = survey.store.participant(survey.kept.id, visitor.at.rpartition("/")[2])
    page = survey.store.undecided(who)
    assert page is not None
    assert (page.position, page.kind, page.said) == (1, "pick", ())
    for chosen in ([5, 3, 1], [2, 4, 6]):  # as from two tabs
        survey.store.decide(who, 1, chosen)
    assert survey.store.undecided(who) is None
    assert survey.store.place(who, 1).page.shown == (5, 3, 1)
    survey.store.save(who, 1, {"pick": 2}, now=now(), leave=True)
    following = survey.store.undecided(who)
    assert following is not None
    assert following.said == (((5, 3, 1), 2),)
    with pytest.raises(Refused, match="not shown"):
        survey.store.save(who, 2, {"pick": 1}, now=now(), leave=True)


def test_who_withdraws_takes_their_picks_along(survey: Survey) -> None:
    visitor = Visitor(survey)
    visitor.finish()
    visitor.client.post(f"{visitor.at}/withdraw", data={"sure": "yes"})
    rows = survey.store.rows(survey.kept.id)
    assert (rows["answers"], rows["pages"]) == ([], [])
    with survey.store.engine.connect() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(picks)) == 0


def test_a_database_from_before_picks_is_brought_up_to_date(database: str) -> None:
    store = Store(database)
    with store.engine.begin() as c:
        picks.drop(c)
        c.execute(sa.delete(migrations).where(migrations.c.name == "2-picks"))
    store.close()
    again = Store(database)
    with again.engine.connect() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(picks)) == 0
        assert c.scalar(sa.select(sa.func.count()).select_from(migrations)) == 2
    again.close()


# --- what comes out ---


def test_picks_are_exported_a_row_a_picture(survey: Survey, tmp_path: Path) -> None:
    Visitor(survey).finish()
    export_survey(survey, tmp_path / "out")
    with (tmp_path / "out" / "picks.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(PICKS)
    assert len(rows) == 6 * 3 + 2
    names = {Path(file).stem: digest for file, digest in survey.kept.pictures}
    assert all(names[row["picture"]] == row["sha256"] for row in rows)
    picked = [(row["place"], row["chosen"]) for row in rows if row["kind"] == "pick"]
    assert picked == [("1", "0"), ("2", "1"), ("3", "0")] * 6
    assert [row["chosen"] for row in rows if row["kind"] == "like"] == ["0", "1"]
    assert all(row["shown_at"] <= row["answered_at"] for row in rows)
    facts = read_export(tmp_path / "out" / "export.json")
    assert [str(row["chosen"]) for row in facts["picks"]] == [row["chosen"] for row in rows]
    assert {row["kind"] for row in facts["responses"]} == {"picture"}
    described = {row["column"] for row in facts["codebook"] if row["file"] == "picks.csv"}
    assert described == set(PICKS)


def test_a_rehearsal_picks_what_it_likes(tmp_path: Path, faces: Path) -> None:
    survey = made(tmp_path, faces, "", simulated=True)
    assert len(list(rehearse(survey, 8, seed=3, now=now()))) == 8
    said = points(survey)
    assert set(said) == set(range(1, 9))
    assert all(point in (1, 2, 3) for point in said.values())
    survey.store.close()


def test_what_pictures_show_is_written_down_once(survey: Survey, tmp_path: Path) -> None:
    file = tmp_path / "survey" / "seen.json"
    facts = read_json(file)
    assert len(facts["pictures"]) == COUNT
    for wrong in ({"format": 2}, {"schema_hash": "another"}, {"pictures": {}}):
        write_json(file, facts | wrong)
        with pytest.raises(FileError, match="make the survey again"):
            Visitor(survey).page  # noqa: B018
    write_json(file, facts)
    assert "Which do you like best?" in Visitor(survey).page


def test_too_few_pictures_for_the_picks_make_no_survey(tmp_path: Path, faces: Path) -> None:
    (tmp_path / "few").mkdir()
    for number in range(19):
        shutil.copy(faces / f"face-{number}.png", tmp_path / "few")
    text = STUDY.replace("FORCED", "true").replace("SIMULATED", "false").replace('"faces" }\nitems', '"few" }\nitems')
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError, match="too few for 6 picks of 3 and 2 likes"):
        make_survey(tmp_path / "study.toml", tmp_path / "survey", database="", now=now())
    assert not (tmp_path / "survey" / "survey.json").exists()


def test_a_survey_with_picks_opens_again(survey: Survey, database: str) -> None:
    again = open_survey(survey.folder, database=database)
    assert again.settled.study.picks.pictures == 20
    assert json.loads(again.settled.to_json())["study"]["picks"] == {"count": 6, "of": 3, "likes": 2}
    again.store.close()
