"""What Scrapy leaves to its user: missing robots.txt, busy hosts, and addresses that are nobody's business."""

from ipaddress import ip_address
from typing import Any

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response, TextResponse
from scrapy.utils.httpobj import urlparse_cached

from konomi.data.collecting.examine import Refused
from konomi.data.collecting.frontier import clean
from konomi.data.collecting.manners import NAME, SLOWEST, Address, Manners, is_public
from konomi.errors import shorten

# Scrapy's and Twisted's exceptions, by the name of a class in their line of descent
REASONS = {
    "DownloadTimeoutError": "timeout", "TimeoutError": "timeout", "DownloadCancelledError": "too_large",
    "CannotResolveHostError": "no_such_host", "DNSLookupError": "no_such_host", "ResponseDataLossError": "incomplete",
}  # fmt: skip


def guard(reactor: Any, private: frozenset[Address]) -> None:
    """Let `reactor` connect to public addresses and those of `private` only.

    This is the last step before the connection, after names were resolved: no redirect, no odd spelling of an address
    and no name server that changes its mind comes past it.
    """
    connect = reactor.connectTCP

    def guarded(host: str, *arguments: Any, **options: Any) -> Any:
        address = ip_address(host.partition("%")[0])
        if not is_public(address) and address not in private:
            raise Refused("private_address", f"{address} is not a public address")
        return connect(host, *arguments, **options)

    reactor.connectTCP = guarded


class OwnHosts:
    """Refuses what a site's pages redirect to elsewhere, before anything is asked there."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self.hosts = hosts

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "OwnHosts":
        return cls(crawler.spider.hosts)  # type: ignore[union-attr]

    def process_request(self, request: Request) -> None:
        host = urlparse_cached(request).hostname
        if self.hosts and host not in self.hosts and not request.meta.get("dont_obey_robotstxt"):
            raise Refused("other_host", f"redirected to {host}")


class Politeness:
    """What Scrapy leaves to the user: robots.txt that cannot be had, its Crawl-delay, and Retry-After."""

    def __init__(self, crawler: Crawler, manners: Manners) -> None:
        self.crawler, self.manners = crawler, manners
        self.closed: dict[str, Refused] = {}  # by network location: why nothing may be asked there
        crawler.signals.connect(self.heed_crawl_delay, signals.robots_parsed)
        crawler.signals.connect(self.heed_retry_after, signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "Politeness":
        return cls(crawler, crawler.spider.manners)  # type: ignore[union-attr]

    def process_request(self, request: Request) -> None:
        """Refuse to ask hosts that are closed; this comes after robots.txt was read."""
        refused = self.closed.get(urlparse_cached(request).netloc)
        if refused and not request.meta.get("dont_obey_robotstxt"):  # that is the request for robots.txt itself
            raise Refused(refused.reason, refused.detail)

    def process_response(self, request: Request, response: Response) -> Response:
        """Read robots.txt as RFC 9309 says: no such file, no rules (4xx); a broken server, nothing is allowed (5xx)."""
        if not request.meta.get("dont_obey_robotstxt") or response.status == 200:
            return response
        if response.status >= 500 or response.status == 429:
            self._close(request, Refused("robots_unreachable", f"status {response.status} for robots.txt"))
        return TextResponse(request.url, body=b"", encoding="utf-8")

    def process_exception(self, request: Request, exception: Exception) -> Response | None:
        if not request.meta.get("dont_obey_robotstxt"):
            return None
        refused = why(exception)
        if refused.reason not in ("private_address", "no_such_host"):
            refused = Refused("robots_unreachable", refused.detail)
        self._close(request, refused)
        return TextResponse(request.url, body=b"", encoding="utf-8")

    def _close(self, request: Request, refused: Refused) -> None:
        asked = request.meta.get("redirect_urls", [request.url])[0]
        self.closed[urlparse_cached(Request(asked)).netloc] = refused

    def heed_crawl_delay(self, robotparser: Any, request: Request) -> None:
        """Ask no faster than robots.txt says."""
        wanted = robotparser.crawl_delay(NAME) if hasattr(robotparser, "crawl_delay") else None
        parts = urlparse_cached(request)
        if wanted and wanted > SLOWEST:
            self.closed[parts.netloc] = Refused("crawl_delay", f"robots.txt wants {wanted:g} s between requests")
        elif wanted:
            self._slow_down(str(parts.hostname), wanted, for_ever=True)

    def heed_retry_after(self, response: Response, request: Request) -> None:
        """Wait as long as a busy host says before it is asked again."""
        wanted = (response.headers.get("Retry-After") or b"").decode("latin-1")
        if response.status in (429, 503):
            if wanted.isdecimal():
                self._slow_down(request.meta["download_slot"], min(float(wanted[:6]), SLOWEST))
        else:
            self._slow_down(request.meta["download_slot"], 0)

    def _slow_down(self, host: str, seconds: float, *, for_ever: bool = False) -> None:
        downloader = self.crawler.engine.downloader
        usual = downloader.per_slot_settings.get(host, {}).get("delay", self.manners.delay_of(host))
        if for_ever:
            usual = max(usual, seconds)
            downloader.per_slot_settings[host] = {"delay": usual, "concurrency": 1}
        if host in downloader.slots:
            downloader.slots[host].delay = max(usual, seconds)


def why(exception: BaseException | None) -> Refused:
    """The reason behind an exception of Scrapy or Twisted."""
    if isinstance(exception, Refused):
        return exception
    status = getattr(getattr(exception, "response", None), "status", None)
    if status is not None:
        return Refused(f"status_{status}", "after retries" if status >= 500 else "")
    text = str(exception)
    if isinstance(exception, IgnoreRequest):
        for sign, reason in (("robots.txt", "robots"), ("redirections", "redirects"), ("exceeds", "too_large")):
            if sign in text:
                return Refused(reason, text)
    for kind in type(exception).__mro__:
        if kind.__name__ in REASONS:
            return Refused(REASONS[kind.__name__], _told(exception))
    return Refused("connection", _told(exception))


def _told(exception: BaseException | None) -> str:
    return shorten(clean(f"{type(exception).__name__}: {exception}"), length=200)
