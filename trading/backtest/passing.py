"""Passes over candles of held positions that change nothing but the last price.

They are those without a signal to act on, between stop and target, no higher than the position's highest price so far,
and at an equity that is no news to the circuit breaker. `tests/property/test_backtest_skipping.py` shows that handing
them over would change nothing else.
"""

from __future__ import annotations

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
    """A held symbol: its quiet candles have a low > `above` and a high <= `up_to`. `row`: its last one, -1 for none."""

    __slots__ = ("above", "closes", "highs", "lows", "price", "quantity", "row", "table", "up_to")

    def __init__(self, table: CandleTable, above: float, up_to: float, quantity: Decimal, price: Decimal) -> None:
        self.table = table
        self.above = above
        self.up_to = up_to
        self.quantity = quantity
        self.price = price
        self.row = -1
        self.highs, self.lows, self.closes = table.views[2:5]


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
        held = self._held()
        if quiet is None or held is None:
            return index
        first, total, worth = index, len(self._order), self._engine.equity()
        closes, starts, until_ms = self._closes, self._starts, quiet.until_ms
        while index < total:
            close_ms = closes[starts[index]]
            after = self._worth_after(index, held, worth, quiet) if close_ms < until_ms else None
            if after is None:
                break
            worth = after
            equity.append(EquityPoint(close_ms, worth))
            index += 1
        if index > first:
            self._tell(held, self._closes[self._starts[index - 1]])
        return index

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
            most = min(float(quiet.up_to), nextafter(float(min(quiet.below, above)), -inf))
            found.append(_Held(table, least, most, position.quantity, state.symbols[table.symbol].price))
        return found

    def _worth_after(self, index: int, held: list[_Held | None], worth: Decimal, quiet: QuietWorth) -> Decimal | None:
        """The bot's worth after the batch; None where it must be handled. The breaker looks after each candle."""
        seen: list[tuple[_Held, int, Decimal]] = []
        for place in range(self._starts[index], self._starts[index + 1]):
            own = held[self._tables[place]]
            if own is None:
                if self._enters[place]:
                    return None
                continue
            row = self._rows[place]
            if self._exits[place] or not own.lows[row] > own.above or not own.highs[row] <= own.up_to:
                return None
            price = exact_price(own.closes[row])
            worth += own.quantity * (price - own.price)
            if not quiet.least <= worth <= quiet.most:
                return None
            seen.append((own, row, price))
        for own, row, price in seen:
            own.row, own.price = row, price
        return worth

    def _tell(self, held: list[_Held | None], close_ms: int) -> None:
        """Let exchange and engine know the last prices, and the time."""
        for own in held:
            if own is None or own.row < 0:
                continue
            candle = own.table.candle(own.row)
            if self._exchange.open_phase(candle) or self._exchange.range_phase(candle):
                raise InvariantViolated(f"a candle was passed over on which something happens: {candle}")
            self._engine.pass_over(candle)
        if self._engine.handle(ClockTick(time_ms=close_ms)):
            raise InvariantViolated(f"time was passed over in which something is due: {close_ms}")
