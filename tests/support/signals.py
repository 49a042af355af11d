"""Sources of signals for tests: one that says what it is told to, one that says what its seed tells it."""

from __future__ import annotations

from random import Random

from tests.support.builders import signal
from trading.domain.candles import Candle
from trading.domain.decisions import Signal, Verdict


class ScriptedSignals:
    """Says what the script has for a candle, by (symbol, open time); else the one in `coming`, once; else None."""

    def __init__(self, script: dict[tuple[str, int], Signal] | None = None) -> None:
        self.script = script or {}
        self.coming: Signal | None = None

    def on_candle(self, candle: Candle) -> Signal | None:
        """See `SignalSource`."""
        coming, self.coming = self.coming, None
        return self.script.get((candle.symbol, candle.open_time_ms), coming)


class RandomSignals:
    """Enters, exits or holds at random: a pure function of seed, symbol and time, so that candles may be left out.

    enter, exit_: how likely each is on any candle. atr_pct: the ATR is 0.2 to 2 times so many percent of the price.
    """

    def __init__(self, seed: int, *, enter: float = 0.2, exit_: float = 0.1, atr_pct: float = 1.0) -> None:
        self._seed = seed
        self._enter = enter
        self._exit = exit_
        self._atr_pct = atr_pct

    def verdict(self, symbol: str, open_time_ms: int) -> Verdict | None:
        """What it says of the candle that opens then, None while 'too few candles' are before it."""
        throw = Random(f"{self._seed}|{symbol}|{open_time_ms}").random()
        if throw < self._enter:
            return Verdict.ENTER_LONG
        if throw < self._enter + self._exit:
            return Verdict.EXIT
        return Verdict.HOLD if throw < 0.95 else None

    def on_candle(self, candle: Candle) -> Signal | None:
        """See `SignalSource`."""
        verdict = self.verdict(candle.symbol, candle.open_time_ms)
        if verdict is None:
            return None
        share = Random(f"atr|{self._seed}|{candle.symbol}|{candle.open_time_ms}").uniform(0.2, 2.0)
        return signal(verdict, float(candle.close) * self._atr_pct / 100 * share)
