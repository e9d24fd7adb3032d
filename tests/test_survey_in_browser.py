"""A survey in a real browser: Debian's chromium, on a phone's screen and by the keyboard alone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from commands import running
from konomi.web.survey_folder import open_survey

pytestmark = pytest.mark.slow
expect.set_options(timeout=20_000)  # a busy machine is no error


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path, pictures=2, tables="[plan]\npictures = 2\n")


def made(tmp_path: Path, *, pictures: int, tables: str) -> Path:
    """A survey of a few plain pictures that asks for neither age nor gender."""
    (tmp_path / "faces").mkdir()
    for number in range(pictures):
        colour = (90 * number % 256, 90, 120 + 4 * number)
        Image.new("RGB", (32, 32), colour).save(tmp_path / "faces" / f"{number}.png")
    study = 'name = "faces"\ntitle = { en = "Faces", ja = "顔" }\nconsent = { en = "Yes", ja = "はい" }\n'
    study += f'[pictures]\nfolder = "faces"\n[person]\nage = "no"\ngender = "no"\n{tables}'
    (tmp_path / "study.toml").write_text(study)
    command = [sys.executable, "-m", "konomi", "survey", "new", str(tmp_path / "study.toml"), str(tmp_path / "survey")]
    subprocess.run(command, check=True)
    return tmp_path / "survey"


def serving(folder: Path, port: str = "0") -> AbstractContextManager[str]:
    return running("survey", "serve", str(folder), "--port", port)


def rows(folder: Path) -> list[dict[str, object]]:
    survey = open_survey(folder, database="")
    found = survey.store.rows(survey.kept.id)["answers"]
    survey.store.close()
    return found


@contextmanager
def screen(browser: Browser, **options: object) -> Iterator[Page]:
    """A page that must not fail, and must not ask anybody but our own server."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith("http://127.0.0.1:") else errors.append(r.url))
    yield page
    context.close()
    assert errors == []


def begin(page: Page, url: str) -> None:
    page.goto(url)
    page.check("[name=agree]")
    page.click("button.main")
    expect(page.locator("img")).to_be_visible()
    page.wait_for_load_state()  # its script runs


def test_the_keyboard_alone_is_enough(browser: Browser, folder: Path) -> None:
    with screen(browser) as page, serving(folder) as url:
        page.goto(url)
        for key in ("Tab", "Tab", "Tab", "Space", "Tab", "Enter"):  # skip link, language, the box, the button
            page.keyboard.press(key)
        expect(page.locator("img")).to_be_visible()
        page.wait_for_load_state()  # keys typed before the page's script runs are nobody's
        for number in range(22):
            page.keyboard.press(str(number % 7 + 1))
        expect(page.locator("#next")).to_be_focused()
        expect(page.locator("#saved")).to_have_text("saved")
        page.keyboard.press("Enter")
        expect(page.locator("header")).to_contain_text("2 of 3")
        found = rows(folder)
        assert len(found) == 22
        assert all(isinstance(row["after_ms"], int) for row in found)


def test_it_fits_a_phone_and_works_by_touch(browser: Browser, folder: Path) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with screen(browser, **phone) as page, serving(folder) as url:
        begin(page, url)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        boxes = [page.locator(".scale label").nth(n).bounding_box() for n in range(7)]
        assert all(box is not None and box["width"] >= 36 and box["height"] >= 44 for box in boxes)
        page.locator(".scale input").nth(4).tap()
        expect(page.locator("#saved")).to_have_text("saved")
        page.reload()
        expect(page.locator(".scale input").nth(4)).to_be_checked()
        picture = page.locator("img").bounding_box()
        page.locator("#next").tap()
        expect(page.locator("fieldset.open")).to_have_count(21)
        page.locator(".wrong a").tap()
        field, shown = page.locator("fieldset.open").first.bounding_box(), page.locator("img").bounding_box()
        assert picture is not None
        assert field is not None
        assert shown is not None
        assert field["y"] >= shown["y"] + shown["height"]  # the picture does not cover what is asked


def test_answers_wait_for_a_server_that_is_away(browser: Browser, folder: Path) -> None:
    with screen(browser) as page:
        with serving(folder) as url:
            begin(page, url)
            port = url.split(":")[2].split("/")[0]
        page.keyboard.press("5")
        expect(page.locator("#trouble")).to_have_text("Not saved yet; trying again.")
        with serving(folder, port):
            expect(page.locator("#saved")).to_have_text("saved")
            expect(page.locator("#trouble")).not_to_be_visible()
            assert [row["point"] for row in rows(folder)] == [5]


def test_it_works_without_scripts(browser: Browser, folder: Path) -> None:
    with screen(browser, java_script_enabled=False) as page, serving(folder) as url:
        begin(page, url)
        for field in page.locator("fieldset").all():
            field.locator("input").nth(2).check(force=True)
        page.click("#next")
        expect(page.locator("header")).to_contain_text("2 of 3")
        assert [row["point"] for row in rows(folder)] == [3] * 22


PICKS = "[plan]\npictures = 1\n[items]\nforced = false\n[picks]\ncount = 6\nof = 2\nlikes = 1\n"


def test_picks_go_on_by_click_and_by_digit_and_arrows_only_choose(browser: Browser, tmp_path: Path) -> None:
    folder = made(tmp_path, pictures=13, tables=PICKS)
    with screen(browser) as page, serving(folder) as url:
        begin(page, url)
        page.click("#next")  # items may be passed over
        expect(page.locator("header")).to_contain_text("2 of 9")
        page.locator(".tile input").nth(1).click()
        expect(page.locator("header")).to_contain_text("3 of 9")
        page.wait_for_load_state()  # its script runs
        page.keyboard.press("1")
        expect(page.locator("header")).to_contain_text("4 of 9")
        page.wait_for_load_state()
        page.locator(".tile input").nth(0).focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#saved")).to_have_text("saved")
        expect(page.locator(".tile input").nth(1)).to_be_checked()
        page.reload()
        expect(page.locator("header")).to_contain_text("4 of 9")
        expect(page.locator(".tile input").nth(1)).to_be_checked()
        page.locator(".tile input").nth(1).click()  # the same again
        expect(page.locator("header")).to_contain_text("5 of 9")
        assert [row["point"] for row in rows(folder) if row["item"] == "pick"] == [2, 1, 2]


def test_pick_pages_fit_a_phone_and_tell_a_screen_reader_what_they_are(browser: Browser, tmp_path: Path) -> None:
    folder = made(tmp_path, pictures=13, tables=PICKS)
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with screen(browser, **phone) as page, serving(folder) as url:
        begin(page, url)
        page.locator("#next").tap()
        expect(page.get_by_role("group", name="Which do you like better?")).to_be_visible()
        expect(page.get_by_role("radio", name="picture 2")).to_have_count(1)
        for step in range(2, 8):
            expect(page.locator("header")).to_contain_text(f"{step} of 9")
            assert page.evaluate("document.documentElement.scrollWidth") == 360
            page.locator(".tile input").nth(step % 2).tap()
        expect(page.get_by_role("group", name="Do you like this picture?")).to_be_visible()
        box = page.locator(".scale label").first.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        page.get_by_role("radio", name="I like it").tap()
        expect(page.locator("textarea")).to_be_visible()
        assert [row["point"] for row in rows(folder) if row["item"] == "like"] == [2]


def test_picks_work_without_scripts(browser: Browser, tmp_path: Path) -> None:
    folder = made(tmp_path, pictures=13, tables=PICKS)
    with screen(browser, java_script_enabled=False) as page, serving(folder) as url:
        begin(page, url)
        page.click("#next")
        page.locator(".tile input").nth(1).check(force=True)
        page.click("#next")
        expect(page.locator("header")).to_contain_text("3 of 9")
        assert [row["point"] for row in rows(folder) if row["item"] == "pick"] == [2]
