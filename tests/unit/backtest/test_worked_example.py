"""docs/WORKED_EXAMPLE.md, number by number: the candles, the averages and the results are read from the page."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import talib
from msgspec.structs import replace

from tests.support.builders import BTC, MINUTE, T0, D, signal
from tests.support.checked_run import CheckedRun
from tests.support.signals import ScriptedSignals
from trading.decision.params import StrategyParams
from trading.decision.sma_cross import SmaCross
from trading.domain.decisions import Verdict
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Purpose, Side
from trading.domain.positions import Position
from trading.engine.config import EngineConfig
from trading.exchange.costs import NO_COSTS, FeePolicy
from trading.market.candle_table import CandleTable, checked_table
from trading.safety.checks import Limits

PAGE = Path(__file__).resolve().parents[3] / "docs" / "WORKED_EXAMPLE.md"
Rows = list[list[str]]


def tables_of(heading: str) -> tuple[Rows, dict[str, str]]:
    """The candles (without their header) and the figures under a heading of the page."""
    section = PAGE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    candles = [row for row in rows if row[0][:3] == "00:"]
    figures = {row[0]: row[1] for row in rows if len(row) == 2 and row[0] not in ("figure", "---")}
    return candles, figures


def table_of(rows: Rows) -> CandleTable:
    """The candles, with more volume than anybody needs."""
    prices = np.array([[float(cell) for cell in row[1:5]] for row in rows])
    minutes = [int(row[0].removeprefix("00:")) for row in rows]
    columns = dict(zip(("open", "high", "low", "close"), prices.T, strict=True))
    columns |= {
        "open_time_ms": np.array([T0 + minute * MINUTE for minute in minutes]),
        "volume": np.full(len(rows), 1e6),
    }
    return checked_table(BTC.symbol, MINUTE, columns, lambda row: f"row {row}")


def the_trade(run: CheckedRun) -> tuple[Position, Fill, Fill]:
    """The one position, its buy and its sale."""
    (position,) = run.collector.trades
    (buy,) = [fill for fill in run.collector.fills if fill.side is Side.BUY]
    (sale,) = [fill for fill in run.collector.fills if fill.side is Side.SELL]
    return position, buy, sale


def assert_figures(run: CheckedRun, figures: dict[str, str], **more: Decimal) -> None:
    """Every figure of the page is what came out."""
    position, buy, sale = the_trade(run)
    account = run.collector.account
    assert account is not None
    found: dict[str, Decimal | str] = {
        "entry price": buy.price,
        "bought": position.bought,
        "cost": position.cost,
        "exit price": sale.price,
        "proceeds": position.proceeds,
        "gross profit": position.gross_profit(ZERO),
        "fees": position.fees,
        "net profit": position.net_profit(ZERO),
        "final cash": account.cash,
        "reason of the exit": position.exit_reason,
        **{name.replace("_", " "): value for name, value in more.items()},
    }
    expected = {name: value if name == "reason of the exit" else D(value) for name, value in figures.items()}
    renamed = {name.split(",")[0]: value for name, value in expected.items()}
    assert found == renamed


@pytest.fixture
def cross() -> tuple[CheckedRun, Rows, dict[str, str]]:
    """The first example, run."""
    rows, figures = tables_of("A cross of two averages")
    table = table_of(rows)
    settings = EngineConfig(
        bot_id="example",
        instruments={BTC.symbol: BTC},
        capital=D(1_000),
        fixed_quantity=D(2),
        protect=False,
    )
    signals = SmaCross(BTC.symbol, table.open_time_ms, table.close, fast=2, slow=3)
    costs = replace(
        NO_COSTS, maker_fee=D("0.001"), taker_fee=D("0.001"), half_spread_bps=D(5), fee_policy=FeePolicy.RECEIVED
    )
    return CheckedRun([table], settings, signals, costs, {"USDT": D(1_000)}).run(), rows, figures


def test_the_cross_comes_to_the_pages_numbers(cross: tuple[CheckedRun, Rows, dict[str, str]]) -> None:
    run, _, figures = cross
    _, buy, sale = the_trade(run)
    assert (buy.fee_coin, sale.fee_coin) == ("BTC", "USDT")
    assert len(figures) == 13
    assert_figures(run, figures, fee_of_the_buy=buy.fee, held=sale.quantity, fee_of_the_sale=sale.fee)


def test_the_averages_on_the_page_are_those_of_the_closes(cross: tuple[CheckedRun, Rows, dict[str, str]]) -> None:
    _, rows, _ = cross
    closes = np.array([float(row[4]) for row in rows])
    for column, period in ((5, 2), (6, 3)):
        averages = ["" if np.isnan(mean) else f"{mean:.2f}" for mean in talib.SMA(closes, period)]
        assert [row[column] for row in rows] == averages


def test_the_cross_trades_on_the_pages_candles(cross: tuple[CheckedRun, Rows, dict[str, str]]) -> None:
    run, rows, _ = cross
    _, buy, sale = the_trade(run)
    marked = {row[7]: T0 + minute * MINUTE for minute, row in enumerate(rows) if row[7]}
    assert buy.time_ms == marked["bought at the open"] == marked["crosses above: buy"] + MINUTE
    assert sale.time_ms == marked["sold at the open"] == marked["crosses below: sell"] + MINUTE


@pytest.fixture
def stopped() -> tuple[CheckedRun, dict[str, str]]:
    """The second example, run."""
    rows, figures = tables_of("A sized entry and its trailing stop")
    params = StrategyParams(
        risk_per_trade_pct=D(1), stop_atr_multiple=D(2), trail_atr_multiple=D(3), target_atr_multiple=D(6)
    )
    settings = EngineConfig(
        bot_id="example",
        instruments={BTC.symbol: BTC},
        capital=D(10_000),
        params=params,
        limits=Limits(max_position_notional=D(5_000), max_symbol_pct=D(30)),
    )
    signals = ScriptedSignals({(BTC.symbol, T0): signal(Verdict.ENTER_LONG, 2.0)})
    costs = replace(NO_COSTS, maker_fee=D("0.001"), taker_fee=D("0.001"), fee_policy=FeePolicy.QUOTE)
    return CheckedRun([table_of(rows)], settings, signals, costs, {"USDT": D(10_000)}).run(), figures


def test_the_trailing_stop_comes_to_the_pages_numbers(stopped: tuple[CheckedRun, dict[str, str]]) -> None:
    run, figures = stopped
    stops = [order.intent.stop_price for order in run.collector.orders.values() if order.intent.purpose is Purpose.STOP]
    first, second, third = stops
    assert first is not None
    assert second is not None
    assert third is not None
    assert len(figures) == 13
    assert_figures(run, figures, first_stop_price=first, second_stop_price=second, third_stop_price=third)


def test_the_stop_fills_within_the_last_candle(stopped: tuple[CheckedRun, dict[str, str]]) -> None:
    run, _ = stopped
    position, buy, sale = the_trade(run)
    assert buy.time_ms == T0 + MINUTE
    assert T0 + 3 * MINUTE < sale.time_ms < T0 + 4 * MINUTE
    assert position.target_price == D("112.20")
