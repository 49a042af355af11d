"""The past does not depend on the future, nor on how much history was loaded: exactly, to the last bit."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.decision.decision_samples import KINDS, MINUTE_MS, SYMBOL, candles_of, market
from trading.decision.analysts import default_analysts
from trading.decision.bars import HISTORY_CANDLES, Bars
from trading.decision.features import compute_features
from trading.decision.params import StrategyParams
from trading.decision.rolling import RollingSignals
from trading.decision.signals import compute_signals

MANY = settings.default.max_examples
PARAMS = StrategyParams()
COLUMNS = ("open_time_ms", "verdict", "score", "confidence", "regime", "atr", "warm")
FIRST_INDEX = st.integers(28_000_000, 28_000_000 + 255)
kinds, seeds = st.sampled_from(KINDS), st.integers(0, 10_000)


@settings(max_examples=MANY)
@given(kinds, seeds, st.integers(1, 900), st.integers(0, 400))
def test_cutting_the_future_off_changes_no_feature_and_no_score(kind: str, seed: int, length: int, start: int) -> None:
    """A prefix of any length, at any place in memory, has the bits of the whole."""
    bars = market(kind, seed, 1300)
    whole = compute_features(bars.between(start, 1300), 1300 - start)
    part = compute_features(bars.between(start, start + length), length)
    elsewhere = compute_features(bars.between(start, start + length).copy(), length)
    assert part.values.tobytes() == np.asfortranarray(whole.values[:length]).tobytes() == elsewhere.values.tobytes()
    last_only = compute_features(bars.between(start, start + length), 1)
    for analyst in default_analysts():
        all_scores, scores, last = analyst.score(whole), analyst.score(part), analyst.score(last_only)
        for before, after, single in zip(all_scores, scores, last, strict=True):
            assert before[:length].tobytes() == after.tobytes()
            assert after[-1] == single[0]


@settings(max_examples=MANY // 2)
@given(kinds, seeds, FIRST_INDEX, st.integers(1, 2200), st.booleans())
def test_cutting_the_future_off_or_changing_it_changes_no_signal(
    kind: str, seed: int, first_index: int, cut: int, replaced: bool
) -> None:
    bars = market(kind, seed, 2200, first_index)
    whole = compute_signals(SYMBOL, bars, MINUTE_MS, PARAMS)
    past = bars.between(0, cut)
    if replaced:
        later = bars.between(cut, 2200)
        past = past.then(Bars(later.open_time_ms, *(getattr(later, f.name) * 3 for f in dataclasses.fields(Bars)[1:])))
    part = compute_signals(SYMBOL, past, MINUTE_MS, PARAMS)
    for column in COLUMNS:
        assert getattr(part, column)[:cut].tobytes() == getattr(whole, column)[:cut].tobytes(), column
    assert part.signal_at(cut - 1) == whole.signal_at(cut - 1)


@settings(max_examples=MANY // 2)
@given(kinds, seeds, FIRST_INDEX, st.integers(0, 1500))
def test_a_longer_warm_up_changes_no_decision(kind: str, seed: int, first_index: int, skipped: int) -> None:
    bars = market(kind, seed, 2600, first_index)
    long = compute_signals(SYMBOL, bars, MINUTE_MS, PARAMS)
    short = compute_signals(SYMBOL, bars.between(skipped, 2600), MINUTE_MS, PARAMS)
    warm = short.warm
    assert not (warm & ~long.warm[skipped:]).any()
    assert warm[HISTORY_CANDLES:].tobytes() == long.warm[skipped + HISTORY_CANDLES :].tobytes()
    for column in COLUMNS:
        assert getattr(short, column)[warm].tobytes() == getattr(long, column)[skipped:][warm].tobytes(), column
    for row in np.flatnonzero(warm)[::97].tolist():
        assert short.signal_at(row) == long.signal_at(skipped + row)


@settings(max_examples=MANY // 4)
@given(kinds, seeds, FIRST_INDEX, st.integers(HISTORY_CANDLES, 1700), st.integers(0, 900))
def test_a_restarted_bot_decides_as_if_it_had_never_stopped(
    kind: str, seed: int, first_index: int, stopped: int, more_history: int
) -> None:
    bars = market(kind, seed, 1760, first_index)
    candles = candles_of(bars)
    table = compute_signals(SYMBOL, bars, MINUTE_MS, PARAMS)
    live = RollingSignals(PARAMS, MINUTE_MS)
    live.warm_up(candles[max(0, stopped - HISTORY_CANDLES - more_history) : stopped])
    for row in range(stopped, min(stopped + 60, 1760)):
        assert live.on_candle(candles[row]) == table.signal_at(row)
