"""One life of the bot: the real engine, commit line, requests and journal, on a file that earlier lives have left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.simulation.chaos.faults import COMMIT, MOMENT, RECOVERY, Fault, Kind
from tests.simulation.chaos.scenario import signals_of
from tests.simulation.chaos.wire import Wire
from tests.simulation.chaos.world import World
from tests.support.builders import BOT, T0
from tests.support.heard import Heard
from trading.decision.source import SignalSource
from trading.domain.actions import Notify
from trading.domain.events import CandleClosed, ClockTick, Event, Started
from trading.domain.instruments import ZERO
from trading.domain.orders import OrderIntent
from trading.domain.positions import Correction, CorrectionKind
from trading.engine.engine import Engine
from trading.engine.state import EngineState
from trading.live.commit_line import CommitLine
from trading.live.database_calls import DatabaseCalls
from trading.live.live_clock import LiveClock
from trading.live.requests import Requests
from trading.store.batch import Batch
from trading.store.database import reading
from trading.store.journal import Journal
from trading.store.schema import corrections

MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only where the machine has it; no test depends on it
ROUNDS_MAX = 300
POLL_AFTER_S = 3
FILES = ("", "-wal")
CRASHES = frozenset({Kind.CRASH})
COMMIT_FAULTS = frozenset({Kind.COMMIT_FAILS, Kind.COMMIT_UNHEARD})


class Crash(BaseException):
    """The process is dead: nothing after this happens. Not an `Exception`, so that nothing can catch it."""


class Restless(AssertionError):
    """Events and actions go round and round without time going on."""


class Inline(Executor):
    """Does at once, on this thread, what the live driver gives to a thread: runs are repeatable, and quick."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `Executor`."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever awaits it gets it, a crash too
            done.set_exception(error)
        return done


class ChaosJournal(Journal):
    """The real journal, whose commits fail or kill the process where the schedule says so."""

    life: Bot | None = None
    fault: Fault | None = None

    def dust(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """What is booked off as too small to sell, by symbol."""
        found = dict.fromkeys(symbols, ZERO)
        is_dust = corrections.c.kind == CorrectionKind.DUST.value
        with reading(self.engine) as connection:
            for symbol, quantity in connection.execute(
                sa.select(corrections.c.symbol, corrections.c.quantity).where(is_dust)
            ):
                found[symbol] -= Decimal(quantity)
        return found

    def fail_where_told(self) -> None:
        """Let the database's own COMMIT fail, or fail to be heard, while a fault is set."""
        dialect = self.engine.dialect
        error = dialect.loaded_dbapi.OperationalError
        do_commit = dialect.do_commit

        def commit(connection: Any) -> None:
            if self.fault is not None and self.fault.kind is not Kind.COMMIT_UNHEARD:
                raise error("database or disk is full")
            do_commit(connection)
            if self.fault is not None:
                raise error("disk I/O error")

        dialect.do_commit = commit  # type: ignore[method-assign]

    def commit(self, batch: Batch) -> None:
        """See `Journal`."""
        life = self.life
        if life is None:
            super().commit(batch)
            return
        life.moment("before commit")
        strikes = life.world.strikes
        strikes.count(COMMIT)
        self.fault = strikes.of(COMMIT, COMMIT_FAULTS) or strikes.span(Kind.DISK_FULL, life.world.second)
        try:
            super().commit(batch)
        finally:
            if self.fault is not None:
                life.world.note(f"{self.fault.kind}")
            self.fault = None
        for record in batch.changes:
            if isinstance(record, Correction) and record.kind is CorrectionKind.DUST:
                life.world.dust[record.symbol] -= record.quantity
        life.world.note(f"commit: {len(batch.events)} events, {len(batch.changes)} changes")
        life.moment("after commit")


class Disk:
    """Where the bot's database lies: in memory where the machine has such a disk.

    A process that dies, as these do, loses nothing of what it wrote, so that a real disk would show nothing more; power
    cuts are SQLite's own affair.

    The journal is opened once and loaded anew for every life, as a restart loads it: opening takes as long as a whole
    run, and has tests of its own.
    """

    def __init__(self) -> None:
        self._folder = self._new_folder()
        self._path = self._folder_path / "bot.db"
        url = f"sqlite:///{self._path}"
        ChaosJournal.open(url, BOT).close()
        self._empty = self._path.read_bytes()
        self.journal = ChaosJournal.open(url, BOT)
        self.journal.fail_where_told()

    @staticmethod
    def _new_folder() -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None, prefix="chaos-")

    @property
    def _folder_path(self) -> Path:
        return Path(self._folder.name)

    @property
    def kill_file(self) -> Path:
        """The file whose existence is a set kill switch."""
        return self._path.with_name("KILL")

    def clear(self) -> None:
        """Begin with an empty database."""
        self._replace({"": self._empty})

    def die(self) -> None:
        """Keep of the files what they hold this moment, log and all: what a killed process leaves."""
        self._left = {suffix: self._file(suffix).read_bytes() for suffix in FILES if self._file(suffix).exists()}

    def revive(self) -> None:
        """Put back what the dead process left."""
        self._replace(self._left)

    def _replace(self, files: dict[str, bytes]) -> None:
        self.journal.life = None
        self.journal.engine.pool.dispose()  # not the engine, which goes on
        for suffix in (*FILES, "-shm"):
            self._file(suffix).unlink(missing_ok=True)
        for suffix, content in files.items():
            self._file(suffix).write_bytes(content)

    def _file(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)


@cache
def the_disk() -> Disk:
    """The one disk of this process."""
    return Disk()


class Bot:
    """From start to death. `before_sending` is told of every order that is about to be sent."""

    def __init__(
        self,
        world: World,
        disk: Disk,
        before_sending: Callable[[Bot, OrderIntent], None],
        *,
        life: int,
        signals: SignalSource | None = None,
    ) -> None:
        self.world = world
        self.disk = disk
        self.is_dead = False
        self.is_starting = True
        self._is_first = life == 1
        self.death: str = ""
        self.notes: list[Notify] = []
        self.journal = disk.journal
        config = world.scenario.config
        state = EngineState(BOT)
        state.restore(self.journal.load())
        world.dust.update(self.journal.dust(world.dust))
        self.engine = Engine(config, signals or signals_of(world.schedule.seed, world.scenario), state)
        self._clock = LiveClock(self._on_notify, self._wall_ms, lambda: world.now_ms / 1000)
        self.line = CommitLine(
            self.engine, self.journal, alerts=Heard(self._on_notify), monotonic=lambda: world.now_ms / 1000
        )
        self.line._writer = Inline()
        self.database = DatabaseCalls(self.journal, disk.kill_file)
        self.database._thread = Inline()
        wire = Wire(world, self, lambda intent: before_sending(self, intent))
        self.requests = Requests(wire, self._entries_stopped)
        self.journal.life = self
        self.on_moment: Callable[[str], None] = lambda name: None
        self._poll_at_s = world.second + POLL_AFTER_S

    def moment(self, name: str) -> None:
        """A moment at which the process can die; the name says which."""
        if self.is_dead:
            raise Crash(self.death)
        self.on_moment(name)
        strikes = self.world.strikes
        names = [name, MOMENT, RECOVERY] if self.is_recovering else [name, MOMENT]
        for counted in names:
            strikes.count(counted)
        if any(strikes.of(counted, CRASHES) for counted in names):
            self.is_dead = True
            self.death = name
            self.disk.die()
            raise Crash(name)

    @property
    def is_recovering(self) -> bool:
        """Whether this life began with a crash and has not got over it."""
        return self.is_starting and not self._is_first

    @property
    def clock_ms(self) -> int:
        """What the bot takes for the time."""
        return self._clock.after(self.engine.state.now_ms)

    def _wall_ms(self) -> int:
        ahead = self.world.strikes.span(Kind.CLOCK_AHEAD, self.world.second)
        return self.world.now_ms + (ahead.times * 1000 if ahead else 0)

    def owner_acted(self) -> None:
        """There is something for the bot to find in its database: it looks after a while, and only then."""
        if self._poll_at_s is None:
            self._poll_at_s = self.world.second + POLL_AFTER_S

    async def start(self) -> None:
        """Begin, as the live driver does: nothing but recovery before the account has been read."""
        await self.pump([Started(time_ms=self._clock.begin(), bot_id=BOT)])

    async def step(self) -> None:
        """What there is to do at this second: news, commands, time, closed candles."""
        news = self.world.take_news()
        if news:
            await self.pump(news)
        if self._poll_at_s is not None and self.world.second >= self._poll_at_s:
            self._poll_at_s = None
            await self._poll()
        now_ms = self.clock_ms
        await self.pump([ClockTick(time_ms=now_ms)], may_wait=not self.line.is_down)
        if not self.engine.ready:
            return
        self.is_starting = False
        handled = [s.last_close_ms for s in self.engine.state.symbols.values()]
        for candles in self.world.closed_candles(max(handled, default=T0)):
            close_ms = candles[0].close_time_ms
            closed: list[Event] = [CandleClosed(time_ms=close_ms, candle=candle) for candle in candles]
            await self.pump([ClockTick(time_ms=close_ms), *closed])

    async def pump(self, events: Sequence[Event], *, may_wait: bool = False) -> None:
        """Handle events, commit, act, handle the answers, until nothing follows."""
        for _ in range(ROUNDS_MAX):
            actions = await self.line.take(events, may_wait=may_wait)
            if not actions:
                return
            events = await self.requests.carry_out(actions, self.engine.state.now_ms)
            if not events:
                return
        raise Restless(f"no rest after {ROUNDS_MAX} rounds at second {self.world.second}: {events}")

    async def _entries_stopped(self) -> str:
        return self.engine.entries_blocked() or await self.database.entries_stopped()

    async def _poll(self) -> None:
        killed = bool(self.engine.state.safety.killed)
        commands = await self.database.poll(self.clock_ms, "trading", killed=killed)
        if commands:
            await self.pump(commands)
            await self.database.answer(commands)

    def _on_notify(self, note: Notify) -> None:
        self.notes.append(note)
        self.world.note(f"notify {note.code} {note.symbol} {note.text}")
