"""Timeframe and symbol names: what is taken, and that a refusal says what would have been."""

from __future__ import annotations

import pytest

from trading.domain.errors import InvalidInput
from trading.market.symbols import unified_symbol
from trading.market.timeframes import TIMEFRAMES, interval_of, timeframe_of


def test_every_name_and_length_round_trips_and_divides_a_day() -> None:
    for name, interval_ms in TIMEFRAMES.items():
        assert interval_of(name) == interval_ms
        assert timeframe_of(interval_ms) == name
        assert 86_400_000 % interval_ms == 0


def test_known_lengths() -> None:
    assert (interval_of("1m"), interval_of("4h"), interval_of("1d")) == (60_000, 14_400_000, 86_400_000)


@pytest.mark.parametrize("name", ["", "1", "m", "1M", "1 m", "7m", "01m", "1w", "60", "1min", "-1m"])
def test_other_names_are_refused_with_the_list(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        interval_of(name, "TRADING_TIMEFRAME")
    assert refused.value.field == "TRADING_TIMEFRAME"
    assert refused.value.value == name
    assert refused.value.allowed == "one of 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d"


@pytest.mark.parametrize("interval_ms", [0, -60_000, 1, 61_000, 7 * 86_400_000])
def test_other_lengths_are_refused_with_the_list(interval_ms: int) -> None:
    with pytest.raises(InvalidInput, match=r"60000 \(1m\)"):
        timeframe_of(interval_ms)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC/USDT", "BTC/USDT"),
        ("btc/usdt", "BTC/USDT"),
        ("BTCUSDT", "BTC/USDT"),
        ("BTC-USDT", "BTC/USDT"),
        ("BTC_USDT", "BTC/USDT"),
        (" ETHBTC ", "ETH/BTC"),
        ("USDTTRY", "USDT/TRY"),
        ("1000SHIBUSDT", "1000SHIB/USDT"),
        ("BTCFDUSD", "BTC/FDUSD"),
        ("BTCTUSD", "BTC/TUSD"),
        ("FOO/BAR", "FOO/BAR"),
    ],
)
def test_symbols_are_unified(text: str, symbol: str) -> None:
    assert unified_symbol(text) == symbol
    assert unified_symbol(symbol) == symbol


@pytest.mark.parametrize(
    "text", ["", "USDT", "BTC", "BTC/", "/USDT", "BTC/USDT/X", "BTC USDT", "BTC/BTC", "BTC:USDT", "../X"]
)
def test_other_symbols_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="BTC/USDT"):
        unified_symbol(text, "TRADING_SYMBOLS")
