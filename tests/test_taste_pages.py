"""The pages of a tasting: what is kept, what does no harm, and what is refused."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from konomi import api, metadata
from konomi.taste.questions import FEWEST
from konomi.taste.session import Reply
from konomi.tasting import suggesting
from konomi.tasting.sitting import Sitting
from konomi.web.pages import texts
from konomi.web.taste import address, create_taste_app
from sittings import pick_all, sit

ORIGIN = "http://127.0.0.1:8765"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KONOMI_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(suggesting, "CANDIDATES", 2)  # quicker
        yield


@pytest.fixture
def sitting(tmp_path: Path) -> Sitting:
    return sit(tmp_path / "me.json")


@pytest.fixture
def client(sitting: Sitting) -> TestClient:
    return TestClient(create_taste_app(sitting), base_url=ORIGIN, headers={"Origin": ORIGIN})


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a question."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def shown(page: str) -> list[str]:
    return re.findall(r'name="picked" value="(\w+)"', page)


def test_a_question_shows_numbered_pictures_and_why_it_is_asked(client: TestClient) -> None:
    page = client.get(address(4, "en")).text
    assert len(shown(page)) == 4
    assert fields(page) == {"number": "0", "shown": ",".join(shown(page))}
    assert "because it is not clear yet" in page
    assert 'data-key="4"' in page
    assert "about " in page
    assert "You start from nobody" in page
    assert "Take back" not in page


def test_a_pick_is_saved_at_once_and_counts_once(client: TestClient, sitting: Sitting) -> None:
    page = client.get("/taste?of=3").text
    for place in (1, 2):  # the second is an impatient click on the same page
        answer = client.post("/taste?of=3", data=fields(page) | {"picked": shown(page)[place]}, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/taste?of=3&lang=en"
    (reply,) = sitting.session().replies
    assert reply.picked == shown(page)[1]
    after = client.get("/taste?of=3").text
    assert fields(after)["number"] == "1"
    assert not set(shown(after)) & set(shown(page))


def test_skipping_and_taking_back(client: TestClient, sitting: Sitting) -> None:
    page = client.get("/taste?of=2").text
    client.post("/taste?of=2", data=fields(page) | {"skip": "yes"})
    assert sitting.session().replies[0].is_skip
    after = client.get("/taste?of=2").text
    client.post("/taste?of=2", data=fields(after) | {"undo": "yes"})
    assert sitting.session().replies == ()
    assert shown(client.get("/taste?of=2").text) == shown(page)


def test_one_picture_is_liked_or_not(client: TestClient, sitting: Sitting) -> None:
    page = client.get("/taste?of=1").text
    assert texts("taste", "en")["do_you"] in page
    client.post("/taste?of=1", data=fields(page) | {"liked": "no"})
    assert sitting.session().replies == (Reply((fields(page)["shown"],), liked=False),)


def test_once_enough_is_known_something_is_drawn(client: TestClient, sitting: Sitting) -> None:
    pick_all(sitting, "glasses", 12, size=2)
    answer = client.get("/taste?of=2", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/taste/suggestions")
    more = client.get("/taste?of=2&more=1")
    assert "enough is known" in more.text
    assert 'action="/taste?of=2&amp;lang=en&amp;more=1"' in more.text
    assert sitting.session().said >= FEWEST


def test_suggestions_stay_while_they_are_judged(client: TestClient, sitting: Sitting) -> None:
    pick_all(sitting, "glasses", 2)
    page = client.get("/taste/suggestions?text=blue hair, qwxz")
    codes = re.findall(r'name="code" value="(\w+)"', page.text)
    assert len(codes) == 6
    assert page.text.count("You would pick it over an average one") == 6
    assert "Not understood: qwxz" in page.text
    judge = re.search(r'action="(/taste/judge\?[^"]*)"', page.text)
    assert judge is not None
    path = judge[1].replace("&amp;", "&")
    after = client.post(path, data={"code": codes[2], "liked": "yes"})
    assert re.findall(r'name="code" value="(\w+)"', after.text) == codes
    assert after.text.count('aria-pressed="true"') == 1
    assert sitting.session().replies[-1] == Reply((codes[2],), liked=True)
    for code in codes:
        assert api.recall(code)[0].condition.to_dict()["hair_color"] == "blue"


def test_pictures_come_small_large_and_as_files(client: TestClient, sitting: Sitting) -> None:
    code = sitting.codes[0]
    for query, side in (("?size=64", 64), ("", 256)):
        data = client.get(f"/taste/picture/{code}.png{query}").content
        assert Image.open(io.BytesIO(data)).size == (side, side)
    kept = client.get(f"/taste/file/{code}.png").content
    assert f'"seed":{sitting.pool.recipes[0].seed}' in metadata.recipe_of(kept, name="kept")


def test_every_page_speaks_both_languages(client: TestClient, sitting: Sitting) -> None:
    pick_all(sitting, "hair_length.short", 4)
    for path in ("/taste?of=6", "/taste?of=1", "/taste/suggestions?of=6"):
        page = client.get(f"{path}&lang=ja").text
        assert '<html lang="ja">' in page
        assert "これまでに分かったこと" in page
        assert "Learned so far" not in page
        assert "lang=en" in page  # the way to the other language


def test_what_was_learned_is_said(client: TestClient, sitting: Sitting) -> None:
    assert "Nothing can be said yet." in client.get("/taste?of=3").text
    pick_all(sitting, "hair_length.short", 9)
    page = client.get("/taste?of=3&more=1").text
    assert re.search(r'class="chip (sure|leaning)">short hair ', page)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"number": "0", "shown": "A,B", "picked": "A"}, "is not among the pictures"),
        ({"number": "0", "shown": "A,B", "picked": "C"}, "one of two or more"),
        ({"shown": "A,B", "picked": "A"}, "which question"),
        ({"number": "-1", "shown": "A,B", "picked": "A"}, "which question"),
    ],
)
def test_what_cannot_be_said_is_refused(client: TestClient, sitting: Sitting, data: dict[str, str], told: str) -> None:
    answer = client.post("/taste", data=data)
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert not sitting.path.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/taste?of=7", 422),
        ("/taste?lang=de", 422),
        ("/taste/picture/NONSENSE.png", 400),
        ("/taste/picture/3OIH2VXZECY1O.png", 400),  # of another model
        ("/taste/picture/3OIH2VXZECY1O.png?size=9", 400),
        ("/taste/suggestions?codes=NONSENSE", 400),
        ("/taste/nothing", 404),
    ],
)
def test_what_is_not_there_is_told(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_other_sites_and_large_bodies_are_refused(client: TestClient, sitting: Sitting) -> None:
    page = client.get("/taste?of=2").text
    data = fields(page) | {"picked": shown(page)[0]}
    assert client.post("/taste", data=data, headers={"Origin": "http://evil.test"}).status_code == 403
    assert client.get("/taste", headers={"Host": "evil.test"}).status_code == 400
    assert client.post("/taste", data=data | {"more": "x" * 20_000}).status_code == 413
    assert not sitting.path.exists()


def test_a_profile_that_was_damaged_meanwhile_is_told(client: TestClient, sitting: Sitting) -> None:
    sitting.path.write_text("{")
    answer = client.get("/taste", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "is not valid JSON" in answer.text
