"""Where pictures come from: the files of a folder, or a CSV of addresses. (A site is described in `site`.)"""

import csv
import os
import re
from pathlib import Path

from konomi.data.collecting.frontier import Item, clean, web_item
from konomi.errors import FileError, InputError, shorten, unknown_name
from konomi.files import reporting

COLUMNS = ["url", "licence", "year", "source", "title", "sha256"]
SPELLINGS = {"license": "licence"}


def files_of(folder: Path, licence: str) -> list[Item]:
    """All files below a folder, sorted by name; hidden ones, and what is no file, are refused unseen."""
    found = []
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = [name for name in folders if name not in hidden]
        found += [_file(folder, Path(place) / name, licence) for name in hidden + names]
    if not found:
        raise FileError(f"{folder} is empty")
    return sorted(found, key=lambda item: item.name)


def _raise(error: OSError) -> None:
    raise FileError(f"cannot read {error.filename}: {error.strerror}") from None


def _file(folder: Path, path: Path, licence: str) -> Item:
    name = path.relative_to(folder).as_posix()
    shown = clean(f"{folder.resolve().name}:{os.fsencode(name).decode('utf-8', 'backslashreplace')}")
    if path.name.startswith("."):
        return Item("picture", shown, name=shown, reason="hidden", detail="its name begins with a dot")
    if not path.is_file():
        return Item("picture", shown, name=shown, reason="not_a_file", detail="a device, a pipe or a broken link")
    return Item("picture", shown, name=name, licence=licence)


def read_urls(path: Path, licence: str) -> list[Item]:
    """The rows of a CSV with a column `url`; a FileError or InputError names the first row that cannot be used."""
    try:
        with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path} is not a CSV in UTF-8: {error}") from None
    header = [SPELLINGS.get(name.strip().lower(), name.strip().lower()) for name in (rows or [[]])[0]]
    if "url" not in header:
        raise FileError(f"{path} has no column 'url'. Columns: {', '.join(header) or 'none'}.")
    for name in header:
        if name not in COLUMNS:
            raise InputError(unknown_name(str(path), name, COLUMNS).replace("value", "column", 1))
    if len(set(header)) < len(header):
        raise InputError(f"{path} has a column twice: {', '.join(header)}")
    items = [_row(header, row, f"{path}, line {i}", licence) for i, row in enumerate(rows[1:], start=2) if any(row)]
    if not items:
        raise InputError(f"{path} has no rows")
    return items


def _row(header: list[str], row: list[str], where: str, licence: str) -> Item:
    if len(row) != len(header):
        raise InputError(f"{where} has {len(row)} fields; the first line has {len(header)}")
    told = {name: clean(field) for name, field in zip(header, row, strict=True)}
    year, digest = told.get("year", ""), told.get("sha256", "").lower()
    if year and not re.fullmatch(r"\d{4}", year):
        raise InputError(f"{where}: year is {shorten(year)!r}; write four digits, or nothing")
    if digest and not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InputError(f"{where}: sha256 is {shorten(digest)!r}; write 64 hexadecimal digits, or nothing")
    return web_item(
        "picture", told["url"], licence=told.get("licence") or licence, year=int(year) if year else None, sha256=digest,
        title=told.get("title", ""), page=told.get("source", ""),
    )  # fmt: skip
