"""What a survey keeps, in SQLite or PostgreSQL: studies, who takes part, what each was shown and answered.

The only SQL of the house. Every public method is one transaction; what it has done when it returns survives the end of
the program and, on a sound disk, of the machine. Clicks, by far the most frequent, are written together and cheaply:
one statement finds out all about a click, one writes it. What a person told of themselves is in `persons` and may be
deleted alone; links and codes are kept as hashes only. Times are milliseconds since 1970, UTC.
"""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from konomi.errors import FileError, InputError, shorten
from konomi.taste.assignment import ATTENTION, Page
from konomi.taste.study import LIKE, PICK, Settled
from konomi.web.postgres import postgres_engine

GOING, SENT, SCREENED = "going", "sent", "screened"
HOUR = 3_600_000  # milliseconds
BUSY = 20  # seconds that a write waits for another one
MOST_PAGES = 10_000  # of a person; a larger position is nobody's

tables = sa.MetaData()
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts up by itself there
Time = sa.BigInteger
migrations = sa.Table("migrations", tables, sa.Column("name", sa.String(80), primary_key=True), sa.Column("at", Time))
studies = sa.Table(
    "studies", tables,
    sa.Column("id", Key, primary_key=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("settled", sa.Text, nullable=False),  # Settled.to_json
    sa.Column("made_at", Time, nullable=False),
    sa.Column("closed_at", Time),
)  # fmt: skip
pictures = sa.Table(
    "pictures", tables,
    sa.Column("study", Key, sa.ForeignKey("studies.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)  # fmt: skip
participants = sa.Table(
    "participants", tables,
    sa.Column("id", Key, primary_key=True),
    sa.Column("study", Key, sa.ForeignKey("studies.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # in the order of coming, from 0
    sa.Column("label", sa.String(20), nullable=False, unique=True),  # in exports; says nothing of who it is
    sa.Column("state", sa.String(10), nullable=False),  # going, sent or screened
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False),
    sa.Column("sent_at", Time),
    sa.UniqueConstraint("study", "number"),
)  # fmt: skip
persons = sa.Table(
    "persons", tables,
    sa.Column("participant", Key, sa.ForeignKey("participants.id"), primary_key=True, autoincrement=False),
    sa.Column("study", Key, sa.ForeignKey("studies.id"), nullable=False),
    sa.Column("age", sa.Integer),
    sa.Column("gender", sa.String(10)),
    sa.Column("comment", sa.Text),
    sa.Column("parameters", sa.Text, nullable=False),  # of a crowdsourcing site, JSON
    sa.Column("identity", sa.String(200)),  # the first of them
    sa.UniqueConstraint("study", "identity"),
)  # fmt: skip
links = sa.Table(
    "links", tables,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("participant", Key, sa.ForeignKey("participants.id"), nullable=False, index=True),
)  # fmt: skip
codes = sa.Table(
    "codes", tables,
    sa.Column("study", Key, sa.ForeignKey("studies.id"), primary_key=True),
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("used_at", Time),
)  # fmt: skip
pages = sa.Table(
    "pages", tables,
    sa.Column("participant", Key, sa.ForeignKey("participants.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("picture", sa.Integer),
    sa.Column("items", sa.Text, nullable=False),  # JSON list, in the order shown
    sa.Column("expected", sa.Integer),
    sa.Column("repeat", sa.Boolean, nullable=False),
    sa.Column("done_at", Time),
)  # fmt: skip
picks = sa.Table(  # which pictures somebody picks from, or likes or not; chosen when the page is first asked for
    "picks", tables,
    sa.Column("participant", Key, sa.ForeignKey("participants.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("pictures", sa.Text, nullable=False),  # JSON list, in the order shown
)  # fmt: skip
showings = sa.Table(
    "showings", tables,
    sa.Column("id", Key, primary_key=True),
    sa.Column("participant", Key, sa.ForeignKey("participants.id"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("at", Time, nullable=False),
)  # fmt: skip
answers = sa.Table(
    "answers", tables,
    sa.Column("participant", Key, sa.ForeignKey("participants.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.String(20), primary_key=True),
    sa.Column("point", sa.Integer),  # null: passed over
    sa.Column("at", Time, nullable=False),
    sa.Column("after_ms", sa.Integer),  # after the page appeared, as the browser measured it
    sa.Column("changes", sa.Integer, nullable=False),
)  # fmt: skip

# A later change of the tables appends a step with statements of its own, and never alters an earlier one.
STEPS: tuple[tuple[str, Callable[[sa.Connection], None]], ...] = (
    ("1-first", lambda c: tables.create_all(c)),
    ("2-picks", lambda c: picks.create(c, checkfirst=True)),
)


class Refused(InputError):
    """What a participant asked for cannot be; `key` names the text that tells them, `status` is HTTP's."""

    def __init__(self, key: str, status: int, told: str = "") -> None:
        super().__init__(told or key.replace("_", " "))
        self.key, self.status = key, status


@dataclass(frozen=True)
class Kept:
    """A study as the database has it."""

    id: int
    settled: Settled
    closed: bool
    pictures: tuple[tuple[str, str], ...]  # file and SHA-256, by number


@dataclass(frozen=True)
class Participant:
    """One person's way through a study."""

    id: int
    study: int
    label: str
    state: str
    language: str


@dataclass(frozen=True)
class Place:
    """A page of one participant and where it stands."""

    position: int
    pages: int  # that the participant has in all
    page: Page
    answers: Mapping[str, int | None]


@dataclass(frozen=True)
class Undecided:
    """A page whose pictures are to be chosen, and what the person has picked before."""

    position: int
    kind: str  # PICK or LIKE
    said: tuple[tuple[tuple[int, ...], int | None], ...]  # pictures shown, and the place picked, from 1


@dataclass(frozen=True)
class Click:
    """One answer, as a page's script sends it."""

    link: str
    position: int
    item: str
    point: int
    now: int
    after_ms: int | None = None  # after the page appeared


def hashed(secret: str) -> str:
    """How links and codes are kept: whoever reads the database cannot use them."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Store:
    """One database; may hold several studies, and serve several programs at once."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        # SQLite lets one write at a time; whoever waits for another program asks again and again, ever more rarely
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        )  # fmt: skip
        try:
            with self._writing() as c:
                _migrate(c)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.engine.dispose()

    # --- transactions ---

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _told(), self._turn, self.engine.begin() as c:
            yield c

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _told(), self.engine.connect().execution_options(konomi_reads=True) as c:
            yield c

    # --- studies ---

    def add_study(self, settled: Settled, found: Sequence[tuple[str, str]], *, now: int) -> int:
        """Keep a study with its pictures (file, SHA-256); an InputError if there is one of this name."""
        with self._writing() as c:
            name = settled.study.name
            if c.scalar(sa.select(studies.c.id).where(studies.c.name == name)) is not None:
                raise InputError(f"there is a study {name!r} in this database already; give this one another name")
            made = c.execute(sa.insert(studies).values(name=name, settled=settled.to_json(), made_at=now))
            (study,) = made.inserted_primary_key or (0,)
            rows = [{"study": study, "number": n, "file": f, "sha256": s} for n, (f, s) in enumerate(found)]
            c.execute(sa.insert(pictures), rows)
        return int(study)

    def study(self, name: str) -> Kept:
        """A study by name; an InputError names those that there are."""
        with self._reading() as c:
            row = c.execute(sa.select(studies).where(studies.c.name == name)).one_or_none()
            if row is None:
                known = ", ".join(c.scalars(sa.select(studies.c.name).order_by(studies.c.name))) or "none"
                raise InputError(f"there is no study {shorten(name)!r} in this database; there is: {known}")
            chosen = sa.select(pictures.c.file, pictures.c.sha256).where(pictures.c.study == row.id)
            found = tuple((p.file, p.sha256) for p in c.execute(chosen.order_by(pictures.c.number)))
        return Kept(row.id, _settled(row.settled), row.closed_at is not None, found)

    def is_closed(self, study: int) -> bool:
        with self._reading() as c:
            return c.scalar(sa.select(studies.c.closed_at).where(studies.c.id == study)) is not None

    def set_closed(self, study: int, closed_at: int | None) -> None:
        """Close a study (nobody can start or answer any more), or open it again with None."""
        with self._writing() as c:
            c.execute(sa.update(studies).where(studies.c.id == study).values(closed_at=closed_at))

    def add_codes(self, study: int, made: Sequence[str]) -> None:
        """Keep the hashes of one-time codes."""
        with self._writing() as c:
            c.execute(sa.insert(codes), [{"study": study, "hash": hashed(code)} for code in made])

    # --- starting ---

    def start(
        self,
        study: int,
        link: str,
        make_pages: Callable[[list[int], int], Sequence[Page]],
        *,
        language: str,
        now: int,
        code: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Participant:
        """Let one person in, with a link that is known from now on; the same link again is the same person.

        `make_pages` gets how often each picture has been promised, and the person's number.
        """
        with self._writing() as c:
            row = c.execute(sa.select(studies).where(studies.c.id == study).with_for_update()).one()
            if (known := _by_link(c, link)) is not None and known.study == study:
                return known
            settled = _settled(row.settled)
            if row.closed_at is not None:
                raise Refused("closed", 410)
            self._check_room(c, study, settled, now)
            identity = self._admit(c, study, settled, code, parameters or {}, now)
            counts = self._counts(c, study, settled, now)
            number = c.scalar(sa.select(sa.func.count()).where(participants.c.study == study)) or 0
            label = f"p{secrets.token_hex(5)}"
            values = {
                "study": study, "number": number, "label": label, "state": GOING,
                "language": language, "started_at": now, "seen_at": now,
            }  # fmt: skip
            (who,) = c.execute(sa.insert(participants).values(**values)).inserted_primary_key or (0,)
            kept = json.dumps(dict(parameters or {}), ensure_ascii=False)
            c.execute(sa.insert(persons).values(participant=who, study=study, parameters=kept, identity=identity))
            c.execute(sa.insert(links).values(hash=hashed(link), participant=who))
            c.execute(sa.insert(pages), [_page_row(who, n, p) for n, p in enumerate(make_pages(counts, number))])
        return Participant(int(who), study, label, GOING, language)

    def _check_room(self, c: sa.Connection, study: int, settled: Settled, now: int) -> None:
        limit = settled.study.quota.people
        held = sa.select(sa.func.count()).where(participants.c.study == study, _holding(settled, now))
        if limit and (c.scalar(held) or 0) >= limit:
            raise Refused("full", 410)

    def _admit(
        self, c: sa.Connection, study: int, settled: Settled, code: str, parameters: Mapping[str, str], now: int
    ) -> str | None:
        """Use up the code, or tell who the site says it is."""
        access = settled.study.access
        if access.kind == "codes":
            mine = sa.and_(codes.c.study == study, codes.c.hash == hashed(code))
            found = c.execute(sa.select(codes.c.used_at).where(mine)).one_or_none()
            if found is None:
                raise Refused("unknown_code", 403)
            if found.used_at is not None:
                raise Refused("used_code", 409)
            c.execute(sa.update(codes).where(mine).values(used_at=now))
        if access.kind != "site":
            return None
        identity = parameters.get(access.parameters[0], "")
        if not identity:
            raise Refused("no_identity", 400)
        same = sa.select(persons.c.participant).where(persons.c.study == study, persons.c.identity == identity)
        if c.execute(same).first() is not None:
            raise Refused("already_here", 409)
        return identity

    def _counts(self, c: sa.Connection, study: int, settled: Settled, now: int) -> list[int]:
        """How often each picture has been shown, or is promised to somebody who is still there."""
        shown = (
            sa.select(pages.c.picture, sa.func.count())
            .join(participants, participants.c.id == pages.c.participant)
            .where(participants.c.study == study, _holding(settled, now), pages.c.kind == "picture", ~pages.c.repeat)
            .group_by(pages.c.picture)
        )
        found = {picture: many for picture, many in c.execute(shown)}
        total = c.scalar(sa.select(sa.func.count()).where(pictures.c.study == study)) or 0
        return [found.get(number, 0) for number in range(total)]

    # --- answering ---

    def participant(self, study: int, link: str) -> Participant:
        """Who has this link; refused if nobody in this study has."""
        with self._reading() as c:
            found = _by_link(c, link)
        if found is None or found.study != study:
            raise Refused("unknown_link", 404)
        return found

    def current(self, who: Participant) -> Place | None:
        """The first page that is not done; None if all are."""
        with self._reading() as c:
            return _place(c, who.id)

    def place(self, who: Participant, position: int) -> Place:
        """A page that has been reached; refused if it has not."""
        with self._reading() as c:
            return _reached(c, who.id, position)

    def show(self, who: Participant, language: str, *, now: int) -> Place | None:
        """The first page that is not done, written down as sent; None if all are; refused if the study is closed."""
        with self._writing() as c:
            if c.scalar(sa.select(studies.c.closed_at).where(studies.c.id == who.study)) is not None:
                raise Refused("closed", 410)
            if (place := _place(c, who.id)) is not None:
                _shown(c, who.id, place.position, language, now)
            return place

    def undecided(self, who: Participant) -> Undecided | None:
        """The next page and what was picked before it, if its pictures are still to be chosen."""
        with self._reading() as c:
            place = _place(c, who.id)
            if place is None or place.page.kind not in (PICK, LIKE) or place.page.shown:
                return None
            return Undecided(place.position, place.page.kind, tuple(_picked(c, who.id)))

    def decide(self, who: Participant, position: int, chosen: Sequence[int]) -> None:
        """Keep which pictures a page shows; what was chosen first stays."""
        insert: Any = (sqlite if self.engine.dialect.name == "sqlite" else postgresql).insert(picks)
        row = insert.values(participant=who.id, position=position, pictures=json.dumps(list(chosen)))
        with self._writing() as c:
            c.execute(row.on_conflict_do_nothing())

    def shown(self, who: Participant, position: int, language: str, *, now: int) -> None:
        """Write down that a page was sent, and in which language."""
        with self._writing() as c:
            _shown(c, who.id, position, language, now)

    def save(
        self,
        who: Participant,
        position: int,
        given: Mapping[str, int],
        *,
        now: int,
        after: Mapping[str, int] | None = None,
        leave: bool = False,
    ) -> list[str]:
        """Keep answers to items of one page; the last one to an item counts.

        With `leave` the page is done, unless items that must be answered are open: these are returned, and what was
        given is kept all the same. Items that may be passed over are then written down as passed over.
        """
        with self._writing() as c:
            settled = self._lock(c, who)
            place = _reached(c, who.id, position)
            points = settled.points(place.page.kind)
            if points is None or (place.page.kind in (PICK, LIKE) and not place.page.shown):
                raise Refused("not_shown", 409)
            for item, point in given.items():
                _check(item, point, position, place.page.items, points)
            have = {**place.answers, **given}
            open_items = [item for item in place.page.items if have.get(item) is None]
            stays = not leave or (open_items and settled.study.items.forced)
            passed_over = {} if stays else {item: None for item in open_items if item not in place.answers}
            found = {**given, **passed_over}
            _put(c, [_answer_row(who.id, position, i, p, now, (after or {}).get(i)) for i, p in found.items()])
            if stays:
                return open_items
            _done(c, who.id, position, now)
        return []

    def clicks(self, study: int, settled: Settled, given: Sequence[Click]) -> list[Refused | None]:
        """Keep the clicks of many people, in this order; for each, why it is refused, or None: it is kept.

        The last answer to an item counts, and the same one again changes nothing, as with `save`.
        """
        found: list[Refused | None] = [None] * len(given)
        rows = []
        with self._writing() as c:
            # people are locked in one order, so that two servers never wait for each other
            for number, click in sorted(enumerate(given), key=lambda pair: pair[1].link):
                try:
                    rows.append(_checked(c, study, settled, click))
                except Refused as refusal:
                    found[number] = refusal
            _put(c, rows)
        return found

    def tell(self, who: Participant, position: int, *, age: int | None, gender: str | None, now: int) -> None:
        """Keep what a person says of themselves; refused if nobody of this gender is looked for any more."""
        with self._writing() as c:
            row = sa.select(studies.c.id).where(studies.c.id == who.study).with_for_update()
            c.execute(row)  # quotas are counted by one at a time
            settled = self._lock(c, who)
            if _reached(c, who.id, position).page.kind != "about":
                raise Refused("not_shown", 409)
            if limit := settled.study.quota.by_gender.get(gender or ""):
                others = (
                    sa.select(sa.func.count())
                    .join(participants, participants.c.id == persons.c.participant)
                    .where(persons.c.study == who.study, persons.c.gender == gender, participants.c.id != who.id)
                    .where(_holding(settled, now))
                )
                if (c.scalar(others) or 0) >= limit:
                    c.execute(sa.update(participants).where(participants.c.id == who.id).values(state=SCREENED))
                    return
            c.execute(sa.update(persons).where(persons.c.participant == who.id).values(age=age, gender=gender))
            _done(c, who.id, position, now)

    def send(self, who: Participant, position: int, *, comment: str, now: int) -> None:
        """Finish: from now on nothing can be changed. Doing it twice is doing it once."""
        with self._writing() as c:
            row = c.execute(sa.select(participants).where(participants.c.id == who.id).with_for_update()).one()
            if row.state == SENT:
                return
            self._lock(c, who)
            if _reached(c, who.id, position).page.kind != "end":
                raise Refused("not_shown", 409)
            c.execute(sa.update(persons).where(persons.c.participant == who.id).values(comment=comment or None))
            _done(c, who.id, position, now)
            sent = sa.update(participants).where(participants.c.id == who.id)
            c.execute(sent.values(state=SENT, sent_at=now, seen_at=now))

    def _lock(self, c: sa.Connection, who: Participant) -> Settled:
        """Hold the participant until the transaction ends; refused unless they may still answer."""
        row = c.execute(sa.select(participants.c.state).where(participants.c.id == who.id).with_for_update()).one()
        study = c.execute(sa.select(studies).where(studies.c.id == who.study)).one()
        if row.state != GOING:
            raise Refused("sent_already", 409)
        if study.closed_at is not None:
            raise Refused("closed", 410)
        return _settled(study.settled)

    # --- looking, exporting, forgetting ---

    def rows(self, study: int) -> dict[str, list[dict[str, Any]]]:
        """Everything of one study by table; persons without what only `personal` tells."""
        mine = sa.select(participants.c.id).where(participants.c.study == study)
        with self._reading() as c:
            found = {
                "participants": sa.select(participants).where(participants.c.study == study).order_by("number"),
                "persons": sa.select(persons.c.participant, persons.c.age, persons.c.gender).where(
                    persons.c.study == study
                ),
                "pages": _of(pages, mine).order_by("participant", "position"),
                "picks": _of(picks, mine),
                "showings": _of(showings, mine).order_by("id"),
                "answers": _of(answers, mine).order_by("participant", "position", "item"),
                "codes": sa.select(codes.c.used_at).where(codes.c.study == study),
            }
            told = {name: [dict(row._mapping) for row in c.execute(query)] for name, query in found.items()}
        shown = {(row["participant"], row["position"]): json.loads(row["pictures"]) for row in told.pop("picks")}
        for page in told["pages"]:
            page["items"] = json.loads(page["items"])
            page["shown"] = shown.get((page["participant"], page["position"]), [])
        return told

    def personal(self, study: int) -> list[dict[str, Any]]:
        """What persons wrote and what a site said of them, by label."""
        query = (
            sa.select(participants.c.label, persons.c.comment, persons.c.parameters)
            .join(persons, persons.c.participant == participants.c.id)
            .where(participants.c.study == study)
            .order_by(participants.c.number)
        )
        with self._reading() as c:
            return [
                {"person": row.label, "comment": row.comment or "", "parameters": json.loads(row.parameters)}
                for row in c.execute(query)
            ]

    def holding(self, study: int, settled: Settled, *, now: int) -> int:
        """How many count towards the quota: who has finished, and who is at it."""
        with self._reading() as c:
            query = sa.select(sa.func.count()).where(participants.c.study == study, _holding(settled, now))
            return c.scalar(query) or 0

    def forget(self, study: int, label: str, *, with_answers: bool) -> None:
        """Delete what a person told of themselves and their link; on demand also all that they answered."""
        with self._writing() as c:
            chosen = sa.select(participants.c.id).where(participants.c.study == study, participants.c.label == label)
            if (who := c.scalar(chosen)) is None:
                raise InputError(f"nobody in this study is {shorten(label)!r}; persons are named as in the export")
            for table in (persons, links, *((answers, showings, picks, pages) if with_answers else ())):
                c.execute(sa.delete(table).where(table.c.participant == who))
            if with_answers:  # the number stays taken, so that nobody gets the same pages again
                gone = {"state": SCREENED, "label": f"x{secrets.token_hex(5)}", "sent_at": None}
                c.execute(sa.update(participants).where(participants.c.id == who).values(**gone))
        if self.engine.dialect.name == "sqlite":  # what was deleted must not stay in the journal
            with _told(), self.engine.connect().execution_options(konomi_reads=None) as c:
                c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@lru_cache(maxsize=16)
def _settled(text: str) -> Settled:
    return Settled.from_json(text)


def _of(table: sa.Table, mine: Any) -> sa.Select[Any]:
    return sa.select(table).where(table.c.participant.in_(mine))


def _holding(settled: Settled, now: int) -> sa.ColumnElement[bool]:
    """Who has finished, or was there not long ago."""
    since = now - round(settled.study.plan.lapse_hours * HOUR)
    at_it = sa.and_(participants.c.state == GOING, participants.c.seen_at >= since)
    return sa.or_(participants.c.state == SENT, at_it)


# What each page asks is put together once: that takes as long as the answer.
_BY_LINK = (
    sa.select(participants)
    .join(links, links.c.participant == participants.c.id)
    .where(links.c.hash == sa.bindparam("hash"))
)


def _by_link(c: sa.Connection, link: str) -> Participant | None:
    row = c.execute(_BY_LINK, {"hash": hashed(link)}).one_or_none()
    return None if row is None else Participant(row.id, row.study, row.label, row.state, row.language)


def _page_row(who: int, position: int, page: Page) -> dict[str, Any]:
    return {
        "participant": who, "position": position, "kind": page.kind, "picture": page.picture,
        "items": json.dumps(page.items), "expected": page.expected, "repeat": page.repeat,
    }  # fmt: skip


_others = pages.alias()
_FIRST_UNDONE = (
    sa.select(sa.func.min(_others.c.position))
    .where(_others.c.participant == sa.bindparam("who"), _others.c.done_at.is_(None))
    .scalar_subquery()
)
_A_PAGE = sa.select(
    pages,
    sa.select(sa.func.count()).where(_others.c.participant == sa.bindparam("who")).scalar_subquery().label("total"),
    _FIRST_UNDONE.label("first_undone"),
).where(pages.c.participant == sa.bindparam("who"))
_NEXT_PAGE = _A_PAGE.where(pages.c.position == _FIRST_UNDONE)
_PAGE_AT = _A_PAGE.where(pages.c.position == sa.bindparam("position"))
_GIVEN = sa.select(answers.c.item, answers.c.point).where(
    answers.c.participant == sa.bindparam("who"), answers.c.position == sa.bindparam("position")
)


def _reached(c: sa.Connection, who: int, position: int) -> Place:
    """A page that somebody has reached; refused if they have not."""
    place = _place(c, who, position) if 0 <= position < MOST_PAGES else None
    if place is None:
        raise Refused("not_shown", 409)
    return place


def _place(c: sa.Connection, who: int, position: int | None = None) -> Place | None:
    """A page that somebody has reached, by default the first that is not done; None if there is none."""
    asked = (_NEXT_PAGE, {"who": who}) if position is None else (_PAGE_AT, {"who": who, "position": position})
    row = c.execute(*asked).one_or_none()
    if row is None or (row.first_undone is not None and row.position > row.first_undone):
        return None
    position, total = row.position, row.total
    shown = _chosen(c, who, position) if row.kind in (PICK, LIKE) else ()
    page = Page(row.kind, row.picture, tuple(json.loads(row.items)), row.expected, row.repeat, shown)
    found = c.execute(_GIVEN, {"who": who, "position": position})
    return Place(position, total, page, {item: point for item, point in found})


def _chosen(c: sa.Connection, who: int, position: int) -> tuple[int, ...]:
    """The pictures of a pick; none if they are not chosen yet."""
    query = sa.select(picks.c.pictures).where(picks.c.participant == who, picks.c.position == position)
    return tuple(json.loads(c.scalar(query) or "[]"))


def _picked(c: sa.Connection, who: int) -> Iterator[tuple[tuple[int, ...], int | None]]:
    query = (
        sa.select(picks.c.pictures, answers.c.point)
        .outerjoin(
            answers, sa.and_(answers.c.participant == picks.c.participant, answers.c.position == picks.c.position)
        )
        .where(picks.c.participant == who)
        .order_by(picks.c.position)
    )
    for row in c.execute(query):
        yield tuple(json.loads(row.pictures)), row.point


_SHOWING = sa.insert(showings).inline()  # its number is not asked for
_SEEN = (
    sa.update(participants)
    .where(participants.c.id == sa.bindparam("who"))
    .values(seen_at=sa.bindparam("now"), language=sa.bindparam("said"))
)


def _shown(c: sa.Connection, who: int, position: int, language: str, now: int) -> None:
    c.execute(_SHOWING, {"participant": who, "position": position, "language": language, "at": now})
    c.execute(_SEEN, {"who": who, "now": now, "said": language})


def _check(item: str, point: int, position: int, items: Sequence[str], points: int) -> None:
    """Refused unless the item is on the page and the point on its scale."""
    if item not in items:
        raise Refused("not_shown", 409, f"item {shorten(item)!r} is not on page {position}")
    if not 1 <= point <= points:
        raise Refused("off_scale", 400, f"{item} is {point}; answers go from 1 to {points}")


_undone = pages.alias()
_ABOUT_A_CLICK = (
    sa.select(
        participants.c.id, participants.c.state, studies.c.closed_at, pages.c.kind, pages.c["items"],
        sa.exists()
        .where(_undone.c.participant == participants.c.id, _undone.c.done_at.is_(None))
        .where(_undone.c.position < sa.bindparam("position"))
        .label("ahead"),
    )
    .join(links, links.c.participant == participants.c.id)
    .join(studies, studies.c.id == participants.c.study)
    .outerjoin(pages, sa.and_(pages.c.participant == participants.c.id, pages.c.position == sa.bindparam("position")))
    .where(links.c.hash == sa.bindparam("hash"), participants.c.study == sa.bindparam("study"))
    .with_for_update(of=participants)
)  # fmt: skip


def _checked(c: sa.Connection, study: int, settled: Settled, click: Click) -> dict[str, Any]:
    """The row of one click, its participant locked; refused if it may not be."""
    position = click.position if 0 <= click.position < MOST_PAGES else MOST_PAGES
    row = c.execute(_ABOUT_A_CLICK, {"study": study, "hash": hashed(click.link), "position": position}).one_or_none()
    if row is None:
        raise Refused("unknown_link", 404)
    if row.state != GOING:
        raise Refused("sent_already", 409)
    if row.closed_at is not None:
        raise Refused("closed", 410)
    points = None if row.ahead else settled.points(row.kind)
    if points is None or (row.kind in (PICK, LIKE) and not _chosen(c, row.id, position)):
        raise Refused("not_shown", 409)
    _check(click.item, click.point, position, json.loads(row.items), points)
    return _answer_row(row.id, position, click.item, click.point, click.now, click.after_ms)


def _answer_row(
    who: int, position: int, item: str, point: int | None, now: int, after_ms: int | None
) -> dict[str, Any]:
    return {
        "participant": who, "position": position, "item": item, "point": point, "at": now, "after_ms": after_ms,
        "changes": 0,
    }  # fmt: skip


def _put(c: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Answers, while their participants are locked; the same ones again change nothing."""
    left = list(rows)
    while left:  # one statement cannot change a row twice
        first = {(row["participant"], row["position"], row["item"]): row for row in reversed(left)}
        c.execute(_putting(c.dialect.name), list(first.values()))
        left = [row for row in left if not any(row is one for one in first.values())]


@lru_cache(maxsize=2)
def _putting(dialect: str) -> Any:
    new: Any = (sqlite if dialect == "sqlite" else postgresql).insert(answers)
    changed = {name: new.excluded[name] for name in ("point", "at", "after_ms")}
    changed["changes"] = answers.c.changes + 1
    differs = answers.c.point.is_distinct_from(new.excluded.point)
    put = new.on_conflict_do_update(index_elements=answers.primary_key, set_=changed, where=differs)
    return put if dialect == "sqlite" else put.returning(answers.c.item)  # asked for, many rows go in one statement


def _done(c: sa.Connection, who: int, position: int, now: int) -> None:
    mine = sa.and_(pages.c.participant == who, pages.c.position == position, pages.c.done_at.is_(None))
    c.execute(sa.update(pages).where(mine).values(done_at=now))


# --- databases ---


def _engine(url: str) -> sa.Engine:
    """An engine for sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; an InputError for anything else."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise InputError(f"{shorten(url.partition('://')[0])!r} is no database; {_KNOWN}") from None
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY})
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        return postgres_engine(parsed)
    raise InputError(f"{parsed.drivername!r} is no database for a survey; {_KNOWN}")


_KNOWN = "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


def _set_up_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, and by nobody else
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(c: sa.Connection) -> None:
    reads = c.get_execution_options().get("konomi_reads", False)
    if reads is not None:
        c.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _migrate(c: sa.Connection) -> None:
    """Bring the tables to this version, step by step; a FileError if a later version made them."""
    if c.dialect.name == "postgresql":
        c.execute(sa.text("SELECT pg_advisory_xact_lock(7201193)"))  # two programs may start at once
    migrations.create(c, checkfirst=True)
    done = set(c.scalars(sa.select(migrations.c.name)))
    if unknown := sorted(done - {name for name, _ in STEPS}):
        raise FileError(f"the database is of a later version of Konomi (step {unknown[0]!r}); use that version")
    for name, step in STEPS:
        if name not in done:
            step(c)
            c.execute(sa.insert(migrations).values(name=name, at=0))


@contextmanager
def _told() -> Iterator[None]:
    """Failures of the database as one line, without the statement or what was to be saved."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or type(error).__name__
        raise FileError(f"the database cannot do it: {shorten(' '.join(str(cause).split()), length=200)}") from error


__all__ = ["ATTENTION", "Click", "Kept", "Participant", "Place", "Refused", "Store", "hashed"]
