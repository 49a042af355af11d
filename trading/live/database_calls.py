"""What the live driver asks of the database beside commits: kill switch, commands, its sign of life."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from trading import __version__
from trading.domain.events import Command, CommandKind
from trading.store import latch, process
from trading.store.commands import finish_command, finish_interrupted
from trading.store.errors import StoreError
from trading.store.journal import Journal
from trading.store.process import ProcessState

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0
T = TypeVar("T")


def wall_ms() -> int:
    """Now, UTC milliseconds."""
    return time.time_ns() // 1_000_000


class DatabaseCalls:
    """The bot's side of the tables that other processes use. A database that fails is logged, and waited for.

    Args:
        journal: whose database it is.
        kill_file: its existence is a set kill switch; it works when the database does not.
    """

    def __init__(self, journal: Journal, kill_file: Path) -> None:
        self._journal = journal
        self._kill_file = kill_file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._next_beat = 0.0
        self._failing = False

    async def start(self) -> None:
        """Put down who runs, and answer commands that an earlier process left half done."""
        now = wall_ms()
        note = ProcessState(
            pid=os.getpid(),
            host=socket.gethostname(),
            version=__version__,
            started_ms=now,
            beat_ms=now,
            state="starting",
        )

        def begin() -> None:
            process.write_process(self._journal.engine, note)
            finish_interrupted(self._journal.engine, "interrupted: the bot was restarted", now)

        await self._call(begin, None)

    def entries_stopped(self) -> str:
        """Empty, or why no entry may be sent: looked up right before each one. What cannot be read stops it."""
        if self._kill_file.exists():
            return f"kill file {self._kill_file.name}"
        try:
            state = latch.read_kill(self._journal.engine)
        except StoreError as error:
            return f"the kill switch cannot be read: {error}"
        return f"kill switch set by {state.by}: {state.reason}" if state.active else ""

    async def poll(self, event_ms: int, phase: str, *, killed: bool) -> list[Command]:
        """Commands for the engine, with the time `event_ms`; the kill switch's changes are among them."""
        nothing: list[Command] = []
        found = await self._call(lambda: self._read(event_ms, killed), nothing)
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_SECONDS
            await self.beat(phase)
        return found

    async def beat(self, phase: str) -> None:
        """Write the sign of life."""
        await self._call(lambda: process.beat(self._journal.engine, wall_ms(), phase), None)

    async def answer(self, commands: Sequence[Command], result: str = "taken") -> None:
        """Tell those who gave the commands."""

        def finish() -> None:
            for command in commands:
                finish_command(self._journal.engine, command.id, result, wall_ms())

        await self._call(finish, None)

    async def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True)

    def _read(self, event_ms: int, killed: bool) -> list[Command]:
        commands: list[Command] = []
        if self._kill_file.exists():
            latch.latch_kill(self._journal.engine, "file", f"{self._kill_file.name} exists", wall_ms())
        state = latch.read_kill(self._journal.engine)
        if state.active and not killed:
            commands.append(
                Command(
                    time_ms=event_ms,
                    id=f"kill-{state.set_ms}",
                    kind=CommandKind.KILL,
                    by=state.by,
                    reason=state.reason,
                )
            )
        elif killed and not state.active:
            commands.append(
                Command(
                    time_ms=event_ms,
                    id=f"reset-{state.reset_ms}",
                    kind=CommandKind.RESET_KILL,
                    by=state.reset_by,
                    reason=state.reset_reason,
                )
            )
        return commands + self._journal.take_commands(event_ms)

    async def _call(self, act: Callable[[], T], otherwise: T) -> T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, act)
        except StoreError as error:
            if not self._failing:
                log.error("database.failed", error=str(error))
            self._failing = True
            return otherwise
        self._failing = False
        return result
