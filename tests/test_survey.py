"""Surveys as people meet them: the pages, what is refused, and what comes out; on SQLite and, slowly, on PostgreSQL."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from konomi.data.answers import read_study
from konomi.errors import FileError, InputError
from konomi.files import read_json, write_json
from konomi.images import decode
from konomi.record import Record, write_stage
from konomi.taste.responses import read_export, repeat_error, summary
from konomi.web import pages, survey_folder
from konomi.web.survey import LONGEST, create_survey_app, make_link, now
from konomi.web.survey_export import export_survey
from konomi.web.survey_folder import Survey, as_shown, make_survey, open_survey

ORIGIN = "http://127.0.0.1:8765"
HTML = "text/html"
NASTY = """');DROP TABLE answers;--<script>alert(1)</script>"'{{7*7}}%s"""
ITEMS = [f"item_{n}" for n in range(1, 23)]
BASE = """
name = "faces"
title = { en = "Faces & <b>taste</b>", ja = "顔" }
consent = { en = "Line one.\\n\\nLine <i>two</i>.", ja = "同意文" }
"""
SHORT = '[person]\nage = "no"\ngender = "no"\n'


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survey") / "faces"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (32, 32), (60 * number, 90, 120)).save(folder / f"face-{number}.png")
    return folder


class Desk:
    """Makes surveys of one kind and visits them."""

    def __init__(self, faces: Path, folder: Path, database: str) -> None:
        self.faces, self.folder, self.database = faces, folder, database
        self.surveys: list[Survey] = []

    def make(self, tables: str = SHORT, *, pictures: int = 2, base: str = BASE, plan: str = "") -> Survey:
        file = self.folder / "study.toml"
        file.write_text(f'{base}\n[pictures]\nfolder = "{self.faces}"\n[plan]\npictures = {pictures}\n{plan}\n{tables}')
        self.surveys.append(make_survey(file, self.folder / "survey", database=self.database, now=now()))
        return self.surveys[-1]


@pytest.fixture
def desk(faces: Path, tmp_path: Path, database: str) -> Iterator[Desk]:
    found = Desk(faces, tmp_path, database)
    yield found
    for survey in found.surveys:
        survey.store.close()


class Visitor:
    """One person with a browser, with or without scripts."""

    def __init__(self, survey: Survey) -> None:
        self.client = TestClient(
            create_survey_app(survey),
            base_url=ORIGIN,
            headers={"Origin": ORIGIN, "Accept": HTML},
            follow_redirects=False,
        )
        self.at = ""

    def get(self, path: str = "") -> Response:
        return self.client.get(path or self.at)

    def come(self, query: str = "", *, status: int = 303, **form: str) -> Response:
        link = make_link()
        done = self.client.post(f"/survey/faces{query}", data={"link": link, "agree": "yes", **form})
        assert done.status_code == status, done.text
        if status == 303:
            self.at = done.headers["Location"]
            assert self.at == f"/survey/faces/at/{link}"
        return done

    def send(self, *, status: int = 303, **form: Any) -> Response:
        done = self.client.post(self.at, data={name: str(value) for name, value in form.items()})
        assert done.status_code == status, done.text
        return done

    def click(self, *, status: int = 200, **click: Any) -> Any:
        done = self.client.post(f"{self.at}/answer", json=click, headers={"Accept": "application/json"})
        assert done.status_code == status, done.text
        return done.json()

    def items(self) -> list[str]:
        return re.findall(r'<fieldset id="(\w+)"', self.get().text)

    def all(self, point: int = 4) -> dict[str, int]:
        return dict.fromkeys(self.items(), point)

    def finish(self, point: int = 4, **end: str) -> Response:
        for _ in range(30):
            page = self.get().text
            if (found := re.search(r'name="position" value="(\d+)"', page)) is None:
                break
            position = int(found[1])
            if "<textarea" in page or "send_hint" in page or 'class="main">Send' in page:
                self.send(position=position, **end)
            else:
                self.send(position=position, **dict.fromkeys(re.findall(r'<fieldset id="(\w+)"', page), point))
        return self.get()


@pytest.fixture
def survey(desk: Desk) -> Survey:
    return desk.make()


@pytest.fixture
def visitor(survey: Survey) -> Visitor:
    found = Visitor(survey)
    found.come()
    return found


def answers(survey: Survey) -> dict[tuple[int, str], int | None]:
    return {(row["position"], row["item"]): row["point"] for row in survey.store.rows(survey.kept.id)["answers"]}


# --- a way through ---


def test_a_person_answers_without_scripts(survey: Survey, visitor: Visitor) -> None:
    assert "Line one." in visitor.get("/survey/faces").text
    for position in (0, 1):
        page = visitor.get().text
        assert f"{position + 1} of 3" in page
        visitor.send(position=position, **visitor.all(position + 2))
    done = visitor.finish(comment="fine")
    assert "All your answers have arrived" in done.text
    assert answers(survey) == {(p, item): p + 2 for p in (0, 1) for item in ITEMS}
    assert survey.store.personal(survey.kept.id)[0]["comment"] == "fine"


def test_clicks_are_saved_one_by_one_and_shown_again(survey: Survey, visitor: Visitor) -> None:
    assert visitor.click(position=0, item="item_3", point=6, after_ms=1234) == {"saved": True}
    visitor.click(position=0, item="item_3", point=6, after_ms=9999)
    (row,) = survey.store.rows(survey.kept.id)["answers"]
    assert (row["point"], row["after_ms"], row["changes"]) == (6, 1234, 0)
    assert re.search(r'name="item_3" value="6" checked', visitor.get().text)
    elsewhere = Visitor(survey)
    elsewhere.at = visitor.at  # the link, on another machine
    assert re.search(r'name="item_3" value="6" checked', elsewhere.get().text)


def test_open_items_are_named_and_nothing_given_is_lost(survey: Survey, visitor: Visitor) -> None:
    page = visitor.send(position=0, item_5=2, status=422).text
    assert "Still open: 21. What you chose is saved." in page
    assert page.count("not answered yet") == 21
    assert re.search(r'name="item_5" value="2" checked', page)
    assert answers(survey) == {(0, "item_5"): 2}


def test_items_may_be_passed_over(desk: Desk) -> None:
    survey = desk.make(f"[items]\nforced = false\n{SHORT}")
    visitor = Visitor(survey)
    visitor.come()
    assert "leave out" in visitor.get().text
    visitor.send(position=0, item_5=2)
    assert {point for point in answers(survey).values()} == {2, None}


def test_pages_come_in_both_languages_and_the_choice_is_kept(visitor: Visitor) -> None:
    assert '<html lang="ja">' in visitor.get(visitor.at + "?lang=ja").text
    page = visitor.get().text
    assert "ひと目見て、このキャラクターに惹かれる。" in page
    assert "ほとんどそう思わない" in page
    assert '<html lang="en">' in visitor.get(visitor.at + "?lang=xx%22%3E").text.replace('lang="ja"', 'lang="en"')
    assert "同意文" in visitor.get("/survey/faces?lang=ja").text


def test_age_and_gender_may_stay_untold_or_must_be_told(desk: Desk) -> None:
    survey = desk.make('[person]\nage = "required"\ngender = "optional"\n')
    visitor = Visitor(survey)
    visitor.come()
    told = {"": "Please give your age", **dict.fromkeys(["17", "1e2", "200", NASTY], "from 18 to 120")}
    for age, line in told.items():
        page = visitor.send(position=0, age=age, gender="female", status=422).text
        assert line in page
        assert "<script>alert" not in page
        assert re.search(r'value="female" checked', page)
    assert "Please choose one" in visitor.send(position=0, age="30", gender=NASTY, status=422).text
    visitor.send(position=0, age="30", gender="")
    (person,) = survey.store.rows(survey.kept.id)["persons"]
    assert (person["age"], person["gender"]) == (30, None)
    assert "2 of 4" in visitor.get().text


def test_personality_attention_and_repeats(desk: Desk) -> None:
    survey = desk.make(f'[items]\npersonality = "mini-ipip"\n{SHORT}', plan="repeats = 2\nattention_checks = 1")
    visitor = Visitor(survey)
    visitor.come()
    page = visitor.get().text
    assert page.count("<fieldset") == 20
    assert page.count('type="radio"') == 100
    assert "Have a vivid imagination." in page
    assert "very accurate" in page
    assert "<img" not in page
    visitor.finish()
    rows = survey.store.rows(survey.kept.id)
    assert len(rows["answers"]) == 20 + 4 * 22 + 1
    shown = [page["picture"] for page in rows["pages"] if page["kind"] == "picture"]
    assert shown[:2] == shown[2:]
    (check,) = [row for row in rows["answers"] if row["item"] == "attention"]
    expected = next(page["expected"] for page in rows["pages"] if page["expected"])
    told = summary(survey.settled, survey.kept.pictures, rows, now=now())
    assert told["attention"].startswith(f"{int(check['point'] != expected)} of 1")
    assert told["people"].startswith("1 finished")


# --- reload, back, two tabs ---


def test_the_server_decides_what_comes_next(survey: Survey, visitor: Visitor) -> None:
    first = visitor.get().text
    assert visitor.get().text == first
    visitor.send(position=0, **visitor.all())
    visitor.send(position=0, **dict.fromkeys(ITEMS, 5))  # sent twice, or from a page back
    assert "2 of 3" in visitor.get().text
    assert answers(survey) == {(0, item): 5 for item in ITEMS}
    showings = survey.store.rows(survey.kept.id)["showings"]
    assert [row["position"] for row in showings].count(0) >= 2


def test_what_was_sent_stays_as_it_was(survey: Survey, visitor: Visitor) -> None:
    visitor.finish(comment="first")
    assert "Thank you" in visitor.get(visitor.send(position=2, comment="second").headers["Location"]).text
    visitor.send(position=0, **dict.fromkeys(ITEMS, 1))
    assert visitor.click(position=0, item="item_1", point=1, status=409) == {"error": "sent already"}
    assert set(answers(survey).values()) == {4}
    assert survey.store.personal(survey.kept.id)[0]["comment"] == "first"


def test_starting_twice_is_starting_once(survey: Survey) -> None:
    visitor, link = Visitor(survey), make_link()
    for _ in range(2):
        visitor.client.post("/survey/faces", data={"link": link, "agree": "yes"})
    assert len(survey.store.rows(survey.kept.id)["participants"]) == 1
    page = visitor.get("/survey/faces").text
    assert f'href="/survey/faces/at/{link}"' in page  # this browser can go on
    assert link not in Visitor(survey).get("/survey/faces").text
    cookie = visitor.client.post("/survey/faces", data={"link": link, "agree": "yes"}).headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/survey/faces"))


# --- what is refused ---


@pytest.mark.parametrize(
    ("click", "status"),
    [
        ({"position": 0, "item": "item_1", "point": 8}, 400),
        ({"position": 0, "item": "item_1", "point": 0}, 400),
        ({"position": 0, "item": "item_1", "point": "3"}, 422),
        ({"position": 0, "item": "item_1", "point": 3.5}, 422),
        ({"position": 0, "item": "item_1", "point": 10**40}, 400),
        ({"position": 0, "item": "item_99", "point": 3}, 409),
        ({"position": 0, "item": NASTY[:20], "point": 3}, 409),
        ({"position": 1, "item": "item_1", "point": 3}, 409),
        ({"position": 2**70, "item": "item_1", "point": 3}, 409),
        ({"position": 0, "item": "item_1", "point": 3, "after_ms": -1}, 422),
        ({"position": 0, "item": "item_1", "point": 3, "person": "p1"}, 422),
        ({"position": 0}, 422),
    ],
)
def test_a_wrong_click_is_refused(survey: Survey, visitor: Visitor, click: dict[str, Any], status: int) -> None:
    visitor.click(status=status, **click)
    assert answers(survey) == {}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"position": "0", "item_1": "9"}, 400),
        ({"position": "0", "item_1": NASTY}, 400),
        ({"position": "0", NASTY: "3"}, 409),
        ({"position": "1", "item_1": "3"}, 409),
        ({"position": "-1", "item_1": "3"}, 400),
        ({"item_1": "3"}, 400),
    ],
)
def test_a_wrong_form_is_refused(survey: Survey, visitor: Visitor, form: dict[str, str], status: int) -> None:
    done = visitor.client.post(visitor.at, data=form)
    assert done.status_code == status
    assert "nothing was changed" in done.text
    assert f'href="{visitor.at}"' in done.text
    assert answers(survey) == {}


def test_forged_links_lead_nowhere(survey: Survey, visitor: Visitor) -> None:
    for link in (make_link(), "x", "p" * 5000, visitor.at[-32:-1], visitor.at[-32:-1] + "!", "%00", "%ff"):
        for path in (f"/survey/faces/at/{link}", f"/survey/faces/at/{link}/picture/0"):
            assert visitor.get(path).status_code == 404, path
    label = survey.store.rows(survey.kept.id)["participants"][0]["label"]
    assert visitor.get(f"/survey/faces/at/{label}").status_code == 404
    own = visitor.at
    for link in (make_link(), own[-32:-1] + ("A" if own[-1] != "A" else "B"), label, "%27%20OR%201%3D1--", "x" * 5000):
        visitor.at = f"/survey/faces/at/{link}"
        assert visitor.click(position=0, item="item_1", point=3, status=404) == {"error": "unknown link"}
        visitor.send(position=0, item_1=3, status=404)
        assert visitor.client.post(f"{visitor.at}/withdraw", data={"sure": "yes"}).status_code == 404
    visitor.at = own
    assert visitor.get().status_code == 200
    assert answers(survey) == {}
    assert visitor.get("/survey/other").status_code == 404


def test_pictures_are_served_to_who_has_reached_them_without_a_name(visitor: Visitor) -> None:
    found = visitor.get(f"{visitor.at}/picture/0")
    assert decode(found.content, name="x").size == (512, 512)
    assert b"face-" not in found.content
    assert "face-" not in visitor.get().text
    assert "private" in found.headers["Cache-Control"]
    for position in ("1", "2", "-1", "99"):
        assert visitor.get(f"{visitor.at}/picture/{position}").status_code == 409
    assert visitor.get(f"{visitor.at}/picture/x").status_code == 422


def test_a_picture_is_enlarged_once_and_kept(survey: Survey) -> None:
    kept = {path.stem: path for path in (survey.folder / "shown").glob("*.png")}
    assert set(kept) == {digest for _, digest in survey.kept.pictures}
    assert decode(next(iter(kept.values())).read_bytes(), name="shown").size == (512, 512)
    file, digest = survey.kept.pictures[0]
    survey_folder._as_shown.cache_clear()
    (survey.folder / file).unlink()  # as_shown does not look at it again
    assert as_shown(survey, 0) == kept[digest].read_bytes()


def test_a_closed_study_takes_nothing(survey: Survey, visitor: Visitor) -> None:
    visitor.click(position=0, item="item_1", point=3)
    survey.store.set_closed(survey.kept.id, now())
    visitor.click(position=0, item="item_2", point=3, status=410)
    assert "closed" in visitor.send(position=0, item_2=3, status=410).text
    assert visitor.get().status_code == 410
    assert Visitor(survey).get("/survey/faces").status_code == 410
    Visitor(survey).come(status=410)
    assert answers(survey) == {(0, "item_1"): 3}


def test_other_sites_and_other_hosts_are_kept_out(survey: Survey, visitor: Visitor) -> None:
    for origin in ("https://evil.example", "null", ""):
        done = visitor.client.post(visitor.at, data={"position": "0", "item_1": "3"}, headers={"Origin": origin})
        assert done.status_code == 403
    assert visitor.client.get(visitor.at, headers={"Host": "evil.example"}).status_code == 400
    headers = visitor.get().headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert answers(survey) == {}
    public = TestClient(create_survey_app(survey, hosts=["survey.example.org"]), base_url="https://survey.example.org")
    assert public.get("/survey/faces").status_code == 200


def test_long_and_hostile_text_is_shown_as_text(survey: Survey, visitor: Visitor) -> None:
    for position in (0, 1):
        visitor.send(position=position, **visitor.all())
    page = visitor.send(position=2, comment=NASTY + "x" * LONGEST, status=422).text
    assert "may have 10,000 characters" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page  # what was written is still there
    for bad in ("\x00", "\x1b[31m", "\x7f"):
        visitor.send(position=2, comment=f"a{bad}b", status=422)
    whole = (NASTY + "\r\n好" + "x" * LONGEST)[: LONGEST + 1]
    visitor.send(position=2, comment=whole)
    assert survey.store.personal(survey.kept.id)[0]["comment"] == whole.replace("\r\n", "\n")


def test_hostile_text_in_every_field_changes_and_shows_nothing(desk: Desk) -> None:
    access = '[access]\nkind = "site"\nparameters = ["PID"]\n'
    survey = desk.make(f'{access}[person]\nage = "optional"\ngender = "optional"\n')
    visitor, start = Visitor(survey), "/survey/faces"
    visitor.come(PID=NASTY)  # a name like another
    before = survey.store.rows(survey.kept.id)
    good = {"link": make_link(), "agree": "yes", "PID": "p"}
    asked = [visitor.client.post(start, data=good | {field: NASTY}) for field in ("link", "agree")]
    asked += [visitor.client.get(start, params={field: NASTY}) for field in ("lang", "PID", "code", NASTY)]
    asked += [visitor.client.get(start, headers={name: NASTY}) for name in ("Cookie", "Accept-Language", "User-Agent")]
    asked += [visitor.client.get(visitor.at, params={field: NASTY}) for field in ("lang", NASTY)]
    about = {"position": "0", "age": "", "gender": ""}
    asked += [visitor.client.post(visitor.at, data=about | {field: NASTY}) for field in ("position", "age", "gender")]
    asked.append(visitor.client.post(f"{visitor.at}/withdraw", data={"sure": NASTY}))
    asked.append(visitor.client.post(f"{visitor.at}/answer", json={"position": 1, "item": NASTY, "point": NASTY}))
    for one in asked:
        assert one.status_code < 500
        assert "<script>alert" not in one.text
        assert "49" not in re.sub(r'name="link" value="[^"]+"|/at/[\w-]+', "", one.text)  # {{7*7}}
    after = survey.store.rows(survey.kept.id)
    assert {name: rows for name, rows in after.items() if name != "showings"} == {
        name: [row | _seen(row, after[name][n]) for n, row in enumerate(rows)]
        for name, rows in before.items() if name != "showings"
    }  # fmt: skip
    assert survey.store.personal(survey.kept.id)[0]["parameters"] == {"PID": NASTY}


def _seen(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {"seen_at": after["seen_at"]} if "seen_at" in before else {}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"position":' + b"9" * 9000 + b"}", b'{"position":NaN}',
     b'{"position":0,"item":"\\ud800","point":3}', b'{"position":0,"item":"item_1","point":3,"point":99}'],
)  # fmt: skip
def test_what_is_no_click_is_refused(survey: Survey, visitor: Visitor, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    done = visitor.client.post(f"{visitor.at}/answer", content=body, headers=headers)
    assert 400 <= done.status_code < 500
    assert set(done.json()) == {"error"}
    assert answers(survey) == {}


def test_nobody_sees_anything_of_another(survey: Survey, visitor: Visitor) -> None:
    other = Visitor(survey)
    other.come()
    visitor.click(position=0, item="item_1", point=6)
    for position in (0, 1):
        visitor.send(position=position, **visitor.all(7))
    visitor.send(position=2, comment="private words")
    label = survey.store.rows(survey.kept.id)["participants"][0]["label"]
    seen = [other.get("/survey/faces").text]
    for position in (0, 1):
        page = other.get().text
        assert " checked" not in page
        seen += [page, other.send(position=position, person=label, status=400).text]
        other.send(position=position, **other.all(2))
    seen += [other.get().text, other.send(position=2, comment="x" * 10_001, status=422).text]
    other.send(position=2, comment="mine")
    seen.append(other.get().text)
    secrets = ("private words", label, visitor.at.rpartition("/")[2])
    assert not [secret for secret in secrets if any(secret in page for page in seen)]
    rows = survey.store.rows(survey.kept.id)
    by_person = {n: {r["point"] for r in rows["answers"] if r["participant"] == who["id"]}
                 for n, who in enumerate(rows["participants"])}  # fmt: skip
    assert by_person == {0: {7}, 1: {2}}
    assert [one["comment"] for one in survey.store.personal(survey.kept.id)] == ["private words", "mine"]


def test_two_tabs_answer_one_page(survey: Survey, visitor: Visitor) -> None:
    tab = Visitor(survey)
    tab.at = visitor.at
    visitor.click(position=0, item="item_1", point=2)
    tab.click(position=0, item="item_2", point=5)
    tab.click(position=0, item="item_1", point=3)  # the last one counts
    visitor.send(position=0, **visitor.all(4) | {"item_1": 3, "item_2": 5})
    tab.click(position=0, item="item_3", point=6)  # a page back, in the other tab
    visitor.click(position=1, item="item_1", point=1)
    found = answers(survey)
    assert [found[0, f"item_{n}"] for n in (1, 2, 3, 4)] == [3, 5, 6, 4]
    assert found[1, "item_1"] == 1
    visitor.finish()
    tab.click(position=0, item="item_3", point=1, status=409)
    assert answers(survey)[0, "item_3"] == 6


def test_what_is_too_large_or_no_form_is_refused(survey: Survey, visitor: Visitor) -> None:
    assert visitor.client.post(visitor.at, content=b"position=0&x=" + b"y" * 300_000).status_code == 413
    assert visitor.client.post(visitor.at, content=b"\xff\xfe").status_code == 400
    assert visitor.client.post(visitor.at, content=b"position=0&item_1=%ff").status_code == 400
    assert visitor.client.post(visitor.at, content=b"&".join([b"a=1"] * 500)).status_code == 400
    assert visitor.client.post("/survey/faces", data={"link": "short", "agree": "yes"}).status_code == 400
    assert answers(survey) == {}


def test_who_does_not_agree_does_not_come_in(survey: Survey) -> None:
    page = Visitor(survey).come(agree="", status=422).text
    assert "Please tick the box" in page
    assert "Faces &amp; &lt;b&gt;taste&lt;/b&gt;" in page
    assert "Line &lt;i&gt;two" in page
    assert survey.store.rows(survey.kept.id)["participants"] == []


def test_a_database_that_fails_is_told_without_its_words(survey: Survey, visitor: Visitor, monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise FileError("the database cannot do it: secret words")

    for method in ("save", "clicks"):
        monkeypatch.setattr(survey.store, method, fail)
    assert visitor.click(position=0, item="item_1", point=3, status=503) == {"error": "out of order"}
    page = visitor.send(position=0, item_1=3, status=503).text
    assert "Please try again in a minute" in page
    assert "secret" not in page


# --- who may come ---


def test_one_time_codes(desk: Desk) -> None:
    survey = desk.make(f'[access]\nkind = "codes"\n{SHORT}')
    survey.store.add_codes(survey.kept.id, ["ABCDEFGH"])
    visitor = Visitor(survey)
    assert 'name="code"' in visitor.get("/survey/faces").text
    page = visitor.come(code=NASTY, status=403).text
    assert "not known" in page
    assert "<script>alert" not in page
    visitor.come(code=" abcd-efgh ")
    assert "has been used" in Visitor(survey).come(code="ABCDEFGH", status=409).text
    again = visitor.get("/survey/faces")
    assert again.headers["Location"] == visitor.at


def test_people_of_a_crowdsourcing_site(desk: Desk) -> None:
    tables = '[access]\nkind = "site"\nparameters = ["PID", "SESSION"]\ncompletion_code = "C0DE"\n'
    survey = desk.make(f'{tables}return_address = "https://site.example/done?cc=C0DE"\n{SHORT}')
    visitor = Visitor(survey)
    page = visitor.get("/survey/faces?PID=%22%3E%3Cscript%3E&SESSION=s1").text
    assert 'name="PID" value="&#34;&gt;&lt;script&gt;"' in page
    visitor.come(PID="worker-1", SESSION="s1")
    assert "C0DE" not in visitor.get().text
    done = visitor.finish().text
    assert "C0DE" in done
    assert 'href="https://site.example/done?cc=C0DE" rel="noreferrer"' in done
    assert Visitor(survey).come(PID="worker-1", status=409).status_code == 409
    assert Visitor(survey).come(status=400).status_code == 400
    Visitor(survey).come(PID="x" * 201, status=400)
    Visitor(survey).come(PID="x\x00", status=400)


def test_a_full_survey_lets_nobody_in(desk: Desk) -> None:
    survey = desk.make(f"[quota]\npeople = 1\n{SHORT}")
    first, second = Visitor(survey), Visitor(survey)
    first.come()
    assert "has enough answers" in second.get("/survey/faces").text
    second.come(status=410)
    first.finish()
    assert "Thank you" in first.get().text


def test_who_withdraws_is_gone(survey: Survey, visitor: Visitor) -> None:
    other = Visitor(survey)
    other.come()
    other.click(position=0, item="item_1", point=2)
    visitor.finish(comment="private words")
    assert visitor.client.post(f"{visitor.at}/withdraw", data={}).status_code == 303
    assert visitor.client.post(f"{visitor.at}/withdraw", data={"sure": "yes"}).status_code == 200
    assert visitor.get().status_code == 404
    assert answers(survey) == {(0, "item_1"): 2}
    assert "private words" not in json.dumps(survey.store.personal(survey.kept.id))


# --- export ---


def test_an_export_is_a_study_that_training_reads(desk: Desk, tmp_path: Path) -> None:
    survey = desk.make('[items]\npersonality = "mini-ipip"\n[person]\nage="required"\n', plan="repeats = 1")
    for gender, point in (("female", 3), ("male", 5), ("other", 2)):
        visitor = Visitor(survey)
        visitor.come()
        visitor.send(position=0, age="30", gender=gender)
        visitor.finish(point, comment=f"words of {gender}")
    half = Visitor(survey)
    half.come()
    half.send(position=0, age="40", gender="male")
    told = export_survey(survey, tmp_path / "out", personal=False)
    assert "answers.csv: 4 whole answers, ready for training" in told
    assert "left out of answers.csv: 2 without an age or a gender that the questionnaire knows" in told
    assert "left out of answers.csv: 3 shown a second time" in told
    study = read_study(tmp_path / "out")
    assert not study.simulated
    assert set(study.answers.gender) == {"female", "male"}
    assert {int(p) for p in study.answers.items[:, 0]} == {3, 5}

    def table(name: str) -> list[dict[str, str]]:
        with (tmp_path / "out" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    rows, persons, book = (table(f"{name}.csv") for name in ("responses", "persons", "codebook"))
    assert len(rows) == 3 * (20 + 3 * 22)
    assert {row["picture"] for row in rows} <= {"", *(f"face-{n}" for n in range(4))}
    assert all(row["shown_at"].endswith("Z") and row["showings"] == "1" for row in rows)
    assert [row["state"] for row in persons] == ["sent"] * 3 + ["going"]
    assert (persons[0]["extraversion"], persons[1]["extraversion"]) == ("3.0", "3.0")
    assert persons[0]["repeat_error"] == "0.0"
    columns = {(row["file"], row["column"]) for row in book}
    assert {("responses.csv", name) for name in rows[0]} | {("persons.csv", name) for name in persons[0]} <= columns
    assert sum(row["file"].startswith("love-liking") for row in book) == 22
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").glob("*.*"))
    assert b"words of" not in written
    export_survey(survey, tmp_path / "out", personal=True)
    assert "words of male" in (tmp_path / "out" / "personal.json").read_text()
    facts = read_export(tmp_path / "out" / "export.json")
    assert len(facts["responses"]) == len(rows)
    write_json(tmp_path / "later.json", facts | {"format": 2})
    with pytest.raises(FileError, match="has format 2; this version of Konomi reads 1"):
        read_export(tmp_path / "later.json")
    for wrong in ([], {}, "1", {"format": "1"}):
        write_json(tmp_path / "wrong.json", wrong)
        with pytest.raises(FileError, match="this version of Konomi reads 1"):
            read_export(tmp_path / "wrong.json")
    with pytest.raises(InputError, match="the survey's own folder"):
        export_survey(survey, survey.folder)


def test_nothing_yet_is_an_export_too(survey: Survey, tmp_path: Path) -> None:
    assert "no study folder: there is no whole answer yet" in export_survey(survey, tmp_path / "out")
    assert summary(survey.settled, survey.kept.pictures, survey.store.rows(survey.kept.id), now=now())["answers"] == "0"


def test_repeat_error_by_hand() -> None:
    pages_ = [
        {"kind": "picture", "position": 0, "picture": 5, "repeat": False, "items": ["item_1", "item_2"]},
        {"kind": "picture", "position": 1, "picture": 5, "repeat": True, "items": ["item_2", "attention", "item_1"]},
    ]
    given = [(0, "item_1", 3), (0, "item_2", 7), (1, "item_1", 4), (1, "item_2", 4), (1, "attention", 1)]
    mine = [{"position": p, "item": i, "point": point} for p, i, point in given]
    assert repeat_error(mine, pages_) == 2.0
    assert repeat_error(mine[:2], pages_) is None


# --- folders and commands ---


def test_a_survey_is_made_of_a_folder_and_a_model(desk: Desk) -> None:
    tables = f'[pictures]\nfolder = "{desk.faces}"\nmodel = "anime-1"\ncount = 2\ntext = "red hair"\n{SHORT}'
    file = desk.folder / "study.toml"
    file.write_text(f"{BASE}\n{tables}\n[plan]\npictures = 6\n")
    survey = make_survey(file, desk.folder / "both", database=desk.database, now=now())
    desk.surveys.append(survey)
    assert sorted(Path(name).stem for name, _ in survey.kept.pictures) == [
        "anime-1-0", "anime-1-1", "face-0", "face-1", "face-2", "face-3",
    ]  # fmt: skip
    visitor = Visitor(survey)
    visitor.come()
    for position in range(6):
        shown = visitor.get(f"{visitor.at}/picture/{position}").content
        assert b"konomi" not in shown  # the recipe would tell what was asked for
        visitor.send(position=position, **visitor.all())


@pytest.mark.parametrize(
    ("tables", "error", "told"),
    [
        ("[plan]\npicturs = 5\n", InputError, "plan has no key 'picturs'. Did you mean 'pictures'"),
        ("[plan]\npictures = 5\n", InputError, "there are 4 pictures, too few for a plan of 5 a person"),
        ('[items]\nquestionnaire = "own.toml"\n[plan]\npictures = 2\n', FileError, r"cannot read .*own\.toml"),
        ('[items]\nquestionnaire = "love"\n[plan]\npictures = 2\n', InputError, "There is no questionnaire 'love'"),
    ],
)
def test_an_impossible_study_makes_no_survey(
    faces: Path, tmp_path: Path, tables: str, error: type[Exception], told: str
) -> None:
    (tmp_path / "study.toml").write_text(f'{BASE}\n[pictures]\nfolder = "{faces}"\n{tables}')
    with pytest.raises(error, match=told):
        make_survey(tmp_path / "study.toml", tmp_path / "survey", database="", now=now())
    assert not (tmp_path / "survey" / "survey.json").exists()


def test_missing_and_changed_pictures_are_named(desk: Desk, tmp_path: Path) -> None:
    from konomi.web.survey_folder import check_files

    (tmp_path / "study.toml").write_text(f'{BASE}\n[pictures]\nfolder = "nowhere"\n')
    with pytest.raises(FileError, match=r"there is no folder .*nowhere"):
        make_survey(tmp_path / "study.toml", tmp_path / "x", database="", now=now())
    (tmp_path / "listed").mkdir()
    write_stage(tmp_path / "listed", [Record("gone.png", "0" * 64)], {"stage": "crop", "schema": "anime"})
    (tmp_path / "study.toml").write_text(f'{BASE}\n[pictures]\nfolder = "listed"\n')
    with pytest.raises(FileError, match=r"listed names a picture that is not there: gone\.png"):
        make_survey(tmp_path / "study.toml", tmp_path / "x", database="", now=now())
    (tmp_path / "listed" / "gone.png").write_text("<script>alert(1)</script>")
    with pytest.raises(FileError, match=r"gone\.png"):
        make_survey(tmp_path / "study.toml", tmp_path / "x", database="", now=now())
    survey = desk.make()
    check_files(survey)
    (survey.folder / "pictures" / "face-1.png").write_bytes((survey.folder / "pictures" / "face-2.png").read_bytes())
    with pytest.raises(FileError, match=r"face-1\.png is not the picture that the study was made with"):
        check_files(survey)
    (survey.folder / "pictures" / "face-1.png").unlink()
    with pytest.raises(FileError, match=r"cannot read .*face-1\.png"):
        check_files(survey)


def test_a_survey_opens_with_its_own_database_only(desk: Desk, tmp_path: Path) -> None:
    survey = desk.make()
    with pytest.raises(InputError, match="holds a survey already"):
        desk.make()
    again = open_survey(survey.folder, database=desk.database)
    assert again.kept == survey.kept
    again.store.close()
    with pytest.raises(FileError, match=r"has no survey\.json"):
        open_survey(tmp_path, database="")
    with pytest.raises(FileError, match=r"has no survey\.sqlite; say where the answers are with --database"):
        open_survey(survey.folder, database="")
    facts = read_json(survey.folder / "survey.json")
    write_json(survey.folder / "survey.json", facts | {"hash": "another"})
    with pytest.raises(FileError, match="the database holds another study"):
        open_survey(survey.folder, database=desk.database)
    write_json(survey.folder / "survey.json", facts | {"format": 9})
    with pytest.raises(FileError, match="another version of Konomi"):
        open_survey(survey.folder, database=desk.database)


def konomi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "konomi", "survey", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow  # starts eight processes
def test_the_commands(faces: Path, tmp_path: Path) -> None:
    access = '[access]\nkind = "codes"\n[plan]\npictures = 2\n'
    (tmp_path / "study.toml").write_text(f'{BASE}\n[pictures]\nfolder = "{faces}"\n{access}')
    refused = konomi(tmp_path, "new", "study.toml", "here")
    assert (refused.returncode, "--codes goes with access" in refused.stderr) == (2, True)
    made = konomi(tmp_path, "new", "study.toml", "here", "--codes", "3")
    assert made.returncode == 0, made.stderr
    assert "4 pictures, 2 a person, 22 items each, 3 codes" in made.stdout
    codes = (tmp_path / "here" / "codes.csv").read_text().splitlines()[1:]
    assert len({re.fullmatch(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){2}", code)[0] for code in codes}) == 3  # type: ignore[index]
    told = konomi(tmp_path, "status", "here").stdout
    assert "codes: 0 of 3 used" in told
    assert "state: open" in told
    assert konomi(tmp_path, "close", "here").returncode == 0
    exported = konomi(tmp_path, "export", "here", "out")
    assert exported.returncode == 0, exported.stderr
    assert "0 answers of 0 people" in exported.stdout
    wrong = konomi(tmp_path, "serve", "here", "--listen", "0.0.0.0")
    assert "--listen needs --public" in wrong.stderr
    nobody = konomi(tmp_path, "forget", "here", "p123")
    assert (nobody.returncode, "nobody in this study is 'p123'" in nobody.stderr) == (2, True)


# --- what is said ---


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    code = (pages.HERE / "survey.py").read_text() + (pages.HERE / "store.py").read_text()
    templates = "".join(path.read_text() for path in (pages.HERE / "templates").glob("survey*.html"))
    english, japanese = (pages.texts("survey", lang) for lang in ("en", "ja"))
    used = set(re.findall(r"\bsay\.(\w+)", templates)) | set(re.findall(r"\bsay\[\"(\w+)\"\]", templates + code))
    used |= set(re.findall(r'Refused\("(\w+)"', code)) | set(re.findall(r'_Trouble\(\w+, "(\w+)"', code))
    assert used <= set(english)
    for key in set(english) - {"female", "male", "other"}:
        assert re.search(rf"\b{key}\b", templates + code), key
    assert all([*english.values(), *japanese.values()])
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", japanese[key])), key


def test_pages_ask_nobody_else(visitor: Visitor) -> None:
    for path in ("/survey/faces", visitor.at):
        page = visitor.get(path).text
        assert "://" not in page
        assert "style=" not in page
    weight = sum(path.stat().st_size for path in pages.STATIC.glob("survey*"))
    assert weight + (pages.STATIC / "konomi.css").stat().st_size < 15_000
