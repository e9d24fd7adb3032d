"""What is still to be fetched, in an order that does not depend on how fast anything answers.

Items are *settled* strictly in order: pictures before pages, each first come, first served. Only a settled page adds
new items, and only settled pictures count towards the limits. Items further down may be fetched early (from other
hosts), but their outcomes wait for their turn. So the result is a function of the outcomes alone: a run that was killed
and goes on with its journal ends exactly as one that never was.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal
from urllib.parse import urlsplit

from konomi.errors import shorten

Kind = Literal["page", "picture"]
Key = tuple[Kind, str]
AT_ONCE = 16  # hosts that are asked at the same time
SMALL = 100_000  # bytes that are always received, so that an answer of a few words is never cut short


@dataclass(frozen=True)
class Item:
    """Something to fetch, and what its source tells of it."""

    kind: Kind
    url: str  # or the path of a file inside the source folder
    name: str  # the same for addresses that mean the same
    host: str = ""
    depth: int = 0  # links followed from a start page
    licence: str = ""
    year: int | None = None
    sha256: str = ""  # that it must have; empty: not told
    title: str = ""
    page: str = ""  # where it was found
    reason: str = ""  # why it is refused unseen; empty: it is not
    detail: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name


@dataclass(frozen=True)
class Outcome:
    """What came of an item: one line of the journal."""

    kind: Kind
    name: str
    url: str
    time: str = ""  # when it was fetched: ISO 8601, UTC
    reason: str = ""  # why it was refused; empty: it was taken
    detail: str = ""
    final: str = ""  # the address in the end, if it was redirected
    file: str = ""  # of a picture, inside the stage folder
    sha256: str = ""
    bytes: int = 0  # received
    title: str = ""
    page: str = ""
    pictures: tuple[str, ...] = ()  # addresses on a page
    links: tuple[str, ...] = ()
    licence: str = ""  # told by the page for its pictures
    year: int | None = None
    noai: bool = False  # the page asks that its pictures are not used

    @property
    def key(self) -> Key:
        return self.kind, self.name


@dataclass(frozen=True)
class Limits:
    """When to stop. Bytes are those of the pictures that are kept."""

    max_pictures: int | None = None
    max_bytes: int = 10_000_000_000
    max_file_bytes: int = 20_000_000
    max_pages: int = 10_000


def web_item(kind: Kind, url: str, hosts: frozenset[str] = frozenset(), **facts: object) -> Item:
    """An item at an address; refused unseen if that is none of the web, or not on one of `hosts` (empty: any)."""
    from w3lib.url import canonicalize_url  # a library of Scrapy's: what means the same is fetched once

    url = clean(url)
    found = Item(kind, url, url, **facts)  # type: ignore[arg-type]
    try:
        parts = urlsplit(url)
        host, problem = parts.hostname or "", _problem(url)
        name = canonicalize_url(url)
    except ValueError as error:
        host, name, problem = "", url, str(error)
    if problem:
        return replace(found, url=shorten(url, length=200), reason="bad_url", detail=problem)
    if hosts and host not in hosts:
        return replace(found, name=name, reason="other_host", detail=f"{host} is none of the site's hosts")
    return replace(found, name=name, host=host)


def clean(text: str) -> str:
    """Strangers' text in one line that can be stored as UTF-8."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


def _problem(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "not an http or https address"
    if parts.username is not None:
        return "an address with a user name"
    parts.port  # noqa: B018 -- a ValueError if it is no number
    return "an address of more than 2,000 characters" if len(url) > 2_000 else ""


class Frontier:
    """Items in the order in which they are settled, the outcomes known so far, and what was settled."""

    def __init__(self, outcomes: dict[Key, Outcome], limits: Limits, *, depth: int = 0, hosts: frozenset[str]) -> None:
        self.outcomes, self.limits, self.depth, self.hosts = outcomes, limits, depth, hosts
        self.settled: list[tuple[Item, Outcome]] = []
        self.stopped = ""  # the limit that ended it; empty: none
        self.total: int | None = None  # items to settle, where it is known
        self.pages = self.bytes = self.repeated = self.duplicates = 0
        self.refused = 0
        self.kept: set[str] = set()  # sha256 of the pictures
        self.denied: set[Key] = set()  # pictures on a page that asks not to use them
        self._seen: set[Key] = set()
        self._queues: dict[Kind, deque[Item]] = {"picture": deque(), "page": deque()}
        self._waiting: dict[str, dict[Kind, deque[Item]]] = {}  # by host: not yet handed out
        self._busy: set[str] = set()
        self._ahead: set[Key] = set()  # pictures handed out and not settled

    def add(self, item: Item) -> None:
        """Put an item at the end of its queue, unless it was there before."""
        if item.key in self._seen:
            self.repeated += 1
            return
        self._seen.add(item.key)
        self._queues[item.kind].append(item)
        if not item.reason and item.key not in self.outcomes:
            self._waiting.setdefault(item.host, {"picture": deque(), "page": deque()})[item.kind].append(item)

    @property
    def finished(self) -> bool:
        return bool(self.stopped) or self._head() is None

    def due(self) -> Iterator[Item]:
        """What to fetch now: at most one item of a host at a time, and no more pictures than could be needed."""
        self.settle()
        head = self._head()
        if self.stopped or head is None:
            return
        # busy hosts stand among the first, so twice as many are enough to look at
        for host in [head.host, *islice(self._waiting, 2 * AT_ONCE)]:
            if len(self._busy) >= AT_ONCE:
                return
            item = None if host in self._busy else self._next_of(host)
            if item and (item is head or item.kind == "page" or self._room()):
                self._waiting[host][item.kind].popleft()
                self._busy.add(host)
                if item.kind == "picture":
                    self._ahead.add(item.key)
                yield item

    def most_bytes(self) -> int:
        """How large a picture that is asked for now may be; a larger one is `over_total` if this is below the limit."""
        return min(self.limits.max_file_bytes, max(SMALL, self.limits.max_bytes - self.bytes))

    def done(self, item: Item, outcome: Outcome) -> None:
        """Take the outcome of an item that `due` gave out."""
        self._busy.discard(item.host)
        self.outcomes[item.key] = outcome

    def settle(self) -> None:
        """Settle items in order as far as their outcomes are known."""
        while not self.stopped and (item := self._head()) and (outcome := self._outcome(item)):
            self.stopped = self._limit(item, outcome)
            if self.stopped:
                return
            self._queues[item.kind].popleft()
            self._ahead.discard(item.key)
            self.settled.append((item, outcome))
            self._count(outcome)
            if item.kind == "page" and not outcome.reason:
                self._open(item, outcome)
            if len(self.kept) == self.limits.max_pictures and self._head():
                self.stopped = "max_pictures"

    def _head(self) -> Item | None:
        return next((queue[0] for queue in self._queues.values() if queue), None)

    def _outcome(self, item: Item) -> Outcome | None:
        if item.key in self.denied:
            return refusal(item, "noai", f"asked for by {item.page}")
        return refusal(item, item.reason, item.detail) if item.reason else self.outcomes.get(item.key)

    def _limit(self, item: Item, outcome: Outcome) -> str:
        if item.kind == "page":
            return "max_pages" if self.pages >= self.limits.max_pages else ""
        # whatever is larger than what is left ends it, also what would not have been kept: when a host answers, the
        # spider may have had more left to offer than now, and must not come to another end for that
        left = self.limits.max_bytes - self.bytes
        large = outcome.reason == "over_total" or outcome.bytes > left
        return "max_bytes" if large or (outcome.reason == "too_large" and left < self.limits.max_file_bytes) else ""

    def _count(self, outcome: Outcome) -> None:
        self.pages += outcome.kind == "page"
        self.refused += bool(outcome.reason)
        if outcome.sha256 in self.kept:
            self.duplicates += 1
        elif outcome.sha256:
            self.kept.add(outcome.sha256)
            self.bytes += outcome.bytes

    def _open(self, page: Item, found: Outcome) -> None:
        for url in found.pictures:
            facts = {"licence": found.licence, "year": found.year, "page": page.url}
            item = web_item("picture", url, self.hosts, **facts)
            if found.noai:
                self.denied.add(item.key)
            self.add(item)
        if page.depth < self.depth:
            for url in found.links:
                self.add(web_item("page", url, self.hosts, depth=page.depth + 1, page=page.url))

    def _next_of(self, host: str) -> Item | None:
        """The first item of a host that has to be fetched."""
        queues = self._waiting.get(host, {})
        for queue in queues.values():
            while queue and queue[0].key in self.denied:
                queue.popleft()
            if queue:
                return queue[0]
        self._waiting.pop(host, None)
        return None

    def _room(self) -> bool:
        most = self.limits.max_pictures
        return most is None or len(self.kept) + len(self._ahead) < most


def refusal(item: Item, reason: str, detail: str) -> Outcome:
    """The outcome of an item that is not taken."""
    return Outcome(item.kind, item.name, item.url, reason=reason, detail=detail, title=item.title, page=item.page)
