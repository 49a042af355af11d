"""What the tests run in processes of their own: each says when it is ready and waits to be told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import TracebackType

from tests.unit.store.store_helpers import T0, Place, batch, open_journal, order, order_id, url_of
from trading.domain.events import OrderAccepted
from trading.store.database import open_database
from trading.store.errors import KillLatched
from trading.store.latch import latch_kill
from trading.store.migrate import migrate

ENTRIES_MAX = 5_000


def migrate_at_once(path: Path, barrier: Barrier, done: Synchronized[int]) -> None:
    """Bring a database up to date together with others; counts those that had something to do."""
    from trading.store.database import _engine

    path.touch()
    engine = _engine(path, busy_timeout_ms=10_000, read_only=False)
    barrier.wait()
    if migrate(engine):
        with done.get_lock():
            done.value += 1
    engine.dispose()


def open_entries(path: Place, barrier: Barrier, first: int, count: Synchronized[int]) -> None:
    """Commit one entry after another, each with an event, until the kill switch forbids it."""
    journal = open_journal(path)
    barrier.wait()
    for number in range(first, first + ENTRIES_MAX):
        event = OrderAccepted(time_ms=T0, client_order_id=order_id(number), exchange_order_id="1")
        try:
            journal.commit(batch(order(number), events=[event]))
        except KillLatched:
            journal.close()
            return
        count.value += 1
    raise AssertionError("the kill switch was never seen")


def kill_after(path: Place, barrier: Barrier, entries: int, count: Synchronized[int]) -> None:
    """Set the kill switch as soon as so many entries were committed."""
    engine = open_database(url_of(path))
    barrier.wait()
    while count.value < entries:
        pass
    latch_kill(engine, "test", "race", T0)
    engine.dispose()


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1].removeprefix("sqlite:///"), isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""
_HOLD_ON_SERVER = """
import psycopg, sys
connection = psycopg.connect(sys.argv[1])
connection.execute("SELECT * FROM commits FOR UPDATE")
print("held", flush=True)
sys.stdin.read()
connection.rollback()
"""
_BOT = """
import sys
from trading.store.bot_lock import bot_lock
lock = bot_lock(sys.argv[1]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


class _Other:
    """Another process that holds something until the end of the block, or until it is killed."""

    code = server_code = ""

    def __init__(self, place: Place) -> None:
        code = self.server_code if isinstance(place, str) else self.code
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, url_of(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> _Other:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"
        return self

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


class WriteLockHeld(_Other):
    """Another process has begun to write to the database, and does not end."""

    code = _HOLD
    server_code = _HOLD_ON_SERVER


class BotRunning(_Other):
    """Another process holds the bot's lock."""

    code = server_code = _BOT


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    connection = sqlite3.connect(path)
    try:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
    finally:
        connection.close()
