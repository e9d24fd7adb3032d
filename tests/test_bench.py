"""Timing of drawing."""

import json

import pytest
from typer.testing import CliRunner

from konomi.cli.console import app
from konomi.timing import timed


def test_the_first_call_is_not_timed() -> None:
    seen: list[int] = []
    found = timed("x", seen.append, repeats=3)
    assert seen == [0, 1, 2, 3]
    assert found.what == "x"
    assert 0 <= found.fastest <= found.milliseconds


def test_bench_prints_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("konomi.timing.per_second", lambda *_, **__: 12.5)
    result = CliRunner().invoke(app, ["bench", "--model", "anime-1", "--repeats", "1", "--json"])
    row = json.loads(result.stdout)
    assert list(row["one_core"]) == [
        "words to condition", "the network, 64 px", "super-resolution to 256 px",
        "a whole avatar, 64 px", "a whole avatar, 256 px", "a whole avatar, 512 px",
    ]  # fmt: skip
    assert row["per_second"] == 12.5
    plain = CliRunner().invoke(app, ["bench", "--model", "anime-1", "--repeats", "1"])
    assert "on all cores: 12.5 avatars of 256 px a second" in plain.output


def test_bench_refuses_no_repeats() -> None:
    result = CliRunner().invoke(app, ["bench", "--repeats", "0"])
    assert "repeats is 0" in str(result.exception)
