"""Locks between processes on PostgreSQL, by its advisory locks: free the moment their holder's connection ends."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import psycopg
import sqlalchemy as sa

from trading.store.address import ServerAddress
from trading.store.errors import BotAlreadyRunning, DatabaseBusy, DatabaseUnusable, JournalError, explain
from trading.store.lock import POLL_S, PROBE_S, Holder
from trading.store.server import BOT_LOCK, LOCKS, MIGRATION_LOCK, BoundedConnection, connect, holder_name

BUSY_TIMEOUT_MS = 2_000

_TRY = f"SELECT pg_try_advisory_lock({LOCKS}, {BOT_LOCK})"
_HOLDER = """
SELECT a.application_name FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %d AND l.objid = %d AND l.objsubid = 2
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
""" % (LOCKS, BOT_LOCK)  # noqa: S608, UP031 - of constants


class ServerLock:
    """One bot per database, on a server. Held by a connection of its own, for the life of the process."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        self._connection: BoundedConnection | None = None

    def acquire(self, wait_s: float = PROBE_S) -> ServerLock:
        """Take the lock, waiting at most `wait_s` seconds: the server may be about to notice that a bot has died.

        Raises:
            BotAlreadyRunning: naming the process that holds it.
            DatabaseUnusable: the server cannot be asked.
        """
        try:
            if not self._take(wait_s):
                raise BotAlreadyRunning(
                    f"a bot already runs on the database {self._address}: {self._who()}. "
                    "Stop it first, or give this one another DATABASE_URL"
                )
        except psycopg.Error as error:
            raise DatabaseUnusable(explain(error, self._address)) from error
        return self

    def ensure(self) -> None:
        """See that the lock is still held, and take it again where the server has lost it.

        Costs nothing while the connection is quiet: the server ends it, and so says something, where it lets go.

        Raises:
            JournalError: it is not held, and cannot be got now.
        """
        try:
            if self._is_held():
                return
            self._drop()
            if not self._take(0):
                raise JournalError(
                    f"database {self._address}: the bot's lock was lost, and {self._who()} has it; "
                    "nothing is written. Stop one of the two bots"
                )
        except psycopg.Error as error:
            self._drop()
            raise JournalError(explain(error, self._address)) from error

    def release(self) -> None:
        """Let go, if held."""
        self._drop()

    def __enter__(self) -> ServerLock:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, wait_s: float) -> bool:
        connection = connect(self._address, busy_timeout_ms=BUSY_TIMEOUT_MS, name=holder_name(), autocommit=True)
        try:
            is_got = _poll(lambda: bool(_scalar(connection, _TRY)), wait_s)
        except BaseException:
            connection.close()
            raise
        if not is_got:
            connection.close()
            return False
        self._connection = connection
        return True

    def _is_held(self) -> bool:
        connection = self._connection
        if connection is None or connection.closed:
            return False
        readable, _, _ = select.select([connection.pgconn.socket], [], [], 0)
        if not readable:
            return True
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:  # what the server said was its farewell
            return False
        return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _who(self) -> str:
        with connect(self._address, busy_timeout_ms=BUSY_TIMEOUT_MS, name="tradebot", autocommit=True) as connection:
            holder = _holder(_scalar(connection, _HOLDER))
        return f"process {holder.pid} on {holder.host}" if holder and holder.pid else "another process"


def server_holder(connection: sa.Connection) -> Holder | None:
    """Who holds the bot's lock; pid 0 where the server does not let this user see it. None: nobody."""
    row = connection.exec_driver_sql(_HOLDER).fetchone()
    return _holder(None if row is None else row[0] or "")


def lock_for_transaction(connection: sa.Connection) -> bool:
    """Take the bot's lock until the transaction's end, if no bot runs; whether it was got."""
    return bool(connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(LOCKS, BOT_LOCK))).scalar())


@contextmanager
def server_migration_lock(engine: sa.Engine, wait_s: float) -> Iterator[None]:
    """Held by the one process that makes or changes the tables; the others wait for it.

    Raises:
        DatabaseBusy: another process did not finish in time.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        take = sa.select(sa.func.pg_try_advisory_lock(LOCKS, MIGRATION_LOCK))
        if not _poll(lambda: bool(connection.execute(take).scalar()), wait_s):
            raise DatabaseBusy(
                f"another process has been bringing the database up to date for {wait_s:g} s; "
                "wait for it, or stop it, and start again"
            )
        try:
            yield
        finally:
            # The connection is not used again, so that the lock ends with it whatever happened.
            connection.invalidate()


def _holder(name: object) -> Holder | None:
    """The holder by its connection's name; None is nobody, an empty name somebody."""
    if name is None:
        return None
    _, pid, host = (*str(name).split(" ", 2), "", "")[:3]
    return Holder(int(pid), host) if pid.isdigit() else Holder(0, "unknown")


def _scalar(connection: BoundedConnection, text: str) -> object:
    row = connection.execute(text).fetchone()
    return None if row is None else row[0] or ""


def _poll(take: Callable[[], bool], wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    while not take():
        if time.monotonic() >= until:
            return False
        time.sleep(POLL_S)
    return True
