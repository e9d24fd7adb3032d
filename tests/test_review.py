"""Reviewing tags by eye: what is written down, what is refused, and what the pages are made of."""

import json
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

from konomi.data.synthetic import synthesise
from konomi.data.tagging.labels import Label, append_labels, read_judgements, tags_of
from konomi.errors import FileError, InputError
from konomi.images import decode
from konomi.record import Record, read_stage, stage_settings, write_stage
from konomi.schema import Schema, load_schema
from konomi.web import pages, serve
from konomi.web.app import Config, create_app
from konomi.web.faces import Faces, read_faces
from konomi.web.judgements import Judgements
from konomi.web.keys import attribute_keys, value_keys
from konomi.web.marks import NOTHING, answer, marked
from konomi.web.review import address, open_desk

ORIGIN = "http://127.0.0.1:8765"


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn faces; what the model thinks of glasses: certain, likely, doubtful, unlikely, nothing, nothing."""
    folder = tmp_path_factory.mktemp("review") / "faces"
    synthesise(folder, count=6, size=32, seed=1)
    chances = [1.0, 0.8, 0.55, 0.1, None, None]
    return rewrite(folder, [with_glasses(r, p) for r, p in zip(read_stage(folder), chances, strict=True)])


def with_glasses(record: Record, chance: float | None) -> Record:
    tags = {slot: p for slot, p in record.tags.items() if slot != "glasses"}
    return replace(record, tags=tags if chance is None else tags | {"glasses": chance})


def rewrite(folder: Path, records: list[Record]) -> Path:
    settings = stage_settings(folder)
    write_stage(folder, records, {k: v for k, v in settings.items() if k != "format"})
    return folder


def copy(stage: Path, folder: Path, **changes: dict[int, Any]) -> Path:
    """The stage again, with some fields of some of its records changed."""
    (folder / "pictures").mkdir(parents=True)
    (folder / "stage.json").write_bytes((stage / "stage.json").read_bytes())
    records = read_stage(stage)
    for record in records:
        (folder / record.file).write_bytes((stage / record.file).read_bytes())
    for field, values in changes.items():
        for number, value in values.items():
            records[number] = replace(records[number], **{field: value})
    return rewrite(folder, records)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def open_client(stage: Path, labels: Path) -> TestClient:
    return TestClient(create_app(Config(stage, labels)), base_url=ORIGIN, headers={"Origin": ORIGIN})


@pytest.fixture
def client(stage: Path, labels: Path) -> TestClient:
    return open_client(stage, labels)


def judge(client: TestClient, *rows: tuple[int, str, str], request: str = "") -> dict[str, Any]:
    judgements = [{"name": f"{number:06d}.png", "tag": tag, "value": value} for number, tag, value in rows]
    sent = {"request": request or uuid4().hex, "judgements": judgements}
    done = client.post("/review/judge", json=sent)
    assert done.status_code == 200, done.text
    return done.json()


def undo(client: TestClient, request: str = "") -> dict[str, Any]:
    return client.post("/review/undo", json={"request": request or uuid4().hex}).json()


def refused(client: TestClient, tag: str, value: str, name: str = "000000.png") -> str:
    sent = {"request": uuid4().hex, "judgements": [{"name": name, "tag": tag, "value": value}]}
    done = client.post("/review/judge", json=sent)
    assert done.status_code == 400
    return done.json()["error"]


def face(client: TestClient, number: int, lang: str = "en") -> dict[str, Any]:
    return client.get(f"/review/faces?number={number}&lang={lang}").json()["faces"][0]


def queue(client: TestClient, **query: str) -> list[int]:
    return client.get("/review/queue", params=query).json()["numbers"]


def rows(labels: Path) -> list[str]:
    return labels.read_text().splitlines()[1:] if labels.exists() else []


# --- marks: the same rules as `tags_of` ---

SCHEMA = load_schema("anime")
TAGS = ["hair_length.long", "hair_length.short", "hair_length", "glasses", "skin.light", "skin.dark", "skin"]
JUDGED = [(tag, value) for tag in TAGS for value in ("yes", "no", "unsure") if tag in SCHEMA.slots or value == "unsure"]
judgements = st.lists(st.sampled_from(JUDGED), max_size=8)


@given(judgements)
@example([("skin.light", "yes"), ("skin.dark", "no"), ("skin.light", "no")])
def test_marks_say_what_the_labels_say(made: list[tuple[str, str]]) -> None:
    labels = [Label("a", *row) for row in made]
    found = {}
    for name in ("hair_length", "glasses", "skin"):
        attribute, marks = SCHEMA.attribute(name), NOTHING
        for label in labels:
            if label.tag.split(".")[0] == name:
                marks = marked(marks, attribute, label)
        said = {slot: answer(marks, attribute, slot) for slot in attribute.slots}
        found |= {slot: float(value == "yes") for slot, value in said.items() if value in ("yes", "no")}
    assert found == tags_of(labels, SCHEMA).get("a", {})


@pytest.fixture(scope="session")
def faces(stage: Path) -> Faces:
    return read_faces(stage)


@settings(deadline=None, max_examples=50)  # it writes files
@given(before=judgements, actions=st.lists(judgements, max_size=4))
def test_undoing_everything_brings_back_what_the_labels_said(
    faces: Faces, tmp_path_factory: pytest.TempPathFactory, before: list[Any], actions: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("undo") / "labels.csv"
    append_labels(path, [Label("000000.png", *row) for row in before])
    desk = Judgements(path, faces)
    at_first = path.read_bytes()
    for number, action in enumerate(actions):
        desk.judge(f"judge {number}", [Label("000000.png", *row) for row in action])
    for number, _ in enumerate(actions):
        desk.undo(f"undo {number}")
    assert path.read_bytes().startswith(at_first)
    said = read_judgements([path], SCHEMA)
    expected = tags_of([Label("000000.png", *row) for row in before], SCHEMA).get("000000.png", {})
    assert tags_of(said, SCHEMA).get("000000.png", {}) == expected
    by_eye = tags_of([row for row in said if row.labelled_by == "by-eye"], SCHEMA).get("000000.png", {})
    assert by_eye == expected  # also to those who read nothing else
    assert Judgements(path, faces).marks(faces[0], SCHEMA.attribute("skin")).keys() <= {"skin", *SCHEMA.slots}


# --- judging ---


def test_a_judgement_is_a_row_at_the_end(client: TestClient, labels: Path) -> None:
    assert judge(client, (0, "glasses", "no"))["rows"] == 1
    before = labels.read_bytes()
    answered = judge(client, (1, "hair_color.silver", "yes"), (1, "eye_color", "unsure"))
    assert labels.read_bytes().startswith(before)
    assert rows(labels) == [
        "000000.png,glasses,no,by-eye",
        "000001.png,hair_color.silver,yes,by-eye",
        "000001.png,eye_color,unsure,by-eye",
    ]
    seen = answered["faces"][0]["judged"]
    assert (seen["hair_color.silver"], seen["hair_color.red"], seen["eye_color"]) == ("yes", "no", "unsure")


def test_a_face_tells_judgements_from_estimates(client: TestClient) -> None:
    assert face(client, 1)["judged"] == {}
    assert face(client, 1)["estimates"]["glasses"] == 0.8
    assert "glasses" not in face(client, 4)["estimates"]
    judge(client, (1, "glasses", "no"))
    assert face(client, 1)["judged"] == {"glasses": "no"}
    assert face(client, 1)["progress"] == 1


def test_a_face_is_described_in_both_languages(client: TestClient) -> None:
    assert face(client, 1)["alt"].endswith(", glasses")
    assert face(client, 1, "ja")["alt"].endswith("、眼鏡")
    judge(client, (1, "glasses", "no"), (1, "hair_color.silver", "yes"))
    assert "glasses" not in face(client, 1)["alt"]
    assert face(client, 1)["alt"].startswith("hair colour silver, ")
    assert face(client, 1, "ja")["alt"].startswith("髪の色：銀髪、")


def test_sending_twice_adds_nothing(client: TestClient, labels: Path) -> None:
    assert judge(client, (0, "hat", "yes"), request="the same one")["rows"] == 1
    assert judge(client, (0, "hat", "yes"), request="the same one")["rows"] == 1  # the first answer again
    assert judge(client, (0, "hat", "yes"))["rows"] == 0
    assert judge(client, (0, "hair_color.red", "yes"))["rows"] == 1
    assert judge(client, (0, "hair_color.blue", "no"))["rows"] == 0  # red said so
    assert len(rows(labels)) == 2


def test_a_whole_page_is_one_action(client: TestClient, labels: Path) -> None:
    assert judge(client, *[(n, "glasses", "yes" if n < 3 else "no") for n in range(6)])["rows"] == 6
    assert queue(client, tag="glasses", value="yes") == [0, 1, 2]
    assert undo(client)["rows"] == 12
    assert all(face(client, n)["judged"] == {} for n in range(6))
    assert len(rows(labels)) == 18


def test_undo_goes_back_step_by_step(client: TestClient, labels: Path) -> None:
    for value in ("yes", "no", "unsure"):
        judge(client, (0, "hat", value))
    assert undo(client, "once and only once")["rows"] == 1
    assert undo(client, "once and only once")["rows"] == 1
    assert face(client, 0)["judged"] == {"hat": "no"}
    undo(client)
    undo(client)
    assert face(client, 0)["judged"] == {}
    assert undo(client)["rows"] == 0
    assert read_judgements([labels], SCHEMA)[-1] == Label("000000.png", "hat", "unsure", "model")


def test_a_colour_judged_and_undone_is_the_one_before(client: TestClient) -> None:
    judge(client, (0, "hair_color.red", "yes"))
    judge(client, (0, "hair_color.blue", "yes"))
    undo(client)
    seen = face(client, 0)["judged"]
    assert (seen["hair_color.red"], seen["hair_color.blue"]) == ("yes", "no")


def test_a_restart_loses_nothing(client: TestClient, stage: Path, labels: Path) -> None:
    judge(client, (0, "hat", "yes"), (2, "eye_color.red", "yes"))
    again = open_client(stage, labels)
    assert face(again, 0) == face(client, 0)
    assert face(again, 2)["judged"]["eye_color.red"] == "yes"


def test_rows_that_others_append_are_seen(client: TestClient, labels: Path) -> None:
    judge(client, (0, "hat", "yes"))
    append_labels(labels, [Label("000000.png", "hat", "no"), Label("another.png", "hat", "yes")])
    assert face(client, 0)["judged"] == {"hat": "no"}


def test_a_row_of_a_model_is_an_estimate(client: TestClient, labels: Path) -> None:
    append_labels(labels, [Label("000001.png", "skin.dark", "yes", "model")])
    seen = face(client, 1)
    assert seen["judged"] == {}
    assert (seen["estimates"]["skin.dark"], seen["estimates"]["skin.light"]) == (1.0, 0.0)


def test_a_last_line_without_an_end_is_not_continued(client: TestClient, labels: Path) -> None:
    labels.write_text("file,tag,value,labelled_by\n000000.png,hat,yes,by-eye")
    judge(client, (1, "hat", "no"))
    assert rows(labels) == ["000000.png,hat,yes,by-eye", "000001.png,hat,no,by-eye"]


def test_rows_are_named_as_the_picture_was_before_it_was_imported(stage: Path, tmp_path: Path, labels: Path) -> None:
    folder = copy(stage, tmp_path / "imported", source={0: "faces.tar:deep/000000.jpg", 1: "faces.tar:other.jpg"})
    found = read_faces(folder)
    assert [found[n].name for n in range(3)] == ["000000.jpg", "000001.png", "000002.png"]
    append_labels(labels, [Label("000000.webp", "hat", "yes")])
    client = open_client(folder, labels)
    assert face(client, 0)["judged"] == {"hat": "yes"}
    judge(client, (0, "hat", "no"))  # another name for one picture would not be the same file to a reader
    assert rows(labels)[-1] == "000000.webp,hat,no,by-eye"


# --- what is refused ---


def test_what_does_not_exist_is_refused_and_named(client: TestClient, labels: Path) -> None:
    assert "'glases'" in refused(client, "glases", "yes")
    assert "Did you mean 'glasses'?" in refused(client, "glases", "yes")
    assert "'maybe' is not one of yes, no, unsure" in refused(client, "hat", "maybe")
    assert "hair_color: 'yes' is not one of unsure" in refused(client, "hair_color", "yes")
    assert "no picture called '../../etc/passwd'" in refused(client, "hat", "yes", name="../../etc/passwd")
    assert not labels.exists()


def test_one_wrong_row_and_none_is_written(client: TestClient, labels: Path) -> None:
    sent = [{"name": "000000.png", "tag": tag, "value": "yes"} for tag in ("hat", "hatt")]
    assert client.post("/review/judge", json={"request": uuid4().hex, "judgements": sent}).status_code == 400
    assert not labels.exists()


def test_unknown_keys_are_refused(client: TestClient) -> None:
    sent = {"request": uuid4().hex, "judgements": [], "extra": 1}
    assert client.post("/review/judge", json=sent).status_code == 422
    assert "ordr" in client.get("/review/queue?ordr=file").json()["error"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", ""])
def test_another_site_cannot_judge(client: TestClient, labels: Path, origin: str) -> None:
    sent = {"request": uuid4().hex, "judgements": [{"name": "000000.png", "tag": "hat", "value": "yes"}]}
    done = client.post("/review/judge", json=sent, headers={"Origin": origin})
    assert done.status_code == 403
    assert client.post("/review/undo", json={"request": uuid4().hex}, headers={"Origin": origin}).status_code == 403
    assert not labels.exists()


def test_another_name_of_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/review", headers={"Host": "evil.example:8765"}).status_code == 400
    assert client.get("/review", headers={"Host": "localhost:9000"}).status_code == 200


def test_pages_let_nothing_in_from_outside(client: TestClient) -> None:
    policy = client.get("/review").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert client.get("/review/picture/0").headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["../stage.json", "%2e%2e%2fstage.json", "..%2f..%2fetc%2fpasswd", "-1", "6", "0/x"])
def test_only_pictures_of_the_manifest_are_served(client: TestClient, path: str) -> None:
    assert client.get(f"/review/picture/{path}").status_code in (404, 422)
    assert client.get(f"/static/{path}").status_code == 404


def test_a_manifest_that_leaves_its_folder_is_refused(stage: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"")
    folder = copy(stage, tmp_path / "faces", file={0: "../secret.png"})
    with pytest.raises(FileError, match=r"names '\.\./secret\.png', which is outside the folder"):
        read_faces(folder)


def test_two_pictures_of_one_name_are_refused(stage: Path, tmp_path: Path) -> None:
    folder = copy(stage, tmp_path / "faces", file={0: "pictures/a.png", 1: "more/a.jpg"})
    with pytest.raises(FileError, match=r"pictures/a.png and more/a.jpg have one name"):
        read_faces(folder)


def test_labels_need_a_folder_and_their_columns(stage: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"make the folder .*nowhere first"):
        create_app(Config(stage, tmp_path / "nowhere" / "labels.csv"))
    (tmp_path / "wide.csv").write_text("file,hat\n")
    with pytest.raises(FileError, match="must begin with the columns"):
        create_app(Config(stage, tmp_path / "wide.csv"))


# --- a full disk ---


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Writing beyond `size` bytes fails in the system, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_cannot_be_saved_is_said_and_leaves_no_half_row(client: TestClient, labels: Path) -> None:
    judge(client, (0, "hat", "yes"))
    before = labels.read_bytes()
    sent = {"request": uuid4().hex, "judgements": [{"name": "000001.png", "tag": "hat", "value": "no"}]}
    with no_file_longer_than(len(before) + 10):
        failed = client.post("/review/judge", json=sent)
    assert failed.status_code == 500
    assert re.search(r"cannot write .*labels\.csv: File too large", failed.json()["error"])
    assert labels.read_bytes() == before
    assert face(client, 1)["judged"] == {}
    assert client.post("/review/judge", json=sent).json()["rows"] == 1  # the same request, once there is room
    assert face(client, 1)["judged"] == {"hat": "no"}


def test_an_undo_that_fails_can_be_asked_for_again(client: TestClient, labels: Path) -> None:
    judge(client, (0, "hat", "yes"))
    with no_file_longer_than(labels.stat().st_size + 10):
        assert client.post("/review/undo", json={"request": "undo it please"}).status_code == 500
    assert undo(client, "undo it please")["rows"] == 2
    assert face(client, 0)["judged"] == {}


def test_a_broken_label_file_is_named_in_the_page(client: TestClient, labels: Path) -> None:
    labels.write_text("file,tag,value,labelled_by\n000000.png,hat\n")
    shown = client.get("/review", headers={"Accept": "text/html"})
    assert shown.status_code == 500
    assert "line 2 has 2 fields" in shown.text


# --- which faces, in which order ---


def test_faces_are_ranked_by_the_estimate(client: TestClient) -> None:
    assert queue(client) == [0, 1, 2, 3, 4, 5]
    assert queue(client, tag="glasses", order="highest") == [0, 1, 2, 3, 4, 5]
    assert queue(client, tag="glasses", order="lowest") == [3, 2, 1, 0, 4, 5]
    assert queue(client, tag="glasses", order="uncertain") == [4, 5, 2, 1, 3, 0]


def test_uncertain_faces_come_first_and_judged_ones_last(client: TestClient) -> None:
    assert queue(client, order="uncertain")[:3] == [4, 5, 2]  # all else is certain in drawn faces
    judge(client, (4, "glasses", "yes"))
    assert queue(client, tag="glasses", order="uncertain")[-1] == 4


def test_faces_are_filtered_by_value(client: TestClient) -> None:
    assert queue(client, tag="glasses", value="yes") == [0, 1, 2]
    assert queue(client, tag="glasses", value="no") == [3]
    assert queue(client, tag="glasses", value="unknown") == [4, 5]
    judge(client, (0, "glasses", "unsure"), (4, "glasses", "yes"))
    assert queue(client, tag="glasses", value="unsure") == [0]
    assert queue(client, tag="glasses", value="yes") == [1, 2, 4]


def test_faces_are_filtered_by_what_was_judged(client: TestClient) -> None:
    judge(client, (1, "hat", "yes"))
    assert queue(client, show="judged") == [1]
    assert queue(client, show="open", tag="glasses") == [0, 1, 2, 3, 4, 5]
    assert client.get("/review/queue").json()["start"] == 0
    assert client.get("/review/queue?face=000003.png").json()["start"] == 3
    judge(client, (0, "hat", "no"))
    found = client.get("/review/queue").json()
    assert (found["start"], found["progress"]) == (2, "110000")


def test_disagreements_of_eye_and_model_are_found(client: TestClient) -> None:
    judge(client, (0, "glasses", "yes"), (1, "glasses", "no"), (3, "glasses", "yes"), (4, "glasses", "yes"))
    assert queue(client, show="disagreeing") == [1, 3]
    tags = read_stage_colours(client, 5)
    other = "hair_color.blue" if tags != "hair_color.blue" else "hair_color.red"
    judge(client, (5, other, "yes"))
    assert queue(client, show="disagreeing") == [1, 3, 5]
    assert queue(client, show="disagreeing", tag="glasses") == [1, 3]


def read_stage_colours(client: TestClient, number: int) -> str:
    estimates = face(client, number)["estimates"]
    return next(slot for slot, p in estimates.items() if slot.startswith("hair_color.") and p == 1.0)


def test_faces_are_filtered_by_split(stage: Path, tmp_path: Path, labels: Path) -> None:
    client = open_client(copy(stage, tmp_path / "split", split={0: "test", 3: "test", 1: "train"}), labels)
    assert queue(client, split="test") == [0, 3]
    assert "no split 'tset'. Known: test, train" in client.get("/review/queue?split=tset").json()["error"]
    assert '<option value="">any</option>' in client.get("/review").text


def test_what_needs_a_tag_says_so(client: TestClient) -> None:
    for query in ("order=highest", "value=yes"):
        assert "choose a tag, too" in client.get(f"/review/queue?{query}").json()["error"]
    told = client.get("/review/sweep?tag=hair_length").json()["error"]
    assert told == "hair_length has several values; give one of hair_length.long, hair_length.short"


def test_a_sweep_begins_with_a_flag(client: TestClient) -> None:
    assert client.get("/review/sweep", follow_redirects=False).headers["Location"].endswith("tag=twintails&lang=en")
    assert "<h1>眼鏡</h1>" in client.get("/review/sweep?tag=glasses&lang=ja").text


# --- pictures ---


def test_pictures_are_enlarged_or_served_as_they_are(client: TestClient, stage: Path) -> None:
    found = client.get("/review/picture/0")
    assert found.content == (stage / "pictures" / "000000.png").read_bytes()
    assert (found.headers["Content-Type"], found.headers["Cache-Control"]) == ("image/png", "no-cache")
    version = face(client, 0)["version"]
    large = client.get(f"/review/picture/0?size=768&v={version}")
    assert decode(large.content, name="large").size == (768, 768)
    assert "immutable" in large.headers["Cache-Control"]
    assert "served at 256 or 768" in client.get("/review/picture/0?size=5000").json()["error"]


def test_a_missing_picture_is_named(stage: Path, tmp_path: Path, labels: Path) -> None:
    folder = copy(stage, tmp_path / "faces")
    (folder / "pictures" / "000002.png").unlink()
    client = open_client(folder, labels)
    assert "000002.png" in client.get("/review/picture/2").json()["error"]
    assert client.get("/review").status_code == 200


# --- pages ---


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("path", ["/review?", "/review/sweep?tag=hair_color.silver&"])
def test_pages_speak_both_languages(client: TestClient, path: str, lang: str) -> None:
    page = client.get(f"{path}lang={lang}").text
    assert f'<html lang="{lang}">' in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    labels = {a["name"]: a["label"] for a in data["attributes"]}
    assert labels == {a.name: a.label[lang] for a in SCHEMA.attributes}


def test_what_is_said_is_written_and_what_is_written_is_said() -> None:
    scripts = "".join(path.read_text() for path in pages.STATIC.glob("*.js"))
    templates = "".join(path.read_text() for path in (pages.HERE / "templates").iterdir())
    english, japanese = (pages.texts("review", lang) for lang in ("en", "ja"))
    assert set(re.findall(r'say\("(\w+)"', scripts)) | set(re.findall(r"\bt\.(\w+)", templates)) <= set(english)
    made_up = {f"{kind}_{value}" for kind in ("said", "set") for value in ("yes", "no", "unsure")}
    for key in set(english) - made_up:
        assert re.search(rf"\b{key}\b", scripts + templates), key
    assert all([*english.values(), *japanese.values()])


def test_a_page_weighs_little_and_asks_nobody_else(client: TestClient) -> None:
    files = [*pages.STATIC.iterdir(), *(pages.HERE / "templates").iterdir()]
    others = ("report.", "survey.", "studio.", "taste.", "analysis.")  # of other pages
    own = [path for path in pages.STATIC.iterdir() if not path.name.startswith(others)]
    assert sum(path.stat().st_size for path in own) < 40_000
    for path in files:
        assert "://" not in path.read_text().replace("http://www.w3.org/2000/svg", ""), path.name
    for lang in ("en", "ja"):
        assert "://" not in client.get(f"/review?lang={lang}").text


def test_every_tag_has_a_key_of_its_own(schema: Schema) -> None:
    letters, keys = attribute_keys(schema), value_keys(schema)
    assert len(set(letters.values())) == len(schema.attributes)
    assert "u" not in letters.values()
    for attribute in schema.attributes:
        own = [keys[slot] for slot in attribute.slots]
        assert len(set(own)) == len(own)
        assert all(own)
        assert attribute.is_flag or set(own).isdisjoint({*letters.values(), "u"})
    assert (letters["hair_color"], letters["eye_color"], letters["glasses"], letters["smile"]) == ("h", "e", "g", "s")


# --- serving ---


def test_a_taken_port_is_named_or_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is taken; choose another one with --port"):
            serve.listen(port)
        monkeypatch.setattr(serve, "FIRST", port)
        monkeypatch.setattr(serve, "LAST", port)
        with pytest.raises(InputError, match=f"ports {port} to {port} are taken"):
            serve.listen(None)
        monkeypatch.setattr(serve, "LAST", min(port + 20, 65535))
        with serve.listen(None) as found:
            assert found.getsockname()[0] == "127.0.0.1"
            assert found.getsockname()[1] > port


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tag": "hair_length"}, "give one of hair_length.long, hair_length.short"),
        ({"order": "best"}, "order is 'best': input should be 'file', 'uncertain', 'highest' or 'lowest'"),
        ({"order": "highest"}, "choose a tag, too"),
        ({"lang": "fr"}, "lang is 'fr': input should be 'en' or 'ja'"),
    ],
)
def test_the_command_checks_what_it_will_show(stage: Path, labels: Path, asked: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        address(open_desk(stage, labels), asked)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 3, "nowhere has no stage.json"),
        (["faces", "--tag", "glases"], 2, "no slot 'glases'. Did you mean 'glasses'?"),
    ],
)
def test_the_command_says_what_it_cannot_do(
    stage: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "faces").symlink_to(stage)
    command = [sys.executable, "-m", "konomi", "review", *arguments, "--no-open"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert message in done.stderr
