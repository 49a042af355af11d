"""Signals over history: features, analysts and vote, block after block, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from trading.decision.analysts import Analyst, default_analysts
from trading.decision.bars import (
    BLOCK_CANDLES,
    WARMUP_CANDLES,
    Bars,
    BoolArray,
    CodeArray,
    FloatArray,
    IntArray,
    anchor_of,
    window_of,
)
from trading.decision.features import FeatureMatrix, compute_features
from trading.decision.params import StrategyParams
from trading.decision.regime import REGIMES
from trading.decision.voting import VERDICTS, Ballot, Panel
from trading.domain.decisions import Signal, Verdict, Vote
from trading.domain.errors import InvalidInput

_REGIME_NAMES: tuple[str, ...] = tuple(regime.value for regime in REGIMES)
GROUP_BLOCKS = 32
"""So many blocks are voted on at a time: enough rows for numpy, few enough for the processor's cache."""


class _Block(NamedTuple):
    """Rows [start, stop) of one warm block, and the first row of their window."""

    window: int
    start: int
    stop: int


class SignalTable:
    """The signals of some candles of one symbol, one row each. Made by `compute_signals` and `SignalStream.push`.

    Arrays of shape (n,): open_time_ms; verdict (codes of VERDICTS); score; confidence; regime (codes of REGIMES); atr
    (quote per base); warm (False: too few candles before it, no signal, the other columns are 0).
    """

    def __init__(self, symbol: str, panel: Panel, bars: Bars, first: int, blocks: Sequence[_Block]) -> None:
        """Fill the columns. `bars`: the table's rows from `first` on, before them the history that they need."""
        rows = len(bars) - first
        self.symbol = symbol
        self.open_time_ms: IntArray = bars.open_time_ms[first:]
        self.verdict: CodeArray = np.zeros(rows, dtype=np.int8)
        self.score: FloatArray = np.zeros(rows)
        self.confidence: FloatArray = np.zeros(rows)
        self.regime: CodeArray = np.zeros(rows, dtype=np.int8)
        self.atr: FloatArray = np.zeros(rows)
        self.warm: BoolArray = np.zeros(rows, dtype=np.bool_)
        self._panel = panel
        self._bars = bars
        self._first = first
        self._blocks = blocks
        self._block_starts = np.array([block.start for block in blocks], dtype=np.int64)
        self._explained: tuple[_Block, FeatureMatrix, Ballot] | None = None
        for group in range(0, len(blocks), GROUP_BLOCKS):
            self._fill(blocks[group : group + GROUP_BLOCKS])
        # Single elements are read much faster from memory views than from arrays.
        columns = (self.warm, self.verdict, self.score, self.confidence, self.regime, self.atr)
        self._views = tuple(memoryview(column.data) for column in columns)

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def says(self, verdict: Verdict) -> BoolArray:
        """Which rows have a signal of this verdict, shape (n,)."""
        found: BoolArray = self.warm & (self.verdict == VERDICTS.index(verdict))
        return found

    def signal_at(self, row: int, explain: bool = True) -> Signal | None:
        """The signal of a row (None where it is not warm). With `explain`, its votes and reasons are worked out."""
        signal = self.plain_signal(row)
        return msgspec.structs.replace(signal, votes=self.votes_at(row)) if signal is not None and explain else signal

    def plain_signal(self, row: int) -> Signal | None:
        """The signal of a row without votes, None where it is not warm."""
        warm, verdict, score, confidence, regime, atr = self._views
        if not warm[row]:
            return None
        return Signal(
            verdict=VERDICTS[verdict[row]],
            score=score[row],
            confidence=confidence[row],
            regime=_REGIME_NAMES[regime[row]],
            atr=atr[row],
        )

    def votes_at(self, row: int) -> tuple[Vote, ...]:
        """The votes of a warm row. The features of the block asked for last are kept."""
        bar = self._first + row
        if self._explained is None or not self._explained[0].start <= bar < self._explained[0].stop:
            block = self._blocks[int(np.searchsorted(self._block_starts, bar, side="right")) - 1]
            features = self._features(block)
            self._explained = (block, features, self._panel.vote(features))
        block, features, ballot = self._explained
        return self._panel.votes_at(features, ballot, bar - block.start)

    def _features(self, block: _Block) -> FeatureMatrix:
        return compute_features(self._bars.between(block.window, block.stop), block.stop - block.start)

    def _fill(self, blocks: Sequence[_Block]) -> None:
        features = FeatureMatrix.empty(sum(block.stop - block.start for block in blocks))
        rows = np.empty(len(features), dtype=np.int64)
        filled = 0
        for block in blocks:
            end = filled + block.stop - block.start
            features.values[filled:end] = self._features(block).values
            rows[filled:end] = np.arange(block.start, block.stop) - self._first
            filled = end
        ballot = self._panel.vote(features)
        self.verdict[rows] = ballot.verdict
        self.score[rows] = ballot.score
        self.confidence[rows] = ballot.confidence
        self.regime[rows] = ballot.regime
        self.atr[rows] = features["atr_14"]
        self.warm[rows] = True


class SignalStream:
    """Computes the signals of one symbol's candles chunk by chunk, keeping only the history that the next chunk needs.

    The chunks may be cut anywhere: their tables, laid end to end, are the table of the whole.
    """

    def __init__(
        self, symbol: str, interval_ms: int, params: StrategyParams, analysts: Sequence[Analyst] | None = None
    ) -> None:
        """Raises `InvalidInput` where an analyst has no weights in `params`."""
        self.symbol = symbol
        self.interval_ms = interval_ms
        self._panel = Panel(params, default_analysts() if analysts is None else analysts)
        self._tail: Bars | None = None
        self._known_from = 0

    def push(self, bars: Bars) -> SignalTable:
        """The signals of these candles, which follow those pushed before. Raises `InvalidInput` on unusable ones."""
        bars.check(self.interval_ms)
        if not len(bars):
            return SignalTable(self.symbol, self._panel, bars, 0, ())
        if self._tail is None:
            self._known_from = int(bars.open_time_ms[0]) // self.interval_ms
            joined, first = bars, 0
        else:
            last_ms = int(self._tail.open_time_ms[-1])
            if bars.open_time_ms[0] <= last_ms:
                raise InvalidInput("open_time_ms[0]", int(bars.open_time_ms[0]), f"later than the last, {last_ms}")
            joined, first = self._tail.then(bars), len(self._tail)
        table = SignalTable(self.symbol, self._panel, joined, first, self._warm_blocks(joined.open_time_ms, first))
        last_index = int(joined.open_time_ms[-1]) // self.interval_ms
        needed_ms = (anchor_of(last_index) - WARMUP_CANDLES) * self.interval_ms
        self._tail = joined.between(int(np.searchsorted(joined.open_time_ms, needed_ms)), len(joined)).copy()
        return table

    def _warm_blocks(self, open_time_ms: IntArray, first: int) -> list[_Block]:
        """The blocks of the rows from `first` on, those that are warm."""
        anchors = open_time_ms[first:] // (self.interval_ms * BLOCK_CANDLES) * BLOCK_CANDLES
        starts = [first, *(np.flatnonzero(np.diff(anchors)) + 1 + first).tolist()]
        blocks: list[_Block] = []
        for start, stop in zip(starts, [*starts[1:], len(open_time_ms)], strict=True):
            window, warm = window_of(open_time_ms, int(anchors[start - first]), self.interval_ms, self._known_from)
            if warm:
                blocks.append(_Block(window, start, stop))
        return blocks


def compute_signals(
    symbol: str,
    bars: Bars,
    interval_ms: int,
    params: StrategyParams,
    analysts: Sequence[Analyst] | None = None,
) -> SignalTable:
    """The signals of a whole history at once. For one that does not fit in memory see `SignalStream`.

    Args:
        bars: candles, sorted, gaps allowed, open times multiples of `interval_ms`.
        analysts: who votes; `default_analysts()` unless given. Each needs weights in `params`.

    Raises:
        InvalidInput: on arrays that cannot be candles, or an analyst without weights.
    """
    return SignalStream(symbol, interval_ms, params, analysts).push(bars)
