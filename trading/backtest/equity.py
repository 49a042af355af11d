"""One point of a backtest's equity curve."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class EquityPoint(msgspec.Struct, frozen=True, gc=False):
    """The bot's worth (quote) at the close of a candle (UTC ms). There are many: the garbage collector passes by."""

    time_ms: int
    equity: Decimal
