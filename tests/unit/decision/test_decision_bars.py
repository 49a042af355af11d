"""Candles as arrays: what is refused, and how rows and windows are found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.unit.decision.decision_samples import MINUTE_MS, candles_of, market
from trading.decision.bars import (
    BLOCK_CANDLES,
    HISTORY_CANDLES,
    WARMUP_CANDLES,
    Bars,
    RowCursor,
    anchor_of,
    window_of,
)
from trading.domain.errors import InvalidInput


def test_candles_become_the_floats_nearest_to_their_decimals() -> None:
    bars = market("calm", 1, 50)
    again = Bars.from_candles(candles_of(bars))
    for field in dataclasses.fields(Bars):
        assert np.array_equal(getattr(bars, field.name), getattr(again, field.name))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("close", 0.0, r"close\[3\]: 0.0"),
        ("open", float("nan"), r"open\[3\]: nan"),
        ("high", float("inf"), r"high\[3\]: inf"),
        ("low", -1.0, r"low\[3\]: -1.0"),
        ("volume", -0.5, r"volume\[3\]: -0.5"),
        ("volume", float("nan"), r"volume\[3\]: nan"),
        ("open_time_ms", 7, r"open_time_ms\[3\]: 7"),
        ("open_time_ms", 0, r"open_time_ms\[2\]: 0 is not usable; allowed: rising"),
    ],
)
def test_arrays_that_cannot_be_candles_are_refused_by_row(column: str, value: float, message: str) -> None:
    bars = market("calm", 1, 6).copy()
    getattr(bars, column)[3] = value
    with pytest.raises(InvalidInput, match=message):
        bars.check(MINUTE_MS)


def test_arrays_of_several_lengths_or_types_and_a_bad_interval_are_refused() -> None:
    bars = market("calm", 1, 6)
    with pytest.raises(InvalidInput, match="one length"):
        dataclasses.replace(bars, close=bars.close[:5]).check(MINUTE_MS)
    with pytest.raises(InvalidInput, match="float64"):
        dataclasses.replace(bars, close=bars.close.astype(np.float32)).check(MINUTE_MS)
    with pytest.raises(InvalidInput, match="interval_ms: 0"):
        bars.check(0)


def test_a_cursor_finds_rows_in_order_out_of_order_and_not_at_all() -> None:
    cursor = RowCursor(np.array([10, 20, 40], dtype=np.int64))
    assert [cursor.row_of(time) for time in (10, 20, 40, 20, 40, 10, 40)] == [0, 1, 2, 1, 2, 0, 2]
    for missing in (5, 30, 50):
        with pytest.raises(InvalidInput, match=str(missing)):
            cursor.row_of(missing)


def test_a_window_starts_a_fixed_warm_up_before_the_block_and_needs_half_of_it() -> None:
    anchor = anchor_of(40 * BLOCK_CANDLES + 17)
    assert anchor == 40 * BLOCK_CANDLES
    first = anchor - WARMUP_CANDLES
    index = np.arange(first, anchor + 18, dtype=np.int64)
    assert window_of(index, anchor, 1, first) == (0, True)
    assert window_of(index[1:], anchor, 1, first + 1) == (0, False)
    # Known since long ago, but a gap has left too few; one candle more is enough.
    assert window_of(index[WARMUP_CANDLES // 2 + 1 :], anchor, 1, 0) == (0, False)
    assert window_of(index[WARMUP_CANDLES // 2 :], anchor, 1, 0) == (0, True)


@pytest.mark.parametrize("place", [0, 1, BLOCK_CANDLES - 1])
def test_the_advised_history_makes_a_candle_warm_wherever_it_is_in_its_block(place: int) -> None:
    candle = 100 * BLOCK_CANDLES + place
    index = np.arange(candle - HISTORY_CANDLES, candle + 1, dtype=np.int64)
    assert window_of(index, anchor_of(candle), 1, int(index[0]))[1]
