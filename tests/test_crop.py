"""Faces out of pictures: geometry, stages, resuming, the two detectors, and a small measurement."""

import importlib.util
import json
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import konomi
from konomi.data.cropping import detect
from konomi.data.cropping.crop import CropOptions, crop, cut, name_faces, square_around, visible
from konomi.data.cropping.detect import Found, NetworkDetector, head_box, overlap, without_repeats
from konomi.errors import FileError, InputError, KonomiError, ModelError
from konomi.files import file_sha256, locked
from konomi.images import read, resize
from konomi.models import find_model, open_published
from konomi.record import Record, read_stage, stage_settings, write_stage

ROOT = Path(__file__).parents[1]
COLOURS = {(255, 0, 0): 0.9, (0, 255, 0): 0.8, (0, 0, 255): 0.7}  # of squares that stand for heads, with their scores


class Squares:
    """A detector of squares in pure colours, which counts what it is asked."""

    facts = {"detector": "squares"}

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, picture: Image.Image, *, smallest: float) -> list[Found]:
        self.asked += 1
        pixels, found = np.asarray(picture), []
        for colour, score in COLOURS.items():
            rows, columns = np.nonzero((pixels == colour).all(axis=2))
            if len(rows) and np.ptp(columns) + 1 >= smallest:
                left, top, side = (float(v) for v in (columns.min(), rows.min(), np.ptp(columns) + 1))
                found.append(Found((left, top, left + side, top + side), score))
        return found


def draw(path: Path, *squares: tuple[int, int, int], size: tuple[int, int] = (200, 160)) -> None:
    """A picture with squares (left, top, side), in the order of COLOURS, on a ramp."""
    ramp = np.linspace(20, 200, size[0], dtype=np.uint8)
    picture = Image.fromarray(np.tile(ramp[None, :, None], (size[1], 1, 3)))
    for (left, top, side), colour in zip(squares, COLOURS, strict=False):
        picture.paste(colour, (left, top, left + side, top + side))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "found"
    draw(source / "one.png", (50, 40, 60))
    draw(source / "two.png", (10, 10, 60), (120, 60, 50))
    draw(source / "none.png")
    draw(source / "small.png", (30, 30, 40))
    (source / "torn.png").write_bytes((source / "one.png").read_bytes()[:300])
    (source / "empty.jpg").write_bytes(b"")
    (source / "text.webp").write_bytes(b"no picture")
    return source


TIGHT = CropOptions(size=64, enlarge=1.0)


def test_a_folder_becomes_a_stage_of_faces(folder: Path, tmp_path: Path) -> None:
    counts = crop(folder, tmp_path / "out", Squares(), TIGHT, licence="mine")
    assert counts == {
        "pictures": 7, "no_face": 2, "one_face": 1, "several_faces": 1, "unreadable": 3, "small_faces": 1, "faces": 2,
    }  # fmt: skip
    one, two = read_stage(tmp_path / "out")
    assert (one.file, one.source, one.licence, one.box) == (
        "pictures/one.png", "found:one.png", "mine", (50, 40, 110, 100),
    )  # fmt: skip
    assert two.box == (10, 10, 70, 70)
    assert file_sha256(tmp_path / "out" / one.file) == one.sha256
    assert read(tmp_path / "out" / one.file).getcolors() == [(64 * 64, (255, 0, 0))]
    settings = stage_settings(tmp_path / "out")
    assert settings["unreadable"].keys() == {"empty.jpg", "text.webp", "torn.png"}
    assert settings["detector"] == "squares"
    for sheet in ("faces.png", "boxes.png"):
        assert read(tmp_path / "out" / sheet).width > 100


def test_a_record_keeps_what_is_known_of_its_picture(folder: Path, tmp_path: Path) -> None:
    facts = {"source": "https://example.org/a", "licence": "CC0-1.0", "time": "2026-01-02T03:04:05Z", "year": 2004}
    files = ["one.png", "two.png"]
    parents = [Record(f, file_sha256(folder / f), **facts, group="g", tags={"hat": 1.0}) for f in files]
    write_stage(folder, parents, {"schema": "anime", "schema_hash": "x"})
    crop(folder, tmp_path / "out", Squares(), TIGHT)
    one, two = read_stage(tmp_path / "out")
    for record in (one, two):
        assert (record.source, record.licence, record.time, record.year, record.group) == (*facts.values(), "g")
    assert one.tags == {"hat": 1.0}
    assert two.tags == {}  # of two faces nobody knows which one wears it
    assert stage_settings(tmp_path / "out")["schema_hash"] == "x"


def test_all_faces_are_numbered_from_the_best(folder: Path, tmp_path: Path) -> None:
    counts = crop(folder, tmp_path / "out", Squares(), CropOptions(size=32, enlarge=1.0, all_faces=True))
    assert counts["faces"] == 3
    records = read_stage(tmp_path / "out")
    assert [r.file for r in records] == ["pictures/one.png", "pictures/two.png", "pictures/two-2.png"]
    assert records[2].box == (120, 60, 170, 110)


def test_the_box_says_what_was_cut_out(folder: Path, tmp_path: Path) -> None:
    crop(folder, tmp_path / "out", Squares(), CropOptions(size=50, enlarge=1.5))
    record = read_stage(tmp_path / "out")[0]
    again = resize(read(folder / "one.png").crop(record.box), 50)
    assert np.array_equal(np.asarray(again), np.asarray(read(tmp_path / "out" / record.file)))


sides = st.integers(1, 300)


@given(sides, sides, st.floats(-100, 400), st.floats(-100, 400), st.floats(1, 300), st.floats(0.5, 3))
def test_a_square_lies_in_the_picture_or_covers_it(
    width: int, height: int, left: float, top: float, side: float, enlarge: float
) -> None:
    x, y, length = square_around((left, top, left + side, top + side), (width, height), enlarge)
    assert length == max(1, round(side * enlarge))
    for start, available in ((x, width), (y, height)):
        assert min(0, available - length) <= start <= max(0, available - length)
    inside = visible((x, y, length), (width, height))
    assert 0 <= inside[0] < inside[2] <= width
    assert 0 <= inside[1] < inside[3] <= height


def test_a_square_keeps_its_centre_where_it_can() -> None:
    assert square_around((40, 40, 60, 60), (200, 200), 2.0) == (30, 30, 40)
    assert square_around((0, 90, 20, 110), (200, 200), 2.0) == (0, 80, 40)  # moved inside
    assert square_around((0, 0, 40, 40), (30, 200), 1.0) == (0, 0, 40)  # covers it whole


def test_beyond_the_picture_its_edge_goes_on() -> None:
    picture = Image.fromarray(np.arange(12, dtype=np.uint8).repeat(3).reshape(3, 4, 3))
    found = np.asarray(cut(picture, (0, -1, 4), 4))[..., 0]
    assert found.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def stop_after(count: int) -> Callable[[Any, int], Any]:
    def following(items: Any, _total: int) -> Any:
        for number, item in enumerate(items):
            yield item
            if number + 1 == count:
                raise KeyboardInterrupt

    return following


def contents(folder: Path) -> dict[str, bytes]:
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in (".lock", "found.jsonl")]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_a_stopped_run_goes_on_and_ends_like_one_that_never_was(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        crop(folder, tmp_path / "out", Squares(), TIGHT, progress=stop_after(5), threads=1)
    with pytest.raises(FileError, match=r"no stage\.json"):
        read_stage(tmp_path / "out")
    with (tmp_path / "out" / "found.jsonl").open("a") as log:
        log.write('{"file": "two.pn')  # torn
    (tmp_path / "out" / "pictures" / "one.png").unlink()  # lost
    (tmp_path / "out" / "pictures" / "left-over.png").write_bytes(b"")
    detector = Squares()
    crop(folder, tmp_path / "out", detector, TIGHT)
    assert detector.asked == 2  # one.png again, and two.png; of the rest only what could not be read is tried again
    crop(folder, tmp_path / "whole", Squares(), TIGHT, threads=3)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_other_settings_or_another_run_are_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        crop(folder, out, Squares(), TIGHT, progress=stop_after(1))
    with pytest.raises(InputError, match=r"begun with other settings \(size 64, now 32\)"):
        crop(folder, out, Squares(), CropOptions(size=32, enlarge=1.0))
    with locked(out), pytest.raises(FileError, match="another run is working"):
        crop(folder, out, Squares(), TIGHT)
    crop(folder, out, Squares(), TIGHT)
    with pytest.raises(InputError, match="already a finished stage"):
        crop(folder, out, Squares(), TIGHT)


def test_a_picture_that_changed_is_looked_at_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        crop(folder, out, Squares(), TIGHT, progress=stop_after(4), threads=1)
    draw(folder / "one.png", (70, 70, 50))
    write_stage(folder, [Record("one.png", file_sha256(folder / "one.png"))], {})
    crop(folder, out, Squares(), TIGHT)
    assert [r.box for r in read_stage(out)] == [(70, 70, 120, 120)]


def test_names_that_could_be_mistaken_get_a_hash() -> None:
    names = name_faces(["a/x.png", "b/X.jpg", "y.png", "y-2.png", "z-2.png", "Solo.png"])
    assert len({name.lower() for name in names.values()}) == 6
    assert names["Solo.png"] == "Solo"
    assert names["y.png"] == "y"
    assert names["z-2.png"] == "z-2"
    assert names["y-2.png"].startswith("y-2-")
    assert names["a/x.png"] != "x"


def test_a_stage_inside_its_source_does_not_read_itself(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        crop(folder, folder / "faces", Squares(), TIGHT, progress=stop_after(6), threads=1)
    assert crop(folder, folder / "faces", Squares(), TIGHT)["pictures"] == 7


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda p: None, "is no folder"),
        (lambda p: p.mkdir(), "holds no pictures"),
        (lambda p: draw(p / "a.png"), r"none of the 1 pictures in .* \(0 unreadable, 0 faces smaller\)"),
        (lambda p: (p.mkdir(), (p / "manifest.jsonl").write_text("")), "it is unfinished"),
    ],
)
def test_a_source_without_faces_is_told(tmp_path: Path, make: Callable[[Path], object], told: str) -> None:
    make(tmp_path / "s")
    with pytest.raises(FileError, match=told):
        crop(tmp_path / "s", tmp_path / "out", Squares(), TIGHT)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"size": 4}, "size is 4"), ({"enlarge": 9}, "enlarge is 9"), ({"min_face": 2}, "min-face is 2")],
)
def test_options_out_of_range_are_told(options: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        CropOptions(**options)  # type: ignore[arg-type]


# -- detectors


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(2 / 6)
    assert overlap((0, 0, 2, 2), (5, 5, 6, 6)) == 0
    one, other = (3, 1, 9, 8), (5, 4, 12, 6)
    cells = [{(x, y) for x in range(b[0], b[2]) for y in range(b[1], b[3])} for b in (one, other)]
    assert overlap(one, other) == pytest.approx(len(cells[0] & cells[1]) / len(cells[0] | cells[1]))


def test_of_boxes_that_mean_the_same_head_the_best_stays() -> None:
    head, near, inside, far = (0, 0, 10, 10), (1, 1, 11, 11), (2, 2, 5, 5), (20, 0, 30, 10)
    found = [Found(near, 0.6), Found(far, 0.5), Found(head, 0.9), Found(inside, 0.7)]
    assert [f.box for f in without_repeats(found)] == [head, far]


def test_a_head_box_is_larger_than_the_cascades_and_higher() -> None:
    assert head_box(100, 100, 100) == pytest.approx((95, 85, 205, 195))


@pytest.fixture(scope="module")
def built_in() -> NetworkDetector:
    return NetworkDetector(*open_published(find_model("faces", kind="detector")))


@pytest.fixture(scope="module")
def detection() -> types.ModuleType:
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("detection", ROOT / "benchmarks" / "detection.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["detection"] = module
    spec.loader.exec_module(module)
    return module


def test_drawn_faces_are_found_and_nothing_else(built_in: NetworkDetector, detection: types.ModuleType) -> None:
    scenes = detection.drawn_scenes(24, seed=1)
    painter = detection.Painter([], seed=2)
    tiles = [painter.tile() for _ in range(30)]
    scores = detection.measure(built_in, scenes, tiles)
    assert scores["found"] >= 0.9
    assert scores["tiles_with_a_box"] <= 0.07


def test_golden_avatars_are_cut_out_whole(built_in: NetworkDetector, tmp_path: Path) -> None:
    avatar = read(ROOT / "tests" / "golden" / "silver-red.png")
    canvas = Image.new("RGB", (700, 500), "#3a6ea5")
    canvas.paste(resize(avatar, 180), (400, 150))
    (tmp_path / "s").mkdir()
    canvas.save(tmp_path / "s" / "a.png")
    counts = crop(tmp_path / "s", tmp_path / "out", built_in, CropOptions(size=64))
    assert counts["one_face"] == 1
    (record,) = read_stage(tmp_path / "out")
    assert record.box is not None
    assert overlap(tuple(map(float, record.box)), (382, 132, 598, 348)) > 0.6  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3), (15, 17), (250, 131)])
def test_pictures_of_any_shape_are_looked_at(built_in: NetworkDetector, size: tuple[int, int]) -> None:
    assert built_in(Image.new("RGB", size, "red"), smallest=30) == []


def test_the_built_in_detector_gives_the_same_in_any_thread(built_in: NetworkDetector, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for number, avatar in enumerate(konomi.draw(count=4, seed=60, size=128)):
        avatar.save(tmp_path / "s" / f"{number}.png")
    for threads in (1, 4):
        crop(tmp_path / "s", tmp_path / str(threads), built_in, CropOptions(size=64), threads=threads)
    assert contents(tmp_path / "1") == contents(tmp_path / "4")


def test_a_generator_is_no_detector() -> None:
    with pytest.raises(ModelError, match="anime-2 is not a detector"):
        NetworkDetector(*open_published(find_model("anime-2")))


def test_without_a_cascade_the_error_says_where_it_is(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    with pytest.raises(FileError, match=r"nagadomi/lbpcascade_animeface \(MIT licence\), sha256 9376d30a"):
        detect.CascadeDetector(tmp_path / "none.xml")
    (tmp_path / "a.xml").write_text("<?xml version='1.0'?><x></x>")
    with pytest.raises(FileError, match="not a cascade that OpenCV can read"):
        detect.CascadeDetector(tmp_path / "a.xml")


def test_opencv_5_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    newer = types.ModuleType("cv2")
    newer.__version__ = "5.0.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cv2", newer)
    with pytest.raises(InputError, match=r"OpenCV 5\.0\.0 has no CascadeClassifier.*headless<5"):
        detect.CascadeDetector(tmp_path / "none.xml")


def test_both_detectors_find_faces_they_never_saw(
    built_in: NetworkDetector, detection: types.ModuleType, shared_data: Path
) -> None:
    pytest.importorskip("cv2")
    cascade = detect.CascadeDetector(shared_data / "lbpcascade_animeface.xml")
    assert cascade.sha256 == detect.CASCADE_SHA256
    painter = detection.Painter(detection.read_faces(shared_data, cascade, most=80))
    scenes, tiles = painter.scenes(40), [painter.tile() for _ in range(20)]
    ours, theirs = (detection.measure(d, scenes, tiles) for d in (built_in, cascade))
    assert ours["found"] >= 0.9
    assert ours["tiles_with_a_box"] <= 0.1
    assert theirs["found"] >= 0.5


def test_the_published_figures_are_those_of_the_benchmark() -> None:
    result = json.loads((ROOT / "benchmarks" / "detection.json").read_text())
    for name in ("faces-1", "cascade"):
        scores = result["detectors"][name]
        for page in ("docs/cropping.md", "src/konomi/models/faces-1.md"):
            text = (ROOT / page).read_text(encoding="utf-8")
            assert f"{scores['found']:.1%}" in text
            assert f"{scores['tiles_with_a_box']:.1%}" in text


# -- the command


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    kept = {k: v for k, v in os.environ.items() if k != "KONOMI_CASCADE"}
    return subprocess.run(
        [sys.executable, "-m", "konomi", *arguments], cwd=cwd, capture_output=True, text=True, check=False,
        env=kept | environment,
    )  # fmt: skip


def test_the_command_crops_a_folder(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    konomi.draw("red hair", seed=3)[0].save(tmp_path / "s" / "a.png")
    done = run("crop", "s", "out", "--size", "96", "--licence", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "out: 1 faces of 1 pictures (0 no face, 1 one face" in done.stdout
    assert read(tmp_path / "out" / "pictures" / "a.png").size == (96, 96)


BAD = [
    (["--detector", "cascade"], 2, "needs --cascade FILE or the variable KONOMI_CASCADE"),
    (["--detector", "cascade", "--cascade", "none.xml"], 3, "there is no cascade file none.xml"),
    (["--detector", "eyes"], 2, "there is no detector 'eyes'. Published: faces-1"),
    (["--detector", "none.onnx"], 4, "there is no model file none.onnx"),
    (["--size", "0"], 2, "size is 0"),
    (["--min-score", "2"], 2, "--min-score"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    draw(tmp_path / "s" / "a.png")
    done = run("crop", "s", "out", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_cascade_is_a_note(tmp_path: Path, shared_data: Path) -> None:
    pytest.importorskip("cv2")
    text = (shared_data / "lbpcascade_animeface.xml").read_text()
    (tmp_path / "other.xml").write_text(text + "<!-- changed -->\n")
    (tmp_path / "s").mkdir()
    for seed in range(4):  # the cascade overlooks some drawn faces
        konomi.draw("red hair", seed=seed)[0].save(tmp_path / "s" / f"{seed}.png")
    done = run("crop", "s", "out", "--detector", "cascade", cwd=tmp_path, KONOMI_CASCADE="other.xml")
    assert done.returncode == 0, done.stderr
    assert "note: other.xml is another cascade than ours" in done.stderr


def test_cropping_loads_neither_torch_nor_opencv() -> None:
    program = (
        "import sys; from konomi.cli.crop import open_detector as a; a('faces'); import konomi.data.cropping.crop;"
        "assert not {'torch', 'cv2', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# -- training


def test_a_target_is_one_at_the_heads_cell_and_gives_its_box() -> None:
    pytest.importorskip("torch")
    from konomi.model.detector import STRIDE, UNIT, target
    from konomi.model.scenes import Head

    found = target([Head(30, 53, 24, 1.0), Head(100, 20, 60, 1.0), Head(80, 80, 24, 0.3)], 144)
    row, column = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert (row, column) == (53 // STRIDE, 30 // STRIDE)
    right, down, size = found.shape[:, row, column]
    assert (column + 0.5 + right) * STRIDE == pytest.approx(30)
    assert (row + 0.5 + down) * STRIDE == pytest.approx(53)
    assert np.exp(size) * UNIT == pytest.approx(24)
    assert (found.heat == 1).sum() == 1
    assert found.weight[20 // STRIDE, 100 // STRIDE] == 0  # between two steps of the pyramid: not asked
    assert found.weight[80 // STRIDE, 80 // STRIDE] == 0  # mostly covered: not asked
    assert found.weight[row, column] == 1


def test_training_repeats_and_its_file_is_a_detector(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from konomi.data.synthetic import Face, paint
    from konomi.model import detector
    from konomi.model.scenes import Composer, Portrait
    from konomi.models import open_network

    dice = np.random.RandomState(0)
    faces = [Face("red", "blue", True, False, False), Face("blue", "green", False, True, True)]
    portraits = [Portrait(paint(face, 96, dice), 48, 46, 80) for face in faces]
    options = detector.DetectorOptions(steps=2, batch=2, window=64, scene=64)
    threads, states = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for _ in range(2):
            composer = Composer(portraits, size=64, seed=1)
            network = detector.train_detector(composer, options, report=lambda text: None)
            states.append(network.state_dict())
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    path = tmp_path / "x.onnx"
    detector.export_detector(network, path, name="x", licence="", options=options)
    assert NetworkDetector(*open_network(path)).name == "x"


def test_scenes_hold_the_heads_that_they_tell_of() -> None:
    pytest.importorskip("torch")
    from konomi.model.scenes import Composer, Portrait

    red = Portrait(Image.new("RGB", (40, 40), "red"), 20, 20, 30)
    composer = Composer([red], size=160, seed=3)
    scenes = [composer.scene() for _ in range(20)]
    assert {pixels.shape for pixels, _ in scenes} == {(160, 160, 3)}
    heads = [head for _, found in scenes for head in found]
    assert len(heads) > 15
    assert all(0 < head.visible <= 1 and head.side >= 9 for head in heads)


def test_bad_training_options_are_told(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from konomi.model.detector import DetectorOptions
    from konomi.model.scenes import choose

    with pytest.raises(KonomiError, match="a multiple of 16"):
        DetectorOptions(window=100)
    with pytest.raises(FileError, match="holds no pictures"):
        choose([tmp_path], 5, "")
