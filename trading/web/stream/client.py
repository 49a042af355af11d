"""One who listens: what waits to be sent to it, and why it is sent away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

WAITING_MAX = 1_024


class Farewell(NamedTuple):
    """Why a connection is closed: a WebSocket close code and a reason for people."""

    code: int
    reason: str


TOO_SLOW = Farewell(4408, "too slow: connect again with the last seq")
LOGIN_ENDED = Farewell(4401, "the login has ended: log in again")
NO_MESSAGES = Farewell(1003, "this stream takes no messages")
FAREWELLS = (TOO_SLOW, LOGIN_ENDED, NO_MESSAGES)


class Client:
    """Messages on their way to one connection. Whoever puts one in never waits.

    Args:
        backlog: what it gets first; any number.
        waiting_max: how many may wait after that. One that has more is sent away.
    """

    def __init__(self, backlog: Iterable[str], *, waiting_max: int = WAITING_MAX) -> None:
        self.farewell: Farewell | None = None
        self.dismissed = asyncio.Event()
        self._backlog = deque(backlog)
        self._waiting: deque[str] = deque()
        self._waiting_max = waiting_max
        self._news = asyncio.Event()
        if self._backlog:
            self._news.set()

    def put(self, text: str) -> None:
        """One message more."""
        if self.farewell is not None:
            return
        if len(self._waiting) >= self._waiting_max:
            self.dismiss(TOO_SLOW)
            return
        self._waiting.append(text)
        self._news.set()

    def dismiss(self, farewell: Farewell) -> None:
        """Send it away: nothing more is sent to it. The first reason stays."""
        if self.farewell is None:
            self.farewell = farewell
        self._backlog.clear()
        self._waiting.clear()
        self._news.set()
        self.dismissed.set()

    async def next(self) -> str | None:
        """The next message, waited for; None when it is sent away."""
        while self.farewell is None:
            if self._backlog:
                return self._backlog.popleft()
            if self._waiting:
                return self._waiting.popleft()
            self._news.clear()
            await self._news.wait()
        return None
