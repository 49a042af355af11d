"""The figures of a run, from made-up positions in round numbers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from tests.support.builders import BTC, ETH, MINUTE, T0, D
from tests.support.random_candles import random_table
from trading.backtest.equity import EquityPoint
from trading.backtest.report import (
    Collector,
    buy_and_hold_pct,
    entry_orders,
    performance_of_run,
    summarise,
    trade_of,
)
from trading.domain.decisions import Decision, Verdict
from trading.domain.instruments import ZERO
from trading.domain.orders import Order, OrderIntent, OrderState, OrderType, Purpose, Side
from trading.domain.positions import Account, Position, PositionSide
from trading.market.candle_table import CandleTable
from trading.monitoring.performance import performance_of

TABLES = [random_table(1, BTC, 30, wild=False), random_table(1, ETH, 20, wild=False)]


def closed(number: int, profit: str, fees: str = "1") -> Position:
    """A position of 2 bought at 100 and sold with this gross profit."""
    return Position(
        id=f"p{number}",
        symbol=BTC.symbol,
        side=PositionSide.LONG,
        opened_ms=T0,
        decision_price=D(100),
        bought=D(2),
        cost=D(200),
        sold=D(2),
        proceeds=D(200) + D(profit),
        fees=D(fees),
        exit_reason="signal",
        closed_ms=T0 + number * MINUTE,
    )


def points(*equities: str) -> list[EquityPoint]:
    return [EquityPoint(T0 + index * MINUTE, D(equity)) for index, equity in enumerate(equities)]


def decided(veto: str, verdict: Verdict = Verdict.ENTER_LONG) -> Decision:
    return Decision(
        id="d",
        symbol=BTC.symbol,
        time_ms=T0,
        price=D(1),
        verdict=verdict,
        score=0.0,
        confidence=0.0,
        regime="",
        veto=veto,
    )


def ordered(order_id: str, created_ms: int, purpose: Purpose = Purpose.ENTRY) -> Order:
    intent = OrderIntent(
        client_order_id=order_id,
        position_id="p",
        symbol=BTC.symbol,
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=D(1),
        purpose=purpose,
        created_ms=created_ms,
    )
    return Order(intent=intent, state=OrderState.OPEN, updated_ms=created_ms)


@pytest.fixture
def collected() -> Collector:
    """Three trades: net 19, -11 and -1; two vetoes."""
    kept = Collector()
    kept.take([Account(quote="USDT", start_capital=D(1_000), cash=D(1_000))])
    kept.take([closed(1, "20"), closed(2, "-10"), closed(3, "0")])
    kept.take([decided("PAUSED"), decided(""), decided("PAUSED"), decided("LIMIT_CASH"), decided("X", Verdict.HOLD)])
    return kept


def test_the_summary_counts_wins_losses_and_vetoes(collected: Collector) -> None:
    report = summarise(collected, TABLES, points("1000", "1020", "1007"), D("0.001"), {"fee": "0.1 %"}, 0)
    summary = report.summary
    assert (summary.trades, summary.wins, summary.losses) == (3, 1, 2)
    assert summary.win_rate_pct == D("33.33")
    assert summary.profit_factor == D("1.58")  # 19 / 12
    assert summary.fees == 3
    assert (summary.start_capital, summary.final_equity, summary.return_pct) == (1_000, 1_007, D("0.70"))
    assert summary.vetoes == {"LIMIT_CASH": 1, "PAUSED": 2}
    assert summary.candles == 50
    assert summary.symbols == [BTC.symbol, ETH.symbol]
    assert summary.start_ms == T0
    assert summary.end_ms == T0 + 30 * MINUTE
    assert summary.open_positions == 0
    assert report.costs == {"fee": "0.1 %"}
    assert [trade.position_id for trade in report.trades] == ["p1", "p2", "p3"]
    assert report.halt is None


def test_without_trades_there_are_no_rates() -> None:
    kept = Collector()
    kept.take([Account(quote="USDT", start_capital=D(1_000), cash=D(1_000))])
    summary = summarise(kept, TABLES, points("1000"), D(0), {}, 0).summary
    assert (summary.trades, summary.win_rate_pct, summary.profit_factor) == (0, 0, None)
    assert (summary.return_pct, summary.max_drawdown_pct) == (0, 0)


def test_without_an_account_there_is_no_return() -> None:
    summary = summarise(Collector(), TABLES, points("0"), D(0), {}, 0).summary
    assert (summary.start_capital, summary.return_pct) == (0, 0)


def test_the_collector_keeps_the_last_version_and_closed_positions_that_bought() -> None:
    kept = Collector()
    first = ordered("a", 1)
    never_filled = replace(closed(4, "0"), bought=ZERO, sold=ZERO)
    still_open = replace(closed(5, "0"), closed_ms=None)
    kept.take([first, replace(first, state=OrderState.FILLED), never_filled, still_open])
    assert kept.orders == {"a": replace(first, state=OrderState.FILLED)}
    assert kept.trades == []


def test_entry_orders_come_by_time_and_id() -> None:
    kept = Collector()
    kept.take([ordered("c", 2), ordered("b", 2), ordered("z", 1), ordered("s", 0, Purpose.STOP)])
    assert [order.id for order in entry_orders(kept)] == ["z", "b", "c"]


def test_a_trade_shows_plain_prices() -> None:
    trade = trade_of(closed(1, "20"))
    assert (str(trade.entry_price), str(trade.exit_price)) == ("100", "110")
    assert (trade.gross_profit, trade.fees, trade.net_profit) == (20, 1, 19)
    assert trade.quantity == 2
    thirds = replace(closed(1, "0"), bought=D(3), cost=D(100), sold=D(3), proceeds=D("100.5"))
    assert str(trade_of(thirds).entry_price) == "33.33333333"
    assert str(trade_of(thirds).exit_price) == "33.5"


@pytest.mark.parametrize(
    ("equities", "deepest"),
    [
        (("1000", "1100", "990", "1200", "1140"), "10.00"),
        (("900", "950", "990"), "10.00"),
        (("1000", "1100", "1200"), "0.00"),
        (("1000", "1100", "990", "2000", "1500"), "25.00"),
    ],
)
def test_the_drawdown_is_the_deepest_fall_from_a_peak(equities: tuple[str, ...], deepest: str) -> None:
    found = performance_of_run(points(*equities), D(1_000), T0 - MINUTE, MINUTE)
    assert D(found.drawdown.deepest_pct).quantize(D("0.01")) == D(deepest)


def test_the_ratios_are_those_of_the_equity_from_candle_to_candle(collected: Collector) -> None:
    """Points are missing where nothing was held: the worth stays, as it does in the full series."""
    thinned = [EquityPoint(T0 + minute * MINUTE, D(worth)) for minute, worth in ((1, 1020), (2, 1007), (30, 1007))]
    summary = summarise(collected, TABLES, thinned, D(0), {}, 0).summary
    worth = np.array([1000.0, 1020.0, *[1007.0] * 29])
    full = performance_of(T0 + np.arange(31, dtype=np.int64) * MINUTE, worth)
    assert (summary.sharpe, summary.sortino, summary.volatility_pct) == (full.sharpe, full.sortino, full.volatility_pct)
    assert summary.longest_drawdown_ms == full.drawdown.longest_ms == 29 * MINUTE
    assert summary.annual_return_pct is None  # half an hour says nothing about a year
    assert (summary.expectancy, summary.longest_winning_streak, summary.longest_losing_streak) == (
        D("2.33333333"),
        1,
        2,
    )
    assert (summary.entry_slippage, summary.entry_slippage_bps) == (0, 0)


def test_buy_and_hold_is_equal_parts_with_a_fee_on_both_sides() -> None:
    def flat_then(table: CandleTable) -> Decimal:
        return table.candle(len(table) - 1).close / table.candle(0).open

    growth = sum((flat_then(table) for table in TABLES), ZERO) / 2
    assert buy_and_hold_pct(TABLES, D(0)) == ((growth - 1) * 100).quantize(D("0.01"))
    charged = growth * D("0.999") / D("1.001")
    assert buy_and_hold_pct(TABLES, D("0.001")) == ((charged - 1) * 100).quantize(D("0.01"))
