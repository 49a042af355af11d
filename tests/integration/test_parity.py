"""The same candles live and in the backtest: the same orders, fills, entries and balances, to the digit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from tests.support.bots import both_databases_in_soak, url_of
from trading.backtest.report import Collector
from trading.backtest.runner import BacktestRunner, carry_out
from trading.decision.bars import Bars
from trading.decision.precomputed import PrecomputedSignals
from trading.decision.rolling import RollingSignals
from trading.decision.signals import compute_signals
from trading.domain.actions import FetchAccount
from trading.domain.candles import Candle
from trading.domain.decisions import Decision, Verdict
from trading.domain.events import AccountSnapshot
from trading.domain.orders import Fill, Order
from trading.domain.positions import Account, Balance
from trading.engine.config import EngineConfig, Timing
from trading.engine.state import Record
from trading.exchange.costs import BINANCE_SPOT
from trading.exchange.instruments import default_instruments
from trading.exchange.paper import PaperBook, PaperExchange
from trading.exchange.simulated import SimulatedExchange
from trading.manager import TradingManager
from trading.market.candle_files import load_candles
from trading.market.candle_table import CandleTable
from trading.market.demo import DemoMarket
from trading.market.demo_facts import DEMO_START_MS
from trading.market.feed import ReplayFeed
from trading.safety.breaker import NO_BREAKER
from trading.store.journal import Journal
from trading.store.queries import Queries

CAPITAL = Decimal(10_000)
HOUR_MS = 3_600_000
MANY = 1_000_000


class Outcome(NamedTuple):
    """What a run came to: orders by id, fills and entries in order of time, the account here and at the exchange.

    decisions: by id, those that are not idle, with their votes; only of a run to which every candle was handed over.
    """

    orders: dict[str, Order]
    fills: list[Fill]
    entries: list[tuple[int, str]]
    account: Account | None
    balances: dict[str, Balance]
    decisions: dict[str, Decision]


class StoppingFeed(ReplayFeed):
    """A replay that has the bot stopped after so many batches."""

    manager: TradingManager
    stop_after = MANY

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        left = self.stop_after
        async for batch in super().batches(after_close_ms):
            yield batch
            left -= 1
            if not left:
                self.manager.shutdown.request("test")


def config_for(tables: Sequence[CandleTable]) -> EngineConfig:
    # A halt would leave nothing to compare after it.
    return EngineConfig(
        bot_id="parity",
        instruments=default_instruments([table.symbol for table in tables]),
        capital=CAPITAL,
        breaker=NO_BREAKER,
        timing=Timing(reconcile_ms=0),
    )


def ordered(fills: Sequence[Fill]) -> list[Fill]:
    return sorted(fills, key=lambda fill: (fill.time_ms, fill.symbol, fill.trade_id))


def live(tables: Sequence[CandleTable], folder: Path, stops: Sequence[int] = ()) -> Outcome:
    """Through manager, paper file and journal; stopped after so many batches each time, and started again."""
    config = config_for(tables)
    url = url_of(folder)
    for stop_after in (*stops, MANY):
        journal = Journal.open(url, config.bot_id)
        feed = StoppingFeed(tables, 0)
        book = PaperBook(folder / "paper.db", config.instruments, {"USDT": CAPITAL}, BINANCE_SPOT)
        manager = TradingManager(
            config=config,
            exchange=PaperExchange(book),
            feed=feed,
            journal=journal,
            signals=RollingSignals(config.params, feed.interval_ms),
            state_file=folder / "state.json",
            kill_file=folder / "KILL",
            policy="keep",
            stop_at_end=True,
        )
        feed.manager, feed.stop_after = manager, stop_after
        assert asyncio.run(manager.run()) == 0
    queries = Queries.open(url)
    book = PaperBook(folder / "paper.db", config.instruments, {"USDT": CAPITAL}, BINANCE_SPOT)
    (snapshot,) = book.account(1, manager.engine.state.now_ms)
    book.close()
    assert isinstance(snapshot, AccountSnapshot)
    decisions = [run.decision for run in queries.decisions(limit=MANY)]
    found = Outcome(
        {order.id: order for order in queries.orders(limit=MANY)},
        ordered(queries.fills(limit=MANY)),
        sorted((d.time_ms, d.symbol) for d in decisions if d.verdict is Verdict.ENTER_LONG and not d.veto),
        queries.status().account,
        snapshot.balances,
        {d.id: d for d in decisions if not d.is_idle},
    )
    queries.close()
    return found


def backtest(tables: Sequence[CandleTable], *, every_candle: bool = False) -> Outcome:
    """Through the backtest, which leaves out the candles on which nothing can happen unless told to take every one."""
    config = replace(config_for(tables), record_holds=every_candle)
    signals = PrecomputedSignals(explain_holds=False)
    entry_rows, exit_rows = {}, {}
    for table in tables:
        bars = Bars(table.open_time_ms, table.open, table.high, table.low, table.close, table.volume)
        found = compute_signals(table.symbol, bars, table.interval_ms, config.params)
        signals.put(found)
        entry_rows[table.symbol] = found.says(Verdict.ENTER_LONG)
        exit_rows[table.symbol] = found.says(Verdict.EXIT)
    exchange = SimulatedExchange(config.instruments, {"USDT": CAPITAL}, BINANCE_SPOT)
    collected = Collector()
    decisions: dict[str, Decision] = {}

    def take(records: list[Record]) -> None:
        collected.take(records)
        decisions.update((r.id, r) for r in records if isinstance(r, Decision) and not r.is_idle)

    runner = BacktestRunner(
        tables,
        config,
        exchange,
        signals,
        entry_rows=None if every_candle else entry_rows,
        exit_rows=None if every_candle else exit_rows,
        on_records=take,
    )
    runner.run(close_at_end=False)
    (snapshot,) = carry_out(exchange, FetchAccount(1), runner.engine.state.now_ms)
    assert isinstance(snapshot, AccountSnapshot)
    return Outcome(
        collected.orders,
        ordered(collected.fills),
        sorted((d.time_ms, d.symbol) for d in collected.entries if not d.veto),
        collected.account,
        snapshot.balances,
        decisions,
    )


def assert_equal(one: Outcome, other: Outcome) -> None:
    assert one.orders.keys() == other.orders.keys()
    for order_id, order in one.orders.items():
        assert order == other.orders[order_id]
    assert one.fills == other.fills
    assert one.entries == other.entries
    assert one.account == other.account
    assert one.balances == other.balances


def assert_decided_alike(one: Outcome, other: Outcome) -> None:
    """Every decision but idle ones, to the last digit of every vote and the last letter of its reasons."""
    assert one.decisions.keys() == other.decisions.keys()
    for decision_id, decision in one.decisions.items():
        assert decision == other.decisions[decision_id]


def demo_tables(candles: int, symbols: Sequence[str] = ("BTC/USDT", "ETH/USDT", "SOL/USDT")) -> list[CandleTable]:
    first = DEMO_START_MS // HOUR_MS
    market = DemoMarket(7, HOUR_MS)
    return [market.table(symbol, first, candles) for symbol in symbols]


@both_databases_in_soak
def test_made_up_candles_give_the_same_live_and_in_the_backtest(tmp_path: Path) -> None:
    tables = demo_tables(2_500)
    simulated = backtest(tables)
    assert len(simulated.entries) > 10
    traded = live(tables, tmp_path)
    assert_equal(traded, simulated)
    told = backtest(tables, every_candle=True)
    assert_equal(told, simulated)
    assert len(told.decisions) > len(told.entries)
    assert_decided_alike(traded, told)


@both_databases_in_soak
def test_a_bot_that_is_stopped_and_started_again_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    tables = demo_tables(1_800)
    assert_equal(live(tables, tmp_path, stops=(803, 1, 250)), backtest(tables))


@pytest.mark.recorded
def test_a_part_of_the_recorded_month_gives_the_same_live_and_in_the_backtest(
    tmp_path: Path, recorded_candles: Path
) -> None:
    tables = [table.part(slice(0, 6_000)) for table in month(recorded_candles)]
    simulated = backtest(tables)
    assert len(simulated.entries) > 5
    assert_equal(live(tables, tmp_path), simulated)


@pytest.mark.recorded
@pytest.mark.soak
def test_the_recorded_month_gives_the_same_live_and_in_the_backtest(tmp_path: Path, recorded_candles: Path) -> None:
    tables = month(recorded_candles)
    simulated = backtest(tables)
    assert len(simulated.entries) > 100
    traded = live(tables, tmp_path)
    assert_equal(traded, simulated)
    assert_decided_alike(traded, backtest(tables, every_candle=True))


def month(folder: Path) -> list[CandleTable]:
    return load_candles(folder, symbols=["ADA/USDT", "DOGE/USDT"])
