"""The proof on simulated people measures what it says, and finds the truth where it is known."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.errors import InputError
from konomi.taste import proof, worlds
from konomi.taste.arms import CANDIDATES, Court, made_for, questions, run_arm
from konomi.taste.picks import best_conditions
from konomi.taste.preference import newcomer
from konomi.taste.proof import calibration, interval, prove
from konomi.taste.raters import Manner
from konomi.taste.worlds import OBEYED, Painter, Plan, World, make_world
from tasters import SMALL

PLAN = Plan(people=150, newcomers=20, gallery=200, pool=300)


@cache
def world() -> World:
    return make_world(SMALL, PLAN, seed=4)


@cache
def court() -> Court:
    return Court.of(world(), 0)


# --- worlds ---


def test_a_painter_gets_so_many_attributes_right_and_the_same_ones_with_the_same_noise() -> None:
    painter, dice = Painter.make(SMALL, 1), np.random.default_rng(2)
    asked = np.tile([1.0, 0, 0, 1, 1], (4000, 1))
    noise = painter.noise(4000, dice)
    got = painter.paint(asked, noise)
    slips = noise.slips[:, 3] == 1  # of those that go wrong some are right all the same
    assert got.weights[:, 3].mean() == pytest.approx(OBEYED + (1 - OBEYED) * slips.mean(), abs=0.02)
    assert (painter.paint(asked, noise).look == got.look).all()
    assert (painter.paint(asked, noise, obeyed=1.0).weights == asked).all()
    assert (got.weights[:, :3].sum(axis=1) == 1).all()  # one hair colour, right or wrong


def test_newcomers_are_nobody_of_the_crowd() -> None:
    assert world().crowd.facts["people"] == 150
    assert world().crowd.facts["replies"] == 150 * 24
    assert len(world().raters) == len(world().told) == 20
    assert world().crowd.simulated
    assert not set(world().raters.answers.person) & {f"simulated-{n:05d}" for n in range(1, 151)}


def test_the_model_sees_less_than_the_raters_do() -> None:
    seen, look = world().as_seen(world().pool), world().pool.look
    rest = look - look.mean(axis=0)
    rest = rest - seen @ np.linalg.lstsq(seen, rest, rcond=None)[0]
    assert 0.2 < rest.var() / look.var(axis=0).mean() < 0.8


@pytest.mark.parametrize(
    ("change", "told"), [({"newcomers": 1}, "1 newcomers; at least 2"), ({"pairs": 0}, "at least one each")]
)
def test_worlds_without_people_or_replies_are_refused(change: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        replace(PLAN, **change)


# --- suggestions and their controls ---


def test_of_all_candidates_the_one_expected_best_is_kept() -> None:
    means = np.random.default_rng(3).normal(size=(20, world().crowd.columns))
    kept = made_for(world(), means, court().noise)
    asked = best_conditions(SMALL, means)
    for person in range(20):
        mine = slice(person * CANDIDATES, (person + 1) * CANDIDATES)
        noise = worlds.Noise(*(part[mine] for part in vars(court().noise).values()))
        painted = world().painter.paint(np.tile(asked[person], (CANDIDATES, 1)), noise)
        best = max(range(CANDIDATES), key=lambda n: world().as_seen(painted)[n] @ means[person])
        assert (kept.look[person] == painted.look[best]).all()


def test_who_knows_all_beats_the_favourite_and_everybody_else() -> None:
    regret, better, same, _, hit, first = court().please(court().truth)
    crowds = np.tile(newcomer(world().crowd).mean[: world().crowd.columns], (20, 1))
    usual = court().please(crowds)
    assert regret.mean() < usual[0].mean() - 0.5
    assert better[same == 0].mean() > 0.6  # three attributes leave little to choose
    assert np.nanmean(hit) > 0.75
    assert np.nanmean(first) > 0.5


def test_what_is_made_for_the_mean_of_the_crowd_is_the_favourite_and_no_hit() -> None:
    crowds = np.tile(newcomer(world().crowd).mean[: world().crowd.columns], (20, 1))
    _, better, same, _, hit, first = court().please(crowds)
    assert same.all()
    assert not better.any()
    assert np.isnan(hit).all()  # the same picture for everybody's sake, from the same noise
    assert np.isnan(first).all()


def test_a_question_shows_each_person_pictures_made_for_their_own_taste() -> None:
    sure = [replace(newcomer(world().crowd), covariance=np.eye(len(newcomer(world().crowd).mean)) * 1e-6)] * 2
    keen = [replace(t, mean=np.eye(len(t.mean))[slot] * 5) for t, slot in zip(sure, (3, 4), strict=True)]
    shown = questions(world(), keen, 3, np.random.default_rng(1))
    assert shown.weights.shape == (6, 5)
    assert shown.weights[:3, 3].mean() > shown.weights[3:, 3].mean()


# --- arms ---


@cache
def outcome(picks: int = 6) -> object:
    return run_arm(court(), questionnaire=False, picks=picks, size=6)


def test_picks_lower_the_regret_and_raise_the_hits() -> None:
    found = outcome()
    assert found.regret.shape == (20, 7)
    assert found.regret[:, -1].mean() < found.regret[:, 0].mean() - 0.3
    assert np.nanmean(found.hit[:, -1]) > 0.6
    assert (found.true <= found.said).all()


def test_an_arm_without_picks_and_answers_is_the_same_for_all() -> None:
    found = run_arm(court(), questionnaire=False, picks=0, size=6)
    assert found.same.all()
    assert (found.regret == outcome().regret[:, :1]).all()  # the same court for every arm


def test_an_interval_is_that_of_the_definition() -> None:
    values = np.array([1.0, 2.0, 4.0, 5.0, np.nan])
    error = 1.96 * np.sqrt(10 / 3 / 4)
    assert interval(values) == pytest.approx([3, 3 - error, 3 + error], abs=1e-4)
    assert interval(np.array([1.0, np.nan])) is None


def test_calibration_is_the_worst_tenth_that_holds_a_hundredth() -> None:
    stated = np.array([0.05] * 50 + [0.95] * 50 + [0.55])
    picked = np.array([False] * 50 + [True] * 40 + [False] * 10 + [True])
    found = calibration(stated, picked)
    assert found["error"] == pytest.approx(0.15)
    assert found["tenths"] == [[0.05, 0.0, 50], [0.95, 0.8, 50]]


@cache
def proved() -> dict:
    return prove(SMALL, PLAN, raters=9, worlds=2, picks=2, size=4, seed=3)


def test_a_proof_has_four_arms_by_the_number_of_picks_and_says_that_it_is_simulated() -> None:
    found = json.loads(json.dumps(proved()))
    assert found["simulated"] is True
    assert list(found["arms"]) == ["crowd", "questionnaire", "picks", "both"]
    assert {arm: len(one["regret"]) for arm, one in found["arms"].items()} == {
        "crowd": 1, "questionnaire": 1, "picks": 3, "both": 3,
    }  # fmt: skip
    assert {one["raters"] for one in found["arms"].values()} == {9}
    assert len(found["worlds_apart"]) == 2
    assert found["ceiling"]["regret"][0] < found["arms"]["both"]["regret"][-1][0]
    mean, low, high = found["questionnaire_adds"]["regret"]
    assert low <= mean <= high
    both, picks = (found["arms"][arm]["regret"][-1][0] for arm in ("both", "picks"))
    assert mean == pytest.approx(both - picks, abs=2e-4)


def test_the_same_seed_proves_the_same() -> None:
    assert prove(SMALL, PLAN, raters=9, worlds=2, picks=2, size=4, seed=3) == proved()


def test_too_few_raters_for_the_worlds_are_refused() -> None:
    with pytest.raises(InputError, match="3 raters in 2 worlds, 2 picks: each world needs two raters"):
        prove(SMALL, PLAN, raters=3, worlds=2, picks=2)


# --- the command ---


def run(*arguments: str) -> SimpleNamespace:
    return CliRunner().invoke(app, ["taste", "prove", *arguments])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., dict] = proof.prove

    def tiny(_: object, plan: Plan, **given: object) -> dict:
        return real(SMALL, replace(PLAN, manner=plan.manner), **given)

    monkeypatch.setattr(proof, "prove", tiny)


@pytest.mark.usefixtures("small")
def test_the_command_writes_a_table_and_a_figure_labelled_simulated(tmp_path: Path) -> None:
    done = run("--simulated", "8", "--worlds", "2", "--kind", "ideal", "--private", "0.4",
               "--picks", "2", "--of", "4", "--out", str(tmp_path / "p"))  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "SIMULATED: 8 ideal raters in 2 worlds, 40% private; no person took part" in done.stdout
    assert "questionnaire adds" in done.stdout
    found = json.loads((tmp_path / "p" / "proof.json").read_text())
    assert found["plan"]["manner"]["kind"] == "ideal"
    assert found["arms"].keys() == proved()["arms"].keys()
    with Image.open(tmp_path / "p" / "proof.png") as figure:
        assert figure.width > 1000


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "give a profile"),
        (["me.json", "--simulated", "9"], "give a profile"),
        (
            ["--simulated", "9", "--against", "you.json", "--export"],
            "--against, --export: only for the test of a profile",
        ),
        (["me.json", "--kind", "ideal"], "--kind: only for simulated raters"),
        (["--simulated", "9", "--worlds", "9"], "9 raters in 9 worlds"),
        (["--simulated", "9", "--worlds", "2", "--kind", "lineer"], "Did you mean 'linear'"),
        (["--simulated", "9", "--worlds", "2", "--private", "0.9"], "from 0.3 to 0.7"),
    ],
)
def test_what_cannot_be_proved_is_refused(given: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        CliRunner().invoke(app, ["taste", "prove", *given, "--out", str(tmp_path / "p")], catch_exceptions=False)
    assert not (tmp_path / "p").exists()


def test_manners_are_those_of_the_plan() -> None:
    ideal = make_world(SMALL, replace(PLAN, manner=Manner(kind="ideal")), seed=4)
    assert ideal.raters.manner.kind == "ideal"
