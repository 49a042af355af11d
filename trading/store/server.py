"""PostgreSQL: connections on which no call hangs, and what the server calls its databases and locks."""

from __future__ import annotations

import os
import socket
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from sqlalchemy.pool import QueuePool

from trading.store.address import ServerAddress

CONNECT_SECONDS = 3
IDLE_IN_TRANSACTION_MS = 3_000
POOL_SECONDS = 5.0
NETWORK_DEAD_AFTER_MS = 8_000

# Advisory locks of this program, one number of the pair each. PostgreSQL keeps them apart by database.
LOCKS = 0x7462
BOT_LOCK = 1
MIGRATION_LOCK = 2

RV = TypeVar("RV")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is given up when an answer does not come: a server may stand still with its socket open.

    The server's own limits on statements come first; this one is for when the server cannot keep them.
    """

    answer_within_s: float = 10.0

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server's answer.

        Raises:
            psycopg.OperationalError: it did not come; the connection is closed.
        """
        try:
            return super().wait(gen, interval, self.answer_within_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - to be converted, as it says itself
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.answer_within_s:g} s") from error


def connect(
    address: ServerAddress, *, busy_timeout_ms: int, name: str, read_only: bool = False, autocommit: bool = False
) -> BoundedConnection:
    """One connection.

    Args:
        address: where to.
        busy_timeout_ms: how long a statement waits for another transaction's locks.
        name: what the server shows of it to its administrators.
        read_only: whether the server refuses what writes.
        autocommit: whether each statement is a transaction.

    Raises:
        psycopg.OperationalError: it could not be made.
    """
    statement_ms = busy_timeout_ms + 3_000
    settings: dict[str, object] = {
        "lock_timeout": busy_timeout_ms,
        "statement_timeout": statement_ms,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": 3,
        "default_transaction_read_only": "on" if read_only else "off",
        "synchronous_commit": "on",
    }
    given: dict[str, Any] = dict(address.options)
    connection = BoundedConnection.connect(
        host=address.host,
        port=address.port,
        dbname=address.name,
        user=address.user,
        password=address.password,
        connect_timeout=CONNECT_SECONDS,
        application_name=name,
        options=" ".join(f"-c {key}={value}" for key, value in settings.items()),
        client_encoding="utf8",
        keepalives_idle=5,
        keepalives_interval=1,
        keepalives_count=3,
        tcp_user_timeout=NETWORK_DEAD_AFTER_MS,
        autocommit=autocommit,
        **given,
    )
    connection.answer_within_s = statement_ms / 1000 + 1
    return connection


def holder_name() -> str:
    """The name of a connection that holds a lock: this process and its host (the server keeps 63 bytes)."""
    return f"tradebot {os.getpid()} {socket.gethostname()}"[:63]


def server_engine(address: ServerAddress, *, busy_timeout_ms: int, read_only: bool) -> sa.Engine:
    """An engine for the address. Its URL has no password in it."""
    # What a restarted server has dropped is noticed before it is used, so that a restart between commits is no failure.
    return sa.create_engine(
        sa.URL.create("postgresql+psycopg", host=address.host, port=address.port, database=address.name),
        creator=lambda: connect(address, busy_timeout_ms=busy_timeout_ms, name="tradebot", read_only=read_only),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=12,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
    )
