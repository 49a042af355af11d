"""Candles that close together are voted on together: the same signals, to the bit, as one by one."""

from __future__ import annotations

from collections import defaultdict

import pytest
from msgspec.structs import replace

from tests.support.builders import BTC, DOGE, ETH, MINUTE
from tests.support.random_candles import random_table
from trading.decision.bars import HISTORY_CANDLES
from trading.decision.params import StrategyParams
from trading.decision.rolling import RollingSignals
from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput

INSTRUMENTS = (BTC, ETH, DOGE)
ROWS = HISTORY_CANDLES + 40


def closes() -> list[tuple[Candle, ...]]:
    """What closes at each time: mostly all symbols, sometimes fewer."""
    by_time: dict[int, list[Candle]] = defaultdict(list)
    for number, instrument in enumerate(INSTRUMENTS):
        for candle in random_table(number, instrument, ROWS).candles():
            by_time[candle.open_time_ms].append(candle)
    return [tuple(by_time[time_ms]) for time_ms in sorted(by_time)]


def test_the_same_signals_together_as_one_by_one() -> None:
    alone, together = RollingSignals(StrategyParams(), MINUTE), RollingSignals(StrategyParams(), MINUTE)
    said = 0
    for row in closes():
        together.expect(row)
        for candle in row:
            signal = alone.on_candle(candle)
            assert together.on_candle(candle) == signal
            said += signal is not None
        # An engine that was rolled back asks again, and an operator's tool out of turn.
        assert [together.on_candle(candle) for candle in row] == [alone.on_candle(candle) for candle in row]
    assert said > 50


def test_a_candle_that_cannot_be_used_spoils_none_of_the_others() -> None:
    rows = [row for row in closes() if len(row) == len(INSTRUMENTS)]
    together = RollingSignals(StrategyParams(), MINUTE)
    for row in rows[:-1]:
        together.expect(row)
        for candle in row:
            together.on_candle(candle)
    old = replace(rows[0][0], open_time_ms=rows[0][0].open_time_ms - MINUTE)
    others = rows[-1][1:]
    together.expect((old, *others))
    for candle in others:
        assert together.on_candle(candle) is not None
    with pytest.raises(InvalidInput, match="later than the last one"):
        together.on_candle(old)
