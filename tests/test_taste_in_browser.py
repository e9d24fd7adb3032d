"""A tasting in a real browser: Debian's chromium, by keyboard, on a phone, and without scripts."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from commands import running
from konomi.taste.session import Session, origin_of, read_session
from konomi.tasting.crowds import open_crowd

pytestmark = pytest.mark.slow
expect.set_options(timeout=60_000)  # a busy machine is no error


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The pool is drawn once for all of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KONOMI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "me.json"


def serving(profile: Path, *options: str) -> AbstractContextManager[str]:
    return running("taste", str(profile), "--no-open", "--port", "0", *options)


@contextmanager
def screen(browser: Browser, **options: Any) -> Iterator[Page]:
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert not complaints


def kept(profile: Path) -> Session:
    return read_session(profile, open_crowd(origin_of(profile)))


def number(page: Page) -> Any:
    return page.locator("input[name=number]")


def test_picking_by_keyboard_from_the_first_to_the_suggestions(browser: Browser, profile: Path) -> None:
    with serving(profile) as url, screen(browser, viewport={"width": 1280, "height": 800}) as page:
        page.goto(url)
        expect(page.locator("h1")).to_have_text("Which do you like best?")
        expect(page.locator(".tile")).to_have_count(6)
        for count in range(12):
            expect(number(page)).to_have_value(str(count))
            page.wait_for_load_state("networkidle")
            first = page.locator(".tile").nth(0).get_attribute("value")
            page.keyboard.press("1")
            page.wait_for_function(
                "before => document.querySelector('input[name=number]')?.value !== before", arg=str(count)
            )
            assert kept(profile).replies[-1].picked == first
            if page.url.count("suggestions"):
                break
        expect(page.locator("h1")).to_have_text("For your taste")
        expect(page.locator(".card")).to_have_count(6)
        assert 6 <= kept(profile).said <= 12
        page.locator(".card button[value=no]").nth(2).click()
        expect(page.locator("button[aria-pressed=true]")).to_have_count(1)
        assert kept(profile).replies[-1].liked is False
        page.fill("input[name=text]", "blue hair")
        page.click("button.main")
        expect(page).to_have_url(re.compile(r"text=blue\+hair.*codes="))
        page.click("text=Go on picking")
        expect(page.locator(".tile")).to_have_count(6)


def test_two_keys_at_once_are_one_pick(browser: Browser, profile: Path) -> None:
    with serving(profile, "--of", "2") as url, screen(browser) as page:
        page.goto(url)
        page.wait_for_load_state("networkidle")
        page.evaluate(
            "for (const key of ['1', '2', '1']) dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
        )
        expect(number(page)).to_have_value("1")
        assert len(kept(profile).replies) == 1
        page.wait_for_load_state("networkidle")
        page.keyboard.press("s")
        expect(number(page)).to_have_value("2")
        page.wait_for_load_state("networkidle")
        page.keyboard.press("u")
        expect(number(page)).to_have_value("1")
        page.reload()
        expect(number(page)).to_have_value("1")


def test_on_a_phone_everything_fits(browser: Browser, profile: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with serving(profile) as url, screen(browser, **phone) as page:
        page.goto(url)
        page.wait_for_load_state("networkidle")
        for tile in page.locator(".tile").all():
            box = tile.bounding_box()
            assert box is not None
            assert box["width"] >= 120
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
            assert box["y"] + box["height"] <= 844  # all six are seen at once
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".tile").nth(4).tap()
        expect(number(page)).to_have_value("1")
        for picture in page.locator(".tile img").all():
            expect(picture).to_have_js_property("complete", True)
            assert picture.evaluate("one => one.naturalWidth") in (64, 256)


def test_it_works_without_scripts(browser: Browser, profile: Path) -> None:
    with serving(profile, "--of", "1", "--lang", "ja") as url, screen(browser, java_script_enabled=False) as page:
        page.goto(url)
        expect(page.locator("h1")).to_have_text("この絵は好きですか")
        page.click("button[value=yes]")
        expect(number(page)).to_have_value("1")
        assert kept(profile).replies[0].liked is True
