"""The journal of a backtest: the same records, in lists."""

from __future__ import annotations

from collections import deque
from collections.abc import MutableSequence
from typing import TypeVar

from trading.domain.decisions import Decision
from trading.domain.orders import Fill, Order
from trading.domain.positions import Account, Correction, Position
from trading.engine.state import Record
from trading.store.batch import Batch, EquityPoint

T = TypeVar("T")


class MemoryJournal:
    """Keeps what a report needs, and forgets candles, events and idle decisions.

    Args:
        limit: how many of each kind to keep, the newest ones; None keeps all. Open positions and orders that are not
            settled are always kept.

    Attributes:
        orders: the last version of each order, by id. closed: closed positions that ever held anything, in order of
        closing. positions: the open ones, by id.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.account: Account | None = None
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self.closed: MutableSequence[Position] = self._new()
        self.fills: MutableSequence[Fill] = self._new()
        self.corrections: MutableSequence[Correction] = self._new()
        self.decisions: MutableSequence[Decision] = self._new()
        self.equity: MutableSequence[EquityPoint] = self._new()
        self._settled: dict[str, None] = {}

    def load(self) -> list[Record]:
        """Nothing: a backtest begins anew."""
        return []

    def commit(self, batch: Batch) -> None:
        """Keep the batch."""
        self.equity.extend(batch.equity)
        for record in batch.changes:
            match record:
                case Decision():
                    if not record.is_idle:
                        self.decisions.append(record)
                case Order():
                    self._keep_order(record)
                case Position():
                    self._keep_position(record)
                case Fill():
                    self.fills.append(record)
                case Correction():
                    self.corrections.append(record)
                case Account():
                    self.account = record

    def close(self) -> None:
        """Nothing to let go of; what was kept can still be read."""

    def _new(self) -> MutableSequence[T]:
        return [] if self.limit is None else deque(maxlen=self.limit)

    def _keep_order(self, order: Order) -> None:
        self.orders[order.id] = order
        if self.limit is None:
            return
        self._settled.pop(order.id, None)
        if order.is_settled:
            self._settled[order.id] = None
            if len(self._settled) > self.limit:
                oldest = next(iter(self._settled))
                del self._settled[oldest]
                del self.orders[oldest]

    def _keep_position(self, position: Position) -> None:
        if not position.is_closed:
            self.positions[position.id] = position
            return
        self.positions.pop(position.id, None)
        if position.bought or position.sold or position.adjusted:
            self.closed.append(position)
