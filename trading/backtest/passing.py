"""Passes over candles of held positions on which nothing happens that is acted on.

They are those without a signal to act on, between stop and target, not so high that the stop is moved, and at an equity
at which the circuit breaker finds nothing. What they leave behind is the last price, the highest one, and the equity's
peaks. `tests/property/test_backtest_skipping.py` shows that handing them over would change nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from decimal import Decimal
from math import inf, nextafter

from trading.backtest.equity import EquityPoint
from trading.decision.bars import BoolArray
from trading.domain.errors import InvariantViolated
from trading.domain.events import ClockTick
from trading.engine.engine import Engine
from trading.engine.quiet import QuietWorth
from trading.exchange.simulated import SimulatedExchange
from trading.market.batches import MergedOrder
from trading.market.candle_table import CandleTable, exact_price


class _Held:
    """A held symbol. Its quiet candles have a low > `above` and a high <= `up_to`; `price` is its last close."""

    __slots__ = ("above", "closes", "highs", "lows", "price", "quantity", "table", "times", "up_to")

    def __init__(self, table: CandleTable, above: float, up_to: float, quantity: Decimal, price: Decimal) -> None:
        self.table = table
        self.above = above
        self.up_to = up_to
        self.quantity = quantity
        self.price = price
        self.times, _, self.highs, self.lows, self.closes, _ = table.views


class Passing:
    """Looks ahead on behalf of one engine and its exchange.

    Args:
        order: the candles.
        engine, exchange: told the last prices of what was passed over.
        enters, exits: one entry a candle of `order`: whether its signal says to enter, or to exit.
    """

    def __init__(
        self, order: MergedOrder, engine: Engine, exchange: SimulatedExchange, enters: BoolArray, exits: BoolArray
    ) -> None:
        self._order = order
        self._engine = engine
        self._exchange = exchange
        self._closes, self._starts = memoryview(order.close_time_ms.data), memoryview(order.batch_start.data)
        self._tables, self._rows = memoryview(order.table_index.data), memoryview(order.row.data)
        self._enters, self._exits = memoryview(enters.data), memoryview(exits.data)

    def pass_over(self, index: int, equity: list[EquityPoint]) -> int:
        """Pass over batches from `index` on; the first that must be handled (or the number of batches).

        The worth after each batch passed over is added to `equity`.
        """
        quiet = self._engine.quiet_worth()
        held = self._held() if quiet is not None else None
        if quiet is None or held is None:
            return index
        stop = self._value(index, self._quiet_until(index, held, quiet.until_ms), held, quiet, equity)
        if stop > index:
            self._tell(held, self._closes[self._starts[index]], self._closes[self._starts[stop - 1]])
        return stop

    def _held(self) -> list[_Held | None] | None:
        """By table, what is held of its symbol; None while anything is under way."""
        state = self._engine.state
        if any(orders and symbol not in state.positions for symbol, orders in state.live.items()):
            return None
        found: list[_Held | None] = []
        for table in self._order.tables:
            position = state.positions.get(table.symbol)
            if position is None:
                found.append(None)
                continue
            quiet = self._engine.quiet_range(table.symbol)
            if quiet is None:
                return None
            below, above = self._exchange.quiet_range(table.symbol)
            # Prices are floats that stand for decimals: order is kept, so what is strict among floats is so exactly.
            least = max(float(quiet.above), float(below))
            most = nextafter(float(min(quiet.below, above)), -inf)
            found.append(_Held(table, least, most, position.quantity, state.symbols[table.symbol].price))
        return found

    def _quiet_until(self, index: int, held: list[_Held | None], until_ms: int) -> int:
        """The first batch from `index` on that must be handled for its signals, its prices or its time."""
        starts, tables, rows, enters, exits = self._starts, self._tables, self._rows, self._enters, self._exits
        place, end = starts[index], bisect_left(self._closes, until_ms)
        while place < end:
            own = held[tables[place]]
            if own is None:
                if enters[place]:
                    break
            else:
                row = rows[place]
                if exits[place] or not own.lows[row] > own.above or not own.highs[row] <= own.up_to:
                    break
            place += 1
        return bisect_right(starts, place, index) - 1

    def _value(
        self, index: int, stop: int, held: list[_Held | None], quiet: QuietWorth, equity: list[EquityPoint]
    ) -> int:
        """Add the worth after each batch of `index` to `stop`; the first that must be handled for it, else `stop`.

        The breaker looks after each candle.
        """
        only = held[0] if len(held) == 1 else None
        if only is not None and self._value_at_once(index, stop, only, quiet, equity):
            return stop
        starts, closes, tables, rows = self._starts, self._closes, self._tables, self._rows
        worth, least, peak, peak_ms = self._engine.equity(), quiet.least, quiet.peak, 0
        after, end = stop, starts[index]
        for batch in range(index, stop):
            first, end = end, starts[batch + 1]
            close_ms = closes[first]
            for place in range(first, end):
                own = held[tables[place]]
                if own is None:
                    continue
                price = exact_price(own.closes[rows[place]])
                worth += own.quantity * (price - own.price)
                own.price = price
                if worth < least:
                    after = batch
                    break
                if worth > peak:
                    peak, peak_ms, least = worth, close_ms, max(least, worth * quiet.share)
            if after == batch:
                break
            equity.append(EquityPoint(close_ms, worth))
        if peak_ms:
            self._engine.note_peak(peak, peak_ms)
        return after

    def _value_at_once(self, index: int, stop: int, own: _Held, quiet: QuietWorth, equity: list[EquityPoint]) -> bool:
        """Do the same for the only table, whose rows are the batches: faster.

        False, and nothing done, where there is a new peak or a worth that must be handled.
        """
        prices = list(map(exact_price, own.closes[index:stop]))
        cash = self._engine.equity() - own.quantity * own.price
        worths = [cash + own.quantity * price for price in prices]
        if not worths or min(worths) < quiet.least or max(worths) > quiet.peak:
            return False
        equity.extend(map(EquityPoint, self._closes[index:stop], worths))
        return True

    def _tell(self, held: list[_Held | None], first_ms: int, last_ms: int) -> None:
        """Let exchange and engine know what the candles that closed from `first_ms` to `last_ms` leave behind."""
        for own in held:
            if own is None:
                continue
            interval_ms = own.table.interval_ms
            first = bisect_left(own.times, first_ms - interval_ms)
            after = bisect_right(own.times, last_ms - interval_ms, first)
            if first == after:
                continue
            candle = own.table.candle(after - 1)
            if self._exchange.open_phase(candle) or self._exchange.range_phase(candle):
                raise InvariantViolated(f"a candle was passed over on which something happens: {candle}")
            self._engine.pass_over(candle, exact_price(max(own.highs[first:after])))
        if self._engine.handle(ClockTick(time_ms=last_ms)):
            raise InvariantViolated(f"time was passed over in which something is due: {last_ms}")
