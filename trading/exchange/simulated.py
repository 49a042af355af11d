"""A deterministic spot exchange that matches orders against candles. No clock of its own: every call brings the time.

The assumptions (docs/SIMULATION.md has them with their reasons):

- A candle is met in two phases: `open_phase` at its open, then `range_phase` between low and high. A driver calls
  `open_phase` for every symbol, lets the bot react (a stop sent on an entry's fill rests in the same candle), calls
  `range_phase`, and only then hands the closed candle to the bot.
- An order meets the first candle that closes after its arrival (`now_ms` + latency). Sent no later than a tenth of the
  interval (at most 5 s) after the open, it meets the candle at the open; later, the worse for us of open and close.
- Market orders fill at the next open (`FillAt.NEXT_OPEN`), or when sent at the last price (`FillAt.CLOSE`).
- The taker's price is the candle's, worsened by half the spread and by `price_impact x share^2`, where share is the
  part of the candle's volume that our fills used; rounded to the worse tick. No more than `max_volume_share` of a
  candle's volume is ours; what does not fit goes on at the next candles.
- A stop is triggered when its price is touched, and fills from that price, or from the open if that is already beyond.
  A stop-limit that spread and impact carry beyond its limit rests from then on, and may never fill.
- A limit order that would take when it arrives does so, at the open; any other rests and fills at its own price, only
  when the market trades through it by a tick or more.
- Within a candle what is worse for us comes first: stops before limit orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput
from trading.domain.events import (
    AccountSnapshot,
    CancelRejected,
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderFound,
    OrderRejected,
)
from trading.domain.instruments import ZERO, Instrument, Market
from trading.domain.orders import OrderIntent, Side, TimeInForce
from trading.exchange import filters
from trading.exchange.books import BY_ID, Book, Books
from trading.exchange.costs import BASIS_POINT, Costs, FillAt
from trading.exchange.execution import Execution
from trading.exchange.matching import (
    Stage,
    arrival_price,
    arrives_in_time,
    has_limit,
    is_gapped,
    is_reached,
    is_through,
    middle_ms,
    service_order,
    stage_of,
    stop_price_of,
    worse,
)
from trading.exchange.records import Changes, MarketState, SimOrder, SimState

ACCOUNT_WINDOW_MS = 24 * 3_600_000
ACCOUNT_FINISHED_ORDERS_MAX = 1_000
_ONE = Decimal(1)


class _Lock(NamedTuple):
    """What an order locks: so much of a coin for one base unit, and in all."""

    coin: str
    unit: Decimal
    amount: Decimal


class SimulatedExchange:
    """One account at a simulated spot exchange.

    Args:
        instruments: what can be traded, by symbol.
        balances: what the account holds at the start, by coin.
        costs: fees, spread, impact, latency.
        fill_at: when market orders fill.
        record_changes: collect changes for `take_changes` (for a file); leave it off where nobody takes them.

    Raises:
        InvalidInput: an instrument that is not spot, or a balance that is negative or absurd.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        balances: Mapping[str, Decimal],
        costs: Costs,
        fill_at: FillAt = FillAt.NEXT_OPEN,
        *,
        record_changes: bool = False,
    ) -> None:
        for instrument in instruments.values():
            if instrument.market is not Market.SPOT:
                raise InvalidInput(f"{instrument.symbol}.market", str(instrument.market), "spot")
        self.instruments = dict(instruments)
        self.costs = costs
        self.fill_at = fill_at
        self._books = Books(instruments, balances, record_changes=record_changes)
        self._execution = Execution(self._books, costs)
        self._markets = self._books.markets

    # -- requests

    def submit(self, intent: OrderIntent, now_ms: int) -> list[Event]:
        """Take the order in, or refuse it. With `FillAt.CLOSE` what can fill at once does, and is in the answer."""
        time_ms = now_ms + self.costs.latency_ms
        found = self._examine(intent)
        if isinstance(found, filters.Refusal):
            return [
                OrderRejected(
                    time_ms=time_ms,
                    client_order_id=intent.client_order_id,
                    code=found.code,
                    message=found.message,
                    duplicate=found is filters.DUPLICATE_ORDER,
                )
            ]
        book = self._markets[intent.symbol]
        order = self._accept(book, intent, found, now_ms, time_ms)
        events: list[Event] = [
            OrderAccepted(
                time_ms=time_ms, client_order_id=intent.client_order_id, exchange_order_id=str(order.order_id)
            )
        ]
        price = book.price
        if self.fill_at is FillAt.CLOSE and price is not None and stage_of(order) is Stage.TAKING:
            self._execution.take(book, order, price, time_ms, events)
        return events

    def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> list[Event]:
        """Cancel an open order. It takes effect at once; the answer is late by the latency."""
        time_ms = now_ms + self.costs.latency_ms
        order = self._books.find(client_order_id, symbol)
        if order is None or order.state.is_final:
            code, message = filters.UNKNOWN_ORDER
            return [CancelRejected(time_ms=time_ms, client_order_id=client_order_id, code=code, message=message)]
        events: list[Event] = []
        self._execution.cancel(order, time_ms, events)
        return events

    def query(self, client_order_id: str, symbol: str, now_ms: int) -> list[Event]:
        """The newest order of this id, with all its trades; or that there is none, which is final here."""
        time_ms = now_ms + self.costs.latency_ms
        order = self._books.find(client_order_id, symbol)
        if order is None:
            message = "the simulated exchange holds no order of this id, and requests to it cannot be late"
            return [OrderAbsent(time_ms=time_ms, client_order_id=client_order_id, conclusive=True, message=message)]
        return [OrderFound(time_ms=time_ms, report=self._books.report(order))]

    def account(self, token: int, now_ms: int) -> list[Event]:
        """Balances, open orders, and the orders that ended within 24 h (the newest 1,000 of them), by exchange id."""
        books = self._books
        shown = [order for book in self._markets.values() for order in book.open.values()]
        shown.extend(books.ended_since(now_ms - ACCOUNT_WINDOW_MS)[-ACCOUNT_FINISHED_ORDERS_MAX:])
        shown.sort(key=BY_ID)
        return [
            AccountSnapshot(
                time_ms=now_ms + self.costs.latency_ms,
                token=token,
                balances=books.ledger.balances(),
                orders=tuple(map(books.report, shown)),
            )
        ]

    # -- the market

    def open_phase(self, candle: Candle) -> list[Event]:
        """The candle's open: what has arrived trades there; what the open has gapped through is triggered or filled.

        A phase that is not later than the last one of its symbol is ignored.

        Raises:
            InvalidInput: the candle's symbol is not one of the instruments.
        """
        book = self._markets.get(candle.symbol) or self._book(candle.symbol)
        open_ms = candle.open_time_ms
        if 2 * open_ms < book.cursor:
            return []
        book.cursor = 2 * open_ms + 1
        book.price = candle.open
        book.candle_ms = open_ms
        book.volume = candle.volume
        book.used = ZERO
        if not book.open or book.is_quiet(candle.open, candle.open):
            return []
        return self._match_open(book, candle)

    def range_phase(self, candle: Candle) -> list[Event]:
        """The candle between low and high: resting orders that it touches, in the order that is worst for us.

        A phase that is not later than the last one of its symbol is ignored.

        Raises:
            InvalidInput: the candle's symbol is not one of the instruments.
        """
        book = self._markets.get(candle.symbol) or self._book(candle.symbol)
        open_ms = candle.open_time_ms
        cursor = 2 * (open_ms + candle.interval_ms)
        if cursor <= book.cursor:
            return []
        book.cursor = cursor
        book.price = candle.close
        if book.candle_ms != open_ms:
            book.candle_ms = open_ms
            book.volume = candle.volume
            book.used = ZERO
        if not book.open or book.is_quiet(candle.low, candle.high):
            return []
        return self._match_range(book, candle)

    def observe(self, symbol: str, close_time_ms: int, price: Decimal) -> None:
        """Learn the last price of a market whose candles were skipped. Ignored unless it is news."""
        book = self._book(symbol)
        if 2 * close_time_ms > book.cursor:
            book.cursor = 2 * close_time_ms
            book.price = price

    def fill_waiting(self, now_ms: int) -> list[Event]:
        """Fill every order that waits for an open at the last price: for an end of the candles that would bring it.

        The bound on a candle's volume is lifted; spread and impact are paid.
        """
        events: list[Event] = []
        for book in self._markets.values():
            for order in list(book.open.values()):
                if stage_of(order) is Stage.TAKING and book.price is not None:
                    time_ms = max(now_ms, order.arrival_ms)
                    self._execution.take(book, order, book.price, time_ms, events, any_volume=True)
        return events

    def has_orders(self, symbol: str) -> bool:
        """Whether an order is open in the symbol. Without one, phases do no more than take the price."""
        return bool(self._book(symbol).open)

    def quiet_range(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The prices strictly between which no open order of the symbol is touched; none if one wants to trade."""
        return self._book(symbol).quiet_range()

    def last_price(self, symbol: str) -> Decimal | None:
        """The last price of the market, None before the first candle."""
        return self._book(symbol).price

    # -- the data

    def check(self) -> None:
        """Raise `InvariantViolated` where a coin does not sum to zero or a lock belongs to no order."""
        self._books.check()

    def state(self) -> SimState:
        """Everything the exchange knows, as data; the records are live, so encode or copy them before going on."""
        return self._books.state()

    def load(self, state: SimState) -> None:
        """Go on from this state."""
        self._books.load(state)

    def markets(self) -> list[MarketState]:
        """Where every market stands, sorted by symbol."""
        return [book.state() for book in self._markets.values()]

    def next_ids(self) -> tuple[int, int]:
        """The ids that the next order and the next trade will get."""
        return self._books.next_order_id, self._books.next_trade_id

    def take_changes(self) -> Changes:
        """What changed since the last call (without the markets, whose state moves with every candle)."""
        return self._books.take_changes()

    # -- inside

    def _book(self, symbol: str) -> Book:
        book = self._markets.get(symbol)
        if book is None:
            raise InvalidInput("symbol", symbol, ", ".join(sorted(self.instruments)))
        return book

    def _examine(self, intent: OrderIntent) -> filters.Refusal | _Lock:
        """What there is against the order; or what it will lock."""
        book = self._markets.get(intent.symbol)
        if book is None:
            return filters.INVALID_SYMBOL
        last = book.price
        refusal = (
            filters.request_refusal(intent)
            or filters.filter_refusal(intent, book.instrument, last)
            or filters.count_refusal(intent, [order.intent for order in book.open.values()])
        )
        if refusal is not None:
            return refusal
        if self._books.is_open(intent.client_order_id):
            return filters.DUPLICATE_ORDER
        refusal = filters.market_refusal(intent, book.instrument, self.costs, last)
        if refusal is not None:
            return refusal
        lock = self._lock(book, intent)
        return filters.INSUFFICIENT_BALANCE if lock.amount > self._books.ledger.free(lock.coin) else lock

    def _lock(self, book: Book, intent: OrderIntent) -> _Lock:
        instrument = book.instrument
        if intent.side is Side.SELL:
            return _Lock(instrument.base, _ONE, intent.quantity)
        if intent.price is not None:
            price = intent.price
        else:
            # An estimate: the open that it will fill at is not known yet.
            reference = intent.stop_price or book.price or ZERO
            price = instrument.price_up(reference * (_ONE + self.costs.half_spread_bps * BASIS_POINT))
        unit = price * (_ONE + self.costs.quote_reserve())
        return _Lock(instrument.quote, unit, unit * intent.quantity)

    def _accept(self, book: Book, intent: OrderIntent, lock: _Lock, now_ms: int, arrival_ms: int) -> SimOrder:
        arriving = not filters.is_stop(intent) and (
            intent.time_in_force is not TimeInForce.GTC
            or not has_limit(intent)
            or filters.is_marketable(intent, book.instrument, self.costs, book.price)
        )
        order = SimOrder(
            order_id=self._books.next_order_id,
            intent=intent,
            submitted_ms=now_ms,
            arrival_ms=arrival_ms,
            updated_ms=arrival_ms,
            lock_coin=lock.coin,
            unit_lock=lock.unit,
            locked=lock.amount,
            arriving=arriving,
        )
        self._books.ledger.lock(lock.coin, lock.amount)
        self._books.add(order)
        return order

    def _match_open(self, book: Book, candle: Candle) -> list[Event]:
        events: list[Event] = []
        price = candle.open
        tick = book.instrument.tick_size
        latest_ms = candle.open_window_end_ms
        clock = candle.open_time_ms
        for order in sorted(book.open.values(), key=lambda order: (stage_of(order), order.order_id)):
            if order.submitted_ms > latest_ms or not arrives_in_time(order, candle):
                continue
            stage = stage_of(order)
            clock = max(clock, order.arrival_ms)
            if stage is Stage.TAKING:
                self._execution.take(book, order, price, clock, events)
            elif stage is Stage.STOP:
                if is_gapped(order.intent, price):
                    self._execution.trigger(book, order, price, clock, events)
            elif is_through(order.intent, tick, price, price):
                self._execution.fill_resting(book, order, clock, events)
        return events

    def _match_range(self, book: Book, candle: Candle) -> list[Event]:
        events: list[Event] = []
        tick = book.instrument.tick_size
        clock = candle.open_time_ms
        for order in sorted(book.open.values(), key=lambda order: service_order(order, candle.open)):
            if not arrives_in_time(order, candle):
                continue
            stage = stage_of(order)
            if stage is Stage.TAKING:
                price, time_ms = arrival_price(order, candle)
                clock = max(clock, time_ms)
                self._execution.take(book, order, price, clock, events)
                continue
            clock = max(clock, middle_ms(candle), order.arrival_ms)
            if stage is Stage.STOP:
                if is_reached(order.intent, candle):
                    base = worse(order.intent.side, stop_price_of(order.intent), candle.open)
                    self._execution.trigger(book, order, base, clock, events)
            elif is_through(order.intent, tick, candle.low, candle.high):
                self._execution.fill_resting(book, order, clock, events)
        return events
