"""What is fetched next, and that the end does not depend on who answers first, or on kills."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from konomi.data.collecting.frontier import SMALL, Frontier, Item, Key, Limits, Outcome, web_item

HOSTS = [f"{letter}.example.org" for letter in "abcdef"]


@dataclass(frozen=True)
class Web:
    """A made-up web: pages that show pictures and link to pages; pictures of some size and content, or refused."""

    pages: dict[str, tuple[list[str], list[str], bool]]  # pictures, links, noai
    pictures: dict[str, tuple[int, int, bool]]  # size, content, refused
    start: str

    def answer(self, item: Item, most: int, limits: Limits) -> Outcome:
        if item.kind == "page":
            pictures, links, noai = self.pages[item.url]
            found = Outcome("page", item.name, item.url, pictures=tuple(pictures), links=tuple(links), noai=noai)
            return found
        size, content, refused = self.pictures[item.url]
        if size > most:
            reason = "too_large" if most == limits.max_file_bytes else "over_total"
            return Outcome("picture", item.name, item.url, reason=reason)
        if refused:
            return Outcome("picture", item.name, item.url, reason="broken", bytes=size)
        return Outcome("picture", item.name, item.url, sha256=f"{content:064x}", file="x", bytes=size)


def made_up(dice: random.Random) -> Web:
    """Some pages and pictures on six hosts; pictures with the same content have the same size."""
    addresses = [f"http://{dice.choice(HOSTS)}/{i}" for i in range(8)]
    pictures = [f"http://{dice.choice(HOSTS)}/{i}.png" for i in range(16)]
    some = lambda of: dice.sample(of, dice.randrange(6))  # noqa: E731
    sizes = [dice.randint(1, 6) * SMALL // 2 for _ in range(12)]
    contents = [dice.randrange(12) for _ in pictures]
    return Web(
        {url: (some(pictures), some(addresses), dice.random() < 0.15) for url in addresses},
        {u: (sizes[c], c, dice.random() < 0.2) for u, c in zip(pictures, contents, strict=True)},
        addresses[0],
    )


def begun(web: Web, outcomes: dict[Key, Outcome], limits: Limits) -> Frontier:
    frontier = Frontier(outcomes, limits, depth=3, hosts=frozenset(HOSTS))
    frontier.add(web_item("page", web.start))
    return frontier


def run(web: Web, limits: Limits, dice: random.Random | None, kills: int = 0) -> tuple[Frontier, list[Item]]:
    """Crawl to the end; with `dice`, answers come in any order, and the run is killed and begun again."""
    journal: dict[Key, Outcome] = {}
    asked = []
    for attempt in range(kills + 1):
        frontier = begun(web, dict(journal), limits)
        left = dice.randrange(8) if dice and attempt < kills else 10_000
        flying: list[tuple[Item, int]] = []
        while True:
            flying += [(item, frontier.most_bytes()) for item in frontier.due()]
            if not flying or frontier.finished or not left:
                break
            item, most = flying.pop(dice.randrange(len(flying)) if dice else 0)
            outcome = web.answer(item, most, limits)
            journal[item.key] = outcome
            asked.append(item)
            frontier.done(item, outcome)
            frontier.settle()
            left -= 1
    assert frontier.finished
    return frontier, asked


def ends(frontier: Frontier) -> tuple[object, ...]:
    taken = [(i, o.sha256) for i, o in frontier.settled if o.sha256]
    return taken, [i for i, _ in frontier.settled], frontier.denied, frontier.stopped, frontier.bytes


@pytest.mark.parametrize("seed", range(10))
def test_the_end_depends_neither_on_speed_nor_on_kills(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        web = made_up(dice)
        most = dice.choice([None, None, *range(1, 7)])
        compare(web, Limits(most, dice.randint(1, 12) * SMALL, 5 * SMALL // 2, dice.randint(1, 12)), dice)


def compare(web: Web, limits: Limits, dice: random.Random) -> None:
    calm, once = run(web, limits, None)
    wild, asked = run(web, limits, dice, kills=dice.randrange(4))
    assert ends(wild) == ends(calm)
    assert len({item.key for item in asked}) == len(asked), "nothing is fetched again"
    assert calm.bytes <= limits.max_bytes
    assert len(calm.kept) <= (limits.max_pictures or 16)
    if not calm.stopped:
        assert {item.key for item in once} >= {item.key for item in asked} - calm.denied


def items(urls: list[str], **limits: int) -> Frontier:
    frontier = Frontier({}, Limits(**limits), hosts=frozenset())
    for url in urls:
        frontier.add(web_item("picture", url))
    return frontier


def taken(item: Item, number: int) -> Outcome:
    return Outcome("picture", item.name, item.url, sha256=f"{number:064x}", bytes=10)


def finish(frontier: Frontier) -> Iterator[list[str]]:
    while due := list(frontier.due()):
        yield [item.url for item in due]
        for number, item in enumerate(due):
            frontier.done(item, taken(item, number + 10 * len(frontier.settled)))


def test_a_host_is_asked_for_one_thing_at_a_time_and_many_hosts_at_once() -> None:
    urls = [f"http://h{i % 40}.example.org/{i}" for i in range(80)]
    rounds = list(finish(items(urls)))
    assert all(len({url.split("/")[2] for url in asked}) == len(asked) <= 16 for asked in rounds)
    assert len(rounds[0]) == 16
    assert sorted(url for asked in rounds for url in asked) == sorted(urls)


def test_no_more_pictures_are_fetched_ahead_than_could_be_needed() -> None:
    urls = [f"http://h{i}.example.org/x" for i in range(10)]
    frontier = items(urls, max_pictures=3)
    assert [len(asked) for asked in finish(frontier)] == [3]
    assert frontier.stopped == "max_pictures"


def test_a_limit_that_is_just_reached_stops_nothing() -> None:
    frontier = items(["http://a.example.org/1", "http://a.example.org/2"], max_pictures=2, max_bytes=20)
    list(finish(frontier))
    assert frontier.stopped == ""
    assert len(frontier.kept) == 2


@pytest.mark.parametrize(
    ("url", "reason", "detail"),
    [
        ("ftp://example.org/a.png", "bad_url", "not an http"),
        ("javascript:alert(1)", "bad_url", "not an http"),
        ("data:image/png;base64," + "A" * 5000, "bad_url", "not an http"),
        ("http://me:secret@example.org/a.png", "bad_url", "user name"),
        ("http://[::1/a.png", "bad_url", "IPv6"),
        ("http://example.org:99999999/a.png", "bad_url", "Port out of range"),
        ("http://example.org/" + "a" * 3000, "bad_url", "2,000 characters"),
        ("", "bad_url", "not an http"),
        ("http://other.example.net/a.png", "other_host", "other.example.net is none"),
    ],
)
def test_addresses_that_are_not_asked_are_refused_by_name(url: str, reason: str, detail: str) -> None:
    item = web_item("picture", url, frozenset({"example.org"}))
    assert item.reason == reason
    assert detail in item.detail
    assert len(item.url) <= 200


def test_addresses_that_mean_the_same_are_one() -> None:
    same = ["http://example.org/a?x=1&y=2", "HTTP://EXAMPLE.org/a?y=2&x=1#top", " http://example.org/a?x=1&y=2\n"]
    assert len({web_item("picture", url).name for url in same}) == 1
    assert web_item("page", same[0]).key != web_item("picture", same[0]).key


def test_lone_surrogates_can_be_written() -> None:
    web_item("picture", "http://example.org/\ud800.png").url.encode()
