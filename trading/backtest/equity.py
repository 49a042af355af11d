"""One point of a backtest's equity curve."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class EquityPoint(NamedTuple):
    """The bot's worth (quote) at the close of a candle (UTC ms)."""

    time_ms: int
    equity: Decimal
