"""The review pages in a real browser: Debian's chromium, driven by its keyboard."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from commands import running
from konomi.data.synthetic import synthesise

pytestmark = pytest.mark.slow
FACES = 60
expect.set_options(timeout=20_000)  # a busy machine is no error


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "faces"
    synthesise(folder, count=FACES, size=32, seed=2)
    return folder


def serving(stage: Path, labels: Path, *options: str) -> AbstractContextManager[str]:
    """The command, running; its address."""
    return running("review", str(stage), "--labels", str(labels), "--no-open", *options)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not fail, and must not ask anybody but our own server."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    found = context.new_page()
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("request", lambda r: None if r.url.startswith("http://127.0.0.1:") else errors.append(r.url))
    yield found
    context.close()
    assert errors == []


def rows(labels: Path) -> list[str]:
    return [line.removesuffix(",by-eye") for line in labels.read_text().splitlines()[1:]]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved(page: Page, message: str = "saved") -> None:
    expect(page.locator("#status")).to_have_text(message)


def test_three_faces_judged_by_keyboard_undone_and_found_again(page: Page, stage: Path, labels: Path) -> None:
    with serving(stage, labels, "--port", "0") as url:
        page.goto(url)
        expect(page.locator("#place")).to_have_text(f"1 / {FACES}")
        expect(page.locator("#picture")).to_have_attribute("alt", re.compile("hair colour "))

        press(page, "3", "e", "1", "g")  # black hair, blue eyes, glasses the other way round
        saved(page)
        glasses = page.locator('[data-slot="glasses"]')
        value = {"true": "yes", "false": "no"}[glasses.get_attribute("aria-pressed") or ""]
        assert rows(labels) == [
            "000000.png,hair_color.black,yes",
            "000000.png,eye_color.blue,yes",
            f"000000.png,glasses,{value}",
        ]

        press(page, "ArrowRight", "e", "u")
        expect(page.locator('[data-row="eye_color"]')).to_have_class(re.compile("doubtful"))
        press(page, "Space", "h", "q", "Enter")  # orange hair, and the rest as it is shown
        expect(page.locator("#place")).to_have_text(f"4 / {FACES}")
        saved(page)
        expect(page.locator("#done")).to_have_text("3")
        third = [row for row in rows(labels) if row.startswith("000002")]
        assert third[0] == "000002.png,hair_color.orange,yes"
        assert {row.split(",")[1].split(".")[0] for row in third} >= {"eye_color", "hair_length", "hat", "glasses"}
        assert not any("smile" in row for row in third)  # nothing is known of smiles: left open

        before = labels.read_text()
        press(page, "Control+z", "Control+z")  # the page, then the orange hair; it goes there to show it
        expect(page.locator("#place")).to_have_text(f"3 / {FACES}")
        expect(page.locator("#done")).to_have_text("2")
        assert labels.read_text().startswith(before)
        expect(page.locator('[data-slot="hair_color.orange"]')).not_to_have_attribute("data-state", "yes")

        page.reload()
        expect(page.locator("#place")).to_have_text(f"3 / {FACES}")
        press(page, "Home")
        expect(page.locator('[data-slot="hair_color.black"]')).to_have_attribute("data-state", "yes")
        expect(page.locator('[data-slot="hair_color.black"]')).to_have_attribute(
            "aria-label", "hair colour black: yes, by eye"
        )


def test_a_page_of_faces_is_swept(page: Page, stage: Path, labels: Path) -> None:
    with serving(stage, labels, "--port", "0", "--tag", "glasses") as url:
        page.goto(url)
        tiles = page.locator(".tile")
        expect(tiles).to_have_count(48)
        expect(tiles.first).to_be_focused()
        expect(tiles.first).to_have_attribute("data-value", "yes")  # the likeliest first
        press(page, "n", "u", "Space", "Space", "Space", "ArrowDown")
        expect(tiles.nth(0)).to_have_attribute("aria-pressed", "false")
        expect(tiles.nth(1)).to_have_attribute("aria-pressed", "mixed")
        expect(tiles.nth(2)).to_have_attribute("aria-pressed", "true")  # once round
        expect(tiles.nth(10)).to_be_focused()  # one row of eight further down
        tiles.nth(3).click()
        expect(tiles.nth(3)).to_have_attribute("data-value", "no")
        assert not labels.exists()

        press(page, "Enter")
        expect(page.locator("#place")).to_have_text("page 2 of 2")
        saved(page)
        made = rows(labels)
        assert len(made) == 48
        assert len({row.split(",")[0] for row in made}) == 48
        assert sum(row.endswith("unsure") for row in made) == 1

        press(page, "Enter")
        expect(page.locator("#done")).to_have_text(str(FACES))
        assert len(rows(labels)) == FACES
        press(page, "Enter")  # once more does no harm
        saved(page, "already so")
        assert len(rows(labels)) == FACES

        page.reload()
        expect(page.locator("#nothing")).to_be_visible()


def test_tab_and_space_are_enough(page: Page, stage: Path, labels: Path) -> None:
    with serving(stage, labels, "--port", "0", "--lang", "ja") as url:
        page.goto(url)
        page.locator('[data-row="skin"] [tabindex="0"]').focus()
        press(page, "ArrowDown", "Space")
        saved(page, "保存しました")
        assert len(rows(labels)) == 1
        assert rows(labels)[0].startswith("000000.png,skin.")
        expect(page.locator("#place")).to_have_text(f"1 / {FACES}")  # a focused button takes the space bar for itself
        press(page, "Escape", "Space")
        expect(page.locator("#place")).to_have_text(f"2 / {FACES}")
        press(page, "?")
        expect(page.locator("#help")).to_be_visible()
        press(page, "g", "Escape")  # keys mean nothing behind the help
        expect(page.locator("#help")).not_to_be_visible()
        assert len(rows(labels)) == 1


def test_what_could_not_be_saved_is_shown_and_kept(page: Page, stage: Path, labels: Path) -> None:
    with serving(stage, labels, "--port", "0") as url:
        page.goto(url)
        expect(page.locator("#place")).to_have_text(f"1 / {FACES}")
        failure = {"status": 500, "json": {"error": "cannot write labels.csv: No space left on device"}}
        page.route("**/review/judge", lambda route: route.fulfill(**failure))
        press(page, "h", "1")
        trouble = page.locator("#trouble")
        expect(trouble).to_contain_text("Not saved: cannot write labels.csv: No space left on device")
        page.unroute("**/review/judge")
        trouble.get_by_role("button", name="Try again").click()
        saved(page)
        expect(trouble).not_to_be_visible()
        assert rows(labels) == ["000000.png,hair_color.blonde,yes"]
    port = url.split(":")[2].split("/")[0]
    press(page, "2")  # nobody is there
    expect(trouble).to_contain_text("1 not saved yet")
    with serving(stage, labels, "--port", port):
        expect(trouble).not_to_be_visible()
        assert rows(labels)[1:] == ["000000.png,hair_color.brown,yes"]


def test_it_fits_a_narrow_screen(browser: Browser, stage: Path, labels: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    with serving(stage, labels, "--port", "0") as url:
        for address in (url, url.replace("/review?", "/review/sweep?tag=hat&")):
            page.goto(address)
            expect(page.locator("#main")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.tap(".tile >> nth=0")
        page.tap("#confirm")
        saved(page)
    context.close()
    assert len(rows(labels)) == 48
