"""Signals over history and over a rolling window: the same, bar for bar; and what the strategy does on real candles."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.unit.decision.decision_samples import KINDS, MINUTE_MS, SYMBOL, candles_of, market, recorded
from trading.decision.bars import BLOCK_CANDLES, HISTORY_CANDLES, WARMUP_CANDLES, Bars
from trading.decision.params import StrategyParams
from trading.decision.precomputed import PrecomputedSignals
from trading.decision.rolling import CAPACITY, RollingSignals
from trading.decision.signals import SignalStream, SignalTable, compute_signals
from trading.decision.voting import VERDICTS, combine
from trading.domain.candles import Candle
from trading.domain.decisions import Signal, Verdict
from trading.domain.errors import InvalidInput

PARAMS = StrategyParams()
COLUMNS = ("open_time_ms", "verdict", "score", "confidence", "regime", "atr", "warm")


def table_of(bars: Bars, interval_ms: int = MINUTE_MS) -> SignalTable:
    return compute_signals(SYMBOL, bars, interval_ms, PARAMS)


def precomputed_and_rolling(
    bars: Bars, interval_ms: int = MINUTE_MS
) -> tuple[list[Signal | None], list[Signal | None]]:
    looked_up = PrecomputedSignals([table_of(bars, interval_ms)])
    rolling = RollingSignals(PARAMS, interval_ms)
    candles = candles_of(bars, SYMBOL, interval_ms)
    return [looked_up.on_candle(candle) for candle in candles], [rolling.on_candle(candle) for candle in candles]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rolling_window_and_the_whole_history_say_the_same_on_every_made_up_bar(kind: str) -> None:
    before, live = precomputed_and_rolling(market(kind, 31, 1900))
    assert before == live
    assert sum(signal is not None for signal in live) > 600


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "interval_ms"), [("BTCUSDT-5m", 300_000), ("ETHUSDT-1h", 3_600_000), ("DOGEUSDT-1m", 60_000)]
)
def test_a_rolling_window_and_the_whole_history_say_the_same_on_every_recorded_bar(
    recorded_candles: Path, name: str, interval_ms: int
) -> None:
    before, live = precomputed_and_rolling(recorded(recorded_candles, name).between(2000, 4200), interval_ms)
    assert before == live
    verdicts = {signal.verdict for signal in live if signal is not None}
    assert verdicts == set(Verdict)


def test_a_signal_is_what_its_votes_add_up_to() -> None:
    signals = [signal for signal in precomputed_and_rolling(market("trending", 8, 1600))[0] if signal is not None]
    for signal in signals:
        assert combine(signal.votes, PARAMS) == (signal.score, signal.confidence, signal.verdict)
    assert {signal.verdict for signal in signals} == set(Verdict)


def test_there_is_no_signal_before_the_warm_up_and_one_on_every_candle_after() -> None:
    bars = market("calm", 2, 2000, first_index=100 * BLOCK_CANDLES + 1)
    warm = table_of(bars).warm
    # The first block whose window begins after the first candle is the one that begins 512 + 255 candles later.
    first = WARMUP_CANDLES + BLOCK_CANDLES - 1
    assert not warm[:first].any() and warm[first:].all()
    assert first <= HISTORY_CANDLES
    assert table_of(bars).signal_at(first - 1) is None
    assert table_of(bars).signal_at(first) is not None


def test_a_gap_that_leaves_too_few_candles_stops_signals_until_there_are_enough() -> None:
    bars = market("calm", 3, 4000, first_index=100 * BLOCK_CANDLES)
    keep = np.ones(4000, dtype=bool)
    keep[1024 : 1024 + 300] = False
    holey = Bars(bars.open_time_ms[keep], *(getattr(bars, n)[keep] for n in ("open", "high", "low", "close", "volume")))
    warm = dict(zip(((holey.open_time_ms // MINUTE_MS) % 100_000).tolist(), table_of(holey).warm.tolist(), strict=True))
    start = (100 * BLOCK_CANDLES) % 100_000
    assert warm[start + 1023]
    # Block 5 (1280 on) sees candles 768 to 1279, of which 256 are there: just enough. Block 6 (1536 on) sees 1024 to
    # 1535, of which 212 are there. Block 7 (1792 on) sees all but 44.
    assert [warm[start + row] for row in (1324, 1535, 1536, 1791, 1792)] == [True, True, False, False, True]
    before, live = precomputed_and_rolling(holey)
    assert before == live


@pytest.mark.parametrize("chunk", [1, 100, 1000, 2500])
def test_chunks_laid_end_to_end_are_the_whole(chunk: int) -> None:
    bars = market("gaps", 4, 2500 if chunk > 1 else 1100)
    whole = table_of(bars)
    stream = SignalStream(SYMBOL, MINUTE_MS, PARAMS)
    tables = [stream.push(bars.between(start, start + chunk)) for start in range(0, len(bars), chunk)]
    for column in COLUMNS:
        assert np.array_equal(np.concatenate([getattr(table, column) for table in tables]), getattr(whole, column))
    last = tables[-1]
    assert last.signal_at(len(last) - 1) == whole.signal_at(len(whole) - 1) is not None


def test_a_stream_keeps_only_the_history_that_it_needs() -> None:
    bars = market("calm", 5, 5000)
    stream = SignalStream(SYMBOL, MINUTE_MS, PARAMS)
    for start in range(0, 5000, 250):
        table = stream.push(bars.between(start, start + 250))
        assert len(table._bars) <= HISTORY_CANDLES + 250
    assert stream._tail is not None and len(stream._tail) <= HISTORY_CANDLES
    assert stream._tail.close.base is None, "a view would keep the whole chunk alive"


def test_a_stream_refuses_candles_that_do_not_follow() -> None:
    bars = market("calm", 5, 100)
    stream = SignalStream(SYMBOL, MINUTE_MS, PARAMS)
    stream.push(bars)
    with pytest.raises(InvalidInput, match="later than the last"):
        stream.push(bars.between(99, 100))
    assert len(stream.push(bars.between(0, 0))) == 0


def test_lookups_follow_the_tables_of_a_stream() -> None:
    bars = market("trending", 6, 3_072)
    candles = candles_of(bars)
    whole = PrecomputedSignals([table_of(bars)])
    stream, chunked = SignalStream(SYMBOL, MINUTE_MS, PARAMS), PrecomputedSignals()
    for start in range(0, len(bars), 700):
        chunked.put(stream.push(bars.between(start, start + 700)))
        for candle in candles[start : start + 700]:
            assert chunked.on_candle(candle) == whole.on_candle(candle)
    with pytest.raises(InvalidInput, match=str(candles[0].open_time_ms)):
        chunked.on_candle(candles[0])


def test_leaving_votes_out_changes_nothing_else() -> None:
    bars = market("trending", 7, 2500)
    table, candles = table_of(bars), candles_of(bars)
    full, brief, bare = (
        PrecomputedSignals([table]),
        PrecomputedSignals([table], explain_holds=False),
        PrecomputedSignals([table], explain=False),
    )
    seen = set()
    for candle in candles:
        signal = full.on_candle(candle)
        votes = () if signal is None else signal.votes
        assert bare.votes_of(candle.symbol, candle.open_time_ms) == votes
        short, shortest = brief.on_candle(candle), bare.on_candle(candle)
        if signal is None:
            assert short is None and shortest is None
            continue
        seen.add(signal.verdict)
        assert len(votes) == 6
        assert short is not None and short.votes == (() if signal.verdict is Verdict.HOLD else votes)
        assert shortest is not None and shortest.votes == ()
        for field in ("verdict", "score", "confidence", "regime", "atr"):
            assert getattr(short, field) == getattr(shortest, field) == getattr(signal, field)
    assert seen == set(Verdict)


def test_lookups_of_what_was_not_computed_are_refused() -> None:
    signals = PrecomputedSignals([table_of(market("calm", 1, 50))])
    candle = candles_of(market("calm", 1, 51))[50]
    with pytest.raises(InvalidInput, match=str(candle.open_time_ms)):
        signals.on_candle(candle)
    with pytest.raises(InvalidInput, match="XYZ/USDT"):
        signals.votes_of("XYZ/USDT", 0)


def test_unusable_candles_are_refused() -> None:
    bars = market("calm", 1, 50).copy()
    bars.close[7] = float("nan")
    with pytest.raises(InvalidInput, match=r"close\[7\]"):
        table_of(bars)


def test_symbols_do_not_mix() -> None:
    one, other = market("trending", 9, 1200), market("calm", 10, 1200)
    rolling = RollingSignals(PARAMS, MINUTE_MS)
    mixed = [
        rolling.on_candle(candle)
        for pair in zip(candles_of(one, "A/USDT"), candles_of(other, "B/USDT"), strict=True)
        for candle in pair
    ]
    assert mixed[0::2] == precomputed_and_rolling(one)[0]
    assert mixed[1::2] == precomputed_and_rolling(other)[0]


def test_after_a_warm_up_the_first_candle_has_its_signal() -> None:
    bars = market("trending", 12, 2000)
    candles, expected = candles_of(bars), precomputed_and_rolling(bars)[0]
    rolling = RollingSignals(PARAMS, MINUTE_MS)
    rolling.warm_up(candles[1200 - HISTORY_CANDLES : 1200])
    assert [rolling.on_candle(candle) for candle in candles[1200:]] == expected[1200:]


def test_a_warm_up_passes_over_what_is_known() -> None:
    bars = market("calm", 13, 1100)
    candles = candles_of(bars)
    once, twice = RollingSignals(PARAMS, MINUTE_MS), RollingSignals(PARAMS, MINUTE_MS)
    once.warm_up(candles[:1050])
    twice.warm_up(candles[:1050])
    twice.warm_up(candles[300:1050])
    assert [once.on_candle(c) for c in candles[1050:]] == [twice.on_candle(c) for c in candles[1050:]]


def test_a_candle_asked_for_again_gets_the_same_signal() -> None:
    candles = candles_of(market("trending", 14, 3000))
    rolling = RollingSignals(PARAMS, MINUTE_MS)
    said = [rolling.on_candle(candle) for candle in candles]
    again = [rolling.on_candle(candle) for candle in candles[-100:]]
    assert again == said[-100:]
    assert None not in again


def test_an_old_candle_gets_its_signal_or_is_refused_but_never_a_guess() -> None:
    bars = market("calm", 15, 3000)
    candles, table = candles_of(bars), table_of(bars)
    rolling = RollingSignals(PARAMS, MINUTE_MS)
    rolling.warm_up(candles)
    answered = 0
    for row in range(2999, 999, -3):
        if rolling_knows(rolling, candles[row]):
            assert rolling.on_candle(candles[row]) == table.signal_at(row)
            answered += 1
    assert answered >= BLOCK_CANDLES // 3
    assert not rolling_knows(rolling, candles[2999 - CAPACITY])


def rolling_knows(rolling: RollingSignals, candle: Candle) -> bool:
    with contextlib.suppress(InvalidInput):
        rolling.on_candle(candle)
        return True
    return False


def test_a_late_candle_that_was_never_seen_is_refused() -> None:
    candles = candles_of(market("calm", 16, 900))
    rolling = RollingSignals(PARAMS, MINUTE_MS)
    rolling.warm_up(candles[:880] + candles[881:])
    with pytest.raises(InvalidInput, match=str(candles[880].open_time_ms)):
        rolling.on_candle(candles[880])


def test_a_candle_of_another_interval_is_refused() -> None:
    rolling = RollingSignals(PARAMS, MINUTE_MS)
    price = Decimal(1)
    with pytest.raises(InvalidInput, match="interval_ms: 300000"):
        rolling.on_candle(Candle(SYMBOL, 0, 300_000, price, price, price, price, price))


def entries_when_flat(verdicts: list[Verdict]) -> int:
    holding, entries = False, 0
    for verdict in verdicts:
        if verdict is Verdict.ENTER_LONG and not holding:
            holding, entries = True, entries + 1
        elif verdict is Verdict.EXIT:
            holding = False
    return entries


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "interval_ms"),
    [("BTCUSDT-5m", 300_000), ("SOLUSDT-5m", 300_000), ("ADAUSDT-1m", 60_000), ("BTCUSDT-1h", 3_600_000)],
)
def test_the_defaults_trade_selectively_on_recorded_candles(
    recorded_candles: Path, name: str, interval_ms: int
) -> None:
    table = table_of(recorded(recorded_candles, name), interval_ms)
    verdicts = [VERDICTS[code] for code in table.verdict.tolist()]
    assert 20 <= entries_when_flat(verdicts) <= 200
    # Most bars say nothing, and a run of one verdict is no flicker.
    share = {verdict: verdicts.count(verdict) / len(verdicts) for verdict in Verdict}
    assert share[Verdict.ENTER_LONG] < 0.15 and share[Verdict.EXIT] < 0.25
