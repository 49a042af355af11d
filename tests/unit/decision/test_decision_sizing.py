"""Sizing, worked out by hand; and every way of being refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from trading.decision.params import StrategyParams
from trading.decision.sizing import Sizing, SizingRefused, size_entry
from trading.domain.instruments import Instrument

D = Decimal
BTC = Instrument(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    lot_step=D("0.00001"),
    min_quantity=D("0.00001"),
    max_quantity=D("9000"),
    min_notional=D("5"),
)
PARAMS = StrategyParams(
    risk_per_trade_pct=D("1"),
    stop_atr_multiple=D("5"),
    target_atr_multiple=D("15"),
    trail_atr_multiple=D("8"),
    slippage_reserve_pct=D("0.5"),
)


def size(**changes: object) -> Sizing | SizingRefused:
    given = {
        "equity": D("10000"),
        "free_cash": D("10000"),
        "price": D("50000"),
        "atr": 100.003,
        "instrument": BTC,
        "taker_fee_rate": D("0.001"),
        "params": PARAMS,
        "max_position_notional": D("100000"),
    }
    return size_entry(**{**given, **changes})  # type: ignore[arg-type]


def test_distances_are_whole_ticks_rounded_up_and_the_risk_sets_the_size() -> None:
    # stop 5 x 100.003 = 500.015 -> 500.02. Lost per base at the stop: 500.02 + 2 x 0.001 x 50000 = 600.02.
    # 1 % of 10000 is 100; 100 / 600.02 = 0.166661... -> 0.16666
    assert size() == Sizing(
        quantity=D("0.16666"),
        stop_distance=D("500.02"),
        target_distance=D("1500.05"),
        trail_distance=D("800.03"),
    )


def test_cash_limits_the_size_with_a_reserve_for_slippage_and_the_fee() -> None:
    # 1000 / (50000 x 1.005 x 1.001) = 0.0198806...
    sized = size(free_cash=D("1000"))
    assert isinstance(sized, Sizing) and sized.quantity == D("0.01988")


def test_the_position_limit_limits_the_size() -> None:
    # 1000 / (50000 x 1.005) = 0.0199004...
    sized = size(max_position_notional=D("1000"))
    assert isinstance(sized, Sizing) and sized.quantity == D("0.0199")


def test_the_exchanges_largest_order_limits_the_size() -> None:
    sized = size(instrument=msgspec.structs.replace(BTC, max_quantity=D("0.01")))
    assert isinstance(sized, Sizing) and sized.quantity == D("0.01")


def test_in_a_still_market_the_stop_keeps_its_least_distance() -> None:
    sized = size(atr=1e-12)
    assert isinstance(sized, Sizing)
    assert sized.stop_distance == sized.target_distance == sized.trail_distance == D("0.10")


@pytest.mark.parametrize(
    "change",
    [
        {"equity": D(0)},
        {"equity": D(-5)},
        {"equity": D("NaN")},
        {"free_cash": D(0)},
        {"price": D(0)},
        {"price": D("Infinity")},
        {"atr": 0.0},
        {"atr": float("nan")},
        {"atr": float("inf")},
        {"atr": -1.0},
        {"max_position_notional": D(0)},
        {"taker_fee_rate": D("-0.1")},
        {"taker_fee_rate": D(1)},
        {"taker_fee_rate": D("NaN")},
    ],
    ids=str,
)
def test_what_cannot_be_evaluated_is_refused(change: dict[str, object]) -> None:
    refused = size(**change)
    assert isinstance(refused, SizingRefused)
    assert refused.code == "SIZE_INPUT_UNKNOWN"
    assert next(iter(change)) in refused.values


def test_a_stop_at_or_below_zero_is_refused() -> None:
    refused = size(atr=10_000.0)
    assert isinstance(refused, SizingRefused)
    assert (refused.code, refused.values["stop_distance"]) == ("SIZE_STOP_TOO_FAR", D("50000"))


def test_too_little_for_the_exchange_is_refused_with_the_figures() -> None:
    refused = size(free_cash=D("4"))
    assert isinstance(refused, SizingRefused)
    assert refused.code == "SIZE_BELOW_MINIMUM"
    assert refused.values["quantity"] == D("0.00007")
    assert refused.values["min_notional"] == D("5")
    assert "min_notional 5" in refused.text


def test_what_could_be_bought_but_not_sold_at_its_stop_is_refused() -> None:
    # 0.0001 x 50000 = 5.00 is a lawful order; at the stop, 49499.98, it would be one of 4.95.
    refused = size(free_cash=D("5.1"), taker_fee_rate=D(0))
    assert isinstance(refused, SizingRefused)
    assert refused.values["quantity"] == D("0.0001")
    assert refused.values["quantity"] * D("50000") >= BTC.min_notional
    assert refused.code == "SIZE_BELOW_MINIMUM"


def test_what_a_fee_in_the_base_coin_leaves_must_still_be_enough_for_the_stop() -> None:
    # 0.00011 at the stop is worth 5.44; a fee taken in BTC leaves 0.00010 in whole lots, worth 4.95.
    refused = size(free_cash=D("5.6"))
    assert isinstance(refused, SizingRefused)
    assert (refused.code, refused.values["quantity"]) == ("SIZE_BELOW_MINIMUM", D("0.00011"))
    assert isinstance(size(free_cash=D("5.6"), taker_fee_rate=D(0)), Sizing)
