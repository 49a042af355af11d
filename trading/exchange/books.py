"""The simulated exchange's books: orders, trades, coins and markets, found by key and dropped when old."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from decimal import Decimal
from operator import attrgetter

from trading.domain.errors import InvariantViolated
from trading.domain.events import OrderReport
from trading.domain.instruments import ZERO, Instrument
from trading.domain.orders import Fill, OrderState
from trading.exchange.ledger import Ledger
from trading.exchange.matching import quiet_range
from trading.exchange.records import Changes, Coin, MarketState, SimOrder, SimState, Trade, report_of

FINISHED_ORDERS_KEPT = 2_000
BY_ID = attrgetter("order_id")
"""Sort key of `SimOrder`s: in the order in which the exchange took them."""


class Book:
    """One market: its rules, where it stands (as in `MarketState`), and its open orders, oldest first."""

    __slots__ = ("_bounds", "candle_ms", "cursor", "instrument", "open", "price", "used", "volume")

    def __init__(self, instrument: Instrument, state: MarketState) -> None:
        self.instrument = instrument
        self.cursor = state.cursor
        self.price = state.price
        self.candle_ms = state.candle_ms
        self.volume = state.volume
        self.used = state.used
        self.open: dict[int, SimOrder] = {}
        self._bounds: tuple[Decimal, Decimal] | None = None

    def state(self) -> MarketState:
        """Where the market stands, as data."""
        return MarketState(
            symbol=self.instrument.symbol,
            cursor=self.cursor,
            price=self.price,
            candle_ms=self.candle_ms,
            volume=self.volume,
            used=self.used,
        )

    def is_quiet(self, low: Decimal, high: Decimal) -> bool:
        """Whether prices from `low` to `high` leave every open order as it is. Cheap: most candles touch nothing."""
        below, above = self._bounds or self.quiet_range()
        return below < low and high < above

    def quiet_range(self) -> tuple[Decimal, Decimal]:
        """The prices strictly between which every open order stays as it is; none if one wants to trade."""
        if self._bounds is None:
            self._bounds = quiet_range(self.open.values(), self.instrument.tick_size)
        return self._bounds

    def changed(self) -> None:
        """An order has come, gone or changed."""
        self._bounds = None


class Books:
    """All records of the exchange. The last `FINISHED_ORDERS_KEPT` finished orders (by exchange id) are kept.

    Args:
        instruments: the markets, by symbol.
        balances: the deposits, by coin.
        record_changes: collect what changes for `take_changes`, for whoever saves it. Unbounded until taken.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], balances: Mapping[str, Decimal], *, record_changes: bool
    ) -> None:
        self.markets = {s: Book(i, MarketState(symbol=s)) for s, i in sorted(instruments.items())}
        self.orders: dict[int, SimOrder] = {}
        self.trades: dict[int, list[Trade]] = {}
        self._ended: dict[int, SimOrder] = {}
        self._reports: dict[int, OrderReport] = {}
        self.next_order_id = 1
        self.next_trade_id = 1
        self._by_client: dict[str, int] = {}
        self._finished: list[int] = []
        self._changes = Changes() if record_changes else None
        self.ledger = Ledger(balances, self._coin_changed)

    def add(self, order: SimOrder) -> None:
        """Take in a new open order, whose id is `next_order_id`."""
        self.next_order_id += 1
        self.orders[order.order_id] = order
        self.trades[order.order_id] = []
        self._by_client[order.intent.client_order_id] = order.order_id
        self.markets[order.intent.symbol].open[order.order_id] = order
        self.touch(order)

    def add_fill(self, order: SimOrder, fill: Fill) -> None:
        """Keep a fill, whose trade id is `next_trade_id`."""
        trade = Trade(trade_id=self.next_trade_id, order_id=order.order_id, fill=fill)
        self.next_trade_id += 1
        self.trades[order.order_id].append(trade)
        if self._changes is not None:
            self._changes.trades.append(trade)
        self.touch(order)

    def touch(self, order: SimOrder) -> None:
        """Note that the order changed. Whoever changes one calls this."""
        self.markets[order.intent.symbol].changed()
        if self._changes is not None:
            self._changes.orders[order.order_id] = order

    def finish(self, order: SimOrder, state: OrderState, time_ms: int) -> None:
        """Bring an open order to a final state, and drop the oldest finished ones beyond the bound."""
        if order.state.is_final or order.locked:
            raise InvariantViolated(f"order {order.order_id} cannot become {state}: {order}")
        order.state = state
        order.updated_ms = time_ms
        self.markets[order.intent.symbol].open.pop(order.order_id)
        self.touch(order)
        self._ended[order.order_id] = order
        heapq.heappush(self._finished, order.order_id)
        while len(self._finished) > FINISHED_ORDERS_KEPT:
            self._drop(heapq.heappop(self._finished))

    def find(self, client_order_id: str, symbol: str) -> SimOrder | None:
        """The newest order of this client id in the symbol."""
        order_id = self._by_client.get(client_order_id)
        if order_id is None:
            return None
        order = self.orders[order_id]
        return order if order.intent.symbol == symbol else None

    def is_open(self, client_order_id: str) -> bool:
        """Whether an open order has this client id, in any symbol."""
        order_id = self._by_client.get(client_order_id)
        return order_id is not None and not self.orders[order_id].state.is_final

    def ended_since(self, time_ms: int) -> list[SimOrder]:
        """The finished orders that changed at `time_ms` (UTC) or later, by id. Earlier ones are never given again."""
        for order_id in [i for i, order in self._ended.items() if order.updated_ms < time_ms]:
            del self._ended[order_id]
            self._reports.pop(order_id, None)
        return sorted(self._ended.values(), key=BY_ID)

    def report(self, order: SimOrder) -> OrderReport:
        """The order as its owner is shown it. A finished one's is made once: nothing happens to it any more."""
        known = self._reports.get(order.order_id)
        if known is None:
            known = report_of(order, self.fills(order))
            if order.state.is_final:
                self._reports[order.order_id] = known
        return known

    def fills(self, order: SimOrder) -> list[Fill]:
        """The order's fills, oldest first."""
        return [trade.fill for trade in self.trades[order.order_id]]

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        if self._changes is None:
            raise InvariantViolated("this exchange does not record its changes")
        changes, self._changes = self._changes, Changes()
        return changes

    def state(self) -> SimState:
        """Everything, as data. The records are the live ones."""
        return SimState(
            orders=[self.orders[i] for i in sorted(self.orders)],
            trades=sorted((t for found in self.trades.values() for t in found), key=lambda t: t.trade_id),
            coins=[coin for _, coin in sorted(self.ledger.coins.items())],
            markets=[book.state() for book in self.markets.values()],
            next_order_id=self.next_order_id,
            next_trade_id=self.next_trade_id,
        )

    def load(self, state: SimState) -> None:
        """Replace everything by this state. Markets that it does not name start empty.

        Raises:
            InvariantViolated: the records contradict each other.
        """
        self.orders = {order.order_id: order for order in state.orders}
        self.trades = {order.order_id: [] for order in state.orders}
        self._by_client = {order.intent.client_order_id: order.order_id for order in state.orders}
        self._ended = {order.order_id: order for order in state.orders if order.state.is_final}
        self._finished = list(self._ended)
        self._reports.clear()
        self.next_order_id, self.next_trade_id = state.next_order_id, state.next_trade_id
        self.ledger.load(state.coins)
        known = {market.symbol: market for market in state.markets}
        for symbol, book in self.markets.items():
            self.markets[symbol] = Book(book.instrument, known.get(symbol, MarketState(symbol=symbol)))
        for trade in state.trades:
            if trade.order_id not in self.trades:
                raise InvariantViolated(f"trade {trade.trade_id} belongs to no order")
            self.trades[trade.order_id].append(trade)
        for order in state.orders:
            if not order.state.is_final:
                if order.intent.symbol not in self.markets:
                    raise InvariantViolated(
                        f"open order {order.order_id} is in the unknown market {order.intent.symbol}"
                    )
                self.markets[order.intent.symbol].open[order.order_id] = order
        self.check()

    def check(self) -> None:
        """Raise `InvariantViolated` where coins do not sum to zero, or orders and their fills contradict each other."""
        locked: dict[str, Decimal] = {}
        if self.orders and max(self.orders) >= self.next_order_id:
            raise InvariantViolated(f"order {max(self.orders)} is not older than the next one, {self.next_order_id}")
        for order in self.orders.values():
            if order.locked < 0 or (order.state.is_final and order.locked):
                raise InvariantViolated(f"order {order.order_id} locks {order.locked}: {order}")
            locked[order.lock_coin] = locked.get(order.lock_coin, ZERO) + order.locked
            filled = sum((trade.fill.quantity for trade in self.trades[order.order_id]), ZERO)
            if filled != order.filled or filled > order.intent.quantity:
                raise InvariantViolated(f"order {order.order_id} says {order.filled}, its fills {filled}")
            if (order.state is OrderState.FILLED) != (order.remaining == 0):
                raise InvariantViolated(f"order {order.order_id} is {order.state} with {order.remaining} to fill")
        self.ledger.check(locked)

    def _drop(self, order_id: int) -> None:
        order = self.orders.pop(order_id)
        self._ended.pop(order_id, None)
        self._reports.pop(order_id, None)
        del self.trades[order_id]
        if self._by_client[order.intent.client_order_id] == order_id:
            del self._by_client[order.intent.client_order_id]
        if self._changes is not None:
            self._changes.orders.pop(order_id, None)
            self._changes.trades = [trade for trade in self._changes.trades if trade.order_id != order_id]
            self._changes.dropped.append(order_id)

    def _coin_changed(self, coin: Coin) -> None:
        if self._changes is not None:
            self._changes.coins[coin.coin] = coin
