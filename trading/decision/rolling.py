"""The signals of a live feed: a bounded window of candles per symbol, and the same computation over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from trading.decision.analysts import Analyst, default_analysts
from trading.decision.bars import BLOCK_CANDLES, WARMUP_CANDLES, Bars, anchor_of, window_of
from trading.decision.features import FeatureMatrix, compute_features
from trading.decision.params import StrategyParams
from trading.decision.regime import REGIMES
from trading.decision.voting import VERDICTS, Panel
from trading.domain.candles import Candle
from trading.domain.decisions import Signal
from trading.domain.errors import InvalidInput

CAPACITY = WARMUP_CANDLES + 2 * BLOCK_CANDLES
"""Rows kept per symbol: the window of any candle of a block, and a block more, so that rows are moved rarely."""


class RollingSignals:
    """A `SignalSource` for one candle after the other, with votes. Equal to `compute_signals` over the whole history.

    Before the first signal it needs history: `warm_up` with the last HISTORY_CANDLES candles of each symbol.
    """

    def __init__(self, params: StrategyParams, interval_ms: int, analysts: Sequence[Analyst] | None = None) -> None:
        """Raises `InvalidInput` where an analyst has no weights in `params`."""
        self.interval_ms = interval_ms
        self._panel = Panel(params, default_analysts() if analysts is None else analysts)
        self._windows: dict[str, _Window] = {}
        self._together: tuple[Candle, ...] = ()
        self._signals: dict[tuple[str, int], Signal | None] = {}

    def expect(self, candles: Sequence[Candle]) -> None:
        """These are the next ones. They are voted on together, when the first is asked for: that costs a fraction."""
        self._together = tuple(candles)

    def warm_up(self, candles: Iterable[Candle]) -> None:
        """Take history without computing signals: each symbol's candles sorted. Those known already are passed over."""
        for candle in candles:
            window = self._window(candle)
            if window.is_new(candle):
                window.append(candle)

    def on_candle(self, candle: Candle) -> Signal | None:
        """See `SignalSource`. The last candles may be asked for again, as by an engine rebuilt after a failed commit.

        Raises:
            InvalidInput: for a candle older than the last one that is not known or whose window is no longer held.
        """
        key = (candle.symbol, candle.open_time_ms)
        if key not in self._signals or candle not in self._together:
            self._signals = self._vote_on(candle)
        return self._signals[key]

    def _vote_on(self, asked: Candle) -> dict[tuple[str, int], Signal | None]:
        """The signals of the candle that is asked for and of those that were expected with it."""
        found: dict[tuple[str, int], Signal | None] = {}
        matrices: list[FeatureMatrix] = []
        voted: list[tuple[str, int]] = []
        for candle in self._together if asked in self._together else (asked,):
            try:
                bars = self._bars_of(candle)
            except InvalidInput:
                if candle == asked:
                    raise
                continue  # it is told when it is asked for
            key = (candle.symbol, candle.open_time_ms)
            found[key] = None
            if bars is not None:
                matrices.append(compute_features(bars, 1))
                voted.append(key)
        if not voted:
            return found
        features = FeatureMatrix.stacked(matrices)
        ballot = self._panel.vote(features)
        for row, key in enumerate(voted):
            found[key] = Signal(
                verdict=VERDICTS[ballot.verdict[row]],
                score=float(ballot.score[row]),
                confidence=float(ballot.confidence[row]),
                regime=REGIMES[ballot.regime[row]].value,
                atr=features.at(row, "atr_14"),
                votes=self._panel.votes_at(features, ballot, row),
            )
        return found

    def _bars_of(self, candle: Candle) -> Bars | None:
        window = self._window(candle)
        if window.is_new(candle):
            window.append(candle)
        return window.bars_of(candle)

    def _window(self, candle: Candle) -> _Window:
        if candle.interval_ms != self.interval_ms:
            raise InvalidInput(f"{candle.symbol} interval_ms", candle.interval_ms, f"{self.interval_ms}, as configured")
        window = self._windows.get(candle.symbol)
        if window is None:
            window = self._windows[candle.symbol] = _Window(candle)
        return window


class _Window:
    """The last candles of one symbol in arrays of CAPACITY rows, of which the first `rows` are in use."""

    def __init__(self, first: Candle) -> None:
        self._interval_ms = first.interval_ms
        self._known_from = first.open_time_ms // first.interval_ms
        self._held_from = self._known_from
        self._last_ms = first.open_time_ms - 1
        self._rows = 0
        columns = np.empty((5, CAPACITY))
        self._bars = Bars(np.empty(CAPACITY, dtype=np.int64), *columns)

    def is_new(self, candle: Candle) -> bool:
        """Whether it is later than all that were taken."""
        return candle.open_time_ms > self._last_ms

    def append(self, candle: Candle) -> None:
        """Take the next candle."""
        if self._rows == CAPACITY:
            self._drop_old(candle.open_time_ms // self._interval_ms)
        row, bars = self._rows, self._bars
        bars.open_time_ms[row] = self._last_ms = candle.open_time_ms
        bars.open[row] = float(candle.open)
        bars.high[row] = float(candle.high)
        bars.low[row] = float(candle.low)
        bars.close[row] = float(candle.close)
        bars.volume[row] = float(candle.volume)
        self._rows = row + 1

    def bars_of(self, candle: Candle) -> Bars | None:
        """The candle's window, as views, the candle last; None while it is not warm."""
        times = self._bars.open_time_ms[: self._rows]
        row = int(np.searchsorted(times, candle.open_time_ms))
        anchor = anchor_of(candle.open_time_ms // self._interval_ms)
        start, warm = window_of(times, anchor, self._interval_ms, self._known_from)
        known = row < self._rows and times[row] == candle.open_time_ms
        dropped = anchor - WARMUP_CANDLES < self._held_from and self._known_from < self._held_from
        if not known or dropped:
            raise InvalidInput(
                f"{candle.symbol} candle open_time_ms", candle.open_time_ms, f"later than the last one, {self._last_ms}"
            )
        return self._bars.between(start, row + 1) if warm else None

    def _drop_old(self, next_index: int) -> None:
        """Move what the candle `next_index` and its successors can ask for to the front. That is at most a window."""
        first = anchor_of(next_index) - WARMUP_CANDLES
        times = self._bars.open_time_ms
        start = int(np.searchsorted(times, first * self._interval_ms))
        kept = self._bars.between(start, CAPACITY).copy()
        self._rows = len(kept)
        self._held_from = max(self._held_from, first)
        for name in ("open_time_ms", "open", "high", "low", "close", "volume"):
            getattr(self._bars, name)[: self._rows] = getattr(kept, name)
