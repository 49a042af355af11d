"""The dashboard's look at the bot's health: from the database alone, at most once a second, however many ask."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from trading.config import Settings
from trading.monitoring.disk import free_bytes
from trading.monitoring.health import Health, HealthLimits, Seen, Since, health_of
from trading.monitoring.overview import with_kill_file
from trading.monitoring.report import from_text
from trading.safety.breaker import Trip, TripLevel
from trading.store.bot_lock import bot_holder
from trading.store.errors import StoreError
from trading.store.queries import Queries
from trading.store.status import Status
from trading.web.database import Database

CACHE_SECONDS = 1.0
PATIENCE_SECONDS = 2.0
TRIPS = 20


class Look(NamedTuple):
    """What was seen, what follows, and the last trip of the breaker that stopped entries."""

    seen: Seen
    health: Health
    trip: Trip | None = None


class HealthWatch:
    """Looks at the bot for all who ask.

    Args:
        settings: the dashboard's.
        database: the bot's.
        now_ms: the wall clock, UTC ms.
    """

    def __init__(self, settings: Settings, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._data_dir = settings.data_dir
        self._limits = HealthLimits(disk_free_min=settings.disk_free_min)
        self._since = Since()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._under_way: asyncio.Future[Look] | None = None
        self._kept: tuple[float, Look] | None = None

    async def look(self) -> Look:
        """The last look, or a new one where that is old. A database that does not answer in time is down."""
        if self._kept is not None and time.monotonic() - self._kept[0] < CACHE_SECONDS:
            return self._kept[1]
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.get_running_loop().run_in_executor(self._thread, self.read)
        done, _ = await asyncio.wait({self._under_way}, timeout=PATIENCE_SECONDS)
        if not done:
            return self._judge(self._unread(f"the database has not answered within {PATIENCE_SECONDS:g} s"), None)
        return self._under_way.result()

    def read(self) -> Look:
        """A new look, in this thread."""
        try:
            status, is_running, trip = self._database.read(_ask)
        except StoreError as error:
            look = self._judge(self._unread(str(error)), None)
        else:
            seen = Seen(
                now_ms=self._now_ms(),
                status=with_kill_file(status, self._data_dir),
                report=from_text(status.process.report if status.process else None),
                is_running=is_running,
                disk_free=free_bytes(self._data_dir),
            )
            look = self._judge(seen, trip)
        self._kept = time.monotonic(), look
        return look

    def kept(self) -> Look | None:
        """The last look, however old; None before the first."""
        return self._kept[1] if self._kept else None

    def close(self) -> None:
        """Begin no look any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _unread(self, error: str) -> Seen:
        return Seen(now_ms=self._now_ms(), database_error=error, disk_free=free_bytes(self._data_dir))

    def _judge(self, seen: Seen, trip: Trip | None) -> Look:
        with self._lock:
            return Look(seen, self._since.stamp(health_of(seen, self._limits)), trip)


def _ask(queries: Queries) -> tuple[Status, bool, Trip | None]:
    trips = queries.trips(limit=TRIPS)
    stopped = next((trip for trip in trips if trip.level is not TripLevel.WARN), None)
    return queries.status(), bot_holder(queries.engine) is not None, stopped
