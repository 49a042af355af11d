"""Plays a schedule: noise, then quiet, a restart, a close; and judges it all the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog

from tests.simulation.chaos.bot import Bot, Crash, Disk, Restless, the_disk
from tests.simulation.chaos.faults import OF_OTHERS, Fault, Kind, Schedule
from tests.simulation.chaos.judge import Judge
from tests.simulation.chaos.scenario import CLOSE_MINUTES, NOISE_MINUTES, SETTLE_MINUTES, Scenario
from tests.simulation.chaos.world import SECOND, Violation, World
from tests.support.builders import BTC, T0
from trading.decision.source import SignalSource
from trading.domain.actions import Notify
from trading.domain.errors import TradingError
from trading.domain.events import Command, CommandKind
from trading.store.commands import queue_command
from trading.store.latch import latch_kill, reset_kill

OFFSETS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 25, 30, 31, 32, 33, 34, 36, 38, 41, 45, 50, 55)
"""Seconds of a minute at which time is told: densely where orders are under way."""
CALM_OFFSETS = (0, 1, 2, 3, 6, 8, 10, 20, 31, 33, 35, 45)
FIRST_SECOND = 45
_COMMANDS = {
    Kind.PAUSE: CommandKind.PAUSE,
    Kind.RESUME: CommandKind.RESUME,
    Kind.CLOSE_ALL: CommandKind.CLOSE_ALL,
    Kind.CLOSE_ONE: CommandKind.CLOSE_POSITION,
    Kind.CANCEL_ENTRIES: CommandKind.CANCEL_ENTRIES,
}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. violation: empty, or what was broken. struck: the faults that made a difference.

    lives: how often the bot was started. orders, fills: at the exchange. bare_max_s: see `Judge`.
    """

    schedule: Schedule
    violation: str
    struck: tuple[Fault, ...]
    lives: int
    orders: int
    fills: int
    bare_max_s: int
    log: tuple[str, ...]


def run(schedule: Schedule, *, log: bool = False, disk: Disk | None = None) -> Outcome:
    """Play the schedule to its end or to the first violation. disk: other than the one in memory."""
    with quiet_logs():
        return asyncio.run(Run(schedule, log=log, disk=disk).play())


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Thousands of runs need not tell the terminal what they do."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), processors=[_drop])
    try:
        yield
    finally:
        structlog.configure(**before)


def _drop(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raise structlog.DropEvent


class Run:
    """One run: the world and the lives of the bot in it, second by second.

    scenario, signals: other than those that follow from the seed. disk: other than the one of this process. notes: all
    that the bots told, over all lives.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        scenario: Scenario | None = None,
        signals: SignalSource | None = None,
        log: bool = False,
        disk: Disk | None = None,
    ) -> None:
        self.world = World(schedule, scenario)
        self._signals = signals
        self.notes: list[Notify] = []
        if log:
            self.world.log = []
        self.judge = Judge(self.world)
        self.disk = the_disk() if disk is None else disk
        self.disk.clear()
        self.bot: Bot | None = None
        self.lives = 0
        self._alive_at = 0
        self._told = 0
        self._queue: list[Fault] = []

    async def play(self) -> Outcome:
        """Noise, quiet, a restart, a close, to the end or to the first violation."""
        violation = ""
        try:
            await self._play()
        except (Violation, Restless, TradingError) as error:
            violation = f"{type(error).__name__}: {error}"
        finally:
            self.disk.clear()
        world = self.world
        return Outcome(
            schedule=world.schedule,
            violation=violation,
            struck=tuple(world.strikes.struck),
            lives=self.lives,
            orders=len(world.arrived),
            fills=len(world.fills),
            bare_max_s=self.judge.bare_max_s,
            log=tuple(world.log or ()),
        )

    async def _play(self) -> None:
        noise_s = (1 + NOISE_MINUTES) * 60
        for second in _seconds(FIRST_SECOND, noise_s, OFFSETS):
            await self.second(second)
        self.world.strikes.is_over = True
        settled_s = noise_s + SETTLE_MINUTES * 60
        for second in _seconds(noise_s, settled_s, CALM_OFFSETS):
            await self.second(second)
        bot = self.living()
        self._must(self.judge.is_reconciled(bot))
        await self.judge.reconcile_again(bot)
        await self._restart_twice()
        bot = self.living()
        command = Command(time_ms=bot.clock_ms, id="end", kind=CommandKind.CLOSE_ALL, by="judge", reason="end")
        await bot.pump([command])
        for second in _seconds(settled_s, settled_s + CLOSE_MINUTES * 60, CALM_OFFSETS):
            await self.second(second)
        bot = self.living()
        self._must(self.judge.is_flat(bot))
        self._must(self.judge.is_reconciled(bot))
        self.world.exchange.check()

    async def second(self, second: int) -> None:
        """Time goes on to this second."""
        world = self.world
        world.advance(T0 + second * SECOND)
        self._others_act(second)
        try:
            if self.bot is None:
                if second < self._alive_at:
                    return
                await self._begin()
            assert self.bot is not None
            await self.bot.step()
        except Crash:
            self._bury()
            return
        for fault in world.strikes.between(self._told, second):
            if fault.kind is Kind.CRASH:
                world.strikes.struck.append(fault)
                self.kill(fault.seconds)
                break
        self._told = second
        if self.bot is not None:
            self.judge.after_step(self.bot)

    async def _begin(self) -> None:
        world = self.world
        self.lives += 1
        world.bot_started_ms = world.now_ms
        self.bot = Bot(world, self.disk, self.judge.before_sending, life=self.lives, signals=self._signals)
        self.bot.notes = self.notes
        world.note(f"bot starts, life {self.lives}")
        self._give_orders()
        await self.bot.start()

    def kill(self, down_s: int = 0) -> None:
        """The process dies between two steps, and is down for a while."""
        self.living().is_dead = True
        self.disk.die()
        self._bury(down_s)

    def _bury(self, down_s: int | None = None) -> None:
        bot, self.bot = self.bot, None
        assert bot is not None
        self.world.note(f"bot dies ({bot.death or 'killed'})")
        self.world.hang_up()
        self.judge.dead()
        if down_s is None:
            last = self.world.strikes.struck[-1]
            down_s = last.seconds if last.kind is Kind.CRASH else 0
        self._alive_at = self.world.second + down_s
        self.disk.revive()

    async def _restart_twice(self) -> None:
        """A restart of a bot at rest changes nothing, however often."""
        before = self.living().engine.state.records()
        for _ in range(2):
            self.kill()
            await self._begin()
            if not self.living().engine.ready:
                raise Violation("not ready after a restart with nothing in the way")
            after = self.living().engine.state.records()
            if after != before:
                new = [record for record in after if record not in before]
                raise Violation(f"a restart changed {new}")

    def _others_act(self, second: int) -> None:
        for fault in self.world.strikes.between(self._told, second):
            if fault.kind is Kind.STOP_TAKEN_AWAY:
                self.world.take_stops_away()
            if fault.kind is Kind.STOP_FORGOTTEN:
                self.world.forget_stops()
            if fault.kind in OF_OTHERS:
                self.world.strikes.struck.append(fault)
                self._queue.append(fault)
        if self.bot is not None:
            self._give_orders()

    def _give_orders(self) -> None:
        """The owner uses the database, as dashboard and command line do; with the bot down he waits for its next start.

        That changes nothing for the bot: it reads what is there when it starts.
        """
        assert self.bot is not None
        engine = self.bot.journal.engine
        now_ms = self.world.now_ms
        for fault in self._queue:
            self.world.note(f"owner: {fault.kind}")
            if fault.kind is Kind.KILL:
                latch_kill(engine, "owner", "enough", now_ms)
            elif fault.kind is Kind.RESET_KILL:
                reset_kill(engine, "owner", "go on", now_ms)
            elif fault.kind in _COMMANDS:
                target = BTC.symbol if fault.kind is Kind.CLOSE_ONE else ""
                queue_command(
                    engine,
                    _COMMANDS[fault.kind],
                    by="owner",
                    now_ms=now_ms,
                    target=target,
                    command_id=f"{fault.kind}-{fault.at}",
                )
            self.bot.owner_acted()
        self._queue.clear()

    def living(self) -> Bot:
        """The bot, which must be alive."""
        if self.bot is None:
            raise Violation("the bot is not alive although nothing killed it")
        return self.bot

    def _must(self, difference: str) -> None:
        if difference:
            raise Violation(difference)


def _seconds(first: int, until: int, offsets: tuple[int, ...]) -> Iterator[int]:
    for minute in range(first // 60, until // 60 + 1):
        for offset in offsets:
            second = minute * 60 + offset
            if first <= second < until:
                yield second
