"""The demo market: random access equals sequence, the same everywhere, continuous, and true candles."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.market.candle_helpers import MINUTE
from trading.config import DEMO_SYMBOLS
from trading.decision.bars import HISTORY_CANDLES, Bars
from trading.decision.params import StrategyParams
from trading.decision.signals import compute_signals
from trading.decision.voting import VERDICTS
from trading.domain.candles import check_candle
from trading.domain.decisions import Verdict
from trading.domain.errors import InvalidInput
from trading.exchange.instruments import table_instrument
from trading.market import demo_path
from trading.market.demo import DemoMarket, demo_instrument
from trading.market.demo_facts import DEMO_LABEL, DEMO_START_MS, SEED_MAX

FIRST = DEMO_START_MS // MINUTE


def fingerprint(seed: int) -> str:
    """Of 3,000 candles of three symbols, to the digit."""
    market = DemoMarket(seed, MINUTE)
    lines = [
        f"{c.symbol},{c.open_time_ms},{c.open},{c.high},{c.low},{c.close},{c.volume}"
        for symbol in ("BTC/USDT", "DOGE/USDT", "FOO/USDT")
        for c in (market.candle(symbol, FIRST + i) for i in range(3000))
    ]
    return sha256("\n".join(lines).encode()).hexdigest()


def test_the_market_of_a_seed_never_changes() -> None:
    """A changed value here means that a demo already running would break at its next restart."""
    assert fingerprint(1) == "5c90cfa481ad2bfc6ebf6c33f3e0641c1c335b7f0d4c1c32921e60b5afc2a6ef"


def test_another_process_makes_the_same_market() -> None:
    code = "from tests.unit.market import test_demo_market; print(test_demo_market.fingerprint(7))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(p for p in sys.path if p)},
        ).stdout.strip()
        for salt in ("1", "2")
    }
    assert outputs == {fingerprint(7)}


@given(seed=st.integers(0, SEED_MAX), number=st.integers(0, 10**8), others=st.lists(st.integers(0, 10**8), max_size=3))
def test_random_access_equals_sequence(seed: int, number: int, others: list[int]) -> None:
    table = DemoMarket(seed, MINUTE).table("ETH/USDT", number, 5)
    demo_path.block.cache_clear()
    market = DemoMarket(seed, MINUTE)
    for other in others:
        market.candle("ETH/USDT", other)
    candles = [market.candle("ETH/USDT", number + i) for i in (4, 0, 3, 1, 2)]
    assert sorted(candles, key=lambda c: c.open_time_ms) == table.candles()


def test_prices_are_continuous_also_between_blocks() -> None:
    block = 5_000
    market = DemoMarket(3, MINUTE)
    candles = [market.candle("SOL/USDT", block * demo_path.BLOCK + i) for i in range(-1500, 3000)]
    for before, after in pairwise(candles):
        assert after.open == before.close
        assert after.open_time_ms == before.close_time_ms
        assert abs(after.close / after.open - 1) < Decimal("0.02")


@pytest.mark.parametrize("symbol", ["BTC/USDT", "DOGE/USDT", "SHIB/USDT", "FOO/USDT", "ETH/BTC"])
def test_candles_are_true_and_whole_ticks(symbol: str) -> None:
    instrument = demo_instrument(symbol)
    market = DemoMarket(11, MINUTE)
    for number in range(FIRST, FIRST + 2500):
        candle = market.candle(symbol, number)
        check_candle(candle)
        assert all(instrument.is_tick(p) for p in (candle.open, candle.high, candle.low, candle.close))
        assert instrument.is_lot(candle.volume)
        assert candle.volume > 0


def test_the_table_holds_the_same_exact_candles() -> None:
    market = DemoMarket(5, 300_000)
    first = DEMO_START_MS // 300_000 - 700
    table = market.table("DOGE/USDT", first, 2200)
    assert table.candles() == [market.candle("DOGE/USDT", first + i) for i in range(2200)]


def test_seeds_and_symbols_differ() -> None:
    closes = {
        (seed, symbol): tuple(
            DemoMarket(seed, MINUTE).table(symbol, FIRST, 200).close
            / DemoMarket(seed, MINUTE).table(symbol, FIRST, 1).open
        )
        for seed in (0, 1)
        for symbol in ("BTC/USDT", "ETH/USDT", "ETH/EUR")
    }
    assert len(set(closes.values())) == 6


def test_the_timeframe_changes_times_not_prices() -> None:
    one, five = DemoMarket(2, MINUTE).candle("BTC/USDT", 9000), DemoMarket(2, 5 * MINUTE).candle("BTC/USDT", 9000)
    assert (one.open, one.close, one.volume) == (five.open, five.close, five.volume)
    assert (one.open_time_ms, five.open_time_ms) == (9000 * MINUTE, 45000 * MINUTE)


def test_prices_stay_near_the_coins_price_for_years() -> None:
    market = DemoMarket(1, MINUTE)
    closes = np.array([float(market.candle("BTC/USDT", n).close) for n in range(FIRST, FIRST + 30_000_000, 60_000)])
    assert 65_000 / 4 < closes.min() < closes.max() < 65_000 * 4


def test_there_are_rises_falls_and_ranges_of_visible_size() -> None:
    closes = DemoMarket(1, MINUTE).table("BTC/USDT", FIRST, 20_000).close
    moves = closes[150:] / closes[:-150] - 1
    assert (moves > 0.025).mean() > 0.1
    assert (moves < -0.025).mean() > 0.1
    assert (abs(moves) < 0.01).mean() > 0.1


def test_the_default_strategy_finds_entries_at_once_and_again() -> None:
    """A newcomer sees a trade within a minute: 240 candles at the default pace."""
    interval_ms, first = 5 * MINUTE, DEMO_START_MS // (5 * MINUTE)
    entries: list[int] = []
    for symbol in DEMO_SYMBOLS:
        table = DemoMarket(1, interval_ms).table(symbol, first - HISTORY_CANDLES, HISTORY_CANDLES + 2000)
        bars = Bars(table.open_time_ms, table.open, table.high, table.low, table.close, table.volume)
        signals = compute_signals(symbol, bars, interval_ms, StrategyParams())
        verdicts = signals.verdict[HISTORY_CANDLES:]
        wanted = np.flatnonzero(verdicts == VERDICTS.index(Verdict.ENTER_LONG))
        # Signals less than 20 candles apart are one and the same opportunity.
        entries.extend(wanted[np.diff(wanted, prepend=-100) > 20].tolist())
    assert len(entries) >= 12
    assert min(entries) < 60


def test_known_coins_cost_about_what_they_cost() -> None:
    for symbol, price in (("BTC/USDT", 65_000), ("SHIB/USDT", 0.00002), ("BCH/USD", 430), ("ETH/USDC", 3200)):
        candle = DemoMarket(4, MINUTE).candle(symbol, FIRST)
        assert price / 4 < candle.close < price * 4
        assert demo_instrument(symbol) == table_instrument(symbol)


def test_refusals() -> None:
    for seed in (-1, SEED_MAX + 1):
        with pytest.raises(InvalidInput, match="demo seed"):
            DemoMarket(seed, MINUTE)
    with pytest.raises(InvalidInput, match="interval_ms"):
        DemoMarket(1, 61_000)
    market = DemoMarket(1, 86_400_000)
    for number in (-1, market.end):
        with pytest.raises(InvalidInput, match="demo candle"):
            market.candle("BTC/USDT", number)
    assert market.candle("BTC/USDT", market.end - 1).close_time_ms <= 253_402_300_800_000


def test_the_label_says_that_it_is_not_real() -> None:
    assert "not real" in DEMO_LABEL
