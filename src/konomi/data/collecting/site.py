"""What a site looks like to the collector: a TOML file, read strictly. docs/collecting.md describes every key."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from konomi.data.collecting.frontier import Item, web_item
from konomi.errors import InputError, shorten
from konomi.settings import check_keys, read_toml

PATHS = ("/", "./", "(")  # a selector that begins so is XPath, any other one CSS


@dataclass(frozen=True)
class Site:
    """Where to begin, what to follow, and where the pictures are."""

    name: str
    start: tuple[str, ...]  # addresses of pages
    hosts: tuple[str, ...]  # the only ones that are asked, exactly as written; those of the pictures, too
    pictures: tuple[str, ...]  # selectors of pictures, or of links to them
    follow: tuple[str, ...] = ()  # selectors of links to further pages
    depth: int = 0  # links followed from a start page
    max_pages: int = 10_000
    licence: str = ""  # of every picture
    year: int | None = None
    licence_from: str = ""  # selector of the licence's text on the page that shows a picture; goes before `licence`
    year_from: str = ""  # selector of a text with the year

    def items(self) -> list[Item]:
        """The start pages; an InputError if one is none of this site's."""
        items = [web_item("page", url, frozenset(self.hosts)) for url in self.start]
        for item in items:
            if item.reason:
                raise InputError(f"site {self.name!r}: start page {item.url!r} is {item.detail}")
        return items

    def selectors(self) -> list[tuple[str, str]]:
        """All selectors, with the name of their key."""
        found = [("pictures", s) for s in self.pictures] + [("follow", s) for s in self.follow]
        return found + [(k, s) for k in ("licence_from", "year_from") if (s := getattr(self, k))]


def read_site(path: Path) -> Site:
    """Read a site file; an InputError names a missing, unknown or mistyped key, with the nearest known one."""
    table, kinds = read_toml(path), get_type_hints(Site)
    check_keys(table, kinds, str(path))
    given = {key: value for key, value in table.items() if value not in ("", [])}
    check_keys(given, kinds, str(path), required=("name", "start", "hosts", "pictures"))
    site = Site(**{key: _typed(path, key, value, kinds[key]) for key, value in table.items()})
    _check(path, site)
    return site


def _typed(path: Path, key: str, value: Any, kind: Any) -> Any:
    if kind == tuple[str, ...]:
        good, told = isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value), "a list of texts"
    elif kind is str:
        good, told = isinstance(value, str), "a text"
    else:
        good, told = type(value) is int, "a whole number"
    if not good:
        raise InputError(f"{path}: {key} is {shorten(repr(value))}; it must be {told}")
    return tuple(value) if isinstance(value, list) else value


def _check(path: Path, site: Site) -> None:
    """Numbers in range, and selectors that can be understood."""
    from parsel import Selector  # a library of Scrapy's

    for key, number, least, most in (("depth", site.depth, 0, 100), ("max_pages", site.max_pages, 1, 10_000_000)):
        if not least <= number <= most:
            raise InputError(f"{path}: {key} is {number}; it goes from {least} to {most:,}")
    for host in site.hosts:
        if host != host.lower() or set(host) & set("/*: "):
            raise InputError(f"{path}: hosts has {host!r}; write the name alone in small letters, as 'www.example.org'")
    nothing = Selector("<p/>")
    for key, selector in site.selectors():
        try:
            nothing.xpath(selector) if selector.startswith(PATHS) else nothing.css(selector)
        except (ValueError, SyntaxError, RuntimeError) as error:  # of lxml and cssselect
            raise InputError(f"{path}: {key} has a selector {selector!r} that is not valid: {error}") from None
    if site.follow and not site.depth:
        raise InputError(f"{path}: follow says which links to follow, but depth is 0; give depth = 1 or more")
