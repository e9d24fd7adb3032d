"""Reading a page of a site: pictures, links, licence and year, and what its author does not want."""

import re
from collections.abc import Iterator
from typing import Any

from scrapy.http import HtmlResponse, Response

from konomi.data.collecting.examine import Refused
from konomi.data.collecting.frontier import Item, Outcome, clean
from konomi.data.collecting.manners import NAME, NO_AI, NO_LINKS
from konomi.data.collecting.site import PATHS, Site
from konomi.errors import shorten


def read_page(item: Item, response: Response, site: Site | None, told: set[str]) -> Outcome:
    """What a page says: pictures, links, licence and year, and what its author does not want."""
    if site is None or not isinstance(response, HtmlResponse):
        raise Refused("not_a_page", "it is not HTML")
    told = told | _meta(response)
    licence, year = _text(response, site.licence_from), _text(response, site.year_from)
    found = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", year)
    return Outcome(
        item.kind, item.name, item.url, page=item.page, noai=bool(told & NO_AI),
        pictures=tuple(_addresses(response, site.pictures)),
        links=() if told & NO_LINKS else tuple(_addresses(response, site.follow)),
        licence=shorten(licence, length=200) or site.licence,
        year=int(found[0]) if found else site.year,
    )  # fmt: skip


def _meta(response: HtmlResponse) -> set[str]:
    """The directives of a page's `meta` elements for all robots, and for Konomi."""
    found = set()
    for element in response.xpath("//meta[@name]"):
        name, content = element.attrib["name"].strip().lower(), element.attrib.get("content", "")
        if name in ("robots", NAME.lower()):
            found |= {part.strip() for part in content.lower().split(",")}
        elif name == "tdm-reservation" and content.strip() == "1":
            found.add("noai")
    return found


def _select(response: HtmlResponse, selector: str) -> Any:
    return response.xpath(selector) if selector.startswith(PATHS) else response.css(selector)


def _text(response: HtmlResponse, selector: str) -> str:
    """The text of the first element that a selector finds; empty if it finds none."""
    found = _select(response, selector) if selector else []
    return clean(found[0].xpath("string()").get() or found[0].get()) if found else ""


def _addresses(response: HtmlResponse, selectors: tuple[str, ...]) -> Iterator[str]:
    """Addresses that selectors find: texts and attributes as such, of links their `href`, of all else their `src`."""
    for selector in selectors:
        for element in _select(response, selector):
            if isinstance(element.root, str):
                found = element.root
            else:
                found = element.attrib.get("href" if element.root.tag in ("a", "area", "link") else "src", "")
            yield clean(response.urljoin(found.strip())) if found.strip() else ""
