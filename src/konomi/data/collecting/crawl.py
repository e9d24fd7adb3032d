"""Fetching over the web by Scrapy: one spider that asks for what the frontier says is due.

Scrapy does the connections, robots.txt, redirects, retries, delays, time-outs and size limits; the order, the journal
and what counts as a duplicate are the frontier's. Scrapy cannot run twice in a process.
"""

import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import scrapy
from scrapy import signals
from scrapy.crawler import CrawlerProcess
from scrapy.http import Request, Response
from scrapy.settings import default_settings
from twisted.python.failure import Failure

from konomi.data.collecting.collection import Collection
from konomi.data.collecting.examine import Refused
from konomi.data.collecting.frontier import Item, clean
from konomi.data.collecting.manners import NAME, NO_AI, Manners, addresses_of, directives
from konomi.data.collecting.page import read_page
from konomi.data.collecting.politeness import OwnHosts, Politeness, guard, why
from konomi.data.collecting.site import Site
from konomi.errors import InputError, shorten

PAGE_BYTES = 5_000_000  # of one page, or one robots.txt
OPAQUE = {"", "application/octet-stream", "binary/octet-stream"}  # content types that do not say what it is
PICTURES = "image/webp,image/png,image/jpeg,image/*;q=0.8"


def crawl(collection: Collection, manners: Manners, site: Site | None) -> None:
    """Fetch what the frontier of `collection` asks for until it is finished; KeyboardInterrupt if the user stops it."""
    if not hasattr(signals, "robots_parsed"):
        raise InputError(f"collecting from the web needs Scrapy 2.18 or newer, and this is {scrapy.__version__}")
    private = addresses_of(manners.private)
    _trust_certificates()
    process = CrawlerProcess(settings(manners))
    crawler = process.create_crawler(Spider)
    failures: list[Failure] = []
    process.crawl(crawler, collection=collection, manners=manners, site=site).addErrback(failures.append)
    guard(_reactor(), private)
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        _reactor().callFromThread(_reactor().crash)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        process.start(install_signal_handlers=False)
    finally:
        signal.signal(signal.SIGINT, before)
        _reactor().getThreadPool().stop()  # it looks up names; a reactor that is stopped at once leaves it running
    if interrupted:
        raise KeyboardInterrupt
    if failures:
        failures[0].raiseException()
    assert isinstance(crawler.spider, Spider)
    if crawler.spider.failure:
        raise crawler.spider.failure


def settings(manners: Manners) -> dict[str, Any]:
    """Scrapy's settings."""
    # newer versions vary the delay by a number, older ones by a switch; here it is never shorter than told
    number = hasattr(default_settings, "DOWNLOAD_DELAY_JITTER")
    off = ["COOKIES", "METAREFRESH", "TELNETCONSOLE", "REMOTE_CONTROL", "MEMUSAGE", "LOG"]
    return {
        "USER_AGENT": manners.user_agent,
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": NAME,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": max(1.0, manners.delay),
        "DOWNLOAD_SLOTS": {host: {"delay": manners.delay_of(host), "concurrency": 1} for host in manners.private},
        "DOWNLOAD_DELAY_JITTER" if number else "RANDOMIZE_DOWNLOAD_DELAY": 0,
        "DOWNLOAD_TIMEOUT": manners.timeout,
        "DNS_TIMEOUT": min(60.0, manners.timeout),
        "DOWNLOAD_MAXSIZE": PAGE_BYTES,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_TIMES": 2,
        "URLLENGTH_LIMIT": 0,  # the frontier refuses long addresses, and says so
        "HTTPPROXY_ENABLED": False,  # a proxy would connect where we cannot see it
        # before robots.txt is read; and after it, where it sees answers after the retries
        "DOWNLOADER_MIDDLEWARES": {OwnHosts: 60, Politeness: 540},
    } | {f"{name}_ENABLED": False for name in off}


def _reactor() -> Any:
    from twisted.internet import reactor  # the process of Scrapy's installs it

    return reactor


def _trust_certificates() -> None:
    """Where the system has no certificates for OpenSSL (Windows, macOS), take certifi's, which Scrapy brings."""
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath) and "SSL_CERT_FILE" not in os.environ:
        import certifi

        os.environ["SSL_CERT_FILE"] = certifi.where()


class Spider(scrapy.Spider):
    """Asks for what is due, and hands what comes to the collection."""

    name = "konomi"

    def __init__(self, *, collection: Collection, manners: Manners, site: Site | None) -> None:
        super().__init__()
        self.collection, self.manners, self.site = collection, manners, site
        self.hosts = frozenset(site.hosts) if site else frozenset[str]()
        self.failure: Exception | None = None  # what ended the crawl: a full disk, or a mistake of ours

    async def start(self) -> AsyncIterator[Request]:
        for request in self.requests():
            yield request

    def requests(self) -> Iterator[Request]:
        """A request for everything that is due."""
        frontier = self.collection.frontier
        for item in frontier.due():
            meta: dict[str, Any] = {"item": item}
            if item.kind == "picture":
                meta["download_maxsize"] = frontier.most_bytes()
            headers = {"Accept": PICTURES if item.kind == "picture" else "text/html"}
            # the frontier asks for nothing twice; a filter of Scrapy's would also drop what others were redirected to
            yield Request(item.url, self.came, errback=self.failed, meta=meta, headers=headers, dont_filter=True)
        if frontier.finished:
            self.stop()

    def stop(self) -> None:
        """End at once: what is still on its way is not needed."""
        _reactor().callLater(0, _reactor().crash)

    def came(self, response: Response) -> Iterator[Request]:
        return self.going_on(lambda: self.take(response))

    def failed(self, failure: Failure) -> Iterator[Request]:
        request: Request = failure.request  # type: ignore[attr-defined]
        return self.going_on(lambda: self.refuse(request, failure.value))

    def going_on(self, work: Callable[[], None]) -> Iterator[Request]:
        """The requests that are due after `work`; what goes wrong in it ends the crawl."""
        try:
            work()
            yield from self.requests()
        except Exception as error:  # Scrapy would log it and carry on
            self.failure = error
            self.stop()

    def take(self, response: Response) -> None:
        item: Item = response.meta["item"]
        final = response.url if response.meta.get("redirect_urls") else ""
        told = directives(value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag"))
        if response.headers.get("TDM-Reservation") == b"1":
            told.add("noai")
        try:
            if item.kind == "page":
                self.collection.record(item, read_page(item, response, self.site, told))
                return
            if told & NO_AI:
                raise Refused("noai", "asked for by a header")
            _check_type(response)
        except Refused as refused:
            self.collection.refuse(item, refused, final=final, size=len(response.body))
        else:
            self.collection.take(item, response.body, final=final)

    def refuse(self, request: Request, exception: BaseException | None) -> None:
        item: Item = request.meta["item"]
        refused = why(exception)
        if refused.reason == "too_large":
            most = request.meta.get("download_maxsize", PAGE_BYTES)
            whole = item.kind == "page" or most == self.collection.frontier.limits.max_file_bytes
            refused = Refused("too_large" if whole else "over_total", f"more than {most:,} bytes")
        final = request.url if request.meta.get("redirect_urls") else ""
        body = getattr(getattr(exception, "response", None), "body", b"")
        self.collection.refuse(item, refused, final=final, size=len(body))


def _check_type(response: Response) -> None:
    """Refuse what its header calls something else than a picture; what it really is, its bytes say."""
    kind = (response.headers.get("Content-Type") or b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind not in OPAQUE and not kind.startswith("image/"):
        raise Refused("not_a_picture", f"content type {shorten(clean(kind))}")
