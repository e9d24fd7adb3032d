"""The studio in a real browser: Debian's chromium, from the first visit to a file on the disk."""

import io
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import konomi
from commands import running
from konomi.metadata import recipe_of
from konomi.web.studio.wishes import COUNT

pytestmark = pytest.mark.slow
WAIT = 120_000  # ms: a busy machine is no error
expect.set_options(timeout=WAIT)
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def serving(folder: Path) -> AbstractContextManager[str]:
    return running("studio", "--folder", str(folder), "--port", "0", "--no-open")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("studio")) as address:
        yield address


@contextmanager
def screen(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page that must not fail, and must ask nobody but our own server."""
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("request", lambda r: None if r.url.startswith(address) else errors.append(r.url))
    yield page
    context.close()
    assert errors == []


def go(page: Page, address: str) -> None:
    page.goto(address, wait_until="domcontentloaded")


def drawn(page: Page, number: int) -> None:
    """Wait until so many portraits of the gallery are there."""
    expect(page.locator(".gallery .sure.there")).to_have_count(number)


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes()


def test_from_words_to_a_file(browser: Browser, studio: str) -> None:
    with screen(browser, studio) as page:
        go(page, "/")
        page.get_by_label("Describe someone").fill("a shy girl with long silver hair and red eyes")
        expect(page.locator("#understood summary", has_text="red eyes")).to_be_visible()  # while it is written
        expect(page.locator(".unused")).to_have_text("Not understood: shy")
        page.get_by_role("button", name="Draw", exact=True).click()
        drawn(page, COUNT)
        page.locator(".tile a").nth(2).click()
        expect(page.locator("h1")).to_contain_text("silver hair")
        page.get_by_role("link", name="Download").click()
        page.get_by_role("radio", name="256").check()
        page.get_by_role("radio", name="round").check()
        data = downloaded(page, "Download")
    picture = Image.open(io.BytesIO(data))
    assert (picture.size, picture.mode) == ((256, 256), "RGBA")
    assert json.loads(recipe_of(data, name="it"))["condition"]["hair_color"] == "silver"


def test_from_picks_to_a_portrait(browser: Browser, studio: str) -> None:
    with screen(browser, studio) as page:
        go(page, "/")
        page.get_by_role("link", name="Pick what you like").click()
        page.wait_for_url("**/taste?**")  # the pictures to ask about are drawn once
        for number in range(3):
            tile = page.locator("button.tile").first
            shown = tile.get_attribute("value")
            tile.click()
            expect(page.locator("[name=number]")).to_have_value(str(number + 1))
            expect(page.locator("button.tile").first).not_to_have_attribute("value", str(shown))
        page.get_by_role("link", name="Draw for me").click()
        page.locator(".card figure a").first.click()
        expect(page.locator(".verbs")).to_be_visible()


def test_chips_are_changed_and_removed(browser: Browser, studio: str) -> None:
    with screen(browser, studio) as page:
        go(page, "/people?text=blue+hair%2C+glasses")
        page.locator("#understood summary", has_text="blue hair").click()
        page.locator(".chip[open]").get_by_role("link", name="pink", exact=True).click()
        expect(page.locator("#understood .chips")).to_contain_text("pink hair")
        page.get_by_role("link", name="Remove glasses").click()
        expect(page.locator("#understood .chips")).not_to_contain_text("glasses")
        page.keyboard.press("Control+z")
        expect(page.locator("#understood .chips")).to_contain_text("glasses")
        page.go_back()
        expect(page.locator("#understood .chips")).not_to_contain_text("glasses")
        assert "hair_color=pink" in page.url


def test_refine_undo_restart_and_restore_from_a_picture(browser: Browser, tmp_path: Path) -> None:
    (avatar,) = konomi.draw("red hair, green eyes", seed=21, size=64)
    avatar.save(tmp_path / "me.png")
    with serving(tmp_path / "album") as address, screen(browser, address) as page:
        go(page, "/")
        page.set_input_files("#choose input", tmp_path / "me.png")
        page.wait_for_url(f"**/portrait/{avatar.code}")
        drawn(page, 10)
        page.locator(".gallery .tile a").nth(4).click()
        page.wait_for_url(lambda url: avatar.code not in url)
        neighbour = page.url.split("/")[-1]
        page.locator(".chosen .like button").click()
        expect(page.locator("#count")).to_have_text("1")
        page.locator("#undo").click()
        page.wait_for_url(f"**/portrait/{avatar.code}")
    with serving(tmp_path / "album") as address, screen(browser, address) as page:  # another day
        go(page, "/")
        expect(page.locator("#count")).to_have_text("1")
        page.get_by_label("Go on where you were").locator("a").first.click()
        page.wait_for_url(f"**/portrait/{neighbour}")
        page.locator("#undo").click()
        page.wait_for_url(f"**/portrait/{avatar.code}")
        page.locator("#redo").click()
        page.wait_for_url(f"**/portrait/{neighbour}")


def drop(page: Page, data: bytes, kind: str) -> None:
    """Drop a file on the page, as the browser tells of it."""
    transfer = page.evaluate_handle(
        """([data, kind]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], "dropped", { type: kind }));
            return transfer;
        }""",
        [list(data), kind],
    )
    for event in ("dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})


def test_a_dropped_picture_is_gone_on_from_and_anything_else_is_refused(browser: Browser, studio: str) -> None:
    (avatar,) = konomi.draw("purple hair", seed=4, size=64)
    with screen(browser, studio) as page:
        go(page, "/album")
        for data, kind in ((b"<svg onload=alert(1)>", "image/svg+xml"), (b"", "image/png"), (b"\x89PNG", "image/png")):
            drop(page, data, kind)
            expect(page.locator("#trouble")).to_contain_text("not a readable PNG or WebP")
            page.evaluate("document.querySelector('#trouble').textContent = ''")
        drop(page, avatar.encoded("png"), "image/png")
        page.wait_for_url(f"**/portrait/{avatar.code}")


def test_by_the_keyboard_alone(browser: Browser, studio: str) -> None:
    with screen(browser, studio) as page:
        go(page, "/")
        page.keyboard.type("green hair")  # the field has the focus
        page.keyboard.press("Enter")
        drawn(page, COUNT)
        while not page.evaluate("document.activeElement.closest('.tile a') !== null"):
            page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        place = "[...document.querySelectorAll('.tile')].indexOf(document.activeElement.closest('.tile'))"
        assert page.evaluate(place) == 6  # the second of the second row of five
        page.keyboard.press("f")
        expect(page.locator(".tile").nth(6).locator(".like button")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Enter")
        page.wait_for_url("**/portrait/*")
        while page.evaluate("document.activeElement.textContent.trim()") != "Download":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**verb=take**")
        while not page.evaluate("document.activeElement.matches('.take button')"):
            page.keyboard.press("Tab")
        with page.expect_download():
            page.keyboard.press("Enter")


def test_on_a_phone_nothing_is_too_wide_or_too_small(browser: Browser, studio: str) -> None:
    code = konomi.draw("blue hair", seed=3, size=64)[0].code
    with screen(browser, studio, **PHONE) as page:
        for address in ("/", "/people?text=blue+hair", *(f"/portrait/{code}?verb={v}" for v in VERBS), "/album"):
            go(page, address)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
            small = page.evaluate(
                """[...document.querySelectorAll("a, button, summary, select, input:not([type=hidden])")]
                    .filter((one) => one.offsetParent && !one.matches(".skip, .unseen") && !one.closest("footer"))
                    .map((one) => [(one.closest("label") ?? one).getBoundingClientRect(), one.outerHTML.slice(0, 80)])
                    .filter(([box]) => box.height < 43.5 || box.width < 24).map(([box, html]) => box.height + html)"""
            )
            assert small == [], address
        page.goto("/people?text=blue+hair", wait_until="domcontentloaded")
        page.locator(".tile a").first.tap()
        page.wait_for_url("**/portrait/*")


VERBS = ("like", "keep", "change", "mix", "compare", "take")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, studio: str, scheme: Any) -> None:
    code = konomi.draw("blue hair, glasses, ponytail", seed=3, size=64)[0].code
    pages = ["/", "/people?text=shy+blue+hair", *(f"/portrait/{code}?verb={v}" for v in VERBS), "/album", "/portrait/X"]
    with screen(browser, studio, color_scheme=scheme, locale="ja-JP" if scheme == "dark" else "en") as page:
        for address in [*pages, "/pick", "/taste", "/taste/suggestions"]:
            go(page, address)
            if address == "/pick":
                page.wait_for_url("**/taste?**")  # the pictures to ask about are drawn once
            for details in page.locator(".features, .chip").all():
                details.evaluate("one => { one.open = true }")
            page.evaluate(AXE)
            found = page.evaluate("axe.run()")
            bad = [
                (v["id"], v["impact"], [node["html"][:100] for node in v["nodes"][:3]])
                for v in found["violations"]
                if v["impact"] in ("serious", "critical")
            ]
            assert bad == [], address


def test_it_works_without_scripts(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path) as studio, screen(browser, studio, java_script_enabled=False) as page:
        go(page, "/")
        page.get_by_label("Describe someone").fill("red hair, umbrella")
        page.get_by_role("button", name="Draw", exact=True).click()
        expect(page.locator(".unused")).to_have_text("Not understood: umbrella")
        page.locator(".tile a").first.click()
        page.locator(".chosen .like button").click()
        expect(page.locator("#count")).to_have_text("1")
        page.get_by_role("link", name="Download").click()
        assert Image.open(io.BytesIO(downloaded(page, "Download"))).size == (512, 512)
        page.get_by_role("link", name="Album").click()
        page.get_by_text("Clear the history").click()
        page.get_by_role("button", name="Clear it").click()
        expect(page.locator("main")).to_contain_text("Portraits that you choose appear here")


def test_what_is_typed_never_runs(browser: Browser, studio: str) -> None:
    nasty = "\"><img src=x onerror=alert(1)><script>alert(1)</script>' blue hair"
    with screen(browser, studio) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        go(page, "/")
        page.get_by_label("Describe someone").fill(nasty)
        expect(page.locator("#understood summary", has_text="blue hair")).to_be_visible()
        page.keyboard.press("Enter")
        page.wait_for_url("**/people**")
        assert page.locator("#text").input_value() == nasty
        go(page, "/album")
        expect(page.locator("main")).to_contain_text("onerror=alert(1)")
        assert page.locator("img[src=x]").count() == 0


def test_pages_are_small(browser: Browser, studio: str) -> None:
    sizes: dict[str, int] = {}
    with screen(browser, studio) as page:
        page.on("response", lambda r: sizes.update({r.url: len(r.body())}) if "/static/" in r.url else None)
        go(page, "/people?text=blue+hair")
        page.wait_for_load_state("load")
    assert 10_000 < sum(sizes.values()) < 150_000
