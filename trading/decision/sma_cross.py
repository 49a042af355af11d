"""The simplest strategy: long while a fast average of the close is above a slow one. For benchmarks and docs."""

from __future__ import annotations

import numpy as np
import talib

from trading.decision.bars import CodeArray, FloatArray, IntArray, RowCursor
from trading.decision.voting import VERDICTS
from trading.domain.candles import Candle
from trading.domain.decisions import Signal, Verdict
from trading.domain.errors import InvalidInput


def cross_verdicts(fast: FloatArray, slow: FloatArray) -> CodeArray:
    """ENTER_LONG where `fast` crosses above `slow`, EXIT where it crosses below, else HOLD (codes of VERDICTS).

    A cross is on row t where fast > slow there, and not on the row before (below: fast < slow, and not before). There
    is none on the first row on which both are known, nor before it.
    """
    above, below = fast > slow, fast < slow
    known_before = np.isfinite(fast[:-1]) & np.isfinite(slow[:-1])
    codes = np.full(len(fast), VERDICTS.index(Verdict.HOLD), dtype=np.int8)
    codes[1:][known_before & above[1:] & ~above[:-1]] = VERDICTS.index(Verdict.ENTER_LONG)
    codes[1:][known_before & below[1:] & ~below[:-1]] = VERDICTS.index(Verdict.EXIT)
    return codes


class SmaCross:
    """A `SignalSource` over one symbol's whole history: the cross of two simple moving averages of the close.

    It has no votes and no regime, and its ATR is 0, so that only a fixed size can be traded on it. None before the slow
    average is known.
    """

    def __init__(
        self, symbol: str, open_time_ms: IntArray, close: FloatArray, *, fast: int = 20, slow: int = 50
    ) -> None:
        """Raises `InvalidInput` unless 1 < fast < slow.

        Args:
            open_time_ms: UTC ms, int64, rising. close: quote per base, of the same length.
            fast, slow: periods of the averages, in candles.
        """
        if not 1 < fast < slow:
            raise InvalidInput("SMA periods", (fast, slow), "1 < fast < slow")
        slow_average = talib.SMA(close, slow)
        codes = cross_verdicts(talib.SMA(close, fast), slow_average)
        # 3 stands for 'no signal'.
        codes[~np.isfinite(slow_average)] = len(VERDICTS)
        self._codes = codes.tobytes()
        self._cursor = RowCursor(open_time_ms)
        self._symbol = symbol
        self._signals: tuple[Signal | None, ...] = (*(_signal(verdict) for verdict in VERDICTS), None)

    def on_candle(self, candle: Candle) -> Signal | None:
        """See `SignalSource`. Raises `InvalidInput` for a candle that the history does not hold."""
        if candle.symbol != self._symbol:
            raise InvalidInput("candle symbol", candle.symbol, self._symbol)
        return self._signals[self._codes[self._cursor.row_of(candle.open_time_ms)]]


def _signal(verdict: Verdict) -> Signal:
    score = {Verdict.ENTER_LONG: 1.0, Verdict.EXIT: -1.0, Verdict.HOLD: 0.0}[verdict]
    return Signal(verdict=verdict, score=score, confidence=1.0, regime="", atr=0.0)
