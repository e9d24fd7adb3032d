"""One person before the pictures: what is asked next, what is said, and where it is kept.

Nothing is held but the pool: the profile is read for each question and written after each reply, so that two pages, a
crash or another day do no harm. A reply names how many there were before it; one that comes twice counts once.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from konomi import api, drawing
from konomi.errors import FileError, InputError, shorten
from konomi.recipe import Recipe, from_code, to_code
from konomi.taste.look import LOOK
from konomi.taste.picks import why_asked
from konomi.taste.preference import Crowd
from konomi.taste.questions import LARGEST, next_question, questions_left
from konomi.taste.session import Reply, Session, origin_of, read_session, write_session
from konomi.tasting.crowds import open_crowd, open_taste, origin_named
from konomi.tasting.pool import COUNT, open_pool
from konomi.tasting.seeing import Progress, Seen, rows_for, see


@dataclass(frozen=True)
class Question:
    """The pictures that are shown together."""

    number: int  # how many replies there are before it
    codes: tuple[str, ...]
    why: str
    left: int  # about how many questions are still worth asking, this one included; 0: enough is known


@dataclass(frozen=True)
class Sitting:
    """A profile file, and the pictures to ask about."""

    path: Path
    crowd: Crowd
    origin: str
    model: drawing.Model
    told: Mapping[str, float] = field(default_factory=dict)  # of a person who is new
    pool_size: int = COUNT
    progress: Progress = lambda items, total: items  # while the pool is drawn for the first time
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def pool(self) -> Seen:
        """The pictures to ask about; the first time takes seconds."""
        return open_pool(self.model, count=self.pool_size, progress=self.progress)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Share codes of the pool."""
        return tuple(to_code(recipe, number=self.model.number) for recipe in self.pool.recipes)

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """What the crowd sees of the pool's pictures, by share code."""
        return dict(zip(self.codes, self.pool.rows(self.crowd), strict=True))

    @cached_property
    def design(self) -> np.ndarray:
        """The pool as the model of taste sees it, (N, D)."""
        return self.pool.design(self.crowd)

    def session(self) -> Session:
        """The profile as it is now; a new one if there is no file."""
        if not self.path.exists():
            return Session(self.crowd, self.origin, self.told)
        return replace(read_session(self.path, self.crowd), origin=self.origin)

    def question(self, session: Session, *, size: int, language: str = "en") -> Question:
        """What to ask next; the same again until something is said."""
        check_size(size)
        number, design = len(session.replies), self.design
        shown = np.array([place for place, code in enumerate(self.codes) if code in session.shown], int)
        if len(design) - len(shown) < size:
            shown = shown[:0]  # everything was shown: begin again
        asked = next_question(session.taste, design, size=size, seed=number, shown=shown)
        left = questions_left(session.taste, design[asked], session.said, seed=number)
        why = why_asked(self.crowd, session.taste, design[asked], language=language)
        return Question(number, tuple(self.codes[place] for place in asked), why, left)

    def answer(self, number: int, reply: Reply) -> Session:
        """Keep a reply about pictures of the pool, unless another came in its place."""
        if strange := [code for code in reply.shown if code not in self.rows]:
            raise InputError(f"{shorten(strange[0])!r} is not among the pictures that are asked about")
        with self._writing:
            session = self.session()
            return self._keep(session.with_reply(reply, self.rows)) if number == len(session.replies) else session

    def judge(self, code: str, liked: bool) -> Session:
        """Keep whether any picture of this model is liked; saying it twice is saying it once."""
        row = see(self.model, [self.recipe_of(code)]).rows(self.crowd)[0]
        with self._writing:
            return self._keep(self.session().with_reply(Reply((code,), liked=liked), {code: row}))

    def undo(self, number: int) -> Session:
        """Take the last of `number` replies back, unless that has happened already."""
        with self._writing:
            session = self.session()
            return self._keep(session.undone()) if number == len(session.replies) else session

    def _keep(self, session: Session) -> Session:
        write_session(self.path, session)
        return session

    def recipe_of(self, code: str) -> Recipe:
        """The recipe behind a share code of this model; an InputError if it is another's, or none."""
        return api.recipe_behind(from_code(code), self.model)


def check_size(size: int) -> int:
    """`size` if a question may show so many pictures, else an InputError."""
    if not 1 <= size <= LARGEST:
        raise InputError(f"{size} pictures at a time; from 1 (like or dislike) to {LARGEST} can be shown")
    return size


def open_sitting(
    path: Path,
    *,
    crowd: Path | None = None,
    model: str = "anime",
    told: Mapping[str, float] | None = None,
    progress: Progress = lambda items, total: items,
) -> Sitting:
    """A person's profile, begun or gone on with.

    Parameters
    ----------
    path : Path
        The profile; it is written with the first reply.
    crowd : Path, optional
        What a new person starts from, else nobody's crowd; of a profile that was begun, where its crowd lies now.
    told : mapping, optional
        What a new person told of themselves, by the crowd's names.

    Raises
    ------
    KonomiError
        If the profile, the crowd and the model do not belong together, or the profile cannot be written there.
    """
    opened = api.open_model(model)
    if path.exists():
        if told:
            raise InputError(f"{path} has begun already; answers are told before the first pick")
        origin = str(crowd.resolve()) if crowd else origin_of(path)
        known, _ = open_taste(path, crowd)
    else:
        origin = origin_named(crowd, model)
        known = open_crowd(origin)
        if not path.absolute().parent.is_dir():
            raise FileError(f"there is no folder {path.parent} to write {path.name} into")
    sitting = Sitting(path, known, origin, opened, told or {}, progress=progress)
    sitting.session()
    rows_for(known, opened.schema, np.zeros((0, len(opened.schema.slots))), np.zeros((0, len(LOOK))))
    return sitting
