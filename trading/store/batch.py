"""What a driver hands to a journal, and what every journal can do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from trading.domain.actions import Notify
from trading.domain.candles import Candle
from trading.domain.events import Event
from trading.engine.state import Record


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the bot was worth at `time_ms` (UTC): equity = cash + exposure - fees paid from outside, all in quote."""

    time_ms: int
    equity: Decimal
    cash: Decimal
    exposure: Decimal


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One commit: what came in, and all that changed by it.

    time_ms: of the batch, given to its notifications. events: in order; candles, clock ticks and this process's own
    latches among them are not stored. changes: from `EngineState.take_changes`. candles: to be kept as market data.
    """

    time_ms: int
    events: Sequence[Event] = ()
    changes: Sequence[Record] = ()
    candles: Sequence[Candle] = ()
    equity: Sequence[EquityPoint] = ()
    notifications: Sequence[Notify] = ()


class AnyJournal(Protocol):
    """What a driver needs of a journal: the database's, or the backtest's in memory."""

    def load(self) -> list[Record]:
        """What `EngineState.restore` takes: all that the last commit left."""
        ...

    def commit(self, batch: Batch) -> None:
        """Keep the whole batch, or raise a `StoreError` and keep nothing of it."""
        ...

    def close(self) -> None:
        """Let go of everything. Called last."""
        ...
