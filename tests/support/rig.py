"""An engine on a bench: every event is put in by hand, one short line each, and the books are checked after each."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import count
from typing import TypeVar

from tests.support.builders import BOT, BTC, ENTER, MINUTE, T0, candle, config
from tests.support.checked_engine import CheckedEngine
from tests.support.signals import ScriptedSignals
from trading.domain.actions import Action, CancelOrder, FetchAccount, Notify, QueryOrder, SubmitOrder
from trading.domain.decisions import Decision, Signal
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
    Started,
)
from trading.domain.orders import Fill, Order, OrderIntent, OrderState, Purpose
from trading.domain.positions import Balance, Correction, Position
from trading.engine.config import EngineConfig
from trading.engine.state import EngineState, Record

A = TypeVar("A", bound=Action)
R = TypeVar("R", bound=Record)


class Rig:
    """One engine, its time, what it asked for in the last event (`actions`) and all it ever recorded (`records`)."""

    def __init__(self, settings: EngineConfig | None = None, state: EngineState | None = None) -> None:
        self.signals = ScriptedSignals()
        self.engine = CheckedEngine(settings or config(), self.signals, state)
        self.now = max(T0, self.engine.state.now_ms)
        self.actions: list[Action] = []
        self.records: list[Record] = []
        self._minute = 0
        self._trade = count(1)

    @classmethod
    def started(cls, settings: EngineConfig | None = None, **balances: str) -> Rig:
        """A rig whose engine has read the account: 10,000 USDT unless other balances are given."""
        rig = cls(settings)
        rig.send(Started(time_ms=rig.now, bot_id=BOT))
        rig.snapshot(**(balances or {"USDT": "10000"}))
        return rig

    @classmethod
    def holding(
        cls, quantity: str = "10", price: str = "100", settings: EngineConfig | None = None, *, owners: str = "0"
    ) -> Rig:
        """A rig that has bought at `price`, with its stop acknowledged, beside so many coins of the owner."""
        rig = cls.started(settings, USDT="10000", BTC=owners)
        rig.fill(rig.entered(price), quantity, price)
        rig.accept(rig.one(Purpose.STOP))
        return rig

    def restarted(
        self, settings: EngineConfig | None = None, *, records: Iterable[Record] | None = None, at_ms: int | None = None
    ) -> Rig:
        """The same bot in a new process, which has asked for the account: what the journal has, and nothing else.

        records: what that is, if not all of the state. at_ms: what its clock says, if not the journal's time.
        """
        state = EngineState(BOT)
        state.restore(self.engine.state.records() if records is None else records)
        again = Rig(settings or self.engine.config, state)
        again._minute, again._trade = self._minute, self._trade
        again.now = again.now if at_ms is None else at_ms
        again.send(Started(time_ms=again.now, bot_id=BOT))
        return again

    # -- events

    def send(self, event: Event) -> list[Action]:
        """Have the engine handle the event, as if what it changed were committed at once."""
        self.now = max(self.now, event.time_ms)
        self.actions = self.engine.handle(event)
        self.records += self.engine.state.take_changes()
        return self.actions

    def tick(self, ms: int) -> list[Action]:
        """Time goes on by `ms`."""
        return self.send(ClockTick(time_ms=self.now + ms))

    def candle(self, close: str, *, say: Signal | None = None, **more: str) -> list[Action]:
        """The next minute's candle (see `builders.candle`); `say` is the signal on it. ENTER needs a fresh candle."""
        self.signals.coming = say
        if say is ENTER:
            self._minute = max(self._minute, -((T0 - self.now) // MINUTE) - 1)
        shown = candle(self._minute, close, **more)
        self._minute += 1
        return self.send(CandleClosed(time_ms=shown.close_time_ms, candle=shown))

    def entered(self, price: str = "100", symbol: str = BTC.symbol) -> str:
        """A candle on which the engine sends an entry; the entry's id, accepted."""
        self.candle(price, say=ENTER, symbol=symbol)
        (intent,) = self.submitted()
        assert intent.purpose is Purpose.ENTRY
        self.accept(intent.client_order_id)
        return intent.client_order_id

    def accept(self, order_id: str) -> list[Action]:
        """The exchange takes the order."""
        return self.send(OrderAccepted(time_ms=self.now, client_order_id=order_id, exchange_order_id=f"x{order_id}"))

    def reject(self, order_id: str, code: str = "-2010", *, duplicate: bool = False) -> list[Action]:
        """The exchange refuses the order; as a `duplicate`, because it has one of this id."""
        return self.send(
            OrderRejected(time_ms=self.now, client_order_id=order_id, code=code, message="refused", duplicate=duplicate)
        )

    def unknown(self, order_id: str) -> list[Action]:
        """The answer to the order is lost."""
        return self.send(OrderUnknown(time_ms=self.now, client_order_id=order_id, message="time-out"))

    def a_fill(self, order_id: str, quantity: str, price: str, fee: str = "0", coin: str = "USDT", **more: str) -> Fill:
        """A fill of an order that the engine knows, with a trade id of its own unless `trade` gives one."""
        intent = self.order(order_id).intent
        return Fill(
            trade_id=more.get("trade") or str(next(self._trade)),
            client_order_id=order_id,
            symbol=intent.symbol,
            side=intent.side,
            price=Decimal(price),
            quantity=Decimal(quantity),
            fee=Decimal(fee),
            fee_coin=coin,
            time_ms=self.now,
            fee_value=Decimal(more["worth"]) if "worth" in more else None,
        )

    def fill(
        self, order_id: str, quantity: str, price: str, fee: str = "0", coin: str = "USDT", **more: str
    ) -> list[Action]:
        """The order fills, in whole or in part."""
        return self.send(OrderFilled(time_ms=self.now, fill=self.a_fill(order_id, quantity, price, fee, coin, **more)))

    def triggered(self, order_id: str) -> list[Action]:
        """The stop's price is reached."""
        return self.send(OrderTriggered(time_ms=self.now, client_order_id=order_id))

    def cancelled(self, order_id: str, filled: str = "0", *, expired: bool = False) -> list[Action]:
        """The order rests no longer."""
        return self.send(
            OrderCanceled(time_ms=self.now, client_order_id=order_id, filled_quantity=Decimal(filled), expired=expired)
        )

    def cancel_rejected(self, order_id: str) -> list[Action]:
        """The exchange will not cancel the order."""
        return self.send(CancelRejected(time_ms=self.now, client_order_id=order_id, code="-2011", message="unknown"))

    def cancel_unknown(self, order_id: str) -> list[Action]:
        """The answer to the cancel is lost."""
        return self.send(CancelUnknown(time_ms=self.now, client_order_id=order_id, message="time-out"))

    def report(self, order_id: str, state: OrderState, filled: str = "0", *fills: Fill) -> OrderReport:
        """The order as the exchange would show it."""
        intent = self.order(order_id).intent
        return OrderReport(
            client_order_id=order_id,
            exchange_order_id=f"x{order_id}",
            symbol=intent.symbol,
            state=state,
            filled_quantity=Decimal(filled),
            side=intent.side,
            type=intent.type,
            quantity=intent.quantity,
            stop_price=intent.stop_price,
            fills=fills,
        )

    def filled_entry(self) -> OrderReport:
        """The position's only entry, filled, as the exchange would show it; alone in a snapshot, nothing rests."""
        (entry,) = (o for o in self.engine.state.orders.values() if o.intent.purpose is Purpose.ENTRY)
        return self.report(entry.id, OrderState.FILLED, str(entry.intent.quantity))

    def found(self, order_id: str, state: OrderState, filled: str = "0", *fills: Fill) -> list[Action]:
        """The answer to a question: this is the order."""
        return self.send(OrderFound(time_ms=self.now, report=self.report(order_id, state, filled, *fills)))

    def absent(self, order_id: str, *, conclusive: bool = True) -> list[Action]:
        """The answer to a question: there is no such order."""
        return self.send(OrderAbsent(time_ms=self.now, client_order_id=order_id, conclusive=conclusive))

    def snapshot(self, *reports: OrderReport, **balances: str) -> list[Action]:
        """The answer to the last `FetchAccount`.

        Without `reports` it shows every acknowledged order as the engine has it; without `balances` what the engine
        holds.
        """
        return self.send(
            AccountSnapshot(
                time_ms=self.now,
                token=self.token,
                balances={c: Balance(Decimal(a)) for c, a in balances.items()} or self._own_balances(),
                orders=reports or self._own_reports(),
            )
        )

    def snapshot_again(self, *reports: OrderReport, **balances: str) -> list[Action]:
        """The account is asked for, and this is the answer."""
        self.command(CommandKind.RECONCILE)
        if not self.fetched():  # the question before is still open
            self.tick(self.engine.config.timing.account_ms)
        return self.snapshot(*reports, **balances)

    def recorded_fill(self, order_id: str) -> Fill:
        """The one fill of this order."""
        (fill,) = [fill for fill in self.recorded(Fill) if fill.client_order_id == order_id]
        return fill

    def command(self, kind: CommandKind, target: str = "", reason: str = "") -> list[Action]:
        """An operator's command."""
        return self.send(Command(time_ms=self.now, id="command", kind=kind, by="owner", target=target, reason=reason))

    # -- what came of it

    def asked(self, kind: type[A]) -> list[A]:
        """The actions of this kind in answer to the last event."""
        return [action for action in self.actions if isinstance(action, kind)]

    def submitted(self) -> list[OrderIntent]:
        """The orders sent in answer to the last event."""
        return [action.order.value for action in self.asked(SubmitOrder)]

    def one(self, purpose: Purpose) -> str:
        """The id of the one order sent in answer to the last event, which is of this purpose."""
        (intent,) = self.submitted()
        assert intent.purpose is purpose
        return intent.client_order_id

    def leaving(self, **balances: str) -> str:
        """Close the position held in BTC/USDT up to the exit order; its id. Balances as in `snapshot`."""
        (stop,) = self.engine.state.live_orders(BTC.symbol)
        assert stop.intent.purpose is Purpose.STOP
        self.command(CommandKind.CLOSE_POSITION, BTC.symbol)
        self.cancelled(stop.id)
        self.snapshot(**balances)
        return self.one(Purpose.EXIT)

    def refused(self, times: int) -> None:
        """Close the position held in BTC/USDT; its sale is refused so often, a stop resting after each but the last."""
        exit_ = self.leaving()
        for _ in range(times - 1):
            self.reject(exit_, "-1013")
            stop = self.one(Purpose.STOP)
            self.accept(stop)
            self.tick(self.position.exit_retry_ms - self.now)
            self.cancelled(stop)
            self.snapshot()
            exit_ = self.one(Purpose.EXIT)
        self.reject(exit_, "-1013")

    def cancels(self) -> list[str]:
        """The ids of the orders whose cancel was asked for in answer to the last event."""
        return [action.client_order_id for action in self.asked(CancelOrder)]

    def queries(self) -> list[str]:
        """The ids of the orders that were asked about in answer to the last event."""
        return [action.client_order_id for action in self.asked(QueryOrder)]

    def fetched(self) -> bool:
        """Whether the account was asked for in answer to the last event."""
        return bool(self.asked(FetchAccount))

    @property
    def token(self) -> int:
        """The token of the question about the account in answer to the last event."""
        return self.asked(FetchAccount)[-1].token

    def notes(self) -> list[str]:
        """The codes of the notifications in answer to the last event."""
        return [action.code for action in self.asked(Notify)]

    def order(self, order_id: str) -> Order:
        """The order as the engine has it."""
        return self.engine.state.orders[order_id]

    def state_of(self, order_id: str) -> OrderState:
        """The order's state."""
        return self.order(order_id).state

    @property
    def position(self) -> Position:
        """The open position in BTC/USDT."""
        return self.engine.state.positions[BTC.symbol]

    @property
    def is_flat(self) -> bool:
        """Whether there is no position in BTC/USDT."""
        return BTC.symbol not in self.engine.state.positions

    @property
    def cash(self) -> Decimal:
        """The bot's cash."""
        assert self.engine.state.account is not None
        return self.engine.state.account.cash

    def recorded(self, kind: type[R]) -> list[R]:
        """All records of this kind, oldest first."""
        return [record for record in self.records if isinstance(record, kind)]

    def closed(self) -> Position:
        """The position that was closed last."""
        return [p for p in self.recorded(Position) if p.is_closed][-1]

    def veto(self) -> str:
        """The veto of the last decision."""
        return self.recorded(Decision)[-1].veto

    def corrections(self) -> list[Correction]:
        """All corrections."""
        return self.recorded(Correction)

    def _own_balances(self) -> dict[str, Balance]:
        state = self.engine.state
        held = {self.engine.config.instruments[s].base: Balance(p.quantity) for s, p in state.positions.items()}
        return {"USDT": Balance(self.cash), **held}

    def _own_reports(self) -> tuple[OrderReport, ...]:
        shown = (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
        return tuple(
            self.report(order.id, order.state, str(order.filled_quantity))
            for order in self.engine.state.all_live_orders()
            if order.state in shown
        )


__all__ = ["MINUTE", "Rig"]
