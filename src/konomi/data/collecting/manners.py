"""How Konomi behaves as a guest: its name, its pace, what it must not use, and where it must not knock."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from konomi import __version__
from konomi.errors import InputError, shorten

NAME = "Konomi"
HOME = "https://pypi.org/project/konomi/"
SLOWEST = 300  # seconds between two requests; a site that asks for more is left alone
# these have a colon and are no name of a robot: developers.google.com/search/docs/crawling-indexing/robots-meta-tag
VALUED = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
NO_AI = {"noai", "noimageai"}
NO_LINKS = {"nofollow", "none"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Manners:
    """How hosts are asked."""

    delay: float = 1.0  # seconds between two requests to one host, at least; less than 1 only for `private`
    timeout: float = 60.0  # seconds for one answer, from the first byte sent to the last one received
    contact: str = ""  # address of whoever collects, told to every host
    private: tuple[str, ...] = ()  # hosts of one's own network that may be asked, and as fast as `delay` says

    def __post_init__(self) -> None:
        if not 0 <= self.delay <= SLOWEST or (self.delay < 1 and not self.private):
            raise InputError(
                f"delay is {self.delay:g}; it goes from 1 to {SLOWEST} seconds (less only for hosts of your own "
                "network that --allow-private names)"
            )
        if not 0.1 <= self.timeout <= 3600:
            raise InputError(f"timeout is {self.timeout:g}; it goes from 0.1 to 3600 seconds")
        if not re.fullmatch(r"[\x21-\x27\x2a-\x7e]*", self.contact):
            raise InputError(f"contact is {shorten(self.contact)!r}; give a mail address or a URL")

    @property
    def user_agent(self) -> str:
        return f"{NAME}/{__version__} (+{HOME}{'; ' * bool(self.contact)}{self.contact})"

    def delay_of(self, host: str) -> float:
        return self.delay if host in self.private else max(1.0, self.delay)


def directives(header_values: Iterable[str]) -> set[str]:
    """What `X-Robots-Tag` headers say to Konomi: the directives for all robots, and those after its name.

    >>> sorted(directives(["noimageai, konomi: noai, nofollow", "other: none"]))
    ['noai', 'nofollow', 'noimageai']
    """
    found = set()
    for value in header_values:
        for_us = True
        for part in value.lower().split(","):
            name, colon, rest = part.strip().partition(":")
            if colon and name.strip() not in VALUED:
                for_us, part = name.strip() in (NAME.lower(), "*"), rest
            if for_us:
                found.add(part.strip())
    return found


def addresses_of(hosts: Iterable[str]) -> frozenset[Address]:
    """The addresses of one's own hosts; an InputError if one does not exist, or is a public one."""
    found: set[Address] = set()
    for host in hosts:
        try:
            answers = socket.getaddrinfo(host, None)
        except OSError as error:
            raise InputError(f"--allow-private {shorten(host)}: {error.strerror or error}") from None
        addresses = {ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}
        if public := [a for a in addresses if is_public(a)]:
            raise InputError(f"--allow-private {host}: {public[0]} is public; the option is for your own network")
        found |= addresses
    return frozenset(found)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet: not private, loopback, link-local, multicast or reserved.

    IPv6 addresses that lead to an IPv4 one through a tunnel (6to4, Teredo, NAT64) never count as public.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address.sixtofour or address.teredo or address in NAT64 or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
