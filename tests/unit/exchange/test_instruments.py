"""The table of trading rules, and the names of symbols."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.exchange.exchange_helpers import D
from trading.domain.errors import InvalidInput
from trading.exchange.instruments import (
    default_instruments,
    exchange_symbol,
    fallback_instrument,
    table_instrument,
    unified_symbol,
)

ROWS_SAMPLED = 37


@pytest.mark.recorded
def test_recorded_prices_are_whole_ticks_of_the_table(recorded_candles: Path) -> None:
    """Every 37th row of every file, all four prices."""
    files = sorted(recorded_candles.glob("*.csv.gz"))
    assert files, f"{recorded_candles} has no candles"
    for path in files:
        instrument = table_instrument(unified_symbol(path.name.split("-")[0]))
        assert instrument is not None, path.name
        for price in _recorded_prices(path):
            assert instrument.is_tick(D(price)), f"{path.name}: {price} is not a multiple of {instrument.tick_size}"


def _recorded_prices(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % ROWS_SAMPLED == 0:
                yield from (row[name] for name in ("open", "high", "low", "close"))


def test_table_has_binance_rules() -> None:
    """Tick and step of BTC and DOGE, and a minimum notional of 5 USDT."""
    found = default_instruments(["BTCUSDT", "DOGE/USDT"])
    assert list(found) == ["BTC/USDT", "DOGE/USDT"]
    assert (found["BTC/USDT"].tick_size, found["BTC/USDT"].lot_step) == (D("0.01"), D("0.00001"))
    assert (found["DOGE/USDT"].tick_size, found["DOGE/USDT"].lot_step) == (D("0.00001"), D(1))
    assert found["DOGE/USDT"].min_notional == 5


def test_unknown_pair_needs_the_decimals_of_its_prices() -> None:
    """With them it gets the fallback; without, the message tells what is known."""
    with pytest.raises(InvalidInput, match=r"WIF/USDT.*BTC"):
        default_instruments(["WIF/USDT"])
    found = default_instruments(["WIF/USDT"], {"WIF/USDT": 4})["WIF/USDT"]
    assert (found.tick_size, found.lot_step, found.base, found.quote) == (D("0.0001"), D("0.1"), "WIF", "USDT")


@pytest.mark.parametrize(
    ("decimals", "tick", "step"),
    [(0, "1", "0.00001"), (2, "0.01", "0.001"), (5, "0.00001", "1"), (8, "0.00000001", "1")],
)
def test_fallback_trades_decimals_of_price_for_those_of_quantity(decimals: int, tick: str, step: str) -> None:
    """Cheap coins have many decimals in price and few in quantity."""
    found = fallback_instrument("XYZ/USDT", decimals)
    assert (found.tick_size, found.lot_step) == (D(tick), D(step))


def test_fallback_refuses_absurd_decimals() -> None:
    """Named after the symbol."""
    with pytest.raises(InvalidInput, match="XYZ/USDT"):
        fallback_instrument("XYZ/USDT", 11)


@pytest.mark.parametrize(
    ("name", "unified"),
    [
        ("BTCUSDT", "BTC/USDT"),
        ("ETHBTC", "ETH/BTC"),
        ("BTC/USDT", "BTC/USDT"),
        ("1000SATSUSDT", "1000SATS/USDT"),
        ("USDCUSDT", "USDC/USDT"),
        ("BTCFDUSD", "BTC/FDUSD"),
    ],
)
def test_names_convert(name: str, unified: str) -> None:
    """And back."""
    assert unified_symbol(name) == unified
    assert exchange_symbol(unified) == name.replace("/", "")


@pytest.mark.parametrize("name", ["", "USDT", "btcusdt", "BTC-USDT", "BTC/", "/USDT", "BTC/USDT/X", "USDT/USDT", "XYZ"])
def test_names_that_are_none_are_refused(name: str) -> None:
    """The message says what a name looks like."""
    with pytest.raises(InvalidInput, match="BASE/QUOTE"):
        unified_symbol(name)
