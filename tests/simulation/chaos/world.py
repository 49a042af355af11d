"""The outside world: exchange, market, clock and wire. It outlives every bot, and knows what really happened."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

from tests.simulation.chaos.faults import OF_MARKET, Kind, Schedule, Strikes
from tests.simulation.chaos.scenario import Scenario, scenario_of
from tests.support.builders import BTC
from trading.domain.candles import Candle
from trading.domain.events import AccountSnapshot, Event, OrderAbsent, OrderAccepted, OrderFilled, OrderFound
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, OrderIntent, OrderType, Purpose, Side
from trading.engine.ids import bot_tag
from trading.exchange.records import SimOrder
from trading.exchange.simulated import SimulatedExchange

SECOND = 1_000
OPEN_AFTER_MS = 5_500
RANGE_AFTER_MS = 30_000
WINDOW_MS = 10_000
"""A request that did not arrive within this time never does, unless the schedule says so: the exchange refuses it."""
STALE_MAX = 40

Answer = Callable[[], Sequence[Event]]


class Violation(AssertionError):
    """Something that must never happen has happened."""


class World:
    """What is true, whatever the bot believes.

    held: the bot's coins by symbol, from its fills alone. cash: what its fills and fees changed in the quote coin.
    fills: all of the bot's, by symbol and trade id. arrived: every order of the bot that the
    exchange took, by id. dust: what the bot booked off as too small to sell.
    """

    def __init__(self, schedule: Schedule, scenario: Scenario | None = None) -> None:
        self.schedule = schedule
        self.scenario = scenario or scenario_of(schedule.seed, schedule.faults)
        self.strikes = Strikes(schedule.faults)
        self.strikes.struck.extend(f for f in schedule.faults if f.kind in OF_MARKET)
        self.tag = bot_tag(self.scenario.config.bot_id)
        self.exchange = SimulatedExchange(self.scenario.config.instruments, self.scenario.balances, self.scenario.costs)
        first = self.scenario.candles[0][0]
        self.begin_ms, self.interval_ms = first.open_time_ms, first.interval_ms
        self.now_ms = self.begin_ms
        self.follows_bot = False
        self.held: dict[str, Decimal] = dict.fromkeys(self.scenario.config.instruments, ZERO)
        self.cash = ZERO
        self.fills: dict[tuple[str, str], Fill] = {}
        self.arrived: dict[str, OrderIntent] = {}
        self.dust: dict[str, Decimal] = dict.fromkeys(self.scenario.config.instruments, ZERO)
        self.sent_ms: dict[str, int] = {}
        self.bot_started_ms = self.begin_ms
        self.absence_is_final = False
        self.requests = 0
        self.log: list[str] | None = None
        self.requests_under_way: list[tuple[int, int, Answer]] = []
        self._rng = Random(f"world|{schedule.seed}")
        self._news: list[tuple[int, float, Event]] = []
        self._counter = 0
        self._views: deque[tuple[int, AccountSnapshot]] = deque(maxlen=STALE_MAX)
        self._keeps_views = any(f.kind is Kind.STALE for f in schedule.faults)
        self._phase = 0
        self._place_owners_order()

    # -- time

    @property
    def second(self) -> int:
        """Seconds since the beginning."""
        return (self.now_ms - self.begin_ms) // SECOND

    def note(self, text: str) -> None:
        """Write it into the log, where one is kept."""
        if self.log is not None:
            self.log.append(f"{self.second:4d} {text}")

    def advance(self, now_ms: int) -> None:
        """Let time go on: requests under way arrive, the market moves, in the order of their times."""
        while True:
            market_ms = self._phase_ms()
            request_ms = self.requests_under_way[0][0] if self.requests_under_way else now_ms + 1
            first = min(market_ms, request_ms)
            if first > now_ms:
                break
            self.now_ms = max(self.now_ms, first)
            if request_ms <= market_ms:
                _, _, act = self.requests_under_way.pop(0)
                self.publish(act())
            else:
                self._move_market()
        self.now_ms = now_ms
        if self._keeps_views:
            view = self.exchange.account(0, now_ms)[0]
            assert isinstance(view, AccountSnapshot)
            self._views.append((now_ms, view))

    def closed_candles(self, after_ms: int) -> list[tuple[Candle, ...]]:
        """The candles that have closed by now, after the one that closed at `after_ms`, by minute."""
        last = (self.now_ms - self.begin_ms) // self.interval_ms
        first = max((after_ms - self.begin_ms) // self.interval_ms, 0)
        return list(self.scenario.candles[first:last])

    def lower_close(self, symbol: str) -> Decimal:
        """The lower of the symbol's last two closes."""
        closed = self.closed_candles(self.now_ms - 2 * self.interval_ms) or self.scenario.candles[:1]
        return min(c.close for row in closed for c in row if c.symbol == symbol)

    def _phase_ms(self) -> int:
        minute, is_range = divmod(self._phase, 2)
        if minute >= len(self.scenario.candles):
            return self.now_ms + 10**12
        return self.begin_ms + minute * self.interval_ms + (RANGE_AFTER_MS if is_range else OPEN_AFTER_MS)

    def _move_market(self) -> None:
        minute, is_range = divmod(self._phase, 2)
        self._phase += 1
        self.publish(self.market(self.scenario.candles[minute], is_range=bool(is_range)))

    def market(self, candles: Sequence[Candle], *, is_range: bool) -> list[Event]:
        """The open or the range of these candles; what has been already does nothing."""
        phase = self.exchange.range_phase if is_range else self.exchange.open_phase
        events = [event for candle in candles for event in phase(candle)]
        self._learn(events)
        return events

    def fill_waiting(self) -> list[Event]:
        """The candles are over: what waits for an open is filled at the last price."""
        events = self.exchange.fill_waiting(self.now_ms)
        self._learn(events)
        return events

    def hear(self, now_ms: int) -> None:
        """A request comes with the bot's time, which is the world's where time is the candles'."""
        if self.follows_bot:
            self.now_ms = now_ms

    # -- what the exchange tells by itself

    def publish(self, events: Sequence[Event], delay_s: int = 0) -> None:
        """Put these on the stream to the bot, as the schedule lets them through."""
        strikes, second = self.strikes, self.second
        if not events:
            return
        if strikes.span(Kind.NEWS_LOST, second) or strikes.span(Kind.SILENCE, second):
            return
        late = strikes.span(Kind.NEWS_LATE, second)
        twice = strikes.span(Kind.NEWS_TWICE, second)
        mixed = strikes.span(Kind.NEWS_MIXED, second)
        due = self.now_ms + (delay_s + (late.times if late else 0)) * SECOND
        for event in events:
            self._counter += 1
            key = self._rng.random() if mixed else float(self._counter)
            self._news.append((due, key, event))
            if twice:
                self._news.append((due + twice.times * SECOND, key, event))

    def take_news(self) -> list[Event]:
        """What has come over the stream by now."""
        due = sorted((n for n in self._news if n[0] <= self.now_ms), key=lambda n: n[:2])
        self._news = [n for n in self._news if n[0] > self.now_ms]
        return [event for _, _, event in due]

    def hang_up(self) -> None:
        """The bot is dead: nobody hears what is under way to it."""
        self._news.clear()

    # -- requests that have arrived

    def later(self, seconds: int, act: Answer) -> None:
        """A request that arrives after `seconds`, whatever becomes of the bot; its answer finds nobody."""
        self._counter += 1

        def arrive() -> Sequence[Event]:
            act()
            return ()

        self.requests_under_way.append((self.now_ms + seconds * SECOND, self._counter, arrive))
        self.requests_under_way.sort(key=lambda r: r[:2])

    def submit(self, intent: OrderIntent) -> Sequence[Event]:
        """The order reaches the exchange. It may do so once (I1)."""
        events = self.exchange.submit(intent, self.now_ms)
        if isinstance(events[0], OrderAccepted):
            self._accepted(intent)
        self._learn(events)
        if intent.side is Side.SELL and self.selling(intent.symbol) > self.held[intent.symbol]:
            if not self.promise_is_broken:
                raise Violation(
                    f"{self.selling(intent.symbol)} {intent.symbol} would be sold of {self.held[intent.symbol]} held"
                )
        return self._answered(events)

    def _accepted(self, intent: OrderIntent) -> None:
        order_id = intent.client_order_id
        if order_id in self.arrived:
            raise Violation(f"I1: order {order_id} ({intent.purpose} {intent.symbol}) was taken by the exchange twice")
        for other in self.arrived.values():
            same = (other.position_id, other.purpose, other.leg) == (intent.position_id, intent.purpose, intent.leg)
            if same or (
                intent.purpose is Purpose.ENTRY
                and other.purpose is intent.purpose
                and other.position_id == intent.position_id
            ):
                raise Violation(f"I1: two orders for one decision: {other} and {intent}")
        self.arrived[order_id] = intent

    def take_stops_away(self) -> None:
        """The owner cancels the bot's stops, on the exchange's own page."""
        for symbol in self.held:
            for order in self.open_orders(symbol):
                if order.intent.purpose is Purpose.STOP:
                    self.note(f"the owner cancels {order.intent.client_order_id[:10]}")
                    self.publish(self.exchange.cancel(order.intent.client_order_id, symbol, self.now_ms))

    def forget_stops(self) -> None:
        """The exchange loses the bot's stops: it frees their coins, and knows nothing of them any more."""
        for symbol in self.held:
            for order in self.open_orders(symbol):
                if order.intent.purpose is Purpose.STOP and not order.filled:
                    self.note(f"the exchange forgets {order.intent.client_order_id[:10]}")
                    self.exchange.cancel(order.intent.client_order_id, symbol, self.now_ms)
                    books = self.exchange._books
                    books._finished.remove(order.order_id)
                    heapq.heapify(books._finished)
                    books._drop(order.order_id)

    def cancel(self, order_id: str, symbol: str) -> Sequence[Event]:
        """The cancel reaches the exchange."""
        if not order_id.startswith(self.tag):
            raise Violation(f"the bot cancels {order_id}, which is not its own")
        events = self.exchange.cancel(order_id, symbol, self.now_ms)
        return self._answered(events)

    def query(self, order_id: str, symbol: str) -> Sequence[Event]:
        """Where the order is; that it is nowhere is final once its request can no longer arrive."""
        events = self.exchange.query(order_id, symbol, self.now_ms)
        if isinstance(events[0], OrderAbsent):
            return [self.absent(order_id, is_final=self._cannot_arrive(order_id))]
        return events

    def account(self, token: int) -> Sequence[Event]:
        """Everything, as of now."""
        return self.exchange.account(token, self.now_ms)

    def _cannot_arrive(self, order_id: str) -> bool:
        if self.absence_is_final:
            return True
        return self.now_ms - max(self.sent_ms.get(order_id, 0), self.bot_started_ms) >= WINDOW_MS

    def absent(self, order_id: str, *, is_final: bool = False) -> OrderAbsent:
        """The answer that there is no such order."""
        return OrderAbsent(time_ms=self.now_ms, client_order_id=order_id, conclusive=is_final, message="not found")

    def _answered(self, events: Sequence[Event]) -> Sequence[Event]:
        if self.scenario.chatty:
            self.publish(events)
        return events

    # -- answers that are out of date

    def stale_account(self, token: int, seconds: int) -> Sequence[Event]:
        """The account as it was `seconds` ago."""
        view = self._view(seconds)
        if view is None:
            return self.account(token)
        return [AccountSnapshot(time_ms=self.now_ms, token=token, balances=view.balances, orders=view.orders)]

    def stale_query(self, order_id: str, symbol: str, seconds: int) -> Sequence[Event]:
        """The order as it was `seconds` ago."""
        view = self._view(seconds)
        if view is None:
            return self.query(order_id, symbol)
        for report in view.orders:
            if report.client_order_id == order_id:
                return [OrderFound(time_ms=self.now_ms, report=report)]
        return [self.absent(order_id)]

    def account_before_order(self, token: int) -> Sequence[Event]:
        """The account without the orders of the last seconds, which are on their way through the exchange."""
        (now,) = self.account(token)
        assert isinstance(now, AccountSnapshot)
        young = {i for i, ms in self.sent_ms.items() if self.now_ms - ms < WINDOW_MS}
        orders = tuple(r for r in now.orders if r.client_order_id not in young or r.filled_quantity)
        return [AccountSnapshot(time_ms=now.time_ms, token=token, balances=now.balances, orders=orders)]

    def _view(self, seconds: int) -> AccountSnapshot | None:
        wanted = self.now_ms - seconds * SECOND
        found = None
        for ms, view in self._views:
            if ms <= wanted:
                found = view
        return found

    # -- the truth

    @property
    def promise_is_broken(self) -> bool:
        """Whether a request may arrive after the exchange has said that it cannot: then one order may be too many."""
        return any(f.kind is Kind.REQUEST_LATE and f.seconds * SECOND >= WINDOW_MS for f in self.schedule.faults)

    def is_reachable(self) -> bool:
        """Whether the exchange can be talked to now."""
        kinds = (Kind.OUTAGE, Kind.SILENCE, Kind.BAN)
        return not any(self.strikes.span(kind, self.second) for kind in kinds)

    def orders_of_bot(self) -> list[SimOrder]:
        """Every order of the bot that the exchange ever accepted."""
        return [o for o in self.exchange.state().orders if o.intent.client_order_id.startswith(self.tag)]

    def open_orders(self, symbol: str) -> list[SimOrder]:
        """The bot's open orders of a symbol."""
        found = self.exchange._markets[symbol].open.values()
        return [o for o in found if o.intent.client_order_id.startswith(self.tag)]

    def owned_by_bot(self, symbol: str) -> Decimal:
        """What the bot holds and has not booked off as dust."""
        return self.held[symbol] - self.dust[symbol]

    def selling(self, symbol: str) -> Decimal:
        """What the bot's open orders of a symbol may still sell."""
        return sum((o.remaining for o in self.open_orders(symbol) if o.intent.side is Side.SELL), ZERO)

    @property
    def strikes_of_requests(self) -> int:
        """How many faults have struck requests so far."""
        return self.strikes.hits

    def account_now(self) -> AccountSnapshot:
        """The account as it is."""
        (found,) = self.exchange.account(0, self.now_ms)
        assert isinstance(found, AccountSnapshot)
        return found

    def _learn(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, OrderFilled) and event.fill.client_order_id.startswith(self.tag):
                fill = event.fill
                self.note(f"   trade: {fill.side} {fill.quantity} {fill.symbol} at {fill.price}")
                self.fills[fill.symbol, fill.trade_id] = fill
                instrument = self.scenario.config.instruments[fill.symbol]
                sign = 1 if fill.side is Side.BUY else -1
                base_fee = fill.fee if fill.fee_coin == instrument.base else ZERO
                quote_fee = fill.fee if fill.fee_coin == instrument.quote else ZERO
                self.held[fill.symbol] += sign * fill.quantity - base_fee
                self.cash -= sign * fill.quantity * fill.price + quote_fee

    def _place_owners_order(self) -> None:
        """The owner has an order and coins of his own in the account, which are nobody else's business."""
        self.exchange.submit(
            OrderIntent(
                client_order_id="owner-1",
                position_id="",
                symbol=BTC.symbol,
                side=Side.SELL,
                type=OrderType.LIMIT,
                quantity=Decimal(1),
                price=Decimal(10_000_000),
                purpose=Purpose.EXIT,
                created_ms=self.begin_ms,
            ),
            self.begin_ms,
        )
