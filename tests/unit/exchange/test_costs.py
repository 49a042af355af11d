"""Costs: what they add up to, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.exchange.exchange_helpers import BTC, D, costs
from trading.domain.errors import InvalidInput
from trading.domain.orders import Liquidity, Side
from trading.exchange.costs import BINANCE_SPOT, FeePolicy


def test_received_coin_pays_the_fee_base_on_a_buy_quote_on_a_sell() -> None:
    """Binance `faqs/commission_faq.md`, "How is the commission calculated?": received amount x rate."""
    assert BINANCE_SPOT.plain_fee(BTC, Side.BUY, D(35000), D("0.5"), Liquidity.TAKER) == ("BTC", D("0.0005"))
    assert BINANCE_SPOT.plain_fee(BTC, Side.SELL, D(35000), D("0.5"), Liquidity.TAKER) == ("USDT", D("17.5"))


def test_quote_pays_the_fee_on_both_sides() -> None:
    """A buy then reserves the higher of the two rates."""
    priced = costs(maker_fee="0.0002", taker_fee="0.0004", fee_policy=FeePolicy.QUOTE)
    assert priced.plain_fee(BTC, Side.BUY, D(100), D(2), Liquidity.MAKER) == ("USDT", D("0.04"))
    assert priced.plain_fee(BTC, Side.SELL, D(100), D(2), Liquidity.TAKER) == ("USDT", D("0.08"))
    assert priced.quote_reserve() == D("0.0004")


def test_third_coin_fee_is_discounted_converted_and_rounded_up() -> None:
    """17491 x 0.000001 x 0.75 / 260 = 0.000050455, converted as in the commission FAQ."""
    priced = costs(
        taker_fee="0.000001", fee_policy=FeePolicy.THIRD_COIN, fee_coin="BNB", fee_coin_price="260", fee_discount="0.25"
    )
    assert priced.third_coin_fee(D(17491), Liquidity.TAKER) == D("0.00005046")


@pytest.mark.parametrize(("side", "expected"), [(Side.BUY, D("100.02")), (Side.SELL, D("99.98"))])
def test_taker_price_is_spread_and_impact_rounded_to_the_worse_tick(side: Side, expected: Any) -> None:
    """100 x (0.0001 + 0.1 x 0.02^2) = 0.014, which is 0.02 in ticks of 0.01 against us."""
    priced = costs(half_spread_bps="1", price_impact="0.1")
    assert priced.taker_price(BTC, side, D(100), D("0.02")) == expected


def test_taker_price_never_falls_below_a_tick() -> None:
    """A sale brings something, whatever the impact."""
    assert costs(price_impact="100").taker_price(BTC, Side.SELL, D(100), D(1)) == D("0.01")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maker_fee", "-0.001"),
        ("taker_fee", "0.2"),
        ("taker_fee", "NaN"),
        ("taker_fee", "0.0000001"),
        ("half_spread_bps", "-1"),
        ("price_impact", "Infinity"),
        ("max_volume_share", "0"),
        ("max_volume_share", "1.1"),
        ("latency_ms", -1),
        ("latency_ms", 10_001),
        ("fee_discount", "1.5"),
    ],
)
def test_absurd_costs_are_refused_by_name(name: str, value: Any) -> None:
    """The error names the field."""
    with pytest.raises(InvalidInput) as caught:
        costs(**{name: value})
    assert caught.value.field == name


def test_a_third_coin_needs_name_and_price() -> None:
    """Half a setting is refused."""
    with pytest.raises(InvalidInput, match="fee_coin"):
        costs(fee_policy=FeePolicy.THIRD_COIN)
    with pytest.raises(InvalidInput, match="fee_coin_price"):
        costs(fee_policy=FeePolicy.THIRD_COIN, fee_coin="BNB")
