"""From a folder, a CSV or a site's description to a stage folder: what needs no web. The web is in test_crawl."""

import errno
import io
import json
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from konomi.cli.collect import number_of_bytes
from konomi.data.collecting.collect import collect
from konomi.data.collecting.examine import Refused, examine
from konomi.data.collecting.frontier import Limits, Outcome
from konomi.data.collecting.journal import Journal, read_journal
from konomi.data.collecting.manners import Manners, addresses_of, directives, is_public
from konomi.data.collecting.site import Site, read_site
from konomi.data.collecting.sources import COLUMNS, read_urls
from konomi.errors import FileError, InputError
from konomi.files import locked
from konomi.record import read_stage, stage_settings

ROOT = Path(__file__).parents[1]
NOISE = Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 50, 3), dtype=np.uint8))


def encoded(picture: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def plain(number: int, size: int = 16) -> bytes:
    return encoded(Image.new("RGB", (size, size), (number % 256, number // 256, 7)))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "drawings"
    (folder / "more" / "deeper").mkdir(parents=True)
    for number in range(4):
        (folder / "more" / f"{number}.png").write_bytes(plain(number))
    (folder / "again.png").write_bytes(plain(1))
    (folder / "more" / "deeper" / "really-a-jpeg.png").write_bytes(encoded(NOISE, "JPEG"))
    (folder / "notes.jpg").write_text("<html>no picture")
    (folder / "empty.png").touch()
    (folder / ".hidden.png").write_bytes(plain(9))
    return folder


def facts(stage: Path) -> list[tuple[str, str, str]]:
    return [(r.source, r.file, r.sha256) for r in read_stage(stage)]


def reasons(stage: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (stage / "refused.jsonl").read_text().splitlines()]
    return {row["url"].rpartition(":")[2].rpartition("/")[2]: row["reason"] for row in rows}


def test_a_folder_becomes_a_stage_of_its_original_files(pictures: Path, tmp_path: Path) -> None:
    counts = collect(pictures, tmp_path / "stage", licence="CC0-1.0")
    assert (counts["pictures"], counts["duplicates"]) == (5, 1)
    assert counts["refused"] == {"empty": 1, "hidden": 1, "not_a_picture": 1}
    records = read_stage(tmp_path / "stage")
    assert [r.source for r in records] == sorted(r.source for r in records)
    for record in records:
        assert record.file.startswith(f"pictures/{record.sha256[:32]}.")
        assert record.licence == "CC0-1.0"
        assert record.time.endswith("Z")
        original = pictures / record.source.partition(":")[2]
        assert (tmp_path / "stage" / record.file).read_bytes() == original.read_bytes()
    assert {r.source: Path(r.file).suffix for r in records}["drawings:more/deeper/really-a-jpeg.png"] == ".jpg"
    assert reasons(tmp_path / "stage") == {".hidden.png": "hidden", "empty.png": "empty", "notes.jpg": "not_a_picture"}
    kept = {f"pictures/{p.name}" for p in (tmp_path / "stage" / "pictures").iterdir()}
    assert kept == {r.file for r in records}
    assert stage_settings(tmp_path / "stage")["counts"] == counts
    sources = [json.loads(line) for line in (tmp_path / "stage" / "journal.jsonl").read_text().splitlines()]
    twice = records[0].sha256  # again.png, first by name
    assert [row["url"] for row in sources if row.get("sha256") == twice] == [
        "drawings:again.png", "drawings:more/1.png",
    ]  # fmt: skip


def killed_after(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the journal take so many lines and die at the next, in the middle of it."""
    add, left = Journal.add, [lines]

    def dying(self: Journal, outcome: Outcome) -> None:
        left[0] -= 1
        if left[0] < 0:
            with self.path.open("ab") as file:
                file.write(b'{"kind": "picture", "name": "torn')
            raise KeyboardInterrupt
        add(self, outcome)

    monkeypatch.setattr(Journal, "add", dying)


def test_a_run_killed_anywhere_ends_as_one_never_killed(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(pictures, tmp_path / "calm", limits=Limits(max_pictures=4))
    for lines in (0, 3, 2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            killed_after(lines, patch)
            collect(pictures, tmp_path / "wild", limits=Limits(max_pictures=4))
        with pytest.raises(FileError, match=r"no stage\.json"):
            read_stage(tmp_path / "wild")
    before = read_journal(tmp_path / "wild" / "journal.jsonl")
    assert len(before) == 5
    collect(pictures, tmp_path / "wild", limits=Limits(max_pictures=4))
    assert facts(tmp_path / "wild") == facts(tmp_path / "calm")
    assert stage_settings(tmp_path / "wild") == stage_settings(tmp_path / "calm")
    after = read_journal(tmp_path / "wild" / "journal.jsonl")
    assert {key: after[key] for key in before} == before  # times, too


def test_a_picture_that_is_gone_or_cut_is_fetched_again(pictures: Path, tmp_path: Path) -> None:
    collect(pictures, tmp_path / "stage")
    first, second, *_ = read_stage(tmp_path / "stage")
    (tmp_path / "stage" / "stage.json").unlink()
    (tmp_path / "stage" / first.file).unlink()
    (tmp_path / "stage" / second.file).write_bytes(b"cut")
    collect(pictures, tmp_path / "stage")
    for record in (first, second):
        original = pictures / record.source.partition(":")[2]
        assert (tmp_path / "stage" / record.file).read_bytes() == original.read_bytes()


def test_a_full_disk_is_told_and_the_next_run_goes_on(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync
    for good, told in ((0, r"cannot write .*\.png: No space left"), (1, r"journal\.jsonl: No space left")):
        calls = iter([*[fsync] * good, None])

        def filling(number: int, calls: Iterator[Any] = calls) -> None:
            if (real := next(calls)) is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(number)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", filling)
            with pytest.raises(FileError, match=told):
                collect(pictures, tmp_path / "stage")
        assert len(list((tmp_path / "stage" / "pictures").iterdir())) == good
        assert read_journal(tmp_path / "stage" / "journal.jsonl") == {}
    assert collect(pictures, tmp_path / "stage")["pictures"] == 5


def test_a_line_cut_off_by_the_system_is_not_kept(tmp_path: Path) -> None:
    """The system's limit on file sizes stands for a full disk."""
    program = """if True:
        import resource, sys
        from konomi.data.collecting.frontier import Outcome
        from konomi.data.collecting.journal import Journal, read_journal
        from konomi.errors import FileError
        from pathlib import Path
        path = Path(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (250, 250))
        with Journal(path) as journal:
            try:
                for i in range(9):
                    journal.add(Outcome("picture", str(i), "http://example.org/" + "x" * 40))
            except FileError as error:
                print(error)
        assert path.read_bytes().endswith(b"}\\n"), path.read_bytes()
        print(len(read_journal(path)))
    """
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "j")], capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"cannot write {tmp_path / 'j'}: File too large", "2"], done.stderr


def test_two_runs_do_not_share_a_folder(pictures: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "stage"), pytest.raises(FileError, match="another run is working"):
        collect(pictures, tmp_path / "stage")


def test_limits_on_pictures_and_bytes_stop_in_order(pictures: Path, tmp_path: Path) -> None:
    whole = collect(pictures, tmp_path / "all")
    assert whole["stopped_by"] == ""
    three = collect(pictures, tmp_path / "three", limits=Limits(max_pictures=3))
    assert (three["pictures"], three["stopped_by"]) == (3, "max_pictures")
    sizes = [p.stat().st_size for p in (tmp_path / "all" / "pictures").iterdir()]
    small = collect(pictures, tmp_path / "small", limits=Limits(max_bytes=sum(sizes) - 1))
    assert (small["pictures"], small["stopped_by"]) == (4, "max_bytes")
    assert small["bytes"] < sum(sizes)
    light = collect(pictures, tmp_path / "light", limits=Limits(max_file_bytes=1000))
    assert (light["pictures"], light["refused"]["too_large"]) == (4, 1)


def test_files_that_are_no_files_and_strange_names_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "a.png").write_bytes(plain(1))
    os.mkfifo(folder / "pipe.png")
    (folder / "dangling.png").symlink_to("nowhere")
    (folder / "銀髪\n.png").write_bytes(plain(2))
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.png")).write_bytes(plain(3))
    counts = collect(folder, tmp_path / "stage")
    assert counts["refused"] == {"hidden": 1, "not_a_file": 2}
    assert [r.source for r in read_stage(tmp_path / "stage")] == ["odd:\\xff\\xfe.png", "odd:銀髪 .png"]


def test_what_cannot_be_collected_is_told(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    for source, out, error, told in [
        (tmp_path / "nowhere", "s", FileError, "cannot read .*nowhere: No such file"),
        (tmp_path / "other" / "mine.txt", "s", InputError, "is no source; give a folder, a .csv"),
        (tmp_path / "nothing", "s", FileError, "nothing is empty"),
        (tmp_path / "text", "s1", FileError, "no picture was taken; .*refused.jsonl says why: not_a_picture 1"),
        (pictures, "other", InputError, "holds other files; choose a new folder"),
        (pictures, "drawings/stage", InputError, "lies inside"),
    ]:
        with pytest.raises(error, match=told):
            collect(source, tmp_path / out)
    assert not (tmp_path / "s").exists()
    assert not (pictures / "stage").exists()


def test_a_stage_is_finished_once_and_goes_on_as_it_was_begun(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        killed_after(2, patch)
        collect(pictures, tmp_path / "stage")
    with pytest.raises(InputError, match="was begun with max_pictures None, not 2"):
        collect(pictures, tmp_path / "stage", limits=Limits(max_pictures=2))
    collect(pictures, tmp_path / "stage")
    with pytest.raises(InputError, match="already a finished stage"):
        collect(pictures, tmp_path / "stage")
    assert collect(pictures, tmp_path / "stage", retry=True)["pictures"] == 5


def test_what_failed_for_a_passing_reason_is_tried_again_when_asked(pictures: Path, tmp_path: Path) -> None:
    collect(pictures, tmp_path / "stage", limits=Limits(max_pictures=4))
    path = tmp_path / "stage" / "journal.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row, reason in zip(rows, ("timeout", "status_503", "status_404"), strict=False):
        row["reason"] = reason
        row.pop("sha256", "")
        row.pop("file", "")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    collect(pictures, tmp_path / "stage", limits=Limits(max_pictures=4), retry=True)
    again = {row["name"]: row for row in map(json.loads, path.read_text().splitlines())}
    assert [again[row["name"]].get("reason") for row in rows[:3]] == [None, "empty", "status_404"]


def test_a_damaged_journal_is_told(pictures: Path, tmp_path: Path) -> None:
    collect(pictures, tmp_path / "stage")
    (tmp_path / "stage" / "stage.json").unlink()
    path = tmp_path / "stage" / "journal.jsonl"
    path.write_text("{}\n" + path.read_text())
    with pytest.raises(FileError, match=r"journal\.jsonl, line 1 is not an outcome"):
        collect(pictures, tmp_path / "stage")


# what is a picture


FORMATS = [
    ("PNG", {}, "png"),
    ("JPEG", {}, "jpg"),
    ("JPEG", {"progressive": True}, "jpg"),
    ("WEBP", {}, "webp"),
    ("WEBP", {"lossless": True}, "webp"),
    ("GIF", {}, "gif"),
    ("BMP", {}, "bmp"),
]


@pytest.mark.parametrize(("file_format", "options", "extension"), FORMATS, ids=lambda v: str(v))
def test_whole_pictures_are_taken_and_cut_ones_refused(
    file_format: str, options: dict[str, Any], extension: str
) -> None:
    data = encoded(NOISE, file_format, **options)
    found = examine(data)
    assert (found.extension, found.width, found.height) == (extension, 50, 40)
    assert examine(data + b"trailing bytes").extension == extension
    for length in [*range(12, len(data), 97), len(data) - 40, len(data) - 3]:
        with pytest.raises(Refused, match="broken"):
            examine(data[:length])


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_hostile_bytes_are_refused_and_never_anything_else(file_format: str) -> None:
    dice = np.random.RandomState(1)
    data = encoded(NOISE, file_format)
    for _ in range(100):
        changed = bytearray(data)
        for place in dice.randint(0, len(data), dice.choice([1, 3, 30])):
            changed[place] = dice.randint(256)
        try:
            examine(bytes(changed))
        except Refused as refused:
            assert refused.reason in {"broken", "not_a_picture", "too_wide", "too_many_pixels", "animated"}


def animated(file_format: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    return encoded(frames[0], file_format, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html><body>", "not_a_picture"),
        (b"%PDF-1.7", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (encoded(NOISE, "TIFF"), "other_format"),
        (encoded(Image.new("1", (20_001, 2))), "too_wide"),
        (encoded(Image.new("1", (9_000, 9_000))), "too_many_pixels"),
        (encoded(Image.new("1", (19_000, 19_000))), "too_many_pixels"),
        (animated("GIF"), "animated"),
        (animated("WEBP"), "animated"),
        (animated("PNG"), "animated"),
    ],
    ids=["empty", "html", "pdf", "svg", "tiff", "wide", "large", "bomb", "gif", "webp", "apng"],
)
def test_what_is_no_usable_picture_is_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        examine(data)
    assert caught.value.reason == reason
    assert caught.value.detail


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("konomi.data.collecting.examine.decode", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(Refused, match="too_many_pixels"):
        examine(encoded(Image.new("1", (9_000, 9_000))))


@pytest.mark.parametrize(
    "data",
    [
        encoded(NOISE.convert("CMYK"), "JPEG"),
        encoded(Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50) * 30)),
        encoded(NOISE.convert("RGBA")),
        encoded(NOISE.convert("P")),
        encoded(NOISE.convert("L"), "JPEG"),
    ],
    ids=["CMYK", "16 bits", "alpha", "palette", "gray"],
)
def test_pictures_of_every_mode_are_taken(data: bytes) -> None:
    assert examine(data).width == 50


# sources


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_tells_addresses_licences_and_years(tmp_path: Path) -> None:
    path = write(
        tmp_path / "u.csv",
        "\ufeffURL,License,year,title,source\n"
        "http://example.org/1.png,CC0-1.0,2001,Ｏne,http://example.org/one\n\n"
        "http://example.org/2.png,,,,\n",
    )
    first, second = read_urls(path, "unknown")
    assert (first.licence, first.year, first.title, first.page) == ("CC0-1.0", 2001, "Ｏne", "http://example.org/one")
    assert (second.licence, second.year) == ("unknown", None)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("", FileError, "has no column 'url'. Columns: none"),
        ("adress\nx\n", FileError, "has no column 'url'. Columns: adress"),
        ("url,licens\nx,y\n", InputError, "no column 'licens'. Did you mean 'licence'?"),
        ("url,url\nx,y\n", InputError, "has a column twice"),
        ("url\n", InputError, "has no rows"),
        ("url,year\nhttp://example.org/a,about 2000\n", InputError, "line 2: year is 'about 2000'"),
        ("url,sha256\nhttp://example.org/a,abc\n", InputError, "line 2: sha256 is 'abc'"),
        ("url,year\nhttp://example.org/a\n", InputError, "line 2 has 1 fields"),
        ("url\n" + "x" * 200_000, FileError, "is not a CSV in UTF-8: field larger"),
    ],
)
def test_a_wrong_csv_is_told(tmp_path: Path, text: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        read_urls(write(tmp_path / "u.csv", text), "")


SITE = """
name = "catalogue"
start = ["https://www.example.org/releases"]
hosts = ["www.example.org"]
pictures = ["img.character"]
"""


def test_the_example_site_is_read() -> None:
    site = read_site(ROOT / "examples" / "sites" / "catalogue.toml")
    assert site.follow
    assert site.depth > 0
    assert [item.url for item in site.items()] == list(site.start)
    assert all(host.endswith("example.org") for host in site.hosts)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("depht = 2", "no key 'depht'. Did you mean 'depth'?"),
        ("depth = -1", "depth is -1; it goes from 0 to 100"),
        ("depth = true", "depth is True; it must be a whole number"),
        ("year = '2001'", "year is '2001'; it must be a whole number"),
        ("licence = 3", "licence is 3; it must be a text"),
        ("follow = 'a'", "follow is 'a'; it must be a list of texts"),
        ("follow = ['a[']", r"follow has a selector 'a\[' that is not valid"),
        ("follow = ['//a[']", "follow has a selector '//a\\[' that is not valid"),
        ("follow = ['a']", "depth is 0; give depth = 1 or more"),
        ("year_from = '::foo'", "year_from has a selector '::foo'"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_wrong_site_is_told(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_site(write(tmp_path / "s.toml", SITE + change + "\n"))


def test_a_site_without_its_pages_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks hosts, pictures"):
        read_site(write(tmp_path / "s.toml", "name = 'a'\nstart = ['http://example.org']\n"))
    with pytest.raises(InputError, match=r"hosts has 'www.example.org/x'"):
        read_site(write(tmp_path / "s.toml", SITE.replace('["www.example.org"]', '["www.example.org/x"]')))
    elsewhere = read_site(write(tmp_path / "s.toml", SITE.replace('["www.example.org"]', '["example.org"]')))
    with pytest.raises(InputError, match=r"start page 'https://www.example.org/releases' is www.example.org is none"):
        elsewhere.items()


# manners


def test_directives_are_read_for_everyone_and_for_konomi() -> None:
    assert directives(["noai, NoImageAI"]) == {"noai", "noimageai"}
    assert directives(["Konomi: noai"]) == {"noai"}
    assert directives(["otherbot: noai, noimageai"]) == set()
    assert directives(["otherbot: noai, konomi: nofollow, noai"]) == {"nofollow", "noai"}
    assert directives(["max-snippet: 20, noai"]) >= {"noai"}
    assert directives(["otherbot: noai", "noimageai"]) == {"noimageai"}
    assert directives([]) == set()


PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
NOT_PUBLIC = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1",
    "ff02::1", "ff0e::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1",
]  # fmt: skip


def test_only_addresses_of_the_public_internet_are_public() -> None:
    from ipaddress import ip_address

    assert [a for a in PUBLIC if not is_public(ip_address(a))] == []
    assert [a for a in NOT_PUBLIC if is_public(ip_address(a))] == []


def test_the_guard_looks_at_the_address_of_the_connection() -> None:
    pytest.importorskip("scrapy")
    from konomi.data.collecting.politeness import guard

    class Reactor:
        def __init__(self) -> None:
            self.connected: list[str] = []

        def connectTCP(self, host: str, *_: object, **__: object) -> None:
            self.connected.append(host)

    reactor = Reactor()
    guard(reactor, addresses_of(["127.0.0.1"]))
    for host in ("8.8.8.8", "127.0.0.1"):
        reactor.connectTCP(host, 80)
    for host in [a for a in NOT_PUBLIC if a not in ("127.0.0.1", "::ffff:127.0.0.1")] + ["fe80::1%eth0"]:
        with pytest.raises(Refused, match="private_address"):
            reactor.connectTCP(host, 80)
    assert reactor.connected == ["8.8.8.8", "127.0.0.1"]


def test_an_old_scrapy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scrapy = pytest.importorskip("scrapy")
    from konomi.data.collecting.crawl import crawl

    monkeypatch.delattr(scrapy.signals, "robots_parsed")
    with pytest.raises(InputError, match=r"needs Scrapy 2\.18 or newer, and this is"):
        crawl(None, Manners(), None)  # type: ignore[arg-type]


def test_a_folder_is_collected_without_scrapy(pictures: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from konomi.data.collecting.collect import collect;"
        "collect(Path(sys.argv[1]), Path(sys.argv[2]));"
        "assert not {'scrapy', 'twisted', 'parsel', 'w3lib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, pictures, tmp_path / "stage"], check=True)


def test_manners_have_bounds() -> None:
    assert Manners(contact="me@example.org").user_agent.endswith("; me@example.org)")
    assert Manners().user_agent.startswith("Konomi/")
    for wrong, told in [
        ({"delay": 0.5}, "delay is 0.5; it goes from 1 to 300 seconds"),
        ({"delay": -1.0, "private": ("localhost",)}, "delay is -1"),
        ({"delay": float("nan")}, "delay is nan"),
        ({"timeout": 0.0}, "timeout is 0"),
        ({"contact": "me\r\nHost: evil"}, "contact is"),
    ]:
        with pytest.raises(InputError, match=told):
            Manners(**wrong)  # type: ignore[arg-type]
    fast = Manners(delay=0, private=("localhost",))
    assert fast.delay_of("localhost") == 0
    assert fast.delay_of("example.org") == 1


def test_only_hosts_of_ones_own_network_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(host: str, _port: object) -> list[tuple[Any, ...]]:
        if host == "nowhere":
            raise socket.gaierror(-2, "Name or service not known")
        return [
            (0, 0, 0, "", (address, 0)) for address in {"own": ["10.0.0.1"], "mixed": ["10.0.0.1", "8.8.8.8"]}[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert [str(a) for a in addresses_of(["own"])] == ["10.0.0.1"]
    with pytest.raises(InputError, match=r"--allow-private mixed: 8.8.8.8 is public"):
        addresses_of(["mixed"])
    with pytest.raises(InputError, match="--allow-private nowhere: Name or service not known"):
        addresses_of(["nowhere"])


# the command


def konomi(*arguments: str, cwd: Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    bound = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    done = subprocess.run(
        [sys.executable, "-m", "konomi", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False, preexec_fn=bound,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_the_command_says_what_it_did(pictures: Path, tmp_path: Path) -> None:
    done = konomi("collect", str(pictures), "stage", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "stage: 5 pictures (0.0 MB), 1 duplicates, 3 refused (empty 1, hidden 1, not_a_picture 1)",
        "stage/refused.jsonl lists what was refused, and why",
    ]


def test_a_wrong_option_is_one_line_and_makes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "u.csv", "url\nhttp://127.0.0.1/a.png\n")
    done = konomi("collect", "u.csv", "stage", "--allow-private", "8.8.8.8", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "konomi: --allow-private 8.8.8.8: 8.8.8.8 is public; the option is for your own network\n"
    assert [p.name for p in tmp_path.iterdir()] == ["u.csv"]


def test_bytes_are_read_with_their_unit() -> None:
    sizes = {"500000": 500_000, "2.5MB": 2_500_000, "10 gb": 10**10, "7b": 7}
    assert {text: number_of_bytes("max-bytes", text) for text in sizes} == sizes
    for wrong in ("lots", "0", "-1", "1XB", "", "1e9"):
        with pytest.raises(InputError, match=r"--max-bytes is '.*'; write a number of bytes, as 500000"):
            number_of_bytes("max-bytes", wrong)


def test_a_disk_that_fills_leaves_nothing_half_written(pictures: Path, tmp_path: Path) -> None:
    (pictures / "large.bmp").write_bytes(encoded(NOISE, "BMP"))
    done = konomi("collect", str(pictures), "stage", cwd=tmp_path, limit=5_000)
    assert done.returncode == 3
    assert "cannot write stage/pictures/" in done.stderr
    assert "File too large" in done.stderr
    for path in (tmp_path / "stage" / "pictures").iterdir():
        examine(path.read_bytes())
    assert not (tmp_path / "stage" / "stage.json").exists()
    assert konomi("collect", str(pictures), "stage", cwd=tmp_path).returncode == 0
    assert len(read_stage(tmp_path / "stage")) == 6


def test_the_page_explains_every_key_and_every_reason() -> None:
    page = (ROOT / "docs" / "collecting.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", page))
    assert {f.name for f in fields(Site)} <= named
    assert set(COLUMNS) <= named
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "konomi" / "data").rglob("*.py"))
    used = set(re.findall(r'Refused\(\s*"(\w+)"|reason="(\w+)"', sources))
    assert {a or b for a, b in used} - {"over_total"} <= named  # which ends a run
    pytest.importorskip("scrapy")
    from konomi.data.collecting.politeness import REASONS

    assert set(REASONS.values()) <= named
