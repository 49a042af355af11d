"""A bot on a replay, as on paper: time is the candles', stands still while the bot is dead, and nothing is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec

from tests.simulation.chaos.bot import Bot, Crash, Disk, Restless, the_disk
from tests.simulation.chaos.faults import Fault, Schedule
from tests.simulation.chaos.judge import Judge
from tests.simulation.chaos.run import quiet_logs
from tests.simulation.chaos.scenario import Scenario
from tests.simulation.chaos.world import Violation, World
from trading.decision.source import SignalSource
from trading.domain.errors import TradingError
from trading.domain.events import CandleClosed, ClockTick, Command, CommandKind, Event, Started
from trading.domain.orders import IN_DOUBT
from trading.domain.positions import Account
from trading.engine.adoption import is_left_to_a_person

READY_WITHIN_TICKS = 60
DOUBT_QUESTIONS_MAX = 5
CLOSED_WITHIN_TICKS = 400
LIVES_MAX = 10


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a replay ended. violation: empty, or what was broken. moments: names of all at which the bot could have died.

    requests: by moment, how many requests had been made. struck: the faults that made a difference. orders: purposes
    and final states of all that the exchange took, sorted. trades: symbol, side, price and quantity of every fill, in
    order.
    """

    violation: str
    account: Account | None
    moments: tuple[str, ...]
    requests: tuple[int, ...]
    lives: int
    struck: tuple[Fault, ...]
    orders: tuple[str, ...]
    trades: tuple[tuple[str, str, Decimal, Decimal], ...]
    log: tuple[str, ...]


def replay(
    scenario: Scenario,
    signals: Callable[[], SignalSource],
    schedule: Schedule,
    *,
    log: bool = False,
    disk: Disk | None = None,
) -> Ending:
    """Play the candles to their end, whatever the schedule does to the bot, then sell everything.

    disk: where the database is, if not in memory.
    """
    with quiet_logs():
        return asyncio.run(_Replay(scenario, signals, schedule, log=log, disk=disk or the_disk()).play())


class _Replay:
    def __init__(
        self, scenario: Scenario, signals: Callable[[], SignalSource], schedule: Schedule, *, log: bool, disk: Disk
    ) -> None:
        self.world = World(schedule, scenario)
        self.world.follows_bot = True
        self.world.absence_is_final = True
        if log:
            self.world.log = []
        self.judge = Judge(self.world)
        self.disk = disk
        self.disk.clear()
        self._signals = signals
        self._moments: list[str] = []
        self._requests: list[int] = []
        self._lives = 0

    async def play(self) -> Ending:
        violation = ""
        bot: Bot | None = None
        try:
            while bot is None:
                bot = await self._live()
                if self._lives > LIVES_MAX:
                    raise Violation(f"{LIVES_MAX} lives were not enough")
            self._judge_end(bot)
        except (Violation, Restless, TradingError) as error:
            violation = f"{type(error).__name__}: {error}"
        finally:
            self.disk.clear()
        world = self.world
        return Ending(
            violation=violation,
            account=bot.engine.state.account if bot is not None else None,
            moments=tuple(self._moments),
            requests=tuple(self._requests),
            lives=self._lives,
            struck=tuple(world.strikes.struck),
            orders=tuple(sorted(f"{o.intent.purpose} {o.state}" for o in world.orders_of_bot())),
            trades=tuple((f.symbol, str(f.side), f.price, f.quantity) for f in world.fills.values()),
            log=tuple(world.log or ()),
        )

    async def _live(self) -> Bot | None:
        """One life of the bot; the bot, or None where it died."""
        self._lives += 1
        world = self.world
        bot = Bot(world, self.disk, self.judge.before_sending, life=self._lives, signals=self._signals())
        bot.on_moment = self._note_moment
        world.note(f"bot starts, life {self._lives}")
        try:
            await self._recover(bot)
            await self._trade(bot)
            await self._close_all(bot)
        except Crash:
            world.note(f"bot dies ({bot.death})")
            world.hang_up()
            self.judge.dead()
            self.disk.revive()
            return None
        return bot

    def _note_moment(self, name: str) -> None:
        self._moments.append(name)
        self._requests.append(self.world.requests)

    async def _recover(self, bot: Bot) -> None:
        state = bot.engine.state
        for symbol, known in sorted(state.symbols.items()):
            self.world.exchange.observe(symbol, known.last_close_ms, known.price)
        await bot.pump([Started(time_ms=state.now_ms, bot_id=state.bot_id)])
        for _ in range(READY_WITHIN_TICKS):
            if bot.engine.ready:
                break
            await self._tick(bot, 1_000)
        else:
            raise Violation("the account was not read in time")
        for _ in range(DOUBT_QUESTIONS_MAX):
            live = state.all_live_orders()
            if not any(o.state in IN_DOUBT and not is_left_to_a_person(o) for o in live):
                break
            await self._tick(bot, bot.engine.config.timing.query_ms)
        bot.is_starting = False

    async def _trade(self, bot: Bot) -> None:
        rows = self.world.scenario.candles
        for index, candles in enumerate(rows):
            handled = bot.engine.state.symbols.get(candles[0].symbol)
            close_ms = candles[0].close_time_ms
            if handled is not None and close_ms <= handled.last_close_ms:
                continue
            news = self.world.take_news()
            if news:
                await bot.pump(news)
            for is_range in (False, True):
                events = self.world.market(candles, is_range=is_range)
                if events:
                    await bot.pump(events)
            closed: list[Event] = [CandleClosed(time_ms=close_ms, candle=candle) for candle in candles]
            await bot.pump([ClockTick(time_ms=close_ms), *closed], may_wait=index % 3 != 0)
            self.judge.after_step(bot)
        if bot.line.has_uncommitted:
            await bot.pump([])

    async def _close_all(self, bot: Bot) -> None:
        """As a graceful stop does: what waits for an open is filled at the last price."""
        now_ms = bot.engine.state.now_ms
        command = Command(time_ms=now_ms, id="end", kind=CommandKind.CLOSE_ALL, by="replay", reason="end")
        await bot.pump([command])
        for _ in range(CLOSED_WITHIN_TICKS):
            state = bot.engine.state
            if not state.positions and not any(state.live.values()):
                return
            events = self.world.fill_waiting()
            if events:
                await bot.pump(events)
            await self._tick(bot, 1_000)
        raise Violation(f"not closed within {CLOSED_WITHIN_TICKS} s: {self.judge.is_flat(bot)}")

    async def _tick(self, bot: Bot, ms: int) -> None:
        now_ms = bot.engine.state.now_ms + ms
        self.world.hear(now_ms)
        news = self.world.take_news()
        await bot.pump([*news, ClockTick(time_ms=now_ms)])

    def _judge_end(self, bot: Bot) -> None:
        for difference in (self.judge.is_flat(bot), self.judge.is_reconciled(bot)):
            if difference:
                raise Violation(difference)
        self.world.exchange.check()
