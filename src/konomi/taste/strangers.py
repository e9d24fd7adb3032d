"""Somebody else, for want of another person: drawn from the crowd, and asked the same questions."""

import numpy as np

from konomi.errors import InputError
from konomi.taste.posterior import LIKE, sigmoid
from konomi.taste.preference import Taste, learn, newcomer
from konomi.taste.replies import Likes, Picks, Replies
from konomi.taste.session import Session, as_replies


def stranger(session: Session, dice: np.random.Generator) -> Taste:
    """What would be known of a person of the crowd after the questions of `session`: simulated, by the model itself.

    So it is as sure of itself as the taste of the session, and differs from it only in who answered.
    """
    if not session.said:
        raise InputError("nothing has been said yet, so nobody else can be asked the same")
    first, codes = newcomer(session.crowd), list(session.pictures)
    design, said = session.design(codes), as_replies(session.replies, codes)
    own = first.sample(len(first.mean), 1, dice)[0]
    utility = design @ own[: design.shape[1]]
    shown, about = said.picks.shown, said.likes.picture
    felt = np.where(shown >= 0, utility[shown] + dice.gumbel(size=shown.shape), -np.inf)
    liked = dice.random(len(about)) < sigmoid(utility[about] + own[LIKE])
    answered = Replies(
        picks=Picks(said.picks.person, shown, felt.argmax(axis=1)), likes=Likes(said.likes.person, about, liked)
    )
    return learn(session.crowd, first, design, answered)


def first_replies(session: Session, count: int) -> Session:
    """The session as it was when `count` replies had said something; an InputError if fewer ever did."""
    kept = session
    while kept.said > count:
        kept = kept.undone()
    if kept.said < count:
        raise InputError(f"{kept.said} replies, where {count} are needed")
    return kept
