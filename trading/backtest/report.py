"""What a run of the engine came to: its trades, its sums, and what buying and holding would have made of the money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

import msgspec
import numpy as np

from trading.backtest.equity import EquityPoint
from trading.domain.decisions import Decision, Verdict
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Order, Purpose
from trading.domain.positions import Account, Position
from trading.engine.state import Record, SymbolState
from trading.market.candle_table import CandleTable
from trading.monitoring.performance import Performance, performance_of, trade_result, trade_stats
from trading.safety.breaker import Trip, TripLevel

HUNDRED = Decimal(100)
_PERCENT = Decimal("0.01")
_PRICE = Decimal("1E-8")


class Collector:
    """Keeps what the engine changed: every order's last version, every fill, every finished position."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.trades: list[Position] = []
        self.entries: list[Decision] = []
        self.trips: list[Trip] = []
        self.account: Account | None = None

    def take(self, records: Sequence[Record]) -> None:
        """Note these changes."""
        for record in records:
            match record:
                case SymbolState():
                    pass
                case Order():
                    self.orders[record.id] = record
                case Fill():
                    self.fills.append(record)
                case Position():
                    if record.is_closed and record.bought:
                        self.trades.append(record)
                case Decision():
                    if record.verdict is Verdict.ENTER_LONG:
                        self.entries.append(record)
                case Trip():
                    self.trips.append(record)
                case Account():
                    self.account = record
                case _:
                    pass


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One finished position. Times UTC ms, prices quote per base, money in quote."""

    symbol: str
    opened_ms: int
    closed_ms: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross_profit: Decimal
    fees: Decimal
    net_profit: Decimal
    reason: str
    position_id: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run. Money in quote; percentages of the starting capital, drawdown of the peak before it.

    What `trading.monitoring.performance` tells of the equity from candle to candle, and of the trades, is explained
    there; None is what cannot be told.
    buy_and_hold_pct: equal parts of the capital in every symbol, bought at the first open and valued at the last close,
    with the taker's fee on both. vetoes: entries that were wanted and not made, by code.
    """

    start_ms: int
    end_ms: int
    symbols: list[str]
    candles: int
    start_capital: Decimal
    final_equity: Decimal
    return_pct: Decimal
    buy_and_hold_pct: Decimal
    annual_return_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown_pct: Decimal
    longest_drawdown_ms: int
    trades: int
    wins: int
    losses: int
    win_rate_pct: Decimal
    profit_factor: Decimal | None
    expectancy: Decimal | None
    longest_winning_streak: int
    longest_losing_streak: int
    fees: Decimal
    entry_slippage: Decimal
    entry_slippage_bps: Decimal | None
    open_positions: int
    vetoes: dict[str, int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run's summary, the costs it was charged, its trades in the order in which they ended, the breaker's trips."""

    summary: Summary
    costs: dict[str, str]
    trades: list[Trade]
    trips: list[Trip]

    @property
    def halt(self) -> Trip | None:
        """The trip after which nothing was entered any more, if there was one: nobody clears a halt in a backtest."""
        return next((trip for trip in self.trips if trip.level is TripLevel.HALT), None)


def trade_of(position: Position) -> Trade:
    """The trade that a closed position was, prices rounded for reading to eight digits after the point."""
    return Trade(
        symbol=position.symbol,
        opened_ms=position.opened_ms,
        closed_ms=position.closed_ms or 0,
        quantity=position.bought,
        entry_price=_shown(position.average_entry),
        exit_price=_shown(position.average_exit),
        gross_profit=position.gross_profit(ZERO),
        fees=position.fees,
        net_profit=position.net_profit(ZERO),
        reason=position.exit_reason,
        position_id=position.id,
    )


def _shown(price: Decimal) -> Decimal:
    # Adding 0 brings an exponent above 0 back: a price of 100 is not written 1E+2.
    return price.quantize(_PRICE).normalize() + ZERO


def performance_of_run(equity: Sequence[EquityPoint], start: Decimal, start_ms: int, step_ms: int) -> Performance:
    """What the equity tells, from the starting capital on; points in between may be missing where nothing was held."""
    count = len(equity) + 1
    times = np.fromiter(chain((start_ms,), (point.time_ms for point in equity)), np.int64, count)
    values = np.fromiter(chain((float(start),), (float(point.equity) for point in equity)), np.float64, count)
    return performance_of(times, values, step_ms=step_ms)


def buy_and_hold_pct(tables: Sequence[CandleTable], taker_fee: Decimal) -> Decimal:
    """Percent made by equal parts in every symbol from its first open to its last close, a fee paid on each side."""
    kept = (1 - taker_fee) / (1 + taker_fee)
    growth = ZERO
    for table in tables:
        first, last = table.candle(0), table.candle(len(table) - 1)
        growth += last.close / first.open * kept
    return ((growth / len(tables) - 1) * HUNDRED).quantize(_PERCENT)


def summarise(
    collected: Collector,
    tables: Sequence[CandleTable],
    equity: Sequence[EquityPoint],
    taker_fee: Decimal,
    costs: dict[str, str],
    open_positions: int,
) -> Report:
    """The report of a finished run. `equity` ends with the final value."""
    account = collected.account
    start = account.start_capital if account is not None else ZERO
    final = equity[-1].equity
    vetoes: dict[str, int] = {}
    for decision in collected.entries:
        if decision.veto:
            vetoes[decision.veto] = vetoes.get(decision.veto, 0) + 1
    start_ms = min(int(t.open_time_ms[0]) for t in tables)
    performance = performance_of_run(equity, start, start_ms, tables[0].interval_ms)
    stats = trade_stats([trade_result(position) for position in collected.trades])
    summary = Summary(
        start_ms=start_ms,
        end_ms=max(int(t.close_time_ms[-1]) for t in tables),
        symbols=[t.symbol for t in tables],
        candles=sum(len(t) for t in tables),
        start_capital=start,
        final_equity=final,
        return_pct=((final / start - 1) * HUNDRED).quantize(_PERCENT) if start else ZERO,
        buy_and_hold_pct=buy_and_hold_pct(tables, taker_fee),
        annual_return_pct=performance.annual_return_pct,
        volatility_pct=performance.volatility_pct,
        sharpe=performance.sharpe,
        sortino=performance.sortino,
        calmar=performance.calmar,
        max_drawdown_pct=Decimal(performance.drawdown.deepest_pct).quantize(_PERCENT),
        longest_drawdown_ms=performance.drawdown.longest_ms,
        trades=stats.trades,
        wins=stats.won,
        losses=stats.lost,
        win_rate_pct=(stats.win_rate_pct or ZERO).quantize(_PERCENT),
        profit_factor=None if stats.profit_factor is None else stats.profit_factor.quantize(_PERCENT),
        expectancy=None if stats.expectancy is None else _shown(stats.expectancy),
        longest_winning_streak=stats.longest_winning_streak,
        longest_losing_streak=stats.longest_losing_streak,
        fees=stats.fees,
        entry_slippage=stats.slippage,
        entry_slippage_bps=None if stats.slippage_bps is None else stats.slippage_bps.quantize(_PERCENT),
        open_positions=open_positions,
        vetoes=dict(sorted(vetoes.items())),
    )
    return Report(summary=summary, costs=costs, trades=[trade_of(p) for p in collected.trades], trips=collected.trips)


def entry_orders(collected: Collector) -> list[Order]:
    """The entry orders of a run, by time and id."""
    found = [o for o in collected.orders.values() if o.intent.purpose is Purpose.ENTRY]
    return sorted(found, key=lambda o: (o.intent.created_ms, o.id))
