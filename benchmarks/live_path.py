"""The live driver: from a candle to a committed order, from a kill to its effect, from a restart to trading."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

from benchmarks.markets import MINUTE_MS, demo
from benchmarks.rows import Row
from trading.decision.rolling import RollingSignals
from trading.domain.actions import Action
from trading.domain.candles import Candle
from trading.domain.events import CandleClosed, ClockTick, Event
from trading.engine.config import EngineConfig, Timing
from trading.exchange.costs import BINANCE_SPOT
from trading.exchange.paper import PaperBook, PaperExchange
from trading.live.start import recover
from trading.manager import TradingManager
from trading.market.candle_table import CandleTable
from trading.market.demo import demo_instrument
from trading.market.feed import ReplayFeed
from trading.safety.breaker import NO_BREAKER
from trading.store.journal import Journal
from trading.store.latch import latch_kill, read_kill

CAPITAL = Decimal(1_000_000)


class StoppingFeed(ReplayFeed):
    """A replay that notes when each batch is taken, and has the bot stopped after so many."""

    manager: TradingManager
    batches_max = 10**9

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        """See `Feed.batches`."""
        left = self.batches_max
        async for batch in super().batches(after_close_ms):
            yield batch
            left -= 1
            if not left:
                self.manager.shutdown.request("bench")
                return


def bot(
    folder: Path, tables: Sequence[CandleTable], speed: float = 0, url: str = ""
) -> tuple[TradingManager, StoppingFeed]:
    """A bot on paper, its paper account in `folder`, and there too its database where no `url` names another."""
    config = EngineConfig(
        bot_id="bench",
        instruments={table.symbol: demo_instrument(table.symbol) for table in tables},
        capital=CAPITAL,
        breaker=NO_BREAKER,
        timing=Timing(reconcile_ms=0),
    )
    feed = StoppingFeed(tables, speed)
    book = PaperBook(folder / "paper.db", config.instruments, {"USDT": CAPITAL}, BINANCE_SPOT)
    manager = TradingManager(
        config=config,
        exchange=PaperExchange(book),
        feed=feed,
        journal=Journal.open(url or f"sqlite:///{folder / 'bench.db'}", config.bot_id),
        signals=RollingSignals(config.params, feed.interval_ms),
        state_file=folder / "state.json",
        kill_file=folder / "KILL",
        policy="keep",
        stop_at_end=True,
    )
    feed.manager = manager
    return manager, feed


def candle_to_order(candles: int, symbols: int = 10) -> list[Row]:
    """From a batch of closed candles until their commit is on disk (fsync), its actions ready to be carried out."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        manager, _ = bot(Path(name), demo(symbols, candles))
        take = manager.line.take

        async def timed(events: Sequence[Event], *, may_wait: bool = False) -> list[Action]:
            is_batch = any(isinstance(event, CandleClosed) for event in events)
            began = time.perf_counter()
            actions = await take(events, may_wait=False)
            if is_batch and actions:
                times.append(time.perf_counter() - began)
            return actions

        manager.line.take = timed  # type: ignore[method-assign]
        asyncio.run(manager.run())
    times.sort()
    middle, late = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    beside = f"{len(times)} batches of {symbols} symbols that led to orders, each with fsync"
    return [
        Row("candle in → order committed, p50", middle, "ms", beside=beside),
        Row("candle in → order committed, p99", late, "ms", beside=beside, goal="≤ 5 ms", met=late <= 5),
    ]


def one_cycle(symbols: int = 200, candles: int = 900) -> list[Row]:
    """One close time of many symbols: signals, decisions and commit."""
    tables = demo(symbols, candles)
    with tempfile.TemporaryDirectory() as name:
        manager, _ = bot(Path(name), tables)

        async def cycle() -> float:
            await recover(manager)  # the start alone, without the feed
            for table in tables:
                manager._signals.warm_up(table.candles(0, candles - 1))  # noqa: SLF001
            last = [table.candle(candles - 1) for table in tables]
            close_ms = last[0].close_time_ms
            closed: list[Event] = [ClockTick(time_ms=close_ms)]
            closed.extend(CandleClosed(time_ms=close_ms, candle=candle) for candle in last)
            began = time.perf_counter()
            await manager.pump(closed)
            return time.perf_counter() - began

        seconds = asyncio.run(cycle())
    return [Row(f"{symbols} symbols on one-minute candles, one cycle", seconds, "s", goal="≤ 1 s", met=seconds <= 1)]


def restart(symbols: int = 10, candles: int = 1_500) -> list[Row]:
    """A bot with its history and open orders started again, until its first new batch is handled."""
    tables = demo(symbols, candles)
    with tempfile.TemporaryDirectory() as name:
        first, feed = bot(Path(name), tables)
        feed.batches_max = candles - 10
        asyncio.run(first.run())
        began = time.perf_counter()
        second, feed = bot(Path(name), tables)
        feed.batches_max = 1
        asyncio.run(second.run())
        seconds = time.perf_counter() - began
    beside = f"{symbols} symbols; opening, reconciling, warming up, one batch and the stop"
    return [Row("restart → reconciled and trading", seconds, "s", beside=beside, goal="≤ 2 s", met=seconds <= 2)]


def kill(symbols: int = 3, candles: int = 3_000) -> list[Row]:
    """From setting the kill switch of a running bot until it says that the switch is effective."""
    with tempfile.TemporaryDirectory() as name:
        tables = demo(symbols, candles)
        # 500 batches a second: the bot goes on trading while the switch is set.
        manager, _ = bot(Path(name), tables, speed=MINUTE_MS / 2)

        async def kill_it() -> float:
            running = asyncio.create_task(manager.run())
            while len(manager.engine.state.symbols) < symbols:  # noqa: ASYNC110 - looked at in every turn
                await asyncio.sleep(0)
            engine = manager.journal.engine
            began = time.perf_counter()
            latch_kill(engine, "bench", "bench", int(time.time() * 1000))
            while read_kill(engine).effective_ms is None:  # noqa: ASYNC110 - looked at in every turn
                await asyncio.sleep(0)
            seconds = time.perf_counter() - began
            manager.shutdown.request("bench")
            await running
            return seconds

        seconds = asyncio.run(kill_it())
    return [Row("kill → effective, bot running", seconds, "s", goal="≤ 1 s", met=seconds <= 1)]
