"""Connections to PostgreSQL: what is prepared once, what travels together, and a server that goes away."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from databases import database_on, postgres_server
from konomi.web.postgres import MOST, postgres_engine

pytestmark = pytest.mark.slow
NUMBER = sa.select(sa.bindparam("number", type_=sa.Integer))
PREPARED = sa.text("SELECT count(*) FROM pg_prepared_statements")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def engine(server: tuple[str, int]) -> Iterator[sa.Engine]:
    with database_on(server[0], "connections") as url:
        found = postgres_engine(sa.make_url(url))
        yield found
        found.dispose()


def test_a_statement_is_prepared_once(engine: sa.Engine) -> None:
    with engine.begin() as c:
        before = c.scalar(PREPARED) or 0
        assert [c.scalar(NUMBER, {"number": n}) for n in range(5)] == [0, 1, 2, 3, 4]
        assert c.scalar(PREPARED) == before + 1


def test_no_more_statements_are_kept_than_may_be(engine: sa.Engine) -> None:
    with engine.begin() as c:
        for n in range(MOST + 20):
            assert c.scalar(
                sa.select(sa.bindparam("number", type_=sa.Integer) + sa.literal_column(str(n))), {"number": 1}
            )
        assert c.scalar(PREPARED) == MOST
        assert c.scalar(NUMBER, {"number": 7}) == 7


def test_what_fails_is_undone_from_the_first_statement_on(engine: sa.Engine) -> None:
    with engine.begin() as c:
        c.execute(sa.text("CREATE TABLE kept (n integer PRIMARY KEY)"))
    put = sa.text("INSERT INTO kept VALUES (:n)")
    for _ in range(2):  # a connection that saw an error is fit for the next
        with pytest.raises(sa.exc.DatabaseError, match="duplicate key"), engine.begin() as c:
            c.execute(put, {"n": 1})
            c.execute(put, {"n": 1})
        with engine.connect().execution_options(konomi_reads=True) as c:
            assert c.scalar(sa.text("SELECT count(*) FROM kept")) == 0
    with engine.begin() as c:
        c.execute(put, {"n": 1})
    with pytest.raises(sa.exc.DatabaseError, match="duplicate key"), engine.begin() as c:
        c.execute(put, {"n": 1})  # travels with "begin"
    with engine.connect().execution_options(konomi_reads=True) as c:
        assert c.scalar(sa.text("SELECT count(*) FROM kept")) == 1


def test_connections_that_the_server_has_closed_are_replaced(engine: sa.Engine) -> None:
    held = [engine.connect() for _ in range(3)]
    for c in held:
        assert c.scalar(NUMBER, {"number": 1}) == 1
        c.close()
    end(engine)
    for _ in range(3):
        with engine.begin() as c:
            assert c.scalar(NUMBER, {"number": 2}) == 2


def test_one_closed_while_it_is_used_is_told_and_replaced(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError) as told, engine.begin() as c:
        c.scalar(NUMBER, {"number": 1})
        end(engine)
        c.scalar(NUMBER, {"number": 2})
    assert told.value.connection_invalidated
    with engine.begin() as c:
        assert c.scalar(NUMBER, {"number": 3}) == 3


def test_what_cannot_be_sent_leaves_nothing_behind(engine: sa.Engine) -> None:
    text = sa.select(sa.bindparam("text", type_=sa.Text))
    with pytest.raises(UnicodeEncodeError), engine.begin() as c:
        c.scalar(text, {"text": "\ud800"})
    with engine.begin() as c:
        assert [c.scalar(text, {"text": one}) for one in "abc"] == ["a", "b", "c"]


def end(engine: sa.Engine) -> None:
    """End every connection of the engine, as a server does that is restarted."""
    others = sa.text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :n AND pid <> :me")
    another = postgres_engine(engine.url)
    with another.begin() as c:
        me = c.scalar(sa.text("SELECT pg_backend_pid()"))
        ended = c.scalars(others, {"n": engine.url.database, "me": me}).all()
    another.dispose()
    assert ended
    assert all(ended)
