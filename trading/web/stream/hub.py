"""The one place of a server where messages come from and go out: it looks at the database for all who listen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, NamedTuple, Protocol, TypeVar

import structlog

from trading.store.errors import StoreError
from trading.web.stream.board import Board, Draft
from trading.web.stream.client import LOGIN_ENDED, WAITING_MAX, Client

Who = TypeVar("Who", bound=Hashable)

log = structlog.get_logger(__name__)

CLIENTS_MAX = 300
LOOK_SECONDS = 0.1
UNHEARD_SECONDS = 1.0
FAILED_SECONDS = (0.25, 0.5, 1.0, 2.0)
CHECK_SECONDS = 1.0
CLIENTS_AT_ONCE = 16


class HubFull(Exception):
    """As many listen as may."""


class Look(NamedTuple):
    """What a look at the database found. renews: the drafts are all there is, whatever was told before."""

    drafts: list[Draft]
    renews: bool = False
    failed: bool = False


class Source(Protocol):
    """Where the hub's messages come from."""

    def look(self) -> Look:
        """What is new since the last call. Called in a thread, one call at a time."""
        ...


class Hub(Generic[Who]):
    """Looks, numbers what it finds, and hands it to everybody who listens; nobody is waited for.

    With nobody there it looks rarely: often enough for who comes back after a moment to miss nothing.

    Args:
        source: where messages come from.
        gone: which of these may listen no longer (their login has ended). Called in a thread, every second.
        now_ms: the wall clock, UTC ms.
        clients_max: how many may listen.
        waiting_max: how many messages may wait for one of them, beside what it missed.
    """

    def __init__(
        self,
        source: Source,
        *,
        gone: Callable[[set[Who]], set[Who]],
        now_ms: Callable[[], int],
        clients_max: int = CLIENTS_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self.board = Board(now_ms())
        self._clients: dict[Client, Who] = {}
        self._source = source
        self._gone = gone
        self._now_ms = now_ms
        self._clients_max = clients_max
        self._waiting_max = waiting_max
        self._came = asyncio.Event()
        self._failures = 0
        self._next_check = 0.0

    def __len__(self) -> int:
        return len(self._clients)

    def join(self, since: int | None, who: Who) -> Client:
        """One more who listens: after `since` it gets what it has missed, or how things stand.

        Raises:
            HubFull: there are too many.
        """
        if len(self._clients) >= self._clients_max:
            raise HubFull
        missed = self.board.since(since) if since is not None else None
        backlog = [self.board.snapshot(self._now_ms())] if missed is None else missed
        client = Client(backlog, waiting_max=self._waiting_max)
        self._clients[client] = who
        self._came.set()
        return client

    def leave(self, client: Client) -> None:
        """It listens no longer."""
        self._clients.pop(client, None)

    async def run(self) -> None:
        """Look and tell until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="stream") as thread:
            while True:
                look = await loop.run_in_executor(thread, self._look)
                await self._tell(look)
                self._failures = self._failures + 1 if look.failed else 0
                if self._clients and time.monotonic() >= self._next_check:
                    self._dismiss(await loop.run_in_executor(thread, self._who_is_gone, set(self._clients.values())))
                    self._next_check = time.monotonic() + CHECK_SECONDS
                await self._rest()

    def _look(self) -> Look:
        try:
            return self._source.look()
        except Exception:
            # Whatever it was, the stream must go on: those who listen would take silence for calm.
            log.exception("stream.look_failed")
            return Look([], failed=True)

    async def _tell(self, look: Look) -> None:
        now_ms = self._now_ms()
        if look.renews:
            texts = [self.board.renew(look.drafts, now_ms)]
        else:
            texts = [self.board.post(draft, now_ms) for draft in look.drafts]
        if not texts:
            return
        # Who joins from here on gets these from the board. In portions, so that requests get their turn in between.
        for number, client in enumerate(list(self._clients), 1):
            for text in texts:
                client.put(text)
            if number % CLIENTS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _who_is_gone(self, who: set[Who]) -> set[Who]:
        try:
            return self._gone(who)
        except StoreError:  # where logins cannot be read, nothing else can: there is nothing to tell anybody
            return set()

    def _dismiss(self, gone: set[Who]) -> None:
        for client, who in self._clients.items():
            if who in gone:
                client.dismiss(LOGIN_ENDED)

    async def _rest(self) -> None:
        """Until the next look: longer where looks fail or nobody listens, but not once somebody comes."""
        if self._failures:
            seconds = FAILED_SECONDS[min(self._failures, len(FAILED_SECONDS)) - 1]
        else:
            seconds = LOOK_SECONDS if self._clients else UNHEARD_SECONDS
        if self._clients:
            await asyncio.sleep(seconds)
            return
        self._came.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._came.wait()
