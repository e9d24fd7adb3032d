"""A blind test for one person: is what is drawn for their taste liked better than what is drawn for another's?

Each set shows three pictures in random order: one drawn for the person, one for somebody else, one for the mean of the
crowd. All three come from the same model, at the same size, by the same procedure (`draw_for`), out of the same number
of candidates with the same seeds; they differ only in whose taste they were made for. Somebody else is another profile,
as known after as many replies, or for want of one a stranger drawn from the crowd for each set, who was asked the same
questions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from konomi import api, drawing
from konomi.errors import InputError
from konomi.files import make_folder, sha256
from konomi.metrics.obedience import wilson
from konomi.taste.preference import Crowd, Taste, newcomer
from konomi.taste.session import Session, origin_of, read_session
from konomi.taste.strangers import first_replies, stranger
from konomi.tasting.blind_sheet import MADE_FOR, NONE, Key, write_answers, write_key, write_set
from konomi.tasting.crowds import open_crowd
from konomi.tasting.seeing import Progress
from konomi.tasting.suggesting import draw_for
from konomi.verifying import CANDIDATES

ATTEMPTS = 20  # at three different pictures
SIZE = 256  # pixels


@dataclass(frozen=True)
class Outcome:
    """What came out."""

    answered: int
    chosen: dict[str, int]  # by whom the picture liked best was made for, and "none"
    hits: int  # it was made for the person
    low: float  # Wilson's interval of the share of hits, 95%
    high: float
    by_luck: float  # chance of so many hits or more if nothing but luck decided

    @property
    def rate(self) -> float:
        return self.hits / self.answered


def open_session(path: Path, crowd: Path | None = None, same: Crowd | None = None) -> Session:
    """What was said in a profile; with the crowd of another one, `same`, refused if it is not its own."""
    origin = str(crowd) if crowd else origin_of(path)
    if same is None and not origin:
        raise InputError(f"{path} does not say which crowd it was learned with; give its file with --crowd")
    return read_session(path, same or open_crowd(origin))


def make_test(
    folder: Path,
    session: Session,
    model: drawing.Model,
    *,
    name: str,
    others: Sequence[Session] = (),
    sets: int = 12,
    seed: int,
    progress: Progress = lambda items, total: items,
) -> Key:
    """Draw a test into a new folder. The key is written last: without it nothing has begun.

    Parameters
    ----------
    session : Session
        What the person said.
    name : str
        Of the person's profile, for the key.
    others : sequence of Session
        Other people, taken in turn; none: strangers.
    seed : int
        Decides pictures, order and strangers. Whoever answers must not know it.

    Raises
    ------
    InputError
        If nothing has been said, another person said less, there is no set, or tastes are too alike to differ.
    """
    if sets < 1 or not session.said:
        raise InputError(f"a test needs at least one set and a profile with replies, not {sets} and {session.said}")
    dice, usual = np.random.default_rng(seed), newcomer(session.crowd)
    known = [_as_well_known(other, session) for other in others]
    make_folder(folder / "sheet")
    rows, codes = [], []
    for number in progress(range(sets), sets):
        other = known[number % len(known)] if known else stranger(session, dice)
        avatars = _three(session.crowd, (session.taste, other, usual), model, dice)
        order = dice.permutation(len(MADE_FOR))
        rows.append(tuple(MADE_FOR[place] for place in order))
        codes.append(tuple(avatars[place].code for place in order))
        write_set(folder, number + 1, sets, [avatars[place] for place in order])
    key = Key(tuple(rows), tuple(codes), _facts(session, model, name, bool(others), seed))
    write_answers(folder, {}, sets)
    write_key(folder, key)
    return key


def _facts(session: Session, model: drawing.Model, name: str, others: bool, seed: int) -> dict[str, Any]:
    return {
        "profile": name, "replies": session.said, "taste": sha256(session.taste.mean.astype("<f8").tobytes()),
        "crowd": session.crowd.hash, "simulated": session.crowd.simulated,
        "somebody_else": "other profiles" if others else "strangers, simulated",
        "model": model.name, "candidates": CANDIDATES, "size": SIZE, "seed": seed,
    }  # fmt: skip


def _as_well_known(other: Session, session: Session) -> Taste:
    """The taste of somebody else after as many replies as the person gave."""
    if other.said < session.said:
        raise InputError(
            f"the other profile has {other.said} replies and yours {session.said}; a control must be known as well as"
            " you are: let them pick on"
        )
    return first_replies(other, session.said).taste


def _three(crowd: Crowd, tastes: Sequence[Taste], model: drawing.Model, dice: np.random.Generator) -> list[api.Avatar]:
    """A picture for each taste, from the same seeds; seeds are drawn until all three differ."""
    request = api.understand("", schema_name=model.schema.name)
    for _ in range(ATTEMPTS):
        settings: Any = {"count": 1, "seed": int(dice.integers(10**6, 2**31)), "size": SIZE, "candidates": CANDIDATES}
        avatars = [draw_for(crowd, taste, model, request, **settings)[0][0] for taste in tastes]
        if len({avatar.code for avatar in avatars}) == len(avatars):
            return avatars
    raise InputError("what is drawn for you, for another and for all is the same; pick on until more is known")


def judge(key: Key, answers: dict[int, int]) -> Outcome:
    """How often the picture made for the person was liked best, with Wilson's interval; an InputError if never asked.

    Who cannot say which one is no hit.
    """
    if not answers:
        raise InputError("no set is answered yet")
    liked = ["none" if place == NONE else key.sets[number - 1][place - 1] for number, place in answers.items()]
    chosen = {name: liked.count(name) for name in (*MADE_FOR, "none")}
    hits = chosen["person"]
    return Outcome(len(liked), chosen, hits, *wilson(hits, len(liked)), by_luck(hits, len(liked)))


def by_luck(hits: int, count: int) -> float:
    """The chance of at least so many hits of `count`, if each of three pictures is as likely to be liked best."""
    each = 1 / len(MADE_FOR)
    return sum(math.comb(count, n) * each**n * (1 - each) ** (count - n) for n in range(hits, count + 1))
