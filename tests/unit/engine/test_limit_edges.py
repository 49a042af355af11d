"""Each limit in the engine: reached and one lot beyond, after a restart, over midnight, beside orders in doubt."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.support.builders import BTC, DOGE, ENTER, ETH, T0, D, config
from tests.support.rig import Rig
from trading.domain.decisions import Decision
from trading.domain.orders import Purpose
from trading.engine.state import SymbolState
from trading.safety.breaker import DAY_MS, week_of
from trading.safety.checks import Limits

LOT = D("0.001")
TEN = D(10)
"""The size at which each limit below is exactly reached, at a price of 100."""

ALONE: dict[str, tuple[str, dict[str, object]]] = {
    "a position": ("LIMIT_POSITION_SIZE", {"max_position_notional": D(1_000)}),
    "a symbol": ("LIMIT_SYMBOL_EXPOSURE", {"max_symbol_pct": D(10)}),
    "the strategy": ("LIMIT_STRATEGY_EXPOSURE", {"max_strategy_pct": D(10)}),
    "all": ("LIMIT_GROSS_EXPOSURE", {"max_gross_pct": D(10)}),
    "the capital": ("LIMIT_CAPITAL", {"capital": D(1_000)}),
}
BESIDE = {
    **ALONE,
    "the strategy": ("LIMIT_STRATEGY_EXPOSURE", {"max_strategy_pct": D(20)}),
    "all": ("LIMIT_GROSS_EXPOSURE", {"max_gross_pct": D(20)}),
    "the capital": ("LIMIT_CAPITAL", {"capital": D(2_000)}),
}
"""Where another entry of the same size is open or in doubt: what counts all symbols has to count it as filled."""


def rig_with(limit: dict[str, object], size: Decimal) -> Rig:
    """A bot that buys `size` each time, and whom nothing limits but this one limit."""
    chosen = dict(limit)
    capital = chosen.pop("capital", D(10_000))
    wide = {
        "max_position_notional": D(1_000_000),
        "max_symbol_pct": D(1_000_000),
        "max_strategy_pct": D(1_000_000),
        "max_gross_pct": D(1_000_000),
    }
    limits = Limits(**{**wide, **chosen})  # type: ignore[arg-type]
    # Without a fee, of which cash has to be kept back, the cash is as much as the capital.
    return Rig.started(config(fixed_quantity=size, protect=False, capital=capital, taker_fee=D(0), limits=limits))


def restarted(rig: Rig, *, without_price: str = "") -> Rig:
    """The same bot in a new process: what the journal has, but perhaps for one symbol's last price."""
    known = [
        record
        for record in rig.engine.state.records()
        if not (isinstance(record, SymbolState) and record.symbol == without_price)
    ]
    again = rig.restarted(records=known)
    again.snapshot()
    return again


def as_it_is(rig: Rig) -> Rig:
    return rig


def over_the_weeks_end(rig: Rig) -> Rig:
    """The last millisecond of the week, then midnight."""
    end = week_of(T0) + 7 * DAY_MS
    rig.tick(end - 1 - rig.now)
    rig.tick(1)
    return rig


def enter(rig: Rig, symbol: str = BTC.symbol) -> str:
    """The veto against an entry, empty where it was sent."""
    rig.candle("100", say=ENTER, symbol=symbol)
    sent = [intent for intent in rig.submitted() if intent.purpose is Purpose.ENTRY]
    decision = rig.recorded(Decision)[-1]
    assert bool(sent) is not bool(decision.veto)
    return decision.veto


circumstances = pytest.mark.parametrize(
    "circumstance", [as_it_is, restarted, over_the_weeks_end], ids=lambda one: one.__name__
)
Circumstance = Callable[[Rig], Rig]


@circumstances
@pytest.mark.parametrize("name", ALONE)
def test_a_limit_lets_through_what_reaches_it_and_refuses_one_lot_more(name: str, circumstance: Circumstance) -> None:
    code, limit = ALONE[name]
    assert enter(circumstance(rig_with(limit, TEN))) == ""
    assert enter(circumstance(rig_with(limit, TEN + LOT))) == code


@circumstances
@pytest.mark.parametrize("is_in_doubt", [False, True], ids=["open", "in doubt"])
@pytest.mark.parametrize("name", BESIDE)
def test_an_entry_that_is_open_or_in_doubt_counts_as_filled(
    name: str, is_in_doubt: bool, circumstance: Circumstance
) -> None:
    code, limit = BESIDE[name]
    for size, veto in ((TEN, ""), (TEN + LOT, code)):
        rig = rig_with(limit, size)
        rig.candle("100", say=ENTER, symbol=ETH.symbol)
        if not rig.submitted():
            assert veto, "what is too large by itself is refused at once"
            continue
        other = rig.one(Purpose.ENTRY)
        if is_in_doubt:
            rig.unknown(other)
        else:
            rig.accept(other)
        assert enter(circumstance(rig)) == veto


@pytest.mark.parametrize("name", BESIDE)
def test_beside_an_entry_in_doubt_that_has_no_price_nothing_is_bought(name: str) -> None:
    _, limit = BESIDE[name]
    rig = rig_with(limit, TEN)
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    rig.unknown(rig.one(Purpose.ENTRY))
    again = restarted(rig, without_price=ETH.symbol)
    assert enter(again) == "NO_PRICE"
    again.candle("100", symbol=ETH.symbol)
    assert enter(again) == ""


@circumstances
@pytest.mark.parametrize("is_in_doubt", [False, True], ids=["open", "in doubt"])
def test_positions_at_once_count_entries(is_in_doubt: bool, circumstance: Circumstance) -> None:
    rig = Rig.started(config(fixed_quantity=D(1), protect=False, limits=Limits(max_open_positions=2)))
    for symbol in (BTC.symbol, ETH.symbol):
        assert enter(rig, symbol) == "", "the last that is allowed"
        (order,) = rig.engine.state.live_orders(symbol)
        if is_in_doubt:
            rig.unknown(order.id)
        else:
            rig.accept(order.id)
    assert enter(circumstance(rig), DOGE.symbol) == "LIMIT_OPEN_POSITIONS"
