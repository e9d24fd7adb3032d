"""The reproduction of Hayase's study, from data to its page."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image

from konomi.api import open_model
from konomi.data.answers import Study, read_study
from konomi.files import read_json, write_json
from konomi.model.dcgan_train import DcganOptions, read_dcgan_plan
from konomi.papers import hayase, hayase_page
from konomi.papers.grids import labelled
from konomi.papers.hayase import (
    METHODS,
    QUICK,
    AnswerFacts,
    Scale,
    describe_answers,
    nearest_learned,
    random_answers,
    reproduce,
    roughness,
    some_answers,
    sweep_answers,
    t_test,
)
from konomi.papers.hayase_page import claims
from konomi.questionnaire import Answers, encode, load_questionnaire
from konomi.taste.simulate import Population, simulate

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
ASKED = load_questionnaire()
SHORT = DcganOptions(pictures=32, width=2, batch=16, sample_every=16, metrics_every=16)
TINY = Scale(
    characters=(2, 3), pretraining=SHORT, training=SHORT, conditions=3, latents=3,
    population=Population(men=18, women=14), show_from=0,
)  # fmt: skip


def colours(pictures: np.ndarray) -> np.ndarray:
    """Features that need no network: the mean colour of each quarter."""
    quarters = pictures.reshape(len(pictures), 2, 32, 2, 32, 3).mean(axis=(2, 4))
    return quarters.reshape(len(pictures), -1).astype(np.float32)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A whole reproduction: folder, page, measurements."""
    folder = tmp_path_factory.mktemp("hayase")
    page = folder / "pages" / "hayase.md"
    page.parent.mkdir()
    measures = reproduce(None, folder / "run", TINY, page=page, features=colours, device="cpu")
    return folder / "run", page, measures


def test_the_page_has_every_claim_and_figure(done: tuple[Path, Path, dict[str, Any]]) -> None:
    _, page, measures = done
    text = page.read_text(encoding="utf-8")
    assert set(measures) == {"scaled-2", "one-hot-2", "scaled-3", "one-hot-3"}
    assert "simulated answers" in text
    assert "| method 2, 3 characters | 32 | 1.0 | 2 |" in text
    assert text.count("| yes |") + text.count("| no |") == 8
    assert text.count("| not measured yet |") == 1  # item means: no character has 30 answers
    figures = sorted(path.name for path in (page.parent / "hayase").iterdir())
    assert figures == [
        "fixed-answers.webp", "fixed-noise.webp", "item-means.png", "losses.png", "over-batches-1.webp",
        "over-batches-2.webp", "pretraining.webp", "sweep.webp",
    ]  # fmt: skip
    for name in figures:
        assert f"(hayase/{name})" in text
    with Image.open(page.parent / "hayase" / "sweep.webp") as sweep:
        assert sweep.height > 8 * 64  # two items for each of four runs


def test_a_second_run_does_nothing_again(
    done: tuple[Path, Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, page, measures = done

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("this was done already")

    monkeypatch.setattr(hayase_page, "draw_figures", lambda *_: {})
    for name in ("train_dcgan", "simulate", "measure_run", "synthesise"):
        monkeypatch.setattr(hayase, name, never)
    assert reproduce(None, folder, TINY, page=page, features=never) == measures


def test_a_run_that_moved_on_is_measured_again(
    done: tuple[Path, Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hayase_page, "draw_figures", lambda *_: {})
    folder, _, measures = done
    stale = read_json(folder / "measures.json")
    stale["scaled-2"]["pictures"] = 16
    write_json(folder / "measures.json", stale)
    again = reproduce(None, folder, TINY, page=tmp_path / "hayase.md", features=colours)
    assert again == measures


def test_without_time_the_page_says_what_is_missing(tmp_path: Path) -> None:
    page = tmp_path / "hayase.md"
    said: list[str] = []
    measures = reproduce(
        None, tmp_path / "run", TINY, page=page, features=colours, seconds=0, device="cpu", say=said.append
    )
    text = page.read_text(encoding="utf-8")
    assert measures == {}
    assert text.count("| not begun |") == 4
    assert text.count("| not measured yet |") == 8
    assert "Pre-training: 0 of 32 pictures" in text
    assert any("stopped; the same command goes on" in line for line in said)
    assert not (tmp_path / "run" / "scaled-2").exists()  # it waits for the end of the pre-training


def test_conditional_runs_begin_with_the_pretraining(done: tuple[Path, Path, dict[str, Any]]) -> None:
    from konomi.model.dcgan_export import load_dcgan_snapshot

    folder = done[0]
    last = load_dcgan_snapshot(folder / "dcgan/snapshots/000000032.safetensors").generator
    for name in ("scaled-2", "one-hot-3"):
        first = load_dcgan_snapshot(folder / name / "snapshots/000000000.safetensors").generator
        assert torch.equal(first.read.weight[:100], last.read.weight)
        assert torch.equal(first.grow[2].weight, last.grow[2].weight)


def test_the_recipes_are_what_the_command_trains() -> None:
    scale = Scale()
    plans = {name: read_dcgan_plan(ROOT / "recipes" / f"hayase-{name}.toml") for name in
             ("dcgan", "cdcgan-scaled", "cdcgan-onehot")}  # fmt: skip
    assert plans["dcgan"].options == scale.pretraining
    for plan in list(plans.values())[1:]:
        assert plan.options == scale.training
        assert plan.start_from == Path("runs/hayase/dcgan/checkpoint.safetensors")
        assert plan.data == (Path("runs/hayase/study-4"),)
    assert set(scale.characters) == {4, 40, 400}
    assert (scale.conditions, scale.latents) == (50, 50)
    assert QUICK.training.pictures < 10_000


def test_the_sweep_is_that_of_the_paper() -> None:
    answers = simulate(["a", "b"], ASKED, seed=0)
    swept = sweep_answers(answers, 14)
    assert swept.items[:, 14].tolist() == [1, 2, 3, 4, 5, 6, 7]
    others = np.delete(swept.items, 14, axis=1)
    assert (others == np.delete(answers.items, 14, axis=1).mean(axis=0).round()).all()
    assert (encode(swept, "scaled")[:, 22] == 1).all()
    assert swept.age.tolist() == [44] * 7


def test_random_answers_use_the_whole_scale() -> None:
    answers = random_answers(ASKED, 300, seed=0)
    assert np.bincount(answers.items.ravel())[1:].min() > 300 * 22 / 7 * 0.9
    assert set(answers.gender) == {"male", "female"}


def test_some_answers_keeps_rows_together() -> None:
    answers = simulate(["a", "b"], ASKED, seed=0)
    some = some_answers(answers, np.array([5, 5, 2]))
    assert some.person == (answers.person[5], answers.person[5], answers.person[2])
    assert (encode(some, "one-hot") == encode(answers, "one-hot")[[5, 5, 2]]).all()


def test_roughness_by_hand() -> None:
    flat = np.full((2, 4, 4, 3), 9, np.uint8)
    assert roughness(flat) == 0
    board = (np.indices((4, 4)).sum(axis=0) % 2 * 200).astype(np.uint8)
    assert roughness(np.repeat(board[None, :, :, None], 3, axis=3)) == 200
    slope = np.repeat(np.arange(4, dtype=np.uint8)[None, None, :, None] * 10, 4, axis=1)
    assert roughness(np.repeat(slope, 3, axis=3)) == 0


def test_item_means_are_those_of_the_answers(done: tuple[Path, Path, dict[str, Any]]) -> None:
    study = read_study(done[0] / "study-2")
    found = describe_answers(study)
    assert found.per_character[0] == 16
    assert np.allclose((found.means * np.bincount(study.index)[:, None]).sum(axis=0), study.answers.items.sum(axis=0))
    assert found.spread is None  # nobody has 30 answers
    assert found.t == t_test(study.answers.items[:, 14], study.answers.items[:, 18])[0]


def test_spread_of_item_means_by_hand() -> None:
    items = np.repeat([[2], [4], [7]], [30, 30, 29], axis=0) * np.ones((1, 22), dtype=int)
    people = tuple(map(str, range(89)))
    names = ("a",) * 30 + ("b",) * 30 + ("c",) * 29
    answers = Answers(ASKED, people, names, ("male",) * 89, np.full(89, 40), items)
    study = Study(("a", "b", "c"), np.zeros((3, 64, 64, 3), np.uint8), answers, True, {})
    assert describe_answers(study).spread == pytest.approx(2**0.5)  # of 2 and 4; c has too few answers


def test_t_by_hand() -> None:
    t, p = t_test(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert t == pytest.approx(-2 / np.sqrt(2.5 * 2 / 3))
    assert p == pytest.approx(0.1963, abs=1e-3)  # scipy.stats.ttest_ind: 0.19628
    dice = np.random.default_rng(0)
    far = t_test(dice.normal(0, 1, 2200), dice.normal(0.42, 1, 2200))
    assert 1e-60 < far[1] < 1e-25


def facts(count: int) -> AnswerFacts:
    return AnswerFacts(count, (1.0, 1.0), np.zeros((count, 22)), 0.2, 13.9, 3e-43)


def test_claims_are_judged_by_the_papers_case() -> None:
    one = {
        "loss_d": 0.1,
        "loss_g": 6.0,
        "roughness": 1.0,
        "omega_squared": 0.01,
        "variety": 0.9,
        "sweep_change": [1, 2],
    }
    two = one | {"loss_g": 9.0, "roughness": 1.5, "variety": 0.1, "omega_squared": 0.02}
    measures = {"scaled-4": one, "one-hot-4": two}
    as_there = claims(measures, [facts(4), facts(40)])
    assert [claim.held for claim in as_there] == [True] * 9
    assert as_there[0].measured.startswith("0.10 / – ")
    changed = claims({"scaled-4": one | {"omega_squared": 0.3}, "one-hot-4": two | {"variety": 0.8}}, [facts(4)])
    assert [c.text for c in changed if c.held is False] == [
        "method 2 draws a single character, whatever is answered", "pictures hardly change with the answers",
    ]  # fmt: skip
    nothing = claims({}, [facts(4)])
    assert [claim.held for claim in nothing] == [None] * 7 + [True] * 2


def test_a_grid_labels_its_rows() -> None:
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    grid = labelled("title", [("one", [red, blue]), ("two", [blue, red])], heads=["1", "2"])
    assert grid.getpixel((grid.width - 1, grid.height - 1)) == (255, 0, 0)
    assert grid.getpixel((grid.width - 70, grid.height - 1)) == (0, 0, 255)


def test_scales_differ_only_in_size() -> None:
    assert replace(QUICK.training, pictures=0x1, width=64).learning_rate == Scale().training.learning_rate
    assert list(METHODS) == ["scaled", "one-hot"]


def test_a_stop_ends_the_study_not_only_its_run(tmp_path: Path) -> None:
    said: list[str] = []
    settings: dict[str, Any] = {"page": tmp_path / "page.md", "features": colours, "device": "cpu", "say": said.append}
    reproduce(None, tmp_path / "run", TINY, report=lambda name, row: _interrupt(name), **settings)
    assert any(line.endswith("stopped; the same command goes on") for line in said)
    assert not (tmp_path / "run" / f"one-hot-{TINY.characters[0]}").exists()


def _interrupt(name: str) -> None:
    if name.startswith("scaled"):
        signal.raise_signal(signal.SIGINT)


def test_a_generator_of_few_characters_is_not_shown(done: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _, measures = done
    page = tmp_path / "hayase.md"
    reproduce(None, folder, replace(TINY, show_from=3), page=page, features=colours)
    with Image.open(tmp_path / "hayase" / "sweep.webp") as sweep:
        assert sweep.height < 8 * 64  # two items for each of two runs
    reproduce(None, folder, replace(TINY, show_from=4), page=page, features=colours)
    text = page.read_text(encoding="utf-8")
    assert "fewer than 4 characters are not shown" in text
    assert "sweep.webp" not in text
    assert "losses.png" in text
    assert {"scaled-2", "one-hot-3"} <= set(measures)


def test_copies_are_nearer_than_strangers() -> None:
    dice = np.random.default_rng(0)
    learned, strangers = (dice.integers(0, 256, (n, 8, 8, 3)).repeat(8, 1).repeat(8, 2) for n in (30, 60))
    noisy = np.clip(learned + dice.normal(0, 40, learned.shape), 0, 255).astype(np.uint8)
    assert nearest_learned(learned, learned) == 0
    assert nearest_learned(noisy, learned) < 0.2
    assert 0.7 < nearest_learned(strangers, learned) < 1.3


def test_what_tags_decide_stands_beside_what_answers_decide(
    done: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _, _ = done
    model, page = open_model("anime"), tmp_path / "hayase.md"
    reproduce(None, folder, TINY, page=page, features=colours, beside=[model])
    (row,) = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {model.name}, asked")
    ]
    measured = read_json(folder / "beside.json")[model.name]
    assert f"{measured['omega_squared']:.3f}" in row
    assert measured["count"] == TINY.conditions
