"""The papers' studies, and what their pages say."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.model.acgan import read_acgan_plan, tags_without
from konomi.papers import xu_page
from konomi.papers.pages import render
from konomi.schema import Schema

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The page of a quick run, and its run folder."""
    folder = tmp_path_factory.mktemp("xu")
    recipe = ROOT / "recipes" / "xu-acgan-64.toml"
    command = ["reproduce", "xu", "--quick", "--recipe", str(recipe), "--folder", str(folder / "run")]
    result = CliRunner().invoke(app, [*command, "--out", str(folder / "xu.md")])
    assert result.exit_code == 0, result.output
    return folder / "xu.md", folder / "run"


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def measured(study: tuple[Path, Path]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((study[1] / "study.json").read_text())
    return found


def test_a_quick_study_goes_from_data_to_its_page(study: tuple[Path, Path]) -> None:
    page, _ = study
    text = page.read_text()
    assert "**A quick run**" in text
    assert "96 pictures shown, 12 iterations of 8" in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (page.parent / line.split("(")[1].rstrip(")")).is_file(), line
    found = measured(study)
    assert len(found["tags"]["scores"]) == 34
    assert {tag["asked"] for tag in found["tags"]["scores"]} == {2}
    assert [row["at"] for row in found["course"]] == [0, 32, 64, 96]
    assert found["effect"]["count"] == 4
    # 12 iterations teach nobody to see: the class losses lie above those of who does not look
    known = found["training"]["ignorance"]
    assert known["asked"] == pytest.approx(13 * entropy(1 / 13) + 10 * entropy(0.1) + 11 * entropy(0.25))
    assert 0 < known["real"] < known["asked"]
    assert found["losses"][-1]["attributes_real"] > known["real"]
    assert "So at the end the discriminator still does not see" in text
    assert "0, 4, 8 and 12 iterations" in text


def test_a_measured_study_is_not_measured_again(study: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("konomi.papers.xu.measure_tags", lambda *_: pytest.fail("measured"))
    page, run = study
    before = (run / "study.json").read_bytes()
    recipe = ROOT / "recipes" / "xu-acgan-64.toml"
    command = ["reproduce", "xu", "--quick", "--recipe", str(recipe), "--folder", str(run), "--out", str(page)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (run / "study.json").read_bytes() == before


def test_counts_by_eye_stand_in_the_table(study: tuple[Path, Path], schema: Schema) -> None:
    found = measured(study) | {"by_eye": {"hat": "0.15"}}
    text = xu_page.page_text(found, schema, "xu")
    (row,) = [line for line in text.splitlines() if line.startswith("| hat |")]
    assert row.endswith("| 0.15 | 0.15 |")  # by eye here, and Jin et al.
    assert "by eye" not in xu_page.page_text(measured(study), schema, "xu").split("## Tag by tag")[1].split("|---")[0]


def test_runs_stand_side_by_side(study: tuple[Path, Path], schema: Schema) -> None:
    found = measured(study)
    assert "Beside our other runs" not in xu_page.page_text(found | {"runs": [xu_page.run_row(found)]}, schema, "xu")
    other = copy.deepcopy(found)
    other["training"] |= {"name": "told", "options": other["training"]["options"] | {"adversarial": 1.0}}
    for tag in other["tags"]["scores"]:
        tag["score"] = 0.875
    beside = {"runs": [xu_page.run_row(found), xu_page.run_row(other)], "pages": ["xu-told.md"]}
    text = xu_page.page_text(found | beside, schema, "xu")
    (row,) = [line for line in text.splitlines() if line.startswith("| `told` |")]
    assert (row.split(" | ")[3], row.split(" | ")[6]) == ("1", "0.88")
    assert "Their pages: [xu-told.md](xu-told.md)." in text


def test_claims_hold_or_not_by_their_numbers(study: tuple[Path, Path], schema: Schema) -> None:
    found = copy.deepcopy(measured(study))
    good = {"hat": 0.2, "glasses": 0.3, "drill_hair": 0.1}
    for tag in found["tags"]["scores"]:
        tag["score"] = good.get(tag["slot"], 0.5 if tag["slot"] in xu_page.GRAYS else 0.95)
    table = found["tags"]["confusion"]["hair_color"]
    names = schema.attribute("hair_color").value_names
    white, silver, black = (names.index(value) for value in ("white", "silver", "black"))
    for row in table:
        row[:] = [0] * len(row)
    table[white][silver], table[white][black], table[white][white] = 3, 1, 6
    scores = {tag["slot"]: tag for tag in found["tags"]["scores"]}
    found["losses"][-1]["attributes_drawn"] = 0.9 * found["training"]["ignorance"]["asked"]
    numbers, held = xu_page.claims(found, scores)
    assert (held["grays"], held["rare"], held["shapes"]) == ("yes", "yes", "yes")
    assert (numbers["confused"], numbers["hat"], numbers["grays"]) == ("75%", "0.20", "0.50")
    for tag in found["tags"]["scores"]:
        tag["score"] = 0.9
    numbers, held = xu_page.claims(found, {tag["slot"]: tag for tag in found["tags"]["scores"]})
    assert (held["all"], held["grays"], held["rare"], held["shapes"]) == ("yes", "no", "yes", "no")
    assert (held["early"], numbers["early"]) == ("cannot be told: that far it did not come", "")
    found["course"][1:] = [{**found["course"][-1], "at": 1500 * found["training"]["batch"], "frechet": 1.0}]
    numbers, held = xu_page.claims(found, {tag["slot"]: tag for tag in found["tags"]["scores"]})
    assert (held["early"], numbers["early"]) == ("yes", "1 at 1,500 iterations, ")
    found["course"].insert(1, {**found["course"][-1], "at": 64, "frechet": 1e9})
    found["losses"][-1]["attributes_drawn"] = found["training"]["ignorance"]["asked"]
    _, held = xu_page.claims(found, {tag["slot"]: tag for tag in found["tags"]["scores"]})
    assert (held["early"], held["shapes"]) == ("no", "cannot be told: the words are not heard")


def test_jins_table_has_every_tag(schema: Schema) -> None:
    plan = read_acgan_plan(ROOT / "recipes" / "xu-acgan-64.toml")
    assert set(xu_page.jin_scores()) == {schema.slots[i] for i in tags_without(schema, plan.left_out)}


def test_a_page_never_leaves_out_what_it_was_not_given() -> None:
    import jinja2

    with pytest.raises(jinja2.UndefinedError, match="is undefined"):
        render("xu.md")
