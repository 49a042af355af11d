"""The database as the dashboard uses it: short transactions in a few threads, whether it is there yet or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
import sqlalchemy as sa
from anyio import CapacityLimiter

from trading.store.address import is_server
from trading.store.database import open_beside_bot, open_reader
from trading.store.errors import StoreError
from trading.store.files import database_path
from trading.store.queries import Queries

R = TypeVar("R")

THREADS = 8
BUSY_TIMEOUT_MS = 1_000
RETRY_SECONDS = 0.5

FileId = tuple[int, int] | None


@dataclass
class _Opened:
    """Connections that threads may be using when a failure in another one retires them: the last one closes them."""

    engine: sa.Engine
    users: int = 0
    is_retired: bool = False

    def close_if_over(self) -> None:
        if self.is_retired and not self.users:
            self.engine.dispose()


class Database:
    """Opens the database when it is asked for, and anew when it has failed or another file has taken its place.

    Nothing here makes or changes tables. All methods may be called from any thread.

    Args:
        url: the database's.
        monotonic: seconds that never run backwards.
    """

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._path: Path | None = None if is_server(url) else database_path(url)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._threads: CapacityLimiter | None = None
        self._opened: dict[bool, _Opened] = {}
        self._file: FileId = None
        self._failed: tuple[float, StoreError] | None = None

    @contextmanager
    def reading(self) -> Iterator[Queries]:
        """The database for reading, in this thread.

        Raises:
            StoreError: there is no database, or it cannot be read now; the next call tries again.
        """
        with self._using(write=False) as engine:
            yield Queries(engine)

    @contextmanager
    def writing(self) -> Iterator[sa.Engine]:
        """The database beside its bot, for short write transactions in this thread. Raises as `reading`."""
        with self._using(write=True) as engine:
            yield engine

    def read(self, ask: Callable[[Queries], R]) -> R:
        """What `ask` finds, in this thread. Raises as `reading`."""
        with self.reading() as queries:
            return ask(queries)

    def write(self, change: Callable[[sa.Engine], R]) -> R:
        """What `change` gives back, in this thread. Raises as `reading`."""
        with self.writing() as engine:
            return change(engine)

    async def ask(self, ask: Callable[[Queries], R]) -> R:
        """`read` in one of a few threads, for coroutines: the event loop goes on meanwhile."""
        return await anyio.to_thread.run_sync(self.read, ask, limiter=self._limiter())

    async def change(self, change: Callable[[sa.Engine], R]) -> R:
        """`write` in one of a few threads."""
        return await anyio.to_thread.run_sync(self.write, change, limiter=self._limiter())

    def close(self) -> None:
        """Let go of the database, as soon as nobody uses it any more."""
        with self._lock:
            self._retire()

    def _limiter(self) -> CapacityLimiter:
        if self._threads is None:
            self._threads = CapacityLimiter(THREADS)
        return self._threads

    @contextmanager
    def _using(self, *, write: bool) -> Iterator[sa.Engine]:
        with self._lock:
            opened = self._open(write=write)
            opened.users += 1
        try:
            yield opened.engine
        except StoreError:
            with self._lock:
                self._retire()  # the next call opens it anew
            raise
        finally:
            with self._lock:
                opened.users -= 1
                opened.close_if_over()

    def _open(self, *, write: bool) -> _Opened:
        # A file that was replaced leaves its connections on the one that has gone, and its failures behind.
        if self._file != (now := self._file_id()):
            self._retire()
            self._file, self._failed = now, None
        if self._failed is not None and self._monotonic() - self._failed[0] < RETRY_SECONDS:
            raise self._failed[1]
        if write not in self._opened:
            open_ = open_beside_bot if write else open_reader
            try:
                self._opened[write] = _Opened(open_(self._url, busy_timeout_ms=BUSY_TIMEOUT_MS))
            except StoreError as error:
                self._failed = (self._monotonic(), error)
                raise
        self._failed = None
        return self._opened[write]

    def _file_id(self) -> FileId:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:  # not there, or not to be looked at: opening it will say which
            return None
        return found.st_dev, found.st_ino

    def _retire(self) -> None:
        for opened in self._opened.values():
            opened.is_retired = True
            opened.close_if_over()
        self._opened.clear()
