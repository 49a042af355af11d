"""What was found in the database a moment ago, so that not every request asks again; and while nobody can ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from trading.store.errors import StoreError

T = TypeVar("T")

FRESH_MS = 2_000
KNOWN_MAX = 10_000


class Known(NamedTuple, Generic[T]):
    """A record, and when it was last seen to be so (UTC ms)."""

    record: T
    checked_ms: int


class Remembered(Generic[T]):
    """Records by key. Used by the event loop alone.

    A record is asked for again after `FRESH_MS`: for so long at most, what another process has ended still counts.
    While the database cannot be read, what was known goes on to count: an owner who is logged in must still reach the
    kill switch.
    """

    def __init__(self) -> None:
        self._known: dict[str, Known[T]] = {}

    async def get(self, key: str, now_ms: int, ask: Callable[[], Awaitable[T | None]]) -> T | None:
        """The record of a key.

        Raises:
            StoreError: it is not known, and cannot be asked for.
        """
        known = self._known.get(key)
        if known is not None and 0 <= now_ms - known.checked_ms < FRESH_MS:
            return known.record
        try:
            record = await ask()
        except StoreError:
            if known is None:
                raise
            return known.record
        if record is None:
            self.forget(key)
        else:
            self.put(key, record, now_ms)
        return record

    def peek(self, key: str) -> T | None:
        """The record as it is remembered, however long ago it was asked for."""
        known = self._known.get(key)
        return None if known is None else known.record

    def put(self, key: str, record: T, now_ms: int) -> None:
        """Remember a record; the one that was put first makes room where there are too many."""
        self._known.pop(key, None)
        self._known[key] = Known(record, now_ms)
        while len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]

    def forget(self, key: str | None = None) -> None:
        """Forget one record, or all."""
        if key is None:
            self._known.clear()
        else:
            self._known.pop(key, None)
