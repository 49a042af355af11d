"""An exchange that says anything: true answers, lost ones, late, doubled and contradictory ones, from a seed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from tests.support.builders import BTC, ETH, MINUTE, T0, D, signal
from tests.support.checked_engine import CheckedEngine
from tests.support.signals import ScriptedSignals
from trading.domain.actions import Action, CancelOrder, FetchAccount, QueryOrder, SubmitOrder
from trading.domain.candles import Candle
from trading.domain.decisions import Verdict
from trading.domain.events import (
    AccountSnapshot,
    CancelRejected,
    CancelUnknown,
    CandleClosed,
    ClockTick,
    Command,
    CommandKind,
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderFound,
    OrderRejected,
    OrderReport,
    OrderTriggered,
    OrderUnknown,
    QueryFailed,
    Started,
)
from trading.domain.orders import Fill, OrderIntent, OrderState, OrderType, Side
from trading.domain.positions import Balance
from trading.engine.state import EngineState, Record

MARKETS = {BTC.symbol: BTC, ETH.symbol: ETH}


class Hostile:
    """Makes up one event after the other for `engine`, most of them sensible enough to get somewhere.

    `events` is every event that was put in, `actions` every answer, `changes` every changed record, in order.
    """

    def __init__(self, seed: int, engine: CheckedEngine, signals: ScriptedSignals) -> None:
        self.engine = engine
        self.events: list[Event] = []
        self.actions: list[list[Action]] = []
        self.changes: list[Record] = []
        self._signals = signals
        self._random = Random(seed)
        self._now = T0
        self._prices = {symbol: D(100) for symbol in MARKETS}
        self._minutes = dict.fromkeys(MARKETS, 0)
        self._intents: dict[str, OrderIntent] = {}
        self._asked: list[Action] = []
        self._tokens = [0]
        self._fills: list[Fill] = []
        # Foreign ids, one of them with the bot's own tag.
        self._strangers = ["f" * 32, "not-ours", engine._desk.tag + "0" * 26]

    def run(self, steps: int, *, restarts: float = 0.0) -> None:
        """Start the engine, then so many events; before each the bot restarts with the chance `restarts`."""
        self._put(Started(time_ms=T0, bot_id=self.engine.config.bot_id))
        for _ in range(steps):
            if self._random.random() < restarts:
                self._restart()
            if self.engine._desk.entries_blocked() and self._random.random() < 0.2:
                self._put(self._unlatch())
            maker = self._random.choices(
                [self._answer, self._candle, self._tick, self._fill, self._say_anything, self._again, self._command],
                [40, 14, 12, 12, 14, 6, 2],
            )[0]
            event = maker()
            if event is not None:
                self._put(event)

    def _put(self, event: Event) -> None:
        self.events.append(event)
        actions = self.engine.handle(event)
        self.changes += self.engine.state.take_changes()
        self.actions.append(actions)
        for action in actions:
            if isinstance(action, SubmitOrder):
                self._intents[action.order.value.client_order_id] = action.order.value
            if isinstance(action, FetchAccount):
                self._tokens.append(action.token)
            if isinstance(action, SubmitOrder | CancelOrder | QueryOrder | FetchAccount):
                self._asked.append(action)

    def _restart(self) -> None:
        """A new process with what the journal has: what was asked and not answered is never answered."""
        state = EngineState(self.engine.config.bot_id)
        known = self.engine.state.orders
        state.restore([*self.engine.state.records(), *(f for f in self.engine.fills if f.client_order_id in known)])
        self.engine = self.engine.again(state)
        self._asked.clear()
        self._put(Started(time_ms=self._now, bot_id=self.engine.config.bot_id))

    # -- sensible events

    def _candle(self) -> Event:
        symbol = self._random.choice(list(MARKETS))
        open_ = self._prices[symbol]
        close = max(MARKETS[symbol].price_nearest(open_ * D(str(round(self._random.gauss(1, 0.02), 4)))), D(1))
        self._prices[symbol] = close
        self._minutes[symbol] += 1
        open_ms = T0 + self._minutes[symbol] * MINUTE
        self._now = max(self._now, open_ms + MINUTE)
        verdict = self._random.choices(list(Verdict), [6, 1, 3])[0]
        self._signals.script[symbol, open_ms] = signal(verdict, self._random.uniform(0.5, 4))
        candle = Candle(
            symbol, open_ms, MINUTE, open_, max(open_, close) + 1, min(open_, close) - D("0.5"), close, D(1000)
        )
        return CandleClosed(time_ms=candle.close_time_ms, candle=candle)

    def _tick(self) -> Event:
        self._now += self._random.choice((1, 500, 2_000, 5_001, 10_001))
        return ClockTick(time_ms=self._now)

    def _answer(self) -> Event | None:
        """Answer something that the engine asked, truly or not; in any order."""
        if not self._asked:
            return self._tick()
        action = self._asked.pop(self._random.randrange(len(self._asked)))
        match action:
            case SubmitOrder(order=approved):
                return self._answer_submission(approved.value.client_order_id)
            case CancelOrder(client_order_id=order_id):
                answers = (self._canceled, self._canceled, self._cancel_rejected, self._cancel_unknown)
                return self._random.choice(answers)(order_id)
            case QueryOrder(client_order_id=order_id):
                replies = (self._found, self._found, self._absent, self._query_failed)
                return self._random.choice(replies)(order_id)
            case FetchAccount(token=token):
                return self._snapshot(token) if self._random.random() < 0.8 else self._query_failed("account")
        return None

    def _answer_submission(self, order_id: str) -> Event:
        throw = self._random.random()
        if throw < 0.5:
            return self._accepted(order_id)
        if throw < 0.75:
            return self._filled(order_id)
        return self._rejected(order_id) if throw < 0.85 else self._unknown(order_id)

    def _fill(self) -> Event | None:
        """A fill of a live order, if there is one."""
        live = [o.id for o in self.engine.state.all_live_orders() if o.id in self._intents]
        return self._filled(self._random.choice(live)) if live else None

    # -- senseless ones

    def _say_anything(self) -> Event:
        """Any report on any order, ours or not."""
        order_id = self._random.choice([*self._intents, *self._strangers])
        makers: list[Callable[[str], Event]] = [
            self._accepted,
            self._rejected,
            self._unknown,
            self._filled,
            self._triggered,
            self._canceled,
            self._cancel_rejected,
            self._cancel_unknown,
            self._found,
            self._absent,
            self._query_failed,
        ]
        if self._random.random() < 0.1:
            return self._snapshot(self._random.choice(self._tokens))
        return self._random.choice(makers)(order_id)

    def _again(self) -> Event:
        """Something that was said before, once more."""
        return self._random.choice(self.events[-40:])

    def _unlatch(self) -> Event:
        """The operator lets entries through again, so that something happens."""
        kind = self._random.choice((CommandKind.RESUME, CommandKind.RESET_KILL))
        return Command(time_ms=self._now, id="c", kind=kind, by="owner")

    def _command(self) -> Event:
        kind = self._random.choice([kind for kind in CommandKind if kind is not CommandKind.STOP])
        target = self._random.choice([BTC.symbol, "XYZ/USDT", "", "flatten", *list(self._intents)[-3:]])
        reason = self._random.choice(("adopt", "ignore", "close", ""))
        return Command(time_ms=self._now, id="c", kind=kind, by="anyone", target=target, reason=reason)

    # -- reports

    def _accepted(self, order_id: str) -> Event:
        return OrderAccepted(time_ms=self._now, client_order_id=order_id, exchange_order_id=f"x{order_id[-6:]}")

    def _rejected(self, order_id: str) -> Event:
        duplicate = self._random.random() < 0.2
        return OrderRejected(time_ms=self._now, client_order_id=order_id, code="-1", message="no", duplicate=duplicate)

    def _unknown(self, order_id: str) -> Event:
        return OrderUnknown(time_ms=self._now, client_order_id=order_id, message="time-out")

    def _triggered(self, order_id: str) -> Event:
        return OrderTriggered(time_ms=self._now, client_order_id=order_id)

    def _canceled(self, order_id: str) -> Event:
        expired = self._random.random() < 0.3
        return OrderCanceled(
            time_ms=self._now, client_order_id=order_id, filled_quantity=self._part(order_id), expired=expired
        )

    def _cancel_rejected(self, order_id: str) -> Event:
        return CancelRejected(time_ms=self._now, client_order_id=order_id, code="-2011", message="no")

    def _cancel_unknown(self, order_id: str) -> Event:
        return CancelUnknown(time_ms=self._now, client_order_id=order_id, message="time-out")

    def _absent(self, order_id: str) -> Event:
        return OrderAbsent(time_ms=self._now, client_order_id=order_id, conclusive=self._random.random() < 0.5)

    def _query_failed(self, subject: str) -> Event:
        return QueryFailed(time_ms=self._now, subject=subject, message="time-out")

    def _filled(self, order_id: str) -> Event:
        return OrderFilled(time_ms=self._now, fill=self._trade(order_id))

    def _found(self, order_id: str) -> Event:
        return OrderFound(time_ms=self._now, report=self._report(order_id))

    def _snapshot(self, token: int) -> Event:
        state = self.engine.state
        balances = {"USDT": Balance(state.account.cash if state.account else D(10_000))}
        for symbol, position in state.positions.items():
            share = self._random.choice((1, 1, 1, D("0.5"), 0))
            balances[MARKETS[symbol].base] = Balance(position.quantity * share, position.quantity * (1 - share) / 2)
        shown = self._random.sample(sorted(self._intents), min(len(self._intents), self._random.randrange(4)))
        live = [o.id for o in state.all_live_orders() if o.id in self._intents]
        reports = {order_id: self._report(order_id) for order_id in (*live, *shown)}
        return AccountSnapshot(time_ms=self._now, token=token, balances=balances, orders=tuple(reports.values()))

    def _intent(self, order_id: str) -> OrderIntent | None:
        return self._intents.get(order_id)

    def _part(self, order_id: str) -> Decimal:
        """A fill quantity: what the engine knows, all of the order, a part, too much, nothing."""
        intent = self._intent(order_id)
        known = self.engine.state.orders.get(order_id)
        filled = known.filled_quantity if known is not None else D(0)
        ordered = intent.quantity if intent is not None else D(1)
        return self._random.choice((filled, filled, filled, ordered, ordered / 2, ordered * 2, D(0)))

    def _trade(self, order_id: str) -> Fill:
        if self._fills and self._random.random() < 0.1:
            return self._random.choice(self._fills)
        intent = self._intent(order_id)
        symbol = intent.symbol if intent is not None else BTC.symbol
        side = intent.side if intent is not None else Side.BUY
        if self._random.random() < 0.02:
            symbol, side = self._random.choice((ETH.symbol, "XYZ/USDT")), self._random.choice(list(Side))
        known = self.engine.state.orders.get(order_id)
        quantity = self._part(order_id)
        if known is not None and self._random.random() < 0.7:
            quantity = known.remaining / self._random.choice((1, 1, 2))
        quantity = max(quantity, D("0.001"))
        price = self._prices.get(symbol, D(100)) + self._random.randrange(-100, 100) / D(100)
        coin = self._random.choice(("USDT", "USDT", "BTC", "ETH", "BNB", "BNB"))
        fee = quantity * D("0.001") * (price if coin == "USDT" else 1)
        fill = Fill(
            trade_id=str(len(self._fills)) if self._random.random() < 0.97 else "7",
            client_order_id=order_id,
            symbol=symbol,
            side=side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_coin=coin,
            time_ms=self._now - self._random.choice((0, 0, 1_000, 3_600_000)),
            fee_value=self._random.choice((None, D("0.3"))) if coin == "BNB" else None,
        )
        self._fills.append(fill)
        return fill

    def _report(self, order_id: str) -> OrderReport:
        intent = self._intent(order_id)
        known = self.engine.state.orders.get(order_id)
        state = self._random.choice(list(OrderState))
        if known is not None and self._random.random() < 0.6:
            state = known.state
        shown = [fill for fill in self._fills if fill.client_order_id == order_id]
        if self._random.random() < 0.3:
            shown.append(self._trade(order_id))
        return OrderReport(
            client_order_id=order_id,
            exchange_order_id="x",
            symbol=intent.symbol if intent is not None else BTC.symbol,
            state=state,
            filled_quantity=self._part(order_id),
            side=intent.side if intent is not None else self._random.choice(list(Side)),
            type=intent.type if intent is not None else OrderType.LIMIT,
            quantity=intent.quantity if intent is not None else D(1),
            fills=tuple(fill for fill in shown if fill.client_order_id == order_id),
            triggered=self._random.random() < 0.1,
        )
