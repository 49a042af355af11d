"""The live driver: takes candles and commands in, has the engine decide, commits, and only then acts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from trading.decision.bars import HISTORY_CANDLES
from trading.decision.rolling import RollingSignals
from trading.domain.actions import Level, Notify
from trading.domain.candles import Candle, check_candle
from trading.domain.errors import InvalidInput, TradingError
from trading.domain.events import CandleClosed, ClockTick, Command, CommandKind, Event
from trading.domain.orders import IN_DOUBT, Purpose
from trading.engine.adoption import is_left_to_a_person
from trading.engine.config import EngineConfig
from trading.engine.engine import Engine
from trading.engine.state import EngineState
from trading.exchange.paper_file import PaperFileError
from trading.exchange.protocol import CandleDriven, Exchange
from trading.exit_codes import ENDED, ExitCode
from trading.live.commit_line import CommitLine
from trading.live.database_calls import DatabaseCalls
from trading.live.live_clock import FUTURE_MS_MAX, LiveClock
from trading.live.reporter import Reporter
from trading.live.requests import Requests
from trading.live.start import recover
from trading.live.traffic import Traffic
from trading.market.feed import Feed
from trading.monitoring.alerts.outbox import Outbox
from trading.monitoring.health import HealthLimits
from trading.monitoring.prometheus import BotMetrics
from trading.monitoring.watchdog import STALLED_AFTER_SECONDS, Watchdog
from trading.state import TradingState
from trading.store.facts import BotFacts
from trading.store.journal import Journal
from trading.store.process import STOPPED
from trading.utils.shutdown import POLICIES, GracefulShutdownHandler

log = structlog.get_logger(__name__)

BATCHES_AHEAD = 8
POLL_SECONDS = 0.5
TICK_SECONDS = 0.5
"""Where time is the wall clock's, the engine is told it so often."""
RETRY_SECONDS = 1.0
ALERTS_SECONDS = 2.0


class FeedFailed(TradingError):
    """No more candles come, and not because the feed has ended."""


class TradingManager:
    """One bot, from its start to its end.

    Args:
        config: the engine's.
        exchange: where orders go; closed last.
        feed: where candles come from.
        journal: open, and held by this process alone.
        signals: the decision path, with no history yet.
        state_file: where the readable copy of the state goes at the end.
        kill_file: its existence sets the kill switch.
        policy: what a stop does with positions: flatten, cancel or keep.
        shutdown_timeout_s: the whole budget of a graceful stop.
        stop_at_end: end when the feed does, instead of staying up idle.
        stalled_after_s: how long the loop may stand still before the watchdog ends the process.
        alerts: keeps what there is to tell, and has it sent; without one it is kept in the database alone.
        facts: what the dashboard tells of this bot.
        health: where the checks of its own health fail.
    """

    def __init__(  # noqa: PLR0913 - what a bot consists of
        self,
        *,
        config: EngineConfig,
        exchange: Exchange,
        feed: Feed,
        journal: Journal,
        signals: RollingSignals,
        state_file: Path,
        kill_file: Path,
        policy: str = "flatten",
        shutdown_timeout_s: float = 30.0,
        stop_at_end: bool = False,
        stalled_after_s: float = STALLED_AFTER_SECONDS,
        alerts: Outbox | None = None,
        facts: BotFacts | None = None,
        health: HealthLimits | None = None,
    ) -> None:
        self.config = config
        self.exchange = exchange
        self.feed = feed
        self.journal = journal
        self.policy = policy
        self.state_file = state_file
        self.kill_file = kill_file
        self._signals = signals
        self._stop_at_end = stop_at_end
        self.alerts = alerts or Outbox(journal.engine)
        state = EngineState(config.bot_id)
        state.restore(journal.load())
        self.engine = Engine(config, signals, state)
        self.metrics = BotMetrics()
        self.line = CommitLine(self.engine, journal, alerts=self.alerts, observe_commit=self.metrics.commit.observe)
        self.reporter = Reporter(self, facts, health or HealthLimits())
        self.database = DatabaseCalls(journal, kill_file, facts, self.reporter.jobs)
        self.requests = Requests(exchange, self._entries_stopped, observe=self.metrics.request)
        self.beat_at = time.monotonic()
        self.phase = "starting"
        self.on_candle_time = isinstance(exchange, CandleDriven)
        self._clock = LiveClock(self.notify)
        self._next_poll = 0.0
        self._next_tick = 0.0
        self._stops: list[Command] = []
        self.shutdown = GracefulShutdownHandler(manager=self, timeout=shutdown_timeout_s)
        self.traffic = Traffic(
            self.line,
            self.requests,
            in_rounds=self.on_candle_time,
            on_answer=self.shutdown.wake.set,
            on_beat=self._beat,
        )
        self.watchdog = Watchdog(lambda: self.beat_at, self.shutdown.left, stalled_after_s=stalled_after_s)
        self.shutdown.register()

    async def run(self) -> int:
        """Trade until told to stop, or until the feed's end with `stop_at_end`; the process's exit code."""
        code = int(ExitCode.FAILED)
        self.watchdog.start()
        self.alerts.start(self.reporter.jobs)
        self.shutdown.attach(asyncio.get_running_loop())
        try:
            await recover(self)
            if not self.shutdown.requested:
                self._warm_up()
                await self._trade()
            code = await self.shutdown.run()
        except FeedFailed as error:
            log.critical("bot.failed", error=str(error))
            self.notify(Notify(Level.CRITICAL, "FEED_FAILED", str(error)))
            self.shutdown.request("the feed failed", policy="keep")
            await self.shutdown.run()
        except TradingError as error:
            log.critical("bot.failed", error=str(error))
            self.notify(Notify(Level.CRITICAL, "BOT_FAILED", str(error)))
        finally:
            await self._close(code)
            self.shutdown.restore_signals()
            self.watchdog.stop()
        return code

    # -- start

    def _warm_up(self) -> None:
        """Give the decision path the candles before the first one to come."""
        after = self._resume_after()
        if after is None:
            return
        for symbol in self.feed.symbols:
            self._signals.warm_up(self.feed.history(symbol, after + 1, HISTORY_CANDLES))

    def _resume_after(self) -> int | None:
        """The close time of the last candle handled. All candles of one time are committed together."""
        handled = [s.last_close_ms for s in self.engine.state.symbols.values()]
        return max(handled) if handled else self.feed.starts_after_ms

    # -- trading

    async def _trade(self) -> None:
        """Take batch after batch until a stop is asked for.

        Raises:
            FeedFailed: the feed cannot go on.
        """
        self.phase = "trading"
        self.reporter.candle_handled()
        queue: asyncio.Queue[tuple[Candle, ...]] = asyncio.Queue(BATCHES_AHEAD)
        feeder = asyncio.create_task(self._feed_into(queue))
        try:
            while not self.shutdown.requested:
                self.beat_at = time.monotonic()
                if self.beat_at >= self._next_poll:
                    await self.poll()
                # Signals and the feed get their turn between any two batches.
                await asyncio.sleep(0)
                if not self.on_candle_time and (self.traffic.has_answers or self.beat_at >= self._next_tick):
                    self._next_tick = self.beat_at + TICK_SECONDS
                    await self.pump([ClockTick(time_ms=self.now_ms())], may_wait=not self.line.is_down)
                if self.line.is_down and (queue.empty() or self.on_candle_time):
                    # Where time is the candles', it stands still until the journal can be written again.
                    await self.wait(POLL_SECONDS)
                    await self.pump([])
                elif not queue.empty():
                    batch = queue.get_nowait()
                    await self._step(batch, more=not queue.empty())
                elif self.line.has_uncommitted:
                    await self.pump([])
                elif not feeder.done():
                    await self.wait(POLL_SECONDS)
                elif self.phase != "idle":
                    await self._feed_ended(feeder)
                    if self._stop_at_end:
                        break
                else:
                    await self._idle()
            if self.line.has_uncommitted:
                await self.pump([])
        finally:
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)

    async def _feed_into(self, queue: asyncio.Queue[tuple[Candle, ...]]) -> None:
        try:
            async for batch in self.feed.batches(self._resume_after()):
                await queue.put(batch)
                self.shutdown.wake.set()
        finally:
            self.shutdown.wake.set()

    async def _feed_ended(self, feeder: asyncio.Task[None]) -> None:
        """Say so, and go on without candles. An error of the feed is the bot's."""
        try:
            await feeder
        except (TradingError, OSError) as error:
            raise FeedFailed(f"no more candles from the {self.feed.label}: {error}") from error
        self.phase = "idle"
        log.info("feed.ended", label=self.feed.label, note="no more candles; the bot stays up until it is stopped")

    async def _idle(self) -> None:
        """No candle comes any more: what an operator's command set going is still carried out."""
        await self.wait(POLL_SECONDS)
        state = self.engine.state
        busy = any(o.intent.purpose is not Purpose.STOP or o.state in IN_DOUBT for o in state.all_live_orders())
        if busy or any(position.exit_reason for position in state.positions.values()):
            await self.fill_waiting()
            await self.tick(POLL_SECONDS)

    async def _step(self, batch: tuple[Candle, ...], *, more: bool) -> None:
        """One close time: the exchange's open, its range, then the closed candles of all symbols."""
        began = time.monotonic()
        candles = [candle for candle in batch if self._is_sound(candle)]
        if not candles:
            return
        if isinstance(self.exchange, CandleDriven):
            for phase in (self.exchange.open_phase, self.exchange.range_phase):
                events = await self._market_moves(phase, candles)
                if events is None:
                    return
                if events:
                    await self.pump(events)
        close_ms = candles[0].close_time_ms
        self._signals.expect(candles)
        # The time that it is now, not only the candle's: an entry must know how old what it is decided on is.
        closed: list[Event] = [ClockTick(time_ms=max(close_ms, self.now_ms()))]
        closed.extend(CandleClosed(time_ms=close_ms, candle=candle) for candle in candles)
        await self.pump(closed, may_wait=more)
        self.reporter.candle_handled()
        self.metrics.batch_handled(len(candles), time.monotonic() - began)

    async def _market_moves(
        self, phase: Callable[[Sequence[Candle]], Awaitable[Sequence[Event]]], candles: Sequence[Candle]
    ) -> Sequence[Event] | None:
        """A phase of the paper market, repeated while its file cannot be written: nothing is traded on a guess.

        None when a stop was asked for meanwhile: this candle has not been.
        """
        failed = False
        while not self.shutdown.requested:
            try:
                events = await phase(candles)
            except PaperFileError as error:
                log.error("paper.failed", error=str(error))
                if not failed:
                    self.notify(Notify(Level.CRITICAL, "EXCHANGE_DISCONNECTED", f"paper exchange: {error}"))
                failed = True
                self.beat_at = time.monotonic()
                await self.wait(RETRY_SECONDS)
                continue
            if failed:
                self.notify(Notify(Level.INFO, "EXCHANGE_DISCONNECTED_ENDED", "the paper exchange works again"))
            return events
        return None

    def _is_sound(self, candle: Candle) -> bool:
        try:
            check_candle(candle)
            if not self.on_candle_time and candle.close_time_ms > self.now_ms() + FUTURE_MS_MAX:
                where = f"{candle.symbol} candle {candle.open_time_ms} close"
                allowed = f"at most {FUTURE_MS_MAX} ms in the future"
                raise InvalidInput(where, candle.close_time_ms, allowed)
        except InvalidInput as error:
            log.error("candle.refused", error=str(error))
            self.notify(Notify(Level.WARNING, "CANDLE_REFUSED", str(error), candle.symbol))
            return False
        return True

    async def pump(self, events: Sequence[Event], *, may_wait: bool = False) -> None:
        """Handle events, commit, carry out what follows (see `Traffic`)."""
        await self.traffic.pump(events, may_wait=may_wait)

    async def tick(self, seconds: float) -> None:
        """Tell the engine that time went on although no candle says so: by so much, or to what the wall clock says."""
        now_ms = self.engine.state.now_ms + round(seconds * 1000) if self.on_candle_time else self.now_ms()
        await self.pump([ClockTick(time_ms=now_ms)])

    def now_ms(self) -> int:
        """The time of what happens now: that of the candles where they drive the exchange, else the wall clock's."""
        now_ms = self.engine.state.now_ms
        return now_ms if self.on_candle_time else self._clock.after(now_ms)

    def start_ms(self) -> int:
        """The time of the start: `now_ms`, but that the wall clock is believed, whatever the journal says."""
        return self.engine.state.now_ms if self.on_candle_time else self._clock.begin()

    def _beat(self) -> None:
        self.beat_at = time.monotonic()

    async def _entries_stopped(self) -> str:
        """Empty, or why no entry may be sent now."""
        return self.engine.entries_blocked() or await self.database.entries_stopped() or self.engine.entries_blocked()

    async def wait(self, seconds: float) -> None:
        """Sleep, at most so long: less when a stop is asked for, or a batch or an answer has come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.shutdown.wake.wait()
        self.shutdown.wake.clear()

    async def poll(self) -> None:
        """The operator's side: kill switch, commands, the sign of life."""
        self._next_poll = time.monotonic() + POLL_SECONDS
        state = self.engine.state
        commands = await self.database.poll(
            self.now_ms(), self.phase, killed=bool(state.safety.killed), report=self.reporter.look()
        )
        for command in commands:
            log.info("command.taken", kind=command.kind, target=command.target, by=command.by, reason=command.reason)
        if commands:
            await self.pump(commands)
            stops = [command for command in commands if command.kind is CommandKind.STOP]
            await self.database.answer([command for command in commands if command not in stops])
            for command in stops:
                await self._stop_by(command)
        if self.engine.state.safety.killed:
            await self._finish_kill()

    async def _finish_kill(self) -> None:
        """Say that the kill is effective once no entry is open or in doubt.

        On paper the candles' time stands still between them: what has to be asked about again is asked about now.
        """
        live = self.engine.state.all_live_orders()
        entries = [order for order in live if order.is_live and order.intent.purpose is Purpose.ENTRY]
        if not entries:
            await self.database.confirm_kill()
        elif isinstance(self.exchange, CandleDriven) and not all(map(is_left_to_a_person, entries)):
            await self.tick(self.config.timing.query_ms / 1000)

    async def _stop_by(self, command: Command) -> None:
        """Begin the stop that an operator asked for; it is answered when it has ended."""
        policy = command.target or self.policy
        if policy not in POLICIES:
            await self.database.answer([command], f"refused: {policy!r} is none of {', '.join(POLICIES)}")
            return
        self._stops.append(command)
        self.shutdown.request(f"tradebot stop by {command.by}", policy)

    # -- end

    def notify(self, note: Notify) -> None:
        """Tell the owner now, outside any commit."""
        self.alerts.tell(note)

    def sign_of_life(self) -> None:
        """Give one during a stop, which does not wait for it."""
        self.database.beat_meanwhile(self.phase, self.reporter.look())

    async def fill_waiting(self) -> None:
        """On paper no candle comes any more: what waits for an open is filled at the last price."""
        if isinstance(self.exchange, CandleDriven):
            try:
                events = await self.exchange.fill_waiting(self.engine.state.now_ms)
            except PaperFileError as error:
                log.error("paper.failed", error=str(error))
                return
            if events:
                await self.pump(events)

    def save_state(self) -> None:
        """Write the readable copy of the state beside the database."""
        TradingState.of(self.engine).save(self.state_file)

    async def _close(self, code: int) -> None:
        """Let go of everything; the exchange last. Nothing that fails here keeps the rest open."""
        if code != ExitCode.FORCED:
            await self.database.answer_stops(self._stops, f"{ENDED}{code}")
            await self.database.beat(STOPPED)
        await self.traffic.close()
        self.alerts.close(ALERTS_SECONDS)
        self.line.close()
        await self.database.close()
        self.journal.close()
        try:
            await self.exchange.close()
        except TradingError as error:
            log.error("exchange.not_closed", error=str(error))
