"""How the runner brings candles, exchange and engine together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.builders import BTC, ENTER, ETH, EXIT, INSTRUMENTS, MINUTE, NO_BREAKER, T0, D, config
from tests.support.checked_run import CheckedRun
from tests.support.random_candles import random_table
from tests.support.signals import RandomSignals, ScriptedSignals
from trading.backtest.equity import EquityPoint
from trading.backtest.runner import BacktestRunner, carry_out
from trading.domain.actions import Action, CancelOrder, Exit, FetchAccount, Level, Notify, QueryOrder
from trading.domain.decisions import Signal
from trading.domain.errors import InvariantViolated
from trading.domain.events import AccountSnapshot, CancelRejected, Event, OrderAbsent
from trading.domain.orders import OrderState, Purpose
from trading.engine.config import EngineConfig, Timing
from trading.exchange.costs import NO_COSTS
from trading.exchange.simulated import SimulatedExchange
from trading.market.candle_table import CandleTable, checked_table

MONEY = {"USDT": D(10_000)}


def settings(**changes: object) -> EngineConfig:
    return config(timing=Timing(reconcile_ms=0), breaker=NO_BREAKER, record_holds=False, **changes)


def flat(symbol: str, prices: list[float], first_minute: int = 0) -> CandleTable:
    """Candles that stay at one price each."""
    column = np.array(prices)
    times = np.array([T0 + (first_minute + row) * MINUTE for row in range(len(prices))])
    columns = {"open_time_ms": times, **dict.fromkeys(("open", "high", "low", "close"), column)}
    return checked_table(symbol, MINUTE, {**columns, "volume": np.full(len(prices), 1e6)}, lambda row: f"row {row}")


def run(tables: list[CandleTable], script: dict[tuple[str, int], Signal], **more: object) -> CheckedRun:
    close_at_end = bool(more.pop("close_at_end", True))
    signals = ScriptedSignals(script)
    made = CheckedRun(tables, settings(), signals, NO_COSTS, MONEY, **more)  # type: ignore[arg-type]
    return made.run(close_at_end=close_at_end)


def test_a_signal_on_a_close_trades_at_the_next_open() -> None:
    script = {(BTC.symbol, T0): ENTER, (BTC.symbol, T0 + 2 * MINUTE): EXIT}
    found = run([flat(BTC.symbol, [100, 101, 102, 103, 104])], script)
    buy, sale = found.collector.fills
    assert (buy.price, buy.time_ms) == (101, T0 + MINUTE)
    assert (sale.price, sale.time_ms) == (103, T0 + 3 * MINUTE)
    assert found.balances()["USDT"] == 10_000 + 2 * buy.quantity


def test_what_is_held_at_the_end_is_sold_at_the_last_price() -> None:
    found = run([flat(BTC.symbol, [100, 101, 102])], {(BTC.symbol, T0): ENTER})
    (trade,) = found.collector.trades
    assert trade.exit_reason == "end of data"
    assert trade.average_exit == 102
    assert found.runner.engine.state.positions == {}
    assert found.runner.equity[-1] == EquityPoint(T0 + 3 * MINUTE, found.balances()["USDT"])


def test_or_kept_with_its_stop_where_that_is_asked_for() -> None:
    found = run([flat(BTC.symbol, [100, 101, 102])], {(BTC.symbol, T0): ENTER}, close_at_end=False)
    assert found.collector.trades == []
    position = found.runner.engine.state.positions[BTC.symbol]
    (stop,) = found.runner.engine.state.live_orders(BTC.symbol)
    assert stop.intent.purpose is Purpose.STOP
    assert found.runner.equity[-1].equity == 10_000 + position.quantity


def test_an_entry_on_the_last_candle_is_taken_back() -> None:
    found = run([flat(BTC.symbol, [100, 101])], {(BTC.symbol, T0 + MINUTE): ENTER})
    (order,) = found.collector.orders.values()
    assert order.state is OrderState.CANCELED
    assert found.balances()["USDT"] == 10_000


def test_a_stop_sent_at_the_open_rests_in_the_same_candle() -> None:
    """Bought at the open of 00:01, stopped by its low."""
    table = flat(BTC.symbol, [100, 100, 100])
    lows = np.array([100.0, 97.0, 100.0])
    columns = {name: getattr(table, name) for name in ("open_time_ms", "open", "high", "close", "volume")}
    table = checked_table(BTC.symbol, MINUTE, {**columns, "low": lows}, lambda row: f"row {row}")
    found = run([table], {(BTC.symbol, T0): ENTER})
    (trade,) = found.collector.trades
    assert trade.exit_reason == "stop"
    assert trade.average_exit == 98
    assert T0 + MINUTE < (trade.closed_ms or 0) < T0 + 2 * MINUTE


def test_symbols_of_one_close_are_handled_in_their_order_and_ends_may_differ() -> None:
    script = {(ETH.symbol, T0 + MINUTE): ENTER, (BTC.symbol, T0 + MINUTE): ENTER}
    tables = [flat(ETH.symbol, [100] * 4), flat(BTC.symbol, [100] * 2, first_minute=1)]
    found = run(tables, script)
    entries = [o for o in found.collector.orders.values() if o.intent.purpose is Purpose.ENTRY]
    assert [order.intent.symbol for order in entries] == [BTC.symbol, ETH.symbol]
    assert {trade.symbol for trade in found.collector.trades} == {BTC.symbol, ETH.symbol}


def test_equity_is_noted_on_each_close_while_something_is_held_and_at_the_end() -> None:
    script = {(BTC.symbol, T0 + MINUTE): ENTER, (BTC.symbol, T0 + 2 * MINUTE): EXIT}
    found = run([flat(BTC.symbol, [100] * 6)], script)
    minutes = [(point.time_ms - T0) // MINUTE for point in found.runner.equity]
    assert minutes == [2, 3, 4, 6]  # decided on the close of 2, sold within the candle that closes at 4


def test_only_wanted_candles_are_handled_while_idle() -> None:
    table = flat(BTC.symbol, [100] * 10)
    wanted = np.zeros(10, dtype=np.bool_)
    wanted[6] = True
    script = {(BTC.symbol, T0 + 6 * MINUTE): ENTER, (BTC.symbol, T0 + 7 * MINUTE): EXIT}
    found = run([table], script, entry_rows={BTC.symbol: wanted})
    assert len(found.collector.trades) == 1
    assert found.runner.candles_handled == 3  # the entry, the exit, the candle at whose open it is sold


def test_progress_ends_with_everything_done() -> None:
    table = random_table(1, BTC, 3_000, wild=False)
    seen: list[tuple[int, int]] = []
    made = BacktestRunner(
        [table],
        settings(),
        SimulatedExchange(INSTRUMENTS, MONEY, NO_COSTS),
        RandomSignals(1),
        progress=lambda done, total: seen.append((done, total)),
    )
    made.run()
    assert seen == [(1024, 3_000), (2048, 3_000), (3_000, 3_000)]


def test_an_exchange_that_never_comes_to_rest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    table = flat(BTC.symbol, [100, 100])
    made = BacktestRunner([table], settings(), SimulatedExchange(INSTRUMENTS, MONEY, NO_COSTS), RandomSignals(1))
    monkeypatch.setattr(made.engine, "handle", lambda event: [FetchAccount(1)])
    with pytest.raises(InvariantViolated, match="no rest after 1000 rounds"):
        made.run()


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (CancelOrder("a", BTC.symbol), CancelRejected),
        (QueryOrder("a", BTC.symbol), OrderAbsent),
        (FetchAccount(7), AccountSnapshot),
    ],
)
def test_each_action_is_carried_out_by_the_exchange(action: Action, answer: type[Event]) -> None:
    exchange = SimulatedExchange(INSTRUMENTS, MONEY, NO_COSTS)
    (event,) = carry_out(exchange, action, T0)
    assert isinstance(event, answer)
    assert event.time_ms == T0


@pytest.mark.parametrize("action", [Notify(Level.INFO, "A", "b"), Exit(1, "c")])
def test_what_is_not_for_the_exchange_changes_nothing_there(action: Action) -> None:
    exchange = SimulatedExchange(INSTRUMENTS, MONEY, NO_COSTS)
    assert carry_out(exchange, action, T0) == []
