"""Each check by itself: the last value that passes, the first that does not, and what is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.support.builders import BTC, D
from tests.support.intents import ETH, VIEW, entry
from trading.domain.orders import OrderIntent, Side
from trading.safety.checks import (
    Affordable,
    Capital,
    Check,
    EntriesOpen,
    GrossExposure,
    Limits,
    MinimumNotional,
    NotSentBefore,
    OpenPositions,
    OrderRate,
    PositionSize,
    Precision,
    PriceCollar,
    Refusal,
    RiskView,
    StrategyExposure,
    SymbolExposure,
    entry_checks,
)


def verdict(check: Check, intent: OrderIntent, view: RiskView = VIEW) -> str:
    """The code of the refusal, empty where there is none."""
    refusal = check.validate(intent, view)
    return refusal.code if refusal is not None else ""


@pytest.mark.parametrize("blocked", ["KILL_SWITCH", "HALTED", "PAUSED", "ENTRIES_LATCHED", "NOT_RECONCILED"])
def test_no_entry_while_something_stops_them(blocked: str) -> None:
    assert verdict(EntriesOpen(), entry()) == ""
    assert verdict(EntriesOpen(), entry(), replace(VIEW, blocked=blocked)) == blocked


def test_an_id_is_used_once() -> None:
    assert verdict(NotSentBefore(), entry()) == ""
    assert verdict(NotSentBefore(), entry(), replace(VIEW, known_id=True)) == "ORDER_DUPLICATE"


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        ("0.001", ""),
        ("0", "ORDER_QUANTITY"),
        ("-1", "ORDER_QUANTITY"),
        ("0.0005", "ORDER_QUANTITY"),
        ("0.0015", "ORDER_QUANTITY"),
        ("100", ""),
        ("100.001", "ORDER_QUANTITY"),
    ],
)
def test_quantities_are_whole_steps_within_the_instruments_bounds(quantity: str, code: str) -> None:
    assert verdict(Precision(), entry(quantity)) == code


@pytest.mark.parametrize(
    ("price", "stop", "code"),
    [
        ("99.99", None, ""),
        ("99.995", None, "ORDER_PRICE"),
        ("0", None, "ORDER_PRICE"),
        ("-0.01", None, "ORDER_PRICE"),
        ("0.01", None, ""),
        ("100", "99.99", ""),
        ("100", "99.999", "ORDER_PRICE"),
        ("100", "0", "ORDER_PRICE"),
    ],
)
def test_prices_are_whole_ticks_above_zero(price: str, stop: str | None, code: str) -> None:
    assert verdict(Precision(), entry("1", price, stop)) == code


@pytest.mark.parametrize(
    ("quantity", "price", "code"),
    [
        ("0.05", None, ""),
        ("0.049", None, "ORDER_MIN_NOTIONAL"),
        ("0.1", "50", ""),
        ("0.1", "49.99", "ORDER_MIN_NOTIONAL"),
    ],
)
def test_the_smallest_notional(quantity: str, price: str | None, code: str) -> None:
    assert verdict(MinimumNotional(), entry(quantity, price)) == code


@pytest.mark.parametrize(
    ("price", "stop", "code"),
    [
        ("105", None, ""),
        ("105.01", None, "ORDER_PRICE_COLLAR"),
        ("95", None, ""),
        ("94.99", None, "ORDER_PRICE_COLLAR"),
        ("100", "105", ""),
        ("100", "105.01", "ORDER_PRICE_COLLAR"),
        (None, None, ""),
    ],
)
def test_a_price_far_from_the_last_one_is_refused(price: str | None, stop: str | None, code: str) -> None:
    assert verdict(PriceCollar(D(5)), entry("1", price, stop)) == code


def test_entries_a_minute() -> None:
    assert verdict(OrderRate(30), entry(), replace(VIEW, orders_last_minute=29)) == ""
    assert verdict(OrderRate(30), entry(), replace(VIEW, orders_last_minute=30)) == "ORDER_RATE"


def test_positions_at_once() -> None:
    assert verdict(OpenPositions(3), entry(), replace(VIEW, open_positions=2)) == ""
    assert verdict(OpenPositions(3), entry(), replace(VIEW, open_positions=3)) == "LIMIT_OPEN_POSITIONS"


@pytest.mark.parametrize(
    ("quantity", "price", "code"), [("10", None, ""), ("10.001", None, "LIMIT_CASH"), ("10", "100.01", "LIMIT_CASH")]
)
def test_the_bots_own_cash_pays(quantity: str, price: str | None, code: str) -> None:
    assert verdict(Affordable(), entry(quantity, price)) == code


def test_a_sale_needs_no_cash() -> None:
    assert verdict(Affordable(), entry("10", side=Side.SELL), replace(VIEW, cash=D(0))) == ""


@pytest.mark.parametrize(
    ("check", "code", "exposure"),
    [
        # Each with room for 3 units at 100, that is 300 of quote.
        (PositionSize(D(500)), "LIMIT_POSITION_SIZE", {BTC.symbol: D(200), ETH: D(900)}),
        (SymbolExposure(D(50)), "LIMIT_SYMBOL_EXPOSURE", {BTC.symbol: D(200), ETH: D(900)}),
        (StrategyExposure(D(60)), "LIMIT_STRATEGY_EXPOSURE", {BTC.symbol: D(100), ETH: D(200)}),
        (GrossExposure(D(90)), "LIMIT_GROSS_EXPOSURE", {BTC.symbol: D(100), ETH: D(500)}),
        (Capital(), "LIMIT_CAPITAL", {ETH: D(700)}),
    ],
)
def test_exposure_up_to_the_limit_and_not_one_step_more(check: Check, code: str, exposure: dict[str, Decimal]) -> None:
    view = replace(VIEW, exposure=exposure)
    assert verdict(check, entry("3"), view) == ""
    assert verdict(check, entry("3.001"), view) == code
    assert verdict(check, entry("3", "100"), view) == ""
    assert verdict(check, entry("3", "100.01"), view) == code


VALUED = (
    MinimumNotional(),
    PriceCollar(D(5)),
    Affordable(),
    PositionSize(D(500)),
    SymbolExposure(D(50)),
    StrategyExposure(D(60)),
    GrossExposure(D(90)),
    Capital(),
)


@pytest.mark.parametrize("check", VALUED, ids=lambda check: type(check).__name__)
def test_without_a_price_nothing_that_needs_one_passes(check: Check) -> None:
    assert verdict(check, entry(), replace(VIEW, price=None)) == "NO_PRICE"


@pytest.mark.parametrize("check", VALUED[3:], ids=lambda check: type(check).__name__)
def test_without_a_known_exposure_no_limit_on_it_passes(check: Check) -> None:
    assert verdict(check, entry(), replace(VIEW, exposure=None)) == "NO_PRICE"


def test_a_limit_price_needs_a_last_one_for_the_collar_only() -> None:
    view = replace(VIEW, price=None)
    assert verdict(PriceCollar(D(5)), entry("1", "100"), view) == "NO_PRICE"
    assert verdict(Affordable(), entry("1", "100"), view) == ""


def test_a_refusal_tells_the_values_and_the_limit() -> None:
    view = replace(VIEW, exposure={BTC.symbol: D(450)})
    assert SymbolExposure(D(50)).validate(entry("1"), view) == Refusal(
        code="LIMIT_SYMBOL_EXPOSURE", message="exposure would be 550 (now 450), the limit is 500"
    )


def test_every_limit_has_its_check() -> None:
    names = {type(check).__name__ for check in entry_checks(Limits())}
    assert names == {
        "EntriesOpen",
        "NotSentBefore",
        "Precision",
        "MinimumNotional",
        "PriceCollar",
        "OrderRate",
        "OpenPositions",
        "PositionSize",
        "SymbolExposure",
        "StrategyExposure",
        "GrossExposure",
        "Capital",
        "Affordable",
    }


@pytest.mark.parametrize(
    ("limits", "gross", "largest"),
    [
        (Limits(max_position_notional=D(200)), "0", "200"),
        (Limits(), "0", "300"),
        (Limits(max_symbol_pct=D(100)), "0", "600"),
        (Limits(max_symbol_pct=D(100), max_strategy_pct=D(95)), "0", "900"),
        (Limits(max_symbol_pct=D(100), max_strategy_pct=D(200), max_gross_pct=D(200)), "0", "1000"),
        (Limits(), "500", "100"),
        (Limits(), "600", "300"),
        (Limits(), "700", "300"),
    ],
)
def test_the_largest_position_is_what_every_limit_leaves(limits: Limits, gross: str, largest: str) -> None:
    """Of a capital of 1,000. Where nothing is left it is the checks' to refuse."""
    found = limits.largest_position(D(1_000), D(gross))
    assert found == D(largest)
    view = replace(VIEW, exposure={ETH: D(gross)}, cash=D(10_000))
    size = found / 100
    refused = [code for check in entry_checks(limits) if (code := verdict(check, entry(str(size)), view))]
    assert bool(refused) is (D(gross) >= 600)
