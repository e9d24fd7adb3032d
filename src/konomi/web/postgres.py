"""Connections to PostgreSQL that ask it as rarely as can be.

pg8000 has a statement read anew each time, in three round trips, after looking for its parameters character by
character. Here a connection prepares each statement once; from then on it costs one round trip, and the "begin" before
it travels along. SQLAlchemy writes the parameters as PostgreSQL reads them: $1, $2.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Any

import sqlalchemy as sa
from pg8000 import legacy  # what SQLAlchemy speaks
from pg8000.converters import make_params
from pg8000.core import Context
from pg8000.exceptions import DatabaseError, InterfaceError

MOST = 200  # statements that a connection keeps prepared; those of many rows differ by how many


class Connection(legacy.Connection):  # type: ignore[misc]
    """One connection; with `autocommit` each statement is a transaction."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._prepared: dict[Any, tuple[Any, ...]] = {}
        super().__init__(*given, **named)

    def cursor(self) -> "Cursor":
        return Cursor(self)

    def ask(self, statement: str, values: Sequence[Any], oids: Sequence[int]) -> Context:
        """The answer to one statement, in a transaction."""
        begins = not self.autocommit and not self._in_transaction
        with self._answered():
            if values:
                return self._ask_prepared(statement, values, tuple(oids), begins=begins)
            if begins:
                self.execute_simple("begin transaction")
            return self.execute_simple(statement)

    def _ask_prepared(self, statement: str, values: Sequence[Any], oids: tuple[int, ...], *, begins: bool) -> Context:
        name, columns, read = self._prepare_once(statement, oids)
        params = make_params(self.py_types, values)
        if not begins:
            return self.execute_named(name, params, columns, read, statement)
        self.send_QUERY("begin transaction")  # waits to be sent with what follows
        try:
            context = self.execute_named(name, params, columns, read, statement)  # the first answer is that to "begin"
        except DatabaseError as error:
            raise InterfaceError("network error: no transaction") from error
        self.handle_messages(context)
        return context

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Ends the connection unless all was answered, if only with an error: nothing is taken for a later answer."""
        try:
            yield
        except DatabaseError:  # what the server said
            raise
        except BaseException as error:
            self._transaction_status = None
            with suppress(InterfaceError):
                self.close()
            if isinstance(error, OSError):  # reset; SQLAlchemy knows a lost connection by this name
                raise InterfaceError("network error") from error
            raise

    def _prepare_once(self, statement: str, oids: tuple[int, ...]) -> tuple[Any, ...]:
        found = self._prepared.get((statement, oids))
        if found is None:
            if len(self._prepared) >= MOST:
                oldest = next(iter(self._prepared))
                self.close_prepared_statement(self._prepared.pop(oldest)[0])
            found = self._prepared[statement, oids] = self.prepare_statement(statement, oids)
        return found

    def commit(self) -> None:
        self._finish("commit")

    def rollback(self) -> None:
        self._finish("rollback")

    def _finish(self, how: str) -> None:
        if self._in_transaction:
            with self._answered():
                self.execute_simple(how)

    def close(self) -> None:
        if self._usock is not None:
            super().close()

    def is_gone(self) -> bool:
        """Whether the server has closed it: while nothing is asked, it says nothing but that."""
        return self._usock is None or bool(wait([self._usock], timeout=0))


class Cursor(legacy.Cursor):  # type: ignore[misc]
    """What SQLAlchemy executes statements with."""

    def execute(self, operation: str, args: Sequence[Any] = ()) -> "Cursor":
        self._context = self._c.ask(operation, args, self._input_oids)
        self._row_iter = iter(self._context.rows or ())
        self._input_oids: Sequence[int] = ()
        return self


def postgres_engine(url: sa.URL) -> sa.Engine:
    """An engine whose connections are these; one that the server has closed is replaced before it is used."""
    engine = sa.create_engine(url.set(drivername="postgresql+pg8000"), paramstyle="numeric_dollar")
    engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows in one statement, not one by one
    sa.event.listen(engine, "do_connect", lambda _dialect, _record, given, named: Connection(*given, **named))
    sa.event.listen(engine, "checkout", _replace)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _replace(connection: Connection, *_: Any) -> None:
    if connection.is_gone():
        raise sa.exc.DisconnectionError("the server has closed the connection")


def _begin(c: sa.Connection) -> None:
    """What only reads needs no transaction: PostgreSQL shows each statement the latest state even within one."""
    connection: Any = c.connection.dbapi_connection
    connection.autocommit = bool(c.get_execution_options().get("konomi_reads", False))
