"""Rounding to ticks and steps, dust, and instruments that cannot be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import BTC, DOGE, D
from trading.domain.errors import InvalidInput
from trading.domain.instruments import Instrument, Market

amounts = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=10)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("1.2345", "1.234"), ("1.234", "1.234"), ("0.0009", "0"), ("0", "0"), ("-1", "0"), ("0.001", "0.001")],
)
def test_quantities_are_rounded_down(quantity: str, expected: str) -> None:
    assert BTC.quantity_down(D(quantity)) == D(expected)


@pytest.mark.parametrize(
    ("price", "down", "up", "nearest"),
    [
        ("1.234", "1.23", "1.24", "1.23"),
        ("1.235", "1.23", "1.24", "1.24"),
        ("1.225", "1.22", "1.23", "1.22"),
        ("1.23", "1.23", "1.23", "1.23"),
    ],
)
def test_prices_are_rounded_to_ticks(price: str, down: str, up: str, nearest: str) -> None:
    assert BTC.price_down(D(price)) == D(down)
    assert BTC.price_up(D(price)) == D(up)
    assert BTC.price_nearest(D(price)) == D(nearest)


@given(amount=amounts, instrument=st.sampled_from((BTC, DOGE)))
def test_rounding_is_exact_and_never_more_than_a_step(amount: Decimal, instrument: Instrument) -> None:
    quantity = instrument.quantity_down(amount)
    assert instrument.is_lot(quantity)
    assert 0 <= amount - quantity < instrument.lot_step
    down, up = instrument.price_down(amount), instrument.price_up(amount)
    assert instrument.is_tick(down)
    assert instrument.is_tick(up)
    assert amount - instrument.tick_size < down <= amount <= up < amount + instrument.tick_size
    assert instrument.price_nearest(amount) in (down, up)


@pytest.mark.parametrize(
    ("quantity", "price", "dust"),
    [
        ("0.05", "100", False),
        ("0.0509", "98", True),  # 0.05 whole steps at 98 are worth 4.9
        ("0.0499", "100", True),
        ("0.0009", "100000", True),
        ("0.001", "5000", False),
        ("0", "100", True),
    ],
)
def test_dust_is_what_the_exchange_would_not_take(quantity: str, price: str, *, dust: bool) -> None:
    assert BTC.is_dust(D(quantity), D(price)) is dust


@pytest.mark.parametrize("field", ["tick_size", "lot_step", "min_quantity", "max_quantity", "contract_size"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_rules_that_cannot_be_are_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=rf"BTC/USDT\.{field}"):
        replace(BTC, **{field: D(value)})


@pytest.mark.parametrize("value", ["-0.01", "NaN", "Infinity"])
def test_a_minimum_notional_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput, match=r"BTC/USDT\.min_notional"):
        replace(BTC, min_notional=D(value))
    assert replace(BTC, min_notional=D(0)).min_notional == 0


def test_spot_is_the_market_unless_said_otherwise() -> None:
    assert BTC.market is Market.SPOT
    assert BTC.contract_size == 1
