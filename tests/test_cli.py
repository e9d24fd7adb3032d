"""The command line, run as a user runs it."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from konomi import images
from konomi.cli.draw import read_batch
from konomi.errors import InputError
from konomi.schema import load_schema


def run(*arguments: str, cwd: Path, stdin: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [sys.executable, "-m", "konomi", *arguments], cwd=cwd, capture_output=True, input=data, check=False
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def test_draw_writes_pictures_a_sheet_and_what_was_understood(tmp_path: Path) -> None:
    done = run("draw", "a shy girl with long silver hair", "--count", "3", "--size", "64", "--out", "o", cwd=tmp_path)
    assert done.returncode == 0
    assert "hair color silver" in done.stdout
    assert "shy" in done.stdout
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == [
        "avatar-0.png",
        "avatar-1.png",
        "avatar-2.png",
        "sheet.png",
    ]
    assert images.read(tmp_path / "o" / "avatar-0.png").size == (64, 64)


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    done = run(
        "draw", "silver hair with glasses, no hat, quietly", "--json", "--count", "2", "--size", "64", cwd=tmp_path
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 2
    assert rows[0]["condition"] == {"hair_color": "silver", "hat": False, "glasses": True}
    assert rows[1]["seed"] == 1
    assert rows[0]["unused"] == ["quietly"]
    assert {"file", "seed", "model", "condition", "unused", "size", "recipe"} <= set(rows[0])
    assert Path(tmp_path / rows[0]["file"]).is_file()


def test_show_and_from_bring_a_picture_back(tmp_path: Path) -> None:
    run("draw", "--hair-color", "pink", "--no-hat", "--seed", "7", "--size", "64", "--format", "webp", cwd=tmp_path)
    file = tmp_path / "avatars" / "avatar-7.webp"
    shown = run("show", str(file), cwd=tmp_path)
    assert "hair color pink, no hat" in shown.stdout
    again = run("draw", "--from", str(file), "--out", "again", "--json", cwd=tmp_path)
    row = json.loads(again.stdout)
    with Image.open(file) as one, Image.open(tmp_path / "again" / "avatar-7.png") as two:
        assert one.tobytes() == two.tobytes()
    by_code = run("draw", "--from", row["code"], "--out", "code", "--format", "webp", cwd=tmp_path)
    assert by_code.returncode == 0
    assert (tmp_path / "code" / "avatar-7.webp").read_bytes() == file.read_bytes()
    named = run("edit", row["code"], "glasses", "--out", "me.webp", "--json", cwd=tmp_path)
    assert json.loads(named.stdout)["file"] == "me.webp"
    with Image.open(tmp_path / "me.webp") as edited:
        assert edited.format == "WEBP"
    larger = run("draw", "--from", row["code"], "--size", "128", "--out", "large", cwd=tmp_path)
    assert larger.returncode == 0
    assert images.read(tmp_path / "large" / "avatar-7.png").size == (128, 128)


def test_no_metadata_strips_the_recipe(tmp_path: Path) -> None:
    run("draw", "red hair", "--size", "64", "--no-metadata", cwd=tmp_path)
    done = run("show", "avatars/avatar-0.png", cwd=tmp_path)
    assert done.returncode == 3
    assert "carries no Konomi recipe" in done.stderr


def test_batches_come_from_standard_input_and_csv(tmp_path: Path) -> None:
    done = run("draw", "--batch", "-", "--size", "64", "--json", stdin="red hair\n\n銀髪\n", cwd=tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["condition"] for r in rows] == [{"hair_color": "red"}, {"hair_color": "silver"}]
    assert [Path(r["file"]).name for r in rows] == ["0001-0.png", "0002-0.png"]
    (tmp_path / "people.csv").write_text("text,glasses\nblue eyes,yes\n,no\n")
    done = run("draw", "--batch", "people.csv", "--size", "64", "--json", cwd=tmp_path)
    conditions = [json.loads(line)["condition"] for line in done.stdout.splitlines()]
    assert conditions == [{"eye_color": "blue", "glasses": True}, {"glasses": False}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("text,hair\na,b\n", "unknown columns: hair"),
        ("text,glasses\na,perhaps\n", "glasses is 'perhaps'; write yes or no"),
    ],
)
def test_a_wrong_csv_is_told(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        list(read_batch(text, "x.csv", load_schema("anime")))


BAD = [
    (["draw"], 2, "nothing to draw"),
    (["draw", ""], 2, "the description is empty"),
    (["draw", "   "], 2, "the description is empty"),
    (["draw", "red hair", "--hair-color", "purpel"], 2, "Did you mean 'purple'"),
    (["draw", "red hair", "--seed", "-1"], 2, "whole number from 0"),
    (["draw", "red hair", "--seed", "99999999999999999999"], 2, "whole number from 0"),
    (["draw", "red hair", "--seed", "abc"], 2, "Invalid value for '--seed'"),
    (["draw", "red hair", "--hair-colour", "red"], 2, "No such option: --hair-colour"),
    (["drow", "red hair"], 2, "No such command 'drow'"),
    (["draw", "red hair", "--count", "0"], 2, "count is 0"),
    (["draw", "red hair", "--count", "1000000"], 2, "count is 1000000"),
    (["draw", "red hair", "--size", "100"], 2, "size is 100"),
    (["draw", "red hair", "--format", "gif"], 2, "choose one of png, webp"),
    (["draw", "red hair", "--model", "nobody"], 2, "there is no model 'nobody'"),
    (["draw", "red hair", "--model", "broken.onnx"], 4, "not a readable ONNX model"),
    (["draw", "red hair", "--out", "file/below"], 3, "cannot create the folder"),
    (["draw", "red hair", "--count", "2", "--out", "me.png"], 2, "names one file for several pictures"),
    (["draw", "red hair", "--from", "AAAA"], 2, "give either"),
    (["draw", "--from", "AAAA"], 2, "typing error"),
    (["draw", "--from", "none.png"], 3, "cannot read none.png"),
    (["draw", "--from", "plain.png"], 3, "carries no Konomi recipe"),
    (["draw", "--from", "plain.png", "--count", "2"], 2, "--count does not go with it"),
    (["draw", "--batch", "none.txt"], 3, "cannot read none.txt"),
    (["draw", "--batch", "empty.txt"], 2, "holds no descriptions"),
    (["draw", "--batch", "broken.onnx"], 3, "not UTF-8"),
    (["show", "plain.png"], 3, "carries no Konomi recipe"),
    (["show", "NOTACODE"], 2, "typing error"),
    (["train", "none.toml"], 3, "cannot read none.toml"),
    (["export", "nowhere", "x.onnx"], 4, "not a whole checkpoint"),
    (["dataset", "import", "nowhere", "stage"], 3, "cannot read nowhere"),
    (["dataset", "synthetic", "stage", "--count", "0"], 2, "count is 0"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_bad_input_is_one_line_with_its_exit_code(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\xff\xfe not a model")
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "empty.txt").write_text("\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    before = {p.name for p in tmp_path.iterdir()}
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert {p.name for p in tmp_path.iterdir()} == before  # nothing half-written


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "\x00\x1b[31m red",
        "👩‍🦰🎀",
        "девушка с синими волосами",
        "<script>alert(1)</script>",
        "[red]bold[/red]",
    ],
)
def test_strange_text_is_drawn_with_an_honest_warning(tmp_path: Path, text: str) -> None:
    done = run("draw", "--batch", "-", "--size", "64", "--json", stdin=text, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["condition"] in ({}, {"hair_color": "red"}, {"ribbon": True})
    assert row["unused"] or row["notes"] or row["condition"]
    plain = run("draw", text.replace("\x00", ""), "--size", "64", cwd=tmp_path)
    assert plain.returncode == 0
    assert "\x1b" not in plain.stdout


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write to")
def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    done = run("draw", "red hair", "--size", "64", "--out", "/proc/nowhere", cwd=tmp_path)
    assert done.returncode == 3
    assert "cannot create the folder /proc/nowhere" in done.stderr


def test_a_file_that_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    """The system's limit on file sizes stands for a full disk: the write fails in its middle."""
    done = subprocess.run(
        [sys.executable, "-m", "konomi", "draw", "red hair", "--count", "2"],
        cwd=tmp_path, capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000)),
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1
    assert b"cannot write avatars/avatar-0.png: File too large" in done.stderr
    assert list((tmp_path / "avatars").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_no_traceback(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "konomi", "draw", "red hair", "--size", "64"],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["draw"], ["show"], ["models"], ["train"], ["export"], ["dataset", "import"]])
def test_every_command_explains_itself(tmp_path: Path, command: list[str]) -> None:
    done = run(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: " in done.stdout


def test_lists_are_printed(tmp_path: Path) -> None:
    assert "anime-1" in run("models", cwd=tmp_path).stdout
    table = run("attributes", cwd=tmp_path).stdout
    assert "twintails" in table
    assert "ツインテール" in table
    assert run("version", cwd=tmp_path).stdout.strip()
