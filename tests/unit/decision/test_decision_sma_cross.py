"""The SMA cross: ten candles by hand, and a plain loop on many."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.decision.decision_samples import SYMBOL, candles_of, market
from trading.decision.bars import Bars
from trading.decision.sma_cross import SmaCross, cross_verdicts
from trading.domain.errors import InvalidInput


def source_and_candles(bars: Bars, fast: int, slow: int) -> tuple[SmaCross, list[str | None]]:
    source = SmaCross(SYMBOL, bars.open_time_ms, bars.close, fast=fast, slow=slow)
    signals = [source.on_candle(candle) for candle in candles_of(bars)]
    return source, [None if signal is None else signal.verdict.value for signal in signals]


def bars_of(closes: list[float]) -> Bars:
    prices = np.array(closes, dtype=np.float64)
    times = np.arange(len(closes), dtype=np.int64) * 60_000
    return Bars(times, prices, prices, prices, prices, np.ones(len(closes)))


def test_ten_candles_by_hand() -> None:
    # close      10    10    10    13    13    13    10     8     8    12
    # SMA(2)      -    10    10  11.5    13    13  11.5     9     8    10
    # SMA(3)      -     -    10    11    12    13    12 10.33  8.67  9.33
    hold, enter, leave = "hold", "enter_long", "exit"
    _, verdicts = source_and_candles(bars_of([10, 10, 10, 13, 13, 13, 10, 8, 8, 12]), 2, 3)
    assert verdicts == [None, None, hold, enter, hold, hold, leave, hold, hold, enter]


def test_being_above_from_the_start_is_no_cross() -> None:
    _, verdicts = source_and_candles(bars_of([1, 2, 3, 4, 5]), 2, 3)
    assert verdicts == [None, None, "hold", "hold", "hold"]


def test_it_crosses_where_a_plain_loop_does() -> None:
    bars = market("trending", 1, 3000)
    closes = bars.close.tolist()
    expected: list[str | None] = []
    before: float | None = None
    for end in range(1, len(closes) + 1):
        if end < 50:
            expected.append(None)
            continue
        difference = sum(closes[end - 20 : end]) / 20 - sum(closes[end - 50 : end]) / 50
        crossed_up = before is not None and difference > 0 >= before
        crossed_down = before is not None and difference < 0 <= before
        expected.append("enter_long" if crossed_up else "exit" if crossed_down else "hold")
        before = difference
    _, verdicts = source_and_candles(bars, 20, 50)
    assert verdicts == expected
    assert verdicts.count("enter_long") > 5


def test_equal_averages_are_neither_above_nor_below() -> None:
    fast, slow = np.array([1.0, 2.0, 3.0, 2.0, 1.0]), np.array([2.0, 2.0, 2.0, 2.0, 2.0])
    codes = cross_verdicts(fast, slow)
    assert codes.tolist() == [0, 0, 1, 0, 2]


def test_what_it_cannot_do_is_refused() -> None:
    bars = bars_of([1, 2, 3])
    with pytest.raises(InvalidInput, match="1 < fast < slow"):
        SmaCross(SYMBOL, bars.open_time_ms, bars.close, fast=5, slow=5)
    source = SmaCross(SYMBOL, bars.open_time_ms, bars.close, fast=2, slow=3)
    with pytest.raises(InvalidInput, match="OTHER/USDT"):
        source.on_candle(candles_of(bars, "OTHER/USDT")[0])
