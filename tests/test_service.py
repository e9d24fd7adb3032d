"""The service: every address, what its replies say, what is refused, and that nothing shows through."""

import asyncio
import base64
import html
import io
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import konomi
from konomi import api, drawing, metadata
from konomi.models import find_model, published
from konomi.recipe import MAX_SEED, seed_of
from konomi.schema import load_schema
from konomi.verifying import CANDIDATES
from konomi.web.easel import Limits
from konomi.web.service.app import LARGEST, Settings, create_service_app
from konomi.web.service.commission import SETTINGS
from konomi.web.service.document import openapi
from konomi.web.service.replies import MANY, is_known

HERE = "http://127.0.0.1"
PATIENT = Limits(timeout=120, threads=2)


def client_of(**settings: Any) -> TestClient:
    app = create_service_app(Settings(**{"limits": PATIENT, **settings}))
    return TestClient(app, base_url=HERE, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def service() -> Iterator[TestClient]:
    with client_of() as client:
        yield client


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def told(response: Any, status: int) -> str:
    """The detail of a problem."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    row = response.json()
    assert set(row) == {"type", "title", "status", "detail", "request"}
    assert (row["status"], row["request"]) == (status, response.headers["x-request-id"])
    return str(row["detail"])


# --- pictures ---


def test_an_address_gives_what_the_command_line_draws(service: TestClient) -> None:
    words = "short pink hair, glasses"
    found = service.get("/v1/anime-2/avatar.png", params={"text": words, "seed": 7, "size": 64})
    (avatar,) = konomi.draw(words, seed=7, size=64, model="anime-2")
    assert found.headers["content-type"] == "image/png"
    assert np.array_equal(pixels(found.content), np.asarray(avatar))
    assert json.loads(metadata.recipe_of(found.content, name="it")) == avatar.recipe.to_dict()
    assert found.headers["konomi-code"] == avatar.code
    assert found.headers["content-disposition"] == f'inline; filename="avatar-{avatar.code}.png"'


def test_names_are_faces(service: TestClient) -> None:
    def face(name: str) -> bytes:
        return bytes(service.get("/v1/anime-2/avatar.png", params={"seed": name, "size": 64}).content)

    (avatar,) = konomi.draw(seed=seed_of("alice"), size=64, model="anime-2")
    assert np.array_equal(pixels(face("alice")), np.asarray(avatar))
    assert face("alice") == face("alice") != face("bob")


@pytest.mark.parametrize(("ending", "kind"), [("png", "PNG"), ("webp", "WEBP")])
@pytest.mark.parametrize("size", [64, 128])
def test_pictures_have_the_form_and_size_that_was_asked(service: TestClient, ending: str, kind: str, size: int) -> None:
    found = service.get(f"/v1/anime/avatar.{ending}?seed=1&size={size}")
    picture = Image.open(io.BytesIO(found.content))
    assert (picture.format, picture.size) == (kind, (size, size))
    assert found.headers["content-type"] == f"image/{ending}"


def test_attributes_are_parameters(service: TestClient) -> None:
    query = "hair_color.blonde=0.6&hair_color.pink=0.4&glasses=no&smile=0.5&eye_color=red&candidates=1&size=64"
    found = service.get(f"/v1/anime-2/avatar.json?{query}").json()
    asked = {"hair_color": {"blonde": 0.6, "pink": 0.4}, "eye_color": "red", "smile": 0.5, "glasses": False}
    assert found["asked"] == asked
    (avatar,) = konomi.draw(**asked, size=64, candidates=1, model="anime-2")
    assert (found["code"], found["verdicts"]) == (avatar.code, [])


def test_json_tells_all_that_is_known(service: TestClient) -> None:
    words = "赤い髪、銀の靴、メガネ"
    found = service.get("/v1/anime-2/avatar.json", params={"text": words, "seed": "アリス", "size": 64})
    (avatar,) = konomi.draw(words, seed=seed_of("アリス"), size=64, model="anime-2")
    facts = found.json()
    assert facts["asked"] == {"hair_color": "red", "glasses": True}
    assert facts["unused"] == list(avatar.unused)
    assert facts["unused"]
    assert [v["slot"] for v in facts["verdicts"]] == ["hair_color.red", "glasses"]
    assert facts["recipe"] == avatar.recipe.to_dict()
    assert (facts["seed"], facts["code"], facts["free"]) == (avatar.seed, avatar.code, False)
    picture = service.get(urljoin(str(found.url), facts["picture"]))
    assert np.array_equal(pixels(picture.content), np.asarray(avatar))


def test_a_share_code_is_its_picture(service: TestClient) -> None:
    (avatar,) = konomi.draw("green hair", seed=3, size=64, model="anime-1")
    found = service.get(f"/v1/anime-1/avatar.png?code={avatar.code}")
    assert np.array_equal(pixels(found.content), np.asarray(avatar))
    larger = service.get(f"/v1/anime-1/avatar.png?code={avatar.code}&size=128")
    assert pixels(larger.content).shape == (128, 128, 3)
    assert "code is of anime-1: ask for it under /v1/anime-1/" in told(
        service.get(f"/v1/anime-2/avatar.png?code={avatar.code}"), 422
    )
    assert "leave out seed, hair_color" in told(
        service.get(f"/v1/anime-1/avatar.png?code={avatar.code}&seed=1&hair_color=red"), 422
    )


@pytest.mark.parametrize(
    "code", ["/etc/passwd", "../../../etc/passwd", "tests/golden/full.png", "README.md", "", "ABC"]
)
def test_a_code_is_never_taken_for_a_file(service: TestClient, code: str) -> None:
    assert "share code" in told(service.get("/v1/anime-1/avatar.png", params={"code": code}), 422)


# --- caching ---


def test_an_address_with_a_version_may_be_kept_for_ever(service: TestClient) -> None:
    found = service.get("/v1/anime-1/avatar.png?seed=alice&size=64")
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["link"] == '<../models/anime-1>; rel="license"'


def test_a_familys_address_leads_to_the_one_with_the_version(service: TestClient) -> None:
    found = service.get("/v1/anime/avatar.png", params={"text": "red hair, <b>", "seed": "a&b", "size": "64"})
    newest = find_model("anime").name
    assert found.status_code == 200
    assert found.headers["cache-control"] == "public, max-age=300"
    assert found.headers["konomi-model"] == newest
    (link,) = re.findall(r'<([^>]*)>; rel="canonical"', found.headers["link"])
    same = service.get(urljoin(str(found.url), link))
    assert str(same.url).startswith(f"{HERE}/v1/{newest}/avatar.png?")
    assert same.content == found.content
    assert "immutable" in same.headers["cache-control"]


def test_what_the_client_has_is_not_sent_again(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "/v1/anime-1/avatar.png?seed=tagged&size=64"
    first = service.get(address)
    tag = first.headers["etag"]
    monkeypatch.setattr(service.app.state.easel, "draw", None)  # type: ignore[attr-defined]
    again = service.get(address, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "link", "konomi-licence"):
        assert again.headers[name] == first.headers[name]


def test_a_tag_marks_the_recipe(service: TestClient) -> None:
    def tag(query: str, ending: str = "png", model: str = "anime-2") -> str:
        return str(service.get(f"/v1/{model}/avatar.{ending}?size=64&candidates=1&{query}").headers["etag"])

    assert tag("text=red+hair") == tag("hair_color=red")  # the recipe decides the picture, not how it was said
    assert tag("text=red+hair", "json") != tag("text=red+hair+zzz", "json")  # unused words are told there
    tags = [tag("seed=1"), tag("seed=2"), tag("seed=1", "webp"), tag("seed=1", "json"), tag("seed=1&variety=0.5")]
    tags += [tag("seed=1", model="anime-1"), tag("seed=1&glasses=yes")]
    assert len(set(tags)) == len(tags)


def test_if_none_match_is_read_as_a_list() -> None:
    assert is_known('"a"', '"b", "a"')
    assert is_known('"a"', 'W/"a"')
    assert is_known('"a"', "*")
    assert not is_known('"a"', '"b"')
    assert not is_known('"a"', None)
    assert not is_known('"a"', "a")


def test_head_is_get_without_the_body(service: TestClient) -> None:
    address = "/v1/anime-1/avatar.png?seed=head&size=64"
    found, head = service.get(address), service.head(address)
    assert head.content == b""
    left_out = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in left_out} == {
        k: v for k, v in found.headers.items() if k not in left_out
    }


# --- licence ---


def test_the_licence_is_in_every_reply(service: TestClient) -> None:
    licence = find_model("anime-2").licence
    for address in ("avatar.png?size=64", "avatar.webp?size=64", "avatar.json?size=64", "avatar.png?size=65"):
        found = service.get(f"/v1/anime-2/{address}")
        assert found.headers["konomi-licence"] == licence
        (link,) = re.findall(r'<([^>]*)>; rel="license"', found.headers["link"])
        assert licence == service.get(urljoin(str(found.url), link)).json()["licence"]
    assert service.get("/v1/anime-2/avatar.json?size=64").json()["licence"] == licence
    assert licence.encode() in service.get("/v1/anime-2/avatar.png?size=64").content


def test_free_draws_with_a_free_model(service: TestClient) -> None:
    free = find_model("lorelei").name
    found = service.get("/v1/anime/avatar.png?seed=alice&size=64&licence=free")
    assert (found.headers["konomi-model"], found.headers["konomi-licence"]) == (free, "CC0 1.0")
    (link,) = re.findall(r'<([^>]*)>; rel="canonical"', found.headers["link"])
    same = service.get(urljoin(str(found.url), link))
    assert (same.content, str(same.url)) == (found.content, f"{HERE}/v1/{free}/avatar.png?seed=alice&size=64")
    assert service.get("/v1/lorelei/avatar.json?seed=alice").json()["free"] is True
    assert service.get(f"/v1/{free}/avatar.json?licence=free&background=blue").json()["free"] is True
    assert "no parameter 'framing'" in told(service.get("/v1/anime/avatar.png?licence=free&framing=wide"), 422)
    assert service.get("/v1/anime/avatar.png?licence=any&size=64").headers["konomi-model"] == find_model("anime").name


def test_a_model_that_is_named_is_free_or_not(service: TestClient) -> None:
    answer = service.get("/v1/anime-2/avatar.png?licence=free")
    assert "anime-2 is not free: research and personal use only" in told(answer, 422)
    assert f"Free: {find_model('lorelei').name}." in answer.json()["detail"]
    assert "licence has no value 'fre'. Did you mean 'free'?" in told(
        service.get("/v1/anime/avatar.png?licence=fre"), 422
    )


def test_every_licence_that_allows_all_is_known_as_free() -> None:
    for model in published():
        assert model.free == ("CC0" in model.licence or "public domain" in model.licence)


# --- mistakes ---


@pytest.mark.parametrize(
    ("address", "status", "detail"),
    [
        ("/v1/animo/avatar.png", 404, "models have no 'animo'. Did you mean 'anime'?"),
        ("/v1/anime-99/avatar.png", 404, "Did you mean 'anime-"),
        ("/v1/anime/avatar.gif", 404, "there is no avatar.gif; ask for avatar.png, .webp, .json"),
        ("/v1/faces-1/avatar.png", 404, "models have no 'faces-1'"),
        ("/v1/anime/", 404, "nothing under this address; /v1/models and"),
        ("/", 404, "nothing under this address"),
        ("/v1/models/anime-0", 404, "models have no 'anime-0'"),
        ("/v1/anime/avatar.png?hair_colour=red", 422, "no parameter 'hair_colour'. Did you mean 'hair_color'?"),
        ("/v1/anime/avatar.png?sede=1", 422, "no parameter 'sede'. Did you mean 'seed'?"),
        ("/v1/anime/avatar.png?hair_color=purpel", 422, "hair_color has no value 'purpel'. Did you mean 'purple'?"),
        ("/v1/anime/avatar.png?hair_color.blond=1", 422, "hair_color has no value 'blond'"),
        ("/v1/anime/avatar.png?hair_color=red&hair_color=blue", 422, "hair_color is given twice"),
        ("/v1/anime/avatar.png?hair_color.red=0.9&hair_color.blue=0.9", 422, "add up to more than 1"),
        ("/v1/anime/avatar.png?glasses=perhaps", 422, "glasses is 'perhaps'; write yes or no"),
        ("/v1/anime/avatar.png?glasses.yes=1", 422, "glasses has no values to choose from; write glasses=yes"),
        ("/v1/anime/avatar.png?size=65", 422, "size is 65; choose one of 64, 128, 256, 512"),
        ("/v1/anime/avatar.png?size=100000", 422, "size is 100000; choose one of"),
        ("/v1/anime/avatar.png?size=large", 422, "size is 'large'; give a whole number: 64, 128, 256, 512"),
        ("/v1/anime/avatar.png?size=٦٤", 422, "give a whole number"),
        ("/v1/anime/avatar.png?size=64&size=64", 422, "size is given twice"),
        ("/v1/anime/avatar.png?seed=", 422, "the seed is empty"),
        (f"/v1/anime/avatar.png?seed={'x' * 201}", 422, "the seed is too long"),
        ("/v1/anime/avatar.png?variety=2", 422, "variety is 2.0; it goes from 0"),
        ("/v1/anime/avatar.png?variety=nan", 422, "variety is nan; it goes from 0"),
        ("/v1/anime/avatar.png?variety=much", 422, "variety is 'much'; give a number from 0 to 1"),
        ("/v1/anime/avatar.png?candidates=0", 422, "candidates is 0; give a number from 1"),
        ("/v1/anime/avatar.png?candidates=17", 422, "candidates is 17; give a number from 1 (take the first) to 16"),
        ("/v1/anime/avatar.png?licence=free%0d%0aX-Evil:1", 422, "licence has no value"),
        ("/v1/anime/avatar.png?model=x.onnx", 422, "no parameter 'model'"),
    ],
)  # fmt: skip
def test_mistakes_are_told(service: TestClient, address: str, status: int, detail: str) -> None:
    assert detail in told(service.get(address), status)


def test_what_an_address_does_not_do_is_told(service: TestClient) -> None:
    answer = service.post("/v1/anime/avatar.png")
    assert told(answer, 405) == "Method Not Allowed"
    assert answer.headers["allow"].replace(" ", "").split(",") in (["GET", "HEAD"], ["HEAD", "GET"])
    assert told(service.get("/v1/draw"), 405)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../../etc/passwd", "/v1/..%2f..%2fetc%2fpasswd/avatar.png", "/v1/models/..%2f..%2fmodels.toml",
        "/v1/models/../../../pyproject.toml", "/v1/models/anime-2.onnx", "/v1/anime-2/avatar.png/../../models.toml",
        "/v1/%00/avatar.png", "/v1/models/tagger-1", "//etc/passwd", "/v1/anime-2/avatar.png%00.html",
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file(service: TestClient, path: str) -> None:
    assert told(service.get(path), 404)


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\r\nSet-Cookie: x=1", "\ud800"]
)
@pytest.mark.parametrize("name", ["text", "seed", "hair_color", "code", "licence", "size"])
def test_nothing_that_is_sent_becomes_a_page_or_a_header(service: TestClient, name: str, evil: str) -> None:
    query = {name: evil.encode("utf-8", "surrogatepass"), **({"size": b"64"} if name != "size" else {})}
    for ending in ("png", "json"):
        found = service.get(f"/v1/anime/avatar.{ending}", params=query)  # type: ignore[arg-type]
        assert found.status_code in (200, 422)
        assert found.headers["content-type"] in ("image/png", "application/json", "application/problem+json")
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in found.headers
        assert not any("<script" in value or "onerror" in value for value in found.headers.values())


# --- many ---


def test_many_are_drawn_in_order(service: TestClient) -> None:
    orders = [
        {"seed": "alice", "size": 64},
        {"model": "anime-1", "text": "blue hair", "seed": 5, "count": 2, "size": 64},
    ]
    found = service.post("/v1/draw", json={"pictures": orders, "format": "webp"}).json()["pictures"]
    assert [(f["model"], f["seed"]) for f in found] == [
        (find_model("anime").name, seed_of("alice")),
        ("anime-1", 5),
        ("anime-1", 6),
    ]
    for one, avatar in zip(found[1:], konomi.draw("blue hair", seed=5, count=2, size=64, model="anime-1"), strict=True):
        assert one["type"] == "image/webp"
        assert np.array_equal(pixels(base64.b64decode(one["data"])), np.asarray(avatar))
        again = service.get(urljoin(f"{HERE}/v1/draw", one["picture"]))
        assert again.content == base64.b64decode(one["data"])


def test_many_without_files(service: TestClient) -> None:
    order = {"attributes": {"hair_color": "red", "glasses": True}, "candidates": 1, "variety": 0.5}
    (found,) = service.post("/v1/draw", json={"pictures": [order], "format": "json"}).json()["pictures"]
    assert (found["type"], found["data"], found["variety"]) == ("", "", 0.5)
    assert found["asked"] == {"hair_color": "red", "glasses": True}


def test_a_code_among_many(service: TestClient) -> None:
    (avatar,) = konomi.draw("green hair", seed=3, size=64, model="anime-1")
    order = {"model": "anime-1", "code": avatar.code}
    (found,) = service.post("/v1/draw", json={"pictures": [order]}).json()["pictures"]
    assert np.array_equal(pixels(base64.b64decode(found["data"])), np.asarray(avatar))
    for more, detail in (({"seed": 1, "text": "x"}, "leave out seed, text"), ({"count": 2}, "leave out count")):
        assert detail in told(service.post("/v1/draw", json={"pictures": [order | more]}), 422)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "pictures: Field required"),
        ({"pictures": []}, "pictures: List should have at least 1 item"),
        ({"pictures": [{}] * (MANY + 1)}, f"at most {MANY} items"),
        ({"pictures": [{"count": MANY}, {}]}, f"{MANY + 1} pictures are asked for; at most {MANY} at once"),
        ({"pictures": [{}, {"hair_color": "red"}]}, "pictures.1 has no field 'hair_color'. Known: model"),
        ({"pictures": [{"sise": 64}]}, "pictures.0 has no field 'sise'. Did you mean 'size'?"),
        ({"pictures": [{}], "fromat": "png"}, "the body has no field 'fromat'. Did you mean 'format'?"),
        ({"pictures": [{"size": 100}]}, "pictures.0.size: Input should be 64, 128, 256 or 512"),
        ({"pictures": [{"size": True}]}, "pictures.0.size"),
        ({"pictures": [{}, {"attributes": {"hair_color": "purpel"}}]}, "pictures.1: hair_color has no value 'purpel'"),
        ({"pictures": [{"attributes": {"glasses": None}}]}, "pictures.0: glasses is None; give true"),
        ({"pictures": [{"attributes": {"hair_color": {"red": {}}}}]}, "pictures.0: hair_color.red is {}; give true"),
        ({"pictures": [{"model": "animo"}]}, "pictures.0: models have no 'animo'"),
        ({"pictures": [{"seed": -1}]}, "pictures.0: the seed is -1"),
        ({"pictures": [{"seed": MAX_SEED, "count": 2}]}, "pass the largest seed"),
        ({"pictures": [{"seed": 1.5}]}, "pictures.0.seed"),
        ({"pictures": [{"candidates": 99}]}, "pictures.0: candidates is 99"),
        ({"pictures": [{"licence": "mine"}]}, "pictures.0.licence"),
        ([], "the body: Input should be"),
        (None, "the body"),
    ],
)
def test_mistakes_in_a_body_are_told(service: TestClient, body: Any, detail: str) -> None:
    assert detail in told(service.post("/v1/draw", json=body), 422)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"pictures": [{"variety": NaN}]}', 422),
        (b'{"pictures": [{"variety": 1e999}]}', 422),
        (b'{"pictures": [{"text": "\\ud800"}]}', 422),
        (b'{"pictures": [{"seed": "\\udfff"}]}', 422),
        (b'{"pictures": [{"attributes": {"\\ud800": 1}}]}', 422),
        (b'{"pictures": [{"attributes": {"hair_color": "\\ud800"}}]}', 422),
        (b'{"pictures": [{"seed": ' + b"9" * 5000 + b"}]}", 422),
        (b"\xff\xfe", 422),
        (b"{", 422),
        (b"", 422),
        (b'{"pictures": ' + b"[" * 100_000, 422),
        (b'{"pictures": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 422),
    ],
    ids=[
        "nan",
        "infinite",
        "half-character",
        "half-name",
        "half-key",
        "half-value",
        "long",
        "bytes",
        "cut",
        "none",
        "deep-cut",
        "deep",
    ],
)
def test_no_body_breaks_anything(service: TestClient, body: bytes, status: int) -> None:
    answer = service.post("/v1/draw", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (status, 400)
    assert told(answer, answer.status_code)


def test_a_body_that_is_too_large_is_refused(service: TestClient) -> None:
    body = json.dumps({"pictures": [{"text": "x" * LARGEST}]})
    answer = service.post("/v1/draw", content=body, headers={"Content-Type": "application/json"})
    assert f"more than {LARGEST} bytes" in told(answer, 413)


def test_pages_of_other_sites_may_embed_pictures_but_not_draw_many(service: TestClient) -> None:
    found = service.get("/v1/anime-1/avatar.png?size=64", headers={"Origin": "https://other.example"})
    assert found.headers["access-control-allow-origin"] == "*"
    assert found.headers["cross-origin-resource-policy"] == "cross-origin"
    assert {"ETag", "Konomi-Licence"} <= set(found.headers["access-control-expose-headers"].split(", "))
    body = {"pictures": [{"size": 64}]}
    for origin in ("https://other.example", "null", "http://127.0.0.1:99"):
        assert "other sites may not" in told(service.post("/v1/draw", json=body, headers={"Origin": origin}), 403)
    assert service.post("/v1/draw", json=body, headers={"Origin": HERE}).status_code == 200
    plain = service.post("/v1/draw", content=json.dumps(body), headers={"Content-Type": "text/plain"})
    assert told(plain, 422)  # what a form of another site can send is not read


# --- lists ---


def test_models_and_cards_are_listed(service: TestClient) -> None:
    rows = service.get("/v1/models").json()["models"]
    assert [row["name"] for row in rows] == [model.name for model in published("generator")]
    assert [row["name"] for row in rows if row["newest"]] == [
        find_model(row["family"]).name for row in rows if row["newest"]
    ]
    card = service.get("/v1/models/anime").json()
    assert card["name"] == find_model("anime").name
    assert card["card"] == find_model("anime").card.read_text(encoding="utf-8")
    schema = load_schema("anime")
    assert list(card["attributes"]) == [a.name for a in schema.attributes]
    assert card["attributes"]["hair_color"]["values"]["silver"] == {"en": "silver", "ja": "銀髪"}
    assert card["attributes"]["glasses"]["kind"] == "flag"


def test_health_is_told(service: TestClient) -> None:
    answer = service.get("/v1/health")
    assert answer.headers["cache-control"] == "no-store"
    health = answer.json()
    assert (health["status"], health["waiting"], health["queue"]) == ("ok", 0, PATIENT.queue)
    assert health["version"] == konomi.__version__


# --- the document ---


def resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    return openapi()["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]


def test_the_document_has_every_address_and_no_other(service: TestClient) -> None:
    def addresses(routes: Any) -> Iterator[str]:
        for route in routes:
            if hasattr(route, "methods"):
                yield route.path
            else:
                yield from addresses(getattr(route, "routes", None) or route.original_router.routes)

    paths = set(addresses(service.app.routes))  # type: ignore[attr-defined]
    assert set(openapi()["paths"]) == paths - {"/v1/openapi.json", "/v1/{model}/avatar.{ending}"}
    assert service.get("/v1/openapi.json").json() == openapi()


@pytest.mark.parametrize("name", [m.name for m in published("generator")])
def test_parameters_come_from_the_schema(name: str) -> None:
    operation = openapi()["paths"][f"/v1/{name}/avatar.png"]["get"]
    parameters = {row["name"]: row for row in map(resolved, operation["parameters"])}
    schema = load_schema(api.open_model(name).schema.name)
    for attribute in schema.attributes:
        row = parameters[attribute.name]
        assert attribute.label["en"] in row["description"]
        if attribute.is_flag:
            assert row["schema"]["anyOf"][0] == {"enum": ["yes", "true", "no", "false"]}
        else:
            assert row["schema"]["enum"] == list(attribute.value_names)
            assert all(f"{attribute.name}.{value}" in parameters for value in attribute.value_names)
    assert all("." in key or key in SETTINGS or schema.attribute(key) for key in parameters)


def test_every_example_of_the_document_is_drawn(service: TestClient) -> None:
    post = openapi()["paths"]["/v1/draw"]["post"]
    for example in post["requestBody"]["content"]["application/json"]["examples"].values():
        assert service.post("/v1/draw", json=example["value"]).status_code == 200
    for row in openapi()["components"]["parameters"].values():
        for value in row["schema"].get("examples", []):
            model = "anime-1" if row["name"] == "code" else "anime"
            assert service.get(f"/v1/{model}/avatar.json", params={row["name"]: value}).status_code == 200


# --- the door ---


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example", "localhost:x", "a b"]
)
def test_another_hosts_name_is_refused(service: TestClient, host: str) -> None:
    answer = service.get("/v1/health", headers={"Host": host})
    assert "start it with --allow-host and the name" in told(answer, 421)


def test_names_that_are_allowed_are_served() -> None:
    client = client_of(hosts=("Avatars.example.org", "::1"))
    for host in ("avatars.example.org", "AVATARS.example.org:8080", "[::1]:8765"):
        assert client.get("/v1/health", headers={"Host": host}).status_code == 200
    assert told(client.get("/v1/health", headers={"Host": "www.avatars.example.org"}), 421)
    assert client_of(hosts=("*",)).get("/v1/health", headers={"Host": "any.example"}).status_code == 200


class Lines(logging.Handler):
    """What is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        from konomi.web.service.door import JsonLines

        self.lines.append(json.loads(JsonLines().format(record)))


@pytest.fixture
def log() -> Iterator[list[dict[str, Any]]]:
    handler, logger = Lines(), logging.getLogger("konomi.service")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)


def test_each_request_is_logged_without_what_people_wrote(service: TestClient, log: list[dict[str, Any]]) -> None:
    service.get("/v1/anime-1/avatar.png?seed=secretname&text=secretword&size=64", headers={"X-Request-Id": "proxy-7"})
    service.get("/v1/secretpath/avatar.png?secretparameter=1")
    service.get("/secretpath", headers={"X-Request-Id": "bad id\u00e9".encode("latin-1")})  # type: ignore[dict-item]
    first, second, third = log
    told = {key: first[key] for key in ("level", "event", "id", "method", "route", "status", "model")}
    assert told == {
        "level": "info", "event": "request", "id": "proxy-7", "method": "GET", "route": "/v1/anime-1/avatar.png",
        "status": 200, "model": "anime-1",
    }  # fmt: skip
    assert first["bytes"] > 1000
    assert first["ms"] > 0
    assert (second["status"], second["route"]) == (404, "/v1/{model}/avatar.{ending}")
    assert re.fullmatch("[0-9a-f]{32}", third["id"])
    assert "secret" not in json.dumps(log)


def test_queries_are_logged_when_that_is_asked_for(log: list[dict[str, Any]]) -> None:
    client_of(log_queries=True).get("/v1/anime/avatar.png?size=1&seed=alice")
    assert (log[0]["path"], log[0]["query"]) == ("/v1/anime/avatar.png", "size=1&seed=alice")


def test_what_nobody_foresaw_is_logged_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, log: list[dict[str, Any]]
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError(f"{'sec'}{'ret'} state")

    with client_of() as client:
        monkeypatch.setattr(drawing.Batch, "draw", broken)
        answer = client.get("/v1/anime-1/avatar.png?seed=broken&size=64")
    assert "something went wrong here" in told(answer, 500)
    assert "secret" not in answer.text
    assert log[0]["failure"][0] == "RuntimeError"
    assert "in broken" in log[0]["failure"][-1]
    assert "secret" not in json.dumps(log[0])


# --- limits ---


def test_a_full_queue_and_slow_pictures_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with client_of(limits=Limits(queue=2, timeout=0.5, threads=1)) as client:
        true = drawing.Batch.draw

        def slow(self: drawing.Batch, recipes: Any) -> Any:
            time.sleep(1.0)
            return true(self, recipes)

        monkeypatch.setattr(drawing.Batch, "draw", slow)
        three = {"pictures": [{"seed": i, "size": 64} for i in range(3)]}
        begun = time.perf_counter()
        full = client.post("/v1/draw", json=three)
        took = time.perf_counter() - begun
        assert "pictures wait already, of 2 that may" in told(full, 503)
        assert full.headers["retry-after"] == "1"
        assert took < 0.4
        late = client.get("/v1/anime-1/avatar.png?seed=late&size=64")
        assert "not finished within 0.5 s" in told(late, 503)
        assert client.get("/v1/health").json()["waiting"] == 0


def test_same_recipe_same_bytes_under_load() -> None:
    """Forty requests at once, for eight faces, some of them alone before."""
    app = create_service_app(Settings(limits=Limits(timeout=300, threads=2, queue=100, cache=20_000)))

    async def crowd() -> list[list[bytes]]:
        import httpx2

        transport = httpx2.ASGITransport(app=app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
            addresses = [f"/v1/anime-2/avatar.png?seed={n}&size=64&glasses=yes&candidates=2" for n in range(8)]
            before = [(await client.get(address)).content for address in addresses[:2]]
            found = await asyncio.gather(*(client.get(address) for address in addresses * 5))
            return [[reply.content for reply in found[n::8]] + before[n : n + 1] for n in range(8)]

    for found in asyncio.run(crowd()):
        assert len(set(found)) == 1
        assert found[0].startswith(b"\x89PNG")


def test_serving_never_loads_torch() -> None:
    program = (
        "import sys; from fastapi.testclient import TestClient; from konomi.web.service.app import *;"
        "client = TestClient(create_service_app(Settings()), base_url='http://127.0.0.1').__enter__();"
        "assert client.get('/v1/anime/avatar.png?hair_color=red&size=64').status_code == 200;"
        "heavy = {'torch', 'scipy', 'matplotlib', 'onnx', 'cv2', 'scrapy', 'sklearn', 'pandas'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_default_is_the_command_lines() -> None:
    settings = {
        row["name"]: row for row in map(resolved, openapi()["paths"]["/v1/anime/avatar.png"]["get"]["parameters"])
    }
    assert settings["variety"]["schema"]["default"] == 0.7
    assert f"By default {CANDIDATES} for models" in settings["candidates"]["description"]


# --- the guide ---

GUIDE = (Path(__file__).parents[1] / "docs" / "serving.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_every_address_of_the_guide_works(service: TestClient) -> None:
    addresses = re.findall(r'"(http://localhost:8765/[^"]+)"', "".join(blocks("console") + blocks("html")))
    assert len(addresses) >= 7
    none_is_free = not any(model.free for model in published("generator"))
    for address in map(html.unescape, addresses):
        found = service.get(address)
        assert found.status_code == (404 if "licence=free" in address and none_is_free else 200), found.text


def test_the_guides_other_snippets_hold(service: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("python")
    exec(program, {})
    assert capsys.readouterr().out == f"{seed_of('alice')}\n"
    mistake, many = map(json.loads, blocks("json"))
    assert set(mistake) == set(service.get("/v1/anime/avatar.png?hair_color=purpel").json())
    assert mistake["detail"] == service.get("/v1/anime/avatar.png?hair_color=purpel").json()["detail"]
    assert len(service.post("/v1/draw", json=many).json()["pictures"]) == 4


def test_the_guides_options_exist() -> None:
    lines = re.findall(r"konomi serve (.*)", "".join(blocks("console") + blocks("ini")))
    assert lines
    for line in lines:
        options = dict(zip(*[iter(line.split())] * 2, strict=True))
        read = serve_options(options)
        assert read == options


def serve_options(options: dict[str, str]) -> dict[str, str]:
    """What the command understands of options, by their names."""
    from typer.main import get_command

    from konomi.cli.console import app

    command: Any = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    known = {name for parameter in command.params for name in parameter.opts}
    return {name: value for name, value in options.items() if name in known}


def test_links_hold_behind_a_proxys_path(service: TestClient) -> None:
    """As behind `location /avatars/ { proxy_pass http://127.0.0.1:8765/; }`: the prefix never reaches the service."""
    proxy = "https://avatars.example.org/avatars"
    asked = "/v1/anime/avatar.png?seed=alice&size=64"
    for link in re.findall(r"<([^>]*)>", service.get(asked).headers["link"]):
        leads = urljoin(proxy + asked, link)
        assert leads.startswith(f"{proxy}/v1/")
        assert service.get(leads.removeprefix(proxy)).status_code == 200
    assert urljoin(f"{proxy}/v1/openapi.json", openapi()["servers"][0]["url"]) == f"{proxy}/"
