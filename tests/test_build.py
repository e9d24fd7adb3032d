"""Building a dataset: duplicates go, groups stay together, labels by eye count more."""

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces import face, mirrored, with_another_mouth, write_faces
from konomi.data.building.build import build
from konomi.data.building.mixture import Ingredient, Mixture, read_mixture
from konomi.data.building.split import forced_groups, split_of
from konomi.data.dataset import Dataset, join, load
from konomi.data.synthetic import synthesise
from konomi.data.tagging.labels import Label, append_labels
from konomi.errors import FileError, InputError
from konomi.files import locked, read_json, write_json
from konomi.images import read
from konomi.record import Record, read_stage, stage_settings
from konomi.schema import Schema


@pytest.fixture(autouse=True)
def _no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards have tests of their own; their figures take a second each."""
    monkeypatch.setattr("konomi.data.building.build.write_card", lambda *_, progress: None)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """Ten faces; a0 has a copy, a mirror image and another mouth."""
    pictures = {f"a{i}": face(i) for i in range(10)}
    pictures |= {"b0": face(0), "c0": mirrored(0), "e0": with_another_mouth(face(0))}
    known = {name: {"tags": {"hat": 0.75, "hair_color.red": 0.5, "hair_color.blue": 0.25}} for name in pictures}
    return write_faces(tmp_path / "faces", pictures, **known)


def mixture(*stages: Path, **options: object) -> Mixture:
    return Mixture(tuple(Ingredient(s) for s in stages), **options)  # type: ignore[arg-type]


def by_eye(folder: Path, *rows: tuple[str, ...]) -> Path:
    """A file of labels: rows of picture, tag, value and, where it was not by eye, by what."""
    append_labels(folder / "labels.csv", [Label(*row) for row in rows])
    return folder / "labels.csv"


def by_name(folder: Path) -> dict[str, Record]:
    return {Path(r.file).stem: r for r in read_stage(folder)}


def test_duplicates_go_and_near_ones_share_a_group(stage: Path, tmp_path: Path, schema: Schema) -> None:
    out = tmp_path / "out"
    counts = build(mixture(stage), out)
    found = by_name(out)
    assert set(found) == {f"a{i}" for i in range(10)} | {"e0"}
    assert found["e0"].group == found["a0"].group == "a0"
    assert found["a5"].group == "a5"
    assert counts["duplicates"] == 2
    assert counts["groups"] == 10
    assert sum(counts[s] for s in ("train", "validation", "test")) == counts["pictures"] == 11
    assert read_json(out / "duplicates.json")["groups"][0]["pictures"][1]["duplicate_of"].endswith("pictures/a0.png")
    data = load([out], schema)
    assert np.array_equal(data.pictures[0], np.asarray(face(0)))
    assert not (out / "build.json").exists()


def test_a_group_is_called_after_its_first_picture_by_name(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {"b": face(1), "a": with_another_mouth(face(1))})
    build(mixture(stage), tmp_path / "out")
    assert {r.group for r in read_stage(tmp_path / "out")} == {"a"}


def test_a_group_is_never_parted(tmp_path: Path) -> None:
    pictures = {f"f{i:03}": face(i) for i in range(60)} | {f"g{i:03}": with_another_mouth(face(i)) for i in range(60)}
    build(mixture(write_faces(tmp_path / "s", pictures), validation=0.3, test=0.3), tmp_path / "out")
    records = read_stage(tmp_path / "out")
    assert Counter(r.group for r in records) == {f"f{i:03}": 2 for i in range(60)}
    assert len({(r.group, r.split) for r in records}) == 60
    assert {r.split for r in records} == {"train", "validation", "test"}


def test_a_split_does_not_change_when_pictures_are_added(tmp_path: Path) -> None:
    few, many = ({f"f{i:03}": face(i) for i in range(n)} for n in (20, 40))
    for name, pictures in (("few", few), ("many", many)):
        build(mixture(write_faces(tmp_path / name, pictures), test=0.3), tmp_path / f"{name}-out")
    one, two = by_name(tmp_path / "few-out"), by_name(tmp_path / "many-out")
    assert {name: r.split for name, r in one.items()} == {name: two[name].split for name in one}


def test_splits_have_the_shares_that_were_asked_for() -> None:
    found = Counter(split_of(f"group {i}", validation=0.1, test=0.2) for i in range(20_000))
    assert found["test"] / 20_000 == pytest.approx(0.2, abs=0.01)
    assert found["validation"] / 20_000 == pytest.approx(0.1, abs=0.01)
    for i in range(1000):
        before, after = (split_of(f"group {i}", validation=0.1, test=share) for share in (0.2, 0.3))
        assert before == after or (before, after) == ("train", "test")


def test_forced_names_go_into_test_with_their_whole_group(stage: Path, tmp_path: Path) -> None:
    build(mixture(stage, validation=0, test=0, test_names=("e*", "a7.jpg")), tmp_path / "out")
    found = by_name(tmp_path / "out")
    assert {name for name, r in found.items() if r.split == "test"} == {"a0", "e0", "a7"}


def test_a_removed_duplicate_still_forces_its_group(stage: Path, tmp_path: Path) -> None:
    build(mixture(stage, validation=0, test=0, test_names=("b0",)), tmp_path / "out")
    assert {name for name, r in by_name(tmp_path / "out").items() if r.split == "test"} == {"a0", "e0"}


def test_names_that_no_picture_has_are_counted_and_refused_if_there_are_no_others() -> None:
    names = {"a1": "a1", "a2": "a1", "b": "b"}
    assert forced_groups(["a*", "b.jpg", "zzz", "z?"], names) == ({"a1", "b"}, ["zzz", "z?"])
    assert forced_groups([], names) == (frozenset(), [])
    with pytest.raises(InputError, match="no picture is called 'zzz', which is to be in test, nor any other"):
        forced_groups(["zzz", "z*"], names)


def test_what_a_stage_holds_for_testing_stays_there(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1), "b": face(2)}, b={"split": "test"})
    build(mixture(stage, validation=0, test=0), tmp_path / "out")
    assert {name: r.split for name, r in by_name(tmp_path / "out").items()} == {"a": "train", "b": "test"}


def test_groups_that_a_stage_knew_are_kept_together(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1), "b": face(2)}, a={"group": "sheet"}, b={"group": "sheet"})
    build(mixture(stage), tmp_path / "out")
    assert {r.group for r in read_stage(tmp_path / "out")} == {"a"}


def test_labels_by_eye_replace_estimates_and_count_more(stage: Path, tmp_path: Path, schema: Schema) -> None:
    labels = by_eye(
        tmp_path,
        ("a1.jpg", "hat", "no"),
        ("a1.jpg", "hair_color.green", "yes"),
        ("a2.jpg", "hat", "unsure"),
        ("a3.jpg", "hat", "no", "model"),
        ("zzz.jpg", "hat", "no"),
    )
    source = Ingredient(stage, (labels,), weight=0.25, by_eye_weight=2.0)
    counts = build(Mixture((source,)), tmp_path / "out")
    found = by_name(tmp_path / "out")
    assert found["a1"].tags["hat"] == 0
    assert found["a1"].tags["hair_color.green"] == 1
    assert found["a1"].tags["hair_color.red"] == 0
    assert "hat" not in found["a2"].tags
    assert found["a3"].tags["hat"] == 0.75
    assert found["a1"].weight == 2.0
    assert found["a2"].weight == found["a3"].weight == 0.25
    assert counts["judged"] == 2
    assert counts["unknown_labels"] == 1
    data = load([tmp_path / "out"], schema)
    assert sorted(set(data.trust.tolist())) == [0.25, 2.0]


def test_a_weight_is_the_mean_over_known_attributes(stage: Path, tmp_path: Path) -> None:
    labels = by_eye(tmp_path, ("a1.jpg", "hat", "no"))  # one attribute of two
    build(Mixture((Ingredient(stage, (labels,), weight=0.5, by_eye_weight=1.0),)), tmp_path / "out")
    assert by_name(tmp_path / "out")["a1"].weight == 0.75


def test_a_kept_picture_takes_over_the_labels_of_its_duplicates(stage: Path, tmp_path: Path) -> None:
    labels = by_eye(
        tmp_path,
        ("b0.jpg", "hat", "unsure"),
        ("c0.jpg", "glasses", "yes"),
        ("a0.jpg", "smile", "yes"),
        ("c0.jpg", "smile", "no"),
    )
    build(Mixture((Ingredient(stage, (labels,)),)), tmp_path / "out")
    tags = by_name(tmp_path / "out")["a0"].tags
    assert "hat" not in tags
    assert tags["glasses"] == 1
    assert tags["smile"] == 1  # its own
    assert tags["hair_color.red"] == 0.5


def test_labels_of_other_pictures_are_refused(stage: Path, tmp_path: Path) -> None:
    labels = by_eye(tmp_path, ("zzz.jpg", "hat", "no"))
    with pytest.raises(InputError, match="none of the 1 pictures labelled by eye is in the stage"):
        build(Mixture((Ingredient(stage, (labels,)),)), tmp_path / "out")


def test_of_two_stages_the_larger_picture_is_kept(tmp_path: Path, schema: Schema) -> None:
    small = write_faces(tmp_path / "small", {"a": face(1, 64), "b": face(2, 64)})
    large = write_faces(tmp_path / "large", {"x": face(1, 128), "c": face(3, 128)})
    build(mixture(small, large, size=64), tmp_path / "out")
    found = by_name(tmp_path / "out")
    assert set(found) == {"b", "x", "c"}
    assert found["x"].group == "a"
    told = stage_settings(tmp_path / "out")["sources"]
    assert [s["face_sides"] for s in told] == [{"64": 1}, {"128": 2}]
    assert load([tmp_path / "out"], schema).pictures.shape[1:3] == (64, 64)


def test_pictures_of_one_name_in_two_stages_do_not_collide(tmp_path: Path) -> None:
    stages = [write_faces(tmp_path / str(i), {"a": face(i)}) for i in range(2)]
    build(mixture(*stages), tmp_path / "out")
    assert [r.file for r in read_stage(tmp_path / "out")] == ["pictures/a.png", "pictures/a-2.png"]
    assert {r.group for r in read_stage(tmp_path / "out")} == {"a"}


def test_a_sharp_mixture_enlarges_only_what_is_smaller(tmp_path: Path) -> None:
    synthesise(tmp_path / "small", count=3, size=32)
    synthesise(tmp_path / "large", count=3, size=128, seed=5)
    sides = []

    def enlarge(picture: Image.Image, size: int) -> Image.Image:
        sides.append((picture.width, size))
        return Image.new("RGB", (size, size), "red")

    mixture = Mixture(
        (Ingredient(tmp_path / "small"), Ingredient(tmp_path / "large")), size=64, sharp=True, validation=0, test=0
    )
    build(mixture, tmp_path / "out", enlarge=enlarge)
    assert set(sides) == {(32, 64)}
    red = [p for p in (tmp_path / "out" / "pictures").iterdir() if read(p).getpixel((0, 0)) == (255, 0, 0)]
    assert len(red) == len(sides) == 3
    with pytest.raises(InputError, match="a sharp mixture needs super-resolution"):
        build(mixture, tmp_path / "other")


def test_sizes_that_differ_need_one_size(tmp_path: Path, schema: Schema) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1, 64), "b": face(2, 96)})
    with pytest.raises(InputError, match="64, 96 px; give one size, such as 64"):
        build(mixture(stage), tmp_path / "out")
    with pytest.raises(InputError, match=r"a\.png has 64x64 pixels and pictures/b\.png 96x96"):
        load([stage], schema)


def test_a_picture_that_is_not_square_is_named(tmp_path: Path) -> None:
    stage = write_faces(tmp_path / "s", {"a": face(1), "b": face(2).resize((64, 80))})
    with pytest.raises(InputError, match=r"b\.png has 64x80 pixels; a dataset is of squares"):
        build(mixture(stage, size=64), tmp_path / "out")


def test_left_out_letters_are_not_taken(stage: Path, tmp_path: Path) -> None:
    build(mixture(stage, leave_out="bce"), tmp_path / "out")
    assert set(by_name(tmp_path / "out")) == {f"a{i}" for i in range(10)}
    with pytest.raises(FileError, match="all 13 pictures"):
        build(mixture(stage, leave_out="abce"), tmp_path / "none")


def test_a_stopped_build_goes_on(stage: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", []

    def stop(items, _total, *, what):  # type: ignore[no-untyped-def]
        seen.append(what)
        for number, item in enumerate(items):
            if what == "storing" and number == 4:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        build(mixture(stage, size=32), out, progress=stop)
    times = {p.name: p.stat().st_mtime_ns for p in (out / "pictures").iterdir()}
    assert len(times) == 4
    with pytest.raises(FileError, match=r"no stage\.json"):
        read_stage(out)
    with pytest.raises(InputError, match="was being built of something else"):
        build(mixture(stage, size=16), out)

    def watch(items, _total, *, what):  # type: ignore[no-untyped-def]
        seen.append(what)
        return items

    seen.clear()
    build(mixture(stage, size=32), out, progress=watch)
    assert "hashing" not in seen  # the fingerprints were kept
    assert all((out / "pictures" / name).stat().st_mtime_ns == time for name, time in times.items())
    build(mixture(stage, size=32), tmp_path / "at-once")
    assert read_stage(out) == read_stage(tmp_path / "at-once")


def test_two_runs_at_once_are_refused(stage: Path, tmp_path: Path) -> None:
    started, end = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "out"):
            started.set()
            end.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    started.wait(10)
    try:
        with pytest.raises(FileError, match="another run is working"):
            build(mixture(stage), tmp_path / "out")
    finally:
        end.set()
        other.join()


def test_a_finished_stage_and_a_source_are_not_overwritten(stage: Path, tmp_path: Path) -> None:
    build(mixture(stage), tmp_path / "out")
    with pytest.raises(InputError, match="already a finished stage"):
        build(mixture(stage), tmp_path / "out")
    with pytest.raises(InputError, match="one of the stages it would be built from"):
        build(mixture(stage), stage)


@pytest.mark.parametrize(
    ("change", "told"), [({"format": 99}, "has format 99"), ({"schema_hash": "other"}, "another schema")]
)
def test_a_stage_of_another_version_is_refused(
    stage: Path, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    write_json(stage / "stage.json", stage_settings(stage) | change)
    with pytest.raises(FileError, match=told):
        build(mixture(stage), tmp_path / "out")


def test_a_recipe_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('size = 64\ntest = 0\n[[source]]\nstage = "s"\nlabels = ["l.csv"]\nweight = 1\n')
    found = read_mixture(path)
    assert found.sources == (Ingredient(Path("s"), (Path("l.csv"),), 1.0),)
    assert found.test == 0.0
    names = tmp_path / "names.txt"
    names.write_text("# held back\na1\n\ne*\n")
    path.write_text(f'test_names = "{names}"\n[[source]]\nstage = "s"\n[thresholds]\nnear = 90\n')
    found = read_mixture(path)
    assert found.test_names == ("a1", "e*")
    assert found.thresholds.near == 90


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[source]]\nstage = "s"\nwieght = 2', "no key 'wieght'. Did you mean 'weight'?"),
        ('seize = 4\n[[source]]\nstage = "s"', "no key 'seize'. Did you mean 'size'?"),
        ("size = 64", "lacks source"),
        ('[source]\nstage = "s"', "two brackets"),
        ('[[source]]\nweight = "1"\nstage = "s"', r"\[\[source\]\] 1: weight is '1'; it must be a number"),
        ('[[source]]\nstage = "s"\nweight = -1', "s: weight is -1.0; it must be 0 or more"),
        ('test = 0.6\nvalidation = 0.5\n[[source]]\nstage = "s"', "together below 1"),
        ('size = 4\n[[source]]\nstage = "s"', "size is 4"),
        ('size = \n[[source]]\nstage = "s"', "not valid TOML"),
        ('[[source]]\nlabels = ["l"]', r"\[\[source\]\] 1 lacks stage"),
        ('test_names = "none.txt"\n[[source]]\nstage = "s"', "cannot read none.txt"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises((InputError, FileError), match=told):
        read_mixture(tmp_path / "r.toml")


def test_a_dataset_has_trust_where_nobody_said(schema: Schema) -> None:
    pictures, weights = np.zeros((3, 8, 8, 3), np.uint8), np.zeros((3, len(schema.slots)), np.float32)
    data = Dataset(schema, ("a", "b", "c"), pictures, weights)
    assert data.trust.tolist() == [1, 1, 1]
    weighed = Dataset(schema, ("a", "b", "c"), pictures, weights, np.array([0.5, 1, 2], np.float32))
    assert weighed.part(np.array([True, False, True])).trust.tolist() == [0.5, 2]
    assert len(weighed.part(np.zeros(3, bool)).trust) == 0


def test_one_split_is_read_alone(stage: Path, tmp_path: Path, schema: Schema) -> None:
    build(mixture(stage, validation=0, test=0, test_names=("a7",)), tmp_path / "out")
    assert load([tmp_path / "out"], schema, split="test").names == ("a7",)
    assert len(load([tmp_path / "out"], schema, split="train")) == 10
    with pytest.raises(InputError, match="no pictures in the split 'validation'; it has test, train"):
        load([tmp_path / "out"], schema, split="validation")
    with pytest.raises(InputError, match="it is not split: konomi dataset build"):
        load([stage], schema, split="train")


def test_untagged_pictures_are_left_unread_where_tags_are_needed(tmp_path: Path, schema: Schema) -> None:
    tags = {"hat": 1.0}
    stage = write_faces(tmp_path / "s", {"a": face(1), "b": face(2), "c": face(3)}, a={"tags": tags}, c={"tags": tags})
    (stage / "pictures" / "b.png").write_bytes(b"not a picture")
    assert load([stage], schema, tagged=True).names == ("a", "c")
    with pytest.raises(FileError):
        load([stage], schema)
    bare = write_faces(tmp_path / "bare", {"a": face(1)}, a={"tags": {}})
    with pytest.raises(InputError, match="bare has no pictures with tags"):
        load([stage, bare], schema, tagged=True)


def test_parts_are_joined_one_after_the_other(schema: Schema) -> None:
    pictures, weights = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3), np.zeros((1, len(schema.slots)), np.float32)
    one = Dataset(schema, ("a",), pictures, weights)
    two = Dataset(schema, ("b",), pictures + 1, weights + 1, np.array([0.5], np.float32))
    both = join([one, two])
    assert both.names == ("a", "b")
    assert both.trust.tolist() == [1, 0.5]
    np.testing.assert_array_equal(both.pictures[1], pictures[0] + 1)
    np.testing.assert_array_equal(both.weights[1], weights[0] + 1)
    with pytest.raises(InputError, match="pictures of 4, 8 px"):
        join([one, Dataset(schema, ("c",), pictures[:, :4, :4], weights)])


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "konomi", "dataset", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.usefixtures("stage")
def test_the_command_builds_from_stages_or_a_recipe(tmp_path: Path) -> None:
    done = run("build", "faces", "one", "--test", "0", "--weight", "0.5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "11 pictures, 10 groups" in done.stdout
    assert (tmp_path / "one" / "card.md").is_file()
    (tmp_path / "r.toml").write_text('test = 0\n[[source]]\nstage = "faces"\nweight = 0.5\n')
    assert run("build", "r.toml", "two", cwd=tmp_path).returncode == 0
    assert read_stage(tmp_path / "one") == read_stage(tmp_path / "two")
    refused = run("build", "r.toml", "three", "--weight", "1", cwd=tmp_path)
    assert refused.returncode == 2
    assert "leave --weight away" in refused.stderr
    near = run("build", "faces", "five", "--near", "0", cwd=tmp_path)
    assert "11 pictures, 11 groups, 1 largest group" in near.stdout
    both = run("build", "r.toml", "faces", "four", cwd=tmp_path)
    assert "give it alone" in both.stderr
