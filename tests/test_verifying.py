"""Several candidates, a judge, and the one that is kept."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import konomi
from konomi import api
from konomi.cli.console import app
from konomi.condition import Condition
from konomi.errors import InputError, ModelError
from konomi.models import published
from konomi.recipe import Recipe
from konomi.schema import Schema, load_schema
from konomi.verifying import CANDIDATES, Look, Rule, calibrated, search, verdicts


def recipe_of(**asked: Any) -> Recipe:
    return Recipe("anime-1", "ab" * 32, Condition.from_dict(load_schema("anime"), asked), seed=3)


def draw_number(recipe: Recipe) -> Image.Image:
    """A picture that says which candidate it is."""
    return Image.new("RGB", (4, 4), (recipe.candidate, 0, 0))


class Judge:
    """Gives each candidate the probabilities that it was told, and how whole and liked it was told that it is."""

    def __init__(self, rows: list[dict[str, float]]) -> None:
        self.rows, self.seen = rows, 0

    def look(self, pictures: np.ndarray) -> list[Look]:
        self.seen += 1
        schema = load_schema("anime")
        found = np.full(len(schema.slots), 0.5, np.float32)
        row = dict(self.rows[int(pictures[0, 0, 0, 0])])
        appeal = [row.pop(name, math.nan) for name in ("whole", "liked")]
        for slot, probability in row.items():
            found[schema.slot_index(slot)] = probability
        return [Look(found, *appeal)]


def test_the_surest_candidate_is_kept() -> None:
    judge = Judge([{"hat": 0.2}, {"hat": 0.7}, {"hat": 0.6}, {"hat": 0.1}])
    best, picture, found = search(recipe_of(hat=True), draw_number, judge, tries=range(4))
    assert (best.candidate, picture.getpixel((0, 0))) == (1, (1, 0, 0))
    assert best == Recipe("anime-1", "ab" * 32, best.condition, seed=3, candidate=1)
    assert [(v.slot, v.drawn, round(v.probability, 3)) for v in found] == [("hat", True, 0.7)]
    assert judge.seen == 4


def test_the_search_ends_when_everything_is_sure() -> None:
    judge = Judge([{"hat": 0.9, "smile": 0.3}, {"hat": 0.85, "smile": 0.82}, {"hat": 0.99, "smile": 0.99}])
    best, _, _ = search(recipe_of(hat=True, smile=True), draw_number, judge, tries=range(3))
    assert (best.candidate, judge.seen) == (1, 2)


def test_of_equals_the_first_is_kept_and_nothing_asked_is_drawn_once() -> None:
    judge = Judge([{}] * 8)
    assert search(recipe_of(hat=True), draw_number, judge, tries=range(8))[0].candidate == 0
    judge = Judge([{}])
    assert search(recipe_of(), draw_number, judge, tries=range(8))[2] == ()
    assert judge.seen == 1


def test_of_what_is_right_and_whole_the_face_that_pleases_is_kept() -> None:
    rows = [{"hat": 0.9, "whole": 0.9, "liked": liked} for liked in (0.3, 0.55, 0.5, 0.7, 0.9)]
    judge = Judge(rows)
    assert search(recipe_of(hat=True), draw_number, judge, tries=range(3))[0].candidate == 1  # the best of three
    assert search(recipe_of(hat=True), draw_number, judge, tries=range(5))[0].candidate == 3  # liked enough: no further
    assert judge.seen == 7
    plain = Judge([{"hat": 0.3, "liked": 0.9}, {"hat": 0.9, "liked": 0.5}])
    # but what was asked counts
    assert search(recipe_of(hat=True), draw_number, plain, tries=range(2))[0].candidate == 1


def test_a_whole_face_is_searched_for_even_where_nothing_is_asked() -> None:
    judge = Judge([{"whole": 0.3}, {"whole": 0.9}, {"whole": 0.95}])
    assert search(recipe_of(), draw_number, judge, tries=range(3))[0].candidate == 1
    assert judge.seen == 2
    judge = Judge([{"hat": 0.9, "whole": 0.2}, {"hat": 0.6, "whole": 0.7}, {"hat": 0.7, "whole": 0.1}])
    best, _, found = search(recipe_of(hat=True), draw_number, judge, tries=range(3))
    assert (best.candidate, [v.slot for v in found], judge.seen) == (1, ["hat"], 3)


def test_only_what_was_asked_plainly_is_judged(schema: Schema) -> None:
    asked = {"hair_color": "red", "eye_color": {"blue": 0.4, "green": 0.6}, "hat": False, "smile": 0.5,
             "hair_length": {"long": 1, "short": 0}, "skin": {"dark": 0}}  # fmt: skip
    probabilities = np.full(len(schema.slots), 0.25, np.float32)
    probabilities[schema.slot_index("hair_length.short")] = math.nan
    found = verdicts(Condition.from_dict(schema, asked), probabilities)
    assert [(v.slot, v.wanted, v.probability, v.drawn) for v in found] == [
        ("hair_color.red", True, 0.25, False),
        ("hair_length.long", True, 0.25, False),
        ("hat", False, 0.75, True),
        ("skin.dark", False, 0.75, True),
    ]
    assert Rule(goal="everything").worth(found) == pytest.approx(2 * math.log(0.25) + 2 * math.log(0.75))
    assert Rule().worth(found) == pytest.approx(2 * 0.25 + 2 * 0.75)


def test_a_wish_that_cannot_be_met_does_not_spoil_the_face() -> None:
    asked = recipe_of(hat=True, ribbon=True)
    looks = [
        {"hat": 0.9, "ribbon": 0.02, "whole": 0.9, "liked": 0.6},
        {"hat": 0.9, "ribbon": 0.1, "whole": 0.4, "liked": 0.5},
    ]
    won = [search(asked, draw_number, Judge(looks), tries=range(2), rule=Rule(goal=goal))[0].candidate
           for goal in ("most", "everything")]  # fmt: skip
    assert won == [0, 1]
    certain = verdicts(asked.condition, np.ones(len(asked.condition.schema.slots)))
    assert Rule().worth(certain, 0.5, 0.25) == pytest.approx(2 + 2 * 0.5 + 0.25)
    assert Rule().worth(certain, math.nan, math.nan) == pytest.approx(2)


def test_log_odds_are_scaled_and_shifted() -> None:
    assert calibrated(0.3, (1.0, 0.0)) == 0.3
    odds = math.log(0.8 / 0.2)
    assert calibrated(0.8, (0.5, 1.0)) == pytest.approx(1 / (1 + math.exp(-(0.5 * odds + 1))))
    assert 0 < calibrated(0.0, (2.0, -1.0)) < calibrated(1.0, (2.0, -1.0)) < 1


def test_verdicts_are_calibrated_as_obedience(schema: Schema) -> None:
    probabilities = np.full(len(schema.slots), 0.5, np.float32)
    asked = Condition.from_dict(schema, {"hat": True, "glasses": False})
    assert [round(v.probability, 4) for v in verdicts(asked, probabilities, (1.0, math.log(3)))] == [0.75, 0.75]


def test_a_verified_picture_is_drawn_again_by_its_code_without_searching(monkeypatch: pytest.MonkeyPatch) -> None:
    avatar = konomi.draw("white hair, blue eyes, short hair", seed=2, size=64, model="anime-1", candidates=6)[0]
    assert {v.slot for v in avatar.verdicts} == {"hair_color.white", "eye_color.blue", "hair_length.short"}
    monkeypatch.setattr(api, "open_judge", lambda *_: pytest.fail("searched"))
    recipe, model = api.recall(avatar.code)
    assert recipe == avatar.recipe
    again = next(api.draw_recipes([recipe], model))
    assert np.array_equal(np.asarray(again), np.asarray(avatar))


def test_verified_pictures_do_not_depend_on_threads() -> None:
    request = api.understand("gray hair, yellow eyes")
    model = api.open_model("anime-1")
    one, many = (
        [a.recipe for a in api.draw_request(request, model, count=4, size=64, candidates=3, threads=n)] for n in (1, 4)
    )
    assert one == many


def test_searching_makes_pictures_no_worse_in_the_judges_eyes() -> None:
    asked: Any = {"count": 6, "size": 64, "model": "anime-1"}
    first = konomi.draw("aqua hair, purple eyes", candidates=2, **asked)
    best = konomi.draw("aqua hair, purple eyes", candidates=12, **asked)
    for few, many in zip(first, best, strict=True):
        worth = [Rule().worth(avatar.verdicts) for avatar in (many, few)]
        assert worth[0] >= worth[1] or all(v.probability >= 0.8 for v in few.verdicts)


def test_models_without_a_judge_of_their_own_take_the_first_candidate() -> None:
    (avatar,) = konomi.draw("red hair", size=64, model="anime-1")
    assert (avatar.recipe.candidate, avatar.verdicts) == (0, ())
    for model in published("generator"):
        assert not model.judge or model.judge in {tagger.name for tagger in published("tagger")}
    assert CANDIDATES == 8


def test_the_command_says_what_could_not_be_drawn(tmp_path: Path) -> None:
    command = ["draw", "pink eyes", "--model", "anime-2", "--size", "64", "--candidates", "2", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, command)
    assert "could not: eye color pink (" in result.output


@pytest.mark.parametrize("candidates", [0, 65, 1.5, True])
def test_candidates_out_of_range_are_told(candidates: Any) -> None:
    with pytest.raises(InputError, match=r"give a number from 1 \(take the first\) to 64"):
        konomi.draw("red hair", candidates=candidates)


def test_candidates_do_not_go_with_from(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["draw", "--from", "CPOSNDI", "--candidates", "4", "--out", str(tmp_path)])
    assert "--candidates does not go with it" in str(result.exception)


def test_only_generators_have_a_judge() -> None:
    from konomi.models import _read_row

    row = {"kind": "tagger", "sha256": "", "licence": "", "summary": "", "judge": "tagger-1"}
    with pytest.raises(ModelError, match="x has keys"):
        _read_row("x", row)
