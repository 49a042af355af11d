"""Where the engine gets its signals: the same function of the candles, over history or over a rolling window."""

from __future__ import annotations

from typing import Protocol

from trading.domain.candles import Candle
from trading.domain.decisions import Signal


class SignalSource(Protocol):
    """Turns a closed candle into a signal. A pure function of the symbol's candles up to and with this one."""

    def on_candle(self, candle: Candle) -> Signal | None:
        """The signal on this candle's close, or None while there are too few candles before it."""
        ...
