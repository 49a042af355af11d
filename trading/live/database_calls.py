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
from msgspec.structs import replace

from trading import __version__
from trading.clock import wall_ms
from trading.domain.events import Command, CommandKind
from trading.monitoring.disk import free_bytes
from trading.monitoring.jobs import Jobs
from trading.monitoring.report import BotReport, Fault, to_text
from trading.store import latch, process
from trading.store.commands import finish_command, finish_interrupted, pending_commands
from trading.store.errors import StoreError
from trading.store.facts import BotFacts, write_facts
from trading.store.journal import Journal
from trading.store.latch import KillState
from trading.store.process import ProcessState
from trading.store.retention import Pruned, prune

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0
PRUNE_SECONDS = 600.0
PRUNE_TRANSACTIONS = 5
RETENTION_JOB = "retention"
_NONE: list[Command] = []
T = TypeVar("T")


class DatabaseCalls:
    """The bot's side of the tables that other processes write and read.

    Args:
        journal: whose database it is.
        kill_file: its existence is a set kill switch; it works when the database does not.
        facts: what the bot tells of itself at its start.
        jobs: hears how removing old rows went.

    Attributes:
        kill: the kill switch as it was last read.
        disk_free: bytes that were free where the kill file is at the last sign of life; None before it.
    """

    def __init__(
        self, journal: Journal, kill_file: Path, facts: BotFacts | None = None, jobs: Jobs | None = None
    ) -> None:
        self.kill = KillState(active=False)
        self.disk_free: int | None = None
        self._jobs = jobs or Jobs()
        self._faults: dict[str, Fault] = {}
        self._journal = journal
        self._facts = facts
        self._kill_file = kill_file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._next_beat = 0.0
        self._next_prune = time.monotonic() + PRUNE_SECONDS
        self._has_begun = False
        self._beating: asyncio.Task[None] | None = None
        self._is_unconfirmed = False
        self._file_seen_ms: int | None = None
        self._is_file_alone = False
        self.crashed: ProcessState | None = None
        """The process before this one, where it did not end in order."""

    @property
    def fault(self) -> Fault | None:
        """What has failed for longest among what failed when last tried; None where all goes well."""
        return min(
            (fault for what, fault in self._faults.items() if what != RETENTION_JOB),
            key=lambda fault: fault.since_ms,
            default=None,
        )

    async def start(self) -> None:
        """Put down who runs, and answer commands that an earlier process left half done."""
        self._has_begun = await self._call("start", self._begin, otherwise=False)

    async def entries_stopped(self) -> str:
        """Empty, or why no entry may be sent: looked up right before each one. What cannot be read stops it.

        Looked up in the thread: a server that stands still holds up this entry, and not the loop.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look_for_kill)

    def _look_for_kill(self) -> str:
        try:
            if self._kill_file.exists():
                return f"kill file {self._kill_file.name}"
            state = latch.read_kill(self._journal.engine)
        except (OSError, StoreError) as error:
            return f"the kill switch cannot be read: {error}"
        return f"kill switch set by {state.by}: {state.reason}" if state.active else ""

    async def poll(self, event_ms: int, phase: str, *, killed: bool, report: BotReport | None = None) -> list[Command]:
        """Commands for the engine, with the time `event_ms`; the kill switch's changes are among them.

        Args:
            event_ms: the engine's time.
            phase: a word for the sign of life.
            killed: whether the engine knows of the kill switch.
            report: goes with the sign of life, if it is time for one.
        """
        if not self._has_begun:
            await self.start()
        changes = await self._call("kill switch", lambda: self._kill_changes(event_ms, killed), _NONE)
        given = await self._call("commands", lambda: self._journal.take_commands(event_ms), _NONE)
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_SECONDS
            await self.beat(phase, report)
        if time.monotonic() >= self._next_prune:
            await self._prune(event_ms)
        return [*changes, *given]

    async def confirm_kill(self) -> None:
        """Say that no opening order is on its way any more, if the switch is set and that was not said yet."""
        if self._is_unconfirmed:
            mark = lambda: latch.mark_effective(self._journal.engine, wall_ms())  # noqa: E731
            state = await self._call("kill confirmation", mark, None)
            self._is_unconfirmed = state is None

    async def beat(self, phase: str, report: BotReport | None = None) -> None:
        """Write the sign of life, and with it what the bot has to tell of itself."""

        def write() -> None:
            self.disk_free = free_bytes(self._kill_file.parent)
            text = None if report is None else to_text(replace(report, disk_free=self.disk_free))
            process.beat(self._journal.engine, wall_ms(), phase, text)

        await self._call("sign of life", write, None)

    def beat_meanwhile(self, phase: str, report: BotReport | None = None) -> None:
        """Write the sign of life if it is time for one, without waiting for it: for a stop, whose time is short."""
        if time.monotonic() >= self._next_beat and (self._beating is None or self._beating.done()):
            self._next_beat = time.monotonic() + BEAT_SECONDS
            self._beating = asyncio.create_task(self.beat(phase, report))

    async def answer(self, commands: Sequence[Command], result: str = "taken") -> None:
        """Tell those who gave the commands."""

        def finish() -> None:
            for command in commands:
                finish_command(self._journal.engine, command.id, result, wall_ms())

        await self._call("answers", finish, None)

    async def answer_stops(self, stops: Sequence[Command], result: str) -> None:
        """Tell those who asked for the stop how it ended; those too who asked while it was under way."""
        late = await self._call("commands", lambda: self._journal.take_commands(0), _NONE)
        await self.answer([*stops, *(c for c in late if c.kind is CommandKind.STOP)], result)

    async def close(self) -> None:
        """End the thread."""
        if self._beating is not None:
            await self._beating
        self._thread.shutdown(wait=True)

    def _begin(self) -> bool:
        now = wall_ms()
        note = ProcessState(
            pid=os.getpid(),
            host=socket.gethostname(),
            version=__version__,
            started_ms=now,
            beat_ms=now,
            state="starting",
        )
        before = process.read_process(self._journal.engine)
        process.write_process(self._journal.engine, note)
        self.crashed = before if before is not None and before.state != process.STOPPED else None
        if self._facts is not None:
            write_facts(self._journal.engine, self._facts)
        finish_interrupted(self._journal.engine, "interrupted: the bot was restarted", now)
        for command in pending_commands(self._journal.engine, skip=set(), now_ms=now).commands:
            if command.kind is CommandKind.STOP:
                finish_command(self._journal.engine, command.id, "refused: given before this bot started", now)
        return True

    def _kill_changes(self, event_ms: int, killed: bool) -> list[Command]:
        """What the engine does not know yet of the kill switch."""
        state = self.kill = self._kill_state()
        self._is_unconfirmed = state.active and state.effective_ms is None
        if state.active and not killed:
            kind, number, by, reason = CommandKind.KILL, state.set_ms, state.by, state.reason
        elif killed and not state.active:
            kind, number, by, reason = CommandKind.RESET_KILL, state.reset_ms, state.reset_by, state.reset_reason
        else:
            return []
        return [Command(time_ms=event_ms, id=f"{kind}-{number}", kind=kind, by=by, reason=reason)]

    def _kill_state(self) -> KillState:
        """How the switch stands, the file's word taken into the database; where that fails, the file's word alone.

        A file that was seen is not forgotten, should it be gone before the database could be written.
        """
        if self._file_seen_ms is None and self._kill_file.exists():
            self._file_seen_ms = wall_ms()
        if self._file_seen_ms is None:
            return latch.read_kill(self._journal.engine)
        reason = f"{self._kill_file.name} exists"
        try:
            state = latch.read_kill(self._journal.engine)
            if not state.active:
                state = latch.latch_kill(self._journal.engine, "file", reason, wall_ms())
        except StoreError as error:
            if not self._is_file_alone:
                log.critical("kill.by_file_alone", file=self._kill_file.name, error=str(error))
            self._is_file_alone = True
            return KillState(active=True, by="file", reason=reason, set_ms=self._file_seen_ms)
        self._file_seen_ms, self._is_file_alone = None, False
        return state

    async def _prune(self, event_ms: int) -> None:
        """Remove a little of what is older than its table's retention."""

        def remove() -> Pruned:
            with self._jobs.running(RETENTION_JOB):
                return prune(self._journal.engine, event_ms, transactions=PRUNE_TRANSACTIONS, wall_ms=wall_ms())

        done = await self._call(RETENTION_JOB, remove, None)
        if done is None or not done.more:
            self._next_prune = time.monotonic() + PRUNE_SECONDS
        if done is not None and done.rows:
            log.info("database.pruned", **done.rows)

    async def _call(self, what: str, act: Callable[[], T], otherwise: T) -> T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, act)
        except (OSError, StoreError) as error:  # the kill file may lie on a disk that fails
            before = self._faults.get(what)
            if before is None:
                log.error("database.failed", what=what, error=str(error))
            since, count = (before.since_ms, before.count + 1) if before else (wall_ms(), 1)
            self._faults[what] = Fault(what, str(error), since, count)
            return otherwise
        self._faults.pop(what, None)
        return result
