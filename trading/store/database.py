"""Connections: how this project opens its database, and what a transaction on it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from trading.store.address import ServerAddress, is_server, server_address
from trading.store.errors import DatabaseUnusable, JournalError, NoDatabaseYet, explain
from trading.store.files import check_file, check_folder, database_path
from trading.store.migrate import check_readable, let_idle, location, migrate

BUSY_TIMEOUT_MS = 5_000
LOG_BYTES_KEPT = 64 * 1024 * 1024
IDLE_READING_MS = 60_000
"""So long a reader on a server may be held up by a busy machine. It blocks nobody but a migration."""

__all__ = ["BUSY_TIMEOUT_MS", "location", "open_beside_bot", "open_database", "open_reader", "reading", "writing"]


def open_database(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sa.Engine:
    """Open the database for writing, making it or bringing it up to date where needed.

    Args:
        url: `sqlite:///path`, or `postgresql://user:password@host:port/name`, which must be there.
        busy_timeout_ms: how long a transaction waits for another process's.

    Raises:
        StoreError: the database cannot be used; nothing in it was changed.
    """
    if is_server(url):
        return _checked(_server_engine(server_address(url), busy_timeout_ms, read_only=False), migrate)
    path = database_path(url)
    check_folder(path)
    check_file(path)
    try:
        path.touch()
    except OSError as error:
        raise DatabaseUnusable(
            f"database {path} cannot be written ({error.strerror}); "
            "make the file and its folder writable for this user, or give another place (DATA_DIR)"
        ) from error
    return _checked(_engine(path, busy_timeout_ms=busy_timeout_ms, read_only=False), migrate)


def open_reader(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sa.Engine:
    """Open the database for reading only; makes and changes nothing.

    Raises:
        NoDatabaseYet: there is none.
        StoreError: it cannot be read by this program.
    """
    return _open_made(url, busy_timeout_ms=busy_timeout_ms, read_only=True)


def open_beside_bot(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sa.Engine:
    """Open the database to leave something for its bot: a command, the kill switch. Neither makes nor changes tables.

    Raises:
        NoDatabaseYet: there is none.
        StoreError: this program cannot use it.
    """
    return _open_made(url, busy_timeout_ms=busy_timeout_ms, read_only=False)


def _open_made(url: str, *, busy_timeout_ms: int, read_only: bool) -> sa.Engine:
    if is_server(url):
        return _checked(_server_engine(server_address(url), busy_timeout_ms, read_only=read_only), check_readable)
    path = database_path(url)
    check_file(path)
    if not path.exists() or not path.stat().st_size:
        raise NoDatabaseYet(f"no database yet at {path}: no bot has run here (start one with `tradebot run`)")
    return _checked(_engine(path, busy_timeout_ms=busy_timeout_ms, read_only=read_only), check_readable)


def _server_engine(address: ServerAddress, busy_timeout_ms: int, *, read_only: bool) -> sa.Engine:
    from trading.store.server import server_engine

    return server_engine(address, busy_timeout_ms=busy_timeout_ms, read_only=read_only)


def _checked(engine: sa.Engine, check: Callable[[sa.Engine], object]) -> sa.Engine:
    """The engine, if `check` finds nothing wrong with its database."""
    try:
        check(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise DatabaseUnusable(explain(error, location(engine))) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(source: sa.Engine) -> Iterator[sa.Connection]:
    """One read transaction: all that is read in it is of one moment. Does not hold up writers.

    Raises:
        JournalError: the database could not be read.
    """
    try:
        with source.connect() as connection:
            connection.execution_options(read_only=True)
            if source.dialect.name == "postgresql":  # whose default is to look anew at each statement
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                let_idle(connection, IDLE_READING_MS)
                yield connection
    except SQLAlchemyError as error:
        raise JournalError(explain(error, location(source))) from error


@contextmanager
def writing(source: sa.Engine) -> Iterator[sa.Connection]:
    """One write transaction. On SQLite nobody else writes meanwhile; on PostgreSQL the rows that it locks are its own.

    Raises:
        JournalError: it could not be begun, or not be committed; nothing was written.
    """
    try:
        with source.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise JournalError(explain(error, location(source))) from error


def _engine(path: Path, *, busy_timeout_ms: int, read_only: bool) -> sa.Engine:
    # mode=rw: a file that has gone is an error, not the beginning of a new database.
    address = f"file:{quote(str(path))}?mode=rw"
    pragmas = ["synchronous=FULL", f"journal_size_limit={LOG_BYTES_KEPT}"]
    if read_only:
        pragmas.append("query_only=ON")

    def connect() -> sqlite3.Connection:
        # isolation_level None: transactions begin where the "begin" event below says, not where the driver guesses.
        connection = sqlite3.connect(
            address, uri=True, timeout=busy_timeout_ms / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=12)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A write transaction takes the lock at once, so that what it reads cannot change before it writes.
        deferred = read_only or connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")

    _close_what_comes_back(engine)
    return engine


def _close_what_comes_back(engine: sa.Engine) -> None:
    """After the engine's end, close each connection that a thread gives back: no pool will do it any more.

    A thread may have had one then, or have begun something a moment later.
    """
    has_ended = False

    @sa.event.listens_for(engine, "engine_disposed")
    def disposed(_engine: sa.Engine) -> None:
        nonlocal has_ended
        has_ended = True

    @sa.event.listens_for(engine, "checkin")
    def given_back(_connection: sqlite3.Connection | None, record: sa.pool.ConnectionPoolEntry) -> None:
        if has_ended:
            record.invalidate()  # closes it, so that the pool opens another one, should there be more to do
