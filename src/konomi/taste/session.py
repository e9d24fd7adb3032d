"""One person's replies as a profile file: every picture that was asked about, what was said, and the taste from it.

The file is that of `konomi.taste.profile` (mean, covariance, hash of crowd and schema) with one key more, `session`:
which crowd it starts from, what the person told, the pictures as the model sees them, by share code, and every reply in
its order. So nothing but the crowd is needed to go on, to take a reply back, or to learn it all anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from konomi.errors import FileError, InputError
from konomi.files import read_json
from konomi.taste.preference import Crowd, Taste, learn, newcomer
from konomi.taste.profile import read_taste, write_taste
from konomi.taste.replies import Likes, Picks, Replies

DIGITS = 4  # of what is kept of a picture


@dataclass(frozen=True)
class Reply:
    """What was said of the pictures shown together: one is picked, a single one is liked or not, or nothing is said."""

    shown: tuple[str, ...]  # share codes
    picked: str = ""
    liked: bool | None = None

    def __post_init__(self) -> None:
        if not self.shown or len(set(self.shown)) != len(self.shown):
            raise InputError("a reply is about pictures, each of them once")
        if self.picked and (self.picked not in self.shown or len(self.shown) < 2):
            raise InputError("a pick is one of two or more pictures that were shown")
        if self.liked is not None and (len(self.shown) > 1 or self.picked):
            raise InputError("like or dislike is said of a single picture")

    @property
    def is_skip(self) -> bool:
        return not self.picked and self.liked is None

    def to_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {"picked": self.picked} if self.picked else {}
        return {"shown": list(self.shown)} | said | ({} if self.liked is None else {"liked": self.liked})


@dataclass(frozen=True)
class Session:
    """What one person said, in order, and what follows from it."""

    crowd: Crowd
    origin: str  # where the crowd comes from: a file, or a model's name for the starting crowd
    told: Mapping[str, float] = field(default_factory=dict)  # of themselves, as `Crowd.told` names it
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)  # weights and looks, unknown NaN, by share code
    replies: tuple[Reply, ...] = ()

    @property
    def shown(self) -> set[str]:
        return {code for reply in self.replies for code in reply.shown}

    @property
    def said(self) -> int:
        """How many replies say something."""
        return sum(not reply.is_skip for reply in self.replies)

    @cached_property
    def taste(self) -> Taste:
        """What follows from all replies at once."""
        told = np.array([self.told.get(name, np.nan) for name in self.crowd.told])
        first, codes = newcomer(self.crowd, told), list(self.pictures)
        if not self.said:
            return first
        return learn(self.crowd, first, self.design(codes), as_replies(self.replies, codes))

    def design(self, codes: Sequence[str]) -> np.ndarray:
        """Pictures that were asked about as the model sees them, (N, D)."""
        table, slots = np.stack([self.pictures[code] for code in codes]), len(self.crowd.schema.slots)
        return self.crowd.design(table[:, :slots], table[:, slots:] if self.crowd.features else None)

    def with_reply(self, reply: Reply, pictures: Mapping[str, np.ndarray]) -> "Session":
        """After one more reply about `pictures`: weights (slots,) and looks of each, by share code.

        Who says again whether they like a picture changes their mind; the last word counts.
        """
        kept = {code: np.round(pictures[code], DIGITS) for code in reply.shown if code not in self.pictures}
        said = tuple(r for r in self.replies if reply.liked is None or r.liked is None or r.shown != reply.shown)
        return replace(self, pictures={**self.pictures, **kept}, replies=(*said, reply))

    def undone(self) -> "Session":
        """Without the last reply; an InputError if there is none."""
        if not self.replies:
            raise InputError("there is nothing to take back")
        left = self.replies[:-1]
        known = {code for reply in left for code in reply.shown}
        return replace(self, replies=left, pictures={c: row for c, row in self.pictures.items() if c in known})


def as_replies(said: Sequence[Reply], codes: Sequence[str]) -> Replies:
    """Replies of person 0 about pictures numbered as `codes`; those that say nothing are left out."""
    place = {code: number for number, code in enumerate(codes)}
    picks = [reply for reply in said if reply.picked]
    likes = [reply for reply in said if reply.liked is not None]
    shown = np.full((len(picks), max([2, *(len(reply.shown) for reply in picks)])), -1)
    for row, reply in enumerate(picks):
        shown[row, : len(reply.shown)] = [place[code] for code in reply.shown]
    chosen = np.array([reply.shown.index(reply.picked) for reply in picks], int)
    liked = np.array([bool(reply.liked) for reply in likes], bool)
    return Replies(
        picks=Picks(np.zeros(len(picks), int), shown, chosen),
        likes=Likes(np.zeros(len(likes), int), np.array([place[r.shown[0]] for r in likes], int), liked),
    )


def write_session(path: Path, session: Session) -> None:
    """Write a profile, whole or not at all."""
    facts = {
        "crowd": session.origin,
        "told": dict(session.told),
        "pictures": {code: [None if np.isnan(x) else x for x in row] for code, row in session.pictures.items()},
        "replies": [reply.to_dict() for reply in session.replies],
    }
    write_taste(path, session.crowd, session.taste, session=facts)


def origin_of(path: Path) -> str:
    """Where the crowd of a profile comes from; empty if the file does not say."""
    table = read_json(path)
    facts = table.get("session", {}) if isinstance(table, dict) else {}
    origin = facts.get("crowd", "") if isinstance(facts, dict) else ""
    return origin if isinstance(origin, str) else ""


def read_session(path: Path, crowd: Crowd) -> Session:
    """Read a profile that can be gone on with; a FileError if it is damaged, or was learned with another crowd."""
    read_taste(path, crowd)
    facts = read_json(path).get("session")
    if facts is None:
        raise FileError(f"{path} holds a taste, but not the replies behind it; it can be drawn from, not gone on with")
    try:
        pictures = {code: np.array(row, float) for code, row in facts["pictures"].items()}
        replies = tuple(
            Reply(tuple(r["shown"]), r.get("picked", ""), r.get("liked")) for r in facts["replies"]
        )  # fmt: skip
        told = {str(name): float(value) for name, value in facts["told"].items()}
        session = Session(crowd, str(facts["crowd"]), told, pictures, replies)
        size = len(crowd.schema.slots) + crowd.features
        whole = session.shown <= pictures.keys() and all(row.shape == (size,) for row in pictures.values())
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise FileError(f"{path} is damaged: {error}") from None
    if not whole:
        raise FileError(f"{path} is damaged: a picture that was asked about is missing, or has other numbers")
    return session
