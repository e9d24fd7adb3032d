"""A small pool of what anime-2 draws, and people who sit before it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from konomi.taste.session import Reply, Session
from konomi.tasting.sitting import Sitting, open_sitting

MODEL = "anime-2"
POOL = 30


def sit(path: Path) -> Sitting:
    """The pool is kept in the cache, so that tests of one run draw it once."""
    return replace(open_sitting(path, model=MODEL), pool_size=POOL)


def pick_all(sitting: Sitting, slot: str, questions: int, *, size: int = 3) -> Session:
    """`questions` answered by somebody who always takes what shows most of `slot`."""
    place, session = sitting.crowd.schema.slots.index(slot), sitting.session()
    for _ in range(questions):
        asked = sitting.question(session, size=size)
        best = asked.codes[int(np.argmax([sitting.rows[code][place] for code in asked.codes]))]
        session = sitting.answer(asked.number, Reply(asked.codes, picked=best))
    return session
