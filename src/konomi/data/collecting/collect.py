"""Collect pictures into a stage folder: from a folder, from a CSV of addresses, or from a site.

A stage in the making holds `collect.json` (what is being collected), `pictures/` and `journal.jsonl` (one line an
outcome). Killed at any moment and run again, it goes on where it was, and its manifest in the end is that of a run
never killed, except for the times, which are when each picture was fetched.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from konomi import __version__
from konomi.data.collecting.collection import JOURNAL, Collection, present
from konomi.data.collecting.examine import Refused
from konomi.data.collecting.frontier import Frontier, Item, Limits
from konomi.data.collecting.journal import Journal, read_journal, write_journal
from konomi.data.collecting.manners import Manners, addresses_of
from konomi.data.collecting.site import Site, read_site
from konomi.data.collecting.sources import files_of, read_urls
from konomi.errors import FileError, InputError
from konomi.files import file_sha256, locked, read_json, reporting, write_json
from konomi.record import MANIFEST, STAGE

BEGUN = "collect.json"
PASSING = {"timeout", "connection", "no_such_host", "incomplete", "robots_unreachable", "status_408", "status_429"}


@dataclass(frozen=True)
class Source:
    """A source of pictures, read and understood."""

    kind: str  # folder, urls or site
    name: str
    items: list[Item]
    settings: dict[str, Any]  # what else decides about the result
    site: Site | None = None


def collect(
    source: Path,
    out: Path,
    *,
    licence: str = "",
    limits: Limits | None = None,
    manners: Manners | None = None,
    retry: bool = False,
    report: Callable[[Frontier], None] = lambda frontier: None,
) -> dict[str, Any]:
    """Make the stage folder `out` of the pictures of a folder, a CSV of addresses or a site's TOML file.

    Parameters
    ----------
    licence : str
        Of pictures whose source does not tell one.
    retry : bool
        Try again what failed for a passing reason (time-outs, hosts out of reach, status 408, 429 and 5xx), also in a
        finished stage.
    report : function
        Called with the frontier after every item.

    Returns
    -------
    dict
        Counts: `pictures`, `bytes`, `duplicates` (other sources of the same bytes), `repeated` (addresses met again),
        `pages`, `refused` (by reason), and `stopped_by`: the limit that ended it, or nothing.

    Notes
    -----
    Addresses and sites need Scrapy, which runs once in a process.
    """
    limits, manners = limits or Limits(), manners or Manners()
    found = read_source(source, licence)
    if found.site:
        limits = replace(limits, max_pages=found.site.max_pages)
    if found.kind == "folder" and out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out} lies inside {source}; choose a folder outside of it")
    addresses_of(manners.private)
    _refuse_others(out)
    with locked(out):
        settings = _settings(found, limits)
        _begin(out, settings, retry)
        outcomes = present(out, read_journal(out / JOURNAL))
        with Journal(out / JOURNAL) as journal:
            depth, hosts = (found.site.depth, frozenset(found.site.hosts)) if found.site else (0, frozenset[str]())
            frontier = Frontier(outcomes, limits, depth=depth, hosts=hosts)
            collection = Collection(out, journal, frontier, report)
            _run(collection, source, found, manners)
            return collection.finish(settings)


def read_source(path: Path, licence: str) -> Source:
    """Read a source: a folder, a .csv or a .toml file."""
    if path.is_dir():
        return Source("folder", path.resolve().name, files_of(path, licence), {"licence": licence})
    kinds = {".csv": "urls", ".toml": "site"}
    if path.suffix.lower() not in kinds:
        with reporting("read", path):
            path.stat()
        raise InputError(f"{path} is no source; give a folder, a .csv with a column url, or a site's .toml")
    settings = {"source_sha256": file_sha256(path), "licence": licence}
    if kinds[path.suffix.lower()] == "urls":
        return Source("urls", path.name, read_urls(path, licence), settings)
    site = read_site(path)
    site = replace(site, licence=site.licence or licence)
    return Source("site", site.name, site.items(), settings, site)


def _settings(source: Source, limits: Limits) -> dict[str, Any]:
    told = {"stage": "collect", "version": __version__, "source": source.name, "kind": source.kind}
    return told | source.settings | asdict(limits)


def _refuse_others(out: Path) -> None:
    """Refuse a folder that holds something else."""
    if out.is_dir() and not (out / BEGUN).exists() and any(p.name != ".lock" for p in out.iterdir()):
        raise InputError(f"{out} holds other files; choose a new folder")


def _begin(out: Path, settings: dict[str, Any], retry: bool) -> None:
    """Write down what is being collected, or see that it is the same as before."""
    if (out / STAGE).exists() and not retry:
        raise InputError(f"{out} is already a finished stage; choose another folder, or delete it first")
    if (out / BEGUN).exists():
        begun = read_json(out / BEGUN)
        for key in settings:
            if key != "version" and begun.get(key) != settings[key]:
                was, now = begun.get(key), settings[key]
                raise InputError(f"{out} was begun with {key} {was!r}, not {now!r}; choose another folder")
    if retry:
        for name in (STAGE, MANIFEST):
            (out / name).unlink(missing_ok=True)
        kept = {key: o for key, o in read_journal(out / JOURNAL).items() if not is_passing(o.reason)}
        write_journal(out / JOURNAL, kept)
    write_json(out / BEGUN, settings)


def is_passing(reason: str) -> bool:
    """Whether a refusal may be gone tomorrow."""
    return reason in PASSING or reason.startswith("status_5")


def _run(collection: Collection, path: Path, source: Source, manners: Manners) -> None:
    frontier = collection.frontier
    for item in source.items:
        frontier.add(item)
    if source.kind != "site":
        frontier.total = len(source.items) - frontier.repeated
    frontier.settle()
    collection.report(frontier)
    if source.kind == "folder":
        _copy(collection, path)
    elif not frontier.finished:
        from konomi.data.collecting.crawl import crawl

        crawl(collection, manners, source.site)
    if not frontier.finished:
        raise FileError(f"{collection.folder}: the run ended before its end; run the same command again to go on")


def _copy(collection: Collection, folder: Path) -> None:
    """Take the files of a folder, one after the other."""
    most = collection.frontier.limits.max_file_bytes
    while item := next(collection.frontier.due(), None):
        path = folder / item.name
        with reporting("read", path):
            if (size := path.stat().st_size) > most:
                collection.refuse(item, Refused("too_large", f"{size:,} bytes; at most {most:,}"))
                continue
            data = path.read_bytes()
        collection.take(item, data)
