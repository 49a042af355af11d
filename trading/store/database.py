"""Connections: how this project opens its database, and what a transaction on it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from trading.store.errors import DatabaseUnusable, JournalError, NoDatabaseYet, explain
from trading.store.files import check_file, check_folder, database_path
from trading.store.migrate import check_readable, migrate

BUSY_TIMEOUT_MS = 5_000
LOG_BYTES_KEPT = 64 * 1024 * 1024


def open_database(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sa.Engine:
    """Open the database for writing, making it or bringing it up to date where needed.

    Args:
        url: `sqlite:///path`.
        busy_timeout_ms: how long a transaction waits for another process's.

    Raises:
        StoreError: the database cannot be used; nothing in it was changed.
    """
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
    engine = _engine(path, busy_timeout_ms=busy_timeout_ms, read_only=False)
    try:
        migrate(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise DatabaseUnusable(explain(error, path)) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


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
    path = database_path(url)
    check_file(path)
    if not path.exists() or not path.stat().st_size:
        raise NoDatabaseYet(f"no database yet at {path}: no bot has run here (start one with `tradebot run`)")
    engine = _engine(path, busy_timeout_ms=busy_timeout_ms, read_only=read_only)
    try:
        check_readable(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise DatabaseUnusable(explain(error, path)) from error
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
        with source.connect().execution_options(read_only=True) as connection, connection.begin():
            yield connection
    except SQLAlchemyError as error:
        raise JournalError(explain(error, location(source))) from error


@contextmanager
def writing(source: sa.Engine) -> Iterator[sa.Connection]:
    """One write transaction: no other process writes until it ends.

    Raises:
        JournalError: it could not be begun, or not be committed; nothing was written.
    """
    try:
        with source.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise JournalError(explain(error, location(source))) from error


def location(engine: sa.Engine) -> str:
    """Where the database is, for messages: the file, or the address without its password."""
    return engine.url.database or engine.url.render_as_string(hide_password=True)


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

    return engine
