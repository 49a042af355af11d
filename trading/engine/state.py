"""All that the engine knows: keyed, immutable records, and the list of those that changed since the last commit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from trading.domain.decisions import Decision
from trading.domain.errors import InvariantViolated
from trading.domain.orders import Fill, Order
from trading.domain.positions import Account, Correction, Position
from trading.safety.breaker import BreakerState, Trip

FINISHED_ORDERS_KEPT = 2_000


class SymbolState(msgspec.Struct, frozen=True, kw_only=True):
    """Where one symbol's feed stands: the last candle handled (close time, UTC ms) and its close price."""

    symbol: str
    last_close_ms: int
    price: Decimal


class SafetyState(msgspec.Struct, frozen=True, kw_only=True):
    """The latches and counters of the safety layers, as they survive a restart.

    paused / halted / killed: empty, or why. pause_code, halt_code: what tripped; empty where a person did it. Of a halt
    there may be several causes: their codes are joined by commas. The counters are those that the circuit breaker
    looks at.
    """

    paused: str = ""
    pause_code: str = ""
    halted: str = ""
    halt_code: str = ""
    killed: str = ""
    losing_streak: int = 0
    order_failures: int = 0

    @property
    def halt_codes(self) -> tuple[str, ...]:
        """The causes of the halt."""
        return tuple(self.halt_code.split(",")) if self.halt_code else ()

    def with_halt(self, code: str, text: str) -> SafetyState:
        """Halted by this cause too; itself where it is so already."""
        if code in self.halt_codes:
            return self
        return replace(
            self,
            halted=f"{self.halted}; {text}" if self.halted else text,
            halt_code=",".join((*self.halt_codes, code)),
        )


Undo = Callable[[], None]
Record = Account | Position | Order | Fill | Correction | Decision | SymbolState | SafetyState | BreakerState | Trip


class EngineState:
    """The engine's memory. `put` is the only way to change it, and notes the change for the journal.

    account: None until the first account snapshot. positions: the open one of each symbol. orders: all live ones and
    the last `FINISHED_ORDERS_KEPT` finished ones. trades: booked trade ids of each order in `orders`.
    """

    def __init__(self, bot_id: str) -> None:
        self.bot_id = bot_id
        self.now_ms = 0
        self.account: Account | None = None
        self.safety = SafetyState()
        self.breaker = BreakerState()
        self.positions: dict[str, Position] = {}
        self.symbols: dict[str, SymbolState] = {}
        self.orders: dict[str, Order] = {}
        self.live: dict[str, dict[str, Order]] = {}
        self.trades: dict[str, set[str]] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._changes: list[Record] = []
        self._undo: list[Undo] = []
        self._committed_ms = 0
        self._keepers: dict[type, Callable[[Any], Undo]] = {
            Order: self._keep_order,
            Position: self._keep_position,
            SymbolState: self._keep_symbol,
            Fill: self._keep_fill,
            Account: self._keep_account,
            SafetyState: self._keep_safety,
            BreakerState: self._keep_breaker,
            Correction: self._keep_nothing,
            Decision: self._keep_nothing,
            Trip: self._keep_nothing,
        }

    def put(self, record: Record) -> None:
        """Replace the record of the same key, and note the change."""
        self._undo.append(self._keepers[type(record)](record))
        self._changes.append(record)

    def restore(self, records: Iterable[Record]) -> None:
        """Take records from a journal, without noting them as changes."""
        for record in records:
            self._keepers[type(record)](record)
        self._forget_old_orders()
        times = [s.last_close_ms for s in self.symbols.values()]
        times.extend(order.updated_ms for order in self.orders.values())
        known = self.breaker
        times.extend((known.cause_ms, *known.loss_times, *known.api_error_times))
        self.now_ms = self._committed_ms = max(times, default=0)

    def take_changes(self) -> list[Record]:
        """The changes since the last call, in order; a record that changed twice is in it twice.

        They can no longer be rolled back: this is called once they are committed, or where nothing is.
        """
        changes, self._changes = self._changes, []
        self._undo.clear()
        self._committed_ms = self.now_ms
        self._forget_old_orders()
        return changes

    @property
    def changes(self) -> list[Record]:
        """The changes since the last `take_changes`, in order. Not a copy."""
        return self._changes

    def rollback(self) -> None:
        """Take back every change since the last `take_changes`, the time too: what was not committed was not done."""
        while self._undo:
            self._undo.pop()()
        self._changes = []
        self.now_ms = self._committed_ms

    def live_orders(self, symbol: str) -> list[Order]:
        """Orders of the symbol that are not settled: they may rest, or have fills still to be booked."""
        orders = self.live.get(symbol)
        return list(orders.values()) if orders else []

    def all_live_orders(self) -> list[Order]:
        """The live orders of every symbol. Another thread may ask too: it reads copies."""
        return [order for orders in list(self.live.values()) for order in list(orders.values())]

    def order_of_trade(self, symbol: str, trade_id: str) -> str | None:
        """The id of the order that the trade was booked on, None where it was not booked (or is long forgotten)."""
        return self._owners.get((symbol, trade_id))

    def records(self) -> list[Record]:
        """Every record held, in a fixed order: what a restart must find again."""
        found: list[Record] = []
        if self.account is not None:
            found.append(self.account)
        found.append(self.safety)
        found.append(self.breaker)
        found.extend(self.symbols[s] for s in sorted(self.symbols))
        found.extend(self.positions[s] for s in sorted(self.positions))
        found.extend(self.orders[o] for o in sorted(self.orders))
        return found

    # Each takes a record in and returns what puts things back as they were.

    def _keep_order(self, order: Order) -> Undo:
        order_id, symbol = order.id, order.intent.symbol
        before = self.orders.get(order_id)
        if before is not None and before.state.is_final and order.state is not before.state:
            raise InvariantViolated(f"order {order_id} would leave {before.state} for {order.state}")
        self.orders[order_id] = order
        live = self.live.setdefault(symbol, {})
        if order.is_settled:
            live.pop(order_id, None)
            self._finished[order_id] = None
        else:
            # A fill reported late makes a finished order live again: it must not be forgotten as an old one.
            self._finished.pop(order_id, None)
            live[order_id] = order
        return partial(self._undo_order, order_id, symbol, before)

    def _keep_position(self, position: Position) -> Undo:
        symbol = position.symbol
        before = self.positions.get(symbol)
        if not position.is_closed:
            self.positions[symbol] = position
        elif before is not None and before.id == position.id:
            del self.positions[symbol]
        return partial(_put_back, self.positions, symbol, before)

    def _keep_symbol(self, symbol: SymbolState) -> Undo:
        before = self.symbols.get(symbol.symbol)
        self.symbols[symbol.symbol] = symbol
        return partial(_put_back, self.symbols, symbol.symbol, before)

    def _keep_fill(self, fill: Fill) -> Undo:
        key = (fill.symbol, fill.trade_id)
        if key in self._owners:
            raise InvariantViolated(f"trade {fill.trade_id} of {fill.symbol} booked twice")
        self._owners[key] = fill.client_order_id
        self.trades.setdefault(fill.client_order_id, set()).add(fill.trade_id)
        return partial(self._undo_fill, fill)

    def _keep_account(self, account: Account) -> Undo:
        before, self.account = self.account, account
        return partial(setattr, self, "account", before)

    def _keep_safety(self, safety: SafetyState) -> Undo:
        before, self.safety = self.safety, safety
        return partial(setattr, self, "safety", before)

    def _keep_breaker(self, breaker: BreakerState) -> Undo:
        before, self.breaker = self.breaker, breaker
        return partial(setattr, self, "breaker", before)

    def _keep_nothing(self, record: Correction | Decision | Trip) -> Undo:
        """It is for the journal alone."""
        return _nothing

    def _forget_old_orders(self) -> None:
        while len(self._finished) > FINISHED_ORDERS_KEPT:
            oldest, _ = self._finished.popitem(last=False)
            order = self.orders.pop(oldest)
            for trade_id in self.trades.pop(oldest, ()):
                del self._owners[order.intent.symbol, trade_id]

    def _undo_order(self, order_id: str, symbol: str, before: Order | None) -> None:
        _put_back(self.orders, order_id, before)
        live = self.live.setdefault(symbol, {})
        if before is None or before.is_settled:
            live.pop(order_id, None)
        else:
            live[order_id] = before
        if before is None or not before.is_settled:
            self._finished.pop(order_id, None)
        else:
            self._finished[order_id] = None

    def _undo_fill(self, fill: Fill) -> None:
        del self._owners[fill.symbol, fill.trade_id]
        seen = self.trades[fill.client_order_id]
        seen.discard(fill.trade_id)
        if not seen:
            del self.trades[fill.client_order_id]


K = TypeVar("K")
V = TypeVar("V")


def _put_back(mapping: dict[K, V], key: K, before: V | None) -> None:
    if before is None:
        mapping.pop(key, None)
    else:
        mapping[key] = before


def _nothing() -> None:
    """A record that the engine does not keep needs no undoing."""
