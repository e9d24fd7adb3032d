"""Duplicates: what is the same, what is near, what is neither, and which one is kept."""

import io
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faces import face, mirrored, with_another_mouth, write_faces
from konomi.data.building.duplicate_sheet import draw_groups
from konomi.data.building.duplicates import Likeness, choose, join, report, stage_likeness
from konomi.data.building.fingerprints import BITS, Fingerprints, fingerprint, fingerprints
from konomi.data.building.pairs import Thresholds, find_pairs, largest_difference
from konomi.errors import FileError, InputError
from konomi.files import read_json
from konomi.record import write_stage

THRESHOLDS = Thresholds()


def likeness(folder: Path, pictures: dict[str, Image.Image]) -> Likeness:
    return stage_likeness(write_faces(folder, pictures), THRESHOLDS)[1]


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def test_different_pictures_stand_alone(tmp_path: Path) -> None:
    found = likeness(tmp_path / "s", {f"f{i}": face(i) for i in range(40)})
    assert found.pairs == []
    assert found.groups == []
    assert found.counts()["largest_group"] == 1


def test_the_same_bytes_and_the_same_pixels_are_told_apart(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1), "b": face(1), "c": face(1)})
    path = stage / "pictures" / "c.png"
    face(1).save(path, compress_level=0)
    rows = [path.with_stem(name) for name in "abc"]
    hashes = ["one", "one", "other"]
    pairs = find_pairs(fingerprints(rows), hashes, rows, THRESHOLDS)
    assert [(p.first, p.second, p.same) for p in pairs] == [(0, 1, "bytes"), (0, 2, "pixels"), (1, 2, "pixels")]
    assert all(p.duplicate and p.difference == 0 for p in pairs)


@pytest.mark.parametrize(
    "change",
    [lambda p: as_jpeg(p, 80), lambda p: p.resize((96, 96), Image.Resampling.BICUBIC), lambda p: p.point(lambda v: v)],
    ids=["compressed", "enlarged", "equal"],
)
def test_another_compression_or_size_is_a_duplicate(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    found = likeness(tmp_path / "s", {"a": face(1), "b": change(face(1)), "c": face(2)})
    assert found.groups == [[0, 1]]
    assert len(found.removed) == 1


def test_a_mirror_image_is_a_duplicate(tmp_path: Path) -> None:
    found = likeness(tmp_path / "s", {"a": face(1), "b": mirrored(1), "c": as_jpeg(mirrored(1), 85)})
    assert found.groups == [[0, 1, 2]]
    reasons = {(p.first, p.second): p.reason for p in found.pairs}
    assert reasons[0, 1] == "same pixels, mirrored"
    assert "mirrored, largest difference" in reasons[0, 2]
    assert "mirrored" not in reasons[1, 2]
    assert len(found.removed) == 2


def test_a_compressed_mirror_image_is_a_duplicate_too(tmp_path: Path) -> None:
    found = likeness(tmp_path / "s", {"a": face(1), "b": as_jpeg(mirrored(1), 85)})
    assert [(p.mirrored, p.duplicate) for p in found.pairs] == [(True, True)]


def made_up(bits: np.ndarray, mirrored_bits: np.ndarray) -> Fingerprints:
    names = np.array(list("abcdef")[: len(bits)])
    return Fingerprints(names, names, bits, mirrored_bits, np.full((len(bits), 2), 64), np.zeros(len(bits)))


def test_of_straight_and_mirrored_the_nearer_counts() -> None:
    bits, mirrored_bits = np.zeros((2, BITS), bool), np.zeros((2, BITS), bool)
    bits[1, :50] = mirrored_bits[1, :10] = True
    (pair,) = find_pairs(made_up(bits, mirrored_bits), list("ab"), [Path("a"), Path("b")], Thresholds(duplicate=0))
    assert pair.reason == "perceptual distance 10, mirrored"


def test_the_thresholds_belong_to_what_is_near() -> None:
    bits = np.zeros((3, BITS), bool)
    bits[1, : THRESHOLDS.near] = bits[2, : THRESHOLDS.near + 1] = True
    pairs = find_pairs(made_up(bits, ~bits), list("abc"), [Path(name) for name in "abc"], Thresholds(duplicate=0))
    assert [(p.first, p.second, p.distance) for p in pairs] == [(0, 1, THRESHOLDS.near), (1, 2, 1)]


def test_another_mouth_is_near_but_no_duplicate(tmp_path: Path) -> None:
    found = likeness(tmp_path / "s", {"a": face(1), "b": with_another_mouth(face(1))})
    assert found.groups == [[0, 1]]
    assert found.choices == []
    assert found.pairs[0].difference is not None
    assert found.pairs[0].difference > THRESHOLDS.difference


def test_another_colour_is_near_but_no_duplicate(tmp_path: Path) -> None:
    red, green, blue = face(1).split()
    found = likeness(tmp_path / "s", {"a": face(1), "b": Image.merge("RGB", (red, green.point(lambda v: v), red))})
    assert blue  # the picture has one
    assert found.choices == []


def test_distances_are_those_of_bits_counted_one_by_one(tmp_path: Path) -> None:
    pictures = [face(1), with_another_mouth(face(1)), mirrored(1), as_jpeg(face(1), 30), face(5)]
    rows = [fingerprint(p) for p in pictures]
    paths = [tmp_path / f"{i}.png" for i in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        picture.save(path)
    found = {(p.first, p.second): p.distance for p in find_pairs(fingerprints(paths), list("abcde"), paths, THRESHOLDS)}
    expected = {}
    for (i, one), (j, other) in itertools.combinations(enumerate(rows), 2):
        straight = sum(bool(a != b) for a, b in zip(one[2], other[2], strict=True))
        turned = sum(bool(a != b) for a, b in zip(one[2], other[3], strict=True))
        if min(straight, turned) <= THRESHOLDS.near:
            expected[i, j] = min(straight, turned)
    assert found == expected
    assert len(found) >= 6


def test_the_largest_difference_is_that_of_the_definition() -> None:
    dice = np.random.RandomState(0)
    one, other = (dice.randint(0, 256, (7, 8, 3), dtype=np.uint8) for _ in range(2))
    difference = one.astype(float) - other
    expected = max(
        abs(difference[y : y + 3, x : x + 3, c].mean()) for y in range(5) for x in range(6) for c in range(3)
    )
    assert largest_difference(Image.fromarray(one), Image.fromarray(other)) == pytest.approx(expected)


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
@settings(deadline=None)
def test_groups_are_what_can_be_reached(count: int, links: list[tuple[int, int]]) -> None:
    links = [(a % count, b % count) for a, b in links]
    reached = {i: {i} for i in range(count)}
    for _ in range(count):
        for a, b in links:
            reached[a] = reached[b] = reached[a] | reached[b]
        for i in range(count):
            reached[i] = set().union(*(reached[j] for j in reached[i]))
    expected = sorted({tuple(sorted(group)) for group in reached.values() if len(group) > 1})
    assert sorted(map(tuple, join(count, links))) == expected


def prints(sharpness: list[float]) -> Fingerprints:
    count = len(sharpness)
    text, bits, sizes = np.array(["x"] * count), np.zeros((count, BITS), bool), np.full((count, 2), 64)
    return Fingerprints(text, text, bits, bits, sizes, np.array(sharpness))


@pytest.mark.parametrize(
    ("resolution", "sharpness", "names", "kept", "reason"),
    [
        ([64, 96, 64], [9.0, 1.0, 5.0], "abc", 1, "larger: 96 px, the next has 64"),
        ([96, 96, 64], [3.0, 4.5, 9.0], "abc", 1, "sharper: 4.50, the next has 3.00"),
        ([64, 64, 64], [2.0, 2.0, 2.0], "bac", 1, "first by name"),
    ],
)
def test_the_larger_then_the_sharper_then_the_first_is_kept(
    resolution: list[int], sharpness: list[float], names: str, kept: int, reason: str
) -> None:
    choice = choose([0, 1, 2], prints(sharpness), resolution, names)
    assert (choice.kept, choice.reason) == (kept, reason)
    assert set(choice.removed) == {0, 1, 2} - {kept}


def test_the_report_says_what_is_kept_and_why(tmp_path: Path) -> None:
    stage = write_faces(
        tmp_path / "s", {"a": face(1), "b": face(1, 96), "c": with_another_mouth(face(1)), "d": face(2)}
    )
    records, found = stage_likeness(stage, THRESHOLDS)
    told = report(records, found, THRESHOLDS)
    (group,) = told["groups"]
    assert group["name"] == "a"
    assert group["pictures"] == [
        {"file": "pictures/a.png", "duplicate_of": "pictures/b.png"},
        {"file": "pictures/b.png", "kept": "larger: 96 px, the next has 64"},
        {"file": "pictures/c.png"},
    ]
    assert [pair["duplicate"] for pair in group["pairs"]] == [True, False, False]
    sheet = draw_groups(stage, records, found)
    colours = {sheet.getpixel((14 + i * 104 + 1, 14 + 14 + 1)) for i in range(3)}
    assert colours == {(215, 25, 28), (26, 150, 65), (200, 200, 200)}


def test_a_huge_group_fits_the_sheet(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {f"f{i:02}": face(1) for i in range(40)})
    records, found = stage_likeness(stage, THRESHOLDS)
    assert draw_groups(stage, records, found).size == (1600, 14 + 14 + 104 + 14)


def test_fingerprints_are_kept_and_read_again(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        face(i).save(path)
    seen: list[str] = []

    def watch(items, _total, *, what):  # type: ignore[no-untyped-def]
        seen.append(what)
        return items

    first = fingerprints(paths, store=tmp_path / "kept.npz", progress=watch)
    again = fingerprints(paths, store=tmp_path / "kept.npz", progress=watch)
    assert seen == ["hashing"]
    assert all(np.array_equal(a, b) for a, b in zip(vars(first).values(), vars(again).values(), strict=True))
    face(9).save(paths[0])
    changed = fingerprints(paths, store=tmp_path / "kept.npz", progress=watch)
    assert changed.pixels[0] != first.pixels[0]


def test_thresholds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="near is 10 and duplicate is 20: 0 <= duplicate <= near < 256"):
        Thresholds(near=10, duplicate=20)


def test_an_empty_stage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    write_stage(tmp_path / "s", [], {"stage": "import"})
    with pytest.raises(FileError, match="holds no pictures"):
        stage_likeness(tmp_path / "s", THRESHOLDS)


def test_the_command_writes_a_report_and_a_sheet(tmp_path: Path) -> None:
    write_faces(tmp_path / "s", {"a": face(1), "b": mirrored(1), "c": face(2)})
    done = subprocess.run(
        [sys.executable, "-m", "konomi", "dataset", "duplicates", "s", "--out", "look"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 pictures, 1 groups, 2 in groups" in done.stdout
    assert "1 duplicates" in done.stdout
    assert sorted(p.name for p in (tmp_path / "look").iterdir()) == ["duplicates.json", "duplicates.png"]
    assert (
        read_json(tmp_path / "look" / "duplicates.json")["groups"][0]["pairs"][0]["reason"] == "same pixels, mirrored"
    )
