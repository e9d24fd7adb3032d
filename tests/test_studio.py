"""The studio without a browser: wishes, words, the album, the pages and the files."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

import konomi
from konomi import api
from konomi.condition import Condition
from konomi.errors import FileError, InputError, KonomiError
from konomi.metadata import recipe_of
from konomi.recipe import Recipe
from konomi.schema import Schema, load_schema
from konomi.web import pages
from konomi.web.studio import album as albums
from konomi.web.studio import picking, speech
from konomi.web.studio.album import Album
from konomi.web.studio.app import create_studio_app
from konomi.web.studio.picking import Picking
from konomi.web.studio.verbs import Person
from konomi.web.studio.wishes import COUNT, Wish, read_wish, understand
from sittings import sit

ORIGIN = "http://127.0.0.1:8765"
NASTY = """"><script>alert(1)</script>'{{7*7}}${7*7}<img src=x onerror=alert(1)>"""


def wish_of(address: str, schema: Schema) -> Wish:
    return read_wish(parse_qsl(urlsplit(address).query, keep_blank_values=True), schema)


# --- wishes ---


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hair_color": "silver", "glasses": True, "hat": False, "smile": 0.5},
        {"hair_color": {"blonde": 0.5, "pink": 0.5}, "eye_color": None},
        {"hair_length": {"long": 0.0}},
    ],
)
def test_a_wishs_address_says_all_of_it(changes: dict[str, Any], schema: Schema) -> None:
    wish = Wish("long hair & 'red' eyes, 笑顔", changes, 30)
    assert wish_of(wish.address(), schema) == wish


def test_changes_by_hand_win_and_take_back(schema: Schema) -> None:
    found = understand(Wish("silver hair, red eyes", {"hair_color": "blue", "eye_color": None}), schema)
    assert found.condition.to_dict() == {"hair_color": "blue"}


def test_new_words_win_over_what_was_changed_before(schema: Schema) -> None:
    old = [("text", "pink hair"), ("said", "blue hair"), ("hair_color", "green"), ("hat", "yes"), ("seed", "40")]
    assert read_wish(old, schema) == Wish("pink hair", {"hat": True}, 0)
    same = [("text", "blue hair"), *old[1:]]
    assert read_wish(same, schema) == Wish("blue hair", {"hair_color": "green", "hat": True}, 40)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (("hair_colour", "red"), "no attribute 'hair_colour'. Did you mean 'hair_color'"),
        (("hair_color", "purpel"), "Did you mean 'purple'"),
        (("glasses", "perhaps"), "write yes or no"),
        (("seed", "-1"), "the seed is"),
        (("seed", "9" * 5000), "the seed is"),
        (("seed", str(2**53)), "the seed is"),
    ],
)
def test_a_wish_refuses_what_does_not_exist(field: tuple[str, str], message: str, schema: Schema) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_wish([("text", ""), field], schema)


# --- words ---


@pytest.mark.parametrize(
    ("asked", "english", "japanese"),
    [
        ({}, "somebody", "人物"),
        ({"gender": "boy"}, "a boy", "男の子"),
        (
            {"gender": "girl", "hair_color": "silver", "hair_length": "long", "eye_color": "red", "glasses": True},
            "a girl with long silver hair, red eyes and glasses",
            "長い銀髪、赤の瞳、眼鏡の女の子",
        ),
        ({"smile": 0.5, "open_mouth": False, "hat": False, "ribbon": True},
         "somebody with a slight smile, a closed mouth, no hat and a ribbon",
         "少し笑顔、閉じた口、帽子なし、リボンの人物"),
        ({"hair_color": {"blonde": 0.5, "pink": 0.5}, "eye_color": {"blue": 0.0}},
         "somebody with blonde and pink hair and not blue eyes", "金髪とピンク髪、青の瞳以外の人物"),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_two_languages(
    asked: dict[str, Any], english: str, japanese: str, schema: Schema
) -> None:
    condition = Condition.from_dict(schema, asked)
    assert speech.sentence(condition, "en") == english
    assert speech.sentence(condition, "ja") == japanese


@pytest.mark.parametrize("name", ["anime", "lorelei"])
def test_everything_that_can_be_asked_can_be_said(name: str) -> None:
    schema = load_schema(name)
    said = {
        speech.slot_phrase(schema, slot, wanted, language)
        for slot in schema.slots
        for wanted in (True, False)
        for language in speech.LANGUAGES
    }
    assert len(said) >= 4 * len(schema.slots) - 8  # a few words are the same of two attributes


def test_every_text_is_there_in_both_languages() -> None:
    for page in ("studio", "speech"):
        for language in speech.LANGUAGES:
            assert all(text or key == "a" for key, text in pages.texts(page, language).items())
    slots = [set(re.findall(r"\{\w*\}", text)) for text in pages.texts("studio", "en").values()]
    assert slots == [set(re.findall(r"\{\w*\}", text)) for text in pages.texts("studio", "ja").values()]


def test_every_text_is_said_somewhere() -> None:
    parts = [*(pages.HERE / "templates").glob("studio*.html"), *(pages.HERE / "studio").glob("*.py")]
    said = "".join(path.read_text(encoding="utf-8") for path in parts)
    built = ("verb_", "strength_", "mood_")  # names that are put together
    idle = [
        k for k in pages.texts("studio", "en") if not k.startswith(built) and not re.search(rf'say\.{k}\b|"{k}"', said)
    ]
    assert idle == []


# --- the album ---


def test_undo_goes_back_and_redo_forward_also_after_a_restart(tmp_path: Path) -> None:
    album = Album(tmp_path)
    for address in ("/people?text=a", "/portrait/A", "/portrait/B"):
        album.visit(address)
    album.visit("/portrait/C", came_from="/portrait/A")  # back to A, and on to somebody else
    album = Album(tmp_path)
    assert album.before("/portrait/C") == "/portrait/A"
    assert album.before("/portrait/A") == "/people?text=a"
    assert album.before("/people?text=a") == ""
    assert album.after("/portrait/A") == "/portrait/C"
    assert album.portraits() == ["C", "B", "A"]  # nothing is lost by going back


def test_going_in_circles_still_undoes_to_the_beginning(tmp_path: Path) -> None:
    album = Album(tmp_path)
    for here, came_from in (("/a", ""), ("/b", "/a"), ("/a", "/b"), ("/b", "/a"), ("/c", "/b")):
        album.visit(here, came_from=came_from)
    way = ["/c"]
    while before := album.before(way[-1]):
        way.append(before)
    assert way == ["/c", "/b", "/a"]


def test_history_is_bounded_and_favourites_are_not_lost_with_it(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.favour("FIRST", on=True)
    album.kept.steps.extend(albums.Step(f"/portrait/{i}", "", "") for i in range(albums.STEPS))
    album.visit("/portrait/new")
    assert len(album.kept.steps) == albums.STEPS
    assert album.find("/portrait/0") is None
    assert album.before("/portrait/1") == ""
    album.forget()
    assert (Album(tmp_path).kept.steps, Album(tmp_path).kept.favourites) == ([], ["FIRST"])


def test_favourites_have_an_end_that_is_told(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.kept.favourites.extend(str(i) for i in range(albums.FAVOURITES))
    with pytest.raises(InputError, match="1000 favourites"):
        album.favour("ONE MORE", on=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "steps": [{}], "favourites": []}',
                                  '{"version": 1, "steps": [], "favourites": [7]}'])  # fmt: skip
def test_a_damaged_album_is_put_aside_and_said(tmp_path: Path, text: str) -> None:
    (tmp_path / albums.NAME).write_text(text)
    album = Album(tmp_path)
    assert album.damaged is not None
    assert album.damaged.read_text() == text
    album.favour("A", on=True)
    assert Album(tmp_path).kept.favourites == ["A"]


def test_an_album_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / albums.NAME).write_text('{"version": 2}')
    with pytest.raises(FileError, match="is of version 2; this Konomi reads 1"):
        Album(tmp_path)
    assert (tmp_path / albums.NAME).read_text() == '{"version": 2}'


def test_one_folder_is_for_one_studio(tmp_path: Path) -> None:
    with albums.opened(tmp_path), pytest.raises(FileError, match="another run is working"), albums.opened(tmp_path):
        pass


def test_what_cannot_be_written_is_not_shown_as_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album = Album(tmp_path)

    def full(*_: object) -> None:
        raise FileError("the disk is full")

    monkeypatch.setattr(albums, "write_json", full)
    with pytest.raises(FileError, match="full"):
        album.favour("A", on=True)
    assert album.kept.favourites == []


# --- the pages ---


class Visitor:
    """Somebody with a browser without scripts."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.album: Album = client.app.state.album  # type: ignore[attr-defined]

    def get(self, address: str, *, status: int = 200, **headers: str) -> str:
        return unescape(self.ask(address, status=status, **headers).text)

    def ask(self, address: str, *, status: int = 200, **headers: str) -> Response:
        found = self.client.get(address, headers=headers, follow_redirects=status == 200)
        assert found.status_code == status, found.text
        return found

    def post(self, address: str, *, status: int = 303, **options: Any) -> Response:
        found = self.client.post(address, follow_redirects=False, **options)
        assert found.status_code == status, found.text
        return found

    def wishes(self, text: str) -> list[str]:
        return re.findall(r'data-wish="(\w+)"', self.get(f"/people?text={text}"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_studio_app(Album(tmp_path_factory.mktemp("studio")))
    headers = {"Origin": ORIGIN, "Accept": "text/html"}
    with TestClient(app, base_url=ORIGIN, headers=headers) as found:
        yield found


@pytest.fixture
def visitor(client: TestClient) -> Visitor:
    client.cookies.clear()
    found = Visitor(client)
    found.album.kept = albums.Kept()
    return found


@pytest.fixture(scope="module")
def code() -> str:
    return konomi.draw("a girl with red hair and green eyes", seed=21, size=64)[0].code


@pytest.fixture(scope="module")
def kept(code: str) -> bytes:
    return konomi.edit(code).encoded("png")


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_words_become_chips_and_what_is_not_understood_is_told(visitor: Visitor) -> None:
    page = visitor.get("/people?text=long silver hair, shy")
    assert re.findall(r"<summary>(?:<i class=\"dot \w+\"></i>)?([^<]+)</summary>", page)[:2] == [
        "silver hair",
        "long hair",
    ]
    assert re.search(r"Not understood: </span>shy<", page)
    without = re.search(r'href="([^"]+)" aria-label="Remove silver hair"', page)
    assert without
    assert understand(wish_of(without[1], load_schema()), load_schema()).condition.to_dict() == {"hair_length": "long"}


def test_whoever_has_chosen_nobody_yet_is_told_to(visitor: Visitor, code: str) -> None:
    told = "Choose the one you like best"
    assert told in visitor.get("/people?text=red+hair")
    visitor.get(f"/portrait/{code}")
    assert told not in visitor.get("/people?text=red+hair")


def test_a_gallery_shows_what_konomi_draw_draws(visitor: Visitor) -> None:
    wishes = visitor.wishes("ponytail, pink hair")
    assert len(set(wishes)) == COUNT
    (avatar,) = konomi.draw("ponytail, pink hair", seed=3, size=64)
    shown = picture(visitor.ask(f"/wish/{wishes[3]}.png?size=64").content)
    assert np.array_equal(np.asarray(shown), np.asarray(avatar))
    told = visitor.client.get(f"/wish/{wishes[3]}/said", headers={"Accept": "application/json"}).json()
    failed = [verdict.slot for verdict in avatar.verdicts if not verdict.drawn]
    assert len(told["missing"]) == len(failed)
    assert api.recall_code(told["code"])[0].candidate == avatar.recipe.candidate
    assert visitor.ask(f"/wish/{wishes[3]}", status=303).headers["location"] == f"/portrait/{told['code']}"


def test_every_picture_of_a_gallery_has_its_own_words(visitor: Visitor) -> None:
    page = visitor.get("/people?text=green eyes")
    alts = re.findall(r'<img class="sure" [^>]*alt="([^"]*)"', page)
    assert len(alts) == COUNT
    assert all("green eyes" in alt for alt in alts)
    assert len(set(alts)) > COUNT / 2


def test_a_portrait_tells_what_is_drawn_of_what_was_asked(visitor: Visitor) -> None:
    (avatar,) = konomi.draw("glasses, ponytail, drill hair", seed=5, size=64)
    page = visitor.get(f"/portrait/{avatar.code}")
    failed = [v.slot for v in avatar.verdicts if not v.drawn]
    assert failed
    assert len(re.findall(r'<li class="failed">', page)) == len(failed)
    assert "Asked for, but not seen" in page


@pytest.mark.parametrize("verb", ["like", "keep", "change", "mix", "compare", "take"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_verb_has_its_page_in_both_languages(visitor: Visitor, code: str, verb: str, language: str) -> None:
    page = visitor.get(f"/portrait/{code}?verb={verb}&lang={language}")
    assert f'<html lang="{language}">' in page
    assert "built-in" not in page
    assert not re.findall(r"<img(?![^>]*alt=)", page)


def test_keeping_and_rolling_again_asks_for_what_was_ticked(visitor: Visitor, code: str) -> None:
    page = visitor.get(f"/portrait/{code}?verb=keep")
    ticked = re.findall(r'type="checkbox" name="(\w+)" value="([^"]*)" checked', page)
    assert dict(ticked) == {"hair_color": "red", "eye_color": "green", "gender": "girl"}
    again = visitor.get("/people?text=&hair_color=red&seed=77")
    assert len(re.findall("data-wish", again)) == COUNT


def test_changing_one_thing_keeps_the_person(visitor: Visitor, code: str) -> None:
    page = visitor.get(f"/portrait/{code}?verb=change&of=eye_color")
    codes = re.findall(r'<a href="/portrait/(\w+)">\s*<span class="frame">', page)
    recipes = [api.recall_code(one)[0] for one in codes]
    assert [recipe.condition.to_dict()["eye_color"] for recipe in recipes] == list(
        load_schema().attribute("eye_color").value_names
    )
    assert {recipe.seed for recipe in recipes} == {21}


def test_a_change_in_words_leads_to_the_changed_portrait(visitor: Visitor, code: str) -> None:
    done = visitor.ask(f"/portrait/{code}?verb=change&words=with a hat", status=303)
    changed = api.recall_code(urlsplit(done.headers["location"]).path.removeprefix("/portrait/"))[0]
    assert changed.condition.to_dict() == {"hair_color": "red", "eye_color": "green", "gender": "girl", "hat": True}
    assert "names something that can be changed" in visitor.get(f"/portrait/{code}?verb=change&words=umbrella")


def test_mixing_walks_from_one_to_the_other(visitor: Visitor, code: str) -> None:
    other = konomi.draw("blue hair", seed=9, size=64)[0].code
    visitor.get(f"/portrait/{other}")
    assert f"partner={other}" in visitor.get(f"/portrait/{code}?verb=mix")
    page = visitor.get(f"/portrait/{code}?verb=mix&partner={other}")
    steps = re.findall(r'<a href="/portrait/(\w+)">\s*<span class="frame">', page)
    assert steps[0] == code
    assert api.recall_code(steps[-1])[0].seed == 9
    assert visitor.get(f"/portrait/{code}?verb=mix&partner={konomi.draw(model='anime-1', size=64)[0].code}", status=400)


def test_comparing_shows_every_pair_of_values(visitor: Visitor, code: str) -> None:
    page = visitor.get(f"/portrait/{code}?verb=compare&down=glasses&across=eye_color")
    assert len(re.findall(r'<td class="tile">', page)) == 2 * 10
    assert visitor.get(f"/portrait/{code}?verb=compare&down=glasses&across=glasses", status=400)


def test_a_code_in_the_field_opens_its_portrait(visitor: Visitor, code: str) -> None:
    assert f"/portrait/{code}" in str(visitor.ask(f"/people?text={code.lower()}").url)


@pytest.mark.parametrize("address", ["/portrait/XYZ", "/portrait/nothing?verb=like", "/open?code=!", "/people?hair=red",
                                     "/wish/XYZ", "/people?text=&seed=x"])  # fmt: skip
def test_what_cannot_be_is_said_on_a_page(visitor: Visitor, address: str) -> None:
    assert "That did not work" in visitor.get(address, status=400)


def test_a_wrong_verb_names_the_right_one(visitor: Visitor, code: str) -> None:
    assert "Did you mean 'change'" in visitor.get(f"/portrait/{code}?verb=chang", status=400)


def test_nothing_that_is_typed_becomes_markup(visitor: Visitor, code: str) -> None:
    for address in ("/people", "/understood", f"/portrait/{code}"):
        found = visitor.client.get(
            address, params={"text": NASTY, "words": NASTY, "nothing": NASTY, "verb": "change"} if "portrait" in address
            else {"text": NASTY},
        )  # fmt: skip
        assert found.status_code == 200
        assert "<script>alert" not in found.text
        assert "<img src=x" not in found.text
        assert "{{7*7}}" not in found.text or "49" not in found.text
    visitor.client.get("/people", params={"text": NASTY})
    assert "<script>alert" not in visitor.ask("/album").text


# --- history and favourites ---


def test_the_page_before_is_one_link_away(visitor: Visitor, code: str) -> None:
    first = visitor.ask("/people?text=red hair")
    page = visitor.get(f"/portrait/{code}", Referer=str(first.url))
    assert re.search(r'<a id="undo" class="quiet" href="/people\?text=red\+hair"', page)
    assert 'id="redo"' not in page
    assert f'id="redo" class="quiet" href="/portrait/{code}"' in visitor.get("/people?text=red hair")


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Purpose": "prefetch"}]
)
def test_other_sites_and_guesses_write_no_history(visitor: Visitor, code: str, headers: dict[str, str]) -> None:
    visitor.get(f"/portrait/{code}", **headers)
    assert visitor.album.kept.steps == []


def test_favourites_come_and_go(visitor: Visitor, code: str) -> None:
    visitor.post("/favourites", data={"code": code.lower(), "on": "yes"})
    assert visitor.album.kept.favourites == [code]
    assert code in visitor.get("/album")
    done = visitor.post(
        "/favourites", data={"code": code, "on": "no"}, headers={"Accept": "application/json"}, status=200
    )
    assert done.json() == {"code": code, "on": False, "count": 0}


def test_a_wished_favourite_is_kept_as_it_is_drawn(visitor: Visitor) -> None:
    wished = visitor.wishes("glasses")[0]
    visitor.post("/favourites", data={"wish": wished, "on": "yes"})
    assert visitor.album.kept.favourites == [konomi.draw("glasses", size=256)[0].code]


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": ""}, {"Origin": "null"}])
@pytest.mark.parametrize("address", ["/favourites", "/forget", "/restore"])
def test_other_sites_change_nothing(visitor: Visitor, headers: dict[str, str], address: str) -> None:
    visitor.post(address, headers=headers, status=403)


@pytest.mark.parametrize("path", ["/static/../studio/app.py", "/static/%2e%2e/texts/studio.toml", "/static//etc/passwd",
                                  "/portrait/..%2f..%2fetc%2fpasswd.png", "/take/..%2F..%2Fstudio.json"])  # fmt: skip
def test_no_path_leads_to_a_file(visitor: Visitor, path: str) -> None:
    assert visitor.client.get(path).status_code in (400, 404)


def test_another_name_for_this_machine_is_refused(visitor: Visitor) -> None:
    visitor.get("/", status=400, Host="evil.example")


# --- files ---


@pytest.mark.parametrize(
    ("size", "file_format", "shape"),
    [(64, "png", "square"), (128, "webp", "round"), (64, "png", "round"), (512, "webp", "square")],
)
def test_downloads_have_their_size_shape_and_recipe(
    visitor: Visitor, code: str, size: int, file_format: str, shape: str
) -> None:
    found = visitor.ask(f"/take/{code}?size={size}&format={file_format}&shape={shape}")
    assert "attachment" in found.headers["content-disposition"]
    image = picture(found.content)
    assert (image.size, image.format) == ((size, size), file_format.upper())
    recipe = Recipe.from_json(recipe_of(found.content, name="it"), load_schema)
    assert (recipe.size, recipe.condition.to_dict()["hair_color"]) == (size, "red")
    if shape == "round":
        corner, middle = image.convert("RGBA").getpixel((0, 0)), image.convert("RGBA").getpixel((size // 2, size // 2))
        assert isinstance(corner, tuple)
        assert isinstance(middle, tuple)
        assert (corner[3], middle[3]) == (0, 255)


def test_the_lines_to_copy_draw_the_very_picture(visitor: Visitor, code: str) -> None:
    page = visitor.get(f"/portrait/{code}?verb=take")
    assert f"konomi draw --from {code}" in page
    assert f'konomi.edit("{code}")' in page
    assert konomi.edit(code).recipe == api.recall_code(code)[0]


def test_sheets_and_moods(visitor: Visitor, code: str) -> None:
    sheet = picture(visitor.ask(f"/sheet.png?code={code}&wish={code}").content)
    assert sheet.size == (2 * 256 + 3 * 16, 256 + 2 * 16)
    packed = zipfile.ZipFile(io.BytesIO(visitor.ask(f"/moods/{code}?size=64").content))
    assert len(packed.namelist()) == 6
    for name in packed.namelist():
        assert json.loads(recipe_of(packed.read(name), name=name))["seed"] == 21
    visitor.get("/sheet.png?" + "&".join(["code=A"] * 65), status=400)


def test_moods_change_the_face_and_nothing_else(code: str) -> None:
    recipe, model = api.recall_code(code)
    moods = Person(recipe, model, recipe.condition).expressions()
    assert len({str(mood.condition.to_dict()) for mood in moods.values()}) == len(moods) == 6
    for mood in moods.values():
        assert mood.noises == recipe.noises
        assert mood.condition.to_dict()["hair_color"] == "red"


# --- pictures that come back ---


def test_a_picture_leads_back_to_its_portrait(visitor: Visitor, code: str) -> None:
    for address in (f"/take/{code}?format=webp", f"/take/{code}?shape=round&size=128", f"/portrait/{code}.png"):
        done = visitor.post("/restore", content=visitor.ask(address).content, status=200)
        assert api.recall_code(done.json()["address"].removeprefix("/portrait/"))[0].seed == 21


def test_pictures_of_older_models_come_back_too(visitor: Visitor) -> None:
    avatar = konomi.draw("blue hair", model="anime-1", size=64)[0]
    done = visitor.post("/restore", content=avatar.encoded("png"), status=200)
    assert "blue hair" in visitor.get(done.json()["address"]).lower()


def with_recipe(text: str) -> bytes:
    """A PNG that carries any text as its recipe."""
    from konomi.metadata import xmp_packet

    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp_packet(text, ""))
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def refused(visitor: Visitor, data: bytes) -> str:
    done = visitor.post("/restore", content=data, headers={"Accept": "application/json"}, status=400)
    return str(done.json()["error"])


def test_foreign_pictures_are_refused_in_one_line(visitor: Visitor, code: str) -> None:
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "PNG")
    assert "carries no Konomi recipe" in refused(visitor, plain.getvalue())
    assert "not a readable PNG or WebP" in refused(visitor, b"<svg onload=alert(1)>")
    assert "not a readable PNG or WebP" in refused(visitor, b"")
    recipe = api.recall_code(code)[0].to_dict()
    assert "which this Konomi does not have" in refused(
        visitor, with_recipe(json.dumps(recipe | {"model_sha256": "0" * 64, "model": NASTY}))
    )
    for changed in ({"schema": "../x"}, {"condition": {"hair_color": NASTY}}, {"seed": 2**60}, {"blend": [[1]]}):
        assert "\n" not in refused(visitor, with_recipe(json.dumps(recipe | changed)))
    assert refused(visitor, with_recipe("[" * 100_000))
    headers = {"Accept": "application/json", "Accept-Language": "ja"}
    told = visitor.post("/restore", content=b"no picture", headers=headers, status=400).json()["error"]
    assert told.startswith("この画像からは続けられません（this picture is not a readable PNG or WebP")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_damaged_pictures_never_break_the_studio(
    visitor: Visitor, kept: bytes, place: int, byte: int, cut: int
) -> None:
    whole = bytearray(kept)
    whole[place % len(whole)] = byte
    data = bytes(whole[: cut % len(whole)]) if cut % 3 == 0 else bytes(whole)
    done = visitor.client.post("/restore", content=data, headers={"Accept": "application/json"})
    assert done.status_code in (200, 400), done.text
    assert set(done.json()) <= {"address", "error"}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=500))
def test_any_bytes_at_all_are_refused_politely(visitor: Visitor, data: bytes) -> None:
    assert "not a readable" in refused(visitor, data)


def test_a_huge_body_is_refused(visitor: Visitor) -> None:
    visitor.post("/restore", content=b"x" * 16_100_000, status=413)


# --- size, and nothing from elsewhere ---


def test_own_assets_are_small_and_name_no_other_site() -> None:
    static = [pages.STATIC / name for name in ("konomi.css", "konomi.svg", "studio.css", "studio.js")]
    assert sum(path.stat().st_size for path in static) < 40_000
    for path in [*static[:1], *static[2:], *(pages.HERE / "templates").glob("studio*.html")]:
        assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"(?m)^\s*//.*|[;}] // .*", "", path.read_text())), path


# --- picking ---


def test_picking_waits_for_its_pictures_and_belongs_to_the_studio(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(path: Path, **_: Any) -> Any:
        begin.wait(60)
        return sit(path)

    monkeypatch.setenv("KONOMI_CACHE", str(tmp_path))
    begin = threading.Event()
    monkeypatch.setattr(picking, "open_sitting", slow)
    own = Picking(tmp_path, "anime-2")
    monkeypatch.setattr(visitor.client.app.state, "picking", own)  # type: ignore[attr-defined]
    assert 'http-equiv="refresh"' in visitor.get("/pick")
    begin.set()
    own.ready()
    page = visitor.get("/pick")
    assert "Which do you like best?" in page
    assert '<a href="/album">Album</a>' in page
    assert 'href="/portrait/' in visitor.get("/taste/suggestions")


def test_a_profile_that_cannot_be_read_is_said_and_tried_again(visitor: Visitor, tmp_path: Path) -> None:
    own = visitor.client.app.state.picking = Picking(tmp_path, "anime-2")  # type: ignore[attr-defined]
    (tmp_path / "taste-anime-2.json").write_text("{")
    with pytest.raises(KonomiError, match="not valid JSON"):
        own.ready()
    visitor.get("/taste", status=400)
