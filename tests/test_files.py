"""Whole files or none."""

from pathlib import Path

import pytest

from konomi.errors import FileError
from konomi.files import append_line, read_json, read_lines, whole, write_bytes, write_json, write_lines


def test_json_lines_come_back(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"a": 1}, {"髪": "銀"}])
    append_line(tmp_path / "a.jsonl", {"b": 2})
    assert read_lines(tmp_path / "a.jsonl") == [{"a": 1}, {"髪": "銀"}, {"b": 2}]


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(RuntimeError), whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No space left"):
        write_bytes(_Full(tmp_path / "x"), b"1")


class _Full(type(Path())):  # type: ignore[misc]
    """A path on a disk that is full."""

    def write_bytes(self, _data: bytes) -> int:
        import errno
        import os

        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("text", ["{", "[1]\n2", "nonsense"])
def test_broken_json_lines_name_the_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n' + text)
    with pytest.raises(FileError, match="line 2"):
        read_lines(tmp_path / "a.jsonl")
