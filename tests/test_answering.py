"""Answers to the questionnaire -> a condition -> a character, in three ways."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from konomi import api
from konomi.cli.console import app
from konomi.errors import FileError, InputError, KonomiError, ModelError
from konomi.questionnaire import load_questionnaire, scaled
from konomi.taste.preference import Crowd, newcomer
from konomi.taste.profile import likings, write_crowd
from konomi.taste.starting import starting_crowd
from konomi.tasting import answering
from konomi.tasting.answering import (
    by_method,
    load_answer_model,
    one_answer,
    open_ways,
    read_one_answer,
    told_names,
    told_of,
)

ASKED = load_questionnaire()
ANSWERS: dict[str, Any] = {"gender": "female", "age": 31} | {name: 1 + n % 7 for n, name in enumerate(ASKED.columns)}
MODEL = "anime-2"


def write_model(path: Path, encoding: str, **changes: Any) -> Path:
    """A generator of plain pictures: the first answer decides red, the noise green."""
    width = ASKED.widths()[encoding]
    weights = np.zeros((100 + width, 3), np.float32)
    weights[0, 1], weights[100, 0] = 1, 2
    tensors = {"weights": weights, "shape": np.array([1, 3, 1, 1]), "size": np.array([1, 3, 64, 64])}
    nodes = [
        helper.make_node("Concat", ["z", "condition"], ["vector"], axis=1),
        helper.make_node("MatMul", ["vector", "weights"], ["colour"]),
        helper.make_node("Tanh", ["colour"], ["bounded"]),
        helper.make_node("Reshape", ["bounded", "shape"], ["dot"]),
        helper.make_node("Expand", ["dot", "size"], ["picture"]),
    ]
    into = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, w]) for n, w in (("z", 100), ("condition", width))]
    out_of = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 64, 64])
    constants = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "tiny", into, [out_of], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    facts = {"kind": "dcgan", "name": path.stem, "latent": 100, "condition": encoding, "simulated": True}
    facts |= {"questionnaire": ASKED.name, "questionnaire_hash": ASKED.hash, **changes}
    helper.set_model_props(model, {"konomi": json.dumps(facts)})
    onnx.save(model, str(path))
    return path


def crowd_of_answers() -> Crowd:
    """A crowd in which whoever agrees with item 1 likes green hair, and others blue."""
    model = api.open_model(MODEL)
    base = starting_crowd(model.schema, np.asarray(model.prior, float))
    names = told_names(ASKED)
    coefficients = np.zeros((len(base.coefficients), 1 + len(names)))
    for value, sign in (("green", 3.0), ("blue", -3.0)):
        coefficients[model.schema.slots.index(f"hair_color.{value}"), 1] = sign
    told = {"told": names, "told_centre": np.full(len(names), 0.5), "told_scale": np.full(len(names), 0.5)}
    covariance = base.covariance * 0.01
    return Crowd(**{**vars(base), **told, "coefficients": coefficients, "covariance": covariance, "simulated": True})


@pytest.fixture
def nothing_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "published", lambda kind: ())


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    write_crowd(tmp_path / "crowd.npz", crowd_of_answers())
    (tmp_path / "me.json").write_text(json.dumps(ANSWERS))
    return {
        "--scaled": write_model(tmp_path / "scaled.onnx", "scaled"),
        "--onehot": write_model(tmp_path / "one-hot.onnx", "one-hot"),
        "--crowd": tmp_path / "crowd.npz",
        "--answers": tmp_path / "me.json",
    }


def run(*arguments: str, given: str = "") -> str:
    done = CliRunner().invoke(app, ["taste", "questionnaire", *arguments], input=given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_three_ways_stand_side_by_side(files: dict[str, Path], tmp_path: Path) -> None:
    given = [str(x) for pair in files.items() for x in pair]
    told = run(*given, "--count", "2", "--model", MODEL, "--out", str(tmp_path / "o"))
    assert "method 1, scaled (simulated people), method 2, one-hot (simulated people), ours (simulated people)" in told
    assert "left out" not in told
    with Image.open(tmp_path / "o" / "characters.png") as sheet:
        assert sheet.height > 3 * 256
        assert sheet.width > 2 * 256
    facts = json.loads((tmp_path / "o" / "characters.json").read_text())
    assert facts["answers"] == ANSWERS == json.loads((tmp_path / "o" / "answers.json").read_text())
    assert [way["model"] for way in facts["ways"]] == ["scaled", "one-hot", MODEL]
    ours = sorted((tmp_path / "o").glob("ours-*.png"))
    assert sorted(facts["ways"][2]["codes"]) == sorted(
        api.draw_recipes([api.read_recipe(path)], api.open_model(MODEL)).__next__().code for path in ours
    )


@pytest.mark.usefixtures("nothing_published")
def test_what_is_missing_is_left_out_and_told(files: dict[str, Path], tmp_path: Path) -> None:
    told = run("--scaled", str(files["--scaled"]), "--answers", str(files["--answers"]), "--out", str(tmp_path / "o"))
    assert "left out: one-hot, for want of --onehot FILE" in told
    assert "left out: ours, for want of --crowd FILE" in told


def test_the_questionnaire_can_be_answered_here(files: dict[str, Path], tmp_path: Path) -> None:
    typed = ["x", "9", *(str(ANSWERS[name]) for name in ASKED.columns), "woman", "female", "old", "31"]
    told = run("--scaled", str(files["--scaled"]), "--count", "1", "--out", str(tmp_path / "o"),
               given="\n".join(typed) + "\n")  # fmt: skip
    assert told.count("type 1 to 7") == 2
    assert told.count("type male or female") == 1
    assert json.loads((tmp_path / "o" / "answers.json").read_text()) == ANSWERS
    with pytest.raises(InputError, match="ended before the last question"):
        run("--scaled", str(files["--scaled"]), given="1\n2\n")


def test_the_answers_and_the_seed_decide_the_picture(tmp_path: Path) -> None:
    model = load_answer_model(write_model(tmp_path / "m.onnx", "one-hot"), "one-hot", ASKED)
    agree, not_at_all = (one_answer(ASKED, "test", ANSWERS | {"item_1": point}) for point in (1, 7))
    one = by_method(model, agree, count=2, seed=0)
    red = [
        np.asarray(p)[128, 128, 0] for p in (one.pictures[0], by_method(model, not_at_all, count=1, seed=0).pictures[0])
    ]
    assert red[0] > red[1] + 50  # the first place of the encoding is "item 1 is answered 1"
    green = [np.asarray(picture)[128, 128, 1] for picture in one.pictures]
    assert abs(int(green[0]) - int(green[1])) > 5
    again = by_method(model, agree, count=1, seed=1).pictures[0]
    assert np.array_equal(np.asarray(again), np.asarray(one.pictures[1]))


def test_ours_draws_what_people_like_who_answered_alike() -> None:
    crowd = crowd_of_answers()
    for point, colour in ((7, "green"), (1, "blue")):
        told = told_of(one_answer(ASKED, "test", ANSWERS | {"item_1": point}))
        group = newcomer(crowd, np.array([told[name] for name in crowd.told]))
        best = max(likings(crowd, group), key=lambda liking: liking.mean)
        assert best.value == colour


def test_ours_makes_pictures_of_that(files: dict[str, Path]) -> None:
    ours = open_ways({}, files["--crowd"], MODEL, ASKED)["ours"]
    row = ours(one_answer(ASKED, "test", ANSWERS | {"item_1": 7}), count=2, seed=0)
    for code in row.facts["codes"]:
        assert api.recall(code)[0].condition.to_dict()["hair_color"] == "green"


def test_what_is_told_is_named_and_scaled() -> None:
    answers = one_answer(ASKED, "test", ANSWERS)
    told = told_of(answers)
    assert list(told.values()) == pytest.approx(scaled(answers)[0].tolist())
    assert told["male"] == 0
    assert told["age"] == pytest.approx(0.31)
    assert told["item_3"] == pytest.approx(2 / 6)


def test_answers_are_read_from_json_and_csv(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ANSWERS))
    names = ["person", "picture", *ANSWERS]
    line = ",".join(["p", "x", *(str(value) for value in ANSWERS.values())])
    (tmp_path / "a.csv").write_text(",".join(names) + f"\n{line}\n")
    one, two = (read_one_answer(tmp_path / name) for name in ("a.json", "a.csv"))
    assert one.items.tolist() == two.items.tolist()
    assert (one.gender, one.age.tolist()) == (("female",), [31]) == (two.gender, two.age.tolist())


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", "[]", "must be one object"),
        ("a.json", '{"gender": "female", "age": 31}', "has no item_1"),
        ("a.json", json.dumps(ANSWERS | {"item_2": 8}), "item_2 is 8; answers go from 1 to 7"),
        ("a.json", json.dumps(ANSWERS | {"item_23": 1}), "'item_23' is not asked"),
        ("a.csv", "gender,age\n", "has 0 rows"),
        ("a.csv", "gender,age\nfemale,3\nmale,4\n", "has 2 rows"),
        ("a.csv", b"gender\n\xff\xfe\n", "is not a CSV in UTF-8"),
    ],
)
def test_answers_that_cannot_be_used_are_told(tmp_path: Path, name: str, text: str | bytes, told: str) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises((InputError, FileError), match=told):
        read_one_answer(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "tagger"}, "is not a generator that was trained on answers"),
        ({"condition": "scaled"}, "reads scaled answers, not one-hot ones"),
        ({"questionnaire_hash": "00"}, "another version of questionnaire 'love-liking'"),
    ],
)
def test_another_model_is_refused(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    path = write_model(tmp_path / "m.onnx", "one-hot", **changes)
    with pytest.raises(ModelError, match=told):
        load_answer_model(path, "one-hot", ASKED)


@pytest.mark.usefixtures("nothing_published")
def test_without_anything_to_draw_with_nobody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to draw with"):
        run()
    model = api.open_model(MODEL)
    write_crowd(tmp_path / "c.npz", starting_crowd(model.schema, np.asarray(model.prior, float)))
    with pytest.raises(KonomiError, match="were not asked questionnaire 'love-liking'"):
        run("--crowd", str(tmp_path / "c.npz"))


def test_published_models_are_taken_where_no_file_is_given(files: dict[str, Path]) -> None:
    assert set(open_ways({}, None, MODEL, ASKED)) == {"scaled", "one-hot"}
    ways = open_ways({"scaled": files["--scaled"]}, None, MODEL, ASKED)
    answers = one_answer(ASKED, "test", ANSWERS)
    mine, theirs = (ways[encoding](answers, count=1, seed=3) for encoding in ("scaled", "one-hot"))
    assert (mine.facts["model"], theirs.facts["model"]) == ("scaled", "hayase-one-hot-1")
    other = replace(ASKED, items=ASKED.items[::-1])
    with pytest.raises(InputError, match="nothing to draw with"):
        open_ways({}, None, MODEL, other)
