"""What a survey keeps: on SQLite, and with the slow tests on PostgreSQL."""

import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from konomi.errors import FileError, InputError
from konomi.taste.assignment import ATTENTION, Page, make_pages
from konomi.taste.study import settle, study_from
from konomi.web.store import HOUR, Click, Kept, Participant, Refused, Store, migrations

NOW = 1_800_000_000_000
NASTY = "'); DROP TABLE answers; --<script>alert(1)</script>\u202e\n😀"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    found = Store(database)
    yield found
    found.close()


def add(store: Store, *, name: str = "faces", pictures: int = 4, **tables: Any) -> Kept:
    table = {"name": name, "title": {"en": "T"}, "consent": {"en": "C"}, "pictures": {"folder": "f"}}
    plan = {"pictures": 2, **tables.pop("plan", {})}
    settled = settle(study_from(table | {"plan": plan} | tables, "study"), Path())
    store.add_study(settled, [(f"{n}.png", f"{n:064d}") for n in range(pictures)], now=NOW)
    return store.study(name)


def begin(store: Store, study: Kept, link: str, *, now: int = NOW, **given: Any) -> Participant:
    def pages(counts: list[int], number: int) -> Sequence[Page]:
        asked, own = study.settled.questionnaire, study.settled.personality
        return make_pages(
            study.settled.study, counts=counts, items=asked.columns, points=asked.points,
            self_items=own.columns if own else (), person=number,
        )  # fmt: skip

    return store.start(study.id, link, pages, language="en", now=now, **given)


def answer_page(store: Store, who: Participant, position: int, *, point: int = 4, now: int = NOW) -> list[str]:
    items = store.place(who, position).page.items
    return store.save(who, position, dict.fromkeys(items, point), now=now, leave=True)


def finish(store: Store, who: Participant, *, gender: str | None = None, now: int = NOW) -> None:
    while (place := store.current(who)) is not None:
        if place.page.kind == "about":
            store.tell(who, place.position, age=30, gender=gender, now=now)
        elif place.page.kind == "end":
            store.send(who, place.position, comment="", now=now)
        else:
            assert answer_page(store, who, place.position, now=now) == []


def points(store: Store, study: Kept) -> dict[tuple[int, str], int | None]:
    return {(row["position"], row["item"]): row["point"] for row in store.rows(study.id)["answers"]}


def test_a_study_is_kept_with_its_very_words(store: Store) -> None:
    study = add(store, items={"personality": "mini-ipip"})
    assert study.settled.questionnaire.items[14].text["en"] == "Do you exude seriousness?"
    assert study.settled.personality is not None
    assert study.settled == settle(study.settled.study, Path())
    assert study.pictures[3] == ("3.png", f"{3:064d}")
    with pytest.raises(InputError, match="there is a study 'faces' in this database already"):
        add(store)
    with pytest.raises(InputError, match="no study 'face' in this database; there is: faces"):
        store.study("face")


def test_a_way_through(store: Store) -> None:
    study = add(store, items={"personality": "mini-ipip"})
    who = begin(store, study, "link")
    finish(store, who, gender="female")
    assert store.participant(study.id, "link").state == "sent"
    rows = store.rows(study.id)
    assert Counter(row["kind"] for row in rows["pages"]) == {"about": 1, "self": 1, "picture": 2, "end": 1}
    assert len(rows["answers"]) == 20 + 2 * 22
    assert rows["persons"] == [{"participant": who.id, "age": 30, "gender": "female"}]


def test_the_same_link_is_the_same_person_and_another_studys_is_nobody(store: Store) -> None:
    study, other = add(store), add(store, name="other")
    first = begin(store, study, "link")
    assert begin(store, study, "link") == first == store.participant(study.id, "link")
    assert len(store.rows(study.id)["participants"]) == 1
    for link in ("Link", "", "x" * 5000, NASTY, "\udcff"):
        with pytest.raises(Refused, match="unknown link"):
            store.participant(study.id, link)
    with pytest.raises(Refused, match="unknown link"):
        store.participant(other.id, "link")


def test_links_and_codes_are_not_in_the_database(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.sqlite'}")
    study = add(store, access={"kind": "codes"})
    store.add_codes(study.id, ["SECRETCODE"])
    begin(store, study, "secretlink", code="SECRETCODE")
    store.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"faces" in data
    assert b"SECRETCODE" not in data
    assert b"secretlink" not in data


def test_the_last_answer_counts_until_it_is_sent(store: Store) -> None:
    study = add(store, person={"age": "no", "gender": "no"})
    who = begin(store, study, "link")
    assert len(store.save(who, 0, {"item_1": 3}, now=NOW, after={"item_1": 900})) == 21
    store.save(who, 0, {"item_1": 3}, now=NOW + 5, after={"item_1": 1900})  # replayed: nothing changes
    (row,) = store.rows(study.id)["answers"]
    assert (row["point"], row["at"], row["after_ms"], row["changes"]) == (3, NOW, 900, 0)
    store.save(who, 0, {"item_1": 5}, now=NOW + 9)
    (row,) = store.rows(study.id)["answers"]
    assert (row["point"], row["at"], row["changes"]) == (5, NOW + 9, 1)
    answer_page(store, who, 0)
    store.save(who, 0, {"item_1": 7}, now=NOW)  # from another tab, a page back
    assert points(store, study)[0, "item_1"] == 7
    finish(store, who)
    for change in (lambda: store.save(who, 0, {"item_1": 1}, now=NOW), lambda: answer_page(store, who, 0)):
        with pytest.raises(Refused, match="sent already"):
            change()
    store.send(who, 2, comment="again", now=NOW)
    assert points(store, study)[0, "item_1"] == 7
    assert store.personal(study.id)[0]["comment"] == ""


@pytest.mark.parametrize(
    ("position", "item", "point", "key"),
    [
        (0, "item_1", 0, "off_scale"),
        (0, "item_1", 8, "off_scale"),
        (0, "item_1", -(10**30), "off_scale"),
        (0, "item_23", 3, "not_shown"),
        (0, NASTY, 3, "not_shown"),
        (0, ATTENTION, 3, "not_shown"),
        (1, "item_1", 3, "not_shown"),  # not reached yet
        (2, "item_1", 3, "not_shown"),  # the end
        (99, "item_1", 3, "not_shown"),
        (-1, "item_1", 3, "not_shown"),
    ],
)
def test_a_wrong_answer_is_refused_and_changes_nothing(
    store: Store, position: int, item: str, point: int, key: str
) -> None:
    study = add(store, person={"age": "no", "gender": "no"})
    who = begin(store, study, "link")
    with pytest.raises(Refused) as refusal:
        store.save(who, position, {"item_2": 3, item: point}, now=NOW)
    assert refusal.value.key == key
    given = [Click("link", position, item, point, NOW), Click("link", 0, "item_2", 3, NOW)]
    refused, kept = store.clicks(study.id, study.settled, given)
    assert (refused and refused.key, kept) == (key, None)
    assert points(store, study) == {(0, "item_2"): 3}  # its neighbour's is kept


def test_clicks_of_many_are_kept_each_to_its_own(store: Store) -> None:
    study, other = (add(store, name=name, person={"age": "no", "gender": "no"}) for name in ("faces", "others"))
    people = [begin(store, study, f"link {n}") for n in range(3)]
    begin(store, other, "stranger")
    clicks = [Click(f"link {n}", 0, "item_1", 1 + n, NOW + n, 100 * n) for n in (2, 0, 1)]
    clicks += [Click(link, 0, "item_1", 7, NOW) for link in ("stranger", "nobody", NASTY, "")]
    clicks += [Click("link 0", 0, "item_1", 1, NOW + 50), Click("link 1", 0, "item_1", 6, NOW + 60)]
    told = store.clicks(study.id, study.settled, clicks)
    assert [one and one.key for one in told] == [None] * 3 + ["unknown_link"] * 4 + [None] * 2
    rows = {row["participant"]: row for row in store.rows(study.id)["answers"]}
    seen = {
        n: tuple(rows[who.id][key] for key in ("point", "at", "after_ms", "changes")) for n, who in enumerate(people)
    }
    assert seen == {0: (1, NOW, 0, 0), 1: (6, NOW + 60, None, 1), 2: (3, NOW + 2, 200, 0)}
    assert store.rows(other.id)["answers"] == []


def test_clicks_come_too_late_for_what_is_closed_sent_or_forgotten(store: Store) -> None:
    study = add(store, person={"age": "no", "gender": "no"})
    sent, gone = begin(store, study, "sent"), begin(store, study, "gone")
    begin(store, study, "going")
    finish(store, sent)
    store.forget(study.id, gone.label, with_answers=True)

    def told() -> list[str | None]:
        clicks = [Click(link, 0, "item_1", 7, NOW) for link in ("sent", "gone", "going")]
        return [one and one.key for one in store.clicks(study.id, study.settled, clicks)]

    assert told() == ["sent_already", "unknown_link", None]
    store.set_closed(study.id, NOW)
    assert told() == ["sent_already", "unknown_link", "closed"]
    assert {row["point"] for row in store.rows(study.id)["answers"] if row["participant"] == sent.id} == {4}


def test_forced_items_stay_open_and_others_may_be_passed_over(store: Store) -> None:
    for forced in (True, False):
        study = add(
            store, name=f"forced-{forced}".lower(), items={"forced": forced}, person={"age": "no", "gender": "no"}
        )
        who = begin(store, study, f"link {forced}")
        missing = store.save(who, 0, {"item_3": 2}, now=NOW, leave=True)
        place = store.current(who)
        assert place is not None
        assert (len(missing), place.position) == ((21, 0) if forced else (0, 1))
        assert points(store, study)[0, "item_3"] == 2
        assert len(points(store, study)) == (1 if forced else 22)


def test_a_closed_study_takes_nothing_and_keeps_everything(store: Store) -> None:
    study = add(store, person={"age": "no", "gender": "no"})
    who = begin(store, study, "link")
    store.save(who, 0, {"item_1": 3}, now=NOW)
    store.set_closed(study.id, NOW)
    assert store.study("faces").closed
    for attempt in (
        lambda: store.save(who, 0, {"item_2": 3}, now=NOW),
        lambda: begin(store, study, "another"),
        lambda: store.send(who, 2, comment="", now=NOW),
    ):
        with pytest.raises(Refused, match="closed"):
            attempt()
    assert points(store, study) == {(0, "item_1"): 3}
    store.set_closed(study.id, None)
    finish(store, who)


def test_a_code_lets_one_person_in(store: Store) -> None:
    study = add(store, access={"kind": "codes"})
    store.add_codes(study.id, ["AAA", "BBB"])
    who = begin(store, study, "one", code="AAA")
    assert begin(store, study, "one", code="AAA") == who  # sent twice
    for code, key in (("AAA", "used_code"), ("CCC", "unknown_code"), ("", "unknown_code"), (NASTY, "unknown_code")):
        with pytest.raises(Refused) as refusal:
            begin(store, study, "two", code=code)
        assert refusal.value.key == key
    begin(store, study, "two", code="BBB")


def test_a_site_sends_each_person_once(store: Store) -> None:
    study = add(store, access={"kind": "site", "parameters": ["PID", "SESSION"]})
    begin(store, study, "one", parameters={"PID": NASTY, "SESSION": "s"})
    with pytest.raises(Refused, match="already here"):
        begin(store, study, "two", parameters={"PID": NASTY})
    with pytest.raises(Refused, match="no identity"):
        begin(store, study, "two", parameters={})
    assert store.personal(study.id)[0]["parameters"] == {"PID": NASTY, "SESSION": "s"}


def test_pictures_get_their_share_and_drop_outs_are_made_up_for(store: Store) -> None:
    study = add(store, pictures=6, plan={"pictures": 2, "repeats": 1}, person={"age": "no", "gender": "no"})
    for n in range(6):
        finish(store, begin(store, study, f"link {n}"))
    assert set(shown(store, study).values()) == {2}
    gone = begin(store, study, "gone")
    later = NOW + 25 * HOUR
    lost = {row["picture"] for row in store.rows(study.id)["pages"] if row["participant"] == gone.id}
    picked = begin(store, study, "later", now=later)
    again = [row["picture"] for row in store.rows(study.id)["pages"] if row["participant"] == picked.id]
    assert len(set(again) - {None}) == 2
    others = [begin(store, study, f"more {n}", now=later) for n in range(2)]
    finished = shown(store, study)
    assert all(finished[picture] == (4 if picture in lost else 3) for picture in range(6)), (finished, lost, others)


def shown(store: Store, study: Kept) -> Counter[int]:
    return Counter(
        row["picture"] for row in store.rows(study.id)["pages"] if row["picture"] is not None and not row["repeat"]
    )


def test_quotas(store: Store) -> None:
    study = add(store, quota={"people": 3, "female": 1}, person={"gender": "required", "age": "no"})
    finish(store, begin(store, study, "one"), gender="female")
    second = begin(store, study, "two")
    store.tell(second, 0, age=None, gender="female", now=NOW)
    assert store.participant(study.id, "two").state == "screened"
    with pytest.raises(Refused, match="sent already"):
        store.save(second, 1, {"item_1": 1}, now=NOW)
    third = begin(store, study, "three")  # who was screened out holds no place
    store.tell(third, 0, age=None, gender="male", now=NOW)
    begin(store, study, "four")
    with pytest.raises(Refused, match="full"):
        begin(store, study, "five")
    begin(store, study, "five", now=NOW + 25 * HOUR)  # two have gone away
    assert store.holding(study.id, study.settled, now=NOW) == 4


def test_many_at_once_get_different_numbers_and_equal_shares(store: Store) -> None:
    study = add(store, pictures=5, plan={"pictures": 3})
    with ThreadPoolExecutor(6) as pool:
        people = list(pool.map(lambda n: begin(store, study, f"link {n}"), range(10)))
    rows = store.rows(study.id)
    assert sorted(row["number"] for row in rows["participants"]) == list(range(10))
    assert len({who.label for who in people}) == 10
    assert set(shown(store, study).values()) == {6}


def test_two_tabs_at_once_lose_nothing(store: Store) -> None:
    study = add(store, person={"age": "no", "gender": "no"})
    who = begin(store, study, "link")
    given = [(item, point) for point in (1, 2) for item in study.settled.questionnaire.columns]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: store.save(who, 0, dict([one]), now=NOW), given))
    assert len(points(store, study)) == 22


def test_any_text_is_kept_as_it_is(store: Store) -> None:
    study = add(store, person={"age": "no", "gender": "no"})
    who = begin(store, study, "link")
    for position in (0, 1):
        answer_page(store, who, position)
    store.send(who, 2, comment=NASTY * 150, now=NOW)
    assert store.personal(study.id)[0]["comment"] == NASTY * 150
    assert len(points(store, study)) == 44


def test_a_person_can_be_forgotten(store: Store) -> None:
    study = add(store)
    who, other = begin(store, study, "link"), begin(store, study, "other")
    for one in (who, other):
        finish(store, one)
    store.forget(study.id, who.label, with_answers=False)
    with pytest.raises(Refused, match="unknown link"):
        store.participant(study.id, "link")
    assert [row["person"] for row in store.personal(study.id)] == [other.label]
    assert len(points(store, study)) == 44
    assert len(store.rows(study.id)["answers"]) == 88
    store.forget(study.id, who.label, with_answers=True)
    rows = store.rows(study.id)
    assert {row["participant"] for name in ("answers", "pages", "persons") for row in rows[name]} == {other.id}
    with pytest.raises(InputError, match="nobody in this study is"):
        store.forget(study.id, who.label, with_answers=True)
    assert sum(shown(store, study).values()) == 2


def test_what_was_deleted_is_not_in_the_file(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.sqlite'}")
    study = add(store, access={"kind": "site", "parameters": ["PID"]})
    who = begin(store, study, "link", parameters={"PID": "identity of a person"})

    def found() -> bool:
        return any(b"identity of a person" in path.read_bytes() for path in tmp_path.iterdir())

    assert found()
    store.forget(study.id, who.label, with_answers=False)
    assert not found()
    store.close()


def test_a_database_of_a_later_version_is_refused(database: str) -> None:
    store = Store(database)
    with store.engine.begin() as c:
        c.execute(sa.insert(migrations).values(name="9-later", at=0))
    store.close()
    with pytest.raises(FileError, match="of a later version of Konomi"):
        Store(database)


def test_opening_again_finds_everything(database: str) -> None:
    first = Store(database)
    study = add(first)
    who = begin(first, study, "link")
    first.close()
    again = Store(database)
    assert again.participant(study.id, "link") == who
    again.close()


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        ("mysql://a/b", InputError, "'mysql' is no database for a survey; give sqlite"),
        ("sqlite://", InputError, "'sqlite' is no database for a survey"),
        ("survey.sqlite", InputError, "'survey.sqlite' is no database"),
        ("sqlite:////nowhere/at/all.sqlite", FileError, "unable to open database file"),
        ("postgresql://konomi:secret@127.0.0.1:1/none", FileError, "the database cannot do it"),
    ],
)
def test_an_unusable_database_is_named_without_its_password(url: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told) as found:
        Store(url)
    assert "secret" not in str(found.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("hello " * 500)
    with pytest.raises(FileError, match="file is not a database"):
        Store(f"sqlite:///{tmp_path / 'a.sqlite'}")


def test_sqlite_confirms_only_what_is_on_the_disk(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with store.engine.connect() as c:
        assert c.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert c.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_store import NOW, begin
from konomi.web.store import Store
store = Store(sys.argv[1])
study = store.study("faces")
who = begin(store, study, "link")
for point in range(10_000):
    item = f"item_{point % 22 + 1}"
    store.save(who, 0, {item: point % 7 + 1}, now=NOW + point)
    print(point, flush=True)  # the answer is confirmed
"""


@pytest.mark.slow
def test_a_confirmed_answer_survives_a_kill(database: str) -> None:
    store = Store(database)
    study = add(store, person={"age": "no", "gender": "no"})
    store.close()
    command = [sys.executable, "-c", KILLED, database, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 150:
                process.send_signal(signal.SIGKILL)
                break
        rest = process.stdout.read()
    last = max([150, *(int(line) for line in rest.splitlines())])
    store = Store(database)
    kept = {row["item"]: row for row in store.rows(study.id)["answers"]}
    for point in range(last - 21, last + 1):
        row = kept[f"item_{point % 22 + 1}"]
        assert row["at"] >= NOW + point
        assert row["point"] == (row["at"] - NOW) % 7 + 1
    store.close()
    if database.startswith("sqlite"):
        with sqlite3.connect(database.removeprefix("sqlite:///")) as c:
            assert c.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        c.close()
