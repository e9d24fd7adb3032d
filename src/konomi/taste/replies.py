"""Replies about pictures: ratings, picks out of several, like or dislike."""

from dataclasses import dataclass, field

import numpy as np

from konomi.errors import InputError


@dataclass(frozen=True)
class Ratings:
    """Ratings: row a is one by person[a] about picture[a]."""

    person: np.ndarray  # (A,) int
    picture: np.ndarray  # (A,) int, a row of the pictures
    points: np.ndarray  # (A,) int from 1


@dataclass(frozen=True)
class Picks:
    """Picks: person[a] took shown[a, chosen[a]] out of the pictures shown[a]."""

    person: np.ndarray  # (A,) int
    shown: np.ndarray  # (A, K) int; -1 where fewer were shown
    chosen: np.ndarray  # (A,) int, a place in the row


@dataclass(frozen=True)
class Likes:
    """Like or dislike of single pictures."""

    person: np.ndarray  # (A,) int
    picture: np.ndarray  # (A,) int
    liked: np.ndarray  # (A,) bool


def _no_ratings() -> Ratings:
    return Ratings(*(np.zeros(0, int) for _ in range(3)))


def _no_picks() -> Picks:
    return Picks(np.zeros(0, int), np.zeros((0, 2), int), np.zeros(0, int))


def _no_likes() -> Likes:
    return Likes(np.zeros(0, int), np.zeros(0, int), np.zeros(0, bool))


@dataclass(frozen=True)
class Replies:
    """What people said about pictures, of every kind."""

    ratings: Ratings = field(default_factory=_no_ratings)
    picks: Picks = field(default_factory=_no_picks)
    likes: Likes = field(default_factory=_no_likes)

    def __len__(self) -> int:
        return len(self.ratings.person) + len(self.picks.person) + len(self.likes.person)


def check_replies(replies: Replies, *, people: int, pictures: int, points: int) -> None:
    """An InputError if a reply is by a person, about a picture or a point of the scale that does not exist."""
    r, p, k = replies.ratings, replies.picks, replies.likes
    for kind, who in (("rating", r.person), ("pick", p.person), ("like", k.person)):
        _inside(f"a {kind} is by person", who, 0, people)
    for kind, which in (("rating", r.picture), ("like", k.picture)):
        _inside(f"a {kind} is about picture", which, 0, pictures)
    _inside("a pick shows picture", p.shown, -1, pictures)
    _inside("a rating is", r.points, 1, points + 1)
    _inside("a pick has the place", p.chosen, 0, p.shown.shape[1])
    if (p.shown[np.arange(len(p.chosen)), p.chosen] < 0).any():
        raise InputError("a pick is of a place where no picture was shown")
    if ((p.shown >= 0).sum(axis=1) < 2).any():
        raise InputError("a pick shows one picture; it needs two to choose from")


def _inside(what: str, given: np.ndarray, low: int, stop: int) -> None:
    if given.size and not (low <= given.min() and given.max() < stop):
        wrong = given.min() if given.min() < low else given.max()
        raise InputError(f"{what} {wrong}; they go from {max(low, 0)} to {stop - 1}")
