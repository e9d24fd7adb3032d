"""Collecting over the web: against a real web server on loopback, by the command, as Scrapy runs once in a process."""

import datetime
import io
import itertools
import json
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import forked
from konomi.record import read_stage, stage_settings
from web_server import WebServer, dripping, endless, failing

pytest.importorskip("scrapy")
Serve = Callable[..., WebServer]
NOISE = Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 50, 3), dtype=np.uint8))


def encoded(picture: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def plain(number: int) -> bytes:
    return encoded(Image.new("RGB", (16, 16), (number % 256, number // 256, 7)))


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[WebServer] = []

    def start(host: str = "127.0.0.1", **options: Any) -> WebServer:
        try:
            servers.append(WebServer(host, **options))
        except OSError:
            pytest.skip(f"{host} is no address of this machine")
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def command(*arguments: str, private: tuple[str, ...] = ("127.0.0.1",), delay: float = 0) -> list[str]:
    allowed = [part for host in private for part in ("--allow-private", host)]
    return ["collect", *arguments, *allowed, "--delay", str(delay)]


def collect(
    *arguments: str, cwd: Path, private: tuple[str, ...] = ("127.0.0.1",), delay: float = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    return forked.run(command(*arguments, private=private, delay=delay), cwd, **options)


def write_urls(path: Path, urls: list[str]) -> None:
    path.write_text("url\n" + "".join(f"{url}\n" for url in urls))


def sources(stage: Path) -> list[str]:
    return [r.source.rpartition("/")[2] for r in read_stage(stage)]


def reasons(stage: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (stage / "refused.jsonl").read_text().splitlines()]
    return {row["url"].partition("://")[2].partition("/")[2]: row["reason"] for row in rows}


def test_addresses_that_are_broken_or_hostile_are_refused_by_name(tmp_path: Path, serve: Serve) -> None:
    server, slow, secret = serve(), serve("127.0.0.2"), serve("127.0.0.3")
    secret.paths["/a.png"] = plain(99)
    server.paths["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: konomi\nDisallow: /private/\n")
    good = {
        "1.png": plain(1),
        "2.png": plain(2),
        "same-as-1.png": plain(1),
        "moved.png": (301, {"Location": "/2.png", "Content-Type": "text/html"}, b"<p>moved"),
        "mislabelled.png": encoded(NOISE, "JPEG"),
        "untyped": (200, {"Content-Type": "application/octet-stream"}, plain(3)),
        "for-others.png": (200, {"X-Robots-Tag": "otherbot: noai"}, plain(4)),
        "flaky.png": failing(2, plain(5)),
    }
    bad = {
        "private/a.png": (plain(50), "robots"),
        "loop.png": ((302, {"Location": "/loop.png"}, b""), "redirects"),
        "inwards.png": ((302, {"Location": f"{secret.address}/a.png"}, b""), "private_address"),
        "noai.png": ((200, {"X-Robots-Tag": "noai"}, plain(51)), "noai"),
        "noai-konomi.png": ((200, {"X-Robots-Tag": "max-snippet: 9, Konomi: noimageai"}, plain(52)), "noai"),
        "reserved.png": ((200, {"TDM-Reservation": "1"}, plain(53)), "noai"),
        "page.jpg": ((200, {"Content-Type": "image/jpeg"}, b"<html>"), "not_a_picture"),
        "page.png": ((200, {"Content-Type": "text/html"}, plain(54)), "not_a_picture"),
        "empty.png": (b"", "empty"),
        "cut.jpg": (encoded(NOISE, "JPEG")[:-300], "broken"),
        "bomb.png": (encoded(Image.new("1", (19_000, 19_000))), "too_many_pixels"),
        "wide.png": (encoded(Image.new("1", (20_001, 3))), "too_wide"),
        "endless.png": (endless, "too_large"),
        "claims.png": ((200, {"Content-Length": "99999999999"}, b""), "too_large"),
        "heavy.png": (b"\x89PNG\r\n\x1a\n" + bytes(400_000), "too_large"),
        "short.png": ((200, {"Content-Length": "5000", "Connection": "close"}, plain(6)), "incomplete"),
        "down.png": (failing(99, b""), "status_500"),
        "none.png": (None, "status_404"),
    }
    for name, found in [*good.items(), *((name, found) for name, (found, _) in bad.items())]:
        if found is not None:
            server.paths[f"/{name}"] = found
    slow.paths["/drip.png"] = dripping(plain(7), 0.2)
    urls = [f"{server.address}/{name}" for name in [*good, *bad, "1.png#again"]]
    outside = [f"{secret.address}/a.png", "http://169.254.169.254/latest", "http://no-such-host.invalid/a.png"]
    write_urls(tmp_path / "u.csv", [*urls, f"{slow.address}/drip.png", *outside, "ftp://127.0.0.1/a.png"])
    limits = ["--timeout", "2", "--max-file-bytes", "300000", "--contact", "me@example.org"]
    asked = command("u.csv", "s", *limits, private=("127.0.0.1", "127.0.0.2"))
    done = subprocess.run([sys.executable, "-m", "konomi", *asked], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not re.match(r"\d+ pictures, ", line)] == []  # of progress
    expected = {name: reason for name, (_, reason) in bad.items()} | {
        "drip.png": "timeout", "a.png": "bad_url", "latest": "private_address",
    }  # fmt: skip
    assert reasons(tmp_path / "s") == expected
    rows = [json.loads(line) for line in (tmp_path / "s" / "refused.jsonl").read_text().splitlines()]
    assert {row["url"]: row["reason"] for row in rows if row["url"] in outside} == dict(
        zip(outside, ["private_address", "private_address", "no_such_host"], strict=True)
    )
    assert sources(tmp_path / "s") == ["1.png", "2.png", "flaky.png", "for-others.png", "mislabelled.png", "untyped"]
    counts = stage_settings(tmp_path / "s")["counts"]
    assert (counts["duplicates"], counts["repeated"]) == (2, 1)
    assert next(r for r in read_stage(tmp_path / "s") if r.source.endswith("mislabelled.png")).file.endswith(".jpg")
    assert secret.asked == []
    assert server.count("/private/a.png") == 0
    assert (server.count("/flaky.png"), server.count("/down.png"), server.count("/1.png")) == (3, 3, 1)
    agents = {headers["User-Agent"] for _, _, headers in server.asked}
    assert len(agents) == 1
    assert agents.pop().endswith("; me@example.org)")


SITE = """
name = "catalogue"
start = ["{address}/list"]
hosts = ["127.0.0.1"]
follow = ["//ul/li/a", "a.next"]
pictures = ["img.face", "img.late::attr(data-src)"]
depth = 2
licence = "as the site says"
licence_from = "p.licence"
year_from = "//dd[@class='release']"
year = 1999
"""


def catalogue(server: WebServer, path: Path, *, games: int = 3, faces: int = 3, keys: str = "") -> None:
    """A list in pages of one game each; every game's last face is also the first of the next one."""
    for game in range(games):
        more = f'<a class="next" href="/list{game + 1}">more</a>' if game + 1 < games else ""
        server.page(f"/list{game or ''}", f'<ul><li><a href="game{game}">a game</a></ul>{more}')
        shown = "".join(f'<img class="face" src="/faces/{game}-{face}.png">' for face in range(faces))
        server.page(f"/game{game}", f'<base href="/other/">{shown}<dd class="release">in 200{game}!</dd>')
        for face in range(faces):
            server.paths[f"/faces/{game}-{face}.png"] = plain(game * (faces - 1) + face)
    path.write_text(SITE.format(address=server.address).replace("depth = 2", f"depth = {games}") + keys)


def test_a_site_is_followed_as_its_file_says(tmp_path: Path, serve: Serve) -> None:
    server, other = serve(), serve("127.0.0.2")
    server.paths["/robots.txt"] = b"User-agent: *\nDisallow: /closed\n"
    (tmp_path / "site.toml").write_text(SITE.format(address=server.address))
    face = '<img class="face" src="{}">'.format
    link = '<ul><li><a href="{}">x</a></ul>'.format
    good = face("1.png") + face("shown-twice.png") + '<img class="late" data-src=" 2.png "><img src="no.png">'
    good += '<p class="licence">CC\n <b>BY</b> 4.0</p><dd class="release">March 2014, 20155</dd><img class="face">'
    pages = {
        "good": good + link("deeper"),
        "noai": '<META NAME="Robots" CONTENT="index, NoAI">' + face("noai.png") + face("shown-twice.png"),
        "noimageai": '<meta name="robots" content="noimageai">' + face("noimageai.png"),
        "konomi": '<meta name="konomi" content="noai">' + face("konomi.png"),
        "nofollow": '<meta name="robots" content="nofollow">' + link("unseen") + face("3.png"),
        "deeper": face("4.png") + link("too-deep"),
    }
    for name, body in pages.items():
        server.page(f"/{name}", body)
    server.page("/header", face("header.png"), **{"X-Robots-Tag": "noai"})
    server.paths["/away"] = (302, {"Location": f"{other.address}/x"}, b"")
    server.paths["/picture"] = plain(77)
    start = [*list(pages)[:-1], "header", "closed", "away", "picture", "missing", "list#top", f"{other.address}/x"]
    server.page("/list", "".join(link(name) for name in start))
    for number, name in enumerate(["1", "2", "3", "4", "noai", "noimageai", "konomi", "header", "shown-twice"]):
        server.paths[f"/{name}.png"] = plain(number)
    done = collect("site.toml", "s", cwd=tmp_path, private=("127.0.0.1", "127.0.0.2"))
    assert done.returncode == 0, done.stderr
    records = {r.source.rpartition("/")[2]: r for r in read_stage(tmp_path / "s")}
    assert sorted(records) == ["1.png", "2.png", "3.png", "4.png"]
    assert (records["1.png"].licence, records["1.png"].year) == ("CC BY 4.0", 2014)
    assert (records["3.png"].licence, records["3.png"].year) == ("as the site says", 1999)
    assert reasons(tmp_path / "s") == {
        "": "bad_url", "noai.png": "noai", "noimageai.png": "noai", "konomi.png": "noai", "header.png": "noai",
        "shown-twice.png": "noai", "closed": "robots", "away": "other_host", "x": "other_host",
        "picture": "not_a_page", "missing": "status_404",
    }  # fmt: skip
    kept = {path.name for path in (tmp_path / "s" / "pictures").iterdir()}
    assert kept == {Path(r.file).name for r in records.values()}
    asked = {path for _, path, _ in server.asked}
    assert not asked & {"/noai.png", "/konomi.png", "/header.png", "/unseen", "/too-deep", "/closed", "/no.png"}
    assert server.count("/list") == 1
    assert other.asked == []


def without_times(stage: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (stage / "manifest.jsonl").read_text().splitlines()]
    assert all(row.pop("time") for row in rows)
    return rows


def wait_for(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 200
    while not met():
        assert time.monotonic() < end, "nothing happened for minutes"
        time.sleep(0.01)


def test_a_crawl_killed_three_times_ends_as_one_never_killed(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    catalogue(server, tmp_path / "site.toml", games=5, faces=5)
    server.paths["/faces/2-2.png"] = b"broken"
    server.paths["/faces/3-3.png"] = (200, {"X-Robots-Tag": "noai"}, plain(400))
    assert collect("site.toml", "calm", cwd=tmp_path).returncode == 0
    answered = len(server.asked)
    assert answered == 1 + 5 + 5 + 25
    journal = tmp_path / "wild" / "journal.jsonl"
    times: dict[str, str] = {}
    for lines in (3, 14, 27):
        server.asked.clear()
        server.pause = 0.05
        process = forked.start(command("site.toml", "wild"), tmp_path)
        wait_for(lambda lines=lines: journal.exists() and journal.read_bytes().count(b"\n") >= lines)  # type: ignore[misc]
        if lines == 3:
            server.pause = 0.5  # so that it is still there when the second run looks
            second = collect("site.toml", "wild", cwd=tmp_path)
            assert (second.returncode, "another run is working" in second.stderr) == (3, True), second.stderr
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        rows = [json.loads(line) for line in journal.read_text().splitlines()]
        asked = [path for _, path, _ in server.asked]
        known = {row["url"].removeprefix(server.address) for row in rows if row["url"] in times}
        assert not known & set(asked), "what is in the journal is not fetched again"
        times |= {row["url"]: row["time"] for row in rows}
        assert not (tmp_path / "wild" / "stage.json").exists()
    server.pause = 0
    with journal.open("ab") as file:
        file.write(b'{"kind": "picture", "na')  # what a kill in the middle of a line leaves
    server.asked.clear()
    assert collect("site.toml", "wild", cwd=tmp_path).returncode == 0
    assert 1 < len(server.asked) <= 1 + answered - len(times)
    assert without_times(tmp_path / "wild") == without_times(tmp_path / "calm")
    assert stage_settings(tmp_path / "wild") == stage_settings(tmp_path / "calm")
    for name in ("refused.jsonl", "collect.json"):
        assert (tmp_path / "wild" / name).read_text() == (tmp_path / "calm" / name).read_text()
    listed = [sorted(p.name for p in (tmp_path / run / "pictures").iterdir()) for run in ("wild", "calm")]
    assert listed[0] == listed[1]
    assert len(listed[0]) == 19  # 21 different ones, of which one is broken and one is kept back
    records = read_stage(tmp_path / "wild")
    assert all(record.time == times.get(record.source, record.time) for record in records)


def test_hosts_are_asked_as_seldom_as_they_want(tmp_path: Path, serve: Serve) -> None:
    hosts = [f"127.0.0.{number}" for number in range(1, 7)]
    plain_host, crawl_delay, busy, broken, patient, closed = (serve(host) for host in hosts)
    for server in (plain_host, crawl_delay, busy, broken, patient, closed):
        server.paths |= {f"/{i}.png": plain(10 * servers_digit(server) + i) for i in range(2)}
    crawl_delay.paths["/robots.txt"] = b"User-agent: *\nCrawl-delay: 2\n"
    busy.paths["/0.png"] = failing(1, plain(1), 503, **{"Retry-After": "2"})
    broken.paths["/robots.txt"] = failing(99, b"")
    patient.paths["/robots.txt"] = b"User-agent: *\nCrawl-delay: 4000\n"
    closed.paths["/robots.txt"] = b"User-agent: *\nDisallow: /\n\nUser-agent: Konomi\nDisallow: /1\n"
    every = (plain_host, crawl_delay, busy, broken, patient, closed)
    write_urls(tmp_path / "u.csv", [f"{server.address}/{i}.png" for server in every for i in range(2)])
    done = collect("u.csv", "s", cwd=tmp_path, private=tuple(hosts), delay=1)
    assert done.returncode == 0, done.stderr

    def gaps(server: WebServer) -> list[float]:
        moments = [moment for moment, _, _ in server.asked]
        return [later - earlier for earlier, later in itertools.pairwise(moments)]

    assert [len(server.asked) for server in every] == [3, 3, 4, 3, 1, 2]
    for server in every:
        assert all(gap > 0.6 for gap in gaps(server)), gaps(server)
    assert all(gap > 1.6 for gap in gaps(crawl_delay))
    assert gaps(busy)[1] > 1.6
    wanted = {broken: "robots_unreachable", patient: "crawl_delay"}
    rows = [json.loads(line) for line in (tmp_path / "s" / "refused.jsonl").read_text().splitlines()]
    assert [(row["url"], row["reason"]) for row in rows] == [
        *((f"{server.address}/{i}.png", reason) for server, reason in wanted.items() for i in range(2)),
        (f"{closed.address}/1.png", "robots"),
    ]


def servers_digit(server: WebServer) -> int:
    return int(server.address.split(".")[3].split(":")[0])


def test_limits_end_a_crawl(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    catalogue(server, tmp_path / "site.toml")
    done = collect("site.toml", "few", "--max-pictures", "4", cwd=tmp_path)
    assert "4 pictures" in done.stdout
    assert "stopped by max_pictures" in done.stdout
    assert sum(path.startswith("/faces/") for _, path, _ in server.asked) == 5  # one of them a duplicate


def test_a_crawl_survives_a_full_disk(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    server.paths |= {"/1.png": plain(1), "/2.bmp": encoded(NOISE, "BMP"), "/3.png": plain(3)}
    write_urls(tmp_path / "u.csv", [f"{server.address}/{name}" for name in ("1.png", "2.bmp", "3.png")])
    done = collect("u.csv", "s", cwd=tmp_path, limit=5_000)
    assert done.returncode == 3
    assert [line for line in done.stderr.splitlines() if line.startswith("konomi: cannot write s/pictures/")]
    assert "File too large" in done.stderr
    assert len(list((tmp_path / "s" / "pictures").iterdir())) == 1
    assert collect("u.csv", "s", cwd=tmp_path).returncode == 0
    assert sources(tmp_path / "s") == ["1.png", "2.bmp", "3.png"]
    assert [server.count(f"/{name}") for name in ("1.png", "2.bmp", "3.png")] == [1, 2, 1]


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    server.paths |= {"/1.png": plain(1), "/2.png": dripping(plain(2), 1.0)}
    write_urls(tmp_path / "u.csv", [f"{server.address}/{i}.png" for i in (1, 2)])
    asked = [sys.executable, "-m", "konomi", *command("u.csv", "s")]
    process = subprocess.Popen(asked, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: server.count("/2.png") == 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "konomi: stopped; run the same command again to go on with s"
    assert "Traceback" not in err
    assert len((tmp_path / "s" / "journal.jsonl").read_text().splitlines()) == 1


def certificate(path: Path) -> Path:
    """A certificate for localhost that nobody else vouches for, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, kind, secret = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, kind, secret) + made.public_bytes(pem))
    return path


def test_certificates_are_checked(tmp_path: Path, serve: Serve) -> None:
    servers = []
    for name in ("trusted", "unknown"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path / f"{name}.pem"))
        servers.append(serve(tls=context))
        servers[-1].paths["/1.png"] = plain(len(servers))
    trusted, unknown = servers
    write_urls(tmp_path / "u.csv", [s.address.replace("127.0.0.1", "localhost") + "/1.png" for s in servers])
    done = collect("u.csv", "s", cwd=tmp_path, private=("localhost",), SSL_CERT_FILE=str(tmp_path / "trusted.pem"))
    assert done.returncode == 0, done.stderr
    assert "refused (robots_unreachable 1)" in done.stdout
    assert trusted.count("/1.png") == 1
    assert unknown.asked == []
